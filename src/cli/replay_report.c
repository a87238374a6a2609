/* What latent replay says: whether all values agree, where the first does not,
 * and what differs between the two machines that made them. */
#include "cli/cli_int.h"

#include "latent/store/query.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { HASH_SHOWN = 12 };

static const char *plural(int64_t n)
{
    return n == 1 ? "" : "s";
}

/* Names may come from a stranger's store: none makes a line of its own. */
static void add_name(lt_text *out, const char *name)
{
    for (; *name; name++)
        lt_text_add_n(out, *name == '\n' ? " " : name, 1);
}

static void add_value(lt_text *out, double x)
{
    if (isfinite(x))
        lt_text_addf(out, "%.17g", x);
    else
        lt_text_add(out, isnan(x) ? "nan" : x > 0 ? "inf" : "-inf");
}

/* ---- metrics ---- */

static void add_place(lt_text *out, const lt_logged *at)
{
    lt_text_addf(out, "step %" PRId64, at->step);
    if (!isnan(at->epoch))
        lt_text_addf(out, " (epoch %.6g)", at->epoch);
}

/* "step 40 (epoch 2) of train.loss: stored 1.5, replayed 1.25" */
static void add_first(lt_text *out, const lt_comparison *c)
{
    bool is_extra = c->first == LT_DIFFERENCE_EXTRA;

    lt_text_add(out, "first difference: ");
    add_place(out, is_extra ? &c->b : &c->a);
    lt_text_add(out, " of ");
    add_name(out, lt_text_str(&c->metric));
    lt_text_add(out, ": ");
    switch (c->first) {
    case LT_DIFFERENCE_MISSING:
        lt_text_add(out, "stored ");
        add_value(out, c->a.value);
        lt_text_add(out, ", replayed nothing");
        break;
    case LT_DIFFERENCE_EXTRA:
        lt_text_add(out, "stored nothing, replayed ");
        add_value(out, c->b.value);
        break;
    case LT_DIFFERENCE_PLACE:
        lt_text_addf(out,
                     "value %" PRId64 " was logged at that step, replayed "
                     "at ",
                     c->seq + 1);
        add_place(out, &c->b);
        break;
    default:
        lt_text_add(out, "stored ");
        add_value(out, c->a.value);
        lt_text_add(out, ", replayed ");
        add_value(out, c->b.value);
    }
    lt_text_add(out, "\n");
}

static void add_metrics(lt_text *out, const lt__replayed *r,
                        const lt_comparison *c)
{
    double tolerance = r->opts.tolerance;

    lt_text_addf(out, "run %" PRId64 ": ", r->original.run);
    if (c->n_different > 0) {
        lt_text_addf(out, "different (%" PRId64 " of %" PRId64 " value%s)\n",
                     c->n_different, c->n_values, plural(c->n_values));
        add_first(out, c);
    } else if (tolerance > 0 && c->largest > 0) {
        lt_text_addf(out,
                     "within the tolerance of %g (%" PRId64 " value%s, at most "
                     "%.2g apart)\n",
                     tolerance, c->n_values, plural(c->n_values), c->largest);
    } else {
        lt_text_addf(out, "identical (%" PRId64 " value%s)\n", c->n_values,
                     plural(c->n_values));
    }
    if (r->opts.prefix)
        lt_text_addf(out, "the run is %s: compared is what it has logged\n",
                     r->status);
    if (c->skipped.size) {
        lt_text_add(out, "not compared: ");
        add_name(out, lt_text_str(&c->skipped));
        lt_text_add(out, "\n");
    }
}

/* ---- saved networks ---- */

typedef struct files {
    int n, n_different;
    lt_text names; /* of those that differ */
} files;

