// SPDX-License-Identifier: Apache-2.0
#include "tools/api_layout.hpp"

#include <algorithm>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tools/api.hpp"

namespace faultline {
namespace {

const colours plain{false};

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

const char* const incident_body = R"({
  "id": "i42", "state": "open", "severity": "critical", "started": 1704715200000,
  "updated": 1704715800000, "alerts": ["a1", "a2"], "entities": ["service/cart", "db/orders"],
  "summary": "The cart is slow.", "abstained": false, "unobserved": 0.1,
  "causes": [{"entity": "db/orders", "metric": "disk.io_util", "probability": 0.7,
    "evidence": [{"kind": "onset", "text": "was first by 90 s", "weight": 1.2}],
    "counter_evidence": [{"kind": "edge", "text": "its callers wait elsewhere too", "weight": -0.2}],
    "remediation": [{"title": "Free the disk", "steps": ["Look at the log", "Delete old files"],
                     "runbook": "https://example.org/disk", "worked": 2, "tried": 3}]},
   {"entity": "host/one", "metric": "", "probability": 0.2, "evidence": [],
    "counter_evidence": [], "remediation": []}]})";

TEST(IncidentPage, ShowsCausesInOrderWithWhatSpeaksForAndAgainstThem) {
  const auto page = layout_incident(incident_body, plain);
  ASSERT_TRUE(page);
  for (const char* part :
       {"incident i42", "critical", "The cart is slow.", "2 alerts", "service/cart, db/orders",
        "1.  70%  ##############......  db/orders  disk.io_util", "+ was first by 90 s",
        "- its callers wait elsewhere too", "Free the disk (helped 2 of 3 times)",
        "1. Look at the log", "2. Delete old files", "https://example.org/disk", "2.  20%",
        "10%  ##..................  something that is not observed here"})
    EXPECT_TRUE(has(*page, part)) << part << " in\n" << *page;
  EXPECT_LT(page->find("db/orders  disk"), page->find("host/one"));
}

TEST(IncidentPage, SaysSoWhenNoCauseStandsOut) {
  std::string body = incident_body;
  body.replace(body.find("\"abstained\": false"), 18, "\"abstained\": true ");
  const auto page = layout_incident(body, plain);
  ASSERT_TRUE(page);
  EXPECT_TRUE(has(*page, "No cause stands out"));
}

TEST(IncidentPage, HasAnEndHoweverManyAreAffectedOrSuspected) {
  nlohmann::json body = nlohmann::json::parse(incident_body);
  for (int n = 0; n < 1'000; ++n) {
    const std::string name = "host/h" + std::to_string(n);
    body["entities"].push_back(name);
    body["causes"].push_back(
        {{"entity", name},
         {"probability", 0.0001},
         {"evidence", {{{"text", "nothing of note"}}}},
         {"remediation", {{{"title", "Restart it"}, {"steps", {"Restart"}}}}}});
  }
  const auto page = layout_incident(body.dump(), plain);
  ASSERT_TRUE(page);
  EXPECT_LT(std::count(page->begin(), page->end(), '\n'), 60) << *page;
  EXPECT_TRUE(has(*page, "and 962 more (-o json names all)")) << *page;
  EXPECT_TRUE(has(*page, "and 998 more that are hardly one (-o json)")) << *page;
  EXPECT_FALSE(has(*page, "nothing of note")) << "of a cause of 0 %";
  EXPECT_FALSE(has(*page, "Restart it")) << "of a cause of 0 %";
}

TEST(IncidentPage, ACandidateOfNothingIsOneLineWhereNoneStandsOut) {
  nlohmann::json body = nlohmann::json::parse(incident_body);
  body["abstained"] = true;
  for (nlohmann::json& cause : body["causes"]) cause["probability"] = 0.0001;
  const auto page = layout_incident(body.dump(), plain);
  ASSERT_TRUE(page);
  EXPECT_TRUE(has(*page, "1.   0%")) << *page;
  EXPECT_FALSE(has(*page, "was first by 90 s")) << *page;
  EXPECT_FALSE(has(*page, "Free the disk")) << *page;
}

TEST(IncidentPage, OfSomethingElseIsAnError) {
  for (const char* body :
       {"", "[]", "{}", "{\"id\": 7}", "<html>", "{\"id\": \"x\", \"causes\": [1]}"})
    EXPECT_FALSE(layout_incident(body, plain)) << body;
}

