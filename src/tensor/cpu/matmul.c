// Matrix products over oneDNN. See tensor/matmul.h.
#include "tensor/matmul.h"

#include <omp.h>
#include <oneapi/dnnl/dnnl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/cpu/fixed_order.h"

enum { CACHE_BITS = 12, CACHE_SIZE = 1 << CACHE_BITS, CACHE_MOST = 2048, PACKING_ROWS = 64 };

// Products over more rows than PART_ROWS take a multiple of it first and the rest after it. So there are few enough shapes to
// build them all before the first step.
enum { PART_ROWS = 128 };
// Of a primitive with its tables and code, by measurement: the mean over the shapes of a model.
enum { PRIMITIVE_BYTES = 48 << 10 };

typedef enum product_kind {
    PRODUCT_ROWS,    // y[M, N] = x[M, K] b[K, N], b packed, y float32
    PRODUCT_ROUNDED, // the same, y in the engine's precision
    PRODUCT_WEIGHT,  // c[M, N] += a[K, M]^T b[K, N]
    PACK_FORWARD,    // b[N, M] = the packed layout of W[M, N]^T
    PACK_BACKWARD,   // b[M, N] = that of W[M, N]
} product_kind;

typedef struct product {
    product_kind kind;
    size_t m, n, k;
    dnnl_primitive_t primitive;                             // NULL: the slot is free
    dnnl_memory_t source, weights, destination, scratchpad; // packing has no weights
    size_t scratch_bytes;
} product;

struct matmul {
    precision precision;
    int threads;
    bool fixed_order;
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    product cache[CACHE_SIZE];
    size_t cached;
    void *scratch;
    size_t scratch_bytes;
    matmul_work work;
    char description[128];
};

static status dnnl_failed(dnnl_status_t code, const char *what) {
    return status_set(code == dnnl_out_of_memory ? STATUS_NO_MEMORY : STATUS_FAILED, "oneDNN could not %s (status %d)", what,
                      (int)code);
}

#define DNNL_TRY(call, what)                                                                                                     \
    do {                                                                                                                         \
        dnnl_status_t dnnl_code_ = (call);                                                                                       \
        if (dnnl_code_ != dnnl_success) return dnnl_failed(dnnl_code_, what);                                                    \
    } while (0)

static dnnl_data_type_t data_type(precision p) { return p == PRECISION_FLOAT32 ? dnnl_f32 : dnnl_bf16; }

static bool precision_is_supported(const matmul *m);

status matmul_create(matmul **out, precision p, int threads, bool fixed_order) {
    *out = NULL;
    if (threads < 1) return status_set(STATUS_INVALID, "the number of threads is %d; it must be at least 1", threads);
    matmul *m = calloc(1, sizeof *m);
    if (!m) return status_set(STATUS_NO_MEMORY, "out of memory");
    m->precision = p, m->threads = threads, m->fixed_order = fixed_order;
    omp_set_num_threads(threads);
    const dnnl_version_t *version = dnnl_version();
    char library[64];
    snprintf(library, sizeof library, "oneDNN %d.%d.%d, instruction set 0x%x", version->major, version->minor, version->patch,
             (unsigned)dnnl_get_effective_cpu_isa());
    if (fixed_order) {
        snprintf(m->description, sizeof m->description, "fixed-order kernel (%s, did not pass the self-test)", library);
    } else {
        dnnl_status_t code = dnnl_engine_create(&m->engine, dnnl_cpu, 0);
        if (code == dnnl_success) code = dnnl_stream_create(&m->stream, m->engine, dnnl_stream_default_flags);
        if (code != dnnl_success) {
            matmul_free(m);
            return dnnl_failed(code, "start");
        }
        if (precision_is_supported(m)) {
            snprintf(m->description, sizeof m->description, "%s", library);
        } else { // bfloat16 on a CPU without it: our own kernel multiplies it everywhere
            m->fixed_order = true;
            snprintf(m->description, sizeof m->description, "fixed-order kernel (%s, has no %s products)", library,
                     precision_name(p));
        }
    }
    *out = m;
    return STATUS_OK;
}

static void product_free(product *p) {
    if (!p->primitive) return;
    dnnl_primitive_destroy(p->primitive);
    dnnl_memory_destroy(p->source), dnnl_memory_destroy(p->destination), dnnl_memory_destroy(p->scratchpad);
    if (p->weights) dnnl_memory_destroy(p->weights);
    *p = (product){0};
}

