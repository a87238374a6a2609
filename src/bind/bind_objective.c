/* Objectives from Lua's tables, and terms into them; see
 * lua/latent/objective.lua, which has checked what comes here. */
#include "bind/bind_int.h"

#include "latent/net/objective.h"

#include <math.h>
#include <stdio.h>

void lt__get_objective(lua_State *L, int table, lt_objective *out)
{
    const char *name = lt__get_string(L, table, "loss");
    int loss = name ? lt_loss_find(name) : -1;

    luaL_argcheck(L, loss >= 0, table, "no such loss");
    *out = lt_objective_of((lt_loss)loss);
    out->huber_delta = lt__get_number(L, table, "huber_delta");
    out->beta = lt__get_number(L, table, "beta");
    out->l1 = lt__get_number(L, table, "l1");
    out->l2 = lt__get_number(L, table, "l2");
    out->code_l1 = lt__get_number(L, table, "code_l1");
    out->sparsity = lt__get_number(L, table, "sparsity");
    out->sparsity_target = lt__get_number(L, table, "sparsity_target");
    out->contractive = lt__get_number(L, table, "contractive");
    out->contractive_probes =
        (int)lt__get_integer(L, table, "contractive_probes");
    out->orthogonality = lt__get_number(L, table, "orthogonality");
}

void lt__set_terms(lua_State *L, const char *prefix, const lt_terms *terms)
{
    char name[64];

    for (int i = 0; i < LT_TERM_COUNT; i++) {
        double value = lt_term_value(terms, i);

        if (isnan(value))
            continue;
        snprintf(name, sizeof name, "%s%s", prefix, lt_term_name(i));
        lua_pushnumber(L, value);
        lua_setfield(L, -2, name);
    }
}
