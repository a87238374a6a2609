/* A file's schema against the one it should have; see schema_guard.c. */
#ifndef LT_SCHEMA_GUARD_H
#define LT_SCHEMA_GUARD_H

#include "store/store_int.h"

typedef enum lt__schema_fault {
    LT__SCHEMA_FINE,
    LT__SCHEMA_MISSING,
    LT__SCHEMA_CHANGED,
    LT__SCHEMA_FOREIGN, /* not latent's, and more than data */
} lt__schema_fault;

/* "is missing", "was changed", "is not latent's" */
const char *lt__schema_fault_text(lt__schema_fault fault);

/* Hears of every object that is not fine: "trigger evil", "table run". */
typedef struct lt__schema_teller {
    void (*tell)(void *self, const char *object, lt__schema_fault fault);
    void *self;
} lt__schema_teller;

/* `version` is one that this program knows, or 0: of no tables. Reads nothing
 * but sqlite_schema; call it in a transaction with what else must belong
 * together. */
lt_status lt__schema_compare(lt_store *s, int64_t version,
                             const lt__schema_teller *to, lt_err *err);

/* Of all objects and their texts, as lt__migrations has it. */
lt_status lt__schema_digest(lt_store *s, char hex[LT_DIGEST_HEX], lt_err *err);

#endif
