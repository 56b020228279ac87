// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "inference/forecaster.hpp"
#include "messages/outcome.hpp"

namespace faultline {

/// What a model file is for. The number stands in the file and never changes its meaning.
enum class model_kind : std::uint32_t { forecaster = 1, ranker = 2 };

/// Name of @p kind as it stands in cards and messages: "forecaster", "ranker".
const char* to_string(model_kind kind) noexcept;

/// What a reader of model files accepts. Checked before anything is allocated.
namespace model_limits {
inline constexpr std::size_t file_bytes = std::size_t{64} << 20;
inline constexpr std::size_t metadata_bytes = std::size_t{256} << 10;
inline constexpr std::size_t tensors = 256;
inline constexpr std::size_t name_bytes = 64;
inline constexpr std::size_t rank = 4;
}  // namespace model_limits

/// One array of weights, row-major. values.size() is the product of shape.
struct model_tensor {
  std::string name;
  std::vector<std::uint32_t> shape;
  std::vector<float> values;
};

/// The words in a model file: what it is, what it saw, how well it did. All but name free to stay
/// empty; dates and revisions are handed in, the room has no clock.
struct model_description {
  std::string name;           ///< for example "lstm-h32"
  std::string version;        ///< human version
  std::string training_data;  ///< what it was trained on, in words
  std::string note;           ///< what a user should know before trusting it
  std::string date;           ///< of the training, ISO 8601
  std::string git_revision;   ///< of the code that trained it
  std::uint64_t seed = 0;
  std::map<std::string, double> measures;  ///< losses and scores by name; finite
};

/// A model file in memory.
struct model_content {
  model_kind kind = model_kind::forecaster;
  model_description description;
  std::vector<model_tensor> tensors;
};

/// Name and shape of one tensor, without its values.
struct tensor_summary {
  std::string name;
  std::vector<std::uint32_t> shape;
};

/// What `faultline model show` prints: the file without its weights.
struct model_card {
  std::uint32_t format_version = 0;
  model_kind kind = model_kind::forecaster;
  model_description description;
  std::vector<tensor_summary> tensors;
  std::uint64_t parameters = 0;  ///< floats in all tensors
  std::uint64_t file_bytes = 0;
  std::string sha256;    ///< of the whole file, 64 hex digits, what sha256sum prints
  std::string metadata;  ///< the JSON object of the file, as it stands there
};

/// The bytes of a model file. @returns ec::invalid when @p content breaks a limit or a value is not
/// finite.
outcome<std::string> encode_model(const model_content& content);

/// Reads what encode_model wrote. Strict: nothing missing, nothing left over, every float finite.
/// @returns ec::malformed, ec::unknown_version, ec::too_large, or ec::model_failed for weights that
/// are not finite.
outcome<model_content> decode_model(std::string_view bytes);

/// Writes beside @p file, syncs, renames: a reader sees the old file or the new one.
outcome<void> write_model_file(const std::filesystem::path& file, const model_content& content);

/// A decoded file and who it is.
struct loaded_model {
  model_content content;
  model_identity identity;
};

/// @returns what decode_model returns; ec::not_found or ec::io_failed when it cannot be read;
/// ec::model_failed when the file is of another kind.
outcome<loaded_model> load_model_file(const std::filesystem::path& file, model_kind kind);

/// Reads and checks the whole file, keeps everything but the weights. Needs no LibTorch.
outcome<model_card> read_model_card(const std::filesystem::path& file);

/// Shape that a model of this build must have.
struct expected_tensor {
  std::string_view name;
  std::vector<std::uint32_t> shape;
};

/// Exactly these tensors, in this order. @returns ec::model_failed that names the first difference.
outcome<void> check_tensors(const model_content& content,
                            const std::vector<expected_tensor>& expected);

}  // namespace faultline
