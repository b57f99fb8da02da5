// Row kernels: norms, rotary embedding, SwiGLU, embedding, biases, rounding. Contracts and shapes are in tensor/ops.h.
//
// Each forward kernel treats its rows one by one; each backward that sums over rows divides the columns among the threads and
// adds the rows in order, so no sum depends on the number of threads.
#include "tensor/ops.h"

#include <math.h>
#include <string.h>

#include "tensor/cpu/vector.h"

enum { COLUMN_BLOCK = 64 };          // columns that one thread sums at a time
enum { PARALLEL_NUMBERS = 1 << 14 }; // below this many numbers a kernel runs on one thread

const char *precision_name(precision p) { return p == PRECISION_FLOAT32 ? "float32" : "bfloat16"; }

// Stores 16 lanes, or the first `count` of them, at number `index` of y in precision p.
VECTOR_INLINE void store_number(void *y, size_t index, f32x16 v, size_t count, precision p) {
    if (p == PRECISION_FLOAT32) {
        memcpy((float *)y + index, &v, count * sizeof(float));
    } else {
        u16x16 rounded = vector_to_bfloat16(v);
        memcpy((uint16_t *)y + index, &rounded, count * sizeof(uint16_t));
    }
}

VECTOR_INLINE f32x16 load_count(const float *x, size_t count) {
    return count == 16 ? vector_load(x) : vector_load_part(x, count, 0.0f);
}
VECTOR_INLINE size_t lanes_left(size_t i, size_t width) { return width - i < 16 ? width - i : 16; }

// Kernels that others call on a few rows within their own parallel loops do not even open a parallel region then: an inactive
// one costs the allocation of a team.

static void round_lanes(void *y, const float *x, size_t i, size_t count, precision p) {
    size_t n = lanes_left(i, count);
    store_number(y, i, load_count(x + i, n), n, p);
}

void numbers_round(void *y, const float *x, size_t count, precision p) {
    if (count <= PARALLEL_NUMBERS) {
        for (size_t i = 0; i < count; i += 16) round_lanes(y, x, i, count, p);
        return;
    }
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < count; i += 16) round_lanes(y, x, i, count, p);
}

float number_rounded(float x, precision p) {
    if (p == PRECISION_FLOAT32) return x;
    return vector_from_bfloat16(vector_to_bfloat16(vector_all(x)))[0];
}

void add_forward(float *y, const float *x, const float *a, size_t rows, size_t width) {
    size_t count = rows * width;
#pragma omp parallel for schedule(static) if (count > PARALLEL_NUMBERS)
    for (size_t i = 0; i < count; i++) y[i] = x[i] + a[i];
}

static void bias_row(float *x, const float *bias, size_t width) {
    for (size_t c = 0; c < width; c++) x[c] += bias[c];
}

void bias_forward(float *x, const float *bias, size_t rows, size_t width) {
    if (rows * width <= PARALLEL_NUMBERS) {
        for (size_t r = 0; r < rows; r++) bias_row(x + r * width, bias, width);
        return;
    }
#pragma omp parallel for schedule(static)
    for (size_t r = 0; r < rows; r++) bias_row(x + r * width, bias, width);
}

void bias_backward(float *dbias, const float *dx, size_t rows, size_t width) {
#pragma omp parallel for schedule(static) if (rows * width > PARALLEL_NUMBERS)
    for (size_t c0 = 0; c0 < width; c0 += COLUMN_BLOCK) {
        size_t end = c0 + COLUMN_BLOCK < width ? c0 + COLUMN_BLOCK : width;
        for (size_t r = 0; r < rows; r++)
            for (size_t c = c0; c < end; c++) dbias[c] += dx[r * width + c];
    }
}

static float inverse_root_mean_square(const float *x, float eps, size_t width) {
    f32x16 sum = vector_all(0.0f);
    for (size_t i = 0; i < width; i += 16) {
        f32x16 v = load_count(x + i, lanes_left(i, width));
        sum += v * v;
    }
    return 1.0f / sqrtf(vector_sum(sum) / (float)width + eps);
}

static void rmsnorm_row(void *y, size_t index, const float *x, const float *gain, float eps, size_t width, precision p) {
    f32x16 scale = vector_all(inverse_root_mean_square(x, eps, width));
    for (size_t i = 0; i < width; i += 16) {
        size_t n = lanes_left(i, width);
        store_number(y, index + i, load_count(x + i, n) * scale * load_count(gain + i, n), n, p);
    }
}

void rmsnorm_forward(void *y, const float *x, const float *gain, float eps, size_t rows, size_t width, precision p) {
#pragma omp parallel for schedule(static) if (rows * width > PARALLEL_NUMBERS)
    for (size_t r = 0; r < rows; r++) rmsnorm_row(y, r * width, x + r * width, gain, eps, width, p);
}

