#!/bin/bash
# The command line: exit statuses, messages, formats of the readers.
source "$(dirname "$0")/cli_lib.sh"
tiny=$LATENT_SOURCE/tests/scripts/tiny.lua
L=$LATENT

# ---- without a store ----
expect 2 "latent COMMAND" "$L"
expect 0 "latent COMMAND" "$L" help
expect 0 "latent COMMAND" "$L" --help
expect 0 "latent 0." "$L" version
expect 0 "latent 0." "$L" --version
expect 2 "unknown command 'shwo'; did you mean 'show'?" "$L" shwo
expect 2 "unknown command 'zzzzzz'" "$L" zzzzzz
expect 2 "did you mean 'version'?" "$L" help versoin
expect 0 "  latent.fit" "$L" help latent
expect 0 "  patience" "$L" help latent.fit
expect 2 "did you mean 'latent.dense'?" "$L" help latent.dens
expect 2 "one argument too many" "$L" version 3
for command in run resume retry replay verify ls show best rm restore gc du sql \
    plot data doctor bench version help; do
    expect 0 "latent $command" "$L" help "$command"
    [[ ! -s err ]] || fail "help $command writes to stderr"
    expect 0 "latent $command" "$L" "$command" --help
done
expect 4 "results/latent.db" "$L" ls
expect 4 "nowhere.db" "$L" --db nowhere.db ls
expect 2 "--db: a value is missing" "$L" --db
expect 4 "nowhere.db" "$L" ls --db=nowhere.db
expect 2 "--db: a value is missing" "$L" ls --db
[[ ! -e results ]] || fail "a reader made a folder"
echo "no database" >junk.db
expect 4 "junk.db" "$L" ls --db junk.db
expect 4 "nowhere.db: no store there yet" "$L" resume --db nowhere.db
expect 4 "nowhere.db" "$L" retry --failed --db nowhere.db
[[ ! -e nowhere.db ]] || fail "resume made a store"

# ---- mistakes in run ----
expect 2 "which script?" "$L" run
expect 2 "nothere.lua" "$L" run nothere.lua
expect 2 "unknown option --dryrun; did you mean --dry-run?" \
    "$L" run "$tiny" --dryrun
expect 2 "--jobs: found 'many'" "$L" run "$tiny" -j many
expect 2 "--jobs: found 0, wanted at least 1" "$L" run "$tiny" -j0
expect 2 "-j: a value is missing" "$L" run "$tiny" -j
expect 2 "knobs are set by -s key=value" "$L" run "$tiny" code=3
expect 2 "did you mean 'code'?" "$L" run "$tiny" -s coed=3
printf 'return 3\n' >three.lua
expect 2 "three.lua" "$L" run three.lua
printf 'local x = \n' >syntax.lua
expect 2 "syntax.lua:" "$L" run syntax.lua
printf 'local latent = require "latent"\n\nlatent.dens { 3 }\n' >nil.lua
expect 2 "nil.lua:3:" "$L" run nil.lua
sed 's/epochs = c.epochs/epoch = c.epochs/' "$tiny" >late.lua
expect 2 "late.lua:22: latent.fit: unknown option 'epoch', did you mean 'epochs'" \
    "$L" run late.lua
expect 2 "unknown option 'epoch'" "$L" run late.lua --dry-run
expect 2 "wanted a number as its default" "$L" run "$tiny" -s code=two
expect 2 "--seeds: found 2000000000, wanted at most 1000000" \
    "$L" run "$tiny" --seeds 2000000000 --dry-run
[[ ! -e results ]] || fail "a bad script made a store"
expect 1 "4 runs, " "$L" --db rehearsed.db run late.lua --no-rehearsal -j 1
rm -r rehearsed.runs

# ---- a sweep ----
expect 0 "4 runs of tiny" "$L" run "$tiny" --dry-run
expect 0 "" "$L" run "$tiny" --dry-run -s rate=0.25
grep -qF 0.25 out || fail "--dry-run does not show what -s set"
expect 0 "target  test.sse <= 20" "$L" run "$tiny" -j 2
same "runs" "$(ask "SELECT count(*) FROM runs WHERE status='finished'")" 4
expect 0 "0 runs of tiny, 4 already" "$L" run "$tiny" --needed --dry-run
expect 0 "nothing to do" "$L" run "$tiny" --needed
expect 0 "" "$L" run "$tiny" --needed -s code=2,6 -s tie=tied --seeds 2
same "needed" "$(ask "SELECT count(*) FROM runs")" 7
expect 1 "tiny.lua:19: wanted to fail" \
    "$L" run "$tiny" -s act=fail,print -s code=2 -s tie=tied -j 1
grep -qF "hello from the script" err || fail "a script's print is not on stderr"
same "told once" "$(grep -c "^run.*wanted to fail" err)" 1
same "warned once" "$(grep -c "^warning.*wanted to fail" err)" 1
same "failed" "$(ask "SELECT count(*) FROM runs WHERE status='failed'")" 1
expect 1 "exit status 0" \
    "$L" run "$tiny" -s act=exit,print -s code=2 -s tie=tied -j 1
