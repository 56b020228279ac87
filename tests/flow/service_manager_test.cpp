// SPDX-License-Identifier: Apache-2.0
#include "server/service_manager.hpp"

#include <gmock/gmock.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdlib>

#include "tests/support/scratch_directory.hpp"

namespace faultline::test {
namespace {

using namespace std::chrono_literals;
using ::testing::StartsWith;

/// A datagram socket as systemd has one.
class fake_manager {
public:
  explicit fake_manager(const std::string& address) {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    address.copy(at.sun_path, sizeof at.sun_path - 1);
    if (at.sun_path[0] == '@') at.sun_path[0] = '\0';
    fd_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(::bind(fd_, reinterpret_cast<const sockaddr*>(&at),
                     static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address.size())),
              0);
  }
  ~fake_manager() { ::close(fd_); }
  fake_manager(const fake_manager&) = delete;
  fake_manager& operator=(const fake_manager&) = delete;

  /// What came next, at once; empty: nothing did.
  std::string heard() const {
    std::array<char, 512> text{};
    const auto n = ::recv(fd_, text.data(), text.size(), MSG_DONTWAIT);
    return n > 0 ? std::string{text.data(), static_cast<std::size_t>(n)} : std::string{};
  }

private:
  int fd_ = -1;
};

class ServiceManager : public ::testing::Test {
protected:
  ~ServiceManager() override {
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) ::unsetenv(name);
  }
  faultline::testing::scratch_directory own;
  std::string path = own.path().string() + "/notify";
};

TEST_F(ServiceManager, IsToldOneDatagramForEachStep) {
  const fake_manager there{path};
  const service_manager told{path, 30s};
  told.ready("serves");
  EXPECT_EQ(there.heard(), "READY=1\nSTATUS=serves");
  told.alive();
  EXPECT_EQ(there.heard(), "WATCHDOG=1");
  told.reloading();
  EXPECT_THAT(there.heard(), StartsWith("RELOADING=1\nMONOTONIC_USEC="));
  told.stopping();
  EXPECT_THAT(there.heard(), StartsWith("STOPPING=1"));
  EXPECT_EQ(there.heard(), "");
}

TEST_F(ServiceManager, MayListenUnderAnAbstractName) {
  const std::string name = "@" + path;
  const fake_manager there{name};
  service_manager{name, 0s}.alive();
  EXPECT_EQ(there.heard(), "WATCHDOG=1");
}

TEST_F(ServiceManager, IsFoundByTheEnvironment) {
  const fake_manager there{path};
  ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
  ::setenv("WATCHDOG_USEC", "30000000", 1);
  const auto found = service_manager::of_environment();
  EXPECT_EQ(found.watchdog(), 30s);
  found.alive();
  EXPECT_EQ(there.heard(), "WATCHDOG=1");
}

TEST_F(ServiceManager, WaitsForNoSignOfOursWhereAnotherProcessIsMeant) {
  ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
  ::setenv("WATCHDOG_USEC", "30000000", 1);
  ::setenv("WATCHDOG_PID", "1", 1);
  EXPECT_EQ(service_manager::of_environment().watchdog(), 0s);
  ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
  EXPECT_EQ(service_manager::of_environment().watchdog(), 30s);
}

TEST_F(ServiceManager, NobodyAndNonsenseAreToldNothingAndEndNothing) {
  service_manager{}.ready("x");
  EXPECT_EQ(service_manager::of_environment().watchdog(), 0s);
  ::setenv("NOTIFY_SOCKET", "relative", 1);
  ::setenv("WATCHDOG_USEC", "-5", 1);
  EXPECT_EQ(service_manager::of_environment().watchdog(), 0s);
  service_manager{path, 1s}.alive();                         // nobody listens
  service_manager{"/" + std::string(500, 'x'), 1s}.alive();  // longer than an address may be
}

}  // namespace
}  // namespace faultline::test
