// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "tests/storage/makers.hpp"

namespace faultline::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

// ---- decision log -----------------------------------------------------------------------------

template <class Maker>
class DecisionLogContract : public store_contract<Maker> {};
TYPED_TEST_SUITE(DecisionLogContract, store_makers);

std::string notice_of(const std::string& text) {
  decision d;
  d.kind = decision_kind::notice;
  d.notice.what = "recovered";
  d.notice.text = text;
  return encode_decision(d);
}

TYPED_TEST(DecisionLogContract, IsOneSequenceThatSurvivesReopen) {
  auto store = this->maker.open();
  EXPECT_EQ(store->decisions().last(), 0u);
  const auto first = store->decisions().append({{notice_of("a"), notice_of("b")}, {{1, 7}}});
  ASSERT_TRUE(first);
  EXPECT_EQ(*first, 1u);
  store = this->maker.reopen(std::move(store));
  EXPECT_EQ(store->decisions().last(), 2u);
  const auto second = store->decisions().append({{notice_of("c")}, {{1, 8}, {3, 2}}});
  ASSERT_TRUE(second);
  EXPECT_EQ(*second, 3u);
  const auto found = store->decisions().read(2, 10);
  ASSERT_TRUE(found) << found.error().what;
  ASSERT_EQ(found->size(), 2u);
  EXPECT_EQ((*found)[0].seq, 2u);
  EXPECT_EQ((*found)[0].notice.text, "b");
  EXPECT_EQ((*found)[1].notice.text, "c");
  EXPECT_EQ(store->decisions().read(0, 1)->front().notice.text, "a");
  EXPECT_THAT(*store->decisions().read(4, 10), IsEmpty());
}

TYPED_TEST(DecisionLogContract, RemembersWhatOfTheOutboxesStandsInIt) {
  auto store = this->maker.open();
  ASSERT_TRUE(store->decisions().append({{notice_of("a")}, {{1, 7}, {2, 1}}}));
  ASSERT_TRUE(store->decisions().append({{}, {{1, 9}}}));
  store = this->maker.reopen(std::move(store));
  EXPECT_EQ(store->decisions().last(), 1u);
  const auto consumed = store->decisions().outbox_consumed();
  ASSERT_TRUE(consumed);
  EXPECT_THAT(*consumed, UnorderedElementsAre(Pair(1, 9), Pair(2, 1)));
}

TYPED_TEST(DecisionLogContract, AnEntryThatCannotBeReadIsAFailureNotAGap) {
  auto store = this->maker.open();
  ASSERT_TRUE(store->decisions().append({{"not a decision"}, {}}));
  EXPECT_FALSE(store->decisions().read(1, 10));
}

// ---- feed -------------------------------------------------------------------------------------

template <class Maker>
class FeedContract : public store_contract<Maker> {};
TYPED_TEST_SUITE(FeedContract, store_makers);

feed_append items_of(const std::vector<std::string>& topics) {
  feed_append f;
  for (const auto& topic : topics) {
    f.items.push_back(
        {topic, [topic](std::uint64_t seq) { return topic + "#" + std::to_string(seq); }});
  }
  return f;
}

std::vector<std::uint64_t> seqs_of(const std::vector<feed_record>& records) {
  std::vector<std::uint64_t> out;
  for (const auto& r : records) out.push_back(r.seq);
  return out;
}

TYPED_TEST(FeedContract, NumbersMessagesAndMakesThePayloadForTheNumber) {
  auto store = this->maker.open();
  auto appended = store->feed().append(items_of({"alert/x", "incident/y"}));
  ASSERT_TRUE(appended);
  EXPECT_THAT(seqs_of(*appended), ElementsAre(1, 2));
  EXPECT_EQ((*appended)[1].payload, "incident/y#2");
  store = this->maker.reopen(std::move(store));
  EXPECT_EQ(store->feed().last(), 2u);
  EXPECT_EQ(store->feed().oldest(), 1u);
  appended = store->feed().append(items_of({"alert/z"}));
  ASSERT_TRUE(appended);
  EXPECT_THAT(seqs_of(*appended), ElementsAre(3));
  const auto page = store->feed().read(1, 10, "");
  ASSERT_TRUE(page);
  EXPECT_THAT(seqs_of(page->records), ElementsAre(1, 2, 3));
  EXPECT_EQ(page->records[0].payload, "alert/x#1");
  EXPECT_EQ(page->next, 4u);
}