TEST(AlertPage, ShowsWhoLooksAfterItAndWhatKeepsItQuiet) {
  const auto page = layout_alert(
      R"({"id": "a1", "state": "firing", "severity": "critical", "entity": "service/x",
          "metric": "cpu", "explanation": "cpu is high", "score": 0.9, "started": 1704715200000,
          "source": "detector", "acknowledged": true, "acknowledged_by": "ann",
          "assigned_to": "bob", "flapping": true, "inhibited_by": ["b2", "c3"],
          "maintenance": ["night"], "labels": {"zone": "eu"},
          "contributors": [{"metric": "cpu", "actual": 97, "expected": 20, "lower": 10,
                            "upper": 30, "score": 0.9}]})",
      plain);
  ASSERT_TRUE(page);
  for (const char* part :
       {"service/x  firing critical", "cpu is high", "ann", "bob", "b2, c3", "night",
        "acknowledged flapping inhibited maintenance", "label zone", "97", "detector"})
    EXPECT_TRUE(has(*page, part)) << part << " in\n" << *page;
  EXPECT_FALSE(layout_alert("[]", plain));
}

TEST(Lists, OfNothingYetSayHowToGoOn) {
  EXPECT_EQ(*layout_alerts(R"({"alerts": [], "next": null})", plain), "no alerts\n");
  EXPECT_EQ(*layout_alerts(R"({"alerts": [], "next": "t7"})", plain),
            "no alerts among those looked at; go on with --next t7\n");
}

TEST(Lists, AreTablesAndSayWhenThereIsMore) {
  const auto alerts = layout_alerts(
      R"({"alerts": [{"id": "a1", "state": "firing", "severity": "warning", "entity": "service/x",
          "metric": "cpu", "score": 0.91, "started": 1704715200000, "updated": 1704715260000,
          "lead_time_s": 300, "acknowledged": true}], "next": "n"})",
      plain);
  ASSERT_TRUE(alerts);
  for (const char* part :
       {"firing", "service/x", "0.91", "2024-01-08T12:06:00", "acknowledged", "a1", "--limit"})
    EXPECT_TRUE(has(*alerts, part)) << part << " in\n" << *alerts;
  const auto over = layout_alerts(
      R"({"alerts": [{"id": "a1", "state": "resolved", "updated": 1704715260000,
          "lead_time_s": 300}]})",
      plain);
  EXPECT_FALSE(has(*over, "12:06")) << "it met no limit any more";
  EXPECT_EQ(*layout_alerts(R"({"alerts": []})", plain), "no alerts\n");
  EXPECT_EQ(*layout_incidents(R"({"incidents": []})", plain), "no incidents\n");
  EXPECT_EQ(*layout_entities(R"({"entities": []})", plain), "no entities\n");
}

TEST(Lists, NameACauseWithHowSureItIs) {
  const auto page = layout_incidents(
      R"({"incidents": [{"id": "i1", "state": "open", "severity": "warning", "causes": [
          {"entity": "db/x", "probability": 0.9917}]}]})",
      plain);
  EXPECT_TRUE(has(*page, "db/x (>99 %)")) << *page;
}

TEST(IncidentPage, SaysWhoLooksAfterItAndWhetherACauseWasLookedFor) {
  const auto page = layout_incident(
      R"({"id": "i1", "state": "resolved", "severity": "warning", "started": 1, "causes": [],
          "unobserved": 1, "acknowledged_by": ["ann", "eve"], "assigned_to": ["bob"]})",
      plain);
  ASSERT_TRUE(page);
  for (const char* part :
       {"acknowledged by ann, eve", "assigned to bob", "No cause has been found"})
    EXPECT_TRUE(has(*page, part)) << part << " in\n" << *page;
  EXPECT_FALSE(has(*page, "100%")) << "nothing is known of it";
}

TEST(Lists, RefuseWhatIsNoAnswerOfTheServer) {
  for (const char* body : {"", "[]", "no", "7", "{\"alerts\": "})
    EXPECT_FALSE(layout_alerts(body, plain)) << body;
}

TEST(EntityPage, ShowsMetricsWithTheirUsualRange) {
  const auto page = layout_entity(
      R"({"id": "service/x", "state": "live", "observations": 1234, "first_ts": 1704715200000,
          "last_ts": 1704715260000, "metrics": [{"name": "cpu", "kind": "gauge", "last": 0.5,
          "expected": 0.4, "lower": null, "upper": 0.6}], "alerts": ["a1"]})",
      plain);
  ASSERT_TRUE(page);
  for (const char* part : {"service/x", "1,234", "cpu", "0.4", "- .. 0.6", "a1"})
    EXPECT_TRUE(has(*page, part)) << part << " in\n" << *page;
}

