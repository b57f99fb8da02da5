// Row kernels of the softmax head: log-probabilities, entropy, sampling, gradient by the logits. Contracts are in tensor/ops.h.
//
// Sums over the vocabulary run over chunks of LOGITS_CHUNK logits: lanes add in float32 within a chunk, chunks in double, in
// order. Sampling walks the same chunk sums, so the draw and the log-probability come from one and the same distribution.
#include "tensor/ops.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "tensor/cpu/vector.h"

VECTOR_INLINE f32x16 load_logits(const float *z, size_t i, size_t vocabulary, float scale) {
    if (vocabulary - i >= 16) return vector_load(z + i) * vector_all(scale);
    f32x16 v = vector_load_part(z + i, vocabulary - i, 0.0f) * vector_all(scale);
    for (size_t lane = vocabulary - i; lane < 16; lane++) v[lane] = -INFINITY;
    return v;
}

// Sums of e = exp(u) and of e u over one chunk, u = z / temperature - largest; lanes beyond the vocabulary add zero.
static void chunk_sums(const float *z, size_t from, size_t vocabulary, float scale, float largest, double *sum,
                       double *weighted) {
    size_t end = from + LOGITS_CHUNK < vocabulary ? from + LOGITS_CHUNK : vocabulary;
    f32x16 s = vector_all(0.0f), w = vector_all(0.0f), floor = vector_all(-1e30f);
    for (size_t i = from; i < end; i += 16) {
        f32x16 u = load_logits(z, i, vocabulary, scale) - vector_all(largest);
        f32x16 e = vector_exp_negative(u);
        s += e;
        w += e * vector_max(u, floor); // the floor keeps 0 * -infinity from becoming NaN
    }
    *sum = vector_sum(s);
    *weighted = vector_sum(w);
}

void logits_measure(logits_statistics *out, const float *z, size_t vocabulary, float temperature) {
    float scale = 1.0f / temperature;
    f32x16 top = vector_all(-INFINITY);
    bool is_nan = false;
    for (size_t i = 0; i < vocabulary; i += 16) {
        f32x16 v = load_logits(z, i, vocabulary, scale);
        top = vector_max(v, top);
    }
    out->largest = vector_largest(top);
    double sum = 0, weighted = 0;
    for (size_t from = 0; from < vocabulary; from += LOGITS_CHUNK) {
        double s, w;
        chunk_sums(z, from, vocabulary, scale, out->largest, &s, &w);
        sum += s, weighted += w;
        is_nan |= s != s;
    }
    out->log_sum = is_nan ? NAN : log(sum);
    out->entropy = is_nan ? NAN : out->log_sum - weighted / sum;
}

int32_t logits_sample(const logits_statistics *s, const float *z, size_t vocabulary, float temperature, double u) {
    float scale = 1.0f / temperature;
    double target = u * exp(s->log_sum), passed = 0;
    int32_t last = 0;
    for (size_t from = 0; from < vocabulary; from += LOGITS_CHUNK) {
        double sum, weighted;
        chunk_sums(z, from, vocabulary, scale, s->largest, &sum, &weighted);
        if (sum > 0 && (passed + sum > target || from + LOGITS_CHUNK >= vocabulary)) {
            size_t end = from + LOGITS_CHUNK < vocabulary ? from + LOGITS_CHUNK : vocabulary;
            double within = passed;
            for (size_t i = from; i < end; i += 16) {
                f32x16 e = vector_exp_negative(load_logits(z, i, vocabulary, scale) - vector_all(s->largest));
                for (size_t lane = 0; lane < 16 && i + lane < end; lane++) {
                    if (!(e[lane] > 0)) continue;
                    within += (double)e[lane];
                    last = (int32_t)(i + lane);
                    if (within > target) return last;
                }
            }
        }
        passed += sum;
    }
    return last; // rounding left the target just above the sum: the last token that has any probability
}

static bool more_likely(const float *z, int32_t a, int32_t b) { return z[a] > z[b] || (z[a] == z[b] && a < b); }

