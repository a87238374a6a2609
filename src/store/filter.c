/* Filters: a text in, an SQL condition and its bound values out; see
 * latent/store/filter.h.
 *
 * Recursive descent, SQL written as the text is read:
 *
 *   or   := and { "or" and }          and := not { "and" not }
 *   not  := "not" not | "(" or ")" | term
 *   term := ref (op value | ["not"] "in" "(" value { "," value } ")")
 *   ref  := name | function "(" name ")"
 *
 * A term is true or false, never unknown: a comparison with what a run does
 * not have is false, so that `not x<2` takes the runs without x, and `x!=2`
 * does not. Nesting and the number of terms are bounded below SQLite's own
 * limits, so that no filter fails late. */
#include "latent/store/filter.h"

#include "latent/base/mem.h"
#include "latent/base/suggest.h"
#include "store/filter_int.h"

#include <string.h>

#define MAX_DEPTH 16
#define MAX_TERMS 400

typedef struct parser {
    lt_filter *filter;
    const char *text, *at;
    lt__token token; /* the next one */
    int depth, n_terms;
    lt_err *err;
} parser;

static const char *const op_sql[] = {"=", "!=", "<", "<=", ">", ">=", "~"};

static lt_status parse_or(parser *p);

/* ---- helpers ---- */

static void parser_move(parser *p)
{
    lt__token_next(p->text, &p->at, &p->token);
}

static lt_status parser_fail(parser *p, const char *wanted)
{
    char found[64];

    if (p->token.kind == LT__TOKEN_CUT)
        return lt_err_set(p->err, LT_EINVAL,
                          "column %d: a quote that does not end",
                          p->token.column);
    lt__token_describe(&p->token, found, sizeof found);
    return lt_err_set(p->err, LT_EINVAL, "column %d: found %s, wanted %s",
                      p->token.column, found, wanted);
}

/* Takes over the value's text; gives the number of its '?'. */
static lt_status filter_keep(lt_filter *f, const lt_value *v, int *number)
{
    if (f->n_values == f->capacity) {
        int capacity = f->capacity ? 2 * f->capacity : 16;
        lt_value *values =
            lt_mem_grow(f->values, (size_t)capacity, sizeof *values);

        if (!values) {
            lt_mem_free((char *)(uintptr_t)v->text);
            return LT_ENOMEM;
        }
        f->values = values;
        f->capacity = capacity;
    }
    f->values[f->n_values++] = *v;
    *number = f->n_values;
    return LT_OK;
}

/* ---- terms as SQL; ?number is the value ---- */

typedef struct term {
    lt__ref ref;
    lt__op op;
    lt__token where; /* of the value */
    lt_value_type type;
    int number;
    bool truth; /* of a boolean value */
    const char *text;
} term;

static lt_status term_fail(parser *p, const term *t, const char *wanted)
{
    return lt_err_set(p->err, LT_EINVAL, "column %d: '%s' %s, found '%s'",
                      t->where.column, t->ref.name->text, wanted, t->text);
}

static bool type_is_number(lt_value_type type)
{
    return type == LT_VALUE_INTEGER || type == LT_VALUE_REAL;
}

static lt_status emit_number_column(parser *p, const term *t)
{
    lt_text *sql = &p->filter->where;

    if (!type_is_number(t->type))
        return term_fail(p, t, "is compared with a number");
    if (t->op == LT__OP_HAS)
        return term_fail(p, t, "is a number, '~' looks into text");
    lt_text_addf(sql, "(r.\"%s\" %s ?%d) IS TRUE", t->ref.name->text,
                 op_sql[t->op], t->number);
    return LT_OK;
}

static lt_status check_status(parser *p, const term *t)
{
    const char *names[LT_RUN_STATUS_COUNT], *near;

    if (strcmp(t->ref.name->text, "status") != 0 || t->op > LT__OP_NE ||
        lt_run_status_find(t->text) >= 0)
        return LT_OK;
    for (int i = 0; i < LT_RUN_STATUS_COUNT; i++)
        names[i] = lt_run_status_name((lt_run_status)i);
    near = lt_suggest(t->text, names, LT_RUN_STATUS_COUNT);
    return lt_err_set(p->err, LT_EINVAL,
                      "column %d: no status is called '%s'; %s%s%s",
                      t->where.column, t->text,
                      near ? "did you mean '"
                           : "wanted queued, running, "
                             "finished, failed, diverged, "
                             "interrupted, lost or pruned",
                      near ? near : "", near ? "'?" : "");
}

/* Numbers that a text column is compared with are meant as they are written. */
static lt_status emit_text_column(parser *p, const term *t)
{
    lt_text *sql = &p->filter->where;
    const char *column = t->ref.name->text;

    LT_TRY(check_status(p, t));
    p->filter->values[t->number - 1].type = LT_VALUE_TEXT;
    if (t->op == LT__OP_HAS)
        lt_text_addf(sql, "(instr(lower(r.\"%s\"), lower(?%d)) > 0) IS TRUE",
                     column, t->number);
    else
        lt_text_addf(sql, "(r.\"%s\" %s ?%d) IS TRUE", column, op_sql[t->op],
                     t->number);
    return LT_OK;
}

