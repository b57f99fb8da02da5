// Equations and other relations as answers: what an assignment names and says, which equation a gold accepts, relations between
// expressions. See judge.h; called by accept.c.
#include <string.h>

#include "math/judge.h"
#include "math/number.h"
#include "math/phrase.h"
#include "math/words.h"

bool node_is_equation(const math_node *n) {
    if (n->kind != MATH_RELATION) return false;
    for (uint32_t i = 0; i + 1 < n->count; i++)
        if (n->operators[i] != MATH_EQ && n->operators[i] != MATH_APPROX) return false;
    return true;
}

static bool begins_with_d(const math_node *n) { // d or a partial sign in front of something: dy, \partial x, d^2 y
    while (n->kind == MATH_PRODUCT || n->kind == MATH_POWER) n = n->children[0];
    return node_is_symbol(n, "d") || node_is_symbol(n, "partial");
}

void mark_derivatives(math_node *n) {
    for (uint32_t i = 0; i < n->count; i++) mark_derivatives(n->children[i]);
    if (n->kind != MATH_QUOTIENT || n->children[1]->kind != MATH_PRODUCT) return; // d/d^2 is a quotient of distances
    if (begins_with_d(n->children[0]) && begins_with_d(n->children[1])) n->kind = MATH_FUNCTION, n->name = NAME_DERIVATIVE;
}

bool node_is_name(const math_node *n) {
    if (n->kind == MATH_SYMBOL) return node_has_variables(n);
    if (n->kind == MATH_VECTOR || n->kind == MATH_TEXT) return true;
    if (n->kind == MATH_BIG) return node_has_variables(n);                               // \lim f(x)
    if (n->kind == MATH_PRODUCT && n->count == 2 && node_is_symbol(n->children[0], "m")) // m\angle A
        return n->children[1]->kind == MATH_SYMBOL && strncmp(n->children[1]->name, "angle ", 6) == 0;
    if (n->kind == MATH_TUPLE || n->kind == MATH_SET) { // (x, y)
        for (uint32_t i = 0; i < n->count; i++)
            if (!node_is_name(n->children[i])) return false;
        return n->count > 0;
    }
    if (n->kind != MATH_FUNCTION) return false;
    return !name_is_function(n->name) && strcmp(n->name, NAME_RESIDUE) != 0;
}

bool node_is_assignment(const math_node *n) { return node_is_equation(n) && node_is_name(n->children[0]); }

// What a chain of equalities names, NULL for nothing, and the index of the side that says what it is.
static math_node *assigned_name(const math_node *n, uint32_t *value) {
    *value = n->count - 1;
    if (node_is_name(n->children[0])) return n->children[0];
    if (!node_is_name(n->children[n->count - 1])) return NULL;
    *value = 0;
    return n->children[n->count - 1];
}

static void count_symbols(const math_node *n, const char **first, bool *several) {
    if (n->kind == MATH_SYMBOL && node_has_variables(n)) {
        if (*first && strcmp(*first, n->name) != 0) *several = true;
        *first = n->name;
    }
    for (uint32_t i = 0; i < n->count; i++) count_symbols(n->children[i], first, several);
}

// 2x, x^2 - 4, \sqrt{x}: arithmetic in one unknown, for which an equation could be solved. m + n and \sin\theta name a quantity.
static bool is_unsolved(const math_node *n) {
    const char *first = NULL;
    bool several = false;
    count_symbols(n, &first, &several);
    if (!first || several) return false;
    switch (n->kind) {
    case MATH_SUM:
    case MATH_PRODUCT:
    case MATH_QUOTIENT:
    case MATH_NEGATE:
    case MATH_POWER:
    case MATH_ROOT:
    case MATH_FACTORIAL:
        return true;
    default:
        return false;
    }
}

// x = 3 = 2: another side is a number and not the value, nor is a decimal on one side the other rounded.
static bool contradicts_itself(judge *j, const math_node *chain, uint32_t value) {
    math_node *said = chain->children[value];
    const math_options *options = j->options;
    math_options loose = *options;
    loose.significant_digits = 1;
    bool contradicts = false;
    if (node_has_variables(said)) return false;
    j->options = &loose;
    for (uint32_t i = 0; i < chain->count && !contradicts; i++) {
        math_node *side = chain->children[i];
        if (i != value && !node_has_variables(side)) contradicts = accept_answer(j, said, side) == MATH_DIFFERENT;
    }
    j->options = options;
    return contradicts;
}

