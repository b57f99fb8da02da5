// The contract of every kernel: what the model and the encoder are made of.
//
// Legend, used in all of tensor/ and model/:
//   B  rows in a call (tokens of any sequences, in any mixture)     C  width of the residual stream
//   F  width of the feed-forward layer                              V  vocabulary
//   H  query heads     K  key/value heads     D  width of a head    T  tokens of a sequence
// Arrays are row-major, the last index fastest. `x` is an input, `y` an output, `dx` the gradient of the loss by x.
//
// Row invariance: a forward kernel gives a row the same bits whatever other rows are in the call and however many threads run.
// Every backward kernel is a fixed order of additions as well: its bits do not depend on the thread count.
//
// Precision: row kernels compute in float32. Operands of matrix products are in the engine's precision, float32 or bfloat16
// (`number` below); products accumulate in float32 and give float32.
#ifndef DSDR_TENSOR_OPS_H
#define DSDR_TENSOR_OPS_H

#include <stddef.h>
#include <stdint.h>

typedef enum precision {
    PRECISION_FLOAT32,
    PRECISION_BFLOAT16, // round to nearest even; NaN stays NaN
} precision;

static inline size_t precision_bytes(precision p) { return p == PRECISION_FLOAT32 ? 4 : 2; }
const char *precision_name(precision p); // "float32", "bfloat16"

// Where number `index` of x begins.
static inline const void *number_at(const void *x, size_t index, precision p) {
    return (const unsigned char *)x + index * precision_bytes(p);
}

// y = x rounded to precision p; count numbers.
void numbers_round(void *y, const float *x, size_t count, precision p);
// One number, as numbers_round would give it, back in float32.
float number_rounded(float x, precision p);

// ---- elementwise and row kernels (rows.c) --------------------------------------------------------------------------------

// y[B,C] = x[B,C] + a[B,C]; y may be x.
void add_forward(float *y, const float *x, const float *a, size_t rows, size_t width);

// x[B,C] += bias[C], x in precision p.
void bias_forward(void *x, const float *bias, size_t rows, size_t width, precision p);
// dbias[C] += sum over rows of dx[B,C], rows in order.
void bias_backward(float *dbias, const float *dx, size_t rows, size_t width);

// RMSNorm (Zhang and Sennrich 2019): y[B,C] = x / sqrt(mean(x^2) + eps) * gain[C], y in precision p.
void rmsnorm_forward(void *y, const float *x, const float *gain, float eps, size_t rows, size_t width, precision p);
// The same of a sum that is kept: stream[B,C] = x[B,C] + delta[B,C], y = RMSNorm(stream) * gain.
void residual_norm_forward(void *y, float *stream, const float *x, const float *delta, const float *gain, float eps, size_t rows,
                           size_t width, precision p);
// dx[B,C] += ..., dgain[C] += ...; rounded[B,C] = dx in precision p, NULL: not wanted. inverse[B] is scratch.
void rmsnorm_backward(float *dx, void *rounded, float *dgain, const float *dy, const float *x, const float *gain, float eps,
                      size_t rows, size_t width, float *inverse, precision p);

// Rotary position embedding (Su et al. 2021). rope_table: angles[B, D] = cosines [D/2], then sines [D/2], of
// position[b] * inverse_frequency[i].
void rope_table(float *angles, const int32_t *position, const float *inverse_frequency, size_t rows, size_t width);

// What happens to queries and keys between their product and attention: an RMSNorm of each head with one gain[D] for all heads
// (Qwen3; NULL: none), and the rotation of the half-split pairs (i, i + D/2).
typedef struct rotation {
    size_t heads, kv_heads, width; // H, K, D
    const float *q_gain, *k_gain;
    float eps;
} rotation;

