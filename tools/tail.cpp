// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "tools/commands.hpp"
#include "tools/feed_text.hpp"
#include "tools/internal/json_text.hpp"
#include "tools/option_text.hpp"
#include "tools/session_keys.hpp"
#include "transport/feed_client.hpp"

namespace faultline {

namespace {

using wall_clock = std::chrono::steady_clock;

struct tail_arguments {
  feed_client_options feed;
  std::vector<std::string> prefixes;
  std::uint64_t count = 0;
  std::string timeout;
  std::string live_within = "10s";
};

/// {"topic": ..., and the payload's own keys}
outcome<std::string> json_line(const feed_message& message) {
  const auto text = msgpack_to_json(message.payload);
  if (!text) return text.error();
  const auto payload = nlohmann::ordered_json::parse(*text, nullptr, false);
  if (!payload.is_object()) return failure{ec::malformed, "a feed record that is no map"};
  nlohmann::ordered_json line{{"topic", message.topic}};
  line.update(payload);
  return json_text(line);
}

outcome<std::string> text_line(const feed_message& message, const colours& c) {
  const auto item = read_feed_payload(message.payload);
  if (!item) return item.error();
  return feed_line(*item, c);
}

failure not_live(const failure& why, const tail_arguments& a) {
  return {why.code, "no heartbeat from " + a.feed.publish + " within " + a.live_within + " (" +
                        why.what +
                        "). Is the server running, and is this its feed.publish "
                        "endpoint (--endpoint)?"};
}

int follow(feed_client& feed, const tail_arguments& a, const command_session& session) {
  const colours c = colours::of(1);
  const bool ends = !a.timeout.empty();
  const auto until = wall_clock::now() + (ends ? duration_of(a.timeout) : milliseconds{0});
  std::uint64_t shown = 0;
  for (;;) {
    milliseconds wait{1000};
    if (ends) {
      wait = std::chrono::duration_cast<milliseconds>(until - wall_clock::now());
      if (wait <= milliseconds{0}) return shown < a.count ? exit_code::failed : exit_code::ok;
    }
    const auto message = feed.next(std::min(wait, milliseconds{1000}));
    if (!message && message.error().code == ec::deadline_passed) {
      report_failure(message.error());  // the replay socket is silent: it will be asked again
      continue;
    }
    if (!message) return report_failure(message.error());
    if (!*message) continue;
    const auto line =
        session.format == output_format::json ? json_line(**message) : text_line(**message, c);
    if (!line) return report_failure(line.error());
    if (std::printf("%s\n", line->c_str()) < 0 || std::fflush(stdout) != 0)
      return exit_code::ok;  // nobody reads us any more, or main() says why not
    if (++shown == a.count) return exit_code::ok;
  }
}

int run_tail(tail_arguments a, const command_session& session) {
  if (!a.prefixes.empty()) a.feed.prefixes = a.prefixes;
  if (!a.timeout.empty() && duration_of(a.timeout) < duration_of(a.live_within))
    a.live_within = a.timeout;
  auto keys = keys_of(session);
  if (!keys) return report_no_keys(keys.error(), session);
  a.feed.keys = std::move(*keys);
  auto feed = feed_client::connect(a.feed);
  if (!feed) return report_failure(feed.error());
  if (auto live = (*feed)->wait_until_live(duration_of(a.live_within)); !live)
    return report_failure(not_live(live.error(), a));
  return follow(**feed, a, session);
}

}  // namespace

void add_tail_command(CLI::App& app, command_session& session) {
  auto a = std::make_shared<tail_arguments>();
  CLI::App* sub = app.add_subcommand(
      "tail", "Follow the feed: alerts, incidents and notices as they happen, none left out");
  sub->add_option("--prefix", a->prefixes, "Only topics that begin so, for example alert/critical/")
      ->allow_extra_args(false);
  sub->add_option("--from", a->feed.from, "First replay what is stored from this seq on");
  sub->add_option("--count", a->count, "End after so many records");
  sub->add_option("--timeout", a->timeout,
                  "End after this time; exit code 1 when --count is not reached")
      ->check(CLI::Validator(duration_check(), "DURATION"));
  sub->add_option("--endpoint", a->feed.publish, "The server's feed.publish")
      ->capture_default_str();
  sub->add_option("--replay-endpoint", a->feed.replay, "The server's feed.replay")
      ->capture_default_str();
  sub->callback([a, &session] { session.run = [a, &session] { return run_tail(*a, session); }; });
}

}  // namespace faultline
