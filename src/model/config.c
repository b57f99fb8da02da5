// Model configurations from config.json and GGUF metadata. See config.h.
#include "model/config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "weights/gguf.h"

// ---- config.json ---------------------------------------------------------------------------------------------------------

// Fields that do not change what is computed here.
static const char *const harmless[] = {
    "_name_or_path",
    "_attn_implementation",
    "_attn_implementation_autoset",
    "architectures",
    "model_type",
    "torch_dtype",
    "dtype",
    "transformers_version",
    "use_cache",
    "initializer_range",
    "is_llama_config",
    "rope_interleaved",
    "transformers.js_config",
    "bos_token_id",
    "eos_token_id",
    "pad_token_id",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "head_dim",
    "vocab_size",
    "max_position_embeddings",
    "rope_theta",
    "rope_scaling",
    "rope_parameters",
    "rms_norm_eps",
    "tie_word_embeddings",
    "attention_bias",
    "mlp_bias",
    "hidden_act",
    "attention_dropout",
    "hidden_dropout",
    "use_sliding_window",
    "sliding_window",
    "max_window_layers",
    "layer_types",
    "pretraining_tp",
    "id2label",
    "label2id",
    "problem_type",
    "return_dict",
    "output_attentions",
    "output_hidden_states",
    "chunk_size_feed_forward",
    "is_encoder_decoder",
    "is_decoder",
    "cross_attention_hidden_size",
    "add_cross_attention",
    "tie_encoder_decoder",
    "finetuning_task",
    "task_specific_params",
    "tokenizer_class",
    "prefix",
    "use_mrope",
    "unsloth_version",
    "unsloth_fixed",
    "auto_map",
    "qkv_bias",
    "torchscript",
    "sep_token_id",
    "decoder_start_token_id",
    "use_bfloat16",
    "pruned_heads",
    "max_length",
    "min_length",
    "do_sample",
    "temperature",
    "top_k",
    "top_p",
    "repetition_penalty",
    "resid_pdrop",
    "embd_pdrop",
};

static status refuse(const char *name, const char *field, const char *why) {
    return status_set(STATUS_UNSUPPORTED, "%s: \"%s\" %s, which is not implemented", name, field, why);
}

static status read_size(const json_t *object, const char *name, const char *field, size_t *out, size_t otherwise) {
    const json_t *value = json_object_get(object, field);
    if (!value || json_is_null(value)) {
        if (otherwise == 0) return status_set(STATUS_INVALID, "%s: \"%s\" is missing", name, field);
        *out = otherwise;
        return STATUS_OK;
    }
    if (!json_is_integer(value) || json_integer_value(value) < 1 || json_integer_value(value) > INT32_MAX)
        return status_set(STATUS_INVALID, "%s: \"%s\" must be a positive integer", name, field);
    *out = (size_t)json_integer_value(value);
    return STATUS_OK;
}

static status read_number(const json_t *object, const char *name, const char *field, double *out, double otherwise) {
    const json_t *value = json_object_get(object, field);
    *out = otherwise;
    if (!value || json_is_null(value)) return STATUS_OK;
    if (!json_is_number(value)) return status_set(STATUS_INVALID, "%s: \"%s\" must be a number", name, field);
    *out = json_number_value(value);
    return STATUS_OK;
}

// true, false, or absent (null counts as absent)
static bool is_true(const json_t *object, const char *field, bool otherwise) {
    const json_t *value = json_object_get(object, field);
    return json_is_boolean(value) ? json_is_true(value) : otherwise;
}

static status read_token(const json_t *value, const char *name, const char *field, int32_t *out) {
    if (!json_is_integer(value) || json_integer_value(value) < 0 || json_integer_value(value) > INT32_MAX)
        return status_set(STATUS_INVALID, "%s: \"%s\" must be a token id", name, field);
    *out = (int32_t)json_integer_value(value);
    return STATUS_OK;
}

