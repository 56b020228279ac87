// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "messages/event_pieces.hpp"
#include "tools/api.hpp"
#include "tools/api_layout.hpp"
#include "tools/commands.hpp"
#include "tools/dead_letters.hpp"
#include "tools/option_text.hpp"
#include "tools/progress.hpp"
#include "tools/session_keys.hpp"
#include "transport/http_server.hpp"
#include "transport/publisher_client.hpp"

namespace faultline {

namespace {

using json = nlohmann::ordered_json;

constexpr const char* replay_publisher = "dead-letter-replay";

struct letter_arguments {
  std::vector<std::string> ids;
  std::string reason, next, endpoint, timeout = "30s";
  std::size_t limit = 100;
  bool dry_run = false;
};

outcome<json> get_json(const api_server& server, const std::string& target) {
  const auto body = api_get(server, target);
  if (!body) return body.error();
  auto read = json::parse(*body, nullptr, false);
  if (!read.is_object())
    return failure{ec::malformed, "the server's answer to " + target + " is not what is expected"};
  return read;
}

outcome<kept_letter> letter_of(const json& from) {
  kept_letter l;
  try {  // the library throws where a member is missing or of another type
    l.id = from.at("id").get<std::string>();
    l.source = from.at("source").get<std::string>();
    l.content = from.at("content").get<std::string>();
    l.payload_bytes = from.at("payload_bytes").get<std::uint64_t>();
    l.truncated = from.at("truncated").get<bool>();
    l.ts = from.at("ts").get<std::int64_t>();
    auto payload = from_base64(from.at("payload_base64").get<std::string>());
    if (!payload) return payload.error();
    l.payload = std::move(*payload);
  } catch (const json::exception& e) {
    return failure{ec::malformed, std::string{"a dead letter of the server: "} + e.what()};
  }
  return l;
}

/// Whether an earlier replay left it.
bool from_replay(const kept_letter& l) {
  return l.source == std::string{"router "} + replay_publisher;
}

/// Hands every letter that is kept to @p take, the newest first; of one @p reason, where it is not
/// empty.
outcome<void> each_letter(const api_server& server, const std::string& reason,
                          const std::function<void(const kept_letter&)>& take) {
  constexpr const char* page_size = "1000";
  std::string next;
  do {
    const auto page = get_json(
        server,
        api_target("dead-letters", {{"reason", reason}, {"limit", page_size}, {"next", next}}));
    if (!page) return page.error();
    for (const auto& entry : page->value("letters", json::array())) {
      const auto letter = letter_of(entry);
      if (!letter) return letter.error();
      take(*letter);
    }
    const auto more = page->find("next");
    next = more != page->end() && more->is_string() ? more->get<std::string>() : std::string{};
  } while (!next.empty());
  return {};
}

/// Ids of the letters of one reason, the oldest first. Letters of earlier replays are left out:
/// they are sent in the place of the letter they came of.
outcome<std::vector<std::string>> ids_of_reason(const api_server& server,
                                                const std::string& reason) {
  std::vector<std::string> ids;
  const auto read = each_letter(server, reason, [&ids](const kept_letter& l) {
    if (!from_replay(l)) ids.push_back(l.id);
  });
  if (!read) return read.error();
  std::reverse(ids.begin(), ids.end());
  return ids;
}

/// Sends letters again, each as one request that is the same whenever it is sent: a letter that was
/// taken once is a duplicate. One that was refused by an earlier replay is a duplicate, too; what
/// that replay left is a letter with the same payload, which is sent for it.
class letter_replayer {
public:
  letter_replayer(const letter_arguments& a, const command_session& session)
      : a_{a}, session_{session} {}

