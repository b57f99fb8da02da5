// What memory a training run needs, told before it begins: by arena, from the functions that will take it. Used by `dsdr plan`,
// by the trainer, which takes what was planned, and by `dsdr inspect`.
#ifndef DSDR_RUN_PLAN_H
#define DSDR_RUN_PLAN_H

#include "model/language.h"
#include "model/packed.h"
#include "rollout/generator.h"
#include "run/settings.h"

// What is known before the weights are read.
typedef struct plan_subject {
    const settings *settings;
    const language_model *lm; // described (model/language.h)
    size_t longest_prompt;    // tokens, of the problems to train on
    size_t longest_held_out;  // tokens, of those to evaluate on; 0: none
    size_t held_out;          // problems to evaluate on
    bool supervised;          // responses are given (run/sft.h): nothing is sampled or judged, a prompt has one response
} plan_subject;

// Bytes, and the sizes that lead to them.
typedef struct memory_plan {
    generator_options sampling;
    packed_options learning;
    size_t weights;        // float32
    size_t packed;         // their copies for products, forward and backward
    size_t optimizer;      // gradients and both moments
    size_t reference;      // the frozen model of the KL term
    size_t rollouts;       // tokens, log-probs, entropies and texts: of a step, and of a chunk of an evaluation
    size_t sampling_bytes; // caches and activations of sampling, and
    size_t learning_bytes; // activations, caches and logits of learning: they take turns in one arena
    size_t encoder;        // of sentences
    size_t products;       // code and tables of matrix products, one for each shape
    size_t process; // program, libraries, tokenizer, problems: what this process holds as it plans, and what comes with a run
} memory_plan;

static inline size_t memory_plan_activations(const memory_plan *p) {
    return p->sampling_bytes > p->learning_bytes ? p->sampling_bytes : p->learning_bytes;
}
size_t memory_plan_peak(const memory_plan *p); // largest resident size of the process; verification workers come on top

status memory_plan_make(memory_plan *p, const plan_subject *subject);

// STATUS_INVALID where the plan exceeds machine_memory(); the message names the largest part and, where there is one, a setting
// with which it fits.
status memory_plan_check(const memory_plan *p, const plan_subject *subject);

#endif
