// Parts of a training step, done once or a few times and timed. See rehearsal.h.
//
// Responses are texts of the problems, cut to the length that is planned: of the right language, and the work on a token does not
// depend on which it is. Each part is done at least twice, unless it takes seconds, and the fastest counts: a first time
// reads code and tables that are not in the caches yet, and what another process takes away is no property of the step.
#include "run/rehearsal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rollout/group_set.h"
#include "run/options.h"
#include "run/scoring.h"

enum { EMBEDDED_TOKENS = 2048, EMBEDDED_TEXTS = 128, DECODE_STEPS = 4 };

typedef struct rehearsal {
    const rehearsal_subject *of;
    const settings *settings;
    arena activations; // sampling and learning take turns in it, as in training
    generator *generator;
    packed_pass pass;
    group_set set;
    token_list words; // of the problems' texts
    bool *active;     // [rollouts of the set]
} rehearsal;

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }
static size_t larger(size_t a, size_t b) { return a > b ? a : b; }

// ---- timing --------------------------------------------------------------------------------------------------------------

typedef struct stopwatch {
    double fastest, spent, start;
    size_t laps;
} stopwatch;

static bool stopwatch_again(stopwatch *w) {
    if (w->laps >= 8 || (w->laps >= 2 && w->spent >= 0.5) || w->spent >= 5) return false;
    w->start = training_clock();
    return true;
}

static void stopwatch_lap(stopwatch *w) {
    double seconds = training_clock() - w->start;
    if (w->laps == 0 || seconds < w->fastest) w->fastest = seconds;
    w->spent += seconds;
    w->laps++;
}

// ---- opening -------------------------------------------------------------------------------------------------------------

static status open_words(rehearsal *r) {
    const problem_set *problems = r->of->problems;
    for (size_t i = 0; i < problems->count && r->words.count < r->set.longest_response; i++) {
        const char *text = problems->problems[i].text;
        TRY(tokenizer_encode(r->of->run->lm.tokenizer, text, strlen(text), false, false, &r->words));
    }
    return r->words.count > 0 ? STATUS_OK : status_set(STATUS_INVALID, "the problems have no text");
}

static status open_prompts(rehearsal *r) {
    prompt_order order;
    TRY(prompt_order_create(&order, r->of->prompts));
    for (size_t g = 0; g < r->set.capacity; g++) {
        const token_list *prompt = &r->of->prompts->tokens[prompt_order_at(&order, r->settings, g)];
        r->set.groups[g].serial = g, r->set.groups[g].prompt_length = prompt->count;
        memcpy(r->set.groups[g].prompt_tokens, prompt->ids, prompt->count * sizeof *prompt->ids);
    }
    prompt_order_free(&order);
    return STATUS_OK;
}

static status open_all(rehearsal *r) {
    const settings *s = r->settings;
    training *run = r->of->run;
    const memory_plan *memory = r->of->memory;
    TRY(training_read_model(run));
    TRY(training_open_optimizer(run));
    arena_touch(&run->optimizer_memory); // no page is handed over while the clock runs
    TRY(arena_create(&r->activations, memory_plan_activations(memory), "caches and activations"));
    arena_touch(&r->activations);
    TRY(generator_create(&r->generator, &run->lm.model, run->lm.tokenizer, &memory->sampling, &r->activations));
    TRY(packed_create(&r->pass, &run->lm.model, &memory->learning, &r->activations));
    TRY(group_set_create(&r->set, (size_t)s->data.train_batch_size, (size_t)s->rollout.n, (size_t)s->data.max_prompt_length,
                         (size_t)s->data.max_response_length));
    r->active = calloc(r->set.capacity * r->set.size, sizeof *r->active);
    if (!r->active) return status_set(STATUS_NO_MEMORY, "out of memory");
    TRY(open_prompts(r));
    return open_words(r);
}

static void close_all(rehearsal *r) {
    free(r->active);
    token_list_free(&r->words);
    group_set_free(&r->set);
    packed_free(&r->pass);
    generator_free(r->generator);
    arena_free(&r->activations);
}

