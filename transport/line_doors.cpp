// SPDX-License-Identifier: Apache-2.0
#include "transport/line_doors.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <list>
#include <mutex>
#include <thread>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "transport/addresses.hpp"
#include "transport/decode/frames.hpp"
#include "transport/internal/http_text.hpp"

namespace faultline {

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using asio::ip::udp;
using boost::system::error_code;

constexpr std::size_t most_waiting = std::size_t{1024} * 1024;
constexpr std::size_t enough = std::size_t{64} * 1024;
constexpr std::chrono::milliseconds gather_time{100};
constexpr int datagrams_per_turn = 256;
constexpr int last_turns = 64;  ///< more than a receive buffer holds; a flood ends nothing later
constexpr int receive_buffer = 4 * 1024 * 1024;  ///< asked for; the kernel gives what it may

/// A sender's address; of this machine, its name.
std::string name_of(asio::ip::address address) {
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
  if (!address.is_loopback()) return address.to_string();
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 && name[0] != '\0' ? name.data()
                                                                             : "localhost";
}

class doors_impl;

/// What came by one listener and is not handed over yet.
struct gathering {
  std::string name;
  std::string frames;
  bool full() const noexcept { return frames.size() >= most_waiting; }
  /// Datagrams and lines that wait.
  std::uint64_t waiting() const {
    std::string_view rest{frames}, sender, bytes;
    std::uint64_t n = 0;
    while (take_frame(rest, sender, bytes)) ++n;
    return n;
  }
};

struct connection : std::enable_shared_from_this<connection> {
  connection(tcp::socket s, std::string from, doors_impl& o, gathering& t)
      : socket{std::move(s)}, sender{std::move(from)}, owner{o}, to{t} {}
  void read();
  void read_the_rest();
  bool take(std::size_t n);
  void take_unfinished();
  void ended();

  tcp::socket socket;
  std::string sender;
  doors_impl& owner;
  gathering& to;
  syslog_cutter cutter;
  std::size_t cut_before = 0;
  std::chrono::steady_clock::time_point heard = std::chrono::steady_clock::now();
  std::array<char, 16 * 1024> bytes{};
};

failure failed_to_listen(const line_listener& l, const error_code& why) {
  return {ec::io_failed, "cannot listen on " + l.endpoint + ": " + why.message()};
}

class doors_impl final : public line_doors {
public:
  ~doors_impl() override { stop(); }
  explicit doors_impl(line_door_limits limits) : limits_{limits} {}
  outcome<void> open(const std::vector<line_listener>& listeners);
  void start(line_handler handler) override;
  void stop() override;
  line_door_counters counters() const override {
    const std::lock_guard<std::mutex> lock{mutex_};
    return counters_;
  }
  std::vector<std::string> bound_endpoints() const override { return bound_; }

  void count(std::uint64_t line_door_counters::*which, std::uint64_t n = 1) {
    const std::lock_guard<std::mutex> lock{mutex_};
    counters_.*which += n;
  }
  void came(gathering& to);
  void forget(connection* c) { open_.remove(c); }
  void wait_for_room(std::shared_ptr<connection> c) { paused_.push_back(std::move(c)); }

private:
  struct udp_door {
    udp::socket socket;
    gathering& to;
    std::uint32_t drops = 0;  ///< the kernel's count, which begins with the socket
  };
  struct tcp_door {
    tcp::acceptor acceptor;
    gathering& to;
  };

  outcome<void> open_one(const line_listener& l);
  template <class Protocol>
  outcome<std::vector<typename Protocol::endpoint>> addresses_of(const line_listener& l);
  template <class Protocol, class Socket>
  error_code bind(Socket& socket, const typename Protocol::endpoint& at, bool alone);
  error_code open_udp(const udp::endpoint& at, bool alone, gathering& to);
  error_code open_tcp(const tcp::endpoint& at, bool alone, gathering& to);
  void wait_for_datagrams(udp_door& door);
  bool read_datagrams(udp_door& door);
  void accept(tcp_door& door);
  void welcome(tcp_door& door, tcp::socket socket);
  bool make_room();
  void tick();
  void hand_over(gathering& g);
  void hand_over_the_last();

