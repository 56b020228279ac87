// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>

#include "storage/options.hpp"
#include "storage/store.hpp"

namespace faultline {

/// The contracts without a disk, for simulations and tests: the same answers as the store on disk,
/// nothing survives its end. Never full, never unavailable. Of @p options count partitions, limits
/// and retention. @pre options.partitions > 0
std::unique_ptr<store> open_memory_store(const storage_options& options);
std::unique_ptr<store> open_memory_store(std::uint16_t partitions);

}  // namespace faultline
