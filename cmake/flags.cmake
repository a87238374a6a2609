# Compiler flags shared by every target of the project.
#
# -ffp-contract=off: a*b+c is rounded twice everywhere but in the kernels that
# ask for fused arithmetic, so that generated data are the same bytes under
# every compiler.

add_library(latent_flags INTERFACE)
target_include_directories(latent_flags INTERFACE
  ${CMAKE_SOURCE_DIR}/include ${CMAKE_SOURCE_DIR}/src)
target_compile_definitions(latent_flags INTERFACE
  _GNU_SOURCE LATENT_VERSION="${PROJECT_VERSION}"
  LATENT_BUILD_TYPE="$<CONFIG>" $<$<CONFIG:Debug>:LT_DEBUG>)
target_compile_options(latent_flags INTERFACE
  -Wall -Wextra -Wno-missing-field-initializers -Wpedantic -Wshadow
  -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wvla -Wundef -Wwrite-strings
  -ffp-contract=off -fno-math-errno -fno-trapping-math
  $<$<C_COMPILER_ID:GNU>:-Wno-format-truncation>
  $<$<CONFIG:Release>:-O3> $<$<CONFIG:Release>:-UNDEBUG>)
if(LATENT_WERROR)
  target_compile_options(latent_flags INTERFACE -Werror)
endif()
if(LATENT_SANITIZE)
  target_compile_options(latent_flags INTERFACE
    -fsanitize=${LATENT_SANITIZE} -fno-omit-frame-pointer
    -fno-sanitize-recover=all)
  target_link_options(latent_flags INTERFACE -fsanitize=${LATENT_SANITIZE})
endif()

# What the tests reach: see tests/coverage.sh. Threads count into the same
# words.
if(LATENT_COVERAGE)
  target_compile_options(latent_flags INTERFACE
    --coverage -fprofile-update=atomic)
  target_link_options(latent_flags INTERFACE --coverage)
endif()
