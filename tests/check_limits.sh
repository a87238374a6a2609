#!/bin/bash
# latent run --sandbox, --max-time, --max-memory: the command line, what is
# stored, and the last resort: a run that does not heed its limit is killed,
# and the others go on.
source "$(dirname "$0")/cli_lib.sh"
tiny=$LATENT_SOURCE/tests/scripts/tiny.lua
L=$LATENT

expect 2 "--max-time: found 0, wanted at least 1" "$L" run "$tiny" --max-time 0
expect 2 "--max-memory: found 1, wanted at least 16" \
    "$L" run "$tiny" --max-memory 1
expect 2 "--sandbox takes no value" "$L" run "$tiny" --sandbox=no

expect 0 "finished" "$L" run "$tiny" --sandbox
same "finished in the sandbox" \
    "$(ask "SELECT count(*) FROM runs WHERE status='finished'")" 4
same "what is stored" \
    "$(ask "SELECT text FROM sources WHERE text LIKE '%sandbox%seconds%'")" \
    '{sandbox:true,seconds:3600.0,bytes:4096000000}'
expect 0 "4 already finished" "$L" run "$tiny" --sandbox --needed --dry-run

cat >hostile.lua <<'END'
local latent = require "latent"
local function go(run, c)
  if c.how == "find" then (("a"):rep(30000)):find(("a-"):rep(8) .. "b") end
  while c.how == "loop" do pcall(function() while true do end end) end
  local t = {}
  while c.how == "fill" do t[#t + 1] = ("x"):rep(1000) .. #t end
  if c.how:find("file") then io.open("made", "w") end
  if c.how == "file, error" then error("after all") end
end
return latent.experiment { name = "hostile", config = { seed = 1, how = "find" },
  run = go }
END
cat >loading.lua <<'END'
while true do pcall(function() while true do end end) end
END

# The script is deaf, so killed; the next worker does the rest. One at a time.
expect 1 "deaf to it" "$L" run hostile.lua -s how=find,none --no-rehearsal \
    --max-time 1 -j 1
same "after the deaf one" "$(ask "SELECT group_concat(status) FROM
    (SELECT status FROM runs WHERE sweep=2 ORDER BY id)")" "failed,finished"
expect 1 "time limit: still busy after 1" "$L" run hostile.lua -s how=loop \
    --no-rehearsal --max-time 1
expect 1 "allowed 32 MB (--max-memory)" "$L" run hostile.lua -s how=fill \
    --no-rehearsal --max-memory 32
expect 2 "io.open: not in a sandbox" "$L" run hostile.lua -s how=file --sandbox
expect 1 "io.open: not in a sandbox" "$L" run hostile.lua -s how=file \
    --sandbox --no-rehearsal
[[ ! -e made ]] || fail "a sandboxed script made a file"
expect 2 "loading.lua:1: time limit" "$L" run loading.lua --no-rehearsal \
    --max-time 1

# A store of a stranger, whose runs have no limits of their own.
sed -i 's/how = "find"/how = "file, error"/' hostile.lua
expect 1 "after all" "$L" --db foreign.db run hostile.lua --no-rehearsal
[[ -e made ]] || fail "the script makes no file"
rm -f made
expect 1 "io.open: not in a sandbox" "$L" --db foreign.db retry --failed --sandbox
[[ ! -e made ]] || fail "a sandboxed retry made a file"
expect 1 "io.open: not in a sandbox" "$L" --db foreign.db retry --failed \
    --max-time 5 --max-memory 100 --sandbox -j 1
expect 0 "" "$L" --db mine.db run "$tiny" -s tie=tied -s code=2
expect 0 "identical" "$L" --db mine.db replay 1 --sandbox --max-time 60

# Links in a stranger's folder lead nowhere else.
mkdir stranger && cd stranger || exit 1
echo "1,2" >../outside.csv && ln -s .. data
cat >link.lua <<'END'
require("latent").data.csv { path = "data/outside.csv" }
END
LATENT_DATA='' expect 2 "a sandbox may read" "$L" run link.lua --sandbox
echo "return 1" >../outside.lua && ln -s ../outside.lua inside.lua
echo "require 'inside'" >module.lua
expect 2 "module 'inside' not found" "$L" run module.lua --sandbox
expect 2 "a script returns" "$L" run module.lua
rm ../outside.csv ../outside.lua

finish
