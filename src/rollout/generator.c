// Continuous batching over groups. See generator.h.
#include "rollout/generator.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PREFILL_ROWS = 512, PREFILL_GROUPS = 64 };

// A rollout in a row.
typedef struct running {
    size_t group, rollout;
    size_t prompt; // slot of its prompt's cache
    kv_cache own;
} running;

// The prompt of an admitted group, with the rollouts that have their first token and wait for a row.
typedef struct prompt_slot {
    kv_cache cache;
    size_t group;
    size_t next;    // the first rollout that has not been seated
    size_t running; // rollouts that have not ended
} prompt_slot;

struct generator {
    const model *model;
    const tokenizer *tokenizer;
    generator_options options;
    arena own, *shared;
    size_t capacity; // rows of a forward
    generator_statistics totals;
    // During a run:
    activations activations;
    head_memory head;
    unsigned char *prompt_memory, *own_memory;
    size_t prompt_bytes;  // of prompt_memory
    prompt_slot *prompts; // [rows]
    running *rows;        // [rows] in use: the first `used`
    sequence *sequences;  // [rows]
    int32_t *token, *sequence_of, *index;
    int32_t *order;       // [threads][V] scratch of filtered sampling
    size_t longest_token; // bytes
    char *window;         // [GENERATOR_STOP_BYTES + 2 longest_token] the end of a text, in which stop strings are looked for
};

static double seconds_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

// ---- memory --------------------------------------------------------------------------------------------------------------

static size_t forward_capacity(const generator_options *o) {
    size_t most = o->longest_prompt > PREFILL_ROWS ? o->longest_prompt : PREFILL_ROWS;
    return o->rows > most ? o->rows : most;
}

static size_t prompt_tokens(const generator_options *o) {
    size_t longest = attention_round(o->longest_prompt);
    if (o->prompt_tokens > 0) return attention_round(o->prompt_tokens > longest ? o->prompt_tokens : longest);
    return longest * smaller(o->rows, 64);
}

static size_t longest_token(const tokenizer *t) {
    size_t longest = 0, length = 0;
    for (size_t i = 0; t && i < tokenizer_vocabulary_size(t); i++)
        if (tokenizer_token_bytes(t, (int32_t)i, &length) && length > longest) longest = length;
    return longest;
}

static void place(generator *g, arena *memory) {
    const generator_options *o = &g->options;
    const model_config *c = &g->model->config;
    g->capacity = forward_capacity(o);
    activations_place(&g->activations, memory, g->model, g->capacity, o->longest_prompt + o->longest_response, KEPT_NOTHING);
    head_place(&g->head, memory, g->model, o->rows, false);
    g->prompt_bytes = kv_cache_bytes(g->model, prompt_tokens(o));
    g->prompt_memory = arena_take(memory, g->prompt_bytes);
    g->own_memory = arena_take_array(memory, o->rows, kv_cache_bytes(g->model, attention_round(o->longest_response)));
    g->prompts = arena_take_array(memory, o->rows, sizeof *g->prompts);
    g->rows = arena_take_array(memory, o->rows, sizeof *g->rows);
    g->sequences = arena_take_array(memory, o->rows > PREFILL_GROUPS ? o->rows : PREFILL_GROUPS, sizeof *g->sequences);
    g->token = arena_take_array(memory, g->capacity, 4);
    g->sequence_of = arena_take_array(memory, g->capacity, 4);
    g->index = arena_take_array(memory, g->capacity, 4);
    g->order = arena_take_array(memory, c->vocabulary * (size_t)matmul_threads(g->model->products), 4);
    g->longest_token = longest_token(g->tokenizer);
    g->window = arena_take(memory, GENERATOR_STOP_BYTES + 2 * g->longest_token);
}

size_t generator_bytes(const model *m, const tokenizer *t, const generator_options *o) {
    generator counted = {.model = m, .tokenizer = t, .options = *o};
    arena counter = {0};
    place(&counted, &counter);
    return counter.used;
}

status generator_create(generator **out, const model *m, const tokenizer *t, const generator_options *options, arena *shared) {
    *out = NULL;
    generator *g = calloc(1, sizeof *g);
    if (!g) return status_set(STATUS_NO_MEMORY, "out of memory");
    *g = (generator){.model = m, .tokenizer = t, .options = *options, .shared = shared};
    status code = shared ? STATUS_OK : arena_create(&g->own, generator_bytes(m, t, options), "generation");
    if (code == STATUS_OK)
        *out = g;
    else
        free(g);
    return code;
}

