// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

namespace faultline {

/// Whether an entity was named after the address at which somebody reached it: "cart.shop.svc",
/// "orders-db.internal:5432", "remote/10.0.0.7". Kinds before the slash do not count.
bool is_address(std::string_view entity) noexcept;

/// Words of four letters or more in the host part of @p address (up to its first dot or colon).
std::vector<std::string_view> address_words(std::string_view address);

/// Whether @p word is part of the name of @p entity, or the name (of four letters or more) part of
/// the word. Load balancers and resolvers cut names, so a beginning is enough. False where @p
/// entity is an address itself.
bool word_names(std::string_view word, std::string_view entity) noexcept;

}  // namespace faultline
