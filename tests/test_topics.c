/* Generated word counts: lengths, labels, and the chances of words. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "latent/base/clock.h"
#include "latent/base/mem.h"
#include "latent/data/topics.h"

static lt_data_pair make(lt_topics_plan plan)
{
    lt_data_pair pair = {NULL, NULL};
    lt_err err = {0};

    if (lt_topics_make(&plan, &pair, &err) != LT_OK)
        fail_msg("%s", err.text);
    return pair;
}

static void pair_free(lt_data_pair pair)
{
    lt_dataset_free(pair.train);
    lt_dataset_free(pair.test);
}

static void documents_have_lengths_about_the_one_asked_for(void **state)
{
    static const int lengths[] = {1, 2, 7, 100};

    (void)state;
    for (size_t k = 0; k < 4; k++) {
        lt_data_pair pair =
            make((lt_topics_plan){2000, 10, 300, 6, lengths[k], 3});
        const lt_sparse *s = lt_dataset_sparse(pair.train);
        int half = lengths[k] / 2;
        double sum = 0, sd = sqrt((half * (half + 1)) / 3.0);

        assert_int_equal(s->rows, 2000);
        assert_int_equal(s->cols, 300);
        for (int i = 0; i < s->rows; i++) {
            float n = 0;

            for (int64_t e = s->start[i]; e < s->start[i + 1]; e++) {
                assert_true(s->value[e] >= 1);
                n += s->value[e];
            }
            assert_in_range((int)n, lengths[k] - half, lengths[k] + half);
            sum += (double)n;
        }
        assert_true(fabs(sum / 2000 - lengths[k]) <= 5 * sd / sqrt(2000));
        pair_free(pair);
    }
}

/* One topic: the word of rank k has its share (1/k) / H. */
static void words_follow_zipf(void **state)
{
    enum { WORDS = 50, N = 3000 };
    lt_data_pair pair = make((lt_topics_plan){N, 1, WORDS, 1, 100, 5});
    const lt_sparse *s = lt_dataset_sparse(pair.train);
    double counts[WORDS] = {0}, total = 0, harmonic = 0, chi2 = 0;

    (void)state;
    for (int64_t e = 0; e < s->start[N]; e++) {
        counts[s->index[e]] += (double)s->value[e];
        total += (double)s->value[e];
    }
    for (int k = 1; k <= WORDS; k++)
        harmonic += 1.0 / k;
    for (int k = 1; k <= WORDS; k++) { /* the order is the topic's own */
        double wanted = total / k / harmonic;
        int best = 0;

        for (int w = 0; w < WORDS; w++)
            best = counts[w] > counts[best] ? w : best;
        chi2 += pow(counts[best] - wanted, 2) / wanted;
        counts[best] = -1;
    }
    assert_true(chi2 < 49 + 5 * sqrt(98));
    pair_free(pair);
}

/* Nearest mean (by cosine) of the documents with a label tells the labels of
 * others far better than chance. */
static void labels_are_told_by_the_words(void **state)
{
    enum { WORDS = 200, TOPICS = 8 };
    lt_data_pair pair =
        make((lt_topics_plan){2000, 500, WORDS, TOPICS, 100, 6});
    const lt_sparse *s = lt_dataset_sparse(pair.train);
    const uint8_t *labels = lt_dataset_labels(pair.train);
    double mean[TOPICS][WORDS] = {{0}}, norm[TOPICS] = {0};
    int right = 0, seen[TOPICS] = {0};

    (void)state;
    for (int i = 0; i < s->rows; i++) {
        assert_in_range(labels[i], 0, TOPICS - 1);
        seen[labels[i]]++;
        for (int64_t e = s->start[i]; e < s->start[i + 1]; e++)
            mean[labels[i]][s->index[e]] += (double)s->value[e];
    }
    for (int t = 0; t < TOPICS; t++) {
        assert_in_range(seen[t], 150, 350);
        for (int w = 0; w < WORDS; w++)
            norm[t] += mean[t][w] * mean[t][w];
    }
    s = lt_dataset_sparse(pair.test);
    for (int i = 0; i < s->rows; i++) {
        double best = -1;
        int found = 0;

        for (int t = 0; t < TOPICS; t++) {
            double dot = 0;

            for (int64_t e = s->start[i]; e < s->start[i + 1]; e++)
                dot += mean[t][s->index[e]] * (double)s->value[e];
            found = dot / sqrt(norm[t]) > best ? t : found;
            best = fmax(best, dot / sqrt(norm[t]));
        }
        right += found == lt_dataset_labels(pair.test)[i];
    }
    assert_true(right > 400); /* of 500; chance would be 62 */
    pair_free(pair);
}

