// SPDX-License-Identifier: Apache-2.0
#include "tools/api.hpp"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include <nlohmann/json.hpp>

#include "transport/http_client.hpp"
#include "transport/key_file.hpp"

namespace faultline {

namespace {

/// Where what is there is listed, when @p text says that something is not; else empty.
std::string where_listed(const std::string& text) {
  for (const char* what : {"entity", "incident", "alert", "dead letter"}) {
    if (text.rfind(std::string{"no "} + what + " ", 0) != 0) continue;
    std::string group = what;
    std::replace(group.begin(), group.end(), ' ', '-');
    return ": `faultline " + group + " list` says what there is";
  }
  return {};
}

/// The sentence of {error: {code, message}}, or the status alone.
failure refused(const http_response& response) {
  const auto body = nlohmann::json::parse(response.body, nullptr, false);
  std::string text = "status " + std::to_string(response.status);
  if (body.is_object() && body.contains("error") && body["error"].is_object()) {
    const auto& error = body["error"];
    if (error.contains("message") && error["message"].is_string())
      text = error["message"].get<std::string>();
  }
  const ec code = response.status == 404   ? ec::not_found
                  : response.status == 504 ? ec::deadline_passed
                  : response.status >= 500 ? ec::store_unavailable
                                           : ec::invalid;
  if (const auto where = where_listed(text); code == ec::not_found && !where.empty())
    return {code, harmless(text) + where};
  return {code, "the server refused that: " + harmless(text)};
}

http_client_options options_for(const api_server& server) {
  http_client_options options;
  options.address = server.address;
  options.token_file = server.token_file;
  options.ca_file = server.ca_file;
  return options;
}

/// What is wrong on our side (a token that others may read, no address) is said alone.
failure no_answer(const api_server& server, const failure& why) {
  if (why.code != ec::io_failed && why.code != ec::deadline_passed) return why;
  if (!server.token_file.empty())
    if (const auto token = read_secret_file(server.token_file); !token) return token.error();
  const bool tls = server.address.rfind("https://", 0) == 0;
  return {why.code, "the server at " + server.address + " does not answer (" + why.what +
                        "). Is it running? Another address is named with --server" +
                        (tls ? ", certificates to trust with --ca-file" : "")};
}

}  // namespace

std::string who_says(const std::string& given) {
  if (!given.empty()) return given;
  if (const char* user = std::getenv("USER"); user != nullptr && *user != '\0') return user;
  if (const passwd* account = ::getpwuid(::geteuid()); account != nullptr) return account->pw_name;
  return "uid " + std::to_string(::geteuid());
}

std::string api_target(std::string_view path, const api_query& query) {
  std::string target = "/api/v1/" + std::string{path};
  char sign = '?';
  for (const auto& [name, value] : query) {
    if (value.empty()) continue;
    target += sign + name + "=" + percent_encode(value);
    sign = '&';
  }
  return target;
}

outcome<std::string> api_post(const api_server& server, const std::string& target,
                              const std::string& body) {
  http_client_options options = options_for(server);
  options.deadline = std::chrono::seconds{30};
  auto response = http_post(options, target, body);
  if (!response) return no_answer(server, response.error());
  if (response->status != 200 && response->status != 202) return refused(*response);
  return std::move(response->body);
}

outcome<std::string> api_get(const api_server& server, const std::string& target) {
  http_client_options options = options_for(server);
  auto response = http_get(options, target);
  if (!response) return no_answer(server, response.error());
  if (response->status != 200) return refused(*response);
  return std::move(response->body);
}

outcome<std::string> api_change(const api_server& server, const char* method,
                                const std::string& target) {
  http_client_options options = options_for(server);
  auto response = http_call(options, method, target);
  if (!response) return no_answer(server, response.error());
  if (response->status != 200 && response->status != 202) return refused(*response);
  return std::move(response->body);
}

int show_answer(const command_session& session, const std::string& target,
                outcome<std::string> (*layout)(const std::string& body, const colours& c)) {
  const auto body = api_get(session.server, target);
  if (!body) return report_failure(body.error());
  return show_body(session, *body, layout);
}

int show_body(const command_session& session, const std::string& body,
              outcome<std::string> (*layout)(const std::string& body, const colours& c)) {
  if (session.format == output_format::json) {
    const auto parsed = nlohmann::ordered_json::parse(body, nullptr, false);
    std::puts(parsed.is_discarded() ? body.c_str() : parsed.dump(2).c_str());
    return exit_code::ok;
  }
  const auto text = layout(body, colours::of(1));
  if (!text) return report_failure(text.error());
  std::fputs(text->c_str(), stdout);
  return exit_code::ok;
}

}  // namespace faultline
