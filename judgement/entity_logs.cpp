// SPDX-License-Identifier: Apache-2.0
#include "judgement/entity_logs.hpp"

#include <algorithm>
#include <utility>

#include "messages/text.hpp"

namespace faultline {
namespace {

constexpr double most_surprise = 30;  // nats: beyond, more is not more certain
constexpr double worth_telling = 4;   // nats
constexpr double unseen = 0.5;  // lines that a template is thought to have had before its first
constexpr std::size_t longest_text = 200;
// An error that was never written in at least this time, and for longer than it has been there, is
// new; for six hours, then it is how the entity is.
constexpr std::int64_t known_ms = 3'600'000;
constexpr std::int64_t new_ms = 6 * 3'600'000;
// It keeps coming: so many lines in each of the last two steps of its habit, and with those of the
// step under way.
constexpr double each_step = 2, all_steps = 8;
constexpr double most_of_lasting = 60;  // nats

std::string minutes_text(std::int64_t ms) {
  const auto minutes = std::max<std::int64_t>((ms + 30'000) / 60'000, 1);
  return std::to_string(minutes) + (minutes == 1 ? " minute" : " minutes");
}

}  // namespace

const std::array<const char*, entity_logs::channels> entity_logs::names{
    "log.lines_rate", "log.error_share", "log.new_templates", "log.surprise"};

bool is_log_channel(std::string_view name) noexcept {
  return std::find(entity_logs::names.begin(), entity_logs::names.end(), name) !=
         entity_logs::names.end();
}

double entity_logs::lasting_error(const log_habit& habit, std::int64_t now_ms) const {
  constexpr auto step = log_habit::step_ms;
  const auto here_ms = now_ms - habit.first_ms();
  const auto before_ms = habit.first_ms() - first_ms_;
  if (!miner_.roomy() || habit.severity() < log_severity::error || before_ms < known_ms ||
      here_ms > std::min(before_ms, new_ms))
    return 0;
  const auto begin = habit.last_ms() / step * step;  // of the step under way
  const double last = habit.after(begin - step) - habit.after(begin);
  const double all = habit.after(begin - 2 * step);
  const double first = all - habit.after(begin - step);
  if (last < each_step || first < each_step || all < all_steps) return 0;
  const double usual = unseen * 3 * step / static_cast<double>(before_ms + 3 * step);
  const double s = log_surprise(all, usual, most_of_lasting);
  return lasts(s) ? s : 0;
}

void entity_logs::take(const event_view& log, bool learn, bool late) {
  const auto ts = unix_ms(log.ts);
  first_ms_ = first_ms_ == 0 ? ts : std::min(first_ms_, ts);
  if (!late) {
    ++lines_;
    errors_ += log.severity >= log_severity::error ? 1 : 0;
  }
  if (!learn) return;
  const auto match = miner_.take(log.body);
  if (!match) return;
  fresh_ += match->fresh && !late ? 1 : 0;
  miner_.note(match->index, ts, log.severity, log.body, late);
}

entity_logs::values entity_logs::close(event_time ts, double dt_s) {
  values v;
  v.lines = lines_ / std::max(dt_s, 1e-3);
  v.error_share = static_cast<double>(errors_) / (lines_ + 1.0);
  v.fresh = fresh_;
  const double known_s = log_habit::exposure_s(first_ms_, unix_ms(ts)) + dt_s;
  std::size_t most = 0;
  std::uint32_t most_lines = 0;
  bool lasts = false;
  for (std::size_t t = 0; lines_ != 0 && t < miner_.templates().size(); ++t) {
    const auto& habit = miner_.templates()[t].habit;
    if (habit.now() == 0) continue;
    const double usual = (habit.before() + unseen) * dt_s / known_s;
    const auto lines = miner_.take_now(t);
    const double lasting = lasting_error(habit, unix_ms(ts));
    const double s = std::max(log_surprise(lines, usual, most_surprise), lasting);
    if (s <= v.surprise) continue;
    v.surprise = s, most = t, most_lines = lines, lasts = lasting == s;
  }
  if (v.surprise >= worth_telling) {
    const auto& t = miner_.templates()[most];
    const auto lines = lasts ? t.lines : most_lines;
    std::string text = "its log has \"" + std::string{cut_utf8(t.text(), longest_text)} + "\" ";
    text += std::to_string(lines) + (lines == 1 ? " time" : " times");
    if (lasts)
      text += " in " + minutes_text(unix_ms(ts) - t.habit.first_ms()) + ", never before";
    else if (t.lines == most_lines)
      text += ", never before";
    if (!t.habit.example().empty()) text += ", for example \"" + t.habit.example() + "\"";
    told_.push_back({ts, std::move(text)});
  }
  lines_ = errors_ = fresh_ = 0;
  return v;
}

std::string entity_logs::telling(event_time ts) const {
  for (const auto& t : told_)
    if (t.tick == ts) return t.text;
  return {};
}

void entity_logs::judged(event_time ts) {
  told_.erase(
      std::remove_if(told_.begin(), told_.end(), [&](const told& t) { return t.tick <= ts; }),
      told_.end());
}

std::vector<log_word> entity_logs::words() const {
  std::vector<const log_template*> newest;
  for (const auto& t : miner_.templates()) newest.push_back(&t);
  const auto end =
      newest.begin() + static_cast<std::ptrdiff_t>(std::min(most_words, newest.size()));
  std::partial_sort(newest.begin(), end, newest.end(), [](const auto* a, const auto* b) {
    return std::pair{a->habit.last_ms(), a->seen} > std::pair{b->habit.last_ms(), b->seen};
  });
  std::vector<log_word> out;
  for (auto t = newest.begin(); t != end; ++t)
    out.push_back(
        {(*t)->id, std::string{cut_utf8((*t)->text(), longest_text)}, (*t)->lines, (*t)->habit});
  return out;
}

void entity_logs::save(byte_writer& out) const {
  out.put(first_ms_);
  out.put(newest_ms_);
  out.put(lines_);
  out.put(errors_);
  out.put(fresh_);
  miner_.save(out);
}

bool entity_logs::restore(byte_reader& in, std::uint8_t version) {
  in.get(first_ms_);
  if (version > 10) in.get(newest_ms_);
  in.get(lines_);
  in.get(errors_);
  in.get(fresh_);
  return miner_.restore(in);
}

std::size_t entity_logs::memory_bytes() const noexcept {
  return sizeof *this + miner_.memory_bytes() - sizeof miner_ + told_.capacity() * sizeof(told);
}

}  // namespace faultline
