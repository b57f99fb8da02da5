// Equality of two scalars: exact rationals, then balls, then points. See the tiers in equal.h.
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "math/ball.h"
#include "math/field.h"
#include "math/judge.h"
#include "math/number.h"
#include "math/polynomial.h"
#include "math/words.h"

math_outcome judge_says(judge *j, math_outcome outcome, const char *tier, const char *reason, ...) {
    va_list arguments;
    va_start(arguments, reason);
    vsnprintf(j->last.reason, sizeof j->last.reason, reason, arguments);
    va_end(arguments);
    j->last.tier = tier;
    return outcome;
}

bool node_is_infinity(const math_node *n, int *sign) {
    *sign = 1;
    while (n->kind == MATH_NEGATE) n = n->children[0], *sign = -*sign;
    return node_is_symbol(n, "infinity");
}

bool name_is_constant(const char *name) {
    return strcmp(name, "pi") == 0 || strcmp(name, "e") == 0 || strcmp(name, "i") == 0 || strcmp(name, "infinity") == 0;
}

bool name_is_function(const char *name) {
    static const char *const names[] = {"max", "min", "gcd", "lcm", "mod", NULL};
    return word_in(names, name, strlen(name)) || ball_function(name);
}

bool node_has_variables(const math_node *n) {
    if (n->kind == MATH_SYMBOL) return !name_is_constant(n->name);
    if (n->kind == MATH_TEXT || n->kind == MATH_VECTOR || (n->kind == MATH_FUNCTION && !name_is_function(n->name))) return true;
    for (uint32_t i = 0; i < n->count; i++)
        if (node_has_variables(n->children[i])) return true;
    return false;
}

bool node_is_decimal(const math_node *n, int *places, int *digits) {
    while (n->kind == MATH_NEGATE) n = n->children[0];
    long base, exponent = 0;
    if (n->kind == MATH_PRODUCT && n->count == 2 && n->children[1]->kind == MATH_POWER) { // 6.02 x 10^{23}
        const math_node *power = n->children[1];
        if (!node_small_integer(power->children[0], &base) || base != 10 || !node_small_integer(power->children[1], &exponent) ||
            exponent < -5000 || exponent > 5000)
            return false;
        n = n->children[0];
    }
    if (n->kind != MATH_NUMBER || !n->decimal) return false;
    *places = n->places - (int)exponent, *digits = n->digits;
    return true;
}

// ---- decimals ------------------------------------------------------------

static void round_to(fmpq_t out, const fmpq_t v, int places) { // half away from zero
    fmpz_t power, half;
    fmpz_init_set_ui(power, 10), fmpz_init(half);
    fmpz_pow_ui(power, power, (unsigned long)places);
    int sign = fmpq_sgn(v);
    fmpq_abs(out, v);
    fmpq_mul_fmpz(out, out, power);
    fmpz_mul_2exp(fmpq_numref(out), fmpq_numref(out), 1);
    fmpz_add(fmpq_numref(out), fmpq_numref(out), fmpq_denref(out));
    fmpz_mul_2exp(half, fmpq_denref(out), 1);
    fmpz_fdiv_q(fmpq_numref(out), fmpq_numref(out), half);
    fmpz_one(fmpq_denref(out));
    fmpq_div_fmpz(out, out, power);
    if (sign < 0) fmpq_neg(out, out);
    fmpz_clear(power), fmpz_clear(half);
}

// Whether a literal with so many digits may stand for a rounded value at all.
static bool may_round(const judge *j, int digits, bool is_gold) {
    return digits >= j->options->significant_digits || (is_gold && j->options->gold_rounded);
}

