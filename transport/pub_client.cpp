// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "transport/internal/client_socket.hpp"
#include "transport/publisher_client.hpp"

namespace faultline {

struct pub_client::impl {
  std::shared_ptr<zmq::context_t> context;
  zmq::socket_t socket;
  std::string endpoint;
  frame_list heard{};  ///< subscriptions

  bool subscribed() {
    bool any = false;
    while (receive(socket, heard)) any = any || (!heard[0].empty() && heard[0].front() == '\x01');
    return any;
  }
};

pub_client::pub_client(std::unique_ptr<impl> made) : impl_{std::move(made)} {}
pub_client::~pub_client() = default;

outcome<std::unique_ptr<pub_client>> pub_client::bind(const push_options& options) {
  if (options.high_water_mark < 1)
    return failure{ec::invalid, "high_water_mark must be at least 1"};
  try {
    auto context = client_context();
    // An XPUB is a PUB that can be asked who listens.
    zmq::socket_t socket{*context, zmq::socket_type::xpub};
    set_limits(
        socket,
        {options.high_water_mark, 4LL * 1024 * 1024, static_cast<int>(options.linger.count())},
        options.endpoint);
    socket.set(zmq::sockopt::xpub_nodrop, true);
    if (auto bound = bind_socket(socket, "pub client", options.endpoint); !bound)
      return bound.error();
    auto endpoint = socket.get(zmq::sockopt::last_endpoint);
    auto made =
        std::make_unique<impl>(impl{std::move(context), std::move(socket), std::move(endpoint)});
    return std::unique_ptr<pub_client>{new pub_client{std::move(made)}};
  } catch (const zmq::error_t& why) {
    return failure{ec::io_failed, why.what()};
  }
}

const std::string& pub_client::endpoint() const noexcept { return impl_->endpoint; }

outcome<void> pub_client::wait_for_subscriber(std::chrono::milliseconds deadline) {
  const auto until = client_clock::now() + deadline;
  while (!impl_->subscribed()) {
    if (client_clock::now() >= until)
      return failure{ec::deadline_passed, "nobody subscribes to " + impl_->endpoint};
    zmq_pollitem_t item{impl_->socket.handle(), 0, ZMQ_POLLIN, 0};
    wait_for(&item, 1, poll_ms_until(until));
  }
  return {};
}

outcome<void> pub_client::push(std::string_view payload, std::chrono::milliseconds deadline) {
  const auto until = client_clock::now() + deadline;
  while (!try_send(impl_->socket, payload)) {
    if (client_clock::now() >= until)
      return failure{ec::deadline_passed, "nobody takes what is published"};
    zmq_pollitem_t item{impl_->socket.handle(), 0, ZMQ_POLLOUT, 0};
    wait_for(&item, 1, std::min(poll_ms_until(until), 5));
  }
  return {};
}

}  // namespace faultline
