// Row kernels: norms, rotary embedding, SwiGLU, embedding, biases, rounding. Contracts and shapes are in tensor/ops.h.
//
// Each forward kernel treats its rows one by one; each backward that sums over rows divides the columns among the threads and
// adds the rows in order, so no sum depends on the number of threads.
#include "tensor/ops.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "tensor/cpu/vector.h"
#include "tensor/parallel.h"

enum { COLUMN_BLOCK = 64 };          // columns that one thread sums at a time
enum { BLOCK_NUMBERS = 1024 };       // numbers that one call of an elementwise kernel works on
enum { PARALLEL_NUMBERS = 1 << 14 }; // below this many numbers a kernel runs on one thread

const char *precision_name(precision p) { return p == PRECISION_FLOAT32 ? "float32" : "bfloat16"; }

VECTOR_INLINE size_t lanes_left(size_t i, size_t width) { return width - i < 16 ? width - i : 16; }

ROW_FUNCTION round_block(void *y, const float *x, size_t first, size_t count, precision p) {
    size_t end = count - first < BLOCK_NUMBERS ? count : first + BLOCK_NUMBERS;
    for (size_t i = first; i < end; i += 16) {
        size_t n = lanes_left(i, end);
        vector_store_numbers(y, i, vector_load_part(x + i, n, 0.0f), n, p);
    }
}

void numbers_round(void *y, const float *x, size_t count, precision p) {
    FOR_EACH(i, count, BLOCK_NUMBERS, count > PARALLEL_NUMBERS, round_block(y, x, i, count, p));
}

float number_rounded(float x, precision p) {
    if (p == PRECISION_FLOAT32) return x;
    return vector_from_bfloat16(vector_to_bfloat16(vector_all(x)))[0];
}

ROW_FUNCTION add_row(float *y, const float *x, const float *a, size_t width) {
    for (size_t i = 0; i < width; i++) y[i] = x[i] + a[i];
}

void add_forward(float *y, const float *x, const float *a, size_t rows, size_t width) {
    FOR_EACH(r, rows, 1, rows * width > PARALLEL_NUMBERS, add_row(y + r * width, x + r * width, a + r * width, width));
}

ROW_FUNCTION bias_row(void *x, size_t first, const float *bias, size_t width, precision p) {
    for (size_t i = 0; i < width; i += 16) {
        size_t n = lanes_left(i, width);
        vector_store_numbers(x, first + i, vector_load_numbers(x, first + i, n, p) + vector_load_part(bias + i, n, 0.0f), n, p);
    }
}

void bias_forward(void *x, const float *bias, size_t rows, size_t width, precision p) {
    FOR_EACH(r, rows, 1, rows * width > PARALLEL_NUMBERS, bias_row(x, r * width, bias, width, p));
}

// Columns c0 .. c0 + COLUMN_BLOCK - 1.
ROW_FUNCTION bias_columns(float *dbias, const float *dx, size_t c0, size_t rows, size_t width) {
    size_t end = c0 + COLUMN_BLOCK < width ? c0 + COLUMN_BLOCK : width;
    for (size_t r = 0; r < rows; r++)
        for (size_t c = c0; c < end; c++) dbias[c] += dx[r * width + c];
}

void bias_backward(float *dbias, const float *dx, size_t rows, size_t width) {
    FOR_EACH(c, width, COLUMN_BLOCK, rows * width > PARALLEL_NUMBERS, bias_columns(dbias, dx, c, rows, width));
}

static float inverse_root_mean_square(const float *x, float eps, size_t width) {
    f32x16 sum = vector_all(0.0f);
    for (size_t i = 0; i < width; i += 16) {
        f32x16 v = vector_load_part(x + i, lanes_left(i, width), 0.0f);
        sum += v * v;
    }
    return 1.0f / sqrtf(vector_sum(sum) / (float)width + eps);
}

ROW_FUNCTION rmsnorm_row(void *y, size_t index, const float *x, const float *gain, float eps, size_t width, precision p) {
    f32x16 scale = vector_all(inverse_root_mean_square(x, eps, width));
    for (size_t i = 0; i < width; i += 16) {
        size_t n = lanes_left(i, width);
        vector_store_numbers(y, index + i, vector_load_part(x + i, n, 0.0f) * scale * vector_load_part(gain + i, n, 0.0f), n, p);
    }
}

