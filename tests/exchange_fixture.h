/* For tests of exchanges: a store with runs of every kind, one file made of
 * it, both edited as another program would, and all that a store says. */
#ifndef EXCHANGE_FIXTURE_H
#define EXCHANGE_FIXTURE_H

#include "latent/base/path.h"
#include "latent/store/exchange.h"
#include "latent/store/verify.h"
#include "store_help.h"

#include <math.h>

enum { NET_SIZE = 2 * 1024 * 1024 + 5 }; /* three parts */

static inline void put_artifact(place *p, lt_claim *claim, const char *name,
                                size_t size)
{
    char *bytes = lt_mem_alloc(size, 1), path[256];
    unsigned x = (unsigned)size;

    for (size_t i = 0; i < size; i++) {
        x = x * 1664525U + 1013904223U;
        bytes[i] = (char)(x >> 24);
    }
    snprintf(path, sizeof path, "%s/%s", lt_claim_dir(claim), name);
    EXPECT_OK(p, lt_path_write(path, bytes, size, &p->err));
    EXPECT_OK(p, lt_claim_artifact(claim, lt_path_name(path), "network", path,
                                   &p->err));
    lt_mem_free(bytes);
}

/* Run 1 is finished and has files, run 2 failed, with `many` both. */
static inline void sent_open(place *p, int n_runs, size_t net_size)
{
    static const char *const configs[] = {
        "{\"code\":2,\"rate\":0.1,\"seed\":1,\"tie\":\"tied\"}",
        "{\"code\":4,\"rate\":0.2,\"seed\":2,\"tie\":\"tied\"}"};
    const lt_run_facts facts = {"{}", "784-2", 12, 100.5};
    char path[256];

    place_open(p);
    place_queue(p, "sent", configs, n_runs);
    for (int i = 0; i < n_runs; i++) {
        lt_claim *claim = place_claim(p);
        lt_recorder *r = recorder_on(p, claim);

        for (int k = 0; k < 5; k++)
            record(r, "train.loss", k, k == 3 ? (double)NAN : 1.0 / (k + 1));
        record(r, "test.sse", 0, (double)INFINITY);
        record(r, "test.sse", 1, 5);
        EXPECT_OK(p, lt_recorder_close(r, &p->err));
        EXPECT_OK(p, lt_claim_facts(claim, &facts, &p->err));
        EXPECT_OK(p, lt_claim_note(claim, "a note", &p->err));
        EXPECT_OK(p, lt_claim_note(claim, "a note", &p->err));
        EXPECT_OK(p, lt_claim_tag(claim, "sent", &p->err));
        if (i == 0) {
            put_artifact(p, claim, "net", net_size);
            snprintf(path, sizeof path, "%s/deep/er", lt_claim_dir(claim));
            EXPECT_OK(p, lt_path_make_dirs(path, &p->err));
            put_artifact(p, claim, "deep/er/small", 5);
            put_artifact(p, claim, "empty", 0);
        }
        EXPECT_OK(p, lt_claim_end(claim, i ? LT_RUN_FAILED : LT_RUN_FINISHED,
                                  "the end", &p->err));
    }
}

static inline void keep_lines(void *self, const char *line)
{
    lt_text_add(self, line);
    lt_text_add(self, "\n");
}

static inline lt_status pack(place *p, const char *path, lt_take_report *report,
                             lt_text *lines)
{
    const lt_export_opts opts = {.take = {.tell = keep_lines, .self = lines},
                                 .path = path};

    return lt_store_export(p->store, &opts, report, &p->err);
}

static inline lt_status take(place *from, place *to, lt_take_report *report,
                             lt_text *lines)
{
    const lt_take_opts opts = {.tell = keep_lines, .self = lines};

    lt_text_clear(lines);
    return lt_store_take(from->store, to->store, &opts, report, &to->err);
}

/* ---- another program's edits ---- */

static inline void edit(const char *path, const char *sql)
{
    lt_text triggers = {0};
    char *problem = NULL;
    sqlite3_stmt *stmt = NULL;
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_exec(db, "PRAGMA synchronous = OFF", NULL, NULL, NULL);
    assert_int_equal(sqlite3_prepare_v2(db,
                                        "SELECT name, sql FROM sqlite_schema"
                                        " WHERE type = 'trigger'",
                                        -1, &stmt, NULL),
                     SQLITE_OK);
    lt_text_add(&triggers, "");
    while (sqlite3_step(stmt) == SQLITE_ROW)
        lt_text_addf(&triggers, "%s;", sqlite3_column_text(stmt, 1));
    sqlite3_reset(stmt);
    for (;;) {
        char drop[128];

        if (sqlite3_step(stmt) != SQLITE_ROW)
            break;
        snprintf(drop, sizeof drop, "DROP TRIGGER %s",
                 sqlite3_column_text(stmt, 0));
        sqlite3_reset(stmt);
        assert_int_equal(sqlite3_exec(db, drop, NULL, NULL, NULL), SQLITE_OK);
    }
    sqlite3_finalize(stmt);
    if (sqlite3_exec(db, sql, NULL, NULL, &problem) != SQLITE_OK)
        fail_msg("%s: %s", sql, problem);
    if (sqlite3_exec(db, lt_text_str(&triggers), NULL, NULL, &problem) !=
        SQLITE_OK)
        fail_msg("%s: %s", lt_text_str(&triggers), problem);
    sqlite3_close(db);
    lt_text_deinit(&triggers);
}

