#!/bin/bash
# A gnuplot that is missing, fails, dies, lies or writes for ever: runs finish
# with a note, latent plot ends with a message, and nothing is left behind: no
# temporary file, no process.
source "$(dirname "$0")/cli_lib.sh"
L=$LATENT

cat >figure.lua <<'END'
local latent = require "latent"
return latent.experiment { name = "figure", config = { seed = 1 },
  run = function(run, c)
    local data = latent.data.curves { n_train = 60, n_test = 20, seed = 7 }
    local net = latent.autoencoder { input = data.train.shape,
      encoder = { latent.dense { 2 } }, output = "sigmoid", seed = c.seed }
    latent.fit(net, { train = data.train, test = data.test, loss = "bce",
      epochs = 2, run = run })
    local path = run:figure("codes", latent.plot.codes(net, data.test))
    assert(path == nil, "there is a picture")
    run:save("net", net)
    run:log { after = 1 }
  end }
END

# fake NAME: a gnuplot of that behaviour, from standard input.
fake() {
    mkdir -p "$1" && cat >"$1/gnuplot" && chmod +x "$1/gnuplot"
}
printf '#!/bin/sh\nexit 1\n' | fake fails
printf '#!/bin/sh\necho "<svg>"\nkill -SEGV $$\n' | fake dies
printf '#!/bin/sh\necho "<svg>"\nkill -KILL $$\n' | fake killed
printf '#!/bin/sh\nexit 0\n' | fake silent
printf '#!/bin/sh\ncat\n' | fake lies
printf '#!/bin/sh\nyes >&2\n' | fake complains
printf '#!/bin/sh\nexec /no/such/interpreter\n' | fake broken
printf '#!/no/such/interpreter\n' | fake unstartable
declare -A wanted=(
    [missing]="not found in PATH" [fails]="ended with status 1"
    [dies]="ended by signal 11" [killed]="ended by signal 9"
    [silent]="wrote no picture" [lies]="no whole SVG picture"
    [complains]="wrote more than 256 MB" [broken]="ended with status 127"
    [unstartable]="cannot be started")

n=0
for kind in missing fails dies killed silent lies complains broken unstartable; do
    path=$PWD/$kind:$PATH
    n=$((n + 1))
    [[ $kind != missing ]] || path=/nonexistent
    PATH=$path "$L" run figure.lua --no-rehearsal >out 2>err
    same "$kind: a run's exit status" $? 0
    same "$kind: the run" "$(ask "SELECT status FROM runs WHERE id = $n")" finished
    note=$(ask "SELECT text FROM notes WHERE run = $n")
    [[ $note == "figure codes: "*"${wanted[$kind]}"* ]] || fail "$kind: note '$note'"
    same "$kind: files of the run" "$(cd results/runs/$n && echo *)" \
        "codes.gp lock net.safetensors"
    mkdir -p drawn && rm -f drawn/*
    PATH=$path "$L" plot curves $n -o drawn/a.svg >out 2>err
    same "$kind: latent plot's exit status" $? 4
    grep -qF "${wanted[$kind]}" err || fail "$kind: latent plot says $(cat err)"
    same "$kind: lines of its message" "$(wc -l <err)" 1
    same "$kind: what latent plot leaves" "$(ls drawn)" a.gp
done
same "processes left" "$(ps -e -o args= | grep -F "$PWD/" | grep -c gnuplot)" 0
same "every run's last metric" "$(ask "SELECT count(*) FROM metrics
    WHERE name = 'after'" | tail -n 1)" $n

finish