void generator_free(generator *g) {
    if (!g) return;
    arena_free(&g->own);
    free(g);
}

const generator_statistics *generator_totals(const generator *g) { return &g->totals; }

// ---- one token -----------------------------------------------------------------------------------------------------------

// The work of one call.
typedef struct work {
    generator *g;
    group *groups;
    size_t count;
    const sampling *how;
    size_t longest_stop;        // bytes
    size_t next_group, prompts; // groups not yet admitted; prompt slots of this call
    size_t seated_group, ready; // the first group with rollouts to seat; rollouts that wait for a row
    size_t used;                // rows in use
    size_t finished, tokens;
    generator_observer observer;
    generator_stream stream;
    void *stream_context;
} work;

// Draws the next token of a rollout from one row of logits and records it.
static void draw(const work *w, const float *z, size_t group_index, size_t rollout_index, size_t position, int32_t *order) {
    const sampling *how = w->how;
    group *of = &w->groups[group_index];
    struct rollout *r = &of->rollouts[rollout_index];
    size_t vocabulary = w->g->model->config.vocabulary;
    bool greedy = !(how->temperature > 0);
    float temperature = greedy ? 1.0f : how->temperature;
    logits_statistics s;
    logits_measure(&s, z, vocabulary, temperature);
    int32_t token;
    if (greedy) {
        token = logits_argmax(z, vocabulary);
    } else {
        double u = random_uniform(how->seed, how->purpose, of->serial, (uint32_t)rollout_index, (uint32_t)position);
        token = logits_sample_filtered(&s, z, vocabulary, temperature, how->top_k, how->top_p, u, order);
    }
    r->tokens[position] = token;
    r->logp[position] = logits_logp(&s, z, token, temperature);
    r->entropy[position] = (float)s.entropy;
}

static bool is_end(const sampling *how, int32_t token) {
    for (size_t i = 0; i < how->end_count; i++)
        if (how->end_tokens[i] == token) return true;
    return false;
}

// The bytes that token `at` of a rollout adds to its text, NULL where it adds none.
static const char *text_of(const generator *g, const rollout *r, size_t at, size_t *length) {
    *length = 0;
    if (!g->tokenizer || tokenizer_is_special(g->tokenizer, r->tokens[at])) return NULL;
    return tokenizer_token_bytes(g->tokenizer, r->tokens[at], length);
}

// Where in the text, `length` bytes with those of the last token, the first stop string begins; `length` if there is none. It
// cannot end before the last token: then it would have been found earlier.
static size_t find_stop(const work *w, const rollout *r, size_t length, size_t added) {
    const sampling *how = w->how;
    if (w->longest_stop == 0 || added == 0) return length;
    size_t most = smaller(length, w->longest_stop - 1 + added), have = 0, piece;
    char *end = w->g->window + GENERATOR_STOP_BYTES + 2 * w->g->longest_token;
    for (size_t t = r->length; have < most && t-- > 0;) {
        const char *bytes = text_of(w->g, r, t, &piece);
        if (bytes) memcpy(end - have - piece, bytes, piece);
        have += piece;
    }
    const char *from = end - most, *found = end;
    for (size_t i = 0; i < how->stop_count; i++) {
        const char *at = memmem(from, most, how->stop_strings[i], strlen(how->stop_strings[i]));
        if (at && at < found) found = at;
    }
    return length - (size_t)(end - found);
}

// Takes note of the token just drawn and returns whether the response is complete.
static bool advance(work *w, size_t group_index, size_t rollout_index) {
    struct rollout *r = &w->groups[group_index].rollouts[rollout_index];
    size_t last = r->length++, added = 0, before = r->shown;
    w->tokens++;
    bool end = is_end(w->how, r->tokens[last]), stopped = false;
    if (!end) {
        const char *bytes = text_of(w->g, r, last, &added);
        r->shown = find_stop(w, r, before + added, added);
        stopped = r->shown < before + added;
        if (w->stream && r->shown > before) w->stream(w->stream_context, bytes, r->shown - before);
    }
    if (!end && !stopped && r->length < w->how->longest_response) return false;
    r->finish = end || stopped ? FINISH_STOP : FINISH_LENGTH;
    w->finished++;
    return true;
}

