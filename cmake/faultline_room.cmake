# SPDX-License-Identifier: Apache-2.0
#
# One function per kind of thing that is built. In all of them
#   SOURCES    files, relative to the calling CMakeLists.txt
#   USES       rooms, by name: messages, processing, ...
#   LIBRARIES  third-party targets from cmake/dependencies.cmake: dep::zmq, ...
#   PCH        headers to precompile, for example <torch/torch.h>
# The include directory is always the root of the repository. A file that includes a
# third-party header names that library itself: LIBRARIES of a room are not handed on.

# What every target of ours has in common.
function(faultline_common target)
  target_include_directories(${target} PUBLIC "${PROJECT_SOURCE_DIR}")
  target_link_libraries(${target} PRIVATE ${arg_LIBRARIES} faultline::flags)
  if(arg_PCH)
    target_precompile_headers(${target} PRIVATE ${arg_PCH})
    target_compile_options(${target} PRIVATE -fpch-preprocess)
  endif()
endfunction()

# faultline_room(name SOURCES ... USES ... LIBRARIES ... [PCH ...])
# A static library faultline_<name>, known to others as faultline::<name>.
function(faultline_room name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;USES;LIBRARIES;PCH")
  faultline_check_arguments(${name})
  add_library(faultline_${name} STATIC ${arg_SOURCES})
  add_library(faultline::${name} ALIAS faultline_${name})
  list(TRANSFORM arg_USES PREPEND "faultline::")
  target_link_libraries(faultline_${name} PUBLIC ${arg_USES})
  faultline_common(faultline_${name})
endfunction()

# faultline_program(name SOURCES ... USES ... LIBRARIES ... [PCH ...])
# An executable ${CMAKE_BINARY_DIR}/bin/<name>.
function(faultline_program name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;USES;LIBRARIES;PCH")
  faultline_check_arguments(${name})
  faultline_executable(${name})
endfunction()

# faultline_test(name SOURCES ... USES ... LIBRARIES ... [PCH ...]
#                [LABELS ...] [TIMEOUT seconds] [ENV name=value...])
# A GoogleTest executable bin/tests/<name>, one entry for ctest. It runs in the root of the
# repository, so that ../shared/data is where the documents say. Its labels are the
# directory it lives in and LABELS; its results go to test-results/<name>.xml.
function(faultline_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "TIMEOUT" "SOURCES;USES;LIBRARIES;PCH;LABELS;ENV")
  faultline_check_arguments(${name})
  faultline_executable(${name})
  target_link_libraries(${name} PRIVATE dep::gtest)
  set_target_properties(${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin/tests")
  add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
  list(APPEND arg_ENV "GTEST_OUTPUT=xml:${CMAKE_BINARY_DIR}/test-results/${name}.xml")
  faultline_test_properties(${name})
endfunction()

# faultline_script_test(name COMMAND program argument...
#                       [LABELS ...] [TIMEOUT seconds] [ENV name=value...])
# A test that is a script; it passes when it exits with 0. Write /usr/bin/python3, not
# python3, for a script that needs Debian's Python packages.
function(faultline_script_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "TIMEOUT" "COMMAND;LABELS;ENV")
  faultline_check_arguments(${name})
  add_test(NAME ${name} COMMAND ${arg_COMMAND} WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
  faultline_test_properties(${name})
endfunction()

# faultline_bench(name SOURCES ... USES ... LIBRARIES ... [PCH ...])
# A Google Benchmark executable bin/bench/<name>; run by hand, never by ctest.
function(faultline_bench name)
  if(NOT FAULTLINE_BENCH)
    return()
  endif()
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;USES;LIBRARIES;PCH")
  faultline_check_arguments(${name})
  faultline_executable(${name})
  target_link_libraries(${name} PRIVATE dep::benchmark)
  set_target_properties(${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin/bench")
endfunction()

# The pieces below see the arg_ variables of their caller.

function(faultline_check_arguments name)
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "${name}: unknown arguments ${arg_UNPARSED_ARGUMENTS}")
  endif()
endfunction()

function(faultline_executable name)
  add_executable(${name} ${arg_SOURCES})
  list(TRANSFORM arg_USES PREPEND "faultline::")
  target_link_libraries(${name} PRIVATE ${arg_USES})
  faultline_common(${name})
endfunction()

# Tests find the programs in $FAULTLINE_BIN.
function(faultline_test_properties name)
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  cmake_path(GET CMAKE_CURRENT_SOURCE_DIR FILENAME directory)
  list(APPEND arg_ENV "FAULTLINE_BIN=${CMAKE_BINARY_DIR}/bin")
  set_tests_properties(${name} PROPERTIES
    TIMEOUT ${arg_TIMEOUT}
    LABELS "${directory};${arg_LABELS}"
    ENVIRONMENT "${arg_ENV}")
endfunction()
