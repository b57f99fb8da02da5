// The parser's state and the parts that its files share. For the files of math/ only.
#ifndef DSDR_MATH_PARSER_H
#define DSDR_MATH_PARSER_H

#include "math/lexer.h"
#include "math/tree.h"

// Binding powers, see parser.c.
enum {
    POWER_MODULUS = 5,
    POWER_RELATION = 10,
    POWER_RATIO = 15,
    POWER_UNION = 20,
    POWER_UNIT = 12,
    POWER_SUM = 30,
    POWER_PRODUCT = 40,
    POWER_IMPLICIT = 45,
    POWER_MINUS = 50,
    POWER_CARET = 60,
    POWER_POSTFIX = 65
};

#define ITEMS_MAX 256 // of one list

typedef struct parser {
    math_expression *e;
    token *tokens;
    size_t count, at;
    size_t depth;
    int bars;           // absolute values that are open here
    bool in_set;        // directly inside set braces: a bar or colon means "such that"
    bool bars_paired;   // directly inside set braces whose bars are pairs: there they are absolute values
    bool stop_function; // inside a function's bare argument: the next function ends it
    bool failed;
} parser;

static inline token *here(parser *p) { return &p->tokens[p->at]; }
static inline token *ahead(parser *p, size_t n) { return &p->tokens[p->at + n < p->count ? p->at + n : p->count - 1]; }
static inline bool at_kind(parser *p, token_kind kind) { return here(p)->kind == kind; }
static inline bool at_open(parser *p, int code) { return here(p)->kind == TOKEN_OPEN && here(p)->code == code; }
static inline bool is_close(const token *t, int code) { return t->kind == TOKEN_CLOSE && t->code == code; }

// Every function that returns a node returns NULL after a failure: then p->failed or p->e->failure is set, and so is this
// thread's message. Each leaves p behind what it read.

// parser.c
math_node *parser_refuse(parser *p, const char *what);       // NULL, with "what at byte N" as the reason
bool parser_starts_operand(const parser *p, const token *t); // whether an implicit factor can begin with this token
bool parser_ends_operand(const token *t);                    // the end, a separator, a closing bracket, a relation
bool parser_odd_bars(parser *p);                             // whether the bars from here to the end of the brackets are no pairs
bool parser_is_inch(parser *p, size_t ahead);                // `in` that is a unit: 5 in, 5 in^2
const char *parser_keep(parser *p, const token *t);          // the token's text, as long-lived as the tree
math_node *parser_expression(parser *p, int power);          // everything that binds more tightly than `power`
math_node *parser_prefix(parser *p);                         // one operand, without anything to its right

// infix.c: one step to the right of `left`; *done when nothing there binds more tightly than `power`.
math_node *parser_infix(parser *p, math_node *left, int power, bool *done);

// marks.c
math_node *parser_based_number(parser *p, const char *digits);  // stands on the base: 2 to 36, or its name
const char *parser_whole_digits(parser *p, const math_node *n); // of a whole literal; NULL after a failure
int parser_base_of_words(const token *t);                       // of "(base 2)": 2; 0 where it is something else
size_t parser_quantifier(parser *p);                            // of "for all" in front of a relation: the number of its tokens
math_node *parser_price(parser *p);                             // \$5, \$5 million; stands on the sign
math_node *parser_temperature(parser *p, math_node *degrees);   // 20 degrees with C or F behind them
math_node *parser_raised_sign(parser *p, math_node *left, bool *handled); // x^\circ, x^*, x^+; stands on the caret
math_node *parser_more_units(parser *p, math_node *left);                 // left itself where nothing of the kind follows
math_node *parser_unit_fraction(parser *p, math_node *left);              // left itself where no unit of words follows

// groups.c
math_node *parser_list(parser *p);                      // items up to something that is no separator
math_node *parser_exceptions(parser *p);                // the real numbers without those of the list that follows
math_node *parser_group(parser *p);                     // from an opening bracket to its closing one
bool parser_at_condition(parser *p);                    // at "if", "for", "where", "otherwise", ...
math_node *parser_condition(parser *p, math_node *n);   // `n` with the condition that follows; stands at its first word
math_node *parser_absolute(parser *p, token_kind kind); // between two bars
math_node *parser_ratio(parser *p, math_node *left);    // a:b:c; stands on the first colon
math_node *parser_environment(parser *p);               // \begin to \end
bool parser_is_aligned(const token *t);                 // an environment whose column marks mean nothing

// names.c
const char *parser_subscript(parser *p, const char *base);                       // the name base_sub; stands on the underscore
const char *parser_indexed(parser *p, const char *base, const math_node *index); // the name with that subscript
math_node *parser_call(parser *p, const char *name);                             // name(arguments); stands on the bracket
math_node *parser_called_words(parser *p, const char *text); // the same for words, the last token; of a known name the name
math_node *parser_name(parser *p);
math_node *parser_primed(parser *p, math_node *n); // x', f'; of a symbol one of that name

// operands.c
math_node *parser_argument(parser *p, bool one_digit); // a group or one token, of a number its first digit
bool parser_integer_literal(const math_node *n);
math_node *parser_mixed_number(parser *p, math_node *whole); // 3 1/2, 3\frac12; `whole` itself when none follows
math_node *parser_selections(parser *p); // _8C_3; NULL without having failed or read anything where it is something else
math_node *parser_function(parser *p);
math_node *parser_big(parser *p);               // \sum, \int, \lim
const char *parser_words(parser *p, bool unit); // words joined; a unit with its powers and slashes

#endif
