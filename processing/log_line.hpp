// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace faultline {

/// One word of a log line as templates compare it: a word, a mark, a quoted text, or a mask.
struct log_token {
  std::string_view text;   ///< mask_text where the line holds a value; valid until the next read()
  std::uint64_t hash = 0;  ///< of the text
  bool spaced = false;     ///< white space stands before it
};

/// What stands for a masked value in the text of a template.
inline constexpr std::string_view log_mask_text = "<*>";

/// Cuts log lines into tokens and masks what is a value whatever the system: words with a digit,
/// hexadecimal numbers, addresses, paths, URLs, dotted names of three parts and more, dates, sizes
/// and durations with their units, and lists of these. One configuration for all systems.
///
/// Of a text of several lines the first that is not blank counts, of that at most max_bytes and
/// max_tokens. Control characters count as white space; words that are not UTF-8 are values.
/// Keeps its buffers between lines. Use from one thread at a time.
class log_line_reader {
public:
  static constexpr std::size_t max_bytes = 2048;
  static constexpr std::size_t max_tokens = 128;

  log_line_reader();

  /// Tokens of @p line. Valid until the next call, and as long as the line is.
  const std::vector<log_token>& read(std::string_view line);

private:
  struct piece;

  void push_piece(const piece& p);
  void push(std::string_view text, bool spaced);
  bool is_value(const piece& p) const noexcept;
  std::size_t url_end(std::string_view line, std::size_t colon) const noexcept;
  void join_masks() noexcept;
  bool join_once() noexcept;
  void join_quotes();
  void join_brackets();
  void join_repeats();
  std::string_view kept(std::size_t first, std::size_t last);

  std::vector<log_token> tokens_;
  std::string texts_;  ///< of tokens that are joined from several; never grows while read
  bool quotes_ = false;
  bool brackets_ = false;
  std::size_t masks_ = 0;
};

/// The first line of @p text that is not blank, at most @p most bytes, fit to be shown: control
/// characters are blanks, what is not UTF-8 is '?'. For examples.
std::string printable_line(std::string_view text, std::size_t most);

}  // namespace faultline
