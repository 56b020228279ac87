// SPDX-License-Identifier: Apache-2.0
//
// Preloaded into a server (LD_PRELOAD) it ends the process with SIGKILL at a named point of its way
// to the disk:
//
//   FAULTLINE_KILL_POINT=CALL:WHEN:COUNT
//
//   CALL   wal-write wal-sync table-write table-sync manifest-write manifest-sync rename
//          directory-sync answer (the first bytes to a client after a sync of the write-ahead log)
//   WHEN   before  the call is not made
//          half    half of its bytes are written (writes)
//          after   it has been made
//          lose    from the COUNT-th on it says that it was done and does nothing, and nobody dies:
//                  a disk that lies, which a verifier must find out
//   COUNT  which of these calls, from 1
//
// Files are told apart by their names in a RocksDB directory.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

namespace {

enum class kind : unsigned char { other, wal, table, manifest, directory };
enum class moment { before, half, after, lose };

constexpr std::size_t most_files = 65'536;
std::array<std::atomic<kind>, most_files> files;

struct plan {
  std::string call;
  moment when = moment::after;
  long count = 0;
};

plan read_plan() {
  plan p;
  const char* const text = std::getenv("FAULTLINE_KILL_POINT");
  if (text == nullptr) return p;
  std::array<char, 32> call{}, when{};
  if (std::sscanf(text, "%31[^:]:%31[^:]:%ld", call.data(), when.data(), &p.count) != 3) {
    std::fprintf(stderr, "FAULTLINE_KILL_POINT: what is '%s'?\n", text);
    std::_Exit(2);
  }
  p.call = call.data();
  const std::string_view w = when.data();
  p.when = w == "before" ? moment::before
           : w == "half" ? moment::half
           : w == "lose" ? moment::lose
                         : moment::after;
  return p;
}

const plan& wanted() {
  static const plan p = read_plan();
  return p;
}

[[noreturn]] void die() {
  ::kill(::getpid(), SIGKILL);
  for (;;) ::pause();
}

template <class Function>
Function* real(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

kind kind_of(const char* path, int flags) {
  std::string_view name = path;
  if ((flags & O_DIRECTORY) != 0) return kind::directory;
  if (const auto slash = name.rfind('/'); slash != std::string_view::npos)
    name.remove_prefix(slash + 1);
  if (ends_with(name, ".log")) return kind::wal;
  if (ends_with(name, ".sst")) return kind::table;
  if (name.substr(0, 8) == "MANIFEST") return kind::manifest;
  return kind::other;
}

int note(int fd, const char* path, int flags) {
  if (fd >= 0 && static_cast<std::size_t>(fd) < most_files)
    files[static_cast<std::size_t>(fd)].store(kind_of(path, flags));
  return fd;
}

kind kind_at(int fd) {
  return fd >= 0 && static_cast<std::size_t>(fd) < most_files
             ? files[static_cast<std::size_t>(fd)].load()
             : kind::other;
}

const char* written(kind k) {
  return k == kind::wal        ? "wal-write"
         : k == kind::table    ? "table-write"
         : k == kind::manifest ? "manifest-write"
                               : "";
}

const char* synced(kind k) {
  return k == kind::wal         ? "wal-sync"
         : k == kind::table     ? "table-sync"
         : k == kind::manifest  ? "manifest-sync"
         : k == kind::directory ? "directory-sync"
                                : "";
}

/// Is this call of @p what the one, or behind it where calls are lost?
bool is_due(const char* what) {
  static std::atomic<long> calls{0};
  const auto& p = wanted();
  if (p.count == 0 || p.call != what) return false;
  const long n = calls.fetch_add(1) + 1;
  return n == p.count || (p.when == moment::lose && n > p.count);
}

std::atomic<bool> log_was_synced{false};

int sync_with(const char* function, int fd) {
  const auto k = kind_at(fd);
  const bool due = is_due(synced(k));
  if (due && wanted().when == moment::before) die();
  if (due && wanted().when == moment::lose) return 0;
  const int result = real<int(int)>(function)(fd);
  if (due) die();
  if (k == kind::wal) log_was_synced.store(true);
  return result;
}

/// What send() and sendmsg() do before and after.
template <class Send>
ssize_t answer_with(Send send) {
  const bool due = log_was_synced.load(std::memory_order_relaxed) && is_due("answer");
  if (due && wanted().when == moment::before) die();
  const auto result = send();
  if (due) die();
  return result;
}

mode_t mode_of(int flags, va_list more) {
  return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, mode_t) : 0;
}

}  // namespace

#define OPEN(name)                                                     \
  extern "C" int name(const char* path, int flags, ...) {              \
    va_list more;                                                      \
    va_start(more, flags);                                             \
    const mode_t mode = mode_of(flags, more);                          \
    va_end(more);                                                      \
    static auto* const next = real<int(const char*, int, ...)>(#name); \
    return note(next(path, flags, mode), path, flags);                 \
  }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                        \
  extern "C" int name(int at, const char* path, int flags, ...) {           \
    va_list more;                                                           \
    va_start(more, flags);                                                  \
    const mode_t mode = mode_of(flags, more);                               \
    va_end(more);                                                           \
    static auto* const next = real<int(int, const char*, int, ...)>(#name); \
    return note(next(at, path, flags, mode), path, flags);                  \
  }
OPENAT(openat)
OPENAT(openat64)

extern "C" int close(int fd) {
  if (fd >= 0 && static_cast<std::size_t>(fd) < most_files)
    files[static_cast<std::size_t>(fd)].store(kind::other);
  static auto* const next = real<int(int)>("close");
  return next(fd);
}

extern "C" ssize_t write(int fd, const void* bytes, size_t count) {
  static auto* const next = real<ssize_t(int, const void*, size_t)>("write");
  const auto k = kind_at(fd);
  if (k == kind::other || !is_due(written(k))) return next(fd, bytes, count);
  switch (wanted().when) {
    case moment::before:
      die();
    case moment::half:
      static_cast<void>(next(fd, bytes, count / 2));
      die();
    case moment::after:
      static_cast<void>(next(fd, bytes, count));
      die();
    case moment::lose:
      break;
  }
  return static_cast<ssize_t>(count);
}

extern "C" int fsync(int fd) { return sync_with("fsync", fd); }
extern "C" int fdatasync(int fd) { return sync_with("fdatasync", fd); }

extern "C" int rename(const char* from, const char* to) noexcept {
  static auto* const next = real<int(const char*, const char*)>("rename");
  const bool due = is_due("rename");
  if (due && wanted().when == moment::before) die();
  const int result = next(from, to);
  if (due) die();
  return result;
}

extern "C" ssize_t send(int fd, const void* bytes, size_t count, int flags) {
  static auto* const next = real<ssize_t(int, const void*, size_t, int)>("send");
  return answer_with([&] { return next(fd, bytes, count, flags); });
}