static bool rounded_equal(const judge *j, const math_node *gold, const fmpq_t g, const math_node *answer, const fmpq_t a) {
    if (j->exact) return false;
    if (j->options->decimals >= 0 && j->options->decimals <= 1000) {
        fmpq_t x, y;
        fmpq_init(x), fmpq_init(y);
        round_to(x, g, j->options->decimals);
        round_to(y, a, j->options->decimals);
        bool equal = fmpq_equal(x, y);
        fmpq_clear(x), fmpq_clear(y);
        return equal;
    }
    int gold_places, gold_digits, places, digits;
    bool gold_literal = node_is_decimal(gold, &gold_places, &gold_digits), literal = node_is_decimal(answer, &places, &digits);
    if (gold_literal && literal) { // the one with more places is the value
        if (places == gold_places) return false;
        if (gold_places < places)
            literal = false;
        else
            gold_literal = false;
    }
    if (gold_literal && may_round(j, gold_digits, true) && number_rounds_to(g, gold_places, a)) return true;
    return literal && may_round(j, digits, false) && number_rounds_to(a, places, g);
}

// ---- constants ------------------------------------------------------------

// Whether a decimal literal on one side is the rounding of the ball on the other: 1 yes, 0 no, -1 the ball is too wide to say.
static int rounded_ball(const judge *j, const math_node *literal, bool is_gold, const acb_t ball) {
    int places = 0, digits = 0, equal = 0;
    bool any = j->options->decimals >= 0 && j->options->decimals <= 1000;
    if (j->exact || !acb_is_real(ball)) return 0;
    if (!any && !(node_is_decimal(literal, &places, &digits) && may_round(j, digits, is_gold))) return 0;
    fmpq_t d;
    size_t steps = 1000;
    fmpq_init(d);
    if (number_evaluate(literal, NULL, &steps, d) == VALUE_KNOWN) {
        if (any) round_to(d, d, places = j->options->decimals);
        equal = number_rounds_to_ball(d, places, acb_realref(ball));
    }
    fmpq_clear(d);
    return equal;
}

static math_outcome not_computed(judge *j, value_state gold, value_state answer) {
    if (answer == VALUE_UNDEFINED && gold == VALUE_KNOWN) return judge_says(j, MATH_DIFFERENT, "ball", "the answer has no value");
    if (gold == VALUE_OVER || answer == VALUE_OVER) return judge_says(j, MATH_OVER_LIMIT, "ball", "a value is beyond the limits");
    return judge_says(j, MATH_UNDECIDED, "ball", "a part of it cannot be computed");
}

// What balls cannot settle, the field that both numbers belong to may. `otherwise` is what holds where it does not.
static math_outcome in_field(judge *j, const math_node *gold, const math_node *answer, math_outcome otherwise) {
    said before = j->last;
    int equal = field_compare(j, gold, answer);
    if (equal == 1) return judge_says(j, MATH_EQUAL, "field", "%s", "");
    if (equal == 0) return judge_says(j, MATH_DIFFERENT, "field", "the values differ");
    j->probabilistic |= otherwise == MATH_EQUAL;
    j->last = before;
    return otherwise;
}

// Two constants of which more and more bits are computed.
typedef struct constants {
    judge *j;
    math_node *gold, *answer;
    acb_t g, a, d;        // balls around the two and their difference
    bool asked;           // for these two:
    zero_bound bound;     // how small the difference can be
    double target;        // bits to which it has to vanish
    math_outcome outcome; // what is known until now
} constants;

static long settle(constants *c, math_outcome outcome) {
    c->outcome = outcome;
    return 0;
}

// They agree to the bits that were asked for.
static math_outcome agreement(const constants *c) {
    if (c->bound.algebraic)
        return judge_says(c->j, MATH_EQUAL, "algebraic", "two algebraic numbers that differ would differ by 2^-%.0f", c->target);
    math_outcome outcome = judge_says(c->j, MATH_EQUAL, "probabilistic", "the values agree to %.0f bits", c->target);
    return in_field(c->j, c->gold, c->answer, outcome);
}

