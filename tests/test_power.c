/* The power fails while a sweep is queued and executed.
 *
 * A child queues two runs and executes them as a worker does, with checkpoints,
 * a network, a figure, notes and tags, while power_fixture.h writes down all
 * that it does to files. The disk is then made up as it may be found after any
 * of these calls, and looked at:
 *
 *   the store opens, and latent verify finds nothing wrong
 *   a run that was said to be finished still is
 *   no run's checkpoint is of no use: none begins anew that had one
 *   latent resume makes of it what an undisturbed sweep is, value for value
 *
 * The same with the import of what was exported, and with the deletion of a
 * run.
 *
 * LATENT_POWER is how many disks are looked at; check_power_full.sh is the long
 * form.
 * ctest: PROCESSORS 2
 * ctest: TIMEOUT 900 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "power_fixture.h"
#include "program_fixture.h"
#include "work/work_int.h"

static char *wanted; /* of an undisturbed sweep */
static char *imported;
static power_disk before; /* all that is watched */
static power_disk disk;   /* after `at` calls */
static const char *at;    /* the next of them */
static int n_taken;       /* calls */
static bool is_ended[3];  /* a run was said to be finished by then */
static int n_looked, n_bad;

/* ---- the sweep ---- */

typedef int watched(int out);

static int execute_sweep(int out)
{
    char fd[16];
    const char *args[] = {"latent",        "worker",    "--db",
                          "latent.db",     "--threads", "1",
                          "--progress-fd", fd,          NULL};
    lt_store *s = NULL;
    lt_err err = {0};

    snprintf(fd, sizeof fd, "%d", out);
    if (lt_store_open("latent.db", LT_STORE_CREATE, &s, &err) != LT_OK ||
        queue_faults(s, &err) != LT_OK)
        print_error("%s\n", err.text);
    lt_store_close(s);
    return lt__program(8, (char **)args);
}

static int import_sweep(int out)
{
    const char *args[] = {"latent", "import",    "../all.latent",
                          "--db",   "latent.db", NULL};

    (void)out;
    return lt__program(5, (char **)args);
}

static int delete_run(int out)
{
    const char *args[] = {"latent", "gc",   "-y",        "--older-than",
                          "0",      "--db", "latent.db", NULL};

    (void)out;
    return lt__program(7, (char **)args);
}

static _Noreturn void watched_child(const char *place, watched *f, int out)
{
    char path[128];
    int rc;

    snprintf(path, sizeof path, "%s/%s", folder, place);
    if (chdir(path) != 0)
        _exit(99);
    power_is_on = true;
    rc = f(out);
    power_is_on = false;
    exit(rc);
}

