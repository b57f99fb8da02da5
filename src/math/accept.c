// What a gold accepts: the table of directional rules, applied to the two trees part by part. Called by equal.c.
#include <string.h>

#include "math/judge.h"
#include "math/number.h"
#include "math/units.h"
#include "math/words.h"

// The first `count` sides of a chain, the last of them replaced; one side stands for itself. NULL: no memory.
static math_node *part_of_chain(judge *j, const math_node *chain, uint32_t count, math_node *last) {
    if (count == 1) return last;
    math_node *n = tree_node(j->memory, MATH_RELATION, count);
    if (!n) return NULL;
    memcpy(n->children, chain->children, count * sizeof *n->children);
    n->children[count - 1] = last, n->operators = chain->operators;
    return n;
}

// x = 1/3 \approx 0.33 says two things: x = 1/3, and x = 0.33 where that is its rounding. *rounded is NULL where it is none.
// False when there is no exact side.
static bool split_approximation(judge *j, math_node *chain, math_node **exact, math_node **rounded) {
    if (!node_is_equation(chain)) return false;
    uint32_t at = 0;
    while (at + 1 < chain->count && chain->operators[at] != MATH_APPROX) at++;
    if (at + 1 >= chain->count || node_is_name(chain->children[at])) return false;
    math_node *side = chain->children[at], *last = chain->children[chain->count - 1];
    *exact = part_of_chain(j, chain, at + 1, side), *rounded = NULL;
    const math_options *options = j->options;
    math_options loose = *options;
    loose.significant_digits = 1;
    j->options = &loose;
    if (accept_answer(j, side, last) == MATH_EQUAL) *rounded = part_of_chain(j, chain, at + 1, last);
    j->options = options;
    return *exact != NULL;
}

static bool is_collection(const math_node *n) {
    return n->kind == MATH_LIST || n->kind == MATH_SET || n->kind == MATH_TUPLE || n->kind == MATH_BRACKETS ||
           n->kind == MATH_MATRIX;
}

math_outcome accept_in_order(judge *j, math_node *gold, math_node *answer) {
    if (gold->count != answer->count) return refuse(j, "the numbers of members differ");
    math_outcome outcome = MATH_EQUAL;
    said worst = {.tier = "structure"};
    j->nesting++;
    for (uint32_t i = 0; i < gold->count; i++) {
        math_outcome one = accept_answer(j, gold->children[i], answer->children[i]);
        if (one == MATH_EQUAL) continue;
        outcome = one, worst = j->last;
        if (one == MATH_DIFFERENT) break;
    }
    j->nesting--;
    j->last = worst;
    return outcome;
}

typedef struct matching {
    unsigned char edge[MEMBERS_MAX][MEMBERS_MAX]; // [gold][answer]: 1 equal, 2 perhaps
    int of_answer[MEMBERS_MAX];
    bool seen[MEMBERS_MAX];
    size_t count;
} matching;

static bool augment(matching *m, size_t gold, int allowed) {
    for (size_t a = 0; a < m->count; a++) {
        if (m->seen[a] || m->edge[gold][a] == 0 || m->edge[gold][a] > allowed) continue;
        m->seen[a] = true;
        if (m->of_answer[a] < 0 || augment(m, (size_t)m->of_answer[a], allowed)) {
            m->of_answer[a] = (int)gold;
            return true;
        }
    }
    return false;
}

static bool perfect(matching *m, int allowed) {
    for (size_t a = 0; a < m->count; a++) m->of_answer[a] = -1;
    for (size_t g = 0; g < m->count; g++) {
        memset(m->seen, 0, sizeof m->seen);
        if (!augment(m, g, allowed)) return false;
    }
    return true;
}

