// Products in one fixed order of additions. See fixed_order.h.
//
// Every number of a result is one chain of multiply-adds, in the order of k, in one lane of a register. Tiles, blocks and threads
// only decide which chains run side by side and when a chain pauses in memory, which rounds nothing; so no arrangement changes a
// bit. What is computed is computed by one piece of code, `tile`, in float32; numbers of another precision are converted, a block
// at a time, before they get there.
#include "tensor/cpu/fixed_order.h"

#include <string.h>

// The registers of the machine: TILE_ROWS x TILE_VECTORS sums, a row of b, and one broadcast number of x.
#if defined(__AVX512F__)
enum { LANES = 16, TILE_ROWS = 8, TILE_VECTORS = 3 };
#elif defined(__AVX__)
enum { LANES = 8, TILE_ROWS = 6, TILE_VECTORS = 2 };
#elif defined(__aarch64__)
enum { LANES = 4, TILE_ROWS = 6, TILE_VECTORS = 4 };
#else
enum { LANES = 4, TILE_ROWS = 3, TILE_VECTORS = 4 };
#endif
enum { PANEL = LANES * TILE_VECTORS }; // columns that a tile computes

typedef float lanes __attribute__((vector_size(LANES * sizeof(float))));

enum { BLOCK_ROWS = 8 * TILE_ROWS, BLOCK_DEPTH = 128 }; // a block of x and what it meets of a panel fit the first caches

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

// c[rows, columns] += x[rows, depth] b[depth, PANEL], for rows <= TILE_ROWS and columns <= PANEL; number k of row r of x is
// x[r * x_stride + k * x_step]. Rows that are not there are computed as copies of the first and dropped.
static void tile(float *c, size_t c_stride, const float *x, size_t x_stride, size_t x_step, const float *b, size_t rows,
                 size_t columns, size_t depth) {
    lanes sum[TILE_ROWS][TILE_VECTORS];
    const float *row[TILE_ROWS];
    float padded[PANEL];
    for (size_t r = 0; r < TILE_ROWS; r++) {
        const float *from = c + (r < rows ? r : 0) * c_stride;
        row[r] = x + (r < rows ? r : 0) * x_stride;
        if (columns < PANEL) {
            memset(padded, 0, sizeof padded);
            from = memcpy(padded, from, columns * sizeof *padded);
        }
        for (size_t v = 0; v < TILE_VECTORS; v++) memcpy(&sum[r][v], from + v * LANES, sizeof(lanes));
    }
    for (size_t k = 0; k < depth; k++) {
        lanes of_b[TILE_VECTORS];
        for (size_t v = 0; v < TILE_VECTORS; v++) memcpy(&of_b[v], b + k * PANEL + v * LANES, sizeof(lanes));
        for (size_t r = 0; r < TILE_ROWS; r++) {
            lanes of_x = row[r][k * x_step] - (lanes){0}; // the number in every lane
            for (size_t v = 0; v < TILE_VECTORS; v++) sum[r][v] += of_x * of_b[v];
        }
    }
    for (size_t r = 0; r < rows; r++) {
        float *to = columns < PANEL ? padded : c + r * c_stride;
        for (size_t v = 0; v < TILE_VECTORS; v++) memcpy(to + v * LANES, &sum[r][v], sizeof(lanes));
        if (columns < PANEL) memcpy(c + r * c_stride, padded, columns * sizeof *padded);
    }
}

// `count` numbers from number `index` of x on, in float32.
static void convert(float *to, const void *x, size_t index, size_t count, precision p) {
    if (p == PRECISION_FLOAT32) {
        memcpy(to, (const float *)x + index, count * sizeof(float));
        return;
    }
    const uint16_t *from = (const uint16_t *)x + index;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = (uint32_t)from[i] << 16;
        memcpy(to + i, &bits, sizeof bits);
    }
}

// ---- y = x b -------------------------------------------------------------------------------------------------------------

static size_t panels_of(size_t columns) { return (columns + PANEL - 1) / PANEL; }

