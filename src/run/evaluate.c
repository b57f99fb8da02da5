// Evaluation: chunks of problems are sampled, judged and counted. See evaluate.h; evaluate_summary.c makes estimates of the
// counts.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rollout/group_set.h"
#include "run/evaluate_parts.h"

enum { CHUNK_ROLLOUTS = 2048, MOST_ROWS = 64 };
// Room for the caches of a generator made here; fewer rows at once where the responses are long.
static const size_t generator_budget = (size_t)2 << 30;
// Maj@k of one problem costs n k^2 log k steps; beyond this much it is left out.
static const double majority_budget = 1 << 23;

static status no_memory(void) { return status_set(STATUS_NO_MEMORY, "out of memory while evaluating"); }

static double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static bool is_greedy(const settings *s) { return !s->val.do_sample || !(s->val.temperature > 0); }

size_t evaluation_samples(const settings *s) { return is_greedy(s) ? 1 : (size_t)s->val.n; }

size_t evaluation_chunk(const settings *s, size_t problems, size_t rollouts) {
    size_t n = evaluation_samples(s), most = rollouts ? rollouts : CHUNK_ROLLOUTS, chunk = most > n ? most / n : 1;
    return chunk < problems ? chunk : problems;
}

// One evaluation under way.
typedef struct work {
    const evaluation_options *o;
    const prompt_set *prompts;
    generator *generator;
    group_set set;
    verdict *verdicts; // [chunk groups * n]
    size_t chunk;      // groups
    size_t chunk_tokens;
    size_t done; // rollouts of former chunks
    double started;
    tally tally;
    // Scratch of one problem: the answers of its samples.
    buffer keys;
    struct answer_key {
        size_t offset, length;
        const char *text;
        bool accepted;
    } * answers;                   // [n]
    uint32_t *class_size;          // [n]
    bool *class_accepted;          // [n]
    formula_set *formulas;         // [n], with diversity
    struct diversity *diversities; // [n], with diversity
} work;

// ---- preparation ---------------------------------------------------------------------------------------------------------

// Sources in order of first appearance; problems whose prompt was left out are not evaluated.
static status list_problems(evaluation *e, const evaluation_options *o, const prompt_set *prompts) {
    size_t count = o->problems->count, capacity = 0;
    e->index = malloc((count + 1) * sizeof *e->index);
    e->source_of = malloc((count + 1) * sizeof *e->source_of);
    e->correct = calloc(count + 1, sizeof *e->correct);
    if (!e->index || !e->source_of || !e->correct) return no_memory();
    for (size_t i = 0; i < count; i++) {
        if (prompts->tokens[i].count == 0) {
            e->left_out++;
            continue;
        }
        const char *name = o->problems->problems[i].source;
        size_t s = e->source_count; // usually the same as that of the problem before
        while (s > 0 && strcmp(e->sources[s - 1].source, name)) s--;
        if (s == 0) {
            if (e->source_count == capacity) {
                capacity = capacity ? 2 * capacity : 8;
                evaluation_summary *grown = realloc(e->sources, capacity * sizeof *grown);
                if (!grown) return no_memory();
                e->sources = grown;
            }
            char *copy = text_copy(name, strlen(name));
            if (!copy) return no_memory();
            e->sources[e->source_count++] = (evaluation_summary){.source = copy};
            s = e->source_count;
        }
        e->source_of[e->problems] = (uint32_t)(s - 1);
        e->index[e->problems++] = i;
    }
    return STATUS_OK;
}

static status make_generator(generator **out, const evaluation_options *o, const prompt_set *prompts, size_t rollouts) {
    generator_options options = {.rows = rollouts < MOST_ROWS ? rollouts : MOST_ROWS,
                                 .longest_prompt = prompts->longest,
                                 .longest_response = (size_t)o->settings->data.max_response_length};
    while (options.rows > 1 && generator_bytes(&o->lm->model, o->lm->tokenizer, &options) > generator_budget)
        options.rows = (options.rows + 1) / 2;
    return generator_create(out, &o->lm->model, o->lm->tokenizer, &options, NULL);
}

