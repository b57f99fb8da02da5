// Numbers written in a base: 1112112_3, -52_8, 152A_{11}. See judge.h; called by accept.c.
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "math/judge.h"

// The base was the question: 52_8 may be written 52, but not as its value; and a number in a base does not answer a plain one.
static math_outcome accept_digits(judge *j, math_node *gold, math_node *answer) {
    if (gold->kind == MATH_BASED && answer->kind == MATH_BASED) {
        if (gold->integer != answer->integer) return refuse(j, "the bases differ");
        return strcmp(gold->name, answer->name) == 0 ? judge_says(j, MATH_EQUAL, "structure", "%s", "")
                                                     : refuse(j, "the digits differ");
    }
    const math_node *digits = gold->kind == MATH_BASED ? gold : answer;
    const math_node *other = gold->kind == MATH_BASED ? answer : gold;
    if (digits == answer && digits->integer != 10) return refuse(j, "a number in another base");
    fmpq_t written;
    fmpq_init(written);
    bool same = other->kind == MATH_NUMBER && fmpz_set_str(fmpq_numref(written), digits->name, 10) == 0 &&
                fmpq_equal(other->value, written);
    fmpq_clear(written);
    return same ? judge_says(j, MATH_EQUAL, "structure", "%s", "") : refuse(j, "the digits in the base differ");
}

static bool is_negative_based(const math_node *n) { return n->kind == MATH_NEGATE && n->children[0]->kind == MATH_BASED; }

// Appends the whole numbers and letters, as capitals, that a product is written with: 152A of 152a_{11}, for which *base is 11.
static bool collect_digits(const math_node *n, char *out, size_t size, int *base) {
    if (n->kind == MATH_PRODUCT && n->count == 2)
        return collect_digits(n->children[0], out, size, base) && collect_digits(n->children[1], out, size, base);
    size_t used = strlen(out);
    if (*base) return false; // stands behind the last digit
    if (n->kind == MATH_NUMBER && !n->decimal && fmpz_is_one(fmpq_denref(n->value)) && fmpz_bits(fmpq_numref(n->value)) < 62) {
        snprintf(out + used, size - used, "%ld", fmpz_get_si(fmpq_numref(n->value)));
        return true;
    }
    if (n->kind != MATH_SYMBOL || !isalpha((unsigned char)n->name[0]) || used + 2 > size) return false;
    int end = 0, digit = toupper((unsigned char)n->name[0]);
    if (n->name[1] && (sscanf(n->name + 1, "_%2d%n", base, &end) != 1 || n->name[1 + end] || *base <= digit - 'A' + 10))
        return false;
    out[used] = (char)digit, out[used + 1] = 0;
    return true;
}

// 152A and 152a_{11} for 152A_{11}: read as products, they are digits where the last has a base below it that makes all of them
// digits.
static bool same_lettered_digits(const math_node *gold, const math_node *answer) {
    char wanted[64] = "", given[64] = "";
    int base = 0, other = 0;
    if (gold->kind != MATH_PRODUCT || answer->kind != MATH_PRODUCT || !collect_digits(gold, wanted, sizeof wanted, &base) ||
        !collect_digits(answer, given, sizeof given, &other) || !base || (other && other != base))
        return false;
    for (const char *c = wanted; *c; c++)
        if (*c >= 'A' && *c - 'A' + 10 >= base) return false;
    return strcmp(wanted, given) == 0;
}

math_outcome accept_based(judge *j, math_node *gold, math_node *answer) {
    if (is_negative_based(gold) || is_negative_based(answer))
        return gold->kind == answer->kind ? accept_answer(j, gold->children[0], answer->children[0])
                                          : refuse(j, "the digits in the base differ");
    if (gold->kind == MATH_BASED || answer->kind == MATH_BASED) return accept_digits(j, gold, answer);
    return same_lettered_digits(gold, answer) ? judge_says(j, MATH_EQUAL, "structure", "%s", "") : MATH_UNPARSED;
}
