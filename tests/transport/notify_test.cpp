// SPDX-License-Identifier: Apache-2.0
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "transport/notify_payload.hpp"
#include "transport/notify_sender.hpp"
#include "transport/notify_text.hpp"

namespace faultline {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::int64_t noon = 1'700'049'600'000;

notification sample() {
  notification n;
  n.id = "00ff";
  n.receiver = "team";
  n.group = R"(team:{incident="i1"})";
  n.labels = {{"incident", "i1"}};
  n.at = arrival_time_of(noon);
  n.firing = 1;
  alert a;
  a.id = "a1";
  a.entity = "service/cart";
  a.metric = "latency";
  a.explanation = "latency of service/cart is high";
  a.started = a.updated = event_time_of(noon);
  a.labels = {{"alertname", "EntityDeviates"}, {"entity", "service/cart"}, {"team", "shop"}};
  alert b = a;
  b.id = "b1";
  b.entity = b.labels["entity"] = "db/orders";
  b.state = alert_state::resolved;
  b.ended = event_time_of(noon + 60'000);
  b.annotations = {{"summary", "was full"}};
  n.alerts = {a, b};
  incident i;
  i.id = "i1";
  i.summary = "latency of service/cart";
  i.abstained = false;
  ranked_cause c;
  c.entity = "db/orders";
  c.fault_class = "memory_leak";
  c.probability = 0.784;
  c.remediation = {{"Restart it", {"drain it", "restart it"}, "", 0, 0}};
  i.causes = {c};
  n.about = i;
  return n;
}

TEST(NotifyPayload, OfAWebhookIsThatOfAlertmanager) {
  const json body = json::parse(webhook_body(sample(), "http://fl"));
  EXPECT_EQ(body["version"], "4");
  EXPECT_EQ(body["status"], "firing");
  EXPECT_EQ(body["groupLabels"], json::parse(R"({"incident":"i1"})"));
  EXPECT_EQ(body["commonLabels"], json::parse(R"({"alertname":"EntityDeviates","team":"shop"})"));
  EXPECT_EQ(body["alerts"][0]["endsAt"], "0001-01-01T00:00:00Z");
  EXPECT_EQ(body["alerts"][1]["status"], "resolved");
  EXPECT_EQ(body["alerts"][1]["endsAt"], "2023-11-15T12:01:00.000Z");
  EXPECT_EQ(body["alerts"][1]["annotations"]["summary"], "was full");
  EXPECT_EQ(body["alerts"][0]["generatorURL"], "http://fl/#/alerts?alert=a1&entity=service%2Fcart");
  EXPECT_EQ(body["truncatedAlerts"], 0);
}

TEST(NotifyPayload, ForPagerdutyTriggersAcknowledgesAndResolvesUnderOneKey) {
  notification n = sample();
  const json trigger = json::parse(pagerduty_body(n, "key", "title", "http://fl"));
  EXPECT_EQ(trigger["event_action"], "trigger");
  EXPECT_EQ(trigger["payload"]["severity"], "warning");
  EXPECT_EQ(trigger["payload"]["summary"], "title");
  EXPECT_EQ(trigger["payload"]["custom_details"]["likely_cause"]["entity"], "db/orders");
  n.acknowledged = true;
  const json known = json::parse(pagerduty_body(n, "key", "title", ""));
  EXPECT_EQ(known["event_action"], "acknowledge");
  n.firing = 0;
  const json over = json::parse(pagerduty_body(n, "key", "title", ""));
  EXPECT_EQ(over["event_action"], "resolve");
  EXPECT_EQ(over["dedup_key"], trigger["dedup_key"]);
  EXPECT_LE(
      json::parse(pagerduty_body(sample(), "key", std::string(5000, 'x'), ""))["payload"]["summary"]
          .get<std::string>()
          .size(),
      1024u);
}

TEST(NotifyPayload, ForPagerdutyWhatBeginsAnewEndsWhatIsStillOpen) {
  notification n = sample();
  EXPECT_EQ(pagerduty_bodies(n, "key", "title", "").size(), 1u);
  n.anew = true;
  const auto bodies = pagerduty_bodies(n, "key", "title", "");
  ASSERT_EQ(bodies.size(), 2u);
  const json over = json::parse(bodies[0]), trigger = json::parse(bodies[1]);
  EXPECT_EQ(over["event_action"], "resolve");
  EXPECT_EQ(trigger["event_action"], "trigger");
  EXPECT_EQ(over["dedup_key"], trigger["dedup_key"]);
}

TEST(NotifyPayload, ForAnAlertmanagerComesInPartsAndIsGoodForAWhile) {
  notification n = sample();
  n.alerts.resize(2);
  while (n.alerts.size() < 600) n.alerts.push_back(n.alerts[0]);
  const auto bodies = alertmanager_bodies(n, "");
  ASSERT_EQ(bodies.size(), 3u);
  const json first = json::parse(bodies[0]);
  EXPECT_EQ(first.size(), 256u);
  EXPECT_EQ(first[0]["endsAt"], "2023-11-15T12:04:00.000Z");
  EXPECT_EQ(first[1]["endsAt"], "2023-11-15T12:01:00.000Z");
  EXPECT_TRUE(alertmanager_bodies(notification{}, "").empty());
  n.alerts.resize(1);
  n.alerts[0].labels = {{"k8s.pod.name", "x"}, {"k8s_pod_name", "y"}, {"9", "z"}, {"empty", ""}};
  const json plain = json::parse(alertmanager_bodies(n, "").at(0))[0]["labels"];
  EXPECT_EQ(plain, json::parse(R"({"_9":"z","k8s_pod_name":"x"})")) << "what it takes";
}

TEST(NotifyPayload, AMailHasNoHeaderThatSomebodyElseWrote) {
  const std::string mail =
      mail_message(sample(), "fl@example.org", {"a@example.org", "b@example.org"},
                   "high\r\nBcc: everybody@example.org", "line\n.dot\nend");
  EXPECT_THAT(mail, HasSubstr("Subject: high  Bcc: everybody@example.org\r\n"));
  EXPECT_THAT(mail, Not(HasSubstr("\r\nBcc:")));
  EXPECT_THAT(mail, HasSubstr("To: a@example.org, b@example.org\r\n"));
  EXPECT_THAT(mail, HasSubstr("Date: Wed, 15 Nov 2023 12:00:00 +0000\r\n"));
  EXPECT_THAT(mail, HasSubstr("\r\n\r\nline\r\n.dot\r\nend"));
  EXPECT_THAT(mail_message(sample(), "f@x", {"t@x"}, "größer", ""),
              HasSubstr("Subject: =?UTF-8?B?Z3LDtsOfZXI=?=\r\n"));
  const std::vector<std::string> many(100, std::string(20, 'o') + "@example.org");
  EXPECT_THAT(mail_message(sample(), "f@x", many, "t", ""), HasSubstr("org,\r\n oooo"));
  const std::string long_line = mail_message(sample(), "f@x", many, "t", std::string(5000, 'x'));
  for (std::size_t at = 0, next; (next = long_line.find("\r\n", at)) != std::string::npos;
       at = next + 2)
    EXPECT_LE(next - at, 998u);
}

TEST(NotifyTemplate, FillsItsFieldsAndNothingElse) {
  const notification n = sample();
  const auto fields = notification_fields(n, "http://fl");
  EXPECT_EQ(fill_template("{{status}} {{ severity }}: {{ summary }} {{label.incident}}", n, fields),
            "firing warning: latency of service/cart i1");
  EXPECT_EQ(fill_template("{{ cause }}{{ url }}", n, fields),
            "likely cause: memory_leak in db/orders (78 %)\nhttp://fl/#/incident/i1");
  notification unknown = n;
  unknown.about->causes.front().fault_class.clear();
  unknown.about->causes.front().metric.clear();
  EXPECT_EQ(fill_template("{{ cause }}", n, notification_fields(unknown, "http://fl")),
            "likely cause: fault in db/orders (78 %)\n");
  EXPECT_EQ(fill_template("{{ alerts }}", n, fields),
            "warning service/cart: latency of service/cart is high\n"
            "resolved db/orders: latency of service/cart is high\n");
  EXPECT_EQ(fill_template("{a} {{", n, fields), "{a} {{");
  notification hostile = n;
  hostile.about->summary = "{{ url }}";
  EXPECT_EQ(fill_template("{{ summary }}", hostile, notification_fields(hostile, "http://fl")),
            "{{ url }}")
      << "what others have said is no template";
  EXPECT_TRUE(check_template(default_title));
  EXPECT_TRUE(check_template(default_text));
  EXPECT_FALSE(check_template("{{ sumary }}"));
  EXPECT_FALSE(check_template("{{ summary"));
  EXPECT_FALSE(check_template("{{ label. }}"));
}

TEST(NotifySender, NamesNeitherAddressNorSecretInAFailure) {
  notify_target to;
  to.url = "http://127.0.0.1:1/secret-in-the-path";
  const auto refused = send_notification(to, sample());
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().what, Not(HasSubstr("secret")));
  to.url = "file:///etc/passwd";
  EXPECT_FALSE(send_notification(to, sample())) << "http and https alone are spoken";
  to.url.clear();
  to.url_file = "/nowhere/url";
  EXPECT_THAT(send_notification(to, sample()).error().what, HasSubstr("/nowhere/url"));
}

/// Takes connections and says nothing.
struct silent_server {
  silent_server() {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    EXPECT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
    EXPECT_EQ(::listen(fd, 8), 0);
    EXPECT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size), 0);
    port = ntohs(at.sin_port);
  }
  ~silent_server() { ::close(fd); }
  int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  int port = 0;
};

