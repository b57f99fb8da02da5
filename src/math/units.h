// Units behind numbers: "cm^2", "square inches", "miles per hour", "million dollars", "sides". For the files of math/ only.
#ifndef DSDR_MATH_UNITS_H
#define DSDR_MATH_UNITS_H

#include <stdbool.h>
#include <stddef.h>

#include <flint/fmpq.h>

#define UNIT_PARTS_MAX 12

// One dimension and its power: {"length", -1}. A word that is no known unit is a dimension of its own, in the singular.
typedef struct unit_part {
    const char *name; // in the table of units, or in the text that was read
    size_t length;
    int power;
    bool known;
} unit_part;

typedef struct unit {
    unit_part parts[UNIT_PARTS_MAX]; // sorted, each name once, no power 0; none for a mere number word
    size_t count;
    fmpq_t factor;  // in base units of these dimensions, number words included
    fmpq_t numbers; // the number words alone: a million
    bool known;     // every word is a known unit or number word
    bool too_long;  // more parts than fit: it equals no unit
} unit;

void unit_read(const char *text, unit *out); // words as the parser leaves them, kept by the caller; initializes both factors
void unit_clear(unit *u);
bool unit_same(const unit *a, const unit *b);       // the same dimensions; the factors may differ
bool unit_is(const unit *u, const char *dimension); // that dimension alone: "celsius", "am"
bool unit_is_radian(const char *text);
bool unit_is_symbol(const char *text, size_t length); // a metric symbol, with or without a prefix: m, kN, um, kOmega

// Whether one of the words is a letter that is no unit: x.
bool unit_holds_letter(const char *text);

// Whether the words behind a number say more than a unit does: "or 6", "plus three", "at least", "below zero", "squared".
bool unit_is_hedge(const char *text);

#endif
