/* The rollback journal beside a store that a stranger has sent.
 *
 * A journal may name a super-journal, the file that joined the journals of
 * several databases in one transaction; when SQLite has played the journal back
 * it deletes that file, whatever it is. Whoever makes a journal so chooses a
 * file of ours to be deleted by the next program that opens the store for
 * writing. latent writes to one database at a time, so none of its journals
 * ends so. (Readers play nothing back.) */
#include "store/store_int.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC      "\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" /* a super-journal's name */
#define MAGIC_SIZE 8

/* Links are not followed by SQLite either. */
static bool journal_is_ours(int fd)
{
    char end[MAGIC_SIZE];
    struct stat st;

    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return false;
    if (st.st_size < MAGIC_SIZE)
        return true;
    return pread(fd, end, sizeof end, st.st_size - MAGIC_SIZE) == MAGIC_SIZE &&
           memcmp(end, MAGIC, sizeof end) != 0;
}

lt__journal lt__journal_look(const lt_store *s)
{
    lt__journal found = LT__JOURNAL_STRANGE;
    char path[PATH_MAX];
    int fd;

    sqlite3_snprintf((int)sizeof path, path, "%s-journal", s->path);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT ? LT__JOURNAL_NONE : LT__JOURNAL_STRANGE;
    if (journal_is_ours(fd))
        found = LT__JOURNAL_OURS;
    close(fd);
    return found;
}

lt_status lt__journal_check(const lt_store *s, lt_err *err)
{
    if (lt__journal_look(s) != LT__JOURNAL_STRANGE)
        return LT_OK;
    return lt_err_set(err, LT_ESTORE,
                      "%s: not opened for writing: %s-journal is no journal of "
                      "latent's, and could have SQLite delete a file that it "
                      "names",
                      s->path, s->path);
}
