// Continuous batching over groups. See generator.h.
#include "rollout/generator.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PREFILL_ROWS = 512 };

// A rollout on its way: it has its first token from the moment its prompt is computed.
typedef struct running {
    size_t group, rollout;
    size_t prompt; // slot of its prompt's cache
    kv_cache own;
} running;

typedef struct prompt_slot {
    kv_cache cache;
    size_t waiting; // rollouts of the group that have not ended
} prompt_slot;

struct generator {
    const model *model;
    const tokenizer *tokenizer;
    generator_options options;
    arena memory;
    activations activations;
    head_memory head;
    size_t capacity; // rows of a forward
    unsigned char *prompt_memory, *own_memory;
    size_t prompt_bytes;  // of prompt_memory
    prompt_slot *prompts; // [rows]
    running *rows;        // [rows] in use: the first `used`
    sequence *sequences;  // [rows + rows]
    int32_t *token, *sequence_of, *index;
    int32_t *order; // [threads][V] scratch of filtered sampling
    buffer *texts;  // decoded bytes, one for each rollout of the call; grown as needed
    size_t text_count;
    generator_statistics totals;
};

static double seconds_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

// ---- memory --------------------------------------------------------------------------------------------------------------

static void *take(arena *a, size_t count, size_t bytes) {
    if (a->memory) return arena_take(a, count * bytes);
    a->used += arena_size(count * bytes);
    return NULL;
}

static size_t forward_capacity(const generator_options *o) {
    size_t most = o->longest_prompt > PREFILL_ROWS ? o->longest_prompt : PREFILL_ROWS;
    return o->rows > most ? o->rows : most;
}

static size_t prompt_tokens(const generator_options *o) {
    size_t longest = attention_round(o->longest_prompt);
    if (o->prompt_tokens > 0) return attention_round(o->prompt_tokens > longest ? o->prompt_tokens : longest);
    return longest * smaller(o->rows, 64);
}

static void place(generator *g, arena *memory) {
    const generator_options *o = &g->options;
    const model_config *c = &g->model->config;
    g->prompt_bytes = kv_cache_bytes(g->model, prompt_tokens(o));
    g->prompt_memory = take(memory, g->prompt_bytes, 1);
    g->own_memory = take(memory, o->rows * kv_cache_bytes(g->model, attention_round(o->longest_response)), 1);
    g->prompts = take(memory, o->rows, sizeof *g->prompts);
    g->rows = take(memory, o->rows, sizeof *g->rows);
    g->sequences = take(memory, 2 * o->rows, sizeof *g->sequences);
    g->token = take(memory, g->capacity, 4);
    g->sequence_of = take(memory, g->capacity, 4);
    g->index = take(memory, g->capacity, 4);
    g->order = take(memory, c->vocabulary * (size_t)matmul_threads(g->model->products), 4);
}

static size_t own_bytes(const model *m, const generator_options *o) {
    generator counted = {.model = m, .options = *o, .capacity = forward_capacity(o)};
    arena counter = {0};
    place(&counted, &counter);
    return counter.used;
}

size_t generator_bytes(const model *m, const generator_options *o) {
    return own_bytes(m, o) + activations_bytes(m, forward_capacity(o), o->longest_prompt + o->longest_response, false) +
           head_bytes(m, o->rows, false);
}

status generator_create(generator **out, const model *m, const tokenizer *t, const generator_options *options) {
    *out = NULL;
    generator *g = calloc(1, sizeof *g);
    if (!g) return status_set(STATUS_NO_MEMORY, "out of memory");
    *g = (generator){.model = m, .tokenizer = t, .options = *options, .capacity = forward_capacity(options)};
    status code = arena_create(&g->memory, own_bytes(m, options), "the caches of generation");
    if (code == STATUS_OK) {
        arena memory = g->memory;
        place(g, &memory);
        g->memory = memory;
        code = activations_create(&g->activations, m, g->capacity, options->longest_prompt + options->longest_response, false);
    }
    if (code == STATUS_OK) code = head_create(&g->head, m, options->rows, false);
    if (code != STATUS_OK) {
        generator_free(g);
        return code;
    }
    *out = g;
    return STATUS_OK;
}

