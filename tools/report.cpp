// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include "tools/commands.hpp"

namespace faultline {

namespace {
void say(const std::string& what) {
  std::fflush(stdout);
  std::fprintf(stderr, "faultline: %s\n", what.c_str());
}
}  // namespace

int report_failure(const failure& why) { return report_failure(why.what); }

int report_failure(const std::string& what) {
  say(what);
  return exit_code::failed;
}

int report_usage(const std::string& what) {
  say(what);
  return exit_code::usage;
}

}  // namespace faultline
