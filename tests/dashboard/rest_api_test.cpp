// SPDX-License-Identifier: Apache-2.0
#include "dashboard/rest_api.hpp"

#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "tests/dashboard/made_queries.hpp"
#include "transport/http_client.hpp"

namespace faultline {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

class RestApi : public ::testing::Test {
protected:
  http_response ask(std::string method, std::string path,
                    std::vector<std::pair<std::string, std::string>> query = {},
                    std::string body = {},
                    std::vector<std::pair<std::string, std::string>> headers = {}) {
    http_request request;
    request.method = std::move(method);
    request.path = std::move(path);
    request.query = std::move(query);
    request.headers = std::move(headers);
    request.body = std::move(body);
    http_response got;
    int answers = 0;
    make_rest_api(asked, cycle)(std::move(request), [&](http_response r) {
      got = std::move(r);
      ++answers;
    });
    EXPECT_EQ(answers, 1);
    return got;
  }
  json get(std::string path, std::vector<std::pair<std::string, std::string>> query = {}) {
    const http_response r = ask("GET", std::move(path), std::move(query));
    EXPECT_EQ(r.status, 200) << r.body;
    EXPECT_EQ(r.content_type, "application/json");
    return json::parse(r.body);
  }
  static std::string code_of(const http_response& r) {
    const json body = json::parse(r.body, nullptr, false);
    EXPECT_TRUE(body.is_object() && body.contains("error")) << r.body;
    return body["error"]["code"];
  }

  faultline::testing::made_queries asked;
  faultline::testing::made_life_cycle cycle;
};

TEST_F(RestApi, HealthReadinessAndMetrics) {
  EXPECT_EQ(ask("GET", "/-/healthy").status, 200);
  EXPECT_EQ(ask("GET", "/-/ready").status, 200);
  asked.is_ready = false;
  const http_response not_yet = ask("GET", "/-/ready");
  EXPECT_EQ(not_yet.status, 503);
  EXPECT_EQ(code_of(not_yet), "not_ready");
  EXPECT_EQ(ask("GET", "/-/healthy").status, 200);
  const http_response metrics = ask("GET", "/metrics");
  EXPECT_THAT(metrics.content_type, HasSubstr("text/plain; version=0.0.4"));
  EXPECT_THAT(metrics.body, HasSubstr("faultline_up 1\n"));
}

TEST_F(RestApi, StatusHasTheFieldsOfTheContract) {
  const json status = get("/api/v1/status");
  EXPECT_EQ(status["version"], "1.2.3");
  EXPECT_EQ(status["uptime_s"], 4.5);
  EXPECT_EQ(status["entities"], 6);
  EXPECT_EQ(status["observations"], 7);
  EXPECT_EQ(status["dead_letters"], 8);
  EXPECT_EQ(status["feed"]["seq"], 9);
  EXPECT_EQ(status["partitions"], 64);
  EXPECT_EQ(status["overload"], "none");
}

TEST_F(RestApi, EntitiesArePagedAndFiltered) {
  asked.page = {{{"host/a", "active", 12, 34}}, "cursor"};
  const json page = get("/api/v1/entities", {{"limit", "5"}, {"prefix", "host/"}, {"next", "x"}});
  EXPECT_EQ(asked.asked, "host/|5|x");
  EXPECT_EQ(page["entities"][0]["id"], "host/a");
  EXPECT_EQ(page["entities"][0]["observations"], 12);
  EXPECT_EQ(page["entities"][0]["last_ts"], 34);
  EXPECT_EQ(page["next"], "cursor");
  asked.page.next.clear();
  EXPECT_TRUE(get("/api/v1/entities")["next"].is_null());
  EXPECT_EQ(asked.asked, "|100|");
}

TEST_F(RestApi, AnEntityIsNamedByItsEncodedId) {
  entity_beliefs belief;
  belief.pages = 2, belief.forecaster = "heard", belief.accepted_by_now = 0.25;
  belief.soon = 0.125;
  asked.details = {"service/cart",
                   "active",
                   3,
                   1,
                   2,
                   {{"cpu", "saturation", "gauge", "ratio", 0.5, NAN, 0, 1, 0.5, 1}},
                   4,
                   {"a1"},
                   belief,
                   {{"00ff", "job <*>", "error", "job 7", 3, 1, 2}},
                   {{"SELECT", "db/orders", 2.5, 0.25, 1, 9, 12, 4, NAN, 7}},
                   34};
  const json entity = get("/api/v1/entities/service%2Fcart%20%C3%A9");
  EXPECT_EQ(asked.asked, "service/cart é");
  EXPECT_EQ(entity["metrics"][0]["role"], "saturation");
  EXPECT_EQ(entity["metrics"][0]["unit"], "ratio");
  EXPECT_EQ(entity["metrics"][0]["last"], 0.5);
  EXPECT_TRUE(entity["metrics"][0]["expected"].is_null());
  EXPECT_EQ(entity["alerts"], json({"a1"}));
  EXPECT_EQ(entity["left_out"], 4);
  EXPECT_EQ(entity["first_ts"], 1);
  EXPECT_EQ(entity["metrics"][0]["off"], 0.5);
  EXPECT_EQ(entity["belief"]["pages"], 2);
  EXPECT_EQ(entity["belief"]["accepted_by_now"], 0.25);
  EXPECT_EQ(entity["belief"]["forecaster"], "heard");
  EXPECT_EQ(entity["belief"]["soon"], 0.125);
  EXPECT_EQ(entity["logs"],
            json::parse(R"([{"id": "00ff", "template": "job <*>", "severity": "error",
      "lines": 3, "first_ts": 1, "last_ts": 2, "example": "job 7"}])"));
  EXPECT_EQ(entity["operations"],
            json::parse(R"([{"operation": "SELECT", "peer": "db/orders", "rate": 2.5,
      "error_share": 0.25, "p50_ms": 1.0, "p95_ms": 9.0, "p99_ms": 12.0, "usual_p95_ms": 4.0,
      "usual_error_share": null, "last_ts": 7}])"));
  EXPECT_EQ(entity["calls_left_out"], 34);
}

