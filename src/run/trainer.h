// Training by reinforcement learning: the loop that everything else is for. run/trainer.c reads as a step does; run/collect.c
// makes the groups of a step, run/update.c learns from them.
#ifndef DSDR_RUN_TRAINER_H
#define DSDR_RUN_TRAINER_H

#include "run/training.h"

// Trains as the settings say, from the start or from the last complete checkpoint. On failure the run's folder holds what was
// complete; bad input is found before there is one. STATUS_INTERRUPTED after saving, when asked to stop.
status trainer_run(settings *s, const training_options *options, training_result *result);

// What trainer_run does to settings first: those that follow from others, and what training needs of them (as
// settings_check_training). A run's config.yaml holds the result.
status trainer_settle(settings *s);

#endif
