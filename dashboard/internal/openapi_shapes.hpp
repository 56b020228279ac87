// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

namespace faultline {

// What bodies of the API look like, in a line each:
// members of an object, "name: type, name?: type".
// "?" behind a name: it may be missing; behind a type: or null. A type is string, integer, number,
// boolean or any; [type] a list; {type} a map; one|two one of these words; Name an object that has
// one; Name|Other one of them; a media type such as text/html a text that is no JSON.

struct named_shape {
  const char* name;
  const char* members;
};

/// One operation: what it answers and what is sent to it, as members or as a name; empty: nothing.
struct operation_shape {
  std::string_view method;
  std::string_view path;
  const char* answer;
  const char* request = "";
};

const std::vector<named_shape>& named_shapes();
const std::vector<operation_shape>& operation_shapes();

}  // namespace faultline
