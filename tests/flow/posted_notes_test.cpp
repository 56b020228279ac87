// SPDX-License-Identifier: Apache-2.0
#include "server/posted_notes.hpp"

#include <gmock/gmock.h>

#include <deque>

namespace faultline {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::int64_t minute = 60'000;
event_time at(double minutes) {
  return event_time_of(1'750'000'000'000 + static_cast<std::int64_t>(minutes * minute));
}

posted_alert alert_of(const std::string& name, double ends, const std::string& entity = "x") {
  return {{{"alertname", name}}, {}, at(0), at(ends), "", entity};
}
posted_alert slow(double ends) { return alert_of("Slow", ends); }

/// A desk before a keeper that answers when it is told to.
class desk {
public:
  /// @returns the names of the commands that are recorded for it.
  std::vector<std::string> post(std::vector<posted_alert> alerts, double now) {
    const std::size_t number = answers.size();
    answers.emplace_back("none");
    notes.post(std::move(alerts), at(now), recorder(), [this, number](const outcome<bool>& ok) {
      EXPECT_EQ(answers[number], "none") << "each is answered once";
      answers[number] = ok ? "taken" : "failed";
    });
    return names();
  }
  std::vector<std::string> tend(double now) {
    notes.tend(at(now), recorder());
    return names();
  }
  std::vector<std::string> close(double now) {
    notes.close(at(now), recorder(), [this](const outcome<bool>& ok) { closed = ok ? 1 : -1; });
    return names();
  }
  /// What was recorded first of what waits is durable, or not.
  void settle(bool well = true) {
    const auto done = waiting.front();
    waiting.pop_front();
    if (well)
      done(true);
    else
      done(failure{ec::store_unavailable, "the disk is gone"});
  }

  bool holds = false;  ///< answers wait for settle()
  std::vector<std::string> answers;
  std::deque<answer<bool>> waiting;
  std::vector<operator_command> recorded;  ///< by the last call
  int closed = 0;                          ///< 1: well
  posted_notes notes{3};

private:
  posted_notes::recorder recorder() {
    recorded.clear();
    return [this](std::vector<operator_command> commands, answer<bool> done) {
      recorded = std::move(commands);
      waiting.push_back(std::move(done));
      if (!holds) settle();
    };
  }
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const operator_command& c : recorded) all.push_back(c.name);
    return all;
  }
};

/// The end that the last call recorded by a short record.
event_time end_again(const desk& d) {
  const auto list = read_posted_again_json(d.recorded.at(0).payload);
  return list && list->size() == 1 ? list->front().ends : event_time{};
}

TEST(PostedAlertLists, OneThatBeginsAfterItsEndIsTakenOutAlone) {
  std::vector<posted_alert> list{{{{"alertname", "Good"}}, {}, {}, {}, "", "x"},
                                 {{{"alertname", "Late"}}, {}, at(60), {}, "", "x"},
                                 {{{"alertname", "Over"}}, {}, {}, at(-1), "", "x"}};
  complete(list, at(0));
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[0].starts, at(0));
  EXPECT_EQ(list[0].ends, at(5));
  EXPECT_EQ(list[1].starts, at(-1));
}

TEST(PostedNotes, WhatIsPostedEachMinuteIsRecordedEverySecondOneAndWholeEachQuarterOfAnHour) {
  desk d;
  int whole = 0, again = 0;
  const auto count = [&](const std::vector<std::string>& names) {
    for (const std::string& name : names) ++(name == "posted_alerts" ? whole : again);
  };
  for (int second = 0; second < 3600; ++second) {
    const double now = second / 60.0;
    if (second % 60 == 0) count(d.post({slow(now + 4)}, now));
    count(d.tend(now));
  }
  EXPECT_EQ(whole, 4);
  EXPECT_GE(again, 24);
  EXPECT_LE(again, 30);
}

TEST(PostedNotes, OtherAnnotationsAreRecordedEveryFiveMinutes) {
  desk d;
  std::vector<double> whole;
  for (int n = 0; n < 16; ++n) {
    auto a = slow(n + 4);
    a.annotations = {{"value", std::to_string(n)}};
    if (d.post({a}, n) == std::vector<std::string>{"posted_alerts"}) whole.push_back(n);
  }
  EXPECT_THAT(whole, ElementsAre(0, 5, 10, 15));
}

