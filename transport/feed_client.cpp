// SPDX-License-Identifier: Apache-2.0
#include "transport/feed_client.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <utility>

#include "transport/internal/feed_requests.hpp"

namespace faultline {

namespace {

using std::chrono::milliseconds;

constexpr std::size_t page_limit = 1000;
/// Seqs handed out that are remembered, so that a record is handed out once.
constexpr std::size_t remembered = 16384;
constexpr std::string_view heartbeat_topic = "feed/heartbeat";
constexpr std::string_view json_topic = "json/";

}  // namespace

struct feed_client::impl {
  impl(feed_client_options o, std::shared_ptr<zmq::context_t> c, zmq::socket_t s, kept_connection k)
      : options{std::move(o)},
        context{std::move(c)},
        socket{std::move(s)},
        kept{std::move(k)},
        requests{context, options.replay, options.request_deadline, options.keys} {
    all = std::find(options.prefixes.begin(), options.prefixes.end(), "") != options.prefixes.end();
  }
  ~impl() { zmq_socket_monitor(socket.handle(), nullptr, 0); }

  void receive_all();
  void wait_for_more(client_clock::time_point until);
  void take(std::string_view topic, std::string_view payload);
  void on_record(std::string_view topic, std::string_view payload, std::uint64_t seq);
  void on_heartbeat(std::uint64_t last);
  void start_at(std::uint64_t seq);
  void fill(std::uint64_t to);
  void fill_some();
  outcome<void> fetch(std::string_view prefix, std::uint64_t& upto,
                      std::map<std::uint64_t, feed_message>& found);
  /// Something came. Before the first heartbeat there may be more records than are kept here.
  bool is_live() const noexcept {
    return counters.heartbeats > 0 || counters.received > 0 || behind();
  }
  bool behind() const noexcept { return missing_to > complete; }
  bool hand_out(feed_message message);
  void remember(std::uint64_t seq);
  void advance();

