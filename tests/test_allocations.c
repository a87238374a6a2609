/* Every allocation of whole commands fails in turn.
 *
 * A command runs in a child that is forked from here, with libraries loaded
 * and data made, so that an attempt costs a few milliseconds. The child calls
 * the program itself (src/cli) with a countdown set: the n-th allocation fails,
 * and with it none after it, one more (Lua tries again after a collection), or
 * all. SQLite's memory goes through the same door as all other. Then the same
 * with malloc itself, which other libraries call. n grows until a command ends
 * without having met its failure.
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

#include "latent/base/clock.h"
#include "program_fixture.h"

#include <malloc.h>

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

static int64_t apart; /* between two values of n */
static int64_t offset;
static int n_attempts;

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
        "latent %s: %sallocation %lld and %lld more fail: %s\n"
        "exit status %d, %lld failed, output:\n%.400s\nerrors:\n%.3000s\n",
        args[0], f.any ? "any " : "", (long long)f.at,
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

static int try_all(const campaign *c, int64_t count, bool any)
{
    outcome wanted, o;
    int64_t step = c->price * apart * (any ? 3 : 1);
    fault f = {-1, count, any};
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
        n += try_all(&c, counts[i], false);
    for (int i = 0; i < 3 && MALLOC_IS_OURS; i++)
        n += try_all(&c, counts[i], true);
    n_attempts += n;
    print_message("%5d attempts, %5.1f s: latent%s\n", n,
                  lt_clock_elapsed() - start, line);
}

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
    campaign_run((campaign){"done", ARGS("export", "1", "--csv", DB), 1});
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

static char *wanted_contents; /* of a store where nothing failed */

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

/* After a failure: all is sound, every run has ended or says why not, and what
 * is tried again becomes what it would have been. */
static void check_work(void)
{
    char *found;

    if (is_missing("work"))
        return;
    if (is_empty("work"))
        must("work", ARGS("run", SCRIPT, DB));
    found =
        ask("work", "SELECT coalesce(group_concat(message), '') FROM run"
                    " WHERE status IN ('diverged', 'interrupted', 'pruned')"
                    " OR status = 'failed' AND message NOT LIKE '%memory%'");
    assert_string_equal(found, "");
    free(found);
    found = ask("work", "SELECT count(*) FROM run WHERE status = 'finished'");
    if (strcmp(found, "2") != 0) {
        must("work", ARGS("ls", DB));
        must("work", ARGS("verify", DB));
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

/* ---- from store to store ---- */

/* What was merged in part is merged whole the next time, and once. */
static void check_merged(void)
{
    static const char count[] =
        "SELECT (SELECT group_concat(name) FROM (SELECT name FROM run ORDER BY"
        " name)) || (SELECT count(*) || total(value) || total(seq) FROM metric)"
        " || (SELECT group_concat(sha256) FROM (SELECT sha256 FROM artifact"
        " ORDER BY 1)) || (SELECT count(*) FROM note) || (SELECT count(*) FROM"
        " tag) || (SELECT count(*) FROM source) || (SELECT count(*) FROM "
        "sweep)";
    char *found, *wanted;

    must("work", ARGS("merge", "../done/latent.db", DB));
    must("work", ARGS("verify", DB));
    found = ask("work", count);
    wanted = ask("done", count);
    assert_string_equal(found, wanted);
    free(found);
    free(wanted);
}

/* Nothing is left of a file that was not made. */
static void check_exported(void)
{
    char command[256];

    snprintf(command, sizeof command, "! ls %s/work | grep '[.]part'", folder);
    assert_int_equal(system(command), 0);
    snprintf(command, sizeof command, "%s/work/x.latent", folder);
    if (access(command, F_OK) == 0)
        must("work", ARGS("verify", "--db", "x.latent"));
}

static void from_done(void)
{
    copy_place("done", "work");
}

static void exchanges(void **state)
{
    (void)state;
    campaign_run((campaign){"work", ARGS("merge", "../done/latent.db", DB), 2,
                            from_nothing, check_merged});
    campaign_run((campaign){"work",
                            ARGS("export", "how=fit", "-o", "x.latent", DB), 2,
                            from_done, check_exported});
    must("done", ARGS("export", "id>0", "-o", "../all.latent", DB));
    campaign_run((campaign){"work", ARGS("import", "../all.latent", DB), 2,
                            from_nothing, check_merged});
    assert_int_equal(n_findings, 0);
}

/* ---- bookkeeping ---- */

/* Locks are as old as they must be for a folder of no run to be deleted. */
static void from_removed(void)
{
    char command[256];

    copy_place("removed", "work");
    snprintf(command, sizeof command,
             "touch -d '1 hour ago' %s/work/runs/*/lock", folder);
    assert_int_equal(system(command), 0);
}

/* Whatever was done, or not: the store is sound. */
static void check_store(void)
{
    must("work", ARGS("verify", DB));
}

/* What was not deleted is by the next gc, files and all. */
static void check_deleted(void)
{
    char path[128], *n;

    must("work", ARGS("gc", "-y", "--older-than", "0", DB));
    n = ask("work", "SELECT count(*) FROM run");
    assert_string_equal(n, "1");
    free(n);
    snprintf(path, sizeof path, "%s/work/runs/1", folder);
    assert_int_not_equal(access(path, F_OK), 0);
    check_store();
}

static void books(void **state)
{
    (void)state;
    campaign_run((campaign){"done", ARGS("du", DB), 1});
    campaign_run(
        (campaign){"work", ARGS("rm", "1", DB), 4, from_done, check_store});
    campaign_run((campaign){"work", ARGS("restore", "--all", DB), 4,
                            from_removed, check_store});
    campaign_run((campaign){"work", ARGS("gc", "-y", "--older-than", "0", DB),
                            4, from_removed, check_deleted});
    campaign_run((campaign){
        "work",
        ARGS("gc", "-y", "--older-than", "0", "--keep-best", "test.sse", DB), 4,
        from_done, check_store});
    assert_int_equal(n_findings, 0);
}

static int set_up(void **state)
{
    (void)state;
    apart = number_from("LATENT_FAULTS", MALLOC_IS_OURS ? 900 : 2500);
    offset = number_from("LATENT_FAULTS_FROM", 0);
    program_begin();
    make_place("empty");
    make_place("done");
    make_place("queued");
    must("done", ARGS("run", SCRIPT, DB, "-j", "1"));
    wanted_contents = contents("done");
    in_child("queued", queue_faults);
    copy_place("done", "removed");
    must("removed", ARGS("rm", "1", DB));
    copy_place("queued", "cut");
    setenv("LATENT_TEST_DIES", "1", 1);
    for (int i = 0; i < 2; i++)
        outcome_forget(attempt("cut", WORKER, (fault){-1, 0, false}));
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
        cmocka_unit_test(readers),   cmocka_unit_test(scripts_that_are_not_run),
        cmocka_unit_test(workers),   cmocka_unit_test(commands),
        cmocka_unit_test(exchanges), cmocka_unit_test(books),
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
