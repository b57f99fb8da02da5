// Every hand-written pair of tests/golden/math/cases.tsv, traps.tsv and pairs.tsv, judged with the default options.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "math/equal.h"

static bool is_tier(const char *name) {
    static const char *const tiers[] = {
#define X(tier) tier,
        MATH_TIER_TABLE(X)
#undef X
    };
    for (size_t i = 0; i < sizeof tiers / sizeof *tiers; i++)
        if (strcmp(tiers[i], name) == 0) return true;
    return false;
}

// Judges every row of a table: outcome, gold and answer with tabs between them, or a comment; `judged` and `refused` count the
// rows and those that are not equal.
static void judge_table(const char *path, size_t *judged, size_t *refused) {
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char line[4096];
    size_t failed = 0, number = 0;
    *judged = *refused = 0;
    while (fgets(line, sizeof line, file)) {
        number++;
        line[strcspn(line, "\n")] = 0;
        char *gold = strchr(line, '\t'), *answer = gold ? strchr(gold + 1, '\t') : NULL;
        if (line[0] == '#' || !line[0]) continue;
        if (!answer || strlen(line) == sizeof line - 1) fail_msg("%s, line %zu is no row: %s", path, number, line);
        *gold++ = 0, *answer++ = 0;
        math_verdict verdict;
        assert_int_equal(math_accepts(gold, strlen(gold), answer, strlen(answer), NULL, &verdict), STATUS_OK);
        if (!is_tier(verdict.tier)) fail_msg("tier %s is missing in the table", verdict.tier);
        const char *name = math_outcome_name(verdict.outcome);
        bool right = strcmp(line, "refused") == 0 ? verdict.outcome != MATH_EQUAL : strcmp(line, name) == 0;
        ++*judged, *refused += strcmp(line, "equal") != 0;
        if (!right) {
            failed++;
            print_error("line %zu: gold %s, answer %s: expected %s, got %s (%s: %s)\n", number, gold, answer, line, name,
                        verdict.tier, verdict.reason);
        }
    }
    fclose(file);
    assert_int_equal(failed, 0);
}

static void every_pair_of_the_table_is_judged_as_written(void **state) {
    (void)state;
    size_t judged, refused;
    judge_table(TEST_SOURCE_DIR "/golden/math/cases.tsv", &judged, &refused);
    assert_true(judged >= 1600);
    assert_true(refused * 3 >= judged);
}

static void what_looks_equal_and_is_not_is_refused(void **state) {
    (void)state;
    size_t judged, refused;
    judge_table(TEST_SOURCE_DIR "/golden/math/traps.tsv", &judged, &refused);
    assert_true(judged >= 120);
    assert_true(refused * 2 >= judged);
}

static void pairs_written_before_they_were_judged_come_out_right(void **state) {
    (void)state;
    size_t judged, refused;
    judge_table(TEST_SOURCE_DIR "/golden/math/pairs.tsv", &judged, &refused);
    assert_true(judged >= 4500);
    assert_true(refused * 3 >= judged);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_pair_of_the_table_is_judged_as_written),
                                       cmocka_unit_test(what_looks_equal_and_is_not_is_refused),
                                       cmocka_unit_test(pairs_written_before_they_were_judged_come_out_right)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
