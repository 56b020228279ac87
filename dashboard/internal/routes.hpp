// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "dashboard/life_cycle.hpp"
#include "dashboard/queries.hpp"
#include "dashboard/rest_api.hpp"
#include "transport/http_server.hpp"

namespace faultline {

/// One request on its way through the API.
struct api_call {
  queries& answers;
  life_cycle& cycle;
  const http_request& request;
  http_responder respond;
  std::vector<std::string> ids;  ///< decoded, in the order they stand in the path
  std::string_view edition{};    ///< of the page; empty: there is none
  ways_in open{};
};

/// One line of the API: method, path with "*" for an id, what it does, who answers.
struct route {
  std::string_view method;
  std::string_view path;
  std::string_view about;
  void (*serve)(api_call call);
  web_role role = web_role::viewer;  ///< who may; GET of everybody with a token
};

// Parts of them.
std::vector<route> maintenance_routes();
std::vector<route> operator_routes();
std::vector<route> silence_routes();
std::vector<route> openapi_routes();
std::vector<route> alertmanager_routes();

/// All of them, in the order in which they are told to people.
const std::vector<route>& api_routes();

/// GET /api/v1/stream.
void get_stream(api_call call);

/// All of /api/v1 and /-/ as JSON of OpenAPI 3.0.
std::string openapi_document(ways_in open);

/// The page at "/api/v1": what one can ask for, for people.
std::string index_page(ways_in open);
/// What "/" says where the page's files are not.
std::string no_page();

}  // namespace faultline
