/* The filter language, on six runs:
 *
 *   id  status    code  tie     rate   deep   note  test.sse
 *   1   finished  2     tied    0.1    true         3 2 4
 *   2   finished  6     tied    0.01   false        1 0.5
 *   3   failed    6     untied  1e-3   true   "6"   nan
 *   4   queued    30    pinv    0.1    (none)
 *   5   finished  30    it's    -1     true   x%y   7 1.5
 *   6   queued    30    tied    0.1    1
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "store_help.h"

#include <math.h>

static const char *const configs[] = {
    "{\"code\":2,\"deep\":true,\"rate\":0.1,\"tie\":\"tied\"}",
    "{\"code\":6,\"deep\":false,\"rate\":0.01,\"tie\":\"tied\"}",
    "{\"code\":6,\"deep\":true,\"note\":\"6\",\"rate\":0.001,"
    "\"tie\":\"untied\"}",
    "{\"code\":30,\"rate\":0.1,\"tie\":\"pinv\"}",
    "{\"code\":30,\"deep\":true,\"note\":\"x%y\",\"rate\":-1.0,"
    "\"tie\":\"it's\"}",
    "{\"code\":30,\"deep\":1,\"rate\":0.1,\"tie\":\"tied\"}",
};

static void log_run(place *p, lt_claim *claim, const double *values, int n)
{
    lt_recorder *r = NULL;

    EXPECT_OK(p, lt_recorder_new(claim, &r, &p->err));
    for (int i = 0; i < n; i++)
        lt_observe_metric(lt_recorder_observer(r), "test.sse", i, i, values[i],
                          NULL);
    EXPECT_OK(p, lt_recorder_close(r, &p->err));
}

/* Runs 1, 2, 3 and 5 are claimed by holding 4 and 6 back a while. */
static void six_runs(place *p)
{
    static const struct {
        double values[3];
        int n;
        lt_run_status status;
    } runs[] = {
        {{3, 2, 4}, 3, LT_RUN_FINISHED},
        {{1, 0.5}, 2, LT_RUN_FINISHED},
        {{NAN}, 1, LT_RUN_FAILED},
        {{7, 1.5}, 2, LT_RUN_FINISHED},
    };

    place_open(p);
    place_queue(p, "mnist-deep", configs, 6);
    EXPECT_OK(p, lt__db_do(p->store, &p->err,
                           "UPDATE run SET status = 'pruned'"
                           " WHERE id IN (4, 6)",
                           ""));
    for (int i = 0; i < 4; i++) {
        lt_claim *claim = place_claim(p);

        log_run(p, claim, runs[i].values, runs[i].n);
        if (i == 1)
            EXPECT_OK(p, lt_claim_tag(claim, "good", &p->err));
        EXPECT_OK(p, lt_claim_end(claim, runs[i].status, "", &p->err));
    }
    EXPECT_OK(p, lt__db_do(p->store, &p->err,
                           "UPDATE run SET status = 'queued'"
                           " WHERE status = 'pruned'",
                           ""));
}

static void expect_runs(place *p, const char *text, const char *ids)
{
    lt_filter *f = NULL;
    char found[64] = "";
    int64_t *runs = NULL;
    int n = 0;

    p->err = (lt_err){0};
    if (lt_filter_compile(p->store, text, &f, &p->err) != LT_OK ||
        lt_filter_runs(f, &runs, &n, &p->err) != LT_OK)
        fail_msg("%s: %s", text, p->err.text);
    for (int i = 0; i < n; i++)
        snprintf(found + strlen(found), sizeof found - strlen(found), "%s%d",
                 i ? " " : "", (int)runs[i]);
    if (strcmp(found, ids) != 0)
        fail_msg("%s: found runs %s, wanted %s", text, found, ids);
    lt_mem_free(runs);
    lt_filter_free(f);
}

