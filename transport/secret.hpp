// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <iosfwd>
#include <string_view>

namespace faultline {

/// Bytes that nobody may read in a log: a key, a token. Kept out of swap where the machine allows
/// it, wiped at the end. Prints as "[secret]", whatever it holds.
class secret {
public:
  secret() noexcept = default;
  explicit secret(std::string_view bytes);
  ~secret();
  secret(secret&& other) noexcept;
  secret& operator=(secret&& other) noexcept;
  secret(const secret&) = delete;
  secret& operator=(const secret&) = delete;

  bool empty() const noexcept { return size_ == 0; }
  std::size_t size() const noexcept { return size_; }
  /// The bytes, for the library that needs them; never for a text.
  std::string_view reveal() const noexcept { return {data_, size_}; }

private:
  char* data_ = nullptr;
  std::size_t size_ = 0;
};

std::ostream& operator<<(std::ostream& out, const secret&);

/// Overwrites @p bytes so that no compiler leaves it out.
void wipe(void* bytes, std::size_t count) noexcept;

}  // namespace faultline