static status read_stop_tokens(model_config *c, const json_t *value, const char *name) {
    if (!value || json_is_null(value)) return STATUS_OK;
    if (!json_is_array(value)) {
        c->stop_count = 1;
        return read_token(value, name, "eos_token_id", &c->stop[0]);
    }
    if (json_array_size(value) > MODEL_MAX_STOP_TOKENS)
        return status_set(STATUS_UNSUPPORTED, "%s: \"eos_token_id\" has more than %d ids", name, MODEL_MAX_STOP_TOKENS);
    size_t i;
    const json_t *item;
    json_array_foreach(value, i, item) TRY(read_token(item, name, "eos_token_id", &c->stop[i]));
    c->stop_count = json_array_size(value);
    return STATUS_OK;
}

static status read_rope(model_config *c, const json_t *object, const char *name) {
    TRY(read_number(object, name, "rope_theta", &c->rope_theta, 10000.0));
    // transformers 5 writes one object "rope_parameters"; before it, "rope_theta" and "rope_scaling", which it still prefers
    const json_t *scaling = json_object_get(object, "rope_scaling"), *parameters = json_object_get(object, "rope_parameters");
    const char *field = "rope_scaling";
    if (!scaling || json_is_null(scaling)) scaling = parameters, field = "rope_parameters";
    if (!scaling || json_is_null(scaling)) return STATUS_OK;
    if (json_is_object(parameters)) TRY(read_number(parameters, name, "rope_theta", &c->rope_theta, c->rope_theta));
    if (!json_is_object(scaling)) return status_set(STATUS_INVALID, "%s: \"%s\" must be an object", name, field);
    TRY(read_number(scaling, name, "rope_theta", &c->rope_theta, c->rope_theta));
    const char *kind = json_string_value(json_object_get(scaling, "rope_type"));
    if (!kind) kind = json_string_value(json_object_get(scaling, "type"));
    double partial;
    TRY(read_number(scaling, name, "partial_rotary_factor", &partial, 1.0));
    if (partial != 1.0) return refuse(name, "partial_rotary_factor", "is not 1");
    if (!kind || strcmp(kind, "default") == 0) return STATUS_OK;
    TRY(read_number(scaling, name, "factor", &c->rope_scaling.factor, 0));
    if (!(c->rope_scaling.factor > 0)) return status_set(STATUS_INVALID, "%s: \"%s\" needs a positive \"factor\"", name, field);
    if (strcmp(kind, "linear") == 0) {
        c->rope_scaling.kind = ROPE_LINEAR;
        return STATUS_OK;
    }
    if (strcmp(kind, "llama3") != 0)
        return status_set(STATUS_UNSUPPORTED,
                          "%s: \"%s\" asks for \"%s\", which is not implemented (default, linear, llama3 are)", name, field,
                          kind);
    c->rope_scaling.kind = ROPE_LLAMA3;
    TRY(read_number(scaling, name, "low_freq_factor", &c->rope_scaling.low_frequency_factor, 1));
    TRY(read_number(scaling, name, "high_freq_factor", &c->rope_scaling.high_frequency_factor, 4));
    return read_size(scaling, name, "original_max_position_embeddings", &c->rope_scaling.original_positions, 8192);
}

