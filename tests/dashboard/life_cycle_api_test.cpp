// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <set>
#include <utility>

#include <nlohmann/json.hpp>

#include "dashboard/internal/openapi_shapes.hpp"
#include "dashboard/internal/routes.hpp"
#include "dashboard/rest_api.hpp"
#include "tests/dashboard/made_queries.hpp"

namespace faultline {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

constexpr std::int64_t noon = 1'700'049'600'000;
constexpr const char* good_v2 =
    R"({"matchers":[{"name":"entity","value":"a","isRegex":false}],"createdBy":"ann","comment":"c",
        "startsAt":"2023-11-15T12:00:00Z","endsAt":"2023-11-15T13:00:00.000+00:00"})";

class LifeCycleApi : public ::testing::Test {
protected:
  http_response ask(std::string method, std::string path, std::string body = {},
                    std::vector<std::pair<std::string, std::string>> query = {}) {
    http_request request;
    request.method = std::move(method);
    request.path = std::move(path);
    request.query = std::move(query);
    request.body = std::move(body);
    request.user = user;
    request.role = role;
    http_response got;
    int answers = 0;
    make_rest_api(asked, cycle, nullptr, open)(std::move(request), [&](http_response r) {
      got = std::move(r);
      ++answers;
    });
    EXPECT_EQ(answers, 1);
    return got;
  }
  json get(std::string path, std::vector<std::pair<std::string, std::string>> query = {}) {
    const http_response r = ask("GET", std::move(path), {}, std::move(query));
    EXPECT_EQ(r.status, 200) << r.body;
    return json::parse(r.body);
  }
  static silence_row one_silence() {
    silence_row row;
    row.what.id = "s1";
    row.what.matchers = {{"entity", "a.*", true, false}};
    row.what.starts = event_time_of(noon);
    row.what.ends = event_time_of(noon + 1);
    row.what.created_by = "ann";
    row.what.comment = "why";
    row.state = silence_state::active;
    return row;
  }

  faultline::testing::made_queries asked;
  faultline::testing::made_life_cycle cycle;
  std::string user;
  ways_in open;
  web_role role = web_role::admin;
};

TEST_F(LifeCycleApi, SilencesAreListedInOurWords) {
  cycle.rows = {one_silence()};
  const json row = get("/api/v1/silences", {{"matcher", "a=b"}})["silences"][0];
  EXPECT_EQ(cycle.matchers, std::vector<std::string>{"a=b"});
  EXPECT_EQ(row["matchers"], json::parse(R"([{"name":"entity","op":"!~","value":"a.*"}])"));
  EXPECT_EQ(row["text"], R"({entity!~"a.*"})");
  EXPECT_EQ(row["state"], "active");
  EXPECT_EQ(row["starts"], noon);
  EXPECT_TRUE(get("/api/v1/silences", {{"state", "expired"}})["silences"].empty());
  EXPECT_EQ(ask("GET", "/api/v1/silences", {}, {{"state", "over"}}).status, 400);
  EXPECT_EQ(get("/api/v1/silences/s1")["id"], "s1");
  cycle.rows.clear();
  EXPECT_EQ(ask("GET", "/api/v1/silences/s1").status, 404);
}