// Members of a set once each.
static math_node *distinct(judge *j, math_node *set) {
    math_node *copy = tree_node(j->memory, set->kind, set->count);
    if (!copy) return set;
    copy->integer = set->integer, copy->count = 0;
    for (uint32_t i = 0; i < set->count; i++) {
        bool seen = false;
        for (uint32_t k = 0; k < copy->count && !seen; k++)
            seen = accept_answer(j, copy->children[k], set->children[i]) == MATH_EQUAL;
        if (!seen) copy->children[copy->count++] = set->children[i];
    }
    return copy;
}

static math_outcome match(judge *j, math_node *gold, math_node *answer) {
    if (gold->count != answer->count) return refuse(j, "the numbers of members differ");
    matching m = {.count = gold->count};
    math_outcome worst = MATH_UNDECIDED;
    for (size_t g = 0; g < m.count; g++) {
        size_t possible = 0;
        for (size_t a = 0; a < m.count; a++) {
            math_outcome one = accept_answer(j, gold->children[g], answer->children[a]);
            m.edge[g][a] = one == MATH_EQUAL ? 1 : one == MATH_DIFFERENT ? 0 : 2;
            if (one == MATH_OVER_LIMIT) worst = one;
            possible += m.edge[g][a] != 0;
        }
        if (possible == 0) return refuse(j, "a member of the gold has no partner");
    }
    if (perfect(&m, 1)) return judge_says(j, MATH_EQUAL, "structure", "%s", "");
    if (perfect(&m, 2)) return judge_says(j, worst, "structure", "a member could not be decided");
    return refuse(j, "the members are not the same");
}

static math_outcome any_order(judge *j, math_node *gold, math_node *answer) {
    if (gold->count > MEMBERS_MAX || answer->count > MEMBERS_MAX)
        return judge_says(j, MATH_OVER_LIMIT, "structure", "more than %d members", MEMBERS_MAX);
    j->nesting++;
    math_outcome outcome = match(j, gold, answer);
    if (outcome == MATH_DIFFERENT && (gold->kind == MATH_SET || answer->kind == MATH_SET)) { // repetitions do not count
        math_node *g = distinct(j, gold), *a = distinct(j, answer);
        if (g->count != gold->count || a->count != answer->count) outcome = match(j, g, a);
    }
    j->nesting--;
    return outcome;
}

static bool all_assign(const math_node *n) {
    bool all = true;
    for (uint32_t i = 0; i < n->count; i++) all = all && node_is_assignment(n->children[i]);
    return all;
}

// x = 1, y = 2: bare values then come in this order.
static bool names_differ(const math_node *n) {
    if (!all_assign(n)) return false;
    for (uint32_t i = 1; i < n->count; i++)
        if (tree_compare(n->children[0]->children[0], n->children[i]->children[0]) != 0) return true;
    return false;
}

// x = 1, x = 2: several values of one quantity.
static bool same_names(const math_node *n) { return n->count > 1 && all_assign(n) && !names_differ(n); }

// y = 2, x = 3: for a tuple without names it is not clear which comes first.
static bool names_descend(const math_node *n) {
    if (!all_assign(n)) return false;
    for (uint32_t i = 1; i < n->count; i++)
        if (tree_compare(n->children[i - 1]->children[0], n->children[i]->children[0]) > 0) return true;
    return false;
}

static bool any_relation(const math_node *n) {
    for (uint32_t i = 0; i < n->count; i++)
        if (n->children[i]->kind == MATH_RELATION) return true;
    return false;
}

static math_node *rows_as_matrix(judge *j, math_node *n) { // [[1,2],[3,4]]
    if (n->kind != MATH_BRACKETS && n->kind != MATH_TUPLE) return NULL;
    uint32_t columns = 0;
    for (uint32_t i = 0; i < n->count; i++) {
        const math_node *row = n->children[i];
        if ((row->kind != MATH_BRACKETS && row->kind != MATH_TUPLE) || (i && row->count != columns)) return NULL;
        columns = row->count;
    }
    if (columns == 0) return NULL;
    math_node *m = tree_node(j->memory, MATH_MATRIX, (size_t)n->count * columns);
    if (!m) return NULL;
    m->integer = (int)n->count;
    for (uint32_t i = 0; i < n->count; i++)
        memcpy(m->children + i * columns, n->children[i]->children, columns * sizeof *m->children);
    return m;
}

