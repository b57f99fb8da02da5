// Numbers as words: "two hundred and forty two", "three and a half", "5 twelfths", "3rd". For the files of math/ only.
#ifndef DSDR_MATH_NUMERALS_H
#define DSDR_MATH_NUMERALS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

// What one word says, in any case: 5 of "five", 5 of "fifth" (and of "5th" nothing), 2 of "half" and "halves", 4 of "quarters".
// What it does not say is returned as -1, or 0.
long numeral_cardinal(const char *word, size_t length);
long numeral_ordinal(const char *word, size_t length);
long numeral_denominator(const char *word, size_t length);

// The factor that a word behind a number is, in any case and number: 12 of "dozen", 10 of "tens", 1000000 of "million". 0: none.
long numeral_scale(const char *word, size_t length);

// The number that the lower-case words begin with, written as mathematics (240, \frac{7}{2}, 5.5), and the length of the words
// that say it; 0, and nothing appended, where they say none. Their number is below 10^15, or none is said.
status numeral_read(const char *words, buffer *out, size_t *length);

#endif
