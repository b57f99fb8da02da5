// Converts tensor data to float32: the block formats of ggml, half and brain floats. Called through weights.h.
//
// The order of operations is that of ggml's reference (ggml-quants.c, gguf-py's quants.py): each product and each sum is rounded
// to float32 on its own, so the compiler must not contract them. d, m: half-precision scale and minimum of a block; q: quantum.
//
//   Q8_0  d | 32 x int8                                   q * d
//   Q4_0  d | 16 bytes: q[j] low, q[j+16] high nibble     d * (q - 8)
//   Q4_1  d | m | 16 bytes as above                       d * q + m
//   Q5_0  d | 32 fifth bits | 16 bytes as above           d * (q - 16)
//   Q5_1  d | m | 32 fifth bits | 16 bytes as above       d * q + m
//   Q4_K  d | dmin | 12 bytes: 8 scales and 8 minima of 6 bits | 128 bytes          (d * scale) * q - dmin * minimum, per 32
//   Q5_K  d | dmin | 12 bytes likewise | 32 bytes of fifth bits | 128 bytes         likewise
//   Q6_K  128 bytes of low nibbles | 64 bytes of bits 4 and 5 | 16 x int8 scales | d    (d * scale) * (q - 32), per 16
#include <stdlib.h>

#include "weights/internal.h"

enum {
    LARGEST_BLOCK = 256,
    PARALLEL_ELEMENTS = 1 << 18, // below this, threads cost more than they save
    CHUNK_ELEMENTS = 1 << 15,    // handed to one thread at a time; a multiple of every block
};

static inline float float_from_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

// IEEE half to single, exact, without branches so that loops over it vectorize. Subnormal halves are integers times 2^-24.
static inline float float_from_half(uint16_t half) {
    uint32_t sign = (uint32_t)(half & 0x8000u) << 16, magnitude = half & 0x7FFFu, bits;
    float subnormal = (float)(int32_t)magnitude * 0x1p-24f;
    memcpy(&bits, &subnormal, sizeof bits);
    uint32_t normal = (magnitude << 13) + (112u << 23) + (magnitude >= 0x7C00u ? 112u << 23 : 0u);
    return float_from_bits((magnitude < 0x400u ? bits : normal) | sign);
}

static inline uint16_t load_u16(const unsigned char *bytes) {
    uint16_t value;
    memcpy(&value, bytes, sizeof value);
    return value;
}

static inline float load_half(const unsigned char *bytes) { return float_from_half(load_u16(bytes)); }

// Each decoder converts `blocks` consecutive blocks.
typedef void decoder(const unsigned char *restrict in, size_t blocks, float *restrict out);

static void decode_f32(const unsigned char *restrict in, size_t blocks, float *restrict out) {
    memcpy(out, in, blocks * sizeof *out);
}

static void decode_f16(const unsigned char *restrict in, size_t blocks, float *restrict out) {
    for (size_t i = 0; i < blocks; i++) out[i] = load_half(in + 2 * i);
}

static void decode_bf16(const unsigned char *restrict in, size_t blocks, float *restrict out) {
    for (size_t i = 0; i < blocks; i++) out[i] = float_from_bits((uint32_t)load_u16(in + 2 * i) << 16);
}

static void decode_q8_0(const unsigned char *restrict in, size_t blocks, float *restrict out) {
    for (; blocks > 0; blocks--, in += 34, out += 32) {
        float d = load_half(in);
        for (int j = 0; j < 32; j++) out[j] = (float)(int8_t)in[2 + j] * d;
    }
}

static void decode_q4_0(const unsigned char *restrict in, size_t blocks, float *restrict out) {
    for (; blocks > 0; blocks--, in += 18, out += 32) {
        float d = load_half(in);
        for (int j = 0; j < 16; j++) out[j] = d * (float)((in[2 + j] & 15) - 8);
        for (int j = 0; j < 16; j++) out[16 + j] = d * (float)((in[2 + j] >> 4) - 8);
    }
}

static void decode_q4_1(const unsigned char *restrict in, size_t blocks, float *restrict out) {
    for (; blocks > 0; blocks--, in += 20, out += 32) {
        float d = load_half(in), m = load_half(in + 2);
        for (int j = 0; j < 16; j++) out[j] = d * (float)(in[4 + j] & 15) + m;
        for (int j = 0; j < 16; j++) out[16 + j] = d * (float)(in[4 + j] >> 4) + m;
    }
}

