/* Logarithm, exponential and normal draws for generated data; see portable.h.
 *
 * Only + - * / and sqrt in double, each rounded exactly once (no contraction,
 * see cmake/flags.cmake), and changes of a double's exponent. The logarithm is
 * the series of 2 atanh(s), s = (m - 1) / (m + 1), m in [sqrt(1/2), sqrt(2)),
 * so s^2 < 0.03 and ten terms do. The exponential takes whole powers of two
 * out first and sums Taylor's series on [-ln(2)/2, ln(2)/2]. Normal draws are
 * by Marsaglia's polar method, one of each pair: about 25 ns. */
#include "portable.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#define SQRT_HALF 0.70710678118654752440
/* ln(2) in two parts; the first has 21 trailing zeros, so that its products
 * with an exponent are exact. */
#define LN2_HIGH 0x1.62e42feep-1
#define LN2_LOW  0x1.a39ef35793c76p-33

enum { LOG_TERMS = 10, EXP_TERMS = 14 };

static uint64_t bits_of(double x)
{
    uint64_t bits;

    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static double of_bits(uint64_t bits)
{
    double x;

    memcpy(&x, &bits, sizeof x);
    return x;
}

double lt__portable_log(double x)
{
    uint64_t shifted = bits_of(x) - bits_of(SQRT_HALF);
    int exponent = (int)((int64_t)shifted >> 52);
    double m = of_bits((shifted & 0x000fffffffffffffu) + bits_of(SQRT_HALF));
    double s = (m - 1) / (m + 1), s2 = s * s, sum = 0;

    for (int k = LOG_TERMS - 1; k > 0; k--)
        sum = (sum + 1.0 / (2 * k + 1)) * s2;
    return exponent * LN2_HIGH + (2 * s + (2 * s * sum + exponent * LN2_LOW));
}

double lt__portable_exp(double x)
{
    double turns = x * 1.44269504088896340736;
    int n = (int)(turns < 0 ? turns - 0.5 : turns + 0.5);
    double r = x - n * LN2_HIGH - n * LN2_LOW, sum = 1;

    for (int k = EXP_TERMS; k > 0; k--)
        sum = 1 + sum * r / k;
    return sum * of_bits((uint64_t)(1023 + n) << 52);
}

double lt__portable_normal(lt_rng *rng)
{
    double u, v, s;

    do {
        u = 2 * lt_rng_uniform(rng) - 1;
        v = 2 * lt_rng_uniform(rng) - 1;
        s = u * u + v * v;
    } while (s >= 1 || s <= 0);
    return u * sqrt(-2 * lt__portable_log(s) / s);
}
