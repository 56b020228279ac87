// SPDX-License-Identifier: Apache-2.0
#include <yaml-cpp/eventhandler.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "config/internal/units.hpp"
#include "config/internal/yaml_map.hpp"

namespace faultline {

using std::chrono::microseconds;

namespace {

std::string joined(const std::string& path, const std::string& name) {
  return path.empty() ? name : path + "." + name;
}

}  // namespace

std::string to_string(const config_problem& p) {
  std::string text = p.file;
  if (p.line > 0) text += ":" + std::to_string(p.line) + ":" + std::to_string(p.column);
  text += ": ";
  if (!p.key.empty()) text += p.key + ": ";
  return text + p.text;
}

std::string to_string(const std::vector<config_problem>& problems) {
  std::string text;
  for (const auto& p : problems) text += (text.empty() ? "" : "; ") + to_string(p);
  return text;
}

void problem_list::add(const YAML::Mark& at, std::string key, std::string text) {
  const bool known = !at.is_null();
  problems_.push_back(
      {file_, known ? at.line + 1 : 0, known ? at.column + 1 : 0, std::move(key), std::move(text)});
}

void problem_list::note_place(const YAML::Mark& at, const std::string& path) {
  if (!at.is_null()) places_[path] = {at.line + 1, at.column + 1};
}

std::vector<config_problem> problem_list::take() {
  std::stable_sort(problems_.begin(), problems_.end(),
                   [](const auto& a, const auto& b) { return a.line < b.line; });
  return std::move(problems_);
}

namespace {

bool is_utf8(std::string_view text) {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  for (std::size_t at = 0; at < text.size();) {
    const unsigned lead = byte(at);
    const std::size_t length = lead < 0x80                   ? 1
                               : lead >= 0xc2 && lead < 0xe0 ? 2
                               : lead >= 0xe0 && lead < 0xf0 ? 3
                               : lead >= 0xf0 && lead < 0xf5 ? 4
                                                             : 0;
    if (length == 0 || length > text.size() - at) return false;
    for (std::size_t next = 1; next < length; ++next)
      if ((byte(at + next) & 0xc0U) != 0x80) return false;
    const unsigned second = length > 2 ? byte(at + 1) : 0x80;
    if ((lead == 0xe0 && second < 0xa0) || (lead == 0xed && second >= 0xa0) ||
        (lead == 0xf0 && second < 0x90) || (lead == 0xf4 && second >= 0x90))
      return false;  // overlong, a surrogate, above U+10FFFF
    at += length;
  }
  return true;
}

/// Counts documents; where the second one begins, and where text is in another encoding.
class document_look : public YAML::EventHandler {
public:
  void OnDocumentStart(const YAML::Mark& at) override {
    if (++count == 2) second = at;
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark& at, const std::string&, YAML::anchor_t,
                const std::string& text) override {
    if (!is_utf8(text)) unreadable.push_back(at);
  }
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}

  int count = 0;
  YAML::Mark second;
  std::vector<YAML::Mark> unreadable;
};

/// What YAML says of a tab in front of a key is no help to whoever cannot see it.
const char* hint_of(std::string_view text, const YAML::Mark& at) {
  for (int line = 0; line < at.line && !text.empty(); ++line)
    text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
  const auto indent = text.substr(0, text.find_first_not_of(" \t"));
  return indent.find('\t') == std::string_view::npos
             ? ""
             : " (a tab stands in front: YAML is indented by spaces)";
}

}  // namespace

YAML::Node parse_yaml(std::string_view text, problem_list& problems) {
  try {
    // Not LoadAll: there are texts of which it makes documents for ever.
    std::istringstream in{std::string{text}};
    YAML::Parser parser{in};
    document_look documents;
    while (documents.count < 2 && parser.HandleNextDocument(documents)) continue;
    if (documents.count > 1) {
      problems.add(documents.second, "", "more than one YAML document");
      return {};
    }
    for (const YAML::Mark& at : documents.unreadable)
      problems.add(at, "", "this text is not UTF-8: save the file in that encoding");
    if (!documents.unreadable.empty()) return {};
    return YAML::Load(std::string{text});
  } catch (const YAML::Exception& e) {
    problems.add(e.mark, "", "not YAML: " + e.msg + hint_of(text, e.mark));
    return {};
  }
}

