// The softmax head by blocks of rows. See head.h.
#include "model/head.h"

#include <string.h>

void head_place(head_memory *h, arena *memory, const model *m, size_t rows, bool backward) {
    const model_config *c = &m->config;
    size_t room = matmul_room(rows), number = precision_bytes(matmul_precision(m->products));
    *h = (head_memory){.rows = rows};
    h->gathered = arena_take_array(memory, room * c->hidden, 4);
    h->normed = arena_take_array(memory, room * c->hidden, number);
    h->logits = arena_take_array(memory, room * c->vocabulary, 4);
    h->statistics = arena_take_array(memory, rows, sizeof *h->statistics);
    if (!backward) return;
    h->d_gathered = arena_take_array(memory, room * c->hidden, 4);
    h->inverse = arena_take_array(memory, rows, 4);
    h->d_normed = arena_take_array(memory, room * c->hidden, 4);
    h->d_logits = arena_take_array(memory, room * c->vocabulary, number);
}

status head_logits(const model *m, head_memory *h, const float *hidden, const size_t *row, size_t count) {
    const model_config *c = &m->config;
    for (size_t i = 0; i < count; i++)
        memcpy(h->gathered + i * c->hidden, hidden + (row ? row[i] : i) * c->hidden, c->hidden * sizeof(float));
    rmsnorm_forward(h->normed, h->gathered, m->parameters + m->table.final_norm, (float)c->norm_eps, count, c->hidden,
                    matmul_precision(m->products));
    kernel_lap(m->clock, KERNEL_NORMS);
    size_t number = precision_bytes(matmul_precision(m->products));
    for (size_t from = 0; from < count; from += HEAD_BLOCK_ROWS)
        TRY(linear_forward(m->products, &m->head, h->logits + from * c->vocabulary,
                           (unsigned char *)h->normed + from * c->hidden * number,
                           count - from < HEAD_BLOCK_ROWS ? count - from : HEAD_BLOCK_ROWS));
    kernel_lap(m->clock, KERNEL_PRODUCTS);
    return STATUS_OK;
}

// The gradient of one block whose logits and statistics are in place; derivatives are by target, from `first` on.
static status block_backward(const model *m, head_memory *h, const head_targets *t, size_t from, size_t count, float temperature,
                             const double *d_logp, const double *d_entropy, float *d_hidden, float *gradients) {
    const model_config *c = &m->config;
    precision p = matmul_precision(m->products);
    size_t number = precision_bytes(p), base = t->first[from];
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < count; i++) {
        size_t first = t->first[from + i], targets = t->first[from + i + 1] - first;
        double entropy = 0;
        for (size_t k = 0; k < targets; k++) entropy += d_entropy[first - base + k];
        logits_backward((unsigned char *)h->d_logits + i * c->vocabulary * number, h->logits + i * c->vocabulary,
                        &h->statistics[i], c->vocabulary, temperature, t->token + first, d_logp + (first - base), targets,
                        entropy, p);
    }
    kernel_lap(m->clock, KERNEL_SOFTMAX);
    TRY(linear_backward_weight(m->products, c->vocabulary, c->hidden, gradients + m->table.head, h->d_logits, h->normed, count));
    TRY(linear_backward_input(m->products, &m->head, h->d_normed, h->d_logits, count));
    kernel_lap(m->clock, KERNEL_PRODUCTS);
    memset(h->d_gathered, 0, count * c->hidden * sizeof(float));
    rmsnorm_backward(h->d_gathered, NULL, gradients + m->table.final_norm, h->d_normed, h->gathered,
                     m->parameters + m->table.final_norm, (float)c->norm_eps, count, c->hidden, h->inverse, p);
    for (size_t i = 0; i < count; i++)
        memcpy(d_hidden + t->row[from + i] * c->hidden, h->d_gathered + i * c->hidden, c->hidden * sizeof(float));
    kernel_lap(m->clock, KERNEL_NORMS);
    return STATUS_OK;
}

// A row of a packed group's prompt predicts as many tokens as there are rollouts; blocks hold at most this many targets.
enum { BLOCK_TARGETS = 4096 };

status head_visit(const model *m, head_memory *h, const float *hidden, const head_targets *t, float temperature,
                  head_objective objective, void *context, float *d_hidden, float *gradients) {
    const model_config *c = &m->config;
    double d_logp[BLOCK_TARGETS], d_entropy[BLOCK_TARGETS];
    for (size_t from = 0; from < t->rows;) {
        size_t count = 0;
        while (count < h->rows && from + count < t->rows && t->first[from + count + 1] - t->first[from] <= BLOCK_TARGETS) count++;
        if (count == 0) return status_set(STATUS_FAILED, "more than %d targets for one row", BLOCK_TARGETS);
        TRY(head_logits(m, h, hidden, t->row + from, count));
#pragma omp parallel for schedule(static)
        for (size_t i = 0; i < count; i++)
            logits_measure(&h->statistics[i], h->logits + i * c->vocabulary, c->vocabulary, temperature);
        size_t base = t->first[from];
        for (size_t i = 0; i < count; i++)
            for (size_t k = t->first[from + i]; k < t->first[from + i + 1]; k++) {
                d_logp[k - base] = d_entropy[k - base] = 0;
                float logp = logits_logp(&h->statistics[i], h->logits + i * c->vocabulary, t->token[k], temperature);
                objective(context, k, logp, (float)h->statistics[i].entropy, &d_logp[k - base], &d_entropy[k - base]);
            }
        kernel_lap(m->clock, KERNEL_SOFTMAX);
        if (gradients) TRY(block_backward(m, h, t, from, count, temperature, d_logp, d_entropy, d_hidden, gradients));
        from += count;
    }
    return STATUS_OK;
}
