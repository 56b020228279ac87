// SPDX-License-Identifier: Apache-2.0
// crash_writer DIRECTORY: writes groups for ever and says on standard output, one line each, which
// position the store has acknowledged in all partitions. The test kills it and looks what is there.
#include <unistd.h>

#include <iostream>
#include <string>

#include "storage/store.hpp"

int main(int argc, char** argv) {
  using namespace faultline;
  if (argc != 2) return 2;
  storage_options options;
  options.path = argv[1];
  options.partitions = 4;
  options.min_free_bytes = 1024 * 1024;
  options.write_buffer_bytes = 4 * 1024 * 1024;  // small, so that kills meet flushes
  auto opened = open_rocksdb_store(options);
  if (!opened) {
    std::cerr << opened.error().what << '\n';
    return 1;
  }
  auto& events = (*opened)->events();
  for (std::uint64_t n = events.last(0) + 1;; ++n) {
    append_group group;
    for (partition_id p = 0; p < 4; ++p) {
      // The content follows from the address, so that the reader can check it.
      const std::string address = std::to_string(p) + "/" + std::to_string(n);
      group.log.push_back({p, address + std::string(2000, 'x'), 1});
    }
    group.publishers = {{"p", n, n}};
    group.counters = {{"accepted", 4}};
    const auto positions = events.append(group);
    if (!positions) {
      std::cerr << positions.error().what << '\n';
      return 1;
    }
    const std::string line = std::to_string(positions->back()) + "\n";
    if (::write(STDOUT_FILENO, line.data(), line.size()) < 0) return 1;
  }
}
