/* Generated word counts: documents that mix a few topics, for networks with a
 * multinomial loss. */
#ifndef LT_TOPICS_H
#define LT_TOPICS_H

#include "latent/data/dataset.h"

typedef struct lt_topics_plan {
    int n_train, n_test;
    int words;  /* in the vocabulary, at least 2 */
    int topics; /* 1 to 256 */
    int length; /* words of a document, on average */
    uint64_t seed;
} lt_topics_plan;

/* Each topic has its own order of the vocabulary, its k-th word with a chance
 * in proportion to 1/k. A document mixes one to three topics by shares that
 * are drawn; its label is that with the largest share. Its length is even on
 * length/2 .. 3 length/2. Train and test share topics, and are different
 * streams of the seed: n_train does not move the test set. The same bytes on
 * every machine. Time grows with the words drawn, memory with those and
 * topics x words. */
lt_status lt_topics_make(const lt_topics_plan *plan, lt_data_pair *out,
                         lt_err *err);

#endif
