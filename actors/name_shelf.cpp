// SPDX-License-Identifier: Apache-2.0
#include "actors/name_shelf.hpp"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "messages/identity.hpp"

namespace faultline {
namespace {

constexpr std::string_view space = "names/";
constexpr char behind_entity = '\n';  // stands in no name
constexpr std::size_t most_unwritten = 65'536;
constexpr std::size_t looked_at_once = 256;
constexpr std::size_t most_rows = 4096;  ///< of one entity: each has a name at least

std::string prefix_of(std::string_view entity) {
  return std::string{space}.append(entity).append(1, behind_entity);
}

std::string note_of(const name_row& row) {
  char first[16];
  std::snprintf(first, sizeof first, "%06zu", row.first);
  return prefix_of(row.entity) + first;
}

std::string_view entity_of(std::string_view note) {
  const auto name = note.substr(std::min(space.size(), note.size()));
  return name.substr(0, name.rfind(behind_entity));
}

}  // namespace

std::vector<std::string> name_shelf::rows_of(std::string_view entity) {
  std::vector<std::string> rows;
  auto found = notes_.load(prefix_of(entity), {}, most_rows);
  if (!found) return rows;
  for (auto& [note, bytes] : *found) rows.push_back(std::move(bytes));
  return rows;
}

void name_shelf::put(std::vector<name_row> rows) {
  for (auto& row : rows) unwritten_.emplace_back(note_of(row), std::move(row.bytes));
  if (notes_.write(unwritten_, sync_when::later) || unwritten_.size() > most_unwritten)
    unwritten_.clear();
}

std::vector<name_shelf::gone> name_shelf::tend() {
  std::vector<gone> all = retired();
  if (!knows_all()) return all;
  auto page = notes_.load(space, looked_at_, looked_at_once);
  if (!page) return all;
  looked_at_ = page->size() < looked_at_once ? std::string{} : page->back().first;
  note_rows removed;
  const auto before = all.size();
  for (auto& [note, bytes] : *page) {
    const auto entity = entity_of(note);
    if (known_.knows(stable_hash(entity))) continue;
    if (all.size() == before || all.back().entity != entity)
      all.push_back({std::string{entity}, {}});
    all.back().rows.push_back(std::move(bytes));
    removed.emplace_back(note, std::nullopt);
  }
  if (!removed.empty() && !notes_.write(removed, sync_when::later)) all.resize(before);
  return all;
}

/// Those that were retired go at once: who sends on is known again before its rows are looked at.
std::vector<name_shelf::gone> name_shelf::retired() {
  std::vector<gone> all;
  for (auto& entity : known_.take_retired(looked_at_once)) {
    auto found = notes_.load(prefix_of(entity), {}, most_rows);
    if (found && found->empty()) continue;
    note_rows removed;
    gone one{std::move(entity), {}};
    if (found)
      for (auto& [note, bytes] : *found) {
        removed.emplace_back(note, std::nullopt);
        one.rows.push_back(std::move(bytes));
      }
    if (found && notes_.write(removed, sync_when::later))
      all.push_back(std::move(one));
    else
      known_.note_retired(std::move(one.entity));  // the next time
  }
  return all;
}

}  // namespace faultline
