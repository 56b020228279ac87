// SPDX-License-Identifier: Apache-2.0
#include "tools/sending.hpp"

#include <unistd.h>

#include <ctime>
#include <utility>

#include "messages/identity.hpp"
#include "tools/option_text.hpp"
#include "transport/publisher_client.hpp"

namespace faultline {

namespace {

constexpr std::size_t batch_bytes = 512 * 1024;  ///< half of what a payload may have
constexpr std::size_t kept_examples = 5;

/// Events of one request: a msgpack or JSON array in the making.
class gathered_batch {
public:
  bool empty() const noexcept { return lines_.empty(); }
  std::size_t events() const noexcept { return lines_.size(); }
  bool has_room_for(const input_event& event, std::size_t most) const noexcept {
    return empty() || (events() < most && encoding_ == event.encoding &&
                       body_.size() + event.bytes.size() < batch_bytes);
  }
  void add(const input_event& event) {
    if (encoding_ == wire_encoding::json && !empty()) body_ += ',';
    if (empty()) encoding_ = event.encoding;
    body_ += event.bytes;
    lines_.push_back(event.line);
  }
  /// Hands out the payload; lines() stay until the next add().
  std::string take(std::vector<std::uint64_t>& lines) {
    std::string payload;
    if (encoding_ == wire_encoding::json) {
      payload = "[" + body_ + "]";
    } else {
      encode_batch_header(lines_.size(), payload);
      payload += body_;
    }
    lines = std::move(lines_);
    lines_.clear();
    body_.clear();
    return payload;
  }

private:
  wire_encoding encoding_ = wire_encoding::msgpack;
  std::string body_;
  std::vector<std::uint64_t> lines_;
};

void add_example(sending_summary& s, std::uint64_t line, const std::string& text) {
  if (s.examples.size() >= kept_examples) return;
  s.examples.push_back(line == 0 ? text : "line " + std::to_string(line) + ": " + text);
}

/// What both ways of sending share.
class batching_sender : public event_sender {
public:
  explicit batching_sender(const sending_options& options)
      : options_{options}, started_{std::chrono::steady_clock::now()} {}

  outcome<void> add(const input_event& event) override {
    if (!batch_.has_room_for(event, options_.batch))
      if (auto sent = flush(); !sent) return sent;
    batch_.add(event);
    return {};
  }
  outcome<void> flush() override {
    if (batch_.empty()) return {};
    std::vector<std::uint64_t> lines;
    std::string payload = batch_.take(lines);
    summary_.sent += lines.size();
    ++summary_.requests;
    return send(std::move(payload), std::move(lines));
  }
  void note_fault(std::uint64_t line, const std::string& why) override {
    ++summary_.unreadable;
    add_example(summary_, line, why);
  }
  const sending_summary& summary() const override { return summary_; }

protected:
  virtual outcome<void> send(std::string payload, std::vector<std::uint64_t> lines) = 0;
  void stop_clock() {
    const std::chrono::duration<double> gone = std::chrono::steady_clock::now() - started_;
    summary_.seconds = gone.count();
  }
  milliseconds timeout() const { return duration_of(options_.timeout); }
  failure refused(std::string_view why) const {
    return {ec::deadline_passed, options_.endpoint + " lets nobody in: " + std::string{why} +
                                     " (--key-file, --server-key-file; a key that may publish "
                                     "stands in a file of security.clients)"};
  }

  sending_options options_;
  sending_summary summary_;

private:
  gathered_batch batch_;
  std::chrono::steady_clock::time_point started_;
};

class acknowledged_sender final : public batching_sender {
public:
  acknowledged_sender(const sending_options& options, std::unique_ptr<publisher_client> client)
      : batching_sender{options}, client_{std::move(client)} {
    client_->observe([this](const publish_reply& reply, std::chrono::nanoseconds) {
      const auto found = under_way_.find(reply.seq);
      if (found == under_way_.end()) return;
      count_reply(reply, found->second, summary_);
      under_way_.erase(found);
    });
  }

  outcome<void> wait(milliseconds time) override {
    const auto left = client_->poll(time);
    return left ? outcome<void>{} : outcome<void>{left.error()};
  }