TEST_F(RestApi, WindowSaysNullWhereAValueIsMissing) {
  const float inf = std::numeric_limits<float>::infinity();
  asked.series = {{10, 20, 30}, {0.1F, NAN, -3e20F}, {1, 2, 3}, {-inf, 0, 0}, {inf, 1, 1}};
  const http_response r = ask("GET", "/api/v1/entities/a%2Fb/window", {{"metric", "latency p99"}});
  EXPECT_EQ(asked.asked, "a/b|latency p99");
  const json window = json::parse(r.body);
  EXPECT_EQ(window["ts"], json({10, 20, 30}));
  EXPECT_EQ(window["values"][0], 0.1);
  EXPECT_TRUE(window["values"][1].is_null());
  EXPECT_EQ(window["values"][2], -3e20);
  EXPECT_TRUE(window["lower"][0].is_null());
  EXPECT_TRUE(window["upper"][0].is_null());
  EXPECT_EQ(window["expected"].size(), 3U);
  EXPECT_EQ(ask("GET", "/api/v1/entities/a/window").status, 400);
}

TEST_F(RestApi, AlertsAndIncidentsAreTheRecordsOfTheFeed) {
  alert a;
  a.id = "a1";
  a.entity = "db/orders";
  a.score = 0.75;
  asked.alert_list = {{{a, 5, 6}}, ""};
  const json alerts = get("/api/v1/alerts", {{"state", "firing"}, {"entity", "db/orders"}});
  EXPECT_EQ(asked.asked, "firing|db/orders|100|");
  EXPECT_EQ(alerts["alerts"][0]["id"], "a1");
  EXPECT_EQ(alerts["alerts"][0]["score"], 0.75);
  EXPECT_EQ(alerts["alerts"][0]["seq"], 5);
  EXPECT_EQ(alerts["alerts"][0]["published"], 6);
  incident i;
  i.id = "i1";
  asked.incident_list = {{{i, 7, 8}, {i, 0, 0}}, "more"};
  const json incidents =
      get("/api/v1/incidents", {{"state", "open"}, {"limit", "1000"}, {"entity", "db/orders"}});
  EXPECT_EQ(asked.asked, "open|db/orders|1000|");
  EXPECT_EQ(incidents["incidents"].size(), 2U);
  EXPECT_EQ(incidents["next"], "more");
  asked.one_incident = {i, 9, 10};
  EXPECT_EQ(incidents["incidents"][0]["seq"], 7);
  EXPECT_FALSE(incidents["incidents"][1].contains("published"));
  EXPECT_EQ(get("/api/v1/incidents/i1")["id"], "i1");
  EXPECT_EQ(get("/api/v1/incidents/i1")["published"], 10);
  EXPECT_EQ(asked.asked, "i1");
}

