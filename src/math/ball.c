// Ball arithmetic over trees: every operation encloses, so two disjoint balls prove that two values differ. See ball.h.
// Called by value.c for constants and, at chosen points, for expressions with variables.
#include "math/ball.h"

#include <math.h>
#include <string.h>

// log2 |x| is at most this, roughly; beyond it functions would be asked for absurd precision.
static bool moderate(const acb_t x, long bits) {
    return acb_is_finite(x) && arf_cmpabs_2exp_si(arb_midref(acb_realref(x)), bits) < 0 &&
           arf_cmpabs_2exp_si(arb_midref(acb_imagref(x)), bits) < 0 && mag_cmp_2exp_si(arb_radref(acb_realref(x)), bits) < 0;
}

// 1/x under a function: arccot, arcsec, arccsc.
static void arccot(acb_t out, const acb_t x, slong prec) {
    acb_inv(out, x, prec);
    acb_atan(out, out, prec);
}

static void arcsec(acb_t out, const acb_t x, slong prec) {
    acb_inv(out, x, prec);
    acb_acos(out, out, prec);
}

static void arccsc(acb_t out, const acb_t x, slong prec) {
    acb_inv(out, x, prec);
    acb_asin(out, out, prec);
}

static void common_log(acb_t out, const acb_t x, slong prec) {
    arb_t ten;
    arb_init(ten);
    arb_log_ui(ten, 10, prec);
    acb_log(out, x, prec);
    acb_div_arb(out, out, ten, prec);
    arb_clear(ten);
}

// Of a real ball with a real value the ball is real too, which the functions of complex numbers do not keep.
static void arcsinh(acb_t out, const acb_t x, slong prec) {
    acb_asinh(out, x, prec);
    if (!acb_is_real(x)) return;
    arb_asinh(acb_realref(out), acb_realref(x), prec);
    arb_zero(acb_imagref(out));
}

static void arccosh(acb_t out, const acb_t x, slong prec) {
    acb_acosh(out, x, prec);
    if (!acb_is_real(x)) return;
    arb_t from_one;
    arb_init(from_one);
    arb_sub_ui(from_one, acb_realref(x), 1, prec);
    bool real = arb_is_nonnegative(from_one);
    arb_clear(from_one);
    if (!real) return;
    arb_acosh(acb_realref(out), acb_realref(x), prec);
    arb_zero(acb_imagref(out));
}

static void arctanh(acb_t out, const acb_t x, slong prec) {
    acb_atanh(out, x, prec);
    mag_t size;
    mag_init(size);
    acb_get_mag(size, x);
    if (acb_is_real(x) && mag_cmp_2exp_si(size, 0) < 0) {
        arb_atanh(acb_realref(out), acb_realref(x), prec);
        arb_zero(acb_imagref(out));
    }
    mag_clear(size);
}

static void real_part(acb_t out, const acb_t x, slong prec) {
    (void)prec;
    acb_set_arb(out, acb_realref(x));
}

static void imaginary_part(acb_t out, const acb_t x, slong prec) {
    (void)prec;
    acb_set_arb(out, acb_imagref(x));
}

static void angle(acb_t out, const acb_t x, slong prec) {
    arb_t a;
    arb_init(a);
    acb_arg(a, x, prec);
    acb_set_arb(out, a);
    arb_clear(a);
}

// Functions of one argument.
static const struct {
    const char *name;
    void (*function)(acb_t, const acb_t, slong);
} functions[] = {{"sin", acb_sin},     {"cos", acb_cos},   {"tan", acb_tan},     {"cot", acb_cot},       {"sec", acb_sec},
                 {"csc", acb_csc},     {"sinh", acb_sinh}, {"cosh", acb_cosh},   {"tanh", acb_tanh},     {"coth", acb_coth},
                 {"sech", acb_sech},   {"csch", acb_csch}, {"arcsin", acb_asin}, {"arccos", acb_acos},   {"arctan", acb_atan},
                 {"arccot", arccot},   {"arcsec", arcsec}, {"arccsc", arccsc},   {"arcsinh", arcsinh},   {"arccosh", arccosh},
                 {"arctanh", arctanh}, {"exp", acb_exp},   {"ln", acb_log},      {"log", acb_log},       {"lg", common_log},
                 {"Gamma", acb_gamma}, {"zeta", acb_zeta}, {"re", real_part},    {"im", imaginary_part}, {"arg", angle}};

