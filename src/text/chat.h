// Chat templates: from a list of messages to the text a model was trained on, byte for byte as transformers' apply_chat_template
// renders it.
//
// A template is the Jinja text that comes with a model. It is run by an interpreter for the part of Jinja that chat templates
// use, under the settings of transformers (trim_blocks, lstrip_blocks). What a template uses beyond that part is refused with its
// name and the template's first characters when the template is created: nothing is rendered approximately.
//
// Variables: messages, add_generation_prompt, bos_token, eos_token, and those the caller passes (such as enable_thinking of
// Qwen3, date_string of Llama 3). `tools` and `documents` are none. strftime_now is undefined, because a prompt that holds the
// date of the day would make equal runs differ: Llama 3.2 then writes its own fixed date, as it does without strftime_now.
#ifndef DSDR_TEXT_CHAT_H
#define DSDR_TEXT_CHAT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/status.h"

typedef struct chat_template chat_template;

typedef struct chat_message {
    const char *role;    // "system", "user", "assistant"
    const char *content; // broken UTF-8 counts as U+FFFD
} chat_message;

// A variable for the template: a text if `text` is not NULL, else the truth value.
typedef struct chat_variable {
    const char *name, *text;
    bool truth;
} chat_variable;

// Reads a template. bos and eos are the texts of those tokens ("" if none; tokenizer_bos_text). On failure *out is NULL:
// STATUS_UNSUPPORTED for a template that is not understood, the message quoting its first 80 characters.
status chat_template_create(chat_template **out, const char *jinja, const char *bos, const char *eos);
void chat_template_free(chat_template *t);

// Appends the text of the messages; with add_generation_prompt also the opening of the assistant's answer. The text already holds
// the special tokens: tokenize it with special = true and add = false. A template that refuses the messages (by raise_exception)
// is STATUS_INVALID with its own words. On failure *out is unchanged. Safe to call from several threads.
status chat_render(const chat_template *t, const chat_message *messages, size_t count, bool add_generation_prompt, buffer *out);

// The same with further variables.
status chat_render_with(const chat_template *t, const chat_message *messages, size_t count, bool add_generation_prompt,
                        const chat_variable *variables, size_t variable_count, buffer *out);

#endif
