// SPDX-License-Identifier: Apache-2.0
#include "storage/internal/ballast.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace faultline {

ballast::ballast(std::string file, std::uint64_t bytes) : file_{std::move(file)}, bytes_{bytes} {
  struct stat found {};
  if (::stat(file_.c_str(), &found) != 0) return;
  // One of another size (the setting was changed, its writer was killed) is built again.
  there_ = bytes_ != 0 && static_cast<std::uint64_t>(found.st_size) == bytes_;
}

bool ballast::release() {
  if (bytes_ == 0) return false;
  there_ = false;
  return ::unlink(file_.c_str()) == 0;
}

outcome<void> ballast::build() {
  if (there_ || bytes_ == 0) return {};
  const int file = ::open(file_.c_str(), O_CREAT | O_RDWR | O_CLOEXEC | O_TRUNC, 0600);
  if (file < 0) return failure{ec::io_failed, file_ + ": " + std::strerror(errno)};
  const int done = ::fallocate(file, 0, 0, static_cast<off_t>(bytes_));
  const int why = done == 0 ? 0 : errno;
  ::close(file);
  if (why == 0) {
    there_ = true;
    return {};
  }
  ::unlink(file_.c_str());
  const ec code = why == ENOSPC       ? ec::no_space
                  : why == EOPNOTSUPP ? ec::unsupported
                                      : ec::io_failed;
  return failure{code, file_ + ": " + std::strerror(why)};
}

}  // namespace faultline
