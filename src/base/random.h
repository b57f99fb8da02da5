// Randomness as a function: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
//
// Every draw is keyed by what it is for, never by when it is made, so nothing depends on scheduling, batch or thread count.
#ifndef DSDR_BASE_RANDOM_H
#define DSDR_BASE_RANDOM_H

#include <stdint.h>

// What a draw is for. Numbers are part of the bits that a run promises: append, never renumber.
typedef enum random_purpose {
    RANDOM_SAMPLE_TRAIN = 1, // keys: serial number of the group in the run, rollout, position
    RANDOM_SAMPLE_EVAL = 2,  // keys: step and problem (a: step << 32 | problem), sample, position
    RANDOM_SHUFFLE = 3,      // keys: epoch, position, 0
    RANDOM_TASK = 4,         // keys: generator, problem, draw
    RANDOM_INIT = 5,         // keys: tensor, element, 0
    RANDOM_BOOTSTRAP = 6,    // keys: statistic, resample, draw
    RANDOM_VERIFY = 7,       // keys: pair hash, point, 0
    RANDOM_TEST = 8,
    RANDOM_CONTROL = 9,   // rewards of a control experiment; keys: serial number of the group, rollout, 0
    RANDOM_SOLUTION = 10, // keys: hash of the problem's text, draw, choice
    RANDOM_JUDGE = 11,    // keys: hash of the problem or request, evaluation or try, draw
} random_purpose;

typedef struct random_words {
    uint32_t word[4];
} random_words;

// Four random 32-bit words, a pure function of (seed, purpose, a, b, c).
static inline random_words random_draw(uint64_t seed, random_purpose purpose, uint64_t a, uint32_t b, uint32_t c) {
    uint32_t x0 = (uint32_t)a, x1 = (uint32_t)(a >> 32), x2 = b, x3 = c;
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32) ^ ((uint32_t)purpose * 0x85EBCA6Bu);
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * x0, p1 = (uint64_t)0xCD9E8D57u * x2;
        uint32_t y0 = (uint32_t)(p1 >> 32) ^ x1 ^ k0, y2 = (uint32_t)(p0 >> 32) ^ x3 ^ k1;
        x1 = (uint32_t)p1, x3 = (uint32_t)p0, x0 = y0, x2 = y2;
        k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
    }
    return (random_words){{x0, x1, x2, x3}};
}

// Uniform in [0, 1) with 53 bits, from the first two words of a draw.
static inline double random_uniform(uint64_t seed, random_purpose purpose, uint64_t a, uint32_t b, uint32_t c) {
    random_words w = random_draw(seed, purpose, a, b, c);
    return (double)(((uint64_t)w.word[0] << 32 | w.word[1]) >> 11) * 0x1p-53;
}

// Uniform integer in [0, n), n >= 1, without modulo bias worth speaking of (64-bit multiply-shift; error below n / 2^64).
static inline uint64_t random_below(uint64_t seed, random_purpose purpose, uint64_t a, uint32_t b, uint32_t c, uint64_t n) {
    random_words w = random_draw(seed, purpose, a, b, c);
    return (uint64_t)(((unsigned __int128)((uint64_t)w.word[0] << 32 | w.word[1]) * n) >> 64);
}

#endif
