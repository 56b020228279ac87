// SPDX-License-Identifier: Apache-2.0
#include "inference/model_file.hpp"

#include <gtest/gtest.h>
#include <sodium.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <random>

#include "tests/inference/made_models.hpp"
#include "tests/support/scratch_directory.hpp"

namespace faultline {
namespace {

std::string encoded() { return *encode_model(test::random_forecaster(3)); }

/// Gives changed bytes a digest that fits, as only a hostile writer would.
std::string sealed(std::string bytes) {
  const std::size_t body = bytes.size() - crypto_hash_sha256_BYTES;
  crypto_hash_sha256(reinterpret_cast<unsigned char*>(bytes.data()) + body,
                     reinterpret_cast<const unsigned char*>(bytes.data()), body);
  return bytes;
}

std::string mutated(std::string bytes, std::mt19937_64& rng) {
  const std::size_t at = rng() % bytes.size();
  switch (rng() % 5) {
    case 0:
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << (rng() % 8)));
      break;
    case 1:
      bytes.resize(at);
      break;
    case 2:
      bytes.insert(at, std::string(1 + rng() % 9, static_cast<char>(rng())));
      break;
    case 3:
      bytes.erase(at, 1 + rng() % 64);
      break;
    default:  // another value, never the same
      bytes[at] = static_cast<char>(bytes[at] + 1 + static_cast<char>(rng() % 255));
  }
  return bytes;
}

TEST(ModelFile, GivesBackWhatWasWritten) {
  const testing::scratch_directory folder;
  const auto file = folder.path() / "m.flm";
  const model_content content = test::random_forecaster(3);
  ASSERT_TRUE(write_model_file(file, content));
  const auto loaded = load_model_file(file, model_kind::forecaster);
  ASSERT_TRUE(loaded) << loaded.error().what;
  ASSERT_EQ(loaded->content.tensors.size(), content.tensors.size());
  for (std::size_t i = 0; i < content.tensors.size(); ++i) {
    EXPECT_EQ(loaded->content.tensors[i].name, content.tensors[i].name);
    EXPECT_EQ(loaded->content.tensors[i].shape, content.tensors[i].shape);
    EXPECT_EQ(loaded->content.tensors[i].values, content.tensors[i].values);
  }
  EXPECT_EQ(loaded->content.description.measures.at("loss"), 1.5);
  EXPECT_EQ(loaded->identity.name, "random");
  EXPECT_EQ(loaded->identity.sha256.size(), 64U);
}

TEST(ModelFile, NoneOfFiveHundredDamagedFilesIsAccepted) {
  const std::string good = encoded();
  std::mt19937_64 rng{17};
  for (int i = 0; i < 500; ++i) {
    const std::string bad = mutated(good, rng);
    ASSERT_NE(bad, good);
    const auto content = decode_model(bad);
    ASSERT_FALSE(content) << "mutation " << i;
    EXPECT_EQ(content.error().code, ec::malformed);
  }
  EXPECT_TRUE(decode_model(good));
}

TEST(ModelFile, DamageUnderAFittingDigestIsReadWithoutHarm) {
  const std::string good = encoded();
  std::mt19937_64 rng{18};
  std::size_t refused = 0;
  for (int i = 0; i < 1000; ++i) {
    std::string bad = mutated(good, rng);
    if (bad.size() < crypto_hash_sha256_BYTES) continue;
    const auto content = decode_model(sealed(std::move(bad)));
    if (!content) {
      ++refused;
      continue;
    }
    // Only weights and free words can differ now: what is accepted is whole and finite.
    for (const model_tensor& t : content->tensors) {
      std::size_t n = 1;
      for (const auto d : t.shape) n *= d;
      ASSERT_EQ(t.values.size(), n);
      for (const float v : t.values) ASSERT_TRUE(std::isfinite(v));
    }
  }
  EXPECT_GT(refused, 500U);
}

TEST(ModelFile, EveryTruncationIsRefused) {
  const std::string good = encoded();
  for (std::size_t n = 0; n < good.size(); n += n < 2000 ? 1 : 997) {
    ASSERT_FALSE(decode_model(std::string_view{good}.substr(0, n))) << n;
  }
}

