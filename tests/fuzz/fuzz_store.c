/* A store as a file that a stranger has sent: opened for reading, and then all
 * that readers do with one: the views, filters, tables, a run by its name, its
 * sources, its metrics compared, and a verification.
 *
 * The file lies in a folder in memory and is written over; nothing is forked.
 * SQLite has no instrumentation, so a mutator keeps most changes within one of
 * the file's pages: inputs that SQLite does not open teach nothing. Corpora
 * are small stores of 512-byte pages. */
#include "fuzz.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "latent/base/mem.h"
#include "latent/store/filter.h"
#include "latent/store/query.h"
#include "latent/store/replay.h"
#include "latent/store/verify.h"

enum { PAGE = 512, MOST_ROWS = 300 };
#define SECONDS 0.2

/* libFuzzer's, and for it. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most)
    __attribute__((weak));
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most,
                               unsigned seed);

static char folder[64] = "/dev/shm/latent-fuzz-XXXXXX", path[96];

static void folder_drop(void)
{
    static const char *const ends[] = {"", "-wal", "-shm", "-journal"};
    char name[128];

    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        snprintf(name, sizeof name, "%s%s", path, ends[i]);
        unlink(name);
    }
    rmdir(folder);
}

static void folder_make(void)
{
    fuzz_sqlite_memory();
    if (access("/dev/shm", W_OK) != 0)
        strcpy(folder, "/tmp/latent-fuzz-XXXXXX");
    LT_ASSERT(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/latent.db", folder);
    atexit(folder_drop);
}

/* What SQLite may have left beside an earlier input belongs to that one. */
static void file_write(const uint8_t *data, size_t size)
{
    char name[128];
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    LT_ASSERT(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    close(fd);
    snprintf(name, sizeof name, "%s-wal", path);
    unlink(name);
    snprintf(name, sizeof name, "%s-shm", path);
    unlink(name);
}

/* ---- readers; an error must have a message ---- */

static void query_read(lt_query *q)
{
    lt_err err = {0};
    lt_value v;
    bool row = true;

    for (int n = 0; row && n < MOST_ROWS; n++) {
        if (lt_query_next(q, &row, &err) != LT_OK) {
            LT_ASSERT(err.text[0]);
            return;
        }
        for (int i = 0; row && i < lt_query_columns(q); i++)
            lt_query_value(q, i, &v);
    }
}

static void views_read(lt_store *s)
{
    static const char *const views[] = {
        "SELECT * FROM runs",      "SELECT * FROM params",
        "SELECT * FROM metrics",   "SELECT * FROM finals",
        "SELECT * FROM artifacts", "SELECT * FROM notes",
        "SELECT * FROM tags",      "SELECT * FROM sources",
        "SELECT * FROM sweeps"};
    lt_err err = {0};

    for (size_t i = 0; i < sizeof views / sizeof *views; i++) {
        lt_query *q = NULL;

        if (lt_query_open(s, views[i], SECONDS, &q, &err) == LT_OK)
            query_read(q);
        else
            LT_ASSERT(!q && err.text[0]);
        lt_query_close(q);
    }
}

static void filter_read(lt_store *s)
{
    static const char *const columns[] = {"id", "tags", "code", "test.sse"};
    const lt_table_spec spec = {columns, 4, "-test.sse", 20};
    lt_filter *f = NULL;
    lt_query *q = NULL;
    int64_t *ids = NULL;
    lt_err err = {0};
    int n = 0;

    if (lt_filter_compile(s, "code>=2 or test.sse<9 or tag=a", &f, &err) !=
        LT_OK) {
        LT_ASSERT(err.text[0]);
        return;
    }
    (void)lt_filter_runs(f, &ids, &n, NULL);
    lt_mem_free(ids);
    if (lt_filter_table(f, &spec, &q, NULL) == LT_OK)
        query_read(q);
    lt_query_close(q);
    q = NULL;
    if (lt_filter_keys(f, &q, NULL) == LT_OK)
        query_read(q);
    lt_query_close(q);
    lt_filter_free(f);
}

static void sources_read(lt_store *s)
{
    lt_text name = {0}, body = {0};

    for (int i = 0; i < 3; i++)
        (void)lt_store_sweep_source(s, 1, i, &name, &body, NULL);
    lt_text_deinit(&name);
    lt_text_deinit(&body);
}

static void run_read(lt_store *s)
{
    int counts[LT_RUN_STATUS_COUNT], n = 0;
    const lt_compare_opts opts = {0};
    lt_comparison c = {0};
    int64_t run = 0;
    lt_run_ref a = {s, 1}, b = {s, 2};

    (void)lt_store_find_run(s, "@last", &run, NULL);
    (void)lt_store_find_run(s, "@best(test.sse)", &run, NULL);
    (void)lt_store_find_run(s, "r", &run, NULL);
    (void)lt_store_sweep_counts(s, 0, counts, NULL);
    (void)lt_store_reap(s, &n, NULL);
    (void)lt_store_compare_runs(&a, &b, &opts, &c, NULL);
    lt_comparison_deinit(&c);
}

static void finding_check(void *self, const char *finding)
{
    (void)self;
    LT_ASSERT(finding[0] && !strpbrk(finding, "\n\r"));
}

static void store_verify(lt_store *s)
{
    const lt_verify_opts opts = {.tell = finding_check};
    lt_verify_report report;
    lt_err err = {0};

    if (lt_store_verify(s, &opts, &report, &err) != LT_OK)
        LT_ASSERT(err.text[0]);
}

static void (*const readers[])(lt_store *) = {
    views_read, filter_read, sources_read, run_read, store_verify};
enum { N_READERS = sizeof readers / sizeof *readers };

/* The fuzzer has one reader a try, by the file's bytes: opening takes most of
 * the time, and it tries every file in a thousand variations. */
static void store_read(lt_store *s, const uint8_t *data, size_t size)
{
    unsigned long sum = crc32(0, data, (unsigned)size);

    for (unsigned i = 0; i < N_READERS; i++)
        if (!LLVMFuzzerMutate || i == sum % N_READERS)
            readers[i](s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lt_store *s = NULL;
    lt_err err = {0};

    if (!path[0])
        folder_make();
    file_write(data, size);
    if (lt_store_open(path, LT_STORE_READ, &s, &err) == LT_OK) {
        store_read(s, data, size);
    } else {
        LT_ASSERT(!s && err.text[0]);
        if (lt_store_open(path, LT_STORE_INSPECT, &s, NULL) == LT_OK)
            store_verify(s);
    }
    lt_store_close(s);
    return 0;
}

/* ---- libFuzzer's only ---- */

/* Seven in eight change bytes of one page, all others stay where they are. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most,
                               unsigned seed)
{
    unsigned draw = seed * 2654435761u;
    size_t pages = size / PAGE, at, n;

    if (pages < 2 || (draw >> 29) == 0)
        return LLVMFuzzerMutate(data, size, most);
    at = (draw >> 8) % pages * PAGE + (draw >> 3) % PAGE;
    n = PAGE - at % PAGE;
    n = n < 64 ? n : 64;
    (void)LLVMFuzzerMutate(data + at, n, n);
    return size;
}
