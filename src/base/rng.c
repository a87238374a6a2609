/* xoshiro256** seeded by splitmix64; see latent/base/rng.h. */
#include "latent/base/rng.h"

#include <math.h>

static uint64_t splitmix_next(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* FNV-1a, 64 bits. */
static uint64_t name_hash(const char *name)
{
    uint64_t h = 0xcbf29ce484222325u;

    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * 0x100000001b3u;
    return h;
}

void lt_rng_init(lt_rng *rng, uint64_t seed, const char *stream)
{
    uint64_t s = seed;
    uint64_t mixed = splitmix_next(&s) ^ name_hash(stream);

    for (int i = 0; i < 4; i++)
        rng->state[i] = splitmix_next(&mixed);
}

static uint64_t rotate_left(uint64_t x, int bits)
{
    return (x << bits) | (x >> (64 - bits));
}

uint64_t lt_rng_next(lt_rng *rng)
{
    uint64_t *s = rng->state;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

double lt_rng_uniform(lt_rng *rng)
{
    return (double)(lt_rng_next(rng) >> 11) * 0x1.0p-53;
}

uint64_t lt_rng_below(lt_rng *rng, uint64_t bound)
{
    uint64_t threshold = -bound % bound, draw;

    do {
        draw = lt_rng_next(rng);
    } while (draw < threshold);
    return draw % bound;
}

double lt_rng_normal(lt_rng *rng)
{
    double u, v, s;

    do {
        u = 2 * lt_rng_uniform(rng) - 1;
        v = 2 * lt_rng_uniform(rng) - 1;
        s = u * u + v * v;
    } while (s >= 1 || s <= 0);
    return u * sqrt(-2 * log(s) / s);
}

void lt_rng_shuffle(lt_rng *rng, int32_t *items, size_t n)
{
    for (size_t i = n; i > 1; i--) {
        size_t j = (size_t)lt_rng_below(rng, i);
        int32_t t = items[i - 1];

        items[i - 1] = items[j];
        items[j] = t;
    }
}
