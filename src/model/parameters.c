// The parameter table of a causal language model. See parameters.h.
#include "model/parameters.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { TENSORS_PER_LAYER = 14, ALIGNMENT = 16 };

typedef struct builder {
    parameter_table *table;
    bool layered;
    size_t layer;
} builder;

// Appends a tensor and returns its offset. `packed` keeps it directly behind the one before (a part of one matrix).
static size_t append(builder *b, const char *name, const char *gguf, parameter_kind kind, size_t rows, size_t columns,
                     bool packed) {
    parameter_table *t = b->table;
    parameter *p = &t->items[t->count++];
    *p = (parameter){
        .kind = kind, .rank = columns ? 2 : 1, .shape = {rows, columns ? columns : 1}, .count = rows * (columns ? columns : 1)};
    if (b->layered) {
        snprintf(p->name, sizeof p->name, "model.layers.%zu.%s", b->layer, name);
        snprintf(p->gguf_name, sizeof p->gguf_name, "blk.%zu.%s", b->layer, gguf);
    } else {
        snprintf(p->name, sizeof p->name, "%s", name);
        snprintf(p->gguf_name, sizeof p->gguf_name, "%s", gguf);
    }
    if (!packed) t->total = (t->total + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    p->offset = t->total;
    t->total += p->count;
    return p->offset;
}

static void append_layer(builder *b, const model_config *c, layer_offsets *o) {
    size_t q = c->heads * c->head_width, kv = c->kv_heads * c->head_width;
    parameter *items = b->table->items;
    o->attention_norm = append(b, "input_layernorm.weight", "attn_norm.weight", PARAMETER_GAIN, c->hidden, 0, false);
    o->qkv = append(b, "self_attn.q_proj.weight", "attn_q.weight", PARAMETER_MATRIX, q, c->hidden, false);
    items[b->table->count - 1].rotated_heads = c->heads;
    append(b, "self_attn.k_proj.weight", "attn_k.weight", PARAMETER_MATRIX, kv, c->hidden, true);
    items[b->table->count - 1].rotated_heads = c->kv_heads;
    append(b, "self_attn.v_proj.weight", "attn_v.weight", PARAMETER_MATRIX, kv, c->hidden, true);
    o->qkv_bias = o->q_norm = o->k_norm = SIZE_MAX;
    if (c->qkv_bias) {
        o->qkv_bias = append(b, "self_attn.q_proj.bias", "attn_q.bias", PARAMETER_BIAS, q, 0, false);
        items[b->table->count - 1].rotated_heads = c->heads;
        append(b, "self_attn.k_proj.bias", "attn_k.bias", PARAMETER_BIAS, kv, 0, true);
        items[b->table->count - 1].rotated_heads = c->kv_heads;
        append(b, "self_attn.v_proj.bias", "attn_v.bias", PARAMETER_BIAS, kv, 0, true);
    }
    if (c->qk_norm) {
        o->q_norm = append(b, "self_attn.q_norm.weight", "attn_q_norm.weight", PARAMETER_GAIN, c->head_width, 0, false);
        o->k_norm = append(b, "self_attn.k_norm.weight", "attn_k_norm.weight", PARAMETER_GAIN, c->head_width, 0, false);
    }
    o->output = append(b, "self_attn.o_proj.weight", "attn_output.weight", PARAMETER_MATRIX, c->hidden, q, false);
    o->feed_forward_norm = append(b, "post_attention_layernorm.weight", "ffn_norm.weight", PARAMETER_GAIN, c->hidden, 0, false);
    o->gate_up = append(b, "mlp.gate_proj.weight", "ffn_gate.weight", PARAMETER_MATRIX, c->feed_forward, c->hidden, false);
    append(b, "mlp.up_proj.weight", "ffn_up.weight", PARAMETER_MATRIX, c->feed_forward, c->hidden, true);
    o->down = append(b, "mlp.down_proj.weight", "ffn_down.weight", PARAMETER_MATRIX, c->hidden, c->feed_forward, false);
}

status parameter_table_create(parameter_table *out, const model_config *c) {
    *out = (parameter_table){0};
    out->items = calloc(c->layers * TENSORS_PER_LAYER + 3, sizeof *out->items);
    out->layers = calloc(c->layers, sizeof *out->layers);
    if (!out->items || !out->layers) {
        parameter_table_free(out);
        return status_set(STATUS_NO_MEMORY, "out of memory");
    }
    builder b = {.table = out};
    out->embedding =
        append(&b, "model.embed_tokens.weight", "token_embd.weight", PARAMETER_EMBEDDING, c->vocabulary, c->hidden, false);
    b.layered = true;
    for (b.layer = 0; b.layer < c->layers; b.layer++) append_layer(&b, c, &out->layers[b.layer]);
    b.layered = false;
    out->final_norm = append(&b, "model.norm.weight", "output_norm.weight", PARAMETER_GAIN, c->hidden, 0, false);
    out->head = c->tied ? out->embedding
                        : append(&b, "lm_head.weight", "output.weight", PARAMETER_MATRIX, c->vocabulary, c->hidden, false);
    out->total = (out->total + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return STATUS_OK;
}

void parameter_table_free(parameter_table *table) {
    free(table->items), free(table->layers);
    *table = (parameter_table){0};
}

size_t parameter_table_numbers(const parameter_table *table) {
    size_t numbers = 0;
    for (size_t i = 0; i < table->count; i++) numbers += table->items[i].count;
    return numbers;
}
