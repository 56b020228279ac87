// SPDX-License-Identifier: Apache-2.0
#include "judgement/remediation.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace faultline {
namespace {

struct component_hint {
  std::string_view word;
  std::string_view component;
};

/// Names that say what a thing is, whatever it was filed under.
constexpr std::array hints{
    component_hint{"redis", "cache"},     component_hint{"memcache", "cache"},
    component_hint{"cache", "cache"},     component_hint{"rabbit", "queue"},
    component_hint{"kafka", "queue"},     component_hint{"queue", "queue"},
    component_hint{"nats", "queue"},      component_hint{"postgres", "db"},
    component_hint{"mysql", "db"},        component_hint{"maria", "db"},
    component_hint{"mongo", "db"},        component_hint{"dynamo", "db"},
    component_hint{"database", "db"},     component_hint{"gateway", "gateway"},
    component_hint{"ingress", "gateway"}, component_hint{"proxy", "gateway"},
};

constexpr std::array<std::string_view, 6> filed_well{"db",   "cache", "queue",
                                                     "host", "node",  "gateway"};

bool is_any(const std::string& pattern) { return pattern.empty() || pattern == "*"; }

}  // namespace

std::string component_of(std::string_view entity) {
  const auto slash = entity.find('/');
  const std::string_view kind = slash == std::string_view::npos ? "" : entity.substr(0, slash);
  if (std::find(filed_well.begin(), filed_well.end(), kind) != filed_well.end()) {
    return kind == "node" ? "host" : std::string{kind};
  }
  std::string name{slash == std::string_view::npos ? entity : entity.substr(slash + 1)};
  for (char& c : name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  for (const component_hint& h : hints) {
    if (name.find(h.word) != std::string::npos) return std::string{h.component};
  }
  if (name == "db" || (name.size() > 3 && name.compare(name.size() - 3, 3, "-db") == 0)) {
    return "db";
  }
  return kind.empty() ? "service" : std::string{kind};
}

std::vector<remediation_item> remediation_for(std::string_view entity, std::string_view fault_class,
                                              const std::vector<runbook>& runbooks,
                                              std::size_t most) {
  const std::string component = component_of(entity);
  std::vector<std::pair<int, const runbook*>> fitting;
  for (const runbook& r : runbooks) {
    const bool any_component = is_any(r.component);
    const bool any_class = is_any(r.fault_class);
    if (!any_component && r.component != component) continue;
    if (!any_class && r.fault_class != fault_class) continue;
    fitting.emplace_back((any_class ? 2 : 0) + (any_component ? 1 : 0), &r);
  }
  std::stable_sort(fitting.begin(), fitting.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  if (fitting.size() > most) fitting.resize(most);
  std::vector<remediation_item> items;
  for (const auto& [rank, r] : fitting) items.push_back({r->title, r->steps, r->link, 0, 0});
  return items;
}

}  // namespace faultline
