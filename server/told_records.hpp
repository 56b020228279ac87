// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "actors/keeper.hpp"
#include "dashboard/queries.hpp"
#include "messages/feed.hpp"
#include "storage/store.hpp"

namespace faultline {

/// Records looked at for a page that is full already.
inline constexpr std::size_t page_scan = 256;
/// Records held at a time beside the page: each may have some megabytes.
inline constexpr std::size_t read_at_once = 16;
/// How long one request may look for records; its page then ends, and `next` goes on.
inline constexpr std::chrono::seconds longest_search{2};

/// @p record with the seq and the time of the feed message that told it.
template <class Record>
told<Record> as_told(store& from, Record record) {
  told<Record> t;
  if (const auto seq = from.feed().record_seq(record_key(record))) t.seq = *seq;
  t.record = std::move(record);
  if (t.seq == 0) return t;
  const auto page = from.feed().read(t.seq, 1, "");
  if (!page || page->records.empty() || page->records.front().seq != t.seq) return t;
  if (const auto item = read_feed_payload(page->records.front().payload))
    t.published = item->published_ms;
  return t;
}

/// What is told of @p id now, as @p read decodes it. @p kind: "alert", "incident".
/// Fails: ec::not_found, and as the store does.
template <class Record>
outcome<Record> record_named(store& from, const std::string& kind, const std::string& id,
                             outcome<Record> (*read)(std::string_view bytes)) {
  const auto bytes = from.feed().record(kind + "/" + id);
  if (!bytes) return bytes.error();
  if (!*bytes) return failure{ec::not_found, "no " + kind + " " + id};
  return read(**bytes);
}

/// What is told now of the @p record that was read as @p bytes at @p key, by time: it may have
/// changed meanwhile. Nothing: that is an older start, from which it has moved (incidents merge),
/// or it is beyond retention.
template <class Record, class Decode>
outcome<std::optional<Record>> told_now(store& from, const std::string& key, Record record,
                                        const std::string& bytes, Decode read) {
  const auto current = from.feed().record(record_key(record));
  if (!current) return current.error();
  if (!*current) return std::optional<Record>{};
  if (**current == bytes) return std::optional<Record>{std::move(record)};
  auto changed = read(**current);
  if (!changed) return changed.error();
  if (time_key(*changed) != key) return std::optional<Record>{};
  return std::optional<Record>{std::move(*changed)};
}

inline constexpr const char* alerts_by_time = "alerts-by-time/";
inline constexpr const char* incidents_by_time = "incidents-by-time/";

/// What is wrong with a `next` that no page before has told.
inline failure no_such_page() { return {ec::invalid, "next is not one of a page before"}; }

/// Whether @p next may be the key of a record under @p prefix, "<time>/<id>" behind it.
inline bool goes_on_under(std::string_view prefix, std::string_view next) {
  constexpr std::size_t time_digits = 16;
  if (next.size() < prefix.size() + time_digits + 2 || next.substr(0, prefix.size()) != prefix)
    return false;
  const auto time = next.substr(prefix.size(), time_digits);
  return next[prefix.size() + time_digits] == '/' &&
         time.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

/// A page of the records under a prefix: at most so many, from behind a key on.
struct record_range {
  const char* prefix;
  std::string after;
  std::size_t limit;
};

/// Those of @p range, newest first, as they are told now, that @p keep accepts. @p read decodes
/// one. Ends before its time, with where to go on, when @p enough says so. A page is full with its
/// records or with feed_store::page_bytes of them as stored, one at least. After a full page the
/// next one to keep is looked for among `page_scan` records, so that `next` of the last page leads
/// nowhere.
template <class Record, class Decode, class Keep, class Enough>
outcome<std::pair<std::vector<told<Record>>, std::string>> newest(store& from, record_range range,
                                                                  Decode read, Keep keep,
                                                                  Enough enough) {
  std::vector<told<Record>> found;
  std::string last;
  std::size_t beyond = 0, held = 0;
  bool full = false;
  for (;;) {
    auto page = from.feed().records(range.prefix, range.after, read_at_once);
    if (!page) return page.error();
    for (auto& [key, bytes] : *page) {
      range.after = key;
      auto record = read(bytes);
      if (!record) return record.error();
      auto current = told_now(from, key, std::move(*record), bytes, read);
      if (!current) return current.error();
      const bool wanted = *current && keep(**current);
      if (wanted) held += bytes.size();
      full =
          full || found.size() == range.limit || (held > feed_store::page_bytes && !found.empty());
      if (full && (wanted || ++beyond == page_scan)) return std::make_pair(std::move(found), last);
      if (!full) last = range.after;
      if (wanted) found.push_back(as_told(from, std::move(**current)));
      if (enough()) return std::make_pair(std::move(found), last);
    }
    if (page->size() < read_at_once) return std::make_pair(std::move(found), std::string{});
  }
}

/// Whether @p text holds @p part, whatever the case of ASCII letters.
inline bool holds(std::string_view text, std::string_view part) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  const auto same = [&](char a, char b) { return lower(a) == lower(b); };
  return std::search(text.begin(), text.end(), part.begin(), part.end(), same) != text.end();
}

}  // namespace faultline
