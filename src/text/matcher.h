// Finding added tokens ("<|im_end|>") in a text: leftmost first, of those the longest. Used inside text/ only.
#ifndef DSDR_TEXT_MATCHER_H
#define DSDR_TEXT_MATCHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

// A trie over bytes. Start from {0}.
typedef struct matcher {
    struct matcher_node {
        int32_t first_child, next_sibling; // -1: none
        int32_t value;                     // -1: no text ends here
        unsigned char byte;
    } * nodes; // [count]; nodes[0] is the root
    size_t count, capacity;
    int32_t roots[256]; // the root's child by its byte, -1: none; valid when count > 0
} matcher;

// Adds a text with a value (>= 0). A text that is already there keeps its first value. An empty text is ignored.
status matcher_add(matcher *m, const char *text, size_t length, int32_t value);

// The first match in text[start, length): *from, *to and *value. Returns false if there is none.
bool matcher_find(const matcher *m, const char *text, size_t length, size_t start, size_t *from, size_t *to, int32_t *value);

void matcher_free(matcher *m);

#endif
