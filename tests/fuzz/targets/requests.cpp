// SPDX-License-Identifier: Apache-2.0
// Headers of acknowledged requests, requests to the replay socket, and replies as a publisher reads
// them. What is accepted keeps the limits and is written and read again as the same.
#include "messages/feed.hpp"
#include "messages/request.hpp"
#include "tests/fuzz/targets/check.hpp"

using namespace faultline;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view frame{reinterpret_cast<const char*>(data), size};
  if (const auto header = decode_publish_header(frame)) {
    check(!header->publisher.empty() && header->publisher.size() <= 128);
    check(header->epoch.size() <= 64);
    check(header->op_last || header->seq >= 1);
    const auto again = decode_publish_header(encode_publish_header(*header));
    check(again && again->publisher == header->publisher && again->epoch == header->epoch &&
          again->op_last == header->op_last);
  }
  if (const auto request = decode_feed_request(frame)) check(request->limit <= 1000);
  static_cast<void>(decode_publish_reply(frame));
  static_cast<void>(read_feed_payload(frame));
  static_cast<void>(encoding_of(frame));
  return 0;
}
