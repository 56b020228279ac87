// SPDX-License-Identifier: Apache-2.0
// What came in from outside: what was refused of it, and who sent it.
#include <algorithm>
#include <charconv>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "actors/ingress.hpp"
#include "actors/publishers.hpp"
#include "server/node_queries.hpp"
#include "server/told_records.hpp"

namespace faultline {

namespace {

/// Payloads in one page of dead letters.
constexpr std::size_t letter_page_bytes = 4UL * 1024 * 1024;

std::optional<std::uint64_t> number_of(const std::string& text) {
  std::uint64_t n = 0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, n);
  if (error != std::errc{} || end != last) return {};
  return n;
}

dead_letter_view::letter letter_of(dead_letter&& l) {
  return {std::to_string(l.id), std::move(l.reason), std::move(l.source),  std::move(l.text),
          std::move(l.payload), unix_ms(l.arrived),  to_string(l.content), l.payload_bytes};
}

}  // namespace

void node_queries::dead_letters(dead_letter_filter f, answer<dead_letter_view> done) {
  auto& letters = parts_.memory->dead_letters();
  letter_filter filter;
  filter.reason = std::move(f.reason);
  filter.limit = f.limit;
  filter.max_bytes = letter_page_bytes;
  if (!f.next.empty()) {
    const auto below = number_of(f.next);
    if (!below || *below == 0 || *below > letters.total()) return done(no_such_page());
    filter.below = *below;
  }
  auto found = letters.read(filter);
  if (!found) return done(found.error());
  dead_letter_view view;
  view.total = letters.total();
  view.kept = view.total + 1 - letters.oldest();
  view.by_reason = letters.by_reason();
  // What was refused too often to keep a letter of each is counted all the same.
  for (const auto& [name, n] : parts_.memory->events().counters()) {
    if (name.rfind(unlettered_prefix, 0) != 0) continue;
    view.by_reason[name.substr(unlettered_prefix.size())] += n;
    view.total += n;
  }
  for (auto& l : found->letters) view.letters.push_back(letter_of(std::move(l)));
  if (found->next != 0) view.next = std::to_string(found->next);
  done(std::move(view));
}

void node_queries::dead_letter_by_id(std::string id, answer<dead_letter_view::letter> done) {
  const auto number = number_of(id);
  auto found = parts_.memory->dead_letters().find(number.value_or(0));
  if (!found) return done(found.error());
  if (!*found) return done(failure{ec::not_found, "no dead letter " + id});
  done(letter_of(std::move(**found)));
}

void node_queries::publishers(std::size_t limit, answer<publisher_page> done) {
  publisher_page page;
  {
    const std::lock_guard<std::mutex> guard{parts_.publishers->mutex()};
    parts_.publishers->for_each([&page](const publisher_account& a) {
      publisher_info p{a.name, to_string(a.door), unix_ms(a.last_seen), a.accepted, a.rejected,
                       a.shed, a.retried,         std::nullopt};
      if (a.skew.known()) p.skew_ms = a.skew.median().count();
      page.publishers.push_back(std::move(p));
    });
  }
  page.total = page.publishers.size();
  std::sort(page.publishers.begin(), page.publishers.end(),
            [](const publisher_info& a, const publisher_info& b) {
              return a.last_seen != b.last_seen ? a.last_seen > b.last_seen
                                                : a.publisher < b.publisher;
            });
  if (page.publishers.size() > limit) page.publishers.resize(limit);
  done(std::move(page));
}

}  // namespace faultline
