// How often the 95% intervals of src/stats/ cover what they speak of, in simulated evaluations: 30, 100 and 500 problems, mean
// accuracies of 0.02, 0.1, 0.5 and 0.9, problems all alike or of beta-distributed difficulty.
//
// usage: check_stats_coverage [EXPERIMENTS [RESAMPLES]]   (1000, 1000) a line for each case; exit 1 where one covers less than
// 92% Wilson's interval, for one sample a problem, needs no simulation: tests/test_stats.c adds up its cases.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

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

typedef enum interval_kind { OVER_PROBLEMS, OVER_RESPONSES, OF_A_DIFFERENCE } interval_kind;

typedef struct simulated_case {
    interval_kind interval;
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

// Accuracy of a second model on a problem that the first solves with probability p.
static double improved(double p) { return pow(p, 0.8); }

// Whether the interval of one experiment covers. Problems are drawn from `pool`, whose mean pass@k is `truth`; an interval over
// responses speaks of the drawn problems, that of a difference of the mean over problems by which a second model is better.
static bool covers(const simulated_case *c, const double *pool, double truth, stats_options options, stream *s) {
    double scores[MOST_PROBLEMS], others[MOST_PROBLEMS], own = 0;
    uint32_t correct[MOST_PROBLEMS];
    stats_interval interval = {0, 0};
    for (uint32_t i = 0; i < c->problems; i++) {
        double p = pool[(size_t)(uniform(s) * POOL)];
        correct[i] = binomial(s, c->samples, p);
        if (stats_pass_at_k(c->samples, correct[i], c->k, &scores[i]) != STATUS_OK) abort();
        own += (1 - pow(1 - p, c->k)) / c->problems;
        if (c->interval != OF_A_DIFFERENCE) continue;
        uint32_t second = binomial(s, c->samples, improved(p));
        if (stats_pass_at_k(c->samples, second, c->k, &others[i]) != STATUS_OK) abort();
    }
    status code = c->interval == OF_A_DIFFERENCE
                      ? stats_paired_bootstrap(scores, others, NULL, c->problems, &options, NULL, &interval)
                  : c->interval == OVER_RESPONSES
                      ? stats_response_interval(correct, NULL, c->problems, c->samples, c->k, &options, &interval)
                      : stats_bootstrap(scores, NULL, c->problems, &options, NULL, &interval);
    if (code != STATUS_OK) abort();
    if (c->interval == OVER_RESPONSES) truth = own;
    return interval.low <= truth + 1e-12 && truth - 1e-12 <= interval.high;
}

static double coverage(const simulated_case *c, uint32_t experiments, uint32_t resamples, uint64_t key) {
    static double pool[POOL];
    stream s = {key << 32, 0};
    double truth = 0;
    for (size_t i = 0; i < POOL; i++) {
        pool[i] = c->spread > 0 ? beta(&s, c->accuracy * c->spread, (1 - c->accuracy) * c->spread) : c->accuracy;
        truth += (c->interval == OF_A_DIFFERENCE ? improved(pool[i]) - pool[i] : 1 - pow(1 - pool[i], c->k)) / POOL;
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
    uint32_t most = argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : MOST_PROBLEMS;
    static const uint32_t problems[] = {30, 100, 500};
    static const double accuracies[] = {0.02, 0.1, 0.5, 0.9}, spreads[] = {0, 0.5, 2, 10};
    static const char *const kinds[] = {
        [OVER_PROBLEMS] = "problems", [OVER_RESPONSES] = "responses", [OF_A_DIFFERENCE] = "difference"};
    static const struct {
        interval_kind interval;
        const char *name;
        uint32_t samples, k;
    } statistics[] = {{OVER_PROBLEMS, "Avg@16", 16, 1},  {OVER_PROBLEMS, "Pass@8", 64, 8},  {OVER_PROBLEMS, "Pass@64", 64, 64},
                      {OVER_RESPONSES, "Avg@16", 16, 1}, {OVER_RESPONSES, "Pass@8", 64, 8}, {OF_A_DIFFERENCE, "Avg@16", 16, 1}};
    size_t failed = 0, cases = 0;
    double worst = 1;
    if (experiments == 0 || resamples == 0)
        return fprintf(stderr, "usage: check_stats_coverage [EXPERIMENTS [RESAMPLES [PROBLEMS]]]\n"), 2;
    printf("%-10s %-10s %8s %8s %8s %9s\n", "interval", "estimate", "problems", "accuracy", "a + b", "covered");
    for (size_t t = 0; t < sizeof statistics / sizeof *statistics; t++)
        for (size_t n = 0; n < 3 && problems[n] <= most; n++)
            for (size_t a = 0; a < 4; a++)
                for (size_t b = 0; b < 4; b++) {
                    simulated_case c = {statistics[t].interval, problems[n],   statistics[t].samples,
                                        statistics[t].k,        accuracies[a], spreads[b]};
                    double covered = coverage(&c, experiments, resamples, ++cases);
                    bool enough = covered >= least_coverage;
                    failed += !enough;
                    worst = fmin(worst, covered);
                    printf("%-10s %-10s %8u %8g %8g %8.1f%%%s\n", kinds[statistics[t].interval], statistics[t].name, c.problems,
                           c.accuracy, c.spread, 100 * covered, enough ? "" : "   less than 92%");
                }
    printf("%zu cases of %u experiments, the least covered %.1f%%, %zu below 92%%\n", cases, experiments, 100 * worst, failed);
    return failed ? 1 : 0;
}
