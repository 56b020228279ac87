// SPDX-License-Identifier: Apache-2.0
#include "processing/publisher_window.hpp"

#include <algorithm>

#include "messages/version.hpp"

namespace faultline {
namespace {

constexpr std::uint8_t format_version = 1;
constexpr std::size_t header_bytes = 1 + 8 + 8;

void put_u64(std::string& out, std::uint64_t value) {
  for (int shift = 0; shift < 64; shift += 8)
    out.push_back(static_cast<char>((value >> shift) & 0xff));
}

std::uint64_t get_u64(std::string_view bytes, std::size_t at) noexcept {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < 8; ++i)
    value |= std::uint64_t{static_cast<unsigned char>(bytes[at + i])} << (8 * i);
  return value;
}

}  // namespace

const char* to_string(seq_verdict v) noexcept {
  switch (v) {
    case seq_verdict::fresh:
      return "fresh";
    case seq_verdict::duplicate:
      return "duplicate";
    case seq_verdict::conflict:
      return "conflict";
    case seq_verdict::too_old:
      return "too_old";
  }
  return "unknown";
}

bool publisher_window::taken(std::uint64_t seq) const noexcept {
  const auto bit = seq % span;
  return (bits_[bit / 64] >> (bit % 64) & 1) != 0;
}

void publisher_window::mark(std::uint64_t seq, std::uint64_t payload_hash) noexcept {
  const auto bit = seq % span;
  bits_[bit / 64] |= std::uint64_t{1} << (bit % 64);
  hashes_[seq % hashes_.size()] = payload_hash;
}

seq_verdict publisher_window::check(std::uint64_t seq, std::uint64_t payload_hash) const noexcept {
  if (seq > last_) return seq_verdict::fresh;
  if (seq < first()) return seq_verdict::too_old;
  if (!taken(seq)) return seq_verdict::fresh;
  return hashes_[seq % hashes_.size()] == payload_hash ? seq_verdict::duplicate
                                                       : seq_verdict::conflict;
}

seq_verdict publisher_window::take(std::uint64_t seq, std::uint64_t payload_hash) {
  const auto verdict = check(seq, payload_hash);
  if (verdict != seq_verdict::fresh) return verdict;
  grow(seq);
  if (seq > last_) slide(seq);
  mark(seq, payload_hash);
  return verdict;
}

// While every seq is smaller than the ring, seq mod size is seq itself: growing copies in place.
void publisher_window::grow(std::uint64_t highest) {
  std::uint64_t size = std::max<std::uint64_t>(hashes_.size(), 16);
  while (size < span && size <= highest) size *= 2;
  if (size != hashes_.size()) hashes_.resize(size);
}

void publisher_window::slide(std::uint64_t new_last) {
  const std::uint64_t old_first = first();
  const std::uint64_t old_last = last_;
  last_ = new_last;
  const std::uint64_t fallen = first() - old_first;
  std::uint64_t untaken = fallen;
  const std::uint64_t seen = std::min(fallen, old_last >= old_first ? old_last - old_first + 1 : 0);
  for (std::uint64_t i = 0; i < seen; ++i) {
    const auto bit = (old_first + i) % span;
    untaken -= bits_[bit / 64] >> (bit % 64) & 1;
    bits_[bit / 64] &= ~(std::uint64_t{1} << (bit % 64));
  }
  skipped_ += untaken;
}

std::vector<std::uint64_t> publisher_window::missing() const {
  std::vector<std::uint64_t> result;
  if (last_ == 0) return result;
  for (std::uint64_t i = 0, n = last_ - first(); i <= n; ++i) {
    if (!taken(first() + i)) result.push_back(first() + i);
  }
  return result;
}

std::string publisher_window::save() const {
  std::string out;
  const std::uint64_t width = last_ == 0 ? 0 : last_ - first() + 1;
  out.reserve(header_bytes + (width + 7) / 8 + 8 * width);
  out.push_back(static_cast<char>(format_version));
  put_u64(out, last_);
  put_u64(out, skipped_);
  const auto bits_at = out.size();
  out.append((width + 7) / 8, '\0');
  for (std::uint64_t i = 0; i < width; ++i) {
    const auto seq = first() + i;
    if (!taken(seq)) continue;
    out[bits_at + i / 8] = static_cast<char>(out[bits_at + i / 8] | 1 << (i % 8));
    put_u64(out, hashes_[seq % hashes_.size()]);
  }
  return out;
}

outcome<publisher_window> publisher_window::restore(std::string_view bytes) {
  if (bytes.empty()) return failure{ec::malformed, "publisher window: empty"};
  const auto version = static_cast<std::uint8_t>(bytes[0]);
  if (auto known = check_version("publisher window", version, format_version); !known)
    return known.error();
  if (bytes.size() < header_bytes) return failure{ec::malformed, "publisher window: cut off"};
  publisher_window w;
  w.last_ = get_u64(bytes, 1);
  w.skipped_ = get_u64(bytes, 9);
  const std::uint64_t width = w.last_ == 0 ? 0 : w.last_ - w.first() + 1;
  const std::size_t bitmap = (width + 7) / 8;
  std::size_t at = header_bytes + bitmap;
  if (bytes.size() < at) return failure{ec::malformed, "publisher window: cut off"};
  w.grow(w.last_);
  for (std::uint64_t i = 0; i < bitmap * 8; ++i) {
    if ((static_cast<unsigned char>(bytes[header_bytes + i / 8]) >> (i % 8) & 1) == 0) continue;
    if (i >= width || bytes.size() < at + 8)
      return failure{ec::malformed, "publisher window: bits and hashes do not agree"};
    w.mark(w.first() + i, get_u64(bytes, at));
    at += 8;
  }
  if (at != bytes.size() || (width != 0 && !w.taken(w.last_)))
    return failure{ec::malformed, "publisher window: bits and hashes do not agree"};
  return w;
}

}  // namespace faultline
