#!/bin/bash
# A sweep that the disk has no room for is refused before it is queued.
source "$(dirname "$0")/cli_lib.sh"
L=$LATENT
command -v sqlite3 >/dev/null || { echo "no sqlite3: skipped"; exit 77; }
cat >small.lua <<'END'
local latent = require "latent"
return latent.experiment { name = "small", config = { x = 1, seed = 1 },
  run = function(run, c)
    run:log { value = c.x }
    if c.x == 9 and not os.getenv "LUCK" then error("no luck") end
  end }
END
expect 0 "" "$L" run small.lua --no-rehearsal
same "no warning" "$(grep -c warning err)" 0

# weigh BYTES: run 1 gets a file of that size, says the store, and no other.
weigh()
{
    local again

    again=$(sqlite3 results/latent.db "SELECT group_concat(sql, ';') FROM
        sqlite_schema WHERE name LIKE 'artifact_frozen_%'")
    sqlite3 results/latent.db "BEGIN; DROP TRIGGER artifact_frozen_insert;
        DROP TRIGGER artifact_frozen_update;
        DELETE FROM artifact; INSERT INTO artifact VALUES
        (1, 'big', 'file', '/nowhere/big', '', $1, 0); $again; COMMIT" ||
        fail "sqlite3: weigh $1"
}

# Of two runs, by a disk that others fill too.
free=$(($(stat -f -c '%a * %S' .)))
runs="SELECT count(*) FROM run"
weigh $((free * 6 / 10))
expect 4 "2 runs will write about" "$L" run small.lua -s x=2,3 --no-rehearsal
grep -q "nothing was begun; .*--no-space-check" err || fail "$(cat err)"
grep -qF "by what finished runs of the same experiment took" err ||
    fail "$(cat err)"
same "nothing was queued" "$(ask "$runs") $(ask "SELECT count(*) FROM sweep")" \
    "1 1"
expect 0 "2 runs" "$L" run small.lua -s x=2,3 --no-rehearsal --dry-run
expect 0 "warning: the disk has" "$L" run small.lua -s x=2,1 --needed \
    --no-rehearsal
same "one was needed" "$(ask "$runs")" 2
expect 0 "" "$L" run small.lua -s x=4,5 --no-rehearsal --no-space-check
same "no check, no warning" "$(grep -c warning err)" 0
same "all the same" "$(ask "$runs")" 4

# ---- retry, resume: of 5 finished runs one has the file ----
weigh 1000
expect 1 "no luck" "$L" run small.lua -s x=9 --seeds 2 --no-rehearsal
same "no warning" "$(grep -c "warning: the disk" err)" 0
weigh $((free * 6 / 10))
export LUCK=1
expect 4 "2 runs will write about" "$L" retry --failed
same "still failed" "$(ask "$runs WHERE status = 'failed'")" 2
expect 0 "" "$L" rm "x=9 and seed=2"
expect 0 "warning: the disk has" "$L" retry --failed
same "retried" "$(ask "$runs WHERE status = 'failed'")" 1
expect 0 "" "$L" restore --all
expect 0 "1 run queued again" "$L" retry --failed --no-space-check
sqlite3 results/latent.db "INSERT INTO run (uuid, name, sweep, status, seed,
    config, config_hash, queued_at) SELECT uuid || n, name || n, sweep,
    'interrupted', seed, config, config_hash, 0 FROM run,
    (SELECT 'a' AS n UNION SELECT 'b') WHERE id = 1" || fail "sqlite3"
expect 4 "2 runs will write about" "$L" resume
expect 4 "2 runs will write about" "$L" resume 1
expect 3 "no sweep 99" "$L" resume 99
same "still interrupted" "$(ask "$runs WHERE status = 'interrupted'")" 2
expect 0 "2 runs queued again" "$L" resume --no-space-check

# ---- a small disk, where one can be made ----
mkdir small
trap 'umount "$folder/small" 2>/dev/null; rm -rf "$folder"' EXIT
if mount -t tmpfs -o size=40m tmpfs small 2>/dev/null; then
    expect 4 "1 run will write about 67 MB (at the least)" \
        "$L" --db small/latent.db run small.lua --no-rehearsal
    umount small
    mount -t tmpfs -o size=100m tmpfs small
    expect 0 "warning: the disk has" \
        "$L" --db small/latent.db run small.lua --no-rehearsal
    umount small
else
    echo "no small disk could be mounted: not tested on one"
fi
finish
