// SPDX-License-Identifier: Apache-2.0
#include "lab/log_study.hpp"

#include <gtest/gtest.h>

namespace faultline {
namespace {

TEST(LogStudy, FindsTheStatementsThatWroteTheLines) {
  for (const std::uint64_t seed : {1, 2, 3}) {
    const auto made = made_log_lines(5000, seed);
    std::vector<std::string_view> lines;
    std::vector<std::size_t> truth;
    for (const auto& m : made) {
      lines.push_back(m.text);
      truth.push_back(m.statement);
    }
    EXPECT_GE(grouping_accuracy(truth, group_log_lines(lines)), 0.9) << seed;
  }
}

TEST(LogStudy, OneGroupForAllOrOneForEachLineIsNoAccuracy) {
  const std::vector<std::size_t> truth{1, 1, 2, 2};
  EXPECT_EQ(grouping_accuracy(truth, {{7, ""}, {7, ""}, {7, ""}, {7, ""}}), 0);
  EXPECT_EQ(grouping_accuracy(truth, {{1, ""}, {2, ""}, {3, ""}, {4, ""}}), 0);
  EXPECT_EQ(grouping_accuracy(truth, {{1, ""}, {1, ""}, {3, ""}, {4, ""}}), 0.5);
}

TEST(LogStudy, ALineIsOfTheTemplateItsOwnBecamePartOf) {
  const auto found =
      group_log_lines({"login of user carla", "login of user eve", "login of user ivan", ""});
  ASSERT_EQ(found.size(), 4U);
  EXPECT_EQ(found[0].id, found[1].id);
  EXPECT_EQ(found[1].id, found[2].id);
  EXPECT_EQ(found[1].text, "login of user <*>");
  EXPECT_EQ(found[3].id, 0U);
}

TEST(LogStudy, WritesCsvThatQuotesQuotes) {
  EXPECT_EQ(grouping_csv({{1, "say \"hi\", you"}}),
            "line,id,template\n1,0000000000000001,\"say \"\"hi\"\", you\"\n");
}

}  // namespace
}  // namespace faultline
