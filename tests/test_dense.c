/* Dense layers against plain loops, as stored and transposed; the list of
 * kinds. Gradients have their own check (grad_net.c). */
#include "net_fixture.h"

enum { D = 7, H = 4, ROWS = 3 };

typedef struct bench {
    lt_layer layer;
    lt_real params[D * H + H], grads[D * H + H];
    lt_real x[ROWS * D], y[ROWS * H], dy[ROWS * H], dx[ROWS * D];
    lt_pass pass;
} bench;

static void bench_start(bench *b, lt_act act, bool transposed)
{
    lt_rng rng;

    memset(b, 0, sizeof *b);
    b->layer.ops = lt_layer_find("dense");
    b->layer.spec = (lt_layer_spec){"dense", H, act};
    b->layer.in = lt_shape_image(1, 1, D);
    assert_int_equal(b->layer.ops->plan(&b->layer, NULL), LT_OK);
    b->layer.bias = b->layer.weight_count;
    b->layer.is_transposed = transposed;
    b->pass = (lt_pass){.params = b->params, .grads = b->grads, .rows = ROWS};
    lt_rng_init(&rng, 9, "test");
    for (int i = 0; i < D * H + H; i++)
        b->params[i] = (lt_real)lt_rng_normal(&rng);
    for (int i = 0; i < ROWS * D; i++)
        b->x[i] = (lt_real)lt_rng_normal(&rng);
    for (int i = 0; i < ROWS * H; i++)
        b->dy[i] = (lt_real)lt_rng_normal(&rng);
}

/* W (H,D) element, wherever it is. */
static size_t at(const bench *b, int h, int d)
{
    return (size_t)(b->layer.is_transposed ? d * H + h : h * D + d);
}

static void close_to(double found, double wanted)
{
    if (!(fabs(found - wanted) < 1e-5 * (1 + fabs(wanted))))
        fail_msg("%g, wanted %g", found, wanted);
}

static void forward_is_weights_times_input_plus_bias(void **state)
{
    (void)state;
    for (int transposed = 0; transposed < 2; transposed++) {
        bench b;

        bench_start(&b, LT_ACT_TANH, transposed);
        b.layer.ops->forward(&b.layer, &b.pass, b.x, b.y);
        for (int r = 0; r < ROWS; r++)
            for (int h = 0; h < H; h++) {
                double z = b.params[b.layer.bias + (size_t)h];

                for (int d = 0; d < D; d++)
                    z += (double)b.params[at(&b, h, d)] * b.x[r * D + d];
                close_to(b.y[r * H + h], tanh(z));
            }
        b.pass.skips_act = true;
        b.layer.ops->forward(&b.layer, &b.pass, b.x, b.dx);
        for (int i = 0; i < ROWS * H; i++)
            close_to(tanh((double)b.dx[i]), b.y[i]);
    }
}

static void backward_gives_the_three_products(void **state)
{
    (void)state;
    for (int transposed = 0; transposed < 2; transposed++) {
        bench b;
        lt_real dz[ROWS * H];

        bench_start(&b, LT_ACT_LINEAR, transposed);
        memcpy(dz, b.dy, sizeof dz);
        b.layer.ops->backward(&b.layer, &b.pass, b.x, b.y, b.dy, b.dx);
        for (int h = 0; h < H; h++) {
            double db = 0;

            for (int r = 0; r < ROWS; r++)
                db += dz[r * H + h];
            close_to(b.grads[b.layer.bias + (size_t)h], db);
            for (int d = 0; d < D; d++) {
                double dw = 0;

                for (int r = 0; r < ROWS; r++)
                    dw += (double)dz[r * H + h] * b.x[r * D + d];
                close_to(b.grads[at(&b, h, d)], dw);
            }
        }
        for (int i = 0; i < ROWS * D; i++) {
            double dx = 0;

            for (int h = 0; h < H; h++)
                dx += (double)dz[i / D * H + h] * b.params[at(&b, h, i % D)];
            close_to(b.dx[i], dx);
        }
    }
}

static void second_users_add_their_gradient(void **state)
{
    bench b, c;

    (void)state;
    bench_start(&b, LT_ACT_LINEAR, false);
    bench_start(&c, LT_ACT_LINEAR, false);
    c.layer.adds_gradient = true;
    for (int i = 0; i < D * H + H; i++)
        b.grads[i] = c.grads[i] = 2;
    b.layer.ops->backward(&b.layer, &b.pass, b.x, b.y, b.dy, b.dx);
    c.layer.ops->backward(&c.layer, &c.pass, c.x, c.y, c.dy, c.dx);
    for (int i = 0; i < D * H; i++)
        close_to(c.grads[i], b.grads[i] + 2.0);
    for (int i = D * H; i < D * H + H; i++) /* biases are never shared */
        close_to(c.grads[i], b.grads[i]);
}

static void frozen_parts_and_missing_inputs_are_skipped(void **state)
{
    bench b;

    (void)state;
    bench_start(&b, LT_ACT_LINEAR, false);
    b.layer.is_weight_frozen = b.layer.is_bias_frozen = true;
    for (int i = 0; i < D * H + H; i++)
        b.grads[i] = 7;
    b.layer.ops->backward(&b.layer, &b.pass, b.x, b.y, b.dy, NULL);
    for (int i = 0; i < D * H + H; i++)
        close_to(b.grads[i], 7);
    for (int i = 0; i < ROWS * D; i++)
        close_to(b.dx[i], 0);
}

static void mirror_returns_the_input_s_elements(void **state)
{
    bench b;
    lt_layer_spec mirror;

    (void)state;
    bench_start(&b, LT_ACT_LINEAR, false);
    b.layer.ops->mirror(&b.layer, &mirror);
    assert_string_equal(mirror.kind, "dense");
    assert_int_equal(mirror.units, D);
}

static void kinds_are_found_by_name(void **state)
{
    (void)state;
    for (int i = 0; lt_layer_kind_name(i); i++)
        assert_string_equal(lt_layer_find(lt_layer_kind_name(i))->name,
                            lt_layer_kind_name(i));
    assert_string_equal(lt_layer_kind_name(0), "dense");
    assert_null(lt_layer_find("dens"));
    assert_null(lt_layer_kind_name(-1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forward_is_weights_times_input_plus_bias),
        cmocka_unit_test(backward_gives_the_three_products),
        cmocka_unit_test(second_users_add_their_gradient),
        cmocka_unit_test(frozen_parts_and_missing_inputs_are_skipped),
        cmocka_unit_test(mirror_returns_the_input_s_elements),
        cmocka_unit_test(kinds_are_found_by_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
