// Equality of expressions with variables: at points modulo a prime, by certificate, or at points in ball arithmetic; and
// equations and inequalities that are multiples of each other. See judge.h; called by value.c and accept.c.
#include <math.h>
#include <string.h>

#include "math/ball.h"
#include "math/judge.h"
#include "math/modular.h"
#include "math/number.h"
#include "math/polynomial.h"
#include "math/scene.h"

// Two expressions f and h of one scene. With `ratio` they are the same where f is a constant multiple of h: f(p) h(p0) =
// h(p) f(p0) for all points p and a first one, p0.
typedef struct two {
    judge *j;
    scene *s;
    math_node *f, *h;
    bool ratio;
    bool complex;   // letters stand for complex numbers: values need not be real
    bindings first; // p0, once it is chosen
    double size;    // bits of the constants of both
} two;

static math_outcome differ(const two *t, const char *tier) {
    return judge_says(t->j, MATH_DIFFERENT, tier, "%s",
                      t->ratio ? "the equations are no multiples of each other" : "the expressions differ at a point");
}

static math_outcome not_computed(judge *j) { return judge_says(j, MATH_UNDECIDED, "sampled", "a part of it cannot be computed"); }

// Rational functions at three points modulo a prime; MATH_UNDECIDED when they are none.
static math_outcome compare_modular(two *t) {
    judge *j = t->j;
    ulong f0 = 1, h0 = 1, f, h;
    bool chosen = !t->ratio;
    size_t agreed = 0;
    for (uint32_t attempt = 0; attempt < 8 && agreed < 3; attempt++) {
        modular_point point;
        modular_prime(&point, j->options->seed, j->pair, t->ratio ? 0 : attempt); // a ratio is one modulo one prime
        modular_draw(&point, &t->s->given, j->options->seed, j->pair, attempt);
        value_state sf = modular_evaluate(t->f, &point, &j->steps, &f), sh = modular_evaluate(t->h, &point, &j->steps, &h);
        if (sf == VALUE_OTHER || sh == VALUE_OTHER || sf == VALUE_OVER || sh == VALUE_OVER) return MATH_UNDECIDED;
        if (sf != VALUE_KNOWN || sh != VALUE_KNOWN) continue;
        if (!chosen && (f == 0 || h == 0))
            return f == h ? MATH_UNDECIDED : judge_says(j, MATH_DIFFERENT, "modular", "one equation is trivial");
        if (!chosen) {
            f0 = f, h0 = h, chosen = true;
            continue;
        }
        if (n_mulmod2_preinv(f, h0, point.prime, point.inverse) != n_mulmod2_preinv(h, f0, point.prime, point.inverse))
            return t->s->computed || (t->s->has_pi && t->s->has_e) ? MATH_UNDECIDED : differ(t, "modular");
        agreed++;
    }
    if (agreed < 3) return MATH_UNDECIDED;
    j->probabilistic = true;
    return judge_says(j, MATH_EQUAL, "probabilistic", "%s at 3 points modulo a 62-bit prime",
                      t->ratio ? "equations proportional" : "rational functions that agree");
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
    return fabs(size) < 1e15 ? size : copysign(1e15, size);
}

typedef enum agreement {
    NOTHING_LEARNED, // there is no value
    UNSETTLED,       // a difference is neither seen nor excluded
    AGREE,           // to the bits that are needed
    DIFFER,          // proven
    BRANCHES_DIFFER  // proven, but both leave the real numbers: \log\frac{1}{x} and -\log x at -1
} agreement;

// Rational values are compared exactly. False: they are none.
static bool compare_exactly(const two *t, agreement *out) {
    fmpq_t f, h, other;
    fmpq_init(f), fmpq_init(h), fmpq_init(other);
    size_t *steps = &t->j->steps;
    bool known = number_evaluate(t->f, &t->s->given, steps, f) == VALUE_KNOWN &&
                 number_evaluate(t->h, &t->s->given, steps, h) == VALUE_KNOWN;
    if (known && t->ratio) {
        known = number_evaluate(t->h, &t->first, steps, other) == VALUE_KNOWN;
        fmpq_mul(f, f, other);
        known = known && number_evaluate(t->f, &t->first, steps, other) == VALUE_KNOWN;
        fmpq_mul(h, h, other);
    }
    if (known) *out = fmpq_equal(f, h) ? AGREE : DIFFER;
    fmpq_clear(f), fmpq_clear(h), fmpq_clear(other);
    return known;
}

