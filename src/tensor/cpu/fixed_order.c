// Products in one fixed order of additions. See fixed_order.h.
#include "tensor/cpu/fixed_order.h"

#include <string.h>

#include "tensor/cpu/vector.h"

VECTOR_INLINE f32x16 load_number(const void *x, size_t index, size_t count, precision p) {
    if (p == PRECISION_FLOAT32) {
        f32x16 v = vector_all(0.0f);
        memcpy(&v, (const float *)x + index, count * sizeof(float));
        return v;
    }
    u16x16 bits = {0};
    memcpy(&bits, (const uint16_t *)x + index, count * sizeof(uint16_t));
    return vector_from_bfloat16(bits);
}

static float one_number(const void *x, size_t index, precision p) {
    if (p == PRECISION_FLOAT32) return ((const float *)x)[index];
    uint32_t bits = (uint32_t)((const uint16_t *)x)[index] << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

void fixed_order_product(float *y, const void *x, const void *b, size_t rows, size_t inner, size_t columns, precision p) {
#pragma omp parallel for collapse(2) schedule(static)
    for (size_t r = 0; r < rows; r++)
        for (size_t n = 0; n < columns; n += 16) {
            size_t count = columns - n < 16 ? columns - n : 16;
            f32x16 sum = vector_all(0.0f);
            for (size_t k = 0; k < inner; k++)
                sum += vector_all(one_number(x, r * inner + k, p)) * load_number(b, k * columns + n, count, p);
            vector_store_part(y + r * columns + n, sum, count);
        }
}

void fixed_order_accumulate(float *c, const void *a, const void *b, size_t rows, size_t height, size_t columns, precision p) {
#pragma omp parallel for collapse(2) schedule(static)
    for (size_t m = 0; m < height; m++)
        for (size_t n = 0; n < columns; n += 16) {
            size_t count = columns - n < 16 ? columns - n : 16;
            f32x16 sum = vector_load_part(c + m * columns + n, count, 0.0f);
            for (size_t r = 0; r < rows; r++)
                sum += vector_all(one_number(a, r * height + m, p)) * load_number(b, r * columns + n, count, p);
            vector_store_part(c + m * columns + n, sum, count);
        }
}
