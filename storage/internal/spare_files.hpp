// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <rocksdb/env.h>

namespace faultline {

/// RocksDB's own, which opens files also where connections have taken all descriptors that the soft
/// bound (RLIMIT_NOFILE) allows: it is lifted to the hard one for the moment of opening. What
/// lies between the two is for the store, which could not go on without a file; in these moments a
/// connection may take some of it.
rocksdb::Env* env_with_spare_files();

}  // namespace faultline
