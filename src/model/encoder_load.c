// Loading a sentence encoder: the configs of a sentence-transformers folder, in its older and newer spellings, and the tensors of
// a BertModel. See encoder.h.
//
// Every field of a config is read here, listed as harmless, or refused by name; every tensor is consumed exactly once.
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/jsonl.h"
#include "model/encoder_parts.h"
#include "weights/weights.h"

// ---- configs -------------------------------------------------------------------------------------------------------------

// Fields of config.json that are read below, or change nothing that is computed here (dropout acts in training only, padding is
// not used, the tied head belongs to another task).
static const char *const config_fields[] = {
    "model_type",          "architectures",
    "hidden_size",         "num_hidden_layers",
    "num_attention_heads", "intermediate_size",
    "vocab_size",          "max_position_embeddings",
    "type_vocab_size",     "layer_norm_eps",
    "hidden_act",          "position_embedding_type",
    "is_decoder",          "add_cross_attention",
    "_name_or_path",       "attention_probs_dropout_prob",
    "bos_token_id",        "chunk_size_feed_forward",
    "classifier_dropout",  "dtype",
    "eos_token_id",        "gradient_checkpointing",
    "hidden_dropout_prob", "id2label",
    "initializer_range",   "label2id",
    "output_attentions",   "output_hidden_states",
    "pad_token_id",        "return_dict",
    "sep_token_id",        "tie_word_embeddings",
    "torch_dtype",         "transformers_version",
    "use_cache",           NULL,
};
static const char *const sentence_fields[] = {"max_seq_length",  "do_lower_case",      "transformer_task",
                                              "modality_config", "module_output_name", NULL};
static const char *const pooling_fields[] = {"word_embedding_dimension",
                                             "embedding_dimension",
                                             "include_prompt", // matters for prompts only, and there are none
                                             "pooling_mode",
                                             "pooling_mode_cls_token",
                                             "pooling_mode_mean_tokens",
                                             "pooling_mode_max_tokens",
                                             "pooling_mode_mean_sqrt_len_tokens",
                                             "pooling_mode_weightedmean_tokens",
                                             "pooling_mode_lasttoken",
                                             NULL};
static const char *const normalize_fields[] = {"module_input_name", "module_output_name", NULL};
static const char *const library_fields[] = {"__version__", "default_prompt_name", "model_type",
                                             "prompts",     "similarity_fn_name",  NULL};

static status refuse(const char *name, const char *field, const char *why) {
    return status_set(STATUS_UNSUPPORTED, "%s: \"%s\" %s, which is not implemented", name, field, why);
}

// A JSON file of the folder; *out is NULL where it does not exist and need not.
static status read_json(const char *folder, const char *file, bool needed, json_t **out, char **name) {
    *out = NULL;
    *name = path_join(folder, file);
    if (!*name) return status_set(STATUS_NO_MEMORY, "out of memory");
    if (!needed && !file_exists(*name)) return STATUS_OK;
    file_map map;
    TRY(file_map_open(&map, *name));
    status code = json_parse((const char *)map.bytes, map.size, *name, out);
    file_map_close(&map);
    return code;
}

// Fields that are not listed are fine when they say nothing: null, false, or empty.
static status check_fields(const json_t *object, const char *name, const char *const *known) {
    if (!json_is_object(object)) return status_set(STATUS_INVALID, "%s: must be a JSON object", name);
    const char *field;
    json_t *value;
    json_object_foreach((json_t *)object, field, value) {
        bool listed = false;
        for (size_t i = 0; known[i] && !listed; i++) listed = strcmp(field, known[i]) == 0;
        bool silent = json_is_null(value) || json_is_false(value) || (json_is_object(value) && json_object_size(value) == 0) ||
                      (json_is_array(value) && json_array_size(value) == 0);
        if (!listed && !silent)
            return status_set(STATUS_UNSUPPORTED, "%s: \"%s\" is not a known field; it could change what the encoder computes",
                              name, field);
    }
    return STATUS_OK;
}

static status read_size(const json_t *object, const char *name, const char *field, size_t *out) {
    const json_t *value = json_object_get(object, field);
    if (!json_is_integer(value) || json_integer_value(value) < 1 || json_integer_value(value) > INT_MAX)
        return status_set(STATUS_INVALID, "%s: \"%s\" must be a positive integer", name, field);
    *out = (size_t)json_integer_value(value);
    return STATUS_OK;
}

