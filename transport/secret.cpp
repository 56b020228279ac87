// SPDX-License-Identifier: Apache-2.0
#include "transport/secret.hpp"

#include <sodium.h>

#include <cstring>
#include <ostream>
#include <utility>

namespace faultline {

secret::secret(std::string_view bytes) : data_{new char[bytes.size()]}, size_{bytes.size()} {
  // A machine that locks no memory for us (RLIMIT_MEMLOCK) keeps the key all the same.
  [[maybe_unused]] const int locked = sodium_mlock(data_, size_);
  std::memcpy(data_, bytes.data(), size_);
}

secret::~secret() {
  if (data_ == nullptr) return;
  sodium_munlock(data_, size_);  // wipes
  delete[] data_;
}

secret::secret(secret&& other) noexcept
    : data_{std::exchange(other.data_, nullptr)}, size_{std::exchange(other.size_, 0)} {}

secret& secret::operator=(secret&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

std::ostream& operator<<(std::ostream& out, const secret&) { return out << "[secret]"; }

void wipe(void* bytes, std::size_t count) noexcept { sodium_memzero(bytes, count); }

}  // namespace faultline