static lt_status compare_file(const lt__replayed *r, const lt_value *name,
                              const lt_value *hash, files *f, lt_err *err)
{
    char text[256];
    lt_text found = {0};
    lt_status rc;

    snprintf(text, sizeof text, "%.*s", (int)name->size, name->text);
    rc = lt__ask_text(
        &r->replay, "SELECT sha256 FROM artifacts WHERE run = ?1 AND name = ?2",
        text, &found, err);
    if (rc == LT_OK) {
        f->n++;
        if (found.size != hash->size ||
            memcmp(lt_text_str(&found), hash->text, hash->size) != 0) {
            f->n_different++;
            lt_text_add(&f->names, f->n_different > 1 ? ", " : "");
            add_name(&f->names, text);
            lt_text_add(&f->names, found.size ? "" : " (not saved)");
        }
    }
    lt_text_deinit(&found);
    return rc;
}

static lt_status compare_files(const lt__replayed *r, files *f, lt_err *err)
{
    const lt_value run = {.type = LT_VALUE_INTEGER, .integer = r->original.run};
    lt_query *q = NULL;
    bool row = false;
    lt_status rc =
        lt_query_open(r->original.store,
                      "SELECT name, sha256 FROM artifacts WHERE run = ?1 AND"
                      " kind IN ('network', 'preparation') ORDER BY name",
                      0, &q, err);

    if (rc == LT_OK)
        rc = lt_query_bind(q, 1, &run, err);
    while (rc == LT_OK && (rc = lt_query_next(q, &row, err)) == LT_OK && row) {
        lt_value name, hash;

        lt_query_value(q, 0, &name);
        lt_query_value(q, 1, &hash);
        rc = compare_file(r, &name, &hash, f, err);
    }
    lt_query_close(q);
    return rc;
}

static void add_files(lt_text *out, const files *f)
{
    if (f->n_different > 0)
        lt_text_addf(out, "saved files that differ: %s\n",
                     lt_text_str(&f->names));
    else if (f->n > 0)
        lt_text_addf(out, "saved networks and preparations: identical (%d)\n",
                     f->n);
}

/* ---- divergence ---- */

/* "step 5, layer 2"; empty where there is none, or a store that does not say.
 */
static void ask_divergence(const lt_run_ref *r, lt_text *out)
{
    if (lt__ask_text(r,
                     "SELECT 'step ' || bad_step || coalesce(', layer ' ||"
                     " bad_layer, '') FROM runs WHERE id = ?1",
                     NULL, out, NULL) != LT_OK)
        lt_text_clear(out);
}

/* Whether it is another one. */
static bool add_divergence(lt_text *out, const lt__replayed *r)
{
    lt_text a = {0}, b = {0};
    bool differs;

    ask_divergence(&r->original, &a);
    if (a.size)
        ask_divergence(&r->replay, &b);
    differs = a.size && strcmp(a.data, lt_text_str(&b)) != 0;
    if (differs)
        lt_text_addf(out, "diverged at %s, replayed %s%s\n", a.data,
                     b.size ? "at " : "not at all", lt_text_str(&b));
    else if (a.size)
        lt_text_addf(out, "diverged at %s: identical\n", a.data);
    lt_text_deinit(&a);
    lt_text_deinit(&b);
    return differs;
}

/* ---- the environment ---- */

static void add_change(lt_text *out, const char *what, const lt_text *a,
                       const lt_text *b)
{
    lt_text_addf(out, "  %-17s stored ", what);
    add_name(out, a->size ? lt_text_str(a) : "nothing");
    lt_text_add(out, ", now ");
    add_name(out, b->size ? lt_text_str(b) : "nothing");
    lt_text_add(out, "\n");
}