// STATUS_UNSUPPORTED unless the field is absent, null, or the one text that is implemented.
static status expect_text(const json_t *object, const char *name, const char *field, const char *only) {
    const json_t *value = json_object_get(object, field);
    if (!value || json_is_null(value)) return STATUS_OK;
    const char *text = json_string_value(value);
    if (text && strcmp(text, only) == 0) return STATUS_OK;
    return status_set(STATUS_UNSUPPORTED, "%s: \"%s\" is %s%s%s, which is not implemented (\"%s\" is)", name, field,
                      text ? "\"" : "", text ? text : "no text", text ? "\"" : "", only);
}

static status read_bert(encoder_config *c, const json_t *object, const char *name) {
    TRY(check_fields(object, name, config_fields));
    if (!json_string_value(json_object_get(object, "model_type")))
        return status_set(STATUS_INVALID, "%s: \"model_type\" is missing", name);
    TRY(expect_text(object, name, "model_type", "bert"));
    const char *architecture = json_string_value(json_array_get(json_object_get(object, "architectures"), 0));
    if (architecture && strcmp(architecture, "BertModel") != 0)
        return status_set(STATUS_UNSUPPORTED, "%s: \"architectures\" is \"%s\", which is not implemented (BertModel is)", name,
                          architecture);
    TRY(read_size(object, name, "hidden_size", &c->hidden));
    TRY(read_size(object, name, "num_hidden_layers", &c->layers));
    TRY(read_size(object, name, "num_attention_heads", &c->heads));
    TRY(read_size(object, name, "intermediate_size", &c->feed_forward));
    TRY(read_size(object, name, "vocab_size", &c->vocabulary));
    TRY(read_size(object, name, "max_position_embeddings", &c->positions));
    TRY(read_size(object, name, "type_vocab_size", &c->types));
    const json_t *eps = json_object_get(object, "layer_norm_eps");
    c->norm_eps = eps ? (float)json_number_value(eps) : 1e-12f;
    if (!(c->norm_eps > 0)) return status_set(STATUS_INVALID, "%s: \"layer_norm_eps\" must be a positive number", name);
    TRY(expect_text(object, name, "hidden_act", "gelu"));
    TRY(expect_text(object, name, "position_embedding_type", "absolute"));
    if (json_is_true(json_object_get(object, "is_decoder"))) return refuse(name, "is_decoder", "is true");
    if (json_is_true(json_object_get(object, "add_cross_attention"))) return refuse(name, "add_cross_attention", "is true");
    if (c->hidden % c->heads != 0)
        return status_set(STATUS_INVALID, "%s: \"hidden_size\" %zu is not a multiple of \"num_attention_heads\" %zu", name,
                          c->hidden, c->heads);
    c->head_width = c->hidden / c->heads;
    if (c->head_width > ENCODER_MAX_HEAD_WIDTH)
        return status_set(STATUS_UNSUPPORTED, "%s: heads of more than %d numbers are not implemented", name,
                          ENCODER_MAX_HEAD_WIDTH);
    if (c->layers > 1024 || c->hidden > 1 << 20 || c->feed_forward > 1 << 20 || c->positions > 1 << 20 || c->types > 1 << 20)
        return status_set(STATUS_INVALID, "%s: the sizes are out of all proportion", name);
    return STATUS_OK;
}

// sentence_bert_config.json. The limit is 0 where it does not say.
static status read_sentence(encoder_config *c, const json_t *object, const char *name) {
    TRY(check_fields(object, name, sentence_fields));
    const json_t *limit = json_object_get(object, "max_seq_length");
    if (limit && !json_is_null(limit)) TRY(read_size(object, name, "max_seq_length", &c->limit));
    if (json_is_true(json_object_get(object, "do_lower_case"))) return refuse(name, "do_lower_case", "is true");
    TRY(expect_text(object, name, "transformer_task", "feature-extraction"));
    TRY(expect_text(object, name, "module_output_name", "token_embeddings"));
    const json_t *text = json_object_get(json_object_get(object, "modality_config"), "text");
    TRY(expect_text(text, name, "method", "forward"));
    return expect_text(text, name, "method_output_name", "last_hidden_state");
}

