// Equality of expressions with variables: at points modulo a prime, by certificate, or at points in ball arithmetic; and
// equations and inequalities that are multiples of each other. See judge.h; called by value.c and accept.c.
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "math/ball.h"
#include "math/judge.h"
#include "math/modular.h"
#include "math/number.h"
#include "math/polynomial.h"

#define VARIABLES_MAX 8

typedef struct scene { // the variables of a comparison
    bindings given;
    bool integer[BINDINGS_MAX]; // stands in a factorial, a binomial, a remainder or as the exponent of a negative number
    bool whole;                 // there is such a variable
    bool piecewise;             // absolute values, roots, floors, maxima: one formula here, another there
    bool jumps;                 // floors, ceilings: another value at one point than around it
    bool computed;              // some opaque part is a computation (a sum, an integral): its being different proves nothing
    bool crowded;
    bool has_pi, has_e;
} scene;

static void add_variable(scene *s, const char *name, math_node *node, bool integer) {
    s->whole |= integer;
    for (size_t i = 0; i < s->given.count; i++) {
        const binding *b = &s->given.items[i];
        if ((name && b->name && strcmp(name, b->name) == 0) || (node && b->node && tree_compare(node, b->node) == 0)) {
            s->integer[i] |= integer;
            return;
        }
    }
    if (s->given.count >= VARIABLES_MAX) {
        s->crowded = true;
        return;
    }
    s->integer[s->given.count] = integer;
    binding *b = &s->given.items[s->given.count++];
    b->name = name, b->node = node;
    fmpq_init(b->value);
}

// f(\sqrt{n}) and f(n^{1/2}) are one value: a call whose arguments equal those of an earlier one becomes the same tree.
static void unify_call(judge *j, const scene *s, math_node *n) {
    for (size_t i = 0; i < s->given.count; i++) {
        const math_node *other = s->given.items[i].node;
        if (!other || other->kind != MATH_FUNCTION || other->count != n->count || strcmp(other->name, n->name) != 0) continue;
        bool same = n->count > 0, saved = j->exact;
        j->exact = true;
        for (uint32_t k = 0; k < n->count && same; k++) same = value_compare(j, other->children[k], n->children[k]) == MATH_EQUAL;
        j->exact = saved;
        if (!same) continue;
        memcpy(n->children, other->children, n->count * sizeof *n->children);
        return;
    }
}

// \sum_{j=1}^n j and \sum_{k=1}^n k are one value: the index takes the name that it has in an earlier sum.
static void unify_index(const scene *s, math_node *n) {
    const char *index = node_index(n);
    for (size_t i = 0; index && i < s->given.count; i++) {
        const math_node *other = s->given.items[i].node;
        const char *name = other && other->kind == MATH_BIG && strcmp(other->name, n->name) == 0 ? node_index(other) : NULL;
        if (!name || strcmp(name, index) == 0 || node_mentions(n, name)) continue;
        node_rename(n, index, name);
        return;
    }
}

static bool is_one_of(const char *name, const char *a, const char *b, const char *c) {
    return strcmp(name, a) == 0 || strcmp(name, b) == 0 || strcmp(name, c) == 0;
}

