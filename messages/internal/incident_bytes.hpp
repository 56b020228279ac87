// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "messages/bytes.hpp"
#include "messages/incident.hpp"

namespace faultline {

/// Pieces that an incident and a root-cause result write alike. Not for other rooms.
void write_strings(field_writer& out, const std::vector<std::string>& strings);
void read_strings(field_reader& in, std::vector<std::string>& strings);
void write_causes(field_writer& out, const std::vector<ranked_cause>& causes);
void read_causes(field_reader& in, std::vector<ranked_cause>& causes);

}  // namespace faultline
