// SPDX-License-Identifier: Apache-2.0
//
// What the page asks of the API.
#include <zlib.h>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "dashboard/internal/packing.hpp"
#include "dashboard/rest_api.hpp"
#include "tests/dashboard/made_queries.hpp"

namespace faultline {
namespace {

using nlohmann::json;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

using header_list = std::vector<std::pair<std::string, std::string>>;

/// Pages that a test put in, one after the other; then the end.
struct made_feed final : live_feed {
  std::uint64_t began_after() const noexcept override { return 41; }
  void next(answer<live_page> done) override {
    if (pages.empty()) return done(failure{ec::shutting_down, "no more"});
    live_page page = pages.front();
    pages.erase(pages.begin());
    done(std::move(page));
  }
  std::vector<live_page> pages;
};

struct PageApi : ::testing::Test {
  http_response ask(const std::string& method, const std::string& path, header_list query = {},
                    header_list headers = {}, std::string body = {}) {
    http_request request;
    request.method = method;
    request.path = path;
    request.query = std::move(query);
    request.headers = std::move(headers);
    request.body = std::move(body);
    http_response got;
    make_rest_api(asked, cycle)(std::move(request), [&](http_response r) { got = std::move(r); });
    return got;
  }
  /// All that a live answer says, from its body to its end.
  static std::string all_of(http_response& r) {
    std::string all = r.body;
    bool more = true;
    while (more)
      r.live([&](std::optional<std::string> piece) {
        more = piece.has_value();
        if (piece) all += *piece;
      });
    return all;
  }

