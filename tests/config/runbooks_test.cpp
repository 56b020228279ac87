// SPDX-License-Identifier: Apache-2.0
#include "config/runbooks.hpp"

#include <gtest/gtest.h>

#include "config/roles.hpp"

namespace faultline {
namespace {

TEST(Runbooks, AreReadInOrder) {
  const auto r = read_runbooks(R"(
runbooks:
  - component: db
    fault_class: disk
    title: Free it
    steps: [one, two]
    link: https://example.org/disk
  - title: Look
    steps: look
)",
                               "r.yaml");
  ASSERT_TRUE(r) << to_string(r.problems);
  ASSERT_EQ(r->size(), 2U);
  EXPECT_EQ((*r)[0].component, "db");
  EXPECT_EQ((*r)[0].steps, (std::vector<std::string>{"one", "two"}));
  EXPECT_EQ((*r)[0].link, "https://example.org/disk");
  EXPECT_EQ((*r)[1].component, "*");
  EXPECT_EQ((*r)[1].fault_class, "*");
}

TEST(Runbooks, OfAnEmptyFileAreNone) {
  const auto r = read_runbooks("", "r.yaml");
  ASSERT_TRUE(r);
  EXPECT_TRUE(r->empty());
}

TEST(Runbooks, ThatBreakARuleAreProblemsWithTheirLine) {
  const auto problem = [](const char* yaml) {
    return to_string(read_runbooks(yaml, "r.yaml").problems);
  };
  EXPECT_EQ(problem("runbooks:\n  - {component: bd, title: t, steps: [s]}\n"),
            "r.yaml:2:17: runbooks[0].component: \"bd\" is none of *, service, db, cache, queue, "
            "host, gateway");
  EXPECT_NE(problem("runbooks:\n  - {fault_class: memory_leek, title: t, steps: [s]}\n")
                .find("did you mean memory_leak?"),
            std::string::npos);
  EXPECT_NE(problem("runbooks: [{steps: [s]}]").find("has no title"), std::string::npos);
  EXPECT_NE(problem("runbooks: [{title: t}]").find("has no steps"), std::string::npos);
  EXPECT_NE(problem("runbooks: [{title: t, steps: ['']}]").find("has no steps"), std::string::npos);
  EXPECT_NE(problem("runbooks: [{title: t, steps: [s], titel: x}]").find("did you mean title?"),
            std::string::npos);
  EXPECT_NE(problem("runbooks: [{title: t, steps: [s]}, {title: t, steps: [s]}]").find("twice"),
            std::string::npos);
  EXPECT_NE(problem("runbooks: 7"), "");
  EXPECT_NE(problem("books: []"), "");
  EXPECT_NE(to_string(load_runbooks("/nowhere/r.yaml").problems), "");
}

TEST(Roles, AreReadInOrderAndCheckedWordByWord) {
  const auto r = read_roles("roles:\n  - {role: errors, words: [error, 5xx]}\n", "r.yaml");
  ASSERT_TRUE(r) << to_string(r.problems);
  ASSERT_EQ(r->size(), 2U);
  EXPECT_EQ((*r)[1].word, "5xx");
  EXPECT_EQ((*r)[1].role, "errors");
  EXPECT_TRUE(read_roles("roles: [{role: memory, words: [page fault]}]", "r.yaml"));
  for (const char* yaml :
       {"roles: [{role: erors, words: [a]}]", "roles: [{role: cpu}]",
        "roles: [{role: cpu, words: [A]}]", "roles: [{words: [a]}]",
        "roles: [{role: cpu, words: [a, a]}]", "roles: 1", "roles: [{role: cpu, words: [' a']}]",
        "roles: [{role: cpu, words: [a b c]}]"})
    EXPECT_FALSE(read_roles(yaml, "r.yaml")) << yaml;
}

TEST(Roles, WhatIsWrongIsNamedWithItsPlace) {
  const auto said = [](const std::string& yaml) {
    return to_string(read_roles(yaml, "r.yaml").problems);
  };
  const std::string wrong =
      "roles:\n  - {role: cpu, words: [core]}\n  - {role: trafic, words: [a]}\n";
  EXPECT_NE(said(wrong).find("\"trafic\" is no role; did you mean traffic?"), std::string::npos);
  EXPECT_NE(said(wrong).find("r.yaml:3"), std::string::npos) << said(wrong);
  EXPECT_NE(said("roles: [{role: cpu, words: [Core]}]").find("lower-case"), std::string::npos);
  EXPECT_NE(said("roles: [{role: cpu, words: [" + std::string(65, 'a') + "]}]").find("64"),
            std::string::npos);
  std::string many = "roles:\n  - role: cpu\n    words: [w0";
  for (int i = 1; i <= 1000; ++i) many += ", w" + std::to_string(i);
  EXPECT_NE(said(many + "]\n").find("more than 1000 words"), std::string::npos);
}

}  // namespace
}  // namespace faultline
