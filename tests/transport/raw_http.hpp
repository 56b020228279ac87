// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace faultline::testing {

/// A TCP client that sends exactly the bytes it is told to: for requests no library would send.
class raw_http {
public:
  /// @param address host:port on IPv4
  /// @param own whence: an address of ours; nothing: the system's choice
  explicit raw_http(const std::string& address, const char* own = nullptr) {
    const std::size_t colon = address.rfind(':');
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<std::uint16_t>(std::atoi(address.c_str() + colon + 1)));
    ::inet_pton(AF_INET, address.substr(0, colon).c_str(), &to.sin_addr);
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (own != nullptr) {
      sockaddr_in from{};
      from.sin_family = AF_INET;
      ::inet_pton(AF_INET, own, &from.sin_addr);
      ::bind(fd_, reinterpret_cast<sockaddr*>(&from), sizeof from);
    }
    connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0;
  }
  ~raw_http() { ::close(fd_); }
  raw_http(const raw_http&) = delete;
  raw_http& operator=(const raw_http&) = delete;

  bool connected() const { return connected_; }
  /// Ends the connection as a program does that is gone: with a reset.
  void reset() {
    const linger at_once{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    ::close(fd_);
    fd_ = -1;
  }
  /// @returns whether all of it could be written.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }
  /// Reads one whole answer (header and Content-Length bytes); empty when the peer closed first.
  std::string answer(bool head = false) {
    for (;;) {
      const std::size_t end = buffer_.find("\r\n\r\n");
      if (end != std::string::npos) {
        const std::size_t whole = end + 4 + (head ? 0 : length_of(buffer_.substr(0, end)));
        if (buffer_.size() >= whole) {
          std::string one = buffer_.substr(0, whole);
          buffer_.erase(0, whole);
          return one;
        }
      }
      if (!read_some()) return {};
    }
  }
  /// Waits until the peer closes; false when it does not within @p limit.
  bool closed_within(std::chrono::milliseconds limit) {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (std::chrono::steady_clock::now() < end) {
      pollfd item{fd_, POLLIN, 0};
      if (::poll(&item, 1, 50) > 0 && !read_some()) return true;
    }
    return false;
  }

  /// What was read and belongs to no answer().
  const std::string& rest() const { return buffer_; }

private:
  static std::size_t length_of(const std::string& header) {
    constexpr std::string_view name = "Content-Length: ";
    const std::size_t at = header.find(name);
    return at == std::string::npos
               ? 0
               : static_cast<std::size_t>(std::atoll(header.c_str() + at + name.size()));
  }
  bool read_some() {
    pollfd item{fd_, POLLIN, 0};
    if (::poll(&item, 1, 15000) <= 0) return false;
    char bytes[16384];
    const auto n = ::recv(fd_, bytes, sizeof bytes, 0);
    if (n <= 0) return false;
    buffer_.append(bytes, static_cast<std::size_t>(n));
    return true;
  }

  int fd_ = -1;
  bool connected_ = false;
  std::string buffer_;
};

}  // namespace faultline::testing
