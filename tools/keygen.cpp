// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "tools/commands.hpp"
#include "tools/option_text.hpp"
#include "tools/session_keys.hpp"
#include "transport/key_file.hpp"
#include "transport/seal.hpp"

namespace faultline {

namespace {

struct keygen_arguments {
  client_rights client;
  std::string directory = ".";
  std::vector<std::string> allow;
  std::string not_after;
};

int run_keygen(keygen_arguments a, const command_session& session) {
  for (const auto& what : a.allow) (what == "ingest" ? a.client.ingest : a.client.feed) = true;
  if (!a.not_after.empty()) {
    const auto at = parse_time(a.not_after);
    if (!at) return report_usage("--not-after: " + at.error().what);
    a.client.expiry = arrival_time_of(*at);
  }
  const bool restricted = !a.client.entities.empty() || a.client.events_per_second > 0 ||
                          a.client.max_entities > 0 || a.client.expiry;
  if (restricted && a.allow.empty() && a.client.endpoint.empty())
    return report_usage("a key with limits needs --allow ingest, --allow feed, or both");
  ::umask(077);
  const auto made = write_new_keys(a.directory, a.client);
  if (!made && made.error().code == ec::invalid) return report_usage(made.error().what);
  if (!made) return report_failure(made.error());
  const std::string stem = a.directory + "/" + made->name;
  if (session.format == output_format::json) {
    const nlohmann::ordered_json line{{"name", made->name},
                                      {"public_key", made->public_key},
                                      {"public_file", stem + ".pub"},
                                      {"secret_file", stem + ".secret"}};
    std::printf("%s\n", line.dump(2).c_str());
    return exit_code::ok;
  }
  std::printf(
      "%s.secret  the secret key: stays where it is used, with these permissions\n"
      "%s.pub     the public key %s\n",
      stem.c_str(), stem.c_str(), made->public_key.c_str());
  return exit_code::ok;
}

int run_seal(const std::vector<std::string>& files, const command_session& session) {
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  for (const auto& file : files) {
    const auto grants = seal_file(file);
    if (!grants) return report_failure(grants.error());
    all.push_back({{"file", file}, {"grants", *grants}});
    if (session.format != output_format::json)
      std::printf("%s sealed: %s%s", file.c_str(), grants->c_str(),
                  grants->back() == '\n' ? "" : "\n");
  }
  if (session.format == output_format::json) std::printf("%s\n", all.dump(2).c_str());
  return exit_code::ok;
}

void add_seal(CLI::App& app, command_session& session) {
  auto files = std::make_shared<std::vector<std::string>>();
  CLI::App* sub = app.add_subcommand(
      "seal", "Say that files of clients and tokens, changed by hand, are as they should be");
  sub->add_option("file", *files, "NAME.pub of security.clients, or the file of web.tokens")
      ->required();
  sub->callback(
      [files, &session] { session.run = [files, &session] { return run_seal(*files, session); }; });
}

}  // namespace

outcome<std::shared_ptr<const curve_keys>> keys_of(const command_session& session) {
  if (session.key_file.empty() && session.server_key_file.empty())
    return std::shared_ptr<const curve_keys>{};
  if (session.key_file.empty() || session.server_key_file.empty())
    return failure{ec::invalid,
                   std::string{"--key-file and --server-key-file go together: "} +
                       (session.key_file.empty() ? "--key-file" : "--server-key-file") +
                       " is missing"};
  return load_client_keys(session.key_file, session.server_key_file);
}

int report_no_keys(const failure& why, const command_session& session) {
  const bool half = session.key_file.empty() != session.server_key_file.empty();
  return half ? report_usage(why.what) : report_failure(why);
}

void add_keygen_command(CLI::App& app, command_session& session) {
  auto a = std::make_shared<keygen_arguments>();
  CLI::App* sub = app.add_subcommand(
      "keygen", "Make a pair of CURVE keys: NAME.secret and NAME.pub, with what its holder may do");
  sub->add_option("name", a->client.name, "Whose keys: server, or the name of a client")
      ->required();
  sub->add_option("--out", a->directory, "Directory of the two files")->capture_default_str();
  sub->add_option("--allow", a->allow, "ingest (send events) or feed (subscribe, replay), or both")
      ->check(CLI::IsMember({"ingest", "feed"}));
  sub->add_option("--entity", a->client.entities,
                  "Beginning of the entities it may speak of (may be repeated; default: all)")
      ->allow_extra_args(false);
  sub->add_option("--rate", a->client.events_per_second, "Events a second it may send")
      ->check(CLI::Validator(above_zero, "POSITIVE"));
  sub->add_option("--max-entities", a->client.max_entities, "New entities it may bring in")
      ->check(CLI::Validator(above_zero, "POSITIVE"));
  sub->add_option("--not-after", a->not_after,
                  "When it ends, such as 2027-01-31 or 2027-01-31T12:00:00Z");
  sub->add_option("--endpoint", a->client.endpoint,
                  "Of a PUB that the server connects to (ingest.subscribe)");
  sub->callback([a, &session] { session.run = [a, &session] { return run_keygen(*a, session); }; });
  add_seal(app, session);
}

}  // namespace faultline