/* Everything that it told its supervisor is read and let go. */
static void watch(const char *place, watched *f)
{
    char path[128], bytes[4096];
    int ends[2], status;
    pid_t pid;

    snprintf(path, sizeof path, "%s/%s", folder, place);
    power_begin(path);
    power_preload(&before, path);
    assert_int_equal(pipe(ends), 0);
    pid = fork();
    if (pid == 0) {
        close(ends[0]);
        watched_child(place, f, ends[1]);
    }
    close(ends[1]);
    while (read(ends[0], bytes, sizeof bytes) > 0) {
    }
    close(ends[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_true(power->n > 20);
}

/* ---- one call after the other ---- */

static void rewind_record(void)
{
    power_forget(&disk);
    power_copy(&disk, &before);
    at = power->bytes;
    n_taken = 0;
    memset(is_ended, 0, sizeof is_ended);
}

static void take_call(void)
{
    const power_call *c = (const power_call *)(const void *)at;
    lt__msg m;

    power_take(&disk, c);
    if (c->op == POWER_TOLD && c->size == sizeof m) {
        memcpy(&m, c + 1, sizeof m);
        if (m.kind == LT__MSG_END && m.run > 0 && m.run < 3)
            is_ended[m.run] = true;
    }
    at += power_room(c->size);
    n_taken++;
}

/* ---- what is found ---- */

static void bad(const char *what, const char *text)
{
    char command[256];

    print_error("after %d of %d calls, seed %llu: %s: %s\n", n_taken, power->n,
                (unsigned long long)power_seed, what, text);
    if (n_bad++ == 0 && getenv("LATENT_POWER_KEEP")) {
        snprintf(command, sizeof command, "rm -rf %s && cp -a %s/work.0 %s",
                 getenv("LATENT_POWER_KEEP"), folder,
                 getenv("LATENT_POWER_KEEP"));
        (void)!system(command);
    }
}

static bool command_is_fine(const char *const *args)
{
    outcome o = attempt("work", args, (fault){-1, 0, false});
    bool is_fine = o.status == 0;

    if (!is_fine) {
        bad(args[0], o.err);
        if (*o.out)
            bad(args[0], o.out);
    }
    outcome_deinit(&o);
    return is_fine;
}

static void expect_answer(const char *what, const char *sql, const char *answer)
{
    char *found = ask("work", sql);

    if (strcmp(found, answer) != 0)
        bad(what, found);
    free(found);
}

static void look_at_sweep(void)
{
    char path[128], *found;

    snprintf(path, sizeof path, "%s/work/latent.db", folder);
    if (access(path, F_OK) != 0 || is_empty("work"))
        return; /* the sweep was never queued */
    if (!command_is_fine(ARGS("ls", DB)) ||
        !command_is_fine(ARGS("verify", DB)))
        return;
    for (int run = 1; run < 3; run++) {
        char sql[96];

        snprintf(sql, sizeof sql, "SELECT status FROM run WHERE id = %d", run);
        if (is_ended[run])
            expect_answer("a run that had ended", sql, "finished");
    }
    in_child("work", queue_again);
    if (!command_is_fine(WORKER) || !command_is_fine(ARGS("verify", DB)))
        return;
    expect_answer("began anew",
                  "SELECT coalesce(group_concat(text), '') FROM note WHERE text"
                  " LIKE '%began anew%'",
                  "");
    found = contents("work");
    if (strcmp(found, wanted) != 0)
        bad("what it became", found);
    free(found);
}

/* What is lacking comes with the next import; a folder that had got neither a
 * mark nor a row goes with latent gc. */
static void look_at_import(void)
{
    if (command_is_fine(ARGS("import", "../all.latent", DB)) &&
        command_is_fine(ARGS("gc", "-y", "--older-than", "0", DB)) &&
        command_is_fine(ARGS("verify", DB)))
        expect_answer("after an import",
                      "SELECT (SELECT count(*) FROM run WHERE status ="
                      " 'finished') || ' ' || (SELECT count(*) FROM artifact)"
                      " || ' ' || (SELECT count(*) FROM metric)",
                      imported);
}

/* What is left of it goes with the next one. */
static void look_at_deletion(void)
{
    if (command_is_fine(ARGS("ls", DB)) &&
        command_is_fine(ARGS("gc", "-y", "--older-than", "0", DB)) &&
        command_is_fine(ARGS("verify", DB)))
        expect_answer("after a deletion", "SELECT group_concat(id) FROM run",
                      "2");
}

static void cut_and_look(power_luck luck, void (*look)(void))
{
    char path[128], command[256];
    uint64_t seed = power_seed;

    snprintf(command, sizeof command,
             "cd %s && rm -rf work work.0 && mkdir work", folder);
    assert_int_equal(system(command), 0);
    snprintf(path, sizeof path, "%s/work", folder);
    power_cut(&disk, luck, path);
    if (getenv("LATENT_POWER_KEEP"))
        copy_place("work", "work.0");
    look();
    n_looked++;
    power_seed = seed + 1;
}

/* ---- tests ---- */

static void cut_anywhere(int64_t wanted_looks, void (*look)(void))
{
    unsigned apart = (unsigned)(power->n / (wanted_looks + 1)) + 1;

    n_looked = n_bad = 0;
    for (int luck = 0; luck < POWER_LUCK_COUNT; luck++) {
        rewind_record();
        for (int next = (int)power_random(POWER_LUCK_COUNT * apart);
             next < power->n;
             next += 1 + (int)power_random(2 * POWER_LUCK_COUNT * apart)) {
            while (n_taken < next)
                take_call();
            cut_and_look((power_luck)luck, look);
        }
    }
    print_message("%d power cuts over %d calls\n", n_looked, power->n);
    assert_int_equal(n_bad, 0);
}

static void power_may_fail_after_any_call(void **state)
{
    (void)state;
    cut_anywhere(number_from("LATENT_POWER", 60), look_at_sweep);
}

static void import_may_be_cut_off(void **state)
{
    (void)state;
    make_place("imports");
    watch("imports", import_sweep);
    cut_anywhere(number_from("LATENT_POWER", 60) / 3, look_at_import);
}

static void deletion_may_be_cut_off(void **state)
{
    (void)state;
    copy_place("watched", "deletes");
    must("deletes", ARGS("rm", "1", DB));
    watch("deletes", delete_run);
    cut_anywhere(number_from("LATENT_POWER", 60) / 3, look_at_deletion);
}

/* All that a file is to have is on the disk before it gets its name, and then
 * its folder is synced. gnuplot writes its own files: what it drew is synced
 * under its name. */
static void files_are_synced_before_they_are_named(void **state)
{
    int n = 0;

    (void)state;
    rewind_record();
    while (n_taken < power->n) {
        const power_call *c = (const power_call *)(const void *)at;
        int i = c->op == POWER_RENAME ? power_find_file(&disk, c->file) : -1;

        if (i >= 0 && !strstr(c->to, ".svg")) {
            n++;
            if (disk.files[i].n_calls > 0 || disk.files[i].safe.size == 0)
                bad("named before it was synced", c->to);
        }
        take_call();
    }
    assert_true(n > 5); /* two networks, three checkpoints, a script ... */
    for (int i = 0; i < disk.n_calls; i++)
        if (disk.calls[i]->op == POWER_RENAME)
            bad("a name that was never synced", disk.calls[i]->to);
    assert_int_equal(n_bad, 0);
}

static int set_up(void **state)
{
    (void)state;
    power_seed = (uint64_t)number_from("LATENT_POWER_SEED", 1);
    program_begin();
    make_place("watched");
    watch("watched", execute_sweep);
    wanted = contents("watched");
    must("watched", ARGS("export", "id>0", "-o", "../all.latent", DB));
    imported = ask("watched",
                   "SELECT (SELECT count(*) FROM run) || ' ' || (SELECT"
                   " count(*) FROM artifact) || ' ' || (SELECT count(*) FROM"
                   " metric)");
    return 0;
}

static int tear_down(void **state)
{
    char command[96];

    (void)state;
    power_forget(&disk);
    power_forget(&before);
    free(wanted);
    free(imported);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_synced_before_they_are_named),
        cmocka_unit_test(power_may_fail_after_any_call),
        cmocka_unit_test(import_may_be_cut_off),
        cmocka_unit_test(deletion_may_be_cut_off),
    };

    lt_script_prepare_engine(argv);
    if (argc > 1)
        return lt__program(argc, argv);
    unsetenv("LATENT_DB");
    setenv("NO_COLOR", "1", 1);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
