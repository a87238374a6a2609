/* Tokens of the filter language; see latent/store/filter.h.
 *
 * A word is a run of letters, digits, _ . - + / : @ % * and bytes above 127,
 * so that test.sse, 1e-3, experiments/tied.lua and 2026-10-01 need no quotes.
 * Whether a word is a name, a number or a text is the parser's business. */
#include "latent/base/mem.h"
#include "store/filter_int.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_word_sign(char c)
{
    return isalnum((unsigned char)c) || (unsigned char)c > 127 ||
           (c && strchr("_.-+/:@%*", c));
}

static void token_word(const char **at, lt__token *out)
{
    while (is_word_sign(**at))
        ++*at;
    out->kind = LT__TOKEN_WORD;
    out->size = (size_t)(*at - out->text);
}

/* The quote is doubled to stand for itself. */
static void token_quoted(const char **at, lt__token *out)
{
    char quote = *(*at)++;

    out->text = *at;
    while (**at && (**at != quote || (*at)[1] == quote))
        *at += **at == quote ? 2 : 1;
    out->size = (size_t)(*at - out->text);
    out->kind = **at ? LT__TOKEN_TEXT : LT__TOKEN_CUT;
    if (**at)
        ++*at;
}

static void token_sign(const char **at, lt__token *out)
{
    static const struct {
        const char *text;
        lt__token_kind kind;
        lt__op op;
    } signs[] = {
        {"==", LT__TOKEN_OP, LT__OP_EQ},   {"!=", LT__TOKEN_OP, LT__OP_NE},
        {"<>", LT__TOKEN_OP, LT__OP_NE},   {"<=", LT__TOKEN_OP, LT__OP_LE},
        {">=", LT__TOKEN_OP, LT__OP_GE},   {"=", LT__TOKEN_OP, LT__OP_EQ},
        {"<", LT__TOKEN_OP, LT__OP_LT},    {">", LT__TOKEN_OP, LT__OP_GT},
        {"~", LT__TOKEN_OP, LT__OP_HAS},   {"(", LT__TOKEN_OPEN, LT__OP_EQ},
        {")", LT__TOKEN_CLOSE, LT__OP_EQ}, {",", LT__TOKEN_COMMA, LT__OP_EQ},
    };

    out->kind = LT__TOKEN_BAD;
    out->size = 1;
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        size_t n = strlen(signs[i].text);

        if (strncmp(*at, signs[i].text, n) == 0) {
            out->kind = signs[i].kind;
            out->op = signs[i].op;
            out->size = n;
            break;
        }
    }
    *at += out->size;
}

void lt__token_next(const char *start, const char **at, lt__token *out)
{
    while (isspace((unsigned char)**at))
        ++*at;
    *out = (lt__token){.text = *at, .column = (int)(*at - start) + 1};
    if (**at == '\0')
        return;
    if (is_word_sign(**at))
        token_word(at, out);
    else if (**at == '\'' || **at == '"')
        token_quoted(at, out);
    else
        token_sign(at, out);
}

bool lt__token_is(const lt__token *t, const char *keyword)
{
    return t->kind == LT__TOKEN_WORD && t->size == strlen(keyword) &&
           strncasecmp(t->text, keyword, t->size) == 0;
}

void lt__token_unquote(const lt__token *t, lt_text *out)
{
    char quote = t->kind == LT__TOKEN_TEXT ? t->text[-1] : '\0';

    lt_text_add_n(out, "", 0);
    for (size_t i = 0; i < t->size; i++) {
        lt_text_add_n(out, t->text + i, 1);
        if (quote && t->text[i] == quote)
            i++;
    }
}

void lt__token_describe(const lt__token *t, char *out, size_t size)
{
    if (t->kind == LT__TOKEN_END)
        snprintf(out, size, "the end");
    else
        snprintf(out, size, "'%.*s'", t->size > 40 ? 40 : (int)t->size,
                 t->text);
}

static bool value_is_number(const char *text, lt_value *out)
{
    char *end;

    if (strspn(text, "0123456789+-.eE") != strlen(text) ||
        !strpbrk(text, "0123456789"))
        return false;
    out->real = strtod(text, &end);
    if (*end != '\0')
        return false;
    out->type = LT_VALUE_REAL;
    if (!strpbrk(text, ".eE") && strlen(text) < 19) {
        out->type = LT_VALUE_INTEGER;
        out->integer = strtoll(text, NULL, 10);
    }
    return true;
}

lt_status lt__token_value(const lt__token *t, lt_value *out, lt_err *err)
{
    lt_text text = {0};

    lt__token_unquote(t, &text);
    if (text.failed) {
        lt_text_deinit(&text);
        return lt_err_mark(err, LT_ENOMEM);
    }
    *out =
        (lt_value){.type = LT_VALUE_TEXT, .text = text.data, .size = text.size};
    if (t->kind == LT__TOKEN_WORD && !value_is_number(text.data, out) &&
        (lt__token_is(t, "true") || lt__token_is(t, "false"))) {
        out->type = LT_VALUE_BLOB;
        out->integer = lt__token_is(t, "true");
    }
    return LT_OK;
}
