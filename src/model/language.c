// Weights, tokenizer and chat template of one model. See language.h.
#include "model/language.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "weights/gguf.h"

// ---- tokenizers of GGUF files --------------------------------------------------------------------------------------------

static status optional_token(const weights_file *file, const char *key, int32_t *out) {
    uint64_t value;
    *out = -1;
    if (!gguf_has(file, key)) return STATUS_OK;
    TRY(gguf_get_u64(file, key, &value));
    if (value <= INT32_MAX) *out = (int32_t)value;
    return STATUS_OK;
}

static status optional_text(const weights_file *file, const char *key, char **out) {
    gguf_text text;
    *out = NULL;
    if (!gguf_has(file, key)) return STATUS_OK;
    TRY(gguf_get_string(file, key, &text));
    *out = text_copy(text.bytes, text.length);
    return *out ? STATUS_OK : status_set(STATUS_NO_MEMORY, "out of memory");
}

// The array of a key as spans into the file.
static status read_spans(const weights_file *file, const char *key, text_span **spans, size_t *count) {
    gguf_text *texts = NULL;
    TRY(gguf_get_strings(file, key, &texts, count));
    *spans = calloc(*count + 1, sizeof **spans);
    for (size_t i = 0; *spans && i < *count; i++) (*spans)[i] = (text_span){texts[i].bytes, texts[i].length};
    free(texts);
    return *spans ? STATUS_OK : status_set(STATUS_NO_MEMORY, "out of memory");
}

static status gguf_tokenizer(tokenizer **out, const weights_file *file) {
    tokenizer_bpe_source source = {.name = weights_file_path(file)};
    text_span *tokens = NULL, *merges = NULL;
    int64_t *types = NULL;
    int32_t *small_types = NULL;
    size_t type_count = 0;
    char *pre = NULL, *template = NULL, *kind = NULL;
    status code = optional_text(file, "tokenizer.ggml.model", &kind);
    if (code == STATUS_OK && (!kind || strcmp(kind, "gpt2") != 0))
        code = status_set(STATUS_UNSUPPORTED,
                          "%s: \"tokenizer.ggml.model\" is \"%s\", which is not implemented (gpt2, byte-level BPE, is)",
                          weights_file_path(file), kind ? kind : "missing");
    if (code == STATUS_OK) code = read_spans(file, "tokenizer.ggml.tokens", &tokens, &source.token_count);
    if (code == STATUS_OK) code = read_spans(file, "tokenizer.ggml.merges", &merges, &source.merge_count);
    if (code == STATUS_OK && gguf_has(file, "tokenizer.ggml.token_type")) {
        code = gguf_get_i64s(file, "tokenizer.ggml.token_type", &types, &type_count);
        if (code == STATUS_OK && type_count != source.token_count)
            code = status_set(STATUS_INVALID, "%s: %zu token types for %zu tokens", weights_file_path(file), type_count,
                              source.token_count);
        if (code == STATUS_OK && !(small_types = calloc(type_count + 1, sizeof *small_types)))
            code = status_set(STATUS_NO_MEMORY, "out of memory");
        for (size_t i = 0; code == STATUS_OK && i < type_count; i++) small_types[i] = (int32_t)types[i];
    }
    if (code == STATUS_OK) code = optional_text(file, "tokenizer.ggml.pre", &pre);
    if (code == STATUS_OK) code = optional_text(file, "tokenizer.chat_template", &template);
    if (code == STATUS_OK) code = optional_token(file, "tokenizer.ggml.bos_token_id", &source.bos);
    if (code == STATUS_OK) code = optional_token(file, "tokenizer.ggml.eos_token_id", &source.eos);
    if (code == STATUS_OK) code = optional_token(file, "tokenizer.ggml.padding_token_id", &source.pad);
    if (code == STATUS_OK) code = optional_token(file, "tokenizer.ggml.unknown_token_id", &source.unk);
    if (code == STATUS_OK && gguf_has(file, "tokenizer.ggml.add_bos_token"))
        code = gguf_get_bool(file, "tokenizer.ggml.add_bos_token", &source.add_bos);
    if (code == STATUS_OK && gguf_has(file, "tokenizer.ggml.add_eos_token"))
        code = gguf_get_bool(file, "tokenizer.ggml.add_eos_token", &source.add_eos);
    if (code == STATUS_OK) {
        source.tokens = tokens, source.merges = merges, source.types = small_types;
        source.pre_tokenizer = pre ? pre : "default", source.chat_template = template;
        code = tokenizer_create_bpe(out, &source);
    }
    free(tokens), free(merges), free(types), free(small_types), free(pre), free(template), free(kind);
    return code;
}

