/* Random numbers: xoshiro256** (Blackman and Vigna 2018), seeded through
 * splitmix64 from a seed and a stream's name. Streams with different names
 * are independent, so a new draw in one place moves no other:
 *
 *     lt_rng_init(&rng, run_seed, "shuffle");
 *
 * All functions but lt_rng_normal use integer and exactly rounded arithmetic
 * only: same seed, same values on every machine. */
#ifndef LT_RNG_H
#define LT_RNG_H

#include <stddef.h>
#include <stdint.h>

typedef struct lt_rng {
    uint64_t state[4];
} lt_rng;

void lt_rng_init(lt_rng *rng, uint64_t seed, const char *stream);
uint64_t lt_rng_next(lt_rng *rng);
double lt_rng_uniform(lt_rng *rng);                 /* [0, 1), 53 bits */
uint64_t lt_rng_below(lt_rng *rng, uint64_t bound); /* [0, bound), unbiased */
double lt_rng_normal(lt_rng *rng);                  /* N(0,1), polar method */
void lt_rng_shuffle(lt_rng *rng, int32_t *items, size_t n); /* Fisher-Yates */

#endif