void matmul_free(matmul *m) {
    if (!m) return;
    for (size_t i = 0; i < CACHE_SIZE; i++) product_free(&m->cache[i]);
    if (m->stream) dnnl_stream_destroy(m->stream);
    if (m->engine) dnnl_engine_destroy(m->engine);
    free(m->scratch);
    free(m);
}

precision matmul_precision(const matmul *m) { return m->precision; }
int matmul_threads(const matmul *m) { return m->threads; }
bool matmul_is_fixed_order(const matmul *m) { return m->fixed_order; }
const char *matmul_description(const matmul *m) { return m->description; }
matmul_work matmul_totals(const matmul *m) { return m->work; }
void matmul_use_threads(const matmul *m) { omp_set_num_threads(m->threads); }

bool matmul_has_bfloat16(void) {
    unsigned isa = (unsigned)dnnl_get_effective_cpu_isa();
    return (isa & (unsigned)dnnl_cpu_isa_avx512_core_bf16) == (unsigned)dnnl_cpu_isa_avx512_core_bf16;
}

size_t matmul_rows(size_t rows) {
    size_t rest = rows % MATMUL_ROWS, step = 1;
    while (step * 32 <= rest) step *= 2;
    return rows - rest + (rest + step - 1) / step * step;
}

// Rows of the first product of one over `rows` rows, whole or rounded up.
static size_t part_rows(size_t rows) {
    size_t padded = matmul_rows(rows < MATMUL_ROWS ? rows : MATMUL_ROWS);
    return padded > PART_ROWS ? padded / PART_ROWS * PART_ROWS : padded;
}

// The smallest number of rows whose first product is of another shape than that of `rows` rows.
static size_t next_part(size_t rows) {
    size_t part = part_rows(rows);
    return part < PART_ROWS ? part + 1 : part + PART_ROWS;
}

// Rows that a gradient of a weight sums over, whole or rounded up. Few rows take as long as 32, for they wait for the gradient.
static size_t depth_rows(size_t rows) {
    size_t step = rows <= 128 ? 8 : rows <= 512 ? 16 : MATMUL_ROOM;
    return (rows + step - 1) / step * step;
}

// ---- packed weights ------------------------------------------------------------------------------------------------------

static status describe(dnnl_memory_desc_t *out, size_t rows, size_t columns, dnnl_data_type_t type, dnnl_format_tag_t tag) {
    dnnl_dims_t dims = {(dnnl_dim_t)rows, (dnnl_dim_t)columns};
    DNNL_TRY(dnnl_memory_desc_init_by_tag(out, 2, dims, type, tag), "describe a matrix");
    return STATUS_OK;
}

static status describe_primitive(const matmul *m, dnnl_primitive_desc_t *out, const dnnl_memory_desc_t *source,
                                 const dnnl_memory_desc_t *weights, const dnnl_memory_desc_t *destination, bool accumulate) {
    dnnl_matmul_desc_t description;
    DNNL_TRY(dnnl_matmul_desc_init(&description, source, weights, NULL, destination), "describe a product");
    dnnl_primitive_attr_t attributes;
    DNNL_TRY(dnnl_primitive_attr_create(&attributes), "describe a product");
    dnnl_post_ops_t after = NULL;
    dnnl_status_t code = dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user);
    if (code == dnnl_success && accumulate) {
        code = dnnl_post_ops_create(&after);
        if (code == dnnl_success) code = dnnl_post_ops_append_sum(after, 1.0f);
        if (code == dnnl_success) code = dnnl_primitive_attr_set_post_ops(attributes, after);
    }
    if (code == dnnl_success) code = dnnl_primitive_desc_create(out, &description, attributes, m->engine, NULL);
    if (after) dnnl_post_ops_destroy(after);
    dnnl_primitive_attr_destroy(attributes);
    return code == dnnl_success ? STATUS_OK : dnnl_failed(code, "plan a product");
}

// The one packed layout of b[K, N], whatever the number of rows: what oneDNN prefers for a full tile of rows.
static status packed_layout(const matmul *m, dnnl_memory_desc_t *out, size_t inner, size_t columns) {
    dnnl_memory_desc_t source, weights, destination;
    TRY(describe(&source, PACKING_ROWS, inner, data_type(m->precision), dnnl_ab));
    TRY(describe(&weights, inner, columns, data_type(m->precision), dnnl_format_tag_any));
    TRY(describe(&destination, PACKING_ROWS, columns, dnnl_f32, dnnl_ab));
    dnnl_primitive_desc_t plan;
    TRY(describe_primitive(m, &plan, &source, &weights, &destination, false));
    *out = *dnnl_primitive_desc_query_md(plan, dnnl_query_weights_md, 0);
    dnnl_primitive_desc_destroy(plan);
    return STATUS_OK;
}