// P of P(0, -5), or a word: vertex (0, -5). f(0, -5) is a value.
static bool names_point(const char *name) {
    bool word = strlen(name) > 1 && strspn(name, "abcdefghijklmnopqrstuvwxyz ") == strlen(name);
    if (name_is_function(name) || word_in(words_greek, name, strlen(name))) return false;
    return word || (name[0] >= 'A' && name[0] <= 'Z');
}

// Roman numerals, choices and words, in contrast to values: II is read as a power of I.
static bool is_label(const math_node *n) {
    if (n->kind == MATH_TEXT || n->kind == MATH_SYMBOL) return true;
    if (n->kind == MATH_POWER) return is_label(n->children[0]);
    for (uint32_t i = 0; i < n->count; i++)
        if (!is_label(n->children[i])) return false;
    return n->kind == MATH_PRODUCT;
}

// "I and II" beside "I or II". Of values both say the same: x = 1 or x = 2 has the solutions 1 and 2.
static bool joined_otherwise(const math_node *gold, const math_node *answer) {
    bool lists = (gold->kind == MATH_LIST || gold->kind == MATH_SET) && (answer->kind == MATH_LIST || answer->kind == MATH_SET);
    if (!lists || gold->integer + answer->integer != 'a' + 'o' || gold->integer == answer->integer) return false;
    for (uint32_t i = 0; i < gold->count; i++)
        if (!is_label(gold->children[i])) return false;
    return gold->integer == 'a' || gold->integer == 'o';
}

static math_outcome accept_collection(judge *j, math_node *gold, math_node *answer) {
    // One value and the set of it are the same answer, but not the same member of a set.
    bool outside = j->nesting == 0;
    if (outside && gold->kind == MATH_SET && !is_collection(answer)) gold = distinct(j, gold);
    if (outside && answer->kind == MATH_SET && !is_collection(gold)) answer = distinct(j, answer);
    if (outside && gold->kind == MATH_SET && gold->count == 1 && answer->kind != MATH_SET && answer->kind != MATH_LIST)
        return accept_answer(j, gold->children[0], answer);
    if (!is_collection(gold)) {
        if (outside && answer->kind == MATH_SET && answer->count == 1) return accept_answer(j, gold, answer->children[0]);
        return refuse(j, "one value is asked for, several are given");
    }
    if (gold->kind == MATH_TUPLE && answer->kind == MATH_FUNCTION && names_point(answer->name)) // P(0, -5)
        return unit_is_hedge(answer->name) ? refuse(j, "words in front of it say more") : accept_in_order(j, gold, answer);
    if (!is_collection(answer)) return refuse(j, "several values are asked for");
    if (joined_otherwise(gold, answer)) return refuse(j, "\"and\" is not \"or\"");
    bool bare = answer->kind == MATH_LIST;
    switch (gold->kind) {
    case MATH_LIST:
        if (answer->kind == MATH_SET || bare) {
            if ((names_differ(gold) || names_differ(answer)) && bare && answer->integer == 'o')
                return refuse(j, "values of several quantities are asked for");
            if (names_differ(gold) && !any_relation(answer)) return accept_in_order(j, gold, answer);
            return any_order(j, gold, answer);
        }
        return accept_in_order(j, gold, answer);
    case MATH_SET:
        if (answer->kind == MATH_SET || bare) return any_order(j, gold, answer);
        if (answer->kind == MATH_BRACKETS && answer->count != 2) return accept_in_order(j, gold, answer); // [1,2] is an interval
        return refuse(j, "a set is asked for");
    case MATH_TUPLE:
        if (outside && answer->kind == MATH_SET && answer->count == 1) return accept_answer(j, gold, answer->children[0]);
        if (answer->kind == MATH_SET || answer->kind == MATH_BRACKETS) return refuse(j, "an ordered tuple is asked for");
        if (bare && (answer->integer == 'o' || same_names(answer)))
            return refuse(j, "one tuple is asked for, several values are given");
        if (bare && names_descend(answer)) return judge_says(j, MATH_UNDECIDED, "structure", "names in another order than usual");
        return accept_in_order(j, gold, answer);
    case MATH_BRACKETS:
        if (answer->kind == MATH_SET || answer->kind == MATH_TUPLE) return refuse(j, "the brackets differ");
        if (bare && gold->count == 2) return refuse(j, "an interval is asked for");
        if (answer->kind == MATH_MATRIX && (gold = rows_as_matrix(j, gold)) == NULL) return refuse(j, "a list is asked for");
        return accept_in_order(j, gold, answer);
    default: { // a matrix
        math_node *other = answer->kind == MATH_MATRIX ? answer : rows_as_matrix(j, answer);
        bool vector = gold->integer == 1 || (uint32_t)gold->integer == gold->count;
        if (!other)
            return vector && answer->kind != MATH_SET ? accept_in_order(j, gold, answer) : refuse(j, "a matrix is asked for");
        if (gold->count == other->count && gold->integer != other->integer)
            return refuse(j, "the matrices have different shapes");
        return accept_in_order(j, gold, other);
    }
    }
}