same "os.exit fails its run only" "failed,finished" "$(ask \
    "SELECT group_concat(status) FROM (SELECT status FROM runs
    WHERE sweep = (SELECT max(id) FROM sweeps) ORDER BY id)")"
expect 1 "" "$L" run "$tiny" -s rate=1e308 -s code=2 -s tie=tied
same "diverged" "$(ask "SELECT count(*) FROM runs WHERE status='diverged'")" 1
same "where it diverged" "$(ask "SELECT count(*) FROM runs
    WHERE bad_step > 0 AND bad_layer > 0 AND
    instr(message, 'diverged at step ' || bad_step) > 0 AND
    instr(message, bad_what) > 0")" 1
expect 0 "$(ask "SELECT 'at step ' || bad_step || ', in layer ' || bad_layer AS x
    FROM runs WHERE status='diverged'")" "$L" show @last
expect 0 "$(ask "SELECT 'diverged at step ' || bad_step || ', layer ' ||
    bad_layer || ': identical' AS x FROM runs WHERE status='diverged'" | tail -n 1)" \
    "$L" replay @last

# ---- resume, retry ----
expect 0 "nothing to do: no run is queued, lost or interrupted" "$L" resume
expect 3 "no sweep 99" "$L" resume 99
expect 2 "SWEEP: found 'tiny'" "$L" resume tiny
expect 2 "SWEEP: found '-1'" "$L" resume -- -1
expect 2 "one argument too many: '2'" "$L" resume 1 2
expect 2 "unknown option --fialed" "$L" resume --fialed
expect 2 "latent retry --failed [SWEEP]" "$L" retry 1
expect 3 "no sweep 99" "$L" retry --failed 99
expect 2 "did you mean 'resume'?" "$L" resmue
cat >sometimes.lua <<'END'
local latent = require "latent"
return latent.experiment { name = "sometimes", config = { x = 1, seed = 1 },
  sweep = latent.grid { x = { 1, 2, 3 } },
  run = function(run, c)
    run:log { step = 1, ["some.value"] = c.x }
    if c.x == 2 and not os.getenv "LUCK" then error("no luck") end
    if c.x == 3 and not os.getenv "LUCK" then
      run:log { ["some.value"] = 7 }
      os.exit(1)
    end
    run:log { step = 2, ["some.value"] = c.x + 10 }
    run:tag("done")
  end }
END
expect 1 "no luck" "$L" --db some.db run sometimes.lua -j 1 --no-rehearsal
expect 1 "2 runs queued again: failed or diverged" \
    "$L" --db some.db retry --failed 1 -j 1
LUCK=1 expect 0 "2 runs queued again: failed or diverged" \
    "$L" --db some.db retry --failed -j 2
expect 0 "nothing to do: no run failed or diverged" \
    "$L" --db some.db retry --failed
expect 0 "" "$L" --db some.db sql --csv "SELECT group_concat(value) AS v FROM
    (SELECT value FROM metrics ORDER BY run, seq)"
same "what failed began anew" "$(tr -d '\r"' <out | tail -n 1)" \
    1.0,11.0,2.0,12.0,3.0,13.0
expect 0 "" "$L" --db some.db sql --csv "SELECT run, text FROM notes"
same "how they failed is noted" "$(grep -c "^[23],.*; queued again" out)" 4

# ---- ls ----
expect 0 "tiny" "$L" ls
same "lines of ls" "$(wc -l <out)" 13
expect 0 "" "$L" ls tie=tied and code=6 --csv --columns id,code,seed --sort id
same "csv" "$(tr -d '\r' <out)" $'id,code,seed\n6,6,1\n7,6,2'
expect 0 "9 more" "$L" ls --limit 3
same "limit" "$(wc -l <out)" 4
expect 0 "" "$L" ls --all --sort test.sse --json status=finished
check_json out <<'END' || fail "ls --json"
import json, sys
rows = json.load(open(sys.argv[1]))
assert len(rows) == 9, len(rows)
values = [row["test.sse"] for row in rows]
assert values == sorted(values) and len(str(values[0])) > 10, values
END
expect 0 "min(train.sse)" "$L" ls --columns "id,min(train.sse)"
expect 0 "train.sse" "$L" ls "train.sse<1e9"
expect 3 "no run matches" "$L" ls code=77
expect 2 "did you mean" "$L" ls "coed=2"
expect 2 "" "$L" ls "code="
expect 2 "unknown option --colums; did you mean --columns?" "$L" ls --colums id
expect 0 "" "$L" ls --csv
same "programs get all runs" "$(ask "SELECT count(*) FROM runs")" \
    "$(tail -n +2 out | wc -l)"
expect 2 "--limit: found 'x'" "$L" ls --limit x
expect 2 "" "$L" ls --sort nothing.like.it

