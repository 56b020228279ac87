// SPDX-License-Identifier: Apache-2.0
#include "tools/bench_load.hpp"

#include <algorithm>
#include <cmath>

namespace faultline {

namespace {

constexpr std::chrono::seconds patience{60};

}  // namespace

outcome<std::unique_ptr<load_publishers>> load_publishers::connect(const load_options& o) {
  std::unique_ptr<load_publishers> made{new load_publishers};
  if (auto joined = made->join(o); !joined) return joined.error();
  if (made->size() == 0) return failure{ec::invalid, "a load needs at least one publisher"};
  return made;
}

outcome<void> load_publishers::join(const load_options& o) {
  for (std::size_t i = 0; i < o.acknowledged; ++i) {
    publisher_options p;
    p.endpoint = o.router;
    p.keys = o.keys;
    p.publisher = i == 0 ? o.name : o.name + "-" + std::to_string(i + 1);
    p.window = o.window;
    p.resend_after = std::chrono::seconds{10};
    p.heed_retry = o.heed_retry;
    auto client = publisher_client::connect(p);
    if (!client) return client.error();
    acknowledged_.push_back(std::move(*client));
  }
  push_options p;
  p.linger = patience;
  p.keys = o.keys;
  for (std::size_t i = 0; i < o.pushing; ++i) {
    p.endpoint = o.pull;
    auto client = push_client::connect(p);
    if (!client) return client.error();
    pushing_.push_back(std::move(*client));
  }
  for (const std::string& endpoint : o.publish) {
    p.endpoint = endpoint;
    auto client = pub_client::bind(p);
    if (!client) return client.error();
    publishing_.push_back(std::move(*client));
  }
  return {};
}

std::vector<std::string> load_publishers::published_at() const {
  std::vector<std::string> all;
  for (const auto& p : publishing_) all.push_back(p->endpoint());
  return all;
}

outcome<void> load_publishers::wait_for_subscribers(std::chrono::milliseconds deadline) {
  for (const auto& p : publishing_)
    if (auto there = p->wait_for_subscriber(deadline); !there) return there;
  return {};
}

outcome<void> load_publishers::send(std::size_t who, std::string_view payload, std::size_t events) {
  if (who < acknowledged_.size()) {
    const auto sent = acknowledged_[who]->send(std::string{payload}, patience);
    if (!sent) return sent.error();
    ++counts_.requests;
    counts_.events += events;
    return {};
  }
  who -= acknowledged_.size();
  if (who < pushing_.size()) {
    if (auto sent = pushing_[who]->push(payload, patience); !sent) return sent;
    ++counts_.pushed_messages;
    counts_.pushed_events += events;
    return {};
  }
  if (auto sent = publishing_[who - pushing_.size()]->push(payload, patience); !sent) return sent;
  ++counts_.published_messages;
  counts_.published_events += events;
  return {};
}

outcome<void> load_publishers::pump(std::chrono::milliseconds wait) {
  // One waits, the others look: a reply to these is seen a little later.
  for (const auto& p : acknowledged_) {
    const auto left = p->poll(p == acknowledged_.front() ? wait : std::chrono::milliseconds{0});
    if (!left) return left.error();
  }
  return {};
}

outcome<void> load_publishers::flush(std::chrono::milliseconds deadline) {
  for (const auto& p : acknowledged_)
    if (auto flushed = p->flush(deadline); !flushed) return flushed;
  return {};
}

load_counts load_publishers::counts() const {
  load_counts c = counts_;
  for (const auto& p : acknowledged_) {
    const publisher_counters& of = p->counters();
    c.accepted += of.accepted;
    c.rejected += of.rejected;
    c.refused_requests += of.refused;
    c.retries += of.retries;
    c.resent += of.resent;
    c.given_up_requests += of.given_up;
  }
  return c;
}

load_pace::clock::time_point load_pace::due(std::uint64_t events) const {
  if (per_second_ <= 0) return start_;
  const std::chrono::duration<double> after{static_cast<double>(events) / per_second_};
  return start_ + std::chrono::duration_cast<clock::duration>(after);
}

entity_draw::entity_draw(std::size_t entities, double exponent) : entities_{entities} {
  if (exponent <= 0) return;
  double sum = 0;
  for (std::size_t rank = 1; rank <= entities; ++rank) {
    sum += std::pow(static_cast<double>(rank), -exponent);
    cumulative_.push_back(sum);
  }
  for (double& c : cumulative_) c /= sum;
}

std::size_t entity_draw::at(double uniform) const {
  if (cumulative_.empty())
    return std::min(static_cast<std::size_t>(uniform * static_cast<double>(entities_)),
                    entities_ - 1);
  const auto found = std::upper_bound(cumulative_.begin(), cumulative_.end(), uniform);
  return std::min(static_cast<std::size_t>(found - cumulative_.begin()), entities_ - 1);
}

}  // namespace faultline
