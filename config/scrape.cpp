// SPDX-License-Identifier: Apache-2.0
#include "config/scrape.hpp"

#include <chrono>

#include "config/config.hpp"
#include "config/internal/units.hpp"

namespace faultline {
namespace {

constexpr std::size_t most_targets = 4096;
constexpr std::int64_t second_us = 1'000'000;

bool has_scheme(const std::string& url, const char* scheme) { return url.rfind(scheme, 0) == 0; }

/// "web-1:9100" with what it leaves out.
std::string whole_url(std::string url) {
  if (url.find("://") == std::string::npos) url.insert(0, "http://");
  if (url.find('/', url.find("://") + 3) == std::string::npos) url += "/metrics";
  return url;
}

void read_time(const yaml_entry& e, const std::string& key, std::chrono::milliseconds& into,
               problem_list& problems) {
  std::string text;
  if (!scalar_text(e, key, text, problems)) return;
  const auto us = parse_duration_us(text);
  if (!us || *us < second_us || *us > 3600 * second_us)
    return problems.add(e.value.Mark(), key, "\"" + text + "\" is no time between 1s and 1h");
  into = std::chrono::milliseconds{*us / 1000};
}

scrape_target read_target(const YAML::Node& node, const std::string& path, problem_list& problems) {
  scrape_target t;
  for (const auto& e : entries_of(node, path, {"url", "job", "interval", "timeout"}, problems)) {
    const std::string key = path + "." + e.name;
    if (e.name == "interval")
      read_time(e, key, t.interval, problems);
    else if (e.name == "timeout")
      read_time(e, key, t.timeout, problems);
    else
      scalar_text(e, key, e.name == "url" ? t.url : t.job, problems);
  }
  if (t.url.empty()) {
    problems.add(node.Mark(), path, "names no url");
    return t;
  }
  t.url = whole_url(t.url);
  if (!has_scheme(t.url, "http://") && !has_scheme(t.url, "https://"))
    problems.add(node.Mark(), path, t.url + " is neither http nor https");
  if (t.job.empty()) problems.add(node.Mark(), path, "has an empty job");
  if (t.timeout > t.interval) problems.add(node.Mark(), path, "waits longer than its interval");
  return t;
}

}  // namespace

void read_scrape(const yaml_entry& entry, const std::string& key, server_config& config,
                 problem_list& problems) {
  config.receivers.scrape.clear();
  if (entry.value.IsNull()) return;
  if (!entry.value.IsSequence()) return problems.add(entry.at, key, "is not a list");
  if (entry.value.size() > most_targets)
    return problems.add(entry.at, key, "has over 4,096 targets");
  std::size_t index = 0;
  for (const auto& item : entry.value)
    config.receivers.scrape.push_back(
        read_target(item, key + "[" + std::to_string(index++) + "]", problems));
}

std::string show_scrape(const server_config& config) {
  std::string all;
  for (const auto& t : config.receivers.scrape)
    all += (all.empty() ? "{url: " : ", {url: ") + t.url + ", job: " + t.job +
           ", interval: " + show_duration_us(t.interval.count() * 1000) +
           ", timeout: " + show_duration_us(t.timeout.count() * 1000) + "}";
  return "[" + all + "]";
}

}  // namespace faultline
