#!/bin/bash
# latent export, import, merge: what comes is what was sent, to the last bit;
# twice is as good as once; a file that lies is refused as a whole.
# ctest: PROCESSORS 2
source "$(dirname "$0")/cli_lib.sh"
source "${LATENT_SOURCE:?}/tests/exchange_lib.sh"
L=$LATENT
command -v sqlite3 >/dev/null || { echo "no sqlite3: skipped"; exit 77; }
mkdir a b data
export LATENT_DATA=$folder/data
cat >a/helper.lua <<'END_LUA'
return { width = 12 }
END_LUA
cat >a/script.lua <<'END_LUA'
local latent = require "latent"
local helper = require "helper"
return latent.experiment {
  name = "sent", question = "Does it arrive?",
  config = { code = 2, tie = "tied", bad = 0, seed = 1 },
  targets = { ["test.sse"] = { value = 30 } },
  run = function(run, c)
    local data = latent.data.curves { n_train = 200, n_test = 50, seed = 5 }
    local net = latent.autoencoder {
      input = data.train.shape, output = "sigmoid", tie = c.tie, seed = c.seed,
      encoder = { latent.dense { helper.width, act = "tanh" }, latent.dense { c.code } } }
    latent.fit(net, { train = data.train, test = data.test, loss = "bce",
      epochs = 2, batch = 50, run = run, log_every = 1 })
    run:log { odd = 0 / 0 }
    run:log { odd = 1 / 0 }
    run:log { odd = 3 }
    run:save("net", net)
    run:note("twice")
    run:note("twice")
    run:tag("sent")
    if c.bad == 1 then error("wanted to fail") end
    if c.bad == 2 then
      local f = io.open(run.dir .. "/x.txt", "w")
      f:write("some text")
      f:close()
      run:artifact(run.dir .. "/x.txt")
      run:artifact("helper.lua")
    end
  end,
}
END_LUA

in_folder() { (cd "$1" && shift && "$@"); }
in_a() { in_folder a "$@"; }
in_b() { in_folder b "$@"; }
answer() { sqlite3 "$1" "$2"; }

