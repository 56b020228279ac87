// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace faultline {

/// Datagrams and lines of several senders in one body: "SENDER LENGTH\n" and so many bytes, each.
void add_frame(std::string& body, std::string_view sender, std::string_view bytes);
/// Cuts the next one off @p body. @returns false at the end.
bool take_frame(std::string_view& body, std::string_view& sender, std::string_view& bytes);

/// Cuts what a stream of syslog has sent into messages: octet counting ("LENGTH SP <...") where one
/// begins like that, else up to a line break or a NUL (RFC 6587).
///
/// Lives:  as long as its connection.
/// Limits: `longest` bytes a message, of a
///         longer one the rest is left out;
///         a count beyond `most_counted`
///         ends the stream.
class syslog_cutter {
public:
  static constexpr std::size_t longest = std::size_t{64} * 1024;
  static constexpr std::size_t most_counted = std::size_t{16} * 1024 * 1024;

  /// Adds what came; @p each is called with every message that is whole now.
  /// @returns false where the stream cannot be followed any more.
  template <class Each>
  bool take(std::string_view bytes, Each each) {
    open_.append(bytes);
    std::string_view rest{open_};
    std::string_view message;
    found what = found::none;
    while ((what = next(rest, message)) == found::message)
      if (!message.empty()) each(message);
    open_.erase(0, open_.size() - rest.size());
    return what != found::broken;
  }
  /// The last message of a stream that has ended without a line break, or nothing.
  std::string_view rest() const noexcept { return skipping_ ? std::string_view{} : open_; }
  std::size_t cut() const noexcept { return cut_; }  ///< messages that were too long

private:
  enum class found { none, message, broken };
  found next(std::string_view& rest, std::string_view& message);
  found counted(std::string_view& rest, std::string_view& message, bool& is_line);

  std::string open_;
  bool skipping_ = false;    ///< the rest of a line that was too long
  std::size_t to_skip_ = 0;  ///< of a counted message that was too long
  std::size_t cut_ = 0;
};

}  // namespace faultline
