// Units behind numbers: "cm^2", "square inches", "miles per hour", "million dollars", "sides". For the files of math/ only.
#ifndef DSDR_MATH_UNITS_H
#define DSDR_MATH_UNITS_H

#include <stdbool.h>
#include <stddef.h>

#include <flint/fmpq.h>

typedef struct unit {
    char key[96];  // of the dimension, "length^2", "length/time"; of an unknown unit its words in the singular; "" for a mere
                   // number word
    fmpq_t factor; // in base units of that dimension, number words included
    fmpq_t count;  // of the number words alone: a million
    bool known;    // every word is a known unit or number word
} unit;

void unit_read(const char *text, unit *out); // lower-case words as the parser leaves them; initializes `factor`
void unit_clear(unit *u);
bool unit_is_radian(const char *text);
bool unit_is_number_word(const char *text, size_t length); // hundred, million, dozen, ...

// Whether the words behind a number say more than a unit does: "or 6", "not 5", "at least", "below zero", "squared".
bool unit_is_hedge(const char *text);

#endif