  outcome<letter_fate> replay(const std::string& id) {
    const auto body =
        get_json(session_.server, api_target("dead-letters/" + percent_encode(id), {}));
    if (!body) {
      if (body.error().code != ec::not_found) return body.error();
      return letter_fate{id, "unknown", "no such letter is kept"};
    }
    const auto letter = letter_of(*body);
    if (!letter) return letter.error();
    const auto payload = replay_payload(*letter);
    if (!payload) return letter_fate{id, "not_sent", payload.error().what};
    if (a_.dry_run)
      return letter_fate{id, "would_send", std::to_string(payload->size()) + " bytes"};
    auto fate = send(id, *payload);
    if (!fate || fate->what != "duplicate") return fate;
    if (auto known = read_refused(); !known) return known.error();
    auto& same = refused_[*payload];
    if (same.empty()) return fate;
    const std::string newest = std::move(same.front());
    same.erase(same.begin());
    auto again = send(newest, *payload);
    if (!again) return again.error();
    again->id = id;
    if (again->what != "duplicate")
      again->text += (again->text.empty() ? "" : ", ") + ("sent as letter " + newest) +
                     ", which a replay that was refused had left";
    return again;
  }

private:
  /// What earlier replays left, by payload, the newest first. Read once: what this run leaves is
  /// for the next one.
  outcome<void> read_refused() {
    if (refused_read_) return {};
    refused_read_ = true;
    return each_letter(session_.server, "", [this](const kept_letter& l) {
      if (from_replay(l) && !l.truncated) refused_[l.payload].push_back(l.id);
    });
  }

  outcome<letter_fate> send(const std::string& id, const std::string& payload) {
    const auto place = replay_place_of(id);
    if (!place) return place.error();
    if (auto ready = connect(*place); !ready) return ready.error();
    letter_fate fate{id, "", ""};
    client_->observe([&fate](const publish_reply& reply, std::chrono::nanoseconds) {
      fate = fate_of(fate.id, reply);
    });
    const auto deadline = duration_of(a_.timeout);
    if (const auto sent = client_->send(payload, deadline); !sent) return sent.error();
    if (auto answered = client_->flush(deadline); !answered) return unanswered(answered.error());
    return fate;
  }

  outcome<void> connect(const replay_place& place) {
    if (client_ && epoch_ == place.epoch && client_->next_seq() == place.seq) return {};
    publisher_options options;
    if (!a_.endpoint.empty()) options.endpoint = a_.endpoint;
    auto keys = keys_of(session_);
    if (!keys) return keys.error();
    options.keys = std::move(*keys);
    options.publisher = replay_publisher;
    options.epoch = epoch_ = place.epoch;
    options.first_seq = place.seq;
    auto client = publisher_client::connect(options);
    if (!client) return client.error();
    client_ = std::move(*client);
    return {};
  }

  failure unanswered(const failure& why) const {
    if (why.code != ec::deadline_passed) return why;
    return {why.code, "no answer for " + a_.timeout +
                          ": is the server running (faultline status) and is this its "
                          "ingest.router endpoint (--endpoint)?"};
  }

