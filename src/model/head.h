// The softmax head, by blocks of rows: hidden states to logits, to log-probabilities and entropy, and back.
//
// The head does not know what is being learned. It calls a function that the caller supplies with each target's log-probability
// and entropy and receives the derivatives of the loss by both: so forward, objective and backward meet in one visit, and
// nothing larger than one block of logits ever exists.
#ifndef DSDR_MODEL_HEAD_H
#define DSDR_MODEL_HEAD_H

#include "model/model.h"

enum { HEAD_BLOCK_ROWS = 256 }; // of one product at most: what model_self_test has seen

// Called once for each target, in order. `target` counts from 0 over the visit. The derivatives are 0 on entry.
typedef void (*head_objective)(void *context, size_t target, float logp, float entropy, double *d_logp, double *d_entropy);

typedef struct head_memory {
    size_t rows;                             // of a block
    float *gathered, *d_gathered, *d_normed; // [rows, C]
    void *normed;                            // [rows, C] in the products' precision
    float *logits;                           // [rows, V]
    void *d_logits;                          // [rows, V] in the products' precision; NULL without backward
    logits_statistics *statistics;           // [rows]
    float *inverse;                          // [rows] scratch of the norm
} head_memory;

// Takes it from `memory`. rows: at most HEAD_BLOCK_ROWS are useful. The caller checks that the arena was large enough.
void head_place(head_memory *h, arena *memory, const model *m, size_t rows, bool backward);

// Logits of rows row[0..count) (NULL: rows 0..count) of hidden[., C], count <= h->rows, into h->logits.
status head_logits(const model *m, head_memory *h, const float *hidden, const size_t *row, size_t count);

// What a visit looks at: `rows` rows of the hidden states, ascending; row i predicts targets first[i] .. first[i+1]-1.
typedef struct head_targets {
    size_t rows;
    const size_t *row;    // [rows]
    const size_t *first;  // [rows + 1]
    const int32_t *token; // [first[rows]]
} head_targets;

// Visits all rows in blocks of h->rows. With gradients: d_hidden[., C] = gradient by the hidden states at the visited rows (other
// rows are left alone), and the final norm's and the head's gradients +=, block after block. d_hidden and gradients NULL:
// only measures.
status head_visit(const model *m, head_memory *h, const float *hidden, const head_targets *targets, float temperature,
                  head_objective objective, void *context, float *d_hidden, float *gradients);

#endif
