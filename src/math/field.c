// Exact comparison of constants with Calcium (F. Johansson, "Calcium: computing in exact real and complex fields", 2021): e^{i
// pi} and -1, \ln 6 and \ln 2 + \ln 3. See field.h; called by value.c for pairs of constants that are not known to be algebraic
// and that balls cannot tell apart.
//
// Calcium has no bound on its time where many extensions meet, so only small trees are given to it: at most EXTENSIONS_MAX roots,
// functions and constants, none of them applied to large numbers. A fresh context for each pair keeps memory and verdicts
// independent of what was compared before.
#include "math/field.h"

#include <string.h>

#include <calcium/ca.h>
#include <calcium/qqbar.h>
#include <flint/arith.h>

#include "math/ball.h"
#include "math/number.h"

#define EXTENSIONS_MAX 6
#define NODES_MAX 80
#define BITS_MAX 512       // of a rational number
#define EXPONENT_MAX 64    // of a whole power of something irrational
#define RELATION_BITS 64   // to which relations are looked for before they are proven; twice as many take three times as long
#define DENOMINATOR_MAX 12 // of a root's index, and of an angle as a multiple of pi

typedef struct field {
    judge *j;
    ca_ctx_t context;
    size_t nodes, extensions;
} field;

static bool extend(field *f) { return ++f->extensions <= EXTENSIONS_MAX; }

static bool read_node(field *f, const math_node *n, ca_t out);

static bool small_rational(field *f, const math_node *n, fmpq_t out) {
    return number_evaluate(n, NULL, &f->j->steps, out) == VALUE_KNOWN && fmpz_bits(fmpq_numref(out)) <= BITS_MAX &&
           fmpz_bits(fmpq_denref(out)) <= BITS_MAX;
}

static bool is_negative(field *f, const math_node *n) {
    acb_t x;
    acb_init(x);
    bool negative =
        ball_evaluate(n, NULL, 128, &f->j->steps, x) == VALUE_KNOWN && acb_is_real(x) && arb_is_negative(acb_realref(x));
    acb_clear(x);
    return negative;
}

// x^(p/q); `real`: of a negative x and odd q the real root, as ball.c has it.
static bool raise_to(field *f, const math_node *base, const fmpq_t exponent, bool real, ca_t out) {
    bool whole = fmpz_is_one(fmpq_denref(exponent));
    if (fmpz_cmpabs(fmpq_numref(exponent), (fmpz[]){EXPONENT_MAX}) > 0) return false;
    if (!whole && (fmpz_cmp_si(fmpq_denref(exponent), DENOMINATOR_MAX) > 0 || !extend(f))) return false;
    if (!read_node(f, base, out)) return false;
    bool turn = real && fmpz_is_odd(fmpq_denref(exponent)) && is_negative(f, base);
    if (turn) ca_neg(out, out, f->context);
    ca_pow_fmpq(out, out, exponent, f->context);
    if (turn && fmpz_is_odd(fmpq_numref(exponent))) ca_neg(out, out, f->context);
    return true;
}

// Sine and its relatives of a rational multiple of pi: an algebraic number.
static bool algebraic_angle(field *f, const math_node *n, ca_t out) {
    fmpq_t angle;
    fmpq_init(angle);
    bool known = rational_angle(n->children[0], &f->j->steps, angle) && fmpz_bits(fmpq_numref(angle)) < 40 &&
                 fmpz_cmp_si(fmpq_denref(angle), DENOMINATOR_MAX) <= 0;
    if (known) {
        slong p = fmpz_get_si(fmpq_numref(angle));
        ulong q = fmpz_get_ui(fmpq_denref(angle));
        qqbar_t x;
        qqbar_init(x);
        if (is_name(n, "sin"))
            qqbar_sin_pi(x, p, q);
        else if (is_name(n, "cos"))
            qqbar_cos_pi(x, p, q);
        else if (is_name(n, "tan"))
            known = qqbar_tan_pi(x, p, q);
        else if (is_name(n, "cot"))
            known = qqbar_cot_pi(x, p, q);
        else
            known = false;
        if (known) ca_set_qqbar(out, x, f->context);
        qqbar_clear(x);
    }
    fmpq_clear(angle);
    return known;
}

// ln(x + sqrt(x^2 + 1))
static bool read_arcsinh(field *f, ca_t x, ca_t out) {
    ca_mul(out, x, x, f->context);
    ca_add_si(out, out, 1, f->context);
    ca_sqrt(out, out, f->context);
    ca_add(out, out, x, f->context);
    ca_log(out, out, f->context);
    return true;
}