// hh:mm: the second part written with two digits below 60.
static bool is_clock(const math_node *n) {
    long hours, minutes;
    return n->count == 2 && node_small_integer(n->children[0], &hours) && node_small_integer(n->children[1], &minutes) &&
           hours >= 0 && hours <= 24 && minutes >= 0 && minutes < 60 && n->children[1]->kind == MATH_NUMBER &&
           n->children[1]->digits == 2;
}

static bool all_zero(judge *j, const math_node *n) {
    bool zero = true;
    fmpq_t value;
    fmpq_init(value);
    for (uint32_t i = 0; i < n->count && zero; i++)
        zero = number_evaluate(n->children[i], NULL, &j->steps, value) == VALUE_KNOWN && fmpq_is_zero(value);
    fmpq_clear(value);
    return zero;
}

static math_outcome accept_ratio(judge *j, math_node *gold, math_node *answer) {
    if (gold->kind != MATH_RATIO || answer->kind != MATH_RATIO) return refuse(j, "a ratio is no quotient");
    if (gold->count != answer->count) return refuse(j, "the ratios have different numbers of parts");
    if (is_clock(gold)) return accept_in_order(j, gold, answer);
    if (all_zero(j, gold) != all_zero(j, answer)) return refuse(j, "0:0 is proportional to everything, and no ratio");
    math_outcome outcome = MATH_EQUAL;
    for (uint32_t i = 0; i < gold->count; i++) { // a : b = c : d when a d = b c
        for (uint32_t k = i + 1; k < gold->count && outcome == MATH_EQUAL; k++) {
            math_node *left = tree_binary(j->memory, MATH_PRODUCT, gold->children[i], answer->children[k]);
            math_node *right = tree_binary(j->memory, MATH_PRODUCT, gold->children[k], answer->children[i]);
            if (!left || !right) return judge_says(j, MATH_OVER_LIMIT, "structure", "too many parts");
            outcome = value_compare(j, left, right);
        }
    }
    return outcome;
}

static bool is_region(const math_node *n) {
    switch (n->kind) {
    case MATH_INTERVAL:
    case MATH_UNION:
    case MATH_INTERSECTION:
    case MATH_DIFFERENCE:
    case MATH_SUCH_THAT:
        return true;
    case MATH_SYMBOL:
        return strncmp(n->name, "mathbb R", 8) == 0;
    case MATH_VECTOR: // \mathbb{R}^+
        return node_is_symbol(n->children[0], "mathbb R");
    case MATH_RELATION:
        return !node_is_equation(n);
    case MATH_LIST:
        return n->count && n->children[0]->kind == MATH_RELATION && !node_is_equation(n->children[0]);
    default:
        return false;
    }
}

