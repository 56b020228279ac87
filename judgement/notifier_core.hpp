// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "judgement/notifier_rows.hpp"
#include "judgement/options.hpp"
#include "messages/notification.hpp"
#include "messages/outcome.hpp"
#include "processing/label_matchers.hpp"

namespace faultline {

/// Numbers of the notifier that nobody has to set.
namespace notifier_limits {
/// Whatever the intervals say, one group is not told of more often than this.
inline constexpr std::int64_t group_rest_ms = 60'000;
/// A failed attempt is repeated after 5 s, then after twice as long each time, up to this.
inline constexpr std::int64_t first_retry_ms = 5'000;
inline constexpr std::int64_t last_retry_ms = 300'000;
/// A receiver that fails rests at most so long between attempts for other groups, and so long as it
/// asks for at most; an Alertmanager is tried at least so often.
inline constexpr std::int64_t receiver_rest_ms = 60'000;
inline constexpr std::int64_t asked_rest_ms = 3'600'000;
/// To an Alertmanager everything is sent again so often, and what has ended for so long.
inline constexpr std::int64_t resend_ms = 60'000;
inline constexpr std::int64_t resend_ended_ms = 300'000;
inline constexpr std::int64_t resend_wait_ms = 1'000;
/// The end of what comes and goes is told when it has been calm for so long: longer than the
/// slowest that counts as such can be (five begins an hour). An episode that has lasted since so
/// long after the last end is told of.
inline constexpr std::int64_t calm_ms = 1'200'000;
inline constexpr std::int64_t lasts_ms = 1'020'000;
/// Alerts named in one message (an Alertmanager gets all).
inline constexpr std::size_t named = 200;
/// Alerts that are kept; of more nobody is notified, and they are counted.
inline constexpr std::size_t alerts = 65'536;
}  // namespace notifier_limits

struct notify_counters {
  std::uint64_t sent = 0;
  std::uint64_t failed = 0;   ///< attempts
  std::uint64_t refused = 0;  ///< messages that the receiver will never take
};

/// What came of sending a message.
enum class delivery : std::uint8_t {
  sent,
  failed,   ///< perhaps it came; it is sent again
  refused,  ///< it was understood and is not wanted: it is not sent again
};

/// Who is to be told of what, and when. Pure: time is handed in. Takes what the feed tells, in
/// order; the same record twice changes nothing. Time that goes back (a clock was wrong and is set
/// right) holds nobody up: what was done at times that are yet to come counts as done now.
///
/// Alerts go by the first route whose matchers they fulfil (and on, where it says so) into groups;
/// a group is told of `group_wait` after its first alert, `group_interval` after something changed,
/// and `repeat_interval` after it was told of last while something fires that nobody has
/// acknowledged. What is suppressed is not told of, its end is where it was told of before.
///
/// Durable: changes() are rows for a store; a core that restore() got them goes on where they were
/// written. They are written before what due() says is sent: whoever may have heard of an alert
/// hears of its end. A notification is repeated, under
/// its id, only when nobody knows whether it came.
///
/// A route is named by its receiver; further ones of the same receiver by their matchers, too.
class notifier_core {
public:
  /// Fails: ec::invalid, a sentence that names the key.
  static outcome<notifier_core> make(const notify_options& options);

  void take(const alert& told, arrival_time now);
  void take(const incident& told, arrival_time now);
  /// What is to be sent now, at most one for each receiver that has none under way. Each is under
  /// way until done() is called.
  std::vector<notification> due(arrival_time now);
  /// @p rest: for how long the receiver has asked to be left alone.
  void done(const std::string& receiver, delivery how, arrival_time now, milliseconds rest = {});
  /// When due() has something again, as things are; nothing: not before something is taken.
  std::optional<arrival_time> next();

  using rows = std::map<std::string, std::optional<std::string>>;  ///< nothing: the row goes
  /// Since the last call.
  rows changes();
  /// @pre nothing was taken. Rows of receivers that are gone are let go.
  outcome<void> restore(const std::map<std::string, std::string>& rows, arrival_time now);

