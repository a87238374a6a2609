/* Status codes and error messages.
 *
 * A function that can fail on bad input or a missing resource returns an
 * lt_status and takes an lt_err as its last parameter, which it fills when it
 * fails. The message names the thing, what was found and what was wanted:
 * "layer 3 (dense): 0 units, wanted at least 1". `err` may be NULL where the
 * caller wants only the code. Library code never prints and never exits. */
#ifndef LT_STATUS_H
#define LT_STATUS_H

#include <stdarg.h>

#define LT_STATUS_MAP(X)                                                       \
    X(OK, "ok")                                                                \
    X(ENOMEM, "out of memory")                                                 \
    X(EINVAL, "invalid argument")                                              \
    X(EDIVERGED, "loss is not finite")                                         \
    X(EINTERRUPTED, "interrupted")                                             \
    X(ECALLBACK, "a callback raised an error")                                 \
    X(ENOTFOUND, "not found")                                                  \
    X(EIO, "input or output error")                                            \
    X(ENOSPC, "no space left on the disk")                                     \
    X(EFORMAT, "malformed file")                                               \
    X(ESTORE, "store error")                                                   \
    X(EBUSY, "busy")                                                           \
    X(ELIMIT, "a limit of time or memory was reached")

typedef enum lt_status {
#define X(name, text) LT_##name,
    LT_STATUS_MAP(X)
#undef X
} lt_status;

/* An error and its message; zero-initialise with {0}. */
typedef struct lt_err {
    lt_status status;
    char text[1024];
} lt_err;

#define LT_TRY(call)                                                           \
    do {                                                                       \
        lt_status rc_ = (call);                                                \
        if (rc_ != LT_OK)                                                      \
            return rc_;                                                        \
    } while (0)

/* "EINVAL" and "invalid argument"; both static. */
const char *lt_status_name(lt_status status);
const char *lt_status_text(lt_status status);

/* Fills `err` (if not NULL) and returns `status`. */
lt_status lt_err_set(lt_err *err, lt_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "context: " before the message already there; returns err's status. */
lt_status lt_err_prefix(lt_err *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Makes sure that a failing `status` has a message; returns `status`. */
lt_status lt_err_mark(lt_err *err, lt_status status);

/* Our own mistakes: prints file, line and text, and aborts; on in release.
 * LT_DASSERT is for inner loops and vanishes in release builds. */
#define LT_ASSERT(condition)                                                   \
    ((condition) ? (void)0 : lt_assert_failed(#condition, __FILE__, __LINE__))
#ifdef LT_DEBUG
#define LT_DASSERT(condition) LT_ASSERT(condition)
#else
#define LT_DASSERT(condition) ((void)0)
#endif
_Noreturn void lt_assert_failed(const char *condition, const char *file,
                                int line);

#endif