// A binary heap of token indices, the most likely on top.
static void heap_sift(int32_t *heap, size_t count, size_t at, const float *z) {
    for (;;) {
        size_t best = at, left = 2 * at + 1;
        for (size_t child = left; child < left + 2 && child < count; child++)
            if (more_likely(z, heap[child], heap[best])) best = child;
        if (best == at) return;
        int32_t moved = heap[at];
        heap[at] = heap[best], heap[best] = moved;
        at = best;
    }
}

int32_t logits_sample_filtered(const logits_statistics *s, const float *z, size_t vocabulary, float temperature, size_t top_k,
                               double top_p, double u, int32_t *order) {
    if (top_k == 0 && top_p >= 1) return logits_sample(s, z, vocabulary, temperature, u);
    size_t limit = top_k == 0 || top_k > vocabulary ? vocabulary : top_k;
    float scale = 1.0f / temperature;
    for (size_t i = 0; i < vocabulary; i++) order[i] = (int32_t)i;
    for (size_t i = vocabulary / 2; i-- > 0;) heap_sift(order, vocabulary, i, z);
    // Popped tokens gather at the end of `order`, the most likely last.
    size_t kept = 0, heap = vocabulary;
    double mass = 0, all = 0;
    if (top_p < 1) { // top_p counts within what top_k keeps
        if (limit == vocabulary) all = exp(s->log_sum);
    }
    while (kept < limit) {
        int32_t token = order[0];
        order[0] = order[--heap], order[heap] = token;
        heap_sift(order, heap, 0, z);
        mass += exp((double)(z[token] * scale) - (double)s->largest);
        kept++;
        if (top_p < 1 && all > 0 && mass >= top_p * all) break;
    }
    if (top_p < 1 && all == 0) { // top_k has fixed the set: cut it to top_p of its own mass
        double part = 0;
        size_t n = 0;
        while (n < kept) {
            part += exp((double)(z[order[vocabulary - 1 - n]] * scale) - (double)s->largest);
            n++;
            if (part >= top_p * mass) break;
        }
        kept = n, mass = part;
    }
    double target = u * mass, passed = 0;
    int32_t token = order[vocabulary - 1];
    for (size_t n = 0; n < kept; n++) {
        token = order[vocabulary - 1 - n];
        passed += exp((double)(z[token] * scale) - (double)s->largest);
        if (passed > target) break;
    }
    return token;
}

int32_t logits_argmax(const float *z, size_t vocabulary) {
    size_t best = 0;
    for (size_t i = 1; i < vocabulary; i++)
        if (z[i] > z[best]) best = i;
    return (int32_t)best;
}

void logits_backward(void *dz, const float *z, const logits_statistics *s, size_t vocabulary, float temperature,
                     const int32_t *target, const double *d_logp, size_t count, double d_entropy, precision p) {
    float scale = 1.0f / temperature;
    double total = 0;
    for (size_t i = 0; i < count; i++) total += d_logp[i];
    // log p_v = u - log_sum; dz_v = -scale p_v (total + d_entropy (log p_v + H)), and the targets' own terms below.
    f32x16 constant = vector_all((float)(-(double)scale * (total + d_entropy * s->entropy)));
    f32x16 slope = vector_all((float)(-(double)scale * d_entropy));
    f32x16 log_sum = vector_all((float)s->log_sum), floor = vector_all(-1e30f);
    for (size_t i = 0; i < vocabulary; i += 16) {
        f32x16 logp = vector_max(load_logits(z, i, vocabulary, scale) - vector_all(s->largest) - log_sum, floor);
        f32x16 v = vector_exp_negative(logp) * (constant + slope * logp);
        vector_store_numbers(dz, i, v, vocabulary - i < 16 ? vocabulary - i : 16, p);
    }
    for (size_t i = 0; i < count; i++) { // a target's whole gradient is formed again and rounded once
        bool done = false;
        for (size_t j = 0; j < i; j++) done |= target[j] == target[i];
        if (done) continue;
        double own = 0;
        for (size_t j = i; j < count; j++)
            if (target[j] == target[i]) own += d_logp[j];
        double logp = (double)(z[target[i]] * scale) - (double)s->largest - s->log_sum;
        double value = (double)scale * (own - exp(logp) * (total + d_entropy * (logp + s->entropy)));
        float rounded = (float)value;
        numbers_round((unsigned char *)dz + (size_t)target[i] * precision_bytes(p), &rounded, 1, p);
    }
}
