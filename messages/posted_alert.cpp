// SPDX-License-Identifier: Apache-2.0
#include "messages/posted_alert.hpp"

#include <nlohmann/json.hpp>

#include "messages/identity.hpp"

namespace faultline {

using nlohmann::json;

std::string posted_json(const std::vector<posted_alert>& alerts) {
  json list = json::array();
  for (const posted_alert& a : alerts)
    list.push_back({{"labels", a.labels},
                    {"annotations", a.annotations},
                    {"starts", unix_ms(a.starts)},
                    {"ends", unix_ms(a.ends)},
                    {"generator", a.generator},
                    {"entity", a.entity}});
  return list.dump(-1, ' ', false, json::error_handler_t::replace);
}

outcome<std::vector<posted_alert>> read_posted_json(std::string_view text) {
  const json list = json::parse(text, nullptr, false);
  if (!list.is_array()) return failure{ec::malformed, "posted alerts: not a JSON array"};
  std::vector<posted_alert> alerts;
  try {  // the library throws where a member is missing or of another type
    for (const json& one : list) {
      posted_alert& a = alerts.emplace_back();
      one.at("labels").get_to(a.labels);
      one.at("annotations").get_to(a.annotations);
      a.starts = event_time_of(one.at("starts").get<std::int64_t>());
      a.ends = event_time_of(one.at("ends").get<std::int64_t>());
      one.at("generator").get_to(a.generator);
      one.at("entity").get_to(a.entity);
    }
  } catch (const json::exception& e) {
    return failure{ec::malformed, std::string{"posted alerts: "} + e.what()};
  }
  return alerts;
}

std::string posted_again_json(const std::vector<posted_again>& alerts) {
  json list = json::array();
  for (const posted_again& a : alerts) list.push_back({a.print, unix_ms(a.ends)});
  return list.dump();
}

outcome<std::vector<posted_again>> read_posted_again_json(std::string_view text) {
  const json list = json::parse(text, nullptr, false);
  if (!list.is_array()) return failure{ec::malformed, "posted again: not a JSON array"};
  std::vector<posted_again> alerts;
  try {  // the library throws where a member is missing or of another type
    for (const json& one : list)
      alerts.push_back(
          {one.at(0).get<std::string>(), event_time_of(one.at(1).get<std::int64_t>())});
  } catch (const json::exception& e) {
    return failure{ec::malformed, std::string{"posted again: "} + e.what()};
  }
  return alerts;
}

std::string label_fingerprint(const std::map<std::string, std::string>& labels) {
  constexpr std::uint64_t basis = 14'695'981'039'346'656'037ULL;
  constexpr std::uint64_t prime = 1'099'511'628'211ULL;
  std::uint64_t hash = basis;
  const auto add = [&hash](std::string_view text) {
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * prime;
    hash = (hash ^ 0xffU) * prime;
  };
  for (const auto& [name, value] : labels) {
    add(name);
    add(value);
  }
  return to_hex(hash);
}

}  // namespace faultline
