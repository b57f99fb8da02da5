// What a run of training would need, before it begins: `dsdr plan`.
//
// Memory is counted (run/plan.h), for the settings as they are and for others that would change it.
#ifndef DSDR_RUN_FORECAST_H
#define DSDR_RUN_FORECAST_H

#include "run/plan.h"

// Another value of a setting, and what it would change.
typedef struct forecast_change {
    const char *setting; // as it is written: key=value
    size_t peak;         // bytes
} forecast_change;

enum { FORECAST_CHANGES = 2 };

typedef struct forecast {
    size_t parameters;
    int64_t steps;
    size_t prompts, rollouts;                // of a step; rollouts of all prompts
    size_t problems;                         // to train on
    double mean_prompt;                      // tokens
    size_t longest_prompt, longest_response; // tokens
    int threads;
    precision precision;
    memory_plan memory;
    size_t machine; // bytes there are
    forecast_change changes[FORECAST_CHANGES];
    size_t change_count;
} forecast;

// Opens the problems and the model, but for its weights, as training does, and plans. STATUS_INVALID where it does not fit this
// machine (memory_plan_check): *f then holds the plan without changes.
status forecast_make(forecast *f, settings *s);

#endif