  const line_door_limits limits_;
  mutable std::mutex mutex_;
  line_door_counters counters_;  ///< guarded by mutex_
  asio::io_context io_{1};
  asio::steady_timer timer_{io_};
  std::list<gathering> gathered_;
  std::list<udp_door> udp_;
  std::list<tcp_door> tcp_;
  std::list<connection*> open_;
  std::vector<std::shared_ptr<connection>> paused_;
  std::vector<tcp_door*> waiting_;  ///< to accept again
  std::vector<std::string> bound_;
  std::vector<char> datagram_ = std::vector<char>(64 * 1024);
  line_handler handler_;
  bool ending_ = false;
  bool stopped_ = false;
  std::thread thread_;
};

void connection::read() {
  if (to.full()) return owner.wait_for_room(shared_from_this());
  socket.async_read_some(asio::buffer(bytes),
                         [self = shared_from_this()](error_code why, std::size_t n) {
                           if (why) return self->ended();
                           if (self->take(n)) return self->read();
                           self->owner.count(&line_door_counters::broken);
                           self->owner.forget(self.get());
                         });
}

/// Of the bytes that were read. @returns whether the stream can be followed.
bool connection::take(std::size_t n) {
  heard = std::chrono::steady_clock::now();
  std::size_t messages = 0;
  const bool sound = cutter.take({bytes.data(), n}, [&](std::string_view message) {
    ++messages;
    add_frame(to.frames, sender, message);
  });
  const auto cut = cutter.cut() - std::exchange(cut_before, cutter.cut());
  owner.count(&line_door_counters::messages, messages - cut);
  owner.count(&line_door_counters::cut, cut);
  owner.came(to);
  return sound;
}

/// What lies in the socket, without waiting.
void connection::read_the_rest() {
  error_code why;
  socket.non_blocking(true, why);
  for (int turn = 0; turn < last_turns && !why && !to.full(); ++turn) {
    const auto n = socket.read_some(asio::buffer(bytes), why);
    if (why == asio::error::eof) take_unfinished();
    if (why || !take(n)) return;
  }
}

/// A line whose end is the connection's.
void connection::take_unfinished() {
  if (cutter.rest().empty()) return;
  add_frame(to.frames, sender, cutter.rest());
  owner.count(&line_door_counters::messages);
}

void connection::ended() {
  take_unfinished();
  owner.forget(this);
}

outcome<void> doors_impl::open(const std::vector<line_listener>& listeners) {
  for (const auto& l : listeners) {
    if (const auto wrong = line_address_problem(l.endpoint, limits_.networks))
      return failure{ec::invalid, *wrong};
    if (auto done = open_one(l); !done) return done;
  }
  return {};
}

/// All of them, each once.
template <class Protocol>
outcome<std::vector<typename Protocol::endpoint>> doors_impl::addresses_of(const line_listener& l) {
  const auto parts = read_address(l.endpoint.substr(6));
  if (!parts) return parts.error();
  error_code why;
  typename Protocol::resolver resolver{io_};
  const auto found = resolver.resolve(parts->host, parts->port, Protocol::resolver::passive, why);
  if (why) return failed_to_listen(l, why);
  std::vector<typename Protocol::endpoint> all;
  for (const auto& entry : found)
    if (std::find(all.begin(), all.end(), entry.endpoint()) == all.end())
      all.push_back(entry.endpoint());
  return all;
}

template <class Protocol, class Socket>
error_code doors_impl::bind(Socket& socket, const typename Protocol::endpoint& at, bool alone) {
  error_code why;
  socket.open(at.protocol(), why);
  if (why) return why;
  if constexpr (std::is_same_v<Protocol, tcp>)
    socket.set_option(asio::socket_base::reuse_address{true}, why);
  if (!alone && at.address().is_v6()) socket.set_option(asio::ip::v6_only{true}, why);
  socket.bind(at, why);
  if (why) return why;
  const auto bound = socket.local_endpoint(why);
  const auto address = bound.address().to_string();
  bound_.push_back((std::is_same_v<Protocol, tcp> ? "tcp://" : "udp://") +
                   (bound.address().is_v6() ? "[" + address + "]" : address) + ":" +
                   std::to_string(bound.port()));
  return why;
}

error_code doors_impl::open_udp(const udp::endpoint& at, bool alone, gathering& to) {
  udp::socket socket{io_};
  if (const auto why = bind<udp>(socket, at, alone)) return why;
  error_code ignored;  // a smaller buffer drops earlier, and that is counted
  socket.set_option(asio::socket_base::receive_buffer_size{receive_buffer}, ignored);
  socket.non_blocking(true, ignored);
  const int on = 1;
  ::setsockopt(socket.native_handle(), SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof on);
  udp_.push_back({std::move(socket), to});
  return {};
}

error_code doors_impl::open_tcp(const tcp::endpoint& at, bool alone, gathering& to) {
  tcp::acceptor acceptor{io_};
  if (const auto why = bind<tcp>(acceptor, at, alone)) return why;
  error_code why;
  acceptor.listen(128, why);
  if (!why) tcp_.push_back({std::move(acceptor), to});
  return why;
}

/// A name may stand for several addresses, such as localhost for ::1 and 127.0.0.1: each is bound.
/// One of a family that this machine does not have is left out where another is there.
outcome<void> doors_impl::open_one(const line_listener& l) {
  gathered_.push_back({l.name, {}});
  auto& to = gathered_.back();
  const auto open_all = [&](const auto& all, auto open) -> outcome<void> {
    if (!all) return all.error();
    std::size_t opened = 0;
    error_code absent;
    for (const auto& at : *all) {
      const error_code why = open(at, all->size() == 1);
      if (!why)
        ++opened;
      else if (why == asio::error::address_family_not_supported ||
               why == std::errc::address_not_available)
        absent = why;
      else
        return failed_to_listen(l, why);
    }
    return opened != 0 ? outcome<void>{} : outcome<void>{failed_to_listen(l, absent)};
  };
  if (l.endpoint.rfind("udp://", 0) == 0)
    return open_all(addresses_of<udp>(l),
                    [&](const auto& at, bool alone) { return open_udp(at, alone, to); });
  return open_all(addresses_of<tcp>(l),
                  [&](const auto& at, bool alone) { return open_tcp(at, alone, to); });
}

void doors_impl::start(line_handler handler) {
  if (thread_.joinable() || stopped_) return;
  handler_ = std::move(handler);
  for (auto& door : udp_) wait_for_datagrams(door);
  for (auto& door : tcp_) accept(door);
  tick();
  thread_ = std::thread{[this] { io_.run(); }};
}

void doors_impl::wait_for_datagrams(udp_door& door) {
  door.socket.async_wait(udp::socket::wait_read, [this, &door](error_code why) {
    if (why || ending_) return;
    read_datagrams(door);
    wait_for_datagrams(door);
  });
}

/// @returns whether there may be more.
bool doors_impl::read_datagrams(udp_door& door) {
  int read = 0;
  for (; read < datagrams_per_turn; ++read) {
    udp::endpoint from;
    iovec part{datagram_.data(), datagram_.size()};
    alignas(cmsghdr) std::array<char, 128> control{};
    msghdr message{};
    message.msg_name = from.data();
    message.msg_namelen = static_cast<socklen_t>(from.capacity());
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const auto n = ::recvmsg(door.socket.native_handle(), &message, MSG_DONTWAIT);
    if (n < 0) break;
    from.resize(message.msg_namelen);
    for (auto* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
      if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SO_RXQ_OVFL) continue;
      std::uint32_t drops = 0;
      std::memcpy(&drops, CMSG_DATA(c), sizeof drops);
      count(&line_door_counters::kernel_drops, drops - std::exchange(door.drops, drops));
    }
    const bool full = door.to.full();
    count(full ? &line_door_counters::dropped : &line_door_counters::datagrams);
    if (!full)
      add_frame(door.to.frames, name_of(from.address()),
                {datagram_.data(), static_cast<std::size_t>(n)});
  }
  came(door.to);
  return read == datagrams_per_turn;
}

