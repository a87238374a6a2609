/* Limits of scripts, as options give them, and the last resort where there is
 * no supervisor: while the command itself loads and rehearses a script.
 *
 * The alarm's handler writes with write(2) and leaves: the store has not been
 * opened by then, or SQLite puts right what it was doing. */
#include "cli/cli_int.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

enum {
    SANDBOX_SECONDS = 3600,
    SANDBOX_MEGABYTES = 4096,
    /* Beyond the limit: a rehearsal takes up to 10 s, and then there is
     * queueing and a margin. */
    EXTRA_SECONDS = 20
};

lt_script_limits lt__limits_of(const lt__limit_args *a)
{
    int seconds = a->seconds, megabytes = a->megabytes;

    if (a->sandbox && seconds == 0)
        seconds = SANDBOX_SECONDS;
    if (a->sandbox && megabytes == 0)
        megabytes = SANDBOX_MEGABYTES;
    return (lt_script_limits){.sandbox = a->sandbox,
                              .seconds = seconds,
                              .bytes = (int64_t)megabytes * 1000000};
}

void lt__limits_args(const lt__limit_args *a, lt__worker_args *out)
{
    out->n = 0;
    if (a->sandbox)
        out->items[out->n++] = "--sandbox";
    if (a->seconds > 0) {
        snprintf(out->seconds, sizeof out->seconds, "%d", a->seconds);
        out->items[out->n++] = "--max-time";
        out->items[out->n++] = out->seconds;
    }
    if (a->megabytes > 0) {
        snprintf(out->megabytes, sizeof out->megabytes, "%d", a->megabytes);
        out->items[out->n++] = "--max-memory";
        out->items[out->n++] = out->megabytes;
    }
}

static void on_alarm(int number)
{
    static const char text[] =
        "latent run: time limit: the script is still being loaded or "
        "rehearsed, and deaf to --max-time; nothing was run\n";
    ssize_t n = write(STDERR_FILENO, text, sizeof text - 1);

    (void)number;
    _exit(n < 0 ? LT__EXIT_STORE : LT__EXIT_USAGE);
}

void lt__watchdog_set(const lt_script_limits *limits)
{
    struct sigaction action = {.sa_handler = on_alarm};

    if (limits->seconds <= 0)
        return;
    sigemptyset(&action.sa_mask);
    sigaction(SIGALRM, &action, NULL);
    alarm((unsigned)limits->seconds + EXTRA_SECONDS);
}

void lt__watchdog_clear(void)
{
    alarm(0);
}