static void filter_finds_what_it_says(void **state)
{
    static const char *const cases[][2] = {
        {"", "1 2 3 4 5 6"},
        {"  ", "1 2 3 4 5 6"},
        {"tie=tied", "1 2 6"},
        {"tie == 'tied'", "1 2 6"},
        {"config.tie=tied", "1 2 6"},
        {"tie!=tied", "3 4 5"},
        {"tie<>tied", "3 4 5"},
        {"not tie=tied", "3 4 5"},
        {"NOT tie=tied", "3 4 5"},
        {"not not tie=tied", "1 2 6"},
        {"tie in (tied, pinv)", "1 2 4 6"},
        {"tie not in (tied, pinv)", "3 5"},
        {"tie~ti", "1 2 3 6"},
        {"tie~TI", "1 2 3 6"},
        {"tie='it''s'", "5"},
        {"tie=\"it's\"", "5"},
        {"note~%", "5"},
        {"note~'_'", ""},
        {"code=6", "2 3"},
        {"code>=6", "2 3 4 5 6"},
        {"code>6.5", "4 5 6"},
        {"code in (2, 30)", "1 4 5 6"},
        {"code='6'", ""},
        {"code=six", ""},
        {"code!=six", "1 2 3 4 5 6"},
        {"note=6", ""},
        {"note='6'", "3"},
        {"note!=6", "3 5"},
        {"not note=6", "1 2 3 4 5 6"},
        {"rate=0.1", "1 4 6"},
        {"rate=1e-3", "3"},
        {"rate=.01", "2"},
        {"rate=-1", "5"},
        {"rate<+0.05", "2 3 5"},
        {"deep=true", "1 3 5"},
        {"deep=false", "2"},
        {"deep!=true", "2 6"},
        {"deep=1", "6"},
        {"deep='true'", ""},
        {"deep in (false, 1)", "2 6"},
        {"status=finished", "1 2 5"},
        {"status!=finished", "3 4 6"},
        {"experiment~MNIST", "1 2 3 4 5 6"},
        {"experiment=mnist", ""},
        {"experiment>=mnist", "1 2 3 4 5 6"},
        {"seed<=2", "1 2"},
        {"seed=3 or id=5", "3 5"},
        {"config=6", ""},
        {"script~test.lua and seed=1", "1"},
        {"tag=good", "2"},
        {"tag!=good", "1 3 4 5 6"},
        {"tag~GO", "2"},
        {"started_at>'2000-01-01'", "1 2 3 5"},
        {"seconds>=0", "1 2 3 5"},
        {"not seconds>=0", "4 6"},
        {"test.sse<2", "2 5"},
        {"metric.test.sse<2", "2 5"},
        {"'test.sse'<2", "2 5"},
        {"last(test.sse)=4", "1"},
        {"min(test.sse)<=2", "1 2 5"},
        {"max(test.sse)>3", "1 5"},
        {"first(test.sse)=3", "1"},
        {"test.sse!=4", "2 3 5"},
        {"not test.sse<2", "1 3 4 6"},
        {"test.sse in (4, 0.5)", "1 2"},
        {"tie=tied and code>=6 and test.sse<2 and status=finished", "2"},
        {"(tie in (tied, untied) or not experiment~mnist)"
         " and min(test.sse) < 2.5",
         "1 2"},
        {"code=2 or code=6 and tie=untied", "1 3"},
        {"(code=2 or code=6) and tie=untied", "3"},
        {"not code=2 and tie=tied", "2 6"},
        {"not (code=2 and tie=tied)", "2 3 4 5 6"},
        {"not tie in (tied) and code=6", "3"},
    };
    place p;

    (void)state;
    six_runs(&p);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_runs(&p, cases[i][0], cases[i][1]);
    place_close(&p);
}

