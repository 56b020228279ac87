// SPDX-License-Identifier: Apache-2.0
#include <spdlog/spdlog.h>

#include <chrono>
#include <cstdint>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/post.hpp>

#include "transport/addresses.hpp"
#include "transport/http_server.hpp"
#include "transport/internal/http_session.hpp"
#include "transport/internal/http_text.hpp"

namespace faultline {

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

/// Where all places are taken by the young, the next connection asks again so often.
constexpr std::chrono::milliseconds next_look{1};
/// Connections told 503 at a time; further ones are closed without a word.
constexpr std::size_t max_refusing = 64;
/// After a failed accept (no descriptor left) the next one waits this long.
constexpr std::chrono::milliseconds accept_pause{50};
constexpr std::chrono::seconds stop_time{1};

class beast_http_server final : public http_server {
public:
  explicit beast_http_server(web_options options) { shared_.options = std::move(options); }
  ~beast_http_server() override { stop(); }

  outcome<void> open();
  outcome<reload_step<std::vector<std::string>>> read_again() override;
  http_counters counters() const override {
    const std::lock_guard lock{shared_.counters_mutex};
    return shared_.counters;
  }
  void start(http_handler handler, http_takes_events takes_events, http_refused refused) override;
  std::string bound_address() const override { return bound_; }
  void stop() override;

private:
  void accept();
  void on_socket(tcp::socket socket);
  void place(tcp::socket socket, std::string from);
  enum class room : std::uint8_t { free, soon, none };
  room make_room();
  void wind_down();
  /// What tokens and certificate are now.
  struct doorkeeping {
    tls_context tls;
    std::shared_ptr<const token_list> tokens;
  };
  outcome<doorkeeping> read_doorkeeping() const;
  /// What differs in @p now from what was read last, which it then is.
  std::vector<std::string> changes_to(const doorkeeping& now);
  void put_in_force(const doorkeeping& now);

