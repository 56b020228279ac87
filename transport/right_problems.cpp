// SPDX-License-Identifier: Apache-2.0
#include "transport/right_problems.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <string>
#include <system_error>

#include "transport/internal/curve.hpp"
#include "transport/internal/http_stream.hpp"
#include "transport/key_file.hpp"
#include "transport/tokens.hpp"

namespace faultline {

namespace fs = std::filesystem;

namespace {

/// Whether @p path belongs to somebody else, or lies where we may not look: what is wrong with it
/// its owner can tell.
bool is_of_another(const fs::path& path) {
  struct stat s {};
  if (::stat(path.c_str(), &s) != 0) return errno == EACCES;
  return s.st_uid != ::geteuid() && s.st_uid != 0;
}

/// The same of a directory and every key in it.
bool any_of_another(const fs::path& directory) {
  std::error_code why;
  if (is_of_another(directory)) return true;
  for (fs::directory_iterator at{directory, why}, end; !why && at != end; at.increment(why))
    if (at->path().extension() == ".pub" && is_of_another(at->path())) return true;
  return why == std::errc::permission_denied;
}

class right_check {
public:
  right_findings run(const socket_options& sockets, const web_options& web) {
    const auto& s = sockets.security;
    if (!s.key.empty() && may_look("security.key", s.key))
      note("security.key", load_identity(s.key));
    if (!s.key.empty() && !s.clients.empty() && may_look("security.clients", s.clients))
      check_clients(sockets);
    if (!web.tls_certificate.empty() && !web.tls_key.empty() &&
        may_look("web.tls_certificate", web.tls_certificate) &&
        may_look("web.tls_key", web.tls_key))
      note("web.tls_certificate", server_tls(web.tls_certificate, web.tls_key));
    if (!web.tokens.empty() && may_look("web.tokens", web.tokens))
      note("web.tokens", load_tokens(web.tokens));
    return std::move(found_);
  }

private:
  bool may_look(const char* key, const std::string& path) {
    std::error_code ignored;  // what cannot be looked at is no directory
    if (!(fs::is_directory(path, ignored) ? any_of_another(path) : is_of_another(path)))
      return true;
    found_.unseen.push_back({key, path + " belongs to another user, who alone can look at it"});
    return false;
  }

  template <class T>
  void note(const char* key, const outcome<T>& read) {
    if (!read) found_.problems.push_back({key, read.error().what});
  }

  void check_clients(const socket_options& sockets) {
    const auto clients = load_clients(sockets.security.clients);
    note("security.clients", clients);
    for (const std::string& endpoint : sockets.subscribe)
      if (clients && !is_local(endpoint) && clients->behind(endpoint) == nullptr)
        found_.problems.push_back({"ingest.subscribe", no_client_behind(endpoint)});
  }

  right_findings found_;
};

}  // namespace

right_findings look_at_rights(const socket_options& sockets, const web_options& web) {
  return right_check{}.run(sockets, web);
}

}  // namespace faultline
