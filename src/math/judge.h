// One comparison of a gold with an answer while it is being decided. For the files of math/ only.
#ifndef DSDR_MATH_JUDGE_H
#define DSDR_MATH_JUDGE_H

#include "math/equal.h"
#include "math/tree.h"

#define JUDGE_STEPS 400000 // of all evaluations of one comparison; a rational operation is one step, a ball operation 1 + bits/64

#define MEMBERS_MAX 64 // of a list or set that is compared in any order

typedef struct said { // why an outcome is what it is
    const char *tier;
    char reason[192];
} said;

typedef struct judge {
    const math_options *options;
    math_expression *memory; // where nodes made on the way live; both trees outlive the judge
    said last;               // of the last outcome; to return to an earlier one, keep it and put it back
    bool probabilistic;      // some equality on the way was accepted without proof
    int nesting;             // members of how many collections around are being compared
    bool exact;              // no rounding here: a decimal inside a larger expression is what it says
    size_t steps;
    size_t fields;  // pairs of constants that were given to field.c
    int inductions; // how many are under way
    uint64_t pair;  // hash of the two texts: chooses points and primes
} judge;

math_outcome judge_says(judge *j, math_outcome outcome, const char *tier, const char *reason, ...)
    __attribute__((format(printf, 4, 5)));

// Two answers of different shape, or with different parts.
static inline math_outcome refuse(judge *j, const char *why) { return judge_says(j, MATH_DIFFERENT, "structure", "%s", why); }

// value.c: two scalars. Where the expressions cannot be computed, equal only if they are the same tree in normal form.
math_outcome value_compare(judge *j, math_node *gold, math_node *answer);

// functions.c: the same for two expressions with variables.
math_outcome functions_compare(judge *j, math_node *gold, math_node *answer);

// functions.c: whether gold_left - gold_right is a constant multiple of answer_left - answer_right, a positive one if `positive`.
math_outcome functions_proportional(judge *j, math_node *gold_left, math_node *gold_right, math_node *answer_left,
                                    math_node *answer_right, bool positive);

// conjugates.c: where letters stand for complex numbers (*complex: under bars, \Re, \Im and \arg, beside their conjugates),
// replaces both by copies in which each of them is a + b i with two real letters. False: too many nodes.
bool split_complex(judge *j, math_node **gold, math_node **answer, bool *complex);

// pieces.c: whether one of two expressions that agree at all points has a floor, a maximum, a \gcd, .. that the other has not and
// that may change beyond them.
bool pieces_hide(judge *j, const math_node *gold, const math_node *answer);

// sums.c: at least one of them holds a sum or product with a running index. Undecided also where this is no way to decide.
math_outcome sums_compare(judge *j, math_node *gold, math_node *answer);

// value.c: the order of two real constants: -1, 0, 1; 2 when not known.
int value_order(judge *j, const math_node *a, const math_node *b);

// accept.c: the acceptance rules for answers of every shape; and the same for the members of two nodes, one by one.
math_outcome accept_answer(judge *j, math_node *gold, math_node *answer);

// conditions.c: one of the two, or both, a value with a condition. A condition that only one side states is not asked for.
math_outcome accept_where(judge *j, math_node *gold, math_node *answer);
math_outcome accept_in_order(judge *j, math_node *gold, math_node *answer);

// based.c: one of the two, or both, a number in a base. MATH_UNPARSED where neither is.
math_outcome accept_based(judge *j, math_node *gold, math_node *answer);