TEST_F(RestApi, TopologyAndDeadLetters) {
  asked.graph = {{{"a", "active"}}, {{"a", "b", "calls", "span", 0.5, 99}}, {}};
  const json graph = get("/api/v1/topology");
  EXPECT_EQ(graph["nodes"][0]["id"], "a");
  EXPECT_EQ(graph["edges"][0]["to"], "b");
  EXPECT_EQ(graph["edges"][0]["last_seen"], 99);
  asked.letters.total = 3;
  asked.letters.by_reason = {{"malformed_json", 3}};
  const std::vector<std::pair<std::string, std::string>> rows{
      {"", ""},
      {"f", "Zg=="},
      {"fo", "Zm8="},
      {"foo", "Zm9v"},
      {std::string{"\0\xff\x10~", 4}, "AP8Qfg=="}};
  for (const auto& [bytes, text] : rows)
    asked.letters.letters.push_back(
        {"17", "malformed_json", "pull", "bad \xff text", bytes, 5, "payload", 4});
  asked.letters.next = "9";
  const json letters =
      get("/api/v1/dead-letters", {{"limit", "7"}, {"reason", "malformed_json"}, {"next", "12"}});
  EXPECT_EQ(asked.asked, "malformed_json|7|12");
  EXPECT_EQ(letters["next"], "9");
  EXPECT_EQ(letters["letters"][0]["id"], "17");
  EXPECT_EQ(letters["letters"][0]["content"], "payload");
  EXPECT_EQ(letters["letters"][0]["payload_bytes"], 4);
  EXPECT_EQ(letters["letters"][0]["truncated"], true);
  EXPECT_EQ(letters["by_reason"]["malformed_json"], 3);
  for (std::size_t i = 0; i < rows.size(); ++i)
    EXPECT_EQ(letters["letters"][i]["payload_base64"], rows[i].second);
}

TEST_F(RestApi, OneDeadLetterIsShownByItsId) {
  EXPECT_EQ(code_of(ask("GET", "/api/v1/dead-letters/17")), "not_found");
  asked.letters.letters.push_back({"17", "bad_ts", "pull", "text", "foo", 5, "event", 3});
  const json letter = get("/api/v1/dead-letters/17");
  EXPECT_EQ(asked.asked, "17");
  EXPECT_EQ(letter["payload_base64"], "Zm9v");
  EXPECT_EQ(letter["truncated"], false);
}

TEST_F(RestApi, PublishersComeWithWhatTheyCountAndTheirSkew) {
  asked.publisher_list.total = 9;
  asked.publisher_list.publishers = {{"web-1", "router", 5, 1, 2, 3, 4, -1500},
                                     {"127.0.0.1:4711", "pull", 4, 1, 0, 7, 0, std::nullopt}};
  const json page = get("/api/v1/publishers", {{"limit", "2"}});
  EXPECT_EQ(asked.asked, "2");
  EXPECT_EQ(page["total"], 9);
  EXPECT_EQ(page["publishers"][0], (json{{"publisher", "web-1"},
                                         {"door", "router"},
                                         {"last_seen", 5},
                                         {"accepted", 1},
                                         {"rejected", 2},
                                         {"shed", 3},
                                         {"retried", 4},
                                         {"skew_ms", -1500}}));
  EXPECT_TRUE(page["publishers"][1]["skew_ms"].is_null());
  EXPECT_EQ(ask("GET", "/api/v1/publishers", {{"limit", "0"}}).status, 400);
}

