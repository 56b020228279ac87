// SPDX-License-Identifier: Apache-2.0
#include "transport/scraper.hpp"

#include <algorithm>
#include <atomic>
#include <thread>
#include <utility>

#include <curl/curl.h>

#include "messages/identity.hpp"

namespace faultline {

namespace {

using clock = std::chrono::steady_clock;

/// Once in a process, before any thread uses it.
void begin_curl() {
  static const bool begun = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  static_cast<void>(begun);
}

struct fetch {
  const scrape_target* target = nullptr;
  CURL* handle = nullptr;
  std::string body;
  clock::time_point due;
  bool under_way = false;
  bool too_large = false;
  char error[CURL_ERROR_SIZE] = {};
};

std::size_t keep(char* bytes, std::size_t size, std::size_t count, void* to) {
  auto& f = *static_cast<fetch*>(to);
  const auto n = size * count;
  f.too_large = f.body.size() + n > scraper::scrape_body_bytes;
  if (f.too_large) return 0;
  f.body.append(bytes, n);
  return n;
}

}  // namespace

struct scraper::impl {
  explicit impl(std::vector<scrape_target> t) : targets{std::move(t)} { begin_curl(); }
  ~impl() {
    for (auto& f : fetches) {
      if (multi != nullptr && f.under_way) curl_multi_remove_handle(multi, f.handle);
      if (f.handle != nullptr) curl_easy_cleanup(f.handle);
    }
    curl_slist_free_all(accepted);
    if (multi != nullptr) curl_multi_cleanup(multi);
  }

  bool open();
  bool prepare(fetch& f);
  void run();
  void begin_due();
  void finish();
  int wait_ms() const;

  std::vector<scrape_target> targets;
  std::vector<fetch> fetches;
  taker take;
  CURLM* multi = nullptr;
  curl_slist* accepted = nullptr;
  std::atomic<bool> stopping{false};
  std::thread thread;
};

bool scraper::impl::open() {
  multi = curl_multi_init();
  accepted = curl_slist_append(nullptr, "Accept: text/plain;version=0.0.4;q=1,*/*;q=0.1");
  if (multi == nullptr || accepted == nullptr) return false;
  fetches.resize(targets.size());
  const auto now = clock::now();
  for (std::size_t i = 0; i < targets.size(); ++i) {
    auto& f = fetches[i];
    f.target = &targets[i];
    // Spread over the interval, the same way at every start.
    const auto interval = std::max<std::int64_t>(1, targets[i].interval.count());
    f.due = now + std::chrono::milliseconds{static_cast<std::int64_t>(
                      stable_hash(targets[i].url) % static_cast<std::uint64_t>(interval))};
    f.handle = curl_easy_init();
    if (f.handle == nullptr || !prepare(f)) return false;
  }
  return true;
}

bool scraper::impl::prepare(fetch& f) {
  bool set = true;
  const auto option = [&](CURLoption which, auto value) {
    set = curl_easy_setopt(f.handle, which, value) == CURLE_OK && set;
  };
  option(CURLOPT_URL, f.target->url.c_str());
  option(CURLOPT_HTTPHEADER, accepted);
  option(CURLOPT_ACCEPT_ENCODING, "gzip");
  option(CURLOPT_TIMEOUT_MS, static_cast<long>(f.target->timeout.count()));
  option(CURLOPT_NOSIGNAL, 1L);
  option(CURLOPT_FOLLOWLOCATION, 1L);
  option(CURLOPT_MAXREDIRS, 5L);
  option(CURLOPT_PROTOCOLS_STR, "http,https");
  option(CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  option(CURLOPT_FAILONERROR, 1L);
  option(CURLOPT_PROXY, "");
  option(CURLOPT_USERAGENT, "faultline");
  option(CURLOPT_WRITEFUNCTION, &keep);
  option(CURLOPT_WRITEDATA, &f);
  option(CURLOPT_PRIVATE, &f);
  option(CURLOPT_ERRORBUFFER, f.error);
  return set;
}

void scraper::impl::run() {
  while (!stopping) {
    begin_due();
    int running = 0;
    curl_multi_perform(multi, &running);
    finish();
    if (stopping) return;
    curl_multi_poll(multi, nullptr, 0, wait_ms(), nullptr);
  }
}

void scraper::impl::begin_due() {
  const auto now = clock::now();
  for (auto& f : fetches) {
    if (f.under_way || f.due > now) continue;
    f.body.clear();
    f.too_large = false;
    f.error[0] = '\0';
    // The next one keeps to the grid of the first, whatever was missed.
    while (f.due <= now) f.due += f.target->interval;
    f.under_way = curl_multi_add_handle(multi, f.handle) == CURLM_OK;
    if (!f.under_way) take(*f.target, failure{ec::io_failed, "cannot be asked"});
  }
}

void scraper::impl::finish() {
  int left = 0;
  while (const CURLMsg* done = curl_multi_info_read(multi, &left)) {
    if (done->msg != CURLMSG_DONE) continue;
    const auto result = done->data.result;
    void* of = nullptr;
    curl_easy_getinfo(done->easy_handle, CURLINFO_PRIVATE, &of);
    auto& f = *static_cast<fetch*>(of);
    curl_multi_remove_handle(multi, f.handle);
    f.under_way = false;
    long status = 0;
    curl_easy_getinfo(f.handle, CURLINFO_RESPONSE_CODE, &status);
    if (result == CURLE_OK && status == 200) {
      take(*f.target, std::move(f.body));
    } else if (result == CURLE_OK) {
      take(*f.target, failure{ec::io_failed, "answered " + std::to_string(status)});
    } else if (f.too_large) {
      take(*f.target, failure{ec::too_large, "more than 16 MiB"});
    } else {
      take(*f.target,
           failure{result == CURLE_OPERATION_TIMEDOUT ? ec::deadline_passed : ec::io_failed,
                   f.error[0] != '\0' ? f.error : curl_easy_strerror(result)});
    }
    f.body = {};
  }
}

int scraper::impl::wait_ms() const {
  auto next = clock::now() + std::chrono::seconds{1};
  for (const auto& f : fetches)
    if (!f.under_way) next = std::min(next, f.due);
  const auto wait = std::chrono::duration_cast<std::chrono::milliseconds>(next - clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(wait.count() + 1, 1, 1000));
}

scraper::scraper(std::vector<scrape_target> targets)
    : impl_{std::make_unique<impl>(std::move(targets))} {}

scraper::~scraper() { stop(); }

void scraper::start(taker take) {
  if (impl_->thread.joinable() || impl_->targets.empty()) return;
  impl_->take = std::move(take);
  if (!impl_->open()) {
    for (const auto& t : impl_->targets) impl_->take(t, failure{ec::io_failed, "cannot be asked"});
    return;
  }
  impl_->thread = std::thread{[this] { impl_->run(); }};
}

void scraper::stop() {
  if (!impl_->thread.joinable()) return;
  impl_->stopping = true;
  curl_multi_wakeup(impl_->multi);
  impl_->thread.join();
}

std::string instance_of(const std::string& url) {
  const auto scheme = url.find("://");
  const auto from = scheme == std::string::npos ? 0 : scheme + 3;
  auto instance = url.substr(from, url.find_first_of("/?#", from) - from);
  return instance.substr(instance.find('@') == std::string::npos ? 0 : instance.find('@') + 1);
}

}  // namespace faultline
