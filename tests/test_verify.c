/* A store is verified: what is sound passes, what is not is told; the many
 * kinds of damage are in check_verify.sh. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "latent/store/verify.h"
#include "latent/base/path.h"
#include "store_help.h"

#include <math.h>

typedef struct told {
    char text[4096];
    int n;
} told;

static void tell(void *self, const char *finding)
{
    told *t = self;
    size_t used = strlen(t->text);

    snprintf(t->text + used, sizeof t->text - used, "%s\n", finding);
    t->n++;
}

/* A store of three runs, two of them finished, with `n` points each. */
static void sound_open(place *p, int n)
{
    place_open(p);
    place_queue_many(p, 3);
    for (int k = 0; k < 2; k++) {
        lt_claim *claim = place_claim(p);
        lt_recorder *r = NULL;
        lt_text path = {0};

        EXPECT_OK(p, lt_recorder_new(claim, &r, &p->err));
        for (int i = 0; i < n; i++) {
            double x = i % 5 == 3   ? (double)NAN
                       : i % 7 == 4 ? (double)-INFINITY
                                    : sin(i + k);

            lt_observe_metric(lt_recorder_observer(r), i % 2 ? "b" : "a", i,
                              i / 10.0, x, NULL);
        }
        lt_observe_metric(lt_recorder_observer(r), "c", 1, 1, (double)NAN,
                          NULL);
        EXPECT_OK(p, lt_recorder_close(r, &p->err));
        lt_text_addf(&path, "%s/file", lt_claim_dir(claim));
        EXPECT_OK(p, lt_path_write(path.data, "content", 7, &p->err));
        EXPECT_OK(p,
                  lt_claim_artifact(claim, "file", "file", path.data, &p->err));
        lt_text_deinit(&path);
        EXPECT_OK(p, lt_claim_end(claim, LT_RUN_FINISHED, "", &p->err));
    }
}

static told verified(place *p, const int64_t *runs, int n,
                     lt_verify_report *report)
{
    told t = {0};
    lt_verify_opts opts = {.runs = runs, .n_runs = n, .tell = tell, .self = &t};

    EXPECT_OK(p, lt_store_verify(p->store, &opts, report, &p->err));
    assert_int_equal(report->n_wrong, t.n);
    return t;
}

static void a_sound_store_passes(void **state)
{
    lt_verify_report report;
    place p;
    told t;

    (void)state;
    sound_open(&p, 50);
    t = verified(&p, NULL, 0, &report);
    assert_string_equal(t.text, "");
    assert_int_equal(report.runs, 3);
    assert_int_equal(report.values, 2 * 51);
    assert_int_equal(report.files, 2);
    assert_int_equal(report.bytes, 14);
    assert_int_equal(report.sources, 1);
    assert_int_equal(report.n_outside, 0);
    place_close(&p);
}

static void a_running_run_is_no_damage(void **state)
{
    lt_verify_report report;
    lt_claim *claim;
    place p;
    told t;

    (void)state;
    sound_open(&p, 5);
    claim = place_claim(&p);
    t = verified(&p, NULL, 0, &report);
    assert_string_equal(t.text, "");
    EXPECT_OK(&p, lt_claim_end(claim, LT_RUN_FAILED, "", &p.err));
    place_close(&p);
}

/* Found by a wrong number, by a wrong extreme, by a file; only where asked. */
static void damage_is_told_of_the_runs_asked_for(void **state)
{
    static const int64_t first[] = {1}, others[] = {2, 3};
    lt_verify_report report;
    place p;
    told t;

    (void)state;
    sound_open(&p, 50);
    place_ask(&p, "UPDATE metric SET value = 0.5 WHERE run = 1 AND seq = 5"
                  " AND name = 1"); /* neither first, last nor extreme */
    t = verified(&p, NULL, 0, &report);
    assert_int_equal(t.n, 0); /* ... is for latent replay to find */
    place_ask(&p, "UPDATE metric SET value = 99 WHERE run = 1 AND seq = 5"
                  " AND name = 1");
    t = verified(&p, first, 1, &report);
    assert_string_equal(t.text, "run 1: a: its summary (view finals) has max "
                                "0.99060735569487035, its points make 99\n");
    assert_int_equal(report.runs, 1);
    assert_int_equal(report.files, 1);
    t = verified(&p, others, 2, &report);
    assert_string_equal(t.text, "");
    assert_int_equal(report.runs, 2);
    place_close(&p);
}

static void a_reader_may_verify(void **state)
{
    lt_verify_report report;
    lt_store *writer;
    place p;
    told t;

    (void)state;
    sound_open(&p, 5);
    writer = p.store;
    EXPECT_OK(&p, lt_store_open(p.path, LT_STORE_READ, &p.store, &p.err));
    t = verified(&p, NULL, 0, &report);
    assert_string_equal(t.text, "");
    lt_store_close(writer);
    place_close(&p);
}

static void want_of_memory_is_told(void **state)
{
    lt_status rc = LT_ENOMEM;
    lt_verify_report report;
    place p;

    (void)state;
    sound_open(&p, 5);
    place_ask(&p, "UPDATE metric SET value = 99 WHERE run = 1 AND seq = 1");
    for (int n = 0; rc == LT_ENOMEM && n < 200; n++) {
        told t = {0};
        lt_verify_opts opts = {.tell = tell, .self = &t};

        lt_mem_fail_after(n);
        rc = lt_store_verify(p.store, &opts, &report, NULL);
        lt_mem_fail_after(-1);
    }
    assert_int_equal(rc, LT_OK);
    assert_true(report.n_wrong > 0);
    place_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sound_store_passes),
        cmocka_unit_test(a_running_run_is_no_damage),
        cmocka_unit_test(damage_is_told_of_the_runs_asked_for),
        cmocka_unit_test(a_reader_may_verify),
        cmocka_unit_test(want_of_memory_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
