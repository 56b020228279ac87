// SPDX-License-Identifier: Apache-2.0
#include "server/early_signals.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <initializer_list>

namespace faultline {

namespace {

int pipe_of_signals[2] = {-1, -1};

/// Runs before all constructors, those of a sanitizer's run time included: it may touch nothing but
/// the kernel. Handlers, not a mask: what a library starts as a child would inherit a mask.
[[gnu::no_sanitize("address", "undefined", "thread")]] void set_handlers() {
  if (::pipe2(pipe_of_signals, O_CLOEXEC) != 0) ::_exit(71);
  static struct sigaction action;
  action.sa_handler = [](int number) {
    const int before = errno;
    const auto byte = static_cast<unsigned char>(number);
    if (::write(pipe_of_signals[1], &byte, 1) < 0) ::_exit(71);
    errno = before;
  };
  for (const int s : {SIGTERM, SIGINT, SIGHUP}) ::sigaction(s, &action, nullptr);
}

[[gnu::section(".preinit_array"), gnu::used]] void (*const before_all_else)() = set_handlers;

}  // namespace

int early_signals() noexcept { return pipe_of_signals[0]; }

int early_end() noexcept {
  constexpr unsigned char again = SIGHUP;
  bool reload = false;
  for (;;) {
    pollfd come{pipe_of_signals[0], POLLIN, 0};
    unsigned char number = 0;
    if (::poll(&come, 1, 0) != 1 || ::read(pipe_of_signals[0], &number, 1) != 1) break;
    if (number != SIGHUP) return number;
    reload = true;
  }
  // Whoever serves in the end reads it: the configuration was read before it came.
  if (reload && ::write(pipe_of_signals[1], &again, 1) < 0) ::_exit(71);
  return 0;
}

}  // namespace faultline
