// SPDX-License-Identifier: Apache-2.0
#include "storage/backup.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <system_error>
#include <utility>

#include <nlohmann/json.hpp>

#include "messages/version.hpp"
#include "storage/internal/backup_files.hpp"
#include "storage/internal/rocksdb_database.hpp"

namespace faultline {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr std::uint64_t card_version = 1;
constexpr const char* card_name = "BACKUP";
constexpr std::uint64_t most_card_bytes = 64 << 20;  ///< of 300,000 files

/// Removes a directory that was begun, unless it is kept.
class begun {
public:
  explicit begun(fs::path directory) : directory_{std::move(directory)} {}
  ~begun() {
    std::error_code ignored;  // what is left says by its name that it is not whole
    if (!kept_) fs::remove_all(directory_, ignored);
  }
  begun(const begun&) = delete;
  begun& operator=(const begun&) = delete;
  void keep() { kept_ = true; }

private:
  fs::path directory_;
  bool kept_ = false;
};

/// Bytes done so far, told to whoever wants to hear.
class tally {
public:
  tally(const backup_progress& tell, std::uint64_t total) : tell_{tell}, total_{total} {}
  void operator()(std::uint64_t bytes) {
    done_ += bytes;
    if (tell_) tell_(done_, total_);
  }

private:
  const backup_progress& tell_;
  std::uint64_t total_;
  std::uint64_t done_ = 0;
};

constexpr const char* begun_inside = ".partial";  ///< of a copy into a directory that is there

bool is_begun_copy(const fs::directory_entry& e) { return e.path().filename() == begun_inside; }

/// Where @p wanted is, links and `..` followed as the system follows them: what is checked is what
/// is cleared and written.
fs::path place_of(const std::string& wanted) {
  std::error_code error;
  const fs::path absolute = fs::absolute(wanted, error);
  fs::path at = fs::weakly_canonical(absolute, error);
  if (error) at = absolute.lexically_normal();
  return at.has_filename() ? at : at.parent_path();
}

/// The backup that @p directory lies in, which would be whole no more with anything below it.
std::optional<fs::path> backup_around(const std::string& directory) {
  fs::path at = place_of(directory);
  while (at.has_relative_path()) {
    at = at.parent_path();
    const auto card = read_backup_card(at.string());
    if (card || card.error().code == ec::unknown_version) return at;
  }
  return std::nullopt;
}

/// A copy into @p target clears what an earlier one left there, which may be @p source itself.
outcome<void> is_kept(const std::string& source, const std::string& target) {
  const fs::path named = place_of(target);
  for (const fs::path& cleared : {named / begun_inside, fs::path{named.string() + begun_inside}})
    if (lies_in(place_of(source), cleared))
      return failure{ec::invalid, source + " would be removed as an unfinished copy into " +
                                      target + ": move it elsewhere first"};
  return {};
}

/// Where a copy is made that will be @p wanted once it is whole: beside it, or inside where it is
/// there already, for that may be the root of a volume, or lie on another one than its name.
struct place {
  fs::path whole, partial;
  bool inside = false;
};

outcome<place> place_for(const std::string& wanted) {
  place p;
  std::error_code error;
  p.whole = place_of(wanted);
  p.inside = fs::is_directory(p.whole, error);
  p.partial = p.inside ? p.whole / begun_inside : fs::path{p.whole.string() + begun_inside};
  error.clear();
  fs::remove_all(p.partial, error);  // of a copy that was interrupted
  if (!error) fs::create_directories(p.partial, error);
  if (!error) fs::permissions(p.partial, fs::perms::owner_all, error);
  if (error) return failure{ec::io_failed, p.partial.string() + ": " + error.message()};
  return p;
}

/// @p last is moved last: without it the copy is none.
outcome<void> put_in_place(const place& p, const std::string& last) {
  std::error_code error;
  const auto move = [&](const fs::path& from, const fs::path& to) {
    if (!error) fs::rename(from, to, error);
  };
  if (p.inside) {
    std::vector<fs::path> all;
    for (const auto& e : fs::directory_iterator{p.partial, error}) all.push_back(e.path());
    for (const auto& e : all)
      if (e.filename() != last) move(e, p.whole / e.filename());
    move(p.partial / last, p.whole / last);
    if (!error) fs::remove(p.partial, error);
  } else {
    move(p.partial, p.whole);
  }
  if (error) return failure{ec::io_failed, p.whole.string() + ": " + error.message()};
  return sync_directory(p.inside ? p.whole : p.whole.parent_path());
}

outcome<void> sync_directories(const fs::path& root) {
  if (auto done = sync_directory(root); !done) return done;
  std::error_code error;
  for (fs::recursive_directory_iterator at{root, error}, end; !error && at != end;
       at.increment(error))
    if (at->is_directory())
      if (auto done = sync_directory(at->path()); !done) return done;
  return {};
}

std::string text_of(const backup_card& card) {
  json files = json::array();
  for (const auto& f : card.files)
    files.push_back({{"name", f.name}, {"bytes", f.bytes}, {"sha256", f.sha256}});
  json all{{"backup", card_version},        {"format", card.format},
           {"partitions", card.partitions}, {"made_ms", card.made_ms},
           {"written_by", card.written_by}, {"files", std::move(files)}};
  all["sha256"] = sha256_of(all.dump());
  return all.dump(1) + "\n";
}

/// The card says of itself what it says of the files: a bit of a hash that turned over is damage
/// of the card, not of the file it speaks of.
bool is_sealed(json all) {
  const auto hash = all.find("sha256");
  if (hash == all.end()) return false;
  const json said = *hash;
  all.erase(hash);
  return said == sha256_of(all.dump());
}

/// A name that stays below the directory it is in.
bool stays_inside(const std::string& name) {
  const fs::path path{name};
  if (name.empty() || path.is_absolute()) return false;
  return std::none_of(path.begin(), path.end(), [](const fs::path& p) { return p == ".."; });
}

outcome<backup_card> card_of(const json& all, const std::string& file) {
  const auto bad = [&] { return failure{ec::malformed, file + " is damaged"}; };
  try {
    const auto version = all.at("backup").get<std::uint64_t>();
    if (version > card_version) return newer_version(file, version, card_version);
    if (!is_sealed(all)) return bad();
    backup_card card;
    card.format = all.at("format").get<std::uint64_t>();
    card.partitions = all.at("partitions").get<std::uint64_t>();
    card.made_ms = all.at("made_ms").get<std::int64_t>();
    card.written_by = all.at("written_by").get<std::string>();
    for (const auto& f : all.at("files")) {
      card.files.push_back({f.at("name").get<std::string>(), f.at("bytes").get<std::uint64_t>(),
                            f.at("sha256").get<std::string>()});
      if (!stays_inside(card.files.back().name)) return bad();
    }
    if (card.format > store_format)
      return newer_version("the store of the backup " + file, card.format, store_format);
    return card;
  } catch (const json::exception&) {
    return bad();
  }
}

/// Holds @p found against the card's line.
outcome<void> same(const backup_file& wanted, const backup_file& found, const fs::path& at) {
  if (wanted.bytes == found.bytes && wanted.sha256 == found.sha256) return {};
  const std::string why = wanted.bytes == found.bytes ? "it is not what was written"
                                                      : std::to_string(found.bytes) + " of " +
                                                            std::to_string(wanted.bytes) + " bytes";
  return failure{ec::store_corrupt, (at / wanted.name).string() + " is damaged: " + why};
}

outcome<std::uint64_t> bytes_of(const fs::path& root, const std::vector<std::string>& names) {
  std::uint64_t sum = 0;
  for (const auto& name : names) {
    std::error_code error;
    sum += fs::file_size(root / name, error);
    if (error) return failure{ec::io_failed, (root / name).string() + ": " + error.message()};
  }
  return sum;
}

}  // namespace