status model_config_from_json(model_config *c, const json_t *object, const char *name) {
    *c = (model_config){.bos = -1, .pad = -1};
    const char *architecture = json_string_value(json_array_get(json_object_get(object, "architectures"), 0));
    const char *type = json_string_value(json_object_get(object, "model_type"));
    if (!type) return status_set(STATUS_INVALID, "%s: \"model_type\" is missing", name);
    bool llama = strcmp(type, "llama") == 0, mistral = strcmp(type, "mistral") == 0, qwen2 = strcmp(type, "qwen2") == 0,
         qwen3 = strcmp(type, "qwen3") == 0;
    if (!llama && !mistral && !qwen2 && !qwen3)
        return status_set(STATUS_UNSUPPORTED,
                          "%s: \"model_type\" is \"%s\", which is not implemented (llama, mistral, qwen2, qwen3 are)", name,
                          type);
    static const char *const names[] = {"LlamaForCausalLM", "MistralForCausalLM", "Qwen2ForCausalLM", "Qwen3ForCausalLM"};
    const char *expected = names[llama ? 0 : mistral ? 1 : qwen2 ? 2 : 3];
    if (architecture && strcmp(architecture, expected) != 0)
        return status_set(STATUS_UNSUPPORTED, "%s: \"architectures\" is \"%s\", which is not implemented (%s is)", name,
                          architecture, expected);
    snprintf(c->architecture, sizeof c->architecture, "%s", expected);

    const char *field;
    json_t *value;
    json_object_foreach((json_t *)object, field, value) {
        bool known = false;
        for (size_t i = 0; i < sizeof harmless / sizeof *harmless && !known; i++) known = strcmp(field, harmless[i]) == 0;
        if (!known && !json_is_null(value) && !json_is_false(value))
            return status_set(STATUS_UNSUPPORTED, "%s: \"%s\" is not a known field; it could change what the model computes",
                              name, field);
    }

    TRY(read_size(object, name, "num_hidden_layers", &c->layers, 0));
    TRY(read_size(object, name, "hidden_size", &c->hidden, 0));
    TRY(read_size(object, name, "intermediate_size", &c->feed_forward, 0));
    TRY(read_size(object, name, "num_attention_heads", &c->heads, 0));
    TRY(read_size(object, name, "num_key_value_heads", &c->kv_heads, c->heads));
    TRY(read_size(object, name, "head_dim", &c->head_width, qwen3 ? 128 : c->hidden / c->heads + (c->hidden < c->heads)));
    TRY(read_size(object, name, "vocab_size", &c->vocabulary, 0));
    TRY(read_size(object, name, "max_position_embeddings", &c->max_positions, 2048));
    TRY(read_number(object, name, "rms_norm_eps", &c->norm_eps, 1e-6));
    TRY(read_rope(c, object, name));
    c->tied = is_true(object, "tie_word_embeddings", false);
    c->qkv_bias = qwen2 || is_true(object, "qkv_bias", false);
    c->qk_norm = qwen3;

    const char *activation = json_string_value(json_object_get(object, "hidden_act"));
    if (activation && strcmp(activation, "silu") != 0)
        return status_set(STATUS_UNSUPPORTED, "%s: \"hidden_act\" is \"%s\", which is not implemented (silu is)", name,
                          activation);
    if (is_true(object, "attention_bias", false)) return refuse(name, "attention_bias", "is true");
    if (is_true(object, "mlp_bias", false)) return refuse(name, "mlp_bias", "is true");
    if (is_true(object, "use_mrope", false)) return refuse(name, "use_mrope", "is true");
    if (is_true(object, "rope_interleaved", false)) return refuse(name, "rope_interleaved", "is true");
    double dropout;
    TRY(read_number(object, name, "attention_dropout", &dropout, 0));
    if (dropout != 0) return refuse(name, "attention_dropout", "is not 0");
    // A Mistral config that does not mention the window has one of 4096; null says that there is none. Qwen's is off by a switch.
    const json_t *window = json_object_get(object, "sliding_window");
    bool windowed = window && !json_is_null(window) && (llama || is_true(object, "use_sliding_window", false));
    if (mistral ? !json_is_null(window) : windowed) return refuse(name, "sliding_window", "is set");
    const json_t *layer_types = json_object_get(object, "layer_types");
    size_t i;
    const json_t *item;
    json_array_foreach(layer_types, i, item) {
        if (!json_is_string(item) || strcmp(json_string_value(item), "full_attention") != 0)
            return refuse(name, "layer_types", "names another attention than full_attention");
    }
    const json_t *parallel = json_object_get(object, "pretraining_tp");
    if (json_is_integer(parallel) && json_integer_value(parallel) != 1) return refuse(name, "pretraining_tp", "is not 1");

    const json_t *bos = json_object_get(object, "bos_token_id"), *pad = json_object_get(object, "pad_token_id");
    if (json_is_integer(bos) && json_integer_value(bos) >= 0) TRY(read_token(bos, name, "bos_token_id", &c->bos));
    if (json_is_integer(pad) && json_integer_value(pad) >= 0) TRY(read_token(pad, name, "pad_token_id", &c->pad));
    TRY(read_stop_tokens(c, json_object_get(object, "eos_token_id"), name));
    return model_config_check(c, name);
}

