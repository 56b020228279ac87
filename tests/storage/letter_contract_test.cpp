// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "tests/storage/makers.hpp"

namespace faultline::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

template <class Maker>
class LetterContract : public store_contract<Maker> {};
TYPED_TEST_SUITE(LetterContract, store_makers);

dead_letter letter(std::string reason, std::string payload, std::int64_t arrived_ms = 1000) {
  dead_letter l;
  l.reason = std::move(reason);
  l.arrived = arrival_time_of(arrived_ms);
  l.source = "pull";
  l.payload = std::move(payload);
  l.content = letter_content::event;
  return l;
}

std::vector<std::uint64_t> ids_of(const outcome<dead_letter_store::page>& page) {
  std::vector<std::uint64_t> out;
  if (page)
    for (const auto& l : page->letters) out.push_back(l.id);
  return out;
}

letter_filter first(std::size_t limit, std::string reason = "", std::uint64_t below = ~0ULL) {
  return {std::move(reason), below, limit};
}

TYPED_TEST(LetterContract, AnIdIsGivenOnceAndStaysWithItsLetter) {
  auto store = this->maker.open();
  ASSERT_TRUE(store->dead_letters().append({letter("a", "1"), letter("b", "2")}));
  store = this->maker.reopen(std::move(store));
  ASSERT_TRUE(store->dead_letters().append({letter("a", "3")}));
  EXPECT_THAT(ids_of(store->dead_letters().read(first(10))), ElementsAre(3, 2, 1));
  const auto found = store->dead_letters().find(2);
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->id, 2u);
  EXPECT_EQ((*found)->payload, "2");
  EXPECT_EQ((*found)->content, letter_content::event);
  for (const std::uint64_t id : {0, 4}) EXPECT_FALSE(*store->dead_letters().find(id));
}

TYPED_TEST(LetterContract, PagesCoverAllAndEndWithNextZero) {
  auto store = this->maker.open();
  for (int i = 0; i < 7; ++i) ASSERT_TRUE(store->dead_letters().append({letter("a", "x")}));
  auto page = store->dead_letters().read(first(3));
  EXPECT_THAT(ids_of(page), ElementsAre(7, 6, 5));
  ASSERT_TRUE(store->dead_letters().append({letter("a", "new")}));
  page = store->dead_letters().read(first(3, "", page->next));
  EXPECT_THAT(ids_of(page), ElementsAre(4, 3, 2)) << "what comes meanwhile moves nothing";
  page = store->dead_letters().read(first(3, "", page->next));
  EXPECT_THAT(ids_of(page), ElementsAre(1));
  EXPECT_EQ(page->next, 0u);
  EXPECT_EQ(store->dead_letters().read(first(8))->next, 0u) << "a full last page";
  EXPECT_THAT(ids_of(store->dead_letters().read(first(3, "", 1))), IsEmpty());
}

TYPED_TEST(LetterContract, ReadsOneReasonAlone) {
  auto store = this->maker.open();
  for (int i = 0; i < 6; ++i)
    ASSERT_TRUE(store->dead_letters().append({letter(i % 2 == 0 ? "even" : "odd", "x")}));
  auto page = store->dead_letters().read(first(2, "odd"));
  EXPECT_THAT(ids_of(page), ElementsAre(6, 4));
  page = store->dead_letters().read(first(2, "odd", page->next));
  EXPECT_THAT(ids_of(page), ElementsAre(2));
  EXPECT_EQ(page->next, 0u);
  EXPECT_THAT(ids_of(store->dead_letters().read(first(2, "none"))), IsEmpty());
}

