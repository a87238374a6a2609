/* Figures from Lua tables: what is drawn, and what a wrong field is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "bind/bind_int.h"

#include <lualib.h>

static int open_lua(void **state)
{
    lua_State *L = luaL_newstate();

    if (!L)
        return -1;
    luaL_openlibs(L);
    luaL_requiref(L, "plot", lt__open_plot, 1);
    lua_settop(L, 0);
    *state = L;
    return 0;
}

static int close_lua(void **state)
{
    lua_close(*state);
    return 0;
}

/* The value of `code`, a chunk that returns text, or its error. */
static const char *text_of(lua_State *L, const char *code)
{
    lua_settop(L, 0);
    if (luaL_dostring(L, code) != LUA_OK)
        return lua_tostring(L, -1);
    assert_int_equal(lua_type(L, 1), LUA_TSTRING);
    return lua_tostring(L, 1);
}

static void expect(lua_State *L, const char *code, const char *part)
{
    const char *text = text_of(L, code);

    if (!strstr(text, part))
        fail_msg("%s\ngave: %s\nwanted: %s", code, text, part);
}

static void table_becomes_a_script(void **state)
{
    lua_State *L = *state;

    expect(L,
           "return plot.script{title='T', panels={{title='P',"
           " x={label='epoch', log=true}, y={label='loss', range={0, 5}},"
           " series={{label='a', x={1,2,3}, y={1,2,3}, color=2, dash=2},"
           " {mark='band', x={1,2}, low={0,0}, high={1,1}},"
           " {mark='bars', x={1}, y={2}, low={1}, high={3}},"
           " {mark='text', label='here', x={1}, y={2}}}}}}",
           "yrange [0:5]");
    expect(L,
           "return plot.script({panels={{series={{x={1,2}, y={3,4},"
           " label='it', color=2}}}}}, 'pdf')",
           "#d55e00");
    expect(L,
           "return plot.script{panels={{tiles={rows=1, cols=2, height=1,"
           " width=2, values={0,1,1,0}, low=0, high=1,"
           " captions={'x', false}}}}}",
           "PIXELS");
}

static void wrong_fields_are_named(void **state)
{
    static const struct {
        const char *figure, *message;
    } cases[] = {
        {"{}", "panels: wanted a list"},
        {"{titel='x', panels={}}", "did you mean \"title\"?"},
        {"{title=1, panels={}}", "title: wanted a text"},
        {"{panels={}}", "no panels"},
        {"{panels={7}}", "panels[1]: wanted a table"},
        {"{columns=0, panels={}}", "columns: wanted a number from 1"},
        {"{columns=1.5, panels={}}", "columns: wanted a whole number"},
        {"{width=-1, panels={}}", "width: wanted a number"},
        {"{panels={{series={{y={1}}}}}}", "panels[1].series[1]: x is missing"},
        {"{panels={{series={{x={1,2}, y={1}}}}}}", "as many numbers as x"},
        {"{panels={{series={{x={1}, y={'a'}}}}}}",
         "panels[1].series[1].y: wanted numbers only"},
        {"{panels={{}, {series={{x={1}, y={1}, mark='dots'}}}}}",
         "panels[2].series[1].mark: wanted line"},
        {"{panels={{series={{x={1}, mark='band'}}}}}", "low, high: wanted"},
        {"{panels={{series={{x={1}, y={1}, colour=2}}}}}",
         "did you mean \"color\"?"},
        {"{panels={{series={{x={1}, y={1}, color=0}}}}}", "color: wanted"},
        {"{panels={{x={range={2, 1}}}}}", "range: wanted {low, high}"},
        {"{panels={{x={range={1, 0/0}}}}}", "range: wanted {low, high}"},
        {"{panels={{y={categories={'a'}}}}}", "only for x"},
        {"{panels={{x={categories={'a', 1}}}}}", "wanted texts only"},
        {"{panels={{tiles={}}}}", "panels[1].tiles.rows: wanted a number"},
        {"{panels={{tiles={rows=1, cols=1, height=2, width=2, low=0, high=1,"
         " values={1}}}}}",
         "rows * cols * height * width"},
        {"{panels={{tiles={rows=1, cols=1, height=1, width=1, low=1, high=1,"
         " values={1}}}}}",
         "wanted low < high"},
        {"{panels={{tiles={rows=1, cols=1, height=1, width=1, low=0, high=1,"
         " values={1}, captions={'a', 'b'}}}}}",
         "captions: wrong number of texts"},
        {"{panels={{tiles={rows=9999, cols=9999, height=9999, width=9999,"
         " low=0, high=1, values={1}}}}}",
         "rows * cols * height * width"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char code[600];

        snprintf(code, sizeof code, "return plot.script(%s)", cases[i].figure);
        expect(*state, code, cases[i].message);
    }
}

static void bad_file_name_is_an_error(void **state)
{
    expect(*state, "return plot.render({panels={{}}}, {path='/nowhere/a.jpg'})",
           "wanted .svg, .png or .pdf");
}

static void failing_drawing_is_a_message(void **state)
{
    expect(
        *state,
        "local f = {panels={{series={{x={1,2}, y={1,2}}}}}}\n"
        "local ok, message, name = plot.render(f, {path='/no/where/a.svg'})\n"
        "return tostring(ok) .. name .. message",
        "nilEIO");
}

static void terminal_drawing_is_text(void **state)
{
    if (system("command -v gnuplot >/dev/null 2>&1") != 0)
        skip();
    expect(*state,
           "return plot.render({title='My title', panels={{y={label='sse'},"
           " series={{label='run', x={1,2,3}, y={1,2,3}}}}}},"
           " {terminal=true, columns=60, rows=15, color=false})",
           "My title\nsse\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(table_becomes_a_script, open_lua,
                                        close_lua),
        cmocka_unit_test_setup_teardown(wrong_fields_are_named, open_lua,
                                        close_lua),
        cmocka_unit_test_setup_teardown(bad_file_name_is_an_error, open_lua,
                                        close_lua),
        cmocka_unit_test_setup_teardown(failing_drawing_is_a_message, open_lua,
                                        close_lua),
        cmocka_unit_test_setup_teardown(terminal_drawing_is_text, open_lua,
                                        close_lua),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