static bool precision_is_supported(const matmul *m) {
    dnnl_memory_desc_t layout;
    return packed_layout(m, &layout, PACKING_ROWS, PACKING_ROWS) == STATUS_OK;
}

size_t linear_bytes(const matmul *m, size_t out, size_t in) {
    size_t a = out * in * precision_bytes(m->precision), b = a;
    dnnl_memory_desc_t one, other;
    if (m->fixed_order)
        a = fixed_order_bytes(in, out, m->precision), b = fixed_order_bytes(out, in, m->precision);
    else if (packed_layout(m, &one, in, out) == STATUS_OK && packed_layout(m, &other, out, in) == STATUS_OK)
        a = dnnl_memory_desc_get_size(&one), b = dnnl_memory_desc_get_size(&other);
    return ((a > b ? a : b) + 63) / 64 * 64;
}

// ---- products ------------------------------------------------------------------------------------------------------------

static status scratch_reserve(matmul *m, size_t bytes) {
    if (bytes <= m->scratch_bytes) return STATUS_OK;
    free(m->scratch);
    m->scratch_bytes = 0;
    m->scratch = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (!m->scratch) return status_set(STATUS_NO_MEMORY, "cannot allocate %zu bytes for products", bytes);
    m->scratch_bytes = bytes;
    return STATUS_OK;
}

static status plan_packing(const matmul *m, dnnl_primitive_desc_t *out, const dnnl_memory_desc_t *plain,
                           const dnnl_memory_desc_t *packed) {
    dnnl_primitive_attr_t attributes;
    DNNL_TRY(dnnl_primitive_attr_create(&attributes), "plan a packing");
    dnnl_status_t code = dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user);
    if (code == dnnl_success) code = dnnl_reorder_primitive_desc_create(out, plain, m->engine, packed, m->engine, attributes);
    dnnl_primitive_attr_destroy(attributes);
    return code == dnnl_success ? STATUS_OK : dnnl_failed(code, "plan a packing");
}

static status describe_columns(dnnl_memory_desc_t *out, size_t rows, size_t columns, dnnl_data_type_t type) {
    dnnl_dims_t dims = {(dnnl_dim_t)rows, (dnnl_dim_t)columns}, strides = {1, (dnnl_dim_t)rows};
    DNNL_TRY(dnnl_memory_desc_init_by_strides(out, 2, dims, type, strides), "describe a matrix");
    return STATUS_OK;
}

static status plan_product(const matmul *m, const product *p, dnnl_primitive_desc_t *plan, dnnl_memory_desc_t *source,
                           dnnl_memory_desc_t *weights, dnnl_memory_desc_t *destination) {
    dnnl_data_type_t type = data_type(m->precision);
    switch (p->kind) {
    case PRODUCT_ROWS:
    case PRODUCT_ROUNDED:
        TRY(describe(source, p->m, p->k, type, dnnl_ab));
        TRY(packed_layout(m, weights, p->k, p->n));
        TRY(describe(destination, p->m, p->n, p->kind == PRODUCT_ROWS ? dnnl_f32 : type, dnnl_ab));
        return describe_primitive(m, plan, source, weights, destination, false);
    case PRODUCT_WEIGHT:
        TRY(describe_columns(source, p->m, p->k, type));
        TRY(describe(weights, p->k, p->n, type, dnnl_ab));
        TRY(describe(destination, p->m, p->n, dnnl_f32, dnnl_ab));
        return describe_primitive(m, plan, source, weights, destination, true);
    case PACK_FORWARD: // the plain matrix read by columns
        TRY(describe_columns(source, p->n, p->m, dnnl_f32));
        TRY(packed_layout(m, destination, p->n, p->m));
        return plan_packing(m, plan, source, destination);
    default:
        TRY(describe(source, p->m, p->n, dnnl_f32, dnnl_ab));
        TRY(packed_layout(m, destination, p->m, p->n));
        return plan_packing(m, plan, source, destination);
    }
}

