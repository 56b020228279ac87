// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "tools/commands.hpp"

namespace faultline {

/// A server that a bench starts for itself.
struct own_server_options {
  std::string faultlined;  ///< program; empty: the one beside us
  std::string directory;   ///< of the store; empty: the system's temporary directory
  std::string config;      ///< file with further lines of YAML for the server
  bool keep = false;       ///< leave its directory behind
};

/// `bench ingest`: what one node takes, publisher on the same machine included.
struct ingest_bench_options {
  // Every combination of these is a run of its own; those whose payload is too large are skipped.
  std::vector<std::size_t> entities{10'000};
  std::vector<std::size_t> metrics{8};
  std::vector<std::size_t> batch{512};  ///< rows in a message
  std::uint64_t seconds = 20;
  std::size_t publishers = 1;  ///< with acknowledgement
  std::size_t push = 0;        ///< PUSH publishers
  std::size_t pub = 0;         ///< PUB publishers that the server subscribes to
  double rate = 0;             ///< observations a second, all publishers together; 0: flat out
  double zipf = 0;             ///< see bench_rows::set_zipf
  std::size_t active = 0;      ///< entities in a tick, the others silent; 0: all
  std::size_t churn = 0;       ///< of these, how many give place to others with every tick
  std::size_t window = 16;     ///< requests under way, of each publisher
  std::size_t probes = 16;     ///< entities whose alerts tell how long a decision takes
  std::size_t warm_up_ticks = 12;
  std::string plot;  ///< directory for diagrams; empty: none
  std::uint64_t seed = 1;
  own_server_options server;
};
int run_ingest_bench(const ingest_bench_options& options, output_format format);

/// `bench generate`: load for a server that runs, from messages that were encoded before the first
/// is sent, so that the sender costs little beside what it sends to. Events carry no time: the
/// server gives them that of their arrival.
struct generate_bench_options {
  std::string router, pull;       ///< endpoints of the server
  std::vector<std::string> bind;  ///< endpoints of ours, a PUB publisher each
  std::size_t publishers = 1;     ///< with acknowledgement
  std::size_t push = 0;           ///< PUSH publishers
  double seconds = 10;
  double rate = 0;  ///< events a second, all publishers together; 0: flat out
  std::size_t entities = 10'000;
  std::size_t metrics = 8;
  double zipf = 0;           ///< exponent; 0: every entity as often as the others
  std::size_t batch = 512;   ///< events in a message
  std::size_t prepare = 64;  ///< messages encoded beforehand
  std::size_t window = 16;   ///< requests under way, of each publisher
  bool unheeding = false;    ///< go on after `retry`, and never send again
  std::string name = "bench", prefix;
  std::uint64_t seed = 1;
};
int run_generate_bench(const generate_bench_options& options, const command_session& session);
/// Its messages, msgpack. Fails: ec::invalid when one would be larger than a payload may be.
outcome<std::vector<std::string>> prepared_payloads(const generate_bench_options& options);

/// `bench recovery`: a server that is killed under load and started again.
struct recovery_bench_options {
  std::size_t entities = 10'000;
  std::size_t metrics = 8;
  std::uint64_t seconds = 5;    ///< of load before the kill
  std::size_t fill_ticks = 12;  ///< that create the entities
  std::size_t active = 0;       ///< entities at a time, the others silent; 0: all
  std::size_t batch = 512;      ///< rows in a request
  std::size_t window = 16;      ///< requests under way
  std::uint64_t seed = 1;
  own_server_options server;
};
int run_recovery_bench(const recovery_bench_options& options, output_format format);

/// `bench memory`: what an active entity takes, of a server of our own.
struct memory_bench_options {
  std::size_t entities = 100'000;
  std::size_t metrics = 8;
  std::size_t ticks = 100;  ///< rows of each entity: more than the window of 64 holds
  std::size_t batch = 512;  ///< rows in a request
  std::size_t window = 16;  ///< requests under way
  std::uint64_t seed = 1;
  own_server_options server;
};
int run_memory_bench(const memory_bench_options& options, output_format format);

/// `bench lstm`: one step of the forecaster per row, by batch.
struct lstm_bench_options {
  std::string model;  ///< empty: the shipped one
  std::vector<std::size_t> batches{1, 64, 256};
  double seconds = 1;  ///< for each batch
};
int run_lstm_bench(const lstm_bench_options& options, output_format format);

/// `bench rca`: from what the entities of an incident answered to its ranked causes, by how many
/// they are.
struct rca_bench_options {
  std::string model;  ///< of the ranker; empty: the shipped one
  std::vector<std::size_t> entities{10, 50, 200};
  double seconds = 1;  ///< for each size
};
int run_rca_bench(const rca_bench_options& options, output_format format);

/// `bench logs`: log lines through one template miner on one core, those of some fifty statements
/// (or of a file), and lines no two of which are alike.
struct logs_bench_options {
  std::string file;  ///< empty: lines of ours
  std::size_t lines = 100'000;
  double seconds = 2;  ///< for each kind
  std::uint64_t seed = 1;
};
int run_logs_bench(const logs_bench_options& options, output_format format);

/// A file that comes with the program, such as models/lstm.flm: in the working directory, or where
/// it lies beside us in the repository or in an installation. Absolute.
std::optional<std::filesystem::path> find_shipped(const std::string& name);

/// The values at shares @p of (0..1) of @p values, by nearest rank; zeros where there are none.
/// Sorts @p values.
std::vector<double> percentiles(std::vector<double>& values, const std::vector<double>& of);

/// Sum over all series of @p name in Prometheus text; @p label, if not empty, must stand among the
/// labels as it is written there: as="taken".
double metric_sum(const std::string& text, const std::string& name, const std::string& label = {});

}  // namespace faultline
