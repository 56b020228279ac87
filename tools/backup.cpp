// SPDX-License-Identifier: Apache-2.0
#include "storage/backup.hpp"

#include <signal.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "storage/copy_lease.hpp"
#include "tools/api.hpp"
#include "tools/commands.hpp"
#include "tools/internal/json_text.hpp"
#include "tools/progress.hpp"
#include "tools/store_commands.hpp"
#include "tools/version.hpp"

namespace faultline {

namespace {

using json = nlohmann::ordered_json;

struct backup_arguments {
  std::string directory;
  std::string storage_path;
};

constexpr std::chrono::milliseconds next_look{200};

volatile sig_atomic_t told_to_end = 0;

constexpr std::array ending_signals{SIGINT, SIGTERM, SIGHUP};
std::array<struct sigaction, ending_signals.size()> ends_as_ever;

void end_as_ever() noexcept {
  for (std::size_t i = 0; i < ending_signals.size(); ++i)
    ::sigaction(ending_signals[i], &ends_as_ever[i], nullptr);
}

/// While it lives the first signal to end only says so: what was begun is taken away first. The
/// second one ends as ever, and what is ignored stays so (nohup, a job in the background).
class ending_in_order {
public:
  ending_in_order() {
    struct sigaction noted = {};
    noted.sa_handler = [](int) {
      told_to_end = 1;
      end_as_ever();
    };
    noted.sa_flags = SA_RESTART;
    for (std::size_t i = 0; i < ending_signals.size(); ++i)
      ::sigaction(ending_signals[i], nullptr, &ends_as_ever[i]);
    for (std::size_t i = 0; i < ending_signals.size(); ++i)
      if (ends_as_ever[i].sa_handler != SIG_IGN) ::sigaction(ending_signals[i], &noted, nullptr);
  }
  ~ending_in_order() { end_as_ever(); }
  ending_in_order(const ending_in_order&) = delete;
  ending_in_order& operator=(const ending_in_order&) = delete;
};

/// Thrown through the copying, which removes what it had begun.
struct interrupted {};

const std::string& target() {
  static const std::string path = api_target("backup", {});
  return path;
}

/// Progress in MiB, so that a bar moves for small and large alike.
backup_progress bar_for(const char* what) {
  constexpr std::uint64_t mib = 1024 * 1024;
  auto bar = std::make_shared<std::unique_ptr<progress_bar>>();
  return [bar, what](std::uint64_t done, std::uint64_t total) {
    if (!*bar) *bar = std::make_unique<progress_bar>(what, total / mib + 1);
    (*bar)->at(done / mib);
  };
}

/// What the server says of its copy. Fails also when making it did.
outcome<json> state_of(const outcome<std::string>& answer) {
  if (!answer) return answer.error();
  auto state = json::parse(*answer, nullptr, false);
  if (!state.is_object() || !state.value("state", json{}).is_string() ||
      !state.value("path", json{}).is_string())
    return failure{ec::malformed, "the server's answer is not that of a backup"};
  if (state["state"] == "failed")
    return failure{ec::store_unavailable,
                   "the server could not make a copy: " + harmless(state.value("reason", ""))};
  return state;
}

/// Has the server make its copy and waits for it. @returns where it is.
outcome<std::string> have_it_made(const api_server& server) {
  auto state = state_of(api_post(server, target(), ""));
  // It may take longer than the server lets a request wait. One that somebody else has made is
  // none of ours: it may lack what was acknowledged since it began.
  if (!state && state.error().code == ec::deadline_passed) {
    const auto now = state_of(api_get(server, target()));
    if (!now || (*now)["state"] != "writing") return state.error();
    state = now;
  }
  if (!state) return state.error();
  while ((*state)["state"] == "writing") {
    std::this_thread::sleep_for(next_look);
    state = state_of(api_get(server, target()));
    if (!state) return state.error();
  }
  if ((*state)["state"] != "made")
    return failure{ec::store_unavailable, "the server's copy was taken away meanwhile"};
  return (*state)["path"].get<std::string>();
}

/// write_backup() of the server's copy @p made, until somebody ends us.
outcome<backup_card> take_away(const std::string& made, const std::string& directory) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto bar = bar_for("copy");
  const auto go_on = [&bar](std::uint64_t done, std::uint64_t total) {
    if (told_to_end != 0) throw interrupted{};
    bar(done, total);
  };
  try {
    if (told_to_end != 0) throw interrupted{};
    return write_backup(made, directory, program_version,
                        std::chrono::duration_cast<std::chrono::milliseconds>(now).count(), go_on);
  } catch (const interrupted&) {
    return failure{ec::shutting_down, "interrupted: there is no backup in " + directory};
  }
}

int print_card(const command_session& session, const std::string& directory,
               const backup_card& card, const char* done) {
  if (session.format == output_format::json) {
    const json out{{"directory", directory},        {"files", card.files.size()},
                   {"bytes", card.bytes()},         {"format", card.format},
                   {"partitions", card.partitions}, {"made_ms", card.made_ms},
                   {"written_by", card.written_by}};
    std::puts(json_text(out, 2).c_str());
    return exit_code::ok;
  }
  std::printf("%s %s: %zu files, %s, format %llu, made %s by %s\n", harmless(directory).c_str(),
              done, card.files.size(), format_bytes(card.bytes()).c_str(),
              static_cast<unsigned long long>(card.format), format_time(card.made_ms).c_str(),
              harmless(card.written_by).c_str());
  return exit_code::ok;
}

/// Whether @p directory is one of the server's own, whose copy is @p made, or lies below one: the
/// copy is taken away with all that is in it, and the store is RocksDB's alone.
bool is_of_the_store(const std::string& directory, const std::string& made) {
  namespace fs = std::filesystem;
  std::error_code unreadable;
  const fs::path wanted = fs::weakly_canonical(fs::absolute(directory), unreadable);
  const fs::path copy = fs::weakly_canonical(made, unreadable);
  return !unreadable && (lies_in(wanted, copy) || lies_in(wanted, copy.parent_path() / "store"));
}

int run_create(const command_session& session, const backup_arguments& a) {
  std::error_code unreadable;
  if (const auto free = check_backup_target(a.directory); !free)
    return report_usage(free.error().what);
  auto in_order = std::make_unique<ending_in_order>();
  const auto made = have_it_made(session.server);
  if (!made) return report_failure(made.error());
  if (!std::filesystem::exists(*made + "/store", unreadable)) {
    // Left there it would keep the store's old files for as long as the server runs.
    const auto dropped = api_change(session.server, "DELETE", target());
    return report_failure("the server's copy, " + harmless(*made) +
                          ", cannot be read here: run this where the server runs, as a user who "
                          "may read its files" +
                          (dropped ? "" : "; and it is still there: " + dropped.error().what));
  }
  if (is_of_the_store(a.directory, *made)) {
    const auto dropped = api_change(session.server, "DELETE", target());
    if (!dropped) return report_failure(dropped.error());
    return report_usage(a.directory + " lies in the server's store: name a directory elsewhere");
  }
  // Until the server has dropped it: nobody else has another made in its place meanwhile.
  const auto lease = copy_lease::to_take(*made);
  if (!lease) return report_failure(lease.error());
  const auto card = take_away(*made, a.directory);
  const auto dropped = api_change(session.server, "DELETE", target());
  if (!card) {
    failure why = card.error();
    if (!dropped) why.what += "; and the server's copy is still there: " + dropped.error().what;
    return report_failure(why);
  }
  if (!dropped) return report_failure(dropped.error());
  in_order.reset();  // the backup is there
  if (told_to_end != 0)
    return report_failure("interrupted: the backup in " + a.directory +
                          " is written and was not verified");
  if (const auto whole = verify_backup(a.directory, bar_for("verify")); !whole)
    return report_failure(whole.error());
  return print_card(session, a.directory, *card, "written");
}

/// Also reads every record, as `faultline store check` does.
int run_verify(const command_session& session, const backup_arguments& a) {
  const auto card = verify_backup(a.directory, bar_for("verify"));
  if (!card) return report_failure(card.error());
  const auto report = check_rocksdb_store(a.directory + "/store", all_readers(), {});
  if (!report) return report_failure(report.error());
  if (!report->clean()) {
    std::fputs(report_text(*report, colours::of(2)).c_str(), stderr);
    return report_failure(a.directory + " was made of a store with problems");
  }
  return print_card(session, a.directory, *card, "is whole");
}

int run_restore(const command_session& session, const backup_arguments& a) {
  const auto card = restore_backup(a.directory, a.storage_path, bar_for("restore"));
  if (!card) {
    const int code = report_failure(card.error());
    return card.error().code == ec::invalid ? exit_code::usage : code;
  }
  return print_card(session, a.storage_path, *card, "restored");
}

}  // namespace

