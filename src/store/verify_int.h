/* Shared by the parts of a verification. */
#ifndef LT_VERIFY_INT_H
#define LT_VERIFY_INT_H

#include "latent/store/verify.h"
#include "store/store_int.h"

typedef struct lt__verify {
    lt_store *store;
    const lt_verify_opts *opts;
    lt_verify_report *out;
    lt_text line;    /* the finding being told */
    bool is_strange; /* tables are not latent's: nothing is asked of them */
} lt__verify;

void lt__verify_wrong(lt__verify *v, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Whether the user asked for that run. */
bool lt__verify_wants(const lt__verify *v, int64_t run);

/* Each tells what is wrong; the first five read one moment of the store. */
lt_status lt__verify_schema(lt__verify *v, lt_err *err);
lt_status lt__verify_pages(lt__verify *v, lt_err *err);
lt_status lt__verify_rows(lt__verify *v, lt_err *err);
lt_status lt__verify_series(lt__verify *v, lt_err *err);
lt_status lt__verify_sources(lt__verify *v, lt_err *err);
lt_status lt__verify_alive(lt__verify *v, lt_err *err);
lt_status lt__verify_artifacts(lt__verify *v, lt_err *err);
lt_status lt__verify_folders(lt__verify *v, lt_err *err);
lt_status lt__verify_unsaved(lt__verify *v, lt_err *err);

#endif