bool ball_function(const char *name) {
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        if (strcmp(functions[i].name, name) == 0) return true;
    return false;
}

static value_state apply(const math_node *n, acb_srcptr x, long prec, acb_t out) {
    bool logarithm = is_name(n, "ln") || is_name(n, "log") || is_name(n, "lg");
    bool inverse = is_name(n, "arccot") || is_name(n, "arcsec") || is_name(n, "arccsc");
    if (!moderate(x, 4096)) return VALUE_OVER;
    if (logarithm && acb_is_zero(x)) return VALUE_UNDEFINED;
    if (inverse && acb_contains_zero(x)) return VALUE_OTHER;
    if (is_name(n, "zeta") && (!moderate(x, 6) || prec > 1024)) return VALUE_OTHER;
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        if (!is_name(n, functions[i].name)) continue;
        functions[i].function(out, x, prec);
        return VALUE_KNOWN;
    }
    return VALUE_OTHER;
}

static value_state root(acb_t out, const acb_t x, const acb_t index, long prec) {
    bool positive = acb_is_real(x) && arb_is_positive(acb_realref(x));
    if (!acb_is_int(index) && acb_is_real(index) && arb_is_positive(acb_realref(index)) && positive) { // \sqrt[e]{e}
        acb_t exponent;
        acb_init(exponent);
        acb_inv(exponent, index, prec);
        acb_pow(out, x, exponent, prec);
        acb_clear(exponent);
        return VALUE_KNOWN;
    }
    if (!acb_is_int(index) || arf_cmpabs_2exp_si(arb_midref(acb_realref(index)), 10) > 0 ||
        arf_sgn(arb_midref(acb_realref(index))) <= 0)
        return VALUE_OTHER;
    long k = arf_get_si(arb_midref(acb_realref(index)), ARF_RND_DOWN);
    bool negative = acb_is_real(x) && arb_is_negative(acb_realref(x));
    if (k == 2)
        acb_sqrt(out, x, prec);
    else if (negative && k % 2) { // the real root, as at school
        acb_neg(out, x);
        acb_root_ui(out, out, (ulong)k, prec);
        acb_neg(out, out);
    } else
        acb_root_ui(out, x, (ulong)k, prec);
    return VALUE_KNOWN;
}

static value_state power(acb_t out, const acb_t base, const acb_t exponent, const math_node *b, long prec) {
    if (acb_is_int(exponent)) {
        if (!moderate(exponent, 4096)) return VALUE_OVER;
        fmpz_t k;
        fmpz_init(k);
        arf_get_fmpz(k, arb_midref(acb_realref(exponent)), ARF_RND_DOWN);
        value_state state = VALUE_KNOWN;
        if (fmpz_sgn(k) < 0 && acb_is_zero(base))
            state = VALUE_UNDEFINED;
        else if (fmpz_bits(k) > 256) {
            // Repeated squaring would take a step per bit: the exponential is as good.
            acb_log(out, base, prec);
            acb_mul_fmpz(out, out, k, prec);
            acb_exp(out, out, prec);
        } else
            acb_pow_fmpz(out, base, k, prec);
        fmpz_clear(k);
        return state;
    }
    if (!moderate(exponent, 65536)) return VALUE_OVER;
    if (b->kind == MATH_SYMBOL && is_name(b, "e")) {
        acb_exp(out, exponent, prec);
        return VALUE_KNOWN;
    }
    if (acb_is_zero(base)) {
        acb_zero(out);
        return arb_is_positive(acb_realref(exponent)) ? VALUE_KNOWN : VALUE_OTHER;
    }
    acb_pow(out, base, exponent, prec);
    return VALUE_KNOWN;
}