static void filter_mistakes_say_where_and_what(void **state)
{
    static const char *const cases[][2] = {
        {"tset.sse<2", "column 1: no column, knob or metric is called "
                       "'tset.sse'; did you mean 'test.sse'?"},
        {"code=6 and stats=x", "column 12: no column, knob or metric is "
                               "called 'stats'; did you mean 'status'?"},
        {"code=6 and tei=tied", "did you mean 'tie'?"},
        {"qwertyuiop=1", "no column, knob or metric in this store"},
        {"config.coed=1", "no knob is called 'coed'; did you mean 'code'?"},
        {"metric.code=1", "no metric"},
        {"min(code)<1", "no metric"},
        {"avg(test.sse)<1", "'avg' is no function"},
        {"status=finnished", "did you mean 'finished'?"},
        {"status=1", "wanted queued, running"},
        {"code", "found the end, wanted one of ="},
        {"code 6", "column 6: found '6', wanted one of ="},
        {"code=", "column 6: found the end, wanted a value"},
        {"code=6 tie=tied", "column 8: found 'tie', wanted 'and'"},
        {"code=6 and", "wanted a name"},
        {"and code=6", "'and'"},
        {"code=6)", "found ')', wanted 'and', 'or' or the end"},
        {"(code=6", "found the end, wanted 'and', 'or' or ')'"},
        {"()", "found ')'"},
        {"tie='tied", "column 5: a quote that does not end"},
        {"tie in tied", "'(' after in"},
        {"tie in ()", "wanted a value"},
        {"tie in (tied,", "wanted a value"},
        {"tie in (tied", "',' or ')'"},
        {"tie not tied", "wanted 'in'"},
        {"min(test.sse<2", "wanted ')'"},
        {"min(", "the name of a metric"},
        {"seed=one", "'seed' is compared with a number, found 'one'"},
        {"seed~1", "'~' looks into text"},
        {"test.sse~1", "'~' looks into text"},
        {"test.sse=low", "is compared with a number, found 'low'"},
        {"deep<true", "takes = and !="},
        {"tag<a", "takes =, != and ~"},
        {"code=6; DROP TABLE run", "column 7: found ';'"},
        {"code=6 -- x", "found '--'"},
        {"((((((((((((((((((code=6))))))))))))))))))", "nested deeper"},
        {"not not not not not not not not not not not not not not not not not "
         "code=6",
         "nested deeper"},
    };
    place p;

    (void)state;
    six_runs(&p);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lt_filter *f = NULL;

        if (lt_filter_compile(p.store, cases[i][0], &f, &p.err) != LT_EINVAL)
            fail_msg("%s: no error", cases[i][0]);
        assert_null(f);
        EXPECT_TEXT(p.err.text, "filter: ");
        EXPECT_TEXT(p.err.text, cases[i][1]);
    }
    place_close(&p);
}

/* Values and names that would do harm if they were pasted into SQL. */
static void filter_values_never_become_sql(void **state)
{
    static const char *const cases[] = {
        "tie='x'' OR 1=1 --'",
        "tie=\"') OR 1=1 --\"",
        "experiment='x\" OR \"\"=\"'",
        "tie~'%'",
        "status~'''; DROP TABLE run; --'",
        "tie in ('a'') OR (1=1', '?1', '?2')",
        "tie='\x01\xff\xfe'",
    };
    static const char *const names[] = {
        "'x\" OR 1=1 --' = 1",
        "'config.x'' OR 1' = 1",
        "min('x) OR 1=1 --') < 1",
    };
    place p;

    (void)state;
    six_runs(&p);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_runs(&p, cases[i], "");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        lt_filter *f = NULL;

        assert_int_equal(lt_filter_compile(p.store, names[i], &f, &p.err),
                         LT_EINVAL);
    }
    EXPECT_SQL(&p, "SELECT count(*) FROM run", "6");
    place_close(&p);
}

static void filter_has_room_for_long_lists_and_says_when_not(void **state)
{
    lt_filter *f = NULL;
    lt_text text = {0};
    place p;

    (void)state;
    six_runs(&p);
    lt_text_add(&text, "code=2");
    for (int i = 0; i < 399; i++)
        lt_text_addf(&text, " or code=%d", 100 + i);
    expect_runs(&p, text.data, "1");
    lt_text_add(&text, " or code=1");
    assert_int_equal(lt_filter_compile(p.store, text.data, &f, &p.err),
                     LT_EINVAL);
    EXPECT_TEXT(p.err.text, "more than 400");
    lt_text_deinit(&text);
    place_close(&p);
}