// `integer`: inside something that asks for whole numbers.
static void find_variables(judge *j, scene *s, math_node *n, bool integer) {
    if (j->steps == 0) return;
    j->steps--;
    switch (n->kind) {
    case MATH_SYMBOL:
        if (strcmp(n->name, "pi") == 0)
            s->has_pi = true;
        else if (strcmp(n->name, "e") == 0)
            s->has_e = true;
        else if (strcmp(n->name, "dots") == 0) // what they leave out is not known
            s->computed = true, add_variable(s, n->name, NULL, integer);
        else if (!name_is_constant(n->name))
            add_variable(s, n->name, NULL, integer);
        return;
    case MATH_FUNCTION:
        if (name_is_function(n->name) && n->count >= 1 && n->count <= 2) {
            integer |= is_one_of(n->name, "gcd", "lcm", "mod");
            s->piecewise |= is_one_of(n->name, "max", "min", "arg") || strncmp(n->name, "arc", 3) == 0;
            break;
        }
        for (uint32_t i = 0; i < n->count; i++) {
            math_node *argument = normal_form(j->memory, n->children[i]); // f(1+x) and f(x+1) are one value
            if (argument) n->children[i] = argument;
        }
        unify_call(j, s, n);
        add_variable(s, NULL, n, integer);
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
    case MATH_WHERE:
    case MATH_NONE: {
        fmpq_t q;
        fmpq_init(q);
        bool value = n->kind == MATH_BIG && number_evaluate(n, NULL, &j->steps, q) == VALUE_KNOWN;
        fmpq_clear(q);
        if (value) return;
        s->computed |= n->kind != MATH_TEXT && n->kind != MATH_VECTOR;
        if (n->kind == MATH_BIG) unify_index(s, n);
        add_variable(s, NULL, n, integer);
        return;
    }
    case MATH_FACTORIAL:
    case MATH_BINOMIAL:
        integer = true;
        break;
    case MATH_POWER: {
        long base, exponent;
        s->piecewise |= !node_small_integer(n->children[1], &exponent) && node_has_variables(n->children[0]);
        find_variables(j, s, n->children[0], integer);
        integer |= node_small_integer(n->children[0], &base) && base < 0;
        find_variables(j, s, n->children[1], integer);
        return;
    }
    case MATH_FLOOR:
    case MATH_CEILING: // \lceil n/2 \rceil: these letters are whole numbers there
        for (const char *const *letter = (const char *const[]){"n", "m", "k", NULL}; *letter; letter++)
            if (node_mentions(n, *letter)) add_variable(s, *letter, NULL, true);
        s->jumps |= node_has_variables(n);
        s->piecewise |= node_has_variables(n);
        break;
    case MATH_ROOT:
    case MATH_ABSOLUTE:
        s->piecewise |= node_has_variables(n);
        break;
    default:
        break;
    }
    for (uint32_t i = 0; i < n->count; i++) find_variables(j, s, n->children[i], integer);
}

static void scene_clear(scene *s) {
    for (size_t i = 0; i < s->given.count; i++) fmpq_clear(s->given.items[i].value);
}

// Whole numbers: 12 in a row, so that every remainder modulo 12 occurs, two farther out, and 9 at which one variable after the
// other is even and the rest odd, as in the row of 12 n and k could be even together.
#define WHOLE_POINTS 23
#define NEAR_POINTS 3       // about 1
#define POSITIVE_POINTS 6   // the others much smaller or larger
#define REAL_POINTS 10      // the others negative
#define PIECEWISE_POINTS 28 // the others of any size and sign
#define JUMP_POINTS 24      // behind all others where there are jumps: whole numbers and twelfths in turn, 0 among them

static uint32_t points_before_jumps(const scene *s) {
    return s->whole ? WHOLE_POINTS : s->piecewise ? PIECEWISE_POINTS : REAL_POINTS;
}

static uint32_t points_of(const scene *s) { return points_before_jumps(s) + (s->jumps ? JUMP_POINTS : 0); }