TEST_F(LifeCycleApi, ASilenceIsTakenWithAnEndOrADuration) {
  const auto r = ask("POST", "/api/v1/silences",
                     R"({"matchers":[{"name":"entity","op":"=~","value":"a"}],"duration_s":60,
                         "created_by":"ann","comment":"c","force":true})");
  EXPECT_EQ(r.status, 200) << r.body;
  EXPECT_EQ(json::parse(r.body)["id"], "id-1");
  ASSERT_EQ(cycle.words.size(), 1u);
  EXPECT_EQ(cycle.words[0].lasts, milliseconds{60'000});
  EXPECT_TRUE(cycle.words[0].force);
  EXPECT_TRUE(cycle.words[0].what.matchers.at(0).regex);
  EXPECT_EQ(cycle.words[0].what.created_by, "ann");
  user = "token-of-bob";
  ask("POST", "/api/v1/silences",
      R"({"matchers":[{"name":"a","value":"b"}],"ends":5,"created_by":"ann"})");
  EXPECT_EQ(cycle.words.at(1).what.created_by, "token-of-bob");
}

TEST_F(LifeCycleApi, AMaintenanceWindowIsTakenAsItIsSaid) {
  const auto r = ask("POST", "/api/v1/maintenance",
                     R"({"name":"deploy","entities":["a"],"at":"02:00","duration_s":60,
                         "days":["mon"],"by":"ann","comment":"c","dependents":true,"force":true})");
  EXPECT_EQ(r.status, 202) << r.body;
  ASSERT_EQ(cycle.asked_windows.size(), 1u);
  const maintenance_word& w = cycle.asked_windows[0];
  EXPECT_EQ(w.name + w.at + w.by + w.comment, "deploy02:00annc");
  EXPECT_EQ(w.lasts_ms, 60'000);
  EXPECT_TRUE(w.dependents && w.force);
  EXPECT_EQ(ask("POST", "/api/v1/maintenance", R"({"name":"once","duration_s":1728000})").status,
            202)
      << "20 days: the bounds are window_of()'s";
  cycle.windows.emplace_back();
  cycle.windows[0].days = {"sat", "sun"};
  EXPECT_EQ(get("/api/v1/maintenance")["windows"][0]["days"], json({"sat", "sun"}))
      << "as they are sent";
  for (const char* body : {"", "[]", R"({"name":3})", R"({"entities":"a"})", R"({"force":"yes"})",
                           R"({"dependents":1})", R"({"duration_s":-1})", R"({"days":[1]})"})
    EXPECT_EQ(ask("POST", "/api/v1/maintenance", body).status, 400) << body;
  const auto long_one =
      ask("POST", "/api/v1/maintenance", json{{"comment", std::string(4097, 'x')}}.dump());
  EXPECT_EQ(long_one.status, 400);
  EXPECT_NE(long_one.body.find("a text of at most 4096 bytes"), std::string::npos) << long_one.body;
  role = web_role::viewer;
  EXPECT_EQ(ask("POST", "/api/v1/maintenance", "{}").status, 403);
  EXPECT_EQ(ask("DELETE", "/api/v1/maintenance/deploy").status, 403);
  EXPECT_EQ(cycle.asked_windows.size(), 2u);
}

TEST_F(LifeCycleApi, WhatIsNoSilenceIsRefused) {
  for (const char* body : {"", "[]", "{}", R"({"matchers":[]})", R"({"matchers":[7],"ends":5})",
                           R"({"matchers":[{"name":"a","value":"b"}]})",
                           R"({"matchers":[{"name":"a","value":"b"}],"ends":5,"duration_s":5})",
                           R"({"matchers":[{"name":"a","value":"b"}],"ends":"soon"})",
                           R"({"matchers":[{"name":"a","value":"b"}],"ends":-5})",
                           R"({"matchers":[{"name":"a","value":"b","op":"=="}],"ends":5})",
                           R"({"matchers":[{"name":"a","value":3}],"ends":5})",
                           R"({"matchers":[{"name":"a","value":"b"}],"ends":5,"force":"yes"})"})
    EXPECT_EQ(ask("POST", "/api/v1/silences", body).status, 400) << body;
  EXPECT_TRUE(cycle.words.empty());
  role = web_role::viewer;
  EXPECT_EQ(ask("POST", "/api/v1/silences", "{}").status, 403);
  EXPECT_EQ(ask("DELETE", "/api/v2/silence/s1").status, 403);
  EXPECT_EQ(ask("POST", "/api/v2/alerts", "[]").status, 403);
}

TEST_F(LifeCycleApi, APreviewSaysWhatWouldBeCovered) {
  cycle.reach.alert_count = 3;
  cycle.reach.alerts.resize(1);
  cycle.reach.alerts[0].id = "00ff";
  cycle.reach.entities = {"a"};
  cycle.reach.entity_count = 200;
  cycle.reach.refused = "too many";
  const auto r =
      ask("POST", "/api/v1/silences/preview", R"({"matchers":[{"name":"entity","value":"a"}]})");
  const json body = json::parse(r.body);
  EXPECT_EQ(body["alerts"][0]["id"], "00ff");
  EXPECT_EQ(body["entity_count"], 200);
  EXPECT_EQ(body["refused"], "too many");
  EXPECT_EQ(cycle.previewed.at(0).name, "entity");
  EXPECT_EQ(ask("POST", "/api/v1/silences/preview", "{}").status, 400);
}

TEST_F(LifeCycleApi, ASilenceIsEndedInBothWays) {
  EXPECT_EQ(ask("DELETE", "/api/v1/silences/s1", {}, {{"by", "bob"}}).status, 202);
  EXPECT_EQ(cycle.asked, "s1 by bob");
  EXPECT_EQ(ask("DELETE", "/api/v2/silence/s2").status, 200);
  EXPECT_EQ(cycle.asked, "s2 by ");
  cycle.known = false;
  EXPECT_EQ(ask("DELETE", "/api/v1/silences/s1").status, 404);
  EXPECT_EQ(ask("DELETE", "/api/v2/silence/s2").body, R"("no silence s2")")
      << "Alertmanager's clients read a text";
}

TEST_F(LifeCycleApi, ASilenceThatHasEndedIsEndedAgainAsAlertmanagerDoes) {
  cycle.fails = failure{ec::invalid, "silence s1 has ended already"};
  EXPECT_EQ(ask("DELETE", "/api/v2/silence/s1").status, 200);
  EXPECT_EQ(ask("DELETE", "/api/v1/silences/s1").status, 400);
  cycle.fails = failure{ec::overloaded, "later"};
  EXPECT_EQ(ask("DELETE", "/api/v2/silence/s1").status, 503);
}

TEST_F(LifeCycleApi, AlertmanagersSilencesAreReadAndWritten) {
  cycle.rows = {one_silence()};
  const json row = get("/api/v2/silences", {{"filter", "a=b"}, {"filter", "c=d"}})[0];
  EXPECT_EQ(cycle.matchers, (std::vector<std::string>{R"(a="b")", R"(c="d")"}));
  for (const auto& [filter, matcher] :
       std::vector<std::pair<std::string, std::string>>{{"team=a,b", R"(team="a,b")"},
                                                        {"x =~ A{1,3}|\\d ", R"(x =~"A{1,3}|\\d")"},
                                                        {"x!=", "x!="},
                                                        {R"(x!~"a,b")", R"(x!~"a,b")"},
                                                        {R"({a="b",c=d})", R"({a="b",c=d})"},
                                                        {"nothing", "nothing"}}) {
    get("/api/v2/silences", {{"filter", filter}});
    EXPECT_EQ(cycle.matchers, std::vector<std::string>{matcher}) << "one matcher, as Alertmanager";
  }
  EXPECT_EQ(row["startsAt"], "2023-11-15T12:00:00.000Z");
  EXPECT_EQ(row["status"]["state"], "active");
  EXPECT_EQ(row["matchers"][0],
            json::parse(R"({"name":"entity","value":"a.*","isRegex":true,"isEqual":false})"));
  EXPECT_EQ(get("/api/v2/silence/s1")["createdBy"], "ann");
  const auto r = ask("POST", "/api/v2/silences", good_v2);
  EXPECT_EQ(r.body, R"({"silenceID":"id-1"})");
  EXPECT_EQ(cycle.words.at(0).what.ends, event_time_of(noon + 3'600'000));
  EXPECT_TRUE(cycle.words[0].what.matchers.at(0).equal) << "isEqual is true when it is left out";
  EXPECT_FALSE(cycle.words[0].force);
  ask("POST", "/api/v2/silences", good_v2, {{"force", "true"}});
  EXPECT_TRUE(cycle.words.at(1).force);
  cycle.fails = failure{ec::invalid, "too broad"};
  const auto refused = ask("POST", "/api/v2/silences", good_v2);
  EXPECT_EQ(refused.status, 400);
  EXPECT_EQ(refused.body, R"("too broad")");
  EXPECT_EQ(
      ask("POST", "/api/v2/silences", R"({"matchers":[{"name":"a","value":"b"}],"startsAt":"x"})")
          .status,
      400);
}

TEST_F(LifeCycleApi, WhatFiresIsToldAsAlertmanagerTellsIt) {
  alert a;
  a.entity = "service/cart";
  a.labels = {{"alertname", "EntityDeviates"}, {"entity", "service/cart"}};
  a.explanation = "latency is high";
  a.started = a.updated = event_time_of(noon);
  a.silenced = true;
  a.silences = {"s1"};
  cycle.alerts = {a};
  const json told = get("/api/v2/alerts", {{"filter", "a=b"}, {"silenced", "false"}})[0];
  EXPECT_FALSE(cycle.filter.silenced);
  EXPECT_TRUE(cycle.filter.active);
  EXPECT_EQ(told["status"],
            json::parse(R"({"state":"suppressed","silencedBy":["s1"],"inhibitedBy":[]})"));
  EXPECT_EQ(told["annotations"]["summary"], "latency is high");
  EXPECT_EQ(told["startsAt"], "2023-11-15T12:00:00.000Z");
  EXPECT_GT(told["endsAt"].get<std::string>(), "2024")
      << "what fires has not ended, whatever its time";
  EXPECT_EQ(told["fingerprint"].get<std::string>().size(), 16u);
  EXPECT_EQ(told["receivers"], json::parse(R"([{"name":"team"},{"name":"feed"}])"));
  const json groups = get("/api/v2/alerts/groups");
  EXPECT_EQ(groups[0]["labels"]["alertname"], "EntityDeviates");
  EXPECT_EQ(groups.size(), 2u) << "one for each receiver";
  EXPECT_EQ(groups[0]["alerts"].size(), 1u);
  const json of_team = get("/api/v2/alerts/groups", {{"receiver", "team"}});
  ASSERT_EQ(of_team.size(), 1u) << "no group of a receiver that was not asked for";
  EXPECT_EQ(of_team[0]["receiver"]["name"], "team");
  EXPECT_EQ(of_team[0]["alerts"][0]["receivers"].size(), 2u);
  EXPECT_EQ(ask("GET", "/api/v2/alerts", {}, {{"active", "maybe"}}).status, 400);
}

TEST_F(LifeCycleApi, FlagsAreSaidAsAlertmanagerTakesThem) {
  for (const char* yes : {"true", "1", "T", "True", "yes", "on"}) {
    cycle.filter.silenced = false;
    EXPECT_EQ(ask("GET", "/api/v2/alerts", {}, {{"silenced", yes}}).status, 200) << yes;
    EXPECT_TRUE(cycle.filter.silenced) << yes;
  }
  for (const char* no : {"false", "0", "F", "FALSE", "no", "off"}) {
    EXPECT_EQ(ask("GET", "/api/v2/alerts", {}, {{"active", no}}).status, 200) << no;
    EXPECT_FALSE(cycle.filter.active) << no;
  }
}

TEST_F(LifeCycleApi, PostedAlertsAreHandedOn) {
  const auto r = ask("POST", "/api/v2/alerts",
                     R"([{"labels":{"alertname":"Slow","empty":""},"annotations":{"summary":"s"},
                          "endsAt":"2023-11-15T12:00:00Z","generatorURL":"http://p"},
                         {"labels":{"alertname":"B"},"startsAt":"0001-01-01T00:00:00Z"}])");
  EXPECT_EQ(r.status, 200);
  ASSERT_EQ(cycle.posted.size(), 2u);
  EXPECT_EQ(cycle.posted[0].labels.size(), 1u) << "an empty label is none";
  EXPECT_EQ(cycle.posted[0].ends, event_time_of(noon));
  EXPECT_EQ(cycle.posted[0].generator, "http://p");
  EXPECT_EQ(cycle.posted[1].starts, event_time{});
  cycle.posted.clear();
  for (const char* body : {"{}", R"([{"labels":{}}])", R"([{"labels":{"a":1}}])", R"([7])",
                           R"([{"labels":{"a":"b"},"startsAt":"noon"}])"})
    EXPECT_EQ(ask("POST", "/api/v2/alerts", body).status, 400) << body;
  EXPECT_TRUE(cycle.posted.empty());
}