// Compares them at this precision. Returns the one to go on with, 0 where c->outcome is the last word.
static long compare_at(constants *c, long precision) {
    judge *j = c->j;
    value_state sg = ball_evaluate(c->gold, NULL, precision, &j->steps, c->g),
                sa = ball_evaluate(c->answer, NULL, precision, &j->steps, c->a);
    if ((sg == VALUE_OPEN || sa == VALUE_OPEN) && precision < 1024) return 2 * precision;
    if (sg != VALUE_KNOWN || sa != VALUE_KNOWN) return settle(c, not_computed(j, sg, sa));
    int rounded = rounded_ball(j, c->answer, false, c->g), gold_rounded = rounded_ball(j, c->gold, true, c->a);
    if (rounded != 1 && gold_rounded != 0) rounded = gold_rounded;
    if (rounded == 1) return settle(c, judge_says(j, MATH_EQUAL, "ball", "the decimal is the other value, rounded"));
    acb_sub(c->d, c->g, c->a, precision);
    if (!acb_contains_zero(c->d) && rounded == 0) return settle(c, judge_says(j, MATH_DIFFERENT, "ball", "the values differ"));
    bool finite = acb_is_finite(c->d), plain;
    if (!finite && precision >= 1024) return 0;
    if (finite && !c->asked && acb_contains_zero(c->d)) {
        if (polynomial_compare(j, c->gold, c->answer, &plain) == 1)
            return settle(c, judge_says(j, MATH_EQUAL, "polynomial", "%s", ""));
        c->bound = zero_bound_of(c->gold, c->answer, &j->steps);
        c->target = c->bound.algebraic ? c->bound.bits : 2 * c->bound.bits + BALL_AGREEMENT_BITS;
        c->asked = true;
    }
    if (c->asked && acb_is_zero(c->d)) return settle(c, judge_says(j, MATH_EQUAL, "ball", "%s", ""));
    bool within_reach = c->bound.algebraic || c->target <= BALL_PRECISION_MAX;
    if (c->asked && within_reach && ball_below(c->d, c->target)) return settle(c, agreement(c));
    // What agrees this far is nearly always equal: on to the precision that settles it.
    bool jump = c->asked && c->target + 64 > 2.0 * (double)precision && c->target + 64 <= BALL_PRECISION_MAX;
    return jump ? ((long)c->target + 127) / 64 * 64 : 2 * precision;
}

static math_outcome compare_constants(judge *j, math_node *gold, math_node *answer) {
    constants c = {.j = j, .gold = gold, .answer = answer};
    acb_init(c.g), acb_init(c.a), acb_init(c.d);
    c.outcome = judge_says(j, MATH_UNDECIDED, "ball", "the two values agree as far as was computed, which is no proof");
    for (long precision = 64; precision > 0 && precision <= BALL_PRECISION_MAX;) precision = compare_at(&c, precision);
    acb_clear(c.g), acb_clear(c.a), acb_clear(c.d);
    bool open = c.outcome == MATH_UNDECIDED && c.asked;
    return open ? in_field(j, gold, answer, c.outcome) : c.outcome;
}

// The other usual reading of an ambiguous quotient: a/bc as (a/b)c. NULL when there is none or memory is out.
static math_node *other_reading(judge *j, math_node *n) {
    if (n->kind != MATH_QUOTIENT || !n->ambiguous) {
        for (uint32_t i = 0; i < n->count; i++) {
            math_node *changed = other_reading(j, n->children[i]);
            if (!changed) continue;
            math_node *copy = tree_copy(j->memory, n);
            if (copy) copy->children[i] = changed;
            return copy;
        }
        return NULL;
    }
    math_node *product = n->children[1], *first = product; // ((b c) d): the quotient is a/b, then times c, times d
    math_node *factors[64];
    size_t count = 0;
    while (first->kind == MATH_PRODUCT && !first->grouped && count < 64)
        factors[count++] = first->children[1], first = first->children[0];
    math_node *result = tree_binary(j->memory, MATH_QUOTIENT, n->children[0], first);
    while (count > 0) result = tree_binary(j->memory, MATH_PRODUCT, result, factors[--count]);
    return result;
}

// What holds where sums are written out or compared by induction; `otherwise` where that decides nothing.
static math_outcome with_sums(judge *j, math_node *gold, math_node *answer, math_outcome otherwise) {
    said before = j->last;
    bool probabilistic = j->probabilistic;
    math_outcome outcome = sums_compare(j, gold, answer);
    if (outcome == MATH_EQUAL || outcome == MATH_DIFFERENT) return outcome;
    j->probabilistic = probabilistic;
    j->last = before;
    return otherwise;
}