  outcome<void> finish() override {
    if (auto sent = flush(); !sent) return sent;
    for (;;) {
      const std::uint64_t before = signs();
      const auto flushed = client_->flush(timeout());
      stop_clock();
      if (flushed) return {};
      if (!may_go_on(flushed.error(), before)) return unanswered(flushed.error());
    }
  }

protected:
  outcome<void> send(std::string payload, std::vector<std::uint64_t> lines) override {
    // The reply may come within send() only for requests before this one.
    under_way_[client_->next_seq()] = std::move(lines);
    for (;;) {
      const std::uint64_t before = signs();
      const auto taken = client_->send(payload, timeout());
      if (taken) return {};
      if (!may_go_on(taken.error(), before)) return unanswered(taken.error());
    }
  }

private:
  /// Grows while the server shows any sign of life.
  std::uint64_t signs() const noexcept {
    const publisher_counters& c = client_->counters();
    return c.answered + c.retries;
  }
  bool may_go_on(const failure& why, std::uint64_t before) const noexcept {
    return why.code == ec::deadline_passed && signs() != before;
  }
  failure unanswered(const failure& why) const {
    if (why.code != ec::deadline_passed) return why;
    if (!client_->refusal().empty()) return refused(client_->refusal());
    return {why.code, "no answer from " + options_.endpoint + " for " + options_.timeout + ": " +
                          std::to_string(client_->unanswered()) +
                          " requests are not acknowledged. Is the server running (faultline "
                          "status) and is this its ingest.router endpoint (--endpoint)? One that "
                          "asks for keys answers nobody without (--key-file, --server-key-file)"};
  }

  std::unique_ptr<publisher_client> client_;
  std::map<std::uint64_t, std::vector<std::uint64_t>> under_way_;
};

class forgetful_sender final : public batching_sender {
public:
  forgetful_sender(const sending_options& options, std::unique_ptr<push_client> client)
      : batching_sender{options}, client_{std::move(client)} {}

  outcome<void> wait(milliseconds time) override {
    usleep(static_cast<useconds_t>(time.count() * 1000));
    return {};
  }
  outcome<void> finish() override {
    auto sent = flush();
    stop_clock();
    return sent;
  }

protected:
  outcome<void> send(std::string payload, std::vector<std::uint64_t>) override {
    auto pushed = client_->push(payload, timeout());
    if (pushed || pushed.error().code != ec::deadline_passed) return pushed;
    if (!client_->refusal().empty()) return refused(client_->refusal());
    return failure{ec::deadline_passed, options_.endpoint + " took nothing for " +
                                            options_.timeout +
                                            ". Is the server running (faultline status)?"};
  }

private:
  std::unique_ptr<push_client> client_;
};

/// A name for this run: without the counter of an earlier one its seqs begin anew.
std::string new_epoch() {
  std::timespec now{};
  std::timespec_get(&now, TIME_UTC);
  return to_hex(static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U +
                static_cast<std::uint64_t>(now.tv_nsec)) +
         "-" + std::to_string(getpid());
}

}  // namespace

outcome<std::unique_ptr<event_sender>> event_sender::open(const sending_options& given,
                                                          std::shared_ptr<const curve_keys> keys) {
  sending_options options = given;
  if (options.endpoint.empty())
    options.endpoint =
        options.fire_and_forget ? push_options{}.endpoint : publisher_options{}.endpoint;
  if (options.fire_and_forget) {
    push_options push;
    push.endpoint = options.endpoint;
    push.keys = std::move(keys);
    push.linger = std::chrono::seconds{10};
    auto client = push_client::connect(push);
    if (!client) return client.error();
    return std::unique_ptr<event_sender>{
        std::make_unique<forgetful_sender>(options, std::move(*client))};
  }
  publisher_options publisher;
  publisher.endpoint = options.endpoint;
  publisher.keys = std::move(keys);
  publisher.publisher = options.publisher;
  publisher.epoch = options.epoch.empty() ? new_epoch() : options.epoch;
  publisher.window = options.window;
  auto client = publisher_client::connect(publisher);
  if (!client) return client.error();
  return std::unique_ptr<event_sender>{
      std::make_unique<acknowledged_sender>(options, std::move(*client))};
}

void count_reply(const publish_reply& reply, const std::vector<std::uint64_t>& lines,
                 sending_summary& s) {
  using kind = publish_reply::kind;
  if (reply.what == kind::duplicate) {
    ++s.duplicates;
    s.accepted += lines.size();
    return;
  }
  if (reply.what != kind::ack) {
    s.rejected += lines.size();
    s.by_reason[reply.code] += lines.size();
    add_example(s, lines.empty() ? 0 : lines.front(), reply.code + ": " + reply.text);
    return;
  }
  s.accepted += reply.accepted;
  for (const auto& event : reply.rejected) {
    // Without an index the payload as a whole was refused.
    const std::uint64_t count = event.index ? 1 : lines.size();
    const std::size_t at = event.index.value_or(0);
    s.rejected += count;
    s.by_reason[to_string(event.reason)] += count;
    add_example(
        s, at < lines.size() ? lines[at] : 0,
        std::string{to_string(event.reason)} + (event.text.empty() ? "" : ": " + event.text));
  }
}

}  // namespace faultline
