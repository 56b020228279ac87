// SPDX-License-Identifier: Apache-2.0
//
// Influx lines, collectd's JSON, StatsD, and what lines come in.
#include <gmock/gmock.h>

#include "tests/transport/told_samples.hpp"
#include "transport/decode/collectd.hpp"
#include "transport/decode/frames.hpp"
#include "transport/decode/influx.hpp"
#include "transport/decode/statsd.hpp"
#include "transport/decode/syslog_header.hpp"

namespace faultline {
namespace {

using namespace faultline::testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

told_samples influx(std::string_view body, std::int64_t precision_ns = 1) {
  told_samples told;
  const auto read = read_influx(body, precision_ns, told);
  EXPECT_TRUE(read) << read.error().what;
  return told;
}

TEST(Influx, AFieldIsAMetricOfItsMeasurement) {
  const auto told = influx("cpu,host=web-1,cpu=cpu0 idle=90.5,busy=3i,on=t 1750000000000000000\n");
  EXPECT_THAT(told.lines,
              ElementsAre("metric cpu.idle 90.5 gauge @1750000000000 {} {host=web-1,cpu=cpu0}",
                          "metric cpu.busy 3 gauge @1750000000000 {} {host=web-1,cpu=cpu0}",
                          "metric cpu.on 1 gauge @1750000000000 {} {host=web-1,cpu=cpu0}"));
}

TEST(Influx, ValueAndGaugeAreTheMeasurementItselfAndCounterIsACounter) {
  const auto told = influx("load value=1\nmem gauge=2\nreq counter=3u");
  EXPECT_THAT(told.lines, ElementsAre("metric load 1 gauge @0 {} {}", "metric mem 2 gauge @0 {} {}",
                                      "metric req 3 counter @0 {} {}"));
}

TEST(Influx, EscapesAndTextsAreRead) {
  const auto told =
      influx("disk\\ free,host=web\\,1,path=/a\\=b v\\ 1=2,note=\"a, b\\\" \n c=1\" 5\nx v=1");
  EXPECT_THAT(told.lines, ElementsAre("metric disk free.v 1 2 gauge @0 {} {host=web,1,path=/a=b}",
                                      "metric x.v 1 gauge @0 {} {}"));
  EXPECT_EQ(told.out_because(left_out::no_value), 1U);
}

TEST(Influx, SeveralBlanksStandForOne) {
  EXPECT_THAT(
      influx("x,host=a  v=1   1750000000000000000 \ny  w=2").lines,
      ElementsAre("metric x.v 1 gauge @1750000000000 {} {host=a}", "metric y.w 2 gauge @0 {} {}"));
}

TEST(Influx, WhatTelegrafCountsIsACounter) {
  EXPECT_THAT(influx("net,interface=eth0 bytes_recv=5i,bytes=5i,bytes_sent=5\nswap in=1u,free=2i\n"
                     "diskio,name=sda io_time=3i,iops_in_progress=1i,io=1i\nnets bytes_recv=1i\n")
                  .lines,
              ElementsAre("metric net.bytes_recv 5 counter @0 {} {interface=eth0}",
                          "metric net.bytes 5 gauge @0 {} {interface=eth0}",
                          "metric net.bytes_sent 5 gauge @0 {} {interface=eth0}",
                          "metric swap.in 1 counter @0 {} {}", "metric swap.free 2 gauge @0 {} {}",
                          "metric diskio.io_time 3 counter @0 {} {name=sda}",
                          "metric diskio.iops_in_progress 1 gauge @0 {} {name=sda}",
                          "metric diskio.io 1 gauge @0 {} {name=sda}",
                          "metric nets.bytes_recv 1 gauge @0 {} {}"));
}

TEST(Influx, TimesAreInTheirUnit) {
  for (const auto& [unit, time] : {std::pair<const char*, const char*>{"ns", "1750000000000000000"},
                                   {"u", "1750000000000000"},
                                   {"ms", "1750000000000"},
                                   {"s", "1750000000"}})
    EXPECT_THAT(influx(std::string{"a v=1 "} + time, influx_precision_ns(unit)).lines.at(0),
                HasSubstr("@1750000000000 "))
        << unit;
  EXPECT_EQ(influx_precision_ns("fortnight"), 0);
}

TEST(Influx, ALineThatCannotBeReadDoesNotDisturbTheOthers) {
  const auto told =
      influx("a v=1\nb\nc v=\nd,x v=1\n# comment\n\ne v=1 never\nf v=1 9223372036854775807",
             1'000'000'000);
  EXPECT_EQ(told.lines.size(), 1U);
  EXPECT_EQ(told.out_because(left_out::malformed), 5U);
  told_samples none;
  EXPECT_FALSE(read_influx("garbage\n", 1, none));
  EXPECT_FALSE(read_influx("a v=\"never closed\n", 1, none));
  EXPECT_TRUE(read_influx("", 1, none));
}

TEST(Influx, ABodyIsReadOnceWhateverIsNeverClosedInIt) {
  std::string escapes, quotes = "a v=\"\\\"";
  for (int i = 0; i < 200'000; ++i) {
    escapes += "\\\n";
    quotes += "\na v=\\\"";
  }
  for (const auto& body : {escapes + '"', escapes + "a v=\"x", quotes}) {
    told_samples told;
    EXPECT_FALSE(read_influx(body, 1, told));
    EXPECT_GE(told.out_because(left_out::malformed), 200'000U);
  }
}

TEST(Influx, AQuoteOutsideOfAValueIsAByteLikeOthers) {
  EXPECT_THAT(
      influx("a\"b,host=w\"1 v\"=1\nx v=1\n").lines,
      ElementsAre("metric a\"b.v\" 1 gauge @0 {} {host=w\"1}", "metric x.v 1 gauge @0 {} {}"));
}

TEST(Influx, TagsThatWouldBeTheirFieldsManyTimesOverAreBounded) {
  const auto told = influx("a,t=" + std::string(5000, 'x') + " v=1,w=2\n" + std::string(5000, 'm') +
                           " v=1\nb v=1\n");
  EXPECT_EQ(told.lines.size(), 1U);
  EXPECT_EQ(told.out_because(left_out::malformed), 2U);
}

TEST(Influx, ALineOfTooManyFieldsIsLeftOutWhole) {
  std::string line = "a f=1";
  for (int i = 0; i < 4096; ++i) line += ",f" + std::to_string(i) + "=1";
  const auto told = influx(line + "\nb v=1\n");
  EXPECT_THAT(told.lines, ElementsAre("metric b.v 1 gauge @0 {} {}"));
  EXPECT_EQ(told.out_because(left_out::malformed), 1U);
}

TEST(Collectd, AValueIsCalledByItsPlugin) {
  told_samples told;
  ASSERT_TRUE(read_collectd(R"([
    {"values":[90.5],"dstypes":["gauge"],"dsnames":["value"],"time":1750000000.25,"interval":10,
     "host":"web-1","plugin":"cpu","plugin_instance":"0","type":"cpu","type_instance":"idle"},
    {"values":[1,null],"dstypes":["derive","derive"],"dsnames":["rx","tx"],"time":1750000000,"interval":10,
     "host":"web-1","plugin":"interface","plugin_instance":"eth0","type":"if_octets","type_instance":""},
    {"values":[30],"dstypes":["absolute"],"dsnames":["value"],"time":1750000000,"interval":10,
     "host":"web-1","plugin":"p","plugin_instance":"","type":"t","type_instance":""}])",
                            told));
  EXPECT_THAT(
      told.lines,
      ElementsAre("metric cpu.0.idle 90.5 gauge @1750000000250 {} {host=web-1}",
                  "metric interface.eth0.if_octets.rx 1 counter @1750000000000 {} {host=web-1}",
                  "metric p.t 3 gauge @1750000000000 {} {host=web-1}"));
  EXPECT_EQ(told.out_because(left_out::no_value), 1U);
}

TEST(Collectd, WhatCountsIsARateWhereItIsNoWholeNumber) {
  const auto kinds = [](const std::string& second) {
    told_samples told;
    EXPECT_TRUE(read_collectd(
        R"([{"values":[0,5],"dstypes":["derive","gauge"],"dsnames":["a","b"],"time":1,"host":"h","plugin":"p"},
            {"values":[)" +
            second +
            R"(,20],"dstypes":["counter","absolute"],"dsnames":["c","d"],"time":1,"interval":10,"host":"h","plugin":"p"}])",
        told));
    return told.lines;
  };
  EXPECT_THAT(kinds("7.5"), ElementsAre("metric p.a 0 rate @1000 {} {host=h}",
                                        "metric p.b 5 gauge @1000 {} {host=h}",
                                        "metric p.c 7.5 rate @1000 {} {host=h}",
                                        "metric p.d 20 gauge @1000 {} {host=h}"));
  for (const char* whole : {"7", "7.0", "null"})
    EXPECT_EQ(kinds(whole).front(), "metric p.a 0 counter @1000 {} {host=h}") << whole;
}

TEST(Collectd, WhatIsNoListOfValuesIsMalformed) {
  told_samples told;
  for (const char* bad :
       {"", "{}", "[", "[1]", "[{}]", R"([{"values":3,"plugin":"a","host":"b"}])"})
    EXPECT_FALSE(read_collectd(bad, told)) << bad;
  EXPECT_TRUE(read_collectd("[]", told));
  told = {};
  EXPECT_TRUE(
      read_collectd(R"([3,{"values":[1],"plugin":"a","host":"b","type":"c","dstypes":7}])", told));
  EXPECT_EQ(told.lines.size(), 1U);
  EXPECT_EQ(told.out_because(left_out::malformed), 1U);
}

TEST(Collectd, AListWhosePartsAreWithoutBoundIsLeftOut) {
  told_samples told;
  EXPECT_TRUE(read_collectd(R"([{"values":[1,2],"plugin":")" + std::string(5000, 'p') +
                                R"(","host":"b"},{"values":[1],"plugin":"a","host":"b"}])",
                            told));
  EXPECT_EQ(told.lines.size(), 1U);
  EXPECT_EQ(told.out_because(left_out::malformed), 1U);
}