// x^{-a} becomes 1 / x^a everywhere in a tree of numbers: two ways of writing what may be too large to be computed.
static void invert_powers(judge *j, math_node *n) {
    for (uint32_t i = 0; i < n->count; i++) invert_powers(j, n->children[i]);
    if (n->kind != MATH_POWER || n->children[1]->kind != MATH_NEGATE) return;
    math_node *power = tree_binary(j->memory, MATH_POWER, n->children[0], n->children[1]->children[0]);
    math_node *inverse = tree_binary(j->memory, MATH_QUOTIENT, tree_integer(j->memory, 1), power);
    if (inverse) *n = *inverse;
}

static math_outcome compare_once(judge *j, math_node *gold, math_node *answer) {
    int gold_sign, sign;
    bool gold_infinite = node_is_infinity(gold, &gold_sign), infinite = node_is_infinity(answer, &sign);
    if (gold_infinite || infinite) {
        if (gold_infinite && infinite && gold_sign == sign) return judge_says(j, MATH_EQUAL, "structure", "%s", "");
        return judge_says(j, MATH_DIFFERENT, "structure", "one of the two is infinite");
    }
    fmpq_t g, a;
    fmpq_init(g), fmpq_init(a);
    value_state sg = number_evaluate(gold, NULL, &j->steps, g), sa = number_evaluate(answer, NULL, &j->steps, a);
    math_outcome outcome = MATH_UNDECIDED;
    bool decided = true;
    if (sg == VALUE_KNOWN && sa == VALUE_KNOWN) {
        bool equal = fmpq_equal(g, a) || rounded_equal(j, gold, g, answer, a);
        outcome = judge_says(j, equal ? MATH_EQUAL : MATH_DIFFERENT, "rational", "%s", equal ? "" : "the rational values differ");
    } else if (sa == VALUE_UNDEFINED && sg != VALUE_UNDEFINED)
        outcome = judge_says(j, MATH_DIFFERENT, "rational", "the answer has no value");
    else if (sg == VALUE_UNDEFINED)
        outcome = judge_says(j, MATH_UNDECIDED, "rational", "the gold has no value");
    else
        decided = false;
    fmpq_clear(g), fmpq_clear(a);
    if (decided) return outcome;
    bool functions = node_has_variables(gold) || node_has_variables(answer);
    outcome = functions ? functions_compare(j, gold, answer) : compare_constants(j, gold, answer);
    if (outcome == MATH_UNDECIDED || outcome == MATH_OVER_LIMIT) { // the same thing in other words?
        if (!functions) invert_powers(j, gold), invert_powers(j, answer);
        math_node *x = normal_form(j->memory, gold), *y = normal_form(j->memory, answer);
        if (x && y && tree_compare(x, y) == 0) return judge_says(j, MATH_EQUAL, "normal", "%s", "");
        if (node_contains(gold, MATH_BIG) || node_contains(answer, MATH_BIG)) outcome = with_sums(j, gold, answer, outcome);
    }
    return outcome;
}

static bool is_plain_logarithm(const math_node *n) { return node_is_call(n, "log") && n->count == 1; }

// \log without a base as the one to base ten: a copy, or `n` itself where there is none. NULL: no memory.
static math_node *common_logarithms(judge *j, math_node *n) {
    if (!node_any(n, is_plain_logarithm)) return n;
    if (is_plain_logarithm(n)) {
        math_node *inside = common_logarithms(j, n->children[0]), *ten = tree_integer(j->memory, 10);
        math_node *log = tree_binary(j->memory, MATH_FUNCTION, inside, ten);
        if (log) log->name = n->name;
        return log;
    }
    math_node *copy = tree_copy(j->memory, n);
    for (uint32_t i = 0; copy && i < n->count; i++)
        if (!(copy->children[i] = common_logarithms(j, n->children[i]))) return NULL;
    return copy;
}

static bool is_odd_fraction(const math_node *n) { // 1/3, 2/5
    long top, bottom;
    return n->kind == MATH_QUOTIENT && node_small_integer(n->children[0], &top) && node_small_integer(n->children[1], &bottom) &&
           bottom > 1 && bottom % 2;
}