// rotated[(H+K) D] = rotate(norm(q | k)) of one row qkv[(H+2K) D] in precision p, angles[D]; and of B rows.
void rotation_row(const rotation *s, float *rotated, const void *qkv, const float *angles, precision p);
void rotation_forward(const rotation *s, float *rotated, const void *qkv, const float *angles, size_t rows, precision p);
// d_qkv[B, (H+2K) D] = ... from the gradients by rotated q [B, H D], rotated k and v [B, K D]; d_q_gain[D], d_k_gain[D] += ...
// Where there is a norm, scratch[B, (H+K) D] is overwritten; elsewhere it and the gains' gradients are unused.
void rotation_backward(const rotation *s, float *d_qkv, const float *d_query, const float *d_key, const float *d_value,
                       const void *qkv, const float *angles, float *d_q_gain, float *d_k_gain, float *scratch, size_t rows,
                       precision p);

// SwiGLU (Shazeer 2020): y[B,F] = silu(g) * u with (g, u) = gate_up[B, 2F] = [gate | up]; all in precision p, for products are on
// both sides. The gradient dgate_up[B, 2F] = ..., and y = ... once more, for the gradient of the weights behind it.
void swiglu_forward(void *y, const void *gate_up, size_t rows, size_t width, precision p);
void swiglu_backward(void *dgate_up, void *y, const void *dy, const void *gate_up, size_t rows, size_t width, precision p);

// y[B,C] = table[token[B], C]
void embedding_forward(float *y, const float *table, const int32_t *token, size_t rows, size_t width);
// dtable[token[b], C] += dy[b, C], rows in order.
void embedding_backward(float *dtable, const float *dy, const int32_t *token, size_t rows, size_t width);

// LayerNorm (Ba et al. 2016): y = (x - mean) / sqrt(variance + eps) * gain + shift; float32, y may be x. For the encoder: no
// backward.
void layernorm_forward(float *y, const float *x, const float *gain, const float *shift, float eps, size_t rows, size_t width);
// y = x * (1 + erf(x / sqrt 2)) / 2 in precision p (Hendrycks and Gimpel 2016, exact form).
void gelu_forward(void *y, const float *x, size_t count, precision p);

// ---- attention (attention.c) ---------------------------------------------------------------------------------------------

// Keys and values of a run of consecutive tokens of one sequence, of one layer. Keys are stored in blocks of 16 tokens,
// [K][capacity/16][D][16], so that one register holds 16 keys; values [K][capacity][DV], DV = D rounded up to 16, padding zero.
// In bfloat16 two numbers that are multiplied one after the other lie side by side: of keys [K][capacity/16][D/2][16][2], two
// numbers of a key (D is even); of values [K][capacity/2][DV][2], those of two tokens. capacity is a multiple of 16. A run starts
// at a block edge: position 0 of the prompt, and anew position 0 of the response.
enum { ATTENTION_LANES = 16 };

typedef struct attention_shape {
    size_t heads, kv_heads, width; // H, K, D; H is a multiple of K
    float scale;                   // of scores, 1/sqrt(D) as a rule
    precision kept;                // of stored keys and values: rounded as they are stored, once for every row that will see them
} attention_shape;

typedef struct attention_run {
    void *keys, *values;
    size_t capacity; // tokens, a multiple of ATTENTION_LANES
} attention_run;

static inline size_t attention_round(size_t n) { return (n + ATTENTION_LANES - 1) / ATTENTION_LANES * ATTENTION_LANES; }
// Bytes of the keys and of the values of one layer of a run.
static inline size_t attention_key_bytes(const attention_shape *s, size_t capacity) {
    return s->kv_heads * capacity * s->width * precision_bytes(s->kept);
}
static inline size_t attention_value_bytes(const attention_shape *s, size_t capacity) {
    return s->kv_heads * capacity * attention_round(s->width) * precision_bytes(s->kept);
}

// Stores key[K*D] and value[K*D], the latter in precision p, of token `index` of the run.
void attention_store(const attention_shape *s, const attention_run *run, size_t index, const float *key, const void *value,
                     precision p);
// The same in float32 for the `count` <= 16 tokens from `first` on, a multiple of 16, whose keys and values are rows `stride`
// numbers apart; what lies behind them in the block is overwritten.
void attention_store_block(const attention_shape *s, const attention_run *run, size_t first, size_t count, const float *keys,
                           const float *values, size_t stride);

