#!/bin/bash
# ctest: LABELS slow
# A gnuplot that never ends is stopped after a minute, with what it started; the
# run finishes with a note, and latent plot ends with a message.
source "$(dirname "$0")/cli_lib.sh"
L=$LATENT

cat >figure.lua <<'END'
local latent = require "latent"
return latent.experiment { name = "figure", config = { seed = 1 },
  run = function(run)
    local data = latent.data.curves { n_train = 60, n_test = 20, seed = 7 }
    local net = latent.autoencoder { input = data.train.shape,
      encoder = { latent.dense { 2 } }, output = "sigmoid", seed = 1 }
    run:figure("codes", latent.plot.codes(net, data.test))
    run:log { after = 1 }
  end }
END
mkdir hangs
printf '#!/bin/sh\nsleep 1000 &\necho $! >>%s/started\necho $$ >>%s/started\nwait\n' \
    "$PWD" "$PWD" >hangs/gnuplot
chmod +x hangs/gnuplot

PATH=$PWD/hangs:$PATH "$L" run figure.lua --no-rehearsal >out 2>err
same "a run's exit status" $? 0
same "the run" "$(ask "SELECT status FROM runs")" finished
[[ $(ask "SELECT text FROM notes") == *"took longer than 60 seconds"* ]] ||
    fail "notes: $(ask "SELECT text FROM notes")"
same "files of the run" "$(cd results/runs/1 && echo *)" "codes.gp lock"
mkdir drawn
PATH=$PWD/hangs:$PATH "$L" plot curves -m after -o drawn/a.svg >out 2>err
same "latent plot's exit status" $? 4
grep -qF "took longer than 60 seconds" err || fail "latent plot says $(cat err)"
same "what latent plot leaves" "$(ls drawn)" a.gp
while read -r pid; do
    state=$(grep -s '^State' "/proc/$pid/status") # init may be slow to reap
    [[ -z $state || $state == *Z* ]] || fail "process $pid still runs: $state"
done <started
same "processes that were started" "$(wc -l <started)" 4

finish
