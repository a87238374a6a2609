#!/bin/bash
# latent verify: each kind of damage, made by hand and found.
source "$(dirname "$0")/cli_lib.sh"
L=$LATENT
command -v sqlite3 >/dev/null || { echo "no sqlite3: skipped"; exit 77; }
cat >script.lua <<'END_LUA'
local latent = require "latent"
return latent.experiment {
  name = "sound", config = { code = 2, tie = "tied", rate = 0.1, seed = 1 },
  run = function(run, c)
    local data = latent.data.curves { n_train = 100, n_test = 50, seed = 5 }
    local net = latent.autoencoder { input = data.train.shape, tie = c.tie,
      encoder = { latent.dense { c.code } }, output = "sigmoid" }
    latent.fit(net, { train = data.train, test = data.test, loss = "bce",
      epochs = 2, batch = 50, run = run, log_every = 1 })
    run:log { odd = 0 / 0 }
    run:log { odd = 1 / 0 }
    run:log { odd = 3 }
    run:save("net", net)
  end,
}
END_LUA
expect 0 "" "$L" run script.lua -s seed=1,2 -j 2
cp -r results sound

# damage SQL...: in a fresh copy of the sound store, by another program.
damage()
{
    rm -rf results
    cp -r sound results
    sqlite3 results/latent.db "DROP TRIGGER run_frozen;
        DROP TRIGGER artifact_frozen_update;
        DROP TRIGGER artifact_frozen_insert;
        DROP TRIGGER series_frozen_update;
        DROP TRIGGER series_frozen_insert;" \
        "$@" || fail "sqlite3: $*"
}

# found N LINE...: verify says each of these lines, N in all, besides the five
# triggers that damage dropped.
found()
{
    local n=$1 line

    shift
    expect 6 "" "$L" verify
    grep -v "^schema: trigger .* is missing$" out >lines
    [[ $(wc -l <lines) -eq $n ]] || {
        fail "found $(wc -l <lines) things, wanted $n: $*"
        cat lines >&2
    }
    for line; do
        grep -qE -e "$line" lines || {
            fail "no '$line' in:"
            cat lines err >&2
        }
    done
    grep -q "things\? wrong" err || fail "not counted: $(cat err)"
}

# ---- nothing ----
before=$(sha256sum results/latent.db)
expect 0 "nothing is wrong" "$L" verify
same "stdout" "$(cat out)" ""
values=$(ask "SELECT count(*) FROM metrics")
grep -qF "checked: 2 runs, $values values, 2 files" err ||
    fail "what was checked: $(cat err)"
expect 0 "checked: 1 run, " "$L" verify seed=1
expect 0 "checked: 1 run, " "$L" verify seed=1 and status=finished
expect 3 "no run matches seed=9" "$L" verify seed=9
expect 2 "" "$L" verify no.such=1
expect 2 "unknown option --josn" "$L" verify --josn
expect 4 "no store there yet" "$L" verify --db nowhere.db
same "the store" "$(sha256sum results/latent.db)" "$before"

# ---- the schema ----
damage "CREATE TRIGGER evil AFTER INSERT ON run BEGIN DELETE FROM run; END;
    DROP VIEW tags; DROP VIEW notes;
    CREATE VIEW notes AS SELECT 1 AS run, 2 AS at, 'x' AS text"
found 3 "^schema: trigger evil is not latent's$" \
    "^schema: view tags is missing$" "^schema: view notes was changed$"
same "triggers missed" \
    "$(grep -c "^schema: trigger .*_frozen.* is missing" out)" 5
damage "PRAGMA user_version = 99"
found 2 "^schema: version 99, this program knows 1 to [0-9]+$" \
    "^the tables are not those that this program knows: nothing else was checked"
damage "ALTER TABLE tag RENAME TO tag2; CREATE VIEW tag AS
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
    SELECT i AS run, 'x' AS tag FROM n"
expect 6 "schema: table tag is missing" timeout 60 "$L" verify
grep -q "^schema: view tag is not latent's" out || fail "a view for a table"
grep -q "nothing else was checked" out || fail "a hostile table was read"

# ---- pages ----
damage "DELETE FROM tag"
size=$(stat -c %s results/latent.db)
sqlite3 results/latent.db "PRAGMA journal_mode = DELETE" >/dev/null
page=$(sqlite3 results/latent.db \
    "SELECT rootpage FROM sqlite_schema WHERE name = 'note_run'")
head -c 4096 /dev/urandom |
    dd of=results/latent.db bs=4096 seek=$((page - 1)) conv=notrunc 2>/dev/null
same "size" "$(stat -c %s results/latent.db)" "$size"
expect 6 "database: " "$L" verify
grep -q "things wrong" err || fail "a broken page ends the check"

# ---- rows ----
damage "PRAGMA foreign_keys = OFF; DELETE FROM machine;
    INSERT INTO tag VALUES (77, 'x')"
found 2 "^table run: a row of machine that it names is not there" \
    "^table tag: a row of run that it names is not there"
damage "INSERT INTO metric VALUES (99, 1, 0, 1, 1, 1, 0, 0);
    INSERT INTO metric VALUES (50, 1, 0, 1, 1, 1, 0, 0)"
found 2 "^metrics of run 50, which is not there" \
    "^metrics of run 99, which is not there"
damage "UPDATE run SET config = '[' WHERE id = 1;
    UPDATE run SET config = replace(config, '\"code\":2', '\"code\":3'),
        ended_at = NULL WHERE id = 2"