# edit STORE SQL: as another program would that heeds no trigger.
edit()
{
    local drops triggers

    drops=$(sqlite3 "$1" "SELECT 'DROP TRIGGER ' || name || ';'
        FROM sqlite_schema WHERE type = 'trigger'")
    triggers=$(sqlite3 "$1" "SELECT sql || ';' FROM sqlite_schema
        WHERE type = 'trigger'")
    sqlite3 "$1" "$drops $2; $triggers" || fail "sqlite3: $2"
}

expect 0 "" in_a "$L" run script.lua -s seed=1,2 -s tie=tied,untied -j 2
expect 1 "" in_a "$L" run script.lua -s bad=1 --no-rehearsal
expect 0 "" in_a "$L" run script.lua -s bad=2 --no-rehearsal

# ---- one run as one file ----
name=$(answer a/results/latent.db "SELECT name FROM runs WHERE id = 2")
expect 0 "$name.latent: 1 run, 1 file (" in_a "$L" export 2
same "files" "$(find a -maxdepth 1 -newer a/script.lua -name "*latent*")" \
    "a/$name.latent"
expect 2 "is there already (--force replaces it)" in_a "$L" export 2
expect 0 "" in_a "$L" export 2 --force
expect 0 "" in_a "$L" export "$name" -o ../one.latent
expect 0 "test.sse" "$L" --db one.latent show 1
expect 0 "$name" "$L" --db one.latent ls tie=tied or tie=untied
expect 0 "checked: 1 run, 19 values, 1 file" "$L" --db one.latent verify
same "beside the file" "$(ls one.latent*)" one.latent
# A picture of the network inside, not of the one that lies where it once did.
if command -v gnuplot >/dev/null; then
    expect 0 "wrote" in_a "$L" plot filters 2 -n 4 -o ../here.svg
    expect 0 "wrote" "$L" --db one.latent plot filters 1 -n 4 -o there.svg
    mkdir -p runs/1
    cp a/results/runs/1/net.safetensors runs/1
    expect 0 "wrote" "$L" --db one.latent plot filters 1 -n 4 -o there_2.svg
    rm -r runs
    grep -v "run [12]:" here.gp >here.txt
    for file in there there_2; do
        grep -v "run [12]:" $file.gp >there.txt
        cmp here.txt there.txt || fail "another network's picture: $file"
    done
    rm here.* there*.*
fi
same "no log is kept" "$(answer one.latent "PRAGMA journal_mode")" delete

# ---- and back, elsewhere ----
expect 0 "would be 1 run new" in_b "$L" import ../one.latent --dry-run
[[ ! -e b/results ]] || fail "a dry run made a store"
expect 2 "is called 'tye'" in_b "$L" import ../one.latent --only tye=tied
[[ ! -e b/results ]] || fail "a wrong filter made a store"
expect 0 "one.latent: 1 run new; 19 values, 1 file (" in_b "$L" import ../one.latent
agree "an imported run" one.latent b
if command -v gnuplot >/dev/null; then
    expect 0 "wrote" in_b "$L" plot filters 1 -n 4 -o ../there.svg
    rm there.*
fi
cmp a/results/runs/2/net.safetensors b/results/runs/1/net.safetensors ||
    fail "the weights changed on the way"
same "its folder" "$(ls b/results/runs/1 | tr '\n' ' ')" "lock net.safetensors "
expect 0 "run 1: identical (19 values)" in_b "$L" replay 1 --threads 1
expect 0 "saved networks and preparations: identical (1)" in_b "$L" replay 1
expect 0 "nothing is wrong" in_b "$L" verify
before=$(sha256sum <b/results/latent.db)
expect 0 "0 runs new, 1 already here" in_b "$L" import ../one.latent
expect 0 "0 runs new, 1 already here" in_b "$L" merge ../one.latent
expect 0 "" in_b "$L" export 1 -o ../two.latent
agree "exported again" one.latent two.latent
expect 0 "run 1: identical" "$L" --db two.latent replay 1
rm -rf one.latent.runs two.latent.runs

# ---- several runs, to standard output; filters ----
expect 2 "runs match: wanted -o FILE" in_a "$L" export tie=tied
expect 0 "4 runs" in_a "$L" export tie=tied -o ../tied.latent
expect 3 "no run matches" in_a "$L" export tie=mirrored -o ../none.latent
expect 3 "" in_a "$L" export 99
[[ ! -e none.latent ]] || fail "a file of no run"
in_a "$L" export @last -o - 2>/dev/null >out.latent || fail "export -o -"
expect 0 "1 run new" in_b "$L" import ../out.latent
expect 0 "1 run new; " in_b "$L" import --only "seed=1 and bad=0" \
    ../tied.latent
expect 4 "Not a directory" in_a "$L" export 1 -o script.lua/x.latent

expect 2 "is the store itself" in_a "$L" export 1 --force -o results/latent.db
expect 2 "is the store itself" in_a "$L" export 1 --force -o results/latent.db \
    --csv

# ---- as text ----
expect 0 "" in_a "$L" export 1 --csv
same "CSV" "$(head -n 1 out)" "run,name,step,epoch,value,kind"
same "CSV's lines" "$(grep -c "^1,step.loss," out)" 8
same "not finite" "$(grep -c ",nan,nan\|,+inf,+inf" out)" 2
expect 0 "" in_a "$L" export 1 --json -o m.json
check_json a/m.json <<'END_PY' || fail "JSON differs"
import json, sys
rows = json.load(open(sys.argv[1]))
assert len(rows) == 19, len(rows)
odd = [(r["value"], r["kind"]) for r in rows if r["name"] == "odd"]
assert odd == [(None, "nan"), (None, "+inf"), (3.0, "finite")], odd
END_PY
expect 2 "is there already" in_a "$L" export 1 --json -o m.json

# ---- whole stores ----
expect 0 "3 runs new, 3 already here" in_b "$L" merge ../a/results/latent.db
expect 0 "1 run" in_a "$L" export bad=2 -o ../bad.latent
# What lies outside of a run's folder is not opened, and said.
grep -q "file helper.lua (helper.lua) does not lie in its run's folder: left" \
    err || fail "a file from elsewhere: $(cat err)"
answer a/results/latent.db "DELETE FROM artifact WHERE name = 'helper.lua'"
agree "merged" a b
expect 0 "nothing is wrong" in_b "$L" verify
expect 0 "../a/results/latent.db: 0 runs new, 6 already here" in_b "$L" merge \
    ../a/results/latent.db
same "no folder is left over" "$(ls b/results/runs | wc -l)" 6
expect 0 "0 runs new, 6 already here" in_a "$L" merge ../b/results/latent.db
agree "and back" a b
cp a/helper.lua b
for id in 1 3 4; do
    expect 0 "run $id: identical" in_b "$L" replay $id
done

# Notes and tags become those of both; what differs is told, not taken.
answer a/results/latent.db "INSERT INTO note (run, at, text) VALUES (1, 5, 'a');
    INSERT INTO tag VALUES (1, 'a')"
answer b/results/latent.db "INSERT INTO tag VALUES (1, 'b')"
expect 0 "1 brought up to date" in_b "$L" merge ../a/results/latent.db
expect 0 "1 brought up to date" in_a "$L" merge ../b/results/latent.db
expect 0 "0 runs new, 6 already here" in_b "$L" merge ../a/results/latent.db
agree "notes and tags" a b
cp -r a other
edit other/results/latent.db "UPDATE series SET last = 7 WHERE run = 1"
expect 4 "a folder, wanted a file" in_b "$L" merge ../other/results
expect 0 "with other results: this store's are kept" in_b "$L" merge \
    ../other/results/latent.db
rm -rf other

# ---- itself, what is none, a dry run ----
expect 2 "this is the store itself" in_a "$L" merge results/latent.db
ln -s results/latent.db a/link.db
expect 2 "this is the store itself" in_a "$L" merge link.db
ln a/results/latent.db a/hard.db
expect 2 "this is the store itself" in_a "$L" merge hard.db
expect 4 "no such file" in_a "$L" merge nowhere.db
expect 4 "not a latent store" in_a "$L" merge script.lua
expect 2 "OTHER.db is missing" in_a "$L" merge
mkdir c
expect 0 "would be 6 runs new" in_folder c "$L" merge --dry-run \
    ../a/results/latent.db
[[ ! -e c/results ]] || fail "a dry run made a store"
cp "$LATENT_SOURCE/tests/stores/schema1.db" old.db
before=$(sha256sum <old.db)
expect 0 " new" in_folder c "$L" merge ../old.db
same "an older store" "$(sha256sum <old.db)" "$before"
agree "an older store" c c
expect 0 "nothing is wrong" in_folder c "$L" verify
rm -rf c

# ---- the one that went further ----
mkdir c d
# state FOLDER STATUS ENDED [METRIC]: its run 1, as if it had ended so, before
# it logged that.
state()
{
    edit "$1/results/latent.db" "
        UPDATE run SET status = '$2', ended_at = $3 WHERE id = 1;
        DELETE FROM metric WHERE run = 1 AND name IN
            (SELECT id FROM metric_name WHERE name = '${4-}');
        DELETE FROM series WHERE run = 1 AND name IN
            (SELECT id FROM metric_name WHERE name = '${4-}')"
}
for pair in "lost 5 interrupted 6" "interrupted 6 failed 5" \
    "failed 9 diverged 10" "pruned 9 finished 5" "queued 0 finished 5"; do
    # shellcheck disable=SC2086
    set -- $pair
    rm -rf c d
    mkdir c d
    expect 0 "" in_folder c "$L" import ../two.latent
    cp -r c/results d/results
    state c "$1" "$2" odd
    state d "$3" "$4"
    expect 0 "1 brought up to date" in_folder c "$L" merge ../d/results/latent.db
    agree "$pair" c d
    expect 0 "1 already here" in_folder d "$L" merge ../c/results/latent.db
    agree "$pair, twice" c d
done
state d queued 0
rm -rf c
mkdir c
expect 0 "has not begun there: left" in_folder c "$L" merge ../d/results/latent.db
state d running 0
expect 0 "is being executed there, or was when last looked at: left" \
    in_folder c "$L" merge ../d/results/latent.db
state d queued 0
expect 3 "no run to export" in_folder d "$L" export 1

# ---- runs from elsewhere are resumed only where their sweep is named ----
rm -rf c d
mkdir c d
expect 0 "" in_folder d "$L" import ../two.latent
state d interrupted 5 odd
expect 0 "1 run new" in_folder c "$L" merge ../d/results/latent.db
expect 0 "1 run of other stores left alone" in_folder c "$L" resume
grep -q "nothing to do" err || fail "a stranger's script was executed"
expect 0 "" in_folder c "$L" resume 1
same "resumed" "$(answer c/results/latent.db "SELECT status FROM runs")" finished

# ---- killed in the middle, and again ----
rm -rf c d
for ms in 02 04 06 08 10 12 15 20 30; do
    mkdir -p d
    in_folder d timeout -s KILL "0.0$ms" "$L" merge ../b/results/latent.db \
        >/dev/null 2>&1
done
expect 0 "" in_folder d "$L" merge ../b/results/latent.db
answer b/results/latent.db "PRAGMA wal_checkpoint" >/dev/null
agree "after nine kills" b d
expect 0 "nothing is wrong" in_folder d "$L" verify
expect 0 "0 runs new, 6 already here" in_folder d "$L" merge ../b/results/latent.db
finish
