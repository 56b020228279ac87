// SPDX-License-Identifier: Apache-2.0
#include "dashboard/rest_api.hpp"

#include <algorithm>
#include <utility>

#include "dashboard/internal/packing.hpp"
#include "dashboard/internal/routes.hpp"
#include "messages/event_codec.hpp"

namespace faultline {

namespace {

std::vector<std::string_view> segments_of(std::string_view path) {
  std::vector<std::string_view> out;
  while (!path.empty()) {
    path.remove_prefix(1);  // the '/'
    const std::size_t end = std::min(path.find('/'), path.size());
    out.push_back(path.substr(0, end));
    path.remove_prefix(end);
  }
  return out;
}

/// Whether @p path has the form of @p pattern; @p ids gets what stands for each "*", still encoded.
bool matches(std::string_view pattern, std::string_view path, std::vector<std::string>& ids) {
  const auto want = segments_of(pattern);
  const auto have = segments_of(path);
  ids.clear();
  if (want.size() != have.size()) return false;
  for (std::size_t i = 0; i < want.size(); ++i) {
    if (want[i] == "*")
      ids.emplace_back(have[i]);
    else if (want[i] != have[i])
      return false;
  }
  return true;
}

/// Decodes the ids of a path in place. @returns what is wrong, or nothing.
std::string_view decode_ids(std::vector<std::string>& ids) {
  for (std::string& id : ids) {
    auto decoded = percent_decode(id);
    if (!decoded) return "the ID is not percent-encoded well";
    if (decoded->empty() || decoded->size() > payload_limits::entity_bytes)
      return "an ID has 1 to 256 bytes";
    if (std::any_of(decoded->begin(), decoded->end(),
                    [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }))
      return "an ID has no control characters";
    id = std::move(*decoded);
  }
  return {};
}

void serve(queries& answers, life_cycle& cycle, std::string_view edition, ways_in open,
           const http_request& request, http_responder respond) {
  std::string_view method{request.method};
  if (method == "HEAD") method = "GET";
  std::string allowed;
  std::vector<std::string> ids;
  for (const route& r : api_routes()) {
    if (!matches(r.path, request.path, ids)) continue;
    if (r.method != method) {
      allowed.append(allowed.empty() ? "" : ", ")
          .append(r.method == "GET" ? "GET, HEAD" : r.method);
      continue;
    }
    if (method != "GET" && from_another_site(request))
      return respond(http_error(403, "not_allowed", "changes from another site are refused"));
    if (request.role < r.role)
      return respond(
          http_error(403, "not_allowed", std::string{"this takes the role "} + to_string(r.role)));
    if (const std::string_view wrong = decode_ids(ids); !wrong.empty())
      return respond(http_error(400, to_string(ec::invalid), wrong));
    return r.serve({answers, cycle, request, std::move(respond), std::move(ids), edition, open});
  }
  if (allowed.empty())
    return respond(
        http_error(404, to_string(ec::not_found),
                   "there is nothing at " + request.path + "; GET /api/v1 lists the API"));
  http_response r = http_error(405, "method_not_allowed", "this path allows " + allowed);
  r.headers.emplace_back("Allow", allowed);
  respond(std::move(r));
}

}  // namespace

int http_status_of(ec code) noexcept {
  switch (code) {
    case ec::malformed:
    case ec::invalid:
      return 400;
    case ec::not_found:
      return 404;
    case ec::too_large:
      return 413;
    case ec::overloaded:
    case ec::no_space:
    case ec::store_unavailable:
    case ec::shutting_down:
      return 503;
    case ec::deadline_passed:
      return 504;
    case ec::unsupported:
      return 501;
    case ec::unknown_version:
    case ec::store_corrupt:
    case ec::model_failed:
    case ec::io_failed:
      return 500;
  }
  return 500;  // a code of a newer build
}

http_handler make_rest_api(queries& answers, life_cycle& cycle,
                           std::shared_ptr<const web_files> page, ways_in open) {
  return [&answers, &cycle, page = std::move(page), open](http_request request,
                                                          http_responder respond) {
    if (is_page_path(request.path)) return respond(answer_page(page.get(), request));
    respond = packed_for(request, std::move(respond));
    serve(answers, cycle, page ? std::string_view{page->edition()} : std::string_view{}, open,
          request, std::move(respond));
  };
}

}  // namespace faultline
