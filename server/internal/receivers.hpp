// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "server/receivers.hpp"

namespace faultline {

void add_otlp(receiver_routes& to);

/// {error: {code, message}}, for protocols that have no form of their own.
http_response plain_refusal(const http_request& request, int status, std::string_view message);

}  // namespace faultline
