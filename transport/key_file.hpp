// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "messages/outcome.hpp"
#include "transport/access.hpp"
#include "transport/secret.hpp"

namespace faultline {

// Files of CURVE keys, in the layout of CZMQ's certificates (ZPL): a section `curve` with
// `public-key` and, in secret files, `secret-key`, in Z85. Rights stand in a section `faultline`.

/// A key pair.
struct curve_identity {
  std::string public_key;  ///< Z85, 40 characters
  secret secret_key;       ///< Z85, 40 characters
};

/// What a client needs: its own pair and the public key of whom it talks to.
struct curve_keys {
  curve_identity own;
  std::string server_key;  ///< Z85
};

/// A pair made from the system's randomness.
curve_identity new_identity();

/// The whole of a file that holds a secret, at most 64 KiB.
/// Fails: ec::io_failed; ec::invalid where it is a symbolic link, no regular file, not ours (nor
///        root's), or open to the group or the world. What stands in it is in no text.
/// A file below $CREDENTIALS_DIRECTORY (systemd's LoadCredential=) may be readable by its group.
outcome<secret> read_secret_file(const std::filesystem::path& file);

/// Fails as read_secret_file(), or ec::malformed naming the line.
outcome<curve_identity> load_identity(const std::filesystem::path& file);

/// The public key of a file. Fails: ec::io_failed, ec::malformed.
outcome<std::string> load_public_key(const std::filesystem::path& file);

/// Pairs for a client: its secret file and the server's public file.
outcome<std::shared_ptr<const curve_keys>> load_client_keys(const std::filesystem::path& own,
                                                            const std::filesystem::path& server);

/// One client from the text of its file. Fails: ec::malformed naming the line;
/// what is unknown in the section `faultline` is an error: a restriction misspelt must not be none.
outcome<client_rights> read_client(std::string_view text, const std::string& name);

/// Every NAME.pub of @p directory.
/// Fails: ec::io_failed; ec::invalid where a file is a link, may be written by others, or holds a
///        key that another file holds; ec::malformed. Each names the file.
outcome<access_list> load_clients(const std::filesystem::path& directory);

/// The text of a file with the public key of @p client and, where it has any, its rights.
std::string client_text(const client_rights& client);

/// Writes DIRECTORY/NAME.pub (0644, sealed) and DIRECTORY/NAME.secret (0600). Nothing that is there
/// is overwritten. @p client.name is the NAME; its public key is filled in. Fails: ec::io_failed,
/// ec::invalid (a name that is no file name).
outcome<client_rights> write_new_keys(const std::filesystem::path& directory, client_rights client);

}  // namespace faultline
