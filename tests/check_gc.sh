#!/bin/bash
# latent gc and du: what is deleted, what never is, and what a kill leaves.
source "$(dirname "$0")/cli_lib.sh"
L=$LATENT
cat >save.lua <<'END'
local latent = require "latent"
return latent.experiment { name = "save", config = { code = 2, seed = 1 },
  targets = { score = { value = 100, better = "higher" } },
  run = function(run, c)
    local data = latent.data.curves { n_train = 60, n_test = 50, seed = 5 }
    local net = latent.autoencoder { input = data.train.shape,
      encoder = { latent.dense { c.code } }, output = "sigmoid" }
    latent.fit(net, { train = data.train, test = data.test, loss = "bce",
      epochs = 1, batch = 50, run = run, log_every = 1 })
    run:log { score = c.code + c.seed / 10, loss = -c.code }
    if c.code == 6 then run:log { score = 0 / 0 } end
    run:save("net", net)
  end }
END
expect 0 "" "$L" run save.lua -s code=2,4,6,8 --seeds 2 -j 2

# paths: of all weights, as ids.
weights()
{
    (cd results/runs && echo */net.safetensors | sed 's|/net.safetensors||g')
}

# folders FOLDER: what lies in a folder of runs' folders, hidden ones too; but
# where runs keep what they cannot store.
folders()
{
    (cd "$1" && find . -mindepth 1 -maxdepth 1 ! -name unsaved | sed 's|^./||')
}

# ---- du ----
expect 0 "store   results/latent.db: " "$L" du
same "three tables" "$(grep -c '^id \|^experiment \|^store ' out)" 3
expect 0 "" "$L" du --csv
same "the largest first" "$(sed -n 2p out | cut -d, -f1,3,4,5)" 7,save,1,finished
expect 0 "" "$L" du --json --by sweep
check_json out <<'END' || fail "du --json"
import json, os, sys
du = json.load(open(sys.argv[1]))
assert len(du["runs"]) == 8 and du["totals"][0]["sweep"] == 1, du["totals"]
for run in du["runs"]:
    size = os.path.getsize("results/runs/%d/net.safetensors" % run["id"])
    assert run["weights"] == size and run["figures"] == 0, (run, size)
    assert run["total"] == run["metrics"] + size and run["metrics"] > 100, run
total = sum(run["total"] for run in du["runs"])
assert du["totals"][0]["total"] == total and du["totals"][0]["runs"] == 8, total
store = du["store"]
assert store["bytes"] >= store["metrics"] > 1000 and store["disk"] > 1e6, store
assert du["leftovers"] == [], du["leftovers"]
END
expect 3 "no run matches: code=77" "$L" du code=77
expect 3 '"runs": []' "$L" du code=77 --json
expect 0 "" "$L" du --csv --limit 1
same "no more lines" "$(wc -l <out)" 2
expect 0 "" "$L" du --json --limit 1
same "no more runs" "$(grep -c '"id":' out)" 1
expect 0 "" "$L" du code=4 --csv
same "filtered" "$(wc -l <out)" 3
expect 0 "" "$L" export "code>6" -o two.latent
same "files inside of a store" "$("$L" du --csv --db two.latent |
    cut -d, -f7 | sort | paste -sd,)" "$("$L" du --csv "code>6" |
    cut -d, -f7 | sort | paste -sd,)"
expect 2 "--by: found 'kind'" "$L" du --by kind
expect 4 "nowhere.db" "$L" du --db nowhere.db

# ---- nothing to do, mistakes ----
expect 0 "nothing to delete" "$L" gc
expect 0 "[]" "$L" gc --dry-run --json
expect 2 "--older-than: found '3 weeks', wanted such as 90m" \
    "$L" gc --older-than "3 weeks"
expect 2 "--older-than: found '5'" "$L" gc --older-than 5
expect 2 "did you mean 'score'" "$L" gc --keep-best scoer
expect 2 "one argument too many" "$L" gc 3
expect 4 "nowhere.db" "$L" gc --db nowhere.db
[[ ! -e nowhere.db ]] || fail "gc made a store"

