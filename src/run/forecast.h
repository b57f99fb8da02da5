// What a run of training would need, before it begins: `dsdr plan`.
//
// Memory is counted (run/plan.h), for the settings as they are and for others that would change it. Time is measured on parts of
// a step (run/rehearsal.h), where the memory for them is there.
#ifndef DSDR_RUN_FORECAST_H
#define DSDR_RUN_FORECAST_H

#include "base/progress.h"
#include "run/plan.h"
#include "run/plan_time.h"

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
    bool timed; // `time` was measured
    time_plan time;
} forecast;

typedef struct forecast_options {
    bool timing;               // measure the time too, which reads the weights and takes some seconds
    long long response_length; // mean, that the time is for; 0: data.max_response_length
    progress_sink progress;    // of measuring
} forecast_options;

// Opens the problems and the model, but for its weights, as training does, and plans. STATUS_INVALID where it does not fit this
// machine (memory_plan_check): *f then holds the plan without changes and time.
status forecast_make(forecast *f, settings *s, const forecast_options *options);

#endif
