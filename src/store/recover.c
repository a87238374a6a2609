/* A store whose last change was cut off (by the power, by a kill) before it had
 * a write-ahead log, or where it may have none: the change is taken back by
 * whoever opens the file for writing next. A reader may not, so that it does so
 * first, once, by way of a connection that may.
 *
 * A stranger's journal is left alone (journal.c). */
#include "store/store_int.h"

bool lt__store_take_back(const lt_store *s)
{
    sqlite3 *db = NULL;
    lt_text name = {0};
    bool is_done;

    if (lt__journal_look(s) != LT__JOURNAL_OURS)
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
