// The vocabulary of a model: token texts and ids, both ways. Used inside text/ only.
#ifndef DSDR_TEXT_VOCABULARY_H
#define DSDR_TEXT_VOCABULARY_H

#include <stdint.h>

#include "base/buffer.h"
#include "text/tokenizer.h"

typedef struct vocabulary {
    buffer bytes; // all texts, one behind another
    struct vocabulary_entry {
        size_t offset;
        uint32_t length, hash;
        int32_t id;
    } * entries; // [count] in the order of vocabulary_add
    size_t count, entry_capacity;
    uint32_t *slots; // [slot_count] entry + 1; 0: free. slot_count is a power of two
    size_t slot_count;
    uint32_t *by_id; // [id_count] entry + 1; 0: no such token
    size_t id_count; // largest id + 1
    size_t id_capacity;
    size_t longest; // bytes of the longest text
} vocabulary;

// Adds a token. An id below 0 or far above the number of tokens, a text or an id that is already there: STATUS_INVALID, and
// nothing is added. `expected` is about how many tokens there will be; it bounds the ids.
status vocabulary_add(vocabulary *v, const char *text, size_t length, int64_t id, size_t expected);

int32_t vocabulary_find(const vocabulary *v, const char *text, size_t length); // -1: no such token
text_span vocabulary_text(const vocabulary *v, int32_t id);                    // bytes == NULL: no such token
void vocabulary_free(vocabulary *v);

#endif
