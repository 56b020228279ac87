// SPDX-License-Identifier: Apache-2.0
#include "server/service_manager.hpp"

#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace faultline {

namespace {

/// The number in the environment variable @p name, 0 where there is none.
std::int64_t number_of(const char* name) {
  const char* text = std::getenv(name);
  return text == nullptr ? 0 : std::max<std::int64_t>(0, std::atoll(text));
}

std::int64_t monotonic_us() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
}

}  // namespace

service_manager::service_manager(std::string address, std::chrono::microseconds watchdog)
    : address_{std::move(address)}, watchdog_{watchdog} {}

service_manager service_manager::of_environment() {
  const char* address = std::getenv("NOTIFY_SOCKET");
  if (address == nullptr || (address[0] != '/' && address[0] != '@')) return {};
  const auto pid = number_of("WATCHDOG_PID");
  const bool ours = pid == 0 || pid == ::getpid();
  return {address, std::chrono::microseconds{ours ? number_of("WATCHDOG_USEC") : 0}};
}

void service_manager::ready(std::string_view status) const {
  tell("READY=1\nSTATUS=" + std::string{status});
}

void service_manager::reloading() const {
  tell("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(monotonic_us()));
}

void service_manager::stopping() const { tell("STOPPING=1\nSTATUS=stopping"); }

void service_manager::alive() const { tell("WATCHDOG=1"); }

void service_manager::tell(const std::string& lines) const {
  sockaddr_un to{};
  if (address_.empty() || address_.size() >= sizeof to.sun_path) return;
  to.sun_family = AF_UNIX;
  std::copy(address_.begin(), address_.end(), to.sun_path);
  if (to.sun_path[0] == '@') to.sun_path[0] = '\0';
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size());
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const auto sent = ::sendto(fd, lines.data(), lines.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                             reinterpret_cast<const sockaddr*>(&to), size);
  if (sent < 0) spdlog::warn("service manager not told reason=\"{}\"", std::strerror(errno));
  if (fd >= 0) ::close(fd);
}

}  // namespace faultline
