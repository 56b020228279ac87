// SPDX-License-Identifier: Apache-2.0
#include "dashboard/web_files.hpp"

#include <xxhash.h>

#include <array>
#include <fstream>
#include <iterator>
#include <utility>

#include "dashboard/internal/packing.hpp"
#include "dashboard/internal/routes.hpp"

namespace faultline {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_bytes = 16UL * 1024 * 1024;
constexpr std::string_view assets = "/assets/";
constexpr std::string_view placeholder = "{{edition}}";

/// Scripts and styles of this server alone, none in line; nothing becomes script by accident.
constexpr std::string_view page_policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'";

constexpr std::array<std::pair<std::string_view, std::string_view>, 6> types{{
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".mjs", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".svg", "image/svg+xml"},
    {".txt", "text/plain; charset=utf-8"},
}};

std::string_view type_of(const fs::path& file) {
  const std::string ending = file.extension().string();
  for (const auto& [known, type] : types)
    if (known == ending) return type;
  return {};
}

outcome<std::string> content_of(const fs::path& file) {
  std::ifstream in{file, std::ios::binary};
  std::string bytes{std::istreambuf_iterator<char>{in}, {}};
  if (!in.good() && !in.eof()) return failure{ec::io_failed, "cannot read " + file.string()};
  return bytes;
}

std::string hex(std::uint64_t value) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out(16, '0');
  for (auto at = out.rbegin(); at != out.rend(); ++at, value >>= 4U) *at = digits[value & 15U];
  return out;
}

std::string with_edition(std::string text, const std::string& edition) {
  for (auto at = text.find(placeholder); at != std::string::npos; at = text.find(placeholder, at))
    text.replace(at, placeholder.size(), edition);
  return text;
}

http_response page_answer(int status, std::string_view type, std::string body) {
  http_response r;
  r.status = status;
  r.content_type = std::string{type};
  r.body = std::move(body);
  r.headers = {{"Content-Security-Policy", std::string{page_policy}},
               {"Cross-Origin-Opener-Policy", "same-origin"},
               {"Cross-Origin-Resource-Policy", "same-origin"},
               {"X-Frame-Options", "DENY"}};
  return r;
}

/// Whether a list of entity tags, weak ones or not, names @p tag; "*" names any (RFC 9110, 13.1.2).
bool names_tag(std::string_view list, std::string_view tag) {
  if (list == "*") return true;
  while (!list.empty()) {
    std::string_view item = list.substr(0, list.find(','));
    list.remove_prefix(std::min(list.size(), item.size() + 1));
    while (!item.empty() && item.front() == ' ') item.remove_prefix(1);
    while (!item.empty() && item.back() == ' ') item.remove_suffix(1);
    if (item.substr(0, 2) == "W/") item.remove_prefix(2);
    if (item == tag) return true;
  }
  return false;
}

http_response index_answer(const web_files* page, const http_request& request) {
  if (page == nullptr) return page_answer(200, "text/html; charset=utf-8", no_page());
  http_response r = page_answer(200, "text/html; charset=utf-8", {});
  const std::string tag = '"' + page->edition() + '"';
  r.headers.emplace_back("ETag", tag);
  r.headers.emplace_back("Cache-Control", "no-cache");
  if (names_tag(header_of(request, "If-None-Match"), tag))
    r.status = 304;
  else
    r.body = page->index();
  return r;
}

}  // namespace

outcome<std::shared_ptr<const web_files>> web_files::read(const fs::path& directory) {
  auto page = std::make_shared<web_files>();
  std::error_code why;
  fs::recursive_directory_iterator at{directory, why};
  if (why) return failure{ec::not_found, directory.string() + ": " + why.message()};
  std::size_t bytes = 0;
  for (; at != fs::recursive_directory_iterator{}; at.increment(why)) {
    if (why) return failure{ec::io_failed, directory.string() + ": " + why.message()};
    const auto type = type_of(at->path());
    if (type.empty() || !at->is_regular_file(why)) continue;
    auto content = content_of(at->path());
    if (!content) return content.error();
    file f{std::string{type}, std::move(*content), {}};
    const fs::path packed = at->path().string() + ".gz";
    if (fs::is_regular_file(packed, why)) {
      auto gzip = content_of(packed);
      if (!gzip) return gzip.error();
      f.packed = std::move(*gzip);
    }
    bytes += f.content.size() + f.packed.size();
    if (bytes > most_bytes) return failure{ec::too_large, directory.string() + " is over 16 MiB"};
    page->files_.emplace(at->path().lexically_relative(directory).generic_string(), std::move(f));
  }
  const auto index = page->files_.find("index.html");
  if (index == page->files_.end())
    return failure{ec::not_found, directory.string() + " has no index.html"};
  std::uint64_t hash = 0;
  for (const auto& [name, f] : page->files_) {
    hash = XXH3_64bits_withSeed(name.data(), name.size(), hash);
    hash = XXH3_64bits_withSeed(f.content.data(), f.content.size(), hash);
  }
  page->edition_ = hex(hash);
  page->index_ = with_edition(index->second.content, page->edition_);
  return std::shared_ptr<const web_files>{std::move(page)};
}

const web_files::file* web_files::find(std::string_view name) const {
  const auto found = files_.find(name);
  return found == files_.end() ? nullptr : &found->second;
}

bool is_page_path(std::string_view path) noexcept {
  return path == "/" || path.substr(0, assets.size()) == assets;
}

http_response answer_page(const web_files* page, const http_request& request) {
  if (request.method != "GET" && request.method != "HEAD") {
    http_response r = http_error(405, "method_not_allowed", "this path allows GET, HEAD");
    r.headers.emplace_back("Allow", "GET, HEAD");
    return r;
  }
  if (request.path == "/") return index_answer(page, request);
  std::string_view rest{request.path};
  rest.remove_prefix(assets.size());
  const auto slash = rest.find('/');
  const bool ours = page != nullptr && slash != std::string_view::npos &&
                    rest.substr(0, slash) == page->edition();
  const auto* file = ours ? page->find(rest.substr(slash + 1)) : nullptr;
  if (file == nullptr)
    return http_error(404, "not_found", "the page has no such file in this edition: load it anew");
  const bool packed = !file->packed.empty() && takes_gzip(request);
  http_response r = page_answer(200, file->type, packed ? file->packed : file->content);
  r.headers.emplace_back("Cache-Control", "public, max-age=31536000, immutable");
  r.headers.emplace_back("ETag", '"' + page->edition() + (packed ? "-gz\"" : "\""));
  r.headers.emplace_back("Vary", "Accept-Encoding");
  if (packed) r.headers.emplace_back("Content-Encoding", "gzip");
  return r;
}

}  // namespace faultline
