// A new, untrained model from a few numbers: what `dsdr init` writes.
#ifndef DSDR_RUN_NEW_MODEL_H
#define DSDR_RUN_NEW_MODEL_H

#include "base/buffer.h"
#include "run/settings.h"

// Its keys: X(KIND, field, default, range, help), as in settings_table.h.
// clang-format off
#define NEW_MODEL_KEYS(X) \
    X(INT, layers, "4", "[1, 1024]", "Layers.") \
    X(INT, width, "256", "[1, 131072]", "Numbers of a hidden state.") \
    X(INT, heads, "4", "[1, 131072]", "Heads of attention; their width is width / heads.") \
    X(INT, kv_heads, "null", "[1, 131072]", "Heads of keys and values; null: as many as heads.") \
    X(INT, feed_forward, "null", "[1, 524288]", "Width of the feed-forward layers; null: 8/3 of width, rounded up to a multiple of 64.") \
    X(INT, context, "512", "[1, 10000000]", "Positions that the model is made for, prompt and response together.") \
    X(REAL, rope_theta, "10000", "(0, 1e12]", "Base of the rotary frequencies.") \
    X(BOOL, tied, "true", NULL, "The head is the embedding.") \
    X(TEXT, tokenizer, "bytes", NULL, "`bytes` for a tokenizer of single bytes, or the model folder, tokenizer.json or GGUF file to take one from.") \
    X(LIST, words, "", NULL, "Texts that `bytes` makes one token each, as the phrases of a task; a list.") \
    X(INT, vocabulary, "null", "[1, 4194304]", "Rows of the embedding; null: the tokenizer's.") \
    X(INT, seed, "1", "[0, 9007199254740991]", "Seed of the weights.")
// clang-format on

typedef struct new_model {
#define X(kind, field, default_, range, help) setting_##kind field;
    NEW_MODEL_KEYS(X)
#undef X
} new_model;

// From the defaults, the YAML file `path` (NULL for none) and `count` assignments "key=value", in this order. STATUS_INVALID with
// place and key, "did you mean" for an unknown one; *m is then empty (new_model_free is harmless).
status new_model_load(new_model *m, const char *path, const char *const *assignments, size_t count);
void new_model_free(new_model *m);

// Writes the model into `folder`, which must not exist: config.json, generation_config.json, model.safetensors (float32) and the
// tokenizer, as transformers, `dsdr sft` and `dsdr train` read them. Equal options give equal bytes. `summary` receives a line
// for a person. On failure there is no folder.
status new_model_write(const new_model *m, const char *folder, buffer *summary);

#endif
