// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "messages/sample.hpp"
#include "processing/instance_rounds.hpp"
#include "processing/name_register.hpp"
#include "processing/options.hpp"
#include "processing/unit_book.hpp"

namespace faultline {

/// By which labels a source says whom it is about.
enum class naming_style : std::uint8_t {
  otel,        ///< semantic conventions: service.name, k8s.pod.name, host.name
  prometheus,  ///< pod, node, instance
  plain,       ///< host, service, pod: Influx, StatsD, collectd
};

/// Other names of things (naming.aliases), looked up without a copy.
class entity_aliases {
public:
  entity_aliases() = default;
  explicit entity_aliases(const std::map<std::string, std::string>& names)
      : names_{names.begin(), names.end()} {}
  bool empty() const noexcept { return names_.empty(); }
  /// The name that counts of what is called @p entity, or itself. The view lives as long as both.
  std::string_view of(std::string_view entity) const;

private:
  std::map<std::string, std::string, std::less<>> names_;
};

/// Entities of OpenTelemetry's semantic conventions, Prometheus' targets and plain tags, and the
/// names of their metrics: docs/wire-protocol.md, "Names of other tools".
///
/// Gathers metric samples into one event per entity and time; logs and spans become one event each.
/// Remembers which names each entity has (naming.max_metrics, max_series_per_metric), so that
/// labels without bound cannot become metrics without bound, and which dependencies it has told.
/// Of two targets of Prometheus that tell one entity the same name, the second has its job, port
/// and namespace in it. What several instances of a service tell is one value: instance_rounds.
///
/// Lives:  one per thread, for the process; begin() and finish() around each body.
/// Limits: those of name_register. Who has a name that no entity may have is left out, and so is a
///         metric (no_entity, malformed).
class sample_namer final : public sample_sink {
public:
  /// @p samples of the other tool are in the event.
  using taker = std::function<void(const event_view& event, std::size_t samples)>;
  static constexpr std::size_t most_gathered_bytes = std::size_t{64} * 1024 * 1024;

  explicit sample_namer(naming_options options);

  /// A new body, which arrived at @p now_ms. @p fallback: whom samples are about that do not say
  /// it; empty: they are left out.
  void begin(naming_style style, std::string_view fallback, std::int64_t now_ms, taker take);
  void source(const sample_labels& labels) override;
  void metric(const metric_sample& sample, const sample_labels& labels) override;
  void log(const log_sample& sample, const sample_labels& labels) override;
  void span(const span_sample& sample, const sample_labels& labels) override;
  void leave_out(left_out why) override { ++left_out_[static_cast<std::size_t>(why)]; }
  /// Hands out the rows gathered since begin().
  void finish();
  /// What was handed out is taken. Without this word dependencies are told again by the next body,
  /// and counters of several instances have not moved.
  void taken_over() {
    telling_.clear();
    instances_.keep();
  }
  /// Rows of more than `most_gathered_bytes` came since begin(): they are not all there.
  bool overflowed() const noexcept { return gathered_bytes_ > most_gathered_bytes; }

  /// Since begin().
  std::uint64_t left_out_because(left_out why) const noexcept {
    return left_out_[static_cast<std::size_t>(why)];
  }
  /// Metric, log and span samples since begin() that are in events.
  std::uint64_t taken() const noexcept { return taken_; }
  /// Where units are told that names do not say. @p book outlives it.
  void tell_units_to(unit_book& book) noexcept { units_ = &book; }
  /// Which names each entity has.
  name_register& names() noexcept { return names_; }

private:
  struct named {
    std::size_t at = 0, size = 0;  ///< its name in arena_
    double value = 0;
    metric_kind kind = metric_kind::gauge;
    bool bucket = false;
  };
  struct row {
    std::string entity;
    std::int64_t ts_ms = 0;
    std::vector<std::pair<std::string, std::string>> attributes;
    std::vector<named> metrics;
  };
  /// Whose a series of several instances is.
  struct owner {
    std::string entity;
    std::vector<std::pair<std::string, std::string>> attributes;
  };
  struct joined_series {
    std::uint64_t series = 0;
    std::size_t owner = 0;         ///< in owners_
    std::size_t at = 0, size = 0;  ///< its name in arena_
    bool bucket = false;
  };
  enum class about : std::uint8_t { metrics, words };  ///< words: logs and spans

  bool entity_of(const sample_labels& labels, about what, std::string& out) const;
  void name_source();
  void note_instance();
  bool join_instances(const std::string& entity, const std::string& name,
                      const metric_sample& sample);
  void hand_out_joined();
  row& row_at(const std::string& entity, std::int64_t ts_ms, bool& begun);
  void set_attributes(const sample_labels& labels, const std::string& entity,
                      std::vector<std::pair<std::string, std::string>>& out) const;
  void metric_name(const metric_sample& sample, const sample_labels& labels, bool with_source);
  bool may_tell(const std::string& entity, const metric_sample& sample,
                const sample_labels& labels);
  std::uint32_t source_of(const sample_labels& labels) const;
  void cut_name();
  void tell_unit(std::string_view metric, std::string_view unit);
  bool is_dropped(std::string_view family);
  void tell_edges(const sample_labels& labels);
  void tell_edge(const std::string& from, const std::string& to);
  void hand_out(row& r);

  const naming_options options_;
  naming_style style_ = naming_style::otel;
  std::string fallback_;
  std::int64_t now_ms_ = 0;
  taker take_;
  sample_labels source_;
  std::string metrics_entity_, words_entity_, host_entity_;  ///< of the source; empty: not said

  std::vector<row> rows_;
  std::unordered_map<std::string, std::size_t> row_index_;
  std::size_t last_row_ = 0;
  std::string arena_;
  std::size_t gathered_bytes_ = 0;
  std::uint64_t taken_ = 0;
  std::array<std::uint64_t, left_out_reasons> left_out_{};

  std::uint64_t instance_ = 0;  ///< of the source; 0: it names none
  instance_rounds instances_;
  std::vector<owner> owners_;
  std::vector<joined_series> joined_;  ///< in this body
  std::unordered_set<std::uint64_t> is_joined_;

  name_register names_;
  unit_book* units_ = nullptr;
  std::unordered_set<std::uint64_t> units_told_;  ///< metric and unit
  std::unordered_map<std::string, bool> dropped_;
  std::unordered_map<std::uint64_t, std::int64_t> edges_told_;
  std::vector<std::uint64_t> telling_;  ///< in this body

  std::string entity_, name_, counted_, key_, body_;  ///< scratch
  std::vector<attribute> sorted_;
  event_view event_;
};

}  // namespace faultline
