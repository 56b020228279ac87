// SPDX-License-Identifier: Apache-2.0
// Configuration, runbooks and role rules: read, or refused with problems that say where.
#include "config/config.hpp"

#include "config/limits.hpp"
#include "config/roles.hpp"
#include "config/runbooks.hpp"
#include "tests/fuzz/targets/check.hpp"

using namespace faultline;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  const auto found = read_config(text, "fuzz");
  if (found) {
    check(settings_of(*found).size() >= changed_keys(server_config{}, *found).size());
    return 0;
  }
  check(!to_string(found.problems).empty());
  // What is no configuration may be one of these.
  const auto limits = read_limits_file(text, "fuzz");
  const auto roles = read_roles(text, "fuzz");
  const auto runbooks = read_runbooks(text, "fuzz");
  check(limits || !to_string(limits.problems).empty());
  check(roles || !to_string(roles.problems).empty());
  check(runbooks || !to_string(runbooks.problems).empty());
  return 0;
}
