// SPDX-License-Identifier: Apache-2.0
#include "transport/internal/http_rules.hpp"

#include <algorithm>

#include "transport/internal/curve.hpp"

namespace faultline {

namespace {

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool same(std::string_view a, std::string_view b) noexcept {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

/// "host" of "host", "host:port", "[v6]" and "[v6]:port"; of anything else all of it, which is
/// nobody's name.
std::string_view without_port(std::string_view host) noexcept {
  const auto bracket = host.rfind(']');
  const auto end = bracket == std::string_view::npos ? host.rfind(':') : bracket + 1;
  if (end == std::string_view::npos || end == host.size()) return host;
  const auto port = host.substr(end + 1);
  const bool digits =
      std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; });
  return host[end] == ':' && digits ? host.substr(0, end) : host;
}

/// An IPv4-mapped loopback address is one as well: a socket of IPv6 takes both.
bool is_loopback(std::string_view address) {
  constexpr std::string_view mapped = "::ffff:";
  if (address.substr(0, mapped.size()) == mapped) address.remove_prefix(mapped.size());
  return is_local("tcp://" + std::string{address} + ":0");
}

}  // namespace

bool is_our_name(std::string_view host, const web_options& options, bool tokens) {
  if (tokens && options.hosts.empty()) return true;
  const auto name = without_port(host);
  std::string text{name};
  std::transform(text.begin(), text.end(), text.begin(), lower);
  if (is_local("tcp://" + text + ":0") || same(name, without_port(options.listen_address)))
    return true;
  return std::any_of(options.hosts.begin(), options.hosts.end(),
                     [name](const std::string& ours) { return same(name, without_port(ours)); });
}

bool is_open_path(std::string_view target) noexcept {
  const auto path = target.substr(0, target.find('?'));
  constexpr std::string_view files = "/assets/";
  return path == "/-/healthy" || path == "/-/ready" || path == "/" ||
         path.substr(0, files.size()) == files;
}

std::string_view bearer_of(std::string_view authorization) noexcept {
  constexpr std::string_view scheme = "bearer ";
  if (authorization.size() <= scheme.size() ||
      !same(authorization.substr(0, scheme.size()), scheme))
    return {};
  auto token = authorization.substr(scheme.size());
  while (!token.empty() && token.front() == ' ') token.remove_prefix(1);
  while (!token.empty() && token.back() == ' ') token.remove_suffix(1);
  return token;
}

bool address_budget::take(const std::string& address) {
  if (is_loopback(address)) return true;
  auto& open = open_[address];
  if (open >= most_) return false;
  ++open;
  return true;
}

void address_budget::give_back(const std::string& address) {
  const auto found = open_.find(address);
  if (found != open_.end() && --found->second == 0) open_.erase(found);
}

bool body_budget::take(const std::string& holder, std::size_t bytes) {
  if (bytes == 0) return true;
  if (bytes > most_ - all_) return false;
  const auto found = held_.find(holder);
  const std::size_t own = found == held_.end() ? 0 : found->second;
  if (all_ != 0 && own + bytes > (most_ - (all_ - own)) / 2) return false;
  held_[holder] += bytes;
  all_ += bytes;
  return true;
}

void body_budget::give_back(const std::string& holder, std::size_t bytes) noexcept {
  const auto found = held_.find(holder);
  if (found == held_.end()) return;
  all_ -= bytes;
  if ((found->second -= bytes) == 0) held_.erase(found);
}

}  // namespace faultline