TEST(PostedNotes, AnEndIsRecordedAndSoIsWhatBeginsAgain) {
  desk d;
  EXPECT_THAT(d.post({slow(4)}, 0), ElementsAre("posted_alerts"));
  EXPECT_THAT(d.post({slow(1)}, 1), ElementsAre("posted_alerts"));
  EXPECT_THAT(d.post({slow(6)}, 2), ElementsAre("posted_alerts"));
  EXPECT_THAT(d.post({slow(7)}, 3), IsEmpty()) << "good for as long as before";
  EXPECT_THAT(d.post({slow(20)}, 7), ElementsAre("posted_alerts")) << "it has ended meanwhile";
  EXPECT_THAT(d.answers, ElementsAre("taken", "taken", "taken", "taken", "taken"));
}

TEST(PostedNotes, AnEndThatIsNoRollingTimeoutIsRecordedWhenItIsSaid) {
  desk d;
  d.post({slow(10)}, 0);
  EXPECT_THAT(d.post({slow(15)}, 1), ElementsAre("posted_again"));
  EXPECT_EQ(end_again(d), at(15));
  EXPECT_THAT(d.post({slow(15)}, 2), IsEmpty()) << "the log says so";
  EXPECT_THAT(d.post({slow(3)}, 2), ElementsAre("posted_alerts")) << "sooner than was said";
  desk days;
  days.post({slow(1440)}, 0);
  EXPECT_THAT(days.post({slow(1439.6)}, 1), IsEmpty()) << "its pair has another clock";
  EXPECT_THAT(days.post({slow(1439)}, 2), ElementsAre("posted_alerts"))
      << "sooner by more than a pair is apart, and by less than a sixteenth";
  desk soon;
  soon.post({slow(1)}, 0);
  EXPECT_THAT(soon.post({slow(1.02)}, 0.02), ElementsAre("posted_again"))
      << "what ends within two minutes is not spared";
}

TEST(PostedNotes, TheEndThatWasSaidLastIsRecordedBeforeTheOneThatWasRecordedPasses) {
  desk d;
  d.post({slow(4)}, 0);
  EXPECT_THAT(d.post({slow(5)}, 1), IsEmpty());
  EXPECT_THAT(d.tend(2.9), IsEmpty());
  d.holds = true;
  EXPECT_THAT(d.tend(3), ElementsAre("posted_again"));
  EXPECT_EQ(end_again(d), at(5));
  EXPECT_THAT(d.tend(3.1), IsEmpty()) << "it is under way";
  d.settle(false);
  EXPECT_THAT(d.tend(3.2), ElementsAre("posted_again")) << "it may not stand in the log";
  d.settle();
  EXPECT_THAT(d.tend(4.9), IsEmpty());
  EXPECT_THAT(d.tend(5), IsEmpty());
}

TEST(PostedNotes, AnOrderlyEndRecordsTheEndsThatWereSaidLast) {
  desk d;
  d.post({slow(4), alert_of("Full", 60), alert_of("Over", 4)}, 0);
  EXPECT_THAT(d.post({slow(5), alert_of("Over", 5)}, 1), IsEmpty());
  d.post({alert_of("Over", 1)}, 1);
  d.holds = true;
  EXPECT_THAT(d.close(1.5), ElementsAre("posted_again"));
  EXPECT_EQ(end_again(d), at(5)) << "of the one that rolls on alone";
  EXPECT_EQ(d.closed, 0);
  d.settle(false);
  EXPECT_EQ(d.closed, -1);
  desk none;
  none.post({slow(4)}, 0);
  EXPECT_THAT(none.close(1), IsEmpty());
  EXPECT_EQ(none.closed, 1) << "the log says all of it";
}

TEST(PostedNotes, AnOrderlyEndComesBehindWhatIsUnderWay) {
  desk d;
  d.holds = true;
  d.post({slow(4)}, 0);
  d.post({slow(4.1)}, 0.1);
  EXPECT_THAT(d.close(0.2), ElementsAre("posted_again"));
  d.settle();
  EXPECT_THAT(d.answers, ElementsAre("taken", "taken"));
  EXPECT_EQ(d.closed, 0);
  d.settle();
  EXPECT_EQ(d.closed, 1);
}

