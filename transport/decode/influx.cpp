// SPDX-License-Identifier: Apache-2.0
//
//   line   := measurement ("," tag "=" text)* SP field "=" value ("," field "=" value)* [SP time]
//   value  := number | integer "i" | natural "u" | true | false | '"' text '"'
#include "transport/decode/influx.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>
#include <vector>

namespace faultline {

namespace {

constexpr std::size_t most_tags = 256;
constexpr std::size_t most_head = 4096;  ///< bytes of measurement and tags: each field has them all
constexpr std::size_t most_fields = 4096;
constexpr std::int64_t ns_per_ms = 1'000'000;

struct field {
  std::string_view key;
  double value = 0;
  bool has_value = false;
  bool is_whole = false;  ///< written as an integer
};

/// What Telegraf's plugins of a machine count since it began; the line protocol does not say so.
struct counted {
  std::string_view measurement;
  std::string_view fields;
};
constexpr std::array counted_by_telegraf{
    counted{"net",
            " bytes_sent bytes_recv packets_sent packets_recv err_in err_out drop_in "
            "drop_out "},
    counted{"diskio",
            " reads writes read_bytes write_bytes read_time write_time io_time "
            "weighted_io_time merged_reads merged_writes "},
    counted{"kernel",
            " interrupts context_switches processes_forked disk_pages_in "
            "disk_pages_out "},
    counted{"swap", " in out "},
};

bool is_counted(std::string_view measurement, const field& f) {
  if (f.key == "counter") return true;
  if (!f.is_whole) return false;
  for (const auto& c : counted_by_telegraf)
    if (c.measurement == measurement)
      return c.fields.find(std::string{" "}.append(f.key).append(" ")) != std::string_view::npos;
  return false;
}

/// Reads a body line by line, each byte of it once or twice, whatever stands in it.
class reader {
public:
  reader(std::string_view body, std::int64_t precision_ns, sample_sink& sink)
      : rest_{body}, precision_ns_{precision_ns}, sink_{sink} {
    text_.reserve(body.size());  // texts without their escapes are shorter: it never moves
  }

  bool at_end() const noexcept { return rest_.empty(); }
  /// Whether the next line is blank or a comment, which is skipped then.
  bool skip_empty() {
    while (take(' ')) {
    }
    if (!rest_.empty() && rest_.front() != '#' && !ends_line()) return false;
    skip_line();
    return true;
  }
  /// Reads the next line and what it ends with. @returns false: it cannot be read, and is skipped.
  bool line() {
    const auto begin = rest_;
    text_.clear();
    tags_.clear();
    fields_.clear();
    std::string_view measurement;
    std::int64_t ts_ms = 0;
    if (!head(measurement) || !fields() || !time(ts_ms)) {
      rest_ = begin;
      skip_line();
      return false;
    }
    for (const auto& f : fields_) tell(measurement, f, ts_ms);
    return true;
  }

private:
  bool ends_line() const noexcept {
    return rest_.empty() || rest_.front() == '\n' ||
           (rest_.front() == '\r' && (rest_.size() == 1 || rest_[1] == '\n'));
  }
  void skip_line() noexcept {
    const auto end = rest_.find('\n');
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
  }
  bool take(char c) noexcept {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }

  bool head(std::string_view& measurement) {
    if (!word(", ", measurement) || measurement.empty()) return false;
    while (take(',')) {
      attribute tag;
      if (!word("=", tag.key) || !take('=') || !word(", ", tag.value) || tag.key.empty() ||
          tag.value.empty())
        return false;
      if (text_.size() > most_head || tags_.size() == most_tags) return false;
      tags_.push_back(tag);
    }
    if (text_.size() > most_head || !take(' ')) return false;
    while (take(' ')) {
    }
    return true;
  }

  bool fields() {
    do {
      field f;
      if (!word("=", f.key) || f.key.empty() || !take('=') || !value(f)) return false;
      if (fields_.size() == most_fields) return false;
      fields_.push_back(f);
    } while (take(','));
    return true;
  }

  /// Up to one of @p ends that is not escaped, which stays. @returns false where none comes in this
  /// line.
  bool word(std::string_view ends, std::string_view& out) {
    const auto from = text_.size();
    while (!ends_line() && ends.find(rest_.front()) == std::string_view::npos) {
      const bool escaped = rest_.size() > 1 && rest_[0] == '\\' &&
                           std::string_view{",= \\"}.find(rest_[1]) != std::string_view::npos;
      text_.push_back(rest_[escaped ? 1 : 0]);
      rest_.remove_prefix(escaped ? 2 : 1);
    }
    out = std::string_view{text_}.substr(from);
    return !ends_line();
  }