TEST_F(LifeCycleApi, TimesMayBeWrittenAsAlertmanagerTakesThem) {
  const auto posted = [this](const std::string& time) {
    cycle.posted.clear();
    const json list = json::array({{{"labels", {{"a", "b"}}}, {"startsAt", time}}});
    EXPECT_EQ(ask("POST", "/api/v2/alerts", list.dump()).status, 200) << time;
    return cycle.posted.empty() ? event_time{} : cycle.posted[0].starts;
  };
  for (const char* time : {"2023-11-15T12:00:00Z", "2023-11-15T12:00:00", "2023-11-15T12:00:00.000",
                           "2023-11-15T13:00:00+0100", "2023-11-15T11:00:00.000-01:00"})
    EXPECT_EQ(posted(time), event_time_of(noon)) << time;
  for (const char* time :
       {"2023-11-15", "2023-11-15T12", "noon", "2023-11-15T12:00:00+01", "-", "T"}) {
    const json list = json::array({{{"labels", {{"a", "b"}}}, {"startsAt", time}}});
    const auto r = ask("POST", "/api/v2/alerts", list.dump());
    EXPECT_EQ(r.status, 400) << time;
    EXPECT_THAT(r.body, HasSubstr("\\\"" + std::string{time} + "\\\" is not a time")) << time;
  }
}

