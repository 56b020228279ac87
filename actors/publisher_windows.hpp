// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "messages/request.hpp"
#include "processing/publisher_window.hpp"
#include "storage/store.hpp"

namespace faultline {

/// A publisher's window belongs to (user, publisher, epoch); lengths keep the parts apart. The user
/// is the name of the client whose key was proven; empty where no key is asked for.
std::string window_key(const publish_header& h, const std::string& user = {});

/// The dedupe windows of all publishers, as many as there is room for: of each (user, publisher)
/// the epochs that were heard of last, and of all together those that were heard of last; where
/// there are too many, of the users that have the most. A window that gives way is forgotten: a
/// request under its epoch is one of an epoch never heard of.
///
/// Memory: at most 8.3 KiB a window; 250 bytes for an epoch of a few requests.
/// Threads: none of its own; whoever calls holds a lock.
class publisher_windows {
public:
  static constexpr std::size_t epochs_per_publisher = 64;
  static constexpr std::size_t most_windows = 16'384;

  explicit publisher_windows(std::size_t epochs = epochs_per_publisher,
                             std::size_t most = most_windows)
      : epochs_{epochs}, most_{most} {}

  /// An empty one when it was never heard of, or is forgotten.
  const publisher_window& at(const std::string& key) const;
  /// What take() has changed beside the window.
  struct change {
    bool created = false;                ///< there was no window of this key
    std::vector<std::string> forgotten;  ///< keys of windows that gave way; never the one taken
  };
  change take(const std::string& key, std::uint64_t seq, std::uint64_t payload_hash);

  /// Reads a store: its rows, then the deltas in order. Then forget_surplus(). Fails as
  /// publisher_window::restore() does.
  outcome<void> restore(const publisher_row& row);
  void apply(const publisher_delta& delta);
  /// Of a store that has more than fits: @returns the keys that are forgotten.
  std::vector<std::string> forget_surplus();

  /// Windows that have changed since they were gathered, at most @p most, each in its turn.
  std::vector<publisher_row> gather(std::size_t most);
  /// They could not be written: to be gathered again.
  void put_back(const std::vector<publisher_row>& rows);
  bool all_gathered() const noexcept { return dirty_.empty(); }
  std::size_t size() const noexcept { return windows_.size(); }

private:
  struct entry {
    publisher_window window;
    std::uint64_t used = 0;  ///< larger: later
  };
  using place = std::map<std::string, entry>::iterator;
  void forget(place at, std::vector<std::string>& forgotten);
  void make_room_among_epochs(const std::string& key, std::vector<std::string>& forgotten);
  void make_room(std::vector<std::string>& forgotten);

  std::size_t epochs_, most_;
  std::map<std::string, entry> windows_;
  std::set<std::string> dirty_;
  std::string gathered_;  ///< the key gathered last: the next ones come behind it
  std::uint64_t used_ = 0;
};

}  // namespace faultline
