#!/bin/bash
# latent replay: a run done once more agrees with the store to the last bit,
# whatever became of its files; what was tampered with is found.
source "$(dirname "$0")/cli_lib.sh"
L=$LATENT
mkdir tmp data
export TMPDIR=$folder/tmp

# tamper SQL: as someone with another program would, who leaves the schema.
tamper()
{
    sqlite3 results/latent.db ".dbconfig enable_trigger off" "$1" >/dev/null ||
        fail "sqlite3: $1"
}

first_of()
{
    grep -F "$1" out | head -n 1
}

# ---- a run with a module, saved weights, a clock and its own name ----
cat >helper.lua <<'END_LUA'
return { width = 12 }
END_LUA
cat >script.lua <<'END_LUA'
local latent = require "latent"
local helper = require "helper"
return latent.experiment {
  name = "proof", config = { code = 2, tie = "tied", bad = 0, seed = 1 },
  run = function(run, c)
    local data = latent.data.curves { n_train = 200, n_test = 50, seed = 5 }
    local net = latent.autoencoder {
      input = data.train.shape, output = "sigmoid", tie = c.tie, seed = c.seed,
      encoder = { latent.dense { helper.width, act = "tanh" }, latent.dense { c.code } } }
    local result = latent.fit(net, {
      train = data.train, test = data.test, loss = "bce", epochs = 3,
      batch = 50, run = run, log_every = 1 })
    run:log { ["fit.seconds"] = result.seconds, draw = math.random() }
    run:log { id = run.id, name = run.name:byte(3) }
    run:save("net", net)
    if c.bad == 1 then run:log { odd = 0 / 0 } run:log { odd = -1 / 0 } end
    if c.bad == 2 then error("wanted to fail") end
  end,
}
END_LUA
expect 0 "" "$L" run script.lua -s seed=1,2 --threads 1
expect 0 "" "$L" run script.lua -s bad=1
expect 1 "" "$L" run script.lua -s bad=2 --no-rehearsal
before=$(sha256sum results/latent.db)
values=$(ask "SELECT count(*) FROM metrics WHERE run = 2
    AND name <> 'fit.seconds'")
expect 0 "run 2: identical ($values values)" "$L" replay 2
grep -qx "not compared: fit.seconds" out || fail "the clock is not left out"
grep -qx "saved networks and preparations: identical (1)" out ||
    fail "the weights were not compared"
[[ $values -eq $((3 * 4 + 3 * 4 + 3)) ]] || fail "found $values values"
expect 0 "run 2: identical ($values values)" "$L" replay \
    "$(ask "SELECT substr(name, 1, 6) FROM runs WHERE id = 2")"
expect 0 "run 2: identical ($values values)" "$L" replay 2 --threads 2
expect 0 "threads           stored 1, now 2" "$L" replay 2 --threads 2
expect 0 "run 3: identical ($((values + 2)) values)" "$L" replay 3
expect 0 "run 4: identical ($values values)" "$L" replay 4
grep -q "^the run is failed: compared is what it has logged" out ||
    fail "a failed run passes for a whole one"

# ---- the script and its module are the store's ----
echo 'error("not this one")' >script.lua
rm helper.lua
expect 0 "run 2: identical ($values values)" "$L" replay 2
(cd / && LATENT_DB=$folder/results/latent.db "$L" replay 2) >out 2>err ||
    fail "a replay from another folder: $(cat err)"
same "the store" "$(sha256sum results/latent.db)" "$before"
same "left behind" "$(ls -A tmp)" ""
same "runs" "$(ask "SELECT count(*) FROM runs")" 4
[[ ! -e runs && ! -e helper.lua ]] || fail "a replay wrote beside the store"

# ---- mistakes ----
expect 2 "which run?" "$L" replay
expect 2 "one argument too many: '2'" "$L" replay 1 2
expect 2 "--tolerance: found 'x'" "$L" replay 1 --tolerance x
expect 2 "--tolerance: found '-1'" "$L" replay 1 --tolerance -1
expect 2 "--tolerance: found 'nan'" "$L" replay 1 --tolerance nan
expect 3 "no run '99'" "$L" replay 99
expect 4 "no store there yet" "$L" replay 1 --db nowhere.db
TMPDIR=/nowhere expect 4 "/nowhere/latent-replay-" "$L" replay 1
command -v sqlite3 >/dev/null || { finish; exit; }

# ---- tampered with: found, and told where ----
tamper "UPDATE metric SET value = value * (1 + 1e-9) WHERE run = 1 AND seq = 7
    AND name = (SELECT id FROM metric_name WHERE name = 'step.loss')"
tamper "UPDATE metric SET value = 1 WHERE run = 1 AND seq = 2
    AND name = (SELECT id FROM metric_name WHERE name = 'train.loss')"
expect 6 "run 1: different (2 of $values values)" "$L" replay 1
[[ $(first_of "first difference") == \
"first difference: step 8 (epoch 2) of step.loss: stored "*", replayed "* ]] ||
    fail "the first difference: $(first_of "first difference")"
grep -q "^the environment is the same" out || fail "the environment differs"
expect 6 "run 1: different (1 of $values values)" "$L" replay 1 \
    --tolerance 1e-6
first_of "first difference" |
    grep -qF "step 12 (epoch 3) of train.loss: stored 1, replayed" ||
    fail "with a tolerance: $(first_of "first difference")"
expect 0 "run 1: within the tolerance of 1e-06" "$L" replay 1 \
    --tolerance 1e-6 --except train.loss
grep -q "at most 1e-09 apart" out || fail "the largest difference"
tamper "UPDATE metric SET value = NULL, kind = 1 WHERE run = 2 AND seq = 0
    AND name = (SELECT id FROM metric_name WHERE name = 'test.sse')"
expect 6 "step 4 (epoch 1) of test.sse: stored nan, replayed" \
    "$L" replay 2 --tolerance 1
tamper "DELETE FROM metric WHERE run = 2 AND name =
    (SELECT id FROM metric_name WHERE name = 'test.sse')"
expect 6 "of test.sse: stored nothing, replayed" "$L" replay 2
tamper "UPDATE artifact SET sha256 = replace(sha256, 'a', 'b') WHERE run = 3"
expect 6 "saved files that differ: net" "$L" replay 3
grep -q "identical ($((values + 2)) values)" out || fail "values beside files"
tamper "UPDATE machine SET build = 'latent 0.0'"
expect 6 "build             stored latent 0.0, now latent" "$L" replay 3

# ---- cut off: what there is must agree ----
tamper "UPDATE run SET status = 'lost' WHERE id = 3;
    DELETE FROM metric WHERE run = 3 AND seq > 0;
    DELETE FROM metric WHERE run = 3 AND name =
        (SELECT id FROM metric_name WHERE name = 'odd')"
expect 0 "run 3: identical (8 values)" "$L" replay 3
grep -q "^the run is lost: compared is what it has logged" out ||
    fail "a lost run passes for a whole one"
tamper "UPDATE run SET status = 'queued' WHERE id = 3;
    DELETE FROM metric WHERE run = 3"
expect 3 "run 3 (queued) has logged no metric: nothing to compare" \
    "$L" replay 3
tamper "UPDATE source SET body = CAST(body || ' ' AS BLOB)
    WHERE hash = (SELECT script_hash FROM sweep WHERE id = 1)"
expect 4 "was changed: it now hashes to" "$L" replay 2
rm -r results

# ---- a sandbox is one again ----
cat >closed.lua <<'END_LUA'
local latent = require "latent"
return latent.experiment { name = "closed", config = { seed = 1 },
  run = function(run) run:log { open = rawget(io, "open") and 1 or 0 } end }
END_LUA
expect 0 "" "$L" run closed.lua --sandbox --no-rehearsal
same "a sandbox" "$(ask "SELECT value FROM metrics")" 0.0
expect 0 "run 1: identical (1 value)" "$L" replay 1
rm -r results

# ---- a long run that was cut off: the replay ends where it ended ----
"$L" run "$LATENT_SOURCE/tests/scripts/tiny.lua" -s epochs=1000000 -s code=2 \
    -s tie=tied >out 2>err </dev/null &
supervisor=$!
wait_for 30 metrics "SELECT count(*) FROM metrics WHERE name = 'train.sse'"
kill -INT "$supervisor"
wait "$supervisor"
values=$(ask "SELECT count(*) FROM metrics")
expect 0 "run 1: identical ($values values)" timeout 300 "$L" replay 1
grep -q "^the run is interrupted: compared is what it has logged" out ||
    fail "an interrupted run passes for a whole one"
expect 0 "" "$L" verify
rm -r results

# ---- a run that was killed and went on from its checkpoint ----
"$L" run "$LATENT_SOURCE/tests/scripts/tiny.lua" -s epochs=1500 -s code=2 \
    -s tie=tied >out 2>err </dev/null &
supervisor=$!
wait_for 30 metrics "SELECT count(*) FROM metrics WHERE name = 'train.sse'"
kill -KILL "$supervisor"
wait "$supervisor" 2>/dev/null
expect 0 "" "$L" resume
same "a resumed run" "$(ask "SELECT status FROM runs")" finished
same "its notes" "$(ask "SELECT count(*) FROM notes
    WHERE text LIKE 'lost: %; queued again'")" 1
expect 0 "run 1: identical ($((1500 * 4 + 1500 * 6)) values)" "$L" replay 1
rm -r results

# ---- data that changed, data that are gone ----
cat >files.lua <<'END_LUA'
local latent = require "latent"
return latent.experiment { name = "files", config = { seed = 1 },
  run = function(run)
    local set = latent.data.csv { path = "data/a.csv" }
    local net = latent.autoencoder {
      input = set.shape, encoder = { latent.dense { 1 } }, output = "linear" }
    latent.fit(net, {
      train = set, loss = "mse", epochs = 1, batch = 2, run = run })
  end }
END_LUA
printf '0.1,0.2,0.3\n0.4,0.5,0.6\n' >data/a.csv
expect 0 "" "$L" run files.lua
expect 0 "run 1: identical (2 values)" "$L" replay 1
printf '0.1,0.2,0.3\n0.4,0.5,0.7\n' >data/a.csv
expect 6 "data, train       stored sha256" "$L" replay 1
rm data/a.csv
expect 1 "the replay is failed: " "$L" replay 1
grep -qF "data/a.csv" err || fail "a missing file is not named"
same "left behind" "$(ls -A tmp)" ""
finish
