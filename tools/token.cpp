// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>

#include <cstdio>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "tools/commands.hpp"
#include "transport/token_name.hpp"
#include "transport/tokens.hpp"

namespace faultline {

namespace {

struct token_arguments {
  web_user user;
  std::string role = "viewer";
  std::string file;
  std::string not_after;
};

int run_create(token_arguments a, const command_session& session) {
  if (!is_token_name(a.user.name))
    return report_usage("'" + harmless(a.user.name) +
                        "' is no name of a token: one word without '#', at most 64 bytes");
  a.user.role = *web_role_of(a.role);
  if (!a.not_after.empty()) {
    const auto at = parse_time(a.not_after);
    if (!at) return report_usage("--not-after: " + at.error().what);
    a.user.expiry = arrival_time_of(*at);
  }
  ::umask(077);
  const auto made = create_token(a.file, a.user);
  if (!made) return report_failure(made.error());
  const std::string token{made->reveal()};  // the one time it is shown
  if (session.format == output_format::json)
    std::printf("%s\n",
                nlohmann::ordered_json{{"name", a.user.name}, {"role", a.role}, {"token", token}}
                    .dump(2)
                    .c_str());
  else
    std::printf("%s\n", token.c_str());
  return exit_code::ok;
}

}  // namespace

void add_token_commands(CLI::App& app, command_session& session) {
  CLI::App* group = app.add_subcommand("token", "Tokens for the HTTP API");
  group->require_subcommand(1);
  auto a = std::make_shared<token_arguments>();
  CLI::App* sub = group->add_subcommand(
      "create", "Make a token, show it once, and add its hash to the file of web.tokens");
  sub->add_option("name", a->user.name, "Whose it is")->required();
  sub->add_option("--role", a->role,
                  "publisher (send events), viewer (read), operator (answer back), admin (reload, "
                  "models, backups)")
      ->check(CLI::IsMember({"publisher", "viewer", "operator", "admin"}))
      ->capture_default_str();
  sub->add_option("--file", a->file, "The server's web.tokens")->required();
  sub->add_option("--not-after", a->not_after,
                  "When it ends, such as 2027-01-31 or 2027-01-31T12:00:00Z");
  sub->callback([a, &session] { session.run = [a, &session] { return run_create(*a, session); }; });
}

}  // namespace faultline
