// Byte-pair encoding of one word (Sennrich et al., "Neural machine translation of rare words with subword units", 2016), as
// Hugging Face `tokenizers` runs it: start from characters, merge the adjacent pair with the best rank until none is left.
// Used inside text/ only.
#ifndef DSDR_TEXT_BPE_H
#define DSDR_TEXT_BPE_H

#include "text/vocabulary.h"

typedef struct bpe_merge {
    int32_t left, right; // left < 0: a free slot
    uint32_t rank;       // smaller is merged first
    int32_t merged;
} bpe_merge;

typedef struct bpe {
    const vocabulary *vocabulary; // borrowed
    bpe_merge *merges;            // [slot_count] a hash table by (left, right)
    size_t slot_count, merge_count;
    char *prefix; // continuing_subword_prefix; NULL: none
    char *suffix; // end_of_word_suffix; NULL: none
    size_t prefix_length, suffix_length;
    int32_t unknown;       // -1: characters outside the vocabulary vanish
    char *unknown_missing; // an unk_token that is no token: meeting an unknown character is then an error; NULL: none
    bool fuse_unknown;     // a run of unknown characters is one token
    bool byte_fallback;    // an unknown character becomes its bytes' tokens <0xHH>
    bool ignore_merges;    // a word that is a token is that token, whatever the merges say
} bpe;

// Working memory of one encoding thread; start from {0}.
typedef struct bpe_scratch {
    struct bpe_symbol {
        int32_t id;
        int32_t previous, next; // neighbours still alive; -1 at the ends
        bool dead;
    } * symbols;
    struct bpe_candidate {
        uint32_t rank;
        int32_t position; // of the left symbol
        int32_t merged;
    } * heap;
    size_t symbol_count, symbol_capacity, heap_count, heap_capacity;
    buffer text;
} bpe_scratch;

// Adds the next merge in rank order. Both parts and their union must be tokens (STATUS_INVALID). A pair given twice keeps its
// later rank.
status bpe_add_merge(bpe *b, text_span left, text_span right);
void bpe_free(bpe *b);
void bpe_scratch_free(bpe_scratch *scratch);

// Appends the tokens of one word of valid UTF-8. O(n log n) in its length.
status bpe_encode(const bpe *b, const char *word, size_t length, bpe_scratch *scratch, token_list *out);

#endif
