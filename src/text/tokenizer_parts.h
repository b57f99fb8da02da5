// What a tokenizer is made of. Used by the tokenizer_*.c files of text/ only; others use text/tokenizer.h.
//
// Encoding, in order: added tokens that are searched in the raw text are cut out; the rest is normalized; added tokens that are
// searched in the normal form are cut out; the rest is split into words; the model turns each word into tokens; the
// post-processor puts its tokens around all.
#ifndef DSDR_TEXT_TOKENIZER_PARTS_H
#define DSDR_TEXT_TOKENIZER_PARTS_H

#include <jansson.h>

#include "text/bpe.h"
#include "text/decoder.h"
#include "text/matcher.h"
#include "text/normalizer.h"
#include "text/splitter.h"
#include "text/wordpiece.h"

typedef struct added_token {
    char *text;
    size_t length;
    char *normal; // its normal form where that differs, else NULL
    size_t normal_length;
    int32_t id;
    bool special, single_word, left_strip, right_strip, normalized;
} added_token;

typedef struct saved_file {
    char *name;
    char *bytes;
    size_t length;
} saved_file;

struct tokenizer {
    vocabulary vocabulary; // the model's own tokens
    bool is_wordpiece;
    bpe bpe;
    wordpiece wordpiece;
    normalizer normalizer;
    splitter splitter;
    decoder decoder;

    added_token *added;
    size_t added_count;
    matcher raw_matcher, normal_matcher; // values are indices into `added`

    token_list prefix, suffix; // what the post-processor puts around a text

    // Filled by tokenizer_finish: by id.
    size_t id_count;
    int32_t *added_by_id; // index into `added`, -1: none
    size_t *bytes_from;   // [id_count + 1] into `bytes`
    bool *is_special;
    buffer bytes; // the raw bytes of all tokens

    int32_t bos, eos, pad, unk;
    char *bos_text, *eos_text; // never NULL once loaded
    token_list stop;
    char *chat_template; // NULL: none

    saved_file *files; // as read from a folder
    size_t file_count;
    bool from_arrays; // tokenizer_save writes it anew
    char *pre_tokenizer_name;
};

// Reads the members of a tokenizer.json: vocabulary, model, normalizer, pre-tokenizer, post-processor, decoder, added tokens.
// `name` is for messages.
status tokenizer_read_json(tokenizer *t, const json_t *root, const char *name);
status tokenizer_read_normalizer(tokenizer *t, const json_t *value, const char *where);
status tokenizer_read_pre_tokenizer(tokenizer *t, const json_t *value, const char *where);
status tokenizer_read_post_processor(tokenizer *t, const json_t *value, const char *where);
status tokenizer_read_decoder(tokenizer *t, const json_t *value, const char *where);

// Refuses a key of `object` that is not among the comma-separated `known` ones.
status tokenizer_expect_keys(const json_t *object, const char *known, const char *where);
// Members that may be missing or null; another type is STATUS_INVALID.
status tokenizer_get_bool(const json_t *object, const char *key, bool fallback, bool *value, const char *where);
status tokenizer_get_text(const json_t *object, const char *key, const char **text, size_t *length, const char *where);

status tokenizer_need_text(const json_t *object, const char *key, const char **text, size_t *length, const char *where);
status tokenizer_get_count(const json_t *object, const char *key, size_t fallback, size_t *value, const char *where);
status tokenizer_copy_text(char **out, const char *text, size_t length);

// What the name of a pre-tokenizer in a GGUF file stands for, as members of a tokenizer.json; NULL for an unknown name.
typedef struct tokenizer_recipe {
    const char *name, *normalizer, *pre_tokenizer;
    bool ignore_merges;
} tokenizer_recipe;
const tokenizer_recipe *tokenizer_find_recipe(const char *name);
extern const char tokenizer_byte_level_json[]; // the decoder of all of them, and a post-processor that adds nothing

// Adds a token or, where the text is already an added token, replaces its settings. Takes a copy of `text`.
status tokenizer_add_token(tokenizer *t, added_token token);

// Fills the tables by id and the matchers; the last thing before use.
status tokenizer_finish(tokenizer *t);

// The text of a token as the decoder sees it; bytes == NULL: no such token.
text_span tokenizer_text_of(const tokenizer *t, int32_t id);

#endif
