/* The divergence of a run in the store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "latent/store/fold.h"
#include "store_help.h"

#define ROWS                                                                   \
    "SELECT coalesce(group_concat(run || ' ' || step || ' ' ||"                \
    " coalesce(layer, 'none') || ' ' || what, '|'), '') FROM divergence"

static void end_with(place *p, lt_run_status status, int layer)
{
    lt_divergence d = {.step = 812, .layer = layer, .what = "it's too large"};
    lt_claim *claim = place_claim(p);

    lt_claim_divergence(claim, &d);
    EXPECT_OK(p, lt_claim_end(claim, status, "a message", &p->err));
}

static void divergence_is_stored_with_the_end(void **state)
{
    place p;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 4);
    end_with(&p, LT_RUN_DIVERGED, 3);
    end_with(&p, LT_RUN_FINISHED, 3); /* the script made good of it */
    end_with(&p, LT_RUN_DIVERGED, 0);
    EXPECT_OK(&p, lt_claim_end(place_claim(&p), LT_RUN_DIVERGED, "", &p.err));
    EXPECT_SQL(&p, ROWS, "1 812 3 it's too large|3 812 none it's too large");
    EXPECT_SQL(&p,
               "SELECT group_concat(id || ' ' || coalesce(bad_step, '-') ||"
               " ' ' || coalesce(bad_layer, '-'), '|') FROM runs",
               "1 812 3|2 - -|3 812 -|4 - -");
    place_close(&p);
}

static void trying_again_clears_it(void **state)
{
    place p;
    int n = 0;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 2);
    end_with(&p, LT_RUN_DIVERGED, 1);
    end_with(&p, LT_RUN_DIVERGED, 2);
    EXPECT_OK(&p, lt_store_requeue(p.store, 1, LT_REQUEUE_FAILED, &n, &p.err));
    assert_int_equal(n, 2);
    EXPECT_SQL(&p, ROWS, "");
    end_with(&p, LT_RUN_FAILED, 1);
    end_with(&p, LT_RUN_DIVERGED, 5);
    EXPECT_SQL(&p, ROWS, "2 812 5 it's too large");
    place_close(&p);
}

/* A row that another program left is gone when the run is claimed. */
static void claiming_clears_it(void **state)
{
    place p;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 1);
    EXPECT_SQL(&p, "INSERT INTO divergence VALUES (1, 2, 3, 'old') RETURNING 1",
               "1");
    EXPECT_OK(&p, lt_claim_end(place_claim(&p), LT_RUN_DIVERGED, "", &p.err));
    EXPECT_SQL(&p, ROWS, "");
    place_close(&p);
}

/* In a process of its own, which ends the run when the store takes nothing: the
 * next command takes it in. */
static void a_store_in_trouble_gets_it_later(void **state)
{
    lt_folded folded;
    place p;
    pid_t pid;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 1);
    lt_store_close(p.store);
    pid = fork();
    if (pid == 0) {
        EXPECT_OK(&p, lt_store_open(p.path, LT_STORE_WRITE, &p.store, &p.err));
        lt_claim *claim = place_claim(&p);
        const lt_divergence d = {.step = 7, .layer = 2, .what = "it is inf"};

        place_ask(&p, "PRAGMA query_only = 1");
        lt_claim_divergence(claim, &d);
        _exit(lt_claim_end(claim, LT_RUN_DIVERGED, "m", &p.err) != LT_OK);
    }
    assert_int_equal(child_status(pid), 0);
    EXPECT_OK(&p, lt_store_open(p.path, LT_STORE_WRITE, &p.store, &p.err));
    EXPECT_SQL(&p, "SELECT status FROM runs", "running");
    EXPECT_OK(&p, lt_store_fold(p.path, &folded, &p.err));
    EXPECT_SQL(&p, "SELECT status || message FROM runs", "divergedm");
    EXPECT_SQL(&p, ROWS, "1 7 2 it is inf");
    place_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(divergence_is_stored_with_the_end),
        cmocka_unit_test(trying_again_clears_it),
        cmocka_unit_test(claiming_clears_it),
        cmocka_unit_test(a_store_in_trouble_gets_it_later),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
