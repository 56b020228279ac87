// SPDX-License-Identifier: Apache-2.0
#include "lab/simulation_graph.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "lab/rng.hpp"

namespace faultline {

namespace {

constexpr double peak_over_mean = 1.5;

constexpr std::array<std::string_view, 40> service_names{
    "cart",      "catalog",  "checkout",  "payment",  "orders",  "users",     "search",   "pricing",
    "inventory", "shipping", "reviews",   "accounts", "billing", "email",     "offers",   "media",
    "sessions",  "currency", "tax",       "returns",  "loyalty", "delivery",  "stock",    "profile",
    "auth",      "notify",   "recommend", "fraud",    "invoice", "warehouse", "labels",   "geo",
    "quotes",    "partners", "export",    "audit",    "coupons", "ratings",   "wishlist", "gifts"};

constexpr std::array<std::string_view, 6> host_prefixes{"node", "web", "app", "rack", "vm", "box"};

class builder {
public:
  builder(std::uint64_t seed, std::size_t services, topology_style style, bool rich)
      : rng_{seed, "graph"}, count_{services}, style_{style}, rich_{rich} {}

  sim_graph build() {
    names_.assign(service_names.begin(), service_names.end());
    for (std::size_t i = names_.size() - 1; i > 0; --i)
      std::swap(names_[i], names_[rng_.below(i + 1)]);
    graph_.usual_rps = rng_.uniform(60, 300);
    add_services();
    add_stores();
    if (style_ == topology_style::shared) share_some();
    std::stable_sort(graph_.edges.begin(), graph_.edges.end(),
                     [](const sim_edge& a, const sim_edge& b) { return a.from < b.from; });
    spread_load();
    add_hosts();
    return std::move(graph_);
  }

private:
  std::size_t add_node(node_kind kind, std::string id) {
    sim_node n;
    n.kind = kind;
    n.id = std::move(id);
    n.memory_base = rng_.uniform(0.38, 0.58);
    n.memory_limit = static_cast<double>(std::uint64_t{1} << (29 + rng_.below(4)));
    n.quota_cores = rng_.uniform(0.5, 4);
    n.bytes_per_request = rng_.uniform(1.5e3, 3e4);
    n.background_error = rng_.uniform(2e-4, 2e-3);
    n.fill_base = rng_.uniform(0.42, 0.6);
    shape(n);
    graph_.nodes.push_back(std::move(n));
    return graph_.nodes.size() - 1;
  }

  void shape(sim_node& n) {
    switch (n.kind) {
      case node_kind::gateway:
        n.service_ms = rng_.uniform(4, 12);
        break;
      case node_kind::service:
        n.service_ms = rng_.uniform(8, 50);
        break;
      case node_kind::db:
        n.service_ms = rng_.uniform(4, 20);
        n.disk_share = 0.5;
        n.disk_base = rng_.uniform(0.08, 0.22);
        break;
      case node_kind::cache:
        n.service_ms = rng_.uniform(0.6, 2);
        n.background_error /= 10;
        break;
      case node_kind::queue:
        n.service_ms = rng_.uniform(2, 8);
        n.disk_share = 0.4;
        n.disk_base = rng_.uniform(0.05, 0.15);
        break;
    }
  }

  void add_edge(std::size_t from, std::size_t to, double low, double high) {
    for (const auto& e : graph_.edges)
      if (e.from == from && e.to == to) return;
    sim_edge e;
    e.from = from;
    e.to = to;
    e.calls = rng_.uniform(low, high);
    e.net_ms = rng_.uniform(0.2, 1.5);
    e.retry = rng_.chance(0.5) ? rng_.uniform(0.2, 0.6) : 0;
    e.lag_s = rng_.uniform(8, 35);
    e.soft = graph_.nodes[to].kind == node_kind::cache;
    graph_.edges.push_back(e);
  }

  // The gateway, then services in layers; each is called by one or two of the layer above.
  void add_services() {
    std::vector<std::size_t> above{add_node(node_kind::gateway, "gateway/front")};
    const std::size_t stores = std::max<std::size_t>(2, (count_ - 1) * 3 / 10);
    std::size_t left = count_ - 1 - stores;
    std::size_t layers = left <= 3 ? 1 : left <= 12 ? 2 : 3;
    if (rich_ && left > 60) layers = left > 150 ? 5 : 4;
    for (std::size_t layer = 0; layer < layers; ++layer) {
      const std::size_t width =
          layer + 1 == layers ? left : std::max<std::size_t>(1, left / (layers - layer));
      std::vector<std::size_t> here;
      for (std::size_t i = 0; i < width; ++i) {
        here.push_back(add_node(node_kind::service, "service/" + next_name()));
        add_edge(above[i % above.size()], here.back(), 0.45, 1);
        if (above.size() > 1 && style_ != topology_style::tree && rng_.chance(0.4))
          add_edge(above[rng_.below(above.size())], here.back(), 0.25, 0.7);
      }
      left -= width;
      above = std::move(here);
    }
  }

