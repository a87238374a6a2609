/* Downloads from a server on this machine that cuts, lies, stalls, turns away
 * and changes its mind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "http_fixture.h"

#include "latent/base/clock.h"
#include "latent/base/digest.h"
#include "latent/base/download.h"
#include "latent/base/mem.h"
#include "latent/base/path.h"

enum { SIZE = 300000 };

static http_server server;
static uint8_t content[SIZE], other[SIZE];
static char sha[LT_DIGEST_HEX];
static char folder[] = "/tmp/latent-fetch-XXXXXX";
static char path[128], part[128];

static int suite_setup(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SIZE; i++) {
        content[i] = (uint8_t)((i * 2654435761u) >> 23);
        other[i] = (uint8_t)(content[i] ^ (i == SIZE / 5));
    }
    lt_digest_bytes(content, SIZE, sha);
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/sets/one/file.gz", folder);
    snprintf(part, sizeof part, "%s.part", path);
    server.piece = SIZE / 3;
    http_serve_file(&server, 0, "file.gz", content, SIZE);
    http_serve_file(&server, 1, "other.gz", other, SIZE);
    http_serve_file(&server, 2, "empty", content, 0);
    server.n_files = 3;
    server.older = other;
    return 0;
}

static int suite_teardown(void **state)
{
    char command[160];

    (void)state;
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    return system(command);
}

static int server_setup(void **state)
{
    (void)state;
    unlink(path);
    unlink(part);
    return http_start(&server) ? 0 : -1;
}

static int server_teardown(void **state)
{
    (void)state;
    http_stop(&server);
    return 0;
}

static lt_download_opts options(char url[128], const char *kind)
{
    snprintf(url, 128, "http://127.0.0.1:%d/%s%s", server.port, kind,
             strchr(kind, '/') ? "" : "/file.gz");
    return (lt_download_opts){.url = url,
                              .path = path,
                              .size = SIZE,
                              .limit = 1 << 20,
                              .sha256 = sha,
                              .stall_seconds = 5,
                              .pause_seconds = 0.01,
                              .tries = 4};
}

static lt_status run(const lt_download_opts *o, lt_download_state *state,
                     lt_err *err)
{
    lt_download *d = NULL;
    double until = lt_clock_elapsed() + 20;
    bool done = false;
    lt_status rc = lt_download_open(o, &d, err);

    while (rc == LT_OK && !done) {
        assert_true(lt_clock_elapsed() < until);
        rc = lt_download_step(d, 0.05, &done, err);
    }
    if (d)
        lt_download_look(d, state);
    lt_download_close(d);
    return rc;
}

static void assert_is_here(void)
{
    char *found = NULL;
    size_t size = 0;

    assert_int_equal(lt_path_read(path, 1 << 20, &found, &size, NULL), LT_OK);
    assert_int_equal(size, SIZE);
    assert_memory_equal(found, content, SIZE);
    assert_false(lt_path_exists(part));
    lt_mem_free(found);
}

static void assert_is_not_here(void)
{
    assert_false(lt_path_exists(path));
}

static int64_t part_size(void)
{
    struct stat st;

    return stat(part, &st) == 0 ? (int64_t)st.st_size : -1;
}

/* ---- what ends well ---- */

static lt_download_state fetch(const char *kind)
{
    char url[128];
    lt_download_opts o = options(url, kind);
    lt_download_state state = {0};
    lt_err err = {0};

    if (run(&o, &state, &err) != LT_OK)
        fail_msg("%s: %s", kind, err.text);
    assert_is_here();
    return state;
}

static void download_brings_a_file(void **state)
{
    lt_download_state s = fetch("good");

    (void)state;
    assert_int_equal(s.have, SIZE);
    assert_int_equal(s.size, SIZE);
    assert_int_equal(s.tries, 0);
    assert_int_equal(server.requests, 1);
    assert_int_equal(server.ranges, 0);
}

static void download_goes_on_where_it_was_cut(void **state)
{
    lt_download_state s = fetch("cut");

    (void)state;
    assert_int_equal(s.tries, 2);
    assert_int_equal(server.requests, 3);
    assert_int_equal(server.ranges, 2);
    assert_true(s.text[0]);
}

static void put_part(const uint8_t *bytes, size_t n)
{
    assert_int_equal(lt_path_write(part, bytes, n, NULL), LT_OK);
}

