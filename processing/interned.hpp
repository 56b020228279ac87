// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace faultline {

/// A text that many hold at once, as names of metrics are: one copy for all of them, as long as
/// somebody holds it. A pointer wide. Comparing and reading cost what they do for a string.
///
/// Threads: different values may be used by different threads, like shared_ptrs to const.
class interned {
public:
  interned() noexcept = default;
  explicit interned(std::string_view value);
  interned(const interned& other) noexcept;
  interned(interned&& other) noexcept : kept_{std::exchange(other.kept_, nullptr)} {}
  interned& operator=(interned other) noexcept {
    std::swap(kept_, other.kept_);
    return *this;
  }
  ~interned();

  const std::string& str() const noexcept;
  operator std::string_view() const noexcept { return str(); }
  std::size_t size() const noexcept { return str().size(); }
  const char* data() const noexcept { return str().data(); }

  friend bool operator==(const interned& a, std::string_view b) noexcept { return a.str() == b; }
  friend bool operator!=(const interned& a, std::string_view b) noexcept { return a.str() != b; }
  friend bool operator<(const interned& a, const interned& b) noexcept { return a.str() < b.str(); }

  /// Different texts held by anybody in this process.
  static std::size_t held() noexcept;

private:
  struct text;
  struct pool;
  text* kept_ = nullptr;  ///< null: empty
};

}  // namespace faultline