# ---- show ----
expect 0 "test.sse" "$L" show 1
grep -qF "code" out || fail "show: no config"
expect 0 "wanted to fail" "$L" show 8
expect 0 "" "$L" show @last
expect 0 "" "$L" show "@best(test.sse)" --json
check_json out <<'END' || fail "show --json"
import json, sys
run = json.load(open(sys.argv[1]))
assert run["config"]["code"] in (2, 4, 6), run["config"]
assert run["metrics"]["test.sse"]["n"] == 2, run["metrics"]
assert run["status"] == "finished" and run["tags"], run
assert run["artifacts"] == [], run["artifacts"]
assert run["data"]["train"]["recipe"]["seed"] == 5, run["data"]
assert run["notes"][0]["text"] == 'done, "quoted"\nin two lines', run["notes"]
END
expect 0 "section,key,value" "$L" show 1 --csv
expect 3 "" "$L" show 999
expect 2 "RUN is missing" "$L" show
expect 2 "one argument too many: '2'" "$L" show 1 2

# ---- best ----
expect 0 "target" "$L" best test.sse
expect 0 "" "$L" best test.sse --csv --limit 1
best=$(tail -n 1 out | cut -d, -f1)
same "best" "$best" "$(ask "SELECT run FROM finals f JOIN runs r ON r.id=f.run
    WHERE f.name='test.sse' AND r.status='finished' ORDER BY last, run LIMIT 1")"
expect 0 "" "$L" best "-min(test.sse)" --csv --limit 1 tie=tied
worst=$(tail -n 1 out | cut -d, -f1)
same "highest" "$worst" "$(ask "SELECT run FROM finals f
    JOIN runs r ON r.id=f.run WHERE f.name='test.sse' AND r.status='finished'
    AND config->>'tie'='tied' ORDER BY min DESC, run LIMIT 1")"
cat >odd.lua <<'END'
local latent = require "latent"
return latent.experiment { name = "odd", config = { x = 1, seed = 1 },
  sweep = latent.grid { x = { 1, 2, 3 } },
  run = function(run, c) run:log { ["odd.sse"] = ({ 0 / 0, -1 / 0, 7 })[c.x] } end }
END
expect 0 "" "$L" --db odd.db run odd.lua
expect 0 "" "$L" --db odd.db best odd.sse --csv
same "best of finite values" "$(wc -l <out) $(grep -c ,7.0, out)" "2 1"
expect 0 "run 3" "$L" --db odd.db show "@best(odd.sse)"
expect 0 "" "$L" --db odd.db ls --csv --columns odd.sse --sort id
same "nan and inf in a table" "$(tr -d '\r' <out | paste -sd' ')" \
    "odd.sse nan -inf 7.0"
expect 0 '"nonfinite": {"odd.sse": "nan"}' \
    "$L" --db odd.db ls --json --columns odd.sse
expect 3 "no run" "$L" best test.sse code=99
expect 2 "METRIC is missing" "$L" best
expect 2 "" "$L" best no.such.metric

# ---- sql ----
expect 0 "" "$L" sql "SELECT 1 AS a, 0.1 AS b, NULL AS c, 'x,\"y\"' AS d" --csv
same "sql csv" "$(tr -d '\r' <out)" $'a,b,c,d\n1,0.1,,"x,""y"""'
expect 0 '[{"a": 1, "b": 0.1, "c": null, "d": "x"}]' \
    "$L" sql "SELECT 1 AS a, 0.1 AS b, NULL AS c, 'x' AS d" --json
expect 0 "" "$L" sql --csv "WITH RECURSIVE n(i) AS
    (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<5) SELECT sum(i) AS s FROM n"
same "recursive" "$(tr -d '\r' <out | tail -n 1)" 15
before=$(sha256sum results/latent.db)
for evil in "DELETE FROM run" "DROP TABLE run" "UPDATE run SET seed=1" \
    "INSERT INTO tag VALUES (1,'x')" "ATTACH 'x.db' AS x" \
    "PRAGMA journal_mode=DELETE" "VACUUM INTO 'copy.db'" "CREATE TABLE t(x)" \
    "SELECT 1; DELETE FROM run" "SELECT load_extension('x')" \
    "BEGIN" "SELEC 1" "SELECT * FROM nothing" "" \
    "SELECT writefile('x.txt', 'y')"; do
    expect 2 "" "$L" sql "$evil"
done
[[ ! -e x.db && ! -e copy.db && ! -e x.txt ]] || fail "sql made a file"
same "store unchanged" "$(sha256sum results/latent.db)" "$before"
expect 4 "limit of 0.3 seconds" "$L" sql --seconds 0.3 \
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n)
    SELECT count(*) FROM n"
same "stdin" 7 \
    "$(echo "SELECT 7 AS x" | "$L" sql - --csv | tr -d '\r' | tail -n 1)"

# ---- a reader that goes away; a full disk ----
"$L" sql --csv "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL
    SELECT i+1 FROM n WHERE i<200000) SELECT i FROM n" 2>err | head -n 1 >out
same "closed pipe is silent" "$(cat err)" ""
if [[ -e /dev/full ]]; then
    "$L" ls >/dev/full 2>err
    same "full disk" "$?" 4
fi
LATENT_DB=$PWD/results/latent.db expect 0 "tiny" env --chdir=/ "$L" ls
finish