// One of a group's rollouts has ended.
static void leave(const work *w, prompt_slot *prompt) {
    if (--prompt->running == 0 && w->observer.finished) w->observer.finished(w->observer.context, prompt->group);
}

static status write_text(const generator *g, rollout *r, buffer *scratch) {
    buffer valid = {0};
    buffer_clear(scratch);
    for (size_t t = 0, length; t < r->length && scratch->length < r->shown; t++) {
        const char *bytes = text_of(g, r, t, &length);
        if (bytes) TRY(buffer_append(scratch, bytes, length));
    }
    status code = text_make_valid(&valid, buffer_text(scratch), r->shown);
    if (code != STATUS_OK) {
        buffer_free(&valid);
        return code;
    }
    free(r->text);
    r->text = valid.data, r->text_length = valid.length;
    return STATUS_OK;
}

status generator_write_texts(const generator *g, group *groups, size_t count) {
    buffer scratch = {0};
    status code = STATUS_OK;
    for (size_t i = 0; i < count; i++)
        for (size_t r = 0; r < groups[i].size && code == STATUS_OK; r++) code = write_text(g, &groups[i].rollouts[r], &scratch);
    buffer_free(&scratch);
    return code;
}

// ---- prompts -------------------------------------------------------------------------------------------------------------

static size_t free_prompt(const work *w) {
    for (size_t i = 0; i < w->prompts; i++)
        if (w->g->prompts[i].running == 0) return i;
    return SIZE_MAX;
}

// Computes the prompts of as many waiting groups as fit one forward, and draws the first token of all their rollouts.
static status prefill(work *w) {
    generator *g = w->g;
    size_t rows = 0, slots[PREFILL_GROUPS], last_row[PREFILL_GROUPS], count = 0;
    while (w->next_group < w->count && count < PREFILL_GROUPS && count < g->head.rows) {
        group *of = &w->groups[w->next_group];
        size_t slot = free_prompt(w);
        if (slot == SIZE_MAX || (count > 0 && rows + of->prompt_length > g->capacity)) break;
        if (of->prompt_length == 0 || of->prompt_length > g->options.longest_prompt)
            return status_set(STATUS_FAILED, "a prompt of %zu tokens in a generation planned for 1 to %zu", of->prompt_length,
                              g->options.longest_prompt);
        prompt_slot *prompt = &g->prompts[slot];
        prompt->cache.length = 0;
        prompt->group = w->next_group++, prompt->next = 0, prompt->running = of->size;
        g->sequences[count] = (sequence){.own = &prompt->cache};
        for (size_t t = 0; t < of->prompt_length; t++, rows++) {
            g->token[rows] = of->prompt_tokens[t];
            g->sequence_of[rows] = (int32_t)count;
            g->index[rows] = (int32_t)t;
        }
        slots[count] = slot;
        last_row[count++] = rows - 1;
    }
    row_batch batch = {.rows = rows, .token = g->token, .sequence = g->sequence_of, .index = g->index, .sequences = g->sequences};
    TRY(transformer_forward(g->model, &g->activations, &batch));
    TRY(head_logits(g->model, &g->head, g->activations.output, last_row, count));
    g->totals.prompt_tokens += rows;
    for (size_t i = 0; i < count; i++) {
        prompt_slot *prompt = &g->prompts[slots[i]];
        group *of = &w->groups[prompt->group];
        for (size_t r = 0; r < of->size; r++) {
            of->rollouts[r].length = of->rollouts[r].shown = 0;
            of->rollouts[r].finish = FINISH_NONE;
            draw(w, g->head.logits + i * g->model->config.vocabulary, prompt->group, r, 0, g->order);
            if (advance(w, prompt->group, r))
                leave(w, prompt);
            else
                w->ready++;
        }
    }
    kernel_lap(g->model->clock, KERNEL_SOFTMAX);
    return STATUS_OK;
}

// ---- decoding ------------------------------------------------------------------------------------------------------------

// The slot of the first admitted group that has a rollout to seat; w->ready > 0.
static prompt_slot *first_ready(work *w) {
    for (;; w->seated_group++)
        for (size_t i = 0; i < w->prompts; i++) {
            prompt_slot *prompt = &w->g->prompts[i];
            const group *of = &w->groups[w->seated_group];
            if (prompt->group != w->seated_group) continue;
            while (prompt->next < of->size && of->rollouts[prompt->next].finish != FINISH_NONE) prompt->next++;
            if (prompt->next < of->size) return prompt;
        }
}

