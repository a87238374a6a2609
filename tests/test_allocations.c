/* Every allocation of whole commands fails in turn.
 *
 * A command runs in a child that is forked from here, with libraries loaded
 * and data made, so that an attempt costs a few milliseconds. The child calls
 * the program itself (src/cli) with a countdown set: the n-th allocation fails,
 * and with it none after it, one more (Lua tries again after a collection), or
 * all. SQLite's memory goes through the same door as all other. n grows until a
 * command ends without having met its failure.
 *
 * Whatever n is: the exit status is a documented one, there is a message, no
 * output is missing from a success, no descriptor stays open, and (with the
 * address sanitizer) nothing leaks. Of what writes to a store: it opens and
 * verifies afterwards, and `latent resume` makes of it what would have been.
 *
 * LATENT_FAULTS is how far apart the values of n are that are tried, where
 * an attempt is cheap, and LATENT_FAULTS_FROM where they begin: the long form
 * is check_allocations_full.sh.
 * ctest: PROCESSORS 2
 * ctest: TIMEOUT 900 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cli/cli_int.h"
#include "latent/base/clock.h"
#include "latent/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_ARGS = 12, OUTPUT_MAX = 1 << 16 };
#define ALL INT64_MAX

/* ---- one memory for all ---- */

static void *sqlite_alloc(int size)
{
    return lt_mem_alloc((size_t)size, 1);
}

static void *sqlite_grow(void *p, int size)
{
    return lt_mem_grow(p, (size_t)size, 1);
}

static int sqlite_size(void *p)
{
    return p ? (int)malloc_usable_size(p) : 0;
}

static int sqlite_round_up(int size)
{
    return (size + 7) & ~7;
}

static int sqlite_begin(void *self)
{
    (void)self;
    return SQLITE_OK;
}

static void sqlite_end(void *self)
{
    (void)self;
}

/* Without SQLite's own cache of small blocks: each is an allocation. */
static void share_memory(void)
{
    static const sqlite3_mem_methods methods = {
        sqlite_alloc,    lt_mem_free,  sqlite_grow, sqlite_size,
        sqlite_round_up, sqlite_begin, sqlite_end,  NULL};

    sqlite3_config(SQLITE_CONFIG_MALLOC, &methods);
    sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0);
}

/* ---- attempts ---- */

typedef struct fault {
    int64_t at, count; /* as for lt_mem_fail_some; at negative: none */
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
static int64_t apart;   /* between two values of n */
static int64_t offset;
static int n_attempts;

static int lowest_free(void)
{
    int fd = dup(0);

    close(fd);
    return fd;
}

static void take_outputs(void)
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
    lt_mem_fail_some(f.at, f.count);
    shared->n_allocations = lt_mem_allocations();
    status = lt__program(argc, argv);
    shared->n_allocations = lt_mem_allocations() - shared->n_allocations;
    shared->n_failed = lt_mem_failures();
    lt_mem_fail_after(-1);
    shared->n_open = lowest_free() - before;
    exit(status);
}

static char *slurp(const char *name)
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
static outcome attempt(const char *place, const char *const *args, fault f)
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

static void outcome_deinit(const outcome *o)
{
    free(o->out);
    free(o->err);
}

static void outcome_forget(outcome o)
{
    outcome_deinit(&o);
}

/* ---- what must hold ---- */

/* The output without numbers and their units, and without blanks: what takes
 * time, and is told in columns. */
static void squeeze(char *text)
{
    char *out = text;

    for (const char *p = text; *p; p++) {
        if (*p >= '0' && *p <= '9') {
            while ((*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'z') ||
                   *p == '.')
                p++;
            p--;
        } else if (*p != ' ') {
            *out++ = *p;
        }
    }
    *out = '\0';
}

/* Each kind of mistake is told once, and all fail the test at its end. */
static struct finding {
    char errors[256], what[64];
} findings[64];
static int n_findings;

