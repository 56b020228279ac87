// SPDX-License-Identifier: Apache-2.0
//
// The rights that stand in a client's file, and how files of keys are written.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <sstream>
#include <utility>

#include "messages/text.hpp"
#include "transport/internal/key_times.hpp"
#include "transport/internal/zpl.hpp"
#include "transport/key_file.hpp"

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

outcome<void> take(const zpl_entry& e, client_rights& client) {
  if (e.name == "allow") return allow(e, client);
  if (e.name == "entity") {
    if (e.value.empty() || check_name(e.value) != text_fault::none ||
        e.value.find('"') != std::string::npos)
      return at_line(e, "is no beginning of an entity's name");
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
    if (e.value.find("://") == std::string::npos || check_name(e.value) != text_fault::none ||
        e.value.find('"') != std::string::npos)
      return at_line(e, "is no endpoint such as tcp://127.0.0.1:7801");
    client.endpoint = e.value;
    return {};
  }
  return at_line(e,
                 "is not known: allow, entity, events-per-second, max-entities, not-after, "
                 "endpoint are");
}

/// Writes a file that is not there yet; all of it or nothing.
outcome<void> write_new(const fs::path& file, std::string_view text, mode_t mode) {
  const auto failed = [&file](const char* doing) {
    return failure{ec::io_failed, std::string{"cannot "} + doing + " " + file.string() + ": " +
                                      std::strerror(errno)};
  };
  const int out = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
  if (out < 0) return failed("create");
  const bool written =
      ::fchmod(out, mode) == 0 &&
      ::write(out, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
      ::fsync(out) == 0;
  const auto result = written ? outcome<void>{} : outcome<void>{failed("write")};
  ::close(out);
  if (!written) ::unlink(file.c_str());
  return result;
}

}  // namespace

outcome<client_rights> read_client(std::string_view text, const std::string& name) {
  const auto entries = read_zpl(text);
  if (!entries) return entries.error();
  client_rights client;
  client.name = name;
  if (check_name(name) != text_fault::none) return failure{ec::malformed, "its name is no text"};
  std::uint8_t key[32];
  for (const zpl_entry& e : *entries) {
    if (e.section == "curve" && e.name == "secret-key")
      return failure{ec::invalid, "holds a secret key, which only its client may have"};
    if (e.section == "curve" && e.name == "public-key") client.public_key = e.value;
    if (e.section != "faultline") continue;
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

outcome<client_rights> write_new_keys(const fs::path& directory, client_rights client) {
  if (client.name.empty() || client.name.front() == '.' ||
      client.name.find_first_of("/\"\n") != std::string::npos ||
      check_name(client.name) != text_fault::none)
    return failure{ec::invalid, "'" + client.name + "' is no name for a file of keys"};
  client_rights scratch;
  for (const auto& prefix : client.entities)
    if (!take({"faultline", "entity", prefix, 0}, scratch))
      return failure{ec::invalid, "'" + prefix + "' is no beginning of an entity's name"};
  if (!client.endpoint.empty() && !take({"faultline", "endpoint", client.endpoint, 0}, scratch))
    return failure{ec::invalid, "'" + client.endpoint + "' is no endpoint"};
  const auto identity = new_identity();
  client.public_key = identity.public_key;
  const fs::path hidden = directory / (client.name + ".secret");
  std::string text =
      "#   ZeroMQ CURVE **Secret** Certificate\n"
      "#   DO NOT PROVIDE THIS FILE TO OTHER USERS nor change its permissions.\n\n"
      "metadata\n    name = \"" +
      client.name + "\"\ncurve\n    public-key = \"" + client.public_key +
      "\"\n    secret-key = \"";
  text.reserve(text.size() + 64);  // no copy of the key is left behind
  text.append(identity.secret_key.reveal()).append("\"\n");
  const auto written = write_new(hidden, text, 0600);
  wipe(text.data(), text.size());
  if (!written) return written.error();
  if (auto open = write_new(directory / (client.name + ".pub"), client_text(client), 0644); !open) {
    ::unlink(hidden.c_str());
    return open.error();
  }
  return client;
}

}  // namespace faultline
