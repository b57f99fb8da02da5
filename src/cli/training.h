// The commands that train a model, `dsdr train` and `dsdr sft`: they differ in what they run and how they explain it.
#ifndef DSDR_CLI_TRAINING_H
#define DSDR_CLI_TRAINING_H

#include "run/training.h"

typedef struct cli_training {
    const char *command, *help, *detail;    // as in cli_usage
    const char *(*name)(const settings *s); // of a run's folder where there is no configuration file
    status (*run)(settings *s, const training_options *options, training_result *result);
} cli_training;

// The whole command: its exit code.
int cli_train(const cli_training *how, int argc, char **argv);

#endif