static void find(const char *const *args, fault f, const outcome *o,
                 const char *what)
{
    struct finding one = {0};

    snprintf(one.errors, sizeof one.errors, "%.200s", o->err);
    snprintf(one.what, sizeof one.what, "%s", what);
    squeeze(one.errors);
    for (int i = 0; i < n_findings; i++)
        if (strcmp(findings[i].errors, one.errors) == 0 &&
            strcmp(findings[i].what, one.what) == 0)
            return;
    if (n_findings < 64)
        findings[n_findings++] = one;
    print_error(
        "latent %s: allocation %lld and %lld more fail: %s\n"
        "exit status %d, %lld failed, output:\n%.400s\nerrors:\n%.3000s\n",
        args[0], (long long)f.at,
        (long long)(f.count == ALL ? -1 : f.count - 1), what, o->status,
        (long long)o->n_failed, o->out, o->err);
}

static const char *complaint(const outcome *o, const outcome *wanted)
{
    static const int documented[] = {LT__EXIT_OK, LT__EXIT_RUN, LT__EXIT_USAGE,
                                     LT__EXIT_STORE};
    bool is_documented = false;

    for (size_t i = 0; i < sizeof documented / sizeof *documented; i++)
        is_documented = is_documented || o->status == documented[i];
    if (o->status == wanted->status)
        is_documented = true;
    if (!is_documented)
        return "not a status for this";
    if (o->n_failed < 0)
        return "it did not return";
    if (o->n_open != 0)
        return "a descriptor stays open";
    if (o->status != 0 && strstr(o->err, "memory"))
        return NULL;
    if (o->status != wanted->status)
        return "no word of memory";
    return strcmp(o->out, wanted->out) == 0
               ? NULL
               : "its output is not what it should be";
}

/* A command, and how much dearer than usual an attempt is. */
typedef struct campaign {
    const char *place;
    const char *const *args;
    int price;
    void (*prepare)(void); /* before every attempt, or NULL */
    void (*check)(void);   /* after it, or NULL */
} campaign;

static int try_all(const campaign *c, int64_t count)
{
    outcome wanted, o;
    int64_t step = c->price * apart;
    fault f = {-1, count};
    const char *wrong;
    int n = 0;

    if (c->prepare)
        c->prepare();
    wanted = attempt(c->place, c->args, f);
    squeeze(wanted.out);
    for (f.at = (count % 7 * 11 + offset) % step;; f.at += step) {
        if (c->prepare)
            c->prepare();
        o = attempt(c->place, c->args, f);
        squeeze(o.out);
        wrong = complaint(&o, &wanted);
        if (wrong)
            find(c->args, f, &o, wrong);
        if (c->check)
            c->check();
        n++;
        if (o.n_failed == 0)
            break;
        outcome_deinit(&o);
    }
    outcome_deinit(&o);
    outcome_deinit(&wanted);
    return n;
}

static void campaign_run(campaign c)
{
    static const int64_t counts[] = {1, 2, ALL};
    char line[128] = "";
    double start = lt_clock_elapsed();
    int n = 0;

    for (int i = 0; c.args[i]; i++)
        snprintf(line + strlen(line), sizeof line - strlen(line), " %s",
                 c.args[i]);
    for (int i = 0; i < 3; i++)
        n += try_all(&c, counts[i]);
    n_attempts += n;
    print_message("%5d attempts, %5.1f s: latent%s\n", n,
                  lt_clock_elapsed() - start, line);
}

#define ARGS(...)                                                              \
    (const char *const[])                                                      \
    {                                                                          \
        __VA_ARGS__, NULL                                                      \
    }

#define SCRIPT LATENT_SOURCE_DIR "/tests/scripts/faults.lua"

#define DB "--db", "latent.db"