static void download_takes_up_the_part_of_an_earlier_one(void **state)
{
    lt_download_state s;

    (void)state;
    put_part(content, SIZE / 4);
    s = fetch("good");
    assert_int_equal(s.tries, 0);
    assert_int_equal(server.requests, 1);
    assert_int_equal(server.ranges, 1);
}

static void download_asks_for_nothing_when_the_part_is_whole(void **state)
{
    (void)state;
    put_part(content, SIZE);
    (void)fetch("good");
    assert_int_equal(server.requests, 0);
}

static void download_begins_again_when_range_is_ignored(void **state)
{
    (void)state;
    put_part(other, SIZE / 4);
    (void)fetch("norange");
    assert_int_equal(server.requests, 1);
    assert_int_equal(server.ranges, 1);
}

static void download_begins_again_when_the_part_does_not_fit(void **state)
{
    (void)state;
    put_part(other, SIZE / 2 + 10); /* one byte of it is wrong */
    (void)fetch("good");
    assert_int_equal(server.requests, 2);
    assert_int_equal(server.ranges, 1);
    unlink(path);
    put_part(content, SIZE / 2);
    (void)fetch("unsatisfied");
    unlink(path);
    put_part(content, 10);
    assert_int_equal(truncate(part, SIZE + 5), 0); /* too long */
    (void)fetch("good");
}

static void download_notices_another_version(void **state)
{
    (void)state;
    (void)fetch("changed");
    assert_int_equal(server.ranges, 1);
}

/* Without a digest and an ETag nothing tells whether the rest would fit. */
static void download_begins_again_when_nothing_tells_the_version(void **state)
{
    char url[128];
    lt_download_opts o = options(url, "nameless");
    lt_download_state s = {0};
    lt_err err = {0};

    (void)state;
    o.sha256 = NULL;
    if (run(&o, &s, &err) != LT_OK)
        fail_msg("%s", err.text);
    assert_is_here();
    assert_int_equal(s.tries, 1);
    assert_int_equal(server.ranges, 0);
}

static void download_follows_redirects(void **state)
{
    (void)state;
    (void)fetch("moved");
    assert_int_equal(server.requests, 2);
}

static void download_waits_for_a_busy_server(void **state)
{
    (void)state;
    assert_int_equal(fetch("busy").tries, 2);
}

static void download_without_size_or_digest_takes_what_comes(void **state)
{
    char url[128];
    lt_download_opts o = options(url, "good");
    lt_download_state s = {0};
    lt_err err = {0};

    (void)state;
    o.size = -1;
    o.sha256 = NULL;
    put_part(other, SIZE / 2); /* of no use: who knows what it is */
    assert_int_equal(run(&o, &s, &err), LT_OK);
    assert_is_here();
    assert_int_equal(server.ranges, 0);
    unlink(path);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/cut/file.gz", server.port);
    assert_int_equal(run(&o, &s, &err), LT_OK); /* goes on by the ETag */
    assert_is_here();
    unlink(path);
    o.limit = SIZE - 1;
    assert_int_equal(run(&o, &s, &err), LT_EFORMAT);
    assert_non_null(strstr(err.text, "found a file of 300000 bytes, wanted at "
                                     "most 299999"));
    assert_is_not_here();
    assert_int_equal(part_size(), -1);
}

static void download_brings_an_empty_file(void **state)
{
    char url[128], nothing[LT_DIGEST_HEX];
    lt_download_opts o = options(url, "good/empty");
    lt_download_state s = {0};
    lt_err err = {0};
    struct stat st;

    (void)state;
    lt_digest_bytes("", 0, nothing);
    o.size = -1;
    o.sha256 = nothing;
    if (run(&o, &s, &err) != LT_OK)
        fail_msg("%s", err.text);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 0);
}

/* ---- what does not ---- */

static void refuse(const char *kind, lt_status wanted, const char *text)
{
    char url[128];
    lt_download_opts o = options(url, kind);
    lt_download_state s = {0};
    lt_err err = {0};
    double start = lt_clock_elapsed();

    o.stall_seconds = 0.2;
    assert_int_equal(run(&o, &s, &err), wanted);
    assert_is_not_here();
    assert_true(lt_clock_elapsed() - start < 10);
    if (!strstr(err.text, text) || !strstr(err.text, url))
        fail_msg("%s\nfound:  %s\nwanted: %s", kind, err.text, text);
}

