// SPDX-License-Identifier: Apache-2.0
#include "actors/post_desk.hpp"

#include <condition_variable>
#include <optional>

#include <gtest/gtest.h>

#include "tests/actors/intake_support.hpp"
#include "tests/support/heard_log.hpp"

namespace faultline {
namespace {

/// A desk before an intake rig, and a receiver whose body is "NAME VALUE" of one gauge, or several
/// with blanks between them.
struct desk_rig {
  explicit desk_rig(intake_options i = {}, naming_options n = {}, store* kept = nullptr)
      : rig{{}, {}, i},
        shelf{(kept != nullptr ? kept : rig.memory.get())->notes(), rig.registry, rig.counters},
        desk{rig.door, std::move(n), i, [this] { return rig.now; }, &shelf} {
    by.name = "words";
    by.read = [this](const http_request&, std::string_view body,
                     post_tools& tools) -> outcome<void> {
      tools.namer.begin(naming_style::plain, {}, unix_ms(tools.now), tools.to_events);
      if (body == "bad") return failure{ec::malformed, "bad"};
      std::size_t from = 0;
      while (from < body.size()) {
        const auto end = std::min(body.find(' ', from), body.size());
        const auto word = body.substr(from, end - from);
        metric_sample s;
        s.name = names;
        s.value = 1;
        if (word == "delta") {
          tools.namer.leave_out(left_out::no_begin);
        } else if (word.size() > payload_limits::entity_bytes) {  // past the names, as it is
          event_view bad;
          bad.entity = word;
          bad.metrics = {{"m", 1, metric_kind::gauge}};
          tools.events.add(bad);
        } else {
          tools.namer.metric(s, {{"host", word}});
        }
        from = end + 1;
      }
      return {};
    };
    by.answer = [](const http_request&, const post_result& r, std::uint64_t rejected) {
      http_response answer;
      answer.body = std::to_string(r.accepted) + "/" + std::to_string(rejected);
      answer.headers.emplace_back("why", r.why);
      return answer;
    };
    by.refuse = [](const http_request&, int status, std::string_view why) {
      return http_error(status, "no", why);
    };
    rig.on_posted = [this](const reply_address& to) { desk.durable(to); };
    desk.start();
  }
  ~desk_rig() {
    desk.stop();
    rig.commit.stop();
  }

  /// Posts @p body and waits for the answer.
  http_response post(std::string body, const std::string& user = "") {
    http_request request;
    request.body = std::move(body);
    request.address = "10.0.0.7";
    request.user = user;
    std::mutex mutex;
    std::condition_variable changed;
    std::optional<http_response> got;
    desk.take(by, std::move(request), [&](http_response r) {
      const std::lock_guard<std::mutex> lock{mutex};
      got = std::move(r);
      changed.notify_one();
    });
    std::unique_lock<std::mutex> lock{mutex};
    changed.wait_for(lock, std::chrono::seconds{20}, [&] { return got.has_value(); });
    return got.value_or(http_response{0, "", "no answer", {}});
  }
  std::uint64_t count(post_fate fate) {
    return desk.counters()["words"].posts[static_cast<std::size_t>(fate)];
  }
  std::vector<dead_letter> letters() { return *rig.memory->dead_letters().newest(100); }