void rmsnorm_forward(void *y, const float *x, const float *gain, float eps, size_t rows, size_t width, precision p) {
    FOR_EACH(r, rows, 1, rows * width > PARALLEL_NUMBERS, rmsnorm_row(y, r * width, x + r * width, gain, eps, width, p));
}

ROW_FUNCTION residual_norm_row(void *y, size_t index, float *stream, const float *x, const float *delta, const float *gain,
                               float eps, size_t width, precision p) {
    for (size_t i = 0; i < width; i++) stream[i] = x[i] + delta[i];
    rmsnorm_row(y, index, stream, gain, eps, width, p);
}

void residual_norm_forward(void *y, float *stream, const float *x, const float *delta, const float *gain, float eps, size_t rows,
                           size_t width, precision p) {
    FOR_EACH(r, rows, 1, rows * width > PARALLEL_NUMBERS,
             residual_norm_row(y, r * width, stream + r * width, x + r * width, delta + r * width, gain, eps, width, p));
}

// With s = 1/rms and n = x s: y = n g, so dx = s (g dy - n mean(g dy n)).
ROW_FUNCTION rmsnorm_row_backward(float *dx, const float *dy, const float *x, const float *gain, float s, size_t width,
                                  int accumulate) {
    f32x16 dot = vector_all(0.0f);
    for (size_t i = 0; i < width; i += 16) {
        size_t n = lanes_left(i, width);
        dot += vector_load_part(dy + i, n, 0.0f) * vector_load_part(gain + i, n, 0.0f) * vector_load_part(x + i, n, 0.0f);
    }
    f32x16 scale = vector_all(s), shared = vector_all(vector_sum(dot) * s * s * s / (float)width);
    for (size_t i = 0; i < width; i += 16) {
        size_t n = lanes_left(i, width);
        f32x16 v = scale * vector_load_part(gain + i, n, 0.0f) * vector_load_part(dy + i, n, 0.0f) -
                   shared * vector_load_part(x + i, n, 0.0f);
        if (accumulate) v += vector_load_part(dx + i, n, 0.0f);
        vector_store_part(dx + i, v, n);
    }
}

// Row r of dx, of dx in precision p where it is wanted, and of `inverse`.
ROW_FUNCTION rmsnorm_whole_row_backward(float *dx, void *rounded, size_t r, const float *dy, const float *x, const float *gain,
                                        float eps, size_t width, float *inverse, precision p) {
    float *to = dx + r * width;
    inverse[r] = inverse_root_mean_square(x + r * width, eps, width);
    rmsnorm_row_backward(to, dy + r * width, x + r * width, gain, inverse[r], width, 1);
    for (size_t i = 0; rounded && i < width; i += 16) {
        size_t n = lanes_left(i, width);
        vector_store_numbers(rounded, r * width + i, vector_load_part(to + i, n, 0.0f), n, p);
    }
}

ROW_FUNCTION rmsnorm_columns(float *dgain, const float *dy, const float *x, const float *inverse, size_t c0, size_t rows,
                             size_t width) {
    size_t end = c0 + COLUMN_BLOCK < width ? c0 + COLUMN_BLOCK : width;
    for (size_t r = 0; r < rows; r++)
        for (size_t c = c0; c < end; c++) dgain[c] += dy[r * width + c] * x[r * width + c] * inverse[r];
}

void rmsnorm_backward(float *dx, void *rounded, float *dgain, const float *dy, const float *x, const float *gain, float eps,
                      size_t rows, size_t width, float *inverse, precision p) {
    bool parallel = rows * width > PARALLEL_NUMBERS;
    FOR_EACH(r, rows, 1, parallel, rmsnorm_whole_row_backward(dx, rounded, r, dy, x, gain, eps, width, inverse, p));
    FOR_EACH(c, width, COLUMN_BLOCK, parallel, rmsnorm_columns(dgain, dy, x, inverse, c, rows, width));
}