static void decode_q5_0(const unsigned char *restrict in, size_t blocks, float *restrict out) {
    for (; blocks > 0; blocks--, in += 22, out += 32) {
        float d = load_half(in);
        uint32_t fifth = load_u32(in + 2);
        for (int j = 0; j < 16; j++) out[j] = d * (float)((int)((in[6 + j] & 15u) | (fifth >> j & 1u) << 4) - 16);
        for (int j = 0; j < 16; j++) out[16 + j] = d * (float)((int)((in[6 + j] >> 4) | (fifth >> (16 + j) & 1u) << 4) - 16);
    }
}

static void decode_q5_1(const unsigned char *restrict in, size_t blocks, float *restrict out) {
    for (; blocks > 0; blocks--, in += 24, out += 32) {
        float d = load_half(in), m = load_half(in + 2);
        uint32_t fifth = load_u32(in + 4);
        for (int j = 0; j < 16; j++) out[j] = d * (float)(int)((in[8 + j] & 15u) | (fifth >> j & 1u) << 4) + m;
        for (int j = 0; j < 16; j++) out[16 + j] = d * (float)(int)((in[8 + j] >> 4) | (fifth >> (16 + j) & 1u) << 4) + m;
    }
}

// Scale and minimum of run k (of 8) of a Q4_K or Q5_K block. Runs 0-3 have their low six bits in bytes k and k + 4; runs 4-7 have
// four bits each in byte k + 4 and their upper two bits on top of bytes k - 4 and k.
static inline void unpack_scale(const unsigned char *packed, int k, int *scale, int *minimum) {
    if (k < 4) {
        *scale = packed[k] & 63;
        *minimum = packed[k + 4] & 63;
    } else {
        *scale = (packed[k + 4] & 15) | (packed[k - 4] >> 6) << 4;
        *minimum = (packed[k + 4] >> 4) | (packed[k] >> 6) << 4;
    }
}

static void decode_q4_k(const unsigned char *restrict in, size_t blocks, float *restrict out) {
    for (; blocks > 0; blocks--, in += 144, out += 256) {
        float d = load_half(in), dmin = load_half(in + 2);
        for (int k = 0; k < 8; k++) {
            int scale, minimum;
            unpack_scale(in + 4, k, &scale, &minimum);
            float ds = d * (float)scale, dm = dmin * (float)minimum;
            const unsigned char *quanta = in + 16 + 32 * (k / 2);
            int shift = 4 * (k & 1);
            for (int j = 0; j < 32; j++) out[32 * k + j] = ds * (float)(quanta[j] >> shift & 15) - dm;
        }
    }
}

static void decode_q5_k(const unsigned char *restrict in, size_t blocks, float *restrict out) {
    for (; blocks > 0; blocks--, in += 176, out += 256) {
        float d = load_half(in), dmin = load_half(in + 2);
        for (int k = 0; k < 8; k++) {
            int scale, minimum;
            unpack_scale(in + 4, k, &scale, &minimum);
            float ds = d * (float)scale, dm = dmin * (float)minimum;
            const unsigned char *fifth = in + 16, *quanta = in + 48 + 32 * (k / 2);
            int shift = 4 * (k & 1);
            for (int j = 0; j < 32; j++)
                out[32 * k + j] = ds * (float)((quanta[j] >> shift & 15) | (fifth[j] >> k & 1) << 4) - dm;
        }
    }
}

// Run k (of 8) of 32 elements: half k / 4 of the block; in it, runs 0 and 1 are low and runs 2 and 3 high nibbles of 64 bytes.
static void decode_q6_k(const unsigned char *restrict in, size_t blocks, float *restrict out) {
    for (; blocks > 0; blocks--, in += 210, out += 256) {
        float d = load_half(in + 208);
        for (int k = 0; k < 8; k++) {
            const unsigned char *low = in + 64 * (k / 4) + 32 * (k & 1), *high = in + 128 + 32 * (k / 4);
            float ds[2] = {d * (float)(int8_t)in[192 + 2 * k], d * (float)(int8_t)in[193 + 2 * k]};
            int low_shift = 4 * (k >> 1 & 1), high_shift = 2 * (k & 3);
            for (int j = 0; j < 32; j++)
                out[32 * k + j] = ds[j / 16] * (float)(((low[j] >> low_shift & 15) | (high[j] >> high_shift & 3) << 4) - 32);
        }
    }
}

