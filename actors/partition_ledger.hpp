// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "messages/identity.hpp"
#include "messages/record.hpp"

namespace faultline {

/// A record that was being taken when its partition's owner ended.
struct torn_record {
  record_mark where{0, 0};
  record_kind kind = record_kind::event;
};

/// What one owner of a partition leaves to the next: how far the counters know its log, so that
/// every record is counted once whoever comes to it, and the record that an exception tore it from.
/// Written by the owner, also while it ends; read by the next one and by the supervisor, which
/// starts it when the last one is gone: one at a time, no lock.
struct partition_ledger {
  /// Records up to here are counted: they stood in the log when the process began, or an owner has
  /// come to them. Nothing: the first owner takes the end of the log that it finds.
  std::optional<record_mark> through;
  std::optional<torn_record> torn;
  clock_record clock;  ///< of the partition when its last owner ended
};

}  // namespace faultline
