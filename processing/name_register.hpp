// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "messages/outcome.hpp"
#include "processing/options.hpp"

namespace faultline {

/// Names that were given to an entity since its last row, to be kept beyond the process.
struct name_row {
  std::string entity;
  std::size_t first = 0;  ///< how many it had before: rows of an entity are in order by it
  std::string bytes;      ///< see encode_names()
};

/// A name, by hashes.
struct given_name {
  std::uint64_t name = 0;
  std::uint64_t family = 0;  ///< 0: it has no labels
  std::uint32_t source = 0;
};
/// row := version(u8 = 1) { name(u64) family(u64) source(u32) }*
std::string encode_names(const std::vector<given_name>& names);
/// Fails: ec::malformed, ec::unknown_version.
outcome<std::vector<given_name>> decode_names(std::string_view row);

/// Which names each entity has by other tools: the first that came, up to naming.max_metrics, of
/// these max_series_per_metric with one family and other labels. Kept in rows, so that the same
/// ones are watched after a restart.
///
/// Lives:  one per sample_namer, on its thread.
/// Limits: `most_names` names in memory over all entities; beyond it all are forgotten, and an
///         entity's read from its rows again when it is next heard of.
class name_register {
public:
  static constexpr std::size_t most_names = std::size_t{1} << 21;
  static constexpr std::size_t most_waiting = 65'536;  ///< entities with rows to be kept

  enum class claim : std::uint8_t { granted, of_another, too_many };
  /// Rows of an entity, in their order. Asked once for each entity.
  using loader = std::function<std::vector<std::string>(std::string_view entity)>;

  explicit name_register(const naming_options& options)
      : most_{options.max_metrics}, most_series_{options.max_series_per_metric} {}

  /// Without it everybody begins without a name.
  void load_by(loader rows) { load_ = std::move(rows); }
  /// Whether @p name, of @p family and other labels where they differ, is one that @p entity has
  /// from @p source, or may have. 0 is any source.
  claim may_have(std::string_view entity, std::string_view family, std::string_view name,
                 std::uint32_t source);
  /// Whether it was granted. Of an entity that may_have() was asked about.
  bool has(std::string_view entity, std::string_view name) const;
  /// Rows of names given since the last call, of those entities that are @p known, by the hash of
  /// their names. What others were given is taken back, unless they @p may_come.
  std::vector<name_row> take_rows(const std::function<bool(std::uint64_t)>& known, bool may_come);
  /// The rows of an entity that is gone: what they say is forgotten.
  void forget(std::string_view entity, const std::vector<std::string>& rows);
  bool has_rows() const noexcept { return !waiting_.empty(); }

private:
  void know(std::string_view entity, std::uint64_t owner);
  struct waiting_row {
    std::string entity;
    std::size_t first = 0;
    std::vector<given_name> names;
  };
  void add(std::uint64_t owner, const given_name& n);
  void remove(std::uint64_t owner, const std::vector<given_name>& names);

  const std::size_t most_, most_series_;
  loader load_;
  std::unordered_map<std::uint64_t, std::uint32_t> names_;     ///< to the source that has it
  std::unordered_map<std::uint64_t, std::uint16_t> names_of_;  ///< entity, or entity and family
  std::unordered_map<std::uint64_t, waiting_row> waiting_;     ///< by entity
};

}  // namespace faultline