bool lies_in(const fs::path& path, const fs::path& directory) {
  return std::mismatch(directory.begin(), directory.end(), path.begin(), path.end()).first ==
         directory.end();
}

outcome<void> check_backup_target(const std::string& directory) {
  std::error_code error;
  if (const auto around = backup_around(directory))
    return failure{ec::invalid, directory + " lies in the backup " + around->string() +
                                    ": name a directory elsewhere"};
  const fs::path place = place_of(directory);
  if (!fs::exists(place, error)) return {};
  const fs::directory_iterator all{place, error};
  if (!error && std::all_of(begin(all), end(all), is_begun_copy)) return {};
  return failure{ec::invalid, directory + " holds something already: name an empty directory"};
}

std::uint64_t backup_card::bytes() const {
  std::uint64_t sum = 0;
  for (const auto& f : files) sum += f.bytes;
  return sum;
}

outcome<backup_card> write_backup(const std::string& from, const std::string& to,
                                  const std::string& written_by, std::int64_t now_ms,
                                  const backup_progress& progress) {
  if (auto free = check_backup_target(to); !free) return free.error();
  if (auto kept = is_kept(from, to); !kept) return kept.error();
  const auto names = files_below(from);
  if (!names) return names.error();
  const auto total = bytes_of(from, *names);
  if (!total) return total.error();
  const auto target = place_for(to);
  if (!target) return target.error();
  const fs::path& partial = target->partial;
  begun copy{partial};
  tally done{progress, *total};
  backup_card card;
  card.made_ms = now_ms;
  card.written_by = written_by;
  for (const auto& name : *names) {
    auto file = read_backup_file(from, name, partial, [&](std::uint64_t n) { done(n); });
    if (!file) return file.error();
    card.files.push_back(std::move(*file));
  }
  const auto opened = rocksdb_database::open_read_only(partial / "store", storage_options{});
  if (!opened) return opened.error();
  card.format = (*opened)->format();
  card.partitions = (*opened)->partitions();
  if (auto synced = sync_directories(partial); !synced) return synced.error();
  if (auto written = write_durably(partial / card_name, text_of(card)); !written)
    return written.error();
  if (auto placed = put_in_place(*target, card_name); !placed) return placed.error();
  copy.keep();
  return card;
}