found 3 "^run 1: its config is no JSON object" \
    "^run 2: knob code: view params says otherwise than its config" \
    "^run 2: finished, but it has no time of its end"
damage "UPDATE run SET config = '5' WHERE id = 1"
expect 6 "run 1: its config is no JSON object" "$L" verify
grep -q "^$" out && fail "an empty line is told"
damage "UPDATE param SET value = 0.1000001 WHERE run = 1 AND type = 'real';
    INSERT INTO param_name (name) VALUES ('new');
    INSERT INTO param SELECT max(id), 2, 'integer', 1 FROM param_name"
found 2 "^run 1: knob rate: view params says otherwise" \
    "^run 2: knob new: is not in its config"

# ---- metrics and summaries ----
name="(SELECT id FROM metric_name WHERE name = "
damage "UPDATE metric SET value = 1 WHERE run = 1 AND seq = 1 AND
    name = $name'train.loss')"
summary="its summary \(view finals\)"
found 1 "^run 1: train.loss: $summary has last [0-9.]+, its points make 1$"
damage "UPDATE series SET min = 0.5 WHERE run = 1 AND name = $name'train.sse');
    UPDATE series SET n = 9 WHERE run = 2 AND name = $name'step.loss');
    UPDATE series SET bad_step = NULL WHERE run = 2 AND name = $name'odd');
    UPDATE series SET last_epoch = 7 WHERE run = 2 AND name = $name'test.sse')"
found 4 "^run 1: train.sse: $summary has min 0.5, its points make " \
    "^run 2: step.loss: $summary has n 9, its points make 4$" \
    "^run 2: odd: $summary has bad_step 0, its points make 4$" \
    "^run 2: test.sse: $summary has last_epoch 7, its points make 2$"
damage "DELETE FROM series WHERE run = 1 AND name = $name'odd');
    DELETE FROM metric WHERE run = 2 AND name = $name'odd')"
found 2 "^run 1: odd: has no summary" "^run 2: odd: has a summary, but no points"
damage "UPDATE metric SET kind = 2 WHERE run = 1 AND seq = 0
        AND name = $name'odd');
    UPDATE metric SET seq = 7 WHERE run = 2 AND seq = 2 AND name = $name'odd')"
found 2 \
    "^run 1: odd: point 0 is said to be of kind 2, its value is of kind 1" \
    "^run 2: odd: the point after 2 others has number 7"
damage "PRAGMA foreign_keys = OFF; DELETE FROM metric_name WHERE name = 'odd'"
expect 6 "run 1: (metric " "$L" verify
expect 0 "" cp -r sound/. results

# ---- sources ----
damage "UPDATE source SET body = CAST(body || ' ' AS BLOB)
    WHERE hash = (SELECT script_hash FROM sweep)"
found 1 "^source [0-9a-f]{12}: was changed: it now hashes to [0-9a-f]{12}$"
damage "UPDATE sweep SET script_hash = 'abc', git_diff = ''"
found 1 "^sweep 1: its script is not that of its sources"
damage "UPDATE sweep SET git_diff = 'abc'"
found 1 "^sweep 1: its git diff is not that of its sources"

# ---- files ----
file=results/runs/2/net.safetensors
damage ""
printf x | dd of=$file bs=1 seek=300 conv=notrunc 2>/dev/null
rm results/runs/1/net.safetensors
found 2 "^run 1: file net \(runs/1/net.safetensors\) is not there$" \
    "^run 2: file net \(runs/2/net.safetensors\) was changed: SHA-256 [0-9a-f]+, wanted"
expect 6 "" "$L" verify seed=1
grep -q "run 2: file" out && fail "a filter is not heeded"
damage ""
echo >>$file
found 1 "^run 2: file net .* has [0-9]+ bytes, wanted [0-9]+$"
damage ""
rm $file
mkdir $file
found 1 "^run 2: file net .* is no plain file$"

# Nothing outside of the store's folder is opened, whatever the path says.
damage "UPDATE artifact SET path = '/etc/passwd' WHERE run = 1;
    UPDATE artifact SET path = '../secret' WHERE run = 2"
echo secret >secret
expect 6 "not opened: 2 outside of the store" "$L" verify
damage ""
rm $file
ln -s "$folder/secret" $file
expect 6 "not opened: 1 outside of the store" "$L" verify

# ---- folders, runs whose process is gone ----
damage "UPDATE run SET status = 'running' WHERE id = 2"
mkdir results/runs/17 results/runs/18 results/runs/other
touch results/runs/17/net.safetensors results/runs/18/lock
found 2 "^folder results/runs/17: of a run that is not in the store$" \
    "^run 2: is said to be running, but its process is gone"
same "still running" "$(sqlite3 results/latent.db \
    "SELECT status FROM run WHERE id = 2")" running

# ---- names that would be more than names ----
damage "UPDATE artifact SET name = 'a' || char(10) || 'nothing is wrong' ||
    char(27) || '[2J', bytes = 1 WHERE run = 1"
found 1 "^run 1: file a nothing is wrong.x1b\[2J \(runs/1/net.safetensors\) has"

# ---- a store in use, and one that may only be read ----
rm -rf results
cp -r sound results
chmod -R a-w results
expect 0 "nothing is wrong" "$L" verify
chmod -R u+w results
"$L" run script.lua -s seed=3,4,5 -j 2 >run.out 2>&1 </dev/null &
for _ in 1 2 3 4 5; do expect 0 "nothing is wrong" "$L" verify; done
wait
expect 0 "checked: 5 runs" "$L" verify
finish
