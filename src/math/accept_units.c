// Values with units, percent and degree signs as answers. See judge.h; called by accept.c.
#include <stdio.h>
#include <string.h>

#include "math/judge.h"
#include "math/number.h"
#include "math/numerals.h"
#include "math/units.h"

// -(5%) is (-5)%: the marked value under signs.
math_node *node_marked(judge *j, math_node *n, math_kind kind) {
    if (n->kind == kind) return n->children[0];
    if (n->kind != MATH_NEGATE) return NULL;
    math_node *inside = node_marked(j, n->children[0], kind);
    return inside ? tree_unary(j->memory, MATH_NEGATE, inside) : NULL;
}

// The unit that a letter is where a gold with unit asks for one: "s" of 5 s, "m^2" of 5 m^2. False when it is none.
static bool letter_unit(const math_node *n, const char *letters, char *out, size_t size) {
    long power = 1;
    if (n->kind == MATH_POWER && (!node_small_integer(n->children[1], &power) || power == 0 || power < -3 || power > 3))
        return false;
    const math_node *letter = n->kind == MATH_POWER ? n->children[0] : n;
    if (letter->kind == MATH_TEXT && strlen(letter->name) <= 3) { // kg
        snprintf(out, size, power != 1 ? "%s^%ld" : "%s", letter->name, power);
        return true;
    }
    if (letter->kind != MATH_SYMBOL) return false;
    bool greek = strchr(letters, 'A') != NULL, ohm = greek && strcmp(letter->name, "Omega") == 0;
    bool micro = greek && strcmp(letter->name, "mu") == 0;
    if (!ohm && !micro && (!strchr(letters, letter->name[0]) || letter->name[1])) return false;
    snprintf(out, size, power != 1 ? "%s^%ld" : "%s", micro ? "u" : letter->name, power);
    return true;
}

// A product without the unit letter that it ends in; NULL where it ends in none.
static math_node *without_letter(judge *j, math_node *product, const char *letters, bool spaced, char *part, size_t size) {
    if (product->kind != MATH_PRODUCT || product->count != 2) return NULL;
    math_node *last = product->children[1];
    if (letter_unit(last, letters, part, size)) return !spaced || product->ambiguous ? product->children[0] : NULL;
    math_node *rest = without_letter(j, last, letters, spaced, part, size); // 3 \times (10^8 m)
    return rest ? tree_binary(j->memory, MATH_PRODUCT, product->children[0], rest) : NULL;
}

math_node *node_with_unit(judge *j, math_node *answer, bool spaced) {
    math_node *last = answer->kind == MATH_PRODUCT && answer->count == 2 && !spaced ? answer->children[1] : NULL;
    if (last && last->kind == MATH_QUOTIENT) { // 9.8 \frac{m}{s^2}
        math_node *top = tree_binary(j->memory, MATH_PRODUCT, answer->children[0], last->children[0]);
        math_node *quotient = top ? tree_binary(j->memory, MATH_QUOTIENT, top, last->children[1]) : NULL;
        math_node *n = quotient ? node_with_unit(j, quotient, spaced) : NULL;
        return n && n->kind == MATH_WITH_UNIT ? n : answer;
    }
    math_node *product = answer->kind == MATH_QUOTIENT ? answer->children[0] : answer;
    const char *letters =
        spaced ? "mhsgLJNWV" : "mhsglLJNWVAKkFCHT"; // without a unit in the gold A, K and l are likelier variables
    char name[96] = "", part[24], before[64];
    do { // m s^{-2}
        product = strlen(name) < 32 ? without_letter(j, product, letters, spaced, part, sizeof part) : NULL;
        if (!product) return answer;
        snprintf(before, sizeof before, "%s", name);
        bool prefix = before[0] && !part[1] && (part[0] == 'u' || (part[0] == 'k' && strchr("NJWVO", before[0]))); // kN
        if (part[0] == 'u' && !prefix) return answer;                                                              // a factor
        snprintf(name, sizeof name, before[0] && !prefix ? "%s %s" : "%s%s", part, before);
    } while (node_has_variables(product));
    if (answer->kind == MATH_QUOTIENT) {
        if (!letter_unit(answer->children[1], letters, part, sizeof part)) return answer;
        strcat(name, "/"), strcat(name, part);
    }
    math_node *n = tree_unary(j->memory, MATH_WITH_UNIT, product);
    if (n) n->name = tree_text(j->memory, name, strlen(name));
    return n && n->name ? n : answer;
}

