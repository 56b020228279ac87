// SPDX-License-Identifier: Apache-2.0
#include "tools/bench_rows.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>

#include "messages/event_codec.hpp"

namespace faultline {

namespace {

struct metric_shape {
  const char* name;
  float base;
};
constexpr std::array<metric_shape, 8> shapes{{{"cpu.utilization", 0.35F},
                                              {"memory.used_bytes", 2.1e9F},
                                              {"disk.io_util", 0.12F},
                                              {"network.bytes", 1.8e6F},
                                              {"connections.in_use", 40.F},
                                              {"requests.rate", 120.F},
                                              {"errors.rate", 0.4F},
                                              {"latency.p95_ms", 35.F}}};

constexpr std::array<const char*, 8> names{"service/cart",    "service/checkout", "db/orders",
                                           "service/search",  "host/node",        "cache/session",
                                           "service/payment", "queue/mail"};

void put_big_endian(char* at, std::uint64_t value) noexcept {
  const std::uint64_t swapped = __builtin_bswap64(value);
  std::memcpy(at, &swapped, sizeof swapped);
}

void append_text(std::string& out, std::string_view text) {
  if (text.size() < 32) {
    out.push_back(static_cast<char>(0xa0 | text.size()));
  } else {
    out.push_back(static_cast<char>(0xd9));
    out.push_back(static_cast<char>(text.size()));
  }
  out.append(text);
}

void append_eight(std::string& out, unsigned char type) {
  out.push_back(static_cast<char>(type));
  out.append(8, '\0');
}

std::uint64_t next_random(std::uint64_t& state) noexcept {  // xorshift64* (Vigna, 2016)
  state ^= state >> 12;
  state ^= state << 25;
  state ^= state >> 27;
  return state * 0x2545f4914f6cdd1dULL;
}

}  // namespace

bench_rows::bench_rows(std::size_t entities, std::size_t metrics, std::size_t batch,
                       std::uint64_t seed)
    : metrics_{metrics},
      value_after_ts_(metrics),
      filled_(entities),
      random_{seed * 0x9e3779b97f4a7c15ULL + 1} {
  series_.reserve(entities * metrics);
  for (std::size_t e = 0; e < entities; ++e)
    for (std::size_t m = 0; m < metrics; ++m) {
      const float spread = static_cast<float>(next_random(random_) >> 40) * 0x1p-24F;
      series_.push_back({shapes[m % shapes.size()].base * (0.6F + 0.8F * spread), 0.F});
    }
  for (std::size_t first = 0; first < entities; first += batch) {
    batch_bytes bytes;
    bytes.first_entity = first;
    const std::size_t count = std::min(batch, entities - first);
    encode_batch_header(count, bytes.payload);
    for (std::size_t i = 0; i < count; ++i) append_row(bytes, first + i);
    bytes.row_at.push_back(static_cast<std::uint32_t>(bytes.payload.size()));
    bytes.rows = count;
    batches_.push_back(std::move(bytes));
  }
}

void bench_rows::append_row(batch_bytes& to, std::size_t entity) {
  std::string& out = to.payload;
  to.row_at.push_back(static_cast<std::uint32_t>(out.size()));
  out.push_back(static_cast<char>(0x83));  // a map of three
  append_text(out, "entity");
  append_text(out, entity_name(entity));
  append_text(out, "ts");
  const auto ts_at = static_cast<std::uint32_t>(out.size() + 1);
  to.ts_at.push_back(ts_at);
  append_eight(out, 0xcf);  // uint 64
  append_text(out, "values");
  if (metrics_ < 16) {
    out.push_back(static_cast<char>(0x80 | metrics_));
  } else {
    out.push_back(static_cast<char>(0xde));
    out.push_back(static_cast<char>(metrics_ >> 8));
    out.push_back(static_cast<char>(metrics_ & 0xff));
  }
  for (std::size_t m = 0; m < metrics_; ++m) {
    append_text(out, metric_name(m));
    value_after_ts_[m] = static_cast<std::uint32_t>(out.size() + 1) - ts_at;
    append_eight(out, 0xcb);  // float 64
  }
}

void bench_rows::set_tick(std::int64_t ts_ms, bool everybody) noexcept {
  ts_ms_ = ts_ms;
  ++tick_;
  everybody_ = everybody;
  const double turns = static_cast<double>(ts_ms % 86'400'000) / 86'400'000;
  for (std::size_t p = 0; p < phases; ++p) {
    const double phase = turns + 0.25 * static_cast<double>(p) / phases;
    day_[p] = 1.F + 0.3F * static_cast<float>(std::sin(6.283185307179586 * phase));
  }
}

void bench_rows::set_zipf(double exponent) {
  zipf_ = exponent;
  if (exponent <= 0) return;
  const auto sum = [&](double c) {
    double all = 0;
    for (std::size_t r = 1; r <= filled_.size(); ++r)
      all += std::min(1.0, c * std::pow(static_cast<double>(r), -exponent));
    return all;
  };
  // The mean grows with c: halve the interval that holds it.
  double low = 0, high = std::pow(static_cast<double>(filled_.size()), exponent);
  for (int i = 0; i < 60; ++i) {
    zipf_scale_ = (low + high) / 2;
    (sum(zipf_scale_) < static_cast<double>(filled_.size()) / 4 ? low : high) = zipf_scale_;
  }
}

void bench_rows::set_probes(std::size_t count) noexcept {
  probes_ = count;
  probe_stride_ = std::max<std::size_t>(1, filled_.size() / std::max<std::size_t>(1, count));
}

bool bench_rows::takes_part(std::size_t entity) noexcept {
  if (everybody_ || zipf_ <= 0 || is_probe(entity)) return true;
  const double chance = zipf_scale_ * std::pow(static_cast<double>(entity + 1), -zipf_);
  return chance >= 1 || uniform(random_) < chance;
}

std::string_view bench_rows::fill(std::size_t batch) {
  batch_bytes& bytes = batches_[batch];
  const std::size_t all = bytes.ts_at.size();
  bytes.crossing.clear();
  std::vector<std::uint32_t>& some = chosen_rows_;
  some.clear();
  for (std::size_t row = 0; row < all; ++row) {
    const std::size_t entity = bytes.first_entity + row;
    if (!takes_part(entity)) continue;
    write_row(bytes, row);
    ++filled_[entity];
    some.push_back(static_cast<std::uint32_t>(row));
  }
  bytes.rows = some.size();
  if (bytes.rows == all) return bytes.payload;
  chosen_.clear();
  encode_batch_header(bytes.rows, chosen_);
  for (const std::uint32_t row : some)
    chosen_.append(bytes.payload, bytes.row_at[row], bytes.row_at[row + 1] - bytes.row_at[row]);
  return chosen_;
}

void bench_rows::write_row(batch_bytes& bytes, std::size_t row) {
  const std::size_t entity = bytes.first_entity + row;
  char* const ts = bytes.payload.data() + bytes.ts_at[row];
  put_big_endian(ts, static_cast<std::uint64_t>(ts_ms_));
  const float day = day_[entity % phases];
  series* at = series_.data() + entity * metrics_;
  const auto put_value = [&](std::size_t metric, double value) {
    std::uint64_t raw;
    std::memcpy(&raw, &value, sizeof raw);
    put_big_endian(ts + value_after_ts_[metric], raw);
  };
  for (std::size_t m = 0; m < metrics_; ++m, ++at) {
    // The sum of two uniform numbers, from one draw.
    const std::uint64_t bits = next_random(random_);
    const auto shake = static_cast<float>(static_cast<std::int32_t>(bits >> 32)) * 0x1p-32F +
                       static_cast<float>(static_cast<std::int32_t>(bits)) * 0x1p-32F;
    at->wander = 0.9F * at->wander + 0.04F * shake;
    put_value(
        m, static_cast<double>(at->base) * static_cast<double>(day + at->wander + 0.02F * shake));
  }
  constexpr std::uint64_t cycle = 8, high = 2;
  if (is_probe(entity) && (tick_ + entity / probe_stride_) % cycle < high) {
    put_value(0, 2 * probe_limit);
    bytes.crossing.push_back(entity);
  }
}

std::string bench_rows::entity_name(std::size_t entity) {
  char text[64];
  std::snprintf(text, sizeof text, "%s-%05zu", names[entity % names.size()], entity);
  return text;
}

double bench_rows::uniform(std::uint64_t& state) noexcept {
  return static_cast<double>(next_random(state) >> 11) * 0x1p-53;
}

std::string bench_rows::metric_name(std::size_t metric) {
  std::string name = shapes[metric % shapes.size()].name;
  if (metric >= shapes.size()) name += ".shard" + std::to_string(metric / shapes.size());
  return name;
}

}  // namespace faultline
