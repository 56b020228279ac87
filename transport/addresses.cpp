// SPDX-License-Identifier: Apache-2.0
#include "transport/addresses.hpp"

#include <utility>

#include "transport/internal/curve.hpp"
#include "transport/internal/http_text.hpp"

namespace faultline {

std::vector<address_problem> address_problems(const socket_options& o) {
  std::vector<address_problem> found;
  const auto& s = o.security;
  std::vector<std::pair<std::string, std::string>> bound{{"feed.publish", o.publish},
                                                         {"feed.replay", o.replay}};
  for (const auto& e : o.pull) bound.emplace_back("ingest.pull", e);
  for (const auto& e : o.router) bound.emplace_back("ingest.router", e);
  for (const auto& [key, endpoint] : bound) {
    const bool local = is_local(endpoint);
    if (!s.key.empty() || (local && s.curve == curve_mode::network)) continue;
    found.push_back(
        {key, endpoint +
                  (local ? " asks for keys (security.curve: always)" : " is open to a network") +
                  ", and security.key names no key of this server. Make one with "
                  "`faultline keygen server --out DIRECTORY` and name it, or bind to "
                  "127.0.0.1"});
  }
  if (!s.key.empty() && s.clients.empty())
    found.push_back(
        {"security.clients", "is empty: it names the directory of the clients' public keys"});
  for (const auto& endpoint : o.subscribe)
    if (!is_local(endpoint) && s.key.empty())
      found.push_back({"ingest.subscribe",
                       endpoint +
                           " leads over a network, and security.key names no key of this server. "
                           "Make one with `faultline keygen server --out DIRECTORY` and name it"});
    else if (!is_local(endpoint) && s.clients.empty())
      found.push_back({"ingest.subscribe", no_client_behind(endpoint)});
  return found;
}

std::vector<address_problem> address_problems(const web_options& o) {
  std::vector<address_problem> found;
  const std::string key = "web.listen_address";
  if (o.tls_certificate.empty() != o.tls_key.empty())
    found.push_back({"web.tls_certificate", "and web.tls_key go together"});
  if (const auto parts = read_address(o.listen_address); !parts) {
    found.push_back({key, parts.error().what});
    return found;
  }
  const bool tls = !o.tls_certificate.empty();
  if (is_local("tcp://" + o.listen_address) || (tls && !o.tokens.empty())) return found;
  found.push_back(
      {key, o.listen_address + " is open to a network, and " +
                (tls ? "web.tokens names no tokens. Make one with `faultline token create NAME "
                       "--role viewer --file FILE`"
                     : "web.tls_certificate and web.tls_key name no certificate") +
                ", or listen on 127.0.0.1"});
  return found;
}

std::string no_client_behind(const std::string& endpoint) {
  return endpoint +
         " leads over a network, and no file in security.clients names it: a NAME.pub with the "
         "publisher's public key and endpoint = \"" +
         endpoint + "\" in its section faultline is needed";
}

std::optional<std::string> line_address_problem(const std::string& endpoint, bool networks) {
  const bool known = endpoint.rfind("udp://", 0) == 0 || endpoint.rfind("tcp://", 0) == 0;
  if (!known) return endpoint + " is neither udp://host:port nor tcp://host:port";
  if (networks || is_local("tcp://" + endpoint.substr(6))) return {};
  return endpoint +
         " is open to a network, where nobody can prove who sends: listen on 127.0.0.1, or say so "
         "with ingest.unproven_networks";
}

std::vector<address_problem> address_problems(const receiver_options& o) {
  std::vector<address_problem> found;
  for (const auto& [key, all] :
       {std::pair{"ingest.syslog", &o.syslog}, std::pair{"ingest.statsd", &o.statsd}})
    for (const auto& endpoint : *all)
      if (auto wrong = line_address_problem(endpoint, o.unproven_networks))
        found.push_back({key, std::move(*wrong)});
  return found;
}

}  // namespace faultline
