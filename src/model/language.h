// A language model as users give it: weights, tokenizer and chat template from one Hugging Face folder or GGUF file.
#ifndef DSDR_MODEL_LANGUAGE_H
#define DSDR_MODEL_LANGUAGE_H

#include "model/model.h"
#include "text/chat.h"
#include "text/tokenizer.h"

typedef struct language_model {
    model model;
    tokenizer *tokenizer;
    chat_template *chat;  // made when a chat prompt is first rendered; NULL before and for models without a template
    int32_t *stop_tokens; // all tokens that end a response: the config's, the generation config's and the tokenizer's, once each
    size_t stop_count;
    char *path; // as given
} language_model;

// Opens `path`. A tokenizer with ids beyond the model's vocabulary is refused. A chat template that is not understood is an error
// only once a chat prompt is asked for. On failure *lm is empty and language_model_close is harmless.
status language_model_open(language_model *lm, matmul *products, const char *path, bool trainable);
void language_model_close(language_model *lm);

// All of it but the weights: enough for prompts, and to tell how much memory the model needs. model_read(&lm->model, path, ...)
// brings the weights.
status language_model_describe(language_model *lm, matmul *products, const char *path);

// An untrained model of this config around a tokenizer, which is taken over, also on failure. The config's vocabulary must have
// room for it; its special tokens become the config's.
status language_model_create(language_model *lm, matmul *products, const model_config *config, tokenizer *words, uint64_t seed);

// Replaces the parameters by those of a checkpoint folder that language_model_save wrote for the same config, and packs them.
status language_model_read_parameters(language_model *lm, const char *folder);

// Writes a complete Hugging Face folder (which must exist): config, generation config, weights in float32, tokenizer.
status language_model_save(const language_model *lm, const char *folder);

// The tokenizer alone, of a Hugging Face folder (weights need not be there) or of a GGUF file. On failure *out is NULL.
status language_tokenizer_open(tokenizer **out, const char *path);

typedef struct prompt_options {
    const char *prompt_template; // "chat", or a raw text with {problem}; NULL is "chat"
    const char *instruction;     // appended to the problem after a newline under "chat"; NULL or "" for none
} prompt_options;

// Appends to `tokens` the prompt of a problem: rendered by the chat template as one message of the user, the instruction behind
// the problem, with the opening of the answer; nothing is added around it. Or the raw text with {problem} replaced; what the
// tokenizer puts in front of a text (BOS) is added unless the text begins with it, what it puts behind is not. Special tokens
// written out ("<|im_start|>") are those tokens in both. `rendered` (may be NULL) receives the text that was tokenized.
// *think_open (may be NULL): the prompt ends inside an opened <think>. "chat" for a model without a template is STATUS_INVALID,
// naming data.prompt_template. On failure `tokens` holds nothing of use.
status language_model_prompt(language_model *lm, const prompt_options *options, const char *problem, token_list *tokens,
                             buffer *rendered, bool *think_open);

#endif