static status take_room(work *w) {
    const evaluation_options *o = w->o;
    evaluation *e = w->tally.e;
    size_t n = e->n;
    w->chunk = evaluation_chunk(o->settings, e->problems, o->chunk_rollouts);
    TRY(group_set_create(&w->set, w->chunk, n, w->prompts->longest, (size_t)o->settings->data.max_response_length));
    w->verdicts = calloc(w->chunk * n, sizeof *w->verdicts);
    w->answers = calloc(n, sizeof *w->answers);
    w->class_size = calloc(n, sizeof *w->class_size);
    w->class_accepted = calloc(n, sizeof *w->class_accepted);
    w->tally.pass = calloc(e->k_count * e->problems, sizeof *w->tally.pass);
    w->tally.majority = calloc(e->k_count * e->problems, sizeof *w->tally.majority);
    w->tally.sources = calloc(e->source_count, sizeof *w->tally.sources);
    if (!w->verdicts || !w->answers || !w->class_size || !w->class_accepted || !w->tally.pass || !w->tally.majority ||
        !w->tally.sources)
        return no_memory();
    w->tally.diversity = o->scorer->encoder && n > 1;
    if (w->tally.diversity) {
        w->formulas = calloc(n, sizeof *w->formulas);
        w->diversities = calloc(n, sizeof *w->diversities);
        if (!w->formulas || !w->diversities) return no_memory();
    }
    if (o->generator)
        w->generator = o->generator;
    else
        TRY(make_generator(&w->generator, o, w->prompts, e->problems * n));
    return STATUS_OK;
}

static void give_back(work *w) {
    for (size_t i = 0; w->verdicts && i < w->chunk * w->tally.e->n; i++) verdict_clear(&w->verdicts[i]);
    for (size_t i = 0; w->formulas && i < w->tally.e->n; i++) formula_set_free(&w->formulas[i]);
    group_set_free(&w->set);
    buffer_free(&w->keys);
    free(w->verdicts), free(w->answers), free(w->class_size), free(w->class_accepted), free(w->formulas), free(w->diversities);
    free(w->tally.pass), free(w->tally.majority), free(w->tally.sources);
    if (w->generator != w->o->generator) generator_free(w->generator);
}

// ---- sampling ------------------------------------------------------------------------------------------------------------

static bool watch(void *context, size_t finished, size_t tokens) {
    const work *w = context;
    char detail[64];
    double seconds = seconds_now() - w->started;
    snprintf(detail, sizeof detail, "%.0f tok/s", (double)(w->chunk_tokens + tokens) / (seconds > 1e-3 ? seconds : 1e-3));
    progress_report(&w->o->progress, "evaluate", (double)(w->done + finished), (double)(w->tally.e->problems * w->tally.e->n),
                    "responses", seconds > 0.2 ? detail : NULL);
    return w->o->stop && *w->o->stop;
}

static status sample(work *w, size_t first, size_t count) {
    const settings *s = w->o->settings;
    const evaluation *e = w->tally.e;
    for (size_t g = 0; g < count; g++) {
        group *one = &w->set.groups[g];
        size_t index = e->index[first + g];
        const token_list *prompt = &w->prompts->tokens[index];
        one->problem = &w->o->problems->problems[index];
        one->serial = (uint64_t)w->o->step << 32 | index;
        one->prompt_length = prompt->count;
        memcpy(one->prompt_tokens, prompt->ids, prompt->count * sizeof *prompt->ids);
    }
    sampling how = {.seed = (uint64_t)s->trainer.seed,
                    .purpose = RANDOM_SAMPLE_EVAL,
                    .temperature = is_greedy(s) ? 0.0f : (float)s->val.temperature,
                    .top_k = s->val.top_k > 0 ? (size_t)s->val.top_k : 0,
                    .top_p = s->val.top_p,
                    .longest_response = (size_t)s->data.max_response_length,
                    .end_tokens = w->o->lm->stop_tokens,
                    .end_count = w->o->lm->stop_count,
                    .stop_strings = (const char *const *)s->rollout.stop.items,
                    .stop_count = s->rollout.stop.count};
    TRY(generator_run(w->generator, w->set.groups, count, &how, watch, w));
    return generator_write_texts(w->generator, w->set.groups, count);
}

