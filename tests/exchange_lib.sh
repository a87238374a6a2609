# Shared by the checks of latent export, import and merge, after cli_lib.sh:
# what two stores say of their runs.

# said FOLDER: all that its views say, but for what is a store's own:
# ids, where files lie, when a source was stored.
said()
{
    local db=$1/results/latent.db run="(SELECT uuid FROM runs r WHERE r.id = run)"

    [[ -d $1 ]] || db=$1
    sqlite3 "$db" \
        "SELECT experiment, status, seed, config, message, started_at, ended_at,
            quote(seconds), host, git_commit, script, name, question, command,
            parameters, quote(cpu_seconds), quote(examples_per_second), threads,
            blas_core, isa, cpu, cores, system, build, data, network,
            script_hash, git_diff, config_hash, queued_at, pid, boot_id, uuid,
            bad_step, bad_layer
            FROM runs ORDER BY uuid;
        SELECT $run, key, quote(value), type FROM params ORDER BY 1, 2;
        SELECT $run, name, seq, step, quote(epoch), quote(value), kind, elapsed,
            at FROM metrics ORDER BY 1, 2, 3;
        SELECT $run, name, n, quote(last), last_step, quote(min), min_step,
            quote(max), max_step, nonfinite, quote(first), first_step,
            quote(last_epoch), last_kind, bad_step FROM finals ORDER BY 1, 2;
        SELECT $run, name, kind, sha256, bytes, added_at FROM artifacts
            ORDER BY 1, 2;
        SELECT $run, at, text FROM notes ORDER BY 1, 2, 3;
        SELECT $run, tag FROM tags ORDER BY 1, 2;
        SELECT s.uuid, s.experiment, s.created_at, s.targets, s.defaults,
            s.command, s.runs FROM sweeps s ORDER BY 1;
        SELECT hash, size, text FROM sources ORDER BY 1;
        SELECT s.uuid, position, path, hash FROM sweep_source JOIN sweep s
            ON s.id = sweep ORDER BY 1, 2;" || fail "sqlite3: $1"
}

# agree WHAT FOLDER FOLDER
agree()
{
    said "$2" >said.a
    said "$3" >said.b
    cmp -s said.a said.b || {
        fail "$1: $2 and $3 differ:"
        diff said.a said.b | head -5 >&2
    }
}
