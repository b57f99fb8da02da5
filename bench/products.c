// oneDNN's matmul primitive in a row. See products.h.
#include "products.h"

#include <oneapi/dnnl/dnnl.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

enum { MATRICES = 1024, STEPS = 8192 };

typedef struct block {
    void *bytes;
    size_t size;
} block;

typedef struct step {
    dnnl_primitive_t primitive;
    dnnl_memory_t source, weights, destination;
    block *from, *by, *to; // the memory of the three, which may still grow while the sequence is built
} step;

struct products {
    precision operands;
    dnnl_data_type_t type; // the same
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    block source, destination, gradient_of_rows;
    block matrices[MATRICES];
    step steps[STEPS];
    size_t count;
};

static status failed(dnnl_status_t code) {
    return status_set(STATUS_FAILED, "oneDNN failed with status %d in the ceiling", (int)code);
}

#define DNNL(call)                                                                                                               \
    do {                                                                                                                         \
        dnnl_status_t code_ = (call);                                                                                            \
        if (code_ != dnnl_success) return failed(code_);                                                                         \
    } while (0)

// Numbers that are neither zero nor denormal, in both precisions, and pages of their own.
static status grow(block *b, size_t size) {
    if (size <= b->size) return STATUS_OK;
    free(b->bytes);
    b->size = (size + 4095) / 4096 * 4096;
    b->bytes = aligned_alloc(4096, b->size);
    if (!b->bytes) return status_set(STATUS_NO_MEMORY, "cannot allocate %zu bytes for the ceiling", b->size);
    memset(b->bytes, 0x3c, b->size);
    return STATUS_OK;
}

static dnnl_data_type_t data_type(precision p) { return p == PRECISION_FLOAT32 ? dnnl_f32 : dnnl_bf16; }

status products_create(products **out, precision p) {
    products *s = calloc(1, sizeof *s);
    *out = s;
    if (!s) return status_set(STATUS_NO_MEMORY, "out of memory");
    s->operands = p, s->type = data_type(p);
    DNNL(dnnl_engine_create(&s->engine, dnnl_cpu, 0));
    DNNL(dnnl_stream_create(&s->stream, s->engine, dnnl_stream_default_flags));
    return STATUS_OK;
}

void products_free(products *s) {
    if (!s) return;
    for (size_t i = 0; i < s->count; i++) {
        step *t = &s->steps[i];
        dnnl_primitive_destroy(t->primitive);
        dnnl_memory_destroy(t->source), dnnl_memory_destroy(t->weights), dnnl_memory_destroy(t->destination);
    }
    for (size_t i = 0; i < MATRICES; i++) free(s->matrices[i].bytes);
    free(s->source.bytes), free(s->destination.bytes), free(s->gradient_of_rows.bytes);
    if (s->stream) dnnl_stream_destroy(s->stream);
    if (s->engine) dnnl_engine_destroy(s->engine);
    free(s);
}

static status describe(dnnl_memory_desc_t *out, size_t rows, size_t columns, dnnl_data_type_t type, dnnl_format_tag_t tag) {
    dnnl_dims_t dims = {(dnnl_dim_t)rows, (dnnl_dim_t)columns};
    DNNL(dnnl_memory_desc_init_by_tag(out, 2, dims, type, tag));
    return STATUS_OK;
}

// The plan of one product; `weights` on return has the layout that oneDNN chose.
static status plan_product(products *s, dnnl_primitive_desc_t *plan, const dnnl_memory_desc_t *source,
                           dnnl_memory_desc_t *weights, const dnnl_memory_desc_t *destination, bool accumulate) {
    dnnl_matmul_desc_t description;
    dnnl_primitive_attr_t attributes;
    dnnl_post_ops_t after;
    DNNL(dnnl_matmul_desc_init(&description, source, weights, NULL, destination));
    DNNL(dnnl_primitive_attr_create(&attributes));
    DNNL(dnnl_post_ops_create(&after));
    if (accumulate) DNNL(dnnl_post_ops_append_sum(after, 1.0f));
    DNNL(dnnl_primitive_attr_set_post_ops(attributes, after));
    dnnl_status_t code = dnnl_primitive_desc_create(plan, &description, attributes, s->engine, NULL);
    dnnl_post_ops_destroy(after);
    dnnl_primitive_attr_destroy(attributes);
    if (code != dnnl_success) return failed(code);
    *weights = *dnnl_primitive_desc_query_md(*plan, dnnl_query_weights_md, 0);
    return STATUS_OK;
}

static status add(products *s, const dnnl_memory_desc_t *source, dnnl_memory_desc_t *weights,
                  const dnnl_memory_desc_t *destination, bool accumulate, block *from, block *by, block *to) {
    if (s->count == STEPS) return status_set(STATUS_FAILED, "more than %d products in a ceiling", STEPS);
    step *t = &s->steps[s->count];
    *t = (step){.from = from, .by = by, .to = to};
    dnnl_primitive_desc_t plan;
    TRY(plan_product(s, &plan, source, weights, destination, accumulate));
    dnnl_status_t code = dnnl_primitive_create(&t->primitive, plan);
    dnnl_primitive_desc_destroy(plan);
    if (code != dnnl_success) return failed(code);
    s->count++;
    DNNL(dnnl_memory_create(&t->source, source, s->engine, DNNL_MEMORY_NONE));
    DNNL(dnnl_memory_create(&t->weights, weights, s->engine, DNNL_MEMORY_NONE));
    DNNL(dnnl_memory_create(&t->destination, destination, s->engine, DNNL_MEMORY_NONE));
    TRY(grow(from, dnnl_memory_desc_get_size(source)));
    TRY(grow(by, dnnl_memory_desc_get_size(weights)));
    return grow(to, dnnl_memory_desc_get_size(destination));
}

