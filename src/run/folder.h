// The folder of a run: what lies where in it, and how it changes without ever being half changed.
//
//   run.db                               the record (record.h)
//   config.yaml                          the resolved settings
//   metrics.jsonl                        with trainer.logger = file
//   events.out.tfevents.*                with trainer.logger = tensorboard
//   lock                                 (lock.h)
//   global_step_N/                       a checkpoint, complete as soon as it has this name
//   latest_checkpointed_iteration.txt    N of the checkpoint to continue from
//   NAME.tmp                             something unfinished or being removed; run_folder_clean takes it away
#ifndef DSDR_RUN_FOLDER_H
#define DSDR_RUN_FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/status.h"

// "runs/CONFIG-TIME" in a fresh string: CONFIG is the file name of `config` without folder and extension (or `method` where there
// is no file), TIME is local time as 20260131-235959.
char *run_folder_default(const char *config, const char *method, time_t now);

// Whether `folder` already holds a run (a run.db or a config.yaml).
bool run_folder_holds_run(const char *folder);

// Creates the folder for a new run. A folder that holds a run is STATUS_INVALID, naming --resume.
status run_folder_create(const char *folder);

// Removes everything named *.tmp in the folder, and checkpoints later than `step` (-1: all): what an interruption may have left.
status run_folder_clean(const char *folder, int64_t step);

// The step to continue from, read from latest_checkpointed_iteration.txt: -1 where nothing was saved yet. A file that does not
// hold a number, or names a checkpoint that is not there, is STATUS_INVALID.
status run_folder_latest(const char *folder, int64_t *step);

// FOLDER/global_step_N, or FOLDER/NAME, in a fresh string; NULL when memory is out.
char *run_folder_checkpoint(const char *folder, int64_t step);
char *run_folder_file(const char *folder, const char *name);

// Writing a checkpoint: begin makes the empty folder global_step_N.tmp and gives its path (free it); the caller writes and syncs
// the files in it; commit renames it to global_step_N, replacing one of that name, and makes it the latest; then removes all but
// the newest `keep` checkpoints (0: keeps all). After a failure the former checkpoint is still the latest.
status run_folder_begin_checkpoint(const char *folder, int64_t step, char **path);
status run_folder_commit_checkpoint(const char *folder, int64_t step, size_t keep);

// Steps of the complete checkpoints, ascending, in a fresh array (free it).
status run_folder_checkpoints(const char *folder, int64_t **steps, size_t *count);

// STATUS_IO naming need and room where the file system of `folder` (or of its nearest existing parent) has less than `bytes`
// free.
status run_folder_check_space(const char *folder, unsigned long long bytes);

#endif