std::vector<std::string> flushed(statsd_gatherer& g, double passed_s = 10) {
  told_samples told;
  g.flush(passed_s, 1000, told);
  return told.lines;
}

TEST(Statsd, CountersAreRatesAndGaugesWhatWasSaidLast) {
  statsd_gatherer g;
  EXPECT_EQ(g.take("hits:1|c\nhits:2|c|@0.5\ntemp:20|g\ntemp:+2.5|g\n", "web-1").lines, 4U);
  EXPECT_THAT(flushed(g), ElementsAre("metric hits 0.5 gauge @1000 {} {host=web-1}",
                                      "metric temp 22.5 gauge @1000 {} {host=web-1}"));
  EXPECT_THAT(flushed(g), IsEmpty());
  g.take("temp:-1|g", "web-1");
  EXPECT_THAT(flushed(g), ElementsAre("metric hits 0 gauge @1000 {} {host=web-1}",
                                      "metric temp 21.5 gauge @1000 {} {host=web-1}"));
}

TEST(Statsd, ACounterThatNobodyIncrementsIsZeroWhileItsSenderTellsSomethingElseForAWhile) {
  statsd_gatherer g;
  g.take("hits:5|c|#service:cart\nother:1|c|#service:shop\ntook:1|ms|#service:cart", "a");
  flushed(g);
  const std::string zero = "metric hits 0 gauge @1000 {} {service=cart}";
  for (int i = 0; i < 30; ++i) {
    EXPECT_THAT(flushed(g), IsEmpty()) << "nobody tells anything";
    g.take("depth:1|g|#service:cart,zone:b", "b");
    const auto told = flushed(g);
    const bool is_kept = 2 * i + 1 < 30;
    EXPECT_EQ(std::count(told.begin(), told.end(), zero), is_kept ? 1 : 0) << i;
    EXPECT_EQ(told.size(), is_kept ? 2U : 1U) << "nothing of shop, which is silent";
  }
  g.take("hits:5|c|#service:cart", "a");
  EXPECT_THAT(flushed(g), ElementsAre("metric hits 0.5 gauge @1000 {} {service=cart}"));
}