static void fill_rows(work *w) {
    generator *g = w->g;
    for (; w->used < g->options.rows && w->ready > 0; w->ready--) {
        prompt_slot *prompt = first_ready(w);
        running *row = &g->rows[w->used++];
        row->group = prompt->group, row->rollout = prompt->next++, row->prompt = (size_t)(prompt - g->prompts);
        row->own.length = 0; // its memory is the row's, whoever sat there before
    }
}

static status decode_step(work *w) {
    generator *g = w->g;
    size_t vocabulary = g->model->config.vocabulary, used = w->used;
    for (size_t i = 0; i < used; i++) {
        running *row = &g->rows[i];
        const struct rollout *r = &w->groups[row->group].rollouts[row->rollout];
        g->sequences[i] = (sequence){.prefix = &g->prompts[row->prompt].cache, .own = &row->own};
        g->token[i] = r->tokens[r->length - 1];
        g->sequence_of[i] = (int32_t)i;
        g->index[i] = (int32_t)(r->length - 1);
    }
    row_batch batch = {.rows = used, .token = g->token, .sequence = g->sequence_of, .index = g->index, .sequences = g->sequences};
    TRY(transformer_forward(g->model, &g->activations, &batch));
    TRY(head_logits(g->model, &g->head, g->activations.output, NULL, used));
#pragma omp parallel for schedule(dynamic, 1)
    for (size_t i = 0; i < used; i++)
        draw(w, g->head.logits + i * vocabulary, g->rows[i].group, g->rows[i].rollout,
             w->groups[g->rows[i].group].rollouts[g->rows[i].rollout].length,
             g->order + (size_t)omp_get_thread_num() * vocabulary);
    kernel_lap(g->model->clock, KERNEL_SOFTMAX);
    g->totals.decode_steps++;
    g->totals.half_empty_steps += used * 2 < g->options.rows;
    for (size_t i = 0; i < w->used;) {
        if (!advance(w, g->rows[i].group, g->rows[i].rollout)) {
            i++;
            continue;
        }
        leave(w, &g->prompts[g->rows[i].prompt]);
        // The last row moves into the gap; caches change places so that each keeps its memory. It has not been advanced yet.
        running gone = g->rows[i];
        g->rows[i] = g->rows[--w->used];
        g->rows[w->used] = gone;
    }
    kernel_lap(g->model->clock, KERNEL_BOOKKEEPING);
    return STATUS_OK;
}

// ---- a call --------------------------------------------------------------------------------------------------------------

static status work_start(work *w) {
    generator *g = w->g;
    const sampling *how = w->how;
    if (how->longest_response == 0 || how->longest_response > g->options.longest_response)
        return status_set(STATUS_FAILED, "responses of %zu tokens in a generation planned for %zu", how->longest_response,
                          g->options.longest_response);
    for (size_t i = 0; i < how->stop_count; i++) {
        size_t length = strlen(how->stop_strings[i]);
        if (length > GENERATOR_STOP_BYTES)
            return status_set(STATUS_INVALID, "a stop string of %zu bytes; there is room for %d", length, GENERATOR_STOP_BYTES);
        if (length > w->longest_stop) w->longest_stop = length;
    }
    // Prompt slots are as long as this call's longest prompt needs.
    size_t longest = 1;
    for (size_t i = 0; i < w->count; i++)
        if (w->groups[i].prompt_length > longest) longest = w->groups[i].prompt_length;
    size_t slot = attention_round(longest), bytes = kv_cache_bytes(g->model, slot);
    w->prompts = smaller(g->prompt_bytes / bytes, g->options.rows);
    if (w->prompts == 0) return status_set(STATUS_FAILED, "a prompt of %zu tokens does not fit the caches", longest);
    for (size_t i = 0; i < w->prompts; i++)
        g->prompts[i] = (prompt_slot){.cache = {.memory = g->prompt_memory + i * bytes, .capacity = slot}, .group = SIZE_MAX};
    size_t own = attention_round(g->options.longest_response);
    for (size_t i = 0; i < g->options.rows; i++)
        g->rows[i].own = (kv_cache){.memory = g->own_memory + i * kv_cache_bytes(g->model, own), .capacity = own};
    return STATUS_OK;
}

