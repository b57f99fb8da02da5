// Settings that follow from the problems: what is known of a built-in task becomes the default where nothing else was said.
#ifndef DSDR_RUN_TASK_DEFAULTS_H
#define DSDR_RUN_TASK_DEFAULTS_H

#include "run/settings.h"

// Where all `specs` (entries of data.train_files or data.val_files) are the same built-in task, takes over its prompt template,
// stop text, answer profile and response length for those of data.prompt_template, actor_rollout_ref.rollout.stop,
// reward_model.profile and data.max_response_length that neither file nor command line sets. `because` is the key that named the
// specs, a static string. Other specs change nothing; different built-in tasks together change nothing either and leave a note.
// Stop and response length belong to the task's raw template: with another template they are left alone.
status settings_adopt_task(settings *s, const char *const *specs, size_t count, const char *because);

#endif
