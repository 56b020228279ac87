// SPDX-License-Identifier: Apache-2.0
#include "dashboard/internal/answering.hpp"

#include <charconv>

#include "messages/text.hpp"

namespace faultline {

namespace {

constexpr std::size_t default_limit = 100;
constexpr std::size_t max_limit = 1000;
constexpr std::size_t max_parameter_bytes = 512;

}  // namespace

http_response error_answer(const failure& why) {
  http_response r = http_error(http_status_of(why.code), to_string(why.code), why.what);
  if (r.status == 503) r.headers.emplace_back("Retry-After", "1");
  return r;
}

http_response json_answer(std::string body, int status) {
  http_response r;
  r.status = status;
  r.body = std::move(body);
  return r;
}

answer<bool> as_accepted(http_responder respond, std::string subject) {
  return [respond = std::move(respond), subject = std::move(subject)](outcome<bool> got) {
    if (!got) return respond(error_answer(got.error()));
    if (!*got) return respond(http_error(404, "not_found", subject + " is not known"));
    respond(json_answer(R"({"accepted":true})", 202));
  };
}

bool refuse(const api_call& call, const failure& why) {
  call.respond(error_answer(why));
  return false;
}

std::string parameter(const api_call& call, std::string_view name) {
  std::string found;
  for (const auto& [key, value] : call.request.query)
    if (key == name) found = value;
  return found;
}

bool read_text(const api_call& call, std::string_view name, std::string& out) {
  out = parameter(call, name);
  if (out.size() <= max_parameter_bytes) return true;
  return refuse(call, {ec::invalid, std::string{name} + " is over 512 bytes"});
}

bool read_author(const api_call& call, std::string& out) {
  if (!read_text(call, "by", out)) return false;
  if (check_name(out) == text_fault::none) return true;
  return refuse(call, {ec::invalid, "by is no name: UTF-8 without control characters"});
}

bool read_limit(const api_call& call, std::size_t& out) {
  const std::string text = parameter(call, "limit");
  out = default_limit;
  if (text.empty()) return true;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error == std::errc{} && end == text.data() + text.size() && out >= 1 && out <= max_limit)
    return true;
  return refuse(call, {ec::invalid, "limit must be an integer from 1 to 1000"});
}

bool read_choice(const api_call& call, std::string_view name, std::string_view one,
                 std::string_view other, std::string& out) {
  out = parameter(call, name);
  if (out.empty() || out == one || out == other) return true;
  std::string text{name};
  text.append(" must be ").append(one).append(" or ").append(other);
  return refuse(call, {ec::invalid, text});
}

void sign(const api_call& call, std::string& by) {
  if (!call.request.user.empty()) by = call.request.user;
}

std::vector<std::string> parameters(const api_call& call, std::string_view name) {
  std::vector<std::string> all;
  for (const auto& [key, value] : call.request.query)
    if (key == name) all.push_back(value);
  return all;
}

}  // namespace faultline
