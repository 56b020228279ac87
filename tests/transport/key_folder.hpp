// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "tests/support/scratch_directory.hpp"
#include "transport/key_file.hpp"

namespace faultline::testing {

/// A directory for keys, removed at the end: pairs in it, and clients' public halves in clients().
class key_folder {
  scratch_directory own_;

public:
  key_folder() { std::filesystem::create_directory(clients()); }

  std::filesystem::path clients() const { return path / "clients.d"; }
  /// Makes NAME.secret and NAME.pub; the path of the first.
  std::filesystem::path pair(const std::string& name) const {
    client_rights rights;
    rights.name = name;
    const auto made = write_new_keys(path, rights);
    return made ? path / (name + ".secret") : std::filesystem::path{};
  }
  /// Makes a client that @p rights name, and lets it in.
  std::filesystem::path add(client_rights rights) const {
    const std::string name = rights.name;
    if (!write_new_keys(path, std::move(rights))) return {};
    std::filesystem::rename(path / (name + ".pub"), clients() / (name + ".pub"));
    return path / (name + ".secret");
  }
  std::filesystem::path add(const std::string& name, bool ingest, bool feed) const {
    client_rights rights;
    rights.name = name;
    rights.ingest = ingest;
    rights.feed = feed;
    return add(std::move(rights));
  }
  /// What a client NAME connects with to the server whose pair is "server".
  std::shared_ptr<const curve_keys> keys(const std::string& name,
                                         const std::string& server = "server") const {
    auto loaded = load_client_keys(path / (name + ".secret"), path / (server + ".pub"));
    return loaded ? *loaded : nullptr;
  }

  const std::filesystem::path path = own_.path();
};

}  // namespace faultline::testing