/* Any bytes: a filter or an error, nothing else. */
static void filter_takes_any_bytes(void **state)
{
    static const char *const parts[] = {
        "tie", "=",   "(",   ")",        "and", "or",   "not",
        "in",  ",",   "6",   "'",        "\"",  "<=",   "~",
        "\t",  "min", "'a'", "test.sse", "!",   "\xc3", "status",
    };
    uint32_t draw = 1;
    place p;

    (void)state;
    six_runs(&p);
    for (int i = 0; i < 3000; i++) {
        lt_filter *f = NULL;
        char text[256] = "";

        for (int j = 0; j < 12; j++) {
            draw = draw * 1664525 + 1013904223;
            strcat(text, parts[(draw >> 16) % (sizeof parts / sizeof *parts)]);
            strcat(text, draw >> 31 ? " " : "");
        }
        if (lt_filter_compile(p.store, text, &f, &p.err) == LT_OK) {
            int64_t *ids = NULL;
            int n = 0;

            if (lt_filter_runs(f, &ids, &n, &p.err) != LT_OK)
                fail_msg("%s: %s", text, p.err.text);
            lt_mem_free(ids);
        }
        lt_filter_free(f);
    }
    place_close(&p);
}

static void expect_table(place *p, const char *filter,
                         const lt_table_spec *spec, const char *wanted)
{
    lt_filter *f = NULL;
    lt_query *q = NULL;
    lt_text out = {0};
    bool row = true;

    EXPECT_OK(p, lt_filter_compile(p->store, filter, &f, &p->err));
    EXPECT_OK(p, lt_filter_table(f, spec, &q, &p->err));
    for (;;) {
        EXPECT_OK(p, lt_query_next(q, &row, &p->err));
        if (!row)
            break;
        for (int i = 0; i < spec->n_columns; i++) {
            lt_value v;

            lt_query_value(q, i, &v);
            if (v.type == LT_VALUE_INTEGER || v.type == LT_VALUE_REAL)
                lt_text_addf(&out, "%g ", v.real);
            else if (v.type == LT_VALUE_BLOB && v.size == 0)
                lt_text_add(&out, "nan ");
            else
                lt_text_addf(&out, "%s ", v.text ? v.text : "-");
        }
        lt_text_add(&out, "| ");
    }
    assert_string_equal(lt_text_str(&out), wanted);
    lt_text_deinit(&out);
    lt_query_close(q);
    lt_filter_free(f);
}

static void filter_table_shows_columns_knobs_and_metrics(void **state)
{
    const char *columns[] = {"id", "tie", "deep", "min(test.sse)", "test.sse"};
    lt_table_spec spec = {.columns = columns, .n_columns = 5};
    lt_filter *f = NULL;
    lt_query *q = NULL;
    place p;

    (void)state;
    six_runs(&p);
    expect_table(&p, "code>2 and deep in (true, false)", &spec,
                 "2 tied false 0.5 0.5 | 3 untied true - nan | "
                 "5 it's true 1.5 1.5 | ");
    spec.n_columns = 1;
    spec.order = "-test.sse";
    expect_table(&p, "", &spec, "1 | 5 | 2 | 3 | 4 | 6 | ");
    spec.order = "test.sse";
    spec.limit = 2;
    expect_table(&p, "", &spec, "2 | 5 | ");
    spec.order = "-code";
    expect_table(&p, "code<10", &spec, "2 | 3 | ");
    EXPECT_OK(&p, lt_filter_compile(p.store, "", &f, &p.err));
    spec.order = "test.ses";
    assert_int_equal(lt_filter_table(f, &spec, &q, &p.err), LT_EINVAL);
    EXPECT_TEXT(p.err.text, "did you mean 'test.sse'?");
    lt_filter_free(f);
    place_close(&p);
}

static void expect_keys(place *p, const char *filter, const char *wanted)
{
    lt_filter *f = NULL;
    lt_query *q = NULL;
    lt_text out = {0};
    bool row = true;

    EXPECT_OK(p, lt_filter_compile(p->store, filter, &f, &p->err));
    EXPECT_OK(p, lt_filter_keys(f, &q, &p->err));
    for (;;) {
        lt_value key, differs, n;

        EXPECT_OK(p, lt_query_next(q, &row, &p->err));
        if (!row)
            break;
        lt_query_value(q, 0, &key);
        lt_query_value(q, 1, &differs);
        lt_query_value(q, 2, &n);
        lt_text_addf(&out, "%s%s%d ", key.text, differs.integer ? "!" : "=",
                     (int)n.integer);
    }
    assert_string_equal(lt_text_str(&out), wanted);
    lt_text_deinit(&out);
    lt_query_close(q);
    lt_filter_free(f);
}

