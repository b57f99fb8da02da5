// Comparing runs: the tables of a study, and what can be claimed from them (docs/method.md, section 7).
//
// A method's unit is the seed: an arm's numbers are means over its seeds with Student's t interval, and two arms are compared by
// the differences of the seeds that they share, with the exact sign-flip test. Claims that were declared before running are
// adjusted after Holm; all others are exploratory. Below STUDY_SEEDS_TO_DECIDE seeds no test is made. A run that failed has no
// number: it is shown and counted, its seed takes no part in means and differences, and a claim that misses a seed so is not
// decided. A run that diverged was evaluated like any other, and its number enters.
//
// Two evaluations that stand by themselves are two checkpoints, and problems are the unit: nothing is said about methods.
#ifndef DSDR_STUDY_COMPARE_H
#define DSDR_STUDY_COMPARE_H

#include "base/buffer.h"
#include "base/status.h"
#include "stats/stats.h"
#include "study/collection.h"
#include "study/definition.h"

enum { STUDY_SEEDS_TO_DECIDE = 6 };

// An outcome of an evaluation on a source ("overall" is the unweighted mean of the sources).
typedef struct study_column {
    char *source, *outcome; // "pass@1", "avg@16", "pass@8", "semantic_similarity", ...
    bool share;             // a share, to be shown in percent
} study_column;

typedef struct study_cell {
    double *values; // [seed_count] of the table's seeds; NAN where there is none
    size_t count;   // of those that are there
    double mean;    // NAN for none
    stats_interval interval;
} study_cell;

// All runs of an arm.
typedef struct study_row {
    char *arm;
    const study_run **runs; // [seed_count]; NULL where the arm has no run of the seed
    size_t count[4];        // runs by study_state
    size_t evaluated;
    study_cell *cells; // [column_count]
} study_row;

// Where two arms meet.
typedef enum study_meeting {
    STUDY_AT_CHECKPOINT, // the evaluated checkpoints
    STUDY_AT_STEPS,      // validation at the last step that all runs of both have validated
    STUDY_AT_TOKENS,     // the last validation of each run within the smallest number of tokens that one of them generated in all
} study_meeting;

typedef struct study_claim {
    size_t a, b; // rows; differences are a minus b
    study_meeting meeting;
    char *outcome; // on "overall"; of validations their own
    bool declared;
    size_t seeds, missing; // seeds with both numbers; of those that both were meant to have, the ones without
    double difference;
    stats_interval interval;
    double p, adjusted;                  // NAN where no test is made; adjusted for declared claims only
    int64_t least_step[2], most_step[2]; // of a's and b's runs, where they meet
    double tokens;                       // STUDY_AT_TOKENS: the budget; else NAN
} study_claim;

// Two checkpoints on the same problems, b minus a.
typedef struct study_duel {
    char *outcome;
    size_t problems;
    double a, b, difference;
    stats_interval interval; // bootstrap over problems, within sources
    double p;                // paired permutation; at one sample a problem McNemar's exact test
    bool mcnemar;
    uint64_t only_a, only_b; // with mcnemar: problems that only one has right
} study_duel;

typedef struct study_table {
    int64_t *seeds;
    size_t seed_count;
    study_column *columns;
    size_t column_count;
    study_row *rows;
    size_t row_count;
    study_claim *claims; // declared ones first
    size_t claim_count;
    study_duel *duels;
    size_t duel_count;
    size_t primary;  // column
    text_list notes; // sentences about what the table does not show by itself
    const study_collection *found;
    const study_definition *definition;
} study_table;

// `definition` (NULL: none) declares outcome and comparisons, and orders the arms; without one the outcome is avg@N and
// everything is exploratory. Both have to outlive the table. STATUS_INVALID where nothing was evaluated, where evaluations are of
// different problems, or where an arm has a seed twice. On failure *t is empty.
status study_compare(study_table *t, const study_collection *found, const study_definition *definition);
void study_table_free(study_table *t);

// Appends the tables for a person; a row a number (arm, seed, state, source, outcome, value); or everything as one JSON object.
status study_write_text(buffer *out, const study_table *t);
status study_write_csv(buffer *out, const study_table *t);
status study_write_json(buffer *out, const study_table *t);

#endif
