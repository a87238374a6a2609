#!/bin/bash
# Hostile names: of scripts, in scripts, in stores. None reaches a shell, gnuplot
# as a command, a file outside the results folder, or a terminal as it is.
source "$(dirname "$0")/cli_lib.sh"
tiny=$LATENT_SOURCE/tests/scripts/tiny.lua
L=$LATENT

# Escape sequences (7 and 8 bits), an override of direction, a line of its own,
# shells of all kinds, and the ways into gnuplot.
evil=$'\e]0;title\a\e[31m\xc2\x9b32m\xe2\x80\xae`touch made`$(touch made);'
evil+='touch made'
evil+=$' \x27; system("touch made") #\\\x27; !touch made\n!touch made\nEOD\n'
evil+='@made <touch made|touch made'
short=$'\e[31m`touch made`\x27;!touch made\n\xe2\x80\xae'

# harmless WHAT: nothing was executed, and the files out and err show no
# control characters but line feeds and tabs, no C1 controls, no overrides.
harmless()
{
    [[ ! -e made ]] || fail "$1: a name was executed"
    if LC_ALL=C grep -qP '[^\x20-\x7e\x80-\xff\t]|\xc2[\x80-\x9f]|\xe2\x80[\xaa-\xae]' \
        out err; then
        fail "$1: control characters in its output"
        LC_ALL=C cat -v out err | head -n 20 >&2
    fi
    rm -f made
}

# ---- a script whose name and words are hostile ----
name=$'-\e[31m`touch made`$(touch made)\n\xe2\x80\xae'"';touch made;'.lua"
cat >"./$name" <<'END'
local latent = require "latent"
local evil = os.getenv("EVIL")
return latent.experiment {
  name = "hostile", question = evil, config = { seed = 1, word = "w" },
  targets = { ["test.sse"] = { value = 1, source = evil } },
  run = function(run, c)
    print(evil)
    io.stderr:write(evil, "\n")
    run:note(evil)
    run:tag(evil)
    run:log { ["test.sse"] = 1 }
    run:log { ["test.sse"] = 2 }
    run:figure("f", { title = evil, panels = { {
      title = evil, x = { label = evil }, y = { label = evil },
      series = { { mark = "line", label = evil, x = { 1, 2 }, y = { 1, 2 } } }
    } } })
    for _, bad in ipairs { "../up", "/tmp/up", "a b", "a\0b", "", ".", "..",
      "-o", evil } do
      assert(not pcall(run.log, run, { [bad] = 1 }), "metric " .. bad)
      assert(not pcall(run.figure, run, bad, { panels = {} }), "figure " .. bad)
    end
    if c.word ~= "w" then error(evil) end
  end,
}
END
export EVIL=$evil
"$L" run "./$name" --no-rehearsal -s "word=w" -s seed=1 >out 2>err </dev/null
same "exit status" $? 0
harmless "run"
"$L" run "./$name" --no-rehearsal -s "word=$short" >out 2>err </dev/null
same "exit status of one that fails" $? 1
harmless "run that fails"
"$L" run "./$name" -s "word=$short" >out 2>err </dev/null
harmless "rehearsal"
"$L" run "./$name" --dry-run -s "word=$short" >out 2>err </dev/null
harmless "dry run"
"$L" run $'no\e[31m\nsuch.lua' >out 2>err </dev/null
same "exit status of a script that is not there" $? 2
harmless "a script that is not there"
"$L" $'l\e[31ms' >out 2>err
harmless "a command that is not there"