TEST(PostedNotes, WhatIsUnderWayIsNotTendedBeforeItIsKnownWhetherTheLogHasIt) {
  for (const bool well : {true, false}) {
    desk d;
    d.holds = true;
    d.post({slow(4)}, 0);
    EXPECT_THAT(d.post({slow(5)}, 1), IsEmpty());
    EXPECT_THAT(d.tend(3), IsEmpty());
    d.settle(well);
    d.holds = false;
    EXPECT_THAT(d.tend(3.1), SizeIs(well ? 1 : 0)) << "nobody tends what nobody was promised";
    EXPECT_THAT(d.post({slow(7)}, 3.2), ElementsAre(well ? "posted_again" : "posted_alerts"));
  }
}

TEST(PostedNotes, WhoSaysWhatAnotherIsRecordingHearsWhetherThatIsDurable) {
  desk d;
  d.holds = true;
  EXPECT_THAT(d.post({slow(4)}, 0), ElementsAre("posted_alerts"));
  EXPECT_THAT(d.post({slow(4.01)}, 0.01), IsEmpty());
  EXPECT_THAT(d.answers, ElementsAre("none", "none"));
  d.settle();
  EXPECT_THAT(d.answers, ElementsAre("taken", "taken"));
}

TEST(PostedNotes, WhatCouldNotBeRecordedIsTakenOfNobodyAndRecordedWholeTheNextTime) {
  desk d;
  d.holds = true;
  d.post({slow(4)}, 0);
  d.post({slow(4.01), alert_of("Full", 9)}, 0.01);
  d.settle(false);
  EXPECT_THAT(d.answers, ElementsAre("failed", "none")) << "it waits for its own record";
  d.settle();
  EXPECT_THAT(d.answers, ElementsAre("failed", "failed"));
  EXPECT_THAT(d.post({slow(4.02)}, 0.02), ElementsAre("posted_alerts"));
  EXPECT_THAT(d.post({alert_of("Full", 9)}, 0.02), IsEmpty()) << "that one is durable";
}

TEST(PostedNotes, AnotherEndOfWhatIsUnderWayIsRecordedWholeAndDoesNotRestOnIt) {
  desk d;
  d.holds = true;
  d.post({slow(4)}, 0);
  EXPECT_THAT(d.post({slow(9)}, 0.01), ElementsAre("posted_alerts"));
  d.settle(false);
  d.settle();
  EXPECT_THAT(d.answers, ElementsAre("failed", "taken"));
  EXPECT_THAT(d.post({slow(9)}, 0.02), IsEmpty());
}

TEST(PostedNotes, WordsAboutOneAlertInOneListAreRecordedInTheirOrder) {
  desk d;
  d.post({slow(4)}, 0);
  EXPECT_THAT(d.post({slow(9), slow(12)}, 1), ElementsAre("posted_again", "posted_alerts"));
  EXPECT_THAT(d.post({slow(12)}, 1), IsEmpty());
  d.post({slow(20), slow(9)}, 1);
  EXPECT_THAT(d.post({slow(20)}, 1), ElementsAre("posted_again")) << "the log says nine";
}

TEST(PostedNotes, WhatIsBeyondTheLimitIsRecordedWholeWheneverItIsPosted) {
  desk d;
  d.post({alert_of("a", 60), alert_of("b", 60), alert_of("c", 2), slow(60)}, 0);
  EXPECT_THAT(d.post({alert_of("a", 60), alert_of("b", 60), alert_of("c", 2)}, 1), IsEmpty());
  EXPECT_THAT(d.post({slow(60)}, 1), ElementsAre("posted_alerts"));
  EXPECT_THAT(d.tend(2), IsEmpty()) << "one ends";
  EXPECT_THAT(d.post({slow(60)}, 2), ElementsAre("posted_alerts"));
  EXPECT_THAT(d.post({slow(60)}, 3), IsEmpty());
}

TEST(PostedNotes, WhatIsPostedOfARetiredEntityIsRecordedWhole) {
  desk d;
  d.post({slow(60), alert_of("Full", 60), alert_of("Slow of y", 60, "y")}, 0);
  d.notes.retired("x");
  EXPECT_THAT(d.post({alert_of("Slow of y", 60, "y")}, 1), IsEmpty());
  EXPECT_THAT(d.post({alert_of("Full", 60)}, 1), ElementsAre("posted_alerts"));
  EXPECT_THAT(d.post({slow(60)}, 1), ElementsAre("posted_alerts"));
  d.notes.retired("z");
  EXPECT_THAT(d.post({slow(60)}, 2), IsEmpty());
}

}  // namespace
}  // namespace faultline
