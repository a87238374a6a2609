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
    bool is_derived = lt__layer_is_tied(l) && lt__tie_is_derived(net->tie);

    if (l->weight_count + l->bias_count == 0)
        return "-";
    if (l->is_borrowed)
        return l->is_bias_frozen ? "frozen (weight tied)"
                                 : "bias (weight tied)";
    if (is_derived)
        return l->is_bias_frozen ? "frozen (weight computed)"
                                 : "bias (weight computed)";
    return l->is_weight_frozen ? "frozen" : "yes";
}

/* ---- the kind, with what there is to say of it ---- */

/* " 3x3", "" when the spec has none. */
static void add_pair(const char *before, const int pair[2], char *out)
{
    size_t at = strlen(out);

    if (pair[0] || pair[1])
        snprintf(out + at, LT_LABEL_TEXT - at, "%s%dx%d", before, pair[0],
                 pair[1]);
}

static void add_text(const char *text, char *out)
{
    size_t at = strlen(out);

    snprintf(out + at, LT_LABEL_TEXT - at, " %s", text);
}

static void add_number(double number, char *out)
{
    size_t at = strlen(out);

    snprintf(out + at, LT_LABEL_TEXT - at, " %g", number);
}

/* "conv 3x3/2x2 same": kernel, stride, dilation and padding; a stride of 1 (of
 * pools, of the kernel), no dilation and no padding go without saying. */
static void add_window(const lt_layer *l, char *out)
{
    const lt_layer_spec *s = &l->spec;
    bool is_dilated = s->dilation[0] > 1 || s->dilation[1] > 1;
    bool is_pool = !lt_layer_has_field(l->ops, "channels");
    const int one[2] = {1, 1};

    if (!lt_layer_has_field(l->ops, "kernel"))
        return;
    add_pair(" ", s->kernel, out);
    if (memcmp(s->stride, is_pool ? s->kernel : one, sizeof one) != 0)
        add_pair("/", s->stride, out);
    if (is_dilated)
        add_pair(" dilated ", s->dilation, out);
    if (s->pad == LT_PAD_SAME)
        add_text("same", out);
    if (s->pad == LT_PAD_SIZE)
        add_pair(" pad ", s->pad_size, out);
}

static void add_name(const lt_layer *l, const char *field, int value, char *out)
{
    if (lt_layer_has_field(l->ops, field))
        add_text(lt_layer_field(field)->names[value], out);
}

static void put_kind(const lt_layer *l, char out[LT_LABEL_TEXT])
{
    const lt_layer_spec *s = &l->spec;

    snprintf(out, LT_LABEL_TEXT, "%s", s->kind);
    add_window(l, out);
    add_pair(" ", s->factor, out);
    if (lt_layer_has_field(l->ops, "size")) /* the pool itself does neither */
        add_name(l, "unpool", s->unpool, out);
    add_name(l, "interp", s->interp, out);
    add_name(l, "noise", s->noise, out);
    if (lt_layer_has_field(l->ops, "amount"))
        add_number(s->amount, out);
    if (strcmp(s->kind, "k_sparse") == 0)
        add_number(s->units, out);
}

static void fill_row(const lt_net *net, int index, summary_row *row)
{
    const lt_layer *l = &net->layers[index];
    bool is_encoder = index < net->n_encoder;
    size_t own = l->is_borrowed ? 0 : l->weight_count;

    snprintf(row->cell[0], LT_LABEL_TEXT, "%s %d",
             is_encoder ? "encoder" : "decoder",
             index + 1 - (is_encoder ? 0 : net->n_encoder));
    put_kind(l, row->cell[1]);
    lt_shape_text(l->in, row->cell[2]);
    lt_shape_text(l->out, row->cell[3]);
    snprintf(row->cell[4], LT_LABEL_TEXT, "%s",
             lt_layer_has_field(l->ops, "act") ? lt_act_name(l->spec.act)
                                               : "-");
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
    lt_text_addf(out, ", code %s, %s parameters, %s trained",
                 lt_shape_text(lt_net_code(net), code), all, trained);
    if (net->n_state) {
        put_count(net->n_state, all);
        lt_text_addf(out, ", %s moving averages", all);
    }
    lt_text_add(out, "\n");
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
