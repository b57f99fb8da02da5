// Loading, initializing, packing and saving a causal language model. See model.h.
#include "model/model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/jsonl.h"
#include "base/random.h"
#include "model/head.h"
#include "weights/gguf.h"
#include "weights/safetensors_write.h"
#include "weights/weights.h"

static const size_t shard_bytes = (size_t)4 << 30;

// ---- reading -------------------------------------------------------------------------------------------------------------

static status check_shape(const weights_tensor *t, const parameter *p) {
    bool fits = t->rank == p->rank;
    for (size_t i = 0; fits && i < p->rank; i++) fits = t->shape[i] == p->shape[i];
    if (fits) return STATUS_OK;
    if (p->rank == 1)
        return status_set(STATUS_INVALID, "%s: tensor \"%s\" does not have the shape [%zu] that the config asks for", t->path,
                          t->name, p->shape[0]);
    return status_set(STATUS_INVALID, "%s: tensor \"%s\" does not have the shape [%zu, %zu] that the config asks for", t->path,
                      t->name, p->shape[0], p->shape[1]);
}

// GGUF's Llama stores rows 2i+j of a head where Hugging Face has row i + j D/2: pairs of the rotation side by side.
static status unpermute(float *rows, const parameter *p) {
    size_t width = p->shape[0] / p->rotated_heads, columns = p->shape[1], half = width / 2;
    float *head = malloc(width * columns * sizeof(float));
    if (!head) return status_set(STATUS_NO_MEMORY, "out of memory");
    for (size_t h = 0; h < p->rotated_heads; h++) {
        float *at = rows + h * width * columns;
        memcpy(head, at, width * columns * sizeof(float));
        for (size_t i = 0; i < half; i++)
            for (size_t j = 0; j < 2; j++)
                memcpy(at + (i + j * half) * columns, head + (2 * i + j) * columns, columns * sizeof(float));
    }
    free(head);
    return STATUS_OK;
}

static bool is_surplus_allowed(const model_config *c, const char *name) {
    size_t length = strlen(name);
    static const char buffer_name[] = "rotary_emb.inv_freq"; // a buffer that old checkpoints carry; it is computed here
    if (length > sizeof buffer_name && strcmp(name + length - (sizeof buffer_name - 1), buffer_name) == 0) return true;
    return c->tied && strcmp(name, "lm_head.weight") == 0; // checked below to be the embedding
}

static status check_tied_head(const weights_file *file, const parameter_table *table, const float *parameters) {
    const weights_tensor *head = weights_find(file, "lm_head.weight");
    if (!head) return STATUS_OK;
    const parameter *embedding = &table->items[0];
    TRY(check_shape(head, embedding));
    size_t columns = embedding->shape[1];
    float *row = malloc(columns * sizeof(float));
    if (!row) return status_set(STATUS_NO_MEMORY, "out of memory");
    status code = STATUS_OK;
    for (size_t r = 0; r < embedding->shape[0] && code == STATUS_OK; r++) {
        code = weights_read_f32(head, r * columns, columns, row);
        if (code == STATUS_OK && memcmp(row, parameters + embedding->offset + r * columns, columns * sizeof(float)) != 0)
            code = status_set(STATUS_INVALID, "%s: \"tie_word_embeddings\" is true, but \"lm_head.weight\" is not the embedding",
                              weights_file_path(file));
    }
    free(row);
    return code;
}

static const char *stored_name(const parameter *p, bool gguf) { return gguf ? p->gguf_name : p->name; }