  // Databases, caches and queues, first for services that call nobody.
  void add_stores() {
    const std::size_t stores = count_ - graph_.nodes.size();
    const std::size_t services = graph_.nodes.size() - 1;
    std::vector<std::size_t> owners;
    for (std::size_t s = services; s >= 1; --s) owners.push_back(s);
    for (std::size_t i = 0; i < stores; ++i) {
      const std::size_t owner = owners[i % owners.size()];
      const node_kind kind = i % 4 == 2   ? node_kind::cache
                             : i % 4 == 3 ? node_kind::queue
                                          : node_kind::db;
      const std::string of = graph_.nodes[owner].id.substr(8) + (i < owners.size() ? "" : "2");
      const std::size_t store =
          add_node(kind, kind == node_kind::db      ? "db/" + of + "-db"
                         : kind == node_kind::cache ? "cache/" + of + "-cache"
                                                    : "queue/" + of + "-queue");
      add_edge(owner, store, kind == node_kind::queue ? 0.3 : 0.6,
               kind == node_kind::cache ? 1.6 : 1.3);
      if (services > 1 && style_ != topology_style::tree && rng_.chance(0.45))
        add_edge(1 + rng_.below(services), store, 0.2, 0.7);
      if (kind == node_kind::cache) add_edge(owner, store - 2, 0.3, 0.6);  // a database for misses
    }
  }

  std::string next_name() {
    const std::size_t round = services_ / names_.size();
    std::string name = names_[services_++ % names_.size()];
    return round == 0 ? name : name + "-" + std::to_string(round + 1);
  }

  // One store in ten, and one late service in fifteen, serve a good part of the others.
  void share_some() {
    std::vector<std::size_t> services, stores;
    for (std::size_t n = 1; n < graph_.nodes.size(); ++n)
      (graph_.nodes[n].kind == node_kind::service ? services : stores).push_back(n);
    for (std::size_t i = 0; i < 1 + stores.size() / 10; ++i) {
      const std::size_t store = stores[rng_.below(stores.size())];
      for (const std::size_t s : services)
        if (rng_.chance(0.3)) add_edge(s, store, 0.1, 0.4);
    }
    for (std::size_t i = 0; i < services.size() / 15; ++i) {
      const std::size_t late = services[services.size() - 1 - rng_.below(services.size() / 3)];
      for (const std::size_t s : services)
        if (s < late && rng_.chance(0.2)) add_edge(s, late, 0.1, 0.4);
    }
  }

  // Usual rates from the top down, then capacities: 20 to 42 % used at the peak of the day.
  void spread_load() {
    for (auto& n : graph_.nodes) n.usual_rps = 0;
    graph_.nodes[0].usual_rps = graph_.usual_rps;
    for (const auto& e : graph_.edges)
      graph_.nodes[e.to].usual_rps += graph_.nodes[e.from].usual_rps * e.calls;
    for (auto& n : graph_.nodes)
      n.capacity_rps = n.usual_rps * peak_over_mean / rng_.uniform(0.2, 0.42);
  }

  void add_hosts() {
    const std::size_t hosts = std::max<std::size_t>(2, (count_ + 3) / 4);
    const std::string prefix{host_prefixes[rng_.below(host_prefixes.size())]};
    for (std::size_t h = 0; h < hosts; ++h) {
      sim_host host;
      host.id = "host/" + prefix + "-" + std::to_string(h + 1);
      host.os_cpu = rng_.uniform(0.02, 0.05);
      host.os_memory = rng_.uniform(1e9, 3e9);
      host.disk_base = rng_.uniform(0.02, 0.06);
      host.fill_base = rng_.uniform(0.35, 0.6);
      graph_.hosts.push_back(host);
    }
    const std::size_t turn = rng_.below(hosts);
    for (std::size_t n = 0; n < graph_.nodes.size(); ++n) graph_.nodes[n].host = (n + turn) % hosts;
    for (std::size_t h = 0; h < hosts; ++h) size_host(h);
  }

  // 25 to 45 % of the processors are used at the peak of the day.
  void size_host(std::size_t h) {
    double cores = 0, memory = 0;
    for (const auto& n : graph_.nodes) {
      if (n.host != h) continue;
      cores += n.quota_cores * n.usual_rps * peak_over_mean / n.capacity_rps;
      memory += n.memory_limit;
    }
    graph_.hosts[h].cores = std::max(0.5, cores) / rng_.uniform(0.25, 0.45);
    graph_.hosts[h].memory_bytes = (memory + 4e9) * 1.3;
  }

  random_source rng_;
  std::size_t count_;
  topology_style style_;
  bool rich_;
  std::size_t services_ = 0;
  std::vector<std::string> names_;
  sim_graph graph_;
};

}  // namespace

std::vector<dependency> sim_graph::dependencies() const {
  std::vector<dependency> out;
  for (const auto& e : edges) out.push_back({nodes[e.from].id, nodes[e.to].id, edge_kind::calls});
  for (const auto& n : nodes) out.push_back({n.id, hosts[n.host].id, edge_kind::runs_on});
  return out;
}

sim_graph make_graph(std::uint64_t seed, std::size_t services, topology_style style, bool rich) {
  return builder{seed, services, style, rich}.build();
}

}  // namespace faultline
