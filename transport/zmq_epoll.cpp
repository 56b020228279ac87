// SPDX-License-Identifier: Apache-2.0
#include "transport/internal/zmq_epoll.hpp"

#include <dlfcn.h>
#include <sys/epoll.h>

#include <cerrno>
#include <cstdint>

namespace faultline {

namespace {

template <class Function>
Function* of_the_system(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

int control(int poller, int what, int descriptor, epoll_event* event) noexcept {
  static auto* const call = of_the_system<int(int, int, int, epoll_event*)>("epoll_ctl");
  return call(poller, what, descriptor, event);
}

}  // namespace

void tell_errors_to_readers() noexcept {}

}  // namespace faultline

/// Nothing is told of a descriptor of which nothing is asked: it is taken out until something is.
extern "C" int epoll_ctl(int poller, int what, int descriptor, epoll_event* event) noexcept {
  using faultline::control;
  const bool asks_nothing = what == EPOLL_CTL_MOD && event != nullptr && event->events == 0;
  const int wanted = asks_nothing ? EPOLL_CTL_DEL : what;
  const int done = control(poller, wanted, descriptor, event);
  if (done == 0 || errno != ENOENT) return done;
  if (wanted == EPOLL_CTL_MOD) return control(poller, EPOLL_CTL_ADD, descriptor, event);
  return wanted == EPOLL_CTL_DEL ? 0 : done;
}

/// Who reads or writes finds an error by that; it is told by itself where neither is possible.
extern "C" int epoll_wait(int poller, epoll_event* events, int most, int timeout) {
  static auto* const call =
      faultline::of_the_system<int(int, epoll_event*, int, int)>("epoll_wait");
  constexpr std::uint32_t of_use = EPOLLIN | EPOLLOUT, errors = EPOLLERR | EPOLLHUP;
  const int count = call(poller, events, most, timeout);
  for (int i = 0; i < count; ++i)
    if ((events[i].events & of_use) != 0) events[i].events &= ~errors;
  return count;
}
