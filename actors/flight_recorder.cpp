// SPDX-License-Identifier: Apache-2.0
#include "actors/flight_recorder.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <new>

// file := header suspect[64] slot[64] pass pass, as they stand in memory: read by the same build or
// not at all

namespace faultline {

namespace {

constexpr std::uint64_t magic = 0x33304c46'544c4146;  // "FALTFL03"
constexpr std::size_t suspect_count = 64;             ///< all that a watchdog finds at work
constexpr std::size_t slot_count = 64;
constexpr std::uint32_t pass_number = slot_count + 1;   ///< of the thread that passes rows
constexpr std::uint32_t stuck_number = slot_count + 2;  ///< of all: a watchdog ended the process

struct suspect_row {
  std::uint64_t position;
  std::uint32_t index;
  std::uint32_t partition;
  std::uint32_t deaths;  ///< 0: free
  std::uint32_t unused;
};

struct alignas(64) slot_row {
  std::uint64_t position;
  std::uint32_t index;
  std::uint32_t partition;
  std::atomic<std::uint32_t> applying;
};

struct place_row {
  std::uint64_t position;
  std::uint32_t index;
  std::uint32_t partition;
};

struct pass_rows {
  std::atomic<std::uint32_t> applying;
  std::uint32_t count;
  std::array<place_row, flight_recorder::pass_mark::most> rows;
};

record_address address_of(const place_row& r) {
  return {static_cast<partition_id>(r.partition), r.position, r.index};
}

static_assert(std::atomic<std::uint32_t>::is_always_lock_free);

/// Where this thread's mark goes; plain, because a signal handler reads it.
struct thread_place {
  std::uint64_t recorder = 0;
  slot_row* slot = nullptr;
  std::atomic<std::uint32_t>* crashed = nullptr;
  std::uint32_t number = 0;  ///< of the slot, from 1
};
thread_local thread_place place;

std::atomic<std::uint64_t> recorders{0};

/// Of the newest recorder, for a signal that hits a thread without a mark.
std::atomic<std::atomic<std::uint32_t>*> crashed_of_process{nullptr};

/// A stack of the handler's own: the thread's may be what overflowed.
void give_signal_stack() noexcept {
  constexpr std::size_t bytes = 64 * 1024;
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return;
  stack_t stack{};
  stack.ss_sp = memory;
  stack.ss_size = bytes;
  ::sigaltstack(&stack, nullptr);
}

// Async-signal-safe: one store into mapped memory. The action is the default again by now.
// An abort that another process sends is a watchdog's: some thread is stuck, whichever it hits.
void on_fatal(int number, siginfo_t* info, void*) {
  const bool stuck = number == SIGABRT && info->si_code == SI_USER && info->si_pid != ::getpid();
  if (auto* crashed = stuck ? crashed_of_process.load() : place.crashed; crashed != nullptr)
    crashed->store(stuck ? stuck_number : place.number);
  ::raise(number);
}

}  // namespace

struct flight_recorder::page {
  std::uint64_t magic;
  std::atomic<std::uint32_t> crashed;  ///< slot of the thread that died, from 1; 0: nobody did
  std::uint32_t unused;
  std::array<suspect_row, suspect_count> suspects;
  std::array<slot_row, slot_count> slots;
  pass_rows pass;  ///< under way
  pass_rows suspects_of_pass;
};

outcome<std::unique_ptr<flight_recorder>> flight_recorder::open(const std::string& file) {
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return failure{ec::io_failed, file + ": " + std::strerror(errno)};
  void* memory = MAP_FAILED;
  // Its blocks are there before it is mapped: on a full disk the first write would be a SIGBUS.
  int why = ::posix_fallocate(fd, 0, sizeof(page));
  if (why == 0 && ::ftruncate(fd, sizeof(page)) != 0) why = errno;
  if (why == 0) {
    memory = ::mmap(nullptr, sizeof(page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    why = errno;
  }
  ::close(fd);
  if (memory == MAP_FAILED)
    return failure{why == ENOSPC ? ec::no_space : ec::io_failed, file + ": " + std::strerror(why)};
  auto* mapped = static_cast<page*>(memory);
  if (mapped->magic != magic || mapped->crashed.load() > stuck_number) {
    std::memset(memory, 0, sizeof(page));
    mapped->magic = magic;
  }
  crashed_of_process.store(&mapped->crashed);
  std::unique_ptr<flight_recorder> recorder{new flight_recorder{mapped, ++recorders}};
  recorder->count_death();
  return recorder;
}

flight_recorder::~flight_recorder() {
  std::atomic<std::uint32_t>* ours = &page_->crashed;
  crashed_of_process.compare_exchange_strong(ours, nullptr);
  ::munmap(page_, sizeof(page));
}

void flight_recorder::count_death() {
  const auto crashed = page_->crashed.exchange(0);
  if (crashed == stuck_number) {
    // Who is innocent has moved on when it happens again.
    for (const auto& slot : page_->slots)
      if (slot.applying.load() != 0)
        blame({static_cast<partition_id>(slot.partition), slot.position, slot.index}, 0);
    if (page_->pass.applying.load() != 0) count_pass();
  } else if (crashed == pass_number) {
    if (page_->pass.applying.load() != 0) count_pass();
  } else if (crashed != 0 && page_->slots[crashed - 1].applying.load() != 0) {
    const auto& slot = page_->slots[crashed - 1];
    blame({static_cast<partition_id>(slot.partition), slot.position, slot.index}, 0);
  }
  for (auto& slot : page_->slots) slot.applying.store(0);
  page_->pass.applying.store(0);
}

void flight_recorder::blame(const record_address& where, std::uint32_t deaths_before) {
  suspect_row* at = nullptr;
  for (auto& s : page_->suspects) {
    if (s.deaths != 0 && s.partition == where.partition && s.position == where.position &&
        s.index == where.index) {
      ++s.deaths;
      return;
    }
    // Else the one with the fewest deaths makes room, a free one first.
    if (at == nullptr || s.deaths < at->deaths) at = &s;
  }
  *at = {where.position, where.index, where.partition, deaths_before + 1, 0};
}

/// One row is as good as a name. Of several, one that was alone in a pass that killed is it.
void flight_recorder::count_pass() {
  const auto& pass = page_->pass;
  const auto count = std::min<std::uint32_t>(pass.count, pass_mark::most);
  const auto before = pass_suspects();
  for (const auto& known : suspects())
    for (std::uint32_t i = 0; i < count && count > 1; ++i)
      if (address_of(pass.rows[i]) == known.where) return blame(known.where, 0);
  if (count == 1) {
    const auto where = address_of(pass.rows[0]);
    const bool again = std::find(before.begin(), before.end(), where) != before.end();
    return blame(where, again ? 1 : 0);
  }
  page_->suspects_of_pass.count = count;
  std::copy_n(pass.rows.begin(), count, page_->suspects_of_pass.rows.begin());
}

std::vector<record_address> flight_recorder::pass_suspects() const {
  const auto& pass = page_->suspects_of_pass;
  std::vector<record_address> all;
  for (std::uint32_t i = 0; i < std::min<std::uint32_t>(pass.count, pass_mark::most); ++i)
    all.push_back(address_of(pass.rows[i]));
  return all;
}

std::vector<flight_suspect> flight_recorder::suspects() const {
  std::vector<flight_suspect> all;
  for (const auto& s : page_->suspects)
    if (s.deaths != 0)
      all.push_back({{static_cast<partition_id>(s.partition), s.position, s.index}, s.deaths});
  return all;
}

void flight_recorder::forget(const record_address& where) {
  for (auto& s : page_->suspects)
    if (s.partition == where.partition && s.position == where.position && s.index == where.index)
      s = {};
}

void flight_recorder::watch_signals() {
  give_signal_stack();
  struct sigaction action {};
  action.sa_sigaction = on_fatal;
  action.sa_flags = SA_RESETHAND | SA_NODEFER | SA_ONSTACK | SA_SIGINFO;
  for (const int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT})
    ::sigaction(number, &action, nullptr);
}

/// A slot for this thread; a process of more than 64 workers leaves the others without.
void flight_recorder::claim() noexcept {
  if (place.recorder == 0) give_signal_stack();
  place.recorder = number_;
  place.slot = nullptr;
  place.crashed = nullptr;
  const auto taken = claimed_.fetch_add(1);
  if (taken >= slot_count) return;
  place.slot = &page_->slots[taken];
  place.crashed = &page_->crashed;
  place.number = taken + 1;
}

flight_recorder::pass_mark::pass_mark(flight_recorder* into,
                                      const std::vector<record_address>& rows) noexcept {
  if (into == nullptr) return;
  if (place.recorder != into->number_) {
    if (place.recorder == 0) give_signal_stack();
    place = {into->number_, nullptr, &into->page_->crashed, pass_number};
  }
  auto& pass = into->page_->pass;
  std::uint32_t count = 0;
  for (const auto& where : rows) {
    if (count == most) break;
    if (where.position != 0) pass.rows[count++] = {where.position, where.index, where.partition};
  }
  pass.count = count;
  if (count == 0) return;
  pass.applying.store(1, std::memory_order_release);
  applying_ = &pass.applying;
}

flight_recorder::mark::mark(flight_recorder* into, const record_address& where) noexcept {
  if (into == nullptr) return;
  if (place.recorder != into->number_) into->claim();
  if (place.slot == nullptr) return;
  place.slot->position = where.position;
  place.slot->index = where.index;
  place.slot->partition = where.partition;
  place.slot->applying.store(1, std::memory_order_release);
  applying_ = &place.slot->applying;
}

}  // namespace faultline
