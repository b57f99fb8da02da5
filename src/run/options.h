// Settings as the options of the rooms below: one function for each struct, and nothing else.
#ifndef DSDR_RUN_OPTIONS_H
#define DSDR_RUN_OPTIONS_H

#include <stdint.h>

#include "learn/credit.h"
#include "learn/objective.h"
#include "learn/optimizer.h"
#include "reward/formula.h"
#include "reward/verify.h"
#include "run/settings.h"
#include "tasks/tasks.h"
#include "tensor/matmul.h"

// Strings in the results are those of the settings, which have to outlive them.
problem_options options_problems(const settings *s);
verify_options options_verify(const settings *s); // think_open is left false: it depends on the prompt
formula_level options_formula_level(const settings *s);
credit_options options_credit(const settings *s);
objective_options options_objective(const settings *s);
optimizer_options options_optimizer(const settings *s);
schedule_options options_schedule(const settings *s, int64_t total_training_steps);

const char *options_method(const settings *s);  // as the method is written
int options_threads(const settings *s);         // trainer.threads, or one a core
precision options_precision(const settings *s); // trainer.precision; auto is bfloat16 where the CPU multiplies it natively

// reward_model.overlap; auto becomes what its help says.
setting_overlap options_overlap(const settings *s);

// Whether the sentence encoder and the formula scanner are needed for training: something in the loss depends on dbar.
bool options_need_diversity(const settings *s);
// Groups of a step, at most, whose tokens are recorded (run/trace.c).
size_t options_traced_groups(const settings *s);
// Whether a frozen copy of the starting model is needed: the loss has a KL term.
bool options_need_reference(const settings *s);

#endif
