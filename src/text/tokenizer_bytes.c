// A tokenizer made from nothing: every byte is a token, and so is every word that the caller lists. It is a byte-level BPE
// without merges whose words are added tokens, so transformers reads what tokenizer_save writes of it. See
// tokenizer_create_bytes.
#include <stdlib.h>
#include <string.h>

#include "text/tokenizer.h"
#include "text/unicode.h"

// Behind the 256 bytes: padding, what opens a message of a chat, what closes it and ends every response.
static const char *const controls[] = {"<|endoftext|>", "<|im_start|>", "<|im_end|>"};
enum { BYTES = 256, CONTROLS = sizeof controls / sizeof *controls, PADDING = BYTES, END = BYTES + 2 };

// ChatML.
static const char chat[] = "{% for message in messages %}"
                           "{{ '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}"
                           "{% endfor %}"
                           "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

static status check_words(const char *const *words, size_t count) {
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(words[i]);
        if (length < 2 || !unicode_is_valid(words[i], length))
            return status_set(STATUS_INVALID,
                              "the word \"%.60s\" is not UTF-8 text of at least two bytes (single bytes are tokens)", words[i]);
        for (size_t k = 0; k < i; k++)
            if (!strcmp(words[i], words[k])) return status_set(STATUS_INVALID, "the word \"%.60s\" is listed twice", words[i]);
    }
    return STATUS_OK;
}

status tokenizer_create_bytes(tokenizer **out, const char *const *words, size_t count) {
    *out = NULL;
    TRY(check_words(words, count));
    size_t total = BYTES + CONTROLS + count;
    buffer bytes = {0}; // the 256 bytes in the form of a vocabulary, at most two bytes each
    text_span *tokens = calloc(total, sizeof *tokens);
    int32_t *types = calloc(total, sizeof *types);
    status code = tokens && types ? buffer_reserve(&bytes, 2 * BYTES) : status_set(STATUS_NO_MEMORY, "no memory for a tokenizer");
    for (size_t i = 0; i < total && code == STATUS_OK; i++) {
        if (i < BYTES) {
            size_t from = bytes.length;
            code = unicode_append(&bytes, unicode_of_byte((unsigned char)i));
            tokens[i] = (text_span){bytes.data + from, bytes.length - from};
            types[i] = TOKEN_NORMAL;
        } else {
            const char *text = i < BYTES + CONTROLS ? controls[i - BYTES] : words[i - BYTES - CONTROLS];
            tokens[i] = (text_span){text, strlen(text)};
            types[i] = i < BYTES + CONTROLS ? TOKEN_CONTROL : TOKEN_USER_DEFINED;
        }
    }
    const tokenizer_bpe_source source = {.name = "the byte-level tokenizer",
                                         .pre_tokenizer = "gpt-2",
                                         .tokens = tokens,
                                         .types = types,
                                         .token_count = total,
                                         .bos = -1,
                                         .eos = END,
                                         .pad = PADDING,
                                         .unk = -1,
                                         .chat_template = chat};
    if (code == STATUS_OK) code = tokenizer_create_bpe(out, &source);
    free(tokens), free(types);
    buffer_free(&bytes);
    // Decoders of byte-level tokens take a word of Latin letters beyond ASCII for the bytes that these letters stand for.
    for (size_t i = 0; i < count && code == STATUS_OK; i++) {
        size_t length;
        const char *decoded = tokenizer_token_bytes(*out, (int32_t)(BYTES + CONTROLS + i), &length);
        if (length == strlen(words[i]) && memcmp(decoded, words[i], length) == 0) continue;
        code = status_set(STATUS_INVALID, "the word \"%.60s\" would not be decoded to itself; leave it to its bytes", words[i]);
        tokenizer_free(*out);
        *out = NULL;
    }
    return code;
}