// Every tensor of the table is there in its shape, and no other one is.
static status check_tensors(const weights_file *file, const model_config *c, const parameter_table *table) {
    bool gguf = weights_file_format(file) == WEIGHTS_GGUF;
    for (size_t i = 0; i < table->count; i++) {
        const char *name = stored_name(&table->items[i], gguf);
        const weights_tensor *t = weights_find(file, name);
        if (!t) return status_set(STATUS_INVALID, "%s: tensor \"%s\" is missing", weights_file_path(file), name);
        TRY(check_shape(t, &table->items[i]));
    }
    size_t allowed = 0;
    for (size_t i = 0; i < weights_count(file); i++) {
        const char *name = weights_at(file, i)->name;
        bool known = false;
        for (size_t k = 0; k < table->count && !known; k++) known = strcmp(name, stored_name(&table->items[k], gguf)) == 0;
        if (known) continue;
        if (!is_surplus_allowed(c, name))
            return status_set(STATUS_UNSUPPORTED, "%s: tensor \"%s\" is not part of a %s as its config describes it",
                              weights_file_path(file), name, c->architecture);
        allowed++;
    }
    if (table->count + allowed != weights_count(file))
        return status_set(STATUS_INVALID, "%s: a tensor is stored twice", weights_file_path(file));
    return STATUS_OK;
}

static status read_parameters(const weights_file *file, const model_config *c, const parameter_table *table, float *out) {
    bool gguf = weights_file_format(file) == WEIGHTS_GGUF;
    TRY(check_tensors(file, c, table));
    for (size_t i = 0; i < table->count; i++) {
        const parameter *p = &table->items[i];
        const weights_tensor *t = weights_find(file, stored_name(p, gguf));
        TRY(weights_check_finite(t));
        TRY(weights_read_f32(t, 0, p->count, out + p->offset));
        if (gguf && p->rotated_heads && strcmp(c->architecture, "LlamaForCausalLM") == 0) TRY(unpermute(out + p->offset, p));
    }
    return c->tied && !gguf ? check_tied_head(file, table, out) : STATUS_OK;
}

status model_read_parameters(const model_config *config, const parameter_table *table, const char *path, float *out) {
    weights_file *file;
    TRY(weights_open(&file, path));
    status code = read_parameters(file, config, table, out);
    weights_close(file);
    return code;
}

static status read_config(model_config *c, const char *folder) {
    char *path = path_join(folder, "config.json"), *generation = path_join(folder, "generation_config.json");
    file_map map = {0};
    json_t *object = NULL;
    status code = path && generation ? STATUS_OK : status_set(STATUS_NO_MEMORY, "out of memory");
    if (code == STATUS_OK) code = file_map_open(&map, path);
    if (code == STATUS_OK) code = json_parse((const char *)map.bytes, map.size, path, &object);
    file_map_close(&map);
    if (code == STATUS_OK) code = model_config_from_json(c, object, path);
    json_decref(object);
    object = NULL;
    // The end tokens of generation are those of generation_config.json where it names any.
    if (code == STATUS_OK && file_exists(generation)) {
        code = file_map_open(&map, generation);
        if (code == STATUS_OK) code = json_parse((const char *)map.bytes, map.size, generation, &object);
        file_map_close(&map);
        const json_t *eos = json_object_get(object, "eos_token_id");
        json_t *list = json_is_integer(eos) ? json_pack("[O]", eos) : json_incref((json_t *)eos);
        for (size_t i = 0; i < json_array_size(list); i++) {
            json_int_t id = json_integer_value(json_array_get(list, i));
            bool known = false;
            for (size_t k = 0; k < c->stop_count; k++) known |= c->stop[k] == id;
            if (!known && id >= 0 && (size_t)id < c->vocabulary && c->stop_count < MODEL_MAX_STOP_TOKENS)
                c->stop[c->stop_count++] = (int32_t)id;
        }
        json_decref(list);
        json_decref(object);
    }
    free(path), free(generation);
    return code;
}

// ---- building ------------------------------------------------------------------------------------------------------------

static float *take_floats(arena *a, size_t count) { return arena_take(a, count * sizeof(float)); }

// A kind of matrices of a model, and how many rows their products run over: qkv, output, gate_up and down of a layer,
// then the head. What row kernels round next to their operands' precision anyway is written so by the product.
typedef struct product_shape {
    linear of;
    size_t rows, depth;
} product_shape;

