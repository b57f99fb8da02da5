// Letters that say the same whatever they are or however they are written: constants of integration, unit vectors. See judge.h;
// called by accept.c.
#include <string.h>

#include "math/judge.h"

static bool has_term(const math_node *n, const char *symbol) {
    if (n->kind != MATH_SUM) return node_is_symbol(n, symbol);
    for (uint32_t i = 0; i < n->count; i++)
        if (has_term(n->children[i], symbol)) return true;
    return false;
}

// A sum with a term that an integral may have: more than a number or a letter that may be another constant.
static bool is_antiderivative(const math_node *n) {
    if (n->kind == MATH_SUM || n->kind == MATH_NEGATE) {
        for (uint32_t i = 0; i < n->count; i++)
            if (is_antiderivative(n->children[i])) return true;
        return false;
    }
    if (n->kind == MATH_SYMBOL) return n->name[0] && strchr("xyztu", n->name[0]) && !n->name[1];
    return node_has_variables(n);
}

// A constant of integration has any letter: + c for + C. Renames it in the answer.
static void rename_constant(const math_node *gold, math_node *answer) {
    static const char *const letters[] = {"c", "K", "k"};
    if (gold->kind != MATH_SUM || answer->kind != MATH_SUM || !has_term(gold, "C") || node_mentions(answer, "C")) return;
    if (!is_antiderivative(gold)) return;
    for (size_t i = 0; i < sizeof letters / sizeof *letters; i++)
        if (has_term(answer, letters[i]) && !node_mentions(gold, letters[i])) node_rename(answer, letters[i], "C");
}

static bool is_exponential(const math_node *n) { // of a variable
    bool power = n->kind == MATH_POWER && node_is_symbol(n->children[0], "e");
    return (power && node_has_variables(n->children[1])) || (node_is_call(n, "exp") && node_has_variables(n->children[0]));
}

static bool is_oscillation(const math_node *n) {
    return (node_is_call(n, "sin") || node_is_call(n, "cos")) && node_has_variables(n->children[0]);
}

// y = Ae^x for y = Ce^x, c_1 and c_2, or A and B, for C_1 and C_2: the arbitrary constants of a solution. Renames them in the
// answer, where it has none of the gold's.
static void rename_constants(const math_node *gold, math_node *answer) {
    static const char *const choices[][2] = {{"c_1", "c_2"}, {"A", "B"}, {"k_1", "k_2"}, {"a", "b"}};
    static const char *const single[] = {"A", "c", "K", "k", NULL};
    if (!node_any(gold, is_exponential) && !node_any(gold, is_oscillation)) return;
    if (node_mentions(gold, "C_1") && node_mentions(gold, "C_2")) {
        if (node_mentions(answer, "C_1") || node_mentions(answer, "C_2")) return;
        for (size_t i = 0; i < sizeof choices / sizeof *choices; i++) {
            const char *const *c = choices[i];
            if (!node_mentions(answer, c[0]) || !node_mentions(answer, c[1])) continue;
            if (node_mentions(gold, c[0]) || node_mentions(gold, c[1])) continue;
            node_rename(answer, c[0], "C_1"), node_rename(answer, c[1], "C_2");
            return;
        }
    } else if (node_mentions(gold, "C") && !node_mentions(answer, "C")) {
        for (const char *const *c = single; *c; c++) {
            if (!node_mentions(answer, *c) || node_mentions(gold, *c)) continue;
            node_rename(answer, *c, "C");
            return;
        }
    }
}

static bool is_unit_vector(const math_node *n) { // \hat{i}, \hat{j}, \hat{k}
    return n->kind == MATH_VECTOR && strcmp(n->name, "hat") == 0 && n->children[0]->kind == MATH_SYMBOL &&
           memchr("ijk", n->children[0]->name[0], 3) && n->children[0]->name[1] == 0;
}

static bool has_bare(const math_node *n, const char *name) {
    if (is_unit_vector(n)) return false;
    bool has = node_is_symbol(n, name);
    for (uint32_t i = 0; i < n->count && !has; i++) has = has_bare(n->children[i], name);
    return has;
}

static void take_hats_off(math_node *n) {
    for (uint32_t i = 0; i < n->count; i++) {
        if (is_unit_vector(n->children[i]))
            n->children[i] = n->children[i]->children[0];
        else
            take_hats_off(n->children[i]);
    }
}

// 2\hat{i} - 3\hat{j} and 2\mathbf{i} - 3\mathbf{j}: the unit vectors need no hats where the other side gives them none.
static void unify_hats(math_node *bare, math_node *hatted) {
    if (!node_any(hatted, is_unit_vector) || node_contains(bare, MATH_VECTOR)) return;
    if (!node_mentions(bare, "i") && !node_mentions(bare, "j") && !node_mentions(bare, "k")) return;
    for (const char *const *name = (const char *const[]){"i", "j", "k", NULL}; *name; name++)
        if (has_bare(hatted, *name)) return;
    take_hats_off(hatted);
}

void unify_letters(math_node *gold, math_node *answer) {
    rename_constant(gold, answer);
    rename_constants(gold, answer);
    unify_hats(gold, answer), unify_hats(answer, gold);
}
