// Mathematical expressions as written in answers and solutions: LaTeX and plain text read into a tree, put into a normal form,
// and printed as one canonical text.
//
// math_parse reads (lexer.c, parser.c), math_normalize brings the tree to normal form level 2 (normal.c), math_print writes it.
// Equality of answers is math/equal.h. All work is bounded by math_limits; no input makes any function crash or run long.
#ifndef DSDR_MATH_EXPRESSION_H
#define DSDR_MATH_EXPRESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <flint/fmpq.h>

#include "base/buffer.h"
#include "base/status.h"

// X(kind, name). Children are in reading order; `count` of them.
#define MATH_KIND_TABLE(X)                                                                                                       \
    X(MATH_NUMBER, "number")        /* exact rational `value`; a decimal literal keeps how it was written */                     \
    X(MATH_SYMBOL, "symbol")        /* `name`: x, alpha, x_{1}, pi, e, i, infinity, ... */                                       \
    X(MATH_TEXT, "text")            /* `name`: words of \text{} or plain words, lower case, single spaces */                     \
    X(MATH_BASED, "based")          /* digits `name` in base `integer`: 1112112_3 */                                             \
    X(MATH_SUM, "sum")              /* n-ary */                                                                                  \
    X(MATH_PRODUCT, "product")      /* n-ary */                                                                                  \
    X(MATH_QUOTIENT, "quotient")    /* numerator, denominator */                                                                 \
    X(MATH_NEGATE, "negate")        /* 1 */                                                                                      \
    X(MATH_PLUS_MINUS, "plusminus") /* a, b of a +- b; or b alone; `integer` 1: -+ */                                            \
    X(MATH_POWER, "power")          /* base, exponent */                                                                         \
    X(MATH_ROOT, "root")            /* radicand, index */                                                                        \
    X(MATH_FACTORIAL, "factorial")  /* 1; `integer` exclamation marks */                                                         \
    X(MATH_PERCENT, "percent")      /* 1 */                                                                                      \
    X(MATH_DEGREE, "degree")        /* 1 */                                                                                      \
    X(MATH_ABSOLUTE, "abs")         /* 1 */                                                                                      \
    X(MATH_FLOOR, "floor")          /* 1 */                                                                                      \
    X(MATH_CEILING, "ceil")         /* 1 */                                                                                      \
    X(MATH_BINOMIAL, "binomial")    /* n, k; `integer` 1: in any order, n!/(n-k)! */                                             \
    X(MATH_FUNCTION, "function")    /* `name`; sin, log (argument, base), f of f(2), ... arguments */                            \
    X(MATH_BIG, "big")              /* `name` sum, prod, int, lim: lower, upper (MATH_NONE if absent), body */                   \
    X(MATH_RELATION, "relation")    /* chain: n children, n-1 operators in `operators` */                                        \
    X(MATH_RATIO, "ratio")          /* a:b:..., never a quotient */                                                              \
    X(MATH_LIST, "list")            /* a, b and c without brackets */                                                            \
    X(MATH_TUPLE, "tuple")          /* (a,b,..), also an open interval when count == 2 */                                        \
    X(MATH_BRACKETS, "brackets")    /* [a,b,..], also a closed interval when count == 2 */                                       \
    X(MATH_INTERVAL, "interval")    /* [a,b) or (a,b]; `open_left`, `open_right` */                                              \
    X(MATH_SET, "set")              /* {a,b,..}; count 0: the empty set */                                                       \
    X(MATH_SUCH_THAT, "suchthat")   /* {x | condition}: 2 children */                                                            \
    X(MATH_WHERE, "where")          /* a value and its condition: x for x > 0; k pi, k in Z; a row of `cases` */                 \
    X(MATH_UNION, "union")          /* n-ary */                                                                                  \
    X(MATH_INTERSECTION, "intersection")                                                                                         \
    X(MATH_DIFFERENCE, "difference") /* set difference: 2 */                                                                     \
    X(MATH_MATRIX, "matrix")         /* `integer` rows; count = rows * columns, row by row */                                    \
    X(MATH_VECTOR, "decorated")      /* `name` vec, overline, hat, ...: 1 */                                                     \
    X(MATH_WITH_UNIT, "unit")        /* value, and `name`, the unit behind it */                                                 \
    X(MATH_NONE, "none")             /* an absent part */

