// SPDX-License-Identifier: Apache-2.0
#include "server/backup_desk.hpp"

#include <spdlog/spdlog.h>

#include <filesystem>
#include <system_error>
#include <utility>

#include "server/rule_desk.hpp"
#include "storage/copy_lease.hpp"

namespace faultline {

namespace fs = std::filesystem;

namespace {

/// A directory in the copy, so that none of its files: where it is missing somebody else has made
/// what is there.
constexpr const char* mark = ".made-by-faultlined";

}  // namespace

backup_desk::backup_desk(store& memory, std::string storage_path)
    : memory_{memory},
      storage_path_{std::move(storage_path)},
      directory_{fs::absolute(storage_path_ + "/backup").lexically_normal().string()} {
  if (const auto gone = remove(); !gone)
    spdlog::warn("no backup can be made reason=\"{}\"", gone.error().what);
}

backup_desk::~backup_desk() {
  if (const auto gone = remove(); !gone && gone.error().code != ec::invalid)
    spdlog::warn("the backup stays reason=\"{}\"", gone.error().what);
}

/// The mark last: what is left of an interrupted one is still known as ours.
outcome<void> backup_desk::remove() const {
  std::error_code failed;
  if (!fs::exists(fs::symlink_status(directory_, failed))) return {};
  failed.clear();
  if (!fs::is_directory(fs::path{directory_} / mark, failed) && !fs::is_empty(directory_, failed))
    return failure{
        ec::invalid,
        directory_ +
            " was not made by this server, which needs the name for backups: "
            "call it otherwise (one that a build without marks left half made may be removed)"};
  for (fs::directory_iterator at{directory_, failed}, end; !failed && at != end;
       at.increment(failed))
    if (at->path().filename() != mark) fs::remove_all(at->path(), failed);
  if (!failed) fs::remove_all(directory_, failed);
  if (failed) return failure{ec::io_failed, directory_ + ": " + failed.message()};
  return {};
}

/// Removes the last one, unless somebody takes it away.
outcome<void> backup_desk::make_room() const {
  std::error_code unseen;  // what cannot be seen is told of by remove()
  if (!fs::exists(directory_, unseen)) return {};
  const auto mine = copy_lease::to_make(directory_);
  if (!mine && mine.error().code == ec::overloaded) return mine.error();
  return remove();
}

outcome<void> backup_desk::write() const {
  std::error_code failed;
  fs::create_directories(fs::path{directory_} / mark, failed);
  if (!failed) fs::permissions(directory_, fs::perms::owner_all, failed);
  if (failed) return failure{ec::io_failed, directory_ + ": " + failed.message()};
  const auto mine = copy_lease::to_make(directory_);
  if (!mine) return mine.error();
  if (auto copied = memory_.copy_to(directory_ + "/store"); !copied) return copied;
  const auto models = models_of(storage_path_);
  if (fs::exists(models, failed)) fs::copy(models, directory_ + "/models", failed);
  if (failed) return failure{ec::io_failed, models.string() + ": " + failed.message()};
  return {};
}

outcome<backup_state> backup_desk::make() {
  const std::unique_lock making{making_, std::try_to_lock};
  if (!making) return failure{ec::overloaded, "a backup is being made already"};
  if (auto room = make_room(); !room) return room.error();
  {
    const std::lock_guard lock{mutex_};
    state_ = {"writing", directory_, {}};
  }
  const auto written = write();
  if (!written)
    if (const auto gone = remove(); !gone)
      spdlog::warn("what was begun of a backup stays reason=\"{}\"", gone.error().what);
  const std::lock_guard lock{mutex_};
  state_.state = written ? "made" : "failed";
  if (!written) state_.reason = written.error().what;
  if (!written) return written.error();
  return state_;
}

backup_state backup_desk::state() const {
  const std::lock_guard lock{mutex_};
  return state_;
}

outcome<backup_state> backup_desk::drop() {
  const std::unique_lock making{making_, std::try_to_lock};
  if (!making) return failure{ec::overloaded, "a backup is being made"};
  if (auto gone = remove(); !gone) return gone.error();
  const std::lock_guard lock{mutex_};
  state_ = {};
  return state_;
}

}  // namespace faultline
