// SPDX-License-Identifier: Apache-2.0
#include "transport/decode/internal/bounded_json.hpp"

#include <exception>
#include <string>

#include <nlohmann/json.hpp>

namespace faultline {

namespace {

constexpr std::size_t most_values = 500'000;
constexpr int deepest = 64;

struct beyond_bounds final : std::exception {
  const char* what() const noexcept override { return "too many values, or too deep"; }
};

}  // namespace

outcome<nlohmann::json> parse_bounded_json(std::string_view text) {
  std::size_t values = 0;
  const auto count = [&values](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
    if (++values > 2 * most_values || depth > deepest) throw beyond_bounds{};
    return true;
  };
  try {
    return nlohmann::json::parse(text.begin(), text.end(), count);
  } catch (const beyond_bounds& e) {
    return failure{ec::too_large, e.what()};
  } catch (const nlohmann::json::parse_error& e) {
    return failure{ec::malformed, "the body is not JSON at byte " + std::to_string(e.byte)};
  } catch (const nlohmann::json::exception&) {  // a number that no double holds
    return failure{ec::malformed, "the body holds a number that is too large for a double"};
  }
}

}  // namespace faultline
