// SPDX-License-Identifier: Apache-2.0
#include "server/live_desk.hpp"

#include <gtest/gtest.h>

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "storage/memory_store.hpp"

namespace faultline {
namespace {

using namespace std::chrono_literals;

constexpr auto patience = 20s;

struct LiveDesk : ::testing::Test {
  /// Puts @p n notices into the feed and says so.
  void publish(std::size_t n, const std::string& text = "x") {
    feed_append f;
    for (std::size_t i = 0; i < n; ++i) {
      notice one{"test", "node", text, event_time_of(1)};
      f.items.push_back({topic_of(one), [one](std::uint64_t seq) {
                           return feed_payload(one, seq, arrival_time_of(2));
                         }});
    }
    const auto appended = memory->feed().append(f);
    ASSERT_TRUE(appended);
    for (const auto& r : *appended) desk->told(r.seq);
  }
  /// The next page of @p feed.
  outcome<live_page> next(const std::shared_ptr<live_feed>& feed) {
    std::mutex mutex;
    std::condition_variable came;
    std::optional<outcome<live_page>> got;
    feed->next([&](outcome<live_page> page) {
      const std::lock_guard lock{mutex};
      got = std::move(page);
      came.notify_all();
    });
    std::unique_lock lock{mutex};
    if (!came.wait_for(lock, patience, [&] { return got.has_value(); }))
      return failure{ec::deadline_passed, "no page"};
    return *got;
  }
  /// Seqs of the pages of @p feed until @p last is among them.
  std::vector<std::uint64_t> until(const std::shared_ptr<live_feed>& feed, std::uint64_t last) {
    std::vector<std::uint64_t> seqs;
    while (seqs.empty() || seqs.back() < last) {
      const auto page = next(feed);
      if (!page) break;
      for (const auto& m : page->messages) seqs.push_back(m->seq);
    }
    return seqs;
  }
  /// Publishes @p record alone and gives the message that a reader has of it.
  template <class Record>
  std::shared_ptr<const live_message> only_message_of(const Record& record,
                                                      const std::string& topic) {
    const auto feed = desk->open({});
    feed_append f;
    f.items.push_back({topic, [&record](std::uint64_t seq) {
                         return feed_payload(record, seq, arrival_time_of(2));
                       }});
    if (!memory->feed().append(f)) return nullptr;
    desk->told(1);
    const auto page = next(feed);
    return page && page->messages.size() == 1 ? page->messages.front() : nullptr;
  }
  static std::vector<std::uint64_t> from_to(std::uint64_t from, std::uint64_t to) {
    std::vector<std::uint64_t> all;
    for (; from <= to; ++from) all.push_back(from);
    return all;
  }

