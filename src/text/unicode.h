// Characters as the tokenizers of this room see them: UTF-8 in and out, and the character classes that Hugging Face tokenizers
// take from Rust (Unicode White_Space, general categories, \w). Used inside text/ only.
#ifndef DSDR_TEXT_UNICODE_H
#define DSDR_TEXT_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

// The character at text[*at] of valid UTF-8; moves *at behind it. *at must be inside the text.
int32_t unicode_next(const char *text, size_t *at);

// Where the character that ends at text[end] begins; end > 0.
static inline size_t unicode_back(const char *text, size_t end) {
    do end--;
    while (end > 0 && ((unsigned char)text[end] & 0xC0) == 0x80);
    return end;
}

status unicode_append(buffer *out, int32_t character);

bool unicode_is_valid(const char *text, size_t length);

// Appends the text with every maximal part of a broken UTF-8 sequence replaced by one U+FFFD, as Python's "replace" does.
status unicode_repair(buffer *out, const char *text, size_t length);

bool unicode_is_space(int32_t c);       // White_Space
bool unicode_is_numeric(int32_t c);     // general category N
bool unicode_is_word(int32_t c);        // \w of Rust's regex: Alphabetic, M, Nd, Pc, Join_Control
bool unicode_is_punctuation(int32_t c); // ASCII punctuation or general category P
bool unicode_is_control(int32_t c);     // what BERT's cleaning removes: NUL, U+FFFD, Cc but tab and line ends, Cf, Co
bool unicode_is_nonspacing(int32_t c);  // general category Mn: what BERT takes for an accent
bool unicode_is_normal_gap(int32_t c);  // normalization leaves it alone and moves nothing across it
bool unicode_is_ideograph(int32_t c);   // the blocks that BERT puts spaces around

int32_t unicode_to_lower(int32_t c); // one character; U+0130, whose lower case is two, is left to the caller

// The byte-to-unicode alphabet of GPT-2: each byte as one printable character, and back (-1: not of the alphabet).
int32_t unicode_of_byte(unsigned char byte);
int unicode_to_byte(int32_t c);

#endif
