// SPDX-License-Identifier: Apache-2.0
#include "transport/key_file.hpp"

#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>

#include "tests/transport/key_folder.hpp"

namespace faultline {
namespace {

using ::testing::HasSubstr;
using testing::key_folder;
using ::testing::Not;

constexpr const char* some_key = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7";

std::string client(const std::string& rights) {
  return std::string{"metadata\n    email = \"ops@example.org\"\ncurve\n    public-key = \""} +
         some_key + "\"\nfaultline\n" + rights;
}

mode_t mode_of(const std::filesystem::path& file) {
  struct stat s {};
  return ::stat(file.c_str(), &s) == 0 ? s.st_mode & 0777 : 0;
}

TEST(Secret, PrintsNothingOfWhatItHolds) {
  std::ostringstream out;
  out << secret{"hunter2"};
  EXPECT_EQ(out.str(), "[secret]");
}

TEST(Secret, MovesAndLeavesNothingBehind) {
  secret one{"hunter2"};
  const secret two{std::move(one)};
  EXPECT_EQ(two.reveal(), "hunter2");
  EXPECT_TRUE(one.empty());
}

TEST(KeyFile, OfTheLayoutOfCzmqIsRead) {
  const auto read = read_client(
      "#   ****  Generated on 2026-01-01 12:00:00 by CZMQ  ****\n"
      "#   ZeroMQ CURVE Public Certificate\n\n"
      "metadata\n    name = \"probe\"\n    deep\n        er = \"1\"\n"
      "curve\n    public-key = \"rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7\"\n"
      "faultline\n    allow = \"ingest feed\"  # both\n    entity = \"host/\"\n"
      "    entity = 'service/cart'\n    events-per-second = 250.5\n    max-entities = \"40\"\n"
      "    not-after = \"2027-01-31\"\n",
      "probe-7");
  ASSERT_TRUE(read) << read.error().what;
  EXPECT_EQ(read->name, "probe-7");
  EXPECT_EQ(read->public_key, some_key);
  EXPECT_TRUE(read->ingest);
  EXPECT_TRUE(read->feed);
  EXPECT_THAT(read->entities, ::testing::ElementsAre("host/", "service/cart"));
  EXPECT_EQ(read->events_per_second, 250.5);
  EXPECT_EQ(read->max_entities, 40U);
  EXPECT_EQ(read->expiry, arrival_time_of(1801353600000));
  EXPECT_TRUE(read->may_speak_of("host/web-1"));
  EXPECT_FALSE(read->may_speak_of("db/host/"));
  EXPECT_FALSE(read->expired(arrival_time_of(1801353599999)));
  EXPECT_TRUE(read->expired(arrival_time_of(1801353600000)));
}

TEST(KeyFile, ARightThatIsMisspeltIsAnErrorAndNotNoRestriction) {
  for (const char* wrong :
       {"    allow = \"ingest\"\n    entites = \"host/\"\n", "    allow = \"everything\"\n",
        "    allow = \"ingest\"\n    events-per-second = -1\n",
        "    allow = \"ingest\"\n    events-per-second = nan\n",
        "    allow = \"ingest\"\n    events-per-second = many\n",
        "    allow = \"ingest\"\n    max-entities = 0\n",
        "    allow = \"ingest\"\n    not-after = tomorrow\n",
        "    allow = \"ingest\"\n    not-after = 2027-02-29\n",
        "    allow = \"ingest\"\n    not-after = 2027-04-31T12:00:00Z\n",
        "    allow = \"ingest\"\n    entity = \"\"\n", "    entity = \"host/\"\n", ""}) {
    const auto read = read_client(client(wrong), "probe");
    ASSERT_FALSE(read) << wrong;
    EXPECT_EQ(read.error().code, ec::malformed) << wrong;
  }
}

TEST(KeyFile, ABoundThatStandsThereTwiceIsAnErrorAndNotTheLooserOne) {
  const std::string allow = "    allow = \"ingest\"\n";
  for (const char* line :
       {"    events-per-second = 5\n", "    max-entities = 7\n", "    not-after = 2027-01-31\n"}) {
    EXPECT_TRUE(read_client(client(allow + line), "probe")) << line;
    const auto read = read_client(client(allow + line + line), "probe");
    ASSERT_FALSE(read) << line;
    EXPECT_THAT(read.error().what, HasSubstr("stands there twice")) << line;
  }
  const std::string two_prefixes = "    entity = \"host/\"\n    entity = \"db/\"\n";
  EXPECT_TRUE(read_client(client(allow + two_prefixes), "probe"));
}

TEST(KeyFile, WithoutAWholeKeyOrWithASecretOneIsRefused) {
  EXPECT_FALSE(
      read_client("curve\n    public-key = \"short\"\nfaultline\n    allow = \"feed\"\n", "probe"));
  const auto secret_one =
      read_client(client("    allow = \"feed\"\n") + "curve\n    secret-key = \"" +
                      std::string{some_key} + "\"\n",
                  "probe");
  ASSERT_FALSE(secret_one);
  EXPECT_THAT(secret_one.error().what, Not(HasSubstr(some_key)));
}

TEST(KeyFile, IsWrittenForItsOwnerAloneAndReadBack) {
  const key_folder folder;
  client_rights rights;
  rights.name = "probe";
  rights.ingest = rights.feed = true;
  rights.entities = {"host/"};
  rights.events_per_second = 10;
  rights.max_entities = 3;
  rights.expiry = arrival_time_of(1801353600000);
  const auto made = write_new_keys(folder.path, rights);
  ASSERT_TRUE(made) << made.error().what;
  EXPECT_EQ(mode_of(folder.path / "probe.secret"), 0600U);
  EXPECT_EQ(mode_of(folder.path / "probe.pub"), 0644U);
  const auto identity = load_identity(folder.path / "probe.secret");
  ASSERT_TRUE(identity) << identity.error().what;
  EXPECT_EQ(identity->public_key, made->public_key);
  const auto all = load_clients(folder.path);
  ASSERT_TRUE(all) << all.error().what;
  const auto* read = all->find(made->public_key);
  ASSERT_NE(read, nullptr);
  EXPECT_EQ(client_text(*read), client_text(*made));
  EXPECT_EQ(read->expiry, rights.expiry);
}

TEST(KeyFile, OfAClientIsReadAsItWasWritten) {
  const key_folder folder;
  client_rights rights;
  rights.name = "probe";
  rights.endpoint = "tcp://127.0.0.1:7801";
  rights.events_per_second = 1234567.5;
  const auto made = write_new_keys(folder.path, rights);
  ASSERT_TRUE(made) << made.error().what;
  const auto all = load_clients(folder.path);
  ASSERT_TRUE(all) << all.error().what;
  const auto* read = all->find(made->public_key);
  ASSERT_NE(read, nullptr);
  EXPECT_EQ(read->endpoint, rights.endpoint);
  EXPECT_DOUBLE_EQ(read->events_per_second, rights.events_per_second);
  for (const char* wrong : {"all\"tcp://12:9\"", "tcp://a:1\"\n    allow = \"feed", "somewhere"}) {
    rights.name = "other";
    rights.endpoint = wrong;
    EXPECT_EQ(write_new_keys(folder.path, rights).error().code, ec::invalid) << wrong;
  }
}

TEST(KeyFile, ThatIsThereIsNotOverwritten) {
  const key_folder folder;
  client_rights rights;
  rights.name = "probe";
  const auto first = write_new_keys(folder.path, rights);
  ASSERT_TRUE(first);
  EXPECT_FALSE(write_new_keys(folder.path, rights));
  EXPECT_EQ(load_identity(folder.path / "probe.secret")->public_key, first->public_key);
  rights.name = "../probe";
  EXPECT_EQ(write_new_keys(folder.path, rights).error().code, ec::invalid);
}

TEST(KeyFile, OfASecretThatOthersMayReadIsRefused) {
  const key_folder folder;
  const auto file = folder.pair("server");
  for (const mode_t open : {0640, 0604, 0622}) {
    ASSERT_EQ(::chmod(file.c_str(), open), 0);
    const auto read = load_identity(file);
    ASSERT_FALSE(read) << open;
    EXPECT_THAT(read.error().what, HasSubstr("chmod 600"));
  }
  ASSERT_EQ(::chmod(file.c_str(), 0400), 0);
  EXPECT_TRUE(load_identity(file));
}

TEST(KeyFile, ThatIsALinkOrNoFileIsRefused) {
  const key_folder folder;
  const auto file = folder.pair("server");
  std::filesystem::create_symlink(file, folder.path / "link.secret");
  EXPECT_THAT(load_identity(folder.path / "link.secret").error().what, HasSubstr("symbolic link"));
  EXPECT_EQ(load_identity(folder.path).error().code, ec::invalid);
  EXPECT_EQ(load_identity(folder.path / "none").error().code, ec::io_failed);
  ASSERT_EQ(::mkfifo((folder.path / "pipe").c_str(), 0600), 0);
  EXPECT_EQ(load_identity(folder.path / "pipe").error().code, ec::invalid);
}

TEST(KeyFile, OfSystemdMayBeReadableByItsGroup) {
  const key_folder folder;
  const auto file = folder.pair("server");
  ASSERT_EQ(::chmod(file.c_str(), 0440), 0);
  EXPECT_FALSE(load_identity(file));
  ::setenv("CREDENTIALS_DIRECTORY", folder.path.c_str(), 1);
  EXPECT_TRUE(load_identity(file));
  ASSERT_EQ(::chmod(file.c_str(), 0444), 0);
  EXPECT_FALSE(load_identity(file));
  ::unsetenv("CREDENTIALS_DIRECTORY");
}

TEST(KeyFile, OfClientsThatOthersMayWriteIsRefused) {
  const key_folder folder;
  folder.add("probe", true, false);
  EXPECT_TRUE(load_clients(folder.clients()));
  ASSERT_EQ(::chmod((folder.clients() / "probe.pub").c_str(), 0664), 0);
  EXPECT_THAT(load_clients(folder.clients()).error().what, HasSubstr("probe.pub"));
}

TEST(KeyFile, TwoFilesOfOneKeyAreRefused) {
  const key_folder folder;
  folder.add("probe", true, false);
  std::filesystem::copy_file(folder.clients() / "probe.pub", folder.clients() / "again.pub");
  EXPECT_EQ(load_clients(folder.clients()).error().code, ec::invalid);
}

TEST(KeyFile, OfTwoKeysThatAreNoPairIsRefused) {
  const key_folder folder;
  const auto one = new_identity(), other = new_identity();
  std::ofstream{folder.path / "mixed.secret"} << "curve\n    public-key = \"" << one.public_key
                                              << "\"\n    secret-key = \""
                                              << other.secret_key.reveal() << "\"\n";
  ASSERT_EQ(::chmod((folder.path / "mixed.secret").c_str(), 0600), 0);
  const auto read = load_identity(folder.path / "mixed.secret");
  ASSERT_FALSE(read);
  EXPECT_THAT(read.error().what, HasSubstr("not a pair"));
  EXPECT_THAT(read.error().what, Not(HasSubstr(std::string{other.secret_key.reveal()})));
}

TEST(Access, TellsWhenSomebodyLostTheFeed) {
  const auto of = [](bool feed, std::optional<arrival_time> expiry) {
    client_rights c;
    c.public_key = some_key;
    c.feed = feed;
    c.expiry = expiry;
    access_list list;
    list.add(c);
    return list;
  };
  const auto t = [](int ms) { return arrival_time_of(ms); };
  const auto may = of(true, std::nullopt);
  EXPECT_FALSE(somebody_lost_the_feed(may, t(0), may, t(1)));
  EXPECT_TRUE(somebody_lost_the_feed(may, t(0), access_list{}, t(1)));
  EXPECT_TRUE(somebody_lost_the_feed(may, t(0), of(false, std::nullopt), t(1)));
  EXPECT_FALSE(somebody_lost_the_feed(of(false, std::nullopt), t(0), access_list{}, t(1)));
  const auto ends = of(true, t(5));
  EXPECT_FALSE(somebody_lost_the_feed(ends, t(0), ends, t(4)));
  EXPECT_TRUE(somebody_lost_the_feed(ends, t(4), ends, t(5)));
  EXPECT_FALSE(somebody_lost_the_feed(ends, t(5), ends, t(6)));
}

}  // namespace
}  // namespace faultline
