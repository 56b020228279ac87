// SPDX-License-Identifier: Apache-2.0
// What lies on disk: blobs of the log, decisions, alerts, incidents. Read to the end or refused.
#include "messages/alert.hpp"
#include "messages/decision.hpp"
#include "messages/incident.hpp"
#include "messages/record.hpp"
#include "tests/fuzz/targets/check.hpp"

using namespace faultline;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes{reinterpret_cast<const char*>(data) + 1, size - 1};
  switch (data[0] % 4) {
    case 0: {
      blob_reader reader{bytes};
      record_view record;
      for (;;) {
        const auto more = reader.next(record);
        if (!more || !*more) break;
      }
      for (std::size_t at = 0; at < bytes.size() && at < 64; ++at) {
        static_cast<void>(extent_at(bytes, at));
        static_cast<void>(peek_entity(bytes, at));
      }
      break;
    }
    case 1:
      if (const auto d = decode_decision(bytes)) {
        const auto again = decode_decision(encode_decision(*d));
        check(again && again->kind == d->kind);
      }
      break;
    case 2:
      if (const auto a = decode_alert(bytes))
        check(static_cast<bool>(decode_alert(encode_alert(*a))));
      break;
    default:
      if (const auto i = decode_incident(bytes))
        check(static_cast<bool>(decode_incident(encode_incident(*i))));
  }
  return 0;
}