static inline void copy_file(const char *from, const char *to)
{
    char command[512];

    snprintf(command, sizeof command, "cp %s %s", from, to);
    assert_int_equal(system(command), 0);
}

/* ---- what a store says ---- */

#define RUN_OF "(SELECT uuid FROM run r WHERE r.id = run)"

/* All but ids, and where files lie; lt_mem_free. */
static inline char *said(place *p)
{
    static const char *const queries[] = {
        "SELECT uuid, name, status, seed, config, config_hash, message,"
        " queued_at, started_at, ended_at, quote(seconds), quote(cpu_seconds),"
        " threads, boot_id, pid, pid_start, data, network, parameters,"
        " quote(examples_per_second), (SELECT name || cpu || system || build ||"
        "  cores || blas_core || isa FROM machine m WHERE m.id = machine),"
        " (SELECT uuid FROM sweep s WHERE s.id = sweep)"
        " FROM run ORDER BY uuid",
        "SELECT " RUN_OF ", key, quote(value), type FROM params ORDER BY 1, 2",
        "SELECT " RUN_OF ", name, seq, step, quote(epoch), quote(value), kind,"
        " elapsed FROM metrics ORDER BY 1, 2, 3",
        "SELECT " RUN_OF ", name, n, quote(last), last_step, quote(min),"
        " min_step, quote(max), max_step, nonfinite, quote(first), first_step,"
        " last_kind, bad_step FROM finals ORDER BY 1, 2",
        "SELECT " RUN_OF ", name, kind, sha256, bytes, added_at FROM artifact"
        " ORDER BY 1, 2",
        "SELECT " RUN_OF ", at, text FROM note ORDER BY 1, 2, 3",
        "SELECT " RUN_OF ", tag FROM tag ORDER BY 1, 2",
        "SELECT " RUN_OF ", step, layer, what FROM divergence ORDER BY 1",
        "SELECT " RUN_OF ", at FROM removed ORDER BY 1",
        "SELECT uuid, experiment, question, targets, defaults, command, script,"
        " script_hash, git_commit, git_diff, created_at FROM sweep ORDER BY 1",
        "SELECT (SELECT uuid FROM sweep s WHERE s.id = sweep), position, path,"
        " hash FROM sweep_source ORDER BY 1, 2",
        "SELECT hash, size, hex(body) FROM source ORDER BY 1",
    };
    lt_text out = {0};

    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        sqlite3_stmt *stmt = NULL;

        if (sqlite3_prepare_v2(p->store->db, queries[i], -1, &stmt, NULL))
            fail_msg("%s: %s", queries[i], sqlite3_errmsg(p->store->db));
        while (sqlite3_step(stmt) == SQLITE_ROW)
            for (int k = 0; k < sqlite3_column_count(stmt); k++)
                lt_text_addf(&out, "%s|",
                             (const char *)sqlite3_column_text(stmt, k));
        sqlite3_finalize(stmt);
    }
    assert_non_null(out.data);
    return out.data;
}

static inline void expect_said(place *p, const char *wanted)
{
    char *found = said(p);

    assert_string_equal(found, wanted);
    lt_mem_free(found);
}

static inline void expect_same(place *a, place *b)
{
    char *wanted = said(a);

    expect_said(b, wanted);
    lt_mem_free(wanted);
}

static inline void print_finding(void *self, const char *finding)
{
    (void)self;
    fprintf(stderr, "%s\n", finding);
}

static inline void expect_sound(place *p)
{
    const lt_verify_opts opts = {.tell = print_finding};
    lt_verify_report report;

    EXPECT_OK(p, lt_store_verify(p->store, &opts, &report, &p->err));
    assert_int_equal(report.n_wrong, 0);
}

/* Number of entries in the folder of all runs. */
static inline int count_folders(const place *p)
{
    char command[256];
    FILE *f;
    int n = -1;

    snprintf(command, sizeof command, "ls -A %s/runs 2>/dev/null | wc -l",
             p->dir);
    f = popen(command, "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%d", &n), 1);
    pclose(f);
    return n;
}

#endif
