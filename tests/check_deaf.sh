#!/bin/bash
# ctest: LABELS slow
# One Ctrl-C is enough, even where a script cannot hear it (it is deep in a
# pattern that never ends): half a minute later its worker is killed.
source "$(dirname "$0")/cli_lib.sh"
L=$LATENT

cat >deaf.lua <<'END'
local latent = require "latent"
return latent.experiment { name = "deaf", config = { seed = 1 },
  run = function() (("a"):rep(30000)):find(("a-"):rep(8) .. "b") end }
END
"$L" run deaf.lua --no-rehearsal >out 2>err </dev/null &
supervisor=$!
wait_for 20 run "SELECT count(*) FROM runs WHERE status='running'"
sleep 1
began=$SECONDS
kill -INT $supervisor
wait $supervisor
same "exit status" $? 130
[[ $((SECONDS - began)) -lt 60 ]] || fail "it took $((SECONDS - began)) s"
same "the run" "$(ask "SELECT status || ': ' || message FROM runs")" \
    "interrupted: killed by signal 9 (SIGKILL), deaf to the signal to stop"

finish