TEST_F(LifeCycleApi, ABadAlertIsNoReasonToLoseThoseBesideIt) {
  const json list =
      json::array({{{"labels", {{"alertname", "Good"}}},
                    {"annotations", {{"summary", std::string(5000, 'x')}, {"count", 3}}},
                    {"generatorURL", "http://p/" + std::string(5000, 'y')}},
                   {{"labels", {{"alertname", "Bad"}}}, {"startsAt", "noon"}},
                   {{"labels", {{"alertname", "Backwards"}}},
                    {"startsAt", "2023-11-15T12:00:00Z"},
                    {"endsAt", "2023-11-15T11:00:00Z"}}});
  const auto r = ask("POST", "/api/v2/alerts", list.dump());
  EXPECT_EQ(r.status, 400);
  EXPECT_THAT(r.body, HasSubstr("2 of 3 alerts were not taken"));
  ASSERT_EQ(cycle.posted.size(), 1u);
  EXPECT_EQ(cycle.posted[0].labels.at("alertname"), "Good");
  EXPECT_EQ(cycle.posted[0].annotations.at("summary").size(), 4096u);
  EXPECT_EQ(cycle.posted[0].annotations.count("count"), 0u);
  EXPECT_EQ(cycle.posted[0].generator.size(), 4096u);
}

