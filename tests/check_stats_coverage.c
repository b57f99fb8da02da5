// How often the 95% intervals of src/stats/ cover what they speak of, in simulated evaluations: 30, 100 and 500 problems, mean
// accuracies of 0.02, 0.1, 0.5 and 0.9, problems all alike or of beta-distributed difficulty.
//
// usage: check_stats_coverage [EXPERIMENTS [RESAMPLES]]   (1000, 1000) a line for each case; exit 1 where one covers less than
// 92% Wilson's interval, for one sample a problem, needs no simulation: tests/test_stats.c adds up its cases.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "stats/stats.h"

enum { POOL = 4096, MOST_PROBLEMS = 500 };
static const double least_coverage = 0.92;

// Draws of a stream of its own.
typedef struct stream {
    uint64_t key;
    uint32_t next;
} stream;

static double uniform(stream *s) { return random_uniform(1, RANDOM_TEST, s->key, s->next++, 0); }

// Beta by Johnk's rejection.
static double beta(stream *s, double a, double b) {
    for (;;) {
        double x = log(1 - uniform(s)) / a, y = log(1 - uniform(s)) / b, top = fmax(x, y);
        double sum = top + log(exp(x - top) + exp(y - top)); // of logarithms, which do not underflow
        if (sum <= 0) return exp(x - sum);
    }
}

typedef struct simulated_case {
    bool over_responses; // the interval
    uint32_t problems, samples, k;
    double accuracy, spread; // spread: a + b of the beta distribution; 0: problems are alike
} simulated_case;

// Successes in so many tries, four from one draw.
static uint32_t binomial(stream *s, uint32_t tries, double p) {
    uint32_t hits = 0;
    for (uint32_t j = 0; j < tries; j += 4) {
        random_words w = random_draw(1, RANDOM_TEST, s->key, s->next++, 1);
        for (uint32_t i = 0; i < 4 && j + i < tries; i++) hits += (double)w.word[i] * 0x1p-32 < p;
    }
    return hits;
}

// Whether the interval of one experiment covers. Problems are drawn from `pool`, whose mean pass@k is `truth`; an interval over
// responses speaks of the drawn problems.
static bool covers(const simulated_case *c, const double *pool, double truth, stats_options options, stream *s) {
    double scores[MOST_PROBLEMS], own = 0;
    uint32_t correct[MOST_PROBLEMS];
    stats_interval interval = {0, 0};
    for (uint32_t i = 0; i < c->problems; i++) {
        double p = pool[(size_t)(uniform(s) * POOL)];
        correct[i] = binomial(s, c->samples, p);
        if (stats_pass_at_k(c->samples, correct[i], c->k, &scores[i]) != STATUS_OK) abort();
        own += (1 - pow(1 - p, c->k)) / c->problems;
    }
    status code = c->over_responses ? stats_response_interval(correct, NULL, c->problems, c->samples, c->k, &options, &interval)
                                    : stats_bootstrap(scores, NULL, c->problems, &options, NULL, &interval);
    if (code != STATUS_OK) abort();
    if (c->over_responses) truth = own;
    return interval.low <= truth + 1e-12 && truth - 1e-12 <= interval.high;
}

static double coverage(const simulated_case *c, uint32_t experiments, uint32_t resamples, uint64_t key) {
    static double pool[POOL];
    stream s = {key << 32, 0};
    double truth = 0;
    for (size_t i = 0; i < POOL; i++) {
        pool[i] = c->spread > 0 ? beta(&s, c->accuracy * c->spread, (1 - c->accuracy) * c->spread) : c->accuracy;
        truth += (1 - pow(1 - pool[i], c->k)) / POOL;
    }
    uint32_t covered = 0;
    for (uint32_t e = 0; e < experiments; e++) {
        stream own = {key << 32 | (e + 1), 0};
        stats_options options = STATS_OPTIONS_DEFAULT;
        options.resamples = resamples, options.seed = e, options.statistic = key;
        covered += covers(c, pool, truth, options, &own);
    }
    return covered / (double)experiments;
}

int main(int argc, char **argv) {
    uint32_t experiments = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 1000;
    uint32_t resamples = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 1000;
    static const uint32_t problems[] = {30, 100, 500};
    static const double accuracies[] = {0.02, 0.1, 0.5, 0.9}, spreads[] = {0, 0.5, 2, 10};
    static const struct {
        const char *interval, *name;
        uint32_t samples, k;
    } statistics[] = {{"problems", "Avg@16", 16, 1},
                      {"problems", "Pass@8", 64, 8},
                      {"problems", "Pass@64", 64, 64},
                      {"responses", "Avg@16", 16, 1},
                      {"responses", "Pass@8", 64, 8}};
    size_t failed = 0, cases = 0;
    double worst = 1;
    if (experiments == 0 || resamples == 0) return fprintf(stderr, "usage: check_stats_coverage [EXPERIMENTS [RESAMPLES]]\n"), 2;
    printf("%-10s %-10s %8s %8s %8s %9s\n", "over", "estimate", "problems", "accuracy", "a + b", "covered");
    for (size_t t = 0; t < sizeof statistics / sizeof *statistics; t++)
        for (size_t n = 0; n < 3; n++)
            for (size_t a = 0; a < 4; a++)
                for (size_t b = 0; b < 4; b++) {
                    simulated_case c = {!strcmp(statistics[t].interval, "responses"),
                                        problems[n],
                                        statistics[t].samples,
                                        statistics[t].k,
                                        accuracies[a],
                                        spreads[b]};
                    double covered = coverage(&c, experiments, resamples, ++cases);
                    bool enough = covered >= least_coverage;
                    failed += !enough;
                    worst = fmin(worst, covered);
                    printf("%-10s %-10s %8u %8g %8g %8.1f%%%s\n", statistics[t].interval, statistics[t].name, c.problems,
                           c.accuracy, c.spread, 100 * covered, enough ? "" : "   less than 92%");
                }
    printf("%zu cases of %u experiments, the least covered %.1f%%, %zu below 92%%\n", cases, experiments, 100 * worst, failed);
    return failed ? 1 : 0;
}
