// SPDX-License-Identifier: Apache-2.0
#include "config/scrape.hpp"

#include <chrono>

#include "config/config.hpp"
#include "config/internal/units.hpp"
#include "config/internal/web_url.hpp"

namespace faultline {
namespace {

constexpr std::size_t most_targets = 4096;

bool has_scheme(const std::string& url, const char* scheme) { return url.rfind(scheme, 0) == 0; }

/// "web-1:9100" with what it leaves out.
std::string whole_url(std::string url) {
  if (url.find("://") == std::string::npos) url.insert(0, "http://");
  if (url.find('/', url.find("://") + 3) == std::string::npos) url += "/metrics";
  return url;
}

void read_time(const yaml_entry& e, const std::string& key, std::chrono::milliseconds& into,
               problem_list& problems) {
  const auto time = read_duration(e, key, std::chrono::seconds{1}, std::chrono::hours{1},
                                  std::chrono::milliseconds{1}, problems);
  if (time) into = std::chrono::duration_cast<std::chrono::milliseconds>(*time);
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
  else if (!names_host(t.url))
    problems.add(node.Mark(), path,
                 "\"" + t.url + "\" is no address such as http://web-1:9100/metrics");
  if (t.job.empty()) problems.add(node.Mark(), path, "has an empty job");
  if (t.timeout > t.interval) problems.add(node.Mark(), path, "waits longer than its interval");
  return t;
}

}  // namespace

void read_scrape(const yaml_entry& entry, const std::string& key, server_config& config,
                 problem_list& problems) {
  read_list(entry, key, config.receivers.scrape, read_target, problems, most_targets);
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