// "5 million" says a number: the value of a node with a unit, number words multiplied into it. NULL: too many parts.
static math_node *value_with_unit(judge *j, math_node *n, unit *u) {
    unit_read(n->name, u);
    if (fmpq_is_one(u->numbers)) return n->children[0];
    return tree_binary(j->memory, MATH_PRODUCT, n->children[0], tree_number(j->memory, u->numbers));
}

// A unit beside a percent or degree sign: 5 cm is neither 5% nor 5 degrees.
static bool sign_is_other_unit(judge *j, math_node *n, const unit *u, math_node *with_unit) {
    if (node_marked(j, n, MATH_PERCENT)) return u->count != 0 && !node_marked(j, with_unit->children[0], MATH_PERCENT);
    if (!node_marked(j, n, MATH_DEGREE)) return false;
    bool degrees = unit_is(u, "celsius") || unit_is(u, "fahrenheit");
    return u->count != 0 && !degrees && !node_marked(j, with_unit->children[0], MATH_DEGREE);
}

static bool is_hour(const math_node *n) {
    long hour;
    return node_small_integer(n, &hour) && hour >= 1 && hour <= 12;
}

// The unit of a node; pm behind a number that is no time of the day is a length.
static void read_unit(const math_node *n, unit *u) {
    const math_node *value = n->children[0];
    bool length = strcmp(n->name, "pm") == 0 && value->kind != MATH_RATIO && !is_hour(value);
    unit_read(length ? "picometer" : n->name, u);
}

// 10 a.m. is 10:00 a.m.: an hour as a time, anything else as it is.
static math_node *clock_time(judge *j, math_node *n) {
    if (!is_hour(n)) return n;
    math_node *minutes = tree_integer(j->memory, 0), *time = tree_binary(j->memory, MATH_RATIO, n, minutes);
    if (time) minutes->digits = 2;
    return time ? time : n;
}

static bool names_half_of_day(const unit *u) { return unit_is(u, "am") || unit_is(u, "pm"); }

// 5:30 p.m. on a clock with 24 hours: 17:30.
static math_node *of_24_hours(judge *j, math_node *time, const unit *half) {
    long hour;
    if (time->kind != MATH_RATIO || time->count != 2 || !is_hour(time->children[0])) return time;
    node_small_integer(time->children[0], &hour);
    hour = hour % 12 + (unit_is(half, "pm") ? 12 : 0);
    return tree_binary(j->memory, MATH_RATIO, tree_integer(j->memory, hour), time->children[1]);
}

static bool is_pound(const char *name) { return strcmp(name, "pound") == 0 || strcmp(name, "pounds") == 0; }

// 5 (five): the number once more in words.
static bool is_said_again(const math_node *n) {
    size_t length = strlen(n->name);
    long value;
    return length > 2 && n->name[0] == '(' && node_small_integer(n->children[0], &value) &&
           numeral_cardinal(n->name + 1, length - 2) == value;
}