TEST_F(RestApi, FeedbackIsTakenAndRecorded) {
  const http_response taken =
      ask("POST", "/api/v1/incidents/i%201/feedback", {},
          R"({"cause":"db/orders","verdict":"partly","comment":"c","by":"ann"})");
  EXPECT_EQ(taken.status, 202);
  EXPECT_EQ(asked.asked, "incident i 1");
  EXPECT_EQ(asked.given[0].verdict, "partly");
  EXPECT_EQ(asked.given[0].cause, "db/orders");
  EXPECT_EQ(asked.given[0].by, "ann");
  EXPECT_EQ(
      ask("POST", "/api/v1/incidents/i/feedback", {}, R"({"cause":null,"verdict":"wrong"})").status,
      202);
  EXPECT_FALSE(asked.given[1].cause);
  EXPECT_EQ(ask("POST", "/api/v1/alerts/a/feedback", {}, R"({"verdict":"expected"})").status, 202);
  EXPECT_EQ(asked.asked, "alert a");
  asked.known = false;
  EXPECT_EQ(ask("POST", "/api/v1/alerts/a/feedback", {}, R"({"verdict":"true"})").status, 404);
}

TEST_F(RestApi, FeedbackThatBreaksARuleIsRefusedWithASentence) {
  const std::string long_comment(4097, 'x');
  const std::pair<std::string, std::string> rows[] = {
      {"", "malformed"},
      {"[]", "malformed"},
      {"{", "malformed"},
      {R"({"verdict":"right"} x)", "malformed"},
      {"{\"verdict\":\"right\",\"comment\":\"\xff\"}", "malformed"},
      {"{}", "invalid"},
      {R"({"verdict":"true"})", "invalid"},
      {R"({"verdict":true})", "invalid"},
      {R"({"verdict":"right","comment":7})", "invalid"},
      {R"({"verdict":"right","comment":")" + long_comment + "\"}", "invalid"},
      {R"({"verdict":"right","by":{}})", "invalid"},
      {R"({"verdict":"right","cause":["a"]})", "invalid"},
      {R"({"verdict":"right","cause":")" + std::string(257, 'c') + "\"}", "invalid"},
      {R"({"verdict":"right","cause":"service/a\nb"})", "invalid"},
      {std::string(50000, '['), "malformed"},
  };
  for (const auto& [body, code] : rows) {
    const http_response r = ask("POST", "/api/v1/incidents/i/feedback", {}, body);
    EXPECT_EQ(r.status, 400) << body.substr(0, 80);
    EXPECT_EQ(code_of(r), code) << body.substr(0, 80);
  }
  EXPECT_EQ(ask("POST", "/api/v1/alerts/a/feedback", {}, R"({"verdict":"right"})").status, 400);
  EXPECT_TRUE(asked.given.empty());
}

TEST_F(RestApi, FeedbackSaysWhetherAStepHelpedAndThenBoth) {
  EXPECT_EQ(ask("POST", "/api/v1/incidents/i/feedback", {},
                R"({"verdict":"right","remediation":"Restart it","worked":false})")
                .status,
            202);
  ASSERT_EQ(asked.given.size(), 1U);
  EXPECT_EQ(asked.given[0].remediation, "Restart it");
  EXPECT_EQ(asked.given[0].worked, false);
  for (const char* body :
       {R"({"verdict":"right","remediation":"Restart it"})", R"({"verdict":"right","worked":true})",
        R"({"verdict":"right","remediation":"x","worked":"yes"})"}) {
    const http_response r = ask("POST", "/api/v1/incidents/i/feedback", {}, body);
    EXPECT_EQ(r.status, 400) << body;
    EXPECT_EQ(code_of(r), "invalid") << body;
  }
  EXPECT_EQ(asked.given.size(), 1U);
}