static lt_status emit_tag(parser *p, const term *t)
{
    lt_text *sql = &p->filter->where;

    if (t->op != LT__OP_EQ && t->op != LT__OP_NE && t->op != LT__OP_HAS)
        return term_fail(p, t, "takes =, != and ~ only");
    p->filter->values[t->number - 1].type = LT_VALUE_TEXT;
    lt_text_addf(sql, "%sEXISTS (SELECT 1 FROM tag t WHERE t.run = r.id AND ",
                 t->op == LT__OP_NE ? "NOT " : "");
    lt_text_addf(sql,
                 t->op == LT__OP_HAS ? "instr(lower(t.tag), lower(?%d)) > 0)"
                                     : "t.tag = ?%d)",
                 t->number);
    return LT_OK;
}

/* A value of another type is not equal and has no order. */
static lt_status emit_param(parser *p, const term *t)
{
    lt_text *sql = &p->filter->where;
    const char *op = t->op == LT__OP_NE ? "=" : op_sql[t->op];

    if (t->op == LT__OP_HAS)
        p->filter->values[t->number - 1].type = LT_VALUE_TEXT;
    if (t->type == LT_VALUE_BLOB && t->op > LT__OP_NE)
        return term_fail(p, t, "takes = and != with true and false");
    lt_text_addf(sql,
                 "EXISTS (SELECT 1 FROM param p WHERE p.key = %lld"
                 " AND p.run = r.id AND %s(",
                 (long long)t->ref.name->id, t->op == LT__OP_NE ? "NOT " : "");
    if (t->op == LT__OP_HAS)
        lt_text_addf(sql,
                     "p.type NOT IN ('integer', 'real', 'true', 'false')"
                     " AND instr(lower(p.value), lower(?%d)) > 0",
                     t->number);
    else if (t->type == LT_VALUE_BLOB)
        lt_text_addf(sql, "p.type = '%s'", t->truth ? "true" : "false");
    else
        lt_text_addf(
            sql,
            "p.type %sIN ('integer', 'real', 'true', 'false', 'null')"
            "%s AND p.value %s ?%d",
            type_is_number(t->type) ? "" : "NOT ",
            type_is_number(t->type) ? " AND p.type IN ('integer', 'real')" : "",
            op, t->number);
    lt_text_add(sql, "))");
    return LT_OK;
}

static lt_status emit_metric(parser *p, const term *t)
{
    if (!type_is_number(t->type))
        return term_fail(p, t, "is compared with a number");
    if (t->op == LT__OP_HAS)
        return term_fail(p, t, "is a number, '~' looks into text");
    lt_text_addf(&p->filter->where,
                 "EXISTS (SELECT 1 FROM series m WHERE m.run = r.id"
                 " AND m.name = %lld AND m.\"%s\" %s ?%d)",
                 (long long)t->ref.name->id, t->ref.part,
                 t->op == LT__OP_NE ? "IS NOT" : op_sql[t->op], t->number);
    return LT_OK;
}

static lt_status term_emit(parser *p, const term *t)
{
    if (++p->n_terms > MAX_TERMS)
        return lt_err_set(p->err, LT_EINVAL,
                          "column %d: more than %d comparisons",
                          t->where.column, MAX_TERMS);
    switch (t->ref.name->kind) {
    case LT__REF_TAG:
        return emit_tag(p, t);
    case LT__REF_PARAM:
        return emit_param(p, t);
    case LT__REF_METRIC:
        return emit_metric(p, t);
    case LT__REF_COLUMN:
        break;
    }
    return t->ref.name->is_number ? emit_number_column(p, t)
                                  : emit_text_column(p, t);
}

/* ---- the grammar ---- */

static lt_status parse_value(parser *p, term *t)
{
    lt_value v;

    if (p->token.kind != LT__TOKEN_WORD && p->token.kind != LT__TOKEN_TEXT)
        return parser_fail(p, "a value");
    LT_TRY(lt__token_value(&p->token, &v, p->err));
    t->where = p->token;
    t->type = v.type;
    t->truth = v.integer != 0;
    t->text = v.text;
    if (filter_keep(p->filter, &v, &t->number) != LT_OK)
        return lt_err_mark(p->err, LT_ENOMEM);
    parser_move(p);
    return term_emit(p, t);
}

static lt_status parse_list(parser *p, term *t)
{
    lt_text *sql = &p->filter->where;

    if (p->token.kind != LT__TOKEN_OPEN)
        return parser_fail(p, "'(' after in");
    lt_text_add(sql, "(");
    t->op = LT__OP_EQ;
    do {
        parser_move(p);
        LT_TRY(parse_value(p, t));
        if (p->token.kind == LT__TOKEN_COMMA)
            lt_text_add(sql, " OR ");
    } while (p->token.kind == LT__TOKEN_COMMA);
    if (p->token.kind != LT__TOKEN_CLOSE)
        return parser_fail(p, "',' or ')'");
    lt_text_add(sql, ")");
    parser_move(p);
    return LT_OK;
}

