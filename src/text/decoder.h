// The "decoder" of a tokenizer.json: how the texts of tokens become the text they stand for. Used inside text/ only.
#ifndef DSDR_TEXT_DECODER_H
#define DSDR_TEXT_DECODER_H

#include "base/buffer.h"
#include "text/pattern.h"

typedef enum decoder_kind {
    DECODER_BYTE_LEVEL, // printable characters back to bytes; a token with any other character stands for itself; all fused
    DECODER_WORDPIECE,  // `text` (the "##") is cut off, other tokens get a space in front; `cleanup` of spaces before punctuation
    DECODER_REPLACE,    // every match of `pattern` becomes `text`
    DECODER_BYTE_FALLBACK, // <0xHH> becomes that byte
    DECODER_FUSE,          // all tokens become one
    DECODER_STRIP,         // up to `start` and `stop` times the character `text` away from the ends of each
    DECODER_METASPACE,     // `text` becomes a space, and vanishes in the first token if `drop_first`
} decoder_kind;

typedef struct decoder_step {
    decoder_kind kind;
    bool cleanup, drop_first;
    size_t start, stop;
    pattern *pattern; // owned
    char *text;       // owned
    size_t text_length;
} decoder_step;

// Steps in order. Without any, the tokens are joined by spaces.
typedef struct decoder {
    decoder_step *steps;
    size_t count;
} decoder;

// Token texts on their way through the decoder: item i is bytes [ends[i-1], ends[i]) of `text`. Start from {0}.
typedef struct decoder_work {
    struct decoder_items {
        buffer text;
        size_t *ends;
        size_t count, capacity;
    } items, next;
    buffer scratch;
} decoder_work;

status decoder_add(decoder_work *work, const char *text, size_t length);

// Runs the steps over the added items and appends the result to *out. `alone`: a single token is looked at for its own bytes, so
// what depends on its place among others (Strip, the first token's rules, the space of WordPiece) is left undone.
status decoder_run(const decoder *d, decoder_work *work, bool alone, buffer *out);

void decoder_free(decoder *d);
void decoder_work_free(decoder_work *work);

#endif
