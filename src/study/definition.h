// What a study is: one YAML file (STUDY.yaml) that names everything before anything runs.
//
//   config: examples/grpo.yaml            settings of every run, and
//   settings: {KEY: VALUE, ...}           what all of them have beside it
//   start: {init: MODEL.yaml, sft: SFT.yaml, settings: {KEY: VALUE}}      a warm start that all runs share (optional)
//   arms: {NAME: {KEY: VALUE, ...}, ...}  methods and ablations
//   sweep: {arm: NAME, KEY: [VALUE, ...]} for each value an arm more: NAME with this setting
//   seeds: [1, 2, ...]                    of trainer.seed and data.seed: the arms of one seed see the same data in the same order
//   evaluation: {data: [...], settings: {...}, checkpoint: last|best, validation: [...], start: true|false, diversity: ...}
//   primary: avg@16                       the outcome that decides
//   comparisons: [A vs B, ...]            those that are declared; all others are exploratory
//   folder: runs/study-NAME               of the study
//
// The same keys are taken as key=value behind it, dotted; a key of `dsdr train` there is one of `settings`.
#ifndef DSDR_STUDY_DEFINITION_H
#define DSDR_STUDY_DEFINITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/status.h"
#include "run/settings.h"

// X(KIND, field, key, default, range, help), as in settings_table.h: the keys beside settings, start.settings, arms, sweep and
// evaluation.settings. A WORD's range is its table.
// clang-format off
#define STUDY_WORDS_CHECKPOINT(W) \
    W(STUDY_CHECKPOINT_LAST, "last", NULL) \
    W(STUDY_CHECKPOINT_BEST, "best", NULL)
#define STUDY_KEYS(X) \
    X(TEXT, folder, "folder", "", NULL, "Folder of the study; empty: runs/study- and the file's name.") \
    X(TEXT, config, "config", "", NULL, "Configuration of every run, as for `dsdr train`; empty: none.") \
    X(TEXT, init, "start.init", "", NULL, "Options of a new model (`dsdr init`) that the warm start begins with; empty: none.") \
    X(TEXT, sft, "start.sft", "", NULL, "Configuration of the warm start (`dsdr sft`) that every run begins with; empty: none.") \
    X(LIST, seeds, "seeds", "", NULL, "Seeds; each arm runs once with each.") \
    X(TEXT, swept, "sweep.arm", "", NULL, "The arm that the sweep varies.") \
    X(LIST, data, "evaluation.data", "", NULL, "Problems of the table, as for `dsdr eval`.") \
    X(WORD, checkpoint, "evaluation.checkpoint", "last", words_checkpoint, "What is evaluated of a run: last, or best on evaluation.validation.") \
    X(LIST, validation, "evaluation.validation", "", NULL, "Problems on which the best checkpoint is chosen; none may be in evaluation.data.") \
    X(INT, samples, "evaluation.samples", "null", "[2, 65536]", "Samples of a problem in the second pass of `dsdr eval` (--samples); null: as it says.") \
    X(BOOL, start, "evaluation.start", "true", NULL, "Evaluate the model that runs start from, too.") \
    X(BOOL, diversity, "evaluation.diversity", "true", NULL, "Measure the diversity of samples, too.") \
    X(TEXT, primary, "primary", "avg@16", NULL, "The outcome that decides: pass@1, avg@N or pass@K, the unweighted mean over benchmarks.") \
    X(LIST, comparisons, "comparisons", "", NULL, "Declared comparisons, \"A vs B\": the mean of A minus B.")
// clang-format on

#define W(constant, word, alias) constant,
typedef enum study_checkpoint { STUDY_WORDS_CHECKPOINT(W) } study_checkpoint;
#undef W

typedef struct study_arm {
    char *name;
    text_list settings; // "key=value", as on a command line
} study_arm;

typedef struct study_comparison {
    size_t a, b; // into arms
} study_comparison;

typedef struct study_sweep {
    char *key;           // of a setting
    size_t first, count; // into arms
} study_sweep;

typedef struct study_definition {
#define X(kind, field, key, default_, range, help) setting_##kind field;
    STUDY_KEYS(X)
#undef X
    char *path;                                              // of the file
    text_list settings, start_settings, evaluation_settings; // "key=value"
    study_arm *arms;                                         // those of the file, then those of the sweep
    size_t arm_count, swept_arm;
    study_sweep *sweeps;
    size_t sweep_count;
    int64_t *seed; // [seed_count]
    size_t seed_count;
    study_comparison *pairs;
    size_t pair_count;
    char *start_model; // what the warm start leaves, FOLDER/start/...; NULL: there is none, and the settings name the model
} study_definition;

// Reads the file and `count` assignments, and checks all that can be checked before anything runs: keys, names, the settings of
// every arm, that no two arms are the same, that the validation problems are not in the table. STATUS_INVALID or
// STATUS_UNSUPPORTED with place and key; *d is then empty (study_definition_free is harmless).
status study_definition_load(study_definition *d, const char *path, const char *const *assignments, size_t count);
void study_definition_free(study_definition *d);

// The same without looking at configurations, models and problems, which may have moved since the study ran.
status study_definition_read(study_definition *d, const char *path, const char *const *assignments, size_t count);

// The assignments of a run behind d->config: settings of all, of the arm, and what the study decides (seeds, folder, the model of
// the warm start, what choosing a checkpoint needs); and the settings that result.
status study_run_assignments(text_list *out, const study_definition *d, size_t arm, int64_t seed);
status study_run_settings(settings *s, const study_definition *d, size_t arm, int64_t seed);

// The same of the warm start's `dsdr sft`, which begins with the model of start.init where there is one.
status study_start_assignments(text_list *out, const study_definition *d);
status study_start_settings(settings *s, const study_definition *d);

// FOLDER/ARM/seed-N, and FOLDER/NAME, in a fresh string; NULL when memory is out.
char *study_run_folder(const study_definition *d, size_t arm, int64_t seed);
char *study_file(const study_definition *d, const char *name);

// Appends the study as YAML that loads back to the same, command line included.
status study_definition_write(buffer *out, const study_definition *d);

// "pass@1", "avg@16", "pass@8": STATUS_INVALID for what is no such outcome. avg and pass with 1 sample are the same thing but for
// the temperature at which `dsdr eval` takes it.
typedef struct study_outcome_name {
    bool average;
    uint32_t k;
} study_outcome_name;
status study_read_outcome_name(study_outcome_name *name, const char *text);

#endif
