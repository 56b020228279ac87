// SPDX-License-Identifier: Apache-2.0
#include "actors/publisher_windows.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace faultline {

namespace {

/// Part of a key that all epochs of a publisher share: user and publisher with their lengths.
std::string_view publisher_of(std::string_view key) {
  std::size_t end = 0;
  for (int part = 0; part < 2; ++part) {
    const auto colon = key.find(':', end);
    if (colon == std::string_view::npos) return key;
    const auto length = std::strtoull(key.data() + end, nullptr, 10);
    end = std::min<std::size_t>(colon + 1 + length, key.size());
  }
  return key.substr(0, end);
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

/// A sixteenth at once, so that finding who was silent longest costs little for each newcomer.
void publisher_windows::make_room(std::vector<std::string>& forgotten) {
  if (windows_.size() <= most_) return;
  std::vector<place> all;
  for (auto at = windows_.begin(); at != windows_.end(); ++at) all.push_back(at);
  const auto surplus = static_cast<std::ptrdiff_t>(all.size() - most_ + most_ / 16);
  std::nth_element(all.begin(), all.begin() + surplus, all.end(),
                   [](place a, place b) { return a->second.used < b->second.used; });
  for (auto at = all.begin(); at != all.begin() + surplus; ++at) forget(*at, forgotten);
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
