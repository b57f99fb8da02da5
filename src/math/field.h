// Equality of constants in the field of the numbers that they are built from: algebraic numbers, pi, exponentials, logarithms,
// powers (Calcium). For the files of math/ only.
#ifndef DSDR_MATH_FIELD_H
#define DSDR_MATH_FIELD_H

#include "math/judge.h"

// 1 proven equal, 0 proven different, -1 not known: a part is nothing that the field holds, or the pair is beyond the limits. For
// trees without variables that agree to many bits: a difference is found faster by balls. Answers FIELD_QUESTIONS times in one
// comparison, j->fields counting, and -1 from then on.
int field_compare(judge *j, const math_node *a, const math_node *b);

#define FIELD_QUESTIONS 8

#endif