static bool only_capitals(const math_node *n) { // A^{-1}, AB, P^T A P
    if (n->kind == MATH_SYMBOL) return n->name[0] >= 'A' && n->name[0] <= 'Z';
    for (uint32_t i = 0; i < n->count; i++)
        if (!only_capitals(n->children[i])) return false;
    return true;
}

// A chain without a name, from which only the value is wanted: 2 + 9 = 11, m + n = 13. Its other sides must not ask for more:
// 2x = 11 does not say 11. Where such a side is the wanted value too, the chain is an identity.
static math_outcome accept_chain_end(judge *j, math_node *gold, math_node *answer, bool any_quantity) {
    math_node *value = answer->children[answer->count - 1];
    long zero;
    for (uint32_t i = 0; i + 1 < answer->count; i++) {
        math_node *side = answer->children[i];
        if (!node_has_variables(side)) continue;
        bool quantity = any_quantity && (!is_unsolved(side) || (value->kind == MATH_MATRIX && only_capitals(side))) &&
                        !(node_small_integer(value, &zero) && zero == 0);
        if (!quantity && accept_answer(j, gold, side) != MATH_EQUAL)
            return refuse(j, "an equation is given, a value is asked for");
    }
    return accept_answer(j, gold, value);
}

math_outcome accept_value_of_equation(judge *j, math_node *gold, math_node *answer) {
    uint32_t value;
    for (uint32_t i = 0; i < answer->count; i++)
        if (answer->children[i]->kind == MATH_TEXT && phrase_denies(answer->children[i]->name))
            return refuse(j, "a value is denied"); // \text{wrong} = 5
    math_node *name = assigned_name(answer, &value);
    if (contradicts_itself(j, answer, value)) return refuse(j, "the sides of the answer are not equal");
    return name ? accept_answer(j, gold, answer->children[value]) : accept_chain_end(j, gold, answer, true);
}

// f(t) = t^2 for f(x) = x^2: the letters of the arguments are free to choose where they are variables, as in P(A) and f(a) they
// are not. Renames them in the answer's equation.
static bool rename_arguments(math_node *equation, const math_node *gold, const math_node *answer) {
    if (gold->kind != MATH_FUNCTION || answer->kind != MATH_FUNCTION || gold->count != answer->count ||
        strcmp(gold->name, answer->name) != 0)
        return false;
    for (uint32_t i = 0; i < gold->count; i++) {
        const math_node *to = gold->children[i], *from = answer->children[i];
        if (to->kind != MATH_SYMBOL || from->kind != MATH_SYMBOL) return false;
        if (strcmp(to->name, from->name) == 0) continue;
        bool used = false; // in what is said of it
        for (uint32_t k = 0; k < equation->count; k++)
            used |= equation->children[k] != answer && node_mentions(equation->children[k], from->name);
        if (!used && (!strchr("nstuvwxyz", to->name[0]) || !strchr("nstuvwxyz", from->name[0]))) return false;
        if (node_mentions(equation, to->name)) return false;
        node_rename(equation, from->name, to->name);
    }
    return true;
}

// \frac{dy}{dx} and y', \frac{d^2y}{dx^2} and y''.
static bool is_primed(const math_node *derivative, const char *name) {
    const math_node *top = derivative->children[0], *d = top->count == 2 ? top->children[0] : NULL;
    long order = 1;
    if (top->kind != MATH_PRODUCT || !d || top->children[1]->kind != MATH_SYMBOL) return false;
    if (d->kind == MATH_POWER && !node_small_integer(d->children[1], &order)) return false;
    size_t length = strlen(top->children[1]->name), primes = strspn(name + strcspn(name, "'"), "'");
    return strncmp(name, top->children[1]->name, length) == 0 && strlen(name) == length + primes && (long)primes == order;
}

// x and x, and y and y(x).
static bool same_name(const math_node *a, const math_node *b) {
    if (tree_compare(a, b) == 0) return true;
    if (a->kind == MATH_SYMBOL && b->kind == MATH_FUNCTION) return same_name(b, a);
    if (a->kind != MATH_FUNCTION || b->kind != MATH_SYMBOL) return false;
    if (node_is_call(a, NAME_DERIVATIVE)) return is_primed(a, b->name);
    return a->count == 1 && a->children[0]->kind == MATH_SYMBOL && strcmp(a->name, b->name) == 0;
}

