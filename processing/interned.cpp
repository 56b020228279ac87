// SPDX-License-Identifier: Apache-2.0
#include "processing/interned.hpp"

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>

namespace faultline {

struct interned::text {
  explicit text(std::string_view t) : value{t} {}
  const std::string value;
  std::atomic<std::uint64_t> holders{1};
};

/// All texts, in shards by hash. The last holder leaves under the lock of the shard, as newcomers
/// come: so nobody finds a text that is about to go.
struct interned::pool {
  struct shard {
    std::mutex mutex;
    std::unordered_map<std::string_view, std::unique_ptr<text>> texts;
  };

  static pool& of_process() {
    static pool& all = *new pool;  // outlives statics that hold texts
    return all;
  }
  shard& shard_of(std::string_view value) {
    return shards[std::hash<std::string_view>{}(value) % shards.size()];
  }
  text* take(std::string_view value) {
    auto& s = shard_of(value);
    const std::lock_guard<std::mutex> lock{s.mutex};
    if (const auto at = s.texts.find(value); at != s.texts.end()) {
      at->second->holders.fetch_add(1, std::memory_order_relaxed);
      return at->second.get();
    }
    auto fresh = std::make_unique<text>(value);
    auto* kept = fresh.get();
    s.texts.emplace(std::string_view{kept->value}, std::move(fresh));
    return kept;
  }
  void leave(text* kept) {
    auto holders = kept->holders.load(std::memory_order_relaxed);
    while (holders > 1)
      if (kept->holders.compare_exchange_weak(holders, holders - 1, std::memory_order_release,
                                              std::memory_order_relaxed))
        return;
    auto& s = shard_of(kept->value);
    const std::lock_guard<std::mutex> lock{s.mutex};
    if (kept->holders.fetch_sub(1, std::memory_order_acq_rel) == 1)
      s.texts.erase(s.texts.find(kept->value));
  }

  std::array<shard, 16> shards;
};

interned::interned(std::string_view value) {
  if (!value.empty()) kept_ = pool::of_process().take(value);
}

interned::interned(const interned& other) noexcept : kept_{other.kept_} {
  if (kept_ != nullptr) kept_->holders.fetch_add(1, std::memory_order_relaxed);
}

interned::~interned() {
  if (kept_ != nullptr) pool::of_process().leave(kept_);
}

const std::string& interned::str() const noexcept {
  static const std::string nothing;
  return kept_ == nullptr ? nothing : kept_->value;
}

std::size_t interned::held() noexcept {
  std::size_t n = 0;
  for (auto& s : pool::of_process().shards) {
    const std::lock_guard<std::mutex> lock{s.mutex};
    n += s.texts.size();
  }
  return n;
}

}  // namespace faultline