TYPED_TEST(LetterContract, APageEndsWithItsBytes) {
  auto store = this->maker.open();
  for (int i = 0; i < 5; ++i)
    ASSERT_TRUE(store->dead_letters().append({letter("a", std::string(1000, 'x'))}));
  letter_filter filter = first(10);
  filter.max_bytes = 1500;
  auto page = store->dead_letters().read(filter);
  EXPECT_THAT(ids_of(page), ElementsAre(5, 4));
  filter.below = page->next;
  EXPECT_THAT(ids_of(store->dead_letters().read(filter)), ElementsAre(3, 2));
}

TYPED_TEST(LetterContract, SaysWhenAPayloadWasCut) {
  this->maker.options.dead_letter_bytes = 3;
  auto store = this->maker.open();
  ASSERT_TRUE(store->dead_letters().append({letter("a", "1234"), letter("a", "123")}));
  store = this->maker.reopen(std::move(store));
  const auto cut = *store->dead_letters().find(1);
  EXPECT_EQ(cut->payload, "123");
  EXPECT_EQ(cut->payload_bytes, 4u);
  EXPECT_TRUE(cut->truncated());
  EXPECT_FALSE((*store->dead_letters().find(2))->truncated());
}

TYPED_TEST(LetterContract, AFloodIsBoundedByBytes) {
  this->maker.options.dead_letter_total_bytes = 100'000;
  auto store = this->maker.open();
  for (int i = 0; i < 500; ++i) {
    ASSERT_TRUE(store->dead_letters().append(
        {letter("a", std::string(1000, 'x')), letter("b", std::string(i % 100, 'y'))}));
    ASSERT_LE(store->dead_letters().bytes(), 115'000u);
    if (i % 100 == 50) store = this->maker.reopen(std::move(store));
  }
  EXPECT_GT(store->dead_letters().bytes(), 90'000u);
  EXPECT_EQ(store->dead_letters().total(), 1000u);
  const auto kept = store->dead_letters().total() + 1 - store->dead_letters().oldest();
  EXPECT_EQ(store->dead_letters().read(first(1000))->letters.size(), kept);
  EXPECT_GT(kept, 100u);
  EXPECT_LT(kept, 220u);
  EXPECT_EQ(store->dead_letters().by_reason().at("b"), 500u) << "what went is still counted";
}

TYPED_TEST(LetterContract, ALetterLargerThanAllThatMayBeKeptIsKeptAlone) {
  this->maker.options.dead_letter_total_bytes = 1000;
  auto store = this->maker.open();
  for (int i = 0; i < 3; ++i)
    ASSERT_TRUE(store->dead_letters().append({letter("a", std::string(5000, 'x'))}));
  EXPECT_THAT(ids_of(store->dead_letters().read(first(10))), ElementsAre(3));
}

TYPED_TEST(LetterContract, BytesFollowWhatAgeTakes) {
  auto store = this->maker.open();
  using std::chrono::hours;
  const auto begin = arrival_time_of(1'700'000'000'000);
  for (int i = 0; i < 4; ++i)
    ASSERT_TRUE(store->dead_letters().append(
        {letter("a", std::string(1000, 'x'), unix_ms(begin + hours{24} * i))}));
  ASSERT_TRUE(store->sweep_retention(begin + hours{24} * 9 - hours{1}));
  EXPECT_EQ(store->dead_letters().oldest(), 3u);
  EXPECT_LT(store->dead_letters().bytes(), 2200u);
  store = this->maker.reopen(std::move(store));
  EXPECT_LT(store->dead_letters().bytes(), 2200u);
  EXPECT_GT(store->dead_letters().bytes(), 2000u);
  ASSERT_TRUE(store->sweep_retention(begin + hours{24} * 30));
  EXPECT_EQ(store->dead_letters().oldest(), 5u);
  EXPECT_EQ(store->dead_letters().bytes(), 0u);
  store = this->maker.reopen(std::move(store));
  ASSERT_TRUE(store->dead_letters().append({letter("a", "x")}));
  EXPECT_THAT(ids_of(store->dead_letters().read(first(10))), ElementsAre(5));
}

}  // namespace
}  // namespace faultline::testing
