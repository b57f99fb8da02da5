// reward/formula: texts whose formulas a reader marked (tests/golden/reward/formulas.jsonl: `raw` as written, `formulas` in
// normal form level 2), level 1, and texts made to be slow.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/jsonl.h"
#include "reward/formula.h"

static void expect(const formula_set *set, const json_t *labels, const char *text) {
    bool same = json_array_size(labels) == set->count;
    for (size_t i = 0; same && i < set->count; i++)
        same = strcmp(json_string_value(json_array_get(labels, i)), formula_text(set, i)) == 0;
    if (same) return;
    buffer found = {0};
    for (size_t i = 0; i < set->count; i++) assert_int_equal(buffer_printf(&found, " [%s]", formula_text(set, i)), STATUS_OK);
    fail_msg("%s\nlabels %s\nfound %s", text, json_dumps(labels, JSON_COMPACT), buffer_text(&found));
}

static void formulas_equal_the_labelled_ones(void **state) {
    (void)state;
    jsonl_reader reader;
    assert_int_equal(jsonl_open(&reader, TEST_SOURCE_DIR "/golden/reward/formulas.jsonl"), STATUS_OK);
    size_t rows = 0, none = 0;
    formula_set set = {0};
    for (json_t *row;; json_decref(row), rows++) {
        assert_int_equal(jsonl_next(&reader, &row), STATUS_OK);
        if (!row) break;
        const json_t *text = json_object_get(row, "text");
        const char *bytes = json_string_value(text);
        assert_int_equal(formula_set_scan(bytes, json_string_length(text), FORMULA_RAW, &set), STATUS_OK);
        expect(&set, json_object_get(row, "raw"), bytes);
        none += set.count == 0;
        assert_int_equal(formula_set_scan(bytes, json_string_length(text), FORMULA_L2, &set), STATUS_OK);
        expect(&set, json_object_get(row, "formulas"), bytes);
    }
    assert_true(rows >= 150 && none * 3 >= rows);
    formula_set_free(&set);
    jsonl_close(&reader);
}

static void check_one(const char *text, formula_level level, const char *canonical) {
    formula_set set = {0};
    assert_int_equal(formula_set_scan(text, strlen(text), level, &set), STATUS_OK);
    if (set.count != 1 || strcmp(formula_text(&set, 0), canonical) != 0)
        fail_msg("%s: %zu formulas, the first %s", text, set.count, set.count ? formula_text(&set, 0) : "-");
    formula_set_free(&set);
}

static void level_1_joins_spellings_and_keeps_order(void **state) {
    (void)state;
    const char *same[] = {"$3\\cdot 4 = 12$",       "3 × 4 = 12",    "3*4=12",
                          "\\(3 \\times 4 = 12\\)", "3 x 4 = 12",    "$$3 * 4 = 12 \\text{ cm}$$",
                          "$3\\, *\\, 4 = 12.$",    "3 cm * 4 = 12", "$3 * 4 = \\boxed{12}$"};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) check_one(same[i], FORMULA_L1, "3*4=12");
    check_one("4 * 3 = 12", FORMULA_L1, "4*3=12");
    check_one("4 * 3 = 12", FORMULA_L2, "3*4=12");
    check_one("$\\left(x+1\\right)^2$", FORMULA_L1, "(x+1)^2");
    check_one("$x \\leq 5$", FORMULA_L1, "x\\le 5");
    check_one("1,234 + 1 = 1,235", FORMULA_L1, "1234+1=1235");
    check_one("$5 + $7 = $12", FORMULA_L1, "5+7=12");
    check_one("$\\triangle ABC \\sim$", FORMULA_L2, "\\triangle A B C\\sim"); // does not parse
}

static void occurrences_are_counted_and_sets_reused(void **state) {
    (void)state;
    formula_set set = {0};
    const char *text = "3 + 4 = 7. Again $4 + 3 = 7$ and <<3+4=7>>, but 7 + 7 = 14.";
    for (int turn = 0; turn < 3; turn++) {
        assert_int_equal(formula_set_scan(text, strlen(text), FORMULA_L2, &set), STATUS_OK);
        assert_int_equal(set.count, 2);
        assert_int_equal(set.occurrences, 4);
        assert_string_equal(formula_text(&set, 0), "3+4=7");
        assert_string_equal(formula_text(&set, 1), "7+7=14");
        assert_false(set.cut);
    }
    assert_int_equal(formula_set_scan(NULL, 0, FORMULA_L2, &set), STATUS_OK);
    assert_int_equal(set.count, 0);
    formula_set_free(&set);
}

static void the_number_of_formulas_is_bounded(void **state) {
    (void)state;
    buffer text = {0};
    for (int i = 0; i < FORMULA_LIMIT + 10; i++) assert_int_equal(buffer_printf(&text, "$x + %d$ ", i), STATUS_OK);
    formula_set set = {0};
    assert_int_equal(formula_set_scan(text.data, text.length, FORMULA_L2, &set), STATUS_OK);
    assert_int_equal(set.count, FORMULA_LIMIT);
    assert_true(set.cut);
    buffer_clear(&text);
    assert_int_equal(buffer_append_text(&text, "$1"), STATUS_OK);
    while (text.length < FORMULA_BYTES_LIMIT + 10) assert_int_equal(buffer_append_text(&text, "+1"), STATUS_OK);
    assert_int_equal(buffer_append_text(&text, "$ and 1 + 1 = 2"), STATUS_OK);
    assert_int_equal(formula_set_scan(text.data, text.length, FORMULA_L2, &set), STATUS_OK);
    assert_int_equal(set.count, 1);
    assert_string_equal(formula_text(&set, 0), "1+1=2");
    formula_set_free(&set);
    buffer_free(&text);
}

static void hostile_texts_take_linear_time(void **state) {
    (void)state;
    const char *pieces[] = {"$",       "\\(",      "\\[",     "$$",      "\\begin{align}",
                            "<<",      "\\boxed{", "(",       "1+",      "1=",
                            "x^{",     "\\\\",     "\\frac{", "\\tag{",  "a ",
                            "1 a ",    "((1+1=",   "$1 ",     "\\$",     "{",
                            "```\n",   "1 cm ",    "-",       "$x$",     "\\[\\begin{cases}",
                            "\xE2",    "\\text{",  "1+1=2 ",  "1/",      "$1+1$",
                            "\\left(", "1.1.",     "1 1/2 ",  "\n",      "\n\n$",
                            " ",       "\\begin{", "&",       "\\boxed", "x!"};
    enum { SIZE = 100000 };
    char *text = malloc(SIZE);
    assert_non_null(text);
    formula_set set = {0};
    for (size_t p = 0; p < sizeof pieces / sizeof *pieces; p++)
        for (int bare = 0; bare < 2; bare++) {
            size_t n = strlen(pieces[p]);
            for (size_t i = 0; i < SIZE; i++) text[i] = pieces[p][i % n];
            if (!bare) memcpy(text, "$$\\[ ", 5);
            clock_t start = clock();
            assert_int_equal(formula_set_scan(text, SIZE, FORMULA_L2, &set), STATUS_OK);
            double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
            if (!(seconds < 1)) fail_msg("%s: %.2f s for %d bytes", pieces[p], seconds, SIZE);
        }
    formula_set_free(&set);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formulas_equal_the_labelled_ones),        cmocka_unit_test(level_1_joins_spellings_and_keeps_order),
        cmocka_unit_test(occurrences_are_counted_and_sets_reused), cmocka_unit_test(the_number_of_formulas_is_bounded),
        cmocka_unit_test(hostile_texts_take_linear_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
