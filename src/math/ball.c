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

static value_state apply(const math_node *n, acb_srcptr x, long prec, acb_t out) {
    const char *f = n->name;
    acb_t t;
    if (!moderate(x, 4096)) return VALUE_OVER;
    if (is_name(n, "sin"))
        acb_sin(out, x, prec);
    else if (is_name(n, "cos"))
        acb_cos(out, x, prec);
    else if (is_name(n, "tan"))
        acb_tan(out, x, prec);
    else if (is_name(n, "cot"))
        acb_cot(out, x, prec);
    else if (is_name(n, "sec"))
        acb_sec(out, x, prec);
    else if (is_name(n, "csc"))
        acb_csc(out, x, prec);
    else if (is_name(n, "sinh"))
        acb_sinh(out, x, prec);
    else if (is_name(n, "cosh"))
        acb_cosh(out, x, prec);
    else if (is_name(n, "tanh"))
        acb_tanh(out, x, prec);
    else if (is_name(n, "coth"))
        acb_coth(out, x, prec);
    else if (is_name(n, "sech"))
        acb_sech(out, x, prec);
    else if (is_name(n, "csch"))
        acb_csch(out, x, prec);
    else if (is_name(n, "arcsin"))
        acb_asin(out, x, prec);
    else if (is_name(n, "arccos"))
        acb_acos(out, x, prec);
    else if (is_name(n, "arctan"))
        acb_atan(out, x, prec);
    else if (is_name(n, "arcsinh"))
        acb_asinh(out, x, prec);
    else if (is_name(n, "arccosh"))
        acb_acosh(out, x, prec);
    else if (is_name(n, "arctanh"))
        acb_atanh(out, x, prec);
    else if (is_name(n, "exp"))
        acb_exp(out, x, prec);
    else if (strcmp(f, "arccot") == 0 || strcmp(f, "arcsec") == 0 || strcmp(f, "arccsc") == 0) {
        if (acb_contains_zero(x)) return VALUE_OTHER;
        acb_init(t);
        acb_inv(t, x, prec);
        if (f[3] == 'c' && f[4] == 'o')
            acb_atan(out, t, prec);
        else if (f[3] == 's')
            acb_acos(out, t, prec);
        else
            acb_asin(out, t, prec);
        acb_clear(t);
    } else if (is_name(n, "ln") || is_name(n, "log") || is_name(n, "lg")) {
        if (acb_is_zero(x)) return VALUE_UNDEFINED;
        acb_log(out, x, prec);
        if (is_name(n, "lg")) {
            acb_init(t);
            acb_set_si(t, 10);
            acb_log(t, t, prec);
            acb_div(out, out, t, prec);
            acb_clear(t);
        }
    } else if (is_name(n, "Gamma"))
        acb_gamma(out, x, prec);
    else if (is_name(n, "zeta")) {
        if (!moderate(x, 6) || prec > 1024) return VALUE_OTHER;
        acb_zeta(out, x, prec);
    } else if (is_name(n, "re"))
        acb_set_arb(out, acb_realref(x));
    else if (is_name(n, "im"))
        acb_set_arb(out, acb_imagref(x));
    else if (is_name(n, "arg")) {
        arb_t angle;
        arb_init(angle);
        acb_arg(angle, x, prec);
        acb_set_arb(out, angle);
        arb_clear(angle);
    } else
        return VALUE_OTHER;
    return VALUE_KNOWN;
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
    return arb_is_int(acb_realref(x)) ? VALUE_KNOWN : VALUE_OTHER;
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

value_state ball_evaluate(const math_node *n, const bindings *given, long prec, size_t *steps, acb_t out) {
    size_t cost = 1 + (size_t)prec / 64;
    if (*steps < cost) return VALUE_OVER;
    *steps -= cost;
    for (size_t i = 0; given && i < given->count; i++) {
        const binding *b = &given->items[i];
        if ((b->name && n->kind == MATH_SYMBOL && strcmp(b->name, n->name) == 0) || (b->node && tree_compare(b->node, n) == 0)) {
            acb_set_fmpq(out, b->value, prec);
            return VALUE_KNOWN;
        }
    }
    if (n->kind == MATH_SYMBOL) return constant(n->name, prec, out);
    if (n->kind == MATH_NUMBER) {
        acb_set_fmpq(out, n->value, prec);
        return VALUE_KNOWN;
    }
    if (n->kind == MATH_BASED || n->kind == MATH_BINOMIAL || n->kind == MATH_BIG ||
        (n->kind == MATH_FACTORIAL && n->integer > 1) ||
        (n->kind == MATH_FUNCTION && (is_name(n, "gcd") || is_name(n, "lcm") || is_name(n, "mod") || is_name(n, "det")))) {
        fmpq_t q;
        fmpq_init(q);
        value_state state = number_evaluate(n, given, steps, q);
        if (state == VALUE_KNOWN) acb_set_fmpq(out, q, prec);
        fmpq_clear(q);
        return state;
    }
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
    if (state == VALUE_KNOWN && n->count == 1) {
        switch (n->kind) {
        case MATH_NEGATE:
            acb_neg(a, a);
            break;
        case MATH_PERCENT:
            acb_div_si(a, a, 100, prec);
            break;
        case MATH_DEGREE:
            acb_const_pi(b, prec);
            acb_mul(a, a, b, prec);
            acb_div_si(a, a, 180, prec);
            break;
        case MATH_ABSOLUTE: {
            arb_t r;
            arb_init(r);
            acb_abs(r, a, prec);
            acb_set_arb(a, r);
            arb_clear(r);
            break;
        }
        case MATH_FLOOR:
        case MATH_CEILING:
            state = integral_part(a, n->kind == MATH_CEILING, prec);
            break;
        case MATH_FACTORIAL:
            if (acb_is_int(a) && arf_sgn(arb_midref(acb_realref(a))) < 0)
                state = VALUE_UNDEFINED;
            else if (!moderate(a, 40))
                state = VALUE_OVER;
            else {
                acb_add_si(a, a, 1, prec);
                acb_gamma(a, a, prec);
            }
            break;
        case MATH_FUNCTION:
            state = apply(n, a, prec, b);
            acb_set(a, b);
            break;
        default:
            break;
        }
    }
    for (uint32_t i = 1; i < n->count && state == VALUE_KNOWN; i++) {
        state = ball_evaluate(n->children[i], given, prec, steps, b);
        if (state != VALUE_KNOWN) break;
        switch (n->kind) {
        case MATH_SUM:
            acb_add(a, a, b, prec);
            break;
        case MATH_PRODUCT:
            acb_mul(a, a, b, prec);
            break;
        case MATH_QUOTIENT:
            if (acb_is_zero(b))
                state = VALUE_UNDEFINED;
            else
                acb_div(a, a, b, prec);
            break;
        case MATH_POWER:
            state = power(a, a, b, n->children[0], prec);
            break;
        case MATH_ROOT:
            state = root(a, a, b, prec);
            break;
        case MATH_FUNCTION:
            if (is_name(n, "log") && n->count == 2) {
                if (acb_is_zero(a) || acb_is_zero(b) || acb_is_one(b)) {
                    state = VALUE_UNDEFINED;
                    break;
                }
                acb_log(a, a, prec);
                acb_log(b, b, prec);
                acb_div(a, a, b, prec);
            } else if ((is_name(n, "max") || is_name(n, "min")) && acb_is_real(a) && acb_is_real(b)) {
                if (n->name[1] == 'a')
                    arb_max(acb_realref(a), acb_realref(a), acb_realref(b), prec);
                else
                    arb_min(acb_realref(a), acb_realref(a), acb_realref(b), prec);
            } else
                state = VALUE_OTHER;
            break;
        default:
            state = VALUE_OTHER;
            break;
        }
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