TYPED_TEST(FeedContract, WhatIsWrittenIsReadOnceItIsOnTheDiskAndNumberedBehindWhatWasBefore) {
  auto store = this->maker.open();
  ASSERT_TRUE(store->feed().append(items_of({"alert/x"})));
  auto appended = store->feed().append(items_of({"alert/y"}), sync_when::later);
  ASSERT_TRUE(appended);
  EXPECT_THAT(seqs_of(*appended), ElementsAre(2));
  appended = store->feed().append(items_of({"alert/z"}), sync_when::later);
  ASSERT_TRUE(appended);
  EXPECT_THAT(seqs_of(*appended), ElementsAre(3));
  if (store->durable() < store->written()) {
    EXPECT_EQ(store->feed().last(), 1u);
    const auto page = store->feed().read(1, 10, "");
    ASSERT_TRUE(page);
    EXPECT_THAT(seqs_of(page->records), ElementsAre(1));
  }
  ASSERT_TRUE(store->sync());
  EXPECT_EQ(store->feed().last(), 3u);
  const auto page = store->feed().read(1, 10, "");
  ASSERT_TRUE(page);
  EXPECT_THAT(seqs_of(page->records), ElementsAre(1, 2, 3));
}

TYPED_TEST(FeedContract, ReadsByPrefixAndTellsWhereToGoOn) {
  auto store = this->maker.open();
  ASSERT_TRUE(store->feed().append(items_of({"alert/a", "notice/b", "alert/c", "alert/d"})));
  auto page = store->feed().read(0, 2, "alert/");
  ASSERT_TRUE(page);
  EXPECT_THAT(seqs_of(page->records), ElementsAre(1, 3));
  EXPECT_EQ(page->next, 4u);
  page = store->feed().read(page->next, 2, "alert/");
  ASSERT_TRUE(page);
  EXPECT_THAT(seqs_of(page->records), ElementsAre(4));
  EXPECT_EQ(page->next, 5u);
  page = store->feed().read(page->next, 2, "");
  ASSERT_TRUE(page);
  EXPECT_THAT(page->records, IsEmpty());
  EXPECT_EQ(page->next, 5u);
  page = store->feed().read(1, 10, "incident/");
  ASSERT_TRUE(page);
  EXPECT_THAT(page->records, IsEmpty());
  EXPECT_EQ(page->next, 5u);
}

TYPED_TEST(FeedContract, APageEndsWithItsBytesAndHasOneRecordAtLeast) {
  constexpr std::size_t bound = feed_store::page_bytes;
  auto store = this->maker.open();
  feed_append f;
  for (const std::size_t size : {bound / 2 - 100, bound / 2 - 100, std::size_t{10}, 2 * bound})
    f.items.push_back({"incident/x", [size](std::uint64_t) { return std::string(size, 'x'); }});
  f.items.push_back({"alert/y", [](std::uint64_t) { return "y"; }});
  ASSERT_TRUE(store->feed().append(f));
  auto page = store->feed().read(1, 1000, "");
  ASSERT_TRUE(page);
  EXPECT_THAT(seqs_of(page->records), ElementsAre(1, 2, 3));
  EXPECT_EQ(page->next, 4u);
  page = store->feed().read(page->next, 1000, "");
  ASSERT_TRUE(page);
  EXPECT_THAT(seqs_of(page->records), ElementsAre(4));
  EXPECT_EQ(page->next, 5u);
  page = store->feed().read(1, 1000, "alert/");  // what is not asked for takes no room
  ASSERT_TRUE(page);
  EXPECT_THAT(seqs_of(page->records), ElementsAre(5));
  EXPECT_EQ(page->next, 6u);
}

TYPED_TEST(FeedContract, ARecordOfSeveralTopicsIsFoundUnderEachAndNamesTheOneAskedFor) {
  auto store = this->maker.open();
  auto resolve = items_of({"alert/critical/a"});
  resolve.items[0].also = {"alert/warning/a"};
  auto appended = store->feed().append(resolve);
  ASSERT_TRUE(appended);
  EXPECT_EQ((*appended)[0].topic, "alert/critical/a");
  store = this->maker.reopen(std::move(store));
  const auto topic_at = [&](std::string_view prefix) {
    const auto page = store->feed().read(1, 10, prefix);
    return page && page->records.size() == 1 ? page->records[0].topic : std::string{};
  };
  EXPECT_EQ(topic_at(""), "alert/critical/a");
  EXPECT_EQ(topic_at("alert/critical/"), "alert/critical/a");
  EXPECT_EQ(topic_at("alert/warning/a"), "alert/warning/a");
  EXPECT_EQ(topic_at("alert/warning/b"), "");
  EXPECT_EQ(topic_at("critical"), "");
}

TYPED_TEST(FeedContract, AnEmptyFeedBeginsAtOne) {
  auto store = this->maker.open();
  EXPECT_EQ(store->feed().last(), 0u);
  EXPECT_EQ(store->feed().oldest(), 1u);
  const auto page = store->feed().read(0, 10, "");
  ASSERT_TRUE(page);
  EXPECT_EQ(page->next, 1u);
  EXPECT_EQ(store->feed().load_correlator()->through, 0u);
}