# ---- weights of all but the best ----
expect 0 "kept: weights of the 2 best runs of save, by the highest score" \
    "$L" gc --dry-run --keep-best score --keep 2 --json
check_json out <<'END' || fail "gc --dry-run --json"
import json, sys
plan = json.load(open(sys.argv[1]))
assert [item["run"] for item in plan] == [1, 2, 3, 4, 5, 6], plan
assert all(item["kind"] == "weights" and item["bytes"] > 1000 for item in plan)
END
same "a dry run" "$(weights)" "1 2 3 4 5 6 7 8"
expect 0 "by the lowest loss" "$L" gc --dry-run --keep-best loss --csv
same "lower is better" "$(grep -c "runs/[1-6]/\|runs/8/" out)" 7
expect 0 "by the highest loss" "$L" gc --dry-run --keep-best -loss --csv
same "-METRIC" "$(grep -c "runs/[2-8]/" out)" 7
expect 0 "by the highest max(score)" \
    "$L" gc --dry-run --keep-best "max(score)" --csv
expect 0 "nothing to delete" "$L" gc --dry-run --keep-best score --older-than 1h
expect 2 "wanted with --keep-best METRIC only" "$L" gc --keep 2 -y
expect 2 "nobody can be asked here" "$L" gc --keep-best score
same "refused" "$(weights)" "1 2 3 4 5 6 7 8"
before=$(ask "SELECT count(*), sum(value) FROM metrics")
expect 0 "deleted: 6 things" "$L" gc --keep-best score --keep 2 -y
same "the best two" "$(weights)" "7 8"
same "the metrics stay" "$(ask "SELECT count(*), sum(value) FROM metrics")" \
    "$before"
expect 0 "gc freed net: runs/3/net.safetensors" "$L" show 3
expect 0 "checked: 8 runs" "$L" verify
expect 0 "nothing to delete" "$L" gc --keep-best score --keep 2 -y
expect 0 "identical" "$L" replay 3

# Killed between the row and the file: the next one goes on.
echo again >results/runs/3/net.safetensors
echo mine >results/runs/3/other.safetensors
expect 0 "deleted: 1 thing" "$L" gc -y
same "a freed file" "$(weights)" "7 8"
[[ -e results/runs/3/other.safetensors ]] || fail "gc took a file of the user's"

# ---- links: nothing beyond them ----
mkdir outside
mv results/runs/7/net.safetensors outside/
ln -s ../../../outside/net.safetensors results/runs/7/net.safetensors
mv results/runs/8 outside/8
ln -s ../../outside/8 results/runs/8
expect 0 "left alone: run 7: runs/7/net.safetensors: no plain file" \
    "$L" gc --keep-best score --keep 0 -y
grep -qF "left alone: run 8: runs/8/net.safetensors" err || fail "$(cat err)"
grep -qF "left alone: runs/8: a link, not followed" err || fail "$(cat err)"
expect 0 "1 run removed" "$L" rm 8
expect 0 "runs/8: a link, not followed" "$L" gc --older-than 0 -y
[[ -e outside/8/net.safetensors && -e outside/net.safetensors ]] ||
    fail "gc followed a link"
rm results/runs/8
mv outside/net.safetensors results/runs/7/net.safetensors
mv results/runs outside/runs
ln -s ../outside/runs results/runs
mkdir outside/runs/77
expect 0 "not followed" "$L" gc --older-than 0 -y
[[ -d outside/runs/77 ]] || fail "gc followed the link to all runs"
expect 0 "not counted" "$L" du
rm results/runs
mv outside/runs results/runs
rmdir results/runs/77

# ---- leftovers ----
mkdir -p results/runs/99/sub results/runs/mine results/runs/.deleted-5-3
touch results/runs/99/sub/x results/runs/mine/x results/runs/.deleted-5-3/x
touch results/runs/1/checkpoint results/runs/1/a.svg.99999999-0.tmp \
    results/runs/1/b.svg.$$-0.tmp