TEST(Statsd, TimersHaveRateMeanTailAndMaximumAndSetsASize) {
  statsd_gatherer g;
  for (int i = 1; i <= 100; ++i) g.take("took:" + std::to_string(i) + "|ms", "a");
  g.take("who:x|s\nwho:y|s\nwho:x|s", "a");
  EXPECT_THAT(flushed(g), ElementsAre("metric took.rate 10 gauge @1000 {} {host=a}",
                                      "metric took.mean 50.5 gauge @1000 {} {host=a}",
                                      "metric took.p99 100 gauge @1000 {} {host=a}",
                                      "metric took.max 100 gauge @1000 {} {host=a}",
                                      "metric who 2 gauge @1000 {} {host=a}"));
}

TEST(Statsd, SeveralValuesOfOneLineAreAsManyLines) {
  statsd_gatherer g;
  EXPECT_EQ(g.take("hits:1:2:7|c|@0.5\ntook:10:30|ms\ntemp:5:+1|g\nwho:a:b|s", "a").malformed, 0U);
  EXPECT_THAT(flushed(g), ElementsAre("metric hits 2 gauge @1000 {} {host=a}",
                                      "metric temp 6 gauge @1000 {} {host=a}",
                                      "metric took.rate 0.2 gauge @1000 {} {host=a}",
                                      "metric took.mean 20 gauge @1000 {} {host=a}",
                                      "metric took.p99 30 gauge @1000 {} {host=a}",
                                      "metric took.max 30 gauge @1000 {} {host=a}",
                                      "metric who 1 gauge @1000 {} {host=a}"));
  EXPECT_EQ(g.take("hits:1:|c\nhits:1::2|c\nhits:1:x|c\nhits::1|c", "a").malformed, 4U);
  EXPECT_THAT(flushed(g), IsEmpty());
}

