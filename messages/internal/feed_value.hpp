// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>

#include "messages/feed.hpp"

namespace faultline {

/// The records of the feed as object trees, without `seq` and `published`. Only for .cpp files of
/// this room.
nlohmann::json value_of(const alert& a);
nlohmann::json value_of(const incident& i);
nlohmann::json value_of(const notice& n);

/// Throw nlohmann::json::exception where a key is missing or has another type.
void read_value(const nlohmann::json& value, alert& a);
void read_value(const nlohmann::json& value, incident& i);
void read_value(const nlohmann::json& value, notice& n);

}  // namespace faultline
