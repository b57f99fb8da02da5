// Writing a new model. See new_model.h.
#include "run/new_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "model/language.h"
#include "run/written.h"

// ---- options -------------------------------------------------------------------------------------------------------------

static const setting_entry keys[] = {
#define X(kind, field, default_, range, help)                                                                                    \
    {SETTING_##kind, #field, default_, range, NULL, "", true, help, offsetof(new_model, field)},
    NEW_MODEL_KEYS(X)
#undef X
};
enum { KEY_COUNT = sizeof keys / sizeof *keys };

static void *value_at(new_model *m, const setting_entry *e) { return (char *)m + e->offset; }

void new_model_free(new_model *m) {
    free(m->tokenizer);
    text_list_free(&m->words);
    *m = (new_model){0};
}

static status assign(new_model *m, const written *w) {
    char place[512];
    const char *best = NULL;
    size_t distance = strlen(w->key) / 2 + 1;
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (!strcmp(keys[i].key, w->key) && !w->removal)
            return w->shape == WRITTEN_NULL ? STATUS_OK : setting_read(&keys[i], value_at(m, &keys[i]), w);
        text_consider(w->key, keys[i].key, &best, &distance);
    }
    written_place(w, place, sizeof place);
    if (!best) return status_set(STATUS_INVALID, "%s%s is no key of a model; dsdr init --help lists them", place, w->key);
    return status_set(STATUS_INVALID, "%s%s is no key of a model; did you mean %s?", place, w->key, best);
}

status new_model_load(new_model *m, const char *path, const char *const *assignments, size_t count) {
    *m = (new_model){0};
    written_list list = {0};
    status code = STATUS_OK;
    for (size_t i = 0; i < KEY_COUNT && code == STATUS_OK; i++) {
        char standard[64];
        snprintf(standard, sizeof standard, "%s=%s", keys[i].key, keys[i].standard);
        code = written_read_assignment(&list, standard);
    }
    if (code == STATUS_OK && path) code = written_read_file(&list, path);
    for (size_t i = 0; i < count && code == STATUS_OK; i++) code = written_read_assignment(&list, assignments[i]);
    for (size_t i = 0; i < list.count && code == STATUS_OK; i++) code = assign(m, &list.items[i]);
    written_free(&list);
    if (code != STATUS_OK) new_model_free(m);
    return code;
}

// ---- the model -----------------------------------------------------------------------------------------------------------

static status open_tokenizer(tokenizer **out, const new_model *m) {
    if (!strcmp(m->tokenizer, "bytes")) return tokenizer_create_bytes(out, (const char *const *)m->words.items, m->words.count);
    if (m->words.count > 0)
        return status_set(STATUS_INVALID, "words belong to tokenizer=bytes; a tokenizer that is given has its own");
    static const char name[] = "/tokenizer.json"; // the files beside it name its special tokens
    size_t length = strlen(m->tokenizer);
    bool file = length > sizeof name - 1 && !strcmp(m->tokenizer + length - (sizeof name - 1), name);
    char *path = text_copy(m->tokenizer, file ? length - (sizeof name - 1) : length);
    if (!path) return status_set(STATUS_NO_MEMORY, "out of memory");
    status code = language_tokenizer_open(out, path);
    free(path);
    return code;
}

static status configure(model_config *c, const new_model *m, const tokenizer *words) {
    if (m->width % m->heads != 0)
        return status_set(STATUS_INVALID, "width is %lld and heads is %lld; the first has to be a multiple of the second",
                          m->width, m->heads);
    *c = (model_config){.architecture = "LlamaForCausalLM",
                        .layers = (size_t)m->layers,
                        .hidden = (size_t)m->width,
                        .heads = (size_t)m->heads,
                        .kv_heads = (size_t)(m->kv_heads > 0 ? m->kv_heads : m->heads),
                        .head_width = (size_t)(m->width / m->heads),
                        .feed_forward = (size_t)(m->feed_forward > 0 ? m->feed_forward : (m->width * 8 / 3 + 63) / 64 * 64),
                        .vocabulary = m->vocabulary > 0 ? (size_t)m->vocabulary : tokenizer_vocabulary_size(words),
                        .max_positions = (size_t)m->context,
                        .rope_theta = m->rope_theta,
                        .norm_eps = 1e-5,
                        .tied = m->tied};
    return STATUS_OK;
}

static status write_folder(const language_model *lm, const char *folder) {
    TRY(folder_create(folder));
    status code = language_model_save(lm, folder);
    if (code == STATUS_OK) code = folder_sync(folder);
    if (code == STATUS_OK) return STATUS_OK;
    char message[2048];
    snprintf(message, sizeof message, "%s", status_message());
    folder_remove(folder);
    return status_set(code, "%s", message);
}

status new_model_write(const new_model *m, const char *folder, buffer *summary) {
    if (folder_exists(folder) || file_exists(folder))
        return status_set(STATUS_INVALID, "%s exists already; name a folder that does not", folder);
    tokenizer *words = NULL;
    matmul *products = NULL;
    language_model lm = {0};
    model_config config;
    TRY(open_tokenizer(&words, m));
    status code = configure(&config, m, words);
    if (code == STATUS_OK) code = matmul_create(&products, PRECISION_FLOAT32, 1, false);
    if (code == STATUS_OK)
        code = language_model_create(&lm, products, &config, words, (uint64_t)m->seed);
    else
        tokenizer_free(words);
    if (code == STATUS_OK) code = write_folder(&lm, folder);
    if (code == STATUS_OK)
        code = buffer_printf(summary, "%s: %.2fM parameters, %zu layers, width %zu, %zu heads, vocabulary %zu, context %zu",
                             folder, (double)parameter_table_numbers(&lm.model.table) / 1e6, config.layers, config.hidden,
                             config.heads, config.vocabulary, config.max_positions);
    language_model_close(&lm);
    matmul_free(products);
    return code;
}
