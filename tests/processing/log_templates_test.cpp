// SPDX-License-Identifier: Apache-2.0
#include "processing/log_templates.hpp"

#include <gtest/gtest.h>

#include <set>

namespace faultline {
namespace {

std::uint64_t id_of(log_template_miner& m, std::string_view line) {
  const auto match = m.take(line);
  return match ? match->id : 0;
}

std::vector<std::string> texts_of(const log_template_miner& m) {
  std::vector<std::string> out;
  for (const auto& t : m.templates()) out.push_back(t.text());
  return out;
}

/// A word that is like no other and no number.
std::string word(std::uint64_t n) {
  std::string out = "w";
  for (n = n * 0x9e3779b97f4a7c15U + 1; n != 0; n /= 26) out += static_cast<char>('a' + n % 26);
  return out;
}

TEST(LogTemplates, LinesThatDifferInValuesAreOne) {
  log_template_miner m;
  const auto first = m.take("job 17 of user carla took 3 ms");
  const auto second = m.take("job 99 of user carla took 1.5 s");
  ASSERT_TRUE(first && second);
  EXPECT_TRUE(first->fresh);
  EXPECT_FALSE(second->fresh);
  EXPECT_EQ(first->id, second->id);
  EXPECT_EQ(texts_of(m), (std::vector<std::string>{"job <*> of user carla took <*>"}));
}

TEST(LogTemplates, NamesWhereValuesStandBecomeVariableSoonerThanWords) {
  log_template_miner m;
  for (const char* user : {"carla", "dmitri", "eve"})
    m.take(std::string{"session opened for user "} + user);
  EXPECT_EQ(texts_of(m), (std::vector<std::string>{"session opened for user <*>"}));
  log_template_miner words;
  for (const char* what : {"opened", "closed", "resumed", "lost"})
    words.take(std::string{"the session was "} + what + " again");
  EXPECT_EQ(words.templates().size(), 4U);
  words.take("the session was forgotten again");
  EXPECT_EQ(texts_of(words), (std::vector<std::string>{"the session was <*> again"}));
}

TEST(LogTemplates, StatesAndFirstWordsStayApart) {
  log_template_miner m;
  for (const char* line : {"overlap:true padding=1", "overlap:false padding=2", "Link error",
                           "Link ok", "boot (command 1)", "wait (command 2)", "halt (command 3)"})
    m.take(line);
  EXPECT_EQ(m.templates().size(), 7U);
}

TEST(LogTemplates, AnIdIsOfTheFirstFormAndStaysWhenTheTemplateBecomesGeneral) {
  log_template_miner m;
  const auto first = id_of(m, "session opened for user carla");
  const auto second = id_of(m, "session opened for user dmitri");
  EXPECT_NE(first, second);
  EXPECT_EQ(id_of(m, "session opened for user eve"), first);
  EXPECT_EQ(m.merged(), (std::vector<std::pair<std::uint64_t, std::uint64_t>>{{second, first}}));
  EXPECT_EQ(id_of(m, "session opened for user dmitri"), first);
  EXPECT_EQ(m.templates()[0].lines, 4U);
  log_template_miner other;
  other.take("something else");
  EXPECT_EQ(id_of(other, "session opened for user carla"), first);
}

TEST(LogTemplates, AreTheSameWhereverTheMinerWasSavedAndRestored) {
  std::vector<std::string> lines;
  for (std::uint64_t n = 0; n < 600; ++n) {
    lines.push_back("session opened for user " + word(n % 7) + " by " + std::to_string(n));
    lines.push_back(word(n) + " " + word(n / 3) + " tick tock " + word(n % 5));
    lines.push_back("state of " + word(n % 3) + " is " + word(n % 11) + " since 12:00");
  }
  const log_template_limits few{40, 16 * 1024};
  log_template_miner straight{few};
  log_template_miner broken{few};
  for (const auto& line : lines) {
    std::string bytes;
    byte_writer out{bytes};
    broken.save(out);
    log_template_miner back{few};
    byte_reader in{bytes};
    ASSERT_TRUE(back.restore(in) && in.at_end());
    broken = std::move(back);
    const auto a = straight.take(line), b = broken.take(line);
    ASSERT_TRUE(a && b);
    ASSERT_EQ(a->id, b->id) << line;
    ASSERT_EQ(a->fresh, b->fresh) << line;
  }
  EXPECT_EQ(texts_of(straight), texts_of(broken));
}

TEST(LogTemplates, AStreamOfLinesThatNeverRepeatStaysWithinItsBoundsAndDropsNoSettledTemplate) {
  const log_template_limits limits{64, 32 * 1024};
  log_template_miner m{limits};
  for (int n = 0; n < 8; ++n) m.take("ready to accept connections");
  const auto settled = m.templates()[0].id;
  std::size_t most = 0;
  for (std::uint64_t n = 0; n < 20'000; ++n) {
    std::string line;
    for (std::uint64_t w = 0; w < 3 + n % 9; ++w) line += word(100 * n + w) + " ";
    m.take(line);
    ASSERT_LE(m.templates().size(), limits.templates);
    most = std::max(most, m.memory_bytes());
  }
  EXPECT_LE(most, limits.bytes + 32 * 1024);  // the cache and room of the list
  EXPECT_EQ(id_of(m, "ready to accept connections"), settled);
  EXPECT_GT(m.lines(), 20'000U);
}

TEST(LogTemplates, JunkAndLongLinesAreTemplatesLikeOthers) {
  log_template_miner m;
  std::string junk;
  std::uint64_t x = 1;
  for (int n = 0; n < 2000; ++n) {
    junk.clear();
    for (std::uint64_t left = (x = x * 6364136223846793005U + 1442695040888963407U) >> 52U;
         left > 0; --left)
      junk += static_cast<char>((x = x * 6364136223846793005U + 1442695040888963407U) >> 56U);
    m.take(junk);
  }
  std::string bytes;
  byte_writer out{bytes};
  m.save(out);
  log_template_miner back;
  byte_reader in{bytes};
  ASSERT_TRUE(back.restore(in) && in.at_end());
  EXPECT_EQ(texts_of(m), texts_of(back));
  EXPECT_FALSE(m.take("\x01\x02 \n\n"));
}

TEST(LogTemplates, DamagedBytesAreRefused) {
  log_template_miner m;
  m.take("one line");
  m.take("another line of it");
  std::string bytes;
  byte_writer out{bytes};
  m.save(out);
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    log_template_miner back;
    byte_reader in{std::string_view{bytes}.substr(0, n)};
    EXPECT_FALSE(back.restore(in)) << n;
  }
  bytes[0] = 2;
  log_template_miner back;
  byte_reader in{bytes};
  EXPECT_FALSE(back.restore(in));
}

}  // namespace
}  // namespace faultline