void generator_free(generator *g) {
    if (!g) return;
    for (size_t i = 0; i < g->text_count; i++) buffer_free(&g->texts[i]);
    free(g->texts);
    head_free(&g->head);
    activations_free(&g->activations);
    arena_free(&g->memory);
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
    size_t *first_text;                    // [count] number of the group's first rollout
    size_t next_group, prompts;            // groups not yet admitted; prompt slots of this call
    size_t *ready, ready_head, ready_tail; // rollouts (numbered over the call) with a first token, waiting for a row
    size_t *prompt_of;                     // [count] slot of an admitted group
    size_t used;                           // rows in use
    size_t finished, tokens;
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

// The first place at or after `from` where a stop string begins; text->length if there is none.
static size_t find_stop(const sampling *how, const buffer *text, size_t from) {
    size_t found = text->length;
    for (size_t i = 0; i < how->stop_count; i++) {
        size_t length = strlen(how->stop_strings[i]);
        size_t start = from > length ? from - length : 0;
        const char *at = length && text->length >= start + length
                             ? memmem(text->data + start, text->length - start, how->stop_strings[i], length)
                             : NULL;
        if (at && (size_t)(at - text->data) < found) found = (size_t)(at - text->data);
    }
    return found;
}

// Takes note of the token just drawn; *ended tells whether the response is complete.
static status advance(work *w, size_t group_index, size_t rollout_index, bool *ended) {
    const tokenizer *t = w->g->tokenizer;
    struct rollout *r = &w->groups[group_index].rollouts[rollout_index];
    buffer *text = &w->g->texts[w->first_text[group_index] + rollout_index];
    int32_t token = r->tokens[r->length++];
    w->tokens++;
    bool end = is_end(w->how, token);
    size_t before = text->length, visible = before;
    if (!end && t && !tokenizer_is_special(t, token)) {
        size_t length = 0;
        const char *bytes = tokenizer_token_bytes(t, token, &length);
        if (bytes) TRY(buffer_append(text, bytes, length));
        visible = find_stop(w->how, text, before);
        if (w->stream && visible > before) w->stream(w->stream_context, text->data + before, visible - before);
    }
    bool stopped = visible < text->length;
    *ended = end || stopped || r->length >= w->how->longest_response;
    if (!*ended) return STATUS_OK;
    r->finish = end || stopped ? FINISH_STOP : FINISH_LENGTH;
    buffer clean = {0};
    TRY(text_make_valid(&clean, buffer_text(text), visible));
    r->text = clean.data, r->text_length = clean.length;
    w->finished++;
    return STATUS_OK;
}

// ---- prompts -------------------------------------------------------------------------------------------------------------

static size_t free_prompt(const work *w) {
    for (size_t i = 0; i < w->prompts; i++)
        if (w->g->prompts[i].waiting == 0) return i;
    return SIZE_MAX;
}

// Computes the prompts of as many waiting groups as fit one forward, and draws the first token of all their rollouts.
static status prefill(work *w) {
    generator *g = w->g;
    size_t rows = 0, admitted[64], last_row[64], count = 0;
    while (w->next_group < w->count && count < 64 && count < g->head.rows) {
        group *of = &w->groups[w->next_group];
        size_t slot = free_prompt(w);
        if (slot == SIZE_MAX || (count > 0 && rows + of->prompt_length > g->capacity)) break;
        if (of->prompt_length == 0 || of->prompt_length > g->options.longest_prompt)
            return status_set(STATUS_FAILED, "a prompt of %zu tokens in a generation planned for 1 to %zu", of->prompt_length,
                              g->options.longest_prompt);
        g->prompts[slot].waiting = of->size;
        g->prompts[slot].cache.length = 0;
        g->sequences[count] = (sequence){.own = &g->prompts[slot].cache};
        for (size_t t = 0; t < of->prompt_length; t++, rows++) {
            g->token[rows] = of->prompt_tokens[t];
            g->sequence_of[rows] = (int32_t)count;
            g->index[rows] = (int32_t)t;
        }
        w->prompt_of[w->next_group] = slot;
        admitted[count] = w->next_group++;
        last_row[count++] = rows - 1;
    }
    row_batch batch = {.rows = rows, .token = g->token, .sequence = g->sequence_of, .index = g->index, .sequences = g->sequences};
    TRY(transformer_forward(g->model, &g->activations, &batch));
    TRY(head_logits(g->model, &g->head, g->activations.output, last_row, count));
    g->totals.prompt_tokens += rows;
    for (size_t i = 0; i < count; i++) {
        group *of = &w->groups[admitted[i]];
        for (size_t r = 0; r < of->size; r++) {
            of->rollouts[r].length = 0;
            buffer_clear(&g->texts[w->first_text[admitted[i]] + r]);
            draw(w, g->head.logits + i * g->model->config.vocabulary, admitted[i], r, 0, g->order);
            bool ended;
            TRY(advance(w, admitted[i], r, &ended));
            if (ended)
                g->prompts[w->prompt_of[admitted[i]]].waiting--;
            else
                w->ready[w->ready_tail++] = w->first_text[admitted[i]] + r;
        }
    }
    kernel_lap(g->model->clock, KERNEL_SOFTMAX);
    return STATUS_OK;
}

// ---- decoding ------------------------------------------------------------------------------------------------------------

static size_t group_of_text(const work *w, size_t text) {
    size_t low = 0, high = w->count - 1;
    while (low < high) {
        size_t middle = (low + high + 1) / 2;
        if (w->first_text[middle] <= text)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

static void fill_rows(work *w) {
    generator *g = w->g;
    while (w->used < g->options.rows && w->ready_head < w->ready_tail) {
        size_t text = w->ready[w->ready_head++], group_index = group_of_text(w, text);
        running *row = &g->rows[w->used++];
        row->group = group_index, row->rollout = text - w->first_text[group_index], row->prompt = w->prompt_of[group_index];
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
        bool ended;
        TRY(advance(w, g->rows[i].group, g->rows[i].rollout, &ended));
        if (!ended) {
            i++;
            continue;
        }
        g->prompts[g->rows[i].prompt].waiting--;
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
    size_t texts = 0, longest = 1;
    w->first_text = malloc((w->count + 1) * sizeof *w->first_text);
    w->prompt_of = malloc((w->count + 1) * sizeof *w->prompt_of);
    if (!w->first_text || !w->prompt_of) return status_set(STATUS_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < w->count; i++) {
        w->first_text[i] = texts;
        texts += w->groups[i].size;
        if (w->groups[i].prompt_length > longest) longest = w->groups[i].prompt_length;
    }
    w->ready = malloc((texts + 1) * sizeof *w->ready);
    if (!w->ready) return status_set(STATUS_NO_MEMORY, "out of memory");
    if (texts > g->text_count) {
        buffer *grown = realloc(g->texts, texts * sizeof *grown);
        if (!grown) return status_set(STATUS_NO_MEMORY, "out of memory");
        memset(grown + g->text_count, 0, (texts - g->text_count) * sizeof *grown);
        g->texts = grown, g->text_count = texts;
    }
    // Prompt slots are as long as this call's longest prompt needs.
    size_t slot = attention_round(longest), bytes = kv_cache_bytes(g->model, slot);
    w->prompts = smaller(g->prompt_bytes / bytes, g->options.rows);
    if (w->prompts == 0) return status_set(STATUS_FAILED, "a prompt of %zu tokens does not fit the caches", longest);
    for (size_t i = 0; i < w->prompts; i++)
        g->prompts[i] = (prompt_slot){.cache = {.memory = g->prompt_memory + i * bytes, .capacity = slot}};
    size_t own = attention_round(g->options.longest_response);
    for (size_t i = 0; i < g->options.rows; i++)
        g->rows[i].own = (kv_cache){.memory = g->own_memory + i * kv_cache_bytes(g->model, own), .capacity = own};
    return STATUS_OK;
}

static status work_loop(work *w, generator_watch watch, void *context) {
    generator *g = w->g;
    while (w->next_group < w->count || w->used > 0 || w->ready_head < w->ready_tail) {
        double start = seconds_now();
        while (w->next_group < w->count && w->used + (w->ready_tail - w->ready_head) < g->options.rows &&
               free_prompt(w) != SIZE_MAX)
            TRY(prefill(w));
        fill_rows(w);
        double filled = seconds_now();
        g->totals.prefill_seconds += filled - start;
        if (w->used > 0) TRY(decode_step(w));
        g->totals.decode_seconds += seconds_now() - filled;
        if (watch && watch(context, w->finished, w->tokens)) return status_set(STATUS_INTERRUPTED, "generation was interrupted");
    }
    g->totals.response_tokens += w->tokens;
    return STATUS_OK;
}

static status run(work *w, generator_watch watch, void *context) {
    if (w->count == 0) return STATUS_OK;
    if (w->how->longest_response == 0 || w->how->longest_response > w->g->options.longest_response)
        return status_set(STATUS_FAILED, "responses of %zu tokens in a generation planned for %zu", w->how->longest_response,
                          w->g->options.longest_response);
    status code = work_start(w);
    if (code == STATUS_OK) code = work_loop(w, watch, context);
    free(w->first_text), free(w->prompt_of), free(w->ready);
    return code;
}

status generator_run(generator *g, group *groups, size_t count, const sampling *how, generator_watch watch, void *context) {
    work w = {.g = g, .groups = groups, .count = count, .how = how};
    kernel_mark(g->model->clock);
    return run(&w, watch, context);
}

status generator_run_streaming(generator *g, group *one, const sampling *how, generator_stream stream, void *context) {
    work w = {.g = g, .groups = one, .count = 1, .how = how, .stream = stream, .stream_context = context};
    return run(&w, NULL, NULL);
}
