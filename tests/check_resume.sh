#!/bin/bash
# Deaths by SIGKILL amid training of every kind, each followed by latent resume:
# points and weights are those of runs that nothing killed, and some runs went
# on from a checkpoint.
# ctest: TIMEOUT 900
# ctest: PROCESSORS 2
source "$(dirname "$0")/cli_lib.sh"
script=$LATENT_SOURCE/tests/scripts/resume.lua
L=$LATENT
KILLS=${KILLS:-8}
RANDOM=${SEED:=$((RANDOM % 10000))}

points()
{
    ask "SELECT r.config, m.name, m.seq, m.step, m.epoch, m.value, m.kind
        FROM metrics m JOIN runs r ON r.id = m.run WHERE r.sweep = $1
        ORDER BY r.config, m.name, m.seq"
}

# The tensors, by configuration and name; the headers name the runs.
weights()
{
    local config path header

    ask "SELECT r.config || a.name || ' ' || a.path FROM artifacts a
        JOIN runs r ON r.id = a.run WHERE r.sweep = $1
        ORDER BY r.config, a.name" |
        while read -r config path; do
            header=$(od -An -t u8 -N 8 "results/$path")
            echo "$config $(tail -c "+$((header + 9))" "results/$path" |
                sha256sum)"
        done
}

now_ms() { echo $(($(date +%s%N) / 1000000)); }

# Deaths come at 10 to 30 % of the time that an undisturbed sweep takes here.
pause()
{
    local ms=$((span * (10 + RANDOM % 20) / 100))

    sleep "$((ms / 1000)).$(printf %03d $((ms % 1000)))"
}

sweep=("$script" -s epochs=24 -j 2 --no-rehearsal)
began=$(now_ms)
expect 0 "" "$L" run "${sweep[@]}"
span=$(($(now_ms) - began))
same "networks" "$(weights 1 | wc -l)" 20

"$L" run "${sweep[@]}" >run.out 2>run.err </dev/null &
supervisor=$!
n_kills=0
for ((i = 0; i < KILLS; i++)); do
    pause
    kill -KILL "$supervisor" 2>/dev/null && n_kills=$((n_kills + 1))
    wait "$supervisor" 2>/dev/null
    "$L" resume -j 2 >run.out 2>run.err </dev/null &
    supervisor=$!
done
wait "$supervisor" 2>/dev/null
expect 0 "" "$L" resume -j 2
same "runs that are not finished" \
    "$(ask "SELECT count(*) FROM runs WHERE status != 'finished'")" 0
[[ $(points 1 | wc -l) -gt 3000 ]] || fail "points: $(points 1 | wc -l)"
same "points" "$(points 2 | sha256sum)" "$(points 1 | sha256sum)"
same "weights" "$(weights 2)" "$(weights 1)"
n_resumed=$(ask "SELECT count(*) FROM notes WHERE text LIKE 'resumed at %'")
# One or two deaths may all come before a run's first checkpoint.
[[ $n_resumed -gt 0 || $n_kills -lt 3 ]] ||
    fail "no run went on from a checkpoint"
# A death between a run's end and the removal of its checkpoint leaves that.
expect 0 "" "$L" gc -y
same "checkpoints that are left" \
    "$(find results/runs -name checkpoint -o -name stages | wc -l)" 0
echo "$n_kills kills, $n_resumed times a run went on, SEED=$SEED"
finish