static status work_loop(work *w) {
    generator *g = w->g;
    while (w->next_group < w->count || w->used > 0 || w->ready > 0) {
        double start = seconds_now();
        while (w->next_group < w->count && w->used + w->ready < g->options.rows && free_prompt(w) != SIZE_MAX) TRY(prefill(w));
        fill_rows(w);
        double filled = seconds_now();
        g->totals.prefill_seconds += filled - start;
        if (w->used > 0) TRY(decode_step(w));
        g->totals.decode_seconds += seconds_now() - filled;
        if (w->observer.watch && w->observer.watch(w->observer.context, w->finished, w->tokens))
            return status_set(STATUS_INTERRUPTED, "generation was interrupted");
    }
    g->totals.response_tokens += w->tokens;
    return STATUS_OK;
}

// Between `begin` and `finish` a call holds the generator's memory.
static status begin(work *w, size_t *mark) {
    generator *g = w->g;
    arena *memory = g->shared ? g->shared : &g->own;
    size_t needed = generator_bytes(g->model, g->tokenizer, &g->options);
    *mark = memory->used;
    if (needed > memory->capacity - *mark)
        return status_set(STATUS_FAILED, "generation needs %zu bytes, and %zu are left of what was planned", needed,
                          memory->capacity - *mark);
    place(g, memory);
    return work_start(w);
}

static void finish(const work *w, size_t mark) { arena_reset(w->g->shared ? w->g->shared : &w->g->own, mark); }

static status run(work *w) {
    if (w->count == 0) return STATUS_OK;
    size_t mark;
    status code = begin(w, &mark);
    if (code == STATUS_OK) code = work_loop(w);
    finish(w, mark);
    return code;
}

status generator_run(generator *g, group *groups, size_t count, const sampling *how, const generator_observer *observer) {
    work w = {.g = g, .groups = groups, .count = count, .how = how};
    if (observer) w.observer = *observer;
    kernel_mark(g->model->clock);
    return run(&w);
}

status generator_run_streaming(generator *g, group *one, const sampling *how, generator_stream stream, void *context) {
    work w = {.g = g, .groups = one, .count = 1, .how = how, .stream = stream, .stream_context = context};
    return run(&w);
}

// ---- a rehearsal ---------------------------------------------------------------------------------------------------------

// Gives every seated rollout a past of `length` tokens. Its caches are written, so that a step reads memory that is there.
static void invent_past(work *w, size_t length) {
    generator *g = w->g;
    for (size_t i = 0; i < w->used; i++) {
        running *row = &g->rows[i];
        struct rollout *r = &w->groups[row->group].rollouts[row->rollout];
        for (size_t t = 1; t < length; t++) r->tokens[t] = r->tokens[0];
        memset(row->own.memory, 0, kv_cache_bytes(g->model, row->own.capacity));
        r->length = length, row->own.length = length - 1;
    }
}

static status rehearse(work *w, size_t length, size_t steps, double *prefill_seconds, double *step) {
    size_t rollouts = 0;
    for (size_t i = 0; i < w->count; i++) rollouts += w->groups[i].size;
    double start = seconds_now();
    while (w->next_group < w->count && free_prompt(w) != SIZE_MAX) TRY(prefill(w));
    *prefill_seconds = seconds_now() - start;
    *step = 0;
    if (steps == 0) return STATUS_OK;
    fill_rows(w);
    if (w->used < rollouts)
        return status_set(STATUS_FAILED, "a rehearsal of %zu rollouts, and there is room for %zu", rollouts, w->used);
    invent_past(w, length);
    start = seconds_now();
    for (size_t i = 0; i < steps; i++) TRY(decode_step(w));
    *step = (seconds_now() - start) / (double)steps;
    return STATUS_OK;
}

status generator_rehearse(generator *g, group *groups, size_t count, const sampling *how, size_t length, size_t steps,
                          double *prefill_seconds, double *step) {
    sampling endless = *how;
    endless.end_count = endless.stop_count = 0;
    work w = {.g = g, .groups = groups, .count = count, .how = &endless};
    size_t mark;
    status code = begin(&w, &mark);
    if (code == STATUS_OK) code = rehearse(&w, length, steps, prefill_seconds, step);
    finish(&w, mark);
    return code;
}
