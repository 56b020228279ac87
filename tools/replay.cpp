// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "tools/progress.hpp"
#include "tools/recording_events.hpp"
#include "tools/sending.hpp"
#include "tools/session_keys.hpp"

namespace faultline {

namespace {

using wall_clock = std::chrono::steady_clock;

event_time now() {
  std::timespec t{};
  std::timespec_get(&t, TIME_UTC);
  return event_time_of(static_cast<std::int64_t>(t.tv_sec) * 1000 + t.tv_nsec / 1'000'000);
}

/// Says when an event is due: event time runs `speed` times as fast as the wall's.
class pacemaker {
public:
  explicit pacemaker(double speed) : speed_{speed}, start_{wall_clock::now()} {}

  /// Time until an event at @p ts is due; zero where there is no pace.
  milliseconds until(event_time ts) {
    if (speed_ <= 0 || ts == event_time{}) return milliseconds{0};
    if (first_ == event_time{}) first_ = ts;
    const std::chrono::duration<double, std::milli> wall{
        static_cast<double>((ts - first_).count()) / speed_};
    const auto due = start_ + std::chrono::duration_cast<wall_clock::duration>(wall);
    return std::chrono::duration_cast<milliseconds>(due - wall_clock::now());
  }

private:
  double speed_;
  wall_clock::time_point start_;
  event_time first_{};
};

/// Sends what is gathered, then takes answers until @p ts is due.
outcome<void> wait_for(event_time ts, pacemaker& pace, event_sender& sender) {
  if (pace.until(ts) <= milliseconds{1}) return {};
  if (auto sent = sender.flush(); !sent) return sent;
  for (auto left = pace.until(ts); left > milliseconds{0}; left = pace.until(ts))
    if (auto waited = sender.wait(std::min(left, milliseconds{200})); !waited) return waited;
  return {};
}

/// @p shift cut to whole intervals: rows keep their place in the grid of ticks, so that replays at
/// different times are judged alike.
milliseconds whole_intervals(milliseconds shift, double interval_s) {
  const auto step = std::max<std::int64_t>(1, static_cast<std::int64_t>(interval_s * 1000));
  return milliseconds{shift.count() / step * step};
}

int run_replay(const std::string& path, const replay_pace& pace, const sending_options& options,
               const command_session& session) {
  const auto t = read_telemetry(path);
  if (!t) return report_failure(t.error());
  report_left_out(*t);
  return replay_telemetry(*t, pace, options, session);
}

}  // namespace

outcome<void> send_all(event_input& input, event_sender& sender, double speed,
                       const std::string& what) {
  input.on_fault = [&](std::uint64_t line, const std::string& why) {
    sender.note_fault(line, why);
  };
  progress_bar bar{what, input.total()};
  pacemaker pace{speed};
  input_event event;
  for (;;) {
    const auto more = input.next(event);
    if (!more) return more.error();
    if (!*more) break;
    if (auto waited = wait_for(event.ts, pace, sender); !waited) return waited;
    if (auto added = sender.add(event); !added) return added;
    bar.at(input.done());
  }
  return sender.finish();
}

int replay_telemetry(const telemetry& t, const replay_pace& pace, sending_options options,
                     const command_session& session) {
  options.moved_to_now = !pace.keep_time;
  const auto span = span_of(t);
  if (!span) return report_failure("the recording holds no event");
  const auto shift =
      pace.keep_time
          ? milliseconds{0}
          : whole_intervals(now() - (pace.start_now ? span->first : span->last), t.interval_s);
  auto keys = keys_of(session);
  if (!keys) return report_no_keys(keys.error(), session);
  auto sender = event_sender::open(options, std::move(*keys));
  if (!sender) return report_failure(sender.error());
  const auto input = recording_input(t, shift);
  const auto sent = send_all(*input, **sender, pace.speed, "replay " + t.name);
  const sending_summary& s = (*sender)->summary();
  if (s.sent > 0) std::fputs(summary_text(s, options, session.format).c_str(), stdout);
  if (!sent) return report_failure(sent.error());
  return s.rejected + s.unreadable == 0 ? exit_code::ok : exit_code::failed;
}

void add_replay_command(CLI::App& app, command_session& session) {
  struct arguments {
    std::string recording;
    replay_pace pace;
    sending_options sending;
  };
  auto a = std::make_shared<arguments>();
  CLI::App* sub = app.add_subcommand(
      "replay",
      "Send a recording as if it happened now: its edges, then its rows in order of time");
  sub->add_option("recording", a->recording, "Directory with a recording.json")->required();
  add_pace_options(*sub, a->pace);
  add_sending_options(*sub, a->sending);
  sub->callback([a, &session] {
    session.run = [a, &session] { return run_replay(a->recording, a->pace, a->sending, session); };
  });
}

}  // namespace faultline
