// SPDX-License-Identifier: Apache-2.0
// The API as a description of OpenAPI 3.0, made from the routes: what is served is what is said.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "dashboard/internal/answering.hpp"
#include "dashboard/internal/openapi_shapes.hpp"

namespace faultline {
namespace {

using nlohmann::json;

bool capital(std::string_view word) { return !word.empty() && word[0] >= 'A' && word[0] <= 'Z'; }

json reference(std::string_view name) {
  return {{"$ref", "#/components/schemas/" + std::string{name}}};
}

std::vector<std::string> parts_of(std::string_view text, std::string_view by) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(by, at), text.size());
    parts.emplace_back(text.substr(at, end - at));
    at = end + by.size();
  }
  return parts;
}

/// Schema of a type as openapi_shapes.hpp writes it.
json schema_of(std::string_view type) {
  const auto inner = [&] { return schema_of(type.substr(1, type.size() - 2)); };
  if (type.back() == '?') {
    json schema = schema_of(type.substr(0, type.size() - 1));
    // Beside a reference nothing else counts.
    if (schema.contains("$ref")) schema = {{"allOf", json::array({schema})}};
    schema["nullable"] = true;
    return schema;
  }
  if (type.front() == '[') return {{"type", "array"}, {"items", inner()}};
  if (type.front() == '{') return {{"type", "object"}, {"additionalProperties", inner()}};
  if (type == "any") return json::object();
  for (const char* known : {"string", "integer", "number", "boolean"})
    if (type == known) return {{"type", known}};
  const auto words = parts_of(type, "|");
  if (!capital(type)) return {{"type", "string"}, {"enum", words}};
  if (words.size() == 1) return reference(type);
  json any = json::array();
  for (const std::string& word : words) any.push_back(reference(word));
  return {{"anyOf", std::move(any)}};
}

/// Schema of an object by its members, or of the type that stands there instead.
json body_schema(std::string_view text) {
  if (text.find(": ") == std::string_view::npos) return schema_of(text);
  json schema{{"type", "object"}, {"properties", json::object()}};
  for (const std::string& part : parts_of(text, ", ")) {
    const std::size_t colon = part.find(": ");
    std::string name = part.substr(0, colon);
    const bool may_miss = name.back() == '?';
    if (may_miss) name.pop_back();
    schema["properties"][name] = schema_of(std::string_view{part}.substr(colon + 2));
    if (!may_miss) schema["required"].push_back(name);
  }
  return schema;
}

/// "/api/v1/entities/*/window" as OpenAPI writes it.
std::string path_of(std::string_view path) {
  std::string out;
  for (const char c : path) out += c == '*' ? std::string{"{id}"} : std::string(1, c);
  return out;
}

json query_parameter(const std::string& name, const std::string& values) {
  json p{{"name", name}, {"in", "query"}, {"schema", {{"type", "string"}}}};
  if (values.find('|') != std::string::npos) p["schema"]["enum"] = parts_of(values, "|");
  if (name == "limit")
    p["schema"] = {{"type", "integer"}, {"minimum", 1}, {"maximum", 1000}, {"default", 100}};
  if (name == "from" || name == "to" || name == "after")
    p["schema"] = {{"type", "integer"}, {"minimum", 0}};
  if (name == "brief" || name == "force") p["schema"] = {{"type", "boolean"}};
  if (name == "matcher") p["schema"] = {{"type", "array"}, {"items", {{"type", "string"}}}};
  if (name == "metric") p["required"] = true;
  return p;
}

/// Parameters of the query, as `about` lists them: "?state=firing|resolved &limit= &next=".
void add_query(std::string_view about, json& parameters) {
  for (std::size_t at = 0; at < about.size(); ++at) {
    if (about[at] != '?' && about[at] != '&') continue;
    const std::size_t is = about.find('=', at);
    if (is == std::string_view::npos) return;
    const std::size_t end = std::min(about.find_first_of(" ,", is), about.size());
    parameters.push_back(query_parameter(std::string{about.substr(at + 1, is - at - 1)},
                                         std::string{about.substr(is + 1, end - is - 1)}));
    at = end - 1;
  }
}

json json_content(json schema) { return {{"application/json", {{"schema", std::move(schema)}}}}; }

/// Content of a body as openapi_shapes.hpp writes it: a media type alone is a text.
json content_of(std::string_view body) {
  if (body.find('/') == std::string_view::npos) return json_content(body_schema(body));
  return {{std::string{body}, {{"schema", {{"type", "string"}}}}}};
}

json operation_of(const route& r, const operation_shape& shape) {
  json op{{"summary", r.about}, {"responses", json::object()}, {"parameters", json::array()}};
  op["x-role"] = to_string(r.role);
  if (r.method == "GET" && r.path.rfind("/-/", 0) == 0) op["security"] = json::array();
  if (r.path.find('*') != std::string_view::npos)
    op["parameters"].push_back(
        {{"name", "id"}, {"in", "path"}, {"required", true}, {"schema", {{"type", "string"}}}});
  add_query(r.about, op["parameters"]);
  op["responses"]["2XX"] = {
      {"description", r.method == "GET" ? "as it is" : "done; durable where it changes something"},
      {"content", content_of(shape.answer)}};
  op["responses"]["default"] = {{"description", "it was not"},
                                {"content", json_content(reference("Error"))}};
  if (*shape.request != '\0') op["requestBody"] = {{"content", content_of(shape.request)}};
  return op;
}

/// What other programs send under our paths (`ingest.remote_write`); it is no route of ours.
json remote_write() {
  const json body{{"schema", {{"type", "string"}, {"format", "binary"}}}};
  const json refused{{"description", "it was not"}, {"content", json_content(reference("Error"))}};
  return {
      {"summary", "Prometheus remote write 1.0: protobuf in snappy's block format"},
      {"x-role", to_string(web_role::publisher)},
      {"parameters", json::array()},
      {"requestBody", {{"content", {{"application/x-protobuf", body}}}}},
      {"responses",
       {{"2XX", {{"description", "taken and durable; there is no body"}}}, {"default", refused}}}};
}

json components() {
  json schemas = json::object();
  for (const named_shape& shape : named_shapes()) schemas[shape.name] = body_schema(shape.members);
  schemas["Reason"] = body_schema("code: string, message: string");
  schemas["Error"] = body_schema("error: Reason");
  return {{"schemas", std::move(schemas)},
          {"securitySchemes", {{"token", {{"type", "http"}, {"scheme", "bearer"}}}}}};
}

void get_openapi(api_call call) { call.respond(json_answer(openapi_document(call.open))); }

}  // namespace

std::string openapi_document(ways_in open) {
  json paths = json::object();
  for (const route& r : api_routes())
    for (const operation_shape& shape : operation_shapes()) {
      if (shape.method != r.method || shape.path != r.path) continue;
      std::string method{r.method};
      for (char& c : method) c = static_cast<char>(c - 'A' + 'a');
      paths[path_of(r.path)][method] = operation_of(r, shape);
    }
  if (open.remote_write) paths["/api/v1/write"]["post"] = remote_write();
  const json whole{{"openapi", "3.0.3"},
                   {"info",
                    {{"title", "faultline"},
                     {"version", "1"},
                     {"description", "docs/wire-protocol.md says more of every answer."}}},
                   {"paths", std::move(paths)},
                   {"components", components()},
                   {"security", json::array({json::object(), {{"token", json::array()}}})}};
  return whole.dump();
}

std::vector<route> openapi_routes() {
  return {{"GET", "/api/v1/openapi.json", "this API as a description of OpenAPI 3.0", get_openapi}};
}

}  // namespace faultline
