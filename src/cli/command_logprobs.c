// `dsdr logprobs MODEL [FILE.jsonl]`: what a model thinks of given responses, token by token, through the same packed forward
// that training uses: prompt and response are tokenized apart, nothing is added, temperature 1.
#include <stdlib.h>
#include <string.h>

#include "base/jsonl.h"
#include "cli/cli.h"
#include "cli/rows.h"
#include "model/packed.h"
#include "run/open_model.h"

enum { ROWS_AT_ONCE = 32, LEAF_ROWS = 512 };

static const char detail[] =
    "Rows {\"prompt\", \"response\"} of raw text come back with \"ids\", \"logp\" and \"entropy\" of the response's tokens: "
    "prompt and response\n"
    "are tokenized apart, nothing is added, special tokens written out are those tokens; temperature 1, natural logarithm. MODEL "
    "is a\nHugging Face folder or a GGUF file. precision=bfloat16 and threads=N may be given as options too.\n";

typedef struct measurer {
    language_model lm;
    packed_pass pass;
    bool has_pass;
    size_t longest_prompt, longest_response; // that the pass has room for
    token_list prompt[ROWS_AT_ONCE], response[ROWS_AT_ONCE];
    group groups[ROWS_AT_ONCE];
    rollout rollouts[ROWS_AT_ONCE];
    float *logp[ROWS_AT_ONCE], *entropy[ROWS_AT_ONCE]; // into `numbers`
    float *numbers;
    size_t capacity; // of `numbers`
} measurer;

static void record(void *context, size_t g, size_t r, size_t position, float logp, float entropy, double *d_logp,
                   double *d_entropy) {
    measurer *m = context;
    (void)r, (void)d_logp, (void)d_entropy;
    m->logp[g][position] = logp, m->entropy[g][position] = entropy;
}

static status encode(const measurer *m, const json_t *row, const char *key, token_list *out) {
    const json_t *text = json_object_get(row, key);
    out->count = 0;
    if (!json_is_string(text)) return status_set(STATUS_INVALID, "the row has no \"%s\" (a text)", key);
    return tokenizer_encode(m->lm.tokenizer, json_string_value(text), json_string_length(text), true, false, out);
}

// The tokens of one row; STATUS_INVALID for a row that cannot be measured.
static status read_row(const measurer *m, const json_t *row, token_list *prompt, token_list *response) {
    size_t room = m->lm.model.config.max_positions;
    TRY(encode(m, row, "prompt", prompt));
    TRY(encode(m, row, "response", response));
    if (prompt->count == 0) return status_set(STATUS_INVALID, "the prompt is empty; a prompt needs at least one token");
    if (room > 0 && prompt->count + response->count > room)
        return status_set(STATUS_INVALID, "prompt and response have %zu tokens, but the model was made for %zu positions",
                          prompt->count + response->count, room);
    return STATUS_OK;
}

static size_t room_for(size_t length) {
    size_t room = 256;
    while (room < length) room *= 2;
    return room;
}

// Room for the longest rows so far, in steps, so that memory is taken again only a few times.
static status make_room(measurer *m, size_t longest_prompt, size_t longest_response, size_t tokens) {
    if (tokens > m->capacity) {
        float *grown = realloc(m->numbers, 2 * tokens * sizeof *grown);
        if (!grown) return status_set(STATUS_NO_MEMORY, "out of memory");
        m->numbers = grown, m->capacity = tokens;
    }
    if (m->has_pass && longest_prompt <= m->longest_prompt && longest_response <= m->longest_response) return STATUS_OK;
    if (longest_prompt > m->longest_prompt) m->longest_prompt = room_for(longest_prompt);
    if (longest_response > m->longest_response) m->longest_response = room_for(longest_response);
    if (m->has_pass) packed_free(&m->pass);
    m->has_pass = false;
    const packed_options options = {.leaf_rows = LEAF_ROWS,
                                    .leaves_in_memory = 1,
                                    .longest_prompt = m->longest_prompt,
                                    .longest_response = m->longest_response,
                                    .largest_group = 1};
    TRY(packed_create(&m->pass, &m->lm.model, &options, NULL));
    m->has_pass = true;
    return STATUS_OK;
}

static status write_row(json_t *row, const token_list *response, const float *logp, const float *entropy) {
    json_t *ids = json_array(), *logps = json_array(), *entropies = json_array();
    for (size_t t = 0; t < response->count; t++) {
        json_array_append_new(ids, json_integer(response->ids[t]));
        json_array_append_new(logps, json_number(logp[t]));
        json_array_append_new(entropies, json_number(entropy[t]));
    }
    int failed = json_object_set_new(row, "ids", ids) | json_object_set_new(row, "logp", logps) |
                 json_object_set_new(row, "entropy", entropies);
    return failed ? status_set(STATUS_NO_MEMORY, "out of memory while writing a row") : STATUS_OK;
}

