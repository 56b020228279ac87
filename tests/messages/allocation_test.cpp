// SPDX-License-Identifier: Apache-2.0
//
// The way of an event through the door allocates nothing for each event once buffers have grown. A
// program of its own, since it counts every operator new.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>
#include <string>

#include "messages/event_codec.hpp"
#include "messages/record.hpp"

namespace {
std::atomic<std::size_t> allocations{0};
}

void* operator new(std::size_t size) {
  ++allocations;
  if (void* p = std::malloc(size == 0 ? 1 : size)) return p;
  throw std::bad_alloc{};
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }

namespace faultline {
namespace {

struct into_blob : event_sink {
  blob_writer blob;
  std::size_t events = 0;
  void accept(std::size_t, const event_view& event) override {
    ++events;
    blob.add(event);
  }
  void reject(std::size_t, reject_reason, std::string_view) override {}
  void drop_value(std::size_t, std::string_view) override {}
};

std::string batch(std::size_t events) {
  std::string out;
  encode_batch_header(events, out);
  event_view e;
  e.entity = "service/checkout-with-a-long-name";
  e.attributes = {{"zone", "a"}};
  e.metrics = {{"latency_of_the_99th_percentile", 1, metric_kind::gauge},
               {"requests", 2, metric_kind::counter}};
  for (std::size_t i = 0; i < events; ++i) encode_event(e, wire_encoding::msgpack, out);
  return out;
}

std::size_t allocations_of(payload_decoder& decoder, into_blob& sink, const std::string& payload) {
  const std::size_t before = allocations;
  decoder.decode(payload, sink);
  const std::string blob = sink.blob.take();
  return allocations - before;
}

TEST(Door, AllocatesNothingForEachEvent) {
  payload_decoder decoder;
  into_blob sink;
  const auto few = batch(2);
  const auto many = batch(2000);
  allocations_of(decoder, sink, many);  // buffers grow
  const auto for_many = allocations_of(decoder, sink, many);
  EXPECT_LE(for_many, 4U);  // the parser's stack and the blob's buffer
  EXPECT_EQ(allocations_of(decoder, sink, many), for_many);
  allocations_of(decoder, sink, few);
  EXPECT_LE(allocations_of(decoder, sink, few), 4U);
  EXPECT_EQ(sink.events, 3U * 2000 + 2U * 2);
}

TEST(Door, ReadsABlobWithoutAllocating) {
  payload_decoder decoder;
  into_blob sink;
  decoder.decode(batch(100), sink);
  const auto blob = sink.blob.take();
  record_view record;
  for (int round = 0; round < 2; ++round) {
    const std::size_t before = allocations;
    blob_reader reader{blob};
    while (*reader.next(record)) {
    }
    if (round == 1) {
      EXPECT_EQ(allocations - before, 0U);
    }
  }
}

}  // namespace
}  // namespace faultline