void doors_impl::accept(tcp_door& door) {
  door.acceptor.async_accept(io_, [this, &door](error_code why, tcp::socket socket) {
    if (ending_ || why == asio::error::operation_aborted) return;
    if (why) return waiting_.push_back(&door);  // no descriptors, say: not at once again
    welcome(door, std::move(socket));
    accept(door);
  });
}

void doors_impl::welcome(tcp_door& door, tcp::socket socket) {
  if (open_.size() >= limits_.connections) {
    count(&line_door_counters::refused);
    if (!make_room()) return;
  }
  error_code gone;
  const auto from = socket.remote_endpoint(gone);
  if (gone) return;
  error_code ignored;  // a peer that is gone without a word is found out later, then
  socket.set_option(asio::socket_base::keep_alive{true}, ignored);
  auto c = std::make_shared<connection>(std::move(socket), name_of(from.address()), *this, door.to);
  open_.push_back(c.get());
  c->read();
}

/// Closes the connection that has been silent longest, where one has been for long: those of peers
/// that are gone must not keep everybody else out.
bool doors_impl::make_room() {
  const auto oldest = std::min_element(open_.begin(), open_.end(),
                                       [](auto* a, auto* b) { return a->heard < b->heard; });
  auto* c = oldest == open_.end() ? nullptr : *oldest;
  // One that is not read for want of room was not silent.
  if (c == nullptr || c->to.full() || std::chrono::steady_clock::now() - c->heard < limits_.silent)
    return false;
  open_.erase(oldest);
  error_code ignored;
  c->socket.close(ignored);
  return true;
}