// ---- judging and counting ------------------------------------------------------------------------------------------------

// Groups with the same kind of prompt are judged together.
static status judge(work *w, size_t first, size_t count) {
    const evaluation *e = w->tally.e;
    for (size_t from = 0, to; from < count; from = to) {
        bool open = w->prompts->think_open[e->index[first + from]];
        for (to = from + 1; to < count && w->prompts->think_open[e->index[first + to]] == open;) to++;
        TRY(scorer_judge(w->o->scorer, w->set.groups + from, to - from, open, w->verdicts + from * e->n));
    }
    return STATUS_OK;
}

static int compare_keys(const void *a, const void *b) {
    const struct answer_key *x = a, *y = b;
    size_t length = x->length < y->length ? x->length : y->length;
    int order = memcmp(x->text, y->text, length);
    return order ? order : x->length < y->length ? -1 : x->length > y->length;
}

// The classes of equal answers among the samples of one problem.
static status classify(work *w, const group *one, const verdict *verdicts, bool think_open, size_t *classes, size_t *answered) {
    verify_options options = w->o->scorer->verify;
    options.think_open = think_open;
    buffer_clear(&w->keys);
    *classes = *answered = 0;
    for (size_t r = 0; r < one->size; r++) {
        struct answer_key *key = &w->answers[*answered];
        *key = (struct answer_key){.offset = w->keys.length, .accepted = verdicts[r].status == VERDICT_CORRECT};
        bool found = false;
        TRY(verify_answer_key(&options, one->rollouts[r].text, one->rollouts[r].text_length, &w->keys, &found));
        key->length = w->keys.length - key->offset;
        *answered += found;
    }
    for (size_t i = 0; i < *answered; i++) w->answers[i].text = buffer_text(&w->keys) + w->answers[i].offset;
    qsort(w->answers, *answered, sizeof *w->answers, compare_keys);
    for (size_t i = 0; i < *answered; i++) {
        if (i == 0 || compare_keys(&w->answers[i], &w->answers[i - 1])) {
            w->class_size[*classes] = 0;
            w->class_accepted[(*classes)++] = false;
        }
        w->class_size[*classes - 1]++;
        // Equal answers have equal verdicts, but for one whose judgement did not come back.
        w->class_accepted[*classes - 1] |= w->answers[i].accepted;
    }
    return STATUS_OK;
}

static status score_problem(work *w, size_t place, const group *one, const verdict *verdicts) {
    evaluation *e = w->tally.e;
    size_t ks[72], classes, answered, n = e->n;
    evaluation_ks(n, ks);
    uint32_t correct = 0;
    for (size_t r = 0; r < n; r++) correct += verdicts[r].status == VERDICT_CORRECT;
    e->correct[place] = correct;
    w->tally.pass[place] = w->tally.majority[place] = (double)correct / (double)n;
    if (n == 1) return STATUS_OK;
    TRY(classify(w, one, verdicts, w->prompts->think_open[e->index[place]], &classes, &answered));
    for (size_t i = 1; i < e->k_count; i++) {
        double *majority = &w->tally.majority[i * e->problems + place];
        TRY(stats_pass_at_k((uint32_t)n, correct, (uint32_t)ks[i], &w->tally.pass[i * e->problems + place]));
        *majority = NAN;
        if (!((double)n * (double)ks[i] * (double)ks[i] <= majority_budget)) continue;
        TRY(stats_majority_at_k(w->class_size, w->class_accepted, classes, (uint32_t)(n - answered), (uint32_t)ks[i], majority));
    }
    return STATUS_OK;
}

static status measure_diversity(work *w, const group *one, source_tally *sum) {
    diversity_report report;
    TRY(scorer_diversity(w->o->scorer, one, 1, w->diversities, w->formulas, &report));
    sum->semantic += report.semantic_similarity, sum->formula += report.formula_similarity;
    sum->distinct += report.distinct_share;
    return STATUS_OK;
}

