# SPDX-License-Identifier: Apache-2.0
#
# How this project is compiled: the language, the warnings, the build types, the
# hardening and the sanitizers. Everything that concerns our own code alone hangs on the
# INTERFACE target faultline::flags, which every room, program and test links.

set(CMAKE_CXX_STANDARD 17)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Release or RelWithDebInfo" FORCE)
endif()
# Release keeps line tables, so that a stack trace from the field names its lines.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1 -DNDEBUG")
# The build type of the presets dev, asan and tsan: assertions stay on.
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O1 -g")

include(CheckPIESupported)
check_pie_supported(LANGUAGES CXX)
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)

add_library(faultline_flags INTERFACE)
add_library(faultline::flags ALIAS faultline_flags)
target_compile_features(faultline_flags INTERFACE cxx_std_17)
target_compile_options(faultline_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Werror=switch
  -fstack-protector-strong
  $<$<BOOL:${FAULTLINE_WERROR}>:-Werror>
  $<$<BOOL:${FAULTLINE_NATIVE}>:-march=native>)
target_link_options(faultline_flags INTERFACE
  LINKER:-z,relro LINKER:-z,now LINKER:--as-needed)
target_link_libraries(faultline_flags INTERFACE Threads::Threads)
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  target_compile_options(faultline_flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
else()
  target_compile_definitions(faultline_flags INTERFACE _GLIBCXX_ASSERTIONS)
endif()

if(FAULTLINE_SANITIZE)
  # UBSan's null check is off: CAF 0.17 headers bind references to null in
  # caf/detail/init_fun_factory.hpp, on purpose and harmlessly.
  set(sanitize -fsanitize=${FAULTLINE_SANITIZE} -fno-omit-frame-pointer)
  if(FAULTLINE_SANITIZE MATCHES "undefined")
    list(APPEND sanitize -fno-sanitize=null -fno-sanitize-recover=undefined)
  endif()
  target_compile_options(faultline_flags INTERFACE ${sanitize})
  target_link_options(faultline_flags INTERFACE ${sanitize})
endif()

# ccache serves precompiled headers only when told to trust their defines.
find_program(FAULTLINE_CCACHE ccache)
if(FAULTLINE_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER
    ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${FAULTLINE_CCACHE})
endif()

# A faster linker where there is one; the system's own otherwise.
foreach(linker mold lld)
  find_program(FAULTLINE_LINKER_${linker} ld.${linker})
  if(FAULTLINE_LINKER_${linker})
    target_link_options(faultline_flags INTERFACE -fuse-ld=${linker})
    break()
  endif()
endforeach()