// ---- GGUF ----------------------------------------------------------------------------------------------------------------

typedef struct gguf_reader {
    const weights_file *file;
    char architecture[32];
    char key[128];
} gguf_reader;

static const char *key_of(gguf_reader *r, const char *name) {
    snprintf(r->key, sizeof r->key, "%s.%s", r->architecture, name);
    return r->key;
}

static status gguf_size(gguf_reader *r, const char *name, size_t *out, size_t otherwise) {
    uint64_t value;
    if (otherwise && !gguf_has(r->file, key_of(r, name))) {
        *out = otherwise;
        return STATUS_OK;
    }
    TRY(gguf_get_u64(r->file, key_of(r, name), &value));
    if (value < 1 || value > INT32_MAX)
        return status_set(STATUS_INVALID, "%s: \"%s\" is out of range", weights_file_path(r->file), r->key);
    *out = (size_t)value;
    return STATUS_OK;
}

static status gguf_token(const weights_file *file, const char *key, int32_t *out) {
    *out = -1;
    if (!gguf_has(file, key)) return STATUS_OK;
    uint64_t value;
    TRY(gguf_get_u64(file, key, &value));
    if (value <= INT32_MAX) *out = (int32_t)value;
    return STATUS_OK;
}

status model_config_from_gguf(model_config *c, const weights_file *file) {
    *c = (model_config){.bos = -1, .pad = -1};
    const char *path = weights_file_path(file);
    gguf_text architecture;
    TRY(gguf_get_string(file, "general.architecture", &architecture));
    gguf_reader r = {.file = file};
    if (architecture.length >= sizeof r.architecture)
        return status_set(STATUS_UNSUPPORTED, "%s: unknown \"general.architecture\"", path);
    memcpy(r.architecture, architecture.bytes, architecture.length);
    bool llama = strcmp(r.architecture, "llama") == 0, qwen2 = strcmp(r.architecture, "qwen2") == 0,
         qwen3 = strcmp(r.architecture, "qwen3") == 0;
    if (!llama && !qwen2 && !qwen3)
        return status_set(STATUS_UNSUPPORTED,
                          "%s: \"general.architecture\" is \"%s\", which is not implemented (llama, qwen2, qwen3 are)", path,
                          r.architecture);
    snprintf(c->architecture, sizeof c->architecture, "%s",
             llama   ? "LlamaForCausalLM"
             : qwen2 ? "Qwen2ForCausalLM"
                     : "Qwen3ForCausalLM");
    TRY(gguf_size(&r, "block_count", &c->layers, 0));
    TRY(gguf_size(&r, "embedding_length", &c->hidden, 0));
    TRY(gguf_size(&r, "feed_forward_length", &c->feed_forward, 0));
    TRY(gguf_size(&r, "attention.head_count", &c->heads, 0));
    TRY(gguf_size(&r, "attention.head_count_kv", &c->kv_heads, c->heads));
    TRY(gguf_size(&r, "attention.key_length", &c->head_width, c->hidden / c->heads + (c->hidden < c->heads)));
    size_t value_width;
    TRY(gguf_size(&r, "attention.value_length", &value_width, c->head_width));
    if (value_width != c->head_width)
        return status_set(STATUS_UNSUPPORTED, "%s: keys and values of different width are not implemented", path);
    TRY(gguf_size(&r, "context_length", &c->max_positions, 2048));
    double eps = 1e-5, theta = 10000.0;
    if (gguf_has(file, key_of(&r, "attention.layer_norm_rms_epsilon"))) TRY(gguf_get_f64(file, r.key, &eps));
    if (gguf_has(file, key_of(&r, "rope.freq_base"))) TRY(gguf_get_f64(file, r.key, &theta));
    c->norm_eps = (double)(float)eps, c->rope_theta = theta;
    size_t rotated;
    TRY(gguf_size(&r, "rope.dimension_count", &rotated, c->head_width));
    if (rotated != c->head_width)
        return status_set(STATUS_UNSUPPORTED, "%s: \"%s\" other than the head width is not implemented", path, r.key);
    static const char *const changing[] = {"rope.scaling.type",   "expert_count",        "attention.sliding_window",
                                           "rope.scaling.factor", "attention.clamp_kqv", "attention.max_alibi_bias",
                                           "logit_scale",         "attention.scale"};
    for (size_t i = 0; i < sizeof changing / sizeof *changing; i++) {
        if (!gguf_has(file, key_of(&r, changing[i]))) continue;
        gguf_text text;
        double number;
        if (gguf_get_string(file, r.key, &text) == STATUS_OK && text.length == 4 && memcmp(text.bytes, "none", 4) == 0) continue;
        if (gguf_get_f64(file, r.key, &number) == STATUS_OK && number == 0) continue;
        return status_set(STATUS_UNSUPPORTED, "%s: \"%s\" is not implemented", path, r.key);
    }
    if (weights_find(file, "rope_freqs.weight"))
        return status_set(STATUS_UNSUPPORTED,
                          "%s: tensor \"rope_freqs.weight\" (scaled rotary frequencies) is not implemented for GGUF", path);
    const weights_tensor *embedding = weights_find(file, "token_embd.weight");
    if (!embedding || embedding->rank != 2)
        return status_set(STATUS_INVALID, "%s: tensor \"token_embd.weight\" is missing", path);
    c->vocabulary = embedding->shape[0];
    c->tied = weights_find(file, "output.weight") == NULL;
    c->qkv_bias = weights_find(file, "blk.0.attn_q.bias") != NULL;
    c->qk_norm = weights_find(file, "blk.0.attn_q_norm.weight") != NULL;
    TRY(gguf_token(file, "tokenizer.ggml.bos_token_id", &c->bos));
    TRY(gguf_token(file, "tokenizer.ggml.padding_token_id", &c->pad));
    static const char *const ends[] = {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id"};
    for (size_t i = 0; i < 2; i++) {
        int32_t token;
        TRY(gguf_token(file, ends[i], &token));
        if (token >= 0 && (c->stop_count == 0 || c->stop[0] != token)) c->stop[c->stop_count++] = token;
    }
    return model_config_check(c, path);
}

// ---- checks and output ---------------------------------------------------------------------------------------------------

status model_config_check(const model_config *c, const char *name) {
    if (c->heads % c->kv_heads != 0)
        return status_set(STATUS_INVALID, "%s: %zu attention heads are not a multiple of %zu key/value heads", name, c->heads,
                          c->kv_heads);
    if (c->head_width % 2 != 0) return status_set(STATUS_INVALID, "%s: the head width %zu is odd", name, c->head_width);
    if (c->head_width > MODEL_MAX_HEAD_WIDTH)
        return status_set(STATUS_UNSUPPORTED, "%s: the head width %zu is above %d", name, c->head_width, MODEL_MAX_HEAD_WIDTH);
    const size_t sizes[] = {c->layers, c->hidden, c->heads * c->head_width, c->feed_forward, c->vocabulary};
    static const char *const names[] = {"layers", "hidden size", "heads times head width", "feed-forward size", "vocabulary"};
    static const size_t limits[] = {1024, 1 << 17, 1 << 17, 1 << 19, 1 << 22};
    for (size_t i = 0; i < 5; i++)
        if (sizes[i] == 0 || sizes[i] > limits[i])
            return status_set(STATUS_INVALID, "%s: %s %zu is not between 1 and %zu", name, names[i], sizes[i], limits[i]);
    if (!(c->norm_eps > 0) || !(c->rope_theta > 0))
        return status_set(STATUS_INVALID, "%s: norm epsilon and rope theta must be positive", name);
    for (size_t i = 0; i < c->stop_count; i++)
        if ((size_t)c->stop[i] >= c->vocabulary)
            return status_set(STATUS_INVALID, "%s: end token %d is outside the vocabulary of %zu", name, c->stop[i],
                              c->vocabulary);
    return STATUS_OK;
}

json_t *model_config_to_json(const model_config *c) {
    bool qwen3 = strcmp(c->architecture, "Qwen3ForCausalLM") == 0, qwen2 = strcmp(c->architecture, "Qwen2ForCausalLM") == 0;
    bool mistral = strcmp(c->architecture, "MistralForCausalLM") == 0;
    json_t *eos = c->stop_count == 1 ? json_integer(c->stop[0]) : json_array();
    for (size_t i = 0; c->stop_count > 1 && i < c->stop_count; i++) json_array_append_new(eos, json_integer(c->stop[i]));
    if (c->stop_count == 0) json_decref(eos), eos = json_null();
    json_t *o =
        json_pack("{s:[s], s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:b, s:s, s:f, s:b, s:s, s:o, s:o, s:o}",
                  "architectures", c->architecture, "model_type",
                  qwen3     ? "qwen3"
                  : qwen2   ? "qwen2"
                  : mistral ? "mistral"
                            : "llama",
                  "num_hidden_layers", (json_int_t)c->layers, "hidden_size", (json_int_t)c->hidden, "intermediate_size",
                  (json_int_t)c->feed_forward, "num_attention_heads", (json_int_t)c->heads, "num_key_value_heads",
                  (json_int_t)c->kv_heads, "head_dim", (json_int_t)c->head_width, "vocab_size", (json_int_t)c->vocabulary,
                  "max_position_embeddings", (json_int_t)c->max_positions, "rope_theta", c->rope_theta, "rms_norm_eps",
                  c->norm_eps, "tie_word_embeddings", (int)c->tied, "hidden_act", "silu", "attention_dropout", 0.0, "use_cache",
                  1, "torch_dtype", "float32", "bos_token_id", c->bos >= 0 ? json_integer(c->bos) : json_null(), "eos_token_id",
                  eos, "pad_token_id", c->pad >= 0 ? json_integer(c->pad) : json_null());
    if (!o) return NULL;
    if (mistral) json_object_set_new(o, "sliding_window", json_null());
    if (!qwen2 && !mistral) json_object_set_new(o, "attention_bias", json_false());
    if (c->rope_scaling.kind == ROPE_LINEAR)
        json_object_set_new(o, "rope_scaling", json_pack("{s:s, s:f}", "rope_type", "linear", "factor", c->rope_scaling.factor));
    if (c->rope_scaling.kind == ROPE_LLAMA3)
        json_object_set_new(o, "rope_scaling",
                            json_pack("{s:s, s:f, s:f, s:f, s:I}", "rope_type", "llama3", "factor", c->rope_scaling.factor,
                                      "low_freq_factor", c->rope_scaling.low_frequency_factor, "high_freq_factor",
                                      c->rope_scaling.high_frequency_factor, "original_max_position_embeddings",
                                      (json_int_t)c->rope_scaling.original_positions));
    return o;
}

void model_config_frequencies(const model_config *c, float *inverse_frequency) {
    const double pi = 3.14159265358979323846;
    for (size_t i = 0; i < c->head_width / 2; i++) {
        double f = 1.0 / pow(c->rope_theta, (double)(2 * i) / (double)c->head_width);
        if (c->rope_scaling.kind == ROPE_LINEAR) f /= c->rope_scaling.factor;
        if (c->rope_scaling.kind == ROPE_LLAMA3) {
            double length = 2 * pi / f, original = (double)c->rope_scaling.original_positions;
            double low = c->rope_scaling.low_frequency_factor, high = c->rope_scaling.high_frequency_factor;
            if (length > original / low) {
                f /= c->rope_scaling.factor;
            } else if (length >= original / high) {
                double smooth = (original / length - low) / (high - low);
                f = (1 - smooth) * f / c->rope_scaling.factor + smooth * f;
            }
        }
        inverse_frequency[i] = (float)f;
    }
}
