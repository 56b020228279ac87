// SPDX-License-Identifier: Apache-2.0
// `faultline notify list|test`.
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "tools/api.hpp"
#include "tools/commands.hpp"
#include "transport/http_server.hpp"

namespace faultline {

namespace {

using nlohmann::json;

outcome<std::string> layout_receivers(const std::string& body, const colours& c) {
  const json read = json::parse(body, nullptr, false);
  if (!read.is_object() || !read.contains("receivers"))
    return failure{ec::malformed, "the server's answer is not a list of receivers"};
  std::vector<std::vector<std::string>> rows;
  for (const json& r : read["receivers"]) {
    const bool sent = r.contains("last_sent") && r["last_sent"].is_number();
    const bool wrong = r.contains("last_error") && r["last_error"].is_string();
    rows.push_back({r.value("name", ""), r.value("kind", ""),
                    format_count(r.value("sent", std::uint64_t{0})),
                    format_count(r.value("failed", std::uint64_t{0})),
                    sent ? format_time(r["last_sent"].get<std::int64_t>()) : "-",
                    wrong ? r["last_error"].get<std::string>() : "-"});
  }
  if (rows.empty()) return std::string{"no receivers\n"};
  return format_table({"RECEIVER", "KIND", "SENT", "FAILED", "LAST SENT", "LAST ERROR"}, rows, c);
}

int run_test(const command_session& session, const std::string& name) {
  const auto answer =
      api_post(session.server, api_target("receivers/" + percent_encode(name) + "/test", {}), "{}");
  if (!answer) return report_failure(answer.error());
  const json read = json::parse(*answer, nullptr, false);
  const bool sent = read.is_object() && read.value("sent", false);
  if (session.format == output_format::json) {
    std::puts(answer->c_str());
  } else if (sent) {
    std::printf("%s has been sent a test\n", harmless(name).c_str());
  } else {
    const auto why = read.is_object() ? read.find("error") : read.end();
    const bool said = read.is_object() && why != read.end() && why->is_string();
    return report_failure(harmless(name) + " was not reached: " +
                          (said ? harmless(why->get<std::string>()) : "no reason given"));
  }
  return sent ? exit_code::ok : exit_code::failed;
}

}  // namespace

void add_notify_commands(CLI::App& app, command_session& session) {
  CLI::App* group = app.add_subcommand("notify", "Who is told of alerts");
  group->require_subcommand(1);
  CLI::App* list = group->add_subcommand("list", "Receivers, and how telling them went");
  list->callback([&session] {
    session.run = [&session] {
      return show_answer(session, api_target("receivers", {}), layout_receivers);
    };
  });
  auto name = std::make_shared<std::string>();
  CLI::App* test = group->add_subcommand("test", "Send a receiver a test now");
  test->add_option("receiver", *name, "Its name in the configuration")->required();
  test->callback(
      [name, &session] { session.run = [name, &session] { return run_test(session, *name); }; });
}

}  // namespace faultline
