// Units behind numbers: "cm^2", "square inches", "miles per hour", "million dollars", "sides". For the files of math/ only.
#ifndef DSDR_MATH_UNITS_H
#define DSDR_MATH_UNITS_H

#include <stdbool.h>
#include <stddef.h>

#include <flint/fmpq.h>

typedef struct unit {
    char key[96];  // of the dimension, "length^2", "length/time"; of an unknown unit its words in the singular; "" for a mere
                   // number word
    fmpq_t factor; // in base units of that dimension
    bool known;    // every word is a known unit or number word
} unit;

void unit_read(const char *text, unit *out); // lower-case words as the parser leaves them; initializes `factor`
void unit_clear(unit *u);
bool unit_is_radian(const char *text);

#endif
