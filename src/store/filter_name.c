/* Names of the filter language: what the store knows, which one is meant, and
 * its value as SQL; see latent/store/filter.h.
 *
 * A name is a column of `runs`, else a knob, else a metric. No text of the
 * user reaches SQL: a column comes from the view's own list, knobs and
 * metrics are their numbers. */
#include "latent/base/mem.h"
#include "latent/base/suggest.h"
#include "store/filter_int.h"
#include "store/store_int.h"

#include <stdio.h>
#include <string.h>

/* ---- the list ---- */

static lt_status names_add(lt__names *names, const char *text,
                           lt__ref_kind kind, int64_t id, bool is_number)
{
    lt__name *name;

    if (names->n == names->capacity) {
        int capacity = names->capacity ? 2 * names->capacity : 64;

        name = lt_mem_grow(names->items, (size_t)capacity, sizeof *name);
        if (!name)
            return LT_ENOMEM;
        names->items = name;
        names->capacity = capacity;
    }
    name = &names->items[names->n];
    *name = (lt__name){lt_mem_strdup(text), kind, id, is_number};
    if (!name->text)
        return LT_ENOMEM;
    names->n++;
    return LT_OK;
}

/* A column made by an expression (times, tags) has no declared type: text. */
static lt_status names_columns(lt__names *names, lt_store *s, lt_err *err)
{
    sqlite3_stmt *stmt = NULL;
    lt_status rc;

    LT_TRY(lt__db_open(s, &stmt, err, "SELECT * FROM runs", ""));
    rc = names_add(names, "tag", LT__REF_TAG, 0, false);
    for (int i = 0; rc == LT_OK && i < sqlite3_column_count(stmt); i++) {
        const char *type = sqlite3_column_decltype(stmt, i);

        rc = names_add(names, sqlite3_column_name(stmt, i), LT__REF_COLUMN, 0,
                       type && (sqlite3_stricmp(type, "INTEGER") == 0 ||
                                sqlite3_stricmp(type, "REAL") == 0));
    }
    sqlite3_finalize(stmt);
    return lt_err_mark(err, rc);
}

static lt_status names_table(lt__names *names, lt_store *s, const char *sql,
                             lt__ref_kind kind, lt_err *err)
{
    sqlite3_stmt *stmt = NULL;
    bool row = true;
    lt_status rc;

    LT_TRY(lt__db_open(s, &stmt, err, sql, ""));
    while ((rc = lt__db_next(s, stmt, &row, err)) == LT_OK && row) {
        rc = names_add(names, lt__db_text(stmt, 0), kind,
                       sqlite3_column_int64(stmt, 1), kind == LT__REF_METRIC);
        if (rc != LT_OK)
            break;
    }
    sqlite3_finalize(stmt);
    return lt_err_mark(err, rc);
}

lt_status lt__names_load(lt__names *names, lt_store *store, lt_err *err)
{
    LT_TRY(names_columns(names, store, err));
    LT_TRY(names_table(names, store,
                       "SELECT name, id FROM param_name ORDER BY name",
                       LT__REF_PARAM, err));
    return names_table(names, store,
                       "SELECT name, id FROM metric_name ORDER BY name",
                       LT__REF_METRIC, err);
}

void lt__names_deinit(lt__names *names)
{
    for (int i = 0; i < names->n; i++)
        lt_mem_free(names->items[i].text);
    lt_mem_free(names->items);
    *names = (lt__names){0};
}

/* ---- which one is meant ---- */

#define ANY_KIND (-1)

static const lt__name *names_look(const lt__names *names, const char *text,
                                  int kind)
{
    for (int i = 0; i < names->n; i++)
        if (strcmp(names->items[i].text, text) == 0 &&
            (kind == ANY_KIND || (int)names->items[i].kind == kind))
            return &names->items[i];
    return NULL;
}

static const char *names_suggest(const lt__names *names, const char *text,
                                 int kind)
{
    const char **all = lt_mem_alloc((size_t)names->n, sizeof *all);
    const char *best = NULL;
    size_t n = 0;

    if (!all)
        return NULL;
    for (int i = 0; i < names->n; i++)
        if (kind == ANY_KIND || (int)names->items[i].kind == kind)
            all[n++] = names->items[i].text;
    best = lt_suggest(text, all, n);
    lt_mem_free(all);
    return best;
}

