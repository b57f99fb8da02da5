// The "normalizer" of a tokenizer.json: what happens to a text before it is cut into words. Used inside text/ only.
#ifndef DSDR_TEXT_NORMALIZER_H
#define DSDR_TEXT_NORMALIZER_H

#include "base/buffer.h"
#include "text/pattern.h"

typedef enum normalizer_kind {
    NORMALIZER_NFC,
    NORMALIZER_NFD,
    NORMALIZER_NFKC,
    NORMALIZER_NFKD,
    NORMALIZER_LOWERCASE, // each character on its own, by Unicode's full lower-case mapping
    NORMALIZER_STRIP,     // White_Space at the ends
    NORMALIZER_PREPEND,   // `text` in front, unless the text is empty
    NORMALIZER_REPLACE,   // every match of `pattern` becomes `text`
    NORMALIZER_BERT,
} normalizer_kind;

typedef struct normalizer_step {
    normalizer_kind kind;
    bool strip_left, strip_right;                                    // STRIP
    bool clean_text, handle_chinese_chars, strip_accents, lowercase; // BERT
    char *text;                                                      // PREPEND, REPLACE; owned
    size_t text_length;
    pattern *pattern; // REPLACE; owned
} normalizer_step;

// Steps in order; no step leaves a text as it is.
typedef struct normalizer {
    normalizer_step *steps;
    size_t count;
} normalizer;

// Replaces *text (valid UTF-8) by its normal form. `scratch` is working memory, and the two may be exchanged.
status normalizer_run(const normalizer *n, buffer *text, buffer *scratch);
void normalizer_free(normalizer *n);

#endif
