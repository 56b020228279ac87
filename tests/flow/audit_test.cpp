// SPDX-License-Identifier: Apache-2.0
#include "server/audit.hpp"

#include <gmock/gmock.h>

#include <memory>
#include <string>

#include "tests/support/heard_log.hpp"

namespace faultline {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

struct Audit : ::testing::Test {
  static http_request post(std::string user = {}) {
    http_request r;
    r.method = "POST";
    r.path = "/api/v1/silences";
    r.address = "10.0.0.7";
    r.role = web_role::viewer;
    r.user = std::move(user);
    return r;
  }
  testing::heard_log log;
  std::chrono::steady_clock::time_point clock{std::chrono::hours{1}};
  void tell(const http_request& request, int status) { refusals->refused(request, status); }
  /// As many as have lines, and @p more.
  void flood(int more) {
    for (unsigned n = 0; n < refusals_told; ++n) tell(post(), 401);
    for (int n = 0; n < more; ++n) tell(post("flood"), 401);
  }
  std::unique_ptr<refusal_audit> refusals =
      std::make_unique<refusal_audit>([this] { return clock; });
};

TEST_F(Audit, ARefusedChangeIsALine) {
  tell(post(), 401);
  tell(post("eve"), 413);
  EXPECT_THAT(log.text(), HasSubstr("info audit user=- role=- address=10.0.0.7 method=POST "
                                    "path=/api/v1/silences status=401\n"));
  EXPECT_THAT(log.text(), HasSubstr("audit user=eve role=viewer"));
}

TEST_F(Audit, WhatChangesNothingIsNone) {
  auto get = post();
  get.method = "GET";
  tell(get, 401);
  EXPECT_EQ(log.text(), "");
}

TEST_F(Audit, RefusalsDoNotFillTheLogAndAreCountedBeforeTheNextLine) {
  flood(1000);
  EXPECT_THAT(log.text(), Not(HasSubstr("flood")));
  clock += std::chrono::minutes{1};
  tell(post("later"), 401);
  EXPECT_THAT(log.text(), HasSubstr("audit left_out=1000\ninfo audit user=later role=viewer "));
  tell(post("last"), 401);
  refusals.reset();
  EXPECT_THAT(log.text(), EndsWith("user=last role=viewer address=10.0.0.7 method=POST "
                                   "path=/api/v1/silences status=401\n"));
}

TEST_F(Audit, WhatWasLeftOutIsToldWhenItsMinuteIsOverThoughNobodyAsksAgain) {
  flood(7);
  clock += std::chrono::seconds{59};
  refusals->tend();
  EXPECT_THAT(log.text(), Not(HasSubstr("left_out")));
  clock += std::chrono::seconds{1};
  refusals->tend();
  EXPECT_THAT(log.text(), EndsWith("info audit left_out=7\n"));
  const auto told = log.text();
  clock += std::chrono::hours{1};
  refusals->tend();
  refusals.reset();
  EXPECT_EQ(log.text(), told);
}

TEST_F(Audit, WhatWasLeftOutIsToldAtTheEnd) {
  flood(7);
  refusals.reset();
  EXPECT_THAT(log.text(), EndsWith("info audit left_out=7\n"));
}

TEST_F(Audit, NamesOfMethodsAreCutAndHaveNoControlCharacters) {
  auto odd = post();
  odd.method = std::string(8000, 'M');
  odd.path = "/a b\x01";
  tell(odd, 401);
  EXPECT_THAT(log.text(), HasSubstr("method=MMMMMMMMMMMMMMMM path=/a b? status"));
}

}  // namespace
}  // namespace faultline