static bool is_odd_power(const math_node *n) { return n->kind == MATH_POWER && is_odd_fraction(n->children[1]); }

// x^{p/q} for odd q as \sqrt[q]{x}^p, the real root also of a negative x: a copy, or `n` itself where there is none. NULL: no
// memory.
static math_node *real_roots(judge *j, math_node *n) {
    if (!node_any(n, is_odd_power)) return n;
    math_node *copy = tree_copy(j->memory, n);
    for (uint32_t i = 0; copy && i < n->count; i++)
        if (!(copy->children[i] = real_roots(j, n->children[i]))) return NULL;
    if (!copy || !is_odd_power(n)) return copy;
    math_node *exponent = n->children[1], *root = tree_binary(j->memory, MATH_ROOT, copy->children[0], exponent->children[1]);
    return tree_binary(j->memory, MATH_POWER, root, exponent->children[0]);
}

math_outcome value_compare(judge *j, math_node *gold, math_node *answer) {
    if (tree_compare(gold, answer) == 0) return judge_says(j, MATH_EQUAL, "normal", "%s", "");
    if (speaks_of_matrices(gold) || speaks_of_matrices(answer)) return matrices_compare(j, gold, answer, false);
    math_outcome outcome = compare_once(j, gold, answer);
    if (outcome == MATH_EQUAL) return outcome;
    math_node *other_answer = other_reading(j, answer), *other_gold = other_reading(j, gold);
    if (other_answer && compare_once(j, gold, other_answer) == MATH_EQUAL)
        return judge_says(j, MATH_EQUAL, j->last.tier, "with a/bc in the answer read as (a/b)c");
    if (other_gold && compare_once(j, other_gold, answer) == MATH_EQUAL)
        return judge_says(j, MATH_EQUAL, j->last.tier, "with a/bc in the gold read as (a/b)c");
    math_node *g = common_logarithms(j, gold), *a = common_logarithms(j, answer);
    bool common = g && a && (g != gold || a != answer);
    if (common && compare_once(j, g, a) == MATH_EQUAL) return judge_says(j, MATH_EQUAL, j->last.tier, "with \\log to base ten");
    math_node *real_gold = real_roots(j, gold), *real_answer = real_roots(j, answer);
    bool roots = real_gold && real_answer && (real_gold != gold || real_answer != answer);
    if (roots && compare_once(j, real_gold, real_answer) == MATH_EQUAL)
        return judge_says(j, MATH_EQUAL, j->last.tier, "with real roots");
    if (other_answer || other_gold || common || roots) outcome = compare_once(j, gold, answer); // its reason is the one to report
    return outcome;
}

int value_order(judge *j, const math_node *a, const math_node *b) {
    int sa, sb;
    bool ia = node_is_infinity(a, &sa), ib = node_is_infinity(b, &sb);
    if (ia || ib) {
        if (ia && ib) return sa == sb ? 0 : sa;
        return ia ? sa : -sb;
    }
    fmpq_t p, q;
    fmpq_init(p), fmpq_init(q);
    int order = 2;
    if (number_evaluate(a, NULL, &j->steps, p) == VALUE_KNOWN && number_evaluate(b, NULL, &j->steps, q) == VALUE_KNOWN) {
        order = fmpq_cmp(p, q);
        order = (order > 0) - (order < 0);
    } else if (!node_has_variables(a) && !node_has_variables(b)) {
        acb_t x, y;
        acb_init(x), acb_init(y);
        if (ball_evaluate(a, NULL, 256, &j->steps, x) == VALUE_KNOWN &&
            ball_evaluate(b, NULL, 256, &j->steps, y) == VALUE_KNOWN) {
            acb_sub(x, x, y, 256);
            if (acb_is_real(x)) order = arb_is_positive(acb_realref(x)) ? 1 : arb_is_negative(acb_realref(x)) ? -1 : 2;
        }
        acb_clear(x), acb_clear(y);
    }
    fmpq_clear(p), fmpq_clear(q);
    return order;
}
