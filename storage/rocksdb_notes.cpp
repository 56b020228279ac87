// SPDX-License-Identifier: Apache-2.0
#include "storage/internal/rocksdb_notes.hpp"

#include "storage/internal/keys.hpp"
#include "storage/internal/rows.hpp"

namespace faultline {

outcome<void> rocksdb_notes::write(const note_rows& rows, sync_when when) {
  rocksdb::WriteBatch out;
  auto* meta = database_.at(family::meta);
  for (const auto& [name, bytes] : rows) {
    if (bytes)
      out.Put(meta, keys::note(name), rows::text(*bytes));
    else
      out.Delete(meta, keys::note(name));
  }
  if (out.Count() == 0) return {};
  return database_.write(out, when == sync_when::now, write_kind::work);
}

outcome<std::vector<std::pair<std::string, std::string>>> rocksdb_notes::load(
    std::string_view prefix, std::string_view after, std::size_t limit) {
  if (auto healthy = database_.check(); !healthy) return healthy.error();
  std::vector<std::pair<std::string, std::string>> out;
  const std::string from = after.empty() ? keys::note(prefix) : keys::note(after) + '\0';
  scan found{database_, family::meta, from, keys::after_prefix(keys::note(prefix))};
  for (; found.valid() && out.size() < limit; found.next()) {
    auto bytes = rows::read_text(found.value());
    if (!bytes) return bytes.error();
    out.emplace_back(std::string{found.key().substr(keys::meta_offset)}, std::move(*bytes));
  }
  if (auto end = found.end(); !end) return end.error();
  return out;
}

}  // namespace faultline
