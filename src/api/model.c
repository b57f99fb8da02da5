// Language models: opening, tokens and prompts, log-probs of given tokens.
#include "api/model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/api.h"
#include "api/threads.h"
#include "run/open_model.h"

// ---- opening -------------------------------------------------------------------------------------------------------------

dsdr_model_options dsdr_model_defaults(void) { return (dsdr_model_options){.threads = 0, .precision = DSDR_PRECISION_FLOAT32}; }

// Models are opened by settings, whose checks and names are those of the command line.
static status open_model(dsdr_model *m, const char *path, const dsdr_model_options *options) {
    static const char *const words[] = {"auto", "float32", "bfloat16"};
    if ((unsigned)options->precision > DSDR_PRECISION_BFLOAT16)
        return status_set(STATUS_INVALID, "precision %d does not exist", (int)options->precision);
    char threads[64], precision[64];
    snprintf(threads, sizeof threads, "trainer.threads=%d", options->threads);
    snprintf(precision, sizeof precision, "trainer.precision=%s", words[options->precision]);
    const char *assignments[] = {threads, precision};
    settings s;
    status code = settings_load(&s, NULL, assignments, 2);
    if (code == STATUS_OK) code = run_open_model(&m->products, &m->language, &s, path, false);
    settings_free(&s);
    return code;
}

dsdr_status dsdr_model_open(dsdr_model **out, const char *path, const dsdr_model_options *options) {
    API_NEED(out);
    *out = NULL;
    API_NEED(path);
    const dsdr_model_options defaults = dsdr_model_defaults();
    dsdr_model *m = calloc(1, sizeof *m);
    if (!m) return api_no_memory();
    int before = omp_get_max_threads();
    status code = open_model(m, path, options ? options : &defaults);
    api_threads_give(before);
    if (code == STATUS_OK)
        *out = m;
    else
        free(m);
    return api_status(code);
}

void dsdr_model_close(dsdr_model *model) {
    if (!model) return;
    packed_free(&model->pass);
    language_model_close(&model->language);
    matmul_free(model->products);
    free(model);
}

dsdr_status dsdr_model_describe(const dsdr_model *model, dsdr_model_info *out) {
    API_NEED(model);
    API_NEED(out);
    const model_config *c = &model->language.model.config;
    *out = (dsdr_model_info){.architecture = c->architecture,
                             .layers = c->layers,
                             .hidden = c->hidden,
                             .vocabulary = c->vocabulary,
                             .max_positions = c->max_positions,
                             .parameters = parameter_table_numbers(&model->language.model.table),
                             .stop_tokens = model->language.stop_tokens,
                             .stop_count = model->language.stop_count,
                             .bos = tokenizer_bos(model->language.tokenizer),
                             .chat_template = tokenizer_chat_template(model->language.tokenizer) != NULL};
    return DSDR_OK;
}

// ---- tokens --------------------------------------------------------------------------------------------------------------

static dsdr_status hand_over(status code, token_list *list, int32_t **tokens, size_t *count) {
    if (code == STATUS_OK) code = token_list_reserve(list, 1); // an empty list is an array too
    if (code == STATUS_OK)
        *tokens = list->ids, *count = list->count;
    else
        token_list_free(list);
    return api_status(code);
}

dsdr_status dsdr_model_encode(const dsdr_model *model, const char *text, size_t length, bool special, bool add, int32_t **tokens,
                              size_t *count) {
    API_NEED(tokens);
    *tokens = NULL;
    API_NEED(count);
    *count = 0;
    API_NEED(model);
    API_TEXT(text, length);
    token_list list = {0};
    status code = tokenizer_encode(model->language.tokenizer, text, length, special, add, &list);
    return hand_over(code, &list, tokens, count);
}

dsdr_status dsdr_model_decode(const dsdr_model *model, const int32_t *tokens, size_t count, bool skip_special, char **text,
                              size_t *length) {
    API_NEED(text);
    *text = NULL;
    if (length) *length = 0;
    API_NEED(model);
    if (count > 0) API_NEED(tokens);
    buffer out = {0};
    status code = tokenizer_decode(model->language.tokenizer, tokens, count, skip_special, &out);
    if (code == STATUS_OK) code = buffer_append(&out, "", 0);
    if (code == STATUS_OK) code = buffer_reserve(&out, 1);
    if (code != STATUS_OK) {
        buffer_free(&out);
        return api_status(code);
    }
    *text = out.data;
    if (length) *length = out.length;
    return DSDR_OK;
}

