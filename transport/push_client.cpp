// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>
#include <utility>

#include "transport/internal/client_socket.hpp"
#include "transport/publisher_client.hpp"

namespace faultline {

struct push_client::impl {
  impl(std::shared_ptr<zmq::context_t> c, zmq::socket_t s, kept_connection k)
      : context{std::move(c)}, socket{std::move(s)}, kept{std::move(k)} {}
  ~impl() { zmq_socket_monitor(socket.handle(), nullptr, 0); }

  std::shared_ptr<zmq::context_t> context;
  zmq::socket_t socket;
  kept_connection kept;
};

push_client::push_client(std::unique_ptr<impl> made) : impl_{std::move(made)} {}
push_client::~push_client() = default;
std::string_view push_client::refusal() const noexcept { return impl_->kept.refusal(); }

outcome<std::unique_ptr<push_client>> push_client::connect(const push_options& options) {
  if (options.high_water_mark < 1)
    return failure{ec::invalid, "high_water_mark must be at least 1"};
  auto context = client_context();
  const socket_limits limits{options.high_water_mark, 4LL * 1024 * 1024,
                             static_cast<int>(options.linger.count())};
  std::optional<kept_connection> kept;
  auto socket = open_client_socket(
      *context,
      {zmq::socket_type::push, "push client", options.endpoint, limits, options.keys.get()}, &kept);
  if (!socket) return socket.error();
  auto made = std::make_unique<impl>(std::move(context), std::move(*socket), std::move(*kept));
  return std::unique_ptr<push_client>{new push_client{std::move(made)}};
}

outcome<void> push_client::push(std::string_view payload, std::chrono::milliseconds deadline,
                                std::string_view topic) {
  const auto until = client_clock::now() + deadline;
  const bool two = !topic.empty();
  while (!try_send(impl_->socket, two ? topic : payload, two)) {
    if (client_clock::now() >= until)
      return failure{ec::deadline_passed, "nobody takes what is pushed"};
    impl_->kept.look_after(impl_->socket);
    zmq_pollitem_t item{impl_->socket.handle(), 0, ZMQ_POLLOUT, 0};
    const auto look = client_clock::now() + kept_connection::pause;
    wait_for(&item, 1, poll_ms_until(std::min(until, look)));
  }
  // The peer was chosen with the first frame and takes the rest of the message.
  if (two && !try_send(impl_->socket, payload))
    return failure{ec::io_failed, "the connection broke within a message"};
  return {};
}

}  // namespace faultline
