// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "inference/model_file.hpp"
#include "tools/commands.hpp"
#include "tools/operate.hpp"

namespace faultline {

namespace {

using json = nlohmann::ordered_json;

std::string shape_text(const std::vector<std::uint32_t>& shape) {
  std::string text;
  for (const std::uint32_t n : shape) text += (text.empty() ? "" : " x ") + std::to_string(n);
  return text;
}

json card_json(const model_card& card) {
  const model_description& d = card.description;
  json tensors = json::array();
  for (const auto& t : card.tensors) tensors.push_back({{"name", t.name}, {"shape", t.shape}});
  return {{"kind", to_string(card.kind)},
          {"name", d.name},
          {"version", d.version},
          {"training_data", d.training_data},
          {"note", d.note},
          {"date", d.date},
          {"git_revision", d.git_revision},
          {"seed", d.seed},
          {"measures", d.measures},
          {"parameters", card.parameters},
          {"file_bytes", card.file_bytes},
          {"format_version", card.format_version},
          {"sha256", card.sha256},
          {"tensors", tensors}};
}

void print_card(const model_card& card) {
  const model_description& d = card.description;
  const colours c = colours::of(1);
  std::printf("%s%s%s %s  %s\n", c.bold(), harmless(d.name).c_str(), c.end(),
              harmless(d.version).c_str(), to_string(card.kind));
  const auto line = [](const char* name, const std::string& value) {
    if (!value.empty()) std::printf("%-14s%s\n", name, harmless(value).c_str());
  };
  line("trained on", d.training_data);
  line("note", d.note);
  line("date", d.date);
  line("revision", d.git_revision);
  line("seed", std::to_string(d.seed));
  line("parameters", format_count(card.parameters));
  line("file", format_bytes(card.file_bytes) + ", format " + std::to_string(card.format_version));
  line("sha256", card.sha256);
  for (const auto& [name, value] : d.measures) line("measure", name + " = " + format_number(value));
  for (const auto& t : card.tensors) line("tensor", t.name + "  " + shape_text(t.shape));
}

int run_show(const std::string& file, const command_session& session) {
  const auto card = read_model_card(file);
  if (!card) return report_failure(card.error());
  if (session.format == output_format::json)
    std::puts(card_json(*card).dump(2).c_str());
  else
    print_card(*card);
  return exit_code::ok;
}

}  // namespace

void add_model_commands(CLI::App& app, command_session& session) {
  auto file = std::make_shared<std::string>();
  CLI::App* group = app.add_subcommand("model", "Model files");
  group->require_subcommand(1);
  add_model_operations(*group, session);
  CLI::App* show = group->add_subcommand("show", "Read and check a model file, print its card");
  show->add_option("file", *file, "A file with the ending .flm")->required();
  show->callback(
      [file, &session] { session.run = [file, &session] { return run_show(*file, session); }; });
}

}  // namespace faultline