static status product_create(matmul *m, product *p) {
    dnnl_memory_desc_t source, weights, destination;
    dnnl_primitive_desc_t plan;
    TRY(plan_product(m, p, &plan, &source, &weights, &destination));
    bool multiplies = p->kind != PACK_FORWARD && p->kind != PACK_BACKWARD;
    const dnnl_memory_desc_t *scratchpad = dnnl_primitive_desc_query_md(plan, dnnl_query_scratchpad_md, 0);
    p->scratch_bytes = dnnl_memory_desc_get_size(scratchpad);
    dnnl_status_t code = dnnl_memory_create(&p->scratchpad, scratchpad, m->engine, DNNL_MEMORY_NONE);
    if (code == dnnl_success) code = dnnl_memory_create(&p->source, &source, m->engine, DNNL_MEMORY_NONE);
    if (code == dnnl_success && multiplies) code = dnnl_memory_create(&p->weights, &weights, m->engine, DNNL_MEMORY_NONE);
    if (code == dnnl_success) code = dnnl_memory_create(&p->destination, &destination, m->engine, DNNL_MEMORY_NONE);
    if (code == dnnl_success) code = dnnl_primitive_create(&p->primitive, plan);
    dnnl_primitive_desc_destroy(plan);
    return code == dnnl_success ? STATUS_OK : dnnl_failed(code, "build a product");
}

static status product_find(matmul *m, product_kind kind, size_t rows, size_t columns, size_t inner, product **out) {
    if (m->cached == CACHE_MOST) { // models of one kind stay below it; a fresh start bounds the memory of primitives
        for (size_t i = 0; i < CACHE_SIZE; i++) product_free(&m->cache[i]);
        m->cached = 0;
    }
    uint64_t key = ((uint64_t)kind << 61) ^ ((uint64_t)rows << 40) ^ ((uint64_t)columns << 20) ^ inner;
    size_t slot = (size_t)(key * 0x9E3779B97F4A7C15u >> (64 - CACHE_BITS));
    for (;; slot = (slot + 1) % CACHE_SIZE) {
        product *p = &m->cache[slot];
        if (!p->primitive) {
            *p = (product){.kind = kind, .m = rows, .n = columns, .k = inner};
            TRY(product_create(m, p));
            TRY(scratch_reserve(m, p->scratch_bytes));
            m->cached++;
            *out = p;
            return STATUS_OK;
        }
        if (p->kind == kind && p->m == rows && p->n == columns && p->k == inner) {
            *out = p;
            return STATUS_OK;
        }
    }
}

// weights: NULL for packing.
static status product_run(matmul *m, product *p, const void *source, const void *weights, void *destination) {
    DNNL_TRY(dnnl_memory_set_data_handle(p->source, (void *)source), "bind a matrix");
    DNNL_TRY(dnnl_memory_set_data_handle(p->destination, destination), "bind a matrix");
    DNNL_TRY(dnnl_memory_set_data_handle(p->scratchpad, m->scratch), "bind a matrix");
    if (weights) DNNL_TRY(dnnl_memory_set_data_handle(p->weights, (void *)weights), "bind a matrix");
    dnnl_exec_arg_t arguments[] = {{DNNL_ARG_SRC, p->source}, // packing knows them as DNNL_ARG_FROM and DNNL_ARG_TO
                                   {DNNL_ARG_DST, p->destination},
                                   {DNNL_ARG_SCRATCHPAD, p->scratchpad},
                                   {DNNL_ARG_WEIGHTS, p->weights}};
    DNNL_TRY(dnnl_primitive_execute(p->primitive, m->stream, weights ? 4 : 3, arguments), "run a product");
    DNNL_TRY(dnnl_stream_wait(m->stream), "run a product");
    return STATUS_OK;
}

static product_kind rows_kind(bool rounds) { return rounds ? PRODUCT_ROUNDED : PRODUCT_ROWS; }

status matmul_prepare(matmul *m, const linear *l, size_t rows, size_t depth) {
    size_t out = l->out, in = l->in;
    product *p;
    if (m->fixed_order) return STATUS_OK;
    TRY(product_find(m, PACK_FORWARD, out, in, 0, &p));
    if (depth) TRY(product_find(m, PACK_BACKWARD, out, in, 0, &p));
    for (size_t r = 1; r <= rows && r <= MATMUL_ROWS; r = next_part(r)) {
        TRY(product_find(m, rows_kind(l->rounds_y), part_rows(r), out, in, &p));
        if (depth) TRY(product_find(m, rows_kind(l->rounds_dx), part_rows(r), in, out, &p));
    }
    for (size_t r = 1; r <= depth && r <= MATMUL_DEPTH; r = depth_rows(r) + 1)
        TRY(product_find(m, PRODUCT_WEIGHT, out, in, depth_rows(r), &p));
    return STATUS_OK;
}

