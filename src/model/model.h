// A causal language model in memory: float32 master parameters, their packed copies for products, and files.
//
// The parameters are the truth; model_pack refreshes what the products read. Whoever changes `parameters` calls model_pack
// before the next forward.
#ifndef DSDR_MODEL_MODEL_H
#define DSDR_MODEL_MODEL_H

#include "base/arena.h"
#include "model/config.h"
#include "model/parameters.h"
#include "tensor/clock.h"
#include "tensor/matmul.h"

typedef struct layer_linears {
    linear qkv, output, gate_up, down;
} layer_linears;

typedef struct model {
    model_config config;
    parameter_table table;
    arena parameter_memory, packed_memory;
    float *parameters;     // [table.total]
    matmul *products;      // borrowed
    layer_linears *layers; // [config.layers]
    linear head;
    float *inverse_frequency; // [head_width / 2]
    bool trainable;           // packed for the backward as well
    kernel_clock *clock;      // of whoever drives the passes; NULL: nothing is measured
} model;

// Loads a Hugging Face folder (config.json, safetensors) or a GGUF file and packs it. Every tensor is consumed exactly once: a
// missing, surplus, misshapen or non-finite one is refused by name. `trainable` packs weights for the backward too.
// On failure *m is empty and model_free is harmless.
status model_load(model *m, matmul *products, const char *path, bool trainable);

// The same in two steps: config and table of parameters, with the names and shapes of all tensors checked; then the weights of a
// model so described. What a model needs in memory can be told between them. A failure of model_read leaves it described.
status model_describe(model *m, matmul *products, const char *path);
status model_read(model *m, const char *path, bool trainable);
void model_forget(model *m); // gives the weights back; the model is described as before

// Looks at an opened model without loading it: its config, its table of parameters, and that every tensor has its name and shape.
// On failure *table is empty.
status model_check(const weights_file *file, const char *path, model_config *config, parameter_table *table);

// What a loaded model holds in memory: parameters and their packed copies.
size_t model_bytes(const model_config *config, const parameter_table *table, const matmul *products, bool trainable);

// A model whose parameters are 0 and not packed.
status model_blank(model *m, matmul *products, const model_config *config, bool trainable);

// An untrained model: matrices and embedding from N(0, 0.02^2), the initialization of Llama-like models in transformers
// ("initializer_range"); those that project into the residual stream (o_proj, down_proj) divided by sqrt(2 layers), as GPT-2 does
// (Radford et al. 2019); gains 1, biases 0. Draws are keyed by `seed`, tensor and element.
status model_init(model *m, matmul *products, const model_config *config, uint64_t seed, bool trainable);
void model_free(model *m);

// Whether products of this model's shapes, forward and backward, have the same bits in any batch and on any number of threads
// (matmul_self_test). Where they have not, the model must be loaded on the fixed-order kernel.
status model_self_test(const model *m, bool *invariant);

// Builds the products of this model (matmul_prepare): passes over it then build nothing and take no memory. What that takes.
status model_prepare(const model *m);
size_t model_prepared_bytes(const model_config *config, const matmul *products, bool trainable);

// Packs all matrices from `parameters` again.
status model_pack(model *m);

// Reads parameters in the layout of the table from a safetensors folder or file (a checkpoint), into `out` [table.total].
status model_read_parameters(const model_config *config, const parameter_table *table, const char *path, float *out);

// Writes config.json and model.safetensors (float32; sharded above 4 GiB) into an existing folder. Tokenizer files are written by
// text/. Equal parameters give equal bytes.
status model_save(const model *m, const char *folder);

// Keys and values are kept in the precision of products.
static inline attention_shape model_attention(const model *m) {
    const model_config *c = &m->config;
    return (attention_shape){.heads = c->heads,
                             .kv_heads = c->kv_heads,
                             .width = c->head_width,
                             .scale = 1.0f / __builtin_sqrtf((float)c->head_width),
                             .kept = matmul_precision(m->products)};
}

#endif
