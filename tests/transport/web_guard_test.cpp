// SPDX-License-Identifier: Apache-2.0
//
// Who is let in by HTTP: tokens and their roles, names, TLS, addresses.
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <regex>
#include <sstream>

#include <gmock/gmock.h>

#include "tests/transport/key_folder.hpp"
#include "tests/transport/raw_http.hpp"
#include "tests/transport/reload_now.hpp"
#include "transport/http_client.hpp"
#include "transport/http_server.hpp"
#include "transport/internal/http_rules.hpp"
#include "transport/tokens.hpp"

namespace faultline {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::in_force;
using ::testing::IsEmpty;
using testing::key_folder;
using ::testing::Not;
using testing::raw_http;
using ::testing::StartsWith;

const arrival_time now = arrival_time_of(1'750'000'000'000);

/// A server that says who asks, and a folder for its files.
class WebGuard : public ::testing::Test {
protected:
  outcome<void> open(http_takes_events takes_events = {}) {
    options.listen_address = "127.0.0.1:0";
    auto opened = open_http_server(options);
    if (!opened) return opened.error();
    server = std::move(*opened);
    server->start(
        [](http_request request, http_responder respond) {
          http_response r;
          r.content_type = "text/plain";
          r.body = request.user + "/" + to_string(request.role);
          for (const auto& [name, value] : request.headers) r.body += " " + name + "=" + value;
          respond(std::move(r));
        },
        std::move(takes_events),
        [this](const http_request& r, int status) {
          const std::lock_guard lock{mutex};
          refused.push_back(r.user + "/" + to_string(r.role) + " " + r.method + " " + r.path + " " +
                            r.address + " " + std::to_string(status));
        });
    return {};
  }
  std::string tokens_file() const { return (folder.path / "tokens").string(); }
  std::string token(const std::string& name, web_role role,
                    std::optional<arrival_time> expiry = std::nullopt) {
    options.tokens = tokens_file();
    const auto made = create_token(tokens_file(), {name, role, expiry});
    return made ? std::string{made->reveal()} : "";
  }
  void certificate() {
    options.tls_certificate = (folder.path / "web.pem").string();
    options.tls_key = (folder.path / "web.key").string();
    const std::string command =
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
        "-subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 -keyout " +
        options.tls_key + " -out " + options.tls_certificate + " 2>/dev/null";
    ASSERT_EQ(std::system(command.c_str()), 0);
    ASSERT_EQ(::chmod(options.tls_key.c_str(), 0600), 0);
  }
  std::string ask(const std::string& headers, const std::string& path = "/x") {
    raw_http client{server->bound_address()};
    client.send("GET " + path + " HTTP/1.1\r\n" + headers + "\r\n");
    return client.answer();
  }
  std::string with(const std::string& token) {
    return ask("Host: localhost\r\nAuthorization: Bearer " + token + "\r\n");
  }
  std::string file(const std::string& name, const std::string& text) {
    const auto path = folder.path / name;
    std::ofstream{path} << text;
    ::chmod(path.c_str(), 0600);
    return path.string();
  }

