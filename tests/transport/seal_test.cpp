// SPDX-License-Identifier: Apache-2.0
#include "transport/seal.hpp"

#include <sys/stat.h>

#include <fstream>
#include <sstream>

#include <gmock/gmock.h>

#include "tests/transport/key_folder.hpp"
#include "transport/key_file.hpp"
#include "transport/tokens.hpp"

namespace faultline {
namespace {

using ::testing::HasSubstr;
using testing::key_folder;
using ::testing::StartsWith;

const arrival_time now = arrival_time_of(1'800'000'000'000);

std::string text_of(const std::filesystem::path& file) {
  std::ostringstream text;
  text << std::ifstream{file}.rdbuf();
  return text.str();
}

/// A client with rights of every kind, as keygen writes it.
std::string sealed_client() {
  client_rights rights;
  rights.name = "probe";
  rights.public_key = new_identity().public_key;
  rights.ingest = true;
  rights.entities = {"host/"};
  rights.events_per_second = 10;
  rights.max_entities = 3;
  rights.expiry = now;
  return sealed(client_text(rights));
}

TEST(Seal, IsTheSha256OfWhatStandsBehindIt) {
  EXPECT_EQ(sealed("hello\n"),
            "# sealed 5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03\nhello\n");
  EXPECT_EQ(sealed(sealed("hello\n")), sealed("hello\n"));
  EXPECT_TRUE(check_seal(sealed("hello\n")));
  EXPECT_FALSE(check_seal(sealed("hello\n") + "x"));
}

TEST(Seal, OfATextThatHasNoneIsNotAskedForButOneThatIsCutOffIsRefused) {
  EXPECT_TRUE(check_seal("curve\n"));
  for (const char* cut : {"# sealed ", "# sealed 5891"}) EXPECT_FALSE(check_seal(cut));
}

TEST(Seal, NoBitOfAClientsFileAndNoMissingEndIsAnotherRightThatNobodyIsToldOf) {
  const std::string whole = sealed_client();
  const auto good = read_client(whole, "probe");
  ASSERT_TRUE(good) << good.error().what;
  for (std::size_t bit = 0; bit < 8 * whole.size(); ++bit) {
    std::string turned = whole;
    turned[bit / 8] = static_cast<char>(turned[bit / 8] ^ 1 << bit % 8);
    const auto read = read_client(turned, "probe");
    EXPECT_TRUE(!read || client_text(*read) == client_text(*good) || !check_seal(turned)) << turned;
  }
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto cut = whole.substr(0, size);
    EXPECT_TRUE(!read_client(cut, "probe") || !check_seal(cut)) << size;
  }
}

TEST(Seal, NoBitOfAFileOfTokensAndNoMissingEndIsAnotherRightThatNobodyIsToldOf) {
  const std::string whole = sealed("eve viewer " + std::string(64, 'a') +
                                   " 2099-01-31\nbob admin " + std::string(64, 'b') + "\n");
  const auto good = read_tokens(whole);
  ASSERT_TRUE(good) << good.error().what;
  for (std::size_t bit = 0; bit < 8 * whole.size(); ++bit) {
    std::string turned = whole;
    turned[bit / 8] = static_cast<char>(turned[bit / 8] ^ 1 << bit % 8);
    const auto read = read_tokens(turned);
    EXPECT_TRUE(!read || (read->size() == 2 && read->changes_since(*good).empty()) ||
                !check_seal(turned))
        << turned;
  }
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto cut = whole.substr(0, size);  // no token at all is told by the server
    const auto read = read_tokens(cut);
    EXPECT_TRUE(!read || read->size() == 0 || !check_seal(cut)) << size;
  }
}

TEST(Seal, OfFilesThatWereChangedByHandIsGivenAndTheyAreTakenAllTheSame) {
  const key_folder folder;
  client_rights rights;
  rights.name = "probe";
  rights.ingest = true;
  ASSERT_TRUE(write_new_keys(folder.path, rights));
  const auto file = folder.path / "probe.pub";
  EXPECT_THAT(text_of(file), StartsWith("# sealed "));
  std::ofstream{file, std::ios::app} << "    max-entities = \"7\"\n";
  const auto edited = load_clients(folder.path);
  ASSERT_TRUE(edited) << edited.error().what;
  EXPECT_EQ(edited->all().begin()->second.max_entities, 7U);
  EXPECT_FALSE(check_seal(text_of(file)));
  const auto grants = seal_file(file);
  ASSERT_TRUE(grants) << grants.error().what;
  EXPECT_THAT(*grants, HasSubstr("max-entities = \"7\""));
  const auto read = load_clients(folder.path);
  ASSERT_TRUE(read) << read.error().what;
  EXPECT_EQ(read->all().begin()->second.max_entities, 7U);
  EXPECT_TRUE(check_seal(text_of(file)));
}

TEST(Seal, IsNotGivenToWhatCannotBeRead) {
  const key_folder folder;
  const auto file = folder.path / "tokens";
  ASSERT_TRUE(create_token(file, {"eve", web_role::viewer, std::nullopt}));
  std::ofstream{file, std::ios::app} << "bob root\n";
  const auto before = text_of(file);
  EXPECT_FALSE(seal_file(file));
  EXPECT_EQ(text_of(file), before);
}

TEST(Seal, OfAFileOfTokensComesWithEachAndItsPermissionsStay) {
  const key_folder folder;
  const auto file = folder.path / "tokens";
  ASSERT_TRUE(create_token(file, {"eve", web_role::viewer, std::nullopt}));
  ASSERT_EQ(::chmod(file.c_str(), 0400), 0);
  const auto second = create_token(file, {"bob", web_role::admin, std::nullopt});
  ASSERT_TRUE(second) << second.error().what;
  EXPECT_THAT(text_of(file), StartsWith("# sealed "));
  struct stat s {};
  ASSERT_EQ(::stat(file.c_str(), &s), 0);
  EXPECT_EQ(s.st_mode & 0777, 0400U);
  const auto list = load_tokens(file);
  ASSERT_TRUE(list) << list.error().what;
  EXPECT_EQ(list->size(), 2U);
  EXPECT_EQ(list->find(second->reveal(), now)->name, "bob");
  std::ofstream{file, std::ios::trunc} << "carl viewer "
                                       << std::string(64, 'c');  // by hand, no end of line
  ASSERT_EQ(::chmod(file.c_str(), 0600), 0);
  ASSERT_TRUE(create_token(file, {"dora", web_role::viewer, std::nullopt}));
  EXPECT_EQ(load_tokens(file)->size(), 2U);
}

}  // namespace
}  // namespace faultline