TYPED_TEST(FeedContract, RemembersTheCorrelator) {
  auto store = this->maker.open();
  feed_append f = items_of({"alert/a"});
  f.through = 5;
  f.state = "state at 5";
  ASSERT_TRUE(store->feed().append(f));
  f = {};
  f.through = 8;
  ASSERT_TRUE(store->feed().append(f));
  f.through = 0;  // a message of somebody else
  ASSERT_TRUE(store->feed().append(f));
  store = this->maker.reopen(std::move(store));
  f.through = 3;
  ASSERT_TRUE(store->feed().append(f));
  const auto c = store->feed().load_correlator();
  ASSERT_TRUE(c);
  EXPECT_EQ(c->through, 8u);
  EXPECT_EQ(c->state, "state at 5");
  EXPECT_EQ(c->state_through, 5u);
}

TYPED_TEST(FeedContract, KeepsTheCurrentRecordByKey) {
  auto store = this->maker.open();
  feed_append f;
  f.records = {{"alert/1", "old"}, {"alert/2", "two"}, {"incident/1", "i"}};
  ASSERT_TRUE(store->feed().append(f));
  f.records = {{"alert/1", "new"}};
  ASSERT_TRUE(store->feed().append(f));
  store = this->maker.reopen(std::move(store));
  EXPECT_EQ(*store->feed().record("alert/1"), "new");
  EXPECT_FALSE(store->feed().record("alert/3")->has_value());
  auto found = store->feed().records("alert/", "", 10);
  ASSERT_TRUE(found);
  EXPECT_THAT(*found, ElementsAre(Pair("alert/1", "new"), Pair("alert/2", "two")));
  found = store->feed().records("alert/", "alert/1", 10);
  ASSERT_TRUE(found);
  EXPECT_THAT(*found, ElementsAre(Pair("alert/2", "two")));
  EXPECT_THAT(*store->feed().records("alert/", "alert/2", 10), IsEmpty());
  EXPECT_THAT(*store->feed().records("", "", 1), ElementsAre(Pair("alert/1", "new")));
}

TYPED_TEST(FeedContract, KnowsWhichMessageToldARecord) {
  auto store = this->maker.open();
  feed_append f;
  for (const char* topic : {"a", "b", "c"})
    f.items.push_back({topic, [](std::uint64_t) { return std::string{"payload"}; }});
  f.records = {{"alert/1", "one", 0}, {"alert/2", "two", 1}, {"incident/1", "i"}};
  ASSERT_TRUE(store->feed().append(f));
  f.records = {{"alert/1", "again", 2}};
  ASSERT_TRUE(store->feed().append(f));
  store = this->maker.reopen(std::move(store));
  EXPECT_EQ(*store->feed().record_seq("alert/1"), 6u);
  EXPECT_EQ(*store->feed().record_seq("alert/2"), 2u);
  EXPECT_EQ(*store->feed().record_seq("incident/1"), 3u);
  EXPECT_EQ(*store->feed().record_seq("alert/3"), 0u);
}

TYPED_TEST(FeedContract, RemembersTheNewestControlAndTheNewestRulesOfTheDecisionLog) {
  auto store = this->maker.open();
  EXPECT_EQ(store->decisions().controls()->last, 0u);
  decision d;
  d.kind = decision_kind::notice;
  decision_append a;
  a.decisions = {encode_decision(d), encode_decision(d)};
  a.control = a.rules = 2;
  a.rules_record = "rules";
  ASSERT_TRUE(store->decisions().append(a));
  a.control = a.rules = 0;
  ASSERT_TRUE(store->decisions().append(a));
  a.control = 1;
  ASSERT_TRUE(store->decisions().append(a));
  store = this->maker.reopen(std::move(store));
  const auto mark = store->decisions().controls();
  ASSERT_TRUE(mark);
  EXPECT_EQ(mark->last, 5u);
  EXPECT_EQ(mark->rules, 2u);
  EXPECT_EQ(mark->rules_record, "rules");
}

// ---- dead letters, poison ---------------------------------------------------------------------

template <class Maker>
class DeadLetterContract : public store_contract<Maker> {};
TYPED_TEST_SUITE(DeadLetterContract, store_makers);

dead_letter letter(std::string reason, std::string text, std::int64_t arrived_ms = 1000) {
  return {std::move(reason), arrival_time_of(arrived_ms), "pull", std::move(text), "payload"};
}

std::vector<std::string> texts_of(const outcome<std::vector<dead_letter>>& letters) {
  std::vector<std::string> out;
  if (!letters) return {"failed"};
  for (const auto& l : *letters) out.push_back(l.text);
  return out;
}