TEST(EntityPage, SaysWhatTheDetectorBelieves) {
  const std::string head = R"({"id": "service/x", "state": "ok", "observations": 1, "metrics": [
      {"name": "cpu", "role": "saturation", "kind": "gauge", "unit": "ratio", "last": 1, "expected": 1, "lower": 0, "upper": 2, "off": 0.25,
       "profile_weight": 0.75}], "alerts": [], "belief": {"probability": 0.02, "excess": -2.5,
      "false_pages_per_month": 1, "accepted_by_now": 0.4, "pages": 3, "stricter": 0.55,
      "half_hours": 700, "weekdays": 9, "weekend_days": 4, "forecaster": )";
  const auto page = layout_entity(head + R"("unheard"}})", plain);
  ASSERT_TRUE(page);
  for (const char* part :
       {"2 % likely", "2.5 decades below", "1 false page a month", "0.4 of them by now",
        "3 pages told", "0.55 decades higher", "700 half hours", "9 weekdays", "4 weekend days",
        "no better than the last value", "OFF", "0.25", "PROFILE", "0.75", "ROLE", "saturation",
        "UNIT", "ratio"})
    EXPECT_TRUE(has(*page, part)) << part << " in\n" << *page;
  EXPECT_TRUE(has(*layout_entity(head + R"("heard"}})", plain), "better than the last value"));
  EXPECT_FALSE(has(*page, "within 15 minutes"));
  EXPECT_FALSE(has(*layout_entity(head + R"("heard", "soon": null}})", plain), "15 minutes"));
  EXPECT_TRUE(has(*layout_entity(head + R"("heard", "soon": 0.314}})", plain), "31.4 % that"));
}

TEST(EntityPage, SaysNothingIsUsualBeforeThereAreThreeTicks) {
  const std::string tail = R"(, "metrics": [{"name": "cpu", "kind": "gauge", "last": 0.5,
      "expected": 0.4321, "lower": 0.3, "upper": 0.6}]})";
  const auto of = [&](const char* seen) {
    return *layout_entity(R"({"id": "service/x", "observations": )" + std::string{seen} + tail,
                          plain);
  };
  EXPECT_FALSE(has(of("1"), "0.4321"));
  EXPECT_TRUE(has(of("1"), "1 observation from"));
  EXPECT_TRUE(has(of("3"), "0.4321"));
}

TEST(EntityPage, ListsTheTemplatesOfItsLog) {
  const std::string head =
      R"({"id": "service/x", "state": "ok", "observations": 1, "metrics": [], "alerts": [], "logs": [)";
  const auto page = layout_entity(
      head +
          R"({"id": "00000000000000ff", "template": "job <*> failed\u001b[2J", "severity": "error",
                "lines": 1200, "first_ts": 1704715200000, "last_ts": 1704715260000, "example": "job 7 failed"}]})",
      plain);
  ASSERT_TRUE(page);
  for (const char* part : {"TEMPLATE", "00000000000000ff", "job <*> failed", "error", "1,200"})
    EXPECT_TRUE(has(*page, part)) << part << " in\n" << *page;
  EXPECT_FALSE(has(*page, "\x1b"));
  EXPECT_FALSE(has(*layout_entity(head + "]}", plain), "TEMPLATE"));
}

TEST(EntityPage, ListsItsOperationsAndWhatIsUsualOfThem) {
  const std::string head =
      R"({"id": "service/x", "state": "ok", "observations": 1, "metrics": [], "alerts": [], "logs": [])";
  const auto page = layout_entity(
      head +
          R"(, "operations": [{"operation": "GET /cart\u001b[2J", "peer": "", "rate": 12.5, "error_share": 0.031,
                "usual_error_share": 0.001, "p50_ms": 40, "p95_ms": 1200, "usual_p95_ms": 80, "p99_ms": 1300, "last_ts": 1},
               {"operation": "", "peer": "", "rate": 0.5, "error_share": 0, "usual_error_share": null,
                "p50_ms": 1, "p95_ms": 2, "usual_p95_ms": null, "p99_ms": null, "last_ts": 1},
               {"operation": "", "peer": "db/orders", "rate": 0.5, "error_share": 0, "usual_error_share": null,
                "p50_ms": 1, "p95_ms": 2, "usual_p95_ms": null, "p99_ms": 7, "last_ts": 1}], "calls_left_out": 41})",
      plain);
  ASSERT_TRUE(page);
  for (const char* part :
       {"OPERATION", "GET /cart", "12.5", "3.1 %", "0.1 %", "1200", "80", "1300", "all others",
        "calls seen", "db/orders", "41 calls of peers beyond the first"})
    EXPECT_TRUE(has(*page, part)) << part << " in\n" << *page;
  EXPECT_FALSE(has(*page, "\x1b"));
  EXPECT_FALSE(has(*layout_entity(head + "}", plain), "OPERATION"));
}

