// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace faultline {

/// SIGTERM, SIGINT and SIGHUP, one byte each, from before main() on: the end of a pipe to read and
/// poll. Who links this has the handlers set before any library's constructor runs, so that a
/// server which is told to end while LibTorch is still being set up ends in order, too. Before that
/// the dynamic linker is at work, and a signal ends the process as it always does. Lives: as long
/// as the process.
int early_signals() noexcept;

/// The first of SIGTERM and SIGINT that has come and was not read, which this reads; 0: none.
/// A SIGHUP before it is dropped: who ends reads no file again.
int early_end() noexcept;

}  // namespace faultline