mkdir results/runs/1/stages && echo x >results/runs/1/stages/1
touch -d "3 hours ago" results/runs/1/*.tmp results/runs/99/sub/x
touch -d "3 hours ago" results/runs/99/sub results/runs/99
expect 0 "1 folder of no run in the store, touched less than 30d ago" \
    "$L" gc --dry-run
same "young folders stay" "$(grep -c runs/99 out)" 0
expect 0 "" "$L" gc --dry-run --older-than 0 --csv
same "kinds" "$(tail -n +2 out | cut -d, -f1,3 | tr -d '\r' | sort)" \
    "checkpoint,runs/1/checkpoint
checkpoint,runs/1/stages
folder,runs/.deleted-5-3
folder,runs/99
temporary file,runs/1/a.svg.99999999-0.tmp"
expect 0 "gc      checkpoint: 2, 2 B" "$L" du
expect 0 "deleted: 5 things" "$L" gc --older-than 0 -y
[[ ! -e results/runs/99 && ! -e results/runs/1/stages &&
    -e results/runs/1/b.svg.$$-0.tmp && -e results/runs/mine/x ]] ||
    fail "leftovers: $(find results)"
rm results/runs/1/*.tmp

# ---- removed runs ----
expect 0 "" "$L" rm -y code=2
expect 0 "2 runs removed less than 30d ago: --older-than 0 deletes them" \
    "$L" gc -y
expect 0 "2 runs restored" "$L" restore --last
expect 0 "" "$L" rm -y code=2
if command -v script >/dev/null; then
    script -qec "$L gc --older-than 0" /dev/null <<<n >out 2>&1
    grep -q "delete 2 things, .*B, for good? \[y/N\]" out || fail "$(cat out)"
    grep -q "removed run  *1 " out || fail "no table: $(cat out)"
    expect 0 "2 runs restored" "$L" restore --last
    expect 0 "" "$L" rm -y code=2
    script -qec "$L gc --older-than 0" /dev/null <<<y >out 2>&1
    grep -q "deleted: 2 things" out || fail "$(cat out)"
else
    expect 0 "" "$L" gc --older-than 0 -y
fi
expect 3 "no run is removed" "$L" restore --all
same "the others stay" "$(ask "SELECT group_concat(id) FROM run")" 3,4,5,6,7
[[ ! -e results/runs/1 && -e results/runs/3 ]] || fail "folders: $(find results)"
expect 0 "nothing is wrong" "$L" verify
expect 0 "" "$L" rm -y "id>0"
expect 0 "1 sweeps without runs" bash -c "$L gc --older-than 0 -y; $L gc -y"
expect 0 "nothing to delete" "$L" gc -y
expect 0 "nothing is wrong" "$L" verify
same "no run is left" "$(folders results/runs)" mine

# ---- the store is made smaller, but for when a run is executed ----
cat >many.lua <<'END'
local latent = require "latent"
return latent.experiment { name = "many", config = { n = 1, seed = 1 },
  run = function(run, c)
    for i = 1, c.n do run:log { value = i } end
    if c.n == 2 then
      local left = io.open("go")
      while not left do left = io.open("go") end
    end
  end }
END
export LATENT_DB=$PWD/many.db
expect 0 "" "$L" run many.lua -s n=100000,100001 --no-rehearsal -j 2
large=$(stat -c %s many.db)
"$L" run many.lua -s n=2 --no-rehearsal >/dev/null 2>&1 &
sweep=$!
wait_for 20 "running run" "SELECT count(*) FROM runs WHERE status = 'running'"
mkdir many.runs/88 && touch -d "1 hour ago" many.runs/88
expect 0 "1 run removed" "$L" rm 1
expect 0 "not made smaller while a run is executed" "$L" gc --older-than 0 -y
expect 0 "" "$L" rm 2
expect 0 "not made smaller" "$L" gc --older-than 0 -y
same "the live run" "$(folders many.runs)" 3
touch go
wait $sweep
same "a sweep beside gc" "$?" 0
expect 0 "the store is smaller by " "$L" gc -y
[[ $(stat -c %s many.db) -lt $((large / 10)) ]] ||
    fail "the store: $(stat -c %s many.db) of $large"
expect 0 "nothing is wrong" "$L" verify

# A run whose store was deleted under it: its folder is nobody's, and held.
rm go
"$L" run many.lua -s n=2 --no-rehearsal >/dev/null 2>&1 &
sweep=$!
wait_for 20 "running run" "SELECT count(*) FROM runs WHERE status = 'running'"
rm many.db*
expect 0 "" "$L" run many.lua --no-rehearsal
expect 0 "held by a process: its run is being executed" \
    "$L" gc --older-than 0 -y
[[ -e many.runs/4/lock ]] || fail "the folder of a live run is gone"
touch go
wait $sweep 2>/dev/null

# ---- killed at any moment ----
cat >files.lua <<'END'
local latent = require "latent"
return latent.experiment { name = "files", config = { x = 1, seed = 1 },
  run = function(run, c)
    for i = 1, 60 do io.open(run.dir .. "/" .. i, "w"):close() end
    run:log { value = c.x }
  end }
END
export LATENT_DB=$PWD/killed.db
expect 0 "" "$L" run files.lua --seeds 80 --no-rehearsal -j 2
expect 0 "" "$L" rm -y "seed<=70"

# Milliseconds that a dry run takes: deaths come later than that.
start=$(date +%s%N)
"$L" gc --older-than 0 --dry-run >/dev/null 2>&1
dry=$((($(date +%s%N) - start) / 1000000))

# broken: the runs in the store that have not all of their 61 files.
broken()
{
    (ask "SELECT id FROM run"; cd killed.runs && find . -type f) |
        awk -F/ 'NF == 1 { runs[$1] = 1 } NF == 3 { n[$2]++ }
            END { for (run in runs) if (n[run] != 61) print run, n[run] }'
}

n_part=0
for ((i = 0; i < 60 && n_part < 4; i++)); do
    before=$(find killed.runs -type f | wc -l)
    "$L" gc --older-than 0 -y >/dev/null 2>&1 &
    sleep "$(awk "BEGIN { srand($RANDOM$i); print $dry * (1 + rand()) / 1e3 }")"
    kill -9 $! 2>/dev/null
    wait $! 2>/dev/null
    same "broken runs" "$(broken)" ""
    after=$(find killed.runs -type f | wc -l)
    [[ $after -eq $before || $after -eq 610 ]] || n_part=$((n_part + 1))
    find killed.runs -name lock -exec touch -d "1 hour ago" {} +
    [[ $after -ne 610 ]] || {
        expect 0 "" "$L" run files.lua --seeds 70 --no-rehearsal -j 2
        expect 0 "" "$L" rm -y "id not in ($(ask "SELECT group_concat(id) FROM
            (SELECT id FROM run ORDER BY id DESC LIMIT 10)"))"
    }
done
echo "killed $i times, $n_part times in the middle"
[[ $n_part -gt 0 ]] || fail "gc was never killed in the middle"
expect 0 "" "$L" gc --older-than 0 -y
same "what is left" "$(folders killed.runs | sort -n | paste -sd,)" \
    "$(ask "SELECT group_concat(id) FROM run")"
same "hidden" "$(folders killed.runs | wc -l)" 10
expect 0 "nothing is wrong" "$L" verify
expect 0 "nothing to delete" "$L" gc -y

# Two at once.
expect 0 "" "$L" rm -y "id in ($(ask "SELECT group_concat(id) FROM
    (SELECT id FROM run LIMIT 5)"))"
"$L" gc --older-than 0 -y >/dev/null 2>err &
expect 0 "" "$L" gc --older-than 0 -y
wait $! || fail "the other gc: $(cat err)"
same "both" "$(folders killed.runs | wc -l) $(ask "SELECT count(*) FROM run")" \
    "5 5"
finish
