// The set S(o) of mathematical expressions in a response (eq 7 of docs/method.md; docs/verifier.md, sections 7 and 8), found in
// one pass and brought to a canonical text.
//
// formula.c finds them (formula_plain.c in plain text), math/ normalizes their spelling (level 1) or puts them into normal form
// (level 2), and formula_set.c keeps them. Spelling and order are compared, never values: all true numeric equations would be
// one. Called by the scorer of rollouts and by `dsdr score`.
#ifndef DSDR_REWARD_FORMULA_H
#define DSDR_REWARD_FORMULA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/status.h"

typedef enum formula_level {
    FORMULA_RAW, // as written, white space at the ends removed
    FORMULA_L1,  // spelling: spacing, \left, \dfrac, \cdot, trailing units, thousands separators, redundant braces
    FORMULA_L2,  // normal form of math/: a/b is \frac{a}{b}, sums and products sorted; level 1 where that does not parse
} formula_level;

typedef struct formula {
    uint64_t hash[2];      // 128-bit FNV-1a of the canonical text
    size_t offset, length; // of the canonical text in the set's `text`
    size_t begin, end; // where it first stands in the text that was scanned, delimiters included; 0, 0 if it was added by hand
} formula;

// Formulas without duplicates, in order of first appearance. Two formulas are the same element exactly when their canonical texts
// are equal.
typedef struct formula_set {
    formula *formulas; // [count]
    size_t count, capacity;
    size_t occurrences; // formulas found, duplicates counted
    bool cut;           // the response held more than FORMULA_LIMIT occurrences; the rest was not looked at
    buffer text;
    uint32_t *slots; // hash table of formula numbers + 1
    size_t slot_count;
} formula_set;

#define FORMULA_LIMIT 4096       // occurrences in one response
#define FORMULA_BYTES_LIMIT 2048 // of one formula; a longer one is no formula

// Scans `length` bytes (any bytes) and replaces *out by what was found; *out is zero-initialized or a former result. Time is
// proportional to the length. Fails only for want of memory; *out is then empty.
status formula_set_scan(const char *text, size_t length, formula_level level, formula_set *out);

// Adds one formula by its canonical text; one that is in the set already only counts as an occurrence.
status formula_set_add(formula_set *set, const char *canonical, size_t length);
void formula_set_clear(formula_set *set); // keeps the memory
void formula_set_free(formula_set *set);

// The canonical text of formula i, NUL-terminated. Valid until the set changes.
static inline const char *formula_text(const formula_set *set, size_t i) { return set->text.data + set->formulas[i].offset; }

// Parses "raw", "l1" or "l2" (algorithm.dsdr.formula_level). False for anything else.
bool formula_level_parse(const char *name, formula_level *level);

#endif