TEST_F(RestApi, AnOperatorSetsEdgesTakesThemAwayAndTakesThatBack) {
  const std::string target = "/api/v1/topology/edges";
  EXPECT_EQ(
      ask("POST", target, {}, R"({"from":"a","to":"b","action":"add","by":"ann","kind":"runs_on"})")
          .status,
      202);
  EXPECT_EQ(ask("POST", target, {}, R"({"from":"a","to":"b","action":"remove"})").status, 202);
  ASSERT_EQ(asked.edges_said.size(), 2U);
  EXPECT_EQ(asked.edges_said[0].kind, "runs_on");
  EXPECT_EQ(asked.edges_said[0].by, "ann");
  EXPECT_EQ(asked.edges_said[1].kind, "calls");
  EXPECT_EQ(asked.edges_said[1].action, "remove");
  for (const char* body :
       {"{}", R"({"from":"a","to":"a","action":"add"})", R"({"from":"a","to":"b"})",
        R"({"from":"a","to":"b","action":"drop"})", R"({"from":"","to":"b","action":"add"})",
        R"({"from":"a","to":"b","action":"add","kind":"is"})",
        R"({"from":7,"to":"b","action":"add"})"}) {
    const http_response r = ask("POST", target, {}, body);
    EXPECT_EQ(r.status, 400) << body;
    EXPECT_EQ(code_of(r), "invalid") << body;
  }
  EXPECT_EQ(code_of(ask("POST", target, {}, "[]")), "malformed");
  EXPECT_EQ(asked.edges_said.size(), 2U);
}

TEST_F(RestApi, AcknowledgementsAreAcceptedAndTakenBack) {
  EXPECT_EQ(ask("POST", "/api/v1/alerts/a%201/acknowledge", {}, R"({"by":"ann","comment":"on it"})")
                .status,
            202);
  EXPECT_EQ(asked.asked, "acknowledge a 1");
  EXPECT_EQ(ask("POST", "/api/v1/alerts/a/acknowledge").status, 202);
  EXPECT_EQ(ask("POST", "/api/v1/alerts/a/acknowledge", {}, R"({"acknowledged":false,"by":"bob"})")
                .status,
            202);
  EXPECT_EQ(ask("DELETE", "/api/v1/alerts/a/acknowledge").status, 202);
  ASSERT_EQ(asked.acknowledged.size(), 4U);
  EXPECT_TRUE(asked.acknowledged[0].acknowledged);
  EXPECT_EQ(asked.acknowledged[0].by, "ann");
  EXPECT_EQ(asked.acknowledged[0].comment, "on it");
  EXPECT_TRUE(asked.acknowledged[1].acknowledged);
  EXPECT_FALSE(asked.acknowledged[2].acknowledged);
  EXPECT_FALSE(asked.acknowledged[3].acknowledged);
  for (const char* body : {"[]", "{", R"({"by":7})", R"({"acknowledged":"yes"})"})
    EXPECT_EQ(ask("POST", "/api/v1/alerts/a/acknowledge", {}, body).status, 400) << body;
  asked.known = false;
  EXPECT_EQ(code_of(ask("POST", "/api/v1/alerts/a/acknowledge")), "not_found");
  EXPECT_EQ(asked.acknowledged.size(), 5U);
}

TEST_F(RestApi, ABackupIsMadeSeenAndDropped) {
  const http_response made = ask("POST", "/api/v1/backup");
  EXPECT_EQ(made.status, 200);
  EXPECT_EQ(asked.asked, "make a backup");
  EXPECT_EQ(get("/api/v1/backup"),
            (json{{"state", "made"}, {"path", "/var/lib/faultline/backup"}, {"reason", ""}}));
  EXPECT_EQ(json::parse(ask("DELETE", "/api/v1/backup").body)["state"], "none");
  EXPECT_EQ(asked.asked, "drop the backup");
  asked.fails = failure{ec::overloaded, "a backup is being made already"};
  EXPECT_EQ(ask("POST", "/api/v1/backup").status, 503);
}