dsdr_status dsdr_model_prompt(dsdr_model *model, const char *prompt_template, const char *instruction, const char *problem,
                              int32_t **tokens, size_t *count, bool *think_open) {
    API_NEED(tokens);
    *tokens = NULL;
    API_NEED(count);
    *count = 0;
    API_NEED(model);
    API_NEED(problem);
    const prompt_options how = {.prompt_template = prompt_template, .instruction = instruction};
    token_list list = {0};
    status code = language_model_prompt(&model->language, &how, problem, &list, NULL, think_open);
    return hand_over(code, &list, tokens, count);
}

status api_check_tokens(const dsdr_model *m, const int32_t *tokens, size_t count, const char *what, size_t number) {
    size_t vocabulary = m->language.model.config.vocabulary;
    if (!tokens || count == 0) return status_set(STATUS_INVALID, "%s %zu has no tokens", what, number);
    for (size_t t = 0; t < count; t++)
        if (tokens[t] < 0 || (size_t)tokens[t] >= vocabulary)
            return status_set(STATUS_INVALID, "%s %zu: token %zu is %d, which is not in the vocabulary of %zu", what, number, t,
                              (int)tokens[t], vocabulary);
    return STATUS_OK;
}

status api_check_positions(const dsdr_model *m, size_t prompt_length, size_t response_length) {
    size_t room = m->language.model.config.max_positions;
    if (prompt_length <= room && response_length <= room - prompt_length) return STATUS_OK;
    return status_set(STATUS_INVALID, "a prompt of %zu tokens and a response of %zu, but the model was made for %zu positions",
                      prompt_length, response_length, room);
}

// ---- log-probs of given tokens -------------------------------------------------------------------------------------------

enum { LEAF_ROWS = 512 };

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }

// Makes the pass of this model large enough.
static status plan_pass(dsdr_model *m, size_t prompt, size_t response, size_t group_size) {
    const packed_options *have = &m->pass.options;
    if (m->pass.model && have->longest_prompt >= prompt && have->longest_response >= response &&
        have->largest_group >= group_size)
        return STATUS_OK;
    const packed_options need = {.leaf_rows = LEAF_ROWS,
                                 .leaves_in_memory = 1,
                                 .longest_prompt = larger(prompt, have->longest_prompt),
                                 .longest_response = larger(response, have->longest_response),
                                 .largest_group = larger(group_size, have->largest_group)};
    packed_free(&m->pass);
    return packed_create(&m->pass, &m->language.model, &need, NULL);
}

static void record(void *context, size_t group_index, size_t response, size_t position, float logp, float entropy, double *d_logp,
                   double *d_entropy) {
    const dsdr_sequence *to = (const dsdr_sequence *)context + response;
    (void)group_index, (void)d_logp, (void)d_entropy;
    to->logp[position] = logp;
    if (to->entropy) to->entropy[position] = entropy;
}

dsdr_status dsdr_model_logprobs(dsdr_model *model, const int32_t *prompt, size_t prompt_length, dsdr_sequence *responses,
                                size_t G, float temperature) {
    API_NEED(model);
    if (G == 0) return DSDR_OK;
    API_NEED(responses);
    if (!(temperature > 0 && isfinite(temperature)))
        return api_status(
            status_set(STATUS_INVALID, "temperature is %g; it must be a finite number above 0", (double)temperature));
    API_TRY(api_check_tokens(model, prompt, prompt_length, "prompt", 0));
    size_t longest = 0;
    for (size_t i = 0; i < G; i++) {
        if (!responses[i].logp) return api_status(status_set(STATUS_INVALID, "response %zu has no room for its log-probs", i));
        API_TRY(api_check_tokens(model, responses[i].tokens, responses[i].length, "response", i));
        longest = larger(longest, responses[i].length);
    }
    API_TRY(api_check_positions(model, prompt_length, longest));
    rollout *rollouts = calloc(G, sizeof *rollouts);
    if (!rollouts) return api_no_memory();
    for (size_t i = 0; i < G; i++)
        rollouts[i] = (rollout){.length = responses[i].length, .tokens = (int32_t *)responses[i].tokens};
    const group one = {.prompt_length = prompt_length, .prompt_tokens = (int32_t *)prompt, .size = G, .rollouts = rollouts};
    int before = api_threads_take(model->products);
    status code = plan_pass(model, prompt_length, longest, G);
    if (code == STATUS_OK) code = packed_visit(&model->pass, &one, 1, NULL, temperature, record, responses, NULL);
    api_threads_give(before);
    free(rollouts);
    return api_status(code);
}