void add_backup_commands(CLI::App& app, command_session& session) {
  auto a = std::make_shared<backup_arguments>();
  // An empty one is a variable of a script that is not set.
  const CLI::Validator said{
      [](const std::string& text) { return std::string{text.empty() ? "is empty" : ""}; }, ""};
  CLI::App* group = app.add_subcommand("backup", "Copies a store, also while a server uses it");
  group->require_subcommand(1);
  CLI::App* create = group->add_subcommand(
      "create", "Have the server copy its store, and take the copy away (where the server runs)");
  create->add_option("directory", a->directory, "New or empty; on another disk, at best")
      ->required()
      ->check(said);
  create->callback(
      [a, &session] { session.run = [a, &session] { return run_create(session, *a); }; });
  CLI::App* verify =
      group->add_subcommand("verify", "Read every file and record: 0 whole, 1 damaged");
  verify->add_option("directory", a->directory, "A backup")->required()->check(said);
  verify->callback(
      [a, &session] { session.run = [a, &session] { return run_verify(session, *a); }; });
  CLI::App* restore = group->add_subcommand("restore", "Verify it, and copy it to a new store");
  restore->add_option("directory", a->directory, "A backup")->required()->check(said);
  restore->add_option("storage.path", a->storage_path, "New or empty: the storage.path of a server")
      ->required()
      ->check(said);
  restore->callback(
      [a, &session] { session.run = [a, &session] { return run_restore(session, *a); }; });
}

}  // namespace faultline