TEST_F(LifeCycleApi, WhatTheServerLeavesOutOfAListIsSaidWithWhatWasBad) {
  cycle.late_posts = 1;
  const auto said = [this](const char* list) {
    const auto r = ask("POST", "/api/v2/alerts", list);
    EXPECT_EQ(r.status, 400);
    return r.body;
  };
  EXPECT_THAT(said(R"([{"labels":{"a":"b"}},{"labels":{"a":"c"}}])"),
              HasSubstr("1 of 2 alerts were not taken: an alert ends before it starts"));
  EXPECT_THAT(said(R"([{"labels":{"a":"b"}},{"labels":{"a":"c"}},{"labels":{}}])"),
              HasSubstr("2 of 3 alerts were not taken: an alert has at least one label"));
}

TEST_F(LifeCycleApi, StatusAndReceiversAreThoseOfAnAlertmanagerAlone) {
  const json status = get("/api/v2/status");
  EXPECT_EQ(status["cluster"]["status"], "disabled");
  EXPECT_EQ(status["versionInfo"]["revision"], "1.2.3");
  EXPECT_THAT(status["config"]["original"].get<std::string>(), HasSubstr("receiver: feed"));
  EXPECT_EQ(get("/api/v2/receivers"), json::parse(R"([{"name":"feed"}])"));
}

TEST_F(LifeCycleApi, ReceiversAreListedAndTested) {
  cycle.receiver_list.receivers = {{"team", "webhook", 3, 1, "answered 500", 0}};
  cycle.receiver_list.waiting = 2;
  const json page = get("/api/v1/receivers");
  EXPECT_EQ(page["receivers"][0]["last_error"], "answered 500");
  EXPECT_TRUE(page["receivers"][0]["last_sent"].is_null());
  EXPECT_EQ(page["waiting"], 2);
  EXPECT_EQ(ask("POST", "/api/v1/receivers/team/test").body, R"({"error":null,"sent":true})");
  EXPECT_EQ(cycle.asked, "test team");
  cycle.test_error = "answered 404";
  EXPECT_EQ(ask("POST", "/api/v1/receivers/team/test").body,
            R"({"error":"answered 404","sent":false})");
  role = web_role::viewer;
  EXPECT_EQ(ask("POST", "/api/v1/receivers/team/test").status, 403);
}

TEST_F(LifeCycleApi, AlertsOfThePastAreSearched) {
  cycle.alerts.resize(1);
  cycle.alerts[0].id = "00ff";
  EXPECT_EQ(get("/api/v1/alerts/00ff")["seq"], 7);
  cycle.alerts.clear();
  EXPECT_EQ(ask("GET", "/api/v1/alerts/00fe").status, 404);
  get("/api/v1/history", {{"matcher", "a=b"}, {"text", "Cart"}, {"from", "5"}, {"to", "9"}});
  EXPECT_EQ(cycle.searched.text, "Cart");
  EXPECT_EQ(cycle.searched.from, 5);
  EXPECT_EQ(cycle.searched.matchers.size(), 1u);
  EXPECT_EQ(ask("GET", "/api/v1/history", {}, {{"from", "noon"}}).status, 400);
}