TYPED_TEST(DeadLetterContract, HandsOutTheNewestFirstAndCountsAll) {
  auto store = this->maker.open();
  ASSERT_TRUE(store->dead_letters().append({letter("bad_ts", "1"), letter("bad_span", "2")}));
  store = this->maker.reopen(std::move(store));
  ASSERT_TRUE(store->dead_letters().append({letter("bad_ts", "3")}));
  store = this->maker.reopen(std::move(store));
  EXPECT_THAT(texts_of(store->dead_letters().newest(2)), ElementsAre("3", "2"));
  EXPECT_EQ(store->dead_letters().total(), 3u);
  EXPECT_THAT(store->dead_letters().by_reason(),
              UnorderedElementsAre(Pair("bad_ts", 2), Pair("bad_span", 1)));
}

TYPED_TEST(DeadLetterContract, CutsThePayload) {
  this->maker.options.dead_letter_bytes = 3;
  auto store = this->maker.open();
  ASSERT_TRUE(store->dead_letters().append({letter("bad_ts", "1")}));
  EXPECT_EQ(store->dead_letters().newest(1)->front().payload, "pay");
}

TYPED_TEST(DeadLetterContract, KeepsABoundedNumberAndCountsTheRest) {
  this->maker.options.dead_letter_count = 16;
  auto store = this->maker.open();
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(store->dead_letters().append({letter("bad_ts", std::to_string(i))}));
  }
  store = this->maker.reopen(std::move(store));
  const auto kept = texts_of(store->dead_letters().newest(1000));
  EXPECT_GE(kept.size(), 16u);
  EXPECT_LE(kept.size(), 18u);
  EXPECT_EQ(kept.front(), "99");
  EXPECT_EQ(store->dead_letters().total(), 100u);
}

TYPED_TEST(DeadLetterContract, NamesASkippedRecordOnce) {
  auto store = this->maker.open();
  const record_address where{2, 17, 3};
  ASSERT_TRUE(store->poison().skip(where, letter("poison", "it killed")));
  ASSERT_TRUE(store->poison().skip(where, letter("poison", "again")));
  ASSERT_TRUE(store->poison().skip({1, 17, 3}, letter("poison", "other partition")));
  store = this->maker.reopen(std::move(store));
  const auto skipped = store->poison().load(2);
  ASSERT_TRUE(skipped);
  ASSERT_EQ(skipped->size(), 1u);
  EXPECT_EQ(skipped->front().position, 17u);
  EXPECT_EQ(skipped->front().index, 3u);
  EXPECT_THAT(*store->poison().load(0), IsEmpty());
  EXPECT_EQ(store->dead_letters().total(), 2u);
}

TYPED_TEST(DeadLetterContract, WhatIsSkippedGoesWithItsLog) {
  auto store = this->maker.open();
  append_group blobs;
  for (const partition_id p : {partition_id{1}, partition_id{2}})
    blobs.log.push_back(log_append{p, "blob", 1});
  for (int n = 0; n < 20; ++n) ASSERT_TRUE(store->events().append(blobs));
  for (const log_position position : {3U, 17U, 18U})
    ASSERT_TRUE(store->poison().skip({2, position, 1}, letter("poison", "it killed")));
  ASSERT_TRUE(store->poison().skip({1, 3, 0}, letter("poison", "other partition")));
  ASSERT_TRUE(store->events().trim(2, 17));
  store = this->maker.reopen(std::move(store));
  const auto skipped = store->poison().load(2);
  ASSERT_TRUE(skipped);
  ASSERT_EQ(skipped->size(), 2U);
  EXPECT_EQ(skipped->front().position, 17U);
  EXPECT_EQ(store->poison().load(1)->size(), 1U);
}

// ---- notes ------------------------------------------------------------------------------------

template <class Maker>
class NoteContract : public store_contract<Maker> {};
TYPED_TEST_SUITE(NoteContract, store_makers);

TYPED_TEST(NoteContract, RowsAreThereAfterAReopenInTheOrderOfTheirNames) {
  auto store = this->maker.open();
  ASSERT_TRUE(store->notes().write({{"a/2", "two"}, {"a/1", "one"}, {"b/1", ""}}, sync_when::now));
  ASSERT_TRUE(store->notes().write({{"a/2", std::nullopt}, {"a/3", "three"}}, sync_when::later));
  store = this->maker.reopen(std::move(store));
  const auto all = store->notes().load("a/", "", 10);
  ASSERT_TRUE(all) << all.error().what;
  EXPECT_THAT(*all, ElementsAre(Pair("a/1", "one"), Pair("a/3", "three")));
  EXPECT_THAT(*store->notes().load("a/", "a/1", 10), ElementsAre(Pair("a/3", "three")));
  EXPECT_THAT(*store->notes().load("", "", 1), ElementsAre(Pair("a/1", "one")));
  EXPECT_THAT(*store->notes().load("c", "", 10), IsEmpty());
}

}  // namespace
}  // namespace faultline::testing