// ---- sampling ------------------------------------------------------------------------------------------------------------

// One decoding step of `rows` rollouts in the middle of their responses; *prefill is of one prompt.
static status measure_decode(rehearsal *r, size_t rows, size_t context, size_t steps, double *prefill, double *step) {
    const settings *s = r->settings;
    size_t size = smaller(r->set.size, rows), count = (rows + size - 1) / size;
    sampling how = {.seed = (uint64_t)s->trainer.seed,
                    .purpose = RANDOM_SAMPLE_TRAIN,
                    .temperature = (float)s->rollout.temperature,
                    .top_p = 1,
                    .longest_response = (size_t)s->data.max_response_length};
    stopwatch watch = {0};
    for (size_t g = 0; g < count; g++) r->set.groups[g].size = g + 1 < count ? size : rows - g * size;
    while (stopwatch_again(&watch)) {
        double first, other;
        TRY(generator_rehearse(r->generator, r->set.groups, count, &how, context, steps, &first, &other));
        *prefill = watch.laps == 0 ? first / (double)count : fmin(*prefill, first / (double)count);
        *step = watch.laps == 0 ? other : fmin(*step, other);
        stopwatch_lap(&watch);
    }
    for (size_t g = 0; g < count; g++) r->set.groups[g].size = r->set.size;
    return STATUS_OK;
}

static status measure_sampling(rehearsal *r, step_costs *c) {
    const size_t longest = r->set.longest_response, most = smaller(r->of->memory->sampling.rows, r->set.capacity * r->set.size);
    const size_t rows[DECODE_COSTS] = {1, (most + 3) / 4, most};
    size_t lengths[4096], count = sizeof lengths / sizeof *lengths;
    time_plan_lengths(lengths, count, r->of->response_length, longest);
    size_t steps = smaller(DECODE_STEPS, longest - 1), context = smaller(time_plan_context(lengths, count), longest - steps);
    for (size_t i = 0; i < DECODE_COSTS; i++) {
        if (i > 0 && rows[i] == rows[i - 1]) continue;
        decode_cost *d = &c->decode[c->decode_count];
        d->rows = rows[i];
        // The prefill of the most rows stays.
        TRY(measure_decode(r, rows[i], larger(context, 1), steps, &c->prefill, &d->seconds));
        c->decode_count += steps > 0;
    }
    return STATUS_OK;
}

// ---- embedding -----------------------------------------------------------------------------------------------------------

static status embed(rehearsal *r, const scorer *s, double *seconds) {
    const char *texts[EMBEDDED_TEXTS];
    size_t lengths[EMBEDDED_TEXTS], count = larger(EMBEDDED_TOKENS / r->of->response_length, 4);
    buffer text = {0};
    stopwatch watch = {0};
    count = smaller(smaller(count, EMBEDDED_TEXTS), r->set.capacity * r->set.size);
    float *out = calloc(count * encoder_width(s->encoder), sizeof *out);
    status code = out ? STATUS_OK : status_set(STATUS_NO_MEMORY, "out of memory");
    for (size_t left = r->of->response_length; left > 0 && code == STATUS_OK;) {
        size_t here = smaller(left, r->words.count);
        code = tokenizer_decode(r->of->run->lm.tokenizer, r->words.ids, here, true, &text);
        left -= here;
    }
    for (size_t i = 0; i < count && code == STATUS_OK; i++) texts[i] = buffer_text(&text), lengths[i] = text.length;
    while (code == STATUS_OK && stopwatch_again(&watch)) {
        code = encoder_embed(s->encoder, texts, lengths, count, out, NULL);
        stopwatch_lap(&watch);
    }
    *seconds = watch.fastest / (double)count;
    buffer_free(&text);
    free(out);
    return code;
}

