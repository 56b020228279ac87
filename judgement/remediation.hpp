// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "judgement/options.hpp"
#include "messages/incident.hpp"

namespace faultline {

/// What an entity is, for runbooks: "cache" of "cache/session", "db" of "service/orders-postgres",
/// else the part before '/'.
std::string component_of(std::string_view entity);

/// The runbooks that fit, the most specific first: component and class named, class alone,
/// component alone, neither; equal ones in the order given. At most @p most.
std::vector<remediation_item> remediation_for(std::string_view entity, std::string_view fault_class,
                                              const std::vector<runbook>& runbooks,
                                              std::size_t most = 3);

}  // namespace faultline
