# Writes OUT, a C file that defines lt_embedded_lua[] (see
# include/latent/bind/embedded.h) from the Lua files MODULES below ROOT.
# "latent/init.lua" is module "latent"; "latent/x/y.lua" is "latent.x.y".

set(arrays "")
set(table "")
set(i 0)
foreach(path IN LISTS MODULES)
  file(READ ${ROOT}/${path} hex HEX)
  string(LENGTH "${hex}" length)
  math(EXPR size "${length} / 2")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  string(REGEX REPLACE "(\\.lua)$" "" name "${path}")
  string(REGEX REPLACE "/init$" "" name "${name}")
  string(REPLACE "/" "." name "${name}")
  string(APPEND arrays
    "static const unsigned char file_${i}[] = {${bytes}0x00};\n")
  string(APPEND table
    "    {\"${name}\", \"${path}\", (const char *)file_${i}, ${size}},\n")
  math(EXPR i "${i} + 1")
endforeach()
file(WRITE ${OUT} "/* Made by cmake/embed.cmake. */
#include \"latent/bind/embedded.h\"
${arrays}
const lt_embedded lt_embedded_lua[] = {
${table}    {NULL, NULL, NULL, 0}};
")
