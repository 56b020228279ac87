// SPDX-License-Identifier: Apache-2.0
// Headers of acknowledged requests, requests to the replay socket, and replies as a publisher reads
// them. What is accepted keeps the limits and is written and read again as the same.
#include "messages/feed.hpp"
#include "messages/request.hpp"
#include "tests/fuzz/targets/check.hpp"

using namespace faultline;

namespace {

std::string written(const publish_reply& r, wire_encoding e) {
  using kind = publish_reply::kind;
  switch (r.what) {
    case kind::ack:
      return ack_reply(r.seq, r.accepted, r.rejected, e);
    case kind::duplicate:
      return duplicate_reply(r.seq, e);
    case kind::retry:
      return retry_reply(r.seq, r.after_ms, r.text, e);
    case kind::error:
      return error_reply(r.code, r.text, r.seq, e);
    case kind::last:
      return last_reply(r.last, r.missing, e);
  }
  return {};
}

}  // namespace

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
  if (const auto reply = decode_publish_reply(frame)) {
    const auto again = decode_publish_reply(written(*reply, encoding_of(frame)));
    check(again && again->what == reply->what && again->seq == reply->seq &&
          again->last == reply->last && again->missing == reply->missing &&
          again->rejected.size() == reply->rejected.size());
  }
  static_cast<void>(read_feed_payload(frame));
  static_cast<void>(encoding_of(frame));
  return 0;
}