size_t fixed_order_bytes(size_t inner, size_t columns, precision p) {
    return panels_of(columns) * PANEL * inner * precision_bytes(p);
}

void fixed_order_pack(void *packed, const float *from, size_t inner, size_t columns, size_t inner_stride, size_t column_stride,
                      precision p) {
#pragma omp parallel for schedule(static)
    for (size_t panel = 0; panel < panels_of(columns); panel++)
        for (size_t k = 0; k < inner; k++) {
            float row[PANEL] = {0};
            for (size_t n = 0; n < smaller(PANEL, columns - panel * PANEL); n++)
                row[n] = from[k * inner_stride + (panel * PANEL + n) * column_stride];
            numbers_round((unsigned char *)packed + (panel * inner + k) * PANEL * precision_bytes(p), row, PANEL, p);
        }
}

void fixed_order_product(void *y, precision to, const void *x, const void *packed, size_t rows, size_t inner, size_t columns,
                         precision p) {
#pragma omp parallel for collapse(2) schedule(static)
    for (size_t panel = 0; panel < panels_of(columns); panel++)
        for (size_t first = 0; first < rows; first += BLOCK_ROWS) {
            float of_x[BLOCK_ROWS * BLOCK_DEPTH], of_b[BLOCK_DEPTH * PANEL], of_y[BLOCK_ROWS * PANEL] = {0};
            size_t count = smaller(BLOCK_ROWS, rows - first), width = smaller(PANEL, columns - panel * PANEL);
            for (size_t k = 0; k < inner; k += BLOCK_DEPTH) {
                size_t depth = smaller(BLOCK_DEPTH, inner - k);
                for (size_t r = 0; r < count; r++) convert(of_x + r * BLOCK_DEPTH, x, (first + r) * inner + k, depth, p);
                const float *b = (const float *)packed + (panel * inner + k) * PANEL;
                if (p != PRECISION_FLOAT32) {
                    convert(of_b, packed, (panel * inner + k) * PANEL, depth * PANEL, p);
                    b = of_b;
                }
                for (size_t r = 0; r < count; r += TILE_ROWS)
                    tile(of_y + r * PANEL, PANEL, of_x + r * BLOCK_DEPTH, BLOCK_DEPTH, 1, b, smaller(TILE_ROWS, count - r), PANEL,
                         depth);
            }
            for (size_t r = 0; r < count; r++)
                numbers_round((unsigned char *)y + ((first + r) * columns + panel * PANEL) * precision_bytes(to),
                              of_y + r * PANEL, width, to);
        }
}

// ---- c += a^T b ----------------------------------------------------------------------------------------------------------

void fixed_order_accumulate(float *c, const void *a, const void *b, size_t rows, size_t height, size_t columns, precision p) {
#pragma omp parallel for collapse(2) schedule(static)
    for (size_t panel = 0; panel < panels_of(columns); panel++)
        for (size_t first = 0; first < height; first += BLOCK_ROWS) {
            float of_a[BLOCK_DEPTH * BLOCK_ROWS], of_b[BLOCK_DEPTH * PANEL] = {0};
            size_t count = smaller(BLOCK_ROWS, height - first), width = smaller(PANEL, columns - panel * PANEL);
            float *to = c + first * columns + panel * PANEL;
            for (size_t k = 0; k < rows; k += BLOCK_DEPTH) {
                size_t depth = smaller(BLOCK_DEPTH, rows - k);
                for (size_t r = 0; r < depth; r++) {
                    convert(of_a + r * BLOCK_ROWS, a, (k + r) * height + first, count, p);
                    convert(of_b + r * PANEL, b, (k + r) * columns + panel * PANEL, width, p);
                }
                for (size_t m = 0; m < count; m += TILE_ROWS)
                    tile(to + m * columns, columns, of_a + m, 1, BLOCK_ROWS, of_b, smaller(TILE_ROWS, count - m), width, depth);
            }
        }
}