static decoder *const decoders[WEIGHTS_OTHER + 1] = {
    [WEIGHTS_F32] = decode_f32,   [WEIGHTS_F16] = decode_f16,   [WEIGHTS_BF16] = decode_bf16, [WEIGHTS_Q8_0] = decode_q8_0,
    [WEIGHTS_Q4_0] = decode_q4_0, [WEIGHTS_Q4_1] = decode_q4_1, [WEIGHTS_Q5_0] = decode_q5_0, [WEIGHTS_Q5_1] = decode_q5_1,
    [WEIGHTS_Q4_K] = decode_q4_k, [WEIGHTS_Q5_K] = decode_q5_k, [WEIGHTS_Q6_K] = decode_q6_k,
};

// Decodes elements [first, first + count) of one block at `in`.
static void decode_part(decoder *decode, const unsigned char *in, size_t first, size_t count, float *out) {
    float whole[LARGEST_BLOCK];
    decode(in, 1, whole);
    memcpy(out, whole + first, count * sizeof *out);
}

// Decodes whole blocks, long runs on several threads. Chunks are cut alike whatever the number of threads.
static void decode_blocks(decoder *decode, const unsigned char *in, size_t blocks, size_t block_elements, size_t block_bytes,
                          float *out) {
    if (blocks < PARALLEL_ELEMENTS / block_elements) {
        decode(in, blocks, out);
        return;
    }
    size_t chunk = CHUNK_ELEMENTS / block_elements, chunks = (blocks + chunk - 1) / chunk;
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < chunks; i++) {
        size_t begin = i * chunk, here = blocks - begin < chunk ? blocks - begin : chunk;
        decode(in + begin * block_bytes, here, out + begin * block_elements);
    }
}

status weights_read_f32(const weights_tensor *tensor, size_t first, size_t count, float *out) {
    decoder *decode = decoders[tensor->dtype];
    if (!decode)
        return status_set(STATUS_UNSUPPORTED, "%s: tensor '%s' has type %s, which cannot be read as float32", tensor->path,
                          tensor->name, tensor->dtype_name);
    if (first > tensor->count || count > tensor->count - first)
        return status_set(STATUS_INVALID, "%s: tensor '%s' has %zu elements; %zu from element %zu were asked for", tensor->path,
                          tensor->name, tensor->count, count, first);
    size_t elements = weights_block_elements(tensor->dtype), bytes = weights_block_bytes(tensor->dtype);
    if (count == 0) return STATUS_OK;
    const unsigned char *in = tensor->data + first / elements * bytes;
    size_t skip = first % elements;
    if (skip > 0) {
        size_t here = elements - skip < count ? elements - skip : count;
        decode_part(decode, in, skip, here, out);
        in += bytes, out += here, count -= here;
    }
    decode_blocks(decode, in, count / elements, elements, bytes, out);
    size_t whole = count / elements * elements;
    if (whole < count) decode_part(decode, in + whole / elements * bytes, 0, count - whole, out + whole);
    return STATUS_OK;
}

static inline uint32_t is_not_finite(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (bits & 0x7F800000u) == 0x7F800000u;
}

status weights_check_finite(const weights_tensor *tensor) {
    float values[4096];
    for (size_t first = 0; first < tensor->count; first += sizeof values / sizeof *values) {
        size_t left = tensor->count - first, here = left < sizeof values / sizeof *values ? left : sizeof values / sizeof *values;
        TRY(weights_read_f32(tensor, first, here, values));
        uint32_t bad = 0;
        for (size_t i = 0; i < here; i++) bad |= is_not_finite(values[i]);
        for (size_t i = 0; i < here && bad; i++)
            if (is_not_finite(values[i]))
                return status_set(STATUS_INVALID, "%s: element %zu of tensor '%s' is %s; weights must be finite", tensor->path,
                                  first + i, tensor->name, values[i] != values[i] ? "NaN" : "infinite");
    }
    return STATUS_OK;
}