// x in {1, 2}, n in Z
static bool names_members(const math_node *n) {
    if (n->kind != MATH_RELATION || n->count != 2 || n->operators[0] != MATH_IN || !node_is_name(n->children[0])) return false;
    const math_node *set = n->children[1];
    return set->kind == MATH_SET || (set->kind == MATH_SYMBOL && strncmp(set->name, "mathbb ", 7) == 0 && !is_region(set));
}

// A sum or product in which matrices or vectors stand.
static bool folds_to_matrix(const math_node *n) {
    switch (n->kind) {
    case MATH_SUM:
    case MATH_PRODUCT:
    case MATH_QUOTIENT:
    case MATH_NEGATE:
    case MATH_POWER:
        return node_contains(n, MATH_MATRIX) || node_contains(n, MATH_TUPLE) || node_contains(n, MATH_BRACKETS);
    default:
        return false;
    }
}

// ---- the rules ---------------------------------------------------------------------------------------------------------------

// A rule decides, or says MATH_UNPARSED: the two are none of its matter.
typedef math_outcome rule(judge *j, math_node *gold, math_node *answer);

// What holds of the two as `rewrite` makes them. It gives a tree back itself where it has nothing to do, and NULL beyond the
// limits.
static math_outcome accept_rewritten(judge *j, math_node *gold, math_node *answer, math_node *(*rewrite)(judge *, math_node *),
                                     const char *too_much) {
    math_node *g = rewrite(j, gold), *a = rewrite(j, answer);
    if (!g || !a) return judge_says(j, MATH_OVER_LIMIT, "structure", "%s", too_much);
    return g != gold || a != answer ? accept_answer(j, g, a) : MATH_UNPARSED;
}

static math_outcome by_approximation(judge *j, math_node *gold, math_node *answer) {
    math_node *exact, *rounded;
    bool given = split_approximation(j, answer, &exact, &rounded);
    if (!given && !split_approximation(j, gold, &exact, &rounded)) return MATH_UNPARSED;
    math_outcome outcome = given ? accept_answer(j, gold, exact) : accept_answer(j, exact, answer);
    if (outcome == MATH_EQUAL || !rounded) return outcome;
    return given ? accept_answer(j, gold, rounded) : accept_answer(j, rounded, answer);
}

// \{k\pi | k \in \mathbb{Z}\} beside k\pi, k \in \mathbb{Z}: the set as its members. `n` itself where it is no such set.
static math_node *members_of(judge *j, math_node *n) {
    if (n->kind != MATH_SUCH_THAT || n->children[0]->kind == MATH_SYMBOL || n->children[0]->kind == MATH_RELATION) return n;
    return tree_binary(j->memory, MATH_WHERE, n->children[0], n->children[1]);
}

static math_outcome by_condition(judge *j, math_node *gold, math_node *answer) {
    if (gold->kind == MATH_SUCH_THAT && answer->kind == MATH_WHERE) gold = members_of(j, gold);
    if (answer->kind == MATH_SUCH_THAT && gold->kind == MATH_WHERE) answer = members_of(j, answer);
    if (!gold || !answer) return judge_says(j, MATH_OVER_LIMIT, "structure", "too many parts");
    return gold->kind == MATH_WHERE || answer->kind == MATH_WHERE ? accept_where(j, gold, answer) : MATH_UNPARSED;
}

static math_outcome by_unit(judge *j, math_node *gold, math_node *answer) {
    if (node_is_equation(gold) || node_is_equation(answer)) return MATH_UNPARSED; // there the unit is part of a side
    return gold->kind == MATH_WITH_UNIT || answer->kind == MATH_WITH_UNIT ? accept_unit(j, gold, answer) : MATH_UNPARSED;
}

