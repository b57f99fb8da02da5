// The configuration of a causal language model of the Llama family: Llama, SmolLM2, Qwen2, Qwen3, Mistral without sliding window.
//
// It is read from a Hugging Face config.json or from GGUF metadata. Every field of a config is used, harmless, or changes the
// mathematics; of the last, a value that is not implemented stops the load by name.
#ifndef DSDR_MODEL_CONFIG_H
#define DSDR_MODEL_CONFIG_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "weights/weights.h"

enum { MODEL_MAX_STOP_TOKENS = 16, MODEL_MAX_HEAD_WIDTH = 256 };

typedef struct model_config {
    char architecture[64]; // as in config.json's "architectures", e.g. "LlamaForCausalLM"
    size_t layers, hidden, heads, kv_heads, head_width, feed_forward, vocabulary;
    size_t max_positions;
    double rope_theta;
    double norm_eps;
    bool tied;     // the head is the embedding
    bool qkv_bias; // biases on q, k and v
    bool qk_norm;  // RMSNorm of each head of q and k before the rotation
    // Llama 3's scaling of the rotary frequencies ("llama3"); factor 0: none. "linear" sets factor only.
    struct {
        enum { ROPE_PLAIN, ROPE_LINEAR, ROPE_LLAMA3 } kind;
        double factor, low_frequency_factor, high_frequency_factor;
        size_t original_positions;
    } rope_scaling;
    int32_t bos, pad; // -1: none
    int32_t stop[MODEL_MAX_STOP_TOKENS];
    size_t stop_count;
} model_config;

// From the object of a config.json; `name` is for messages. STATUS_UNSUPPORTED names a field that is not implemented.
status model_config_from_json(model_config *out, const json_t *object, const char *name);
// From the metadata of a GGUF file (architectures llama, qwen2, qwen3). The vocabulary and the tied head come from the tensors.
status model_config_from_gguf(model_config *out, const weights_file *file);
// A config.json that transformers reads back to the same model. Owned by the caller; NULL when memory is out.
json_t *model_config_to_json(const model_config *c);
// Sizes that do not fit each other or exceed what the kernels allow: STATUS_INVALID or STATUS_UNSUPPORTED naming the field.
status model_config_check(const model_config *c, const char *name);

// inverse_frequency[head_width / 2] of the rotary embedding, scaling included.
void model_config_frequencies(const model_config *c, float *inverse_frequency);

#endif
