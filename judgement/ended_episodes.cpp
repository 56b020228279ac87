// SPDX-License-Identifier: Apache-2.0
#include "judgement/ended_episodes.hpp"

#include "messages/identity.hpp"

namespace faultline {

std::uint64_t ended_episodes::hash_of(std::string_view id) noexcept { return stable_hash(id); }

/// Where @p id_hash stands, or the empty place at which it would. There is always one: the bound is
/// for an index that is broken, so that whoever breaks it sees that it finds nothing.
std::size_t ended_episodes::place_of(std::uint64_t id_hash) const noexcept {
  const std::size_t mask = places_.size() - 1;
  std::size_t at = id_hash & mask;
  for (std::size_t n = 0; n < places_.size(); ++n, at = (at + 1) & mask)
    if (places_[at] == 0 || ring_[places_[at] - 1].id_hash == id_hash) break;
  return at;
}

std::optional<std::uint32_t> ended_episodes::find(std::string_view id) const noexcept {
  if (size_ == 0) return std::nullopt;
  const std::uint32_t slot = places_[place_of(hash_of(id))];
  if (slot == 0) return std::nullopt;
  return ring_[slot - 1].transition;
}

void ended_episodes::add_hash(std::uint64_t id_hash, std::uint32_t transition) {
  if (ring_.empty()) {
    std::size_t places = 2;
    while (places < 2 * most_) places *= 2;
    ring_.resize(most_);
    places_.resize(places);
  }
  if (const std::uint32_t slot = places_[place_of(id_hash)]; slot != 0) {
    ring_[slot - 1].transition = transition;
    return;
  }
  if (size_ == most_) forget_oldest();
  const std::size_t slot = (first_ + size_++) % most_;
  ring_[slot] = {id_hash, transition};
  places_[place_of(id_hash)] = static_cast<std::uint32_t>(slot + 1);
}

void ended_episodes::forget_oldest() noexcept {
  take_out(place_of(ring_[first_].id_hash));
  first_ = (first_ + 1) % most_;
  --size_;
}

/// Those behind it that would not be found past an empty place move up (Knuth, The Art of Computer
/// Programming, vol. 3, 6.4, algorithm R).
void ended_episodes::take_out(std::size_t place) noexcept {
  const std::size_t mask = places_.size() - 1;
  std::size_t hole = place;
  for (std::size_t at = (hole + 1) & mask; places_[at] != 0 && at != place; at = (at + 1) & mask) {
    const std::size_t home = ring_[places_[at] - 1].id_hash & mask;
    if (((at - home) & mask) < ((at - hole) & mask)) continue;
    places_[hole] = places_[at];
    hole = at;
  }
  places_[hole] = 0;
}

}  // namespace faultline
