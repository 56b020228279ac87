// SPDX-License-Identifier: Apache-2.0
#include "processing/log_line.hpp"

#include <gtest/gtest.h>

#include "messages/text.hpp"

namespace faultline {
namespace {

/// The tokens of a line, a blank between any two.
std::string read(std::string_view line) {
  log_line_reader reader;
  std::string out;
  for (const auto& t : reader.read(line)) (out += out.empty() ? "" : " ") += t.text;
  return out;
}

TEST(LogLine, MasksWhatIsAValueInAnySystem) {
  EXPECT_EQ(read("took 15 ms"), "took <*>");
  EXPECT_EQ(read("at 0x7fff3a, deadbeefcafe, -17 and 3.5"), "at <*> and <*>");
  EXPECT_EQ(read("from 10.0.0.1:8080 to [fe80::1%eth0]:53"), "from <*> to [ <*> ] : <*>");
  EXPECT_EQ(read("mac 00:1a:bb:cc:de:ff up"), "mac <*> up");
  EXPECT_EQ(read("task 6f1c2d3e-aaaa-4bbb-8ccc-1234567890ab done"), "task <*> done");
  EXPECT_EQ(read("open /etc/hosts failed"), "open <*> failed");
  EXPECT_EQ(read("open C:\\Windows\\win.ini failed"), "open <*> failed");
  EXPECT_EQ(read("see https://example.org/a?b=c. Bye"), "see <*> . Bye");
  EXPECT_EQ(read("cls com.example.cart.Main loaded"), "cls <*> loaded");
  EXPECT_EQ(read("mail from carla@example.org sent"), "mail from <*> sent");
  EXPECT_EQ(read("on Jun 14 15:16:01 2005 UTC"), "on <*>");
  EXPECT_EQ(read("sent 1190 bytes (1.16 KB) in <1 sec"), "sent <*> in <*>");
}

TEST(LogLine, LeavesWordsAlone) {
  EXPECT_EQ(read("Connection closed by peer."), "Connection closed by peer.");
  EXPECT_EQ(read("facade added e.g. and/or a-b"), "facade added e.g. and/or a-b");
  EXPECT_EQ(read("may fail on second try"), "may fail on second try");
}

TEST(LogLine, JoinsQuotesBracketsAndLists) {
  EXPECT_EQ(read("set name \"View Lock\" now"), "set name \"View Lock\" now");
  EXPECT_EQ(read("don't touch it, isn't yours"), "don ' t touch it , isn ' t yours");
  EXPECT_EQ(read("eth(0) is up"), "eth(<*>) is up");
  EXPECT_EQ(read("replicas 1, 2, 3 and 4"), read("replicas 1, 2 and 4"));
  EXPECT_EQ(read("sets a1 <ok> b2 <ok> c3 <ok>"), read("sets a1 <ok>"));
}

TEST(LogLine, TakesTheFirstLineThatIsNotBlank) {
  EXPECT_EQ(read("\n\r\n  boom at 3\n\tat Main.java:17\n"), "boom at <*>");
  EXPECT_EQ(read(""), "");
  EXPECT_EQ(read(" \t\x01\x02\n\n"), "");
}

TEST(LogLine, LeavesOutWhenAndWhereOfATraditionalSyslogHeader) {
  const auto of = [](const std::string& host) {
    return read("Jun 14 15:16:01 " + host + " sshd(pam_unix)[2915]: session closed");
  };
  EXPECT_EQ(of("web-1"), of("fe80::1:2"));
  EXPECT_EQ(of("web-1"), read("sshd(pam_unix)[2915]: session closed"));
  EXPECT_EQ(read("Jul  1 09:00:55 mac kernel[0]: up"), read("kernel[0]: up"));
  EXPECT_EQ(read("Jun 14 15:16:01 web is gone"), "<*> web is gone") << "no program";
  EXPECT_NE(read("Jun 14 15:16:01 ERROR pool: timeout"),
            read("Jun 14 15:16:01 INFO pool: timeout"));
  EXPECT_EQ(read("Jun 14 15:16:01"), "<*>");
  EXPECT_EQ(read("Jun 14 15:16:01 "), "<*>");
  EXPECT_EQ(read("mar 14 15:16 web sshd: up"), "<*> web sshd : up") << "no seconds";
}

TEST(LogLine, ReadsAtMostItsBoundsAndNoHalfWord) {
  std::string line = "begin";
  while (line.size() < 16'384) line += " word";
  log_line_reader reader;
  EXPECT_EQ(reader.read(line).size(), log_line_reader::max_tokens);
  line = "head " + std::string(2042, ' ') + "abcdef tail";
  EXPECT_EQ(read(line), "head");
  EXPECT_EQ(read(std::string(16'384, '/')), std::string(log_line_reader::max_bytes, '/'));
}

TEST(LogLine, TakesJunkForValuesAndKeepsUtf8) {
  EXPECT_EQ(read("bad \xff\xfe\x80 bytes"), "bad <*>");  // and what looks like their unit
  EXPECT_EQ(read("Überlauf im Puffer"), "Überlauf im Puffer");
  EXPECT_EQ(read(std::string{"a\0b", 3}), "a b");
  for (int c = 0; c < 256; ++c) {
    const std::string line(300, static_cast<char>(c));
    log_line_reader reader;
    EXPECT_LE(reader.read(line).size(), log_line_reader::max_tokens);
  }
}

TEST(LogLine, IsPrintable) {
  EXPECT_EQ(printable_line("\n one\ttwo\x1b[31m \nthree", 100), "one two [31m");
  EXPECT_EQ(printable_line("aü", 2), "a");
  EXPECT_EQ(printable_line("a\xff", 100), "a?");
  EXPECT_TRUE(is_utf8(printable_line("x\xc3", 100)));
}

}  // namespace
}  // namespace faultline
