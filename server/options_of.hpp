// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "config/config.hpp"
#include "messages/outcome.hpp"
#include "server/node.hpp"

namespace faultline {

/// Maintenance windows as they are said, with the zones of this machine. Fails: ec::invalid naming
/// the window.
outcome<std::vector<maintenance_window>> windows_of(const std::vector<window_words>& words,
                                                    bool configured);

/// Fails: ec::invalid, naming what no entity may be called.
outcome<void> check_edges(const std::vector<configured_edge>& edges);

/// What a node is built from, by configuration: fills in the shipped models and runbooks where the
/// file names none. Fails when a named file is missing or runbooks cannot be read, or when settings
/// are none that a node starts with: addresses, receivers.
outcome<node_options> options_of(const server_config& config);

/// Whether a node would start with it, as far as that can be told without one: also its models, its
/// cores, and the files that give rights. Fails: ec::invalid.
outcome<void> check_startable(const server_config& config);

}  // namespace faultline
