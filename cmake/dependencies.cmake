# SPDX-License-Identifier: Apache-2.0
#
# Third-party libraries, each as one target named dep::<short name>. A room lists what it
# needs after LIBRARIES; only the rooms named here may (tools/check_layers.py).
#
#   dep::caf         CAF::core, the actor framework              actors, server
#   dep::torch       LibTorch                                    inference
#   dep::rocksdb     RocksDB                                     storage
#   dep::lz4         LZ4, blocks                                 storage
#   dep::zmq         libzmq with the C++ header zmq.hpp          transport
#   dep::boost       Boost headers: Beast, Asio (Boost.System
#                    is header-only)                             transport
#   dep::yaml        yaml-cpp                                    config
#   dep::cli11       CLI11                                       server, tools
#   dep::prometheus  prometheus-cpp core (text format)           any
#   dep::msgpack     msgpack-cxx                                 any
#   dep::json        nlohmann-json                               any
#   dep::spdlog      spdlog over libfmt                          any
#   dep::fmt         libfmt                                      any
#   dep::xxhash      xxhash, the library                         any
#   dep::zlib        zlib                                        any
#   dep::snappy      snappy                                      transport
#   dep::curl        libcurl: scraping, notifications            transport
#   dep::protobuf    the reader of Protocol Buffers' wire format  transport
#   dep::sodium      libsodium                                   any
#   dep::date        date, time zones by the tz database          config
#   dep::re2         RE2: regular expressions in linear time     processing
#   dep::ssl         OpenSSL                                     transport
#   dep::jemalloc    jemalloc, the allocator of faultlined       server
#   dep::gtest       GoogleTest and GoogleMock with main()       tests (faultline_test links it)
#   dep::benchmark   Google Benchmark with main()                tests (faultline_bench links it)
#
# Headers are SYSTEM: their warnings are not ours. Debian's own CMake modules are used only
# where they are harmless; TorchConfig.cmake changes global state, CAF and libzmq have none.

# faultline_dependency(name PACKAGE debian-package HEADER file
#                      [INCLUDE_SUFFIX dir] [LIBRARIES lib...] [NEEDS target...])
#
# Declares dep::<name> from a header and libraries that must be there, or stops with the
# name of the Debian package that is missing.
function(faultline_dependency name)
  cmake_parse_arguments(arg "" "PACKAGE;HEADER" "PATHS;LIBRARIES;NEEDS;DEFINITIONS" ${ARGN})
  add_library(dep_${name} INTERFACE IMPORTED GLOBAL)
  add_library(dep::${name} ALIAS dep_${name})
  find_path(FAULTLINE_${name}_INCLUDE ${arg_HEADER} PATHS ${arg_PATHS})
  mark_as_advanced(FAULTLINE_${name}_INCLUDE)
  if(NOT FAULTLINE_${name}_INCLUDE)
    faultline_missing(${arg_HEADER} ${arg_PACKAGE})
  endif()
  target_include_directories(dep_${name} SYSTEM INTERFACE "${FAULTLINE_${name}_INCLUDE}")
  foreach(library IN LISTS arg_LIBRARIES)
    find_library(FAULTLINE_LIBRARY_${library} ${library})
    mark_as_advanced(FAULTLINE_LIBRARY_${library})
    if(NOT FAULTLINE_LIBRARY_${library})
      faultline_missing("the library ${library}" ${arg_PACKAGE})
    endif()
    target_link_libraries(dep_${name} INTERFACE "${FAULTLINE_LIBRARY_${library}}")
  endforeach()
  target_link_libraries(dep_${name} INTERFACE ${arg_NEEDS})
  target_compile_definitions(dep_${name} INTERFACE ${arg_DEFINITIONS})
endfunction()

function(faultline_missing what package)
  message(FATAL_ERROR "${what} (Debian package ${package}) was not found. "
    "Run deploy/install-deps.sh, then configure again.")
endfunction()

