/* latent: the program, but for main(). One table says which commands there are;
 * those that only read the store are written in Lua (lua/latent/cmd/), each in
 * a module of its own name that parses its arguments and helps itself. */
#include "cli/cli_int.h"
#include "latent/base/host.h"
#include "latent/base/mem.h"
#include "latent/base/suggest.h"
#include "latent/bind/script.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int run_reader(const lt__call *call);
static int print_version(const lt__call *call);
static int print_help(const lt__call *call);

typedef struct command {
    const char *name;
    const char *usage; /* after the name */
    const char *summary;
    int (*run)(const lt__call *call);
    const char *help; /* NULL: the Lua module's own */
    bool computes;    /* needs the right BLAS kernels */
    bool is_hidden;
} command;

static const char help_version[] =
    "latent version: print the program's version and build\n";
static const char help_help[] =
    "latent help: how to use latent, one command, or a function of scripts\n\n"
    "  latent help [COMMAND]\n"
    "  latent help latent.FUNCTION   its options; latent: all functions\n";
static const char help_worker[] =
    "latent worker: executes queued runs; started by latent run\n";

static const command commands[] = {
    {"run", "SCRIPT.lua [-s KEY=VALUE]... [-j N]",
     "train the sweep that a script declares", lt__cmd_run, lt__help_run, true,
     false},
    {"resume", "[SWEEP] [-j N]", "go on with what was cut off", lt__cmd_resume,
     lt__help_resume, true, false},
    {"retry", "--failed [SWEEP] [-j N]", "try failed runs again", lt__cmd_retry,
     lt__help_retry, true, false},
    {"replay", "RUN [--tolerance X]", "prove a run: do it again and compare",
     lt__cmd_replay, lt__help_replay, true, false},
    {"verify", "[FILTER]", "check the store, its files and its sources",
     lt__cmd_verify, lt__help_verify, false, false},
    {"ls", "[FILTER]", "list runs", run_reader, NULL, false, false},
    {"show", "RUN", "everything about one run", run_reader, NULL, false, false},
    {"best", "METRIC [FILTER]", "the best runs by a metric", run_reader, NULL,
     false, false},
    {"rm", "RUN|FILTER...", "remove runs: hidden, until restored or gc",
     run_reader, NULL, false, false},
    {"restore", "RUN|FILTER...", "bring removed runs back", run_reader, NULL,
     false, false},
    {"gc", "[--dry-run] [--keep-best METRIC]",
     "delete for good: removed runs, leftovers, weights", run_reader, NULL,
     false, false},
    {"du", "[FILTER]", "disk usage: by run and kind, the store, leftovers",
     run_reader, NULL, false, false},
    {"sql", "\"SELECT ...\"", "ask the store in SQL (read-only)", run_reader,
     NULL, false, false},
    {"plot", "KIND [FILTER] [-o FILE]", "draw figures", run_reader, NULL, true,
     false},
    {"export", "RUN|FILTER [-o FILE]",
     "runs with their files as one file, or as CSV", run_reader, NULL, false,
     false},
    {"import", "FILE...", "take in what latent export made", run_reader, NULL,
     false, false},
    {"merge", "OTHER.db...", "take in the runs of other stores", run_reader,
     NULL, false, false},
    {"data", "ls|info|fetch|make [NAME]",
     "data sets: list, describe, download, generate", run_reader, NULL, false,
     false},
    {"doctor", "", "check this machine, the BLAS and the store", run_reader,
     NULL, true, false},
    {"bench", "", "time the engine against bare matrix products", run_reader,
     NULL, true, false},
    {"version", "", "print the version and the build", print_version,
     help_version, false, false},
    {"help", "[COMMAND]", "this page, or one command's", print_help, help_help,
     false, false},
    {"worker", "", "", lt__cmd_worker, help_worker, true, true},
};

enum { N_COMMANDS = sizeof commands / sizeof *commands };