static status matrix_memory(products *s, size_t matrix, block **out) {
    if (matrix >= MATRICES) return status_set(STATUS_FAILED, "more than %d matrices in a ceiling", MATRICES);
    *out = &s->matrices[matrix];
    return STATUS_OK;
}

status products_add_rows(products *s, size_t matrix, size_t rows, size_t out, size_t in, precision to) {
    block *weights_memory;
    dnnl_memory_desc_t source, weights, destination;
    TRY(matrix_memory(s, matrix, &weights_memory));
    TRY(describe(&source, rows, in, s->type, dnnl_ab));
    TRY(describe(&weights, in, out, s->type, dnnl_format_tag_any));
    TRY(describe(&destination, rows, out, data_type(to), dnnl_ab));
    return add(s, &source, &weights, &destination, false, &s->source, weights_memory, &s->destination);
}

status products_add_weight(products *s, size_t matrix, size_t rows, size_t out, size_t in) {
    block *gradient;
    dnnl_memory_desc_t source, weights, destination;
    TRY(matrix_memory(s, matrix, &gradient));
    dnnl_dims_t dims = {(dnnl_dim_t)out, (dnnl_dim_t)rows}, strides = {1, (dnnl_dim_t)out};
    DNNL(dnnl_memory_desc_init_by_strides(&source, 2, dims, s->type, strides));
    TRY(describe(&weights, rows, in, s->type, dnnl_ab));
    TRY(describe(&destination, out, in, dnnl_f32, dnnl_ab));
    return add(s, &source, &weights, &destination, true, &s->gradient_of_rows, &s->source, gradient);
}

// The memory of a matrix: the packed copy for the way forward, that for the way back, and its gradient.
enum { FORWARD, BACKWARD, GRADIENT, COPIES };

static size_t copy_of(size_t matrix, size_t copy) { return matrix * COPIES + copy; }

static status add_backward(products *s, size_t matrix, size_t rows, size_t out, size_t in, precision to) {
    TRY(products_add_weight(s, copy_of(matrix, GRADIENT), rows, out, in));
    return products_add_rows(s, copy_of(matrix, BACKWARD), rows, in, out, to);
}

status products_add_model(products *s, const model_config *c, size_t rows, size_t head_rows, size_t head_block, bool backward) {
    size_t query = c->heads * c->head_width, qkv = query + 2 * c->kv_heads * c->head_width;
    const precision wide = PRECISION_FLOAT32, rounded = s->operands;
    const struct {
        size_t out, in;
        precision y, dx;
    } shapes[] = {{qkv, c->hidden, rounded, wide},
                  {c->hidden, query, wide, rounded},
                  {2 * c->feed_forward, c->hidden, rounded, wide},
                  {c->hidden, c->feed_forward, wide, rounded}};
    enum { EACH = sizeof shapes / sizeof *shapes };
    size_t head = c->layers * EACH;
    for (size_t l = 0; l < c->layers; l++)
        for (size_t k = 0; k < EACH; k++)
            TRY(products_add_rows(s, copy_of(l * EACH + k, FORWARD), rows, shapes[k].out, shapes[k].in, shapes[k].y));
    for (size_t done = 0; done < head_rows; done += head_block) {
        size_t count = head_rows - done < head_block ? head_rows - done : head_block;
        TRY(products_add_rows(s, copy_of(head, FORWARD), count, c->vocabulary, c->hidden, wide));
        if (backward) TRY(add_backward(s, head, count, c->vocabulary, c->hidden, wide));
    }
    for (size_t l = c->layers; backward && l-- > 0;)
        for (size_t k = EACH; k-- > 0;) TRY(add_backward(s, l * EACH + k, rows, shapes[k].out, shapes[k].in, shapes[k].dx));
    return STATUS_OK;
}

status products_run(products *s, double *seconds) {
    for (size_t i = 0; i < s->count; i++) {
        step *t = &s->steps[i];
        DNNL(dnnl_memory_set_data_handle(t->source, t->from->bytes));
        DNNL(dnnl_memory_set_data_handle(t->weights, t->by->bytes));
        DNNL(dnnl_memory_set_data_handle(t->destination, t->to->bytes));
    }
    double start = bench_now();
    for (size_t i = 0; i < s->count; i++) {
        const step *t = &s->steps[i];
        dnnl_exec_arg_t arguments[] = {{DNNL_ARG_SRC, t->source}, {DNNL_ARG_WEIGHTS, t->weights}, {DNNL_ARG_DST, t->destination}};
        DNNL(dnnl_primitive_execute(t->primitive, s->stream, 3, arguments));
    }
    DNNL(dnnl_stream_wait(s->stream));
    *seconds = bench_now() - start;
    return STATUS_OK;
}
