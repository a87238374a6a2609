/* The table of layers that net:summary() prints. Widths of columns follow
 * from what stands in them. */
#include "net/net_int.h"

#include <stdio.h>
#include <string.h>

#define N_COLUMNS 7

typedef struct summary_row {
    char cell[N_COLUMNS][LT_LABEL_TEXT];
} summary_row;

/* 2837314 as "2,837,314". */
static void put_count(size_t n, char out[LT_LABEL_TEXT])
{
    char digits[32];
    int length = snprintf(digits, sizeof digits, "%zu", n), at = 0;

    for (int i = 0; i < length; i++) {
        if (i && (length - i) % 3 == 0)
            out[at++] = ',';
        out[at++] = digits[i];
    }
    out[at] = '\0';
}

static const char *trains(const lt_net *net, const lt_layer *l)
{
    bool is_derived = l->mirror_of >= 0 && lt__tie_is_derived(net->tie);

    if (l->is_borrowed)
        return l->is_bias_frozen ? "frozen (weight tied)"
                                 : "bias (weight tied)";
    if (is_derived)
        return l->is_bias_frozen ? "frozen (weight computed)"
                                 : "bias (weight computed)";
    return l->is_weight_frozen ? "frozen" : "yes";
}

static void fill_row(const lt_net *net, int index, summary_row *row)
{
    const lt_layer *l = &net->layers[index];
    bool is_encoder = index < net->n_encoder;
    size_t own = l->is_borrowed ? 0 : l->weight_count;

    snprintf(row->cell[0], LT_LABEL_TEXT, "%s %d",
             is_encoder ? "encoder" : "decoder",
             index + 1 - (is_encoder ? 0 : net->n_encoder));
    snprintf(row->cell[1], LT_LABEL_TEXT, "%s", l->spec.kind);
    lt_shape_text(l->in, row->cell[2]);
    lt_shape_text(l->out, row->cell[3]);
    snprintf(row->cell[4], LT_LABEL_TEXT, "%s", lt_act_name(l->spec.act));
    put_count(own + l->bias_count, row->cell[5]);
    snprintf(row->cell[6], LT_LABEL_TEXT, "%s", trains(net, l));
}

static void widen(int widths[N_COLUMNS], const summary_row *row)
{
    for (int c = 0; c < N_COLUMNS; c++) {
        int w = (int)strlen(row->cell[c]);

        if (w > widths[c])
            widths[c] = w;
    }
}

/* Names to the left, shapes and counts to the right. */
static void put_row(const int widths[N_COLUMNS], const summary_row *row,
                    lt_text *out)
{
    for (int c = 0; c < N_COLUMNS; c++) {
        bool is_number = c == 2 || c == 3 || c == 5;
        bool is_last = c == N_COLUMNS - 1;

        lt_text_addf(out, "%*s%s",
                     is_last     ? 0
                     : is_number ? widths[c]
                                 : -widths[c],
                     row->cell[c], is_last ? "\n" : "  ");
    }
}

static void put_totals(const lt_net *net, lt_text *out)
{
    char all[LT_LABEL_TEXT], trained[LT_LABEL_TEXT], code[LT_SHAPE_TEXT];

    put_count(net->n_params, all);
    put_count(lt_net_n_trainable(net), trained);
    lt_text_addf(out, "tie %s", lt_tie_name(net->tie));
    if (lt__tie_is_derived(net->tie))
        lt_text_addf(out, " (refreshed every %s)",
                     net->refresh == LT_REFRESH_STEP ? "step" : "epoch");
    lt_text_addf(out, ", code %s, %s parameters, %s trained\n",
                 lt_shape_text(lt_net_code(net), code), all, trained);
}

lt_status lt_net_summary(const lt_net *net, lt_text *out, lt_err *err)
{
    summary_row row = {
        {"layer", "kind", "in", "out", "act", "parameters", "trained"}};
    const summary_row head = row;
    int widths[N_COLUMNS] = {0};

    widen(widths, &head);
    for (int i = 0; i < net->n_layers; i++) {
        fill_row(net, i, &row);
        widen(widths, &row);
    }
    put_row(widths, &head, out);
    for (int i = 0; i < net->n_layers; i++) {
        fill_row(net, i, &row);
        put_row(widths, &row, out);
    }
    put_totals(net, out);
    return lt_err_mark(err, out->failed ? LT_ENOMEM : LT_OK);
}
