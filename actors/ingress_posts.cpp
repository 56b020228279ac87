// SPDX-License-Identifier: Apache-2.0
// What came by other protocols, as the payloads that a decoder made of it.
#include <mutex>

#include "actors/ingress.hpp"

namespace faultline {

/// Nobody will send them again.
void ingress::shed(publisher_account& from, const posted_events& posts) {
  std::uint64_t events = 0;
  for (const auto& batch : posts.batches) events += batch.samples.size();
  from.shed += events;
  door_sums::add(counters_.doors.offered, from.door, events);
  door_sums::add(counters_.doors.shed, from.door, events);
}

// A batch at a time: others are not kept waiting while all of a large body is read. What is
// durable when the process ends in between was not answered, and comes again.
void ingress::on_posted(const posted_events& posts,
                        const std::function<void(const post_result&)>& decided) {
  const auto now = now_();
  post_result result;
  // A listener's interval that has passed without anything: nobody was heard.
  if (posts.batches.empty() && posts.to.socket == reply_address::no_reply) {
    result.taken = true;
    return decided(result);
  }
  {
    const std::lock_guard<std::mutex> guard{publishers_.mutex()};
    auto& who = account(posts.door, posts.from, {}, now);
    if (!may_take(who, now)) {
      publishers_.use(who, 0);
      result.why = reason();
      if (posts.to.socket == reply_address::no_reply && !posts.again) {
        shed(who, posts);
      } else {
        ++who.retried;
      }
      return decided(result);
    }
  }
  result.taken = true;
  for (const auto& batch : posts.batches) take_batch(posts, batch, now, result);
  decided(result);
  auto into = into_.begin();
  if (posts.to.socket != reply_address::no_reply) into.reply_when_durable(posts.to, {});
  into.wake();
}

void ingress::take_batch(const posted_events& posts, const payload_writer::batch& batch,
                         arrival_time now, post_result& result) {
  const std::lock_guard<std::mutex> guard{publishers_.mutex()};
  auto into = into_.begin();
  const auto part =
      take(into, account(posts.door, posts.from, {}, now), nullptr, {}, batch.payload);
  result.accepted += part.accepted;
  result.rejected += part.rejected.size();
  for (const auto& r : part.rejected) {
    if (r.index && *r.index < batch.samples.size())
      result.rejected_samples += batch.samples[*r.index];
    if (result.why.empty()) result.why = std::string{to_string(r.reason)} + ": " + r.text;
  }
  into.wake();
}

}  // namespace faultline
