// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "messages/identity.hpp"
#include "messages/outcome.hpp"

namespace faultline {

inline bool operator==(const record_address& a, const record_address& b) noexcept {
  return a.partition == b.partition && a.position == b.position && a.index == b.index;
}

/// A record at which the process has died.
struct flight_suspect {
  record_address where;
  std::uint32_t deaths = 0;
};

/// What every worker thread is applying, in a small file mapped into memory, which outlives the
/// process: when a signal kills it, the record that was under the hands of the thread that died is
/// known at the next start (rule 10). The lane has many records under its hands in one pass: all of
/// them are suspects then, and the next process takes each alone. kill -9, the power switch and the
/// store's own threads leave no suspect.
///
/// Lives: from before the partitions' owners to after the last worker. Threads: marks from any.
class flight_recorder {
public:
  static constexpr std::uint32_t deadly = 2;  ///< deaths after which a record is not tried again

  /// Opens or creates @p file, reads what the last life left there and counts its death. A file
  /// that is damaged or of another build begins afresh. Fails: ec::io_failed.
  static outcome<std::unique_ptr<flight_recorder>> open(const std::string& file);
  ~flight_recorder();
  flight_recorder(const flight_recorder&) = delete;
  flight_recorder& operator=(const flight_recorder&) = delete;

  /// Records that were under way, each alone, when the process died, with how often.
  std::vector<flight_suspect> suspects() const;
  /// Records of a pass that killed the process, nobody knows which of them. One that kills it
  /// again, alone, has done so twice.
  std::vector<record_address> pass_suspects() const;
  /// The record is not to be tried again, or is cleared: its deaths are forgotten.
  void forget(const record_address& where);

  /// For the process, once: SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT (so std::terminate, too)
  /// mark the slot of the thread they hit, then do what they always do. SIGABRT from another
  /// process is a watchdog's: whatever is under way then is suspect.
  static void watch_signals();

  /// This thread applies the record until the mark goes out of scope. @p into may be null.
  class mark {
  public:
    mark(flight_recorder* into, const record_address& where) noexcept;
    ~mark() {
      if (applying_ != nullptr) applying_->store(0, std::memory_order_relaxed);
    }
    mark(const mark&) = delete;
    mark& operator=(const mark&) = delete;

  private:
    std::atomic<std::uint32_t>* applying_ = nullptr;
  };

  /// This thread passes rows of all these records through the model until the mark goes out of
  /// scope: of the first `most`. One thread at a time. @p into may be null.
  class pass_mark {
  public:
    static constexpr std::size_t most = 1024;
    pass_mark(flight_recorder* into, const std::vector<record_address>& rows) noexcept;
    ~pass_mark() {
      if (applying_ != nullptr) applying_->store(0, std::memory_order_relaxed);
    }
    pass_mark(const pass_mark&) = delete;
    pass_mark& operator=(const pass_mark&) = delete;

  private:
    std::atomic<std::uint32_t>* applying_ = nullptr;
  };

private:
  struct page;
  flight_recorder(page* mapped, std::uint64_t number) : page_{mapped}, number_{number} {}
  void count_death();
  void count_pass();
  void blame(const record_address& where, std::uint32_t deaths_before);
  void claim() noexcept;

  page* page_;
  std::uint64_t number_;  ///< of this recorder within the process
  std::atomic<std::uint32_t> claimed_{0};
};

}  // namespace faultline
