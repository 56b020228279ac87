// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "tools/option_text.hpp"
#include "tools/sending.hpp"

namespace faultline {

namespace {

using json = nlohmann::ordered_json;

std::string summary_json(const sending_summary& s, const sending_options& options) {
  json out{{"sent", s.sent}};
  if (!options.fire_and_forget) {
    out["accepted"] = s.accepted;
    out["rejected"] = s.rejected;
  }
  out["unreadable"] = s.unreadable;
  out["requests"] = s.requests;
  out["duplicate_requests"] = s.duplicates;
  out["by_reason"] = s.by_reason;
  out["examples"] = s.examples;
  out["seconds"] = s.seconds;
  return out.dump(2) + "\n";
}

std::string counted(std::uint64_t n, const char* what) {
  return format_count(n) + " " + what + (n == 1 ? "" : "s");
}

std::string hints(const sending_summary& s, const sending_options& options) {
  std::string out;
  if (s.by_reason.count("ts_too_old") != 0)
    out += options.moved_to_now
               ? "  Of a recording the server takes the last `processing.max_late` (1h): "
                 "`--start-now --speed 1` plays it\n  as it would happen; a server for replays "
                 "has `processing: {accept_past: true}`.\n"
               : "  The server does not take events of the past: `faultline replay` moves a "
                 "recording to now;\n  a server for replays has `processing: {accept_past: "
                 "true}`.\n";
  if (s.by_reason.count("ts_in_future") != 0 && options.moved_to_now)
    out +=
        "  With `--start-now` time runs ahead of the server's clock if `--speed` is more than 1.\n";
  if (s.by_reason.count("ts_unit") != 0) out += "  `ts` is Unix time in milliseconds.\n";
  if (s.by_reason.count("entity_limit") != 0)
    out += "  Too many new entities at once: see `entities.max_new_per_second`, or send slower.\n";
  return out;
}

}  // namespace

std::string summary_text(const sending_summary& s, const sending_options& options,
                         output_format format) {
  if (format == output_format::json) return summary_json(s, options);
  std::string out = "sent " + counted(s.sent, "event") + " in " + counted(s.requests, "request") +
                    ", " +
                    format_duration(milliseconds{static_cast<std::int64_t>(s.seconds * 1000)});
  if (s.seconds > 0.1)
    out += " (" +
           format_count(static_cast<std::uint64_t>(static_cast<double>(s.sent) / s.seconds)) +
           "/s)";
  out += options.fire_and_forget ? ", without acknowledgement"
                                 : ": " + format_count(s.accepted) + " accepted, " +
                                       format_count(s.rejected) + " rejected";
  if (s.unreadable > 0) out += "; " + counted(s.unreadable, "line") + " without an event";
  out += "\n";
  for (const auto& [reason, count] : s.by_reason)
    out += "  " + harmless(reason) + ": " + format_count(count) + "\n";
  for (const auto& example : s.examples) out += "  for example " + harmless(example) + "\n";
  return out + hints(s, options);
}

void add_sending_options(CLI::App& command, sending_options& o) {
  command.add_option("--endpoint", o.endpoint,
                     "ZeroMQ endpoint of the server [tcp://127.0.0.1:7802, or 7801 with "
                     "--fire-and-forget]");
  command.add_option("--publisher", o.publisher, "Name that the server keeps our place under")
      ->capture_default_str();
  command.add_option("--epoch", o.epoch, "Goes with --publisher; a new one each time if not given");
  command.add_option("--batch", o.batch, "Events in a request, at most 4096")
      ->check(CLI::Range(std::size_t{1}, payload_limits::events))
      ->capture_default_str();
  command.add_option("--window", o.window, "Requests under way")
      ->check(CLI::Range(1, 512))
      ->capture_default_str();
  command.add_option("--timeout", o.timeout, "Give up after so long without a sign of the server")
      ->check(CLI::Validator(duration_check(), "DURATION"))
      ->capture_default_str();
  command.add_flag("--fire-and-forget", o.fire_and_forget, "Push without acknowledgement");
}

void add_pace_options(CLI::App& command, replay_pace& pace) {
  auto* speed = command.add_option("--speed", pace.speed, "So many times faster than it happened")
                    ->check(CLI::Validator(above_zero, "POSITIVE"));
  command.add_flag("--fast", "As fast as the server acknowledges (the default)")->excludes(speed);
  auto* keep = command.add_flag("--keep-time", pace.keep_time, "Leave the time stamps as they are");
  command.add_flag("--start-now", pace.start_now, "Let its start be now, not its end")
      ->excludes(keep);
}

}  // namespace faultline
