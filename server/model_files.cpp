// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <system_error>
#include <vector>

#include "inference/model_file.hpp"
#include "server/rule_desk.hpp"

namespace faultline {

namespace fs = std::filesystem;

namespace {

/// Files of a directory that are looked at for a model.
constexpr std::size_t most_files = 1024;

bool sync_path(const fs::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool synced = ::fsync(fd) == 0;
  ::close(fd);
  return synced;
}

bool is_hash(const std::string& text) {
  return text.size() == 64 && std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

/// Model files of @p directory in order of their names; none where there is no such directory.
std::vector<fs::path> files_in(const fs::path& directory) {
  std::vector<fs::path> files;
  std::error_code failed;
  for (fs::directory_iterator at{directory, failed}, end; !failed && at != end;
       at.increment(failed)) {
    std::error_code unreadable;
    if (at->path().extension() == ".flm" && at->is_regular_file(unreadable) &&
        files.size() < most_files)
      files.push_back(at->path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

fs::path models_of(const std::string& storage_path) { return fs::path{storage_path} / "models"; }

fs::path kept_model(const std::string& storage_path, const std::string& sha256) {
  return models_of(storage_path) / (sha256 + ".flm");
}

outcome<void> keep_model(const std::string& storage_path, const fs::path& file,
                         const std::string& sha256) {
  const fs::path kept = kept_model(storage_path, sha256);
  std::error_code failed;
  if (fs::is_regular_file(kept, failed)) {
    const auto card = read_model_card(kept);
    if (card && card->sha256 == sha256) return {};
  }
  const auto cannot = [&](const std::string& why) {
    return failure{ec::io_failed,
                   "cannot keep " + file.string() + " as " + kept.string() + ": " + why};
  };
  fs::create_directories(kept.parent_path(), failed);
  if (failed) return cannot(failed.message());
  fs::path fresh = kept;
  fresh += ".new";
  fs::copy_file(file, fresh, fs::copy_options::overwrite_existing, failed);
  if (failed) return cannot(failed.message());
  const auto card = read_model_card(fresh);
  if (!card) return card.error();
  if (card->sha256 != sha256)
    return failure{ec::model_failed, file.string() + " is not " + sha256 + " any more"};
  if (!sync_path(fresh)) return cannot("it cannot be synced");
  fs::rename(fresh, kept, failed);
  if (failed) return cannot(failed.message());
  if (!sync_path(kept.parent_path())) return cannot("its directory cannot be synced");
  return {};
}

outcome<fs::path> find_model(const std::string& storage_path, const fs::path& directory,
                             const std::string& sha256) {
  if (!is_hash(sha256)) return failure{ec::invalid, "a sha-256 has 64 hex digits, small letters"};
  std::string damaged;
  const auto look = [&](const fs::path& file) -> bool {
    const auto card = read_model_card(file);
    if (card) return card->sha256 == sha256;
    if (card.error().code != ec::not_found) damaged = "; " + card.error().what;
    return false;
  };
  if (const auto kept = kept_model(storage_path, sha256); look(kept)) return kept;
  for (const auto& file : files_in(directory))
    if (look(file)) return file;
  return failure{ec::not_found, "no model file with sha-256 " + sha256 + " in " +
                                    directory.string() + " (model.directory)" + damaged};
}

outcome<std::unique_ptr<forecaster>> load_kept_model(const std::string& storage_path,
                                                     const fs::path& directory,
                                                     const std::string& sha256, std::size_t batch) {
  auto loaded = load_forecaster(kept_model(storage_path, sha256), batch);
  if (loaded && (*loaded)->identity().sha256 != sha256)
    loaded = failure{ec::malformed, kept_model(storage_path, sha256).string() +
                                        " holds another model: " + (*loaded)->identity().sha256};
  if (loaded) return loaded;
  const auto copy = find_model(storage_path, directory, sha256);
  if (!copy) return loaded;
  auto again = load_forecaster(*copy, batch);
  if (!again) return loaded;
  spdlog::warn("model kept by the store is not usable, its copy is taken copy={} reason=\"{}\"",
               copy->string(), loaded.error().what);
  if (const auto kept = keep_model(storage_path, *copy, sha256); !kept)
    spdlog::warn("{}", kept.error().what);
  return again;
}

}  // namespace faultline