// With s = e^x - e^-x and c = e^x + e^-x: sinh is s/2, tanh s/c, sech 2/c.
static bool apply_hyperbolic(field *f, const math_node *n, ca_t x, ca_t out) {
    static const struct {
        const char *name;
        int above, below; // 0: 2, 1: s, 2: c
    } table[] = {{"sinh", 1, 0}, {"cosh", 2, 0}, {"tanh", 1, 2}, {"coth", 2, 1}, {"sech", 0, 2}, {"csch", 0, 1}};
    size_t i = 0;
    while (i < sizeof table / sizeof *table && !is_name(n, table[i].name)) i++;
    if (i == sizeof table / sizeof *table) return false;
    ca_t parts[3];
    for (size_t k = 0; k < 3; k++) ca_init(parts[k], f->context);
    ca_exp(out, x, f->context);
    ca_inv(parts[0], out, f->context);
    ca_sub(parts[1], out, parts[0], f->context);
    ca_add(parts[2], out, parts[0], f->context);
    ca_set_si(parts[0], 2, f->context);
    ca_div(out, parts[table[i].above], parts[table[i].below], f->context);
    for (size_t k = 0; k < 3; k++) ca_clear(parts[k], f->context);
    return true;
}

static bool apply(field *f, const math_node *n, ca_t x, ca_t out) {
    static const struct {
        const char *name;
        void (*function)(ca_t, const ca_t, ca_ctx_t);
    } table[] = {{"exp", ca_exp}, {"ln", ca_log},      {"sin", ca_sin},     {"cos", ca_cos},     {"tan", ca_tan},
                 {"cot", ca_cot}, {"arcsin", ca_asin}, {"arccos", ca_acos}, {"arctan", ca_atan}, {"re", ca_re},
                 {"im", ca_im},   {"log", ca_log},     {"arg", ca_arg},     {"Gamma", ca_gamma}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (!is_name(n, table[i].name)) continue;
        table[i].function(out, x, f->context);
        return true;
    }
    return is_name(n, "arcsinh") ? read_arcsinh(f, x, out) : apply_hyperbolic(f, n, x, out);
}

// zeta(2k) = |B_2k| (2 pi)^2k / (2 (2k)!)
static bool even_zeta(field *f, const math_node *n, ca_t out) {
    long s;
    if (!is_name(n, "zeta") || !node_small_integer(n->children[0], &s) || s < 2 || s > 60 || s % 2) return false;
    fmpq_t factor;
    fmpz_t product;
    fmpq_init(factor), fmpz_init(product);
    arith_bernoulli_number(factor, (ulong)s);
    fmpq_abs(factor, factor);
    fmpq_mul_2exp(factor, factor, (ulong)s - 1);
    fmpz_fac_ui(product, (ulong)s);
    fmpq_div_fmpz(factor, factor, product);
    ca_pi(out, f->context);
    ca_pow_ui(out, out, (ulong)s, f->context);
    ca_mul_fmpq(out, out, factor, f->context);
    fmpq_clear(factor), fmpz_clear(product);
    return true;
}

static bool read_function(field *f, const math_node *n, ca_t out) {
    if (!extend(f)) return false;
    if (n->count == 1 && even_zeta(f, n, out)) return true;
    if (n->count == 1 && algebraic_angle(f, n, out)) return true;
    ca_t x;
    ca_init(x, f->context);
    bool done = read_node(f, n->children[0], x);
    if (done && n->count == 2) {
        ca_t base;
        ca_init(base, f->context);
        done = is_name(n, "log") && extend(f) && read_node(f, n->children[1], base);
        if (done) {
            ca_log(out, x, f->context), ca_log(base, base, f->context);
            ca_div(out, out, base, f->context);
        }
        ca_clear(base, f->context);
    } else
        done = done && apply(f, n, x, out);
    ca_clear(x, f->context);
    return done;
}