TEST(NotifySender, WaitsForNoAnswerOnceItIsBrokenOff) {
  const silent_server receiver;
  const std::atomic<bool> ending{true};
  notify_target to;
  to.url = "http://127.0.0.1:" + std::to_string(receiver.port);
  to.broken_off = &ending;
  const auto sent = send_notification(to, sample());
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, ec::deadline_passed) << "it is told again";
  EXPECT_THAT(sent.error().what, HasSubstr("broken off"));
}

TEST(NotifySender, TakesNoSecretThatOthersMayRead) {
  namespace fs = std::filesystem;
  const auto file =
      fs::path{::testing::TempDir()} / ("notify-secret-" + std::to_string(::getpid()));
  std::ofstream{file} << "http://127.0.0.1:1/path\n";
  notify_target to;
  to.url_file = file;
  fs::permissions(file, fs::perms{0644});
  const auto open = send_notification(to, sample());
  ASSERT_FALSE(open);
  EXPECT_THAT(open.error().what, HasSubstr("chmod 600"));
  EXPECT_EQ(open.error().code, ec::io_failed) << "and not what a receiver refuses for good";
  fs::permissions(file, fs::perms{0600});
  const auto own = send_notification(to, sample());
  fs::remove(file);
  ASSERT_FALSE(own) << "nobody listens there";
  EXPECT_THAT(own.error().what, Not(HasSubstr("chmod")));
}

}  // namespace
}  // namespace faultline
