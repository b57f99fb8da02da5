// Generation of groups: rollout/generator.h as dsdr.h offers it.
#include "rollout/generator.h"

#include <math.h>
#include <stdlib.h>

#include "api/api.h"
#include "api/model.h"
#include "api/threads.h"
#include "rollout/group_set.h"

API_SAME(DSDR_FINISH_STOP, FINISH_STOP);
API_SAME(DSDR_FINISH_LENGTH, FINISH_LENGTH);

dsdr_sampling dsdr_sampling_defaults(void) {
    return (dsdr_sampling){.seed = 1, .temperature = 1, .top_p = 1, .max_tokens = 256, .rows = 32};
}

static status read_sampling(const dsdr_model *m, const dsdr_sampling *how, sampling *out) {
    if (!(how->temperature >= 0 && isfinite(how->temperature)))
        return status_set(STATUS_INVALID, "temperature is %g; it must be a finite number >= 0", (double)how->temperature);
    if (!(how->top_p > 0 && how->top_p <= 1)) return status_set(STATUS_INVALID, "top_p is %g; it must be in (0, 1]", how->top_p);
    if (how->max_tokens == 0) return status_set(STATUS_INVALID, "max_tokens is 0; a response has at least one token");
    if (how->rows == 0) return status_set(STATUS_INVALID, "rows is 0; at least one rollout is computed at a time");
    if (how->stop_count > 0 && !how->stop_strings) return status_set(STATUS_INVALID, "stop_strings is NULL");
    for (size_t i = 0; i < how->stop_count; i++)
        if (!how->stop_strings[i] || !*how->stop_strings[i]) return status_set(STATUS_INVALID, "stop string %zu is empty", i);
    *out = (sampling){.seed = how->seed,
                      .purpose = RANDOM_SAMPLE_TRAIN,
                      .temperature = how->temperature,
                      .top_k = how->top_k,
                      .top_p = how->top_p,
                      .longest_response = how->max_tokens,
                      .end_tokens = how->end_tokens ? how->end_tokens : m->language.stop_tokens,
                      .end_count = how->end_tokens ? how->end_count : m->language.stop_count,
                      .stop_strings = how->stop_strings,
                      .stop_count = how->stop_count};
    return STATUS_OK;
}

// Moves what the generator left in `from` to the caller.
static status take_rollout(rollout *from, dsdr_rollout *to) {
    size_t bytes = from->length * 4;
    *to = (dsdr_rollout){.length = from->length,
                         .tokens = malloc(bytes),
                         .logp = malloc(bytes),
                         .entropy = malloc(bytes),
                         .finish = (dsdr_finish)from->finish,
                         .text = from->text ? from->text : calloc(1, 1),
                         .text_length = from->text_length};
    from->text = NULL;
    if (!to->tokens || !to->logp || !to->entropy || !to->text) return status_set(STATUS_NO_MEMORY, "out of memory");
    memcpy(to->tokens, from->tokens, bytes);
    memcpy(to->logp, from->logp, bytes);
    memcpy(to->entropy, from->entropy, bytes);
    return STATUS_OK;
}

static status generate(dsdr_model *m, const int32_t *const *prompts, const size_t *lengths, group_set *set,
                       const dsdr_sampling *given, const sampling *how, dsdr_rollout *rollouts) {
    size_t total = set->capacity * set->size;
    const generator_options options = {.rows = given->rows < total ? given->rows : total,
                                       .longest_prompt = set->longest_prompt,
                                       .longest_response = set->longest_response};
    for (size_t g = 0; g < set->capacity; g++) {
        set->groups[g].serial = given->serial + g;
        set->groups[g].prompt_length = lengths[g];
        memcpy(set->groups[g].prompt_tokens, prompts[g], lengths[g] * sizeof **prompts);
    }
    generator *made;
    TRY(generator_create(&made, &m->language.model, m->language.tokenizer, &options, NULL));
    const generator_observer observer = {.watch = given->watch, .context = given->watch_context};
    status code = generator_run(made, set->groups, set->capacity, how, &observer);
    if (code == STATUS_OK) code = generator_write_texts(made, set->groups, set->capacity);
    generator_free(made);
    for (size_t i = 0; i < total && code == STATUS_OK; i++)
        code = take_rollout(&set->groups[i / set->size].rollouts[i % set->size], &rollouts[i]);
    return code;
}

dsdr_status dsdr_model_generate(dsdr_model *model, const int32_t *const *prompts, const size_t *prompt_lengths, size_t count,
                                size_t G, const dsdr_sampling *how, dsdr_rollout *rollouts) {
    API_NEED(model);
    if (count == 0 || G == 0) return DSDR_OK;
    API_NEED(prompts);
    API_NEED(prompt_lengths);
    API_NEED(rollouts);
    const dsdr_sampling defaults = dsdr_sampling_defaults();
    if (!how) how = &defaults;
    sampling inner;
    API_TRY(read_sampling(model, how, &inner));
    size_t longest = 0, total, tokens, bytes;
    for (size_t g = 0; g < count; g++) {
        API_TRY(api_check_tokens(model, prompts[g], prompt_lengths[g], "prompt", g));
        API_TRY(api_check_positions(model, prompt_lengths[g], how->max_tokens));
        if (prompt_lengths[g] > longest) longest = prompt_lengths[g];
    }
    if (G > UINT32_MAX || __builtin_mul_overflow(count, G, &total) ||
        __builtin_mul_overflow(total, longest + how->max_tokens, &tokens) || __builtin_mul_overflow(tokens, (size_t)1024, &bytes))
        return api_status(status_set(STATUS_NO_MEMORY, "%zu groups of %zu rollouts do not fit memory", count, G));
    memset(rollouts, 0, total * sizeof *rollouts);
    int before = api_threads_take(model->products);
    group_set set = {0};
    status code = group_set_create(&set, count, G, longest, how->max_tokens);
    if (code == STATUS_OK) code = generate(model, prompts, prompt_lengths, &set, how, &inner, rollouts);
    group_set_free(&set);
    api_threads_give(before);
    if (code != STATUS_OK) dsdr_rollouts_clear(rollouts, total);
    return api_status(code);
}

void dsdr_rollouts_clear(dsdr_rollout *rollouts, size_t count) {
    for (size_t i = 0; rollouts && i < count; i++) {
        free(rollouts[i].tokens), free(rollouts[i].logp), free(rollouts[i].entropy), free(rollouts[i].text);
        rollouts[i] = (dsdr_rollout){0};
    }
}