TEST(Statsd, TagsAreLabelsAndMayNameTheHost) {
  statsd_gatherer g;
  g.take("hits:1|c|#service:cart,zone:b\nhits:1|c|#host:other", "a");
  EXPECT_THAT(flushed(g), ::testing::UnorderedElementsAre(
                              "metric hits 0.1 gauge @1000 {} {service=cart,zone=b}",
                              "metric hits 0.1 gauge @1000 {} {host=other}"));
}

TEST(Statsd, SendersOfOneServiceAreGatheredTogether) {
  statsd_gatherer g;
  g.take("hits:1|c|#service:cart,zone:b", "a");
  g.take("hits:2|c|#zone:b,service:cart", "b");
  g.take("hits:4|c", "a");
  g.take("hits:8|c", "b");
  EXPECT_THAT(flushed(g, 1),
              ::testing::UnorderedElementsAre("metric hits 3 gauge @1000 {} {service=cart,zone=b}",
                                              "metric hits 4 gauge @1000 {} {host=a}",
                                              "metric hits 8 gauge @1000 {} {host=b}"));
}

TEST(Statsd, GarbageIsCountedAndSeriesAreBounded) {
  statsd_gatherer g;
  const auto bad = g.take("x\nx:|c\nx:1\nx:1|q\nx:nan|c\nx:1|c|@0\nx:1|c|@2\n:1|c\nok:1|c", "a");
  EXPECT_EQ(bad.lines, 9U);
  EXPECT_EQ(bad.malformed, 8U);
  std::size_t too_many = 0;
  for (std::size_t i = 0; i < statsd_gatherer::most_series + 5; ++i)
    too_many += g.take("n" + std::to_string(i) + ":1|c", "a").too_many;
  EXPECT_EQ(too_many, 6U);
}

TEST(Statsd, LongNamesAreBoundedByTheirBytesAndWhatIsThereGoesOn) {
  statsd_gatherer g;
  g.take("ok:1|c", "a");
  const std::string longer(8000, 'x');
  std::size_t i = 0, too_many = 0;
  for (; too_many == 0 && i < statsd_gatherer::most_series; ++i)
    too_many += g.take(longer + std::to_string(i) + ":1|c", "a").too_many;
  EXPECT_LT(i * longer.size(), statsd_gatherer::most_bytes);
  EXPECT_EQ(g.take("ok:1|c", "a").too_many, 0U);
  flushed(g);  // half the counters are gone then, and there is room again
  EXPECT_EQ(g.take(longer + ":1|c", "a").too_many, 0U);
}

