// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "messages/outcome.hpp"

namespace faultline {

// For commands that work for minutes and write at the end: whether they will be able to, said at
// the begin. Nothing is left behind and nothing that is there is touched. Each fails with
// ec::io_failed and the reason; what becomes of the place meanwhile nobody knows.

/// A file that is written in its place, in a directory that is there.
outcome<void> check_out_file(const std::string& path);
/// A file that is written beside it and renamed, such as a model.
outcome<void> check_out_replaced(const std::string& path);
/// A directory for files, which is made with those above it where it is not there.
outcome<void> check_out_directory(const std::string& path);

}  // namespace faultline
