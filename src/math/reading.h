// An answer, or a gold, in its several readings. For equal.c and reading.c.
#ifndef DSDR_MATH_READING_H
#define DSDR_MATH_READING_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/status.h"
#include "math/expression.h"

typedef struct reading {
    const char *text; // as given, trimmed
    size_t length;
    buffer ascii, plain, words, normal, spelled; // spelled: mathematics that the words stand for
    bool only_words, only_letters, only_fonts;   // only_letters: words, or a product that looks like some
} reading;

// White space, the stars of bold Markdown, and quotes around the whole are taken off.
void reading_trim(const char **text, size_t *length);

#define READING_GOLD_BYTES(limits) (16 * (limits)->bytes) // at most, of a gold: it may be words at length

// STATUS_LIMIT for a text ("answer", "gold") that is too long. Whatever is read of one takes time that grows with its length,
// some of it with the square.
status reading_check_length(const char *what, size_t length, size_t most);

// Reads `length` bytes of text, which must outlive the reading; with `said`, of a sentence ("The answer is 5") what it says.
// STATUS_NO_MEMORY is the only failure. Close in every case.
status reading_open(reading *r, const char *text, size_t length, bool said);
void reading_close(reading *r);

// The tree of an answer, one missing brace put in where that makes it readable. Statuses as math_parse.
status reading_parse(const reading *r, const math_limits *limits, math_expression **out);

// The other reading of a bare comma: a list for a number, a decimal comma for a list of two. STATUS_UNSUPPORTED when there is
// none.
status reading_parse_comma(const reading *r, const math_limits *limits, bool as_list, math_expression **out);

#endif