static void download_refuses_another_file(void **state)
{
    char text[256];

    (void)state;
    snprintf(text, sizeof text, "found 300000 bytes of SHA-256");
    refuse("good/other.gz", LT_EFORMAT, text);
    assert_int_equal(part_size(), -1); /* nothing to take up */
    snprintf(text, sizeof text, ", wanted %s", sha);
    refuse("good/other.gz", LT_EFORMAT, text);
    refuse("larger", LT_EFORMAT, "found a file of 301000 bytes, wanted 300000");
    refuse("smaller", LT_EFORMAT,
           "found a file of 299000 bytes, wanted 300000");
    refuse("endless", LT_EFORMAT,
           "found more than 300000 bytes, wanted just that");
    assert_true(part_size() <= SIZE);
}

static void download_gives_up_on_cut_files(void **state)
{
    (void)state;
    refuse("short", LT_EIO,
           "found 100000 bytes, wanted 300000; given up after 4 tries with "
           "100000 bytes in ");
    assert_int_equal(server.requests, 4);
    assert_int_equal(part_size(), SIZE / 3); /* for the next time */
}

static void download_gives_up_on_silence(void **state)
{
    (void)state;
    refuse("silent", LT_EIO, "hardly any data for 0.2 seconds; given up after");
    server.piece = 1000;
    refuse("stall", LT_EIO, "hardly any data for 0.2 seconds; given up after");
    server.piece = SIZE / 3;
    assert_true(part_size() > 1000);
    refuse("slam", LT_EIO, "given up after 4 tries");
}

static void download_tells_what_the_server_answers(void **state)
{
    (void)state;
    refuse("nowhere", LT_ENOTFOUND, "the server answers 404, wanted the file");
    assert_int_equal(server.requests, 1);
    refuse("broken", LT_EIO, "the server answers 500; given up after 4 tries");
    assert_int_equal(server.requests, 5);
    refuse("loop", LT_EIO, "redirects");
    assert_in_range(server.requests, 6, 12);
    refuse("tofile", LT_EIO, "rotocol");
}

static void download_refuses_a_shifted_range(void **state)
{
    (void)state;
    put_part(content, 1000);
    refuse("shifted", LT_EIO,
           "found bytes from 1007 on, wanted them from 1000 on");
    assert_int_equal(part_size(), 1000);
}

static void download_refuses_other_addresses(void **state)
{
    static const char *const urls[] = {"file:///etc/hostname", "ftp://x/y",
                                       "scp://x", "", "127.0.0.1/x"};

    (void)state;
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        char url[128];
        lt_download_opts o = options(url, "good");
        lt_download *d = NULL;
        lt_err err = {0};

        o.url = urls[i];
        assert_int_equal(lt_download_open(&o, &d, &err), LT_EINVAL);
        assert_null(d);
        assert_non_null(strstr(err.text, "begins with http://"));
    }
}

static void download_tells_of_a_server_that_is_not_there(void **state)
{
    char url[128];
    lt_download_opts o = options(url, "good");
    lt_download_state s = {0};
    lt_err err = {0};

    (void)state;
    http_stop(&server); /* its port is free now, and nobody listens */
    o.tries = 2;
    assert_int_equal(run(&o, &s, &err), LT_EIO);
    assert_non_null(strstr(err.text, url));
    assert_non_null(strstr(err.text, "given up after 2 tries with 0 bytes"));
    assert_int_equal(part_size(), -1);
    assert_true(http_start(&server));
}

/* ---- files ---- */

static void download_leaves_one_process_alone_with_the_part(void **state)
{
    char url[128];
    lt_download_opts o = options(url, "good");
    lt_download *d = NULL;
    lt_err err = {0};
    int fd;

    (void)state;
    put_part(content, 10);
    fd = open(part, O_RDWR | O_CLOEXEC);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    assert_int_equal(lt_download_open(&o, &d, &err), LT_EBUSY);
    assert_non_null(strstr(err.text, part));
    assert_int_equal(part_size(), 10);
    close(fd);
}

/* A link in the part's place could lead anywhere. */
static void download_writes_through_no_link(void **state)
{
    char url[128], target[160];
    lt_download_opts o = options(url, "good");
    lt_download *d = NULL;
    lt_err err = {0};

    (void)state;
    snprintf(target, sizeof target, "%s/sets/one/target", folder);
    assert_int_equal(lt_path_write(target, "mine", 4, NULL), LT_OK);
    assert_int_equal(symlink(target, part), 0);
    assert_int_equal(lt_download_open(&o, &d, &err), LT_EIO);
    assert_null(d);
    assert_non_null(strstr(err.text, "file.gz.part: cannot open"));
}

