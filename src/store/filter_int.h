/* Shared by the filter's files: tokens, names, and the SQL being made. */
#ifndef LT_FILTER_INT_H
#define LT_FILTER_INT_H

#include "latent/store/filter.h"

/* ---- filter_lex.c ---- */

typedef enum lt__token_kind {
    LT__TOKEN_END,
    LT__TOKEN_WORD, /* a name, a number, a bare value, and, or, not, in */
    LT__TOKEN_TEXT, /* 'quoted' or "quoted" */
    LT__TOKEN_OP,
    LT__TOKEN_OPEN,
    LT__TOKEN_CLOSE,
    LT__TOKEN_COMMA,
    LT__TOKEN_BAD, /* a sign that has no place in a filter */
    LT__TOKEN_CUT, /* a quote that does not end */
} lt__token_kind;

typedef enum lt__op {
    LT__OP_EQ,
    LT__OP_NE,
    LT__OP_LT,
    LT__OP_LE,
    LT__OP_GT,
    LT__OP_GE,
    LT__OP_HAS, /* ~ */
} lt__op;

typedef struct lt__token {
    lt__token_kind kind;
    lt__op op;
    const char *text; /* as written; inside the quotes */
    size_t size;
    int column; /* from 1, in bytes */
} lt__token;

/* Reads one token at *at and moves on. */
void lt__token_next(const char *start, const char **at, lt__token *out);
/* A WORD that is `keyword`, in any case. */
bool lt__token_is(const lt__token *t, const char *keyword);
/* The text with doubled quotes made single, appended. */
void lt__token_unquote(const lt__token *t, lt_text *out);
/* What the token is, for a message: "'and'", "the end". */
void lt__token_describe(const lt__token *t, char *out, size_t size);

/* INTEGER, REAL, TEXT; BLOB stands for a boolean, in `integer`. The text of a
 * word is kept as well (`text`, the caller's). */
lt_status lt__token_value(const lt__token *t, lt_value *out, lt_err *err);

/* ---- filter_name.c ---- */

typedef enum lt__ref_kind {
    LT__REF_COLUMN,
    LT__REF_TAG,
    LT__REF_PARAM,
    LT__REF_METRIC,
} lt__ref_kind;

typedef struct lt__name {
    char *text;
    lt__ref_kind kind;
    int64_t id; /* of a param's or a metric's name */
    bool is_number;
} lt__name;

/* All that a filter may name: columns first, then knobs, then metrics. */
typedef struct lt__names {
    lt__name *items;
    int n, capacity;
} lt__names;

typedef struct lt__ref {
    const lt__name *name; /* borrowed from the names */
    const char *part;     /* of a metric: "last", "min", "max", "first" */
} lt__ref;

lt_status lt__names_load(lt__names *names, lt_store *store, lt_err *err);
void lt__names_deinit(lt__names *names);

/* `function` NULL for a bare name; it and `name` are tokens of the text. */
lt_status lt__names_find(const lt__names *names, const lt__token *function,
                         const lt__token *name, lt__ref *out, lt_err *err);
/* A whole text: "tie", "min(test.sse)". */
lt_status lt__names_parse(const lt__names *names, const char *text,
                          lt__ref *out, lt_err *err);

/* The value of a reference as an SQL expression over `runs` as r. */
void lt__ref_emit(const lt__ref *ref, lt_text *sql);

/* ---- filter.c ---- */

struct lt_filter {
    lt_store *store;
    lt__names names;
    lt_text where;    /* an SQL condition over `runs` as r */
    lt_value *values; /* bound to its ?1, ?2, ...; texts are the filter's */
    int n_values, capacity;
};

#endif
