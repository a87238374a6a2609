/* Where an axis has ticks, and what they say.
 *
 * gnuplot's own choice leaves log axes of less than a decade with one tick or
 * none and writes 1e+06; and the layout must know the labels' widths before
 * gnuplot sees them. Linear: steps of 1, 2 or 5 times a power of ten. Log:
 * decades (every k-th when many), 1-2-5 below three decades, and linear steps
 * when even these are too few. Labels are formatted here, never by gnuplot. */
#include "figure_int.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* value = mantissa * 10^exponent, as text of so many digits. */
static void tick_scientific(double value, int digits, bool plain, char out[24])
{
    int exponent = value ? (int)floor(log10(fabs(value)) + 1e-9) : 0;
    double mantissa = value / pow(10, exponent);

    if (plain || value == 0)
        snprintf(out, 24, "%.*g", digits, value);
    else if (fabs(mantissa - 1) < 1e-9)
        snprintf(out, 24, "10^{%d}", exponent);
    else
        snprintf(out, 24, "%.*g·10^{%d}", digits, mantissa, exponent);
}

/* Digits that tell ticks a step apart: 0.50001 from 0.50002. */
static int tick_digits(double most, double step)
{
    double digits = floor(log10(most) + 1e-9) - floor(log10(step) + 1e-9) + 1;

    return (int)fmax(4, fmin(9, digits));
}

static void ticks_add(lt__ticks *t, double at, bool is_minor)
{
    if (t->n >= LT__MAX_TICKS)
        return;
    t->at[t->n] = at;
    t->is_minor[t->n] = is_minor;
    t->label[t->n][0] = '\0';
    t->n++;
}

static double nice_step(double span, int wanted)
{
    double raw = span / wanted;
    double power = pow(10, floor(log10(raw)));
    static const double nice[] = {1, 2, 5, 10};

    for (int i = 0; i < 4; i++)
        if (raw <= nice[i] * power * (1 + 1e-9))
            return nice[i] * power;
    return 10 * power;
}

void lt__ticks_linear(double low, double high, int wanted, bool whole,
                      bool plain, lt__ticks *out)
{
    double step = nice_step(high - low, wanted < 2 ? 2 : wanted);
    double most = fmax(fabs(low), fabs(high));
    int decimals;
    double i0;

    memset(out, 0, sizeof *out);
    if (!(step > 0) || !isfinite(step))
        return;
    if (whole && step < 1)
        step = 1;
    decimals = step >= 1 ? 0 : (int)ceil(-log10(step) - 1e-9);
    i0 = ceil(low / step - 1e-9);
    for (int i = 0; i < LT__MAX_TICKS; i++) {
        double at = (i0 + i) * step;

        if (at > high + step * 1e-9)
            break;
        if (fabs(at) < step * 1e-6)
            at = 0;
        ticks_add(out, at, false);
        if (most >= 1e6 || step < 1e-4)
            tick_scientific(at, tick_digits(most, step), plain, out->label[i]);
        else
            snprintf(out->label[i], 24, "%.*f", decimals, at);
    }
}

static void log_label(lt__ticks *t, bool is_plain_range, bool plain)
{
    double at = t->at[t->n - 1];

    if (is_plain_range)
        snprintf(t->label[t->n - 1], 24, "%.4g", at);
    else
        tick_scientific(at, 4, plain, t->label[t->n - 1]);
}

/* Decades, every k-th with a label, and 2..9 between them as minor ticks. */
static void log_decades(double low, double high, int wanted, bool plain,
                        lt__ticks *out)
{
    int first = (int)floor(log10(low) + 1e-9);
    int last = (int)ceil(log10(high) - 1e-9);
    int every = (last - first) / (wanted < 2 ? 2 : wanted) + 1;
    bool is_plain_range = first >= -3 && last <= 4;

    for (int e = first; e <= last && out->n < LT__MAX_TICKS; e++) {
        bool has_label = e % every == 0;

        for (int m = 1; m<10; m += last - first> 3 ? 9 : 1) {
            double at = m * pow(10, e);

            if (at < low * (1 - 1e-9) || at > high * (1 + 1e-9))
                continue;
            ticks_add(out, at, m > 1 || !has_label);
            if (m == 1 && has_label)
                log_label(out, is_plain_range, plain);
        }
    }
}

static void log_fractions(double low, double high, bool plain, lt__ticks *out)
{
    static const int steps[] = {1, 2, 5};
    int first = (int)floor(log10(low));
    int last = (int)ceil(log10(high));
    bool is_plain_range = first >= -4 && last <= 5;

    for (int e = first; e <= last; e++)
        for (int i = 0; i < 3; i++) {
            double at = steps[i] * pow(10, e);

            if (at < low * (1 - 1e-9) || at > high * (1 + 1e-9))
                continue;
            ticks_add(out, at, false);
            log_label(out, is_plain_range, plain);
        }
}

void lt__ticks_log(double low, double high, int wanted, bool plain,
                   lt__ticks *out)
{
    double decades = log10(high / low);

    memset(out, 0, sizeof *out);
    if (decades >= 2 && 3 * decades > wanted) {
        log_decades(low, high, wanted, plain, out);
        return;
    }
    log_fractions(low, high, plain, out);
    if (out->n < 3)
        lt__ticks_linear(low, high, wanted, false, plain, out);
}
