// What parts of a training step cost on this machine: each is done on the code, the model, the shapes and the threads that a run
// has, in memory that its plan counts, and timed. Nothing is written and no weight changes. Used by run/forecast.c.
#ifndef DSDR_RUN_REHEARSAL_H
#define DSDR_RUN_REHEARSAL_H

#include "run/plan.h"
#include "run/plan_time.h"
#include "run/prompts.h"
#include "run/training_parts.h"

typedef struct rehearsal_subject {
    training *run; // its model described; weights and optimizer are opened here, and closed with it by the caller
    const problem_set *problems;
    const prompt_set *prompts;
    const memory_plan *memory; // it fits
    size_t response_length;    // mean, in tokens; at most data.max_response_length
} rehearsal_subject;

status rehearse_step(step_costs *costs, const rehearsal_subject *subject);

#endif