static lt_status parse_ref(parser *p, lt__ref *out)
{
    lt__token first = p->token, name;

    if (first.kind != LT__TOKEN_WORD && first.kind != LT__TOKEN_TEXT)
        return parser_fail(p, "a name, 'not' or '('");
    parser_move(p);
    if (first.kind == LT__TOKEN_TEXT || p->token.kind != LT__TOKEN_OPEN)
        return lt__names_find(&p->filter->names, NULL, &first, out, p->err);
    parser_move(p);
    name = p->token;
    if (name.kind != LT__TOKEN_WORD && name.kind != LT__TOKEN_TEXT)
        return parser_fail(p, "the name of a metric");
    LT_TRY(lt__names_find(&p->filter->names, &first, &name, out, p->err));
    parser_move(p);
    if (p->token.kind != LT__TOKEN_CLOSE)
        return parser_fail(p, "')'");
    parser_move(p);
    return LT_OK;
}

static lt_status parse_term(parser *p)
{
    term t = {0};
    bool is_not;

    LT_TRY(parse_ref(p, &t.ref));
    if (p->token.kind == LT__TOKEN_OP) {
        t.op = p->token.op;
        parser_move(p);
        return parse_value(p, &t);
    }
    is_not = lt__token_is(&p->token, "not");
    if (is_not) {
        lt_text_add(&p->filter->where, "NOT ");
        parser_move(p);
    }
    if (!lt__token_is(&p->token, "in"))
        return parser_fail(p,
                           is_not ? "'in'" : "one of = != < <= > >= ~ or 'in'");
    parser_move(p);
    return parse_list(p, &t);
}

static lt_status parse_not(parser *p)
{
    lt_text *sql = &p->filter->where;
    lt_status rc = LT_OK;

    if (++p->depth > MAX_DEPTH)
        return lt_err_set(p->err, LT_EINVAL, "column %d: nested deeper than %d",
                          p->token.column, MAX_DEPTH);
    if (lt__token_is(&p->token, "not")) {
        lt_text_add(sql, "NOT ");
        parser_move(p);
        rc = parse_not(p);
    } else if (p->token.kind == LT__TOKEN_OPEN) {
        lt_text_add(sql, "(");
        parser_move(p);
        LT_TRY(parse_or(p));
        if (p->token.kind != LT__TOKEN_CLOSE)
            return parser_fail(p, "'and', 'or' or ')'");
        lt_text_add(sql, ")");
        parser_move(p);
    } else {
        rc = parse_term(p);
    }
    p->depth--;
    return rc;
}

static lt_status parse_and(parser *p)
{
    LT_TRY(parse_not(p));
    while (lt__token_is(&p->token, "and")) {
        lt_text_add(&p->filter->where, " AND ");
        parser_move(p);
        LT_TRY(parse_not(p));
    }
    return LT_OK;
}

static lt_status parse_or(parser *p)
{
    LT_TRY(parse_and(p));
    while (lt__token_is(&p->token, "or")) {
        lt_text_add(&p->filter->where, " OR ");
        parser_move(p);
        LT_TRY(parse_and(p));
    }
    return LT_OK;
}

static lt_status parse_all(parser *p)
{
    parser_move(p);
    if (p->token.kind == LT__TOKEN_END) {
        lt_text_add(&p->filter->where, "TRUE");
        return LT_OK;
    }
    LT_TRY(parse_or(p));
    if (p->token.kind != LT__TOKEN_END)
        return parser_fail(p, "'and', 'or' or the end");
    return LT_OK;
}

/* ---- the filter ---- */

lt_status lt_filter_compile(lt_store *store, const char *text, lt_filter **out,
                            lt_err *err)
{
    lt_filter *f = lt_mem_zero(1, sizeof *f);
    lt_err own = {0};
    parser p = {.filter = f, .text = text ? text : "", .err = &own};
    lt_status rc;

    if (!f)
        return lt_err_mark(err, LT_ENOMEM);
    p.at = p.text;
    f->store = store;
    rc = lt__names_load(&f->names, store, &own);
    if (rc == LT_OK) {
        rc = parse_all(&p);
        if (rc == LT_EINVAL)
            lt_err_prefix(&own, "filter");
    }
    if (rc == LT_OK && f->where.failed)
        rc = lt_err_mark(&own, LT_ENOMEM);
    if (rc != LT_OK) {
        lt_filter_free(f);
        return lt_err_set(err, rc, "%s", own.text);
    }
    *out = f;
    return LT_OK;
}

void lt_filter_free(lt_filter *f)
{
    if (!f)
        return;
    for (int i = 0; i < f->n_values; i++)
        lt_mem_free((char *)(uintptr_t)f->values[i].text);
    lt_mem_free(f->values);
    lt_text_deinit(&f->where);
    lt__names_deinit(&f->names);
    lt_mem_free(f);
}