// The two values that are to be equal at the current point.
static value_state evaluate(const two *t, long precision, acb_t f, acb_t h) {
    size_t *steps = &t->j->steps;
    value_state state = ball_evaluate(t->f, &t->s->given, precision, steps, f);
    if (state == VALUE_KNOWN) state = ball_evaluate(t->h, &t->s->given, precision, steps, h);
    if (state != VALUE_KNOWN || !t->ratio) return state;
    acb_t other;
    acb_init(other);
    state = ball_evaluate(t->h, &t->first, precision, steps, other);
    acb_mul(f, f, other, precision);
    if (state == VALUE_KNOWN) state = ball_evaluate(t->f, &t->first, precision, steps, other);
    acb_mul(h, h, other, precision);
    acb_clear(other);
    return state;
}

// To how many bits the values have to agree at the current point, so that no part can hide a difference.
static double bits_needed(const two *t) {
    double f = hidden_bits(t->f, &t->s->given, &t->j->steps), h = hidden_bits(t->h, &t->s->given, &t->j->steps);
    return BALL_AGREEMENT_BITS + t->size + (f > h ? f : h);
}

// One point in balls. `real_only`: where something leaves the real numbers nothing is learned.
static agreement compare_balls(const two *t, bool real_only) {
    acb_t f, h, d;
    acb_init(f), acb_init(h), acb_init(d);
    double needed = bits_needed(t);
    bool reachable = needed < BALL_PRECISION_MAX - 256;
    agreement result = NOTHING_LEARNED;
    for (long precision = 64; precision <= (reachable ? BALL_PRECISION_MAX : 1024);) {
        value_state state = evaluate(t, precision, f, h);
        if (state == VALUE_OVER || state == VALUE_OPEN) result = UNSETTLED;
        if (state != VALUE_KNOWN && !(state == VALUE_OPEN && precision < 1024)) break;
        if (state == VALUE_OPEN || !acb_is_finite(f) || !acb_is_finite(h)) {
            if (precision >= 512) break;
            precision *= 2;
            continue;
        }
        result = UNSETTLED;
        acb_sub(d, f, h, precision);
        if (!acb_contains_zero(d)) {
            bool f_real = real_throughout(t->j, t->s, t->f), h_real = real_throughout(t->j, t->s, t->h);
            result = f_real && h_real ? DIFFER : real_only ? NOTHING_LEARNED : f_real || h_real ? DIFFER : BRANCHES_DIFFER;
            break;
        }
        double a = size_of(f), b = size_of(h);
        if (acb_is_exact(d) || (reachable && ball_below(d, needed - (a < b ? a : b)))) {
            result = AGREE;
            break;
        }
        precision = precision == 64 && reachable ? ((long)needed + 127) / 64 * 64 : 2 * precision;
    }
    acb_clear(f), acb_clear(h), acb_clear(d);
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

// Makes the current point the first one of a ratio. False where one of the two has no value there, or 0.
static bool choose_first(two *t) {
    acb_t f, h;
    acb_init(f), acb_init(h);
    bool good = ball_evaluate(t->f, &t->s->given, 512, &t->j->steps, f) == VALUE_KNOWN &&
                ball_evaluate(t->h, &t->s->given, 512, &t->j->steps, h) == VALUE_KNOWN && acb_is_finite(f) && acb_is_finite(h) &&
                !acb_contains_zero(f) && !acb_contains_zero(h);
    acb_clear(f), acb_clear(h);
    if (!good) return false;
    t->first = t->s->given;
    for (size_t i = 0; i < t->first.count; i++) {
        fmpq_init(t->first.items[i].value);
        fmpq_set(t->first.items[i].value, t->s->given.items[i].value);
    }
    return true;
}

// Whether there is a value at the current point: 1 yes, 0 no (1/0), -1 not known. (-1)! is meant not to occur.
static int has_value(const two *t, const math_node *n) {
    if (node_contains(n, MATH_FACTORIAL)) return -1;
    fmpq_t q;
    acb_t x;
    fmpq_init(q), acb_init(x);
    value_state state = number_evaluate(n, &t->s->given, &t->j->steps, q);
    if (state == VALUE_OTHER) state = ball_evaluate(n, &t->s->given, 64, &t->j->steps, x);
    int has = state == VALUE_UNDEFINED ? 0 : state == VALUE_KNOWN && acb_is_finite(x) ? 1 : -1;
    fmpq_clear(q), acb_clear(x);
    return has;
}

typedef struct tally {
    uint32_t positive; // points at which they agree, whatever they are there
    uint32_t real;     // points at which they agree and stay real throughout
    uint32_t branches; // BRANCHES_DIFFER
    uint32_t values;   // points, chosen at random or whole ones of a row, at which both have values
    uint32_t lonely;   // those at which just one of the two has one
    bool open;         // a jump or a landmark is not settled: \lfloor x \rfloor where x may be 3
} tally;

// All points in turn, until a difference is proven (true).
static bool visit_points(two *t, tally *found) {
    judge *j = t->j;
    bool all_whole = scene_all_whole(t->s), chosen = !t->ratio;
    for (uint32_t k = 0, points = scene_points(t->s); k < points; k++) {
        point_kind kind = scene_kind(t->s, k);
        if (kind != POINT_POSITIVE && (!chosen || found->values == 0)) return false;
        if (kind == POINT_RESCUE && found->positive >= 3 && (!found->branches || found->real >= 3)) return false;
        scene_place(j, t->s, k);
        if (!chosen) {
            chosen = choose_first(t);
            continue;
        }
        bool real_only = !all_whole && !t->complex && (kind == POINT_ANY || kind == POINT_SINGLE);
        agreement at = NOTHING_LEARNED;
        if ((!t->s->whole && !t->s->piecewise) || !compare_exactly(t, &at)) at = compare_balls(t, real_only);
        if (at == DIFFER) return true;
        if (kind != POINT_SINGLE) {
            found->values += at != NOTHING_LEARNED;
            found->lonely += at == NOTHING_LEARNED && has_value(t, t->f) + has_value(t, t->h) == 1;
        }
        found->branches += at == BRANCHES_DIFFER;
        found->open |= at == UNSETTLED && ((t->s->pieces && kind == POINT_SINGLE) || (t->s->jumps && t->s->whole));
        found->positive += at == AGREE && !real_only;
        found->real += at == AGREE && real_throughout(j, t->s, t->f) && real_throughout(j, t->s, t->h);
    }
    return false;
}

static math_outcome compare_sampled(two *t) {
    judge *j = t->j;
    tally found = {0};
    t->size = constant_bits(j, t->f) + constant_bits(j, t->h);
    bool different = visit_points(t, &found) || (found.branches && found.real < 3);
    for (size_t i = 0; i < t->first.count; i++) fmpq_clear(t->first.items[i].value);
    // A cancelled factor takes away single points: none at random, not many of the whole ones.
    if (found.lonely > (t->s->whole ? found.values / 3 : 1))
        return judge_says(j, MATH_DIFFERENT, "sampled", "one of them has no value where the other has");
    if (different) return t->s->computed ? not_computed(j) : differ(t, "sampled");
    if (found.positive < 3 && (!found.branches || !found.positive)) return not_computed(j);
    if (found.open || t->s->unseen || pieces_hide(j, t->f, t->h))
        return judge_says(j, MATH_UNDECIDED, "sampled", "equal as far as was seen, which are not all of its pieces");
    j->probabilistic = true;
    return judge_says(j, MATH_EQUAL, "probabilistic", "%s to %.0f bits at %u points",
                      t->ratio ? "equations proportional" : "the expressions agree", BALL_AGREEMENT_BITS + t->size,
                      found.branches ? found.real : found.positive);
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

static math_outcome too_many_variables(judge *j) {
    return judge_says(j, MATH_OVER_LIMIT, "modular", "more than %d variables", VARIABLES_MAX);
}

math_outcome functions_compare(judge *j, math_node *gold, math_node *answer) {
    bool complex;
    if (!split_complex(j, &gold, &answer, &complex)) return judge_says(j, MATH_OVER_LIMIT, "structure", "too many parts");
    scene s = {0};
    scene_read(j, &s, gold, answer);
    two t = {.j = j, .s = &s, .f = gold, .h = answer, .complex = complex};
    bool before = j->probabilistic, plain;
    math_outcome outcome = s.crowded ? too_many_variables(j) : compare_modular(&t);
    if (!s.crowded && outcome != MATH_DIFFERENT && polynomial_compare(j, gold, answer, &plain) == 1 &&
        (plain || have_values(j, &s, gold, answer))) { // the certificate
        j->probabilistic = before;
        outcome = judge_says(j, MATH_EQUAL, "polynomial", "%s", "");
    }
    if (outcome == MATH_UNDECIDED) outcome = compare_sampled(&t);
    if (outcome == MATH_EQUAL && order_forbids(j, gold, answer)) outcome = products_differ(j);
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

// An inequality that is a multiple of the other: equal where the factor is positive.
static math_outcome same_direction(judge *j, scene *s, const math_node *f, const math_node *h) {
    said multiples = j->last;
    scene_place(j, s, 0);
    int sign = sign_at(j, s, f, h);
    j->last = multiples;
    if (sign > 0) return MATH_EQUAL;
    return sign < 0 ? judge_says(j, MATH_DIFFERENT, "structure", "the inequality points the other way")
                    : judge_says(j, MATH_UNDECIDED, "structure", "the direction of the inequality is not known");
}

static bool is_linear(const math_node *n) {
    if (n->kind == MATH_SYMBOL || !node_has_variables(n)) return true;
    bool sum = n->kind == MATH_SUM || n->kind == MATH_NEGATE, product = n->kind == MATH_PRODUCT || n->kind == MATH_QUOTIENT;
    uint32_t varying = 0;
    for (uint32_t i = 0; i < n->count; i++) {
        if (!is_linear(n->children[i])) return false;
        varying += node_has_variables(n->children[i]);
    }
    return sum || (product && varying == 1 && (n->kind == MATH_PRODUCT || !node_has_variables(n->children[1])));
}

#define RAYS 8
#define RAY_DOUBLINGS 32 // from 2^-16 of a point to 2^16 of it
#define RAY_HALVINGS 40

// The variables at `factor` times the direction; the sign of F there. *parted: and H has the other one.
static int sign_on_ray(judge *j, scene *s, const bindings *direction, const fmpq_t factor, const math_node *f, const math_node *h,
                       const math_node *one, bool *parted) {
    for (size_t i = 0; i < s->given.count; i++) fmpq_mul(s->given.items[i].value, direction->items[i].value, factor);
    *parted |= sign_at(j, s, f, h) < 0;
    return sign_at(j, s, f, one);
}

// Whether F and H change their signs at different places on the line from 0 through point number k: where F changes, the place is
// closed in on, and H has to change between the same two points.
static bool parted_on_ray(judge *j, scene *s, const math_node *f, const math_node *h, const math_node *one, uint32_t k) {
    bindings direction = s->given;
    fmpq_t low, high, middle;
    fmpq_init(low), fmpq_init(high), fmpq_init(middle);
    scene_place(j, s, k);
    for (size_t i = 0; i < direction.count; i++) {
        fmpq_init(direction.items[i].value);
        fmpq_set(direction.items[i].value, s->given.items[i].value);
    }
    bool parted = false;
    fmpq_set_si(low, 1, 1 << RAY_DOUBLINGS / 2);
    int before = sign_on_ray(j, s, &direction, low, f, h, one, &parted);
    for (int doubled = 0; doubled < RAY_DOUBLINGS && !parted; doubled++) {
        fmpq_mul_2exp(high, low, 1);
        int behind = sign_on_ray(j, s, &direction, high, f, h, one, &parted);
        for (int halved = 0; before * behind < 0 && halved < RAY_HALVINGS && !parted; halved++) {
            fmpq_add(middle, low, high);
            fmpq_div_2exp(middle, middle, 1);
            int sign = sign_on_ray(j, s, &direction, middle, f, h, one, &parted);
            if (sign == 0) break;
            fmpq_swap(sign == before ? low : high, middle);
        }
        before = behind;
        fmpq_set_si(low, 1, 1 << RAY_DOUBLINGS / 2);
        fmpq_mul_2exp(low, low, (mp_bitcnt_t)doubled + 1);
    }
    for (size_t i = 0; i < direction.count; i++) fmpq_clear(direction.items[i].value);
    fmpq_clear(low), fmpq_clear(high), fmpq_clear(middle);
    return parted;
}

// Inequalities that are no multiples of each other: different where both are linear, or one holds at a point and the other does
// not; else x^2 < 4 and |x| < 2 may say the same.
static math_outcome different_truth(judge *j, scene *s, const math_node *f, const math_node *h) {
    if (is_linear(f) && is_linear(h))
        return judge_says(j, MATH_DIFFERENT, j->last.tier, "linear, and no multiples of each other");
    for (uint32_t k = 0, points = scene_points(s); k < points; k++) {
        scene_place(j, s, k);
        if (sign_at(j, s, f, h) < 0)
            return judge_says(j, MATH_DIFFERENT, "sampled", "one holds at a point where the other does not");
    }
    const math_node *one = s->whole ? NULL : tree_integer(j->memory, 1);
    for (uint32_t k = 0; one && k < RAYS; k++)
        if (parted_on_ray(j, s, f, h, one, k))
            return judge_says(j, MATH_DIFFERENT, "sampled", "one holds at a point where the other does not");
    return judge_says(j, MATH_UNDECIDED, "sampled", "inequalities that are no multiples of each other");
}

math_outcome functions_proportional(judge *j, math_node *gold_left, math_node *gold_right, math_node *answer_left,
                                    math_node *answer_right, bool positive) {
    math_node *f = tree_binary(j->memory, MATH_SUM, gold_left, tree_unary(j->memory, MATH_NEGATE, gold_right));
    math_node *h = tree_binary(j->memory, MATH_SUM, answer_left, tree_unary(j->memory, MATH_NEGATE, answer_right));
    math_node *turned = tree_unary(j->memory, MATH_NEGATE, h);
    if (!f || !turned) return judge_says(j, MATH_OVER_LIMIT, "structure", "too many parts");
    if (speaks_of_matrices(f) || speaks_of_matrices(h)) return same_matrices(j, f, h, positive);
    bool complex;
    if (!split_complex(j, &f, &h, &complex)) return judge_says(j, MATH_OVER_LIMIT, "structure", "too many parts");
    scene s = {0};
    scene_read(j, &s, f, h);
    two t = {.j = j, .s = &s, .f = f, .h = h, .ratio = true, .complex = complex};
    math_outcome outcome;
    if (s.crowded)
        outcome = too_many_variables(j);
    else if (s.computed)
        outcome = same_equation(j, gold_left, gold_right, answer_left, answer_right);
    else if ((outcome = compare_modular(&t)) == MATH_UNDECIDED)
        outcome = compare_sampled(&t);
    if (outcome == MATH_UNDECIDED && same_matrices(j, f, h, positive) == MATH_EQUAL) outcome = MATH_EQUAL; // AB = BA
    if (outcome == MATH_DIFFERENT && !positive && polynomial_same_zeros(j, f, h))
        outcome = judge_says(j, MATH_EQUAL, "polynomial", "%s", "");
    if (outcome == MATH_EQUAL && order_forbids(j, f, h) && order_forbids(j, f, turned)) outcome = products_differ(j);
    if (outcome == MATH_EQUAL && positive) outcome = same_direction(j, &s, f, h);
    if (outcome == MATH_DIFFERENT && positive && !s.crowded) outcome = different_truth(j, &s, f, h);
    scene_clear(&s);
    return outcome;
}