// ---- opening and saving --------------------------------------------------------------------------------------------------

static void add_stop(language_model *lm, int32_t token) {
    if (token < 0 || (size_t)token >= lm->model.config.vocabulary) return;
    for (size_t i = 0; i < lm->stop_count; i++)
        if (lm->stop_tokens[i] == token) return;
    lm->stop_tokens[lm->stop_count++] = token;
}

static status gather_stops(language_model *lm) {
    size_t count;
    const int32_t *stops = tokenizer_stop_tokens(lm->tokenizer, &count);
    lm->stop_tokens = calloc(count + MODEL_MAX_STOP_TOKENS + 1, sizeof *lm->stop_tokens);
    if (!lm->stop_tokens) return status_set(STATUS_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < lm->model.config.stop_count; i++) add_stop(lm, lm->model.config.stop[i]);
    for (size_t i = 0; i < count; i++) add_stop(lm, stops[i]);
    // The config carries them into a saved folder's generation_config.json.
    model_config *c = &lm->model.config;
    c->stop_count = lm->stop_count < MODEL_MAX_STOP_TOKENS ? lm->stop_count : MODEL_MAX_STOP_TOKENS;
    memcpy(c->stop, lm->stop_tokens, c->stop_count * sizeof *c->stop);
    return STATUS_OK;
}

status language_tokenizer_open(tokenizer **out, const char *path) {
    *out = NULL;
    if (folder_exists(path)) return tokenizer_load(out, path);
    weights_file *file;
    TRY(weights_open(&file, path));
    status code = weights_file_format(file) == WEIGHTS_GGUF ? gguf_tokenizer(out, file) : tokenizer_load(out, path);
    weights_close(file);
    return code;
}

static status adopt_tokenizer(language_model *lm, const char *path) {
    size_t known = tokenizer_vocabulary_size(lm->tokenizer);
    if (known > lm->model.config.vocabulary)
        return status_set(STATUS_INVALID, "%s: the tokenizer has %zu tokens, the model only %zu", path, known,
                          lm->model.config.vocabulary);
    return gather_stops(lm);
}

status language_model_describe(language_model *lm, matmul *products, const char *path) {
    *lm = (language_model){.path = text_copy(path, strlen(path))};
    status code = lm->path ? model_describe(&lm->model, products, path) : status_set(STATUS_NO_MEMORY, "out of memory");
    if (code == STATUS_OK) code = language_tokenizer_open(&lm->tokenizer, path);
    if (code == STATUS_OK) code = adopt_tokenizer(lm, path);
    if (code != STATUS_OK) language_model_close(lm);
    return code;
}

status language_model_open(language_model *lm, matmul *products, const char *path, bool trainable) {
    TRY(language_model_describe(lm, products, path));
    status code = model_read(&lm->model, path, trainable);
    if (code != STATUS_OK) language_model_close(lm);
    return code;
}

status language_model_create(language_model *lm, matmul *products, const model_config *config, tokenizer *words, uint64_t seed) {
    static const char name[] = "the new model";
    *lm = (language_model){.tokenizer = words, .path = text_copy(name, sizeof name - 1)};
    model_config own = *config;
    own.bos = tokenizer_bos(words), own.pad = tokenizer_pad(words), own.stop_count = 0;
    status code = lm->path ? model_init(&lm->model, products, &own, seed, true) : status_set(STATUS_NO_MEMORY, "out of memory");
    if (code == STATUS_OK) code = adopt_tokenizer(lm, name);
    if (code != STATUS_OK) language_model_close(lm);
    return code;
}

void language_model_close(language_model *lm) {
    chat_template_free(lm->chat);
    tokenizer_free(lm->tokenizer);
    model_free(&lm->model);
    free(lm->stop_tokens), free(lm->path);
    *lm = (language_model){0};
}