std::vector<yaml_entry> entries_of(const YAML::Node& node, const std::string& path,
                                   const std::vector<std::string>& known, problem_list& problems) {
  std::vector<yaml_entry> entries;
  if (node.IsNull() || !node.IsDefined()) return entries;
  if (!node.IsMap()) {
    problems.add(node.Mark(), path, "is not a map of keys");
    return entries;
  }
  std::set<std::string> seen;
  for (const auto& pair : node) {
    const YAML::Mark at = pair.first.Mark();
    if (!pair.first.IsScalar()) {
      problems.add(at, path, "a key is not text");
      continue;
    }
    const std::string name = pair.first.Scalar();
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      const auto meant = nearest(name, known);
      problems.add(at, joined(path, name),
                   "unknown key" + (meant ? "; did you mean " + *meant + "?" : std::string{}));
    } else if (!seen.insert(name).second) {
      problems.add(at, joined(path, name), "given twice");
    } else {
      entries.push_back({name, at, pair.second});
    }
  }
  return entries;
}

bool scalar_text(const yaml_entry& entry, const std::string& key, std::string& text,
                 problem_list& problems) {
  if (entry.value.IsScalar()) {
    text = entry.value.Scalar();
    return true;
  }
  problems.add(entry.at, key, entry.value.IsNull() ? "has no value" : "is not one value");
  return false;
}

std::optional<bool> read_flag(const yaml_entry& entry, const std::string& key,
                              problem_list& problems) {
  std::string text;
  if (!scalar_text(entry, key, text, problems)) return {};
  if (text == "true" || text == "false") return text == "true";
  problems.add(entry.value.Mark(), key, "\"" + text + "\" is neither true nor false");
  return {};
}

std::optional<std::int64_t> read_whole(const yaml_entry& entry, const std::string& key,
                                       std::int64_t least, std::int64_t most,
                                       problem_list& problems) {
  std::string text;
  if (!scalar_text(entry, key, text, problems)) return {};
  const auto value = parse_integer(text);
  if (value && *value >= least && *value <= most) return value;
  problems.add(
      entry.value.Mark(), key,
      value ? text + " is not between " + std::to_string(least) + " and " + std::to_string(most)
            : "\"" + text + "\" is not a whole number");
  return {};
}

std::optional<microseconds> read_duration(const yaml_entry& entry, const std::string& key,
                                          microseconds least, microseconds most, microseconds unit,
                                          problem_list& problems) {
  std::string text;
  if (!scalar_text(entry, key, text, problems)) return {};
  const auto us = parse_duration_us(text);
  std::string wrong;
  if (!us)
    wrong = "\"" + text + "\" is not a time with its unit, such as 250ms, 10s, 1h or 7d";
  else if (*us < least.count() || *us > most.count())
    wrong = text + " is not between " + show_duration_us(least.count()) + " and " +
            show_duration_us(most.count());
  else if (*us % unit.count() != 0)
    wrong = text + " is finer than this setting can be";
  else
    return microseconds{*us};
  problems.add(entry.value.Mark(), key, std::move(wrong));
  return {};
}

bool text_list(const yaml_entry& entry, const std::string& key, std::vector<std::string>& texts,
               problem_list& problems) {
  texts.clear();
  if (entry.value.IsScalar()) {
    texts.push_back(entry.value.Scalar());
    return true;
  }
  if (!entry.value.IsSequence()) {
    problems.add(entry.at, key, entry.value.IsNull() ? "has no value" : "is not a list");
    return false;
  }
  for (const auto& item : entry.value) {
    if (!item.IsScalar()) {
      problems.add(item.Mark(), key, "has an item that is not text");
      return false;
    }
    texts.push_back(item.Scalar());
  }
  return true;
}

}  // namespace faultline
