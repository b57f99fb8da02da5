// Generation of groups: many prompts at once, G rollouts each, from one prompt cache a group.
//
// Rows are kept full: a rollout that ends frees its row at once and the next one takes it. Every draw is keyed by (seed, purpose,
// group serial, rollout, position) and every row's bits are its own, so what is generated does not depend on the number of rows,
// on which rollouts run together, or on the number of threads.
#ifndef DSDR_ROLLOUT_GENERATOR_H
#define DSDR_ROLLOUT_GENERATOR_H

#include "base/random.h"
#include "model/head.h"
#include "model/transformer.h"
#include "records/records.h"
#include "text/tokenizer.h"

// How tokens are drawn and when a response ends.
typedef struct sampling {
    uint64_t seed;
    random_purpose purpose; // RANDOM_SAMPLE_TRAIN or RANDOM_SAMPLE_EVAL
    float temperature;      // 0: the most likely token; logp and entropy are then those at temperature 1
    size_t top_k;           // 0: all
    double top_p;           // 1: all; logp and entropy are those of the whole distribution, whatever top_k and top_p
    size_t longest_response;
    const int32_t *end_tokens; // the ending token belongs to the response
    size_t end_count;
    const char *const *stop_strings; // matched on decoded text; the token that completes one is kept, the text is cut before it
    size_t stop_count;
} sampling;

typedef struct generator_statistics {
    size_t prompt_tokens, response_tokens;
    size_t decode_steps, half_empty_steps; // the latter with fewer than half of the rows in use
    double prefill_seconds, decode_seconds;
} generator_statistics;

typedef struct generator generator;

typedef struct generator_options {
    size_t rows; // rollouts that decode at once
    size_t longest_prompt, longest_response;
    size_t prompt_tokens; // room for prompt caches; 0: as many as `rows` prompts, at most 64, of the longest kind
} generator_options;

enum { GENERATOR_STOP_BYTES = 1024 }; // the longest stop string

// Each run takes its memory from `shared` (borrowed), which must then have generator_bytes() to give, and gives it back; with
// NULL the generator has an arena of its own. t may be NULL where there are no stop strings and no texts.
status generator_create(generator **out, const model *m, const tokenizer *t, const generator_options *options, arena *shared);
void generator_free(generator *g);
size_t generator_bytes(const model *m, const tokenizer *t, const generator_options *options);

// Called between decoding steps with the number of finished rollouts and of tokens so far; returning true stops the generation.
typedef bool (*generator_watch)(void *context, size_t finished, size_t tokens);

// Called once for each group, by its number in the call, as soon as its last rollout has ended: from then on the generation does
// not write to it, and another thread may. The order is that in which groups end, which depends on the number of rows.
typedef void (*generator_finished)(void *context, size_t group);

// Who looks on while groups are generated; members may be NULL.
typedef struct generator_observer {
    generator_watch watch;
    generator_finished finished;
    void *context; // of both
} generator_observer;

// Fills the rollouts of all groups (prompt tokens and room given) but for their texts. Allocates nothing. STATUS_INTERRUPTED when
// the observer (may be NULL) asked to stop: groups that have not been called finished then hold nothing usable.
status generator_run(generator *g, group *groups, size_t count, const sampling *how, const generator_observer *observer);

// Makes rollout[].text of finished groups; a text from before is freed. Free with group_set_clear or free(). Other groups may be
// generated meanwhile, by another thread.
status generator_write_texts(const generator *g, group *groups, size_t count);

// Called with the bytes of each token of the one rollout as it appears (chat).
typedef void (*generator_stream)(void *context, const char *bytes, size_t length);
status generator_run_streaming(generator *g, group *one, const sampling *how, generator_stream stream, void *context);

const generator_statistics *generator_totals(const generator *g); // since creation

// What a run costs, measured on its own code without running it: the prompts of all groups and the first token of every rollout,
// once, and then `steps` decoding steps in which every rollout has a row and, at the first step, `length` tokens. Tokens and
// caches before these are made up, and the rollouts hold nothing usable. All rollouts must fit the rows; length >= 1, and length
// + steps at most how->longest_response. No response ends early, whatever `how` says. *prefill is in seconds, *step in seconds
// of one step; steps may be 0.
status generator_rehearse(generator *g, group *groups, size_t count, const sampling *how, size_t length, size_t steps,
                          double *prefill, double *step);

#endif