// equations.c: a gold that is an equation or a chain of them; an equation where a value is asked for; two relations other than
// equations that are no sets of real numbers.
math_outcome accept_equation(judge *j, math_node *gold, math_node *answer);
math_outcome accept_value_of_equation(judge *j, math_node *gold, math_node *answer);
math_outcome accept_relation(judge *j, math_node *gold, math_node *answer);
math_outcome accept_residue(judge *j, math_node *gold, math_node *answer); // one of them, or both, with a modulus
bool node_is_residue(const math_node *n);                                  // 3 \pmod 7, x \equiv 3 \pmod 7
void unify_element(const math_node *gold, math_node *answer); // \{2n | n \in Z\} for \{2k | k \in Z\}: renames in the answer
math_node *spread_chain(judge *j, math_node *chain); // a = b = 0 as the list a = 0, b = 0; `chain` itself where it says one thing
bool node_is_equation(const math_node *n);           // a relation of nothing but = and \approx
bool node_is_name(const math_node *n);       // names what is asked for: x, f(x), \vec{v}, \text{Area}, (x, y), \frac{dy}{dx}
void mark_derivatives(math_node *n);         // \frac{dy}{dx} becomes a call of NAME_DERIVATIVE: the two d do not cancel
bool node_is_assignment(const math_node *n); // an equation whose first side is a name

// letters.c: renames what both sides may call differently: + c for + C, \mathbf{i} for \hat{i}.
void unify_letters(math_node *gold, math_node *answer);

// accept_units.c: at least one of the two has a unit; or a percent or degree sign (`kind`).
math_outcome accept_unit(judge *j, math_node *gold, math_node *answer);
math_node *node_with_unit(judge *j, math_node *n, bool spaced); // 5 m, 5 m^2, 5 m/s; with `spaced` only where a space stands
                                                                // before the letter; `n` itself where it is nothing of the kind
math_outcome accept_marked(judge *j, math_node *gold, math_node *answer, math_kind kind);
math_node *node_marked(judge *j, math_node *n, math_kind kind); // what stands under the sign, minus signs included; NULL: no sign

// plus_minus.c: a list or set whose members with plus-minus are replaced by the values that they stand for; a lone a +- b becomes
// a list of two. `n` itself where nothing is to be done; NULL beyond the limits.
math_node *spread_signs(judge *j, math_node *n);
bool node_contains(const math_node *n, math_kind kind);

// dots.c: a list or set of integers whose dots stand for an arithmetic progression: its members where the end is a number, else
// its first two members, the dots and what follows. `n` itself where nothing is to be done; NULL beyond the limits.
math_node *spread_dots(judge *j, math_node *n);
bool has_dots(const math_node *n);               // among its members
void sum_dots(math_expression *e, math_node *n); // 1 + 2 + ... + 10 becomes 55 wherever it stands; two terms before the dots

// region.c: sets of real numbers. VALUE-like result of comparing two trees as unions of intervals; MATH_UNPARSED when one of them
// is no such set.
math_outcome region_compare(judge *j, math_node *gold, math_node *answer);

// matrix.c: sums, products, multiples and powers of matrices and vectors worked out: one MATH_MATRIX or MATH_TUPLE, or `n` itself
// where the shapes do not fit or are larger than 8 x 8. NULL: no memory, or entries beyond the limits.
math_node *matrix_fold(judge *j, math_node *n);

// noncommutative.c: whether letters in it stand for matrices, as something is transposed; and two such expressions. With
// `nonzero` they are equal only where they are not 0.
bool speaks_of_matrices(const math_node *n);
math_outcome matrices_compare(judge *j, math_node *gold, math_node *answer, bool nonzero);

// Whether two expressions that are equal for numbers are not so for matrices, where capitals are written as matrices are:
// P^{-1}AP, (AB)^2, AB - BA. A lone product may be one of numbers: V = LWH.
bool order_forbids(judge *j, const math_node *gold, const math_node *answer);

// prepare.c: rewrites a tree, in place, before it is compared. False: too many parts.
bool prepare_tree(math_expression *memory, math_node **root);

bool name_is_constant(const char *name); // pi, e, i, infinity
bool name_is_function(const char *name); // one that can be computed: sin, log, gcd, ...
bool node_is_infinity(const math_node *n, int *sign);
bool node_has_variables(const math_node *n);                        // symbols other than pi, e, i, infinity
bool node_is_decimal(const math_node *n, int *places, int *digits); // one decimal literal, signed or not

#endif