  /// A text may go over several lines. The quote that opens another closes one that was left open
  /// before it, so that a body is not looked through to its end again and again.
  bool text() {
    rest_.remove_prefix(1);
    while (!rest_.empty() && rest_.front() != '"')
      rest_.remove_prefix(rest_.front() == '\\' && rest_.size() > 1 ? 2 : 1);
    return take('"');
  }

  bool value(field& out) {
    if (!rest_.empty() && rest_.front() == '"') return text();
    auto text = rest_.substr(0, std::min(rest_.find_first_of(", \r\n"), rest_.size()));
    rest_.remove_prefix(text.size());
    out.has_value = true;
    if (text == "t" || text == "T" || text == "true" || text == "True" || text == "TRUE")
      return out.value = 1, true;
    if (text == "f" || text == "F" || text == "false" || text == "False" || text == "FALSE")
      return out.value = 0, true;
    out.is_whole = !text.empty() && (text.back() == 'i' || text.back() == 'u');
    if (out.is_whole) text.remove_suffix(1);
    if (!text.empty() && text.front() == '+') text.remove_prefix(1);
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), out.value);
    return !text.empty() && failed == std::errc{} && end == text.data() + text.size();
  }

  /// The time, where there is one, and the end of the line.
  bool time(std::int64_t& ts_ms) {
    if (!ends_line() && !take(' ')) return false;
    while (take(' ')) {
    }
    const auto word = rest_.substr(0, std::min(rest_.find_first_of(" \r\n"), rest_.size()));
    rest_.remove_prefix(word.size());
    while (take(' ')) {
    }
    if (!ends_line() || !in_ms(word, ts_ms)) return false;
    skip_line();
    return true;
  }

  bool in_ms(std::string_view word, std::int64_t& ts_ms) const {
    if (word.empty()) return true;
    std::int64_t units = 0;
    const auto [end, failed] = std::from_chars(word.data(), word.data() + word.size(), units);
    if (failed != std::errc{} || end != word.data() + word.size()) return false;
    if (precision_ns_ < ns_per_ms) {
      ts_ms = units / (ns_per_ms / precision_ns_);
      return true;
    }
    const auto factor = precision_ns_ / ns_per_ms;
    if (units > INT64_MAX / factor || units < INT64_MIN / factor) return false;
    ts_ms = units * factor;
    return true;
  }

  void tell(std::string_view measurement, const field& f, std::int64_t ts_ms) {
    if (!f.has_value) return sink_.leave_out(left_out::no_value);
    metric_sample s;
    name_.assign(measurement);
    if (f.key != "value" && f.key != "gauge" && f.key != "counter") name_.append(".").append(f.key);
    s.name = name_;
    s.kind = is_counted(measurement, f) ? metric_kind::counter : metric_kind::gauge;
    s.value = f.value;
    s.ts_ms = ts_ms;
    sink_.metric(s, tags_);
  }

  std::string_view rest_;
  const std::int64_t precision_ns_;
  sample_sink& sink_;
  std::string text_, name_;
  sample_labels tags_;
  std::vector<field> fields_;
};

}  // namespace

std::int64_t influx_precision_ns(std::string_view precision) noexcept {
  constexpr std::pair<std::string_view, std::int64_t> units[] = {{"", 1},
                                                                 {"n", 1},
                                                                 {"ns", 1},
                                                                 {"u", 1000},
                                                                 {"us", 1000},
                                                                 {"ms", ns_per_ms},
                                                                 {"s", 1'000'000'000},
                                                                 {"m", 60'000'000'000},
                                                                 {"h", 3'600'000'000'000}};
  for (const auto& [name, ns] : units)
    if (precision == name) return ns;
  return 0;
}

outcome<void> read_influx(std::string_view body, std::int64_t precision_ns, sample_sink& sink) {
  reader in{body, precision_ns, sink};
  std::size_t read = 0, bad = 0;
  while (!in.at_end()) {
    if (in.skip_empty()) continue;
    if (in.line()) {
      ++read;
    } else {
      ++bad;
      sink.leave_out(left_out::malformed);
    }
  }
  if (read == 0 && bad != 0) return failure{ec::malformed, "no line is of the line protocol"};
  return {};
}

}  // namespace faultline