// With s = 1/rms and n = x s: y = n g, so dx = s (g dy - n mean(g dy n)).
static void rmsnorm_row_backward(float *dx, const float *dy, const float *x, const float *gain, float eps, size_t width,
                                 int accumulate) {
    float s = inverse_root_mean_square(x, eps, width);
    f32x16 dot = vector_all(0.0f);
    for (size_t i = 0; i < width; i += 16) {
        size_t n = lanes_left(i, width);
        dot += load_count(dy + i, n) * load_count(gain + i, n) * load_count(x + i, n);
    }
    f32x16 scale = vector_all(s), shared = vector_all(vector_sum(dot) * s * s * s / (float)width);
    for (size_t i = 0; i < width; i += 16) {
        size_t n = lanes_left(i, width);
        f32x16 v = scale * load_count(gain + i, n) * load_count(dy + i, n) - shared * load_count(x + i, n);
        if (accumulate) v += load_count(dx + i, n);
        vector_store_part(dx + i, v, n);
    }
}

void rmsnorm_backward(float *dx, float *dgain, const float *dy, const float *x, const float *gain, float eps, size_t rows,
                      size_t width) {
    if (dgain) {
#pragma omp parallel for schedule(static) if (rows * width > PARALLEL_NUMBERS)
        for (size_t c0 = 0; c0 < width; c0 += COLUMN_BLOCK) {
            size_t end = c0 + COLUMN_BLOCK < width ? c0 + COLUMN_BLOCK : width;
            for (size_t r = 0; r < rows; r++) {
                // The row's statistic is computed again by each block of columns: cheaper than storing it.
                float s = inverse_root_mean_square(x + r * width, eps, width);
                for (size_t c = c0; c < end; c++) dgain[c] += dy[r * width + c] * x[r * width + c] * s;
            }
        }
    }
#pragma omp parallel for schedule(static) if (rows * width > PARALLEL_NUMBERS)
    for (size_t r = 0; r < rows; r++) rmsnorm_row_backward(dx + r * width, dy + r * width, x + r * width, gain, eps, width, 1);
}

void headnorm_forward(float *x, size_t stride, const float *gain, float eps, size_t rows, size_t heads, size_t width) {
#pragma omp parallel for schedule(static) if (rows * heads * width > PARALLEL_NUMBERS)
    for (size_t r = 0; r < rows; r++)
        for (size_t h = 0; h < heads; h++) {
            float *head = x + r * stride + h * width;
            rmsnorm_row(head, 0, head, gain, eps, width, PRECISION_FLOAT32);
        }
}

void headnorm_backward(float *dx, size_t dx_stride, float *dgain, const float *x, size_t x_stride, const float *gain, float eps,
                       size_t rows, size_t heads, size_t width) {
    if (dgain) // D numbers only: one thread, rows and heads in order
        for (size_t r = 0; r < rows; r++)
            for (size_t h = 0; h < heads; h++) {
                const float *head = x + r * x_stride + h * width, *dy = dx + r * dx_stride + h * width;
                float s = inverse_root_mean_square(head, eps, width);
                for (size_t c = 0; c < width; c++) dgain[c] += dy[c] * head[c] * s;
            }
#pragma omp parallel for schedule(static) if (rows * heads * width > PARALLEL_NUMBERS)
    for (size_t r = 0; r < rows; r++)
        for (size_t h = 0; h < heads; h++) {
            float *d = dx + r * dx_stride + h * width;
            rmsnorm_row_backward(d, d, x + r * x_stride + h * width, gain, eps, width, 0);
        }
}

void rope_table(float *angles, const int32_t *position, const float *inverse_frequency, size_t rows, size_t width) {
    size_t half = width / 2;
#pragma omp parallel for schedule(static) if (rows * width > PARALLEL_NUMBERS / 8)
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < half; i++) {
            float angle = (float)position[r] * inverse_frequency[i];
            angles[r * width + i] = cosf(angle);
            angles[r * width + half + i] = sinf(angle);
        }
}

void rope_rotate(float *x, size_t stride, const float *angles, size_t rows, size_t heads, size_t width, int direction) {
    size_t half = width / 2;
    float sign = direction > 0 ? 1.0f : -1.0f;
#pragma omp parallel for schedule(static) if (rows * heads * width > PARALLEL_NUMBERS)
    for (size_t r = 0; r < rows; r++) {
        const float *cosine = angles + r * width, *sine = cosine + half;
        for (size_t h = 0; h < heads; h++) {
            float *a = x + r * stride + h * width, *b = a + half;
            for (size_t i = 0; i < half; i++) {
                float c = cosine[i], s = sign * sine[i], a_i = a[i], b_i = b[i];
                a[i] = a_i * c - b_i * s;
                b[i] = b_i * c + a_i * s;
            }
        }
    }
}