static status read_pooling(const encoder_config *c, const json_t *object, const char *name) {
    TRY(check_fields(object, name, pooling_fields));
    static const char *const others[] = {"pooling_mode_cls_token", "pooling_mode_max_tokens", "pooling_mode_mean_sqrt_len_tokens",
                                         "pooling_mode_weightedmean_tokens", "pooling_mode_lasttoken"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (json_is_true(json_object_get(object, others[i]))) return refuse(name, others[i], "is true");
    if (json_is_false(json_object_get(object, "pooling_mode_mean_tokens")))
        return refuse(name, "pooling_mode_mean_tokens", "is false");
    TRY(expect_text(object, name, "pooling_mode", "mean"));
    const char *field = json_object_get(object, "embedding_dimension") ? "embedding_dimension" : "word_embedding_dimension";
    size_t width = 0;
    TRY(read_size(object, name, field, &width));
    if (width != c->hidden)
        return status_set(STATUS_INVALID, "%s: \"%s\" is %zu, but the model's \"hidden_size\" is %zu", name, field, width,
                          c->hidden);
    return STATUS_OK;
}

static status read_module(encoder_config *c, const json_t *module, size_t index, const char *folder, const char *name) {
    static const char *const kinds[] = {"Transformer", "Pooling", "Normalize"};
    const char *type = json_string_value(json_object_get(module, "type")),
               *path = json_string_value(json_object_get(module, "path"));
    if (!type || !path) return status_set(STATUS_INVALID, "%s: module %zu needs a \"type\" and a \"path\"", name, index);
    const char *dot = strrchr(type, '.'), *kind = dot ? dot + 1 : type;
    if (index >= 3 || strcmp(kind, kinds[index]) != 0)
        return status_set(STATUS_UNSUPPORTED,
                          "%s: module %zu is \"%s\", which is not implemented there (Transformer, Pooling, Normalize are, in "
                          "this order)",
                          name, index, type);
    if (index == 0 && *path) return refuse(name, "path", "of the Transformer is not the folder itself");
    if (index == 0) return STATUS_OK;
    char *inner = path_join(folder, path), *file = NULL;
    json_t *object = NULL;
    status code =
        inner ? read_json(inner, "config.json", index == 1, &object, &file) : status_set(STATUS_NO_MEMORY, "out of memory");
    if (code == STATUS_OK && index == 1) code = read_pooling(c, object, file);
    if (code == STATUS_OK && index == 2 && object) {
        code = check_fields(object, file, normalize_fields);
        if (code == STATUS_OK) code = expect_text(object, file, "module_input_name", "sentence_embedding");
        if (code == STATUS_OK) code = expect_text(object, file, "module_output_name", "sentence_embedding");
    }
    if (index == 2) c->normalize = true;
    json_decref(object);
    free(inner), free(file);
    return code;
}

// Without modules.json a folder is a plain BertModel: its plain mean, as sentence-transformers takes it.
static status read_modules(encoder_config *c, const json_t *list, const char *folder, const char *name) {
    if (!list) return STATUS_OK;
    if (!json_is_array(list) || json_array_size(list) < 2)
        return status_set(STATUS_INVALID, "%s: must be a list of a Transformer, a Pooling and, where wanted, a Normalize", name);
    for (size_t i = 0; i < json_array_size(list); i++) TRY(read_module(c, json_array_get(list, i), i, folder, name));
    return STATUS_OK;
}

// A prompt would be put in front of every text.
static status read_library(const json_t *object, const char *name) {
    if (!object) return STATUS_OK;
    TRY(check_fields(object, name, library_fields));
    const json_t *prompt = json_object_get(object, "default_prompt_name");
    return prompt && !json_is_null(prompt) ? refuse(name, "default_prompt_name", "is set") : STATUS_OK;
}

// The limit of the newer layout, or of a plain folder: that of the tokenizer, and never more than there are positions.
static void settle_limit(encoder_config *c, const json_t *tokenizer_config) {
    const json_t *length = json_object_get(tokenizer_config, "model_max_length");
    if (c->limit == 0 && json_is_integer(length) && json_integer_value(length) > 0) c->limit = (size_t)json_integer_value(length);
    if (c->limit == 0 || c->limit > c->positions) c->limit = c->positions;
}

typedef enum config_file {
    CONFIG_BERT,
    CONFIG_SENTENCE,
    CONFIG_MODULES,
    CONFIG_LIBRARY,
    CONFIG_TOKENIZER,
    CONFIG_FILES
} config_file;

status encoder_config_read(encoder_config *c, const char *folder) {
    static const char *const files[CONFIG_FILES] = {"config.json", "sentence_bert_config.json", "modules.json",
                                                    "config_sentence_transformers.json", "tokenizer_config.json"};
    *c = (encoder_config){0};
    if (!folder_exists(folder)) return status_set(STATUS_INVALID, "%s: no such folder of a sentence encoder", folder);
    json_t *object[CONFIG_FILES] = {NULL};
    char *name[CONFIG_FILES] = {NULL};
    status code = STATUS_OK;
    for (size_t i = 0; i < CONFIG_FILES && code == STATUS_OK; i++)
        code = read_json(folder, files[i], i == CONFIG_BERT, &object[i], &name[i]);
    if (code == STATUS_OK) code = read_bert(c, object[CONFIG_BERT], name[CONFIG_BERT]);
    if (code == STATUS_OK && object[CONFIG_SENTENCE]) code = read_sentence(c, object[CONFIG_SENTENCE], name[CONFIG_SENTENCE]);
    if (code == STATUS_OK && c->limit > c->positions)
        code = status_set(STATUS_INVALID, "%s: \"max_seq_length\" is %zu, but the model has %zu positions", name[CONFIG_SENTENCE],
                          c->limit, c->positions);
    if (code == STATUS_OK) code = read_modules(c, object[CONFIG_MODULES], folder, name[CONFIG_MODULES]);
    if (code == STATUS_OK) code = read_library(object[CONFIG_LIBRARY], name[CONFIG_LIBRARY]);
    if (code == STATUS_OK) {
        settle_limit(c, object[CONFIG_TOKENIZER]);
        if (c->limit < 3) code = status_set(STATUS_INVALID, "%s: a text must be allowed at least 3 word pieces", folder);
    }
    for (size_t i = 0; i < CONFIG_FILES; i++) json_decref(object[i]), free(name[i]);
    return code;
}

// ---- tensors -------------------------------------------------------------------------------------------------------------

typedef struct reader {
    encoder *e;
    const weights_file *file;
    size_t used;    // tensors consumed
    float *staging; // the matrix at hand, [3C, C] or [F, C]
} reader;

static status read_tensor(reader *r, const char *name, size_t rows, size_t columns, size_t read_rows, float *out) {
    const weights_tensor *t = weights_find(r->file, name);
    if (!t) return status_set(STATUS_INVALID, "%s: tensor \"%s\" is missing", weights_file_path(r->file), name);
    bool fits = columns ? t->rank == 2 && t->shape[0] == rows && t->shape[1] == columns : t->rank == 1 && t->shape[0] == rows;
    if (!fits)
        return status_set(STATUS_INVALID, "%s: tensor \"%s\" does not have the shape [%zu%s%.0zu] that the config asks for",
                          t->path, name, rows, columns ? ", " : "", columns);
    TRY(weights_check_finite(t));
    r->used++;
    return weights_read_f32(t, 0, read_rows * (columns ? columns : 1), out);
}

static status read_vector(reader *r, size_t count, float **out, const char *prefix, const char *name) {
    char full[128];
    snprintf(full, sizeof full, "%s%s", prefix, name);
    *out = arena_take(&r->e->weights, count * sizeof(float));
    if (!*out) return status_set(STATUS_FAILED, "the encoder's weights do not fit their plan");
    return read_tensor(r, full, count, 0, count, *out);
}

static status read_table(reader *r, size_t rows, size_t keep, float **out, const char *name) {
    size_t width = r->e->config.hidden;
    *out = arena_take(&r->e->weights, keep * width * sizeof(float));
    if (!*out) return status_set(STATUS_FAILED, "the encoder's weights do not fit their plan");
    return read_tensor(r, name, rows, width, keep, *out);
}

// Packs the `parts` matrices [out, in] under each other as one linear, and their biases behind each other.
static status read_linear(reader *r, size_t out, size_t in, linear *l, float **bias, const char *prefix, const char *const *names,
                          size_t parts) {
    char full[128];
    *l = (linear){.out = parts * out, .in = in};
    l->forward = arena_take(&r->e->weights, linear_bytes(r->e->products, l->out, in));
    *bias = arena_take(&r->e->weights, l->out * sizeof(float));
    if (!l->forward || !*bias) return status_set(STATUS_FAILED, "the encoder's weights do not fit their plan");
    for (size_t i = 0; i < parts; i++) {
        snprintf(full, sizeof full, "%s%s.weight", prefix, names[i]);
        TRY(read_tensor(r, full, out, in, out, r->staging + i * out * in));
        snprintf(full, sizeof full, "%s%s.bias", prefix, names[i]);
        TRY(read_tensor(r, full, out, 0, out, *bias + i * out));
    }
    return linear_pack(r->e->products, l, r->staging);
}

static status read_layer(reader *r, size_t index) {
    static const char *const qkv[] = {"attention.self.query", "attention.self.key", "attention.self.value"};
    static const char *const output[] = {"attention.output.dense"}, *const up[] = {"intermediate.dense"},
                             *const down[] = {"output.dense"};
    const encoder_config *c = &r->e->config;
    encoder_layer *l = &r->e->layers[index];
    char prefix[64];
    snprintf(prefix, sizeof prefix, "encoder.layer.%zu.", index);
    TRY(read_linear(r, c->hidden, c->hidden, &l->qkv, &l->qkv_bias, prefix, qkv, 3));
    TRY(read_linear(r, c->hidden, c->hidden, &l->output, &l->output_bias, prefix, output, 1));
    TRY(read_linear(r, c->feed_forward, c->hidden, &l->up, &l->up_bias, prefix, up, 1));
    TRY(read_linear(r, c->hidden, c->feed_forward, &l->down, &l->down_bias, prefix, down, 1));
    TRY(read_vector(r, c->hidden, &l->attention_gain, prefix, "attention.output.LayerNorm.weight"));
    TRY(read_vector(r, c->hidden, &l->attention_shift, prefix, "attention.output.LayerNorm.bias"));
    TRY(read_vector(r, c->hidden, &l->output_gain, prefix, "output.LayerNorm.weight"));
    return read_vector(r, c->hidden, &l->output_shift, prefix, "output.LayerNorm.bias");
}

// The pooler serves another task, and the positions are a buffer that counts from 0.
static bool is_surplus_allowed(const char *name) {
    static const char *const names[] = {"pooler.dense.weight", "pooler.dense.bias", "embeddings.position_ids"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0) return true;
    return false;
}

// Every tensor that was consumed has another name, so what is left over is not part of the model.
static status check_surplus(const reader *r) {
    size_t allowed = 0;
    for (size_t i = 0; i < weights_count(r->file); i++) allowed += is_surplus_allowed(weights_at(r->file, i)->name);
    if (r->used + allowed == weights_count(r->file)) return STATUS_OK;
    for (size_t i = 0; i < weights_count(r->file); i++) {
        const char *name = weights_at(r->file, i)->name;
        size_t layer;
        bool known = is_surplus_allowed(name) || strncmp(name, "embeddings.", 11) == 0 ||
                     (sscanf(name, "encoder.layer.%zu.", &layer) == 1 && layer < r->e->config.layers);
        if (!known)
            return status_set(STATUS_UNSUPPORTED, "%s: tensor \"%s\" is not part of a BertModel as its config describes it",
                              weights_file_path(r->file), name);
    }
    return status_set(STATUS_UNSUPPORTED, "%s: %zu tensors are not part of a BertModel as its config describes it",
                      weights_file_path(r->file), weights_count(r->file) - allowed - r->used);
}

size_t encoder_weights_bytes(const encoder *e) {
    const encoder_config *c = &e->config;
    size_t width = c->hidden, vector = arena_size(width * 4);
    size_t layer = linear_bytes(e->products, 3 * width, width) + linear_bytes(e->products, width, width) +
                   linear_bytes(e->products, c->feed_forward, width) + linear_bytes(e->products, width, c->feed_forward) +
                   arena_size(3 * width * 4) + arena_size(c->feed_forward * 4) + 6 * vector;
    return arena_size(c->layers * sizeof(encoder_layer)) + layer * c->layers + arena_size(c->vocabulary * width * 4) +
           arena_size(c->positions * width * 4) + 3 * vector;
}

static status read_all(reader *r) {
    encoder *e = r->e;
    const encoder_config *c = &e->config;
    TRY(read_table(r, c->vocabulary, c->vocabulary, &e->word_embedding, "embeddings.word_embeddings.weight"));
    TRY(read_table(r, c->positions, c->positions, &e->position_embedding, "embeddings.position_embeddings.weight"));
    TRY(read_table(r, c->types, 1, &e->type_embedding, "embeddings.token_type_embeddings.weight"));
    TRY(read_vector(r, c->hidden, &e->embedding_gain, "embeddings.", "LayerNorm.weight"));
    TRY(read_vector(r, c->hidden, &e->embedding_shift, "embeddings.", "LayerNorm.bias"));
    for (size_t l = 0; l < c->layers; l++) TRY(read_layer(r, l));
    return check_surplus(r);
}

status encoder_weights_read(encoder *e, const char *folder) {
    const encoder_config *c = &e->config;
    weights_file *file;
    TRY(weights_open(&file, folder));
    size_t widest = c->feed_forward > 3 * c->hidden ? c->feed_forward : 3 * c->hidden;
    reader r = {.e = e, .file = file, .staging = malloc(widest * c->hidden * sizeof(float))};
    status code = r.staging ? STATUS_OK : status_set(STATUS_NO_MEMORY, "out of memory");
    if (code == STATUS_OK) code = arena_create(&e->weights, encoder_weights_bytes(e), "the encoder's weights");
    if (code == STATUS_OK) {
        e->layers = arena_take(&e->weights, c->layers * sizeof(encoder_layer));
        code = read_all(&r);
    }
    free(r.staging);
    weights_close(file);
    return code;
}