// Sets the variables to those of point number k: whole numbers where they are asked for; else dyadic numbers, 2^-2 to 2^2 for the
// near points, otherwise up to 2^14 and down to 2^-14: what one size of numbers hides, another shows.
static void scene_place(const judge *j, scene *s, uint32_t k) {
    static const long units[4] = {1, 5, 7, 11};
    uint32_t before = points_before_jumps(s);
    for (size_t i = 0; i < s->given.count; i++) {
        if (k >= before && !s->integer[i]) {
            random_words w = random_draw(j->options->seed, RANDOM_VERIFY, j->pair, 900, (uint32_t)i);
            long step = units[w.word[0] % 4], number = (step * (k - before) + w.word[1] % 24) % 24 - 8;
            fmpq_set_si(s->given.items[i].value, number, (k - before) % 2 ? 12 : 1);
            fmpq_canonicalise(s->given.items[i].value);
            continue;
        }
        uint32_t draw = s->integer[i] && k < 14 ? 0 : k; // whole numbers of one series
        random_words w = random_draw(j->options->seed, RANDOM_VERIFY, j->pair, 1000 + draw, (uint32_t)i);
        fmpq *value = s->given.items[i].value;
        if (s->integer[i]) {
            long step = i ? units[w.word[0] % 4] : 1, start = (long)(w.word[1] % 12);
            long number = k < 12    ? 1 + (step * (long)k + start) % 12
                          : k == 12 ? 20 + start
                          : k == 13 ? 1000 + start
                                    : 1 + 2 * (long)(w.word[0] % 12) + (k - 14 == i);
            fmpq_set_si(value, number, 1);
            continue;
        }
        fmpq_set_si(value, 4096 + (long)(w.word[0] % 65536), 16384);
        fmpq_canonicalise(value);
        bool near = k < NEAR_POINTS || k == POSITIVE_POINTS || (k >= REAL_POINTS && k % 2);
        bool small = k == 3 || (k != 4 && w.word[1] % 2);
        mp_bitcnt_t shift = near ? 0 : k >= REAL_POINTS ? w.word[2] % 13 : 6 + w.word[2] % 7;
        if (small)
            fmpq_div_2exp(value, value, shift);
        else
            fmpq_mul_2exp(value, value, shift);
        bool mixed = k == POSITIVE_POINTS + 1 || k == POSITIVE_POINTS + 2 || (k >= REAL_POINTS && k % 4 != 1);
        if (k == POSITIVE_POINTS || k == POSITIVE_POINTS + 3 || (mixed && w.word[3] % 2)) fmpq_neg(value, value);
    }
}

