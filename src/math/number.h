// Exact rational values of expressions, and the rule for rounded decimals. For the files of math/ only.
#ifndef DSDR_MATH_NUMBER_H
#define DSDR_MATH_NUMBER_H

#include <arb.h>

#include "math/tree.h"

#define VALUE_BITS_MAX 65536 // of a numerator or denominator
#define FACTORIAL_MAX 5000   // n of n!
#define SUM_TERMS_MAX 4096   // of \sum and \prod
#define BINDINGS_MAX 16      // variables of one comparison

typedef enum value_state {
    VALUE_KNOWN,
    VALUE_OTHER,     // not a rational number, or not known to be one
    VALUE_UNDEFINED, // 1/0, 0^{-1}, log of 0
    VALUE_OVER,      // beyond a budget
    VALUE_OPEN,      // of a ball: on which side of a jump it lies is not seen at this precision
} value_state;

typedef struct binding {
    const char *name;      // of a symbol; or NULL, and
    const math_node *node; // a subtree that stands for a variable (an unknown function's value)
    fmpq_t value;
} binding;

typedef struct bindings {
    binding items[BINDINGS_MAX];
    size_t count;
} bindings;

// What gives this node a value. NULL: nothing does; also where `given` is NULL.
const binding *binding_of(const bindings *given, const math_node *n);

// The rational value of a tree under `given` (NULL: no variables). *steps counts down; VALUE_OVER at 0.
value_state number_evaluate(const math_node *n, const bindings *given, size_t *steps, fmpq_t out);

// Numbers in a base: the value of "1112112" in base 3. False where a digit does not belong to the base.
bool number_based(const math_node *n, fmpq_t out);

// Whether the literal `d` (a decimal with `places` places, perhaps negative) is `v` rounded half away from zero, or truncated, to
// its last place.
bool number_rounds_to(const fmpq_t d, int places, const fmpq_t v);

// The same for a ball: 1 yes, 0 no, -1 the ball is too wide to say.
int number_rounds_to_ball(const fmpq_t d, int places, const arb_t v);

#endif