  const letter_arguments& a_;
  const command_session& session_;
  std::unique_ptr<publisher_client> client_;
  std::string epoch_;
  std::map<std::string, std::vector<std::string>> refused_;
  bool refused_read_ = false;
};

int report(const std::vector<letter_fate>& fates, const command_session& session) {
  std::map<std::string, std::uint64_t> sums;
  bool fine = true;
  for (const auto& f : fates) {
    ++sums[f.what];
    fine = fine && (f.what == "accepted" || f.what == "duplicate" || f.what == "would_send");
  }
  if (session.format == output_format::json) {
    json out{{"letters", json::array()}, {"sums", sums}};
    for (const auto& f : fates)
      out["letters"].push_back({{"id", f.id}, {"outcome", f.what}, {"text", f.text}});
    std::puts(out.dump(2).c_str());
  } else {
    std::vector<std::vector<std::string>> table;
    for (const auto& f : fates) table.push_back({f.id, f.what, f.text});
    if (!table.empty())
      std::fputs(format_table({"ID", "OUTCOME", "TEXT"}, table, colours::of(1)).c_str(), stdout);
    std::string line;
    for (const auto& [what, count] : sums)
      line += (line.empty() ? "" : ", ") + format_count(count) + " " + what;
    std::puts(line.empty() ? "no such dead letter" : line.c_str());
  }
  return fine ? exit_code::ok : exit_code::failed;
}

int run_replay(const letter_arguments& a, const command_session& session) {
  if (a.ids.empty() == a.reason.empty())
    return report_usage("name the letters: their ids (faultline dead-letter list), or --reason");
  if (const auto keys = keys_of(session); !keys) return report_no_keys(keys.error(), session);
  auto ids = a.ids;
  if (!a.reason.empty()) {
    auto found = ids_of_reason(session.server, a.reason);
    if (!found) return report_failure(found.error());
    ids = std::move(*found);
  }
  letter_replayer replayer{a, session};
  std::vector<letter_fate> fates;
  outcome<void> done;
  {
    progress_bar bar{"replay dead letters", ids.size()};
    for (const auto& id : ids) {
      auto fate = replayer.replay(id);
      if (!fate) {
        done = fate.error();
        break;
      }
      fates.push_back(std::move(*fate));
      bar.at(fates.size());
    }
  }
  const int code = report(fates, session);
  return done ? code : report_failure(done.error());
}

}  // namespace

outcome<replay_place> replay_place_of(const std::string& id) {
  constexpr std::uint64_t per_epoch = 512;  // a window remembers 1,024
  const bool digits =
      !id.empty() && id.size() < 20 && id.find_first_not_of("0123456789") == std::string::npos;
  if (!digits) return failure{ec::invalid, "'" + harmless(id) + "' is not the id of a letter"};
  const std::uint64_t number = std::stoull(id);
  return replay_place{"letters-" + std::to_string(number / per_epoch), number % per_epoch + 1};
}

outcome<kept_letter> read_letter(const std::string& text) {
  return letter_of(json::parse(text, nullptr, false));
}

outcome<std::string> replay_payload(const kept_letter& l) {
  if (l.truncated)
    return failure{ec::invalid, "it was cut: " + std::to_string(l.payload.size()) + " of " +
                                    std::to_string(l.payload_bytes) +
                                    " bytes were kept (storage.dead_letter_bytes)"};
  if (l.content == "event") return with_default_ts(l.payload, l.ts);
  if (l.content == "payload" && !l.payload.empty()) return l.payload;
  return failure{ec::invalid, "it holds nothing that could be sent again"};
}

outcome<std::string> from_base64(std::string_view text) {
  std::string out;
  std::uint32_t group = 0;
  int bits = 0;
  while (!text.empty() && text.back() == '=') text.remove_suffix(1);
  for (const char c : text) {
    constexpr std::string_view digits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const auto digit = digits.find(c);
    if (digit == std::string_view::npos) return failure{ec::malformed, "not base64"};
    group = group << 6U | static_cast<std::uint32_t>(digit);
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    out.push_back(static_cast<char>(group >> static_cast<unsigned>(bits) & 0xffU));
  }
  return out;
}

letter_fate fate_of(const std::string& id, const publish_reply& reply) {
  using kind = publish_reply::kind;
  if (reply.what == kind::duplicate)
    return {id, "duplicate", "an earlier replay sent it, and no letter says that it was refused"};
  if (reply.what != kind::ack) return {id, "refused", reply.code + ": " + reply.text};
  if (reply.rejected.empty())
    return {id, "accepted", reply.accepted == 1 ? "" : std::to_string(reply.accepted) + " events"};
  const auto& first = reply.rejected.front();
  std::string text = std::string{to_string(first.reason)} + ": " + first.text;
  if (reply.accepted != 0) text += " (" + std::to_string(reply.accepted) + " others accepted)";
  return {id, "rejected", text};
}

void add_dead_letter_commands(CLI::App& app, command_session& session) {
  auto a = std::make_shared<letter_arguments>();
  CLI::App* group = app.add_subcommand("dead-letter", "What could not be taken, and why");
  group->require_subcommand(1);
  CLI::App* list = group->add_subcommand("list", "The newest first");
  list->add_option("--reason", a->reason, "Of this reason alone");
  list->add_option("--limit", a->limit, "At most so many")->capture_default_str();
  list->add_option("--next", a->next, "Go on from here: `next` of the answer before");
  list->callback([a, &session] {
    session.run = [a, &session] {
      const api_query query{
          {"reason", a->reason}, {"limit", std::to_string(a->limit)}, {"next", a->next}};
      return show_answer(session, api_target("dead-letters", query), layout_dead_letters);
    };
  });
  CLI::App* replay = group->add_subcommand(
      "replay", "Send letters again, as they were kept; one that was taken is not taken twice");
  replay->add_option("id", a->ids, "Ids of letters (dead-letter list)");
  replay->add_option("--reason", a->reason, "All letters of this reason, the oldest first");
  replay->add_flag("--dry-run", a->dry_run, "Only say what would be sent");
  replay->add_option("--endpoint", a->endpoint,
                     "ZeroMQ endpoint of the server [tcp://127.0.0.1:7802]");
  replay->add_option("--timeout", a->timeout, "Give up after so long without an answer")
      ->check(CLI::Validator(duration_check(), "DURATION"))
      ->capture_default_str();
  replay->callback(
      [a, &session] { session.run = [a, &session] { return run_replay(*a, session); }; });
}

}  // namespace faultline
