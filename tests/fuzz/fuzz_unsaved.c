/* Side files of runs, folded into a store that has the run. The input is the
 * file; when its first byte is 1, the rest is frames without their heads (two
 * bytes of size, then that many bytes) behind a good owner's, and the checksums
 * are put right: so that more than checksums is tried. */
#include "fuzz.h"

#include "latent/base/mem.h"
#include "latent/base/text.h"
#include "store/unsaved_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[64] = "/dev/shm/latent-fuzz-XXXXXX";
static lt_store *store;

static void clean(void)
{
    char command[96];

    lt_store_close(store);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    LT_ASSERT(system(command) == 0);
}

/* One run, claimed by "boot", 7, 9. */
static void begin(void)
{
    char db[96];

    if (access("/dev/shm", W_OK) != 0)
        strcpy(folder, "/tmp/latent-fuzz-XXXXXX");
    LT_ASSERT(mkdtemp(folder));
    snprintf(db, sizeof db, "%s/latent.db", folder);
    LT_ASSERT(lt_store_open(db, LT_STORE_CREATE, &store, NULL) == LT_OK);
    atexit(clean);
    LT_ASSERT(
        lt__db_do(store, NULL,
                  "INSERT INTO sweep VALUES (1, 'u', 'e', 'q', '{}', '{}', 'c',"
                  " 's', 'h', '', '', 0)",
                  "") == LT_OK);
    LT_ASSERT(
        lt__db_do(store, NULL,
                  "INSERT INTO run (id, uuid, name, sweep, status, seed,"
                  " config, config_hash, queued_at, boot_id, pid, pid_start)"
                  " VALUES (1, 'u', 'n', 1, 'lost', 1, '{}', 'h', 0,"
                  " 'boot', 7, 9)",
                  "") == LT_OK);
    LT_ASSERT(lt__db_begin(store, NULL) == LT_OK); /* for good */
}

static void put_frame(lt_text *out, const void *body, size_t size,
                      uint32_t generation)
{
    lt__frame f = {.size = (uint32_t)size, .generation = generation};

    f.sum = lt__frame_sum(&f, body);
    lt_text_add_n(out, (const char *)&f, sizeof f);
    lt_text_add_n(out, body, size);
}

static void put_frames(lt_text *out, const uint8_t *data, size_t size)
{
    static const char owner[] = "\1\1\0\0\0\0\0\0\0\7\0\0\0\0\0\0\0"
                                "\11\0\0\0\0\0\0\0\1\0\0\0n\0"
                                "\4\0\0\0boot";

    lt_text_add(out, LT__UNSAVED_MAGIC "\n");
    put_frame(out, owner, sizeof owner, 0);
    while (size >= 2) {
        size_t n = (size_t)data[0] | (size_t)data[1] << 8;

        n = n > size - 2 ? size - 2 : n;
        if (n > 0)
            put_frame(out, data + 2, n, 1);
        data += 2 + n;
        size -= 2 + n;
    }
}

/* A fold keeps summaries and points together, whatever it reads. */
static void fold_check(lt__unsaved_file *file)
{
    lt__folding all = {0};
    int64_t n = 0;
    lt_err err = {0};

    LT_ASSERT(lt__db_do(store, NULL, "SAVEPOINT fuzz", "") == LT_OK);
    if (lt__fold_file(store, 1, file, &all, &err) != LT_OK)
        LT_ASSERT(err.text[0]);
    LT_ASSERT(lt__db_integer(store, &n, NULL,
                             "SELECT (SELECT count(*) FROM metric) -"
                             " (SELECT coalesce(sum(n), 0) FROM series)",
                             "") == LT_OK);
    LT_ASSERT(n == 0);
    LT_ASSERT(lt__db_do(store, NULL, "ROLLBACK TO fuzz", "") == LT_OK);
    LT_ASSERT(lt__db_do(store, NULL, "RELEASE fuzz", "") == LT_OK);
    lt_mem_free(all.done.items);
}

/* How many entries can be read. */
static int count_entries(const char *path)
{
    lt__unsaved_file *file = NULL;
    lt_err err = {0};
    lt__entry e;
    int n = 0;

    if (lt__unsaved_open(path, &file, &err) != LT_OK) {
        LT_ASSERT(!file && err.text[0]);
        return 0;
    }
    while (lt__unsaved_next(file, &e))
        n++;
    lt__unsaved_close(file);
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lt__unsaved_file *file = NULL;
    lt_text made = {0};
    const char *path;

    if (!store)
        begin();
    if (size > 0 && data[0] == 1)
        put_frames(&made, data + 1, size - 1);
    else
        lt_text_add_n(&made, size ? (const char *)data : "", size);
    path = fuzz_file(0, lt_text_str(&made), made.size);
    lt_text_deinit(&made);
    if (count_entries(path) > 1) {
        LT_ASSERT(lt__unsaved_open(path, &file, NULL) == LT_OK);
        fold_check(file);
        lt__unsaved_close(file);
    }
    return 0;
}