static bool read_power(field *f, const math_node *n, ca_t out) {
    const math_node *base = n->children[0], *exponent = n->children[1];
    fmpq_t e;
    fmpq_init(e);
    bool rational = small_rational(f, exponent, e), done;
    if (n->kind == MATH_ROOT) {
        done = rational && fmpz_is_one(fmpq_denref(e)) && fmpq_sgn(e) > 0;
        if (done) fmpq_inv(e, e);
        done = done && raise_to(f, base, e, true, out);
    } else if (base->kind == MATH_SYMBOL && is_name(base, "e")) {
        done = extend(f) && read_node(f, exponent, out);
        if (done) ca_exp(out, out, f->context);
    } else if (rational) {
        done = raise_to(f, base, e, false, out);
    } else {
        ca_t y;
        ca_init(y, f->context);
        done = extend(f) && read_node(f, base, out) && read_node(f, exponent, y);
        if (done) ca_pow(out, out, y, f->context);
        ca_clear(y, f->context);
    }
    fmpq_clear(e);
    return done;
}

static bool read_constant(field *f, const char *name, ca_t out) {
    if (strcmp(name, "i") == 0) {
        ca_i(out, f->context);
        return true;
    }
    bool pi = strcmp(name, "pi") == 0;
    if (!extend(f) || (!pi && strcmp(name, "e") != 0)) return false;
    if (pi)
        ca_pi(out, f->context);
    else
        ca_one(out, f->context), ca_exp(out, out, f->context);
    return true;
}

static bool read_degree(field *f, const math_node *n, ca_t out) {
    if (!extend(f) || !read_node(f, n->children[0], out)) return false;
    ca_t pi;
    ca_init(pi, f->context);
    ca_pi(pi, f->context);
    ca_mul(out, out, pi, f->context);
    ca_div_si(out, out, 180, f->context);
    ca_clear(pi, f->context);
    return true;
}

// A sum, product or quotient.
static bool read_operation(field *f, const math_node *n, ca_t out) {
    bool done = read_node(f, n->children[0], out);
    ca_t y;
    ca_init(y, f->context);
    for (uint32_t i = 1; i < n->count && done; i++) {
        done = read_node(f, n->children[i], y);
        if (!done) break;
        if (n->kind == MATH_SUM)
            ca_add(out, out, y, f->context);
        else if (n->kind == MATH_PRODUCT)
            ca_mul(out, out, y, f->context);
        else
            ca_div(out, out, y, f->context);
    }
    ca_clear(y, f->context);
    return done;
}

static bool read_node(field *f, const math_node *n, ca_t out) {
    if (++f->nodes > NODES_MAX || f->j->steps == 0) return false;
    fmpq_t q;
    fmpq_init(q);
    bool rational = small_rational(f, n, q);
    if (rational) ca_set_fmpq(out, q, f->context);
    fmpq_clear(q);
    if (rational) return true;
    switch (n->kind) {
    case MATH_SYMBOL:
        return read_constant(f, n->name, out);
    case MATH_NEGATE:
        if (!read_node(f, n->children[0], out)) return false;
        ca_neg(out, out, f->context);
        return true;
    case MATH_PERCENT:
        if (!read_node(f, n->children[0], out)) return false;
        ca_div_si(out, out, 100, f->context);
        return true;
    case MATH_DEGREE:
        return read_degree(f, n, out);
    case MATH_ABSOLUTE:
        if (!read_node(f, n->children[0], out)) return false;
        ca_abs(out, out, f->context);
        return true;
    case MATH_SUM:
    case MATH_PRODUCT:
    case MATH_QUOTIENT:
        return read_operation(f, n, out);
    case MATH_POWER:
    case MATH_ROOT:
        return read_power(f, n, out);
    case MATH_FUNCTION:
        return n->count >= 1 && n->count <= 2 && read_function(f, n, out);
    default:
        return false;
    }
}

int field_compare(judge *j, const math_node *a, const math_node *b) {
    if (j->fields++ >= FIELD_QUESTIONS) return -1;
    field f = {.j = j};
    ca_ctx_init(f.context);
    ca_ctx_set_option(f.context, CA_OPT_PREC_LIMIT, 1024);
    ca_ctx_set_option(f.context, CA_OPT_QQBAR_DEG_LIMIT, 64);
    ca_ctx_set_option(f.context, CA_OPT_LLL_PREC, RELATION_BITS);
    ca_t x, y;
    ca_init(x, f.context), ca_init(y, f.context);
    int result = -1;
    if (read_node(&f, a, x) && read_node(&f, b, y) && ca_check_is_number(x, f.context) == T_TRUE &&
        ca_check_is_number(y, f.context) == T_TRUE) {
        truth_t equal = ca_check_equal(x, y, f.context);
        result = equal == T_TRUE ? 1 : equal == T_FALSE ? 0 : -1;
    }
    ca_clear(x, f.context), ca_clear(y, f.context);
    ca_ctx_clear(f.context);
    return result;
}
