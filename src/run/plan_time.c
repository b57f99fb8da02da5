// Costs of parts times how often a step does them. See plan_time.h.
#include "run/plan_time.h"

#include <math.h>
#include <stdlib.h>

#include "run/options.h"

// ---- lengths -------------------------------------------------------------------------------------------------------------

// The chance with which each token ends its response, so that the mean is `mean` where responses are cut at `longest`.
static double end_chance(double mean, double longest) {
    double low = 0, high = 1;
    for (int i = 0; i < 100; i++) {
        double p = 0.5 * (low + high), here = -expm1(longest * log1p(-p)) / p;
        if (here > mean)
            low = p;
        else
            high = p;
    }
    return high;
}

// Quantiles of that distribution, in an order that mixes long and short ones evenly (multiples of the golden ratio).
void time_plan_lengths(size_t *lengths, size_t count, size_t mean, size_t longest) {
    const double golden = 0.61803398874989485, end = mean < longest ? end_chance((double)mean, (double)longest) : 0;
    for (size_t i = 0; i < count; i++) {
        double whole, u = modf(((double)i + 0.5) * golden, &whole), length = (double)longest;
        if (mean < longest) length = 1 + floor(log1p(-u) / log1p(-end));
        lengths[i] = length < (double)longest ? (size_t)length : longest;
    }
}

size_t time_plan_context(const size_t *lengths, size_t count) {
    double steps = 0, tokens = 0; // the first token of a response comes with its prompt
    for (size_t i = 0; i < count; i++) {
        double n = (double)lengths[i] - 1;
        steps += n, tokens += n * (n + 1) / 2;
    }
    return steps > 0 ? (size_t)(tokens / steps + 0.5) : 1;
}

// ---- sampling ------------------------------------------------------------------------------------------------------------

// Of one decoding step: linear between the numbers of rows that were measured.
static double decode_step_seconds(const step_costs *c, size_t rows) {
    const decode_cost *d = c->decode;
    for (size_t i = 0; i < c->decode_count; i++) {
        if (rows > d[i].rows) continue;
        if (rows == d[i].rows || i == 0) return d[i].seconds;
        double share = (double)(rows - d[i - 1].rows) / (double)(d[i].rows - d[i - 1].rows);
        return d[i - 1].seconds + share * (d[i].seconds - d[i - 1].seconds);
    }
    return c->decode_count > 0 ? d[c->decode_count - 1].seconds : 0;
}

// Decoding of `count` rollouts in at most `rows` rows: one that ends makes room for the next, as in rollout/generator.c.
// left[rows] is scratch.
static double decode_seconds(const step_costs *c, const size_t *lengths, size_t count, size_t rows, size_t *left) {
    double seconds = 0;
    size_t next = 0, used = 0;
    for (;;) {
        for (; used < rows && next < count; next++)
            if (lengths[next] > 1) left[used++] = lengths[next] - 1;
        if (used == 0) return seconds;
        size_t shortest = left[0];
        for (size_t i = 1; i < used; i++)
            if (left[i] < shortest) shortest = left[i];
        seconds += (double)shortest * decode_step_seconds(c, used);
        for (size_t i = 0; i < used;) {
            left[i] -= shortest;
            if (left[i] > 0)
                i++;
            else
                left[i] = left[--used];
        }
    }
}

// ---- a step --------------------------------------------------------------------------------------------------------------

status time_plan_make(time_plan *t, const settings *s, size_t rows, size_t mean, const step_costs *c) {
    const size_t groups = (size_t)s->data.train_batch_size, size = (size_t)s->rollout.n;
    const size_t minibatch = (size_t)s->actor.ppo_mini_batch_size, epochs = (size_t)s->actor.ppo_epochs;
    const size_t updates = (groups + minibatch - 1) / minibatch;
    // Dynamic sampling draws whole batches.
    const size_t drawn = s->filter.enable ? (size_t)s->data.gen_batch_size : groups, batches = (groups + drawn - 1) / drawn;
    const size_t rollouts = drawn * size;
    size_t *lengths = calloc(rollouts + rows, sizeof *lengths);
    if (!lengths) return status_set(STATUS_NO_MEMORY, "out of memory");
    time_plan_lengths(lengths, rollouts, mean, (size_t)s->data.max_response_length);
    double decoding = decode_seconds(c, lengths, rollouts, rows, lengths + rollouts);
    free(lengths);

    const double per_group = c->prompt_update + (double)size * c->response_update;
    const double per_group_forward = c->prompt_forward + (double)size * c->response_forward;
    *t = (time_plan){.response_length = mean};
    t->sampling = (double)batches * ((double)drawn * c->prefill + decoding);
    t->embedding = (double)(batches * rollouts) * c->embedding;
    t->reference = options_need_reference(s) ? (double)groups * per_group_forward : 0;
    if (time_plan_probes(s)) t->probe = (double)(groups - minibatch) * per_group_forward / (double)s->trainer.probe_freq;
    t->update = (double)(epochs * groups) * per_group;
    t->optimizer = (double)(epochs * updates) * c->optimizer;
    return STATUS_OK;
}
