/* The numbers of preparations, out and in again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "latent/base/mem.h"
#include "latent/data/prepare.h"

static lt_dataset *floats(int n, lt_shape shape, const float *values)
{
    size_t size = (size_t)n * (size_t)lt_shape_elements(shape);
    float *copy = lt_mem_alloc(size, sizeof *copy);
    lt_dataset *d = NULL;

    memcpy(copy, values, size * sizeof *copy);
    assert_int_equal(
        lt_dataset_new_take(LT_ELEM_F32, n, shape, copy, NULL, &d, NULL),
        LT_OK);
    return d;
}

static const float numbers[] = {1, 5, 3, 2, 5, 1, 0, 4, 3, 3, 1, 8};

static lt_dataset *example(void)
{
    return floats(4, lt_shape_image(1, 1, 3), numbers);
}

static lt_prep *fit(const lt_dataset *d, bool is_zca)
{
    const lt_whiten_opts o = {.is_zca = is_zca, .components = 2, .epsilon = 1};
    lt_prep *p = NULL;

    assert_int_equal(lt_prep_whiten(d, &o, &p, NULL), LT_OK);
    return p;
}

static void apply(const lt_prep *p, const lt_dataset *d, bool is_inverse,
                  float out[16])
{
    const lt_prep_opts o = {.is_inverse = is_inverse};
    lt_dataset *made = NULL;

    assert_int_equal(lt_prep_apply(p, d, &o, &made, NULL), LT_OK);
    memcpy(out, lt_dataset_values(made), lt_dataset_bytes(made));
    lt_dataset_free(made);
}

static void check_copy(const lt_prep *p, const lt_dataset *d)
{
    const lt_prep_numbers n = lt_prep_look(p);
    lt_prep *copy = NULL;
    lt_err err = {0};
    float a[16] = {0}, b[16] = {0};

    if (lt_prep_copy(&n, &copy, &err) != LT_OK)
        fail_msg("%s", err.text);
    assert_true(lt_shape_equal(lt_prep_input(copy), lt_prep_input(p)));
    assert_true(lt_shape_equal(lt_prep_output(copy), lt_prep_output(p)));
    assert_true(!lt_prep_variances(copy) == !lt_prep_variances(p));
    apply(p, d, false, a);
    apply(copy, d, false, b);
    assert_memory_equal(a, b, sizeof a);
    if (lt_shape_equal(lt_prep_input(p), lt_prep_output(p))) {
        apply(p, d, true, a);
        apply(copy, d, true, b);
        assert_memory_equal(a, b, sizeof a);
    }
    lt_prep_free(copy);
}

static void copies_do_the_same(void **state)
{
    lt_dataset *d = example();
    lt_prep *p = NULL;

    (void)state;
    assert_int_equal(lt_prep_standardise(d, LT_PREP_ELEMENT, &p, NULL), LT_OK);
    check_copy(p, d);
    lt_prep_free(p);
    for (int is_zca = 0; is_zca < 2; is_zca++) {
        p = fit(d, is_zca);
        check_copy(p, d);
        lt_prep_free(p);
    }
    lt_dataset_free(d);
}

static void refuse(const lt_prep_numbers *n, const char *text)
{
    lt_prep *p = NULL;
    lt_err err = {0};

    assert_int_equal(lt_prep_copy(n, &p, &err), LT_EFORMAT);
    assert_null(p);
    if (!strstr(err.text, text))
        fail_msg("found:  %s\nwanted: %s", err.text, text);
}

static void numbers_that_are_none_are_refused(void **state)
{
    const double good[] = {1, 2}, zero[] = {1, 0}, bad[] = {1, NAN};
    const lt_real matrix[] = {1, 0, 0, 1}, infinite[] = {1, 0, INFINITY, 1};
    lt_prep_numbers n = {.input = lt_shape_flat(2),
                         .output = lt_shape_flat(2),
                         .shift = good,
                         .factor = good};
    lt_prep_numbers m = {.input = lt_shape_flat(2),
                         .output = lt_shape_flat(2),
                         .shift = good,
                         .forward = matrix,
                         .backward = matrix};

    (void)state;
    n.factor = zero;
    refuse(&n, "factor: number 2 is 0, wanted another");
    n.factor = bad;
    refuse(&n, "factor: number 2 is 0, wanted another");
    n.factor = good;
    n.shift = bad;
    refuse(&n, "shift: number 2 is nan, wanted a finite one");
    n.shift = NULL;
    refuse(&n, "wanted shift, and either factor or forward and backward");
    n.shift = good;
    n.output = lt_shape_flat(1);
    refuse(&n, "found 1 elements made of 2, wanted as many");
    m.output = lt_shape_flat(3);
    refuse(&m, "found 3 elements made of 2, wanted no more");
    m.output = lt_shape_flat(2);
    m.backward = infinite;
    refuse(&m, "backward: number 3 is inf, wanted a finite one");
    m.backward = NULL;
    refuse(&m, "wanted shift, and either factor or");
    m.backward = matrix;
    m.factor = good;
    refuse(&m, "wanted shift, and either factor or");
}

static void copies_survive_every_failing_allocation(void **state)
{
    lt_dataset *d = example();
    lt_prep *p = fit(d, true), *copy = NULL;
    const lt_prep_numbers n = lt_prep_look(p);
    int i = 0;

    (void)state;
    for (; !copy; i++) {
        lt_err err = {0};

        lt_mem_fail_after(i);
        if (lt_prep_copy(&n, &copy, &err) != LT_OK)
            assert_int_equal(err.status, LT_ENOMEM);
        lt_mem_fail_after(-1);
    }
    assert_int_equal(i, 6);
    lt_prep_free(copy);
    lt_prep_free(p);
    lt_dataset_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_do_the_same),
        cmocka_unit_test(numbers_that_are_none_are_refused),
        cmocka_unit_test(copies_survive_every_failing_allocation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
