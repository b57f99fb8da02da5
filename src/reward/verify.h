// The verdict on one response: extraction, then equality, then the status that the reward is made of (docs/verifier.md;
// docs/method.md, section 1).
#ifndef DSDR_REWARD_VERIFY_H
#define DSDR_REWARD_VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "records/records.h"
#include "reward/extract.h"

typedef struct verify_options {
    answer_profile profile;
    bool think_open;        // the prompt ends inside an opened <think>
    int significant_digits; // verify.significant_digits
    int decimals;           // verify.decimals; -1: off
    bool gold_rounded;      // verify.gold_rounded
    uint64_t seed;          // of probabilistic tiers
    bool skip_text;         // the tier `text` is left out, to measure the others
    bool explain;           // fill the verdict's gold_form, answer_form and reason
} verify_options;

#define VERIFY_OPTIONS_DEFAULT                                                                                                   \
    ((verify_options){.profile = PROFILE_STRICT, .think_open = false, .significant_digits = 6, .decimals = -1, .seed = 1})

// Judges a response. Fills *out; out->extracted is owned by the caller (verdict_clear). Never timeout here (that is
// worker.h's); error only for an unreadable gold and for STATUS_NO_MEMORY, which is also returned.
// options NULL: the defaults.
status verify_response(const verify_options *options, const char *gold, size_t gold_length, const char *response, size_t length,
                       verdict *out);

// Judges an answer given as such: one that holds a box goes through the profile, else the whole text is the answer.
status verify_answer(const verify_options *options, const char *gold, size_t gold_length, const char *answer, size_t length,
                     verdict *out);

// Whether a gold can be compared by value: STATUS_OK, or the reason (STATUS_UNSUPPORTED not understood, STATUS_LIMIT too large,
// STATUS_INVALID empty). A gold that is not understood still accepts an answer with the same normalized text (`correct`); every
// other answer gets `error` with tier "gold": nothing is known about it. Callers list such golds before the first step.
status verify_gold(const char *gold, size_t length);

// A key under which equal answers of one problem meet, without looking at the gold (maj@k): appends it to `out`. *found is false
// where the response has no answer.
status verify_answer_key(const verify_options *options, const char *response, size_t length, buffer *out, bool *found);

void verdict_clear(verdict *v); // frees the verdict's texts

#endif
