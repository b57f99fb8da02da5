// Packed groups: a prompt computed once, then each of its rollouts, in one forward and backward.
//
// A pass goes over groups in order. Consecutive prompts form a pack of at most `leaf_rows` / 2 rows (or one prompt); the rollouts
// of a pack form leaves of at most `leaf_rows` rows (or one rollout), cut by their lengths alone. Each leaf is its own sequence
// of weight-gradient products, in order: first the leaves of a pack, then its prompts, whose keys and values have by then
// gathered the gradients of all their rollouts. How many leaves are held in memory at once changes nothing but memory.
//
// Row t of a response predicts token t+1; the last row of the prompt predicts the first token of all rollouts, as one row with G
// targets; the last token of a response has no row.
#ifndef DSDR_MODEL_PACKED_H
#define DSDR_MODEL_PACKED_H

#include "model/head.h"
#include "model/transformer.h"
#include "records/records.h"

// Called once for each token of each visited rollout (not in token order: first tokens come last), from one thread.
typedef void (*packed_objective)(void *context, size_t group, size_t rollout, size_t position, float logp, float entropy,
                                 double *d_logp, double *d_entropy);

typedef struct packed_options {
    size_t leaf_rows;        // decides in which sums gradients are formed, so their last bits
    size_t leaves_in_memory; // at least 1
    size_t longest_prompt, longest_response, largest_group;
    bool backward;  // gradients will be asked for
    bool recompute; // keep only each layer's input and compute the rest again in the backward: less memory, the same bits
} packed_options;

typedef struct packed_leaf {
    activations activations;
    unsigned char *kv_memory;
    kv_cache *caches; // [sequences]
    sequence *sequences;
    size_t sequence_count;
    int32_t *token, *sequence_of, *index; // [rows]
    size_t rows;
    size_t *target_row, *target_first; // [rows], [rows + 1]
    int32_t *target_token;
    struct packed_target {
        uint32_t group, rollout, position;
    } * targets;
    size_t target_rows, target_count;
} packed_leaf;

typedef struct packed_pass {
    packed_options options;
    const model *model;
    arena own, *shared; // each visit takes its memory from `shared`, or else from `own`, and gives it back
    // During a visit:
    packed_leaf prompts, *leaves; // [leaves_in_memory]
    kv_gradient *prompt_gradients;
    float *prompt_gradient_memory;
    head_memory head;
    backward_memory backward;
} packed_pass;

// `shared` (borrowed) must have packed_bytes() to give at every visit; with NULL the pass has an arena of its own.
status packed_create(packed_pass *p, const model *m, const packed_options *options, arena *shared);
void packed_free(packed_pass *p);
size_t packed_bytes(const model *m, const packed_options *options); // of one visit, with gradients where options say so

// Visits the rollouts marked in `active` (indexed over all rollouts of all groups in order; NULL: all) at `temperature`.
// gradients [table.total] +=, or NULL to measure only. A group without active rollouts costs nothing.
status packed_visit(packed_pass *p, const group *groups, size_t count, const bool *active, float temperature,
                    packed_objective objective, void *context, float *gradients);

#endif