static void readers(void **state)
{
    (void)state;
    campaign_run((campaign){"done", ARGS("ls", DB), 1});
    campaign_run((campaign){"done", ARGS("ls", "how=all", "--json", DB), 1});
    campaign_run((campaign){"done", ARGS("show", "@last", DB), 1});
    campaign_run((campaign){"done", ARGS("best", "test.sse", DB), 1});
    campaign_run((campaign){"done", ARGS("sql", "SELECT * FROM runs", DB), 1});
    campaign_run((campaign){"done", ARGS("verify", DB), 1});
    campaign_run((campaign){"done", ARGS("data", "info", "curves"), 1});
    campaign_run(
        (campaign){"done", ARGS("data", "make", "curves", "-o", "made"), 2});
    campaign_run(
        (campaign){"done", ARGS("plot", "curves", "-o", "c.svg", DB), 4});
    campaign_run((campaign){"done", ARGS("doctor", DB), 20});
    campaign_run((campaign){"done", ARGS("help"), 1});
    campaign_run((campaign){"done", ARGS("help", "latent.fit"), 1});
    campaign_run((campaign){"done", ARGS("version"), 1});
    campaign_run((campaign){"done", ARGS("unknown"), 1});
    assert_int_equal(n_findings, 0);
}

static void scripts_that_are_not_run(void **state)
{
    (void)state;
    campaign_run((campaign){"done", ARGS("run", SCRIPT, "--dry-run"), 2});
    campaign_run((campaign){"done", ARGS("run", SCRIPT, "-s", "hwo=fit"), 2});
    campaign_run((campaign){"done", ARGS("run", "missing.lua"), 1});
    assert_int_equal(n_findings, 0);
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

static char *ask(const char *place, const char *sql)
{
    char path[128], *answer = NULL;
    sqlite3_stmt *stmt = NULL;
    sqlite3 *db = NULL;

    snprintf(path, sizeof path, "%s/%s/latent.db", folder, place);
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK ||
        sqlite3_step(stmt) != SQLITE_ROW)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    answer = strdup((const char *)sqlite3_column_text(stmt, 0));
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return answer;
}

/* A number for the tensors of a run's network: what is after the header. */
static uint64_t sum_network(const char *place, int run)
{
    uint64_t size, sum = 0;
    char path[128];
    FILE *f;
    int c;

    snprintf(path, sizeof path, "%s/%s/runs/%d/net.safetensors", folder, place,
             run);
    f = fopen(path, "r");
    assert_non_null(f);
    assert_int_equal(fread(&size, sizeof size, 1, f), 1);
    assert_int_equal(fseek(f, (long)size, SEEK_CUR), 0);
    while ((c = getc(f)) != EOF)
        sum = (sum ^ (unsigned)c) * 1099511628211ULL;
    fclose(f);
    return sum;
}

static char *contents(const char *place)
{
    char *text = ask(place, rows), *all = malloc(strlen(text) + 64);

    sprintf(all, "%s\n%016llx %016llx", text,
            (unsigned long long)sum_network(place, 1),
            (unsigned long long)sum_network(place, 2));
    free(text);
    return all;
}

/* ---- stores to begin with ---- */

static char *wanted_contents; /* of a store where nothing failed */

static void copy_place(const char *from, const char *to)
{
    char command[256];

    snprintf(command, sizeof command, "cd %s && rm -rf %s && cp -a %s %s",
             folder, to, from, to);
    assert_int_equal(system(command), 0);
}

/* f(store) in a child, in the folder `place`. */
static void in_child(const char *place, lt_status (*f)(lt_store *, lt_err *))
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

static lt_status queue_faults(lt_store *store, lt_err *err)
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

static lt_status queue_again(lt_store *store, lt_err *err)
{
    int n;

    LT_TRY(lt_store_reap(store, &n, err));
    LT_TRY(lt_store_requeue(store, 0, LT_REQUEUE_CUT, &n, err));
    return lt_store_requeue(store, 0, LT_REQUEUE_FAILED, &n, err);
}

static void from_queued(void)
{
    copy_place("queued", "work");
}

static void from_cut(void)
{
    copy_place("cut", "work");
}

static void from_again(void)
{
    copy_place("again", "work");
}

static void from_nothing(void)
{
    copy_place("empty", "work");
}

#define WORKER ARGS("worker", DB, "--sweep", "1", "--threads", "1")

static void must(const char *place, const char *const *args)
{
    outcome o = attempt(place, args, (fault){-1, 0});

    if (o.status != 0)
        fail_msg("latent %s: exit status %d: %s", args[0], o.status, o.err);
    outcome_deinit(&o);
}

