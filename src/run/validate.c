// Evaluation inside a run: the model as it stands, on data.val_files. Called by run/trainer.c.
#include <math.h>

#include "run/evaluate.h"
#include "run/trainer_parts.h"

status trainer_evaluate(training *run, double *accuracy) {
    trainer *t = (trainer *)run;
    double start = training_clock();
    evaluation e;
    evaluation_options options = {.settings = run->s,
                                  .lm = &run->lm,
                                  .scorer = &t->scorer,
                                  .problems = &t->validation,
                                  .prompts = &t->validation_prompts,
                                  .generator = t->generator,
                                  .stop = run->options->stop,
                                  .step = run->state.step,
                                  .pass = "validation",
                                  .record = run->record,
                                  .progress = run->options->progress};
    TRY(evaluation_run(&e, &options));
    status code = STATUS_OK;
    for (size_t i = 0; i < e.metric_count && code == STATUS_OK; i++)
        code = record_metric(run->record, e.metrics[i].name, e.metrics[i].value);
    if (code == STATUS_OK) code = record_metric(run->record, "timing_s/testing", training_clock() - start);
    *accuracy = e.overall.accuracy.value;
    training_say(run, "step %lld: %s %.1f%% [%.1f, %.1f] on %zu held-out problems (%.0f s)", (long long)run->state.step,
                 e.n == 1 ? "accuracy" : "Avg@n", 100 * e.overall.accuracy.value, 100 * e.overall.accuracy.interval.low,
                 100 * e.overall.accuracy.interval.high, e.problems, training_clock() - start);
    evaluation_free(&e);
    return code;
}
