// Equality of two scalars: exact rationals, then balls, then points. See VALUE in judge.h and the tiers in equal.h.
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/random.h"
#include "math/ball.h"
#include "math/judge.h"
#include "math/modular.h"
#include "math/number.h"
#include "math/polynomial.h"

#define VARIABLES_MAX 8
#define POINTS 6           // of sampled equality
#define AGREEMENT_BITS 300 // to which sampled values agree before they are called equal

math_outcome judge_says(judge *j, math_outcome outcome, const char *tier, const char *reason, ...) {
    va_list arguments;
    va_start(arguments, reason);
    vsnprintf(j->reason, sizeof j->reason, reason, arguments);
    va_end(arguments);
    j->tier = tier;
    return outcome;
}

bool node_is_infinity(const math_node *n, int *sign) {
    *sign = 1;
    while (n->kind == MATH_NEGATE) n = n->children[0], *sign = -*sign;
    return node_is_symbol(n, "infinity");
}

static bool is_constant_name(const char *name) {
    return strcmp(name, "pi") == 0 || strcmp(name, "e") == 0 || strcmp(name, "i") == 0 || strcmp(name, "infinity") == 0;
}

static bool known_function(const char *name) {
    static const char *const names[] = {
        "sin",    "cos",    "tan",    "cot",    "sec",    "csc",    "sinh",    "cosh",    "tanh",    "coth", "sech", "csch",
        "arcsin", "arccos", "arctan", "arccot", "arcsec", "arccsc", "arcsinh", "arccosh", "arctanh", "exp",  "ln",   "log",
        "lg",     "Gamma",  "zeta",   "max",    "min",    "gcd",    "lcm",     "mod",     "re",      "im",   "arg",  NULL};
    for (size_t i = 0; names[i]; i++)
        if (strcmp(names[i], name) == 0) return true;
    return false;
}

bool node_has_variables(const math_node *n) {
    if (n->kind == MATH_SYMBOL) return !is_constant_name(n->name);
    if (n->kind == MATH_TEXT || n->kind == MATH_VECTOR || (n->kind == MATH_FUNCTION && !known_function(n->name))) return true;
    for (uint32_t i = 0; i < n->count; i++)
        if (node_has_variables(n->children[i])) return true;
    return false;
}

bool node_is_decimal(const math_node *n, int *places, int *digits) {
    while (n->kind == MATH_NEGATE) n = n->children[0];
    if (n->kind != MATH_NUMBER || n->places < 0) return false;
    *places = n->places, *digits = n->digits;
    return true;
}

// --- Decimals
// ----------------------------------------------------------------------------------------------------------------------

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

// Whether the literal with `places` and `digits` may stand for a rounded value at all.
static bool may_round(const judge *j, int digits, bool is_gold) {
    return digits >= j->options->significant_digits || (is_gold && j->options->gold_rounded);
}