  std::unique_ptr<store> memory = open_memory_store(4);
  std::unique_ptr<live_desk> desk = std::make_unique<live_desk>(*memory, 100ms);
};

// A page is at most 64 KiB: who asks for the next one out of the answer has it at once.
TEST_F(LiveDesk, TellsTheRestToWhoAsksWhileOthersAreServed) {
  desk = std::make_unique<live_desk>(*memory, std::chrono::milliseconds{patience});
  const auto feed = desk->open({});
  std::mutex mutex;
  std::condition_variable came;
  std::uint64_t last = 0;
  std::function<void(outcome<live_page>)> take = [&](outcome<live_page> page) {
    if (!page) return;
    feed->next(take);
    const std::lock_guard lock{mutex};
    if (!page->messages.empty()) last = page->messages.back()->seq;
    came.notify_all();
  };
  feed->next(take);
  publish(64, std::string(8000, 'x'));
  std::unique_lock lock{mutex};
  EXPECT_TRUE(came.wait_for(lock, patience / 2, [&] { return last == 64; })) << last;
  lock.unlock();
  desk->stop();
}

TEST_F(LiveDesk, TellsWhatComesAfterTheReaderAndNothingBefore) {
  publish(3);
  const auto feed = desk->open({});
  publish(2);
  EXPECT_EQ(until(feed, 5), from_to(4, 5));
  const auto page = next(feed);
  ASSERT_TRUE(page);
  EXPECT_TRUE(page->messages.empty());
  EXPECT_EQ(page->last, 5U);
}

TEST_F(LiveDesk, SaysWhereAReaderBeganAndHowFarItHasCome) {
  publish(3);
  const auto now = desk->open({});
  EXPECT_EQ(now->began_after(), 3U);
  const auto none = next(now);
  ASSERT_TRUE(none);
  EXPECT_TRUE(none->messages.empty());
  EXPECT_EQ(none->upto, 3U);
  const auto behind = desk->open(1);
  EXPECT_EQ(behind->began_after(), 1U);
  const auto some = next(behind);
  ASSERT_TRUE(some);
  ASSERT_FALSE(some->messages.empty());
  EXPECT_EQ(some->upto, some->messages.back()->seq);
}

TEST_F(LiveDesk, WhoComesBackHasEveryMessageOnce) {
  publish(500);
  const auto feed = desk->open(100);
  EXPECT_EQ(until(feed, 500), from_to(101, 500));
  publish(10);
  EXPECT_EQ(until(feed, 510), from_to(501, 510));
}

TEST_F(LiveDesk, AReaderThatIsSlowerThanWhatIsKeptReadsTheStore) {
  const auto slow = desk->open({});
  const auto quick = desk->open({});
  publish(1);
  EXPECT_EQ(until(quick, 1), from_to(1, 1));
  publish(10'000);
  EXPECT_EQ(until(quick, 10'001), from_to(2, 10'001));
  EXPECT_EQ(until(slow, 10'001), from_to(1, 10'001));
}

TEST_F(LiveDesk, MessagesAreTheFeedsAsJsonWithoutALineBreak) {
  const auto feed = desk->open({});
  publish(1, "two\nlines and \"quotes\"");
  const auto page = next(feed);
  ASSERT_TRUE(page);
  ASSERT_EQ(page->messages.size(), 1U);
  const live_message& m = *page->messages.front();
  EXPECT_EQ(m.kind, "notice");
  EXPECT_NE(m.json.find("\"seq\":1"), std::string::npos) << m.json;
  EXPECT_NE(m.json.find("two\\nlines"), std::string::npos) << m.json;
  EXPECT_EQ(m.json.find('\n'), std::string::npos);
}

TEST_F(LiveDesk, ASeqOfAnotherStoreIsAGapAndGoesOnFromNow) {
  publish(3);
  const auto feed = desk->open(1000);
  auto page = next(feed);
  ASSERT_TRUE(page);
  EXPECT_TRUE(page->gap);
  publish(1);
  EXPECT_EQ(until(feed, 4), from_to(4, 4));
}

TEST_F(LiveDesk, AnIncidentOfManyIsToldWithTheFirstHundredNamesAndTheirNumber) {
  incident i;
  i.id = "i1";
  for (int n = 0; n < 5000; ++n) {
    i.alerts.push_back("a" + std::to_string(n));
    i.entities.push_back("host/" + std::to_string(n));
  }
  const auto m = only_message_of(i, topic_of(i));
  ASSERT_NE(m, nullptr);
  const std::string& json = m->json;
  EXPECT_LT(json.size(), 8'000U);
  EXPECT_NE(json.find("\"alerts_total\":5000,\"entities_total\":5000}"), std::string::npos);
}

TEST_F(LiveDesk, TheBriefFormOfAnIncidentHasItsLikeliestCauseWithoutEvidence) {
  incident i;
  i.id = "i1";
  i.alerts = {"a1", "a2"};
  for (int n = 0; n < 10; ++n) i.entities.push_back("host/" + std::to_string(n));
  ranked_cause first;
  first.entity = "db/x";
  first.probability = 0.75;
  evidence_item why;
  why.text = "what speaks for it";
  first.evidence = {why};
  first.counter_evidence = {why};
  ranked_cause second;
  second.entity = "db/y";
  i.causes = {first, second};
  const auto m = only_message_of(i, topic_of(i));
  ASSERT_NE(m, nullptr);
  EXPECT_NE(m->json.find("what speaks for it"), std::string::npos);
  EXPECT_NE(m->json.find("db/y"), std::string::npos);
  EXPECT_EQ(m->brief.find("what speaks for it"), std::string::npos) << m->brief;
  EXPECT_EQ(m->brief.find("db/y"), std::string::npos);
  EXPECT_NE(m->brief.find("db/x"), std::string::npos);
  EXPECT_NE(m->brief.find("host/5"), std::string::npos);
  EXPECT_EQ(m->brief.find("host/6"), std::string::npos);
  EXPECT_NE(m->brief.find("\"alerts_total\":2,\"entities_total\":10}"), std::string::npos);
}

TEST_F(LiveDesk, TheBriefFormOfAnAlertIsWhatARowShows) {
  alert a;
  a.id = "a1";
  a.entity = "service/\xff";
  a.explanation = "why";
  a.labels = {{"team", "payments"}};
  a.silenced = true;
  a.silenced_by = "ann";
  const auto m = only_message_of(a, topics_of(a).front());
  ASSERT_NE(m, nullptr);
  EXPECT_NE(m->json.find("payments"), std::string::npos);
  EXPECT_EQ(m->brief.find("payments"), std::string::npos) << m->brief;
  for (const char* kept : {"\"id\":\"a1\"", "\"explanation\":\"why\"", "\"kind\":\"alert\"",
                           "\"silenced\":true", "\"silenced_by\":\"ann\"", "\"seq\":1"})
    EXPECT_NE(m->brief.find(kept), std::string::npos) << kept;
  EXPECT_LT(m->brief.size(), m->json.size());
}

TEST_F(LiveDesk, ABriefReaderIsToldHowManyWereLeftOutWhereManyCome) {
  const auto brief = desk->open({}, true);
  const auto whole = desk->open({});
  publish(1);
  EXPECT_EQ(until(brief, 1), from_to(1, 1));
  publish(3000);
  std::uint64_t had = 0, left_out = 0, upto = 1;
  while (upto < 3001) {
    const auto page = next(brief);
    ASSERT_TRUE(page);
    EXPECT_LE(page->messages.size(), 40U);
    EXPECT_FALSE(page->gap);
    had += page->messages.size();
    left_out += page->left_out;
    if (page->upto != 0) upto = page->upto;
  }
  EXPECT_EQ(had + left_out, 3000U);
  EXPECT_GT(left_out, 0U);
  EXPECT_EQ(until(whole, 3001), from_to(1, 3001));  // who asks for all has all
}

TEST_F(LiveDesk, ABriefReaderBehindWhatIsKeptHearsOfAGapAndGoesOnFromThere) {
  publish(10);
  const auto brief = desk->open(3, true);
  const auto page = next(brief);
  ASSERT_TRUE(page);
  EXPECT_TRUE(page->gap);
  EXPECT_TRUE(page->messages.empty());
  publish(1);
  EXPECT_EQ(until(brief, 11), from_to(11, 11));
}

TEST_F(LiveDesk, ANoticeHasNoBriefForm) {
  const auto feed = desk->open({});
  publish(1);
  const auto page = next(feed);
  ASSERT_TRUE(page);
  ASSERT_EQ(page->messages.size(), 1U);
  EXPECT_EQ(page->messages.front()->brief, "");
}

TEST_F(LiveDesk, StoppingAnswersWhoWaitsAndWhoComesLater) {
  const auto feed = desk->open({});
  std::thread stopper{[&] { desk->stop(); }};
  for (int n = 0; n < 2; ++n) {
    auto page = next(feed);
    while (page) page = next(feed);
    EXPECT_EQ(page.error().code, ec::shutting_down);
  }
  stopper.join();
  desk.reset();
  EXPECT_EQ(next(feed).error().code, ec::shutting_down);
}

}  // namespace
}  // namespace faultline