TEST_F(LifeCycleApi, AnIncidentIsAcknowledgedAndAssigned) {
  EXPECT_EQ(
      ask("POST", "/api/v1/incidents/i1/acknowledge", R"({"by":"ann","assign":"bob"})").status,
      202);
  EXPECT_EQ(asked.asked, "acknowledge incident i1");
  ASSERT_EQ(asked.acknowledged.size(), 1U);
  EXPECT_EQ(asked.acknowledged[0].assign, "bob");
  EXPECT_EQ(ask("DELETE", "/api/v1/incidents/i1/acknowledge").status, 202);
  EXPECT_FALSE(asked.acknowledged.back().acknowledged);
  EXPECT_EQ(ask("POST", "/api/v1/incidents/i1/acknowledge", R"({"assign":7})").status, 400);
  role = web_role::viewer;
  EXPECT_EQ(ask("DELETE", "/api/v1/incidents/i1/acknowledge").status, 403);
}

TEST_F(LifeCycleApi, IsDescribedAsItIsServed) {
  const json whole = get("/api/v1/openapi.json");
  EXPECT_EQ(whole["openapi"], "3.0.3");
  const json& window = whole["paths"]["/api/v1/entities/{id}/window"]["get"];
  EXPECT_EQ(window["parameters"][0]["name"], "id");
  EXPECT_EQ(window["parameters"][1]["name"], "metric");
  EXPECT_EQ(whole["paths"]["/api/v1/silences"]["post"]["x-role"], "operator");
  EXPECT_EQ(whole["paths"]["/api/v1/alerts"]["get"]["parameters"][0]["schema"]["enum"][1],
            "resolved");
  const json& incidents = whole["paths"]["/api/v1/incidents"]["get"]["parameters"];
  EXPECT_EQ(incidents[1]["name"], "entity");
  const json& stream = whole["paths"]["/api/v1/stream"]["get"];
  EXPECT_EQ(stream["parameters"][0]["name"], "after");
  EXPECT_EQ(stream["parameters"][0]["schema"]["type"], "integer");
  EXPECT_TRUE(stream["responses"]["2XX"]["content"].contains("text/event-stream"));
  EXPECT_TRUE(
      whole["paths"]["/api/v1"]["get"]["responses"]["2XX"]["content"].contains("text/html"));
  EXPECT_EQ(whole["paths"]["/api/v1/write"]["post"]["x-role"], "publisher");
  EXPECT_FALSE(whole["paths"].contains("/api/v2/alerts")) << "others describe theirs";
}

TEST_F(LifeCycleApi, WhatIsOffInTheConfigurationIsToldToNobody) {
  const std::string post_alerts = "<td>POST</td><td>/api/v2/alerts</td>";
  EXPECT_NE(ask("GET", "/api/v1").body.find(post_alerts), std::string::npos);
  open.posted_alerts = false;
  EXPECT_TRUE(get("/api/v1/openapi.json")["paths"].contains("/api/v1/write"));
  EXPECT_EQ(ask("GET", "/api/v1").body.find(post_alerts), std::string::npos);
  open.remote_write = false;
  EXPECT_FALSE(get("/api/v1/openapi.json")["paths"].contains("/api/v1/write"));
}

TEST_F(LifeCycleApi, EveryRouteHasADescriptionAndEveryDescriptionARoute) {
  std::set<std::pair<std::string, std::string>> served, described;
  for (const route& r : api_routes())
    if (r.path == "/api/v1" || r.path.rfind("/api/v1/", 0) == 0 || r.path.rfind("/-/", 0) == 0)
      served.emplace(r.method, r.path);
  for (const operation_shape& s : operation_shapes()) described.emplace(s.method, s.path);
  EXPECT_EQ(served, described);
  EXPECT_EQ(described.size(), operation_shapes().size()) << "each once";
  const json whole = get("/api/v1/openapi.json");
  const std::string text = whole.dump(), sign = "#/components/schemas/";
  std::set<std::string> named, known;
  for (std::size_t at = text.find(sign); at != std::string::npos; at = text.find(sign, at + 1)) {
    const std::size_t begin = at + sign.size();
    named.insert(text.substr(begin, text.find('"', begin) - begin));
  }
  for (const auto& [name, schema] : whole["components"]["schemas"].items()) known.insert(name);
  EXPECT_EQ(named, known);
}

}  // namespace
}  // namespace faultline