TEST(Frames, AreReadAsTheyWereWritten) {
  std::string body;
  add_frame(body, "web-1", "a\nb");
  add_frame(body, "::1", "");
  std::string_view rest{body}, sender, bytes;
  ASSERT_TRUE(take_frame(rest, sender, bytes));
  EXPECT_EQ(sender, "web-1");
  EXPECT_EQ(bytes, "a\nb");
  ASSERT_TRUE(take_frame(rest, sender, bytes));
  EXPECT_EQ(sender, "::1");
  EXPECT_FALSE(take_frame(rest, sender, bytes));
  for (std::string_view bad : {"a 3\nxy", "a\n", "a x\n", "3\nabc"})
    EXPECT_FALSE(take_frame(bad, sender, bytes)) << bad;
}

std::string completed(std::string_view line) {
  std::string made;
  return std::string{complete_syslog(line, "10.0.0.7", made)};
}

TEST(SyslogHeader, WhatHasAHeaderOfRfc5424OrNoPriIsLeftAsItIs) {
  for (std::string_view line :
       {"<165>1 - web-1 app - - - text", "<1>1 ", "text", "<>x", "<1234>x", "<x>a", "<12", ""})
    EXPECT_EQ(completed(line), line);
}

TEST(SyslogHeader, ANilHostOfRfc5424IsTheSender) {
  EXPECT_EQ(completed("<13>1 - - app - - - a - b"), "<13>1 - 10.0.0.7 app - - - a - b");
  for (std::string_view line : {"<13>1 - -", "<13>1 -", "<13>1 - -x app - - - - b"})
    EXPECT_EQ(completed(line), line);
}

TEST(SyslogHeader, TimeAndHostThatAreThereStay) {
  EXPECT_EQ(completed("<11>Nov  7 02:34:34 web-1 app[7]: text"),
            "<11>Jan  1 00:00:00 web-1 app[7]: text");
  EXPECT_EQ(completed("<11>2026-11-27T02:34:34.123456789+01:00 2001:db8::7 app: text"),
            "<11>2026-11-27T01:34:34.123Z 2001:db8::7 app: text");
}

TEST(SyslogHeader, WhoNamesNoHostIsTheSender) {
  const std::string begin = "<13>Jan  1 00:00:00 10.0.0.7 ";
  EXPECT_EQ(completed("<13>just text"), begin + "just text");
  EXPECT_EQ(completed("<13>app: text: more"), begin + "app: text: more");
  EXPECT_EQ(completed("<13>Nov 27 02:34:34 haproxy[7]: text"), begin + "haproxy[7]: text");
  EXPECT_EQ(completed("<13>Nov 27 02:34:34 kernel: text"), begin + "kernel: text");
  EXPECT_EQ(completed("<13>2026-11-27T02:34:34Z app: text"),
            "<13>2026-11-27T02:34:34.000Z 10.0.0.7 app: text");
  EXPECT_EQ(completed("<13>date=2026-11-27 time=02:30:00 level=notice"),
            begin + "date=2026-11-27 time=02:30:00 level=notice");
  for (std::string_view no_time :
       {"Nov 27 2:34:34 a b", "Foo 27 02:34:34 a b", "Nov x 02:34:34 a b",
        "2026-13-27T02:34:34Z a b", "Nov 27", "29: a", "*Nov"})
    EXPECT_EQ(completed("<13>" + std::string{no_time}), begin + std::string{no_time});
}

TEST(SyslogHeader, TimesOfCiscoAreReadOver) {
  const std::string begin = "<189>Jan  1 00:00:00 ";
  EXPECT_EQ(completed("<189>29: *Mar  1 18:48:50.483 UTC: %SYS-5-CONFIG_I: text"),
            begin + "10.0.0.7 %SYS-5-CONFIG_I: text");
  EXPECT_EQ(completed("<189>123: sw-1: .Mar  1 2026 18:48:50: %LINK-3-UPDOWN: text"),
            begin + "sw-1 %LINK-3-UPDOWN: text");
  EXPECT_EQ(completed("<189>Nov 27 2026 02:34:34: %ASA-3-710003: text"),
            begin + "10.0.0.7 %ASA-3-710003: text");
  EXPECT_EQ(completed("<189>Nov 27 2026 02:34:34 fw-1 : %ASA-6-302013: text"),
            begin + "fw-1 %ASA-6-302013: text");
}