typedef enum math_kind {
#define X(kind, name) kind,
    MATH_KIND_TABLE(X)
#undef X
} math_kind;

// Relation operators, one byte each in `operators`. Relations that only have to be told apart (\sim, \parallel, \mid, ...) have
// letters of their own, see words.c.
typedef enum math_relation {
    MATH_EQ = '=',
    MATH_NE = '!',
    MATH_LT = '<',
    MATH_GT = '>',
    MATH_LE = 'l',
    MATH_GE = 'g',
    MATH_APPROX = '~',
    MATH_IN = 'e',
    MATH_NOT_IN = 'n',
    MATH_SUBSET = 's',
    MATH_CONGRUENT = 'c',
    MATH_TO = 't',
    MATH_IMPLIES = 'i',
} math_relation;

typedef struct math_node {
    math_kind kind;
    uint32_t count;
    struct math_node **children;
    const char *name;      // see the table; NULL where unused; NUL-terminated
    const char *operators; // of a relation: count - 1 bytes
    fmpq *value;           // of a number; owned by the expression
    int integer;           // see the table
    int places;            // of a decimal literal: digits behind the point as written; 1.5e3 has -2
    int digits;            // number: digits as written; of a decimal literal the significant ones
    bool decimal;          // a number written with a point or an exponent of ten, not repeating
    bool open_left, open_right;
    bool ambiguous; // read in one of two usual ways (a/bc as a/(bc), the m of 5 m as a factor); says so to the comparison
    bool grouped;   // stood in its own parentheses or braces
} math_node;

typedef struct math_limits {
    size_t bytes; // of text
    size_t nodes;
    size_t depth; // of nesting
} math_limits;

#define MATH_LIMITS_DEFAULT ((math_limits){.bytes = 2048, .nodes = 512, .depth = 64})

typedef struct math_expression math_expression; // a tree and the memory that it lives in

// Reads `length` bytes (any bytes). Math delimiters ($, \(, \[) around the whole and a full stop or comma behind it are ignored.
// STATUS_OK: *out is a tree to free with math_free. Otherwise *out is NULL and status_message() says why: STATUS_UNSUPPORTED not
// understood; STATUS_LIMIT longer, larger or deeper than `limits` (NULL: the defaults); STATUS_NO_MEMORY.
status math_parse(const char *text, size_t length, const math_limits *limits, math_expression **out);
void math_free(math_expression *expression);

const math_node *math_root(const math_expression *expression);

// A lone number, symbol, word or unit-bearing number, signed or not: nothing is computed or related in it.
bool math_is_atom(const math_expression *expression);

// Brings the tree to normal form level 2, in place: literals are exact rationals (0.5 is 1/2), a/b and \frac{a}{b} are one
// node, a-b is a+(-b), sums and products are flat and sorted, > and >= are turned round, ratios and chains are kept. Nothing is
// computed: 2+2 and 48/2 stay.
status math_normalize(math_expression *expression);

// Appends the canonical text of the tree, e.g. "3+4=7". Two trees in normal form print the same text exactly when they are the
// same tree. Defined for trees not normalized too.
status math_print(const math_expression *expression, buffer *out);

// Parse, normalize and print in one call; statuses as math_parse. On failure `out` is unchanged.
status math_canonical(const char *text, size_t length, const math_limits *limits, buffer *out);

// Normal form level 1: appends the tokens of the text with spelling differences removed (\dfrac is \frac, \left and spacing are
// gone, \cdot and the multiplication sign of numbers are *, \leq is \le, thousands separators are gone, one brace pair around a
// single token is gone). Works on any bytes, also on texts that do not parse.
status math_normalize_text(const char *text, size_t length, buffer *out);

// Environments whose rows stand one below the other, each for itself: align, gather, cases, ... NULL behind the last.
extern const char *const math_row_environments[];
#define MATH_ROW_ENVIRONMENTS 22

// Length of \text{, \mbox{, \mathrm{ and the like at the beginning of the text, 0 where it begins with something else.
size_t math_font_head(const char *text, size_t length);

const char *math_kind_name(math_kind kind);

#endif
