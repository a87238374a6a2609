# Compiles src/math/isa/kernels.c once for each instruction set and adds the
# objects to a math room. Every set is enabled by exactly the features that
# src/math/isa.c asks of the processor; never -march=native.

set(latent_kernels_c ${CMAKE_SOURCE_DIR}/src/math/isa/kernels.c)

# A source's own options come last on the command line, so these win over the
# project's -ffp-contract=off. The loops are optimised in every build type: a
# debug build has nothing to step through there.
set_source_files_properties(${latent_kernels_c} PROPERTIES COMPILE_OPTIONS
  "-O3;-ffp-contract=fast;-fopenmp-simd")

function(latent_kernels_set target isa)
  set(kernels ${target}_${isa})
  add_library(${kernels} OBJECT ${latent_kernels_c})
  target_link_libraries(${kernels} PRIVATE latent_flags)
  target_compile_definitions(${kernels} PRIVATE LT_ISA=${isa}
    $<$<BOOL:${latent_kernels_double}>:LT_DOUBLE=1>)
  # clang says so when a sanitizer kept a loop from being vectorised
  target_compile_options(${kernels} PRIVATE ${ARGN}
    $<$<C_COMPILER_ID:Clang>:-Wno-pass-failed>)
  target_sources(${target} PRIVATE $<TARGET_OBJECTS:${kernels}>)
endfunction()

function(latent_kernels target is_double)
  set(latent_kernels_double ${is_double})
  latent_kernels_set(${target} baseline)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$")
    latent_kernels_set(${target} avx2 -mavx2 -mfma)
    latent_kernels_set(${target} avx512 -mavx2 -mfma -mavx512f -mavx512vl
      -mavx512bw -mavx512dq -mprefer-vector-width=512)
    target_compile_definitions(${target} PRIVATE LT_HAS_X86_SETS=1)
  endif()
endfunction()