static status work(void *context, json_t **rows, size_t count) {
    measurer *m = context;
    size_t from[ROWS_AT_ONCE], used = 0, longest_prompt = 1, longest_response = 1, tokens = 0;
    for (size_t i = 0; i < count; i++) {
        status code = read_row(m, rows[i], &m->prompt[used], &m->response[used]);
        if (code == STATUS_INVALID) {
            rows_fail(rows[i], NULL);
            continue;
        }
        TRY(code);
        if (m->response[used].count == 0) { // nothing to ask the model
            TRY(write_row(rows[i], &m->response[used], NULL, NULL));
            continue;
        }
        if (m->prompt[used].count > longest_prompt) longest_prompt = m->prompt[used].count;
        if (m->response[used].count > longest_response) longest_response = m->response[used].count;
        tokens += m->response[used].count;
        from[used++] = i;
    }
    if (used == 0) return STATUS_OK;
    TRY(make_room(m, longest_prompt, longest_response, tokens));
    for (size_t i = 0, first = 0; i < used; first += m->response[i++].count) {
        m->rollouts[i] = (rollout){.length = m->response[i].count, .tokens = m->response[i].ids};
        m->groups[i] = (group){
            .prompt_length = m->prompt[i].count, .prompt_tokens = m->prompt[i].ids, .size = 1, .rollouts = &m->rollouts[i]};
        m->logp[i] = m->numbers + first, m->entropy[i] = m->numbers + tokens + first;
    }
    TRY(packed_visit(&m->pass, m->groups, used, NULL, 1.0f, record, m, NULL));
    for (size_t i = 0; i < used; i++) TRY(write_row(rows[from[i]], &m->response[i], m->logp[i], m->entropy[i]));
    return STATUS_OK;
}

// Threads and precision in the form in which models are opened: given as --precision P or precision=P.
static status load_settings(settings *s, const char *precision, const char *threads, const char *const *assignments,
                            size_t count) {
    char texts[2][128];
    for (size_t i = 0; i < count; i++) {
        const char *name = strncmp(assignments[i], "trainer.", 8) == 0 ? assignments[i] + 8 : assignments[i];
        if (strncmp(name, "precision=", 10) == 0)
            precision = name + 10;
        else if (strncmp(name, "threads=", 8) == 0)
            threads = name + 8;
        else
            return status_set(STATUS_INVALID, "%s has no meaning here; precision=float32, precision=bfloat16 and threads=N have",
                              assignments[i]);
    }
    snprintf(texts[0], sizeof texts[0], "trainer.precision=%s", precision ? precision : "float32");
    snprintf(texts[1], sizeof texts[1], "trainer.threads=%s", threads ? threads : "0");
    const char *const both[] = {texts[0], texts[1]};
    return settings_load(s, NULL, both, 2);
}

int command_logprobs(int argc, char **argv) {
    const char *precision = NULL, *threads = NULL;
    const cli_option options[] = {
        {"--precision", "WORD", "float32, bfloat16 or auto (float32)", &precision, NULL},
        {"--threads", "N", "threads (0: one a core)", &threads, NULL},
    };
    const cli_usage usage = {.command = "logprobs",
                             .arguments = "MODEL [FILE.jsonl] [precision=bfloat16]",
                             .help = "Measures log-probability and entropy of each token of given responses.",
                             .detail = detail,
                             .options = options,
                             .option_count = sizeof options / sizeof *options};
    cli_arguments given = {0};
    measurer *m = calloc(1, sizeof *m);
    matmul *products = NULL;
    settings s = {0};
    int exit_code = 0;
    status code = m ? STATUS_OK : status_set(STATUS_NO_MEMORY, "out of memory");
    if (code != STATUS_OK) goto cleanup;
    TRY_OR(code, cli_parse_arguments(&given, &usage, argc, argv), cleanup);
    if (given.help) goto cleanup;
    if (given.rest_count == 0) TRY_OR(code, status_set(STATUS_INVALID, "no model: dsdr logprobs MODEL [FILE.jsonl]"), cleanup);
    if (given.rest_count > 2)
        TRY_OR(code, status_set(STATUS_INVALID, "one file at most; %s is a second one", given.rest[2]), cleanup);
    TRY_OR(code, load_settings(&s, precision, threads, given.assignments, given.assignment_count), cleanup);
    TRY_OR(code, run_open_model(&products, &m->lm, &s, given.rest[0], false), cleanup);
    cli_print_products(products);
    const rows_command rows = {
        .name = "logprobs", .unit = "responses", .digits = 9, .batch = ROWS_AT_ONCE, .work = work, .context = m};
    exit_code = rows_run(&rows, given.rest_count > 1 ? given.rest[1] : NULL);
cleanup:
    if (m) {
        if (m->has_pass) packed_free(&m->pass);
        for (size_t i = 0; i < ROWS_AT_ONCE; i++) token_list_free(&m->prompt[i]), token_list_free(&m->response[i]);
        language_model_close(&m->lm);
        free(m->numbers);
    }
    matmul_free(products);
    settings_free(&s);
    free(m), cli_arguments_free(&given);
    return code == STATUS_OK ? exit_code : cli_finish("logprobs", code);
}
