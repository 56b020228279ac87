// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <rocksdb/env.h>

namespace faultline {

/// RocksDB's own, which opens files also where connections have taken all descriptors that the soft
/// bound (RLIMIT_NOFILE) allows: it is lifted to the hard one for the moment of opening. So what
/// lies between the two is the store's alone, which could not go on without a file.
rocksdb::Env* env_with_spare_files();

}  // namespace faultline
