// WordPiece: the longest token that the rest of the word begins with, again and again (Devlin et al., "BERT", 2019; Schuster and
// Nakajima 2012). Used inside text/ only.
#ifndef DSDR_TEXT_WORDPIECE_H
#define DSDR_TEXT_WORDPIECE_H

#include "text/vocabulary.h"

typedef struct wordpiece {
    const vocabulary *vocabulary; // borrowed
    char *prefix;                 // continuing_subword_prefix, "##"
    size_t prefix_length;
    int32_t unknown;     // the whole word becomes this when some part of it is no token
    size_t longest_word; // characters; a longer word is unknown
} wordpiece;

// Appends the tokens of one word of valid UTF-8. `scratch` is working memory.
status wordpiece_encode(const wordpiece *w, const char *word, size_t length, buffer *scratch, token_list *out);
void wordpiece_free(wordpiece *w);

#endif
