// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "dashboard/queries.hpp"

namespace faultline {

/// Bodies of the API's answers: one JSON object each. Numbers that are not finite are null, text
/// that is not UTF-8 comes with replacement characters.
std::string api_json(const server_status& status);
std::string api_json(const entity_page& page);
std::string api_json(const entity_details& entity);
std::string api_json(const window_series& window);
std::string api_json(const alert_page& page);
std::string api_json(const incident_page& page);
std::string api_json(const topology_view& topology);
std::string api_json(const overview_view& view);
std::string api_json(const incident_story& story);
std::string api_json(const entity_story& story);
std::string api_json(const quality_view& quality);
/// What a list shows of each alert, without what follows from it.
std::string brief_json(const alert_page& page);
std::string api_json(const dead_letter_view& letters);
std::string api_json(const dead_letter_view::letter& letter);
std::string api_json(const publisher_page& page);
std::string api_json(const told<incident>& incident);
std::string api_json(const reload_report& report);
std::string api_json(const rules_state& state);
std::string api_json(const model_state& state);
std::string api_json(const backup_state& state);

std::string base64(std::string_view bytes);

enum class feedback_kind : std::uint8_t { alert, incident };
/// Reads the body of a feedback request. Fails: ec::malformed, ec::invalid with a sentence.
outcome<feedback> read_feedback(std::string_view body, feedback_kind kind);
/// {by, comment, acknowledged}, each may be left out; an empty body is one without any.
outcome<acknowledgement> read_acknowledgement(std::string_view body);
/// {from, to, kind, action, by, comment}; kind and the last two may be left out.
outcome<edge_word> read_edge_word(std::string_view body);
/// {sha256}.
outcome<std::string> read_activation(std::string_view body);

}  // namespace faultline