static value_state integral_part(acb_t x, bool up, long prec) {
    if (!acb_is_real(x)) return VALUE_OTHER;
    if (up)
        arb_ceil(acb_realref(x), acb_realref(x), prec + 64);
    else
        arb_floor(acb_realref(x), acb_realref(x), prec + 64);
    return arb_is_int(acb_realref(x)) ? VALUE_KNOWN : VALUE_OPEN;
}

static value_state constant(const char *name, long prec, acb_t out) {
    if (strcmp(name, "pi") == 0)
        acb_const_pi(out, prec);
    else if (strcmp(name, "e") == 0) {
        acb_one(out);
        acb_exp(out, out, prec);
    } else if (strcmp(name, "i") == 0)
        acb_onei(out);
    else
        return VALUE_OTHER;
    return VALUE_KNOWN;
}

// \binom{x}{k} of any x: x (x - 1) ... (x - k + 1) / k!; without the divisor where arrangements are counted.
static value_state binomial(const math_node *n, const bindings *given, long prec, size_t *steps, acb_t out) {
    long k;
    if (!node_small_integer(n->children[1], &k) || k < 0 || k > 64) return VALUE_OTHER;
    value_state state = ball_evaluate(n->children[0], given, prec, steps, out);
    if (state != VALUE_KNOWN) return state;
    arb_t divisor;
    arb_init(divisor);
    arb_one(divisor);
    acb_sub_si(out, out, k - 1, prec);
    acb_rising_ui(out, out, (ulong)k, prec);
    if (n->integer == 0) arb_fac_ui(divisor, (ulong)k, prec);
    acb_div_arb(out, out, divisor, prec);
    arb_clear(divisor);
    return VALUE_KNOWN;
}

// What is computed with rational numbers alone.
static value_state exact(const math_node *n, const bindings *given, long prec, size_t *steps, acb_t out) {
    fmpq_t q;
    fmpq_init(q);
    value_state state = number_evaluate(n, given, steps, q);
    if (state == VALUE_KNOWN) acb_set_fmpq(out, q, prec);
    fmpq_clear(q);
    return state == VALUE_OTHER && n->kind == MATH_BINOMIAL ? binomial(n, given, prec, steps, out) : state;
}

static bool is_exact(const math_node *n) {
    switch (n->kind) {
    case MATH_NUMBER:
    case MATH_BASED:
    case MATH_BINOMIAL:
    case MATH_BIG:
        return true;
    case MATH_FACTORIAL:
        return n->integer > 1;
    case MATH_FUNCTION:
        return is_name(n, "gcd") || is_name(n, "lcm") || is_name(n, "mod") || is_name(n, "det");
    default:
        return false;
    }
}

static value_state apply_unary(const math_node *n, long prec, acb_t a) {
    arb_t r;
    switch (n->kind) {
    case MATH_NEGATE:
        acb_neg(a, a);
        return VALUE_KNOWN;
    case MATH_PERCENT:
        acb_div_si(a, a, 100, prec);
        return VALUE_KNOWN;
    case MATH_DEGREE:
        arb_init(r);
        arb_const_pi(r, prec);
        acb_mul_arb(a, a, r, prec);
        acb_div_si(a, a, 180, prec);
        arb_clear(r);
        return VALUE_KNOWN;
    case MATH_ABSOLUTE:
        arb_init(r);
        acb_abs(r, a, prec);
        acb_set_arb(a, r);
        arb_clear(r);
        return VALUE_KNOWN;
    case MATH_FLOOR:
    case MATH_CEILING:
        return integral_part(a, n->kind == MATH_CEILING, prec);
    case MATH_FACTORIAL:
        if (acb_is_int(a) && arf_sgn(arb_midref(acb_realref(a))) < 0) return VALUE_UNDEFINED;
        if (!moderate(a, 40)) return VALUE_OVER;
        acb_add_si(a, a, 1, prec);
        acb_gamma(a, a, prec);
        return VALUE_KNOWN;
    case MATH_FUNCTION: {
        acb_t x;
        acb_init(x);
        acb_swap(x, a);
        value_state state = apply(n, x, prec, a);
        acb_clear(x);
        return state;
    }
    default:
        return VALUE_KNOWN;
    }
}

