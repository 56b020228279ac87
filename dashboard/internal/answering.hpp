// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dashboard/internal/routes.hpp"
#include "dashboard/rest_api.hpp"

// What every answer of the API is made with.

namespace faultline {

http_response error_answer(const failure& why);
http_response json_answer(std::string body, int status = 200);

/// Hands a value to api_json() and the result to the client, or the failure.
template <class T>
answer<T> as_json(http_responder respond) {
  return [respond = std::move(respond)](outcome<T> got) {
    respond(got ? json_answer(api_json(*got)) : error_answer(got.error()));
  };
}

/// 202, or 404 where there was nothing to change.
answer<bool> as_accepted(http_responder respond, std::string subject);

/// @returns false, having answered with @p why.
bool refuse(const api_call& call, const failure& why);

/// A query parameter, or empty; the last of several counts.
std::string parameter(const api_call& call, std::string_view name);
/// All of that name, in their order.
std::vector<std::string> parameters(const api_call& call, std::string_view name);
// Each answers and returns false where the parameter is not good.
bool read_text(const api_call& call, std::string_view name, std::string& out);
/// "by", where tokens name nobody: a name, for it goes into the log.
bool read_author(const api_call& call, std::string& out);
bool read_limit(const api_call& call, std::size_t& out);
bool read_choice(const api_call& call, std::string_view name, std::string_view one,
                 std::string_view other, std::string& out);

/// Where tokens are asked for, a word is that of the token's bearer, whatever stands in the body.
void sign(const api_call& call, std::string& by);

}  // namespace faultline