void swiglu_forward(void *y, const float *gate_up, size_t rows, size_t width, precision p) {
#pragma omp parallel for schedule(static) if (rows * width > PARALLEL_NUMBERS)
    for (size_t r = 0; r < rows; r++) {
        const float *gate = gate_up + r * 2 * width, *up = gate + width;
        for (size_t i = 0; i < width; i += 16) {
            size_t n = lanes_left(i, width);
            f32x16 g = load_count(gate + i, n);
            store_number(y, r * width + i, g / (vector_all(1.0f) + vector_exp(-g)) * load_count(up + i, n), n, p);
        }
    }
}

// silu(g) = g s with s = sigmoid(g): d/dg = s (1 + g (1 - s)).
void swiglu_backward(void *dgate_up, const float *dy, const float *gate_up, size_t rows, size_t width, precision p) {
#pragma omp parallel for schedule(static) if (rows * width > PARALLEL_NUMBERS)
    for (size_t r = 0; r < rows; r++) {
        const float *gate = gate_up + r * 2 * width, *up = gate + width;
        for (size_t i = 0; i < width; i += 16) {
            size_t n = lanes_left(i, width);
            f32x16 g = load_count(gate + i, n), u = load_count(up + i, n), d = load_count(dy + r * width + i, n);
            f32x16 s = vector_all(1.0f) / (vector_all(1.0f) + vector_exp(-g));
            store_number(dgate_up, r * 2 * width + i, d * u * s * (vector_all(1.0f) + g * (vector_all(1.0f) - s)), n, p);
            store_number(dgate_up, r * 2 * width + width + i, d * g * s, n, p);
        }
    }
}

void embedding_forward(float *y, const float *table, const int32_t *token, size_t rows, size_t width) {
    for (size_t r = 0; r < rows; r++) memcpy(y + r * width, table + (size_t)token[r] * width, width * sizeof(float));
}

void embedding_backward(float *dtable, const float *dy, const int32_t *token, size_t rows, size_t width) {
#pragma omp parallel for schedule(static) if (rows * width > PARALLEL_NUMBERS)
    for (size_t c0 = 0; c0 < width; c0 += COLUMN_BLOCK) {
        size_t end = c0 + COLUMN_BLOCK < width ? c0 + COLUMN_BLOCK : width;
        for (size_t r = 0; r < rows; r++) {
            float *row = dtable + (size_t)token[r] * width;
            for (size_t c = c0; c < end; c++) row[c] += dy[r * width + c];
        }
    }
}

static void layernorm_row(float *y, const float *x, const float *gain, const float *shift, float eps, size_t width) {
    f32x16 sum = vector_all(0.0f), squares = vector_all(0.0f);
    for (size_t i = 0; i < width; i += 16) sum += load_count(x + i, lanes_left(i, width));
    float mean = vector_sum(sum) / (float)width;
    for (size_t i = 0; i < width; i += 16) {
        f32x16 v = vector_load_part(x + i, lanes_left(i, width), mean) - vector_all(mean);
        squares += v * v;
    }
    f32x16 scale = vector_all(1.0f / sqrtf(vector_sum(squares) / (float)width + eps));
    for (size_t i = 0; i < width; i += 16) {
        size_t n = lanes_left(i, width);
        f32x16 v = (load_count(x + i, n) - vector_all(mean)) * scale;
        vector_store_part(y + i, v * load_count(gain + i, n) + load_count(shift + i, n), n);
    }
}

void layernorm_forward(float *y, const float *x, const float *gain, const float *shift, float eps, size_t rows, size_t width) {
    if (rows * width <= PARALLEL_NUMBERS) {
        for (size_t r = 0; r < rows; r++) layernorm_row(y + r * width, x + r * width, gain, shift, eps, width);
        return;
    }
#pragma omp parallel for schedule(static)
    for (size_t r = 0; r < rows; r++) layernorm_row(y + r * width, x + r * width, gain, shift, eps, width);
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

static void gelu_lanes(void *y, const float *x, size_t i, size_t count, precision p) {
    size_t n = lanes_left(i, count);
    store_number(y, i, vector_gelu(load_count(x + i, n)), n, p);
}

void gelu_forward(void *y, const float *x, size_t count, precision p) {
    if (count <= PARALLEL_NUMBERS) {
        for (size_t i = 0; i < count; i += 16) gelu_lanes(y, x, i, count, p);
        return;
    }
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < count; i += 16) gelu_lanes(y, x, i, count, p);
}
