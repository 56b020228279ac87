// SPDX-License-Identifier: Apache-2.0
//
// The rights that stand in a client's file.
#include <zmq.h>

#include <charconv>
#include <cmath>
#include <set>
#include <sstream>
#include <utility>

#include "messages/text.hpp"
#include "transport/internal/key_times.hpp"
#include "transport/internal/right_words.hpp"
#include "transport/internal/zpl.hpp"
#include "transport/key_file.hpp"
#include "transport/seal.hpp"

namespace faultline {

namespace fs = std::filesystem;

namespace {

failure at_line(const zpl_entry& e, const std::string& what) {
  return {ec::malformed, "line " + std::to_string(e.line) + ": " + e.name + " " + what};
}

template <class T>
bool read_number(const std::string& text, T& to) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), to);
  return error == std::errc{} && end == text.data() + text.size();
}

outcome<void> allow(const zpl_entry& e, client_rights& client) {
  std::istringstream words{e.value};
  for (std::string word; words >> word;) {
    if (word != "ingest" && word != "feed") return at_line(e, "is ingest, feed, or both");
    (word == "ingest" ? client.ingest : client.feed) = true;
  }
  return {};
}

/// Of two lines that bound the same, nobody can say which one was meant.
outcome<void> said_once(const zpl_entry& e, std::set<std::string>& said) {
  if (e.name == "allow" || e.name == "entity" || said.insert(e.name).second) return {};
  return at_line(e, "stands there twice");
}

outcome<void> take(const zpl_entry& e, client_rights& client) {
  if (e.name == "allow") return allow(e, client);
  if (e.name == "entity") {
    if (!is_entity_prefix(e.value)) return at_line(e, "is no beginning of an entity's name");
    client.entities.push_back(e.value);
    return {};
  }
  if (e.name == "events-per-second") {
    const bool good = read_number(e.value, client.events_per_second) &&
                      std::isfinite(client.events_per_second) && client.events_per_second > 0;
    return good ? outcome<void>{} : at_line(e, "is no number above 0");
  }
  if (e.name == "max-entities") {
    const bool good = read_number(e.value, client.max_entities) && client.max_entities > 0;
    return good ? outcome<void>{} : at_line(e, "is no whole number above 0");
  }
  if (e.name == "not-after") {
    client.expiry = key_time_of(e.value);
    return client.expiry ? outcome<void>{}
                         : at_line(e, "is no time such as 2027-01-31 or 2027-01-31T12:00:00Z");
  }
  if (e.name == "endpoint") {
    if (!is_endpoint(e.value)) return at_line(e, "is no endpoint such as tcp://127.0.0.1:7801");
    client.endpoint = e.value;
    return {};
  }
  return at_line(e,
                 "is not known: allow, entity, events-per-second, max-entities, not-after, "
                 "endpoint are");
}

}  // namespace

bool is_entity_prefix(std::string_view text) {
  return !text.empty() && check_name(text) == text_fault::none &&
         text.find('"') == std::string_view::npos;
}

bool is_endpoint(std::string_view text) {
  return text.find("://") != std::string_view::npos && check_name(text) == text_fault::none &&
         text.find('"') == std::string_view::npos;
}

outcome<client_rights> read_client(std::string_view text, const std::string& name) {
  const auto entries = read_zpl(text);
  if (!entries) return entries.error();
  client_rights client;
  client.name = name;
  if (check_name(name) != text_fault::none) return failure{ec::malformed, "its name is no text"};
  std::uint8_t key[32];
  std::set<std::string> said;
  for (const zpl_entry& e : *entries) {
    if (e.section == "curve" && e.name == "secret-key")
      return failure{ec::invalid, "holds a secret key, which only its client may have"};
    const bool is_key = e.section == "curve" && e.name == "public-key";
    if (!is_key && e.section != "faultline") continue;
    if (auto once = said_once(e, said); !once) return once.error();
    if (is_key) {
      client.public_key = e.value;
      continue;
    }
    if (auto taken = take(e, client); !taken) return taken.error();
  }
  if (client.public_key.size() != 40 || zmq_z85_decode(key, client.public_key.c_str()) == nullptr)
    return failure{ec::malformed, "there is no public-key of 40 characters in a section curve"};
  if (!client.ingest && !client.feed && client.endpoint.empty())
    return failure{ec::malformed,
                   "it may do nothing: a section faultline with allow = \"ingest\" is missing"};
  if (!client.endpoint.empty()) client.ingest = true;
  return client;
}

std::string client_text(const client_rights& client) {
  std::ostringstream out;
  out << "#   ZeroMQ CURVE **Public** Certificate\n"
         "#   The public key of "
      << client.name << ", and what its holder may do.\n\n"
      << "metadata\n    name = \"" << client.name << "\"\n"
      << "curve\n    public-key = \"" << client.public_key << "\"\n";
  if (!client.ingest && !client.feed && client.endpoint.empty()) return out.str();
  out << "faultline\n    allow = \"" << (client.ingest ? "ingest" : "")
      << (client.ingest && client.feed ? " " : "") << (client.feed ? "feed" : "") << "\"\n";
  for (const auto& prefix : client.entities) out << "    entity = \"" << prefix << "\"\n";
  if (client.events_per_second > 0) {
    char rate[32];
    const auto end = std::to_chars(rate, rate + sizeof rate, client.events_per_second).ptr;
    out << "    events-per-second = \"" << std::string_view(rate, end - rate) << "\"\n";
  }
  if (client.max_entities > 0) out << "    max-entities = \"" << client.max_entities << "\"\n";
  if (client.expiry) out << "    not-after = \"" << key_time_text(*client.expiry) << "\"\n";
  if (!client.endpoint.empty()) out << "    endpoint = \"" << client.endpoint << "\"\n";
  return out.str();
}

}  // namespace faultline
