// How long a step of training takes, told before it begins: what parts of it cost on this machine, as run/rehearsal.h measures
// them, times how often a step does them. Used by `dsdr plan`.
//
// Three things that the time depends on are not known before a run, and are taken as follows. Lengths of responses: all are
// as long as data.max_response_length allows, which makes the figure an upper one, or have a mean that is given; then each token
// ends its response with the same chance. Rollouts without gradient, which an update leaves out: none. Groups that dynamic
// sampling drops: none.
#ifndef DSDR_RUN_PLAN_TIME_H
#define DSDR_RUN_PLAN_TIME_H

#include <stddef.h>

#include "base/status.h"
#include "run/settings.h"

// Seconds.
typedef struct decode_cost {
    size_t rows;
    double seconds; // of one step with so many rollouts
} decode_cost;

enum { DECODE_COSTS = 3 };

typedef struct step_costs {
    double prefill;                          // of one prompt, with the first tokens of its rollouts
    decode_cost decode[DECODE_COSTS];        // rows ascending
    size_t decode_count;                     // 0: responses of one token
    double embedding;                        // of the text of one response; 0: none is needed
    double prompt_forward, response_forward; // of one prompt and one response, log-probs alone
    double prompt_update, response_update;   // with gradients
    double optimizer;                        // of one update, with the packing of weights
} step_costs;

// Seconds of one step, without evaluation, checkpoints and verification.
typedef struct time_plan {
    size_t response_length; // mean, in tokens
    double sampling;        // prompts and responses
    double embedding;       // of sentences; nothing where it is done beside sampling (reward_model.overlap), but it is counted
    double reference;       // log-probs of the frozen model
    double probe;           // log-probs compared with those recorded (trainer.probe_freq), spread over steps
    double update;          // forward and backward
    double optimizer;       // every update of the step
} time_plan;

static inline double time_plan_step(const time_plan *t) {
    return t->sampling + t->embedding + t->reference + t->probe + t->update + t->optimizer;
}

// Whether steps compare log-probs of later mini-batches.
static inline bool time_plan_probes(const settings *s) {
    return s->trainer.probe_freq > 0 && s->actor.ppo_mini_batch_size < s->data.train_batch_size;
}

// lengths[count] = lengths of responses, at most `longest`, whose mean is about `mean` (at most `longest`; then all are).
void time_plan_lengths(size_t *lengths, size_t count, size_t mean, size_t longest);

// How many tokens of its response, on average, a rollout has at a decoding step; 1 where there is none.
size_t time_plan_context(const size_t *lengths, size_t count);

// A step under settings that passed settings_check_training, in responses of `mean` tokens with `rows` decoding at once.
// STATUS_NO_MEMORY alone.
status time_plan_make(time_plan *t, const settings *s, size_t rows, size_t mean, const step_costs *costs);

#endif