enum { LAYER_PRODUCTS = 4, PRODUCT_SHAPES };

static void product_shapes(product_shape *shapes, const model_config *c, bool trainable) {
    size_t q = c->heads * c->head_width, qkv = q + 2 * c->kv_heads * c->head_width;
    size_t depth = trainable ? MATMUL_DEPTH : 0, head_depth = trainable ? HEAD_BLOCK_ROWS : 0;
    shapes[0] = (product_shape){{.out = qkv, .in = c->hidden, .rounds_y = true}, MATMUL_ROWS, depth};
    shapes[1] = (product_shape){{.out = c->hidden, .in = q, .rounds_dx = true}, MATMUL_ROWS, depth};
    shapes[2] = (product_shape){{.out = 2 * c->feed_forward, .in = c->hidden, .rounds_y = true}, MATMUL_ROWS, depth};
    shapes[3] = (product_shape){{.out = c->hidden, .in = c->feed_forward, .rounds_dx = true}, MATMUL_ROWS, depth};
    shapes[4] = (product_shape){{.out = c->vocabulary, .in = c->hidden}, HEAD_BLOCK_ROWS, head_depth};
}

static void place(model *m, linear *l, const linear *shape) {
    *l = *shape;
    size_t bytes = linear_bytes(m->products, l->out, l->in);
    l->forward = arena_take(&m->packed_memory, bytes);
    if (m->trainable) l->backward = arena_take(&m->packed_memory, bytes);
}

static size_t packed_weights_bytes(const model_config *c, const matmul *products, bool trainable) {
    product_shape shapes[PRODUCT_SHAPES];
    product_shapes(shapes, c, trainable);
    size_t bytes = 0;
    for (size_t i = 0; i < PRODUCT_SHAPES; i++)
        bytes += linear_bytes(products, shapes[i].of.out, shapes[i].of.in) * (i < LAYER_PRODUCTS ? c->layers : 1);
    return bytes * (trainable ? 2 : 1);
}

size_t model_bytes(const model_config *config, const parameter_table *table, const matmul *products, bool trainable) {
    return table->total * sizeof(float) + packed_weights_bytes(config, products, trainable);
}

// Memory of a described model and the places of its packed weights.
static status take_memory(model *m, bool trainable) {
    const model_config *c = &m->config;
    m->trainable = trainable;
    size_t packed = packed_weights_bytes(c, m->products, trainable);
    size_t small = arena_size(c->layers * sizeof *m->layers) + arena_size(c->head_width / 2 * sizeof(float));
    TRY(arena_create(&m->parameter_memory, arena_size(m->table.total * sizeof(float)), "the parameters"));
    TRY(arena_create(&m->packed_memory, packed + small, "the packed weights"));
    m->parameters = take_floats(&m->parameter_memory, m->table.total);
    m->layers = arena_take(&m->packed_memory, c->layers * sizeof *m->layers);
    m->inverse_frequency = take_floats(&m->packed_memory, c->head_width / 2);
    model_config_frequencies(c, m->inverse_frequency);
    product_shape shapes[PRODUCT_SHAPES];
    product_shapes(shapes, c, trainable);
    for (size_t l = 0; l < c->layers; l++) {
        linear *of_layer[LAYER_PRODUCTS] = {&m->layers[l].qkv, &m->layers[l].output, &m->layers[l].gate_up, &m->layers[l].down};
        for (size_t i = 0; i < LAYER_PRODUCTS; i++) place(m, of_layer[i], &shapes[i].of);
    }
    place(m, &m->head, &shapes[LAYER_PRODUCTS].of);
    return m->head.forward ? STATUS_OK : status_set(STATUS_FAILED, "the packed weights do not fit their plan");
}

