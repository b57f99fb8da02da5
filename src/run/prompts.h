// The prompts of a problem set as tokens, rendered once before anything is generated.
#ifndef DSDR_RUN_PROMPTS_H
#define DSDR_RUN_PROMPTS_H

#include "model/language.h"
#include "run/settings.h"
#include "tasks/tasks.h"

typedef struct prompt_set {
    token_list *tokens; // [count] of each problem of the set; empty where the problem is left out
    bool *think_open;   // [count] the prompt ends inside an opened <think>
    size_t count;
    size_t longest;  // tokens
    size_t left_out; // problems left out by data.filter_overlong_prompts
    size_t cut;      // prompts cut by data.truncation
} prompt_set;

// Renders and tokenizes every problem (data.prompt_template, data.instruction). A prompt longer than data.max_prompt_length is
// left out with data.filter_overlong_prompts, else cut as data.truncation says (left, right and middle name where tokens are
// taken away, as in verl), else STATUS_INVALID naming problem and lengths; that is also the status when no problem is left and
// when prompt and response together exceed the positions the model was made for. On failure *p is empty.
status prompt_set_create(prompt_set *p, language_model *lm, const settings *s, const problem_set *problems);
void prompt_set_free(prompt_set *p);

// The problems of a set whose prompts were kept, epoch after epoch, each in its own order.
typedef struct prompt_order {
    uint32_t *kept; // [count] numbers of the problems; at least one
    size_t count;
    uint32_t *order; // of the epoch `epoch`, once it is known
    uint64_t epoch;
    bool known;
} prompt_order;

status prompt_order_create(prompt_order *o, const prompt_set *p);
void prompt_order_free(prompt_order *o);

// The problem at a position of the run, counted from 0 over all epochs: a function of data.shuffle, data.seed and the position.
size_t prompt_order_at(prompt_order *o, const settings *s, uint64_t position);

#endif