  intake_rig rig;
  name_shelf shelf;
  post_desk desk;
  receiver by;
  std::string names = "m";  ///< of the metric
};

TEST(PostDesk, AnswersWhenAllOfItIsDurable) {
  desk_rig r;
  const auto answer = r.post("web-1 web-2");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "2/0");
  // What was answered is in the store: nothing more has to happen for it.
  EXPECT_EQ(r.rig.memory->events().counters().at("accepted"), 2U);
  EXPECT_EQ(r.count(post_fate::taken), 1U);
  EXPECT_EQ(r.desk.counters()["words"].samples, 2U);
}

TEST(PostDesk, ADeltaWithoutABeginIsRejectedAndItsSenderIsToldWhy) {
  desk_rig r;
  const auto answer = r.post("web-1 delta delta");
  EXPECT_EQ(answer.body, "1/2");
  ASSERT_EQ(answer.headers.size(), 1U);
  EXPECT_EQ(answer.headers[0].second.rfind("no_begin: ", 0), 0U) << answer.headers[0].second;
  EXPECT_EQ(r.count(post_fate::partly), 1U);
}

TEST(PostDesk, NamesAreTheSameAfterARestartAndGoWithTheirEntity) {
  naming_options one;
  one.max_metrics = 1;
  const auto kept = open_memory_store(std::uint16_t{4});
  {
    desk_rig r{{}, one, kept.get()};
    EXPECT_EQ(r.post("web-1").body, "1/0");
  }
  desk_rig again{{}, one, kept.get()};
  again.rig.registry.add(stable_hash("host/web-1"));
  again.names = "other";
  EXPECT_EQ(again.post("web-1").body, "0/1");
  again.names = "m";
  EXPECT_EQ(again.post("web-1").body, "1/0");
  EXPECT_EQ(kept->notes().load("names/", {}, 10)->size(), 1U);
  again.desk.stop();
  again.rig.registry.remove(stable_hash("host/web-1"));
  const auto gone = again.shelf.tend();
  ASSERT_EQ(gone.size(), 1U);
  EXPECT_EQ(gone[0].entity, "host/web-1");
  EXPECT_TRUE(kept->notes().load("names/", {}, 10)->empty());
}

TEST(PostDesk, NamesOfWhomIsRetiredGoThoughItSendsOnBeforeAnybodyLooks) {
  naming_options one;
  one.max_metrics = 1;
  desk_rig r{{}, one};
  r.rig.registry.add(stable_hash("host/web-1"));
  EXPECT_EQ(r.post("web-1").body, "1/0");
  r.names = "other";
  EXPECT_EQ(r.post("web-1").body, "0/1") << "it has one name";
  r.desk.stop();
  r.rig.registry.note_retired("host/web-1");
  r.rig.registry.note_retired("host/nobody");
  const auto gone = r.shelf.tend();
  ASSERT_EQ(gone.size(), 1U);
  EXPECT_EQ(gone[0].entity, "host/web-1");
  EXPECT_TRUE(r.rig.memory->notes().load("names/", {}, 10)->empty());
  EXPECT_TRUE(r.shelf.tend().empty()) << "once";
}

TEST(PostDesk, WhomTheIntakeRefusesHasNoNamesKept) {
  desk_rig r;
  EXPECT_EQ(r.post(std::string(300, 'x')).body, "0/1");
  EXPECT_EQ(r.post("web-1").status, 200);
  EXPECT_EQ(r.rig.memory->notes().load("names/", {}, 10)->size(), 1U);
}

TEST(PostDesk, AnEmptyRequestIsTaken) {
  desk_rig r;
  EXPECT_EQ(r.post("").body, "0/0");
}

TEST(PostDesk, WhatCannotBeReadIsADeadLetterWithItsSource) {
  desk_rig r;
  EXPECT_EQ(r.post("bad").status, 400);
  EXPECT_EQ(r.count(post_fate::malformed), 1U);
  EXPECT_EQ(r.post("web-1").status, 200);  // durable, so the letter before it is as well
  const auto letters = r.letters();
  ASSERT_EQ(letters.size(), 1U);
  EXPECT_EQ(letters[0].reason, "malformed_body");
  EXPECT_EQ(letters[0].source, "http words 10.0.0.7");
  EXPECT_EQ(letters[0].payload, "bad");
}

TEST(PostDesk, AnEventThatBreaksARuleIsADeadLetterAndTheOthersCount) {
  desk_rig r;
  const auto answer = r.post("web-1 " + std::string(300, 'x'), "agent");
  EXPECT_EQ(answer.body, "1/1");
  EXPECT_EQ(r.count(post_fate::partly), 1U);
  EXPECT_EQ(r.post(std::string(300, 'x'), "agent").body, "0/1");
  EXPECT_EQ(r.count(post_fate::refused), 1U);
  const auto letters = r.letters();
  ASSERT_EQ(letters.size(), 2U);
  EXPECT_EQ(letters[0].reason, "bad_entity");
  EXPECT_EQ(letters[0].source, "http words agent");
}

TEST(PostDesk, WhatIsPackedBeyondTheLimitIsRefused) {
  intake_options i;
  i.max_unpacked_bytes = 4;
  desk_rig r{i};
  EXPECT_EQ(r.post("web-1").status, 413);
  EXPECT_EQ(r.count(post_fate::too_large), 1U);
}

TEST(PostDesk, ASmallBodyThatSaysALongNameAMillionTimesIsTooLarge) {
  desk_rig d;
  const auto words = d.by.read;
  d.by.read = [](const http_request&, std::string_view body, post_tools& tools) -> outcome<void> {
    tools.namer.begin(naming_style::plain, {}, unix_ms(tools.now), tools.to_events);
    tools.namer.source({{"host", body}});
    for (int i = 0; i < 1'000'000; ++i) tools.namer.log({}, {});
    return {};
  };
  EXPECT_EQ(d.post(std::string(240, 'x')).status, 413);
  EXPECT_EQ(d.count(post_fate::too_large), 1U);
  d.by.read = words;
  EXPECT_EQ(d.post("a").body, "1/0") << "the next is served";
  EXPECT_EQ(d.letters().size(), 1U);
}

TEST(PostDesk, WithoutRoomASenderIsToldToComeAgainAndNothingIsTaken) {
  intake_options i;
  i.max_lag_records = 8;
  i.retry_after_ms = 1500;
  desk_rig r{i};
  for (int n = 0; n < 16; ++n) r.post("web-" + std::to_string(n));
  const auto answer = r.post("more");
  EXPECT_EQ(answer.status, 503);
  ASSERT_EQ(answer.headers.size(), 1U);
  EXPECT_EQ(answer.headers[0].first, "Retry-After");
  EXPECT_EQ(answer.headers[0].second, "2");
  EXPECT_GE(r.count(post_fate::retry), 1U);
  EXPECT_EQ(r.rig.counters.doors.offered[static_cast<std::size_t>(event_door::http)],
            r.rig.counters.doors.admitted[static_cast<std::size_t>(event_door::http)]);
}

TEST(PostDesk, MoreThanMayWaitIsToldToComeAgain) {
  intake_options i;
  i.max_posted_bytes = 16;
  desk_rig r{i};
  EXPECT_EQ(r.post(std::string(17, 'x')).status, 503);
  EXPECT_EQ(r.post("web-1").status, 200);
}

TEST(PostDesk, AfterItsEndASenderIsToldToComeAgain) {
  desk_rig r;
  r.desk.stop();
  EXPECT_EQ(r.post("web-1").status, 503);
}

TEST(PostDesk, WhatWaitsAtItsEndIsReadToItsEnd) {
  desk_rig r;
  std::atomic<int> answered{0};
  for (int i = 0; i < 20; ++i) {
    http_request request;
    request.body = "web-" + std::to_string(i);
    r.desk.take(r.by, std::move(request),
                [&](http_response a) { answered += a.status == 200 ? 1 : 0; });
  }
  r.desk.stop();
  r.rig.commit.stop();
  EXPECT_EQ(answered, 20);
}

outcome<void> broken(const http_request&, std::string_view, post_tools&) {
  throw std::runtime_error{"broken"};
}

TEST(PostDesk, AnErrorOfOursIsNotItsSendersFaultAndTheNextIsServed) {
  const testing::heard_log log;
  desk_rig r;
  const auto read = r.by.read;
  r.by.read = broken;
  const auto answer = r.post("x");
  EXPECT_EQ(answer.status, 500);
  EXPECT_EQ(answer.body.find("broken"), std::string::npos) << answer.body;
  r.by.read = read;
  EXPECT_EQ(r.post("web-1").status, 200);
  EXPECT_EQ(r.count(post_fate::failed), 1U);
  EXPECT_EQ(r.count(post_fate::malformed), 0U);
  EXPECT_NE(log.text().find("source=\"words 10.0.0.7\" bytes=1 what=\"broken\""), std::string::npos)
      << log.text();
  const auto letters = r.letters();
  ASSERT_EQ(letters.size(), 1U);
  EXPECT_EQ(letters[0].reason, "internal_error");
  EXPECT_EQ(letters[0].source, "http words 10.0.0.7");
  EXPECT_EQ(letters[0].payload, "x");
}

TEST(PostDesk, WhatAListenerOfferedAndWeFailedAtIsADeadLetter) {
  const testing::heard_log log;
  desk_rig r;
  r.by.door = event_door::syslog;
  const auto read = r.by.read;
  r.by.read = broken;
  http_request lost;
  lost.body = "lost";
  lost.address = "10.0.0.7";
  ASSERT_TRUE(r.desk.offer(r.by, lost));
  for (int n = 0; n < 5000 && r.count(post_fate::failed) == 0; ++n)
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  EXPECT_EQ(r.count(post_fate::failed), 1U);
  r.by.read = read;
  EXPECT_EQ(r.post("web-1").status, 200);
  ASSERT_EQ(r.letters().size(), 1U);
  EXPECT_EQ(r.letters()[0].payload, "lost");
}

TEST(PostDesk, WhatHoldsMoreThanMayBeMadeOfOneBodyIsTooLarge) {
  desk_rig r;
  r.by.read = [](const http_request&, std::string_view body, post_tools& tools) -> outcome<void> {
    tools.namer.begin(naming_style::plain, {}, unix_ms(tools.now), tools.to_events);
    metric_sample s;
    s.name = "m";
    s.value = 1;
    for (s.ts_ms = 1; s.ts_ms < (body == "bomb" ? 1'000'000 : 3); ++s.ts_ms)
      tools.namer.metric(s, {{"host", "web-1"}});
    return {};
  };
  EXPECT_EQ(r.post("bomb").status, 413);
  EXPECT_EQ(r.count(post_fate::too_large), 1U);
  EXPECT_EQ(r.post("two").status, 200);
  EXPECT_EQ(r.rig.counters.doors.offered[static_cast<std::size_t>(event_door::http)], 2U);
}

/// A desk that lags behind, for a listener that had its share already.
struct lagging_desk : desk_rig {
  lagging_desk() : desk_rig{few()} {
    by.door = event_door::syslog;
    for (int n = 0; n < 16; ++n) post("web-" + std::to_string(n));
    http_request request = lines("a b c");
    EXPECT_TRUE(desk.offer(by, request));
  }
  static intake_options few() {
    intake_options i;
    i.max_lag_records = 8;
    i.max_posted_bytes = 16 * 1024;
    return i;
  }
  static http_request lines(std::string body) {
    http_request request;
    request.body = std::move(body);
    request.address = "10.0.0.7";
    return request;
  }
  std::uint64_t sum(const std::array<door_sums::counter, event_doors>& of) const {
    return of[static_cast<std::size_t>(event_door::syslog)].load();
  }
};

TEST(PostDesk, WhatAListenerOfferedIsHeldUntilThereIsRoom) {
  lagging_desk r;
  http_request more = r.lines("d");
  EXPECT_TRUE(r.desk.offer(r.by, more));
  const auto& admitted = r.rig.counters.doors.admitted;
  const auto before = r.sum(admitted);
  r.rig.counters.finished = 1'000'000;
  for (int n = 0; n < 20'000 && r.sum(admitted) < before + 4; ++n)
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  EXPECT_EQ(r.sum(admitted), before + 4);
  EXPECT_EQ(r.sum(r.rig.counters.doors.shed), 0U);
}

TEST(PostDesk, AListenerThatIsHeldKeepsNoOtherWaiting) {
  lagging_desk r;
  receiver quiet = r.by;
  quiet.name = "quiet";
  quiet.door = event_door::statsd;
  http_request one = r.lines("x");
  EXPECT_TRUE(r.desk.offer(quiet, one));
  const auto& admitted =
      r.rig.counters.doors.admitted[static_cast<std::size_t>(event_door::statsd)];
  for (int n = 0; n < 20'000 && admitted == 0; ++n)
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  EXPECT_EQ(admitted, 1U);
  r.desk.stop();  // before the receiver goes
  EXPECT_EQ(r.sum(r.rig.counters.doors.shed), 3U);
}

TEST(PostDesk, AListenerWithNothingToSayIsNotHeardOf) {
  desk_rig r;
  receiver quiet = r.by;
  quiet.name = "quiet";
  quiet.door = event_door::statsd;
  http_request nothing;
  nothing.address = "lines";
  EXPECT_TRUE(r.desk.offer(quiet, nothing));
  EXPECT_EQ(r.post("").body, "0/0");  // who posts nothing was there all the same
  std::vector<std::string> heard;
  const std::lock_guard<std::mutex> lock{r.rig.door.publishers().mutex()};
  r.rig.door.publishers().for_each(
      [&heard](const publisher_account& a) { heard.push_back(a.name); });
  EXPECT_EQ(heard, std::vector<std::string>{"words 10.0.0.7"});
}

TEST(PostDesk, WhatIsStillHeldAtTheEndIsShedAndCounted) {
  lagging_desk r;
  r.desk.stop();
  EXPECT_EQ(r.sum(r.rig.counters.doors.shed), 3U);
  EXPECT_EQ(r.sum(r.rig.counters.doors.offered),
            r.sum(r.rig.counters.doors.admitted) + r.sum(r.rig.counters.doors.shed));
}

TEST(PostDesk, AListenerHasHalfOfTheRoomAndKeepsWhatFindsNone) {
  lagging_desk r;
  int taken = 0;
  http_request more = r.lines("d");
  while (taken < 100 && r.desk.offer(r.by, more)) {
    ++taken;
    more = r.lines("d");
  }
  EXPECT_LT(taken, 10);
  EXPECT_EQ(more.body, "d");
  // The other half is there for those who wait for an answer; what was held is on its way first.
  r.rig.counters.finished = 1'000'000;
  int status = 503;
  for (int n = 0; n < 5000 && status == 503; ++n) {
    status = r.post("web-1").status;
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
  EXPECT_EQ(status, 200);
}

TEST(PostDesk, WhatAListenerGatheredBeyondItsShareIsTakenWhenNothingElseWaits) {
  intake_options i;
  i.max_posted_bytes = 4096;
  desk_rig r{i};
  http_request request;
  request.address = "lines";
  for (int n = 0; n < 1000; ++n) request.body += "web-1 ";
  const auto size = request.body.size();
  ASSERT_GT(size, i.max_posted_bytes);
  ASSERT_TRUE(r.desk.offer(r.by, request));
  for (int n = 0; n < 5000 && r.count(post_fate::taken) == 0; ++n)
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  EXPECT_EQ(r.count(post_fate::taken), 1U);
}

TEST(PostDesk, APieceThatCannotBeReadIsADeadLetterAndTheOthersCount) {
  desk_rig r;
  const auto read = r.by.read;
  r.by.read = [read](const http_request& request, std::string_view body, post_tools& tools) {
    auto done = read(request, body, tools);
    tools.refuse_piece("piece", "no word");
    return done;
  };
  EXPECT_EQ(r.post("web-1").body, "1/1");
  EXPECT_EQ(r.count(post_fate::partly), 1U);
  r.by.read = read;
  EXPECT_EQ(r.post("web-1").status, 200);
  ASSERT_EQ(r.letters().size(), 1U);
  EXPECT_EQ(r.letters()[0].payload, "piece");
}

TEST(PostDesk, InPlaceOfABodyThatCannotBeReadItsReceiverMaySaySo) {
  desk_rig r;
  r.by.unread = [](const http_request&, post_tools& tools) {
    tools.namer.begin(naming_style::plain, {}, unix_ms(tools.now), tools.to_events);
    metric_sample s;
    s.name = "up";
    tools.namer.metric(s, {{"host", "web-9"}});
  };
  EXPECT_EQ(r.post("bad").status, 400);
  EXPECT_EQ(r.post("web-1").status, 200);
  EXPECT_EQ(r.count(post_fate::malformed), 1U);
  EXPECT_EQ(r.count(post_fate::taken), 1U);
  EXPECT_EQ(r.rig.memory->events().counters().at("accepted"), 2U);
  EXPECT_EQ(r.letters().size(), 1U);
}

}  // namespace
}  // namespace faultline
