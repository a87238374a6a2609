#!/bin/bash
# Bookkeeping: latent rm, restore.
source "$(dirname "$0")/cli_lib.sh"
tiny=$LATENT_SOURCE/tests/scripts/tiny.lua
L=$LATENT

# dump: all that the views show, but for times that pass.
dump()
{
    local view

    for view in runs params metrics finals artifacts notes tags sweeps; do
        "$L" sql --csv "SELECT * FROM $view" | sort
    done
}

# on_terminal ANSWER COMMAND...: its output is in the file out.
on_terminal()
{
    local answer=$1

    shift
    script -qec "$(printf '%q ' "$@")" /dev/null <<<"$answer" >out 2>&1
}

# ---- rm, restore ----
expect 2 "latent rm: RUN|FILTER is missing" "$L" rm
expect 4 "no store there yet" "$L" rm 1
[[ ! -e results ]] || fail "rm made a store"
expect 0 "" "$L" run "$tiny" -j 2
dump >before
expect 2 "one of RUN|FILTER, --last, --all" "$L" restore
expect 2 "one of RUN|FILTER, --last, --all" "$L" restore 1 --all
expect 3 "no run is removed" "$L" restore --all
expect 3 "no removed run matches: code=2" "$L" restore code=2
expect 3 "no removed run 'zzz'" "$L" restore zzz
expect 3 "no run 'zzz'" "$L" rm zzz
expect 3 "no run matches: code=77" "$L" rm code=77
expect 2 "did you mean 'code'" "$L" rm coed=77
expect 3 "no run '99'" "$L" rm 1 99
expect 2 "nobody can be asked here: -y does it" "$L" rm code=2
same "what was refused is not shown" "$(cat out)" ""
expect 2 "nobody can be asked here" "$L" rm 1 2
expect 0 "2 runs would be removed; nothing was" "$L" rm code=2 --dry-run
same "table of a dry run" "$(wc -l <out)" 3
same "nothing changed" "$(dump | diff - before)" ""

expect 0 "1 run removed; to undo: latent restore 2" "$L" rm 2
expect 3 "run 2 was removed; latent restore 2 brings it back" "$L" show 2
expect 3 "run 2 was removed" "$L" rm 2
same "three are left" "$(ask "SELECT group_concat(id) FROM runs")" 1,3,4
expect 0 "" "$L" ls --csv --columns id --removed
same "ls --removed" "$(tr -d '\r' <out | tail -n 1)" 2
expect 0 "removed" "$L" ls --removed
expect 3 "no removed run matches: code=6" "$L" ls --removed code=6
expect 0 "checked: 4 runs" "$L" verify
expect 0 "1 run restored" "$L" restore 2
same "as it was" "$(dump | diff - before)" ""

expect 0 "" "$L" rm -y code=2 or id=3 --json
check_json out <<'END' || fail "rm --json"
import json, sys
rows = json.load(open(sys.argv[1]))
assert [row["id"] for row in rows] == [1, 2, 3], rows
assert rows[0]["code"] == 2 and len(str(rows[0]["test.sse"])) > 10, rows
END
expect 0 "1 run removed" "$L" rm 4
expect 3 "no runs yet" "$L" show @last
expect 3 "no runs in results/latent.db" "$L" ls
expect 0 "4 runs of tiny; nothing was stored" "$L" run "$tiny" --needed --dry-run
expect 0 "4 runs would come back" "$L" restore --all --dry-run
expect 0 "1 run restored" "$L" restore --last
expect 0 "3 runs restored" "$L" restore --last
same "as it was" "$(dump | diff - before)" ""
expect 0 "to undo: latent restore 1 --db 'two words.db'" \
    bash -c "cp results/latent.db 'two words.db'; $L --db 'two words.db' rm 1"

# Many: no filter holds them all.
expect 0 "" "$L" --db many.db run "$tiny" -s act=print --seeds 80 -j 2
"$L" --db many.db ls --csv --columns id | tail -n +2 | tr -d '\r' >ids
same "many" "$(wc -l <ids)" 320
expect 0 "320 runs removed; to undo: latent restore --last --db many.db" \
    xargs -a ids "$L" --db many.db rm -y
same "a screen of them" "$(wc -l <out)" 32
expect 0 "320 runs restored" "$L" --db many.db restore --last

# ---- on a terminal ----
if command -v script >/dev/null; then
    on_terminal n "$L" rm code=2
    grep -qF "remove 2 runs? [y/N]" out || fail "not asked: $(cat out)"
    grep -qF "nothing was done" out || fail "no: $(cat out)"
    same "no" "$(dump | diff - before)" ""
    on_terminal "" "$L" rm code=2
    same "an empty answer is no" "$(dump | diff - before)" ""
    on_terminal y "$L" rm code=2
    same "yes" "$(ask "SELECT group_concat(id) FROM runs")" 3,4
    on_terminal "" "$L" rm 3
    same "one is not asked about" "$(ask "SELECT group_concat(id) FROM runs")" 4
    expect 0 "" "$L" restore --all
fi

# ---- while runs are executed ----
cat >slow.lua <<'END'
local latent = require "latent"
return latent.experiment { name = "slow", config = { x = 1, seed = 1 },
  sweep = latent.grid { x = { 1, 2, 3 } },
  run = function(run, c)
    run:log { value = c.x }
    local left = io.open("go")
    while not left do left = io.open("go") end
    run:log { value = c.x + 1 }
  end }
END
"$L" run slow.lua -j 1 --no-rehearsal >slow.out 2>slow.err &
wait_for 20 "running run" "SELECT count(*) FROM runs WHERE status = 'running'"
slow=$(ask "SELECT id FROM runs WHERE status = 'running'")
expect 4 "a run is being executed: run $slow" "$L" rm -y experiment=slow
same "all or none" "$(ask "SELECT count(*) FROM runs")" 7
expect 0 "1 run removed" "$L" rm $((slow + 1))
touch go
wait $!
same "the sweep's status" "$?" 0
same "what was removed was not executed" queued "$("$L" ls --removed --csv \
    --columns status | tail -n 1 | tr -d '\r')"
same "the others were" "$(ask "SELECT group_concat(id) FROM runs
    WHERE experiment = 'slow' AND status = 'finished'")" "$slow,$((slow + 2))"
expect 0 "nothing to do" "$L" resume
expect 0 "1 run restored" "$L" restore $((slow + 1))
expect 0 "" "$L" resume
same "executed after all" "$(ask "SELECT count(*) FROM runs
    WHERE experiment = 'slow' AND status = 'finished'")" 3
expect 0 "nothing is wrong" "$L" verify
finish
