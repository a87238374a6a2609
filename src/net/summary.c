/* The table of layers that net:summary() prints:
 *
 *      layer (undoes)  kind                  out  act     params  trains
 *      input                               1x9x9
 *    1 encoder 1       conv 3x3/2 same     4x5x5  relu        40  yes
 *    2 encoder 2       dense                   4  tanh       404  yes
 *    3 decoder 1 (2)   dense               4x5x5  relu       100  bias
 *    4 decoder 2 (1)   conv_transpose ...  1x9x9  linear       1  bias
 *
 * A layer's input is the output of the row above. The number before it is the
 * one that net:freeze and net:weight take; errors use the name after it. Widths
 * follow from what stands in the columns, so that a convolutional network on
 * pictures of some 32 pixels fits a terminal of 80. */
#include "net/net_int.h"

#include <stdio.h>
#include <string.h>

#define N_COLUMNS 6

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

/* What of the layer's own trains: "bias" alone where the tie sees to the
 * weight. */
static const char *trains(const lt_net *net, const lt_layer *l)
{
    bool has_tie = l->is_borrowed ||
                   (lt__layer_is_tied(l) && lt__tie_is_derived(net->tie));
    bool weight = l->weight_count && !has_tie && !l->is_weight_frozen;
    bool bias = l->bias_count && !l->is_bias_frozen;

    if (l->weight_count + l->bias_count == 0)
        return "-";
    if (weight && (bias || !l->bias_count))
        return "yes";
    return weight ? "weight" : bias ? "bias" : "no";
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

/* "/2", "/2x1", "" when the spec has none. */
static void add_step(const char *before, const int step[2], char *out)
{
    size_t at = strlen(out);

    if (step[0] == step[1] && step[0])
        snprintf(out + at, LT_LABEL_TEXT - at, "%s%d", before, step[0]);
    else
        add_pair(before, step, out);
}

/* "conv 3x3/2 same": kernel, stride, dilation and padding; a stride of 1 (of
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
        add_step("/", s->stride, out);
    if (is_dilated)
        add_step(" dilated ", s->dilation, out);
    if (s->pad == LT_PAD_SAME)
        add_text("same", out);
    if (s->pad == LT_PAD_SIZE)
        add_step(" pad ", s->pad_size, out);
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

/* "decoder 1" */
static void put_place(const lt_net *net, int index, char out[LT_LABEL_TEXT])
{
    bool is_encoder = index < net->n_encoder;

    snprintf(out, LT_LABEL_TEXT, "%s %d", is_encoder ? "encoder" : "decoder",
             index + 1 - (is_encoder ? 0 : net->n_encoder));
}

static void put_name(const lt_net *net, int index, char out[LT_LABEL_TEXT])
{
    char place[LT_LABEL_TEXT];
    int of = net->layers[index].mirror_of, n;

    put_place(net, index, place);
    n = snprintf(out, LT_LABEL_TEXT, "%*d %.40s", net->n_layers < 10 ? 1 : 2,
                 index + 1, place);

    if (of >= 0)
        snprintf(out + n, LT_LABEL_TEXT - (size_t)n, " (%d)", of + 1);
}

const char *lt_net_layer_text(const lt_net *net, int index,
                              char out[LT_LAYER_TEXT])
{
    const lt_layer *l = &net->layers[index];
    bool has_act = lt_layer_has_field(l->ops, "act");
    char place[LT_LABEL_TEXT], kind[LT_LABEL_TEXT], shape[LT_SHAPE_TEXT];

    put_place(net, index, place);
    put_kind(l, kind);
    snprintf(out, LT_LAYER_TEXT, "layer %d (%s: %s %s%s%s)", index + 1, place,
             kind, lt_shape_text(l->out, shape), has_act ? ", " : "",
             has_act ? lt_act_name(l->spec.act) : "");
    return out;
}

static void fill_row(const lt_net *net, int index, summary_row *row)
{
    const lt_layer *l = &net->layers[index];
    size_t own = l->is_borrowed ? 0 : l->weight_count;

    put_name(net, index, row->cell[0]);
    put_kind(l, row->cell[1]);
    lt_shape_text(l->out, row->cell[2]);
    snprintf(row->cell[3], LT_LABEL_TEXT, "%s",
             lt_layer_has_field(l->ops, "act") ? lt_act_name(l->spec.act)
                                               : "-");
    put_count(own + l->bias_count, row->cell[4]);
    snprintf(row->cell[5], LT_LABEL_TEXT, "%s", trains(net, l));
}

/* The table's first two rows. */
static void fill_head(const lt_net *net, summary_row head[2])
{
    static const char *const titles[N_COLUMNS] = {
        "layer (undoes)", "kind", "out", "act", "params", "trains"};
    const char *indent = net->n_layers < 10 ? "  " : "   ";

    memset(head, 0, 2 * sizeof *head);
    for (int c = 0; c < N_COLUMNS; c++)
        snprintf(head[0].cell[c], LT_LABEL_TEXT, "%s%s", c ? "" : indent,
                 titles[c]);
    snprintf(head[1].cell[0], LT_LABEL_TEXT, "%sinput", indent);
    lt_shape_text(net->input, head[1].cell[2]);
}

static void widen(int widths[N_COLUMNS], const summary_row *row)
{
    for (int c = 0; c < N_COLUMNS; c++) {
        int w = (int)strlen(row->cell[c]);

        if (w > widths[c])
            widths[c] = w;
    }
}

/* Names to the left, shapes and counts to the right; no blanks at the end. */
static void put_row(const int widths[N_COLUMNS], const summary_row *row,
                    lt_text *out)
{
    int last = N_COLUMNS - 1;

    while (last > 0 && !row->cell[last][0])
        last--;
    for (int c = 0; c <= last; c++) {
        bool is_number = c == 2 || c == 4;
        int width = is_number ? widths[c] : c < last ? -widths[c] : 0;

        lt_text_addf(out, "%*s%s", width, row->cell[c], c < last ? "  " : "\n");
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
    lt_text_addf(out, ", code %s\n%s parameters, %s trained",
                 lt_shape_text(lt_net_code(net), code), all, trained);
    if (net->n_state) {
        put_count(net->n_state, all);
        lt_text_addf(out, ", %s moving averages", all);
    }
    lt_text_add(out, "\n");
}

/* What the code does not hold. */
static void put_switches(const lt_net *net, lt_text *out)
{
    for (int i = 0; i < net->n_layers; i++)
        if (net->layers[i].ops->needs_partner)
            lt_text_addf(out,
                         "layer %d needs, beside the code, the switches of "
                         "layer %d\n",
                         i + 1, net->layers[i].mirror_of + 1);
}

lt_status lt_net_summary(const lt_net *net, lt_text *out, lt_err *err)
{
    summary_row head[2], row;
    int widths[N_COLUMNS] = {0};

    fill_head(net, head);
    widen(widths, &head[0]);
    widen(widths, &head[1]);
    for (int i = 0; i < net->n_layers; i++) {
        fill_row(net, i, &row);
        widen(widths, &row);
    }
    put_row(widths, &head[0], out);
    put_row(widths, &head[1], out);
    for (int i = 0; i < net->n_layers; i++) {
        fill_row(net, i, &row);
        put_row(widths, &row, out);
    }
    put_totals(net, out);
    put_switches(net, out);
    return lt_err_mark(err, out->failed ? LT_ENOMEM : LT_OK);
}
