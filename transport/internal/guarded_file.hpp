// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "messages/outcome.hpp"
#include "transport/secret.hpp"

namespace faultline {

/// The whole of a file that others may read and may not write. Fails as read_secret_file().
outcome<secret> read_public_file(const std::filesystem::path& file);

}  // namespace faultline