TEST(ModelFile, AnAbsurdShapeIsRefusedBeforeAnythingIsAllocated) {
  const std::string good = encoded();
  const std::string name = "lstm.weight_input";
  const std::size_t at = good.find(name);
  ASSERT_NE(at, std::string::npos);
  std::string bad = good;
  std::memset(bad.data() + at + name.size() + 1, 0xff, 8);  // 2^32-1 by 2^32-1
  const auto content = decode_model(sealed(bad));
  ASSERT_FALSE(content);
  EXPECT_EQ(content.error().code, ec::malformed);
  EXPECT_NE(content.error().what.find("larger than a file may be"), std::string::npos);
}

TEST(ModelFile, HeaderClaimsBeyondTheLimitsAreRefused) {
  std::string many = encoded();
  std::memset(many.data() + 20, 0x7f, 4);  // tensor count
  EXPECT_EQ(decode_model(sealed(many)).error().code, ec::too_large);
  std::string newer = encoded();
  newer[8] = 2;
  EXPECT_EQ(decode_model(sealed(newer)).error().code, ec::unknown_version);
  std::string kind = encoded();
  kind[12] = 9;
  EXPECT_EQ(decode_model(sealed(kind)).error().code, ec::malformed);
}

TEST(ModelFile, AWeightThatIsNotANumberIsNeitherWrittenNorRead) {
  model_content content = test::random_forecaster(3);
  std::string bytes = *encode_model(content);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::memcpy(bytes.data() + bytes.size() - crypto_hash_sha256_BYTES - 4, &nan, 4);
  EXPECT_EQ(decode_model(sealed(bytes)).error().code, ec::model_failed);
  content.tensors[0].values[0] = nan;
  EXPECT_EQ(encode_model(content).error().code, ec::invalid);
}

TEST(ModelFile, DeeplyNestedMetadataIsRefused) {
  const std::string good = encoded();
  std::string nested(200000, '[');
  std::string bytes = good.substr(0, 24);
  const auto size = static_cast<std::uint32_t>(nested.size());
  std::memcpy(bytes.data() + 16, &size, 4);
  bytes += nested + std::string(crypto_hash_sha256_BYTES, '\0');
  const auto content = decode_model(sealed(bytes));
  ASSERT_FALSE(content);
  EXPECT_EQ(content.error().code, ec::malformed);
}

TEST(ModelFile, TheCardNamesEverythingButTheWeights) {
  const testing::scratch_directory folder;
  const auto file = folder.path() / "m.flm";
  test::write_random_forecaster(file, 3);
  const auto card = read_model_card(file);
  ASSERT_TRUE(card) << card.error().what;
  EXPECT_EQ(card->kind, model_kind::forecaster);
  EXPECT_EQ(card->description.version, "1");
  EXPECT_EQ(card->tensors.size(), static_cast<std::size_t>(lstm::tensor_count));
  EXPECT_EQ(card->parameters, 8549U);
  EXPECT_EQ(card->file_bytes, std::filesystem::file_size(file));
  EXPECT_EQ(card->sha256, load_model_file(file, model_kind::forecaster)->identity.sha256);
  EXPECT_NE(card->metadata.find("\"training_data\""), std::string::npos);
}

TEST(ModelFile, AMissingFileOrAFolderIsSaidSo) {
  const testing::scratch_directory folder;
  EXPECT_EQ(read_model_card(folder.path() / "none.flm").error().code, ec::not_found);
  EXPECT_EQ(read_model_card(folder.path()).error().code, ec::io_failed);
  std::ofstream{folder.path() / "empty.flm"};
  EXPECT_EQ(read_model_card(folder.path() / "empty.flm").error().code, ec::malformed);
}

TEST(ModelFile, AFileOfAnotherKindIsNotLoaded) {
  const testing::scratch_directory folder;
  const auto file = folder.path() / "m.flm";
  test::write_random_forecaster(file, 3);
  EXPECT_EQ(load_model_file(file, model_kind::ranker).error().code, ec::model_failed);
}

TEST(ModelFile, ATooLargeFileIsNotRead) {
  const testing::scratch_directory folder;
  const auto file = folder.path() / "large.flm";
  std::ofstream{file};
  std::filesystem::resize_file(file, model_limits::file_bytes + 1);
  EXPECT_EQ(read_model_card(file).error().code, ec::too_large);
}

}  // namespace
}  // namespace faultline