static void filter_keys_tells_which_knobs_differ(void **state)
{
    place p;

    (void)state;
    six_runs(&p);
    expect_keys(&p, "", "code!6 deep!5 note!2 rate!6 tie!6 ");
    expect_keys(&p, "id in (1, 2)", "code!2 deep!2 rate!2 tie=2 ");
    expect_keys(&p, "id in (5, 6)", "code=2 deep!2 note!1 rate!2 tie!2 ");
    expect_keys(&p, "id=4", "code=1 rate=1 tie=1 ");
    place_close(&p);
}

static void expect_found(place *p, const char *text, int64_t wanted)
{
    int64_t run = 0;

    EXPECT_OK(p, lt_store_find_run(p->store, text, &run, &p->err));
    assert_int_equal(run, wanted);
}

static void expect_not_found(place *p, const char *text, lt_status status,
                             const char *part)
{
    int64_t run = 77;

    assert_int_equal(lt_store_find_run(p->store, text, &run, &p->err), status);
    assert_int_equal(run, 77);
    EXPECT_TEXT(p->err.text, part);
}

static void run_is_found_by_id_name_last_and_best(void **state)
{
    place p;

    (void)state;
    six_runs(&p);
    EXPECT_OK(&p, lt__db_do(p.store, &p.err,
                            "UPDATE run SET name = 'abc' WHERE id = 4", ""));
    EXPECT_OK(&p, lt__db_do(p.store, &p.err,
                            "UPDATE run SET name = 'abcde' WHERE id = 6", ""));
    expect_found(&p, "3", 3);
    expect_found(&p, "abc", 4);
    expect_found(&p, "abcd", 6);
    expect_found(&p, "@last", 5);
    expect_found(&p, "@best(test.sse)", 2);
    expect_found(&p, "@best(-test.sse)", 1);
    expect_found(&p, "@best(-max(test.sse))", 5);
    expect_not_found(&p, "ab", LT_EINVAL, "abc, abcde");
    expect_not_found(&p, "99", LT_ENOTFOUND, "99");
    expect_not_found(&p, "99999999999999999999", LT_ENOTFOUND, "99");
    expect_not_found(&p, "zz%", LT_ENOTFOUND, "zz%");
    expect_not_found(&p, "", LT_ENOTFOUND, "no run");
    expect_not_found(&p, "@best", LT_EINVAL, "@best(METRIC)");
    expect_not_found(&p, "@best(tset.sse)", LT_EINVAL, "test.sse");
    expect_not_found(&p, "@best(code)", LT_EINVAL, "not a metric");
    place_close(&p);
    place_open(&p);
    expect_not_found(&p, "@last", LT_ENOTFOUND, "no runs");
    place_close(&p);
}

static void filter_fails_cleanly_without_memory(void **state)
{
    static const char text[] = "tie in (tied, 'x') and min(test.sse)<2";
    place p;

    (void)state;
    six_runs(&p);
    for (int i = 0;; i++) {
        lt_filter *f = NULL;
        lt_status rc;

        lt_mem_fail_after(i);
        rc = lt_filter_compile(p.store, text, &f, NULL);
        lt_mem_fail_after(-1);
        if (rc == LT_OK) {
            lt_filter_free(f);
            assert_true(i > 20);
            break;
        }
        assert_int_equal(rc, LT_ENOMEM);
        assert_null(f);
    }
    place_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filter_finds_what_it_says),
        cmocka_unit_test(filter_mistakes_say_where_and_what),
        cmocka_unit_test(filter_values_never_become_sql),
        cmocka_unit_test(filter_has_room_for_long_lists_and_says_when_not),
        cmocka_unit_test(filter_takes_any_bytes),
        cmocka_unit_test(filter_table_shows_columns_knobs_and_metrics),
        cmocka_unit_test(filter_keys_tells_which_knobs_differ),
        cmocka_unit_test(run_is_found_by_id_name_last_and_best),
        cmocka_unit_test(filter_fails_cleanly_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