outcome<backup_card> read_backup_card(const std::string& directory) {
  const std::string file = directory + "/" + card_name;
  std::error_code error;
  std::ifstream in;  // a directory may be called so, or a pipe that nobody writes to
  if (fs::is_regular_file(file, error)) in.open(file);
  if (!in.is_open())
    return failure{ec::not_found, directory + " holds no backup: there is no file " + card_name};
  if (fs::file_size(file, error) > most_card_bytes || error)
    return failure{ec::malformed, file + " is no list of files"};
  const std::string text{std::istreambuf_iterator<char>{in}, {}};
  const auto all = json::parse(text, nullptr, false);
  if (!all.is_object()) return failure{ec::malformed, file + " is damaged"};
  return card_of(all, file);
}

outcome<backup_card> verify_backup(const std::string& directory, const backup_progress& progress) {
  auto card = read_backup_card(directory);
  if (!card) return card.error();
  tally done{progress, card->bytes()};
  for (const auto& wanted : card->files) {
    const auto found =
        read_backup_file(directory, wanted.name, {}, [&](std::uint64_t n) { done(n); });
    if (!found && found.error().code == ec::not_found)
      return failure{ec::store_corrupt,
                     (fs::path{directory} / wanted.name).string() + " is missing"};
    if (!found) return found.error();
    if (auto whole = same(wanted, *found, directory); !whole) return whole.error();
  }
  const auto names = files_below(directory);
  if (!names) return names.error();
  for (const auto& name : *names) {
    const bool known =
        name == card_name || std::any_of(card->files.begin(), card->files.end(),
                                         [&](const backup_file& f) { return f.name == name; });
    if (!known)
      return failure{ec::store_corrupt,
                     (fs::path{directory} / name).string() + " is not of this backup"};
  }
  return card;
}

outcome<backup_card> restore_backup(const std::string& directory, const std::string& storage_path,
                                    const backup_progress& progress) {
  if (auto free = check_backup_target(storage_path); !free) return free.error();
  if (auto kept = is_kept(directory, storage_path); !kept) return kept.error();
  auto card = verify_backup(directory, {});
  if (!card) return card.error();
  const auto target = place_for(storage_path);
  if (!target) return target.error();
  const fs::path& partial = target->partial;
  begun copy{partial};
  tally done{progress, card->bytes()};
  for (const auto& wanted : card->files) {
    const auto found =
        read_backup_file(directory, wanted.name, partial, [&](std::uint64_t n) { done(n); });
    if (!found) return found.error();
    if (auto whole = same(wanted, *found, directory); !whole) return whole.error();
  }
  if (auto synced = sync_directories(partial); !synced) return synced.error();
  if (auto placed = put_in_place(*target, "store"); !placed) return placed.error();
  copy.keep();
  return card;
}

}  // namespace faultline
