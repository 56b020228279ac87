// SPDX-License-Identifier: Apache-2.0
#include "actors/publisher_windows.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace faultline {

namespace {

/// The first @p parts of a key, each with its length before it.
std::string_view parts_of(std::string_view key, int parts) {
  std::size_t end = 0;
  for (int part = 0; part < parts; ++part) {
    const auto colon = key.find(':', end);
    if (colon == std::string_view::npos) return key;
    const auto length = std::strtoull(key.data() + end, nullptr, 10);
    end = std::min<std::size_t>(colon + 1 + length, key.size());
  }
  return key.substr(0, end);
}

/// Part of a key that all epochs of a publisher share.
std::string_view publisher_of(std::string_view key) { return parts_of(key, 2); }

/// Part of a key that all publishers of a user share.
std::string_view user_of(std::string_view key) { return parts_of(key, 1); }

/// How many each may keep, so that of @p sizes at least @p surplus go, and none of who has less.
std::size_t level_of(const std::vector<std::size_t>& sizes, std::size_t surplus) {
  const auto beyond = [&](std::size_t level) {
    std::size_t sum = 0;
    for (const auto n : sizes) sum += n > level ? n - level : 0;
    return sum;
  };
  std::size_t low = 0, high = *std::max_element(sizes.begin(), sizes.end());
  while (low < high) {
    const auto middle = (low + high + 1) / 2;
    if (beyond(middle) >= surplus)
      low = middle;
    else
      high = middle - 1;
  }
  return low;
}

bool begins_with(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

}  // namespace

std::string window_key(const publish_header& h, const std::string& user) {
  std::string key;
  for (const std::string& part : {user, h.publisher, h.epoch}) {
    key += std::to_string(part.size());
    key += ':';
    key += part;
  }
  return key;
}

const publisher_window& publisher_windows::at(const std::string& key) const {
  static const publisher_window nothing;
  const auto at = windows_.find(key);
  return at == windows_.end() ? nothing : at->second.window;
}

publisher_windows::change publisher_windows::take(const std::string& key, std::uint64_t seq,
                                                  std::uint64_t payload_hash) {
  change done;
  const auto [at, created] = windows_.try_emplace(key);
  at->second.window.take(seq, payload_hash);
  at->second.used = ++used_;
  dirty_.insert(key);
  done.created = created;
  if (!created) return done;
  make_room_among_epochs(key, done.forgotten);
  make_room(done.forgotten);
  return done;
}

outcome<void> publisher_windows::restore(const publisher_row& row) {
  auto window = publisher_window::restore(row.bytes);
  if (!window) return window.error();
  auto& e = windows_[row.key];
  e.window = std::move(*window);
  e.used = row.through == publisher_row::every_delta ? 0 : row.through;
  used_ = std::max(used_, e.used);
  return {};
}

void publisher_windows::apply(const publisher_delta& delta) {
  auto& e = windows_[delta.key];
  e.window.apply_delta(delta.seq, delta.payload_hash);
  e.used = ++used_;
}

std::vector<std::string> publisher_windows::forget_surplus() {
  std::vector<std::string> publishers, forgotten;
  for (const auto& [key, e] : windows_)
    if (publishers.empty() || publisher_of(publishers.back()) != publisher_of(key))
      publishers.push_back(key);
  for (const auto& key : publishers) make_room_among_epochs(key, forgotten);
  make_room(forgotten);
  return forgotten;
}

void publisher_windows::forget(place at, std::vector<std::string>& forgotten) {
  forgotten.push_back(at->first);
  dirty_.erase(at->first);
  windows_.erase(at);
}

/// Epochs of one publisher stand side by side.
void publisher_windows::make_room_among_epochs(const std::string& key,
                                               std::vector<std::string>& forgotten) {
  const auto publisher = publisher_of(key);
  std::vector<place> epochs;
  for (auto at = windows_.lower_bound(std::string{publisher});
       at != windows_.end() && begins_with(at->first, publisher); ++at)
    epochs.push_back(at);
  if (epochs.size() <= epochs_) return;
  const auto surplus = static_cast<std::ptrdiff_t>(epochs.size() - epochs_);
  std::nth_element(epochs.begin(), epochs.begin() + surplus, epochs.end(),
                   [](place a, place b) { return a->second.used < b->second.used; });
  for (auto at = epochs.begin(); at != epochs.begin() + surplus; ++at) forget(*at, forgotten);
}

/// A sixteenth at once, so that finding who was silent longest costs little for each newcomer. Of
/// the users with the most: who takes ever new names pushes out nobody's but its own.
void publisher_windows::make_room(std::vector<std::string>& forgotten) {
  if (windows_.size() <= most_) return;
  std::vector<std::vector<place>> users;  // a user's stand side by side
  for (auto at = windows_.begin(); at != windows_.end(); ++at) {
    if (users.empty() || user_of(users.back().front()->first) != user_of(at->first))
      users.emplace_back();
    users.back().push_back(at);
  }
  std::vector<std::size_t> sizes;
  for (const auto& all : users) sizes.push_back(all.size());
  std::size_t surplus = windows_.size() - most_ + most_ / 16;
  const auto level = level_of(sizes, surplus);
  for (auto& all : users) {
    if (all.size() <= level) continue;
    const auto go = std::min(all.size() - level, surplus);
    surplus -= go;
    const auto end = all.begin() + static_cast<std::ptrdiff_t>(go);
    std::nth_element(all.begin(), end, all.end(),
                     [](place a, place b) { return a->second.used < b->second.used; });
    for (auto at = all.begin(); at != end; ++at) forget(*at, forgotten);
  }
}

std::vector<publisher_row> publisher_windows::gather(std::size_t most) {
  std::vector<publisher_row> rows;
  while (rows.size() < most && !dirty_.empty()) {
    auto at = dirty_.upper_bound(gathered_);
    if (at == dirty_.end()) at = dirty_.begin();
    gathered_ = *at;
    rows.push_back(publisher_row{*at, windows_.at(*at).window.save()});
    dirty_.erase(at);
  }
  return rows;
}

void publisher_windows::put_back(const std::vector<publisher_row>& rows) {
  for (const auto& row : rows)
    if (windows_.count(row.key) != 0) dirty_.insert(row.key);
}

}  // namespace faultline