status model_self_test(const model *m, bool *invariant) {
    product_shape shapes[PRODUCT_SHAPES];
    product_shapes(shapes, &m->config, m->trainable);
    *invariant = true;
    for (const product_shape *s = shapes; s < shapes + PRODUCT_SHAPES && *invariant; s++)
        TRY(matmul_self_test(m->products, &s->of, s->rows, s->depth, invariant));
    return STATUS_OK;
}

status model_prepare(const model *m) {
    product_shape shapes[PRODUCT_SHAPES];
    product_shapes(shapes, &m->config, m->trainable);
    for (const product_shape *s = shapes; s < shapes + PRODUCT_SHAPES; s++)
        TRY(matmul_prepare(m->products, &s->of, s->rows, s->depth));
    return STATUS_OK;
}

size_t model_prepared_bytes(const model_config *config, const matmul *products, bool trainable) {
    product_shape shapes[PRODUCT_SHAPES];
    product_shapes(shapes, config, trainable);
    size_t bytes = 0;
    for (const product_shape *s = shapes; s < shapes + PRODUCT_SHAPES; s++)
        bytes += matmul_prepared_bytes(products, s->rows, s->depth);
    return bytes;
}

status model_pack(model *m) {
    for (size_t l = 0; l < m->config.layers; l++) {
        const layer_offsets *o = &m->table.layers[l];
        TRY(linear_pack(m->products, &m->layers[l].qkv, m->parameters + o->qkv));
        TRY(linear_pack(m->products, &m->layers[l].output, m->parameters + o->output));
        TRY(linear_pack(m->products, &m->layers[l].gate_up, m->parameters + o->gate_up));
        TRY(linear_pack(m->products, &m->layers[l].down, m->parameters + o->down));
    }
    return linear_pack(m->products, &m->head, m->parameters + m->table.head);
}

// The config of an opened file or folder.
static status config_of(model_config *c, const weights_file *file, const char *path) {
    return weights_file_format(file) == WEIGHTS_GGUF ? model_config_from_gguf(c, file) : read_config(c, path);
}

status model_check(const weights_file *file, const char *path, model_config *config, parameter_table *table) {
    *table = (parameter_table){0};
    TRY(config_of(config, file, path));
    TRY(parameter_table_create(table, config));
    status code = check_tensors(file, config, table);
    if (code != STATUS_OK) parameter_table_free(table);
    return code;
}

status model_describe(model *m, matmul *products, const char *path) {
    *m = (model){.products = products};
    weights_file *file = NULL;
    TRY(weights_open(&file, path));
    status code = model_check(file, path, &m->config, &m->table);
    weights_close(file);
    if (code != STATUS_OK) model_free(m);
    return code;
}

status model_read(model *m, const char *path, bool trainable) {
    weights_file *file = NULL;
    TRY(weights_open(&file, path));
    status code = take_memory(m, trainable);
    if (code == STATUS_OK) code = read_parameters(file, &m->config, &m->table, m->parameters);
    weights_close(file);
    if (code == STATUS_OK) code = model_pack(m);
    if (code != STATUS_OK) model_forget(m);
    return code;
}

status model_load(model *m, matmul *products, const char *path, bool trainable) {
    TRY(model_describe(m, products, path));
    status code = model_read(m, path, trainable);
    if (code != STATUS_OK) model_free(m);
    return code;
}

// A standard normal number from one draw (Box and Muller 1958).
static float normal(uint64_t seed, uint64_t tensor, uint32_t element) {
    random_words w = random_draw(seed, RANDOM_INIT, tensor, element, 0);
    double u = ((double)w.word[0] + 0.5) * 0x1p-32, v = (double)w.word[1] * 0x1p-32;
    return (float)(sqrt(-2 * log(u)) * cos(6.283185307179586 * v));
}

