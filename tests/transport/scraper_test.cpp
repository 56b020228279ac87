// SPDX-License-Identifier: Apache-2.0
#include "transport/scraper.hpp"

#include <condition_variable>
#include <mutex>

#include <gtest/gtest.h>

#include "transport/http_server.hpp"

namespace faultline {
namespace {

/// A target that answers by path, and what a scraper makes of it.
struct rig {
  rig() {
    web_options o;
    o.listen_address = "127.0.0.1:0";
    target = std::move(*open_http_server(o));
    target->start([this](http_request request, http_responder respond) {
      if (request.path == "/slow") return held.push_back(std::move(respond));
      http_response r;
      r.status = request.path == "/broken" ? 500 : 200;
      if (request.path == "/moved") moved(r, "/metrics");
      if (request.path == "/around") moved(r, "/around");
      if (request.path == "/elsewhere") moved(r, "file:///etc/hostname");
      r.body = request.path == "/large" ? std::string((16U << 20U) + 1, 'x') : "a 1\n";
      respond(std::move(r));
    });
  }
  static void moved(http_response& r, const char* to) {
    r.status = 307;
    r.headers.emplace_back("Location", to);
  }
  /// The first result of fetching @p path.
  outcome<std::string> fetch(const std::string& path) {
    scrape_target t;
    t.url = "http://" + target->bound_address() + path;
    t.interval = std::chrono::milliseconds{200};
    t.timeout = std::chrono::milliseconds{path == "/slow" ? 2000 : 20'000};
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<outcome<std::string>> got;
    scraper s{{t}};
    s.start([&](const scrape_target&, outcome<std::string> body) {
      const std::lock_guard<std::mutex> lock{mutex};
      got.push_back(std::move(body));
      changed.notify_one();
    });
    {
      std::unique_lock<std::mutex> lock{mutex};
      changed.wait_for(lock, std::chrono::seconds{30}, [&] { return !got.empty(); });
    }
    s.stop();
    if (got.empty()) return failure{ec::shutting_down, "no result"};
    return std::move(got.front());
  }
  std::vector<http_responder> held;
  std::unique_ptr<http_server> target;
};

TEST(Scraper, FetchesWhatATargetSays) {
  rig r;
  const auto got = r.fetch("/metrics");
  ASSERT_TRUE(got) << got.error().what;
  EXPECT_EQ(*got, "a 1\n");
}

TEST(Scraper, ATargetThatHasMovedIsFollowedButNotForEverAndNotToAFile) {
  rig r;
  const auto got = r.fetch("/moved");
  ASSERT_TRUE(got) << got.error().what;
  EXPECT_EQ(*got, "a 1\n");
  EXPECT_EQ(r.fetch("/around").error().code, ec::io_failed);
  EXPECT_EQ(r.fetch("/elsewhere").error().code, ec::io_failed);
}

TEST(Scraper, AnErrorSilenceAndTooMuchAreFailures) {
  rig r;
  EXPECT_EQ(r.fetch("/broken").error().code, ec::io_failed);
  EXPECT_EQ(r.fetch("/large").error().code, ec::too_large);
  EXPECT_EQ(r.fetch("/slow").error().code, ec::deadline_passed);
}

TEST(Scraper, ATargetThatIsNotThereIsAFailure) {
  rig r;
  r.target->stop();
  EXPECT_EQ(r.fetch("/metrics").error().code, ec::io_failed);
}

TEST(Scraper, AnInstanceIsTheAddressOfItsUrl) {
  EXPECT_EQ(instance_of("http://web-1:9100/metrics"), "web-1:9100");
  EXPECT_EQ(instance_of("https://user:secret@web-1/x?y"), "web-1");
  EXPECT_EQ(instance_of("http://[::1]:9100/metrics"), "[::1]:9100");
}

}  // namespace
}  // namespace faultline