size_t matmul_prepared_bytes(const matmul *m, size_t rows, size_t depth) {
    if (m->fixed_order) return 0;
    size_t count = depth ? 2 : 1;
    for (size_t r = 1; r <= rows && r <= MATMUL_ROWS; r = next_part(r)) count += depth ? 2 : 1;
    for (size_t r = 1; r <= depth && r <= MATMUL_DEPTH; r = depth_rows(r) + 1) count++;
    return count * PRIMITIVE_BYTES;
}

status linear_pack(matmul *m, const linear *l, const float *weight) {
    if (m->fixed_order) {
        if (l->forward) fixed_order_pack(l->forward, weight, l->in, l->out, 1, l->in, m->precision);
        if (l->backward) fixed_order_pack(l->backward, weight, l->out, l->in, l->in, 1, m->precision);
        return STATUS_OK;
    }
    product *p;
    if (l->forward) {
        TRY(product_find(m, PACK_FORWARD, l->out, l->in, 0, &p));
        TRY(product_run(m, p, weight, NULL, l->forward));
    }
    if (l->backward) {
        TRY(product_find(m, PACK_BACKWARD, l->out, l->in, 0, &p));
        TRY(product_run(m, p, weight, NULL, l->backward));
    }
    return STATUS_OK;
}

static void zero_rows(void *x, size_t from, size_t to, size_t width, precision p) {
    memset((unsigned char *)x + from * width * precision_bytes(p), 0, (to - from) * width * precision_bytes(p));
}

static void count_work(matmul *m, size_t rows, size_t padded, size_t inner, size_t columns) {
    m->work.needed += (uint64_t)rows * inner * columns;
    m->work.done += (uint64_t)padded * inner * columns;
}

static status rows_product(matmul *m, const void *packed, void *y, bool rounds, void *x, size_t rows, size_t inner,
                           size_t columns) {
    precision to = rounds ? m->precision : PRECISION_FLOAT32;
    if (m->fixed_order) {
        count_work(m, rows, rows, inner, columns);
        fixed_order_product(y, to, x, packed, rows, inner, columns, m->precision);
        return STATUS_OK;
    }
    size_t row_bytes = inner * precision_bytes(m->precision);
    for (size_t first = 0, count; first < rows; first += count) {
        size_t padded = part_rows(rows - first);
        count = rows - first < padded ? rows - first : padded;
        unsigned char *from = (unsigned char *)x + first * row_bytes;
        zero_rows(from, count, padded, inner, m->precision);
        product *p;
        TRY(product_find(m, rows_kind(rounds), padded, columns, inner, &p));
        TRY(product_run(m, p, from, packed, (unsigned char *)y + first * columns * precision_bytes(to)));
        count_work(m, count, padded, inner, columns);
    }
    return STATUS_OK;
}

status linear_forward(matmul *m, const linear *l, void *y, void *x, size_t rows) {
    return rows_product(m, l->forward, y, l->rounds_y, x, rows, l->in, l->out);
}

status linear_backward_input(matmul *m, const linear *l, void *dx, void *dy, size_t rows) {
    return rows_product(m, l->backward, dx, l->rounds_dx, dy, rows, l->out, l->in);
}

static status weight_product(matmul *m, size_t out, size_t in, float *dw, void *dy, void *x, size_t rows) {
    size_t padded = depth_rows(rows);
    zero_rows(x, rows, padded, in, m->precision);
    zero_rows(dy, rows, padded, out, m->precision);
    count_work(m, rows, padded, out, in);
    product *p;
    TRY(product_find(m, PRODUCT_WEIGHT, out, in, padded, &p));
    return product_run(m, p, dy, x, dw);
}

status linear_backward_weight(matmul *m, size_t out, size_t in, float *dw, void *dy, void *x, size_t rows) {
    if (m->fixed_order) {
        count_work(m, rows, rows, out, in);
        fixed_order_accumulate(dw, dy, x, rows, out, in, m->precision);
        return STATUS_OK;
    }
    size_t bytes = precision_bytes(m->precision);
    for (size_t first = 0; first < rows; first += MATMUL_DEPTH) {
        size_t count = rows - first < MATMUL_DEPTH ? rows - first : MATMUL_DEPTH;
        TRY(weight_product(m, out, in, dw, (unsigned char *)dy + first * out * bytes, (unsigned char *)x + first * in * bytes,
                           count));
    }
    return STATUS_OK;
}
