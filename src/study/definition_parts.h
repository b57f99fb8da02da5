// Between the files that make up a study's definition.
#ifndef DSDR_STUDY_DEFINITION_PARTS_H
#define DSDR_STUDY_DEFINITION_PARTS_H

#include "study/definition.h"

// What the keys mean together: fills seed and pairs, and refuses what contradicts itself.
status study_definition_check_names(study_definition *d);
// What the files that they name hold: fills start_model, and refuses arms that cannot run.
status study_definition_check_files(study_definition *d);

// Index of the arm of that name (of `length` bytes), d->arm_count where there is none.
size_t study_find_arm(const study_definition *d, const char *name, size_t length);

// Appends "key=value" with the value in quotes where it needs them.
status study_add_setting(text_list *list, const char *key, const char *value);

#endif
