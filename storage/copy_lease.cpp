// SPDX-License-Identifier: Apache-2.0
#include "storage/copy_lease.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace faultline {

copy_lease::~copy_lease() {
  if (held_ >= 0) ::close(held_);
}

copy_lease::copy_lease(copy_lease&& other) noexcept : held_{std::exchange(other.held_, -1)} {}

copy_lease& copy_lease::operator=(copy_lease&& other) noexcept {
  std::swap(held_, other.held_);
  return *this;
}

outcome<copy_lease> copy_lease::of(const std::string& directory, int how, const char* otherwise) {
  copy_lease lease{::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (lease.held_ >= 0 && ::flock(lease.held_, how | LOCK_NB) == 0) return lease;
  if (lease.held_ >= 0 && errno == EWOULDBLOCK) return failure{ec::overloaded, otherwise};
  return failure{ec::io_failed, directory + ": " + std::strerror(errno)};
}

outcome<copy_lease> copy_lease::to_take(const std::string& directory) {
  return of(directory, LOCK_SH, "the server makes another copy already");
}

outcome<copy_lease> copy_lease::to_make(const std::string& directory) {
  return of(directory, LOCK_EX,
            "a backup is being taken away: once that is done there can be another");
}

}  // namespace faultline
