// SPDX-License-Identifier: Apache-2.0
//
// OTLP/HTTP: /v1/metrics, /v1/logs and /v1/traces, in protobuf and JSON.
#include <algorithm>
#include <optional>
#include <string>

#include "server/internal/receivers.hpp"
#include "transport/decode/otlp.hpp"

namespace faultline {

namespace {

/// By the type of the body, without its parameters; nothing: one that OTLP has not.
std::optional<otlp_encoding> encoding_of(const http_request& request) {
  std::string type{header_of(request, "Content-Type")};
  type = type.substr(0, type.find_first_of("; "));
  std::transform(type.begin(), type.end(), type.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  if (type == "application/x-protobuf" || type == "application/protobuf")
    return otlp_encoding::protobuf;
  if (type == "application/json") return otlp_encoding::json;
  return std::nullopt;
}

http_response answer_in(otlp_encoding encoding, int status, std::string body) {
  http_response r;
  r.status = status;
  r.content_type = encoding == otlp_encoding::json ? "application/json" : "application/x-protobuf";
  r.body = std::move(body);
  return r;
}

receiver otlp_receiver(otlp_signal signal, const char* name) {
  receiver r;
  r.name = name;
  r.read = [signal](const http_request& request, std::string_view body,
                    post_tools& tools) -> outcome<void> {
    const auto encoding = encoding_of(request);
    if (!encoding)
      return failure{ec::unsupported, "Content-Type is application/x-protobuf or application/json"};
    return read_otlp(signal, *encoding, body, tools.namer);
  };
  r.answer = [signal](const http_request& request, const post_result& result,
                      std::uint64_t rejected) {
    const auto encoding = *encoding_of(request);
    const auto& why = result.why.empty() ? std::string{"not finite, or without an entity, or beyond "
                                                       "naming.max_metrics"}
                                         : result.why;
    return answer_in(encoding, 200, otlp_answer(signal, encoding, rejected, why));
  };
  r.refuse = [](const http_request& request, int status, std::string_view message) {
    const auto encoding = encoding_of(request).value_or(otlp_encoding::json);
    return answer_in(encoding, status, otlp_error(encoding, message));
  };
  return r;
}

}  // namespace

void add_otlp(receiver_routes& to) {
  to.add("/v1/metrics", otlp_receiver(otlp_signal::metrics, "otlp_metrics"));
  to.add("/v1/logs", otlp_receiver(otlp_signal::logs, "otlp_logs"));
  to.add("/v1/traces", otlp_receiver(otlp_signal::traces, "otlp_traces"));
}

}  // namespace faultline