TEST_F(RestApi, ReloadRulesAndModelSayWhatIsInForce) {
  asked.reloaded = {{"limits"}, {"storage.path"}};
  const http_response done = ask("POST", "/-/reload");
  EXPECT_EQ(done.status, 200);
  EXPECT_EQ(json::parse(done.body), (json{{"applied", {"limits"}}, {"restart", {"storage.path"}}}));
  asked.in_force = {7, R"({"limits":[]})"};
  EXPECT_EQ(get("/api/v1/rules"), (json{{"since", 7}, {"rules", {{"limits", json::array()}}}}));
  asked.forecaster = {"lstm", "2", std::string(64, 'a'), 7, true};
  EXPECT_EQ(get("/api/v1/model")["version"], "2");
  const std::string sha256(64, 'b');
  EXPECT_EQ(ask("POST", "/api/v1/model", {}, json{{"sha256", sha256}}.dump()).status, 200);
  EXPECT_EQ(asked.asked, "activate " + sha256);
  asked.asked = {};
  for (const std::string& body :
       {std::string{}, std::string{"{}"}, json{{"sha256", "b"}}.dump(), json{{"sha256", 7}}.dump(),
        json{{"sha256", std::string(64, 'B')}}.dump(),
        json{{"sha256", std::string(65, 'b')}}.dump()})
    EXPECT_EQ(ask("POST", "/api/v1/model", {}, body).status, 400) << body;
  EXPECT_TRUE(asked.asked.empty());
  asked.fails = failure{ec::invalid, "limits[0] has neither above nor below"};
  const http_response refused = ask("POST", "/-/reload");
  EXPECT_EQ(refused.status, 400);
  EXPECT_THAT(refused.body, HasSubstr("neither above nor below"));
}

TEST_F(RestApi, RetiringAnEntityIsAccepted) {
  EXPECT_EQ(ask("DELETE", "/api/v1/entities/host%2Fa").status, 202);
  EXPECT_EQ(asked.asked, "retire host/a");
  asked.known = false;
  EXPECT_EQ(code_of(ask("DELETE", "/api/v1/entities/host%2Fa")), "not_found");
}

TEST_F(RestApi, ReleasingAnEntityIsAccepted) {
  EXPECT_EQ(ask("POST", "/api/v1/entities/host%2Fa/release").status, 202);
  EXPECT_EQ(asked.asked, "release host/a");
  asked.known = false;
  EXPECT_EQ(code_of(ask("POST", "/api/v1/entities/host%2Fa/release")), "not_found");
}

TEST_F(RestApi, ParametersOutOfRangeAreRefused) {
  for (const char* limit : {"0", "1001", "-1", "1.5", "ten", "5x", "99999999999999999999"})
    for (const char* path :
         {"/api/v1/entities", "/api/v1/alerts", "/api/v1/incidents", "/api/v1/dead-letters"}) {
      const http_response r = ask("GET", path, {{"limit", limit}});
      EXPECT_EQ(r.status, 400) << path << limit;
      EXPECT_THAT(r.body, HasSubstr("limit must be an integer from 1 to 1000"));
    }
  EXPECT_EQ(ask("GET", "/api/v1/alerts", {{"state", "open"}}).status, 400);
  EXPECT_EQ(ask("GET", "/api/v1/incidents", {{"state", "firing"}}).status, 400);
  EXPECT_EQ(ask("GET", "/api/v1/entities", {{"prefix", std::string(600, 'x')}}).status, 400);
  for (const char* id : {"%zz", "%", "", "%00", "a%0Ab"})
    EXPECT_EQ(ask("GET", std::string{"/api/v1/entities/"} + id).status, 400) << id;
  EXPECT_EQ(ask("GET", "/api/v1/entities/" + std::string(257, 'x')).status, 400);
}

TEST_F(RestApi, UnknownPathsAndMethodsSaySo) {
  for (const char* path : {"/nothing", "/api/v3", "/api/v2/nothing", "/api/v1/entities/a/b",
                           "/api/v1/status/", "//", "/../etc/passwd", "/%2e%2e"}) {
    const http_response r = ask("GET", path);
    EXPECT_EQ(r.status, 404) << path;
    EXPECT_EQ(code_of(r), "not_found");
  }
  const http_response wrong = ask("PUT", "/api/v1/entities/a");
  EXPECT_EQ(wrong.status, 405);
  EXPECT_THAT(wrong.headers, ::testing::Contains(::testing::Pair("Allow", "GET, HEAD, DELETE")));
  EXPECT_EQ(ask("DELETE", "/api/v1/status").status, 405);
  EXPECT_EQ(ask("GET", "/api/v1/alerts/a/feedback").status, 405);
  EXPECT_EQ(ask("TRACE", "/").status, 405);
  EXPECT_EQ(ask("HEAD", "/api/v1/status").status, 200);
}

