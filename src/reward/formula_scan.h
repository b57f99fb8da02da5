// What the two halves of the formula scanner and the answer extraction share. Private to formula.c, formula_plain.c and
// extract.c.
#ifndef DSDR_REWARD_FORMULA_SCAN_H
#define DSDR_REWARD_FORMULA_SCAN_H

#include <stdbool.h>
#include <stddef.h>

static inline bool is_space(int c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
static inline bool is_letter(int c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
static inline bool is_digit(int c) { return c >= '0' && c <= '9'; }

// A place in a plain equation where the canonical text differs from what is written: `length` bytes become `replacement` (0:
// nothing).
typedef struct plain_edit {
    size_t at, length;
    char replacement;
} plain_edit;

#define PLAIN_EDIT_LIMIT 64

typedef struct plain_equation {
    size_t begin, end; // of the equation in the text
    size_t resume;     // where scanning goes on; greater than the start
    bool found;
    plain_edit edits[PLAIN_EDIT_LIMIT]; // units dropped, "x" between numbers and "**" replaced; in order
    size_t edit_count;
} plain_equation;

// Reads an equation in plain text that starts at `start` (where plain_can_start holds): operands joined by operators and at least
// one relation, with at least one operator in all. Looks at no byte at or behind `length`.
void plain_scan(const char *text, size_t length, size_t start, plain_equation *out);

// True when a plain equation may start at `at`.
bool plain_can_start(const char *text, size_t length, size_t at);

// Two words of three letters or more with one space between, outside of braces: prose between two prices, not mathematics.
bool text_reads_as_prose(const char *text, size_t length);

#endif
