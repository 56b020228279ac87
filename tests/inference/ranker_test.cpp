// SPDX-License-Identifier: Apache-2.0
#include "inference/ranker.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <limits>
#include <numeric>
#include <sstream>

#include "inference/ranker_training.hpp"
#include "tests/inference/made_models.hpp"
#include "tests/inference/synthetic_cases.hpp"
#include "tests/support/scratch_directory.hpp"

namespace faultline {
namespace {

ranker_training_options quick(const std::filesystem::path& file) {
  ranker_training_options o;
  o.file = file;
  o.description.name = "ranker-cnn-attention";
  o.description.version = "test";
  o.max_epochs = 2;
  return o;
}

std::string bytes_of(const std::filesystem::path& file) {
  std::ifstream in{file, std::ios::binary};
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

/// A ranker that has seen a few cases: weights that are neither zero nor at their start.
class Ranker : public ::testing::Test {
protected:
  static void SetUpTestSuite() {
    folder = new testing::scratch_directory;
    const auto made = train_ranker(test::synthetic_cases(48, 1), {}, quick(file()));
    ASSERT_TRUE(made) << made.error().what;
  }
  static void TearDownTestSuite() {
    delete folder;
    folder = nullptr;
  }
  static std::filesystem::path file() { return folder->path() / "r.flm"; }

  std::unique_ptr<cause_ranker> load() const {
    auto loaded = load_ranker(file());
    EXPECT_TRUE(loaded);
    return std::move(*loaded);
  }

  static testing::scratch_directory* folder;
};
testing::scratch_directory* Ranker::folder = nullptr;

TEST_F(Ranker, TheOrderOfNodesAndEdgesDoesNotMatter) {
  const auto ranker = load();
  seeded_rng rng{3};
  for (std::uint64_t seed = 100; seed < 110; ++seed) {
    ranker_graph graph = test::synthetic_case(seed).graph;
    graph.edges.push_back({0, 1, true});
    const auto before = ranker->rank(graph);
    ASSERT_TRUE(before) << before.error().what;
    std::vector<std::uint32_t> moved(graph.nodes.size());  // node i goes to moved[i]
    std::iota(moved.begin(), moved.end(), 0U);
    rng.shuffle(moved);
    ranker_graph other;
    other.nodes.resize(graph.nodes.size());
    for (std::size_t i = 0; i < moved.size(); ++i) other.nodes[moved[i]] = graph.nodes[i];
    for (const ranker_edge& e : graph.edges) {
      other.edges.push_back({moved[e.from], moved[e.to], e.runs_on});
    }
    rng.shuffle(other.edges);
    const auto after = ranker->rank(other);
    ASSERT_TRUE(after) << after.error().what;
    EXPECT_NEAR(before->null_logit, after->null_logit, 1e-4);
    for (std::size_t i = 0; i < moved.size(); ++i) {
      EXPECT_NEAR(before->node_logit[i], after->node_logit[moved[i]], 1e-4);
      for (std::size_t k = 0; k < ranker_shape::fault_classes; ++k) {
        EXPECT_NEAR(before->class_logit[i][k], after->class_logit[moved[i]][k], 1e-4);
      }
    }
  }
}

TEST_F(Ranker, TheDirectionAndTheKindOfAnEdgeMatter) {
  const auto ranker = load();
  ranker_graph graph = test::synthetic_case(200).graph;
  const auto before = ranker->rank(graph);
  for (ranker_edge& e : graph.edges) std::swap(e.from, e.to);
  const auto turned = ranker->rank(graph);
  for (ranker_edge& e : graph.edges) e.runs_on = true;
  const auto other_kind = ranker->rank(graph);
  ASSERT_TRUE(before && turned && other_kind);
  EXPECT_NE(before->node_logit, turned->node_logit);
  EXPECT_NE(turned->node_logit, other_kind->node_logit);
}

TEST_F(Ranker, AttentionOverTicksSumsToOne) {
  const auto scores = load()->rank(test::synthetic_case(300).graph);
  ASSERT_TRUE(scores);
  for (const auto& node : scores->attention) {
    EXPECT_NEAR(std::accumulate(node.begin(), node.end(), 0.0), 1.0, 1e-4);
    EXPECT_GE(*std::min_element(node.begin(), node.end()), 0.0F);
  }
}

TEST_F(Ranker, NothingStaysBehindBetweenCalls) {
  const auto ranker = load();
  const ranker_graph graph = test::synthetic_case(400).graph;
  const auto first = ranker->rank(graph);
  ASSERT_TRUE(ranker->rank(test::synthetic_case(401).graph));
  const auto again = ranker->rank(graph);
  ASSERT_TRUE(first && again);
  EXPECT_EQ(first->node_logit, again->node_logit);
}

TEST_F(Ranker, ANodeAttendsToItsOwnTicksWhateverTheCompany) {
  const auto ranker = load();
  ranker_graph many;
  for (std::uint64_t seed = 1; many.nodes.size() < 100; ++seed)
    for (const ranker_node& node : test::synthetic_case(seed).graph.nodes)
      many.nodes.push_back(node);
  const auto together = ranker->rank(many);
  ASSERT_TRUE(together) << together.error().what;
  for (std::size_t n = 0; n < many.nodes.size(); ++n) {
    ranker_graph one;
    one.nodes.push_back(many.nodes[n]);
    const auto alone = ranker->rank(one);
    ASSERT_TRUE(alone) << alone.error().what;
    for (std::size_t t = 0; t < ranker_shape::ticks; ++t)
      ASSERT_NEAR(together->attention[n][t], alone->attention[0][t], 1e-5) << n << ' ' << t;
  }
}

/// KiB of code that was made while the program ran.
std::size_t made_code_kib() {
  std::ifstream maps{"/proc/self/smaps"};
  std::size_t all = 0;
  bool made = false;
  for (std::string line; std::getline(maps, line);) {
    std::istringstream words{line};
    std::string first, second;
    words >> first >> second;
    if (first.find('-') != first.npos && first.back() != ':')
      made = second.find('x') != second.npos && line.find('/') == line.npos &&
             line.find('[') == line.npos;
    else if (made && first == "Rss:")
      all += std::stoul(second);
  }
  return all;
}

// oneDNN compiles a convolution for each new number of windows, and keeps a thousand of them.
TEST_F(Ranker, GraphsOfManySizesLeaveNoCodeBehindForEachOfThem) {
  const auto ranker = load();
  ranker_graph graph;
  const auto grow_to = [&](std::size_t nodes) {
    for (std::uint64_t seed = 1; graph.nodes.size() < nodes; ++seed)
      for (const ranker_node& node : test::synthetic_case(seed).graph.nodes)
        if (graph.nodes.size() < nodes) graph.nodes.push_back(node);
    ASSERT_TRUE(ranker->rank(graph));
  };
  for (std::size_t nodes = 1; nodes <= 64; ++nodes) grow_to(nodes);
  const std::size_t before = made_code_kib();
  for (std::size_t nodes = 65; nodes <= 256; ++nodes) grow_to(nodes);
  EXPECT_LE(made_code_kib(), before + 128);
}

TEST_F(Ranker, OneNodeAndFiveHundredAndTwelveNodesAreRankedAndNoMore) {
  const auto ranker = load();
  ranker_graph graph;
  EXPECT_EQ(ranker->rank(graph).error().code, ec::invalid);
  graph.nodes.resize(1);
  EXPECT_TRUE(ranker->rank(graph));
  graph.nodes.resize(512);
  const auto scores = ranker->rank(graph);
  ASSERT_TRUE(scores);
  EXPECT_EQ(scores->node_logit.size(), 512U);
  graph.nodes.resize(513);
  EXPECT_EQ(ranker->rank(graph).error().code, ec::invalid);
}

TEST_F(Ranker, WindowsThatAreNotFiniteAndEdgesToNowhereAreRefused) {
  const auto ranker = load();
  ranker_graph graph = test::synthetic_case(500).graph;
  graph.nodes[1].z[2][3] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(ranker->rank(graph).error().code, ec::model_failed);
  graph.nodes[1].z[2][3] = std::numeric_limits<float>::infinity();
  EXPECT_EQ(ranker->rank(graph).error().code, ec::model_failed);
  graph.nodes[1].z[2][3] = 1e30F;  // large is not infinite
  EXPECT_TRUE(ranker->rank(graph));
  graph.edges.push_back({0, 99, false});
  EXPECT_EQ(ranker->rank(graph).error().code, ec::invalid);
}

TEST_F(Ranker, AFileOfAnotherKindOrShapeIsRefused) {
  const auto other = folder->path() / "other.flm";
  test::write_random_forecaster(other, 1);
  EXPECT_EQ(load_ranker(other).error().code, ec::model_failed);
  auto loaded = load_model_file(file(), model_kind::ranker);
  ASSERT_TRUE(loaded);
  loaded->content.tensors.pop_back();
  ASSERT_TRUE(write_model_file(other, loaded->content));
  EXPECT_EQ(load_ranker(other).error().code, ec::model_failed);
}

TEST(RankerTraining, FindsTheRootOfCasesItHasNotSeen) {
  const testing::scratch_directory folder;
  ranker_training_options o = quick(folder.path() / "r.flm");
  o.max_epochs = 6;
  const auto report =
      train_ranker(test::synthetic_cases(320, 1000), test::synthetic_cases(80, 9000), o);
  ASSERT_TRUE(report) << report.error().what;
  std::printf("top1 %.3f top3 %.3f none %.3f class %.3f, %.0f cases/s, %llu weights\n",
              report->validation.top1, report->validation.top3, report->validation.none_right,
              report->validation.class_accuracy, report->cases_per_second,
              static_cast<unsigned long long>(report->parameters));
  EXPECT_GT(report->validation.top1, 0.7);  // by chance about 0.13
  EXPECT_GT(report->validation.top3, 0.9);
  EXPECT_GT(report->validation.class_accuracy, 0.7);
  const auto ranker = load_ranker(o.file);
  ASSERT_TRUE(ranker) << ranker.error().what;
  EXPECT_EQ((*ranker)->identity().sha256, report->sha256);
  EXPECT_EQ((*ranker)->identity().name, "ranker-cnn-attention");
}

TEST(RankerTraining, TheSameSeedGivesTheSameFile) {
  const testing::scratch_directory folder;
  const auto cases = test::synthetic_cases(32, 1);
  ASSERT_TRUE(train_ranker(cases, {}, quick(folder.path() / "a.flm")));
  ASSERT_TRUE(train_ranker(cases, {}, quick(folder.path() / "b.flm")));
  ranker_training_options other = quick(folder.path() / "c.flm");
  other.seed = 2;
  ASSERT_TRUE(train_ranker(cases, {}, other));
  EXPECT_EQ(bytes_of(folder.path() / "a.flm"), bytes_of(folder.path() / "b.flm"));
  EXPECT_NE(bytes_of(folder.path() / "a.flm"), bytes_of(folder.path() / "c.flm"));
}

TEST(RankerTraining, CasesThatMakeNoSenseAreRefused) {
  const testing::scratch_directory folder;
  const auto o = quick(folder.path() / "r.flm");
  EXPECT_EQ(train_ranker({}, {}, o).error().code, ec::invalid);
  auto cases = test::synthetic_cases(4, 1);
  cases[2].root = 99;
  EXPECT_EQ(train_ranker(cases, {}, o).error().code, ec::invalid);
  cases = test::synthetic_cases(4, 1);
  cases[1].fault_class = static_cast<int>(ranker_shape::fault_classes);
  EXPECT_EQ(train_ranker(cases, {}, o).error().code, ec::invalid);
  cases = test::synthetic_cases(4, 1);
  cases[3].graph.nodes[0].z[0][0] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(train_ranker(cases, {}, o).error().code, ec::model_failed);
  EXPECT_FALSE(std::filesystem::exists(o.file));
}

}  // namespace
}  // namespace faultline