// Projections into the residual stream are smaller, so that what all layers add to it does not grow with their number.
static double deviation(const model *m, const parameter *p) {
    for (size_t l = 0; l < m->config.layers; l++)
        if (p->offset == m->table.layers[l].output || p->offset == m->table.layers[l].down)
            return 0.02 / sqrt(2.0 * (double)m->config.layers);
    return 0.02;
}

status model_blank(model *m, matmul *products, const model_config *config, bool trainable) {
    *m = (model){.config = *config, .products = products};
    status code = model_config_check(config, "the new model");
    if (code == STATUS_OK) code = parameter_table_create(&m->table, &m->config);
    if (code == STATUS_OK) code = take_memory(m, trainable);
    if (code != STATUS_OK) model_free(m);
    return code;
}

status model_init(model *m, matmul *products, const model_config *config, uint64_t seed, bool trainable) {
    status code = model_blank(m, products, config, trainable);
    if (code == STATUS_OK) {
        for (size_t i = 0; i < m->table.count; i++) {
            const parameter *p = &m->table.items[i];
            float *x = m->parameters + p->offset, scale = (float)deviation(m, p);
            for (size_t k = 0; k < p->count; k++)
                x[k] = p->kind == PARAMETER_GAIN ? 1.0f : p->kind == PARAMETER_BIAS ? 0.0f : scale * normal(seed, i, (uint32_t)k);
        }
        code = model_pack(m);
    }
    if (code != STATUS_OK) model_free(m);
    return code;
}

void model_forget(model *m) {
    arena_free(&m->parameter_memory);
    arena_free(&m->packed_memory);
    *m = (model){.config = m->config, .table = m->table, .products = m->products, .clock = m->clock};
}

void model_free(model *m) {
    model_forget(m);
    parameter_table_free(&m->table);
    *m = (model){0};
}

// ---- writing -------------------------------------------------------------------------------------------------------------

static status write_json(const char *folder, const char *file, json_t *object) {
    char *path = path_join(folder, file);
    char *text = object ? json_dumps(object, JSON_INDENT(2) | JSON_REAL_PRECISION(17)) : NULL;
    buffer out = {0};
    status code = path && text ? buffer_printf(&out, "%s\n", text) : status_set(STATUS_NO_MEMORY, "out of memory");
    if (code == STATUS_OK) code = file_replace(path, out.data, out.length);
    buffer_free(&out);
    free(path), free(text);
    json_decref(object);
    return code;
}

status model_save(const model *m, const char *folder) {
    const model_config *c = &m->config;
    TRY(write_json(folder, "config.json", model_config_to_json(c)));
    json_t *generation = json_object(), *stops = json_array();
    for (size_t i = 0; i < c->stop_count; i++) json_array_append_new(stops, json_integer(c->stop[i]));
    if (c->bos >= 0) json_object_set_new(generation, "bos_token_id", json_integer(c->bos));
    if (c->stop_count > 0) json_object_set(generation, "eos_token_id", c->stop_count == 1 ? json_array_get(stops, 0) : stops);
    if (c->pad >= 0) json_object_set_new(generation, "pad_token_id", json_integer(c->pad));
    json_decref(stops);
    TRY(write_json(folder, "generation_config.json", generation));

    safetensors_entry *entries = calloc(m->table.count, sizeof *entries);
    if (!entries) return status_set(STATUS_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < m->table.count; i++) {
        const parameter *p = &m->table.items[i];
        entries[i] =
            (safetensors_entry){.name = p->name, .dtype = WEIGHTS_F32, .rank = p->rank, .shape = {p->shape[0], p->shape[1]}};
    }
    safetensors_writer *writer = NULL;
    status code = safetensors_create(&writer, folder, "model", entries, m->table.count, shard_bytes);
    free(entries);
    for (size_t i = 0; i < m->table.count && code == STATUS_OK; i++)
        code = safetensors_write(writer, m->parameters + m->table.items[i].offset, m->table.items[i].count);
    if (code == STATUS_OK) return safetensors_finish(writer);
    safetensors_discard(writer);
    return code;
}
