// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lab/recording.hpp"
#include "messages/outcome.hpp"
#include "messages/request.hpp"
#include "tools/commands.hpp"
#include "tools/event_input.hpp"

namespace faultline {

/// How events get to a server. The texts are as typed.
struct sending_options {
  std::string endpoint;  ///< empty: port 7802, or 7801 without acknowledgement
  std::string publisher = "faultline-cli";
  std::string epoch;          ///< empty: a new one
  std::size_t batch = 512;    ///< events in a request
  std::size_t window = 16;    ///< requests under way
  bool moved_to_now = false;  ///< time stamps are not those of the recording
  bool fire_and_forget = false;
  std::string timeout = "30s";  ///< without any sign of the server
};

/// How fast a recording goes out, and at which time it happens.
struct replay_pace {
  double speed = 0;        ///< event time per wall time; 0: as fast as it is acknowledged
  bool keep_time = false;  ///< stamps as they stand
  bool start_now = false;  ///< its start is now; otherwise its end is
};

/// What became of the events. sent == accepted + rejected once all is answered (with
/// fire-and-forget nobody answers: accepted stays 0).
struct sending_summary {
  std::uint64_t sent = 0;
  std::uint64_t accepted = 0;
  std::uint64_t rejected = 0;    ///< by the server
  std::uint64_t unreadable = 0;  ///< lines that hold no event: not sent
  std::uint64_t requests = 0;
  std::uint64_t duplicates = 0;  ///< requests sent again that had been taken; count as accepted
  std::map<std::string, std::uint64_t> by_reason;
  std::vector<std::string> examples;  ///< the first few, with their lines
  double seconds = 0;
};

/// Gathers events into requests and keeps several under way.
class event_sender {
public:
  /// @p keys: none where the server asks for none.
  static outcome<std::unique_ptr<event_sender>> open(const sending_options& options,
                                                     std::shared_ptr<const curve_keys> keys);
  virtual ~event_sender() = default;
  /// Gathers @p event; sends a request when it is full.
  virtual outcome<void> add(const input_event& event) = 0;
  /// Sends what is gathered.
  virtual outcome<void> flush() = 0;
  /// Takes answers for @p time.
  virtual outcome<void> wait(milliseconds time) = 0;
  /// Sends what is gathered and waits for all answers.
  virtual outcome<void> finish() = 0;
  /// Notes a line that holds no event.
  virtual void note_fault(std::uint64_t line, const std::string& why) = 0;
  virtual const sending_summary& summary() const = 0;
};

/// Sends everything of @p input at the pace of @p speed (0: as fast as it is acknowledged), with a
/// progress bar named @p what.
outcome<void> send_all(event_input& input, event_sender& sender, double speed,
                       const std::string& what);

/// Sends @p t as `faultline replay` does and prints the summary. @returns an exit code.
int replay_telemetry(const telemetry& t, const replay_pace& pace, sending_options options,
                     const command_session& session);

/// The summary for people or programs, with what to do about what was rejected.
std::string summary_text(const sending_summary& s, const sending_options& options,
                         output_format format);

/// Puts one answer into @p s: @p lines are those of the request's events, in order.
void count_reply(const publish_reply& reply, const std::vector<std::uint64_t>& lines,
                 sending_summary& s);

void add_sending_options(CLI::App& command, sending_options& options);
void add_pace_options(CLI::App& command, replay_pace& pace);

}  // namespace faultline
