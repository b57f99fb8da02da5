// Checkpoints: everything that a continuation needs to reach the same bits as an undisturbed run.
//
//   global_step_N/               a complete Hugging Face folder: float32 master weights, config, tokenizer
//   global_step_N/trainer_state/ state.json (step, optimizer step, data position), optimizer.safetensors (m and v, float32)
//
// No file holds a time or a path: equal runs have equal files.
#ifndef DSDR_RUN_CHECKPOINT_H
#define DSDR_RUN_CHECKPOINT_H

#include <stdint.h>

#include "base/status.h"
#include "model/language.h"

typedef struct checkpoint_state {
    int64_t step;            // training steps done
    uint64_t optimizer_step; // updates applied
    uint64_t position;       // problems drawn so far: data order and serial numbers of groups follow from it
    uint64_t skipped;        // updates skipped for a gradient that was not finite
} checkpoint_state;

// Saves as FOLDER/global_step_N and makes it the latest, keeping the newest `keep` (0: all). m and v lie in the layout of the
// model's parameter table. On failure the former checkpoint is still the latest.
status checkpoint_save(const char *folder, const language_model *lm, const checkpoint_state *state, const float *m,
                       const float *v, size_t keep);

// Reads FOLDER/global_step_STEP into the model (which is packed again), m, v and *state.
status checkpoint_load(const char *folder, int64_t step, language_model *lm, checkpoint_state *state, float *m, float *v);

// Bytes on disk of one checkpoint, about.
unsigned long long checkpoint_bytes(const model *m);

#endif
