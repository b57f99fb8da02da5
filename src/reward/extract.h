// The answer in a response: which part of the text is judged (docs/verifier.md, section 1).
//
// Profiles (math_verify-like tools pool every regular expression and fall back on a parse failure; none of these does):
//   strict   for training. The text behind the last </think>; the last \boxed or \fbox in it. Boxes separated only by white
//            space, $ , ; "and" "or" form one list. An empty box, or one cut by the end of the text, is no answer, never an
//            earlier box.
//   gsm8k    the line behind the last "####" without dollar signs; commas and a unit are read as in any answer.
//   lenient  for evaluation: a box; else "final answer is"; else "answer is" or "answer:"; else "####"; else the last delimited
//            mathematics; else the last number.
#ifndef DSDR_REWARD_EXTRACT_H
#define DSDR_REWARD_EXTRACT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/status.h"

// X(code, name as in settings and records)
#define ANSWER_PROFILE_TABLE(X)                                                                                                  \
    X(PROFILE_STRICT, "strict")                                                                                                  \
    X(PROFILE_GSM8K, "gsm8k")                                                                                                    \
    X(PROFILE_LENIENT, "lenient")

typedef enum answer_profile {
#define X(code, name) code,
    ANSWER_PROFILE_TABLE(X)
#undef X
        PROFILE_COUNT
} answer_profile;

const char *profile_name(answer_profile profile);
status profile_parse(const char *name, answer_profile *out); // STATUS_INVALID for an unknown name

// Finds the answer in `length` bytes of any content; linear time. `think_open`: the prompt ended with an opened <think>, so a
// response without </think> is all thought and has no answer. *found tells whether there is an answer; its text is appended to
// `out`. STATUS_NO_MEMORY is the only failure.
status answer_extract(answer_profile profile, const char *response, size_t length, bool think_open, buffer *out, bool *found);

// Whether the text holds an opening \boxed or \fbox.
bool answer_has_box(const char *text, size_t length);

#endif
