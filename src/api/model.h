// The handle of a language model, and checks of the tokens that come from outside.
#ifndef DSDR_API_MODEL_H
#define DSDR_API_MODEL_H

#include "dsdr.h"
#include "model/language.h"
#include "model/packed.h"

struct dsdr_model {
    matmul *products;
    language_model language;
    packed_pass pass; // of dsdr_model_logprobs; as large as its largest call so far, empty before
};

// A prompt, or a response: at least one token, all of them in the vocabulary. `what` and `number` are for the message.
status api_check_tokens(const dsdr_model *m, const int32_t *tokens, size_t count, const char *what, size_t number);

// Whether a prompt and a response of these lengths fit the positions that the model was made for.
status api_check_positions(const dsdr_model *m, size_t prompt_length, size_t response_length);

#endif
