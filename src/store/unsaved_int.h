/* Shared by the parts that keep what a store could not take: the side file of
 * a run (unsaved.c writes it, unsaved_read.c reads it), what a run says
 * beside metrics (words.c), and how it all gets into the store (fold.c). */
#ifndef LT_UNSAVED_INT_H
#define LT_UNSAVED_INT_H

#include "latent/store/fold.h"
#include "store/store_int.h"

/* ---- words.c: statements about a run ---- */

typedef enum lt__word {
    LT__WORD_NOTE,       /* at, text */
    LT__WORD_TAG,        /* tag */
    LT__WORD_ARTIFACT,   /* name, kind, path, SHA-256, bytes, at */
    LT__WORD_FACTS,      /* data, network, parameters, rate */
    LT__WORD_END,        /* status, message, at, seconds, CPU seconds */
    LT__WORD_DIVERGENCE, /* step, layer, what */
    LT__WORD_COUNT
} lt__word;

#define LT__WORD_VALUES 6

typedef struct lt__value {
    char type; /* i, d or t, as for lt__db_do */
    int64_t integer;
    double real;
    const char *text; /* or NULL */
} lt__value;

/* The types of its values, in their order. */
const char *lt__word_types(lt__word word);

/* Executes the statement for `run`. Twice is as good as once. */
lt_status lt__word_write(lt_store *s, int64_t run, lt__word word,
                         const lt__value *values, lt_err *err);

/* ---- unsaved.c: writing a side file ---- */

typedef struct lt__unsaved lt__unsaved;

/* The folder of all side files, with '/' at its end; the file of one run. */
void lt__unsaved_folder(const lt_store *s, lt_text *out);
void lt__unsaved_path(const lt_store *s, int64_t run, lt_text *out);

/* Makes the claim's file anew, with room in it. One that cannot be made says
 * so when it is committed to; NULL only for want of memory. */
lt__unsaved *lt__unsaved_new(const lt_claim *c);
void lt__unsaved_free(lt__unsaved *u); /* leaves the file */
void lt__unsaved_remove(lt__unsaved *u);

/* Gathered first: points of a series, from number `seq` on; words, which stay
 * in memory until they are written (only ENOMEM is an error). */
void lt__unsaved_series(lt__unsaved *u, const char *name, int64_t seq);
void lt__unsaved_point(lt__unsaved *u, const lt__point *p);
lt_status lt__unsaved_word(lt__unsaved *u, lt__word word,
                           const lt__value *values);
/* Then written, all or nothing, and on the disk when this returns. */
lt_status lt__unsaved_commit(lt__unsaved *u, lt_err *err);

/* What is in the file, and in memory, is in the store by now. */
void lt__unsaved_empty(lt__unsaved *u);
bool lt__unsaved_is_empty(const lt__unsaved *u);
bool lt__unsaved_has_filed(const lt__unsaved *u);   /* more than in memory */
const char *lt__unsaved_name(const lt__unsaved *u); /* its path; borrowed */

/* ---- the file's frames ---- */

#define LT__UNSAVED_MAGIC  "latent unsaved 1"
#define LT__UNSAVED_MAX    ((uint32_t)16 << 20) /* bytes in a frame */
#define LT__UNSAVED_POINTS 4096                 /* in a frame */
#define LT__UNSAVED_POINT  32                   /* bytes of one */

typedef struct lt__frame {
    uint32_t size; /* of what follows; 0: the end */
    uint32_t generation;
    uint64_t sum;
} lt__frame;

/* Over size, generation and what follows. */
uint64_t lt__frame_sum(const lt__frame *f, const void *body);

typedef enum lt__entry_kind {
    LT__ENTRY_OWNER = 1,
    LT__ENTRY_POINTS,
    LT__ENTRY_WORD
} lt__entry_kind;

/* Texts are borrowed, until the next entry is read. */
typedef struct lt__entry {
    lt__entry_kind kind;
    /* owner: whose file it is. points: of series `name`, from `seq` on */
    int64_t run, pid, pid_start;
    const char *boot_id, *name;
    int64_t seq;
    const unsigned char *points;
    int n_points;
    lt__word word;
    lt__value values[LT__WORD_VALUES];
} lt__entry;

void lt__entry_point(const lt__entry *e, int i, lt__point *out);

/* ---- unsaved_read.c ---- */

typedef struct lt__unsaved_file lt__unsaved_file;

/* ENOTFOUND, or EFORMAT when it does not begin as such a file does. */
lt_status lt__unsaved_open(const char *path, lt__unsaved_file **out,
                           lt_err *err);
/* From its beginning; takes the descriptor, `path` is for messages. */
lt_status lt__unsaved_open_fd(int fd, const char *path, lt__unsaved_file **out,
                              lt_err *err);
/* The claim's own, even when another has removed its name. */
lt_status lt__unsaved_reread(const lt__unsaved *u, lt__unsaved_file **out,
                             lt_err *err);
/* Frames in memory, borrowed: no owner in front of them. */
lt_status lt__unsaved_open_bytes(const void *bytes, size_t size,
                                 lt__unsaved_file **out, lt_err *err);
/* The words that no file could take yet, if there are any. */
bool lt__unsaved_has_words(const lt__unsaved *u);
lt_status lt__unsaved_words(const lt__unsaved *u, lt__unsaved_file **out,
                            lt_err *err);
void lt__unsaved_close(lt__unsaved_file *f);
/* The next entry; false after the last good one. */
bool lt__unsaved_next(lt__unsaved_file *f, lt__entry *e);
/* After that: whether something follows that cannot be read. */
bool lt__unsaved_is_torn(const lt__unsaved_file *f);

/* ---- fold.c ---- */

/* The runs that have a side file, and whose lock nobody holds. */
lt_status lt__unsaved_find(const lt_store *s, lt__ids *out, lt_err *err);

typedef struct lt__folding {
    lt_folded sum;
    lt__ids done; /* runs whose file has nothing left that the store lacks, each
                     followed by a number that tells whose the file is */
} lt__folding;

/* Within a transaction, for a run whose process is gone (or is this one): the
 * store gets what the run's side file has, where that is of its last claim. A
 * file that is damaged, or not its, is left alone. */
lt_status lt__fold_run(lt_store *s, int64_t run, lt__folding *all, lt_err *err);
/* The same from the open file. */
lt_status lt__fold_file(lt_store *s, int64_t run, lt__unsaved_file *file,
                        lt__folding *all, lt_err *err);
/* The same of what a claim holds in memory. */
lt_status lt__fold_words(lt_store *s, int64_t run, lt__unsaved_file *words,
                         lt_err *err);
/* After that transaction: removes the files that are done with, if nobody has
 * claimed their runs since, and frees what `all` holds. */
void lt__fold_clear(lt_store *s, lt__folding *all);

#endif