static math_outcome by_matrices(judge *j, math_node *gold, math_node *answer) {
    if (!folds_to_matrix(gold) && !folds_to_matrix(answer)) return MATH_UNPARSED;
    math_outcome outcome = accept_rewritten(j, gold, answer, matrix_fold, "the entries of a matrix are beyond the limits");
    if (outcome == MATH_UNPARSED && (gold->kind == MATH_MATRIX || answer->kind == MATH_MATRIX))
        return judge_says(j, MATH_UNDECIDED, "structure", "a matrix that cannot be worked out");
    return outcome;
}

static math_outcome by_chains(judge *j, math_node *gold, math_node *answer) {
    bool chains = node_is_equation(gold) && node_is_equation(answer) && gold->count > 2 && gold->count == answer->count;
    if (gold->kind != MATH_LIST && answer->kind != MATH_LIST && !chains) return MATH_UNPARSED;
    return accept_rewritten(j, gold, answer, spread_chain, "too many parts");
}

static math_outcome by_equation(judge *j, math_node *gold, math_node *answer) {
    if (node_is_residue(gold) || node_is_residue(answer)) return accept_residue(j, gold, answer);
    if (node_is_equation(gold)) return accept_equation(j, gold, answer);
    return node_is_equation(answer) ? accept_value_of_equation(j, gold, answer) : MATH_UNPARSED;
}

static math_outcome by_signs(judge *j, math_node *gold, math_node *answer) {
    // Where signs are excluded, both are: x \ne \pm 3, \mathbb{R} \setminus \{\pm 1\}.
    bool excluded = (answer->kind == MATH_RELATION && answer->operators[0] == MATH_NE) || answer->kind == MATH_DIFFERENCE;
    bool signs = node_contains(gold, MATH_PLUS_MINUS) || (node_contains(answer, MATH_PLUS_MINUS) && !excluded);
    return signs ? accept_rewritten(j, gold, answer, spread_signs, "too many parts") : MATH_UNPARSED;
}

// (-1,1) or (3,4) beside a union: the intervals as one. `n` itself where it is nothing of the kind.
static math_node *united(judge *j, math_node *n) {
    if (n->kind != MATH_LIST || n->integer != 'o') return n;
    for (uint32_t i = 0; i < n->count; i++) {
        const math_node *one = n->children[i];
        bool pair = (one->kind == MATH_TUPLE || one->kind == MATH_BRACKETS) && one->count == 2;
        if (!pair && one->kind != MATH_INTERVAL) return n;
    }
    math_node *whole = tree_copy(j->memory, n);
    if (whole) whole->kind = MATH_UNION;
    return whole;
}

static math_outcome by_region(judge *j, math_node *gold, math_node *answer) {
    if (gold->kind == MATH_UNION) answer = united(j, answer);
    if (answer && answer->kind == MATH_UNION) gold = united(j, gold);
    if (!gold || !answer) return judge_says(j, MATH_OVER_LIMIT, "structure", "too many parts");
    // Of x \in \{1, 2\} the set is judged where the other side says the set alone.
    if (names_members(answer) && !names_members(gold) && !is_region(gold)) return accept_answer(j, gold, answer->children[1]);
    if (names_members(gold) && !names_members(answer) && !is_region(answer)) return accept_answer(j, gold->children[1], answer);
    if (gold->kind == MATH_SUCH_THAT && answer->kind == MATH_SUCH_THAT) unify_element(gold, answer);
    if (!is_region(gold) && !is_region(answer)) return MATH_UNPARSED;
    math_outcome outcome = region_compare(j, gold, answer);
    if (outcome != MATH_UNPARSED) return outcome;
    if (gold->kind == MATH_RELATION || answer->kind == MATH_RELATION) return accept_relation(j, gold, answer);
    math_node *x = normal_form(j->memory, gold), *y = normal_form(j->memory, answer);
    if (x && y && tree_compare(x, y) == 0) return judge_says(j, MATH_EQUAL, "normal", "%s", "");
    if (!is_region(gold) || !is_region(answer)) return refuse(j, "a set and something else");
    if (gold->kind == MATH_LIST && answer->kind == MATH_LIST && gold->integer == answer->integer) // x > 0 and y > 0
        return any_order(j, gold, answer);
    return judge_says(j, MATH_UNDECIDED, "structure", "sets that cannot be computed");
}

