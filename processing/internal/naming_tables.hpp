// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string_view>

#include "processing/naming.hpp"

// What docs/wire-protocol.md says under "Names of other tools", as tables.
namespace faultline::naming_tables {

struct entity_rule {
  naming_style style;
  std::string_view label;
  std::string_view kind;
  std::string_view space = {};  ///< label that stands between the two, where it is there
  bool address = false;         ///< a port at its end does not count
  /// For logs and spans alone. Metrics of a service with several pods are those of each pod: one
  /// counter in two places would be no counter.
  bool words_only = false;
};

inline constexpr std::array entity_rules{
    entity_rule{naming_style::otel, "service.name", "service", "service.namespace", false, true},
    entity_rule{naming_style::otel, "k8s.pod.name", "pod"},
    entity_rule{naming_style::otel, "service.name", "service", "service.namespace"},
    entity_rule{naming_style::otel, "container.name", "container"},
    entity_rule{naming_style::otel, "k8s.node.name", "host"},
    entity_rule{naming_style::otel, "host.name", "host"},
    entity_rule{naming_style::prometheus, "pod", "pod"},
    entity_rule{naming_style::prometheus, "service_name", "service", "service_namespace"},
    entity_rule{naming_style::prometheus, "node", "host"},
    entity_rule{naming_style::prometheus, "instance", "host", {}, true},
    entity_rule{naming_style::prometheus, "host", "host", {}, true},
    entity_rule{naming_style::prometheus, "job", "service"},
    entity_rule{naming_style::plain, "pod", "pod"},
    entity_rule{naming_style::plain, "pod_name", "pod"},
    entity_rule{naming_style::plain, "service", "service"},
    entity_rule{naming_style::plain, "host", "host", {}, true},
};

inline constexpr std::array<std::string_view, 12> prometheus_source{
    "pod",  "service_name", "service_namespace",  "node",     "instance", "job",
    "host", "namespace",    "prometheus_replica", "endpoint", "cluster",  "prometheus"};
inline constexpr std::array<std::string_view, 4> plain_source{"pod", "pod_name", "service", "host"};

/// Which instance a resource is of: the first table any of whose labels is there. The last says of
/// what, for several may be in one pod.
inline constexpr std::array<std::string_view, 1> instance_id{"service.instance.id"};
inline constexpr std::array<std::string_view, 6> instance_place{
    "host.name", "host.id", "container.id", "container.name", "k8s.container.name", "process.pid"};
inline constexpr std::array<std::string_view, 2> instance_of_service{"service.name",
                                                                     "service.namespace"};

/// Beginnings of the metrics that every exporter has.
inline constexpr std::array<std::string_view, 6> everybodys{"up",      "process_",  "go_",
                                                            "python_", "promhttp_", "scrape_"};

inline constexpr std::array<std::string_view, 8> kept_attributes{"k8s.namespace.name",
                                                                 "k8s.cluster.name",
                                                                 "deployment.environment",
                                                                 "deployment.environment.name",
                                                                 "service.version",
                                                                 "cloud.region",
                                                                 "namespace",
                                                                 "cluster"};

/// Whom a span calls: the first that is there. @c needs: only beside this label. @c url: its host.
/// Those with `net.`, `http.` and `messaging.destination` are of instrumentations of before 2023.
struct peer_rule {
  std::string_view label;
  std::string_view kind;
  std::string_view needs = {};
  bool url = false;
};
inline constexpr std::array peer_rules{
    peer_rule{"peer.service", "service"},
    peer_rule{"db.namespace", "db"},
    peer_rule{"db.name", "db"},
    peer_rule{"messaging.destination.name", "queue"},
    peer_rule{"messaging.destination", "queue"},
    peer_rule{"server.address", "db", "db.system"},
    peer_rule{"server.address", "db", "db.system.name"},
    peer_rule{"net.peer.name", "db", "db.system"},
    peer_rule{"server.address", "remote"},
    peer_rule{"net.peer.name", "remote"},
    peer_rule{"url.full", "remote", {}, true},
    peer_rule{"http.url", "remote", {}, true},
    peer_rule{"network.peer.address", "remote"},
};

}  // namespace faultline::naming_tables
