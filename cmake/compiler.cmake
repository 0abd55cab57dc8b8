# dd_compiler: the flags of everything that is ours.
add_library(dd_compiler INTERFACE)
target_compile_definitions(dd_compiler INTERFACE _GNU_SOURCE)
target_compile_options(dd_compiler INTERFACE -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes
                       -Wvla -Wformat=2 -Wcast-qual -Wwrite-strings -fno-common)
if(DD_WERROR)
  target_compile_options(dd_compiler INTERFACE -Werror)
endif()

if(DD_SANITIZE)
  target_compile_definitions(dd_compiler INTERFACE DD_SANITIZED) # shadow memory fits no limit
  target_compile_options(dd_compiler INTERFACE -fsanitize=${DD_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(dd_compiler INTERFACE -fsanitize=${DD_SANITIZE})
endif()

if(CMAKE_BUILD_TYPE STREQUAL "Release" OR CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
  target_compile_options(dd_compiler INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong
                         -fstack-clash-protection -fcf-protection=full)
  target_link_options(dd_compiler INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack)
endif()
include(CheckPIESupported)
check_pie_supported()

# Fields are read and written through small functions of another file, for every datagram.
include(CheckIPOSupported)
check_ipo_supported(RESULT DD_IPO OUTPUT unused)
if(DD_IPO)
  set(CMAKE_INTERPROCEDURAL_OPTIMIZATION_RELEASE ON)
endif()
