// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "actors/group_commit.hpp"
#include "actors/interfaces.hpp"
#include "inference/forecaster.hpp"
#include "judgement/rules.hpp"
#include "messages/decision.hpp"
#include "storage/store.hpp"

namespace faultline {

/// The rules in force and the one way in which they change: a decision, copied from the decision
/// log into the partitions' logs.
///
/// Lives:   from before the first actor to after the last.
/// Threads: begin() before others run; the rest from any.
class rule_desk {
public:
  explicit rule_desk(store& memory) : memory_{memory} {}

  /// At start, before any actor: copies what a crash left between decision log and logs, and
  /// records what @p configured has that the last record has not. A model that was activated stays
  /// in force while the configuration names the same file as then.
  /// @returns the rules in force. Fails: ec::no_space, ec::store_unavailable, ec::malformed.
  outcome<rules_record> begin(const rules_record& configured, arrival_time now);

  /// The keeper's hook: decision @p sequence is durable. What sets rules is in force from now on,
  /// whether its change() still waits for it or not. Nothing is copied before open().
  void copy(std::uint64_t sequence, const operator_command& command);
  /// From now on control records go through @p commit, those that have waited first.
  outcome<void> open(group_commit& commit);
  /// No longer: what is decided from now on is copied at the next start.
  void close();

  rules_record current() const;
  /// Decision that set the rules in force; 0 before begin().
  std::uint64_t since() const;

  /// How a decision is appended: blocks until it is durable. @returns its number.
  using appender = std::function<outcome<std::uint64_t>(decision)>;
  /// Records @p edit of the rules in force as command @p name. One change at a time; blocks.
  /// @returns false when it changes nothing (then nothing is recorded). A failure to append may be
  /// one to wait: the change is in force when its record comes to copy().
  outcome<bool> change(const std::string& name, const std::string& subject, arrival_time now,
                       const std::function<void(rules_record&)>& edit, const appender& append);

private:
  void note(std::uint64_t sequence, const operator_command& command);
  void hand_over(std::uint64_t sequence, const operator_command& command);
  outcome<void> copy_rest();
  outcome<void> record(const rules_record& rules, arrival_time now);

  store& memory_;
  std::mutex changing_;  ///< one change at a time; taken before mutex_
  mutable std::mutex mutex_;
  rules_record current_;
  std::uint64_t since_ = 0;
  std::mutex copying_;
  group_commit* commit_ = nullptr;
  std::uint64_t copied_ = 0;  ///< newest control given to commit_, or in the logs
};

/// Where the store keeps the models that were ever in force.
std::filesystem::path models_of(const std::string& storage_path);
/// The file of a model in there.
std::filesystem::path kept_model(const std::string& storage_path, const std::string& sha256);
/// Copies @p file there under its sha-256, durably; nothing when it is there already. Fails:
/// ec::io_failed; ec::model_failed when the file's content is not @p sha256 any more.
outcome<void> keep_model(const std::string& storage_path, const std::filesystem::path& file,
                         const std::string& sha256);
/// The forecaster with this sha-256 among the models in force once and the files (*.flm) of @p
/// directory, whole and of this build's shape. Fails: ec::not_found naming where was looked,
/// ec::model_failed.
outcome<std::filesystem::path> find_model(const std::string& storage_path,
                                          const std::filesystem::path& directory,
                                          const std::string& sha256);
/// The forecaster with this sha-256 that was in force once. Where the store's file is damaged or
/// gone, the same one of @p directory, which replaces it: the log names both. Fails as
/// load_forecaster() of the store's.
outcome<std::unique_ptr<forecaster>> load_kept_model(const std::string& storage_path,
                                                     const std::filesystem::path& directory,
                                                     const std::string& sha256, std::size_t batch);

}  // namespace faultline