# An existing imported target of a well-behaved package under our name.
function(faultline_package name package debian)
  find_package(${package} QUIET GLOBAL)
  if(NOT ${package}_FOUND)
    faultline_missing(${package} ${debian})
  endif()
  add_library(dep_${name} INTERFACE IMPORTED GLOBAL)
  add_library(dep::${name} ALIAS dep_${name})
  target_link_libraries(dep_${name} INTERFACE ${ARGN})
endfunction()

faultline_package(fmt fmt libfmt-dev fmt::fmt)  # before the packages that need it
faultline_package(spdlog spdlog libspdlog-dev spdlog::spdlog fmt::fmt)
faultline_package(zlib ZLIB zlib1g-dev ZLIB::ZLIB)
faultline_package(caf CAF libcaf-dev CAF::core)
# CAF 0.17 dereferences a shared_ptr to null when it spawns an actor without arguments, and
# does nothing with the result; libstdc++'s assertions would end the process there.
target_compile_options(dep_caf INTERFACE -U_GLIBCXX_ASSERTIONS)
faultline_dependency(torch PACKAGE libtorch-dev HEADER torch/torch.h
  PATHS /usr/include/torch/csrc/api/include LIBRARIES torch torch_cpu c10)
faultline_dependency(lz4 PACKAGE liblz4-dev HEADER lz4.h LIBRARIES lz4)
faultline_dependency(rocksdb PACKAGE librocksdb-dev HEADER rocksdb/db.h LIBRARIES rocksdb)
faultline_dependency(zmq PACKAGE "libzmq3-dev and cppzmq-dev" HEADER zmq.hpp LIBRARIES zmq)
faultline_dependency(boost PACKAGE libboost-dev HEADER boost/beast.hpp)
faultline_dependency(yaml PACKAGE libyaml-cpp-dev HEADER yaml-cpp/yaml.h LIBRARIES yaml-cpp)
faultline_dependency(cli11 PACKAGE libcli11-dev HEADER CLI/CLI.hpp)
faultline_dependency(prometheus PACKAGE prometheus-cpp-dev HEADER prometheus/registry.h
  LIBRARIES prometheus-cpp-core)
faultline_dependency(msgpack PACKAGE libmsgpack-cxx-dev HEADER msgpack.hpp)
faultline_dependency(json PACKAGE nlohmann-json3-dev HEADER nlohmann/json.hpp)
faultline_dependency(xxhash PACKAGE libxxhash-dev HEADER xxhash.h LIBRARIES xxhash)
faultline_dependency(sodium PACKAGE libsodium-dev HEADER sodium.h LIBRARIES sodium)
faultline_dependency(curl PACKAGE libcurl4-openssl-dev HEADER curl/curl.h LIBRARIES curl)
faultline_dependency(date PACKAGE libhowardhinnant-date-dev HEADER date/tz.h LIBRARIES date-tz)
faultline_dependency(re2 PACKAGE libre2-dev HEADER re2/re2.h LIBRARIES re2)
faultline_dependency(snappy PACKAGE libsnappy-dev HEADER snappy.h LIBRARIES snappy)
faultline_dependency(protobuf PACKAGE libprotobuf-dev HEADER google/protobuf/io/coded_stream.h
  LIBRARIES protobuf)
faultline_package(ssl OpenSSL libssl-dev OpenSSL::SSL OpenSSL::Crypto)
faultline_dependency(jemalloc PACKAGE libjemalloc-dev HEADER jemalloc/jemalloc.h LIBRARIES jemalloc)
if(FAULTLINE_TESTS)
  faultline_dependency(gtest PACKAGE "libgtest-dev and libgmock-dev" HEADER gmock/gmock.h
    LIBRARIES gmock_main gmock gtest NEEDS Threads::Threads)
endif()
if(FAULTLINE_TESTS AND FAULTLINE_BENCH)
  faultline_dependency(benchmark PACKAGE libbenchmark-dev HEADER benchmark/benchmark.h
    LIBRARIES benchmark_main benchmark NEEDS Threads::Threads)
endif()
