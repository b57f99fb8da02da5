// The record of a run: run.db, a SQLite database that a user can query while the run goes on.
//
// One transaction a step, written when the step is complete, in WAL mode with synchronous = FULL: a commit is on disk before the
// next step starts, so a checkpoint can never be newer than the rows that lead to it. The cost is one fsync a step.
//
//   run(key, value)                     what is true of the whole run: versions, CPU, settings; "time/..." depends on the clock;
//                                       kind: the command that made it; state: begun, or finished when that command came to its
//                                       end
//   metrics(step, name, value)          names that begin with "timing_" or "perf/" depend on the clock
//   rollouts(step, problem_id, sample, response, answer, correct, status, d_emb, d_eq, dbar, reward, advantage, coupling, length,
//            finish, serial)            serial: number of the group in the run
//   formulas(step, serial, sample, position, formula)      the set S(o) that D_eq used
//   groups(step, serial, source, problem_id, problem, answer)        what the rollouts of a group answer; `answer` is the gold
//   tokens(step, serial, sample, tokens)    of a few rollouts: a JSON array of [text, logp, entropy, gradient], see trace.c
//   evaluations(step, pass, source, problem_id, sample, response, answer, correct, status, length, finish)
//   evaluation_summary(step, pass, source, metric, value, low, high, n)
//
// `pass` tells evaluations at one step apart: "validation" is a training run's own; `dsdr eval` writes "pass@1" and "pass@k", the
// two passes of its protocol, or "custom". `correct` is 1, 0, or NULL where it is unknown; a number that is not finite is NULL.
// Rows other than those named as depending on the clock are the same, and in the same order, in every run of the same settings,
// interrupted or not.
#ifndef DSDR_RUN_RECORD_H
#define DSDR_RUN_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "records/records.h"

typedef struct record record;

// Creates `path` (STATUS_INVALID if it exists; complete as soon as it has this name), or opens it (STATUS_INVALID if it does not
// exist, is no run record or one of an older version; `writable` false: for reading only). On failure *r is NULL. record_close
// ends an open step without keeping it; harmless for NULL.
status record_create(record **r, const char *path);
status record_open(record **r, const char *path, bool writable);
void record_close(record *r);

// Drops every row of a step greater than `step` (-1: all) and notes the resume, in one transaction: afterwards the record is that
// of a run which has just finished `step`. An evaluation after `step` carries that step and is kept.
status record_resume(record *r, int64_t step, const char *when);

// The table `run`. record_get gives a fresh string (free it), NULL where the key is not there.
status record_set(record *r, const char *key, const char *value);
status record_get(record *r, const char *key, char **value);

// A step: begin, rows in a fixed order, commit. Rows outside begin and commit are STATUS_FAILED. After a failure inside, call
// record_abandon_step: nothing of the step stays. A begin after an abandoned step is fine.
status record_begin_step(record *r, int64_t step);
status record_commit_step(record *r);
void record_abandon_step(record *r);

status record_metric(record *r, const char *name, double value);

typedef struct record_rollout_row {
    const char *problem_id;
    uint64_t serial; // of the group
    size_t sample;   // of the rollout in its group
    const rollout *rollout;
    const verdict *verdict;
    const diversity *diversity; // NULL where none was computed
    const credit *credit;       // NULL where none was computed
} record_rollout_row;
status record_rollout(record *r, const record_rollout_row *row);

// The problem of a group.
status record_group(record *r, uint64_t serial, const problem *problem);

// The tokens of the rollout that was recorded last: JSON text.
status record_tokens(record *r, const char *tokens);

// The formulas of the rollout that was recorded last.
status record_formulas(record *r, const char *const *formulas, size_t count);

typedef struct record_evaluation_row {
    const char *pass, *source, *problem_id;
    size_t sample;
    const rollout *rollout;
    const verdict *verdict;
} record_evaluation_row;
status record_evaluation(record *r, const record_evaluation_row *row);

// Calls `read` for the responses recorded of one pass at one step, in the order in which they were recorded; a failure of it ends
// the reading. Rollouts hold text, length and finish only. Strings are valid during the call. STATUS_INVALID for a status that is
// unknown.
typedef status (*record_evaluation_reader)(void *context, const record_evaluation_row *row);
status record_each_evaluation(record *r, int64_t step, const char *pass, record_evaluation_reader read, void *context);

// An aggregate with its interval (NAN, NAN for none) over n problems; `source` is "overall" for the mean over sources.
status record_evaluation_summary(record *r, const char *pass, const char *source, const char *metric, double value, double low,
                                 double high, size_t n);

// The greatest step with a metric row, -1 if there is none.
status record_last_step(record *r, int64_t *step);

// The sum of a metric over all steps, 0 where it is nowhere.
status record_metric_sum(record *r, const char *name, double *sum);

// Whether an evaluation at that step is recorded: aggregates of one.
status record_has_evaluation(record *r, int64_t step, bool *has);

// Whether a metric of this name, or a key of `run`, depends on the clock.
bool record_depends_on_time(const char *name);

#endif