static void headnorm_row(float *x, const float *gain, float eps, size_t heads, size_t width) {
    for (size_t h = 0; h < heads; h++) rmsnorm_row(x, h * width, x + h * width, gain, eps, width, PRECISION_FLOAT32);
}

ROW_FUNCTION headnorm_row_backward(float *dx, const float *x, const float *gain, float eps, size_t heads, size_t width) {
    for (size_t h = 0; h < heads; h++) {
        float *d = dx + h * width;
        const float *head = x + h * width;
        rmsnorm_row_backward(d, d, head, gain, inverse_root_mean_square(head, eps, width), width, 0);
    }
}

// dx in place: on entry the gradient by the output, on return by the input x (the values before the norm). dgain[D] +=. Rows are
// `stride` and `x_stride` numbers apart.
static void headnorm_backward(float *dx, size_t stride, float *dgain, const float *x, size_t x_stride, const float *gain,
                              float eps, size_t rows, size_t heads, size_t width) {
    // D numbers only: one thread, rows and heads in order
    for (size_t r = 0; r < rows; r++)
        for (size_t h = 0; h < heads; h++) {
            const float *head = x + r * x_stride + h * width, *dy = dx + r * stride + h * width;
            float s = inverse_root_mean_square(head, eps, width);
            for (size_t c = 0; c < width; c++) dgain[c] += dy[c] * head[c] * s;
        }
    FOR_EACH(r, rows, 1, rows * heads * width > PARALLEL_NUMBERS,
             headnorm_row_backward(dx + r * stride, x + r * x_stride, gain, eps, heads, width));
}

ROW_FUNCTION rope_angles(float *angles, int32_t position, const float *inverse_frequency, size_t half) {
    for (size_t i = 0; i < half; i++) {
        float angle = (float)position * inverse_frequency[i];
        angles[i] = cosf(angle);
        angles[half + i] = sinf(angle);
    }
}

void rope_table(float *angles, const int32_t *position, const float *inverse_frequency, size_t rows, size_t width) {
    FOR_EACH(r, rows, 1, rows * width > PARALLEL_NUMBERS / 8,
             rope_angles(angles + r * width, position[r], inverse_frequency, width / 2));
}

// Half-split pairs (i, i + D/2) of each head of one row; sign -1 turns back.
static void rope_row(float *x, const float *angles, size_t heads, size_t width, float sign) {
    size_t half = width / 2;
    const float *cosine = angles, *sine = angles + half;
    for (size_t h = 0; h < heads; h++) {
        float *a = x + h * width, *b = a + half;
        for (size_t i = 0; i < half; i += 16) {
            size_t n = lanes_left(i, half);
            f32x16 c = vector_load_part(cosine + i, n, 0.0f), s = vector_all(sign) * vector_load_part(sine + i, n, 0.0f);
            f32x16 first = vector_load_part(a + i, n, 0.0f), second = vector_load_part(b + i, n, 0.0f);
            vector_store_part(a + i, first * c - second * s, n);
            vector_store_part(b + i, second * c + first * s, n);
        }
    }
}

// to[width] = numbers first .. first + width - 1 of x.
ROW_FUNCTION widen_row(float *to, const void *x, size_t first, size_t width, precision p) {
    for (size_t i = 0; i < width; i += 16) {
        size_t n = lanes_left(i, width);
        vector_store_part(to + i, vector_load_numbers(x, first + i, n, p), n);
    }
}

void rotation_row(const rotation *s, float *to, const void *qkv, const float *angles, precision p) {
    size_t query = s->heads * s->width, key = s->kv_heads * s->width;
    widen_row(to, qkv, 0, query + key, p);
    if (s->q_gain) headnorm_row(to, s->q_gain, s->eps, s->heads, s->width);
    if (s->k_gain) headnorm_row(to + query, s->k_gain, s->eps, s->kv_heads, s->width);
    rope_row(to, angles, s->heads + s->kv_heads, s->width, 1.0f);
}

void rotation_forward(const rotation *s, float *rotated, const void *qkv, const float *angles, size_t rows, precision p) {
    size_t query = s->heads * s->width, key = s->kv_heads * s->width;
    FOR_EACH(r, rows, 1, rows * query > PARALLEL_NUMBERS,
             rotation_row(s, rotated + r * (query + key), number_at(qkv, r * (query + 2 * key), p), angles + r * s->width, p));
}