// k = 2, n = 3 for (n, k) = (3, 2): the values in the order of the names. `answer` itself where its names are others; NULL: too
// many parts.
static math_node *in_order_of(judge *j, const math_node *names, math_node *answer) {
    if (answer->kind != MATH_LIST || answer->count != names->count) return answer;
    math_node *tuple = tree_node(j->memory, MATH_TUPLE, names->count);
    for (uint32_t i = 0; tuple && i < names->count; i++) {
        for (uint32_t k = 0; k < answer->count && !tuple->children[i]; k++) {
            math_node *one = answer->children[k];
            if (node_is_assignment(one) && one->count == 2 && same_name(names->children[i], one->children[0]))
                tuple->children[i] = one->children[1];
        }
        if (!tuple->children[i]) return answer;
    }
    return tuple;
}

math_node *spread_chain(judge *j, math_node *chain) {
    uint32_t last = chain->count - 1;
    if (!node_is_equation(chain) || last < 2) return chain;
    for (uint32_t i = 0; i < last; i++)
        if (chain->children[i]->kind != MATH_SYMBOL) return chain;
    math_node *list = tree_node(j->memory, MATH_LIST, last);
    if (!list) return NULL;
    list->integer = ',';
    for (uint32_t i = 0; i < last; i++) {
        math_node *one = tree_binary(j->memory, MATH_RELATION, chain->children[i], chain->children[last]);
        if (!one) return NULL;
        one->operators = "=";
        list->children[i] = one;
    }
    return list;
}

math_outcome accept_equation(judge *j, math_node *gold, math_node *answer) {
    uint32_t gold_value, value;
    math_node *name = assigned_name(gold, &gold_value), *wanted = gold->children[gold_value];
    bool equation = node_is_equation(answer);
    if (!name) { // an equation, not an assignment
        if (!equation || answer->count != 2 || gold->count != 2) {
            if (equation && gold->count == answer->count) return accept_in_order(j, gold, answer);
            bool power = gold->count == 2 && gold->children[0]->kind == MATH_POWER && !equation; // A^{-1} = a matrix
            if (power && gold->children[1]->kind == MATH_MATRIX) return accept_answer(j, gold->children[1], answer);
            return refuse(j, "an equation is asked for");
        }
        return functions_proportional(j, gold->children[0], gold->children[1], answer->children[0], answer->children[1], false);
    }
    if (!equation && name->kind == MATH_TUPLE) answer = in_order_of(j, name, answer);
    if (!answer) return judge_says(j, MATH_OVER_LIMIT, "structure", "too many parts");
    if (!equation) return accept_answer(j, wanted, answer);
    math_node *other = assigned_name(answer, &value);
    math_outcome outcome;
    if (contradicts_itself(j, answer, value)) return refuse(j, "the sides of the answer are not equal");
    if (!other)
        outcome = accept_chain_end(j, wanted, answer, false);
    else if (same_name(name, other) || rename_arguments(answer, name, other))
        outcome = accept_answer(j, wanted, answer->children[value]);
    else
        outcome = refuse(j, "another quantity is given");
    if (outcome == MATH_EQUAL || !node_has_variables(wanted) || gold->count != 2 || answer->count != 2) return outcome;
    math_outcome whole =
        functions_proportional(j, gold->children[0], gold->children[1], answer->children[0], answer->children[1], false);
    return whole == MATH_EQUAL || outcome == MATH_DIFFERENT ? whole : outcome;
}

static bool is_inequality(const math_node *n) { return n->kind == MATH_RELATION && strspn(n->operators, "<>lg") == n->count - 1; }

// x^2 < 4 beside -2 < x < 2 or (-2, 2).
static bool is_unsolved_inequality(const math_node *one, const math_node *other) {
    bool interval = other->kind == MATH_INTERVAL || other->kind == MATH_UNION ||
                    ((other->kind == MATH_TUPLE || other->kind == MATH_BRACKETS) && other->count == 2);
    return is_inequality(one) && (interval || (is_inequality(other) && one->count != other->count));
}

