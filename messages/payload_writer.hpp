// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "messages/event.hpp"

namespace faultline {

/// Events that a decoder has made, as the payloads that a publisher would have sent: msgpack
/// batches of at most 1 MiB and 4,096 events. So what comes by another protocol is held to the
/// rules of all, and its dead letters can be sent again.
class payload_writer {
public:
  /// @p most_bytes of payloads are kept until take(); what comes beyond them is not.
  explicit payload_writer(std::size_t most_bytes = std::size_t{64} * 1024 * 1024)
      : most_bytes_{most_bytes} {}

  /// @p samples of the other protocol are in @p event. One that is beyond 1 MiB alone makes a
  /// payload that will be refused.
  void add(const event_view& event, std::size_t samples = 1);

  /// A payload as it came, such as a line that is to be refused as any other.
  void add_payload(std::string_view payload);

  struct batch {
    std::string payload;
    std::vector<std::uint32_t> samples;  ///< of each event
  };
  /// What was added, and empties the writer.
  std::vector<batch> take();
  std::size_t events() const noexcept { return events_; }
  /// Something that was added since take() is not kept: a small body can say a long name a million
  /// times.
  bool overflowed() const noexcept { return bytes_ > most_bytes_; }

private:
  void close();

  std::vector<batch> done_;
  std::string open_;  ///< events without the header of their batch
  std::string one_;
  std::vector<std::uint32_t> samples_;
  std::size_t events_ = 0;
  std::size_t bytes_ = 0;
  const std::size_t most_bytes_;
};

}  // namespace faultline