static status measure_embedding(rehearsal *r, step_costs *c) {
    if (!options_need_diversity(r->settings)) return STATUS_OK;
    scorer s;
    TRY(scorer_open(&s, r->settings, options_threads(r->settings), true, NULL));
    status code = embed(r, &s, &c->embedding);
    scorer_close(&s);
    return code;
}

// ---- learning ------------------------------------------------------------------------------------------------------------

static void push(void *context, size_t g, size_t k, size_t position, float logp, float entropy, double *d_logp,
                 double *d_entropy) {
    (void)context, (void)g, (void)k, (void)position, (void)logp, (void)entropy, (void)d_entropy;
    *d_logp = -1e-3;
}

static status visit(rehearsal *r, size_t groups, size_t length, bool learn, double *seconds) {
    training *run = r->of->run;
    stopwatch watch = {0};
    for (size_t g = 0; g < groups; g++)
        for (size_t k = 0; k < r->set.size; k++) {
            rollout *one = &r->set.groups[g].rollouts[k];
            one->length = length;
            for (size_t t = 0; t < length; t++) one->tokens[t] = r->words.ids[t % r->words.count];
        }
    while (stopwatch_again(&watch)) {
        TRY(packed_visit(&r->pass, r->set.groups, groups, r->active, (float)r->settings->rollout.temperature, push, NULL,
                         learn ? run->gradients : NULL));
        stopwatch_lap(&watch);
    }
    *seconds = watch.fastest;
    return STATUS_OK;
}

// One leaf of responses with their prompts, and these prompts alone.
static status measure_visit(rehearsal *r, size_t groups, size_t responses, bool learn, double *prompt, double *response) {
    double alone, both;
    TRY(visit(r, groups, 1, learn, &alone));
    TRY(visit(r, groups, r->of->response_length, learn, &both));
    *prompt = alone / (double)groups;
    *response = both > alone ? (both - alone) / (double)responses : 0; // of one token it has no row of its own
    return STATUS_OK;
}

static status measure_learning(rehearsal *r, step_costs *c) {
    const settings *s = r->settings;
    size_t size = r->set.size, most = smaller((size_t)s->actor.ppo_mini_batch_size, r->set.capacity) * size;
    size_t room = attention_round(larger(r->of->response_length - 1, 1));
    size_t responses = smaller(larger((size_t)s->trainer.leaf_rows / room, 1), most), groups = (responses + size - 1) / size;
    for (size_t i = 0; i < groups * size; i++) r->active[i] = i < responses;
    TRY(measure_visit(r, groups, responses, true, &c->prompt_update, &c->response_update));
    if (options_need_reference(s) || time_plan_probes(s))
        TRY(measure_visit(r, groups, responses, false, &c->prompt_forward, &c->response_forward));
    return STATUS_OK;
}

static status measure_optimizer(rehearsal *r, step_costs *c) {
    stopwatch watch = {0};
    optimizer_report report;
    while (stopwatch_again(&watch)) {
        training_clear_gradients(r->of->run);
        TRY(training_update(r->of->run, 0, &report));
        stopwatch_lap(&watch);
    }
    c->optimizer = watch.fastest;
    return STATUS_OK;
}

status rehearse_step(step_costs *costs, const rehearsal_subject *subject) {
    static const struct part {
        const char *name;
        status (*measure)(rehearsal *r, step_costs *c);
    } parts[] = {
        {"sampling", measure_sampling},
        {"learning", measure_learning},
        {"optimizer", measure_optimizer},
        {"embedding", measure_embedding},
    };
    enum { PARTS = sizeof parts / sizeof *parts };
    rehearsal r = {.of = subject, .settings = subject->run->s};
    const progress_sink *progress = &subject->run->options->progress;
    *costs = (step_costs){0};
    progress_report(progress, "measure", 0, PARTS, NULL, "opening");
    status code = open_all(&r);
    for (size_t i = 0; i < PARTS && code == STATUS_OK; i++) {
        progress_report(progress, "measure", (double)i, PARTS, NULL, parts[i].name);
        code = parts[i].measure(&r, costs);
    }
    close_all(&r);
    return code;
}
