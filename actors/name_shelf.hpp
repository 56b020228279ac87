// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "actors/node_shared.hpp"
#include "processing/name_register.hpp"
#include "storage/store.hpp"

namespace faultline {

/// Where the names that entities have by other tools are kept: notes `names/ENTITY\nFIRST` of the
/// store. They are written before what brought them is acknowledged, and go when nobody knows their
/// entity any more.
///
/// Lives:  as long as the store; used on the post desk's thread.
/// Fails:  silently where the store does: rows that cannot be written are tried again with the
///         next, 65,536 of them at most.
class name_shelf {
public:
  /// @p counters say from when on @p known holds everybody the store knows.
  name_shelf(note_store& notes, entity_registry& known, const node_counters& counters)
      : notes_{notes}, known_{known}, counters_{counters} {}

  std::vector<std::string> rows_of(std::string_view entity);
  bool knows(std::uint64_t entity) { return known_.knows(entity); }
  /// Who is not known is not there: after a start the partitions read whom they have, and then the
  /// log, in which others may stand.
  bool knows_all() const noexcept { return counters_.entities_known() && !counters_.recovering(); }
  void put(std::vector<name_row> rows);

  struct gone {
    std::string entity;
    std::vector<std::string> rows;
  };
  /// Looks at some rows more, in a circle, and removes those of entities that are gone. @returns
  /// them. Call it about once a second.
  std::vector<gone> tend();

private:
  std::vector<gone> retired();

  note_store& notes_;
  entity_registry& known_;
  const node_counters& counters_;
  note_rows unwritten_;
  std::string looked_at_;  ///< the last row
};

}  // namespace faultline