  // Destroyed in reverse order: pending operations own sessions, which sign off from shared_.
  mutable http_shared shared_;
  asio::io_context io_{1};
  std::shared_ptr<http_gate> gate_ = std::make_shared<http_gate>(io_);
  tcp::acceptor acceptor_{io_};
  asio::steady_timer pause_{io_};
  std::string bound_;
  std::mutex read_mutex_;
  doorkeeping read_;  ///< last; guarded by read_mutex_
  std::promise<void> ended_;
  std::thread thread_;
  bool stopped_ = false;
};

outcome<beast_http_server::doorkeeping> beast_http_server::read_doorkeeping() const {
  const web_options& o = shared_.options;
  doorkeeping now;
  if (const auto wrong = address_problems(o); !wrong.empty())
    return failure{ec::invalid, wrong.front().key + " " + wrong.front().text};
  if (!o.tls_certificate.empty()) {
    auto tls = server_tls(o.tls_certificate, o.tls_key);
    if (!tls) return tls.error();
    now.tls = std::move(*tls);
  }
  if (!o.tokens.empty()) {
    auto list = load_tokens(o.tokens);
    if (!list) return list.error();
    if (list->size() == 0) spdlog::warn("web.tokens {} holds no token: nobody is let in", o.tokens);
    now.tokens = std::make_shared<const token_list>(std::move(*list));
  }
  return now;
}

std::vector<std::string> beast_http_server::changes_to(const doorkeeping& now) {
  std::vector<std::string> changes;
  const std::lock_guard lock{read_mutex_};
  const token_list none;
  for (const auto& what :
       (now.tokens ? *now.tokens : none).changes_since(read_.tokens ? *read_.tokens : none))
    changes.push_back("web.tokens: " + what);
  if (!same_certificate(now.tls, read_.tls)) changes.emplace_back("web.tls_certificate");
  return changes;
}

void beast_http_server::put_in_force(const doorkeeping& now) {
  {
    const std::lock_guard lock{read_mutex_};
    read_ = now;
  }
  gate_->post([this, now] {
    shared_.tls = now.tls;
    shared_.tokens = now.tokens;
    // Who may still read comes back at once.
    for (http_session* session : shared_.streams) session->retire();
  });
}

outcome<reload_step<std::vector<std::string>>> beast_http_server::read_again() {
  auto read = read_doorkeeping();
  if (!read) return read.error();
  auto changes = changes_to(*read);
  return reload_step<std::vector<std::string>>{
      std::move(changes), [this, now = std::move(*read)] { put_in_force(now); }};
}

outcome<void> beast_http_server::open() {
  auto doors = read_doorkeeping();
  if (!doors) return doors.error();
  read_ = *doors;
  shared_.tls = std::move(doors->tls);
  shared_.tokens = std::move(doors->tokens);
  shared_.addresses = address_budget{shared_.options.max_connections_per_address};
  shared_.event_bodies = body_budget{shared_.options.event_bodies_bytes};
  const std::string& address = shared_.options.listen_address;
  const auto parts = read_address(address);
  if (!parts) return parts.error();
  const auto failed = [&](const char* doing, const error_code& why) {
    return failure{ec::io_failed,
                   std::string{"cannot "} + doing + " " + address + ": " + why.message()};
  };
  error_code why;
  tcp::resolver resolver{io_};
  const auto found = resolver.resolve(parts->host, parts->port, tcp::resolver::passive, why);
  if (why) return failed("resolve", why);
  const tcp::endpoint endpoint = *found.begin();
  acceptor_.open(endpoint.protocol(), why);
  if (why) return failed("open", why);
  acceptor_.set_option(asio::socket_base::reuse_address{true}, why);
  if (why) return failed("open", why);
  acceptor_.bind(endpoint, why);
  if (why) return failed("listen on", why);
  acceptor_.listen(1024, why);
  if (why) return failed("listen on", why);
  const tcp::endpoint bound = acceptor_.local_endpoint(why);
  if (why) return failed("listen on", why);
  const std::string host = bound.address().to_string();
  bound_ = (bound.address().is_v6() ? "[" + host + "]" : host) + ":" + std::to_string(bound.port());
  return {};
}

void beast_http_server::start(http_handler handler, http_takes_events takes_events,
                              http_refused refused) {
  if (thread_.joinable() || stopped_) return;
  shared_.takes_events = std::move(takes_events);
  shared_.refused = std::move(refused);
  shared_.handler = std::move(handler);
  shared_.gate = gate_;
  accept();
  thread_ = std::thread{[this] {
    io_.run();
    ended_.set_value();
  }};
}

void beast_http_server::accept() {
  acceptor_.async_accept(io_, [this](error_code why, tcp::socket socket) {
    if (shared_.stopping || why == asio::error::operation_aborted) return;
    if (!why) return on_socket(std::move(socket));
    pause_.expires_after(accept_pause);
    pause_.async_wait([this](error_code cancelled) {
      if (!cancelled && !shared_.stopping) accept();
    });
  });
}

void beast_http_server::on_socket(tcp::socket socket) {
  error_code ignored;  // answers go out either way, only later
  socket.set_option(tcp::no_delay{true}, ignored);
  const auto peer = socket.remote_endpoint(ignored);
  if (ignored) return accept();  // it has gone
  std::string from = peer.address().to_string();
  if (shared_.addresses.take(from)) return place(std::move(socket), std::move(from));
  shared_.count(&http_counters::refused_address);
  accept();
}

/// Serves or refuses the connection and accepts the next. While nobody may go to make room for it,
/// it waits, and those behind it in the kernel's queue: what they send meanwhile is not lost.
void beast_http_server::place(tcp::socket socket, std::string from) {
  const room found = make_room();
  if (found == room::soon) {
    pause_.expires_after(next_look);
    pause_.async_wait(
        [this, socket = std::move(socket), from = std::move(from)](error_code cancelled) mutable {
          if (!cancelled && !shared_.stopping) place(std::move(socket), std::move(from));
        });
    return;
  }
  if (found == room::none) shared_.count(&http_counters::refused_full);
  if (found == room::none && shared_.refusing.size() >= max_refusing) {
    shared_.addresses.give_back(from);
    return accept();
  }
  const auto session = std::make_shared<http_session>(std::move(socket), std::move(from), shared_);
  if (found == room::free)
    session->run();
  else
    session->refuse();
  accept();
}

/// Whether one more connection may be served; closes the one that has kept us waiting longest if
/// that is what it takes, so that idle or slow peers never lock out an honest one. One that came
/// less than `first_word` ago stays: an honest client may be that slow to get a turn of its
/// machine. None: all are being answered.
beast_http_server::room beast_http_server::make_room() {
  if (shared_.open.size() < shared_.options.max_connections) return room::free;
  http_session* oldest = nullptr;
  for (http_session* session : shared_.open) {
    const auto since = session->waiting_since();
    if (since && (oldest == nullptr || *since < *oldest->waiting_since())) oldest = session;
  }
  if (oldest == nullptr) return room::none;
  if (http_session::clock::now() - *oldest->waiting_since() < shared_.options.first_word)
    return room::soon;
  oldest->evict();
  shared_.count(&http_counters::evicted);
  return room::free;
}

void beast_http_server::wind_down() {
  shared_.stopping = true;
  error_code ignored;  // nothing more can be done about a listener that does not close
  acceptor_.close(ignored);
  pause_.cancel();
  for (http_session* session : shared_.open) session->retire();
  for (http_session* session : shared_.streams) session->retire();
}

void beast_http_server::stop() {
  if (stopped_) return;
  stopped_ = true;
  if (thread_.joinable()) {
    asio::post(io_, [this] { wind_down(); });
    auto ended = ended_.get_future();
    ended.wait_for(stop_time);
    io_.stop();
    thread_.join();
  }
  gate_->close();
}

}  // namespace

outcome<std::unique_ptr<http_server>> open_http_server(const web_options& options) {
  if (options.max_connections < 1 || options.header_bytes < 256)
    return failure{ec::invalid, "max_connections must be at least 1 and header_bytes 256"};
  auto server = std::make_unique<beast_http_server>(options);
  if (auto opened = server->open(); !opened) return opened.error();
  return std::unique_ptr<http_server>{std::move(server)};
}

}  // namespace faultline
