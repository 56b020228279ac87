// SPDX-License-Identifier: Apache-2.0
#include "server/later_mails.hpp"

#include <algorithm>
#include <utility>

namespace faultline {
namespace {

bool is_sooner(const later_mails::mail& a, const later_mails::mail& b) { return a.next < b.next; }

}  // namespace

std::optional<later_mails::mail> later_mails::add(notification what, std::vector<std::string> to,
                                                  moment now) {
  std::optional<mail> gives_way;
  if (waiting_.size() >= most) {
    gives_way = std::move(waiting_.front());
    waiting_.erase(waiting_.begin());
  }
  waiting_.push_back({std::move(what), std::move(to), now + first_pause, now + patience});
  return gives_way;
}

std::optional<later_mails::moment> later_mails::next() const {
  const auto at = std::min_element(waiting_.begin(), waiting_.end(), is_sooner);
  if (at == waiting_.end()) return std::nullopt;
  return at->next;
}

std::optional<later_mails::mail> later_mails::take(moment now) {
  const auto at = std::min_element(waiting_.begin(), waiting_.end(), is_sooner);
  if (at == waiting_.end() || at->next > now) return std::nullopt;
  mail due = std::move(*at);
  waiting_.erase(at);
  return due;
}

bool later_mails::put_back(mail tried, std::vector<std::string> to, moment now) {
  if (now >= tried.until) return false;
  tried.to = std::move(to);
  tried.pause = std::min(2 * tried.pause, longest_pause);
  tried.next = now + tried.pause;
  waiting_.push_back(std::move(tried));
  return true;
}

}  // namespace faultline
