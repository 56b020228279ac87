// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "transport/http_server.hpp"

namespace faultline {

/// Whether Accept-Encoding of @p request names gzip and does not refuse it (q=0).
bool takes_gzip(const http_request& request) noexcept;

/// @p text by gzip, quickly; nothing when zlib cannot.
std::optional<std::string> gzip(std::string_view text);

/// @p respond for an answer in the encoding @p request takes: JSON of a kibibyte and more is packed
/// by the thread that answers.
http_responder packed_for(const http_request& request, http_responder respond);

}  // namespace faultline