  key_folder folder;
  web_options options;
  std::unique_ptr<http_server> server;
  std::mutex mutex;
  std::vector<std::string> refused;  ///< guarded by mutex; until the server is stopped
};

TEST_F(WebGuard, WithoutTokensLoopbackIsOpen) {
  ASSERT_TRUE(open());
  EXPECT_THAT(ask("Host: localhost\r\n"), HasSubstr("/admin"));
}

TEST_F(WebGuard, AFalseNameIsRefusedThoughItLeadsHere) {
  ASSERT_TRUE(open());
  for (const char* host : {"evil.example.org", "evil.example.org:7800", "localhost.example.org",
                           "127.0.0.1.example.org", "10.0.0.7", "", "[::1]evil.example.org",
                           "[::1]:evil", "localhost:evil", "127.0.0.1:80:80"})
    EXPECT_THAT(ask(std::string{"Host: "} + host + "\r\n"), StartsWith("HTTP/1.1 421")) << host;
  for (const char* host : {"localhost", "LOCALHOST:7800", "127.0.0.1", "127.0.0.1:9", "[::1]:7800"})
    EXPECT_THAT(ask(std::string{"Host: "} + host + "\r\n"), StartsWith("HTTP/1.1 200")) << host;
}

TEST_F(WebGuard, NamesOfTheConfigurationAreOurs) {
  options.hosts = {"faultline.example.org"};
  ASSERT_TRUE(open());
  EXPECT_THAT(ask("Host: faultline.example.org:7800\r\n"), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(ask("Host: other.example.org\r\n"), StartsWith("HTTP/1.1 421"));
}

TEST_F(WebGuard, ATokenSaysWhoAsksAndGoesNoFurther) {
  const auto eve = token("eve", web_role::operating);
  ASSERT_TRUE(open());
  const auto got = with(eve);
  EXPECT_THAT(got, HasSubstr("eve/operator"));
  EXPECT_THAT(got, Not(HasSubstr("Authorization")));
  EXPECT_THAT(got, Not(HasSubstr(eve)));
}

TEST_F(WebGuard, WithoutAGoodTokenNothingIsAnsweredButHealth) {
  const auto eve = token("eve", web_role::viewer);
  const auto old = token("old", web_role::admin, arrival_time_of(1000));
  ASSERT_TRUE(open());
  const std::string host = "Host: localhost\r\n";
  EXPECT_THAT(ask(host), StartsWith("HTTP/1.1 401"));
  EXPECT_THAT(ask(host), HasSubstr("WWW-Authenticate: Bearer"));
  for (const std::string& wrong :
       {eve + "x", eve.substr(1), std::string{"flt_"}, std::string{}, old})
    EXPECT_THAT(with(wrong), StartsWith("HTTP/1.1 401")) << wrong;
  EXPECT_THAT(ask(host + "Authorization: Basic ZXZlOmV2ZQ==\r\n"), StartsWith("HTTP/1.1 401"));
  EXPECT_THAT(ask(host, "/metrics"), StartsWith("HTTP/1.1 401"));
  EXPECT_THAT(ask(host, "/-/ready"), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(ask(host, "/-/healthy?x=1"), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(ask(host, "/-/healthy/../../metrics"), StartsWith("HTTP/1.1 401"));
  EXPECT_GE(server->counters().answers[401], 9U);
}

TEST_F(WebGuard, WhatIsRefusedBeforeAHandlerHearsOfItIsToldOnce) {
  options.body_bytes = 100;
  options.event_body_bytes = 200;
  options.hosts = {"localhost"};
  const auto eve = token("eve", web_role::viewer), ann = token("ann", web_role::operating);
  ASSERT_TRUE(open([](std::string_view path) { return path == "/events"; }));
  const auto post = [this](const std::string& path, const std::string& of, const std::string& host,
                           const std::string& more) {
    raw_http client{server->bound_address()};
    client.send("POST " + path + " HTTP/1.1\r\nHost: " + host + "\r\nAuthorization: Bearer " + of +
                "\r\n" + more);
    return client.answer();
  };
  const std::string empty = "Content-Length: 0\r\n\r\n";
  EXPECT_THAT(post("/x?secret=1", "none", "localhost", empty), StartsWith("HTTP/1.1 401"));
  EXPECT_THAT(post("/x", ann, "elsewhere", empty), StartsWith("HTTP/1.1 421"));
  EXPECT_THAT(post("/x", ann, "localhost", "Content-Length: 101\r\n\r\n"),
              StartsWith("HTTP/1.1 413"));
  EXPECT_THAT(post("/x", ann, "localhost",
                   "Transfer-Encoding: chunked\r\n\r\n80\r\n" + std::string(128, 'x')),
              StartsWith("HTTP/1.1 413"));
  EXPECT_THAT(post("/events", eve, "localhost", empty), StartsWith("HTTP/1.1 403"));
  EXPECT_THAT(post("/x", ann, "localhost", empty), StartsWith("HTTP/1.1 200"));
  server->stop();
  EXPECT_THAT(refused, ElementsAre("/admin POST /x 127.0.0.1 401", "/admin POST /x 127.0.0.1 421",
                                   "ann/operator POST /x 127.0.0.1 413",
                                   "ann/operator POST /x 127.0.0.1 413",
                                   "eve/viewer POST /events 127.0.0.1 403"));
}

TEST_F(WebGuard, WhoIsRefusedBeforeATokenIsLookedAtIsNotWhoAskedBeforeOnThatConnection) {
  options.body_bytes = options.event_body_bytes = 100;
  const auto ann = token("ann", web_role::operating);
  ASSERT_TRUE(open());
  raw_http client{server->bound_address()};
  client.send("POST /x HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + ann +
              "\r\nContent-Length: 0\r\n\r\n");
  EXPECT_THAT(client.answer(), StartsWith("HTTP/1.1 200"));
  client.send("POST /y HTTP/1.1\r\nHost: localhost\r\nContent-Length: 101\r\n\r\n");
  EXPECT_THAT(client.answer(), StartsWith("HTTP/1.1 413"));
  server->stop();
  EXPECT_THAT(refused, ElementsAre("/admin POST /y 127.0.0.1 413"));
}

TEST_F(WebGuard, AReloadTakesATokenAwayAlsoFromAConnectionThatIsOpen) {
  const auto eve = token("eve", web_role::viewer);
  ASSERT_TRUE(open());
  raw_http client{server->bound_address()};
  const std::string request =
      "GET /x HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + eve + "\r\n\r\n";
  client.send(request);
  EXPECT_THAT(client.answer(), StartsWith("HTTP/1.1 200"));
  file("tokens", "");
  const auto changes = in_force(server->read_again());
  ASSERT_TRUE(changes);
  EXPECT_THAT(*changes, ElementsAre("web.tokens: eve removed"));
  client.send(request);
  EXPECT_THAT(client.answer(), StartsWith("HTTP/1.1 401"));
}

TEST_F(WebGuard, AReloadNamesTheTokensAndTheCertificateThatHaveChanged) {
  certificate();
  token("ann", web_role::viewer);
  std::stringstream kept;
  kept << std::ifstream{tokens_file()}.rdbuf();
  ASSERT_TRUE(open());
  EXPECT_THAT(*in_force(server->read_again()), IsEmpty()) << "nothing has";
  token("bob", web_role::operating);
  EXPECT_THAT(*in_force(server->read_again()), ElementsAre("web.tokens: bob added"));
  certificate();
  const auto edited = std::regex_replace(kept.str(), std::regex{"viewer"}, "admin");
  file("tokens", edited);
  EXPECT_THAT(
      *in_force(server->read_again()),
      ElementsAre("web.tokens: ann changed", "web.tokens: bob removed", "web.tls_certificate"));
  EXPECT_THAT(*in_force(server->read_again()), IsEmpty());
}

TEST_F(WebGuard, WhatWasReadAgainIsNotInForceBeforeItIsPutInForce) {
  const auto eve = token("eve", web_role::viewer);
  ASSERT_TRUE(open());
  file("tokens", "");
  const auto dropped = server->read_again();  // another part of that reload was refused
  ASSERT_TRUE(dropped);
  EXPECT_THAT(with(eve), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(*in_force(server->read_again()), ElementsAre("web.tokens: eve removed"));
  EXPECT_THAT(with(eve), StartsWith("HTTP/1.1 401"));
}

TEST_F(WebGuard, ATokenFileThatCannotBeReadRefusesTheReloadAndTheOldOneStays) {
  const auto eve = token("eve", web_role::viewer);
  ASSERT_TRUE(open());
  file("tokens", "eve viewer nonsense\n");
  EXPECT_FALSE(in_force(server->read_again()));
  EXPECT_THAT(with(eve), StartsWith("HTTP/1.1 200"));
}

TEST_F(WebGuard, TlsServesOurOwnClientAndNobodyWhoTrustsOthers) {
  certificate();
  const auto eve = token("eve", web_role::viewer);
  ASSERT_TRUE(open());
  http_client_options client;
  client.address = "https://" + server->bound_address();
  client.ca_file = options.tls_certificate;
  client.token_file = file("eve.token", eve + "\n");
  const auto got = http_get(client, "/x");
  ASSERT_TRUE(got) << got.error().what;
  EXPECT_THAT(got->body, StartsWith("eve/viewer"));
  client.ca_file.clear();  // the system trusts no certificate of ours
  EXPECT_FALSE(http_get(client, "/x"));
  client.address = server->bound_address();  // plain
  EXPECT_FALSE(http_get(client, "/x"));
  EXPECT_GE(server->counters().tls_failures, 2U);
}

TEST_F(WebGuard, TlsBelow12IsRefused) {
  certificate();
  ASSERT_TRUE(open());
  const auto speaks = [&](const char* version) {
    const std::string command = "openssl s_client -brief " + std::string{version} +
                                " -cipher 'DEFAULT:@SECLEVEL=0' -connect " +
                                server->bound_address() + " </dev/null >/dev/null 2>&1";
    return std::system(command.c_str()) == 0;
  };
  EXPECT_TRUE(speaks("-tls1_2"));
  EXPECT_TRUE(speaks("-tls1_3"));
  EXPECT_FALSE(speaks("-tls1_1"));
}

TEST_F(WebGuard, AnAddressOfANetworkTakesTokensAndTls) {
  options.listen_address = "0.0.0.0:0";
  const auto plain = open_http_server(options);
  ASSERT_FALSE(plain);
  EXPECT_THAT(plain.error().what, HasSubstr("0.0.0.0:0 is open to a network"));
  certificate();
  const auto open_to_all = open_http_server(options);
  ASSERT_FALSE(open_to_all);
  EXPECT_THAT(open_to_all.error().what, HasSubstr("faultline token create"));
}

TEST_F(WebGuard, AKeyOfTlsThatOthersMayReadIsRefused) {
  certificate();
  ASSERT_EQ(::chmod(options.tls_key.c_str(), 0644), 0);
  EXPECT_THAT(open().error().what, HasSubstr("chmod 600"));
  options.tls_key.clear();
  EXPECT_THAT(open().error().what, HasSubstr("go together"));
}

TEST_F(WebGuard, WhatCannotBeUsedOfACertificateIsToldByItsCause) {
  certificate();
  std::ostringstream before;
  before << std::ifstream{options.tls_key}.rdbuf();
  certificate();  // renewed, and the key of the old one left beside it
  std::ofstream{options.tls_key} << before.str();
  EXPECT_THAT(open().error().what, HasSubstr("is not the key of the certificate in"));
  std::ofstream{options.tls_key} << "no key";
  EXPECT_THAT(open().error().what, HasSubstr("holds no private key in PEM form"));
  std::ofstream{options.tls_certificate} << "no certificate";
  EXPECT_THAT(open().error().what, HasSubstr("holds no certificate in PEM form"));
  std::filesystem::remove(options.tls_certificate);
  EXPECT_THAT(open().error().what, HasSubstr("web.pem cannot be read: No such file"));
}

TEST_F(WebGuard, ASecretGoesOverANetworkEncryptedOnly) {
  http_client_options client;
  client.address = "http://192.0.2.7:7800";
  client.token_file = file("eve.token", "flt_x");
  EXPECT_EQ(http_get(client, "/x").error().code, ec::invalid);
}

TEST(Tokens, AreKeptAsHashesAlone) {
  const key_folder folder;
  const auto file = folder.path / "tokens";
  const auto made = create_token(file, {"eve", web_role::admin, std::nullopt});
  ASSERT_TRUE(made);
  EXPECT_EQ(made->size(), 47U);  // flt_ and 256 bits
  std::ostringstream kept;
  kept << std::ifstream{file}.rdbuf();
  EXPECT_THAT(kept.str(), Not(HasSubstr(std::string{made->reveal()})));
  struct stat s {};
  ASSERT_EQ(::stat(file.c_str(), &s), 0);
  EXPECT_EQ(s.st_mode & 0777, 0600U);
  const auto list = load_tokens(file);
  ASSERT_TRUE(list) << list.error().what;
  ASSERT_NE(list->find(made->reveal(), now), nullptr);
  EXPECT_EQ(list->find(made->reveal(), now)->name, "eve");
  EXPECT_EQ(list->find("flt_", now), nullptr);
  EXPECT_FALSE(create_token(file, {"eve", web_role::viewer, std::nullopt}));
  EXPECT_FALSE(create_token(file, {"e ve", web_role::viewer, std::nullopt}));
}

TEST(Tokens, EndAndLinesThatAreNoneAreNamed) {
  const std::string hash(64, 'a');
  const auto list = read_tokens("# a comment\n\neve viewer " + hash + " 2027-01-31 # why\n");
  ASSERT_TRUE(list) << list.error().what;
  EXPECT_EQ(list->size(), 1U);
  for (const std::string& wrong : std::vector<std::string>{
           "eve root " + hash, "eve viewer " + hash.substr(1), std::string{"eve viewer"},
           "eve viewer " + hash + " x", "eve viewer " + hash + " 2027-01-31 more",
           "eve viewer " + std::string(64, 'g'),
           "eve viewer " + hash + "\neve admin " + std::string(64, 'b'),
           "eve viewer " + hash + "\nbob admin " + hash}) {
    const auto read = read_tokens(wrong);
    ASSERT_FALSE(read) << wrong;
    EXPECT_THAT(read.error().what, HasSubstr("line "));
  }
}

TEST(BodyBudget, NobodyHasMoreThanHalfOfWhatTheOthersLeave) {
  body_budget b{1000};
  EXPECT_TRUE(b.take("a", 300));
  EXPECT_TRUE(b.take("a", 200));
  EXPECT_FALSE(b.take("a", 1)) << "half";
  EXPECT_TRUE(b.take("b", 250));
  EXPECT_FALSE(b.take("b", 1)) << "half of the other half";
  EXPECT_TRUE(b.take("c", 125));
  b.give_back("a", 300);
  EXPECT_TRUE(b.take("b", 80));
  EXPECT_FALSE(b.take("b", 1000));
}

TEST(BodyBudget, WhoComesAloneMayHaveAllOfItAndItComesBackWhole) {
  body_budget b{1000};
  EXPECT_FALSE(b.take("a", 1001));
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(b.take("a", 1000));
    EXPECT_FALSE(b.take("b", 1));
    b.give_back("a", 1000);
  }
  EXPECT_TRUE(b.take("b", 0));
  b.give_back("nobody", 1);
  EXPECT_TRUE(b.take("c", 1000));
}

TEST_F(WebGuard, TheRoomForBodiesIsSharedByTokenNotByAddress) {
  options.event_bodies_bytes = 2000;
  const auto silent = token("silent", web_role::publisher),
             other = token("other", web_role::publisher);
  ASSERT_TRUE(open([](std::string_view) { return true; }));
  const auto begin = [this](const std::string& of, std::size_t length) {
    auto client = std::make_unique<raw_http>(server->bound_address());
    client->send("POST /events HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer " + of +
                 "\r\nContent-Length: " + std::to_string(length) + "\r\n\r\n");
    return client;
  };
  const auto held = begin(silent, 1000);
  EXPECT_THAT(begin(silent, 1)->answer(), StartsWith("HTTP/1.1 503"));
  const auto beside = begin(other, 500);
  beside->send(std::string(500, 'x'));
  EXPECT_THAT(beside->answer(), StartsWith("HTTP/1.1 200"));
}

TEST(AddressBudget, HoldsForEachAddressButNotForThisMachine) {
  address_budget budget{2};
  EXPECT_TRUE(budget.take("10.0.0.7"));
  EXPECT_TRUE(budget.take("10.0.0.7"));
  EXPECT_FALSE(budget.take("10.0.0.7"));
  EXPECT_TRUE(budget.take("10.0.0.8"));
  budget.give_back("10.0.0.7");
  EXPECT_TRUE(budget.take("10.0.0.7"));
  for (int i = 0; i < 100; ++i)
    for (const char* local : {"127.0.0.1", "127.3.2.1", "::1", "::ffff:127.0.0.1"})
      EXPECT_TRUE(budget.take(local)) << local;
}

}  // namespace
}  // namespace faultline