static status hand_out(const work *w, size_t index, const group *one, size_t r, const verdict *v) {
    if (w->o->record) {
        record_evaluation_row row = {.pass = w->o->pass,
                                     .source = one->problem->source,
                                     .problem_id = one->problem->id,
                                     .sample = r,
                                     .rollout = &one->rollouts[r],
                                     .verdict = v};
        TRY(record_evaluation(w->o->record, &row));
    }
    if (!w->o->response) return STATUS_OK;
    evaluation_response response = {
        .problem = one->problem, .index = index, .sample = r, .rollout = &one->rollouts[r], .verdict = v};
    return w->o->response(w->o->response_context, &response);
}

static status count_problem(work *w, size_t place, const group *one, const verdict *verdicts) {
    evaluation *e = w->tally.e;
    source_tally *sum = &w->tally.sources[e->source_of[place]];
    sum->problems++;
    for (size_t r = 0; r < one->size; r++) {
        const rollout *response = &one->rollouts[r];
        sum->samples++;
        sum->verdicts[verdicts[r].status]++;
        sum->length += (double)response->length;
        sum->cut += response->finish == FINISH_LENGTH;
        e->response_tokens += response->length;
        TRY(hand_out(w, e->index[place], one, r, &verdicts[r]));
    }
    TRY(score_problem(w, place, one, verdicts));
    return w->tally.diversity ? measure_diversity(w, one, sum) : STATUS_OK;
}

static status evaluate_chunk(work *w, size_t first, size_t count) {
    evaluation *e = w->tally.e;
    double start = seconds_now();
    TRY(sample(w, first, count));
    e->generation_seconds += seconds_now() - start;
    TRY(judge(w, first, count));
    for (size_t g = 0; g < count; g++) TRY(count_problem(w, first + g, &w->set.groups[g], w->verdicts + g * e->n));
    for (size_t i = 0; i < count * e->n; i++) {
        verdict_clear(&w->verdicts[i]);
        w->verdicts[i] = (verdict){0};
    }
    group_set_clear(&w->set);
    w->done += count * e->n;
    w->chunk_tokens = e->response_tokens;
    return w->o->stop && *w->o->stop ? status_set(STATUS_INTERRUPTED, "the evaluation was interrupted") : STATUS_OK;
}

// ---- all of it -----------------------------------------------------------------------------------------------------------

static status run(evaluation *e, const evaluation_options *o, const prompt_set *prompts) {
    TRY(list_problems(e, o, prompts));
    work w = {.o = o, .prompts = prompts, .started = seconds_now(), .tally = {.e = e}};
    status code = take_room(&w);
    for (size_t first = 0; first < e->problems && code == STATUS_OK; first += w.chunk)
        code = evaluate_chunk(&w, first, e->problems - first < w.chunk ? e->problems - first : w.chunk);
    if (code == STATUS_OK) code = evaluation_summarize(&w.tally, (uint64_t)o->settings->trainer.seed);
    if (code == STATUS_OK && o->record) code = evaluation_write_summary(e, o->record, o->pass);
    e->seconds = seconds_now() - w.started;
    give_back(&w);
    return code;
}

status evaluation_run(evaluation *e, const evaluation_options *o) {
    prompt_set own = {0};
    *e = (evaluation){.n = evaluation_samples(o->settings)};
    e->k_count = evaluation_ks(e->n, NULL);
    status code = o->prompts ? STATUS_OK : prompt_set_create(&own, o->lm, o->settings, o->problems);
    if (code == STATUS_OK) code = run(e, o, o->prompts ? o->prompts : &own);
    prompt_set_free(&own);
    if (code != STATUS_OK) evaluation_free(e);
    return code;
}

static void summary_free(evaluation_summary *s) { free(s->pass), free(s->majority); }

void evaluation_free(evaluation *e) {
    for (size_t i = 0; i < e->source_count; i++) {
        free((char *)e->sources[i].source);
        summary_free(&e->sources[i]);
    }
    for (size_t i = 0; i < e->metric_count; i++) free(e->metrics[i].name);
    summary_free(&e->overall), summary_free(&e->pooled);
    free(e->sources), free(e->index), free(e->source_of), free(e->correct), free(e->metrics);
    *e = (evaluation){0};
}