TEST(SyslogHeader, BytesThatAreNotUtf8AreReplacedOneByOne) {
  std::string made;
  EXPECT_EQ(readable_utf8("caf\xe9 \xc3\xa9\xff", made), "caf\xef\xbf\xbd \xc3\xa9\xef\xbf\xbd");
}

std::vector<std::string> cut(const std::vector<std::string>& pieces, bool* sound = nullptr) {
  syslog_cutter c;
  std::vector<std::string> messages;
  for (const auto& piece : pieces) {
    const bool goes_on = c.take(piece, [&](std::string_view m) { messages.emplace_back(m); });
    if (sound != nullptr) *sound = goes_on;
    if (!goes_on) break;
  }
  if (!c.rest().empty()) messages.push_back("rest:" + std::string{c.rest()});
  return messages;
}

TEST(SyslogCutter, CutsLinesAndCountedMessagesHoweverTheyCome) {
  EXPECT_THAT(cut({"<1>a\n<2>b\n"}), ElementsAre("<1>a", "<2>b"));
  EXPECT_THAT(cut({"8 <1>a\nb c7 <2>defg<3>x\n"}), ElementsAre("<1>a\nb c", "<2>defg", "<3>x"));
  EXPECT_THAT(cut({"8", " ", "<1>a\n", "b c<", "2>x", "\n<3>"}),
              ElementsAre("<1>a\nb c", "<2>x", "rest:<3>"));
  EXPECT_THAT(cut({"\n\n<1>a\n"}), ElementsAre("<1>a"));
}

TEST(SyslogCutter, ANulEndsALineAsALineBreakDoes) {
  using namespace std::string_literals;
  EXPECT_THAT(cut({"<1>a\0<2>b\0"s, "<3>c"s, "\0\n6 <1>a\0b"s}),
              ElementsAre("<1>a", "<2>b", "<3>c", "<1>a\0b"s));
}

TEST(SyslogCutter, ALineThatIsTooLongIsCutAndTheNextIsRead) {
  const std::string longer(syslog_cutter::longest + 10'000, 'x');
  const auto messages = cut({longer.substr(0, 70'000), longer.substr(70'000) + "yyy\n<1>a\n"});
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_EQ(messages[0].size(), syslog_cutter::longest);
  EXPECT_EQ(messages[1], "<1>a");
}

TEST(SyslogCutter, ACountedMessageThatIsTooLongIsCutAndTheNextIsRead) {
  const std::string text = "<1>" + std::string(syslog_cutter::longest + 10'000, 'x');
  const std::string counted = std::to_string(text.size()) + " " + text;
  for (const std::size_t at : {std::size_t{1}, std::size_t{65'542}, counted.size() - 1}) {
    bool sound = false;
    const auto messages =
        cut({counted.substr(0, at), counted.substr(at) + "4 <2>b6 <3>c\nd"}, &sound);
    EXPECT_TRUE(sound);
    EXPECT_THAT(messages, ElementsAre(text.substr(0, syslog_cutter::longest), "<2>b", "<3>c\nd"));
  }
  const std::string most = "<1>" + std::string(syslog_cutter::longest - 3, 'x');
  EXPECT_THAT(cut({std::to_string(most.size()) + " " + most + "4 <2>b"}),
              ElementsAre(most, "<2>b"));
}

TEST(SyslogCutter, ACountThatCannotBeIsTheEndAndALineThatBeginsWithDigitsIsALine) {
  for (const char* bad : {"99999999 <1>x", "16777217 <1>x", "0 <1>x"}) {
    bool sound = true;
    cut({bad}, &sound);
    EXPECT_FALSE(sound) << bad;
  }
  bool sound = false;
  EXPECT_THAT(
      cut({"12:03:04 no syslog\n0 x\n2", "0", "24-01-01\n12345678901 <1>x\n<1>a\n"}, &sound),
      ElementsAre("12:03:04 no syslog", "0 x", "2024-01-01", "12345678901 <1>x", "<1>a"));
  EXPECT_TRUE(sound);
}

TEST(SyslogCutter, ALineIsNotCutWithinACharacter) {
  std::string longer(syslog_cutter::longest - 1, 'x');
  for (int i = 0; i < 10; ++i) longer += "\xc3\xa4";
  EXPECT_EQ(cut({longer + "\n"}).at(0).size(), syslog_cutter::longest - 1);
}

}  // namespace
}  // namespace faultline