static const command *find_command(const char *name)
{
    for (int i = 0; i < N_COMMANDS; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static int unknown_command(const char *name)
{
    const char *names[N_COMMANDS];
    const char *near;
    size_t n = 0;

    for (int i = 0; i < N_COMMANDS; i++)
        if (!commands[i].is_hidden)
            names[n++] = commands[i].name;
    near = lt_suggest(name, names, n);
    fputs("latent: unknown command '", stderr);
    lt__print_visible(stderr, name);
    fputs("'", stderr);
    if (near)
        fprintf(stderr, "; did you mean '%s'?", near);
    fputs("   (latent help)\n", stderr);
    return LT__EXIT_USAGE;
}

static void print_overview(FILE *out)
{
    fputs("latent: a workbench for autoencoder experiments\n\n"
          "  latent COMMAND [arguments]\n\n",
          out);
    for (int i = 0; i < N_COMMANDS; i++) {
        char left[64];

        if (commands[i].is_hidden)
            continue;
        snprintf(left, sizeof left, "%s %s", commands[i].name,
                 commands[i].usage);
        fprintf(out, "  %-40s  %s\n", left, commands[i].summary);
    }
    fputs(
        "\nThe store is --db PATH, else $LATENT_DB, else "
        "results/latent.db; on a network's disk\n(LATENT_NETWORK_STORE=1 or 0 "
        "says so) metrics are seen when their run has ended.\n"
        "Filters look like\n"
        "  tie=tied and code>=6 and test.sse<2 and status=finished\n"
        "Exit status: 0 fine, 1 a run failed, 2 usage or a bad script, 3 "
        "nothing found,\n4 store or file error, 6 a replay or check that "
        "differs, 130 and 143 signals.\n"
        "\nExamples:\n"
        "  latent run experiments/quickstart.lua\n"
        "  latent resume                # after Ctrl-C, a crash, a power cut\n"
        "  latent ls \"tie=tied and test.sse<40\" --sort test.sse\n"
        "  latent show \"@best(test.sse)\"\n"
        "  latent plot curves --by tie -o curves.svg\n"
        "'latent help COMMAND' says more, 'latent help latent.fit' what a "
        "script may give.\n",
        out);
}

static int run_reader_with(const lt__call *call, const char *name, int argc,
                           char **argv)
{
    const lt_script_opts opts = {.threads = 0};
    lt_script *script = NULL;
    lt_err err = {0};
    int status = LT__EXIT_STORE;

    if (lt_script_new(&opts, &script, &err) == LT_OK)
        status = lt_script_command(script, name, call->db, argc, argv, &err);
    if (err.status != LT_OK)
        lt__fail(call, &err);
    lt_script_free(script);
    return status;
}

static int run_reader(const lt__call *call)
{
    return run_reader_with(call, call->command, call->argc, call->argv);
}

static int help_of(const lt__call *call, const command *c)
{
    char help[] = "--help";
    char *argv[] = {help, NULL};

    if (!c->help)
        return run_reader_with(call, c->name, 1, argv);
    fputs(c->help, stdout);
    return LT__EXIT_OK;
}

static int print_help(const lt__call *call)
{
    const command *c;

    if (call->argc == 0) {
        print_overview(stdout);
        return LT__EXIT_OK;
    }
    if (call->argc > 1) {
        fprintf(stderr, "latent help: one argument too many: '%s'\n",
                call->argv[1]);
        return LT__EXIT_USAGE;
    }
    if (strncmp(call->argv[0], "latent", 6) == 0 ||
        strncmp(call->argv[0], "net:", 4) == 0)
        return run_reader_with(call, "help", call->argc, call->argv);
    c = find_command(call->argv[0]);
    return c ? help_of(call, c) : unknown_command(call->argv[0]);
}

static int print_version(const lt__call *call)
{
    lt_host host;

    if (call->argc > 0) {
        fprintf(stderr, "latent version: one argument too many: '%s'\n",
                call->argv[0]);
        return LT__EXIT_USAGE;
    }
    lt_host_describe(&host);
    puts(host.build);
    return LT__EXIT_OK;
}

/* Takes --db PATH out of the arguments, before and after the command. */
static lt_status take_db(lt__call *call, lt_err *err)
{
    int n = 0;
    bool is_option = true;

    for (int i = 0; i < call->argc; i++) {
        char *arg = call->argv[i];

        is_option = is_option && strcmp(arg, "--") != 0;
        if (is_option && strcmp(arg, "--db") == 0) {
            if (++i >= call->argc)
                return lt_err_set(err, LT_EINVAL,
                                  "--db: a value is missing (PATH)");
            call->db = call->argv[i];
        } else if (is_option && strncmp(arg, "--db=", 5) == 0) {
            call->db = arg + 5;
        } else {
            call->argv[n++] = arg;
        }
    }
    call->argc = n;
    call->argv[n] = NULL;
    if (!call->db)
        call->db = getenv("LATENT_DB");
    if (!call->db || !*call->db)
        call->db = LT__DEFAULT_DB;
    return LT_OK;
}

static bool asks_for_help(const lt__call *call)
{
    for (int i = 0; i < call->argc && strcmp(call->argv[i], "--") != 0; i++)
        if (strcmp(call->argv[i], "-h") == 0 ||
            strcmp(call->argv[i], "--help") == 0)
            return true;
    return false;
}

/* The command's name, taken out of the arguments; NULL when there is none. */
static const char *take_name(lt__call *call)
{
    const char *name = call->argc > 0 ? call->argv[0] : NULL;

    if (!name)
        return NULL;
    call->argv++;
    call->argc--;
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        return "help";
    return strcmp(name, "--version") == 0 ? "version" : name;
}

/* Of the others, some have nothing to do with the store, and verify and doctor
 * change nothing. A worker's supervisor has done it. */
static bool is_to_fold(const command *c)
{
    static const char *const others[] = {"verify",  "doctor", "data",  "bench",
                                         "version", "help",   "worker"};

    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(c->name, others[i]) == 0)
            return false;
    return true;
}

static int dispatch(lt__call *call)
{
    const command *c;
    const char *name;
    lt_err err = {0};

    if (take_db(call, &err) != LT_OK)
        return lt__fail(call, &err);
    name = take_name(call);
    if (!name) {
        print_overview(stderr);
        return LT__EXIT_USAGE;
    }
    c = find_command(name);
    if (!c)
        return unknown_command(name);
    call->command = c->name;
    if (asks_for_help(call)) {
        if (c->run != print_help)
            return help_of(call, c);
        print_overview(stdout);
        return LT__EXIT_OK;
    }
    if (c->computes)
        lt_script_prepare_engine(call->full_argv);
    if (is_to_fold(c))
        lt__fold(call);
    return c->run(call);
}

/* What could not be written is an error, but a reader that went away is not. */
static int close_output(int status)
{
    bool failed = ferror(stdout);

    errno = 0;
    failed = fflush(stdout) != 0 || failed;
    if (!failed || errno == EPIPE)
        return status;
    fprintf(stderr, "latent: cannot write the output: %s\n",
            errno ? strerror(errno) : "unknown error");
    return status ? status : LT__EXIT_STORE;
}

int lt__program(int argc, char **argv)
{
    lt__call call = {.command = "", .full_argc = argc, .full_argv = argv};
    char **copy = lt_mem_zero((size_t)argc + 1, sizeof *copy);
    int status;

    if (!copy) {
        fputs("latent: out of memory\n", stderr);
        return LT__EXIT_STORE;
    }
    signal(SIGPIPE, SIG_DFL);
    for (int i = 1; i < argc; i++)
        copy[call.argc++] = argv[i];
    call.argv = copy;
    status = close_output(dispatch(&call));
    lt_mem_free(copy);
    return status;
}