static void download_can_be_closed_at_any_time(void **state)
{
    char url[128];
    lt_download_opts o = options(url, "stall");
    lt_download *d = NULL;
    lt_download_state s;
    lt_err err = {0};
    bool done = false;
    double until = lt_clock_elapsed() + 10;

    (void)state;
    assert_int_equal(lt_download_open(&o, &d, &err), LT_OK);
    do {
        assert_int_equal(lt_download_step(d, 0.02, &done, &err), LT_OK);
        lt_download_look(d, &s);
    } while (s.have < SIZE / 3 && lt_clock_elapsed() < until);
    lt_download_close(d);
    assert_int_equal(part_size(), SIZE / 3);
    (void)fetch("good");
    assert_int_equal(server.ranges, 1);
}

static void download_says_where_it_cannot_write(void **state)
{
    char url[128];
    lt_download_opts o = options(url, "good");
    lt_download *d = NULL;
    lt_err err = {0};

    (void)state;
    o.path = "/proc/none/file";
    assert_int_equal(lt_download_open(&o, &d, &err), LT_EIO);
    assert_non_null(strstr(err.text, "/proc/none"));
}

/* A limit on the size of files stands for a full disk. */
static void download_goes_on_when_there_is_room_again(void **state)
{
    struct rlimit limit, small;
    char url[128];
    lt_download_opts o = options(url, "good");
    lt_download_state s = {0};
    lt_err err = {0};

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    small = limit;
    small.rlim_cur = SIZE / 2;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_int_equal(run(&o, &s, &err), LT_EIO);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    signal(SIGXFSZ, SIG_DFL);
    assert_non_null(strstr(err.text, "file.gz.part: cannot write: "));
    assert_is_not_here();
    assert_int_equal(part_size(), SIZE / 2);
    (void)fetch("good");
    assert_int_equal(server.ranges, 1);
}

static void download_survives_every_failing_allocation(void **state)
{
    lt_status rc = LT_ENOMEM;
    int n = 0;

    (void)state;
    for (; rc != LT_OK && n < 100; n++) {
        char url[128];
        lt_download_opts o = options(url, "good");
        lt_download_state s = {0};
        lt_err err = {0};

        lt_mem_fail_after(n);
        rc = run(&o, &s, &err);
        lt_mem_fail_after(-1);
        assert_true(rc == LT_OK || (rc == LT_ENOMEM && err.text[0]));
    }
    assert_in_range(n, 5, 50);
    assert_is_here();
}

#define WITH_SERVER(test)                                                      \
    cmocka_unit_test_setup_teardown(test, server_setup, server_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SERVER(download_brings_a_file),
        WITH_SERVER(download_goes_on_where_it_was_cut),
        WITH_SERVER(download_takes_up_the_part_of_an_earlier_one),
        WITH_SERVER(download_asks_for_nothing_when_the_part_is_whole),
        WITH_SERVER(download_begins_again_when_range_is_ignored),
        WITH_SERVER(download_begins_again_when_the_part_does_not_fit),
        WITH_SERVER(download_notices_another_version),
        WITH_SERVER(download_begins_again_when_nothing_tells_the_version),
        WITH_SERVER(download_follows_redirects),
        WITH_SERVER(download_waits_for_a_busy_server),
        WITH_SERVER(download_without_size_or_digest_takes_what_comes),
        WITH_SERVER(download_brings_an_empty_file),
        WITH_SERVER(download_refuses_another_file),
        WITH_SERVER(download_gives_up_on_cut_files),
        WITH_SERVER(download_gives_up_on_silence),
        WITH_SERVER(download_tells_what_the_server_answers),
        WITH_SERVER(download_refuses_a_shifted_range),
        WITH_SERVER(download_refuses_other_addresses),
        WITH_SERVER(download_tells_of_a_server_that_is_not_there),
        WITH_SERVER(download_leaves_one_process_alone_with_the_part),
        WITH_SERVER(download_writes_through_no_link),
        WITH_SERVER(download_can_be_closed_at_any_time),
        WITH_SERVER(download_says_where_it_cannot_write),
        WITH_SERVER(download_goes_on_when_there_is_room_again),
        WITH_SERVER(download_survives_every_failing_allocation),
    };

    return cmocka_run_group_tests(tests, suite_setup, suite_teardown);
}
