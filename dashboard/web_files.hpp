// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "messages/outcome.hpp"
#include "transport/http_server.hpp"

namespace faultline {

/// The files of the page, read once: what was not
/// read is not there, so no path leads anywhere else.
///
/// They are asked for as /assets/EDITION/NAME, where the edition is a hash of all of them: such an
/// address never means anything else and may be kept for ever. "/" is index.html, asked for anew
/// each time, with the edition for each `{{edition}}` in it.
class web_files {
public:
  struct file {
    std::string type;
    std::string content;
    std::string packed;  ///< by gzip; empty: not packed
  };

  /// Reads @p directory with what is below it. A file NAME.gz is NAME packed. Files of other types
  /// than those of a page are left out.
  /// Fails: ec::not_found without @p directory or its index.html, ec::io_failed, ec::too_large
  /// beyond 16 MiB.
  static outcome<std::shared_ptr<const web_files>> read(const std::filesystem::path& directory);

  const std::string& edition() const noexcept { return edition_; }
  std::size_t size() const noexcept { return files_.size(); }
  /// By its path below the directory; nullptr: there is none.
  const file* find(std::string_view name) const;
  const std::string& index() const noexcept { return index_; }

private:
  std::map<std::string, file, std::less<>> files_;
  std::string index_, edition_;
};

/// "/" and what begins with "/assets/".
bool is_page_path(std::string_view path) noexcept;

/// Answers a request for the page; @p page may be none.
http_response answer_page(const web_files* page, const http_request& request);

}  // namespace faultline
