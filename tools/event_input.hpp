// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <istream>
#include <memory>
#include <string>
#include <vector>

#include "messages/event_codec.hpp"
#include "messages/outcome.hpp"

namespace faultline {

/// One event on its way to a server, encoded.
struct input_event {
  std::string bytes;
  wire_encoding encoding = wire_encoding::msgpack;
  std::uint64_t line = 0;  ///< where it stands in its file, from 1; 0 = nowhere
  event_time ts{};         ///< for pacing; 0 where it is not known
};

/// Where events come from. Told apart from what they are: a line that holds no event goes to
/// `on_fault` and is passed over, and the next one is tried.
class event_input {
public:
  virtual ~event_input() = default;
  /// The next event into @p out; false at the end.
  virtual outcome<bool> next(input_event& out) = 0;
  /// How far it is, of total(), in units of its own. total() 0: not known.
  virtual std::uint64_t done() const = 0;
  virtual std::uint64_t total() const = 0;

  std::function<void(std::uint64_t line, const std::string& why)> on_fault;
};

/// Passes over the mark of UTF-8 that Excel and PowerShell begin a file with, if it is there.
void skip_utf8_mark(std::istream& in);

/// csv  := "ts" ("," name)+ "\n" (row "\n")*    ts in Unix milliseconds
/// row  := ts ("," number?)*                    empty = missing
struct csv_input_options {
  std::string entity;                 ///< "kind/name", every row is about it
  std::vector<std::string> counters;  ///< these columns are monotonic counters
};

/// Reads the header at once. @returns ec::malformed when it is none, ec::invalid when a counter is
/// no column or no entity is named.
outcome<std::unique_ptr<event_input>> csv_input(std::shared_ptr<std::istream> in,
                                                const csv_input_options& options,
                                                std::uint64_t bytes = 0);

/// One JSON event in each line, as in the wire contract. Lines without text are passed over.
/// Whether an event breaks a rule is for the server to say; what is no JSON object is a fault here.
std::unique_ptr<event_input> json_lines_input(std::shared_ptr<std::istream> in,
                                              std::uint64_t bytes = 0);

}  // namespace faultline
