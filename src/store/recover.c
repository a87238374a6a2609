/* A store whose last change was cut off (by the power, by a kill) before it had
 * a write-ahead log, or where it may have none: the change is taken back by
 * whoever opens the file for writing next. A reader may not, so that it does so
 * first, once, by way of a connection that may.
 *
 * A journal can name another file, which SQLite then reads and removes: that
 * of a transaction over several databases. No latent store has one, so such a
 * journal is a stranger's, and is left alone. */
#include "store/store_int.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Whether there is a journal, and it does not end as one does that names
 * another file. */
static bool has_own_journal(const lt_store *s)
{
    static const char magic[] = "\xd9\xd5\x05\xf9\x20\xa1\x63\xd7";
    char end[sizeof magic - 1];
    lt_text path = {0};
    bool has = false;
    int fd = -1;

    lt_text_addf(&path, "%s-journal", s->path);
    if (!path.failed)
        fd = open(path.data, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        has = lseek(fd, -(off_t)sizeof end, SEEK_END) >= 0 &&
              read(fd, end, sizeof end) == (ssize_t)sizeof end &&
              memcmp(end, magic, sizeof end) != 0;
        close(fd);
    }
    lt_text_deinit(&path);
    return has;
}

bool lt__store_take_back(const lt_store *s)
{
    sqlite3 *db = NULL;
    lt_text name = {0};
    bool is_done;

    if (!has_own_journal(s))
        return false;
    lt_text_addf(&name, "%s%s", *s->path == '/' ? "" : "./", s->path);
    is_done = !name.failed &&
              sqlite3_open_v2(name.data, &db,
                              SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                              NULL) == SQLITE_OK &&
              sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL) ==
                  SQLITE_OK &&
              sqlite3_exec(db, "PRAGMA schema_version", NULL, NULL, NULL) ==
                  SQLITE_OK;
    sqlite3_close(db);
    lt_text_deinit(&name);
    return is_done;
}
