// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "messages/outcome.hpp"
#include "messages/sample.hpp"

namespace faultline {

enum class otlp_signal : std::uint8_t { metrics, logs, traces };
enum class otlp_encoding : std::uint8_t { protobuf, json };

/// Reads the body of an OTLP/HTTP request (opentelemetry-proto 1.x). Sums that grow are counters;
/// their deltas and those of histograms are rates per second; of histograms count and sum are kept,
/// of summaries the quantiles as well.
/// Fails: ec::malformed (what was handed out until then is to be thrown away), ec::too_large (JSON
/// with more than 500,000 values, or deeper than 64).
outcome<void> read_otlp(otlp_signal signal, otlp_encoding encoding, std::string_view body,
                        sample_sink& sink);

/// The answer to a request that was taken: partial success where @p rejected is not 0.
std::string otlp_answer(otlp_signal signal, otlp_encoding encoding, std::uint64_t rejected,
                        std::string_view why);
/// The body of an answer that is an error: a google.rpc.Status with its message.
std::string otlp_error(otlp_encoding encoding, std::string_view message);

}  // namespace faultline