# ---- a store whose every text is hostile ----
expect 0 "" "$L" run "$tiny" --db results/latent.db -s tie=tied -s code=2
if command -v sqlite3 >/dev/null; then
    quoted=${evil//\'/\'\'}
    sqlite3 results/latent.db >/dev/null <<END || fail "sqlite3"
.dbconfig enable_trigger off
.dbconfig defensive off
UPDATE run SET name = '$quoted' || id, message = '$quoted',
  network = '$quoted' WHERE id > 1;
UPDATE run SET data = json_object('train', json_object('recipe',
  json_object('kind', 'csv', 'path', '/dev/zero'), 'sha256', '0'),
  'test', json_object('recipe',
  json_object('kind', 'csv', 'path', '/dev/zero'), 'sha256', '0'));
UPDATE sweep SET experiment = '$quoted', question = '$quoted',
  command = '$quoted', script = '$quoted', git_commit = '$quoted';
UPDATE param_name SET name = '$quoted' WHERE name = 'act';
UPDATE param SET value = '$quoted', type = 'text' WHERE key IN
  (SELECT id FROM param_name WHERE name = 'tie');
UPDATE metric_name SET name = '$quoted' WHERE name = 'train.sse';
UPDATE machine SET name = '$quoted', cpu = '$quoted', system = '$quoted';
UPDATE note SET text = '$quoted';
UPDATE tag SET tag = '$quoted' || run;
UPDATE artifact SET name = '$quoted' || name;
END
    for command in "ls" "ls --all" "show 1" "show 2" "show 4" "show @last" \
        "best test.sse" "best -test.sse" "show 2 --json" "ls --json" \
        "plot curves" "plot curves -o c.svg" "plot curves -o c.png" \
        "plot sweep --x code" "plot sweep --x tie -o s.svg" \
        "plot curves --by tie -o d.svg" "plot curves --by tie" "resume" \
        "retry --failed" "verify" "verify --json" "replay 1" "replay 2" \
        "diff 1 2" "compare test.sse --by code" "resume --sandbox"; do
        # shellcheck disable=SC2086
        "$L" $command >out 2>err </dev/null
        [[ $? -le 6 ]] || fail "$command: exit status $?"
        harmless "$command"
    done
    "$L" sql "SELECT * FROM runs, metrics, notes, tags" >out 2>err
    harmless "sql"
    "$L" sql "SELECT 1 AS \"$short\"" >out 2>err
    harmless "sql, names of columns"
    "$L" sql "SELECT $short" >out 2>err
    harmless "sql, mistakes"
    "$L" ls "word=$short" >out 2>err
    harmless "ls, filters"
    for figure in c.svg s.svg d.svg; do
        [[ ! -e $figure ]] || ! grep -q $'\e' $figure ||
            fail "$figure: escape sequences"
    done

    # ---- a schema that is not latent's: nothing is read, all is told ----
    cp -r results strange
    sqlite3 strange/latent.db "CREATE TRIGGER evil AFTER INSERT ON tag
        BEGIN DELETE FROM run; END"
    for command in ls "show 1" "best test.sse" "plot curves" "replay 1" \
        resume "retry --failed" "sql SELECT" "run $tiny" "rm 1" gc du \
        "export 1" "merge strange/latent.db"; do
        # shellcheck disable=SC2086
        expect 4 "trigger evil is not latent's" "$L" $command \
            --db strange/latent.db
    done
    same "runs" "$(sqlite3 strange/latent.db 'SELECT count(*) > 2 FROM run')" 1
    expect 6 "schema: trigger evil is not latent's" "$L" verify \
        --db strange/latent.db
    sqlite3 strange/latent.db "DROP TRIGGER evil; CREATE TABLE mine (x);
        CREATE VIEW look AS SELECT id FROM runs"
    expect 0 "" "$L" ls --db strange/latent.db
    sqlite3 strange/latent.db "PRAGMA user_version = 77"
    expect 0 "made by a newer latent (schema 77" "$L" ls --db strange/latent.db
    same "notices" "$(grep -c newer err)" 1
    expect 4 "can be read, not written" "$L" run "$tiny" --db strange/latent.db

    # ---- files that a store names: inside of its folder only, and files ----
    sqlite3 results/latent.db >/dev/null <<'END' || fail "sqlite3"
.dbconfig enable_trigger off
.dbconfig defensive off
INSERT INTO artifact SELECT max(id), 'net', 'network', '/etc/passwd', '', 0, 0
  FROM run;
END
    expect 4 "outside of the store's folder" "$L" plot filters
    sqlite3 results/latent.db ".dbconfig enable_trigger off" \
        "UPDATE artifact SET path = 'runs/../../results/../$(basename "$tiny")'
         WHERE kind = 'network'" >/dev/null
    cp "$tiny" .
    expect 4 "outside of the store's folder" "$L" plot filters
fi

# ---- on a terminal, where CSV is not data ----
if command -v script >/dev/null; then
    for format in "" --csv --json; do
        TERM=xterm script -qec "$L sql $format \"SELECT char(27) || '[31m' ||
            char(155) || char(8238) AS a\"" /dev/null </dev/null |
            tr -d '\r' >out
        : >err
        harmless "sql $format on a terminal"
    done
fi
"$L" sql --csv "SELECT char(27) || '[31m' AS a" >out
same "CSV is data elsewhere" "$(tail -n 1 out | tr -d '\r')" $'\e[31m'

finish
