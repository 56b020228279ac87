// SPDX-License-Identifier: Apache-2.0
#include "transport/decode/collectd.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include <nlohmann/json.hpp>

#include "transport/decode/internal/bounded_json.hpp"

namespace faultline {

namespace {

using nlohmann::json;

constexpr std::size_t most_name = 4096;

std::string_view text_at(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get_ref<const std::string&>()
                                                     : std::string_view{};
}

double number_at(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number() ? found->get<double>() : 0;
}

std::string_view text_of(const json& list, std::size_t index) {
  return list.is_array() && index < list.size() && list[index].is_string()
             ? list[index].get_ref<const std::string&>()
             : std::string_view{};
}

void add_part(std::string& name, std::string_view part) {
  if (part.empty()) return;
  if (!name.empty()) name.push_back('.');
  name.append(part);
}

bool counts(std::string_view kind) noexcept { return kind == "derive" || kind == "counter"; }

/// Whether something that counts is no whole number. With StoreRates collectd calls its rates as it
/// calls what they are of.
bool has_rates(const json& lists) {
  const auto is_rate = [](const json& object) {
    if (!object.is_object()) return false;
    const auto values = object.find("values");
    const auto types = object.find("dstypes");
    if (values == object.end() || types == object.end() || !values->is_array()) return false;
    for (std::size_t i = 0; i < values->size(); ++i) {
      const json& v = (*values)[i];
      if (!v.is_number_float() || !counts(text_of(*types, i))) continue;
      if (std::trunc(v.get<double>()) != v.get<double>()) return true;
    }
    return false;
  };
  return std::any_of(lists.begin(), lists.end(), is_rate);
}

/// Whether @p object is a list of values at all. @p rates: what counts comes as rates.
bool tell(const json& object, bool rates, sample_sink& sink) {
  if (!object.is_object()) return false;
  const auto values = object.find("values");
  const auto plugin = text_at(object, "plugin");
  const auto host = text_at(object, "host");
  if (values == object.end() || !values->is_array() || plugin.empty() || host.empty()) return false;
  const auto types = object.value("dstypes", json::array());
  const auto names = object.value("dsnames", json::array());
  const auto type = text_at(object, "type");
  const auto plugin_instance = text_at(object, "plugin_instance");
  const auto type_instance = text_at(object, "type_instance");
  // Each value has them all: a list may say long ones once, and mean a million values by it.
  if (plugin.size() + plugin_instance.size() + type.size() + type_instance.size() + host.size() >
      most_name)
    return false;
  const double interval = number_at(object, "interval");
  const double time_s = number_at(object, "time");
  const sample_labels labels{{"host", host}};
  std::string name;
  for (std::size_t i = 0; i < values->size(); ++i) {
    if (!(*values)[i].is_number()) {  // null: not known
      sink.leave_out(left_out::no_value);
      continue;
    }
    name.clear();
    add_part(name, plugin);
    add_part(name, plugin_instance);
    if (type != plugin) add_part(name, type);
    add_part(name, type_instance);
    if (const auto source = text_of(names, i); source != "value") add_part(name, source);
    const auto kind = text_of(types, i);
    metric_sample s;
    s.name = name;
    s.value = (*values)[i].get<double>();
    s.ts_ms = time_s > 0 && time_s < 1e11 ? static_cast<std::int64_t>(time_s * 1000) : 0;
    if (counts(kind)) s.kind = rates ? metric_kind::rate : metric_kind::counter;
    if (kind == "absolute" && interval > 0 && !rates) s.value /= interval;
    sink.metric(s, labels);
  }
  return true;
}

}  // namespace

outcome<void> read_collectd(std::string_view body, sample_sink& sink) {
  const auto tree = parse_bounded_json(body);
  if (!tree) return tree.error();
  if (!tree->is_array()) return failure{ec::malformed, "collectd posts a list"};
  const bool rates = has_rates(*tree);
  std::size_t read = 0;
  for (const auto& object : *tree) {
    if (tell(object, rates, sink))
      ++read;
    else
      sink.leave_out(left_out::malformed);
  }
  if (read == 0 && !tree->empty()) return failure{ec::malformed, "there are no values of collectd"};
  return {};
}

}  // namespace faultline