ROW_FUNCTION rotation_row_backward(const rotation *s, float *to, const float *d_query, const float *d_key, const float *d_value,
                                   const float *angles) {
    size_t query = s->heads * s->width, key = s->kv_heads * s->width;
    memcpy(to, d_query, query * sizeof(float));
    memcpy(to + query, d_key, key * sizeof(float));
    memcpy(to + query + key, d_value, key * sizeof(float));
    rope_row(to, angles, s->heads + s->kv_heads, s->width, -1.0f);
}

void rotation_backward(const rotation *s, float *d_qkv, const float *d_query, const float *d_key, const float *d_value,
                       const void *qkv, const float *angles, float *d_q_gain, float *d_k_gain, float *scratch, size_t rows,
                       precision p) {
    size_t query = s->heads * s->width, key = s->kv_heads * s->width, stride = query + 2 * key, x_stride = query + key;
    FOR_EACH(r, rows, 1, rows * query > PARALLEL_NUMBERS,
             rotation_row_backward(s, d_qkv + r * stride, d_query + r * query, d_key + r * key, d_value + r * key,
                                   angles + r * s->width));
    if (s->q_gain || s->k_gain)
        FOR_EACH(r, rows, 1, rows * query > PARALLEL_NUMBERS, widen_row(scratch + r * x_stride, qkv, r * stride, x_stride, p));
    if (s->q_gain) headnorm_backward(d_qkv, stride, d_q_gain, scratch, x_stride, s->q_gain, s->eps, rows, s->heads, s->width);
    if (s->k_gain)
        headnorm_backward(d_qkv + query, stride, d_k_gain, scratch + query, x_stride, s->k_gain, s->eps, rows, s->kv_heads,
                          s->width);
}

// sigmoid(g) from an exponential that cannot overflow.
VECTOR_INLINE f32x16 vector_sigmoid(f32x16 g) {
    i32x16 negative = (i32x16)(g < vector_all(0.0f));
    f32x16 e = vector_exp_negative(vector_select(negative, g, -g));
    return vector_select(negative, e, vector_all(1.0f)) / (vector_all(1.0f) + e);
}

ROW_FUNCTION swiglu_row(void *y, const void *gate_up, size_t row, size_t width, precision p) {
    for (size_t i = 0; i < width; i += 16) {
        size_t n = lanes_left(i, width), index = row * 2 * width + i;
        f32x16 g = vector_load_numbers(gate_up, index, n, p), u = vector_load_numbers(gate_up, index + width, n, p);
        vector_store_numbers(y, row * width + i, g * vector_sigmoid(g) * u, n, p);
    }
}

void swiglu_forward(void *y, const void *gate_up, size_t rows, size_t width, precision p) {
    FOR_EACH(r, rows, 1, rows * width > PARALLEL_NUMBERS, swiglu_row(y, gate_up, r, width, p));
}

// silu(g) = g s with s = sigmoid(g): d/dg = s (1 + g (1 - s)).
ROW_FUNCTION swiglu_row_backward(void *dgate_up, void *y, const void *dy, const void *gate_up, size_t row, size_t width,
                                 precision p) {
    for (size_t i = 0; i < width; i += 16) {
        size_t n = lanes_left(i, width), index = row * 2 * width + i;
        f32x16 g = vector_load_numbers(gate_up, index, n, p), u = vector_load_numbers(gate_up, index + width, n, p);
        f32x16 d = vector_load_numbers(dy, row * width + i, n, p);
        f32x16 s = vector_sigmoid(g);
        vector_store_numbers(y, row * width + i, g * s * u, n, p);
        vector_store_numbers(dgate_up, index, d * u * s * (vector_all(1.0f) + g * (vector_all(1.0f) - s)), n, p);
        vector_store_numbers(dgate_up, index + width, d * g * s, n, p);
    }
}

void swiglu_backward(void *dgate_up, void *y, const void *dy, const void *gate_up, size_t rows, size_t width, precision p) {
    FOR_EACH(r, rows, 1, rows * width > PARALLEL_NUMBERS, swiglu_row_backward(dgate_up, y, dy, gate_up, r, width, p));
}

