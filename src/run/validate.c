// Evaluation inside a run: the model as it stands, on data.val_files. Called by run/trainer.c.
#include <math.h>

#include "run/evaluate.h"
#include "run/trainer_parts.h"

status trainer_evaluate(trainer *t, double *accuracy) {
    double start = trainer_clock();
    evaluation e;
    evaluation_options options = {.settings = t->s,
                                  .lm = &t->lm,
                                  .scorer = &t->scorer,
                                  .problems = &t->validation,
                                  .prompts = &t->validation_prompts,
                                  .generator = t->generator,
                                  .stop = t->options->stop,
                                  .step = t->state.step,
                                  .record = t->record,
                                  .progress = t->options->progress};
    TRY(evaluation_run(&e, &options));
    status code = STATUS_OK;
    for (size_t i = 0; i < e.metric_count && code == STATUS_OK; i++)
        code = record_metric(t->record, e.metrics[i].name, e.metrics[i].value);
    if (code == STATUS_OK) code = record_metric(t->record, "timing_s/testing", trainer_clock() - start);
    *accuracy = e.overall.accuracy.value;
    trainer_say(t, "step %lld: %s %.1f%% [%.1f, %.1f] on %zu held-out problems (%.0f s)", (long long)t->state.step,
                e.n == 1 ? "accuracy" : "Avg@n", 100 * e.overall.accuracy.value, 100 * e.overall.accuracy.interval.low,
                100 * e.overall.accuracy.interval.high, e.problems, trainer_clock() - start);
    evaluation_free(&e);
    return code;
}