/* `column` 0: the name does not stand in a longer text. */
static lt_status names_fail(const lt__names *names, const char *text, int kind,
                            int column, lt_err *err)
{
    const char *what = kind == LT__REF_METRIC  ? "metric"
                       : kind == LT__REF_PARAM ? "knob"
                                               : "column, knob or metric";
    const char *near = names_suggest(names, text, kind);

    if (near)
        lt_err_set(err, LT_EINVAL, "no %s is called '%s'; did you mean '%s'?",
                   what, text, near);
    else
        lt_err_set(err, LT_EINVAL, "no %s in this store is called '%s'", what,
                   text);
    return column > 0 && err ? lt_err_prefix(err, "column %d", column)
                             : LT_EINVAL;
}

static lt_status names_resolve(const lt__names *names, const char *text,
                               int kind, int column, const lt__name **out,
                               lt_err *err)
{
    const lt__name *found = names_look(names, text, kind);

    if (!found && kind != LT__REF_PARAM && strncmp(text, "metric.", 7) == 0) {
        text += 7;
        found = names_look(names, text, kind = LT__REF_METRIC);
    } else if (!found && kind == ANY_KIND && strncmp(text, "config.", 7) == 0) {
        text += 7;
        found = names_look(names, text, kind = LT__REF_PARAM);
    }
    if (!found)
        return names_fail(names, text, kind, column, err);
    *out = found;
    return LT_OK;
}

static const char *part_find(const lt__token *function)
{
    static const char *const parts[] = {"last", "min", "max", "first"};

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (lt__token_is(function, parts[i]))
            return parts[i];
    return NULL;
}

lt_status lt__names_find(const lt__names *names, const lt__token *function,
                         const lt__token *name, lt__ref *out, lt_err *err)
{
    const char *part = function ? part_find(function) : "last";
    lt_text text = {0};
    lt_status rc;

    if (!part)
        return lt_err_set(err, LT_EINVAL,
                          "'%.*s' is no function; wanted first, last, min or "
                          "max",
                          (int)function->size, function->text);
    lt__token_unquote(name, &text);
    rc = text.failed ? lt_err_mark(err, LT_ENOMEM)
                     : names_resolve(names, text.data,
                                     function ? LT__REF_METRIC : ANY_KIND,
                                     name->column, &out->name, err);
    out->part = part;
    lt_text_deinit(&text);
    return rc;
}

lt_status lt__names_parse(const lt__names *names, const char *text,
                          lt__ref *out, lt_err *err)
{
    const char *at = text;
    lt__token t[5];

    for (int i = 0; i < 5; i++) {
        lt__token_next(text, &at, &t[i]);
        t[i].column = 0;
    }
    if ((t[0].kind == LT__TOKEN_WORD || t[0].kind == LT__TOKEN_TEXT) &&
        t[1].kind == LT__TOKEN_END)
        return lt__names_find(names, NULL, &t[0], out, err);
    if (t[0].kind == LT__TOKEN_WORD && t[1].kind == LT__TOKEN_OPEN &&
        (t[2].kind == LT__TOKEN_WORD || t[2].kind == LT__TOKEN_TEXT) &&
        t[3].kind == LT__TOKEN_CLOSE && t[4].kind == LT__TOKEN_END)
        return lt__names_find(names, &t[0], &t[2], out, err);
    return lt_err_set(err, LT_EINVAL,
                      "'%s': wanted a column, a knob, a metric, or such as "
                      "min(METRIC)",
                      text);
}

void lt__ref_emit(const lt__ref *ref, lt_text *sql)
{
    const lt__name *name = ref->name;

    switch (name->kind) {
    case LT__REF_COLUMN:
        lt_text_addf(sql, "r.\"%s\"", name->text);
        break;
    case LT__REF_TAG:
        lt_text_add(sql, "r.tags");
        break;
    case LT__REF_PARAM:
        lt_text_addf(sql,
                     "(SELECT CASE WHEN p.type IN ('true', 'false')"
                     " THEN p.type ELSE p.value END FROM param p"
                     " WHERE p.key = %lld AND p.run = r.id)",
                     (long long)name->id);
        break;
    case LT__REF_METRIC:
        lt_text_addf(sql,
                     "(SELECT m.\"%s\" FROM series m"
                     " WHERE m.run = r.id AND m.name = %lld)",
                     ref->part, (long long)name->id);
        break;
    }
}
