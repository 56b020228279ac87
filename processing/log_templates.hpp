// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "processing/byte_io.hpp"
#include "processing/log_habit.hpp"
#include "processing/log_line.hpp"

namespace faultline {

/// Bounds of one miner. The server gives every entity that writes logs one with these values, and
/// `evaluate logs` uses them as they are.
struct log_template_limits {
  std::size_t templates = 512;
  /// Texts, tokens, examples and counts of all templates together. What is beyond either bound
  /// drops the template that was not seen for longest, of those seen a few times only if there are
  /// any.
  std::size_t bytes = 192 * 1024;
};

/// One template: what lines of one statement have in common.
struct log_template {
  std::uint64_t id = 0;  ///< hash of its first form; stays when the template becomes more general
  std::uint64_t lines = 0;  ///< since it was learned
  std::uint64_t born = 0;   ///< number of its first line among all lines of the miner
  std::uint64_t seen = 0;   ///< number of its newest line
  std::string form;  ///< tokens, each behind a mark that says whether white space stands there
  std::vector<std::uint32_t> tokens;  ///< hashes of the tokens; any_token where every one fits
  log_habit habit;

  static constexpr std::uint32_t any_token = 0;

  std::string text() const;  ///< to be read: "Connected to <*>"
  std::size_t memory_bytes() const noexcept;
};

/// Learns templates from a stream of log lines, in one pass and bounded memory. The idea of a
/// cluster of lines of equal length whose differing positions become variable is Drain's (He et
/// al., ICWS 2017). Beyond it: values are masked by shape first (log_line_reader); a position
/// becomes variable when enough DIFFERENT words were seen there while all else agreed, fewer where
/// the word looks like a name or stands where values stand (behind "=", "user", in quotes), more
/// for plain words and the first (counting children of a position is Brain's idea, ICDE 2023).
///
/// Deterministic: the same lines give the same templates and ids, also when the miner is saved and
/// restored between any two of them.
class log_template_miner {
public:
  explicit log_template_miner(log_template_limits limits = {});

  struct match {
    std::size_t index = 0;  ///< in templates(), until the next line
    std::uint64_t id = 0;
    bool fresh = false;  ///< a template that is not known
  };
  /// Takes a line. Nothing when there is no word in it.
  std::optional<match> take(std::string_view line);

  /// Counts a line of template @p index at its event time. @p late: see log_habit::note().
  void note(std::size_t index, std::int64_t ts_ms, log_severity severity, std::string_view body,
            bool late = false);
  /// Lines of template @p index since the last call.
  std::uint32_t take_now(std::size_t index) noexcept { return templates_[index].habit.take_now(); }

  /// Templates that became part of another with the last line: {id, id of the one that stays}.
  const std::vector<std::pair<std::uint64_t, std::uint64_t>>& merged() const noexcept {
    return merged_;
  }
  /// Templates that were dropped for room with the last line.
  const std::vector<log_template>& dropped() const noexcept { return dropped_; }

  const std::vector<log_template>& templates() const noexcept { return templates_; }
  std::uint64_t lines() const noexcept { return lines_; }
  /// Less than half full: what is not among them was never seen, as nothing was dropped for room.
  bool roomy() const noexcept {
    return 2 * templates_.size() < limits_.templates && 2 * bytes_ < limits_.bytes;
  }
  std::size_t memory_bytes() const noexcept;

  /// miner := version(u8) lines(u64) count(u16) (id lines born seen form habit)*
  void save(byte_writer& out) const;
  bool restore(byte_reader& in);

private:
  struct form;
  struct cached {
    std::uint64_t key = 0;
    std::uint32_t index = 0;
    std::uint32_t epoch = 0;
  };

  std::optional<std::size_t> known(const form& f) const;
  std::optional<std::size_t> generalise(const form& f);
  std::size_t merge(const std::vector<std::size_t>& places, const std::vector<std::size_t>& parts);
  std::size_t learn(const form& f);
  void make_room(std::size_t bytes);
  void forget(std::size_t index);

  log_template_limits limits_;
  std::vector<log_template> templates_;  ///< by birth
  std::vector<cached> cache_;            ///< of forms; only saves time
  std::uint32_t epoch_ = 1;              ///< of templates_: indices of older ones are void
  std::uint64_t lines_ = 0;
  std::size_t bytes_ = 0;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> merged_;
  std::vector<log_template> dropped_;
};

}  // namespace faultline