static void topics_are_the_same_bytes_on_every_machine(void **state)
{
    lt_data_pair pair = make((lt_topics_plan){200, 100, 500, 9, 40, 1});
    char hex[LT_DIGEST_HEX];

    (void)state;
    lt_dataset_fingerprint(pair.train, hex);
    assert_string_equal(
        hex,
        "53db5ad85182dff0f31d1b9db8027acc53f6d268a8644b243f2527a50aeb06d1");
    lt_dataset_fingerprint(pair.test, hex);
    assert_string_equal(
        hex,
        "522bc43e9b4d1b2aeae66f9483b960bad06302ffcf002974f83172405f206726");
    pair_free(pair);
}

static void topics_test_set_does_not_depend_on_n_train(void **state)
{
    lt_data_pair a = make((lt_topics_plan){10, 20, 50, 4, 10, 5});
    lt_data_pair b = make((lt_topics_plan){30, 20, 50, 4, 10, 5});
    lt_data_pair c = make((lt_topics_plan){10, 20, 50, 4, 10, 6});
    char hex[3][LT_DIGEST_HEX];

    (void)state;
    lt_dataset_fingerprint(a.test, hex[0]);
    lt_dataset_fingerprint(b.test, hex[1]);
    lt_dataset_fingerprint(c.test, hex[2]);
    assert_string_equal(hex[0], hex[1]);
    assert_string_not_equal(hex[0], hex[2]);
    pair_free(a);
    pair_free(b);
    pair_free(c);
}

static void topics_refuse_what_cannot_be(void **state)
{
    static const struct {
        lt_topics_plan plan;
        const char *text;
    } cases[] = {
        {{0, 1, 10, 2, 5, 1}, "0 + 1 documents"},
        {{1, 0, 10, 2, 5, 1}, "1 + 0 documents"},
        {{1, 1, 1, 2, 5, 1}, "1 words in 2 topics"},
        {{1, 1, 10, 0, 5, 1}, "10 words in 0 topics"},
        {{1, 1, 10, 257, 5, 1}, "in 257 topics, wanted at least 2 in 1 to 256"},
        {{1, 1, 10, 2, 0, 1}, "length 0, wanted 1 to"},
        {{1, 1, 16777216, 17, 5, 1}, "wanted at most 268435456 of words x"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lt_data_pair pair = {NULL, NULL};
        lt_err err = {0};

        assert_int_equal(lt_topics_make(&cases[i].plan, &pair, &err),
                         LT_EINVAL);
        if (!strstr(err.text, cases[i].text))
            fail_msg("found %s, wanted %s", err.text, cases[i].text);
    }
}

static void topics_survive_every_failed_allocation(void **state)
{
    const lt_topics_plan plan = {300, 3, 200, 4, 60, 1};
    lt_data_pair pair = {NULL, NULL};
    lt_status rc = LT_ENOMEM;
    int n;

    (void)state;
    for (n = 0; rc == LT_ENOMEM && n < 60; n++) {
        lt_mem_fail_after(n);
        rc = lt_topics_make(&plan, &pair, NULL);
        lt_mem_fail_after(-1);
    }
    assert_int_equal(rc, LT_OK);
    assert_true(n > 10);
    pair_free(pair);
}

/* Printed, not judged. */
static void a_million_words_take_their_time(void **state)
{
    double start = lt_clock_elapsed();

    (void)state;
    pair_free(make((lt_topics_plan){9000, 1000, 5000, 50, 100, 1}));
    print_message("1,000,000 words: %.2f s\n", lt_clock_elapsed() - start);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents_have_lengths_about_the_one_asked_for),
        cmocka_unit_test(words_follow_zipf),
        cmocka_unit_test(labels_are_told_by_the_words),
        cmocka_unit_test(topics_are_the_same_bytes_on_every_machine),
        cmocka_unit_test(topics_test_set_does_not_depend_on_n_train),
        cmocka_unit_test(topics_refuse_what_cannot_be),
        cmocka_unit_test(topics_survive_every_failed_allocation),
        cmocka_unit_test(a_million_words_take_their_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
