// Evaluation: chunks of problems are sampled, judged and counted (evaluate_count.c), or taken from the record
// (evaluate_restore.c). See evaluate.h; evaluate_summary.c makes estimates of the counts.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/machine.h"
#include "run/evaluate_parts.h"
#include "run/options.h"
#include "run/overlap.h"

enum { CHUNK_ROLLOUTS = 2048, MOST_ROWS = 64 };
// Room for the caches of a generator made here; fewer rows at once where the responses are long.
static const size_t generator_budget = (size_t)2 << 30;

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

// ---- preparation ---------------------------------------------------------------------------------------------------------

// Sources in order of first appearance; problems whose prompt was left out are not evaluated.
static status list_problems(evaluation *e, const evaluation_options *o, const prompt_set *prompts) {
    size_t count = o->problems->count, capacity = 0;
    e->index = malloc((count + 1) * sizeof *e->index);
    e->source_of = malloc((count + 1) * sizeof *e->source_of);
    e->correct = calloc(count + 1, sizeof *e->correct);
    e->first = calloc(count + 1, sizeof *e->first);
    if (!e->index || !e->source_of || !e->correct || !e->first) return no_memory();
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

// A chunk holds one problem at least, with all of its samples.
static status check_room(const evaluation_work *w) {
    size_t n = w->tally.e->n, response = (size_t)w->o->settings->data.max_response_length;
    size_t bytes = group_set_bytes(w->chunk, n, w->prompts->longest, response), most = machine_memory();
    if (bytes < most / 2) return STATUS_OK;
    return status_set(STATUS_INVALID,
                      "%zu samples of a problem with up to %zu tokens each need %.1f GiB at once, and this machine has %.1f GiB; "
                      "take fewer samples or a lower data.max_response_length",
                      n, response, (double)bytes / 0x1p30, (double)most / 0x1p30);
}

static status take_room(evaluation_work *w) {
    const evaluation_options *o = w->o;
    evaluation *e = w->tally.e;
    size_t n = e->n;
    w->chunk = evaluation_chunk(o->settings, e->problems, o->chunk_rollouts);
    TRY(check_room(w));
    TRY(group_set_create(&w->set, w->chunk, n, w->prompts->longest, (size_t)o->settings->data.max_response_length));
    w->verdicts = calloc(w->chunk * n, sizeof *w->verdicts);
    w->answers = calloc(n, sizeof *w->answers);
    w->class_size = calloc(n, sizeof *w->class_size);
    w->class_accepted = calloc(n, sizeof *w->class_accepted);
    w->tally.pass = calloc(e->k_count * e->problems, sizeof *w->tally.pass);
    w->tally.average = calloc(e->problems, sizeof *w->tally.average);
    w->tally.majority = calloc(e->k_count * e->problems, sizeof *w->tally.majority);
    w->tally.sources = calloc(e->source_count, sizeof *w->tally.sources);
    if (!w->verdicts || !w->answers || !w->class_size || !w->class_accepted || !w->tally.pass || !w->tally.majority ||
        !w->tally.average || !w->tally.sources)
        return no_memory();
    w->tally.diversity = o->scorer->encoder && e->diversity_samples > 1;
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

static void give_back(evaluation_work *w) {
    for (size_t i = 0; w->verdicts && i < w->chunk * w->tally.e->n; i++) verdict_clear(&w->verdicts[i]);
    for (size_t i = 0; w->formulas && i < w->tally.e->n; i++) formula_set_free(&w->formulas[i]);
    group_set_free(&w->set);
    buffer_free(&w->keys);
    free(w->verdicts), free(w->answers), free(w->class_size), free(w->class_accepted), free(w->formulas), free(w->diversities);
    free(w->tally.pass), free(w->tally.majority), free(w->tally.average), free(w->tally.sources);
    if (w->generator != w->o->generator) generator_free(w->generator);
}

// ---- judging -------------------------------------------------------------------------------------------------------------

// Groups with the same kind of prompt are judged together.
static status judge(void *context, const size_t *which, size_t count, bool beside) {
    (void)beside;
    evaluation_work *w = context;
    size_t *same = calloc(count, sizeof *same), found;
    if (!same) return no_memory();
    status code = STATUS_OK;
    for (int open = 0; open < 2 && code == STATUS_OK; open++) {
        found = 0;
        for (size_t i = 0; i < count; i++)
            if (w->prompts->think_open[w->tally.e->index[w->first + which[i]]] == (open == 1)) same[found++] = which[i];
        if (found > 0) code = scorer_judge(w->o->scorer, w->set.groups, same, found, open == 1, w->verdicts);
    }
    free(same);
    return code;
}

// ---- sampling ------------------------------------------------------------------------------------------------------------

static bool watch(void *context, size_t finished, size_t tokens) {
    const evaluation_work *w = context;
    char detail[64];
    double seconds = seconds_now() - w->started;
    snprintf(detail, sizeof detail, "%.0f tok/s", (double)(w->chunk_tokens + tokens) / (seconds > 1e-3 ? seconds : 1e-3));
    progress_report(&w->o->progress, w->o->parts ? w->o->pass : "evaluate", (double)(w->done + finished),
                    (double)(w->tally.e->problems * w->tally.e->n), "responses", seconds > 0.2 ? detail : NULL);
    return w->o->stop && *w->o->stop;
}

static status sample_and_judge(evaluation_work *w, size_t first, size_t count) {
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
    overlap_report report;
    overlap_work work = {.generator = w->generator,
                         .groups = w->set.groups,
                         .count = count,
                         .how = &how,
                         .watch = watch,
                         .stages = {{judge, options_overlap(s) == SETTING_OVERLAP_NONE ? 0 : count}},
                         .stage_count = 1,
                         .context = w};
    w->first = first;
    TRY(overlap_run(&work, &report));
    w->tally.e->generation_seconds += report.generation_seconds;
    return STATUS_OK;
}

// ---- counting ------------------------------------------------------------------------------------------------------------

// The problems of a chunk, in a transaction of their own where the record is the evaluation's.
static status count_chunk(evaluation_work *w, size_t first, size_t count) {
    const evaluation_options *o = w->o;
    if (o->parts) TRY(record_begin_step(o->record, o->step));
    status code = STATUS_OK;
    for (size_t g = 0; g < count && code == STATUS_OK; g++)
        code = evaluation_count(w, first + g, &w->set.groups[g], w->verdicts + g * w->tally.e->n);
    if (o->parts && code == STATUS_OK) code = record_commit_step(o->record);
    if (o->parts && code != STATUS_OK) record_abandon_step(o->record);
    return code;
}

static status evaluate_chunk(evaluation_work *w, size_t first, size_t count) {
    evaluation *e = w->tally.e;
    TRY(sample_and_judge(w, first, count));
    TRY(count_chunk(w, first, count));
    evaluation_forget(w, count);
    w->done += count * e->n;
    w->chunk_tokens = e->sampled_tokens;
    return w->o->stop && *w->o->stop ? status_set(STATUS_INTERRUPTED, "the evaluation was interrupted") : STATUS_OK;
}

// ---- all of it -----------------------------------------------------------------------------------------------------------

static status summarize(const evaluation_work *w) {
    const evaluation_options *o = w->o;
    TRY(evaluation_summarize(&w->tally));
    if (!o->record) return STATUS_OK;
    if (o->parts) TRY(record_begin_step(o->record, o->step));
    status code = evaluation_write_summary(w->tally.e, o->record, o->pass);
    if (o->parts && code == STATUS_OK) code = record_commit_step(o->record);
    if (o->parts && code != STATUS_OK) record_abandon_step(o->record);
    return code;
}

static status run(evaluation *e, const evaluation_options *o, const prompt_set *prompts) {
    TRY(list_problems(e, o, prompts));
    evaluation_work w = {.o = o,
                         .prompts = prompts,
                         .started = seconds_now(),
                         .tally = {.e = e, .interval = o->interval, .seed = (uint64_t)o->settings->trainer.seed}};
    status code = take_room(&w);
    if (code == STATUS_OK && o->parts) code = evaluation_restore(&w);
    for (size_t first = e->restored; first < e->problems && code == STATUS_OK; first += w.chunk)
        code = evaluate_chunk(&w, first, e->problems - first < w.chunk ? e->problems - first : w.chunk);
    if (code == STATUS_OK) code = summarize(&w);
    e->seconds = seconds_now() - w.started;
    give_back(&w);
    return code;
}

static size_t some_of(size_t wanted, size_t n) { return wanted > 0 && wanted < n ? wanted : n; }

status evaluation_run(evaluation *e, const evaluation_options *o) {
    prompt_set own = {0};
    *e = (evaluation){.n = evaluation_samples(o->settings)};
    e->k_count = evaluation_ks(e->n, NULL);
    e->average = some_of(o->average, e->n), e->diversity_samples = some_of(o->diversity_samples, e->n);
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
    free(e->sources), free(e->index), free(e->source_of), free(e->correct), free(e->first), free(e->metrics);
    *e = (evaluation){0};
}
