// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "processing/options.hpp"

namespace faultline {

/// Who a foreign alert is about, by its labels: `entity` as it is; else what @p rules name; else a
/// service, pod or host that is named by the labels people use for them (`service_name` with its
/// `service_namespace`, `service`, `pod`, `host`, `hostname`, `node`, `instance` without its port,
/// `job`); else `alert/<alertname>`. At most 256 bytes; `_` stands for what no name of an entity
/// may hold.
std::string posted_entity(const std::map<std::string, std::string>& labels,
                          const std::vector<naming_rule>& rules = {});

}  // namespace faultline