  faultline::testing::made_queries asked;
  faultline::testing::made_life_cycle cycle;
};

TEST_F(PageApi, TheStreamTellsMessagesOfTheFeedAsEvents) {
  auto feed = std::make_shared<made_feed>();
  live_page first;
  first.messages = {std::make_shared<live_message>(live_message{7, "alert", R"({"id":"a"})"}),
                    std::make_shared<live_message>(live_message{8, "notice", R"({"what":"x"})"})};
  live_page none;
  none.last = none.upto = 8;
  live_page lost;
  lost.gap = true;
  feed->pages = {first, none, lost};
  asked.feed = feed;
  auto r = ask("GET", "/api/v1/stream", {}, {{"Last-Event-ID", "6"}});
  EXPECT_EQ(r.status, 200);
  EXPECT_EQ(r.content_type, "text/event-stream");
  EXPECT_EQ(asked.asked, "live 6");
  const std::string all = all_of(r);
  EXPECT_THAT(all, ::testing::StartsWith("retry: 1000\nevent: hello\n"));
  EXPECT_THAT(all, HasSubstr(R"("role":"admin","user":"")")) << "where no token is asked for";
  EXPECT_THAT(all,
              HasSubstr("id: 7\nevent: alert\ndata: {\"id\":\"a\"}\n\nid: 8\nevent: notice\n"));
  EXPECT_THAT(all, HasSubstr("id: 8\nevent: heartbeat\ndata: {\"last\":8}\n\n"));
  EXPECT_THAT(all, HasSubstr("event: gap\n"));
}

TEST_F(PageApi, TheStreamIsBriefForWhoAsksForItWhereThereIsABriefForm) {
  live_page page;
  page.messages = {
      std::make_shared<live_message>(live_message{7, "alert", R"({"whole":1})", R"({"brief":1})"}),
      std::make_shared<live_message>(live_message{8, "notice", R"({"what":"x"})"})};
  const auto told = [&](header_list query) {
    auto feed = std::make_shared<made_feed>();
    feed->pages = {page};
    asked.feed = feed;
    auto r = ask("GET", "/api/v1/stream", std::move(query));
    return all_of(r);
  };
  EXPECT_THAT(told({{"brief", "true"}}), HasSubstr("data: {\"brief\":1}\n\nid: 8\n"));
  EXPECT_EQ(asked.asked, "live brief now");
  page.left_out = 5;
  page.upto = 13;
  EXPECT_THAT(told({{"brief", "true"}}),
              HasSubstr("id: 13\nevent: many\ndata: {\"left_out\":5}\n\n"));
  EXPECT_THAT(told({{"brief", "true"}}), HasSubstr("data: {\"what\":\"x\"}"));
  EXPECT_THAT(told({}), HasSubstr("data: {\"whole\":1}"));
  EXPECT_EQ(ask("GET", "/api/v1/stream", {{"brief", "perhaps"}}).status, 400);
}

TEST_F(PageApi, TheStreamBeginsNowOrAfterWhatIsNamedAndRefusesWhatIsNoNumber) {
  asked.feed = std::make_shared<made_feed>();
  EXPECT_EQ(ask("GET", "/api/v1/stream").status, 200);
  EXPECT_EQ(asked.asked, "live now");
  EXPECT_THAT(ask("GET", "/api/v1/stream").body, HasSubstr("id: 41\nevent: hello\n"))
      << "where it began, for who is cut off before the first message";
  EXPECT_EQ(ask("GET", "/api/v1/stream", {{"after", "0"}}).status, 200);
  EXPECT_EQ(asked.asked, "live 0");
  for (const char* wrong : {"x", "-1", "1.5", "18446744073709551616", "7 "})
    EXPECT_EQ(ask("GET", "/api/v1/stream", {}, {{"Last-Event-ID", wrong}}).status, 400) << wrong;
}

TEST_F(PageApi, TheOverviewIsMadeOfOutlines) {
  incident_outline i;
  i.id = "i1";
  i.severity = alert_severity::critical;
  i.cause = "db/x";
  i.probability = 0.75;
  i.limit_at = 5000;
  i.firing = 3;
  i.silenced = 2;
  asked.now = {2, {i, incident_outline{}}, 4, 5, 1, 0, 99, 123};
  const auto view = json::parse(ask("GET", "/api/v1/overview").body);
  EXPECT_EQ(view["open"], 2);
  EXPECT_EQ(view["firing"]["critical"], 4);
  EXPECT_EQ(view["incidents"][0]["cause"]["entity"], "db/x");
  EXPECT_EQ(view["incidents"][0]["limit_at"], 5000);
  EXPECT_EQ(view["incidents"][0]["severity"], "critical");
  EXPECT_EQ(view["incidents"][0]["silenced"], 2);
  EXPECT_TRUE(view["incidents"][1]["cause"].is_null());
  EXPECT_TRUE(view["incidents"][1]["limit_at"].is_null());
  EXPECT_EQ(view["feed"]["seq"], 99);
  EXPECT_EQ(view["now"], 123);
}

TEST_F(PageApi, AStoryHasItemsAlertsAndWhatIsRelated) {
  asked.told_story.items = {{5, "word", "i1", "right", "as said", "ann"}};
  alert a;
  a.id = "a1";
  asked.told_story.alerts = {{a, 0, 0}};
  asked.told_story.related = {incident_outline{}};
  const auto story = json::parse(ask("GET", "/api/v1/incidents/i1/story").body);
  EXPECT_EQ(asked.asked, "story i1");
  EXPECT_EQ(story["items"][0]["by"], "ann");
  EXPECT_EQ(story["alerts"][0]["id"], "a1");
  EXPECT_EQ(story["related"].size(), 1U);
}

TEST_F(PageApi, AnEntityHasAStoryOfItsOwn) {
  asked.told_of_entity.items = {{5, "change", "db/x", "deploy", "version 2", ""}};
  asked.told_of_entity.cut = true;
  asked.told_of_entity.incidents = {incident_outline{}};
  const auto story = json::parse(ask("GET", "/api/v1/entities/db%2Fx/story").body);
  EXPECT_EQ(asked.asked, "story of db/x");
  EXPECT_EQ(story["items"][0]["text"], "version 2");
  EXPECT_EQ(story["cut"], true);
  EXPECT_EQ(story["incidents"].size(), 1U);
}

TEST_F(PageApi, QualityCountsVerdictsAndLeads) {
  asked.how_well.alert_verdicts = {{"false", 2}, {"true", 3}};
  asked.how_well.lead_s = {10, 60};
  const auto q = json::parse(ask("GET", "/api/v1/quality").body);
  EXPECT_EQ(q["alert_verdicts"]["false"], 2);
  EXPECT_EQ(q["lead_s"][1], 60);
}

TEST_F(PageApi, AlertsAreFilteredByTextAndSeverityAndMayBeBrief) {
  alert a;
  a.id = "a1";
  a.entity = "service/cart";
  a.explanation = "a long sentence";
  a.acknowledged = true;
  a.acknowledged_by = "ann";
  asked.alert_list.alerts = {{a, 1, 2}};
  const auto page = json::parse(
      ask("GET", "/api/v1/alerts", {{"brief", "true"}, {"text", "cart"}, {"severity", "warning"}})
          .body);
  EXPECT_THAT(asked.asked, HasSubstr("warning"));
  EXPECT_THAT(asked.asked, HasSubstr("cart"));
  EXPECT_EQ(page["alerts"][0]["entity"], "service/cart");
  EXPECT_EQ(page["alerts"][0]["acknowledged"], "ann");
  EXPECT_FALSE(page["alerts"][0].contains("explanation"));
  EXPECT_EQ(ask("GET", "/api/v1/alerts", {{"severity", "loud"}}).status, 400);
  EXPECT_EQ(ask("GET", "/api/v1/alerts", {{"brief", "yes"}}).status, 400);
}

TEST_F(PageApi, AnIncidentIsAcknowledgedAsAWhole) {
  EXPECT_EQ(ask("POST", "/api/v1/incidents/i1/acknowledge", {}, {}, R"({"by":"ann"})").status, 202);
  EXPECT_EQ(asked.asked, "acknowledge incident i1");
  ASSERT_EQ(asked.acknowledged.size(), 1U);
  EXPECT_EQ(asked.acknowledged[0].by, "ann");
  EXPECT_EQ(ask("POST", "/api/v1/incidents/i1/acknowledge", {}, {}, R"({"by":7})").status, 400);
  asked.known = false;
  EXPECT_EQ(ask("POST", "/api/v1/incidents/i1/acknowledge", {}, {}, "{}").status, 404);
}

TEST_F(PageApi, LongAnswersArePackedForWhoTakesIt) {
  for (int n = 0; n < 100; ++n)
    asked.page.entities.push_back({"host/" + std::to_string(n), "ok", 1, 2});
  const auto plain = ask("GET", "/api/v1/entities");
  const auto packed = ask("GET", "/api/v1/entities", {}, {{"Accept-Encoding", "gzip, br"}});
  EXPECT_THAT(packed.headers, Contains(Pair("Content-Encoding", "gzip")));
  EXPECT_LT(packed.body.size(), plain.body.size() / 3);
  std::string back(plain.body.size() + 10, '\0');
  z_stream z{};
  ASSERT_EQ(inflateInit2(&z, 15 + 16), Z_OK);
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.body.data()));
  z.avail_in = static_cast<uInt>(packed.body.size());
  z.next_out = reinterpret_cast<Bytef*>(back.data());
  z.avail_out = static_cast<uInt>(back.size());
  EXPECT_EQ(inflate(&z, Z_FINISH), Z_STREAM_END);
  back.resize(z.total_out);
  inflateEnd(&z);
  EXPECT_EQ(back, plain.body);
  EXPECT_THAT(ask("GET", "/api/v1/status", {}, {{"Accept-Encoding", "gzip"}}).headers,
              Not(Contains(Pair("Content-Encoding", "gzip"))));
  EXPECT_TRUE(gzip(""));
}

}  // namespace
}  // namespace faultline
