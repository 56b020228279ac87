// SPDX-License-Identifier: Apache-2.0
#include "tools/event_input.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string_view>
#include <utility>

namespace faultline {

namespace {

constexpr std::string_view blank = " \t\r";

std::string_view trimmed(std::string_view text) {
  const std::size_t from = text.find_first_not_of(blank);
  if (from == std::string_view::npos) return {};
  return text.substr(from, text.find_last_not_of(blank) - from + 1);
}

/// Fields of one line. A name in quotes loses them; quoted commas are not part of this format.
void split(std::string_view line, std::vector<std::string_view>& fields) {
  fields.clear();
  for (;;) {
    const std::size_t comma = line.find(',');
    std::string_view field = trimmed(line.substr(0, comma));
    if (field.size() >= 2 && field.front() == '"' && field.back() == '"')
      field = field.substr(1, field.size() - 2);
    fields.push_back(field);
    if (comma == std::string_view::npos) return;
    line.remove_prefix(comma + 1);
  }
}

template <class T>
bool parse(std::string_view text, T& value) {
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  return error == std::errc{} && at == end;
}

/// Lines of a stream, counted. What both formats share.
class line_input : public event_input {
public:
  line_input(std::shared_ptr<std::istream> in, std::uint64_t bytes)
      : in_{std::move(in)}, bytes_{bytes} {}
  std::uint64_t done() const override { return read_; }
  std::uint64_t total() const override { return bytes_; }

protected:
  /// The next line with text in it into line_; false at the end.
  bool next_line() {
    while (std::getline(*in_, line_)) {
      ++number_;
      read_ += line_.size() + 1;
      if (!trimmed(line_).empty()) return true;
    }
    return false;
  }
  void fault(const std::string& why) const {
    if (on_fault) on_fault(number_, why);
  }
  /// The end of a stream, or a failure to read it.
  outcome<bool> ended() const {
    if (in_->bad()) return failure{ec::io_failed, "the input cannot be read further"};
    return false;
  }

  std::string line_;
  std::uint64_t number_ = 0;

private:
  std::shared_ptr<std::istream> in_;
  std::uint64_t bytes_ = 0;
  std::uint64_t read_ = 0;
};

class csv_lines final : public line_input {
public:
  using line_input::line_input;

  outcome<void> read_header(const csv_input_options& options) {
    if (!next_line()) return failure{ec::malformed, "the file is empty: no header ts,metric,..."};
    split(line_, fields_);
    if (fields_.size() < 2 || fields_.front() != "ts")
      return failure{ec::malformed,
                     "line " + std::to_string(number_) +
                         ": a CSV file begins with the header ts,metric,... (with --format json "
                         "it is read as JSON lines)"};
    names_.assign(fields_.begin() + 1, fields_.end());
    kinds_.assign(names_.size(), metric_kind::gauge);
    for (const auto& counter : options.counters) {
      const auto found = std::find(names_.begin(), names_.end(), counter);
      if (found == names_.end())
        return failure{ec::invalid, "counter '" + counter + "' is no column of the file"};
      kinds_[static_cast<std::size_t>(found - names_.begin())] = metric_kind::counter;
    }
    entity_ = options.entity;
    return {};
  }

  outcome<bool> next(input_event& out) override {
    while (next_line()) {
      if (!read_row()) continue;
      out.bytes.clear();
      encode_event(event_, wire_encoding::msgpack, out.bytes);
      out.encoding = wire_encoding::msgpack;
      out.line = number_;
      out.ts = event_.ts;
      return true;
    }
    return ended();
  }

private:
  bool read_row() {
    split(line_, fields_);
    if (fields_.size() != names_.size() + 1) {
      fault(std::to_string(fields_.size()) + " fields, the header has " +
            std::to_string(names_.size() + 1));
      return false;
    }
    std::int64_t ts = 0;
    if (!parse(fields_[0], ts)) {
      fault("ts '" + std::string{fields_[0]} + "' is no integer number of milliseconds");
      return false;
    }
    event_.clear();
    event_.type = event_type::metric;
    event_.entity = entity_;
    event_.has_ts = true;
    event_.ts = event_time_of(ts);
    for (std::size_t i = 0; i < names_.size(); ++i) {
      const std::string_view field = fields_[i + 1];
      if (field.empty()) continue;
      double value = 0;
      if (!parse(field, value) || !std::isfinite(value)) {
        fault(names_[i] + " '" + std::string{field} + "' is no finite number");
        return false;
      }
      event_.metrics.push_back({names_[i], value, kinds_[i]});
    }
    if (event_.metrics.empty()) fault("a row without any value");
    return !event_.metrics.empty();
  }

  std::string entity_;
  std::vector<std::string> names_;
  std::vector<metric_kind> kinds_;
  std::vector<std::string_view> fields_;
  event_view event_;
};

/// Keeps what is wrong with a line as a whole; single events are the server's business.
class time_of_event final : public event_sink {
public:
  void accept(std::size_t, const event_view& event) override {
    if (event.has_ts) ts = event.ts;
  }
  void reject(std::size_t, reject_reason, std::string_view) override {}
  void drop_value(std::size_t, std::string_view) override {}
  event_time ts{};
};

class json_lines final : public line_input {
public:
  using line_input::line_input;

  outcome<bool> next(input_event& out) override {
    while (next_line()) {
      const std::string_view text = trimmed(line_);
      if (text.front() != '{') {
        fault("not a JSON object: each line holds one event");
        continue;
      }
      time_of_event sink;
      const payload_result read = decoder_.decode(text, sink);
      if (!read.readable) {
        fault(std::string{to_string(read.reason)} + ": " + read.text);
        continue;
      }
      out.bytes = text;
      out.encoding = wire_encoding::json;
      out.line = number_;
      out.ts = sink.ts;
      return true;
    }
    return ended();
  }

private:
  payload_decoder decoder_;
};

}  // namespace

void skip_utf8_mark(std::istream& in) {
  for (const int byte : {0xef, 0xbb, 0xbf}) {
    if (in.peek() != byte) return;
    in.get();
  }
}

outcome<std::unique_ptr<event_input>> csv_input(std::shared_ptr<std::istream> in,
                                                const csv_input_options& options,
                                                std::uint64_t bytes) {
  if (options.entity.empty())
    return failure{ec::invalid, "a CSV file does not say who it is about: add --entity kind/name"};
  auto input = std::make_unique<csv_lines>(std::move(in), bytes);
  if (auto header = input->read_header(options); !header) return header.error();
  return std::unique_ptr<event_input>{std::move(input)};
}

std::unique_ptr<event_input> json_lines_input(std::shared_ptr<std::istream> in,
                                              std::uint64_t bytes) {
  return std::make_unique<json_lines>(std::move(in), bytes);
}

}  // namespace faultline
