// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace faultline {

/// What a metric is about. The first eight are the forecaster's slots, in its order.
enum class metric_role : std::uint8_t {
  cpu = 0,
  memory,
  disk,
  network,
  saturation,
  traffic,
  errors,
  latency,
  none = 255
};
const char* to_string(metric_role) noexcept;

std::optional<metric_role> role_named(std::string_view text) noexcept;

/// A word that tells a role: lower case; up to three letters stand whole, longer ones may begin a
/// word. Two with a blank between them stand side by side in the name.
struct role_word {
  std::string word;
  metric_role role = metric_role::none;
  bool operator==(const role_word& o) const noexcept { return word == o.word && role == o.role; }
};

/// By which words metrics have roles; the first that stands in a name decides. Cheap to copy.
class role_table {
public:
  role_table() = default;  ///< the words built in, which are those of config/roles.yaml
  /// Words that are those built in, in their order, make the same table as none.
  explicit role_table(std::vector<role_word> words);
  /// Role by the words of a metric's name ("system.cpu.util", "http_requests_total"): whole words,
  /// the most telling first ("disk_io_latency"); counts and sums are no latency. Else none.
  metric_role role_of(std::string_view metric) const;
  bool built_in() const noexcept { return words_ == nullptr; }
  /// @pre !built_in()
  const std::vector<role_word>& words() const noexcept { return *words_; }
  bool operator==(const role_table& o) const noexcept {
    return words_ == o.words_ || (words_ && o.words_ && *words_ == *o.words_);
  }
  bool operator!=(const role_table& o) const noexcept { return !(*this == o); }

private:
  std::shared_ptr<const std::vector<role_word>> words_;
};

/// By the words built in, whatever the rules say: for names that must not change with them, and for
/// recordings.
metric_role role_of(std::string_view metric);

/// True where the words of the name say that the value is a share of a capacity.
bool names_a_share(std::string_view metric);

/// True where the name, without labels, is as those of monotonic counters are: _total, .total,
/// _count, .count, or an uptime that is no share.
bool names_a_counter(std::string_view metric) noexcept;

/// Kind of an entity ("service" of "service/cart") as one number in [0, 1] for the models.
float entity_class_of(std::string_view entity) noexcept;

}  // namespace faultline