static math_outcome by_mark(judge *j, math_node *gold, math_node *answer) { // percent, degrees
    for (size_t i = 0; i < 2; i++) {
        math_kind kind = i ? MATH_DEGREE : MATH_PERCENT;
        bool gold_marked = node_marked(j, gold, kind) != NULL, answer_marked = node_marked(j, answer, kind) != NULL;
        if ((gold_marked && !is_collection(answer)) || (answer_marked && !is_collection(gold)))
            return accept_marked(j, gold, answer, kind);
    }
    return MATH_UNPARSED;
}

static math_outcome by_dots(judge *j, math_node *gold, math_node *answer) {
    if (!has_dots(gold) && !has_dots(answer)) return MATH_UNPARSED;
    math_outcome outcome = accept_rewritten(j, gold, answer, spread_dots, "too many parts");
    bool counted = is_collection(gold) && is_collection(answer);
    if (outcome == MATH_UNPARSED && counted && gold->count != answer->count)
        return judge_says(j, MATH_UNDECIDED, "structure", "what the dots leave out is not known");
    return outcome;
}

static math_outcome by_members(judge *j, math_node *gold, math_node *answer) {
    return is_collection(gold) || is_collection(answer) ? accept_collection(j, gold, answer) : MATH_UNPARSED;
}

static math_outcome by_spelling(judge *j, math_node *gold, math_node *answer) {
    if (gold->kind == MATH_RATIO || answer->kind == MATH_RATIO) return accept_ratio(j, gold, answer);
    math_outcome outcome = accept_based(j, gold, answer);
    bool words = gold->kind == MATH_TEXT || answer->kind == MATH_TEXT;
    return outcome == MATH_UNPARSED && words ? refuse(j, "the words differ") : outcome;
}

static math_outcome by_value(judge *j, math_node *gold, math_node *answer) {
    unify_letters(gold, answer);
    return value_compare(j, gold, answer);
}

static math_outcome first_of(rule *const *rules, judge *j, math_node *gold, math_node *answer) {
    math_outcome outcome = MATH_UNPARSED;
    for (; *rules && outcome == MATH_UNPARSED; rules++) outcome = (*rules)(j, gold, answer);
    return outcome;
}

// The order is part of the rules.
math_outcome accept_answer(judge *j, math_node *gold, math_node *answer) {
    static rule *const around[] = {
        by_approximation, // an answer with its rounding is two answers
        by_condition,
        NULL,
    };
    static rule *const inside[] = {
        by_unit,     // one unit may stand behind a matrix or a list
        by_matrices, // worked out before anything asks for their entries
        by_chains,   // a = b = 0 in a list is two of its members
        by_equation, // in front of what its sides may be: x = \pm 2, x = \{1, 2\}
        by_signs,    // two values each, before members are counted
        by_region,   // intervals are no pairs, relations no members
        by_mark,     // percent or degrees of one value; of a list each member has its own
        by_dots,     // the members that they leave out, before members are counted
        by_members,  // in their order or in any
        by_spelling, // ratios, digits in a base, words: more than a value
        by_value,    // what is left is computed
        NULL,
    };
    if (j->steps == 0) return judge_says(j, MATH_OVER_LIMIT, "structure", "too much work");
    j->steps--;
    if (tree_compare(gold, answer) == 0) return judge_says(j, MATH_EQUAL, "normal", "%s", "");
    math_outcome outcome = first_of(around, j, gold, answer);
    if (outcome != MATH_UNPARSED) return outcome;
    if (!node_has_variables(gold)) answer = node_with_unit(j, answer, true); // 5 m has a unit where no letters are asked for
    return first_of(inside, j, gold, answer);
}
