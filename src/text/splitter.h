// The "pre_tokenizer" of a tokenizer.json: how a text is cut into the words that the model then tokenizes one by one. Used inside
// text/ only.
#ifndef DSDR_TEXT_SPLITTER_H
#define DSDR_TEXT_SPLITTER_H

#include "base/buffer.h"
#include "text/pattern.h"

// What becomes of the matches of a pattern.
typedef enum split_behavior {
    SPLIT_REMOVED,              // dropped
    SPLIT_ISOLATED,             // each a piece of its own
    SPLIT_MERGED_WITH_PREVIOUS, // joined to what stands before
    SPLIT_MERGED_WITH_NEXT,     // joined to what stands behind
    SPLIT_CONTIGUOUS,           // neighbouring matches are one piece
} split_behavior;

typedef enum splitter_kind {
    SPLITTER_PATTERN,     // `pattern`, `behavior`, `invert`
    SPLITTER_DIGITS,      // characters of general category N; Isolated or Contiguous
    SPLITTER_PUNCTUATION, // ASCII punctuation and category P, by `behavior`
    SPLITTER_WHITESPACE,  // runs of \w and runs of neither \w nor space; spaces are dropped
    SPLITTER_SPACES,      // cut at White_Space, which is dropped ("WhitespaceSplit")
    SPLITTER_BERT,        // cut at White_Space, then each punctuation character alone
    SPLITTER_BYTE_LEVEL,  // optional space in front, optional `pattern` (GPT-2's), then bytes become printable characters
    SPLITTER_METASPACE,   // spaces become `mark`
} splitter_kind;

typedef enum prepend_scheme { PREPEND_NEVER, PREPEND_FIRST, PREPEND_ALWAYS } prepend_scheme;

typedef struct splitter_step {
    splitter_kind kind;
    split_behavior behavior;
    bool invert;           // PATTERN: what does not match counts as the match
    bool add_prefix_space; // BYTE_LEVEL
    pattern *pattern;      // PATTERN, BYTE_LEVEL (NULL: no splitting); owned
    char mark[5];          // METASPACE: one character
    prepend_scheme prepend;
    bool split; // METASPACE: cut before each mark
} splitter_step;

// Steps in order; no step leaves a text whole.
typedef struct splitter {
    splitter_step *steps;
    size_t count;
} splitter;

typedef struct piece {
    size_t from, to; // bytes of splitter_work.text
} piece;

// A text and its pieces, none of them empty; the rest is working memory. Start from {0}.
typedef struct splitter_work {
    buffer text, next_text;
    struct piece_list {
        piece *items;
        size_t count, capacity;
    } pieces, next_pieces;
    struct interval_list {
        struct interval {
            size_t from, to;
            bool match;
        } * items;
        size_t count, capacity;
    } intervals;
} splitter_work;

// Cuts work->text (valid UTF-8, may be empty) into work->pieces; steps that rewrite the text replace it. `at_start`: the text
// stands at the very beginning of what is tokenized.
status splitter_run(const splitter *s, splitter_work *work, bool at_start);

extern const char splitter_gpt2_pattern[]; // the pattern of ByteLevel with use_regex

void splitter_free(splitter *s);
void splitter_work_free(splitter_work *work);

#endif
