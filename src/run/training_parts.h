// A run of training, whatever a step of it learns from: model and optimizer, the folder with its record and checkpoints, going on
// after an interruption, and the loop over steps. Private to run/.
//
// There are two kinds, trainer.c (reinforcement learning) and sft.c (given responses). A kind embeds a `training` as the first
// member of its own state, so that each function below gets the whole of it by a cast.
#ifndef DSDR_RUN_TRAINING_PARTS_H
#define DSDR_RUN_TRAINING_PARTS_H

#include "base/arena.h"
#include "learn/optimizer.h"
#include "model/language.h"
#include "run/checkpoint.h"
#include "run/record.h"
#include "run/training.h"

typedef struct training training;

typedef struct training_kind {
    const char *command; // of the command line; a run is continued by the command that began it
    const char *method;  // as recorded; NULL: algorithm.method
    // Settings that follow from others, and what this kind needs of them.
    status (*check)(settings *s);
    // Everything that bad input shows in: data, models, memory. Nothing is written before it is done. Sets total_steps,
    // evaluates.
    status (*open)(training *t);
    // Says what is trained on what.
    void (*introduce)(training *t);
    // One step up to the optimizer's last update: metrics, and state.position. state.step is still the number of steps before.
    status (*step)(training *t);
    // Rows of the step beside its metrics, inside an open step of the record.
    status (*record)(training *t);
    // The model as it stands on data.val_files, inside an open step; *value is what training_result wants. STATUS_INTERRUPTED
    // when it was asked to stop.
    status (*evaluate)(training *t, double *value);
    // Gives back what `open` took; harmless after a failure at any place.
    void (*close)(training *t);
} training_kind;

struct training {
    settings *s;
    const training_options *options;
    const training_kind *kind;
    matmul *products;
    language_model lm;
    optimizer optimizer;
    arena optimizer_memory;   // both moments and the gradients
    float *m, *v, *gradients; // in the layout of the model's parameter table
    record *record;
    run_logger *logger;
    run_metrics metrics;
    const matmul *encoder_products; // of the kind's sentence encoder; NULL: it has none
    kernel_clock clock;             // of the phase under way
    matmul_work work;               // of products up to the phase under way
    int64_t accounted;              // nanoseconds of this step that metrics name, by kernel or by stage of the reward
    checkpoint_state state;
    int64_t total_steps;
    double seconds; // of all steps so far, those before a resume included
    bool evaluates; // there are held-out problems
};

// Runs `t`, which holds its settings, options and kind and is otherwise zero, to its end; then everything is closed.
status training_run(training *t, training_result *result);

// For kinds: parts of their `open` ...
status training_describe_model(training *t);                        // products; lm but for its weights, and
status training_read_model(training *t);                            // these, trainable
status training_open_optimizer(training *t);                        // m, v, gradients, optimizer
int64_t training_steps(const settings *s, size_t rows_of_an_epoch); // total_steps as the settings say
// ... and of their `step`: the learning rate of this step, gradients set to zero, one update by them with the packing that
// follows it.
double training_learning_rate(const training *t);
void training_clear_gradients(training *t);
status training_update(training *t, double learning_rate, optimizer_report *report);
// Metrics of a phase that ends: timing_kernel_s/PHASE/KERNEL of what the clock holds, and perf/padded_share/PHASE, the share of
// multiply-adds on rows that only round a batch up. Both counts then start anew.
typedef enum training_phase { TRAINING_GEN, TRAINING_REF, TRAINING_PROBE, TRAINING_UPDATE } training_phase;
status training_add_kernels(training *t, training_phase phase);

status training_add(training *t, const char *name, double value);                                      // a metric of the step
status training_say(const training *t, const char *format, ...) __attribute__((format(printf, 2, 3))); // always STATUS_OK
double training_clock(void);                                                                           // seconds, monotonic

#endif