  feed_client_options options;
  std::shared_ptr<zmq::context_t> context;
  zmq::socket_t socket;
  kept_connection kept;
  feed_requests requests;
  bool all = false;                  ///< one of the prefixes is ""
  std::deque<feed_message> ready;    ///< to be handed out
  std::set<std::uint64_t> seen;      ///< seqs handed out, the newest of them
  bool started = false;              ///< `complete` counts
  bool catch_up = false;             ///< asked to begin with older records and has not done so yet
  std::uint64_t complete = 0;        ///< every record up to here was handed out, or was not wanted
  std::uint64_t missing_to = 0;      ///< what is missing up to here is asked for, page by page
  bool gap_counted = false;          ///< that one
  std::optional<feed_message> held;  ///< live, behind what is missing
  std::uint64_t beat = 0;            ///< `last` of the heartbeat before
  std::uint64_t heard = 0;
  std::optional<failure> trouble;  ///< for the next call of next()
  feed_client_counters counters;
  frame_list message;
};

void feed_client::impl::receive_all() {
  kept.look_after(socket);
  while (ready.size() < page_limit && !trouble && !behind() && receive(socket, message))
    if (message.count == 2) take(message[0], message[1]);
}

void feed_client::impl::wait_for_more(client_clock::time_point until) {
  zmq_pollitem_t item{socket.handle(), 0, ZMQ_POLLIN, 0};
  wait_for(&item, 1, poll_ms_until(std::min(until, client_clock::now() + kept_connection::pause)));
}

void feed_client::impl::take(std::string_view topic, std::string_view payload) {
  // Who subscribes to all topics also gets the JSON twins that somebody else asked for.
  if (topic.substr(0, json_topic.size()) == json_topic) return;
  const auto stamp = read_stamp(payload);
  if (!stamp) {
    trouble = stamp.error();
    return;
  }
  heard = std::max(heard, stamp->seq);
  if (stamp->heartbeat) {
    on_heartbeat(stamp->seq);
  } else {
    on_record(topic, payload, stamp->seq);
  }
}

void feed_client::impl::on_record(std::string_view topic, std::string_view payload,
                                  std::uint64_t seq) {
  if (!started) start_at(seq - 1);
  if (all && seq > complete + 1 && seen.count(seq) == 0) fill(seq - 1);
  feed_message record{std::string{topic}, std::string{payload}, seq, false};
  if (behind()) {
    held = std::move(record);
    return;
  }
  if (hand_out(std::move(record))) ++counters.received;
  advance();
}

/// What was published before the heartbeat BEFORE this one has arrived or is lost: a record may be
/// numbered already while it is still on its way.
void feed_client::impl::on_heartbeat(std::uint64_t last) {
  ++counters.heartbeats;
  if (!started) start_at(last);
  if (last < beat) {  // another store: its numbers begin anew
    seen.clear();
    complete = heard = last;
    missing_to = 0;
  }
  const std::uint64_t certain = catch_up ? last : beat;
  if (certain > complete)
    fill(certain);
  else
    catch_up = false;
  beat = last;
}

void feed_client::impl::start_at(std::uint64_t seq) {
  started = true;
  complete = seq;
  beat = std::max(beat, seq);
}

/// What is missing in (complete, to] is asked for before anything else is received.
void feed_client::impl::fill(std::uint64_t to) {
  if (!options.fill_gaps) {
    complete = std::max(complete, to);
    catch_up = false;
    return;
  }
  if (all) ++counters.gaps;
  gap_counted = all;
  missing_to = std::max(missing_to, to);
}

/// Hands out a page of what is missing: a long past is not held as a whole.
void feed_client::impl::fill_some() {
  std::map<std::uint64_t, feed_message> found;
  std::uint64_t upto = missing_to;
  for (const std::string& prefix : all ? std::vector<std::string>{""} : options.prefixes) {
    auto fetched = fetch(prefix, upto, found);
    if (fetched) continue;
    trouble = fetched.error();
    missing_to = 0;  // until the next heartbeat
    break;
  }
  std::size_t handed_out = 0;
  for (auto& [seq, record] : found)
    if (seq <= upto) handed_out += hand_out(std::move(record)) ? 1 : 0;
  counters.replayed += handed_out;
  if (handed_out > 0 && !std::exchange(gap_counted, true)) ++counters.gaps;
  if (!trouble) complete = std::max(complete, upto);
  advance();
  if (behind()) return;
  catch_up = catch_up && trouble.has_value();
  if (held && hand_out(std::move(*held))) ++counters.received;
  held.reset();
  advance();
}

/// A page under @p prefix behind what is complete. @p upto: lowered to what the page covers.
outcome<void> feed_client::impl::fetch(std::string_view prefix, std::uint64_t& upto,
                                       std::map<std::uint64_t, feed_message>& found) {
  const std::uint64_t from = complete + 1;
  auto page = requests.replay(from, page_limit, prefix);
  if (!page) return page.error();
  if (page->next > from) upto = std::min(upto, page->next - 1);
  if (page->oldest > from) counters.expired += std::min(page->oldest, upto + 1) - from;
  for (feed_message& record : page->records)
    if (record.seq <= upto) found.emplace(record.seq, std::move(record));
  return {};
}

bool feed_client::impl::hand_out(feed_message record) {
  const bool old = !seen.empty() && seen.size() >= remembered && record.seq < *seen.begin();
  if (old || seen.count(record.seq) > 0) {
    ++counters.duplicates;
    return false;
  }
  remember(record.seq);
  ready.push_back(std::move(record));
  return true;
}

void feed_client::impl::remember(std::uint64_t seq) {
  seen.insert(seq);
  if (seen.size() > remembered) seen.erase(seen.begin());
}

/// Moves `complete` over what was handed out without a hole.
void feed_client::impl::advance() {
  if (!all) return;
  for (auto at = seen.find(complete + 1); at != seen.end() && *at == complete + 1; ++at) ++complete;
}

feed_client::feed_client(std::unique_ptr<impl> made) : impl_{std::move(made)} {}
feed_client::~feed_client() = default;

outcome<std::unique_ptr<feed_client>> feed_client::connect(const feed_client_options& options) {
  if (options.high_water_mark < 1)
    return failure{ec::invalid, "high_water_mark must be at least 1"};
  std::vector<std::string> subscriptions = options.prefixes;
  subscriptions.emplace_back(heartbeat_topic);
  auto context = client_context();
  std::optional<kept_connection> kept;
  auto socket = open_client_socket(*context,
                                   {zmq::socket_type::sub,
                                    "feed",
                                    options.publish,
                                    {options.high_water_mark, -1, 0},
                                    options.keys.get(),
                                    std::move(subscriptions)},
                                   &kept);
  if (!socket) return socket.error();
  auto made =
      std::make_unique<impl>(options, std::move(context), std::move(*socket), std::move(*kept));
  if (options.from > 0) {
    made->start_at(options.from - 1);
    made->catch_up = true;
  }
  return std::unique_ptr<feed_client>{new feed_client{std::move(made)}};
}

outcome<void> feed_client::wait_until_live(milliseconds deadline) {
  const auto until = client_clock::now() + deadline;
  while (!impl_->is_live()) {
    impl_->receive_all();
    if (impl_->is_live()) break;
    if (client_clock::now() >= until)
      return failure{ec::deadline_passed,
                     impl_->kept.refusal().empty()
                         ? "no heartbeat from " + impl_->options.publish
                         : std::string{"lets nobody in: "}.append(impl_->kept.refusal())};
    impl_->wait_for_more(until);
  }
  return {};
}

outcome<std::optional<feed_message>> feed_client::next(milliseconds timeout) {
  const auto until = client_clock::now() + timeout;
  for (;;) {
    if (impl_->trouble) return *std::exchange(impl_->trouble, std::nullopt);
    if (!impl_->ready.empty()) {
      std::optional<feed_message> first{std::move(impl_->ready.front())};
      impl_->ready.pop_front();
      return first;
    }
    if (impl_->behind())
      impl_->fill_some();
    else
      impl_->receive_all();
    if (!impl_->ready.empty() || impl_->trouble) continue;
    if (client_clock::now() >= until) return std::optional<feed_message>{};
    if (impl_->behind()) continue;
    impl_->wait_for_more(until);
  }
}

outcome<feed_snapshot> feed_client::snapshot() { return impl_->requests.snapshot(); }

outcome<replay_page> feed_client::replay(std::uint64_t from, std::size_t limit,
                                         std::string_view prefix) {
  return impl_->requests.replay(from, limit, prefix);
}

std::uint64_t feed_client::last_seq() const noexcept { return impl_->heard; }
const feed_client_counters& feed_client::counters() const noexcept { return impl_->counters; }

}  // namespace faultline