status language_model_read_parameters(language_model *lm, const char *folder) {
    TRY(model_read_parameters(&lm->model.config, &lm->model.table, folder, lm->model.parameters));
    return model_pack(&lm->model);
}

status language_model_save(const language_model *lm, const char *folder) {
    TRY(model_save(&lm->model, folder));
    return tokenizer_save(lm->tokenizer, folder);
}

// ---- prompts -------------------------------------------------------------------------------------------------------------

static status open_chat(language_model *lm) {
    if (lm->chat) return STATUS_OK;
    const char *jinja = tokenizer_chat_template(lm->tokenizer);
    if (!jinja)
        return status_set(STATUS_INVALID, "%s has no chat template; set data.prompt_template to a text that contains {problem}",
                          lm->path);
    status code = chat_template_create(&lm->chat, jinja, tokenizer_bos_text(lm->tokenizer), tokenizer_eos_text(lm->tokenizer));
    return status_context(code, "%s", lm->path);
}

static status render_chat(language_model *lm, const char *instruction, const char *problem, buffer *out) {
    TRY(open_chat(lm));
    buffer content = {0};
    status code = buffer_append_text(&content, problem);
    if (code == STATUS_OK && instruction && *instruction) code = buffer_printf(&content, "\n%s", instruction);
    const chat_message message = {.role = "user", .content = buffer_text(&content)};
    if (code == STATUS_OK) code = chat_render(lm->chat, &message, 1, true, out);
    buffer_free(&content);
    return code;
}

static status render_raw(const char *template, const char *problem, buffer *out) {
    static const char mark[] = "{problem}";
    const char *at = strstr(template, mark);
    if (!at) return status_set(STATUS_INVALID, "data.prompt_template is neither `chat` nor a text that contains {problem}");
    for (; at; at = strstr(template, mark)) {
        TRY(buffer_append(out, template, (size_t)(at - template)));
        TRY(buffer_append_text(out, problem));
        template = at + sizeof mark - 1;
    }
    return buffer_append_text(out, template);
}

// What the tokenizer puts in front of a text (BOS) belongs to a prompt, once; what it puts behind (an end token) does not.
static status encode_raw(const language_model *lm, const buffer *text, token_list *tokens) {
    int32_t bos = tokenizer_bos(lm->tokenizer);
    token_list around = {0}, own = {0};
    status code = tokenizer_encode(lm->tokenizer, "", 0, false, true, &around);
    if (code == STATUS_OK) code = tokenizer_encode(lm->tokenizer, buffer_text(text), text->length, true, false, &own);
    bool adds = code == STATUS_OK && bos >= 0 && around.count > 0 && around.ids[0] == bos;
    bool has = own.count > 0 && own.ids[0] == bos;
    if (code == STATUS_OK) code = token_list_reserve(tokens, tokens->count + own.count + 1);
    if (code == STATUS_OK && adds && !has) code = token_list_append(tokens, bos);
    for (size_t i = 0; i < own.count && code == STATUS_OK; i++) code = token_list_append(tokens, own.ids[i]);
    token_list_free(&around), token_list_free(&own);
    return code;
}

static bool ends_in_open_think(const char *text) {
    const char *open = NULL, *close = NULL;
    for (const char *at = strstr(text, "<think>"); at; at = strstr(at + 1, "<think>")) open = at;
    for (const char *at = strstr(text, "</think>"); at; at = strstr(at + 1, "</think>")) close = at;
    return open && (!close || close < open);
}

status language_model_prompt(language_model *lm, const prompt_options *options, const char *problem, token_list *tokens,
                             buffer *rendered, bool *think_open) {
    const char *template = options->prompt_template;
    bool chat = !template || strcmp(template, "chat") == 0;
    buffer text = {0};
    status code = chat ? render_chat(lm, options->instruction, problem, &text) : render_raw(template, problem, &text);
    if (code == STATUS_OK)
        code = chat ? tokenizer_encode(lm->tokenizer, buffer_text(&text), text.length, true, false, tokens)
                    : encode_raw(lm, &text, tokens);
    if (code == STATUS_OK && rendered) code = buffer_append(rendered, buffer_text(&text), text.length);
    if (code == STATUS_OK && think_open) *think_open = ends_in_open_think(buffer_text(&text));
    buffer_free(&text);
    return code;
}
