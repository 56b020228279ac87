// SPDX-License-Identifier: Apache-2.0
// Configuration, runbooks and role rules: read, or refused with problems that say where.
#include "config/config.hpp"
#include "tests/fuzz/targets/check.hpp"

using namespace faultline;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto found = read_config({reinterpret_cast<const char*>(data), size}, "fuzz");
  if (!found) check(!found.problems.empty());
  return 0;
}
