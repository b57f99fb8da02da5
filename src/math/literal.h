// Number literals as written, turned into exact rationals. For the files of math/ only.
#ifndef DSDR_MATH_LITERAL_H
#define DSDR_MATH_LITERAL_H

#include "math/lexer.h"
#include "math/tree.h"

#define LITERAL_EXPONENT_MAX 5000 // of 1e5000; a larger one is over the limit

// The number node of cleaned digits: "12", "1.50", ".5", "0.(3)" (repeating), "1.5e-7". NULL with e->failure set, or, for text
// that is no number, with this thread's message set and e->failure untouched.
math_node *literal_node(math_expression *e, const char *text, size_t length);

#endif
