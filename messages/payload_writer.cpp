// SPDX-License-Identifier: Apache-2.0
#include "messages/payload_writer.hpp"

#include <utility>

#include "messages/event_codec.hpp"
#include "messages/sample.hpp"

namespace faultline {

namespace {
constexpr std::size_t header_bytes = 5;  ///< of a batch, at most
}

void payload_writer::add(const event_view& event, std::size_t samples) {
  if (overflowed()) return;
  one_.clear();
  encode_event(event, wire_encoding::msgpack, one_);
  bytes_ += one_.size();
  if (overflowed()) return;
  if (samples_.size() == payload_limits::events ||
      open_.size() + one_.size() + header_bytes > payload_limits::bytes)
    close();
  open_ += one_;
  samples_.push_back(static_cast<std::uint32_t>(samples));
  ++events_;
}

void payload_writer::add_payload(std::string_view payload) {
  bytes_ += payload.size() + sizeof(batch);
  if (overflowed()) return;
  close();
  done_.push_back({std::string{payload}, {1}});
  ++events_;
}

void payload_writer::close() {
  if (samples_.empty()) return;
  batch full;
  encode_batch_header(samples_.size(), full.payload);
  full.payload += open_;
  full.samples = std::move(samples_);
  done_.push_back(std::move(full));
  open_.clear();
  samples_.clear();
}

std::vector<payload_writer::batch> payload_writer::take() {
  close();
  events_ = bytes_ = 0;
  return std::exchange(done_, {});
}

const char* to_string(left_out why) noexcept {
  constexpr const char* names[left_out_reasons] = {
      "bucket",   "stale",   "not_finite", "no_value", "no_entity",
      "too_many", "dropped", "malformed",  "no_begin", "created"};
  return names[static_cast<std::size_t>(why)];
}

}  // namespace faultline