// Functions of two arguments.
static value_state apply_two(const math_node *n, long prec, acb_t a, acb_t b) {
    if (is_name(n, "log") && n->count == 2) {
        if (acb_is_zero(a) || acb_is_zero(b) || acb_is_one(b)) return VALUE_UNDEFINED;
        acb_log(a, a, prec);
        acb_log(b, b, prec);
        acb_div(a, a, b, prec);
        return VALUE_KNOWN;
    }
    bool max = is_name(n, "max");
    if ((!max && !is_name(n, "min")) || !acb_is_real(a) || !acb_is_real(b)) return VALUE_OTHER;
    if (max)
        arb_max(acb_realref(a), acb_realref(a), acb_realref(b), prec);
    else
        arb_min(acb_realref(a), acb_realref(a), acb_realref(b), prec);
    return VALUE_KNOWN;
}

// a = a OP b.
static value_state apply_binary(const math_node *n, long prec, acb_t a, acb_t b) {
    switch (n->kind) {
    case MATH_SUM:
        acb_add(a, a, b, prec);
        return VALUE_KNOWN;
    case MATH_PRODUCT:
        acb_mul(a, a, b, prec);
        return VALUE_KNOWN;
    case MATH_QUOTIENT:
        if (acb_is_zero(b)) return VALUE_UNDEFINED;
        acb_div(a, a, b, prec);
        return VALUE_KNOWN;
    case MATH_POWER:
        return power(a, a, b, n->children[0], prec);
    case MATH_ROOT:
        return root(a, a, b, prec);
    case MATH_FUNCTION:
        return apply_two(n, prec, a, b);
    default:
        return VALUE_OTHER;
    }
}

// How much longer a function takes than the others.
static size_t times_slower(const math_node *n) {
    if (n->kind != MATH_FUNCTION) return 1;
    return is_name(n, "zeta") ? 100 : is_name(n, "Gamma") ? 10 : 1;
}

value_state ball_evaluate(const math_node *n, const bindings *given, long prec, size_t *steps, acb_t out) {
    size_t cost = (1 + (size_t)prec / 64) * times_slower(n);
    if (*steps < cost) return VALUE_OVER;
    *steps -= cost;
    const binding *bound = binding_of(given, n);
    if (bound) {
        acb_set_fmpq(out, bound->value, prec);
        return VALUE_KNOWN;
    }
    if (n->kind == MATH_SYMBOL) return constant(n->name, prec, out);
    if (is_exact(n)) return exact(n, given, prec, steps, out);
    bool jumps = n->kind == MATH_FLOOR || n->kind == MATH_CEILING; // \lfloor\log_2 8\rfloor: no ball is small enough
    if (jumps && exact(n, given, prec, steps, out) == VALUE_KNOWN) return VALUE_KNOWN;
    switch (n->kind) {
    case MATH_SUM:
    case MATH_PRODUCT:
    case MATH_QUOTIENT:
    case MATH_POWER:
    case MATH_ROOT:
    case MATH_NEGATE:
    case MATH_PERCENT:
    case MATH_DEGREE:
    case MATH_ABSOLUTE:
    case MATH_FLOOR:
    case MATH_CEILING:
    case MATH_FACTORIAL:
    case MATH_FUNCTION:
        break;
    default:
        return VALUE_OTHER;
    }
    acb_t a, b;
    acb_init(a), acb_init(b);
    value_state state = ball_evaluate(n->children[0], given, prec, steps, a);
    if (state == VALUE_KNOWN && n->count == 1) state = apply_unary(n, prec, a);
    for (uint32_t i = 1; i < n->count && state == VALUE_KNOWN; i++) {
        state = ball_evaluate(n->children[i], given, prec, steps, b);
        if (state == VALUE_KNOWN) state = apply_binary(n, prec, a, b);
    }
    if (state == VALUE_KNOWN) acb_set(out, a);
    acb_clear(a), acb_clear(b);
    return state;
}

bool ball_below(const acb_t x, double bits) {
    mag_t m;
    mag_init(m);
    acb_get_mag(m, x);
    bool small = mag_cmp_2exp_si(m, -(long)bits - 1) < 0;
    mag_clear(m);
    return small;
}
