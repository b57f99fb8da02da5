// Patterns of a tokenizer.json: a literal text, or a regular expression written for Oniguruma (Ruby syntax), which Hugging Face
// runs, translated for PCRE2. Used inside text/ only.
//
// The two disagree in places: \s of PCRE2 holds U+180E, \v is a class, {n}+ is possessive, a `[` in a class is a letter, script
// names take in extensions. So the pattern is read token by token and written anew; what is not known to mean the same is
// refused.
#ifndef DSDR_TEXT_PATTERN_H
#define DSDR_TEXT_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

typedef struct pattern pattern;

// `where` names the field for messages. A pattern that can match the empty text, or uses something unknown: STATUS_UNSUPPORTED.
status pattern_create_regex(pattern **out, const char *regex, size_t length, const char *where);
status pattern_create_literal(pattern **out, const char *text, size_t length, const char *where);
void pattern_free(pattern *p);

// Finds the first match in text[start, length), which begins at *from and ends before *to; *found says whether there is one.
// What is before `start` counts for look-behind. Thread-safe.
status pattern_find(const pattern *p, const char *text, size_t length, size_t start, bool *found, size_t *from, size_t *to);

#endif
