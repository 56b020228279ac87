// SPDX-License-Identifier: Apache-2.0
// Influx lines, collectd's JSON, StatsD, streams of syslog: the first byte says which, and the
// precision of Influx's times.
#include "messages/text.hpp"
#include "tests/fuzz/targets/named.hpp"
#include "transport/decode/collectd.hpp"
#include "transport/decode/frames.hpp"
#include "transport/decode/influx.hpp"
#include "transport/decode/statsd.hpp"
#include "transport/decode/syslog_header.hpp"

namespace {

using namespace faultline;

/// A stream gives the same messages however it is cut into pieces.
void cut(std::string_view body) {
  std::string whole, pieces;
  syslog_cutter first, second;
  const bool sound = first.take(body, [&](std::string_view m) { add_frame(whole, "a", m); });
  bool goes_on = true;
  for (std::size_t at = 0; goes_on && at < body.size(); at += 3)
    goes_on =
        second.take(body.substr(at, 3), [&](std::string_view m) { add_frame(pieces, "a", m); });
  check(goes_on == sound);
  if (sound) check(whole == pieces);
  std::string_view rest{whole}, sender, bytes;
  while (take_frame(rest, sender, bytes)) check(bytes.size() <= syslog_cutter::longest);
  check(rest.empty());
  rest = body;
  while (take_frame(rest, sender, bytes)) {
  }
}

/// A header is all that is added.
void complete(std::string_view line) {
  std::string made, readable, twice;
  check(complete_syslog(line, "web-1", made).size() <= line.size() + 32);
  const auto text = readable_utf8(line, readable);
  check(is_utf8(text) && readable_utf8(text, twice) == text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  static named_events events;
  const std::string_view body{reinterpret_cast<const char*>(data + 1), size - 1};
  if (data[0] % 4 == 3) {
    cut(body);
    complete(body);
    return 0;
  }
  events.take(naming_style::plain, [&](sample_sink& sink) {
    if (data[0] % 4 == 0) {
      constexpr const char* precisions[] = {"", "n", "u", "ms", "s", "m", "h", "fortnight"};
      const auto ns = influx_precision_ns(precisions[data[0] / 4 % 8]);
      return ns != 0 && static_cast<bool>(read_influx(body, ns, sink));
    }
    if (data[0] % 4 == 1) return static_cast<bool>(read_collectd(body, sink));
    statsd_gatherer gatherer;
    gatherer.take(body, "web-1");
    gatherer.flush(10, 1'750'000'000'000, sink);
    return true;
  });
  return 0;
}
