// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "messages/outcome.hpp"
#include "tools/commands.hpp"

namespace faultline {

using api_query = std::vector<std::pair<std::string, std::string>>;

/// "/api/v1/<path>?a=b&c=d"; pairs without a value are left out.
std::string api_target(std::string_view path, const api_query& query);

/// Who does it, for the records: @p given, else
/// $USER, else the name of the account, else its
/// number ("uid 1000", in a container without names).
std::string who_says(const std::string& given);

/// Body of GET <server><target>. A server that does not answer, and an answer that is not 200, are
/// failures that say what to do next.
outcome<std::string> api_get(const api_server& server, const std::string& target);

/// A request that changes something: @p method is POST or DELETE. Done is 200 or 202.
outcome<std::string> api_change(const api_server& server, const char* method,
                                const std::string& target);
/// Body of POST <server><target> with a JSON @p body. An answer of 200 or 202 counts.
outcome<std::string> api_post(const api_server& server, const std::string& target,
                              const std::string& body);

/// Prints @p body as it is (-o json), or @p layout of it. @returns an exit code.
int show_body(const command_session& session, const std::string& body,
              outcome<std::string> (*layout)(const std::string& body, const colours& c));

/// What a command does with an answer: prints it as it is (-o json), or @p layout of it.
/// @returns an exit code.
int show_answer(const command_session& session, const std::string& target,
                outcome<std::string> (*layout)(const std::string& body, const colours& c));

}  // namespace faultline