  std::size_t waiting() const noexcept { return agenda_.size(); }  ///< groups to be told of
  std::uint64_t left_out() const noexcept { return left_out_; }
  const std::map<std::string, notify_counters>& counters() const noexcept { return counters_; }
  std::vector<std::string> receivers_of(const alert& a) const;

private:
  using told = told_state;
  static told told_of(const alert& a) noexcept;
  static bool told_firing(told t) noexcept { return t == told::warning || t == told::critical; }
  static bool may_know(told t) noexcept { return told_firing(t) || t == told::perhaps; }
  struct group : notify_group {
    std::size_t route = 0;
  };
  struct known_alert : notify_alert {
    std::set<std::string> groups;  ///< keys
  };
  struct route {
    notify_route options;
    label_matchers matchers;
    receiver_kind kind = receiver_kind::webhook;
    std::size_t receiver = 0;
    std::string name{};
  };
  struct sending {
    std::string group;
    std::map<std::string, told> alerts;
    bool acknowledged = false;
  };
  struct tiredness {
    std::uint32_t failures = 0;  ///< in a row
    arrival_time until{};        ///< not before
  };
  struct needs {
    bool any = false, fires = false, fresh = false, ended = false, open = false,
         acknowledged = false;
    bool unheeded = false;  ///< something fires that nobody looks after
    bool risen = false;     ///< something critical does, and only warnings have been told
  };

  void follow_clock(arrival_time now);
  void set_back(arrival_time now, milliseconds by);
  void put(known_alert& a, arrival_time now);
  void leave(known_alert& a);
  arrival_time waits_since(const known_alert& a, arrival_time now) const;
  bool sends(const std::string& key, const std::string& id) const;
  bool knows(const std::string& receiver, const known_alert& a) const;
  static bool fires(const alert& a) noexcept { return a.state == alert_state::firing; }
  static bool tellable(const alert& a, told known) noexcept;
  void drop_if_done(const std::string& id);
  std::string key_of(const route& r, const known_alert& a,
                     std::map<std::string, std::string>& labels) const;
  needs needs_of(const group& g) const;
  static bool flaps(const group& g);
  std::optional<arrival_time> due_at(const group& g) const;
  std::optional<arrival_time> allowed(const std::string& receiver, arrival_time wanted) const;
  void plan();
  notification message_of(const std::string& key, group& g, arrival_time now);
  void settle_failed(group& g, const std::string& receiver, arrival_time now, milliseconds rest);
  void settle_sent(group& g, const sending& what, arrival_time now);
  static arrival_time again_at(const route& r, const group& g, bool fresh);
  void begin_again(const known_alert& a, arrival_time now);
  void forget_calm(const std::string& key);
  void end_old(group& g, arrival_time now);
  void join(known_alert& a, const incident& of, arrival_time now);
  void part(const std::string& id, const std::string& incident);
  outcome<void> restore_row(const std::string& name, const std::string& bytes);
  void settle_restored(arrival_time now);
  const notify_receiver& receiver_of(const group& g) const;

  notify_options options_;
  std::vector<route> routes_;
  std::map<std::string, known_alert> alerts_;
  std::map<std::string, incident> incidents_;
  std::map<std::string, std::set<std::string>> members_;    ///< incident -> alerts that are known
  std::map<std::string, group> groups_;                     ///< by receiver and key
  std::map<std::string, sending> under_way_;                ///< by receiver
  std::map<std::string, std::vector<arrival_time>> spent_;  ///< sent in the last minute
  std::map<std::string, tiredness> tired_;                  ///< receivers that have failed
  std::set<std::pair<arrival_time, std::string>> agenda_;
  std::map<std::string, arrival_time> planned_;
  std::set<std::string> to_plan_;  ///< groups in which something has changed
  std::set<std::string> changed_;  ///< names of rows
  std::map<std::string, notify_counters> counters_;
  std::uint64_t left_out_ = 0;
  arrival_time clock_{};  ///< as it was handed in last
};

}  // namespace faultline