// What one query row sees: all `prefix_count` tokens of `prefix`, then the first `own_count` tokens of `own` (its own included).
typedef struct attention_row {
    attention_run prefix, own;
    size_t prefix_count, own_count;
} attention_row;

// y[B, H*D] in precision p: softmax(scale q k) v for each row and head. Where keys and values are kept in bfloat16, q and the
// exponentials are rounded to it as well, and Z is the sum of what they are rounded to. q[B] rows of `q_stride` floats, H*D of
// them used. statistics[B, H, 2]: the largest score and the sum of exponentials, kept for the backward; NULL when sampling.
// scratch: attention_scratch_floats(s, longest row) floats per thread.
void attention_forward(const attention_shape *s, void *y, float *statistics, const float *q, size_t q_stride,
                       const attention_row *row, size_t rows, float *scratch, size_t scratch_stride, precision p);
size_t attention_scratch_floats(const attention_shape *s, size_t longest);

// A block of query rows that share their runs: rows first .. first+count-1 of the call, whose own_count grow by 1 from
// `own_start`+1. dprefix and down: gradients of keys and values as float32 [tokens][K*D], accumulated (+=); dprefix keys NULL
// without a prefix.
typedef struct attention_block {
    size_t first, count;
    attention_run prefix, own;
    size_t prefix_count, own_start;
    float *dprefix_keys, *dprefix_values; // [prefix_count][K*D]
    float *down_keys, *down_values;       // [own_start + count][K*D]
} attention_block;

// dq[B, H*D] = ...; key and value gradients +=, blocks in order, rows in order. dy[B, H*D] in precision p (no wider than
// what is kept), y as attention_forward gave it. Work is divided over (key/value head, set of blocks with one prefix); `blocks`
// are grouped by prefix. Rotations are not undone here: dq and the key gradients are by the rotated values.
void attention_backward(const attention_shape *s, float *dq, const void *dy, const void *y, const float *statistics,
                        const float *q, size_t q_stride, const attention_block *block, size_t blocks, float *scratch,
                        size_t scratch_stride, precision p);
size_t attention_backward_scratch_floats(const attention_shape *s, size_t longest_prefix, size_t longest_own);

// ---- the softmax head's row kernels (head.c) -----------------------------------------------------------------------------

// Statistics of softmax(z / temperature) of one row of logits z[V].
typedef struct logits_statistics {
    float largest;  // of z / temperature
    double log_sum; // log of the sum of exp(z / temperature - largest)
    double entropy; // natural logarithm
} logits_statistics;

enum { LOGITS_CHUNK = 1024 };
void logits_measure(logits_statistics *out, const float *z, size_t vocabulary, float temperature);

// log-probability of `token` in float32.
static inline float logits_logp(const logits_statistics *s, const float *z, int32_t token, float temperature) {
    return (float)((double)(z[token] * (1.0f / temperature)) - (double)s->largest - s->log_sum);
}

// The token at which the cumulative distribution first exceeds u in [0,1): one draw.
int32_t logits_sample(const logits_statistics *s, const float *z, size_t vocabulary, float temperature, double u);
// The same after keeping the top_k most likely tokens (0: all), then the smallest set with probability at least top_p (1: all).
// order[V] is scratch.
int32_t logits_sample_filtered(const logits_statistics *s, const float *z, size_t vocabulary, float temperature, size_t top_k,
                               double top_p, double u, int32_t *order);
// The most likely token, the first of equals.
int32_t logits_argmax(const float *z, size_t vocabulary);

// Gradient by the logits for one row with `count` targets, in precision p:
// dz_v = (1/temperature) * ( sum_i d_logp_i (1[v = target_i] - p_v)  -  d_entropy * p_v (log p_v + H) ), targets in order.
void logits_backward(void *dz, const float *z, const logits_statistics *s, size_t vocabulary, float temperature,
                     const int32_t *target, const double *d_logp, size_t count, double d_entropy, precision p);

#endif
