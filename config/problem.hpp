// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace faultline {

/// One thing that is wrong with a file, so exactly that an editor can jump to it.
struct config_problem {
  std::string file;
  int line = 0;     ///< from 1; 0: the file as a whole
  int column = 0;   ///< from 1
  std::string key;  ///< "processing.tick"; empty: none
  std::string text;
};

/// "faultline.yaml:12:3: processing.tik: unknown key; did you mean tick?"
std::string to_string(const config_problem& problem);
/// All of them, in one line.
std::string to_string(const std::vector<config_problem>& problems);

/// Where in a file something stands; both from 1.
struct config_place {
  int line = 0;
  int column = 0;
};

/// What a file holds, or everything that is wrong with it.
template <class T>
struct [[nodiscard]] loaded {
  std::optional<T> value;                ///< nothing when there are problems
  std::vector<config_problem> problems;  ///< in the order of the file
  /// Of its keys and of the items of its lists: "processing.tick", "maintenance[0]".
  std::map<std::string, config_place> places;

  explicit operator bool() const noexcept { return value.has_value(); }
  T& operator*() noexcept { return *value; }  ///< @pre *this
  const T& operator*() const noexcept { return *value; }
  const T* operator->() const noexcept { return &*value; }
};

}  // namespace faultline