TEST(EntityPage, DrawsTheMetricThatIsFarthestOff) {
  EXPECT_EQ(farthest_off(R"({"metrics": [{"name": "a", "off": 0.1}, {"name": "b", "off": 7},
      {"name": "c", "off": null}, {"name": 3, "off": 9}, 4]})"),
            "b");
  EXPECT_EQ(farthest_off(R"({"metrics": [{"name": "old server"}]})"), "old server");
  for (const char* body : {"", "[]", R"({"metrics": []})", R"({"metrics": 1})", "{}"})
    EXPECT_EQ(farthest_off(body), "") << body;
}

TEST(StatusPage, NamesEveryFigure) {
  const auto page = layout_status(
      R"({"version": "0.1.0", "uptime_s": 90, "entities": 12, "observations": 1000, "dead_letters": 1,
          "feed": {"seq": 7}, "partitions": 64, "overload": "none"})",
      plain);
  ASSERT_TRUE(page);
  for (const char* part : {"0.1.0", "1m 30s", "1,000", "none", "7"})
    EXPECT_TRUE(has(*page, part)) << part << " in\n" << *page;
}

TEST(DeadLetters, AreCountedByReason) {
  const auto page = layout_dead_letters(
      R"({"total": 3, "kept": 2, "by_reason": {"bad_ts": 3}, "letters": [{"reason": "bad_ts",
          "id": "17", "ts": 1704715200000, "source": "pull", "content": "event",
          "payload_bytes": 2048, "truncated": false, "payload_base64": ""},
          {"reason": "bad_ts", "id": "16", "ts": 1704715200000, "source": "pull",
          "content": "payload", "payload_bytes": 70000, "truncated": true}], "next": "16"})",
      plain);
  ASSERT_TRUE(page);
  for (const char* part : {"3 refused, ever; 2 kept", "bad_ts: 3", "17", "event 2.0 KiB",
                           "cut, was 68.4 KiB", "--limit"})
    EXPECT_TRUE(has(*page, part)) << part << " in\n" << *page;
}

TEST(DeadLetters, OfNoSuchReasonAreSaidToBeNone) {
  const auto page =
      layout_dead_letters(R"({"total": 3, "kept": 3, "by_reason": {}, "letters": []})", plain);
  EXPECT_TRUE(has(*page, "no such letter"));
}

TEST(Publishers, AreListedWithTheirSkew) {
  const auto page = layout_publishers(
      R"({"total": 2, "publishers": [
          {"publisher": "web-1", "door": "router", "last_seen": 1704715200000, "accepted": 12345,
           "rejected": 1, "shed": 0, "retried": 2, "skew_ms": -61500},
          {"publisher": "127.0.0.1:4711", "door": "pull", "last_seen": 1704715200000,
           "accepted": 5, "rejected": 0, "shed": 77, "retried": 0, "skew_ms": null}]})",
      plain, 1704715200000);
  ASSERT_TRUE(page);
  for (const char* part : {"web-1", "12,345", "-61.5 s", "127.0.0.1:4711", "77"})
    EXPECT_TRUE(has(*page, part)) << part << " in\n" << *page;
  EXPECT_FALSE(has(*page, "more")) << *page;
  EXPECT_TRUE(
      has(*layout_publishers(R"({"total": 0, "publishers": []})", plain, 0), "no publishers"));
}

TEST(Publishers, SayForHowLongEachIsSilentAndThatThereAreMore) {
  const auto page = layout_publishers(
      R"({"total": 7, "publishers": [
          {"publisher": "web-1", "door": "router", "last_seen": 1704715200000},
          {"publisher": "collector", "door": "router", "last_seen": 1704715131500}]})",
      plain, 1704715200900);
  ASSERT_TRUE(page);
  for (const char* part : {"SILENT FOR", "0ms", "1m 9s", "and 5 more that are silent for longer"})
    EXPECT_TRUE(has(*page, part)) << part << " in\n" << *page;
  const auto ahead = layout_publishers(
      R"({"total": 1, "publishers": [{"publisher": "a", "last_seen": 1704715209000}]})", plain,
      1704715200000);
  EXPECT_TRUE(has(*ahead, "0ms")) << *ahead;
}

TEST(ApiTarget, EncodesValuesAndLeavesOutEmptyOnes) {
  EXPECT_EQ(api_target("alerts", {{"state", ""}, {"entity", "a/b c&d"}, {"limit", "5"}}),
            "/api/v1/alerts?entity=a%2Fb%20c%26d&limit=5");
  EXPECT_EQ(api_target("status", {}), "/api/v1/status");
}

TEST(ApiGet, SaysWhatToDoWhenNobodyAnswers) {
  const auto body = api_get(std::string{"http://127.0.0.1:1"}, "/api/v1/status");
  ASSERT_FALSE(body);
  EXPECT_TRUE(has(body.error().what, "--server"));
}

}  // namespace
}  // namespace faultline
