/* For tests that call the program itself (src/cli), each time in a child that
 * is forked from here, and look at what it leaves behind in its store. */
#ifndef PROGRAM_FIXTURE_H
#define PROGRAM_FIXTURE_H

#include "cli/cli_int.h"
#include "latent/base/mem.h"
#include "malloc_fixture.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_ARGS = 12, OUTPUT_MAX = 1 << 16 };

#define ARGS(...)                                                              \
    (const char *const[])                                                      \
    {                                                                          \
        __VA_ARGS__, NULL                                                      \
    }

#define SCRIPT LATENT_SOURCE_DIR "/tests/scripts/faults.lua"
#define DB     "--db", "latent.db"

#define WORKER ARGS("worker", DB, "--sweep", "1", "--threads", "1")

/* ---- attempts ---- */

typedef struct fault {
    int64_t at, count; /* as for lt_mem_fail_some; at negative: none */
    bool any;          /* the C library's too */
} fault;

typedef struct outcome {
    int status; /* -1: by a signal */
    int64_t n_failed, n_allocations;
    int n_open; /* descriptors more than before */
    char *out, *err;
} outcome;

/* Written by the child. */
typedef struct sheet {
    int64_t n_failed, n_allocations;
    int n_open;
} sheet;

static sheet *shared;
static char folder[64]; /* of the whole test */

static inline int lowest_free(void)
{
    int fd = dup(0);

    close(fd);
    return fd;
}