math_outcome accept_relation(judge *j, math_node *gold, math_node *answer) {
    if (is_unsolved_inequality(gold, answer) || is_unsolved_inequality(answer, gold))
        return judge_says(j, MATH_UNDECIDED, "structure", "an inequality that is not solved");
    if (answer->kind != MATH_RELATION || gold->kind != MATH_RELATION) return refuse(j, "a relation is asked for");
    math_node *g = normal_form(j->memory, gold), *a = normal_form(j->memory, answer);
    if (!g || !a) return judge_says(j, MATH_OVER_LIMIT, "structure", "too many parts");
    if (g->count != a->count || memcmp(g->operators, a->operators, g->count - 1) != 0)
        return refuse(j, "the relations are of different kinds");
    if (g->count == 2 && strchr("<l", g->operators[0]))
        return functions_proportional(j, g->children[0], g->children[1], a->children[0], a->children[1], true);
    if (g->count == 2 && g->operators[0] == MATH_NE)
        return functions_proportional(j, g->children[0], g->children[1], a->children[0], a->children[1], false);
    return accept_in_order(j, g, a);
}

// ---- congruences ------------------------------------------------------------

bool node_is_residue(const math_node *n) {
    if (!node_is_call(n, NAME_RESIDUE) || n->count != 2) return false;
    const math_node *said = n->children[0];
    return said->kind != MATH_RELATION ||
           (said->count == 2 && said->operators[0] == MATH_CONGRUENT && node_is_name(said->children[0]));
}

static math_node *residue_value(const math_node *n) {
    return n->children[0]->kind == MATH_RELATION ? n->children[0]->children[1] : n->children[0];
}

// Whether two whole numbers leave the same remainder: 1 yes, 0 no, -1 they are no whole numbers.
static int same_remainder(judge *j, const math_node *a, const math_node *b, const math_node *modulus) {
    fmpq_t x, y, m;
    fmpq_init(x), fmpq_init(y), fmpq_init(m);
    bool known = number_evaluate(a, NULL, &j->steps, x) == VALUE_KNOWN && number_evaluate(b, NULL, &j->steps, y) == VALUE_KNOWN &&
                 number_evaluate(modulus, NULL, &j->steps, m) == VALUE_KNOWN && fmpz_is_one(fmpq_denref(x)) &&
                 fmpz_is_one(fmpq_denref(y)) && fmpz_is_one(fmpq_denref(m)) && fmpq_sgn(m) > 0;
    fmpq_sub(x, x, y);
    int same = known ? fmpz_divisible(fmpq_numref(x), fmpq_numref(m)) : -1;
    fmpq_clear(x), fmpq_clear(y), fmpq_clear(m);
    return same;
}

// 3 \pmod 7 says 3, a condition on x says no number; where both have a modulus it is the same, and so is the class.
math_outcome accept_residue(judge *j, math_node *gold, math_node *answer) {
    if (!node_is_residue(gold) || !node_is_residue(answer)) {
        math_node *one = node_is_residue(gold) ? gold : answer;
        if (one->children[0]->kind == MATH_RELATION) return refuse(j, "a congruence and something else");
        return one == gold ? accept_answer(j, one->children[0], answer) : accept_answer(j, gold, one->children[0]);
    }
    const math_node *said = gold->children[0], *other = answer->children[0];
    if (said->kind == MATH_RELATION && other->kind == MATH_RELATION && !same_name(said->children[0], other->children[0]))
        return refuse(j, "another quantity is given");
    math_outcome outcome = accept_answer(j, gold->children[1], answer->children[1]);
    if (outcome != MATH_EQUAL) return outcome;
    int same = same_remainder(j, residue_value(gold), residue_value(answer), gold->children[1]);
    if (same < 0) return accept_answer(j, residue_value(gold), residue_value(answer));
    return same ? judge_says(j, MATH_EQUAL, "rational", "%s", "")
                : judge_says(j, MATH_DIFFERENT, "rational", "the remainders differ");
}

void unify_element(const math_node *gold, math_node *answer) {
    const char *to = NULL, *from = NULL;
    bool several = false;
    count_symbols(gold->children[0], &to, &several), count_symbols(answer->children[0], &from, &several);
    if (to && from && !several && strcmp(to, from) != 0 && !node_mentions(answer, to)) node_rename(answer, from, to);
}
