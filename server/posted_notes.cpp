// SPDX-License-Identifier: Apache-2.0
#include "server/posted_notes.hpp"

#include <chrono>
#include <utility>

namespace faultline {
namespace {

constexpr std::size_t most = 65'536;
constexpr std::chrono::minutes whole_again{15};

}  // namespace

std::vector<operator_command> posted_notes::commands(std::vector<posted_alert> alerts,
                                                     event_time now) {
  const std::lock_guard<std::mutex> lock{mutex_};
  if (notes_.size() > most) notes_.clear();
  std::vector<posted_alert> whole;
  std::vector<posted_again> again;
  for (posted_alert& a : alerts) {
    std::string print = label_fingerprint(a.labels);
    const auto known = notes_.find(print);
    const bool fires = known != notes_.end() && known->second.ends > now && a.ends > now;
    if (!fires || known->second.whole + whole_again <= now) {
      if (a.ends > now)
        notes_[print] = {a.ends, now};
      else if (known != notes_.end())
        notes_.erase(known);
      whole.push_back(std::move(a));
    } else if (2 * (known->second.ends - now) <= a.ends - now) {
      known->second.ends = a.ends;
      again.push_back({std::move(print), a.ends});
    }
  }
  std::vector<operator_command> all;
  if (!whole.empty()) all.push_back({"posted_alerts", "", posted_json(whole), {}});
  if (!again.empty()) all.push_back({"posted_again", "", posted_again_json(again), {}});
  return all;
}

void posted_notes::forget() {
  const std::lock_guard<std::mutex> lock{mutex_};
  notes_.clear();
}

}  // namespace faultline