// Rational functions at three points modulo a prime; MATH_UNDECIDED when they are none.
static math_outcome compare_modular(judge *j, const scene *s, const math_node *gold, const math_node *answer) {
    size_t agreed = 0;
    for (uint32_t attempt = 0; attempt < 8 && agreed < 3; attempt++) {
        modular_point point;
        modular_prime(&point, j->options->seed, j->pair, attempt);
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
    for (size_t i = 0; i < s->given.count; i++) // what stands for a real number as a whole
        if (s->given.items[i].node && tree_compare(s->given.items[i].node, n) == 0) return true;
    for (uint32_t i = 0; i < n->count; i++)
        if (!real_throughout(j, s, n->children[i])) return false;
    if (n->kind != MATH_ROOT && n->kind != MATH_POWER && n->kind != MATH_FUNCTION && n->kind != MATH_SYMBOL) return true;
    acb_t x;
    acb_init(x);
    bool real = ball_evaluate(n, &s->given, 64, &j->steps, x) == VALUE_KNOWN && acb_is_real(x) && acb_is_finite(x);
    acb_clear(x);
    return real;
}

// log2 |x|, 0 where x may be 0.
static double size_of(const acb_t x) {
    if (acb_contains_zero(x) || !acb_is_finite(x)) return 0;
    mag_t m;
    mag_init(m);
    acb_get_mag(m, x);
    double size = mag_get_d_log2_approx(m);
    mag_clear(m);
    return fabs(size) < 1e6 ? size : 0;
}

typedef enum agreement {
    NOTHING_LEARNED,
    AGREE,          // to the bits that are needed
    DIFFER,         // proven
    BRANCHES_DIFFER // proven, but both leave the real numbers: \log\frac{1}{x} and -\log x at -1
} agreement;

// Rational values at whole points are compared exactly. False: they are none.
static bool compare_exactly(judge *j, const scene *s, const math_node *gold, const math_node *answer, agreement *out) {
    fmpq_t g, a;
    fmpq_init(g), fmpq_init(a);
    bool known = false;
    if (number_evaluate(gold, &s->given, &j->steps, g) == VALUE_KNOWN &&
        number_evaluate(answer, &s->given, &j->steps, a) == VALUE_KNOWN)
        known = true, *out = fmpq_equal(g, a) ? AGREE : DIFFER;
    fmpq_clear(g), fmpq_clear(a);
    return known;
}

// One point. `real_only`: where something leaves the real numbers nothing is learned.
static agreement compare_at(judge *j, const scene *s, const math_node *gold, const math_node *answer, double needed,
                            bool real_only) {
    acb_t g, a, d;
    acb_init(g), acb_init(a), acb_init(d);
    agreement result = NOTHING_LEARNED;
    for (long precision = 64; precision <= 1024;) {
        value_state sg = ball_evaluate(gold, &s->given, precision, &j->steps, g);
        value_state sa = sg == VALUE_KNOWN ? ball_evaluate(answer, &s->given, precision, &j->steps, a) : sg;
        if (sg != VALUE_KNOWN || sa != VALUE_KNOWN) break;
        if (!acb_is_finite(g) || !acb_is_finite(a)) {
            if (precision >= 512) break;
            precision *= 2;
            continue;
        }
        acb_sub(d, g, a, precision);
        if (!acb_contains_zero(d)) {
            bool gold_real = real_throughout(j, s, gold), answer_real = real_throughout(j, s, answer);
            if (gold_real && answer_real)
                result = DIFFER;
            else if (!real_only)
                result = gold_real || answer_real ? DIFFER : BRANCHES_DIFFER;
            break;
        }
        if (acb_is_exact(d) || ball_below(d, needed - size_of(g))) {
            result = AGREE;
            break;
        }
        precision = precision == 64 && needed < 900 ? ((long)needed + 127) / 64 * 64 : 2 * precision;
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

static math_outcome sampled_difference(judge *j, const scene *s) {
    if (s->computed) return judge_says(j, MATH_UNDECIDED, "sampled", "a part of it cannot be computed");
    return judge_says(j, MATH_DIFFERENT, "sampled", "the expressions differ at a point");
}

static math_outcome compare_sampled(judge *j, scene *s, const math_node *gold, const math_node *answer) {
    uint32_t points = points_of(s), agreed = 0, real = 0, branches = 0;
    double needed = BALL_AGREEMENT_BITS + constant_bits(j, gold) + constant_bits(j, answer);
    if (needed > 900) needed = 1e9; // differences can still be proven
    for (uint32_t k = 0; k < points; k++) {
        if (k == POSITIVE_POINTS && agreed == 0) break;
        scene_place(j, s, k);
        bool all_whole = s->whole && memchr(s->integer, false, s->given.count) == NULL,
             real_only = !all_whole && k >= POSITIVE_POINTS;
        agreement at;
        if (!s->whole || !compare_exactly(j, s, gold, answer, &at)) at = compare_at(j, s, gold, answer, needed, real_only);
        if (at == DIFFER) return sampled_difference(j, s);
        branches += at == BRANCHES_DIFFER;
        agreed += at == AGREE && !real_only;
        real += at == AGREE && real_throughout(j, s, gold) && real_throughout(j, s, answer);
    }
    if (branches && real < 3) return sampled_difference(j, s);
    if (agreed < 3 && (!branches || !agreed)) return judge_says(j, MATH_UNDECIDED, "sampled", "a part of it cannot be computed");
    j->probabilistic = true;
    return judge_says(j, MATH_EQUAL, "probabilistic", "the expressions agree to %.0f bits at %u points", needed,
                      branches ? real : agreed);
}

// Whether both have a value at some point: 0/0 is equal to nothing.
static bool have_values(judge *j, scene *s, const math_node *gold, const math_node *answer) {
    acb_t x;
    acb_init(x);
    scene_place(j, s, 0);
    bool known = ball_evaluate(gold, &s->given, 128, &j->steps, x) == VALUE_KNOWN && acb_is_finite(x) &&
                 ball_evaluate(answer, &s->given, 128, &j->steps, x) == VALUE_KNOWN && acb_is_finite(x);
    acb_clear(x);
    return known;
}

static math_outcome products_differ(judge *j) {
    return judge_says(j, MATH_UNDECIDED, "modular", "equal for numbers, not for matrices");
}

math_outcome functions_compare(judge *j, math_node *gold, math_node *answer) {
    scene s = {0};
    find_variables(j, &s, gold, false);
    find_variables(j, &s, answer, false);
    math_outcome outcome;
    if (s.crowded)
        outcome = judge_says(j, MATH_OVER_LIMIT, "modular", "more than %d variables", VARIABLES_MAX);
    else {
        bool before = j->probabilistic, plain;
        outcome = compare_modular(j, &s, gold, answer);
        if (outcome != MATH_DIFFERENT && polynomial_compare(j, gold, answer, &plain) == 1 &&
            (plain || have_values(j, &s, gold, answer))) { // the certificate
            j->probabilistic = before;
            outcome = judge_says(j, MATH_EQUAL, "polynomial", "%s", "");
        }
        if (outcome == MATH_UNDECIDED) outcome = compare_sampled(j, &s, gold, answer);
        if (outcome == MATH_EQUAL && order_forbids(j, gold, answer)) outcome = products_differ(j);
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
    modular_point point;
    modular_prime(&point, j->options->seed, j->pair, 0);
    modular_draw(&point, &s->given, j->options->seed, j->pair, 0);
    ulong f0, h0, f1, h1;
    if (modular_evaluate(f, &point, &j->steps, &f0) != VALUE_KNOWN || modular_evaluate(h, &point, &j->steps, &h0) != VALUE_KNOWN)
        return MATH_UNDECIDED;
    if (f0 == 0 || h0 == 0)
        return f0 == h0 ? MATH_UNDECIDED : judge_says(j, MATH_DIFFERENT, "modular", "one equation is trivial");
    for (uint32_t k = 1; k <= 3; k++) {
        modular_draw(&point, &s->given, j->options->seed, j->pair, k); // other values, the same prime
        if (modular_evaluate(f, &point, &j->steps, &f1) != VALUE_KNOWN ||
            modular_evaluate(h, &point, &j->steps, &h1) != VALUE_KNOWN)
            return MATH_UNDECIDED;
        ulong left = n_mulmod2_preinv(f1, h0, point.prime, point.inverse),
              right = n_mulmod2_preinv(f0, h1, point.prime, point.inverse);
        if (left != right) return judge_says(j, MATH_DIFFERENT, "modular", "the equations are no multiples of each other");
    }
    j->probabilistic = true;
    return judge_says(j, MATH_EQUAL, "probabilistic", "equations proportional at 3 points modulo a 62-bit prime");
}

static math_outcome proportional_sampled(judge *j, scene *s, math_node *f, math_node *h) {
    acb_t f0, h0, f1, h1;
    acb_init(f0), acb_init(h0), acb_init(f1), acb_init(h1);
    const long precision = 512;
    double needed = BALL_AGREEMENT_BITS + constant_bits(j, f) + constant_bits(j, h);
    uint32_t points = points_of(s), agreed = 0;
    scene_place(j, s, 0);
    math_outcome outcome = judge_says(j, MATH_UNDECIDED, "sampled", "a part of it cannot be computed");
    bool known = ball_evaluate(f, &s->given, precision, &j->steps, f0) == VALUE_KNOWN &&
                 ball_evaluate(h, &s->given, precision, &j->steps, h0) == VALUE_KNOWN && !acb_contains_zero(f0) &&
                 !acb_contains_zero(h0);
    for (uint32_t k = 1; known && k < points; k++) {
        scene_place(j, s, k);
        if (ball_evaluate(f, &s->given, precision, &j->steps, f1) != VALUE_KNOWN ||
            ball_evaluate(h, &s->given, precision, &j->steps, h1) != VALUE_KNOWN)
            continue;
        acb_mul(f1, f1, h0, precision);
        acb_mul(h1, h1, f0, precision);
        acb_sub(f1, f1, h1, precision);
        if (!acb_is_finite(f1)) continue;
        bool real_only = !s->whole && k >= POSITIVE_POINTS;
        if (acb_contains_zero(f1))
            agreed += !real_only && ball_below(f1, needed - size_of(h1));
        else if (!real_only || (real_throughout(j, s, f) && real_throughout(j, s, h))) {
            known = false;
            outcome = judge_says(j, MATH_DIFFERENT, "sampled", "the equations are no multiples of each other");
        }
    }
    if (known && agreed >= 3) {
        j->probabilistic = true;
        outcome = judge_says(j, MATH_EQUAL, "probabilistic", "equations proportional at %u points", agreed);
    }
    acb_clear(f0), acb_clear(h0), acb_clear(f1), acb_clear(h1);
    return outcome;
}

// Two equations with parts that cannot be computed: equal as they are written, or not decided.
static math_outcome same_equation(judge *j, math_node *gold_left, math_node *gold_right, math_node *answer_left,
                                  math_node *answer_right) {
    math_node *a = normal_form(j->memory, gold_left), *b = normal_form(j->memory, gold_right);
    math_node *c = normal_form(j->memory, answer_left), *d = normal_form(j->memory, answer_right);
    bool same = a && b && c && d && tree_compare(a, b) != 0 &&
                ((tree_compare(a, c) == 0 && tree_compare(b, d) == 0) || (tree_compare(a, d) == 0 && tree_compare(b, c) == 0));
    return same ? judge_says(j, MATH_EQUAL, "normal", "%s", "")
                : judge_says(j, MATH_UNDECIDED, "structure", "a part of it cannot be computed");
}

// The same difference of matrices, or its negative.
static math_outcome same_matrices(judge *j, math_node *f, math_node *h, bool positive) {
    math_node *turned = tree_unary(j->memory, MATH_NEGATE, h);
    math_outcome outcome = matrices_compare(j, f, h, true);
    return outcome == MATH_EQUAL || positive || !turned ? outcome : matrices_compare(j, f, turned, true);
}

math_outcome functions_proportional(judge *j, math_node *gold_left, math_node *gold_right, math_node *answer_left,
                                    math_node *answer_right, bool positive) {
    math_node *f = tree_binary(j->memory, MATH_SUM, gold_left, tree_unary(j->memory, MATH_NEGATE, gold_right));
    math_node *h = tree_binary(j->memory, MATH_SUM, answer_left, tree_unary(j->memory, MATH_NEGATE, answer_right));
    if (!f || !h) return judge_says(j, MATH_OVER_LIMIT, "structure", "too many parts");
    if (speaks_of_matrices(f) || speaks_of_matrices(h)) return same_matrices(j, f, h, positive);
    scene s = {0};
    find_variables(j, &s, f, false);
    find_variables(j, &s, h, false);
    math_outcome outcome;
    if (s.crowded)
        outcome = judge_says(j, MATH_OVER_LIMIT, "modular", "more than %d variables", VARIABLES_MAX);
    else {
        outcome = s.computed ? MATH_UNDECIDED : proportional_modular(j, &s, f, h);
        if (outcome == MATH_UNDECIDED)
            outcome = s.computed ? same_equation(j, gold_left, gold_right, answer_left, answer_right)
                                 : proportional_sampled(j, &s, f, h);
        if (outcome == MATH_UNDECIDED && same_matrices(j, f, h, positive) == MATH_EQUAL) outcome = MATH_EQUAL; // AB = BA
        if (outcome == MATH_DIFFERENT && !positive && polynomial_same_zeros(j, f, h))
            outcome = judge_says(j, MATH_EQUAL, "polynomial", "%s", "");
        if (outcome == MATH_EQUAL && order_forbids(j, f, h) && order_forbids(j, f, tree_unary(j->memory, MATH_NEGATE, h)))
            outcome = products_differ(j);
        if (outcome == MATH_EQUAL && positive) {
            scene_place(j, &s, 0);
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
