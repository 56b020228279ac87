// SPDX-License-Identifier: Apache-2.0
#include "processing/name_register.hpp"

#include <utility>

#include "messages/identity.hpp"
#include "messages/version.hpp"
#include "processing/byte_io.hpp"
#include "processing/internal/hash_joined.hpp"

namespace faultline {
namespace {

constexpr std::uint8_t row_version = 1;
constexpr std::size_t name_bytes = 20;

// One that cannot be read says nothing.
std::vector<given_name> names_in(std::string_view row) {
  auto read = decode_names(row);
  return read ? std::move(*read) : std::vector<given_name>{};
}

}  // namespace

std::string encode_names(const std::vector<given_name>& names) {
  std::string row;
  row.reserve(1 + names.size() * name_bytes);
  byte_writer out{row};
  out.put(row_version);
  for (const auto& n : names) {
    out.put(n.name);
    out.put(n.family);
    out.put(n.source);
  }
  return row;
}

outcome<std::vector<given_name>> decode_names(std::string_view row) {
  byte_reader in{row};
  std::uint8_t version = 0;
  if (!in.get(version)) return failure{ec::malformed, "names of an entity: empty"};
  if (auto known = check_version("names of an entity", version, row_version); !known)
    return known.error();
  if (in.left() % name_bytes != 0) return failure{ec::malformed, "names of an entity: cut off"};
  std::vector<given_name> names(in.left() / name_bytes);
  for (auto& n : names) {
    in.get(n.name);
    in.get(n.family);
    in.get(n.source);
  }
  return names;
}

name_register::claim name_register::may_have(std::string_view entity, std::string_view family,
                                             std::string_view name, std::uint32_t source) {
  const auto owner = stable_hash(entity);
  given_name n{stable_hash(name), 0, source};
  const auto whole = hash_joined(owner, n.name);
  auto known = names_.find(whole);
  if (known == names_.end() && names_of_.count(owner) == 0) {
    know(entity, owner);
    known = names_.find(whole);
  }
  if (known != names_.end()) {
    const bool same = source == 0 || known->second == 0 || known->second == source;
    return same ? claim::granted : claim::of_another;
  }
  const std::size_t had = names_of_[owner];
  if (had >= most_) return claim::too_many;
  if (family.size() != name.size()) {
    n.family = stable_hash(family, 1);
    const auto series = names_of_.find(hash_joined(owner, n.family));
    if (series != names_of_.end() && series->second >= most_series_) return claim::too_many;
  }
  add(owner, n);
  if (!load_) return claim::granted;  // nobody keeps rows
  auto& row = waiting_[owner];
  if (row.names.empty()) {
    row.entity = entity;
    row.first = had;
  }
  row.names.push_back(n);
  return claim::granted;
}

bool name_register::has(std::string_view entity, std::string_view name) const {
  return names_.count(hash_joined(stable_hash(entity), stable_hash(name))) != 0;
}

void name_register::know(std::string_view entity, std::uint64_t owner) {
  if (names_.size() >= most_names) {
    names_.clear();
    names_of_.clear();
  }
  names_of_[owner] = 0;
  if (load_)
    for (const auto& row : load_(entity))
      for (const auto& n : names_in(row)) add(owner, n);
  if (const auto own = waiting_.find(owner); own != waiting_.end())  // not kept yet
    for (const auto& n : own->second.names) add(owner, n);
}

void name_register::add(std::uint64_t owner, const given_name& n) {
  if (!names_.emplace(hash_joined(owner, n.name), n.source).second) return;
  ++names_of_[owner];
  if (n.family != 0) ++names_of_[hash_joined(owner, n.family)];
}

void name_register::remove(std::uint64_t owner, const std::vector<given_name>& names) {
  const auto one_less = [&](std::uint64_t of) {
    const auto at = names_of_.find(of);
    if (at != names_of_.end() && --at->second == 0) names_of_.erase(at);
  };
  for (const auto& n : names) {
    if (names_.erase(hash_joined(owner, n.name)) == 0) continue;
    one_less(owner);
    if (n.family != 0) one_less(hash_joined(owner, n.family));
  }
}

std::vector<name_row> name_register::take_rows(const std::function<bool(std::uint64_t)>& known,
                                               bool may_come) {
  std::vector<name_row> rows;
  const bool crowded = waiting_.size() > most_waiting;
  for (auto at = waiting_.begin(); at != waiting_.end();) {
    auto& [owner, row] = *at;
    if (known(owner)) {
      rows.push_back({std::move(row.entity), row.first, encode_names(row.names)});
    } else if (may_come && !crowded) {
      ++at;
      continue;
    } else {
      remove(owner, row.names);
    }
    at = waiting_.erase(at);
  }
  return rows;
}

void name_register::forget(std::string_view entity, const std::vector<std::string>& rows) {
  const auto owner = stable_hash(entity);
  for (const auto& row : rows) remove(owner, names_in(row));
}

}  // namespace faultline