/* Whether the command ended before it had queued anything. */
static bool is_empty(const char *place)
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

/* After a failure: all is sound, every run has ended or says why not, and what
 * is tried again becomes what it would have been. */
static void check_work(void)
{
    char path[128], *found;

    snprintf(path, sizeof path, "%s/work/latent.db", folder);
    if (access(path, F_OK) != 0)
        return;
    if (is_empty("work"))
        must("work", ARGS("run", SCRIPT, DB));
    found =
        ask("work", "SELECT coalesce(group_concat(message), '') FROM run"
                    " WHERE status IN ('diverged', 'interrupted', 'pruned')"
                    " OR status = 'failed' AND message NOT LIKE '%memory%'");
    assert_string_equal(found, "");
    free(found);
    must("work", ARGS("ls", DB));
    must("work", ARGS("verify", DB));
    found = ask("work", "SELECT count(*) FROM run WHERE status = 'finished'");
    if (strcmp(found, "2") != 0) {
        in_child("work", queue_again);
        must("work", WORKER);
    }
    free(found);
    found = contents("work");
    if (strcmp(found, wanted_contents) != 0)
        fail_msg("found:\n%s\nwanted:\n%s", found, wanted_contents);
    free(found);
}

/* Fails in the process that executes the runs. */
static void workers(void **state)
{
    (void)state;
    campaign_run((campaign){"work", WORKER, 8, from_queued, check_work});
    campaign_run((campaign){"work", WORKER, 8, from_again, check_work});
    assert_int_equal(n_findings, 0);
}

/* Workers are real processes here, and only the command itself fails. */
static void commands(void **state)
{
    (void)state;
    campaign_run((campaign){"work", ARGS("run", SCRIPT, DB), 16, from_nothing,
                            check_work});
    campaign_run((campaign){
        "work", ARGS("run", SCRIPT, DB, "-s", "how=broken", "--no-rehearsal"),
        16, from_nothing});
    campaign_run(
        (campaign){"work", ARGS("resume", DB), 16, from_cut, check_work});
    campaign_run((campaign){"done", ARGS("replay", "1", DB), 16});
    assert_int_equal(n_findings, 0);
}

static void make_place(const char *name)
{
    char path[128];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(mkdir(path, 0700), 0);
}

static int64_t number_from(const char *variable, int64_t usual)
{
    const char *text = getenv(variable);

    return text ? atoll(text) : usual;
}

static int set_up(void **state)
{
    (void)state;
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(shared != MAP_FAILED);
    apart = number_from("LATENT_FAULTS", 600);
    offset = number_from("LATENT_FAULTS_FROM", 0);
    snprintf(folder, sizeof folder, "%s/latent-faults-XXXXXX", /* no disk */
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    assert_non_null(mkdtemp(folder));
    make_place("empty");
    make_place("done");
    make_place("queued");
    must("done", ARGS("run", SCRIPT, DB, "-j", "1"));
    wanted_contents = contents("done");
    in_child("queued", queue_faults);
    copy_place("queued", "cut");
    setenv("LATENT_TEST_DIES", "1", 1);
    for (int i = 0; i < 2; i++)
        outcome_forget(attempt("cut", WORKER, (fault){-1, 0}));
    unsetenv("LATENT_TEST_DIES");
    copy_place("cut", "again");
    in_child("again", queue_again);
    return 0;
}

static int tear_down(void **state)
{
    char command[96];

    (void)state;
    print_message("%5d attempts in all\n", n_attempts);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readers),
        cmocka_unit_test(scripts_that_are_not_run),
        cmocka_unit_test(workers),
        cmocka_unit_test(commands),
    };

    lt_script_prepare_engine(argv);
    share_memory();
    if (argc > 1)
        return lt__program(argc, argv);
    unsetenv("LATENT_DB");
    setenv("NO_COLOR", "1", 1);
    cmocka_set_test_filter(getenv("LATENT_FAULTS_TEST"));
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
