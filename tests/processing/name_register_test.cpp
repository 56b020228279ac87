// SPDX-License-Identifier: Apache-2.0
#include "processing/name_register.hpp"

#include <gtest/gtest.h>

#include <map>

#include "messages/identity.hpp"

namespace faultline {
namespace {

using claim = name_register::claim;

naming_options few(std::size_t metrics, std::size_t series = 32) {
  naming_options o;
  o.max_metrics = metrics;
  o.max_series_per_metric = series;
  return o;
}

/// Rows as a store keeps them, and registers that begin with them.
struct shelf {
  name_register begin(const naming_options& options) {
    name_register r{options};
    r.load_by([this](std::string_view entity) {
      ++loads;
      std::vector<std::string> found;
      for (const auto& [first, bytes] : rows[std::string{entity}]) found.push_back(bytes);
      return found;
    });
    return r;
  }
  void keep(name_register& r) {
    for (auto& row : r.take_rows([](std::uint64_t) { return true; }, false))
      rows[row.entity][row.first] = std::move(row.bytes);
  }
  std::map<std::string, std::map<std::size_t, std::string>> rows;
  int loads = 0;
};

TEST(NameRegister, AfterARestartTheSameNamesAreGrantedWhoeverComesFirst) {
  shelf kept;
  {
    auto r = kept.begin(few(3));
    EXPECT_EQ(r.may_have("host/a", "x", "x", 0), claim::granted);
    kept.keep(r);
    EXPECT_EQ(r.may_have("host/a", "y", "y", 0), claim::granted);
    EXPECT_EQ(r.may_have("host/a", "z", "z", 0), claim::granted);
    kept.keep(r);
    EXPECT_EQ(kept.rows["host/a"].size(), 2U);  // the second says what the first does not
  }
  auto again = kept.begin(few(3));
  EXPECT_EQ(again.may_have("host/a", "w", "w", 0), claim::too_many);
  for (const char* name : {"z", "y", "x"})
    EXPECT_EQ(again.may_have("host/a", name, name, 0), claim::granted) << name;
  EXPECT_EQ(kept.loads, 2);  // once for each life
  EXPECT_FALSE(again.has_rows());
}

TEST(NameRegister, SeriesOfOneMetricAreBoundedOverARestart) {
  shelf kept;
  auto r = kept.begin(few(9, 2));
  EXPECT_EQ(r.may_have("host/a", "disk", "disk{dev=a}", 0), claim::granted);
  EXPECT_EQ(r.may_have("host/a", "disk", "disk{dev=b}", 0), claim::granted);
  kept.keep(r);
  auto again = kept.begin(few(9, 2));
  EXPECT_EQ(again.may_have("host/a", "disk", "disk{dev=c}", 0), claim::too_many);
  EXPECT_EQ(again.may_have("host/a", "disk", "disk{dev=b}", 0), claim::granted);
  EXPECT_EQ(again.may_have("host/a", "disk", "disk", 0), claim::granted);  // without labels
  EXPECT_EQ(again.may_have("host/b", "disk", "disk{dev=c}", 0), claim::granted);
}

TEST(NameRegister, WhoHasANameOfTwoTargetsIsRemembered) {
  shelf kept;
  auto r = kept.begin(few(9));
  EXPECT_EQ(r.may_have("host/a", "up", "up", 7), claim::granted);
  kept.keep(r);
  auto again = kept.begin(few(9));
  EXPECT_EQ(again.may_have("host/a", "up", "up", 8), claim::of_another);
  EXPECT_EQ(again.may_have("host/a", "up", "up", 7), claim::granted);
}

TEST(NameRegister, WhoIsNotLetInLeavesNothingAndWhoMayComeWaits) {
  shelf kept;
  auto r = kept.begin(few(1));
  const auto nobody = [](std::uint64_t) { return false; };
  EXPECT_EQ(r.may_have("host/a", "x", "x", 0), claim::granted);
  EXPECT_TRUE(r.take_rows(nobody, true).empty());
  EXPECT_TRUE(r.has_rows());
  EXPECT_EQ(r.may_have("host/a", "y", "y", 0), claim::too_many);
  EXPECT_TRUE(r.take_rows(nobody, false).empty());
  EXPECT_FALSE(r.has_rows());
  EXPECT_EQ(r.may_have("host/a", "y", "y", 0), claim::granted);
  const auto only_b = [](std::uint64_t who) { return who == stable_hash("host/b"); };
  EXPECT_EQ(r.may_have("host/b", "x", "x", 0), claim::granted);
  const auto rows = r.take_rows(only_b, false);
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].entity, "host/b");
}

TEST(NameRegister, WhoIsGoneBeginsAfresh) {
  shelf kept;
  auto r = kept.begin(few(2, 1));
  EXPECT_EQ(r.may_have("pod/a", "disk", "disk{dev=a}", 0), claim::granted);
  EXPECT_EQ(r.may_have("pod/a", "x", "x", 0), claim::granted);
  kept.keep(r);
  std::vector<std::string> rows;
  for (auto& [first, bytes] : kept.rows["pod/a"]) rows.push_back(bytes);
  kept.rows.clear();
  r.forget("pod/a", rows);
  EXPECT_EQ(r.may_have("pod/a", "disk", "disk{dev=b}", 0), claim::granted);
  EXPECT_EQ(r.may_have("pod/a", "disk", "disk{dev=a}", 0), claim::too_many);
  EXPECT_EQ(r.may_have("pod/a", "y", "y", 0), claim::granted);
  kept.keep(r);
  EXPECT_EQ(kept.rows["pod/a"].begin()->first, 0U);
}

TEST(NameRegister, ARowThatCannotBeReadSaysNothingAndIsRefusedByName) {
  shelf kept;
  kept.rows["host/a"][0] = "\x01no names";
  kept.rows["host/a"][1] = "\x09";
  auto r = kept.begin(few(1));
  EXPECT_EQ(r.may_have("host/a", "x", "x", 0), claim::granted);
  EXPECT_EQ(decode_names("\x01no names").error().code, ec::malformed);
  EXPECT_EQ(decode_names("\x09").error().code, ec::unknown_version);
  EXPECT_EQ(decode_names("").error().code, ec::malformed);
}

}  // namespace
}  // namespace faultline
