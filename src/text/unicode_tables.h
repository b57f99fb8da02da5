// Character classes as Hugging Face tokenizers has them, where they differ from those of utf8proc and PCRE2: these libraries know
// different versions of Unicode. Ranges {first, last} in order. The tables are generated. Used inside text/ only.
#ifndef DSDR_TEXT_UNICODE_TABLES_H
#define DSDR_TEXT_UNICODE_TABLES_H

#include <stddef.h>
#include <stdint.h>

extern const int32_t unicode_numeric[][2], unicode_word[][2], unicode_punctuation[][2], unicode_nonspacing[][2],
    unicode_control[][2], unicode_normal_gaps[][2];
extern const size_t unicode_numeric_count, unicode_word_count, unicode_punctuation_count, unicode_nonspacing_count,
    unicode_control_count, unicode_normal_gaps_count;

extern const int32_t unicode_lower[][3]; // first, last, what to add
extern const size_t unicode_lower_count;

// For \p{name} of a regular expression: ranges to add, written as in a character class; "" for none.
extern const struct unicode_newer { const char *name, *ranges; } unicode_newer[];
extern const size_t unicode_newer_count;

#endif