static inline void take_outputs(void)
{
    int out = open("../out", O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
    int err = open("../err", O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
    int in = open("/dev/null", O_RDONLY);

    dup2(in, 0);
    dup2(out, 1);
    dup2(err, 2);
    close(in);
    close(out);
    close(err);
}

static _Noreturn void attempt_child(const char *const *args, fault f)
{
    char *argv[MAX_ARGS + 2] = {(char *)"latent"};
    int argc = 1, before, status;

    for (; args[argc - 1]; argc++)
        argv[argc] = (char *)(uintptr_t)args[argc - 1];
    take_outputs();
    before = lowest_free();
    (f.any ? malloc_fail_some : lt_mem_fail_some)(f.at, f.count);
    shared->n_allocations = lt_mem_allocations();
    status = lt__program(argc, argv);
    shared->n_allocations = lt_mem_allocations() - shared->n_allocations;
    shared->n_failed = f.any ? malloc_failures : lt_mem_failures();
    (f.any ? malloc_fail_some : lt_mem_fail_some)(-1, 0);
    shared->n_open = lowest_free() - before;
    exit(status);
}

static inline char *slurp(const char *name)
{
    static const char empty[] = "";
    char path[128], *text = calloc(1, OUTPUT_MAX);
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    f = fopen(path, "r");
    if (!f || fread(text, 1, OUTPUT_MAX - 1, f) == 0)
        strcpy(text, empty);
    if (f)
        fclose(f);
    return text;
}

/* The command in the folder's subfolder `place`. */
static inline outcome attempt(const char *place, const char *const *args,
                              fault f)
{
    outcome o = {0};
    char path[128];
    int status;
    pid_t pid;

    memset(shared, 0, sizeof *shared);
    shared->n_failed = -1;
    snprintf(path, sizeof path, "%s/%s", folder, place);
    pid = fork();
    if (pid == 0) {
        if (chdir(path) != 0)
            _exit(99);
        attempt_child(args, f);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    o.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    o.n_failed = shared->n_failed;
    o.n_allocations = shared->n_allocations;
    o.n_open = shared->n_open;
    o.out = slurp("out");
    o.err = slurp("err");
    return o;
}

static inline void outcome_deinit(const outcome *o)
{
    free(o->out);
    free(o->err);
}

static inline void outcome_forget(outcome o)
{
    outcome_deinit(&o);
}

/* Makes the folder, on no disk where that can be had. */
static inline void program_begin(void)
{
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(shared != MAP_FAILED);
    snprintf(folder, sizeof folder, "%s/latent-faults-XXXXXX", /* no disk */
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    assert_non_null(mkdtemp(folder));
}

/* ---- what a store holds ---- */

/* All that must be the same in the end, as text. Notes that tell of failures
 * and of going on are left out; a figure may be missing where a note says why;
 * networks name their run. */
static const char rows[] =
    "SELECT group_concat(line, char(10)) FROM ("
    " SELECT format('%d %s %s', id, status, config) AS line FROM run"
    " UNION ALL SELECT format('%d %s %d %d %.17g %d', m.run, n.name, m.seq,"
    "  m.step, m.value, m.kind) FROM metric m JOIN metric_name n"
    "  ON n.id = m.name"
    " UNION ALL SELECT format('%d %s', run, name) FROM artifact"
    "  WHERE kind NOT IN ('figure', 'script')"
    " UNION ALL SELECT 'figure' WHERE EXISTS (SELECT 1 FROM artifact"
    "  WHERE kind = 'figure') OR EXISTS (SELECT 1 FROM note"
    "  WHERE text LIKE 'figure curves: %')"
    " UNION ALL SELECT format('%d note %s', run, text) FROM note"
    "  WHERE text NOT LIKE '%queued again' AND text NOT LIKE 'resumed at %'"
    "  AND text NOT LIKE '%memory%'"
    " UNION ALL SELECT format('%d tag %s', run, tag) FROM tag ORDER BY 1)";

static inline char *ask(const char *place, const char *sql)
{
    char path[128], *answer = NULL;
    sqlite3_stmt *stmt = NULL;
    sqlite3 *db = NULL;

    snprintf(path, sizeof path, "%s/%s/latent.db", folder, place);
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK ||
        sqlite3_step(stmt) != SQLITE_ROW)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    answer = strdup((const char *)sqlite3_column_text(stmt, 0));
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return answer;
}

/* A number for the tensors of a run's network: what is after the header. */
static inline uint64_t sum_network(const char *place, int run)
{
    uint64_t size, sum = 0;
    char path[128];
    FILE *f;
    int c;

    snprintf(path, sizeof path, "%s/%s/runs/%d/net.safetensors", folder, place,
             run);
    f = fopen(path, "r");
    if (!f)
        fail_msg("%s is not there", path);
    assert_int_equal(fread(&size, sizeof size, 1, f), 1);
    assert_int_equal(fseek(f, (long)size, SEEK_CUR), 0);
    while ((c = getc(f)) != EOF)
        sum = (sum ^ (unsigned)c) * 1099511628211ULL;
    fclose(f);
    return sum;
}

static inline char *contents(const char *place)
{
    char *text = ask(place, rows), *all = malloc(strlen(text) + 64);

    sprintf(all, "%s\n%016llx %016llx", text,
            (unsigned long long)sum_network(place, 1),
            (unsigned long long)sum_network(place, 2));
    free(text);
    return all;
}

/* ---- stores to begin with ---- */

static inline void copy_place(const char *from, const char *to)
{
    char command[256];

    snprintf(command, sizeof command, "cd %s && rm -rf %s && cp -a %s %s",
             folder, to, from, to);
    assert_int_equal(system(command), 0);
}

/* f(store) in a child, in the folder `place`. */
static inline void in_child(const char *place,
                            lt_status (*f)(lt_store *, lt_err *))
{
    char path[128];
    int status;
    pid_t pid;

    snprintf(path, sizeof path, "%s/%s", folder, place);
    pid = fork();
    if (pid == 0) {
        lt_store *s = NULL;
        lt_err err = {0};
        lt_status rc = LT_EIO;

        if (chdir(path) == 0)
            rc = lt_store_open("latent.db", LT_STORE_CREATE, &s, &err);
        if (rc == LT_OK)
            rc = f(s, &err);
        lt_store_close(s);
        if (rc != LT_OK)
            print_error("%s: %s\n", place, err.text);
        exit(rc);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static inline lt_status queue_faults(lt_store *store, lt_err *err)
{
    const lt_script_opts opts = {.threads = 1};
    const lt_plan_opts plan = {.command = "latent run faults.lua"};
    lt_script *script = NULL;
    int64_t sweep;
    int n;

    LT_TRY(lt_script_new(&opts, &script, err));
    LT_TRY(lt_script_load(script, SCRIPT, err));
    LT_TRY(lt_script_plan(script, store, &plan, &sweep, &n, err));
    lt_script_free(script);
    return LT_OK;
}

static inline lt_status queue_again(lt_store *store, lt_err *err)
{
    int n;

    LT_TRY(lt_store_reap(store, &n, err));
    LT_TRY(lt_store_requeue(store, 0, LT_REQUEUE_CUT, &n, err));
    return lt_store_requeue(store, 0, LT_REQUEUE_FAILED, &n, err);
}

static inline void must(const char *place, const char *const *args)
{
    outcome o = attempt(place, args, (fault){-1, 0, false});

    if (o.status != 0)
        fail_msg("latent %s: exit status %d: %s", args[0], o.status, o.err);
    outcome_deinit(&o);
}

static inline bool is_missing(const char *place)
{
    char path[128];

    snprintf(path, sizeof path, "%s/%s/latent.db", folder, place);
    return access(path, F_OK) != 0;
}

/* Whether the command ended before it had queued anything. */
static inline bool is_empty(const char *place)
{
    char *n = ask(place, "SELECT count(*) FROM sqlite_schema");
    bool is_empty = strcmp(n, "0") == 0;

    free(n);
    if (!is_empty) {
        n = ask(place, "SELECT count(*) FROM run");
        is_empty = strcmp(n, "0") == 0;
        free(n);
    }
    return is_empty;
}

static inline void make_place(const char *name)
{
    char path[128];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(mkdir(path, 0700), 0);
}

static inline int64_t number_from(const char *variable, int64_t usual)
{
    const char *text = getenv(variable);

    return text ? atoll(text) : usual;
}

#endif