void doors_impl::came(gathering& to) {
  if (to.frames.size() >= enough) hand_over(to);
}

void doors_impl::hand_over(gathering& g) {
  if (g.frames.empty() || !handler_(g.name, g.frames)) return;
  g.frames.clear();
}

/// Who takes them works off what waits there meanwhile; what it has no room for is counted.
void doors_impl::hand_over_the_last() {
  constexpr std::chrono::milliseconds pause{10};
  const auto until = std::chrono::steady_clock::now() + limits_.last_wait;
  for (auto& g : gathered_) {
    for (hand_over(g); !g.frames.empty() && std::chrono::steady_clock::now() < until; hand_over(g))
      std::this_thread::sleep_for(pause);
    count(&line_door_counters::left, g.waiting());
  }
}

void doors_impl::tick() {
  timer_.expires_after(gather_time);
  timer_.async_wait([this](error_code why) {
    if (why || ending_) return;
    for (auto& g : gathered_) hand_over(g);
    for (auto& c : std::exchange(paused_, {})) c->read();
    for (auto* door : std::exchange(waiting_, {})) accept(*door);
    tick();
  });
}

void doors_impl::stop() {
  if (stopped_) return;
  stopped_ = true;
  if (!thread_.joinable()) return;
  asio::post(io_, [this] {
    ending_ = true;
    for (auto& door : udp_)
      for (int turn = 0; turn < last_turns && read_datagrams(door); ++turn) {
      }
    for (auto* c : open_) c->read_the_rest();
    hand_over_the_last();
    paused_.clear();
    io_.stop();
  });
  thread_.join();
}

}  // namespace

outcome<std::unique_ptr<line_doors>> open_line_doors(const std::vector<line_listener>& listeners,
                                                     line_door_limits limits) {
  auto doors = std::make_unique<doors_impl>(limits);
  if (auto opened = doors->open(listeners); !opened) return opened.error();
  return std::unique_ptr<line_doors>{std::move(doors)};
}

}  // namespace faultline