static bool rounded_equal(const judge *j, const math_node *gold, const fmpq_t g, const math_node *answer, const fmpq_t a) {
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

// --- Constants
// ---------------------------------------------------------------------------------------------------------------------

// Whether a decimal literal on one side is the rounding of the ball on the other.
static bool rounded_ball(const judge *j, const math_node *literal, bool is_gold, const acb_t ball) {
    int places = 0, digits = 0;
    if (!acb_is_real(ball)) return false;
    bool decimal = node_is_decimal(literal, &places, &digits);
    fmpq_t d;
    size_t steps = 1000;
    fmpq_init(d);
    bool equal = false;
    if (number_evaluate(literal, NULL, &steps, d) == VALUE_KNOWN) {
        if (j->options->decimals >= 0 && j->options->decimals <= 1000) {
            round_to(d, d, j->options->decimals);
            equal = number_rounds_to_ball(d, j->options->decimals, acb_realref(ball)) == 1;
        } else if (decimal && may_round(j, digits, is_gold)) {
            equal = number_rounds_to_ball(d, places, acb_realref(ball)) == 1;
        }
    }
    fmpq_clear(d);
    return equal;
}

static bool below(const acb_t x, double bits) { // |x| < 2^-bits for every value of the ball
    mag_t m;
    mag_init(m);
    acb_get_mag(m, x);
    bool small = mag_cmp_2exp_si(m, -(long)bits - 1) < 0;
    mag_clear(m);
    return small;
}

static math_outcome compare_constants(judge *j, math_node *gold, math_node *answer) {
    acb_t g, a, d;
    acb_init(g), acb_init(a), acb_init(d);
    math_outcome outcome = MATH_UNDECIDED;
    double target = 0;
    zero_bound bound = {false, 0};
    bool asked = false;
    judge_says(j, outcome, "ball", "the two values agree as far as was computed, which is no proof");
    for (long precision = 64; precision <= BALL_PRECISION_MAX; precision *= 2) {
        value_state sg = ball_evaluate(gold, NULL, precision, &j->steps, g),
                    sa = ball_evaluate(answer, NULL, precision, &j->steps, a);
        if (sg != VALUE_KNOWN || sa != VALUE_KNOWN) {
            if (sa == VALUE_UNDEFINED && sg == VALUE_KNOWN)
                outcome = judge_says(j, MATH_DIFFERENT, "ball", "the answer has no value");
            else if (sg == VALUE_OVER || sa == VALUE_OVER)
                outcome = judge_says(j, MATH_OVER_LIMIT, "ball", "a value is beyond the limits");
            else
                outcome = judge_says(j, MATH_UNDECIDED, "ball", "a part of it cannot be computed");
            break;
        }
        if (precision == 128 && (rounded_ball(j, answer, false, g) || rounded_ball(j, gold, true, a))) {
            outcome = judge_says(j, MATH_EQUAL, "ball", "the decimal is the other value, rounded");
            break;
        }
        acb_sub(d, g, a, precision);
        if (!acb_contains_zero(d)) {
            if (precision < 128) continue; // a rounded decimal is looked at first
            outcome = judge_says(j, MATH_DIFFERENT, "ball", "the values differ");
            break;
        }
        if (!acb_is_finite(d) && precision >= 1024) break;
        if (precision >= 128 && !asked) {
            bool independent;
            if (polynomial_compare(j, gold, answer, &independent) == 1) {
                outcome = judge_says(j, MATH_EQUAL, "polynomial", "%s", "");
                break;
            }
            bound = zero_bound_of(gold, answer, &j->steps);
            target = bound.algebraic ? bound.bits : 2 * bound.bits + AGREEMENT_BITS;
            asked = true;
        }
        if (!asked) continue;
        if (acb_is_exact(d) || ((bound.algebraic || target <= BALL_PRECISION_MAX) && below(d, target))) {
            if (bound.algebraic || (acb_is_exact(d) && acb_is_zero(d)))
                outcome =
                    judge_says(j, MATH_EQUAL, "algebraic", "two algebraic numbers that differ would differ by 2^-%.0f", target);
            else {
                j->probabilistic = true;
                outcome = judge_says(j, MATH_EQUAL, "probabilistic", "the values agree to %.0f bits", target);
            }
            break;
        }
        if (target > BALL_PRECISION_MAX && precision >= 1024) break;
    }
    acb_clear(g), acb_clear(a), acb_clear(d);
    return outcome;
}

// --- Expressions with variables
// ----------------------------------------------------------------------------------------------------

typedef struct scene { // the variables of a comparison
    bindings given;
    bool whole;    // powers of -1, factorials and binomials: variables are positive integers
    bool computed; // some opaque part is a computation (a sum, an integral): its being different proves nothing
    bool crowded;
    bool has_pi, has_e;
} scene;

static void add_variable(scene *s, const char *name, math_node *node) {
    for (size_t i = 0; i < s->given.count; i++) {
        const binding *b = &s->given.items[i];
        if ((name && b->name && strcmp(name, b->name) == 0) || (node && b->node && tree_compare(node, b->node) == 0)) return;
    }
    if (s->given.count >= VARIABLES_MAX) {
        s->crowded = true;
        return;
    }
    binding *b = &s->given.items[s->given.count++];
    b->name = name, b->node = node;
    fmpq_init(b->value);
}

// f(\sqrt{n}) and f(n^{1/2}) are one value: a call whose arguments equal those of an earlier one becomes the same tree.
static void unify_call(judge *j, const scene *s, math_node *n) {
    for (size_t i = 0; i < s->given.count; i++) {
        const math_node *other = s->given.items[i].node;
        if (!other || other->kind != MATH_FUNCTION || other->count != n->count || strcmp(other->name, n->name) != 0) continue;
        bool same = n->count > 0;
        for (uint32_t k = 0; k < n->count && same; k++) same = value_compare(j, other->children[k], n->children[k]) == MATH_EQUAL;
        if (!same) continue;
        memcpy(n->children, other->children, n->count * sizeof *n->children);
        return;
    }
}

static void find_variables(judge *j, scene *s, math_node *n) {
    if (j->steps == 0) return;
    j->steps--;
    switch (n->kind) {
    case MATH_SYMBOL:
        if (strcmp(n->name, "pi") == 0)
            s->has_pi = true;
        else if (strcmp(n->name, "e") == 0)
            s->has_e = true;
        else if (!is_constant_name(n->name))
            add_variable(s, n->name, NULL);
        return;
    case MATH_FUNCTION:
        if (known_function(n->name) && n->count >= 1 && n->count <= 2) {
            s->whole |= strcmp(n->name, "gcd") == 0 || strcmp(n->name, "lcm") == 0 || strcmp(n->name, "mod") == 0;
            break;
        }
        for (uint32_t i = 0; i < n->count; i++) {
            math_node *argument = normal_form(j->memory, n->children[i]); // f(1+x) and f(x+1) are one value
            if (argument) n->children[i] = argument;
        }
        unify_call(j, s, n);
        add_variable(s, NULL, n);
        return;
    case MATH_BIG:
    case MATH_VECTOR:
    case MATH_TEXT:
    case MATH_MATRIX:
    case MATH_TUPLE:
    case MATH_SET:
    case MATH_BRACKETS:
    case MATH_LIST:
    case MATH_RELATION:
    case MATH_RATIO:
    case MATH_WITH_UNIT:
    case MATH_PLUS_MINUS:
    case MATH_INTERVAL:
    case MATH_UNION:
    case MATH_INTERSECTION:
    case MATH_DIFFERENCE:
    case MATH_SUCH_THAT:
    case MATH_NONE: {
        fmpq_t q;
        fmpq_init(q);
        bool value = n->kind == MATH_BIG && number_evaluate(n, NULL, &j->steps, q) == VALUE_KNOWN;
        fmpq_clear(q);
        if (value) return;
        s->computed |= n->kind != MATH_TEXT && n->kind != MATH_VECTOR;
        add_variable(s, NULL, n);
        return;
    }
    case MATH_FACTORIAL:
    case MATH_BINOMIAL:
        s->whole |= node_has_variables(n);
        break;
    case MATH_POWER: {
        long base;
        s->whole |= node_small_integer(n->children[0], &base) && base < 0 && node_has_variables(n->children[1]);
        break;
    }
    case MATH_FLOOR:
    case MATH_CEILING:
        break;
    default:
        break;
    }
    for (uint32_t i = 0; i < n->count; i++) find_variables(j, s, n->children[i]);
}

static void scene_clear(scene *s) {
    for (size_t i = 0; i < s->given.count; i++) fmpq_clear(s->given.items[i].value);
}

// Point number k: dyadic coordinates in [1/4, 4 + 1/4), negative ones for `negative`; or positive integers.
static void scene_place(const judge *j, scene *s, uint32_t k, bool negative) {
    for (size_t i = 0; i < s->given.count; i++) {
        random_words w = random_draw(j->options->seed, RANDOM_VERIFY, j->pair, 1000 + k, (uint32_t)i);
        if (s->whole)
            fmpq_set_si(s->given.items[i].value, 1 + (long)(w.word[0] % 7) + (long)k, 1);
        else
            fmpq_set_si(s->given.items[i].value, 4096 + (long)(w.word[0] % 65536), 16384);
        fmpq_canonicalise(s->given.items[i].value);
        if (negative && !s->whole) fmpq_neg(s->given.items[i].value, s->given.items[i].value);
    }
}

// Rational functions at three points modulo a prime; MATH_UNDECIDED when they are none.
static math_outcome compare_modular(judge *j, const scene *s, const math_node *gold, const math_node *answer) {
    size_t agreed = 0;
    for (uint32_t attempt = 0; attempt < 8 && agreed < 3; attempt++) {
        modular_point point;
        modular_draw(&point, &s->given, j->options->seed, j->pair, attempt);
        ulong g, a;
        value_state sg = modular_evaluate(gold, &point, &j->steps, &g), sa = modular_evaluate(answer, &point, &j->steps, &a);
        if (sg == VALUE_OTHER || sa == VALUE_OTHER || sg == VALUE_OVER || sa == VALUE_OVER) return MATH_UNDECIDED;
        if (sg != VALUE_KNOWN || sa != VALUE_KNOWN) continue;
        if (g != a) {
            if (s->computed || (s->has_pi && s->has_e)) return MATH_UNDECIDED;
            return judge_says(j, MATH_DIFFERENT, "modular", "the expressions differ at a point");
        }
        agreed++;
    }
    if (agreed < 3) return MATH_UNDECIDED;
    j->probabilistic = true;
    return judge_says(j, MATH_EQUAL, "probabilistic", "rational functions that agree at 3 points modulo a 62-bit prime");
}

// Whether no root, power or function inside leaves the real numbers: elsewhere \sqrt{a}\sqrt{b} is not \sqrt{ab}.
static bool real_throughout(judge *j, const scene *s, const math_node *n) {
    for (uint32_t i = 0; i < n->count; i++)
        if (!real_throughout(j, s, n->children[i])) return false;
    if (n->kind != MATH_ROOT && n->kind != MATH_POWER && n->kind != MATH_FUNCTION && n->kind != MATH_SYMBOL) return true;
    acb_t x;
    acb_init(x);
    bool real = ball_evaluate(n, &s->given, 64, &j->steps, x) == VALUE_KNOWN && acb_is_real(x) && acb_is_finite(x);
    acb_clear(x);
    return real;
}

// One point: 1 agree, 0 proven different, -1 nothing learned.
static int compare_at(judge *j, const scene *s, const math_node *gold, const math_node *answer, double needed, bool real_only) {
    acb_t g, a, d;
    acb_init(g), acb_init(a), acb_init(d);
    int result = -1;
    for (long precision = 128; precision <= 1024; precision *= 2) {
        value_state sg = ball_evaluate(gold, &s->given, precision, &j->steps, g);
        value_state sa = sg == VALUE_KNOWN ? ball_evaluate(answer, &s->given, precision, &j->steps, a) : sg;
        if (sg != VALUE_KNOWN || sa != VALUE_KNOWN) break;
        if (real_only && (!real_throughout(j, s, gold) || !real_throughout(j, s, answer))) break;
        if (!acb_is_finite(g) || !acb_is_finite(a)) {
            if (precision >= 512) break;
            continue;
        }
        acb_sub(d, g, a, precision);
        if (!acb_contains_zero(d)) {
            result = 0;
            break;
        }
        double scale = 0; // agreement is relative to large values
        if (!acb_contains_zero(g)) {
            mag_t m;
            mag_init(m);
            acb_get_mag(m, g);
            double size = mag_get_d_log2_approx(m);
            if (size > 0 && size < 1e6) scale = size;
            mag_clear(m);
        }
        if (acb_is_exact(d) || below(d, needed - scale)) {
            result = 1;
            break;
        }
    }
    acb_clear(g), acb_clear(a), acb_clear(d);
    return result;
}

// The size of the constants in a tree: how far down a difference may hide (x + 2^-500 and x).
static double constant_bits(judge *j, const math_node *n) {
    if (!node_has_variables(n))
        return n->kind == MATH_NUMBER ? (double)(fmpz_bits(fmpq_numref(n->value)) + fmpz_bits(fmpq_denref(n->value)))
                                      : zero_bound_of(n, n, &j->steps).bits / 2;
    double bits = 0;
    for (uint32_t i = 0; i < n->count; i++) bits += constant_bits(j, n->children[i]);
    return bits;
}

static math_outcome compare_sampled(judge *j, scene *s, const math_node *gold, const math_node *answer) {
    int agreed = 0;
    double needed = AGREEMENT_BITS + constant_bits(j, gold) + constant_bits(j, answer);
    if (needed > 900) needed = 1e9; // differences can still be proven
    for (uint32_t k = 0; k < 2 * POINTS && agreed < POINTS; k++) {
        scene_place(j, s, k, false);
        int at = compare_at(j, s, gold, answer, needed, false);
        if (at == 0) {
            if (s->computed) return judge_says(j, MATH_UNDECIDED, "sampled", "a part of it cannot be computed");
            return judge_says(j, MATH_DIFFERENT, "sampled", "the expressions differ at a point");
        }
        agreed += at > 0;
        if (k + 1 >= POINTS && agreed == 0) break;
    }
    for (uint32_t k = 0; k < POINTS / 2 && agreed >= 3 && !s->whole; k++) {
        scene_place(j, s, 100 + k, true);
        if (compare_at(j, s, gold, answer, needed, true) == 0 && !s->computed)
            return judge_says(j, MATH_DIFFERENT, "sampled", "the expressions differ at a negative point");
    }
    if (agreed < 3) return judge_says(j, MATH_UNDECIDED, "sampled", "a part of it cannot be computed");
    j->probabilistic = true;
    return judge_says(j, MATH_EQUAL, "probabilistic", "the expressions agree to %.0f bits at %d points", needed, agreed);
}

static math_outcome compare_functions(judge *j, math_node *gold, math_node *answer) {
    scene s = {0};
    find_variables(j, &s, gold);
    find_variables(j, &s, answer);
    math_outcome outcome;
    if (s.crowded)
        outcome = judge_says(j, MATH_OVER_LIMIT, "modular", "more than %d variables", VARIABLES_MAX);
    else {
        bool proven = j->probabilistic, independent;
        outcome = compare_modular(j, &s, gold, answer);
        if (outcome != MATH_DIFFERENT && polynomial_compare(j, gold, answer, &independent) == 1) { // the certificate
            j->probabilistic = proven;
            outcome = judge_says(j, MATH_EQUAL, "polynomial", "%s", "");
        }
        if (outcome == MATH_UNDECIDED) outcome = compare_sampled(j, &s, gold, answer);
    }
    scene_clear(&s);
    return outcome;
}

// The other usual reading of an ambiguous quotient: a/bc as (a/b)c. NULL when there is none or memory is out.
static math_node *other_reading(judge *j, math_node *n) {
    if (n->kind != MATH_QUOTIENT || !n->ambiguous) {
        for (uint32_t i = 0; i < n->count; i++) {
            math_node *changed = other_reading(j, n->children[i]);
            if (!changed) continue;
            math_node *copy = tree_node(j->memory, n->kind, n->count);
            if (!copy) return NULL;
            math_node **children = copy->children;
            *copy = *n, copy->children = children;
            memcpy(children, n->children, n->count * sizeof *children);
            children[i] = changed;
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
    outcome = functions ? compare_functions(j, gold, answer) : compare_constants(j, gold, answer);
    if (outcome == MATH_UNDECIDED || outcome == MATH_OVER_LIMIT) { // the same thing in other words?
        math_node *x = normal_form(j->memory, gold), *y = normal_form(j->memory, answer);
        if (x && y && tree_compare(x, y) == 0) return judge_says(j, MATH_EQUAL, "normal", "%s", "");
    }
    return outcome;
}

math_outcome value_compare(judge *j, math_node *gold, math_node *answer) {
    if (tree_compare(gold, answer) == 0) return judge_says(j, MATH_EQUAL, "normal", "%s", "");
    math_outcome outcome = compare_once(j, gold, answer);
    if (outcome == MATH_EQUAL) return outcome;
    math_node *other_answer = other_reading(j, answer), *other_gold = other_reading(j, gold);
    if (other_answer && compare_once(j, gold, other_answer) == MATH_EQUAL)
        return judge_says(j, MATH_EQUAL, j->tier, "with a/bc in the answer read as (a/b)c");
    if (other_gold && compare_once(j, other_gold, answer) == MATH_EQUAL)
        return judge_says(j, MATH_EQUAL, j->tier, "with a/bc in the gold read as (a/b)c");
    if (other_answer || other_gold) outcome = compare_once(j, gold, answer); // its reason is the one to report
    return outcome;
}

// --- Equations and inequalities
// ----------------------------------------------------------------------------------------------------

// The sign of F H at the current point; 0 when not known.
static int sign_at(judge *j, const scene *s, const math_node *f, const math_node *h) {
    acb_t x, y;
    acb_init(x), acb_init(y);
    int sign = 0;
    if (ball_evaluate(f, &s->given, 128, &j->steps, x) == VALUE_KNOWN &&
        ball_evaluate(h, &s->given, 128, &j->steps, y) == VALUE_KNOWN) {
        acb_mul(x, x, y, 128);
        if (acb_is_real(x) && !arb_contains_zero(acb_realref(x))) sign = arb_is_positive(acb_realref(x)) ? 1 : -1;
    }
    acb_clear(x), acb_clear(y);
    return sign;
}

// F(p) H(p0) = F(p0) H(p) modulo a prime at three points p. MATH_UNDECIDED when not rational.
static math_outcome proportional_modular(judge *j, const scene *s, const math_node *f, const math_node *h) {
    modular_point base, point;
    modular_draw(&base, &s->given, j->options->seed, j->pair, 0);
    ulong f0, h0, f1, h1;
    if (modular_evaluate(f, &base, &j->steps, &f0) != VALUE_KNOWN || modular_evaluate(h, &base, &j->steps, &h0) != VALUE_KNOWN)
        return MATH_UNDECIDED;
    if (f0 == 0 || h0 == 0)
        return f0 == h0 ? MATH_UNDECIDED : judge_says(j, MATH_DIFFERENT, "modular", "one equation is trivial");
    for (uint32_t k = 1; k <= 3; k++) {
        point = base; // other values, the same prime
        modular_point fresh;
        modular_draw(&fresh, &s->given, j->options->seed, j->pair, k);
        for (size_t i = 0; i < s->given.count; i++) point.values[i] = fresh.values[i] % base.prime;
        if (modular_evaluate(f, &point, &j->steps, &f1) != VALUE_KNOWN ||
            modular_evaluate(h, &point, &j->steps, &h1) != VALUE_KNOWN)
            return MATH_UNDECIDED;
        ulong left = n_mulmod2_preinv(f1, h0, base.prime, base.inverse),
              right = n_mulmod2_preinv(f0, h1, base.prime, base.inverse);
        if (left != right) return judge_says(j, MATH_DIFFERENT, "modular", "the equations are no multiples of each other");
    }
    j->probabilistic = true;
    return judge_says(j, MATH_EQUAL, "probabilistic", "equations proportional at 3 points modulo a 62-bit prime");
}

static math_outcome proportional_sampled(judge *j, scene *s, math_node *f, math_node *h) {
    acb_t f0, h0, f1, h1;
    acb_init(f0), acb_init(h0), acb_init(f1), acb_init(h1);
    const long precision = 512;
    scene_place(j, s, 0, false);
    math_outcome outcome = judge_says(j, MATH_UNDECIDED, "sampled", "a part of it cannot be computed");
    bool known = ball_evaluate(f, &s->given, precision, &j->steps, f0) == VALUE_KNOWN &&
                 ball_evaluate(h, &s->given, precision, &j->steps, h0) == VALUE_KNOWN && !acb_contains_zero(f0) &&
                 !acb_contains_zero(h0);
    int agreed = 0;
    for (uint32_t k = 1; known && k < POINTS + 4 && agreed < POINTS; k++) {
        scene_place(j, s, k, false);
        if (ball_evaluate(f, &s->given, precision, &j->steps, f1) != VALUE_KNOWN ||
            ball_evaluate(h, &s->given, precision, &j->steps, h1) != VALUE_KNOWN)
            continue;
        acb_mul(f1, f1, h0, precision);
        acb_mul(h1, h1, f0, precision);
        acb_sub(f1, f1, h1, precision);
        if (!acb_is_finite(f1)) continue;
        if (!acb_contains_zero(f1)) {
            known = false;
            outcome = judge_says(j, MATH_DIFFERENT, "sampled", "the equations are no multiples of each other");
        } else
            agreed += below(f1, AGREEMENT_BITS);
    }
    if (known && agreed >= 4) {
        j->probabilistic = true;
        outcome = judge_says(j, MATH_EQUAL, "probabilistic", "equations proportional at %d points", agreed);
    }
    acb_clear(f0), acb_clear(h0), acb_clear(f1), acb_clear(h1);
    return outcome;
}

math_outcome value_proportional(judge *j, math_node *gold_left, math_node *gold_right, math_node *answer_left,
                                math_node *answer_right, bool positive) {
    math_node *f = tree_binary(j->memory, MATH_SUM, gold_left, tree_unary(j->memory, MATH_NEGATE, gold_right));
    math_node *h = tree_binary(j->memory, MATH_SUM, answer_left, tree_unary(j->memory, MATH_NEGATE, answer_right));
    if (!f || !h) return judge_says(j, MATH_OVER_LIMIT, "structure", "too many parts");
    scene s = {0};
    find_variables(j, &s, f);
    find_variables(j, &s, h);
    math_outcome outcome;
    if (s.crowded)
        outcome = judge_says(j, MATH_OVER_LIMIT, "modular", "more than %d variables", VARIABLES_MAX);
    else {
        outcome = s.computed ? MATH_UNDECIDED : proportional_modular(j, &s, f, h);
        if (outcome == MATH_UNDECIDED)
            outcome = s.computed ? judge_says(j, MATH_UNDECIDED, "structure", "a part of it cannot be computed")
                                 : proportional_sampled(j, &s, f, h);
        if (outcome == MATH_EQUAL && positive) {
            scene_place(j, &s, 0, false);
            int sign = sign_at(j, &s, f, h);
            if (sign < 0)
                outcome = judge_says(j, MATH_DIFFERENT, "structure", "the inequality points the other way");
            else if (sign == 0)
                outcome = judge_says(j, MATH_UNDECIDED, "structure", "the direction of the inequality is not known");
        }
    }
    scene_clear(&s);
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
