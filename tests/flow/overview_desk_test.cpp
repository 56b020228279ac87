// SPDX-License-Identifier: Apache-2.0
#include "server/overview_desk.hpp"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <caf/event_based_actor.hpp>

#include "actors/caf_bridge.hpp"
#include "tests/support/actor_fixture.hpp"
#include "tests/support/later_correlator.hpp"

namespace faultline {
namespace {

using namespace std::chrono_literals;

/// A correlator that answers when it is told to.
struct OverviewDesk : actor_fixture {
  using told = std::shared_ptr<std::optional<outcome<overview_view>>>;

  caf::actor answers_later() {
    return spawn([this](caf::event_based_actor* self) { return asked.behavior_of(self); });
  }
  told ask() {
    auto heard = std::make_shared<std::optional<outcome<overview_view>>>();
    desk->ask(system, [heard](outcome<overview_view> o) {
      EXPECT_FALSE(*heard) << "an answer comes once";
      *heard = std::move(o);
    });
    run();
    return heard;
  }
  template <class What>
  void correlator_says(What what) {
    caf::anon_send(correlator, std::move(what));
    run();
  }
  static std::uint64_t seq_of(const told& t) { return *t && **t ? (**t)->feed_seq : 0; }
  static ec why_not(const told& t) { return *t && !**t ? (**t).error().code : ec::malformed; }

  later_correlator asked{ec::overloaded};
  caf::actor correlator = answers_later();
  std::shared_ptr<overview_desk> desk =
      std::make_shared<overview_desk>(caf::actor_cast<correlator_actor>(correlator));
};

TEST_F(OverviewDesk, AllWhoAskMeanwhileOrSoonAfterHaveOneAnswer) {
  const auto first = ask(), second = ask();
  EXPECT_FALSE(*first || *second);
  correlator_says(std::uint64_t{3});
  EXPECT_EQ(seq_of(first), 3U);
  EXPECT_EQ(seq_of(second), 3U);
  EXPECT_EQ(seq_of(ask()), 3U);
  EXPECT_EQ(asked.questions, 1);
  advance(overview_desk::fresh_for);
  const auto later = ask();
  EXPECT_EQ(asked.questions, 2);
  correlator_says(std::uint64_t{4});
  EXPECT_EQ(seq_of(later), 4U);
}

TEST_F(OverviewDesk, WithoutAnAnswerInTimeIsAnError) {
  const auto first = ask();
  advance(4999ms);
  EXPECT_FALSE(*first);
  advance(1ms);
  EXPECT_EQ(why_not(first), ec::deadline_passed);
  correlator_says(std::uint64_t{3});
}

TEST_F(OverviewDesk, WhoJoinsOneThatIsWaitedForHasFiveSecondsOfHisOwn) {
  const auto first = ask();
  advance(4900ms);
  const auto second = ask();
  advance(100ms);
  EXPECT_EQ(why_not(first), ec::deadline_passed);
  EXPECT_FALSE(*second);
  advance(4800ms);
  const auto third = ask();
  EXPECT_FALSE(*second);
  advance(100ms);
  EXPECT_EQ(why_not(second), ec::deadline_passed);
  correlator_says(std::uint64_t{7});
  EXPECT_EQ(seq_of(third), 7U);
  EXPECT_EQ(asked.questions, 1);
}

TEST_F(OverviewDesk, WhoComesWhenAllBeforeHaveGivenUpIsToldToo) {
  const auto first = ask();
  advance(12s);
  EXPECT_EQ(why_not(first), ec::deadline_passed);
  const auto second = ask();
  advance(4s);
  EXPECT_FALSE(*second);
  correlator_says(std::uint64_t{8});
  EXPECT_EQ(seq_of(second), 8U);
}

TEST_F(OverviewDesk, AFailureIsToldToAllAndTheNextOneAsksAnew) {
  const auto first = ask(), second = ask();
  correlator_says(std::string{"too many ask and wait"});
  EXPECT_EQ(why_not(first), ec::overloaded);
  EXPECT_EQ(why_not(second), ec::overloaded);
  const auto third = ask();
  EXPECT_EQ(asked.questions, 2);
  correlator_says(std::uint64_t{9});
  EXPECT_EQ(seq_of(third), 9U);
}

TEST_F(OverviewDesk, ThatTheCorrelatorHasEndedIsToldAtOnce) {
  caf::anon_send_exit(correlator, caf::exit_reason::user_shutdown);
  run();
  const auto first = ask();
  ASSERT_TRUE(*first);
  EXPECT_FALSE(**first);
}

}  // namespace
}  // namespace faultline
