// Values with conditions: a formula "for n >= 1", solutions with "k in Z", the rows of `cases`. See accept_where in judge.h;
// called by accept.c.
#include <string.h>

#include "math/judge.h"

static bool is_otherwise(const math_node *n) { return n->kind == MATH_TEXT && strcmp(n->name, "otherwise") == 0; }

// The letter of "k in Z".
static const char *letter_of(const math_node *condition) {
    bool domain = condition->kind == MATH_RELATION && condition->count == 2 && condition->operators[0] == MATH_IN;
    return domain && condition->children[0]->kind == MATH_SYMBOL ? condition->children[0]->name : NULL;
}

// The only letter of n that other does not mention; NULL where there are none or several.
static const char *own_letter(const math_node *n, const math_node *other, const char *found, bool *several) {
    if (n->kind == MATH_SYMBOL && !name_is_constant(n->name) && !node_mentions(other, n->name)) {
        *several |= found && strcmp(found, n->name) != 0;
        return n->name;
    }
    for (uint32_t i = 0; i < n->count; i++) found = own_letter(n->children[i], other, found, several);
    return found;
}

// \pi/4 + n\pi and \pi/4 + k\pi with k in Z: the letter that runs through the integers may be any.
static void unify_letter(math_node *stated, math_node *plain) {
    const char *letter = letter_of(stated->children[1]);
    bool several = false;
    if (!letter || node_mentions(plain, letter)) return;
    const char *its = own_letter(plain, stated->children[0], NULL, &several);
    if (its && !several && strchr("kmn", its[0]) && !its[1]) node_rename(stated, letter, its);
}

// x > 1 with x in Z as the set {x in Z | x > 1}: without its domain it would be another set. NULL: nothing of the kind, or all
// real numbers are meant.
static math_node *with_domain(judge *j, const math_node *n) {
    if (n->kind != MATH_WHERE || n->children[0]->kind != MATH_RELATION || node_is_equation(n->children[0])) return NULL;
    const char *letter = letter_of(n->children[1]);
    if (!letter || node_is_symbol(n->children[1]->children[1], "mathbb R")) return NULL;
    const math_node *relation = n->children[0];
    for (uint32_t i = 0; i < relation->count; i++)
        if (node_is_symbol(relation->children[i], letter))
            return tree_binary(j->memory, MATH_SUCH_THAT, n->children[1], n->children[0]);
    return NULL;
}

math_outcome accept_where(judge *j, math_node *gold, math_node *answer) {
    math_node *wanted = gold->kind == MATH_WHERE ? gold->children[0] : gold;
    math_node *value = answer->kind == MATH_WHERE ? answer->children[0] : answer;
    if (gold->kind != MATH_WHERE || answer->kind != MATH_WHERE) {
        math_node *stated = with_domain(j, gold->kind == MATH_WHERE ? gold : answer);
        if (stated) return gold->kind == MATH_WHERE ? accept_answer(j, stated, answer) : accept_answer(j, gold, stated);
        unify_letter(gold->kind == MATH_WHERE ? gold : answer, gold->kind == MATH_WHERE ? answer : gold);
        return accept_answer(j, wanted, value);
    }
    math_node *condition = gold->children[1], *other = answer->children[1];
    const char *letter = letter_of(condition), *its = letter_of(other);
    if (letter && its && strcmp(letter, its) != 0 && !node_mentions(answer, letter)) // n pi with n in Z for k pi with k in Z
        node_rename(answer, its, letter);
    math_outcome values = accept_answer(j, wanted, value);
    if (values != MATH_EQUAL) return values;
    if (is_otherwise(condition) != is_otherwise(other))
        return judge_says(j, MATH_UNDECIDED, "structure", "what \"otherwise\" leaves is not computed");
    return accept_answer(j, condition, other);
}
