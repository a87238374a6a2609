# One static library a room under src/. Engine rooms are built twice: with
# lt_real = float (or what LATENT_DOUBLE says) for the program, and always
# with lt_real = double for the gradient checks.

function(latent_room name suffix)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.c)
  if(NOT sources)
    set(sources ${CMAKE_SOURCE_DIR}/cmake/empty.c)
  endif()
  add_library(room_${name}${suffix} STATIC ${sources})
  target_link_libraries(room_${name}${suffix} PUBLIC latent_flags ${ARGN})
endfunction()

function(latent_engine suffix is_double)
  latent_room(base "${suffix}" Threads::Threads m
    PkgConfig::JANSSON PkgConfig::NETTLE PkgConfig::ZLIB
    PkgConfig::PNG PkgConfig::CURL PkgConfig::ARCHIVE)
  if(is_double)
    target_compile_definitions(room_base${suffix} PUBLIC LT_DOUBLE=1)
  endif()
  latent_room(math "${suffix}" room_base${suffix} PkgConfig::OPENBLAS m)
  include(${CMAKE_SOURCE_DIR}/cmake/kernels.cmake OPTIONAL)
  if(COMMAND latent_kernels)
    latent_kernels(room_math${suffix} ${is_double})
  endif()
  latent_room(net "${suffix}" room_math${suffix})
  latent_room(opt "${suffix}" room_net${suffix})
  latent_room(data "${suffix}" room_math${suffix})
  latent_room(train "${suffix}" room_opt${suffix} room_data${suffix})
  add_library(latent_engine${suffix} INTERFACE)
  target_link_libraries(latent_engine${suffix} INTERFACE room_train${suffix})
endfunction()

latent_engine("" ${LATENT_DOUBLE})
latent_engine("_f64" ON)

latent_room(store "" room_base PkgConfig::SQLITE)
latent_room(plot "" room_base)
latent_room(work "" room_store)
latent_room(bind "" room_train room_store room_plot room_work PkgConfig::LUA)

# The Lua modules become C arrays inside the program.
file(GLOB_RECURSE lua_modules CONFIGURE_DEPENDS
  RELATIVE ${CMAKE_SOURCE_DIR}/lua ${CMAKE_SOURCE_DIR}/lua/*.lua)
set(lua_paths ${lua_modules})
list(TRANSFORM lua_paths PREPEND ${CMAKE_SOURCE_DIR}/lua/)
set(embedded ${CMAKE_BINARY_DIR}/embedded_lua.c)
add_custom_command(OUTPUT ${embedded}
  COMMAND ${CMAKE_COMMAND} -DROOT=${CMAKE_SOURCE_DIR}/lua -DOUT=${embedded}
    "-DMODULES=${lua_modules}" -P ${CMAKE_SOURCE_DIR}/cmake/embed.cmake
  DEPENDS ${lua_paths} ${CMAKE_SOURCE_DIR}/cmake/embed.cmake VERBATIM)
target_sources(room_bind PRIVATE ${embedded})

add_library(latent_app INTERFACE)
target_link_libraries(latent_app INTERFACE room_bind room_work)

# The program itself, but for main(): tests call its commands too.
latent_room(cli "" latent_app)
get_target_property(cli_sources room_cli SOURCES)
list(FILTER cli_sources EXCLUDE REGEX "/latent\\.c$")
set_property(TARGET room_cli PROPERTY SOURCES ${cli_sources})
