#!/bin/bash
# Statistics and figure descriptions in Lua, without the program.
lua=$(command -v lua5.4 || command -v lua) || { echo "no lua5.4"; exit 77; }
"$lua" -v 2>&1 | grep -q 'Lua 5\.4' || { echo "no lua5.4"; exit 77; }
root=${LATENT_SOURCE:-$(cd "$(dirname "$0")/.." && pwd)}
export LC_ALL=C.UTF-8
export LUA_PATH="$root/lua/?.lua;$root/lua/?/init.lua"
exec "$lua" "$root/tests/lua/plot.lua"
