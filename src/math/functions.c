// Equality of expressions with variables: at points modulo a prime, by certificate, or at points in ball arithmetic; and
// equations and inequalities that are multiples of each other. See judge.h; called by value.c and accept.c.
#include <string.h>

#include "base/random.h"
#include "math/ball.h"
#include "math/judge.h"
#include "math/modular.h"
#include "math/number.h"
#include "math/polynomial.h"

#define VARIABLES_MAX 8
#define POINTS 6 // of sampled equality

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
        else if (!name_is_constant(n->name))
            add_variable(s, n->name, NULL);
        return;
    case MATH_FUNCTION:
        if (name_is_function(n->name) && n->count >= 1 && n->count <= 2) {
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
        if (acb_is_exact(d) || ball_below(d, needed - scale)) {
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
    double needed = BALL_AGREEMENT_BITS + constant_bits(j, gold) + constant_bits(j, answer);
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

math_outcome functions_compare(judge *j, math_node *gold, math_node *answer) {
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

// ---- equations and inequalities --------------------------------------------------------------------------------------------

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
            agreed += ball_below(f1, BALL_AGREEMENT_BITS);
    }
    if (known && agreed >= 4) {
        j->probabilistic = true;
        outcome = judge_says(j, MATH_EQUAL, "probabilistic", "equations proportional at %d points", agreed);
    }
    acb_clear(f0), acb_clear(h0), acb_clear(f1), acb_clear(h1);
    return outcome;
}

math_outcome functions_proportional(judge *j, math_node *gold_left, math_node *gold_right, math_node *answer_left,
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