static lt_status add_environment(const lt__replayed *r, lt_text *out,
                                 lt_err *err)
{
    static const char *const columns[][2] = {
        {"build", "build"},         {"CPU", "cpu"},
        {"BLAS core", "blas_core"}, {"instruction set", "isa"},
        {"system", "system"},       {"threads", "threads"},
    };
    lt_text a = {0}, b = {0}, sql = {0};
    lt_status rc = LT_OK;

    for (size_t i = 0; rc == LT_OK && i < sizeof columns / sizeof *columns;
         i++) {
        lt_text_clear(&sql);
        lt_text_addf(&sql, "SELECT %s FROM runs WHERE id = ?1", columns[i][1]);
        rc = lt__ask_text(&r->original, lt_text_str(&sql), NULL, &a, err);
        if (rc == LT_OK)
            rc = lt__ask_text(&r->replay, lt_text_str(&sql), NULL, &b, err);
        if (rc == LT_OK && strcmp(lt_text_str(&a), lt_text_str(&b)) != 0)
            add_change(out, columns[i][0], &a, &b);
    }
    lt_text_deinit(&a);
    lt_text_deinit(&b);
    lt_text_deinit(&sql);
    return rc;
}

static json_t *parse_data(const lt_text *text)
{
    json_t *data = NULL;

    if (text->size > 0)
        lt_json_parse(text->data, text->size, "data", &data, NULL);
    return data;
}

static const char *hash_of(const json_t *data, const char *part)
{
    const char *hash = json_string_value(
        json_object_get(json_object_get(data, part), "sha256"));

    return hash ? hash : "";
}

/* The sets of the last fit, by the hashes of their values. */
static lt_status add_data(const lt__replayed *r, lt_text *out, lt_err *err)
{
    static const char sql[] = "SELECT data FROM runs WHERE id = ?1";
    static const char *const parts[] = {"train", "test"};
    lt_text a = {0}, b = {0};
    lt_status rc = lt__ask_text(&r->original, sql, NULL, &a, err);

    if (rc == LT_OK)
        rc = lt__ask_text(&r->replay, sql, NULL, &b, err);
    if (rc == LT_OK) {
        json_t *before = parse_data(&a), *after = parse_data(&b);

        for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
            const char *x = hash_of(before, parts[i]);
            const char *y = hash_of(after, parts[i]);

            if (strcmp(x, y) != 0)
                lt_text_addf(out,
                             "  data, %-11s stored sha256 %.*s, now %.*s\n",
                             parts[i], HASH_SHOWN, *x ? x : "nothing",
                             HASH_SHOWN, *y ? y : "nothing");
        }
        json_decref(before);
        json_decref(after);
    }
    lt_text_deinit(&a);
    lt_text_deinit(&b);
    return rc;
}

/* ---- all of it ---- */

static lt_status report(const lt__replayed *r, lt_text *out, bool *differs,
                        lt_err *err)
{
    lt_comparison c = {0};
    lt_text environment = {0};
    files f = {0};
    lt_status rc =
        lt_store_compare_runs(&r->original, &r->replay, &r->opts, &c, err);

    if (rc == LT_OK && strcmp(r->status, "finished") == 0 &&
        r->opts.tolerance == 0)
        rc = compare_files(r, &f, err);
    if (rc == LT_OK)
        rc = add_environment(r, &environment, err);
    if (rc == LT_OK)
        rc = add_data(r, &environment, err);
    if (rc == LT_OK) {
        *differs = c.n_different > 0 || f.n_different > 0;
        add_metrics(out, r, &c);
        *differs |= add_divergence(out, r);
        add_files(out, &f);
        if (environment.size)
            lt_text_addf(out, "other in the environment:\n%s",
                         lt_text_str(&environment));
        else if (*differs)
            lt_text_add(out, "the environment is the same: build, CPU, BLAS "
                             "core, instruction set, threads, data\n");
    }
    lt_comparison_deinit(&c);
    lt_text_deinit(&environment);
    lt_text_deinit(&f.names);
    return rc;
}

int lt__replay_report(const lt__call *call, const lt__replayed *r)
{
    lt_text out = {0};
    lt_err err = {0};
    bool differs = false;
    int status = LT__EXIT_OK;

    if (report(r, &out, &differs, &err) != LT_OK) {
        status = lt__fail(call, &err);
    } else {
        lt__print_visible(stdout, lt_text_str(&out));
        status = differs ? LT__EXIT_DIFFERS : LT__EXIT_OK;
    }
    lt_text_deinit(&out);
    return status;
}
