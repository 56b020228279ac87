// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "actors/post_desk.hpp"
#include "transport/http_server.hpp"
#include "transport/options.hpp"

namespace faultline {

/// The paths that events of other protocols come in by, each with its receiver.
///
/// A further one is a `receiver` (post_desk.hpp) and a call of add(): how its body becomes events
/// and how its sender is answered is all it has to say.
class receiver_routes {
public:
  /// POST on @p path, raw and whole, goes to @p by.
  void add(std::string path, receiver by);
  bool takes(std::string_view path) const noexcept { return find(path) != nullptr; }
  /// Requests of these paths go to @p desk, which outlives the handler, as this does; all others to
  /// @p next.
  http_handler before(http_handler next, post_desk& desk) const;

private:
  struct route {
    std::string path;
    receiver by;
  };
  const route* find(std::string_view path) const noexcept;
  std::deque<route> routes_;  ///< receivers stay where they are
};

inline constexpr std::string_view posted_alerts_path = "/api/v2/alerts";

/// @p next without the way in for alerts of others: POST /api/v2/alerts is answered 405, and what
/// is read there stays.
http_handler without_posted_alerts(http_handler next);

/// Those of @p options.
receiver_routes make_receivers(const receiver_options& options);

}  // namespace faultline
