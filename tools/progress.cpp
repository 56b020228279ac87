// SPDX-License-Identifier: Apache-2.0
#include "tools/progress.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "tools/output.hpp"

namespace faultline {

namespace {
constexpr std::chrono::seconds quiet_time{2};
constexpr std::chrono::milliseconds redraw_time{100};
}  // namespace

std::string progress_line(const std::string& what, std::uint64_t done, std::uint64_t total,
                          std::chrono::milliseconds elapsed, const std::string& note,
                          std::size_t width) {
  const double seconds_gone = static_cast<double>(elapsed.count()) / 1000;
  const double rate = seconds_gone > 0 ? static_cast<double>(done) / seconds_gone : 0;
  std::string line = what + " ";
  if (total > 0) {
    constexpr std::size_t cells = 24;
    const double share = std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
    const auto full = static_cast<std::size_t>(share * cells);
    line += "[" + std::string(full, '#') + std::string(cells - full, '.') + "] ";
    line += std::to_string(static_cast<int>(share * 100)) + "% ";
    if (rate > 0 && done < total) {
      const double left = static_cast<double>(total - done) / rate;
      line += format_duration(milliseconds{static_cast<std::int64_t>(left * 1000)}) + " left ";
    }
  } else {
    line += format_count(done) + " ";
  }
  if (rate >= 10) line += format_count(static_cast<std::uint64_t>(rate)) + "/s ";
  line += note;
  while (!line.empty() && line.back() == ' ') line.pop_back();
  if (line.size() > width) line.resize(width);
  return line;
}

progress_bar::progress_bar(std::string what, std::uint64_t total)
    : what_{std::move(what)},
      total_{total},
      terminal_{is_terminal(STDERR_FILENO)},
      start_{clock::now()},
      drawn_{start_} {}

progress_bar::~progress_bar() { finish(); }

void progress_bar::at(std::uint64_t done, const std::string& note) {
  if (!terminal_) return;
  const auto now = clock::now();
  if (now - start_ < quiet_time || (visible_ && now - drawn_ < redraw_time)) return;
  const auto elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(now - start_);
  const auto line = progress_line(what_, done, total_, elapsed, note, terminal_width() - 1);
  std::fprintf(stderr, "\r\x1b[2K%s", line.c_str());
  visible_ = true;
  drawn_ = now;
}

void progress_bar::finish() {
  if (visible_) std::fputs("\r\x1b[2K", stderr);
  visible_ = false;
}

}  // namespace faultline