TEST_F(RestApi, ChangesFromAnotherSiteAreRefused) {
  const std::string body = R"({"verdict":"true"})";
  const auto post = [&](std::vector<std::pair<std::string, std::string>> headers) {
    headers.emplace_back("Host", "127.0.0.1:7800");
    return ask("POST", "/api/v1/alerts/a/feedback", {}, body, std::move(headers)).status;
  };
  EXPECT_EQ(post({{"Origin", "http://evil.example"}}), 403);
  EXPECT_EQ(post({{"Origin", "null"}}), 403);
  EXPECT_EQ(post({{"sec-fetch-site", "cross-site"}}), 403);
  EXPECT_EQ(post({{"Origin", "http://127.0.0.1:7800"}, {"Sec-Fetch-Site", "same-origin"}}), 202);
  EXPECT_EQ(post({{"Origin", "https://watch.example"}, {"Sec-Fetch-Site", "same-origin"}}), 202)
      << "a proxy may ask for another host than the browser does";
  EXPECT_EQ(post({{"Origin", "http://evil.example"}, {"Sec-Fetch-Site", "none"}}), 403);
  EXPECT_EQ(post({}), 202);
  EXPECT_EQ(ask("GET", "/api/v1/status", {}, {}, {{"Origin", "http://evil.example"}}).status, 200);
}

TEST_F(RestApi, FailuresBecomeTheFittingStatus) {
  const std::pair<ec, int> rows[] = {
      {ec::not_found, 404},     {ec::invalid, 400},         {ec::overloaded, 503},
      {ec::no_space, 503},      {ec::deadline_passed, 504}, {ec::store_unavailable, 503},
      {ec::store_corrupt, 500}, {ec::shutting_down, 503},   {ec::unsupported, 501},
      {ec::malformed, 400},     {ec::too_large, 413},       {ec::model_failed, 500},
  };
  for (const auto& [code, status] : rows) {
    asked.fails = failure{code, "why it failed"};
    for (const char* path :
         {"/api/v1/status", "/metrics", "/api/v1/incidents/i", "/api/v1/topology"}) {
      const http_response r = ask("GET", path);
      EXPECT_EQ(r.status, status) << path;
      EXPECT_EQ(code_of(r), to_string(code));
      EXPECT_THAT(r.body, HasSubstr("why it failed"));
    }
    EXPECT_EQ(ask("DELETE", "/api/v1/entities/a").status, status);
  }
}

TEST_F(RestApi, ListsTheApiForPeople) {
  const http_response page = ask("GET", "/api/v1");
  EXPECT_THAT(page.content_type, HasSubstr("text/html"));
  for (const char* path : {"/api/v1/status", "/api/v1/entities/ID/window", "/metrics", "/-/ready"})
    EXPECT_THAT(page.body, HasSubstr(path));
  EXPECT_THAT(page.body, Not(HasSubstr("<script")));
}

TEST_F(RestApi, ServesOverARealSocket) {
  web_options options;
  options.listen_address = "127.0.0.1:0";
  auto server = open_http_server(options);
  ASSERT_TRUE(server);
  (*server)->start(make_rest_api(asked, cycle));
  http_client_options to;
  to.address = (*server)->bound_address();
  const auto entity = http_get(to, "/api/v1/entities/" + percent_encode("service/cart"));
  ASSERT_TRUE(entity);
  EXPECT_EQ(entity->status, 200);
  EXPECT_EQ(asked.asked, "service/cart");
  const auto fed = http_post(to, "/api/v1/alerts/a/feedback", R"({"verdict":"false"})");
  ASSERT_TRUE(fed);
  EXPECT_EQ(fed->status, 202);
  const auto page = http_get(to, "/api/v1/entities?limit=0");
  ASSERT_TRUE(page);
  EXPECT_EQ(page->status, 400);
  (*server)->stop();
}

}  // namespace
}  // namespace faultline
