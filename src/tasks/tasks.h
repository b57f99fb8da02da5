// Problems to train and evaluate on: read from JSON Lines files or made by built-in generators, and the order of an epoch.
//
// rows.c turns one JSON row into a problem, set.c opens lists of files and generators, builtin.c holds the generators,
// countdown.h the checker that countdown's answers need. Called by run/ and study/.
#ifndef DSDR_TASKS_TASKS_H
#define DSDR_TASKS_TASKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "base/buffer.h"
#include "base/status.h"
#include "records/records.h"

typedef struct problem_options {
    const char *prompt_key;   // data.prompt_key; NULL: the first of `problem`, `question`, `prompt`, `query` that a row has
    const char *answer_key;   // data.answer_key; NULL: `answer`, `final_answer`, `expected_answer`, `ground_truth`, `target`,
                              // verl's `reward_model.ground_truth`, or a worked `solution`
    bool lessons;             // rows are there to be learned from: they hold a response and need no answer ("" then)
    const char *response_key; // data.response_key, read with `lessons`; NULL: `response`
} problem_options;

typedef struct problem_set {
    problem *problems; // [count], in the order of files and rows; strings owned by the set
    size_t count;
    size_t repeated_ids; // ids that occurred before and got "#2", "#3", ... appended, so that every id in the set is unique
    char *strings;
} problem_set;

// Opens every entry of `specs`: a path of a JSON Lines file, a built-in task, or several of these separated by commas (a path
// that exists as written may contain commas). Options may be NULL.
//
// A built-in task is `builtin:NAME/train` or `builtin:NAME/test`, optionally with `?seed=S`, `?count=N` or `?seed=S&count=N`. The
// two splits share no numbers, whatever the seeds; the first N problems do not depend on N.
//
// A row is a JSON object; the keys that are found in the first row of a file hold for all of it. The text comes from prompt_key
// (a string, or a list of messages that holds one user message), the answer from answer_key (a string, or a number, kept as
// written, or a list of them, which are one answer: "2, 3"; of a string with
// "####" what stands behind it, of a `solution` what its last \boxed{} holds), the response from response_key (a string, or a
// list that holds one message of the assistant); a key with dots that the row lacks is a path into objects. Built-in tasks have
// no responses: tasks_solution writes them. `id` is the row's `id`, else its data_source and extra_info.index
// ("openai/gsm8k:17"), else FILE:LINE; `source` is `source`, else `data_source`, else the file's name without folder and ending;
// files of the same name have their folder's in front of it.
//
// On failure *set is empty; the message names file and line: STATUS_INVALID for a missing file, an empty one, a row that is not
// a JSON object, a missing key (the keys of row 1 are listed), an empty or unusable text or answer, an unknown task or option;
// STATUS_UNSUPPORTED for a Parquet file (with the conversion) and for prompts of several messages.
status problem_set_open(problem_set *set, const char *const *specs, size_t count, const problem_options *options);
void problem_set_free(problem_set *set);

// Order of `count` problems in an epoch: a permutation of 0 .. count-1, a pure function of its arguments (Fisher-Yates with keyed
// draws, RANDOM_SHUFFLE).
void tasks_order(uint64_t seed, uint64_t epoch, uint32_t count, uint32_t *order);

// Appends `template` to *out with every `{problem}` replaced by `text`. STATUS_INVALID for a template without `{problem}`.
status tasks_fill_template(const char *template, const char *text, buffer *out);

// ---- built-in tasks --------------------------------------------------------------------------------------------------------

// What is good to know about a built-in task before a base model is trained on it.
typedef struct task_builtin {
    const char *name;            // without "builtin:"
    const char *summary;         // one line
    const char *prompt_template; // raw few-shot text with {problem}; the response follows it and ends at `stop`
    const char *stop;
    const char *profile;            // of answer extraction: "strict" (boxed answers) or "lenient" (plain numbers)
    size_t response_tokens;         // enough for a right answer
    size_t train_count, test_count; // problems without ?count=
} task_builtin;

// The table of built-in tasks: word_arithmetic, addition, chained_sums, countdown.
const task_builtin *tasks_builtins(size_t *count);

// Appends a worked solution of a problem of a built-in task, as its prompt template shows them; of countdown's, which have many,
// a draw keyed by (seed, problem, draw): steps of two numbers, then the expression. Always verified as correct. STATUS_INVALID
// where source or text are no built-in task's.
status tasks_solution(const problem *asked, uint64_t seed, uint32_t draw, buffer *out);

// The entry of that name, with or without "builtin:" in front and split or options behind; NULL for none.
const task_builtin *tasks_find_builtin(const char *spec);

// ---- for this room, tests and fuzzing
// ------------------------------------------------------------------------------------------

uint64_t tasks_hash_text(const char *text); // FNV-1a

// A problem whose strings are offsets into a growing buffer. Offsets, because the buffer moves.
typedef struct problem_draft {
    size_t id, source, text, answer, response;
    bool has_response;
    bool named_by_file;                  // the source is the file's name
    const char *prompt_key, *answer_key; // where text and answer were found; the latter NULL without an answer
} problem_draft;

// Appends the strings of one row to *strings, NUL-terminated. `line` is the row as written (numbers are copied from it), `file`
// and `line_number` name it in messages.
status problem_from_row(const json_t *row, const char *line, size_t line_length, const char *file, size_t line_number,
                        const problem_options *options, buffer *strings, problem_draft *draft);

// Appends the problems of a built-in task ("NAME/split?options", without "builtin:") to *strings and hands each draft to `add`.
status tasks_generate(const char *spec, buffer *strings, status (*add)(void *context, problem_draft draft), void *context);

#endif
