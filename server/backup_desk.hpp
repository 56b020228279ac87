// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>

#include "dashboard/queries.hpp"
#include "messages/outcome.hpp"
#include "storage/store.hpp"

namespace faultline {

/// Makes the copy that `faultline backup create` takes away: one at a time, in the directory
/// `backup` beside the store. It shares the store's files, which stay as long as it does, so it is
/// removed when it has been taken, with the next one, and at a start and an end. A directory called
/// so that it has not made stays, and no copy is made.
class backup_desk {
public:
  /// @p storage_path: the store is below it, and so are the models that go with it.
  backup_desk(store& memory, std::string storage_path);
  ~backup_desk();
  backup_desk(const backup_desk&) = delete;
  backup_desk& operator=(const backup_desk&) = delete;

  /// Makes one in the place of the last. Blocks. Fails: ec::overloaded while another is made or
  /// taken away, ec::invalid where the directory is somebody else's, or as store::copy_to().
  outcome<backup_state> make();
  backup_state state() const;
  /// Fails: ec::overloaded while one is made, ec::invalid as above, ec::io_failed.
  outcome<backup_state> drop();

private:
  outcome<void> make_room() const;
  outcome<void> write() const;
  outcome<void> remove() const;

  store& memory_;
  const std::string storage_path_;
  const std::string directory_;
  std::mutex making_;
  mutable std::mutex mutex_;
  backup_state state_;  ///< guarded by mutex_
};

}  // namespace faultline
