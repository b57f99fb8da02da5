// Sets of real numbers against brute force: random unions, intersections and differences of intervals with whole ends, the
// membership of every whole and half number counted one by one, must be called equal exactly where the members are the same.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "math/equal.h"

#define ENDS 7                   // of intervals: 0, 1, .., 6
#define PLACES (2 * ENDS + 1)    // -1/2, 0, 1/2, .., 13/2
#define ALL ((1u << PLACES) - 1) // the real line: one bit for each place
#define PAIRS 4000
#define TEXT 1024

static uint64_t state = 20261126;

static unsigned draw(unsigned below) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(state >> 33) % below;
}

static unsigned place_of(unsigned end) { return 2 * end + 1; }

static unsigned between(unsigned low, unsigned high) {
    return ((1u << (high + 1)) - 1) & ~((1u << low) - 1);
} // places, inclusive

// One interval, half line, point or the line; returns its members.
static unsigned write_piece(char *out) {
    unsigned low = draw(ENDS - 1), high = low + 1 + draw(ENDS - 1 - low), kind = draw(8);
    bool open_low = draw(2), open_high = draw(2);
    if (kind == 0) {
        snprintf(out, TEXT, "\\{%u\\}", low);
        return 1u << place_of(low);
    }
    if (kind == 1) {
        snprintf(out, TEXT, "(-\\infty,%u%c", high, open_high ? ')' : ']');
        return between(0, place_of(high) - open_high);
    }
    if (kind == 2) {
        snprintf(out, TEXT, "%c%u,\\infty)", open_low ? '(' : '[', low);
        return between(place_of(low) + open_low, PLACES - 1);
    }
    if (kind == 3 && draw(3) == 0) {
        snprintf(out, TEXT, "\\mathbb{R}");
        return ALL;
    }
    snprintf(out, TEXT, "%c%u,%u%c", open_low ? '(' : '[', low, high, open_high ? ')' : ']');
    return between(place_of(low) + open_low, place_of(high) - open_high);
}

static unsigned write_set(char *out, unsigned depth) {
    if (depth == 0) return write_piece(out);
    static const char *const signs[] = {"\\cup", "\\cap", "\\setminus"};
    char left[TEXT], right[TEXT];
    unsigned a = write_set(left, depth - 1), b = write_set(right, draw(depth)), sign = draw(3);
    if (snprintf(out, TEXT, depth > 1 ? "(%s)%s(%s)" : "%s%s%s", left, signs[sign], right) >= TEXT) return ALL + 1;
    return sign == 0 ? a | b : sign == 1 ? a & b : a & ~b;
}

// The set of these members as a union of its pieces from left to right.
static void write_members(char *out, unsigned members) {
    size_t used = 0;
    if (members == 0) snprintf(out, TEXT, "\\emptyset");
    for (unsigned i = 0; i < PLACES;) {
        unsigned end = i;
        if (!(members >> i & 1)) {
            i++;
            continue;
        }
        while (end + 1 < PLACES && members >> (end + 1) & 1) end++;
        char low[24] = "(-\\infty", high[24] = "\\infty)";
        if (i > 0) snprintf(low, sizeof low, "%c%u", i % 2 ? '[' : '(', (i - 1) / 2); // odd places are whole numbers
        if (end < PLACES - 1) snprintf(high, sizeof high, "%u%c", end / 2, end % 2 ? ']' : ')');
        const char *joint = used ? "\\cup" : "";
        int written = i == end && i % 2 ? snprintf(out + used, TEXT - used, "%s\\{%u\\}", joint, (i - 1) / 2)
                                        : snprintf(out + used, TEXT - used, "%s%s,%s", joint, low, high);
        assert_true(written > 0 && (size_t)written < TEXT - used);
        used += (size_t)written;
        i = end + 1;
    }
}

static void sets_are_equal_exactly_where_their_members_are(void **unused) {
    (void)unused;
    size_t equal = 0, failed = 0;
    for (unsigned k = 0; k < PAIRS; k++) {
        char gold[TEXT], answer[TEXT];
        unsigned wanted = write_set(gold, 1 + draw(3)), given = wanted;
        if (k % 2)
            given = write_set(answer, 1 + draw(2));
        else {
            if (draw(2)) given ^= 1u << draw(PLACES);
            write_members(answer, given);
        }
        math_verdict verdict;
        assert_int_equal(math_accepts(gold, strlen(gold), answer, strlen(answer), NULL, &verdict), STATUS_OK);
        math_outcome expected = wanted == given ? MATH_EQUAL : MATH_DIFFERENT;
        equal += expected == MATH_EQUAL;
        if (verdict.outcome == expected) continue;
        print_error("gold %s, answer %s: %s (%s), brute force says %s\n", gold, answer, math_outcome_name(verdict.outcome),
                    verdict.reason, math_outcome_name(expected));
        failed++;
    }
    assert_true(equal > PAIRS / 5 && equal < PAIRS / 2);
    assert_int_equal(failed, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(sets_are_equal_exactly_where_their_members_are)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