math_outcome accept_unit(judge *j, math_node *gold, math_node *answer) {
    if (answer->kind == MATH_WITH_UNIT && is_said_again(answer)) return accept_answer(j, gold, answer->children[0]);
    if (gold->kind == MATH_WITH_UNIT) answer = node_with_unit(j, answer, false);
    if (gold->kind != MATH_WITH_UNIT && (node_mentions(gold, "Omega") || node_mentions(gold, "mu")))
        gold = node_with_unit(j, gold, false);
    bool gold_unit = gold->kind == MATH_WITH_UNIT, answer_unit = answer->kind == MATH_WITH_UNIT;
    math_outcome outcome;
    unit g, a;
    if (answer_unit && (unit_is_hedge(answer->name) || unit_holds_letter(answer->name)))
        return refuse(j, "more than a unit stands behind the number");
    if (!gold_unit || !answer_unit) {
        math_node *with_unit = gold_unit ? gold : answer, *other = gold_unit ? answer : gold;
        math_node *value = value_with_unit(j, with_unit, &g);
        if (value && names_half_of_day(&g) && other->kind == MATH_RATIO) {
            value = clock_time(j, value);
            if (accept_answer(j, gold_unit ? value : other, gold_unit ? other : value) != MATH_EQUAL)
                value = of_24_hours(j, value, &g);
        }
        if (!value)
            outcome = judge_says(j, MATH_OVER_LIMIT, "structure", "too many parts");
        else if (sign_is_other_unit(j, other, &g, with_unit))
            outcome = refuse(j, "the units differ");
        else if (unit_is_radian(with_unit->name) && node_marked(j, other, MATH_DEGREE))
            outcome = value_compare(j, gold_unit ? value : other, gold_unit ? other : value);
        else
            outcome = gold_unit ? accept_answer(j, value, other) : accept_answer(j, other, value);
        unit_clear(&g);
        return outcome;
    }
    read_unit(gold, &g), read_unit(answer, &a);
    bool money = (unit_is(&g, "sterling") && is_pound(answer->name)) || (unit_is(&a, "sterling") && is_pound(gold->name));
    if (!money && !unit_same(&g, &a))
        outcome = refuse(j, "the units differ");
    else if (names_half_of_day(&g))
        outcome = accept_answer(j, clock_time(j, gold->children[0]), clock_time(j, answer->children[0]));
    else if (money || fmpq_equal(g.factor, a.factor))
        outcome = accept_answer(j, gold->children[0], answer->children[0]);
    else {
        math_node *x = tree_binary(j->memory, MATH_PRODUCT, gold->children[0], tree_number(j->memory, g.factor));
        math_node *y = tree_binary(j->memory, MATH_PRODUCT, answer->children[0], tree_number(j->memory, a.factor));
        outcome = x && y ? value_compare(j, x, y) : judge_says(j, MATH_OVER_LIMIT, "structure", "too many parts");
    }
    unit_clear(&g), unit_clear(&a);
    return outcome;
}

static bool below_one(judge *j, math_node *n) {
    math_node *size = tree_unary(j->memory, MATH_ABSOLUTE, n), *one = tree_integer(j->memory, 1);
    return size && one && value_order(j, size, one) == -1;
}

// Percent and degrees: what was meant is the number, the quantity, or the unit left out.
math_outcome accept_marked(judge *j, math_node *gold, math_node *answer, math_kind kind) {
    math_node *g = node_marked(j, gold, kind), *a = node_marked(j, answer, kind);
    if (g && a) return accept_answer(j, g, a);
    math_kind other_sign = kind == MATH_PERCENT ? MATH_DEGREE : MATH_PERCENT;
    if (node_marked(j, g ? answer : gold, other_sign)) return refuse(j, "percent and degrees");
    math_node *plain = g ? g : gold, *other = a ? a : answer;
    if (!g && kind == MATH_PERCENT && below_one(j, gold)) // 50% for 50 leaves the sign out; 0.5% for 0.5 is another value
        return value_compare(j, gold, answer);
    math_outcome as_number = accept_answer(j, plain, other);
    if (as_number == MATH_EQUAL) return as_number;
    math_node *scaled = tree_unary(j->memory, kind, g ? g : a); // 50% as 1/2, 90 degrees as pi/2
    if (!scaled) return judge_says(j, MATH_OVER_LIMIT, "structure", "too many parts");
    math_outcome as_quantity = g ? value_compare(j, scaled, answer) : value_compare(j, gold, scaled);
    return as_quantity == MATH_EQUAL || as_number == MATH_DIFFERENT ? as_quantity : as_number;
}
