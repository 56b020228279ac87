// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace faultline {

/// libzmq stops to read a connection of which more messages wait than its high-water mark. Where
/// that one breaks meanwhile, libzmq 4.3 is told so by epoll, forgets the descriptor, and ends the
/// process with its next heartbeat, or with one of its peer's that it had read already
/// (`Assertion failed: !_io_error`, zeromq/libzmq#4841). So epoll tells nothing of a connection
/// that is neither read nor written, and libzmq finds it broken when it goes on reading.
///
/// zmq_epoll.cpp defines `epoll_ctl` and `epoll_wait`, which every library of the program then
/// calls (decision 0052). This function does nothing: who calls it has them linked in.
void tell_errors_to_readers() noexcept;

}  // namespace faultline
