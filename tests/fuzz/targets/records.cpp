// SPDX-License-Identifier: Apache-2.0
// What lies on disk: blobs of the log, decisions, alerts, incidents. Read to the end or refused.
#include "messages/alert.hpp"
#include "messages/decision.hpp"
#include "messages/incident.hpp"
#include "messages/record.hpp"
#include "tests/fuzz/targets/check.hpp"

using namespace faultline;

namespace {

void write_again(blob_writer& out, const record_view& record) {
  switch (record.kind) {
    case record_kind::event:
      return out.add(record.event);
    case record_kind::clock:
      return out.add(record.clock);
    case record_kind::degrade:
      return out.add(record.degrade);
    case record_kind::control:
      return out.add(record.control);
  }
}

/// Reads to the end or to what is refused. @returns how many records, and writes them to @p out.
std::size_t read_records(std::string_view blob, blob_writer& out) {
  blob_reader reader{blob};
  record_view record, alone;
  for (std::size_t records = 0;; ++records) {
    const auto at = reader.offset();
    const auto more = reader.next(record);
    if (!more || !*more) return records;
    check(read_record_at(blob, at, alone) && alone.kind == record.kind);
    write_again(out, record);
  }
}

/// What was read is written, and read again as so many records.
void blob(std::string_view bytes) {
  blob_writer first, second;
  const auto records = read_records(bytes, first);
  const auto written = first.take();
  check(read_records(written, second) == records);
  check(second.take() == written);
  for (std::size_t at = 0; at < bytes.size() && at < 64; ++at) {
    static_cast<void>(extent_at(bytes, at));
    static_cast<void>(peek_entity(bytes, at));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes{reinterpret_cast<const char*>(data) + 1, size - 1};
  switch (data[0] % 4) {
    case 0:
      blob(bytes);
      break;
    case 1:
      if (const auto d = decode_decision(bytes)) {
        const auto again = decode_decision(encode_decision(*d));
        check(again && again->kind == d->kind && encode_decision(*again) == encode_decision(*d));
        check(!sets_rules(d->command.name) || is_control(d->command.name));
      }
      break;
    case 2:
      if (const auto a = decode_alert(bytes)) {
        const auto again = decode_alert(encode_alert(*a));
        check(again && encode_alert(*again) == encode_alert(*a));
        check(suppressed(*again) == suppressed(*a) && *to_string(a->state) != '\0' &&
              *to_string(a->severity) != '\0');
      }
      break;
    default:
      if (const auto i = decode_incident(bytes)) {
        const auto again = decode_incident(encode_incident(*i));
        check(again && encode_incident(*again) == encode_incident(*i) &&
              *to_string(i->state) != '\0');
      }
  }
  return 0;
}