void embedding_forward(float *y, const float *table, const int32_t *token, size_t rows, size_t width) {
    for (size_t r = 0; r < rows; r++) memcpy(y + r * width, table + (size_t)token[r] * width, width * sizeof(float));
}

ROW_FUNCTION embedding_columns(float *dtable, const float *dy, const int32_t *token, size_t c0, size_t rows, size_t width) {
    size_t end = c0 + COLUMN_BLOCK < width ? c0 + COLUMN_BLOCK : width;
    for (size_t r = 0; r < rows; r++) {
        float *row = dtable + (size_t)token[r] * width;
        for (size_t c = c0; c < end; c++) row[c] += dy[r * width + c];
    }
}

void embedding_backward(float *dtable, const float *dy, const int32_t *token, size_t rows, size_t width) {
    FOR_EACH(c, width, COLUMN_BLOCK, rows * width > PARALLEL_NUMBERS, embedding_columns(dtable, dy, token, c, rows, width));
}

ROW_FUNCTION layernorm_row(float *y, const float *x, const float *gain, const float *shift, float eps, size_t width) {
    f32x16 sum = vector_all(0.0f), squares = vector_all(0.0f);
    for (size_t i = 0; i < width; i += 16) sum += vector_load_part(x + i, lanes_left(i, width), 0.0f);
    float mean = vector_sum(sum) / (float)width;
    for (size_t i = 0; i < width; i += 16) {
        f32x16 v = vector_load_part(x + i, lanes_left(i, width), mean) - vector_all(mean);
        squares += v * v;
    }
    f32x16 scale = vector_all(1.0f / sqrtf(vector_sum(squares) / (float)width + eps));
    for (size_t i = 0; i < width; i += 16) {
        size_t n = lanes_left(i, width);
        f32x16 v = (vector_load_part(x + i, n, 0.0f) - vector_all(mean)) * scale;
        vector_store_part(y + i, v * vector_load_part(gain + i, n, 0.0f) + vector_load_part(shift + i, n, 0.0f), n);
    }
}

void layernorm_forward(float *y, const float *x, const float *gain, const float *shift, float eps, size_t rows, size_t width) {
    FOR_EACH(r, rows, 1, rows * width > PARALLEL_NUMBERS, layernorm_row(y + r * width, x + r * width, gain, shift, eps, width));
}

// x (1 + erf(x / sqrt 2)) / 2 with q = erfc(|x| / sqrt 2) / 2: x - x q for positive x, x q otherwise, which loses nothing far out
// on either side. erfc is Abramowitz and Stegun's 7.1.26 (within 1.5e-7): the result is within 4e-7 of the exact one.
VECTOR_INLINE f32x16 vector_gelu(f32x16 x) {
    f32x16 z = vector_select((i32x16)(x < vector_all(0.0f)), -x, x) * vector_all(0.70710678f);
    f32x16 t = vector_all(1.0f) / (vector_all(1.0f) + vector_all(0.3275911f) * z);
    f32x16 p = vector_all(1.061405429f);
    p = p * t + vector_all(-1.453152027f);
    p = p * t + vector_all(1.421413741f);
    p = p * t + vector_all(-0.284496736f);
    p = p * t + vector_all(0.254829592f);
    f32x16 far = x * (vector_all(0.5f) * p * t * vector_exp_negative(x * x * vector_all(-0.5f)));
    return vector_select((i32x16)(x > vector_all(0.0f)), x - far, far);
}

ROW_FUNCTION gelu_block(void *y, const float *x, size_t first, size_t count, precision p) {
    size_t end = count - first < BLOCK_NUMBERS ? count : first + BLOCK_NUMBERS;
    for (size_t i = first; i < end; i += 16) {
        size_t n = lanes_left(i, end);
        vector_store_numbers(y, i, vector_gelu(vector_load_part(x + i, n, 0.0f)), n, p);
    }
}

void gelu_forward(void *y, const float *x, size_t count, precision p) {
    FOR_EACH(i, count, BLOCK_NUMBERS, count > PARALLEL_NUMBERS, gelu_block(y, x, i, count, p));
}
