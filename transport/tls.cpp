// SPDX-License-Identifier: Apache-2.0
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>

#include <boost/asio/buffer.hpp>

#include "transport/internal/http_stream.hpp"
#include "transport/key_file.hpp"

namespace faultline {

namespace {

namespace ssl = boost::asio::ssl;
using boost::system::error_code;

void harden(ssl::context& context) {
  SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.native_handle(), SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                                   SSL_OP_CIPHER_SERVER_PREFERENCE);
}

failure in_file(const std::string& file, const char* what, const error_code& why) {
  if (::access(file.c_str(), R_OK) != 0)
    return {ec::io_failed, file + " cannot be read: " + std::strerror(errno)};
  return {ec::malformed, file + " holds no " + what + ": " + why.message()};
}

/// OpenSSL says so when it is handed the key, if both are of one kind; else the check after it
/// does.
bool of_another_certificate(const error_code& why) {
  const auto code = static_cast<unsigned long>(static_cast<unsigned>(why.value()));
  return ERR_GET_LIB(code) == ERR_LIB_X509 && ERR_GET_REASON(code) == X509_R_KEY_VALUES_MISMATCH;
}

/// Whether the same certificates stand between the server's and its root's.
bool same_chain(const tls_context& a, const tls_context& b) noexcept {
  STACK_OF(X509)* one = nullptr;
  STACK_OF(X509)* other = nullptr;
  SSL_CTX_get0_chain_certs(a->native_handle(), &one);
  SSL_CTX_get0_chain_certs(b->native_handle(), &other);
  const int count = one == nullptr ? 0 : sk_X509_num(one);
  if (count != (other == nullptr ? 0 : sk_X509_num(other))) return false;
  for (int i = 0; i < count; ++i)
    if (X509_cmp(sk_X509_value(one, i), sk_X509_value(other, i)) != 0) return false;
  return true;
}

}  // namespace

outcome<tls_context> server_tls(const std::string& certificate, const std::string& key) {
  auto context = std::make_shared<ssl::context>(ssl::context::tls_server);
  harden(*context);
  error_code why;
  context->use_certificate_chain_file(certificate, why);
  if (why) return in_file(certificate, "certificate in PEM form that can be used", why);
  // Read by us, so that it is refused where others may read it.
  const auto text = read_secret_file(key);
  if (!text) return text.error();
  const auto bytes = text->reveal();
  context->use_private_key(boost::asio::buffer(bytes.data(), bytes.size()), ssl::context::pem, why);
  if (why && !of_another_certificate(why))
    return in_file(key, "private key in PEM form without a passphrase", why);
  if (why || SSL_CTX_check_private_key(context->native_handle()) != 1)
    return failure{ec::invalid, key + " is not the key of the certificate in " + certificate};
  return context;
}

bool same_certificate(const tls_context& a, const tls_context& b) noexcept {
  if (!a || !b) return !a && !b;
  const X509* one = SSL_CTX_get0_certificate(a->native_handle());
  const X509* other = SSL_CTX_get0_certificate(b->native_handle());
  return one != nullptr && other != nullptr && X509_cmp(one, other) == 0 && same_chain(a, b);
}

outcome<tls_context> client_tls(const std::string& ca_file) {
  auto context = std::make_shared<ssl::context>(ssl::context::tls_client);
  harden(*context);
  error_code why;
  context->set_verify_mode(ssl::verify_peer, why);
  if (ca_file.empty()) {
    context->set_default_verify_paths(why);
  } else {
    context->load_verify_file(ca_file, why);
    if (why) return in_file(ca_file, "certificate in PEM form", why);
  }
  return context;
}

}  // namespace faultline
