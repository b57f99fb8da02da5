// An evaluation as a folder: the passes of a protocol on all problems, recorded as they are made, so that one that was killed
// goes on.
//
//   EVAL/run.db         `evaluations` and `evaluation_summary` of each pass at step 0; `run` with kind = eval, state, protocol,
//   ... EVAL/config.yaml    the resolved settings: model (actor_rollout_ref.model.path), problems (data.val_files), prompts,
//   judging EVAL/lock           held while it runs
//
// Called by cli/command_eval.c; `dsdr study` calls that command.
#ifndef DSDR_STUDY_EVALUATION_H
#define DSDR_STUDY_EVALUATION_H

#include "run/evaluate.h"
#include "run/logger.h"
#include "study/protocol.h"

typedef struct study_evaluation_options {
    const char *folder;
    bool resume; // go on in the folder, which holds an evaluation
    bool diversity;
    evaluation_interval interval;
    const char *helper;                // executable of the verification workers (run/scoring.h); NULL: judge in this process
    const volatile sig_atomic_t *stop; // nonzero: STATUS_INTERRUPTED with what is recorded; NULL: never
    progress_sink progress;
    run_line line; // lines for a person; NULL: none
    void *line_context;
    // Every response of a pass, also those that the record held already; NULL: nobody wants them.
    status (*response)(void *context, const char *pass, const evaluation_response *response);
    void *response_context;
} study_evaluation_options;

typedef struct study_evaluation {
    study_protocol protocol;
    evaluation passes[STUDY_MOST_PASSES]; // [protocol.count]
    evaluation_interval interval;
    const char *model;     // s->model.path
    size_t response_limit; // data.max_response_length
    char arithmetic[256];  // "bfloat16, oneDNN ..."
} study_evaluation;

// What a folder's evaluation was begun with: its protocol, and settings in a fresh `s` from its config.yaml (or from `config`,
// unless NULL) with the assignments beside them. A folder that was left before it had a config.yaml gives a protocol without
// passes: nothing is known. STATUS_INVALID for a folder that holds no evaluation. On failure *s is empty.
status study_evaluation_reload(settings *s, study_protocol *p, const char *folder, const char *config,
                               const char *const *assignments, size_t count);

// Evaluates s->model.path on s->data.val_files. Nothing is written before models and problems are read. STATUS_INVALID where the
// folder holds a run and `resume` is not set or the other way round, where another process holds its lock, where settings,
// protocol or problems differ from those that the folder was begun with. STATUS_INTERRUPTED when it was asked to stop: everything
// up to the last chunk is recorded. On failure *e is empty (study_evaluation_free is harmless).
status study_evaluate(study_evaluation *e, const settings *s, const study_protocol *protocol, const study_evaluation_options *o);
void study_evaluation_free(study_evaluation *e);

// The outcome as a person reads it (first the paper's table: a row a benchmark, Pass@1 and Avg@16), as CSV with a header (a row
// an estimate, the names of `evaluation_summary`), and as JSON, appended to `out`.
status study_evaluation_table(buffer *out, const study_evaluation *e);
status study_evaluation_csv(buffer *out, const study_evaluation *e);
status study_evaluation_json(buffer *out, const study_evaluation *e);

#endif
