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

// As written, a formula stands where it is said to; marks of alignment and boxes may stand between its characters.
static void expect_places(const formula_set *set, const char *text, size_t length) {
    for (size_t i = 0; i < set->count; i++) {
        const formula *one = &set->formulas[i];
        const char *next = formula_text(set, i);
        for (size_t at = one->begin; at < one->end && at < length; at++) next += *next && text[at] == *next;
        if (one->begin >= one->end || one->end > length || *next)
            fail_msg("%s\n[%s] does not stand at %zu to %zu", text, formula_text(set, i), one->begin, one->end);
    }
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
        expect_places(&set, bytes, json_string_length(text));
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
    const char *units[] = {"$x = 8$",
                           "$x = 8 \\text{ cm}$",
                           "$x = 8 \\text{ cm}.$",
                           "$x = 8\\,\\mathrm{cm}\\,$",
                           "$x = 8 \\text{ cm}^2$",
                           "$x = 8~\\mbox{cm}^{3},$",
                           "$x = 8;$"};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) check_one(units[i], FORMULA_L1, "x=8");
    check_one("$x = 8 \\text{ if } y$", FORMULA_L1, "x=8 if y");
    check_one("$\\left(x+1\\right)^2$", FORMULA_L1, "(x+1)^2");
    check_one("$x \\leq 5$", FORMULA_L1, "x\\le 5");
    check_one("1,234 + 1 = 1,235", FORMULA_L1, "1234+1=1235");
    check_one("$5 + $7 = $12", FORMULA_L1, "5+7=12");
    check_one("$\\triangle ABC \\sim$", FORMULA_L2, "\\triangle A B C\\sim"); // does not parse
}

// What the scanner finds, level 1, joined by " ; ".
static void check_found(const char *text, const char *expected) {
    formula_set set = {0};
    buffer found = {0};
    assert_int_equal(formula_set_scan(text, strlen(text), FORMULA_L1, &set), STATUS_OK);
    for (size_t i = 0; i < set.count; i++)
        assert_int_equal(buffer_printf(&found, "%s%s", i ? " ; " : "", formula_text(&set, i)), STATUS_OK);
    if (strcmp(buffer_text(&found), expected) != 0) fail_msg("%s\nexpected %s\nfound %s", text, expected, buffer_text(&found));
    buffer_free(&found);
    formula_set_free(&set);
}

static void every_kind_of_place_is_scanned(void **state) {
    (void)state;
    const char *cases[][2] = {
        // delimiters
        {"$a+1$ \\(a+2\\) \\[a+3\\] $$a+4$$", "a+1 ; a+2 ; a+3 ; a+4"},
        {"\\(f(x) + (1)\\) and then", "f(x)+(1)"}, // parentheses inside end nothing
        {"$$x=1$$ is set", "x=1"},
        {"```\nx = 1 + 2\n```\n$a+b$", "a+b"},
        {"~~~python\ny = 2 + 2 = 4\n~~~\n1 + 1 = 2", "1+1=2"},
        // environments, rows, column marks
        {"\\begin{align} a &= b + c \\\\ &= d + e \\\\[2pt] f &= g \\end{align}", "a=b+c ; d+e ; f=g"},
        {"\\begin{aligned} a &= b + c \\\\ d &= e+1 \\end{aligned}", "a=b+c ; d=e+1"},
        {"\\begin{gather} a = b + c \\\\ d = e+1 \\end{gather}", "a=b+c ; d=e+1"},
        {"\\begin{equation} a = b + c \\end{equation}", "a=b+c"},
        {"\\begin{cases} x + y = 3 \\\\ x - y = 1 \\end{cases}", "x+y=3 ; x-y=1"},
        {"\\begin{dcases} x + y = 3 \\\\ x - y = 1 \\end{dcases}", "x+y=3 ; x-y=1"},
        {"\\begin{alignat*}{2} a &= b + c \\\\ d &= e+1 \\end{alignat*}", "a=b+c ; d=e+1"},
        {"\\begin{alignedat}{2} a &= b + c \\\\ d &= e+1 \\end{alignedat}", "a=b+c ; d=e+1"},
        {"\\begin{dcases*} x + y = 3 \\\\ x - y = 1 \\end{dcases*}", "x+y=3 ; x-y=1"},
        {"\\begin{eqnarray} a &=& b + c \\\\ d &=& e+1 \\end{eqnarray}", "a=b+c ; d=e+1"},
        {"\\[\n\\begin{aligned}\nx &= 1+2 \\\\\n&\\Rightarrow x = 3\n\\end{aligned}\n\\]", "x=1+2 ; x=3"},
        {"$A = \\begin{pmatrix} 1 & 2 \\\\ 3 & 4 \\end{pmatrix}$",
         "A=\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}"}, // no rows of its own
        {"$$x^2+1=0 \\tag{1}$$", "x^2+1=0"},
        // boxes
        {"$\\boxed{x = 3}$, $y = \\boxed{3+4}$, \\boxed{5+6}", "x=3 ; y=3+4 ; 5+6"},
        // chains stay whole, single atoms are dropped
        {"$a=b=c+1$ and 3 + 4 = 7 = 5 + 2", "a=b=c+1 ; 3+4=7=5+2"},
        {"$y$ $5$ $-5$ $x_1$ $\\pi$ $5\\text{ cm}$ $50\\%$ \\boxed{7} \\(n\\)", ""},
        // prices
        {"It costs $5 and $7, so $12.", ""},
        {"The cost is $5. It is $x+5$ dollars", "x+5"},
        {"It costs $5 + x = 7$ here.", "5+x=7"},
        {"Costs $5 or $7 + tax, then $x + 7$ more", "x+7"},
        {"$5$ and $7$ give $5 + 7 = 12$", "5+7=12"},
        {"Cost: $18 * 2 = $36 per day", "18*2=36"},
        {"We pay $3.50 * 4 = $14.00, so $20 - $14 = $6.", "3.50*4=14.00 ; 20-14=6"},
        // annotations, and the plain copy beside them
        {"She has <<48/2=24>>24 clips", "48/2=24"},
        {"She sold 48/2 = <<48/2=24>>24 clips", "48/2=24"},
        {"He has 3*4=<<3*4=12>>12 and 12+1=<<12+1=13>>13", "3*4=12 ; 12+1=13"},
        {"24 / 2 = $<<24/2=12>>12", "24/2=12"},
        {"3 + 4 = 7 <<3+4=7>> and", "3+4=7"},
        {"<<7>> <<x>>", ""},
        // plain text
        {"10 - 3 = 7; 7 / 2 = 3.5", "10-3=7 ; 7/2=3.5"},
        {"12 apples + 5 apples = 17 apples", "12+5=17"},
        {"1/2 * 6 cm * 4 cm = 12 cm^2", "1/2*6*4=12"},
        {"2 m^2 * 3 m = 6 m^3", "2*3=6"},
        {"60 miles / 2 hours = 30 miles/hour", "60/2=30"},
        {"- 3 + 4 = 7\n- 7 * 2 = 14", "3+4=7 ; 7*2=14"},
        {"It costs $5 for x+y = 3 items", "x+y=3"}, // "for x" is no unit
        {"Let n = 2k + 1 and m = 2j + 1, 3 so t = 4 + 5", "n=2 k+1 ; m=2 j+1 ; t=4+5"},
        {"5 m/s^2 * 2 s = 10 m/s", "5*2=10"},
        {"Then x = 5.", ""}, // no operator
        {"3 + 4 is 7", ""},  // no relation
        {"see https://a.b/?x=1+2=3", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) check_found(cases[i][0], cases[i][1]);
}

// Each row: spellings of one formula, ended by NULL, at level 1; and those that only level 2 joins.
static void every_rule_of_the_normal_forms_holds(void **state) {
    (void)state;
    const char *level_1[][8] = {
        {"$(x+1)^2$", "$\\left(x+1\\right)^2$", "$\\big( x+1 \\bigr)^2$", "$\\Bigl(x+1\\Bigr)^2$"},
        {"$a b+1$", "$a\\,b\\;+\\:1$", "$a~b\\!+1$", "$a\\quad b + 1$", "$\\displaystyle a\\ b+1$"},
        {"$x+1=2$", "$x+1=2.$", "$x+1=2,$", "\\[x+1=2;\\]", "$x+1=2 \\text{ cm}$", "$x+1=2\\,\\mathrm{cm}$",
         "$x+1=2~\\mbox{cm}$"},
        {"$\\frac{a}{b}+1$", "$\\dfrac{a}{b}+1$", "$\\tfrac{a}{b}+1$", "$\\frac ab+1$"},
        {"$3*4$", "$3\\cdot4$", "$3\\times 4$", "$3×4$", "$3·4$", "$3 * 4$", "$3⋅4$"},
        {"$8/2$", "$8\\div 2$", "$8÷2$"},
        {"$a-b$", "$a−b$", "$a–b$"},
        {"$x\\le 5$", "$x\\leq 5$", "$x ≤ 5$", "$x \\leqslant 5$", "$x<=5$"},
        {"$x\\ge 5$", "$x\\geq 5$", "$x ≥ 5$"},
        {"$1234+1$", "$1,234+1$", "$1{,}234+1$", "$1\\,234+1$"},
        {"$x^2+y$", "$x^{2}+y$", "$x^{2}+{y}$"},
    };
    const char *level_2[][8] = {
        {"$a/b+1$", "$\\frac{a}{b}+1$", "$1+\\dfrac ab$", "$a\\div b+1$"},
        {"$x+1/2$", "$x+0.5$", "$\\frac12+x$", "$0.50 + x$"},
        {"$a+b+c$", "$c+(b+a)$", "$(b+c)+a$"},
        {"$2*3*x$", "$x\\cdot3\\cdot2$", "$(3x)\\cdot 2$", "$2(3x)$"},
        {"$a-b$", "$-b+a$", "$a+(-b)$"},
        {"$y+3<x$", "$x>3+y$", "$x > y + 3$"},
        {"$y+3\\le x$", "$x\\ge 3+y$"},
        {"$2x=6$", "$6=2x$", "$6 = x \\cdot 2$"},
        {"$5\\text{ cm}+3\\text{ cm}=8\\text{ cm}$", "$5+3=8$"},
        {"$(x+1)^2$", "${(1+x)}^{2}$"},
    };
    const char *apart[][2] = {{"$2+2$", "$1+3$"}, {"$3+4=7$", "$7=7$"}, {"$48/2=24$", "$24=24$"}, {"$x+1=2$", "$x=2-1$"},
                              {"$a^b$", "$b^a$"}, {"$a-b$", "$b-a$"},   {"$AB+1$", "$BA+1$"},     {"$x<y$", "$x\\le y$"}};
    formula_set set = {0};
    for (size_t level = 0; level < 2; level++) {
        size_t rows = level ? sizeof level_2 / sizeof *level_2 : sizeof level_1 / sizeof *level_1;
        for (size_t i = 0; i < rows; i++) {
            buffer text = {0};
            size_t spellings = 0;
            for (size_t k = 0; k < 8; k++) {
                const char *spelling = level ? level_2[i][k] : level_1[i][k];
                if (!spelling) break;
                assert_int_equal(buffer_printf(&text, "so %s\n", spelling), STATUS_OK);
                spellings++;
            }
            assert_int_equal(formula_set_scan(text.data, text.length, level ? FORMULA_L2 : FORMULA_L1, &set), STATUS_OK);
            if (set.count != 1 || set.occurrences != spellings)
                fail_msg("%s%zu formulas in %zu places, the second %s", text.data, set.count, set.occurrences,
                         set.count > 1 ? formula_text(&set, 1) : "-");
            buffer_free(&text);
        }
    }
    for (size_t i = 0; i < sizeof apart / sizeof *apart; i++) { // what no level may join
        buffer text = {0};
        assert_int_equal(buffer_printf(&text, "%s and %s", apart[i][0], apart[i][1]), STATUS_OK);
        assert_int_equal(formula_set_scan(text.data, text.length, FORMULA_L2, &set), STATUS_OK);
        if (set.count < 2) fail_msg("%s: %zu formulas", text.data, set.count);
        buffer_free(&text);
    }
    formula_set_free(&set);
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

// A formula whose parts stand in each other, again and again: the canonical text is of the size of what was written.
static void nested_formulas_stay_small(void **state) {
    (void)state;
    const char *const around[][3] = {
        {"_{", "5", "}P_1"},         {"{}_{n}P_{", "k", "}"},  {"x_{", "1e4999", "}"},  {"\\sqrt", "2", ""},
        {"\\mathrm{", "a", "}"},     {"\\bm", "x", ""},        {"\\frac", "12", "3"},   {"f(x,", "2", ")"},
        {"\\binom{n}{", "k", "}"},   {"((", "x", ")^{64})^2"}, {"x^{y_{", "2", "}}"},   {"\\sum_{k=1}^{", "n", "} k"},
        {"\\sqrt[3]{1+", "2", "}"},  {"|1-", "x", "|"},        {"-(", "1-x", ")"},      {"1/(2+", "x", ")"},
        {"\\{1,\\{", "x", "\\}\\}"}, {"\\hat", "x", ""},       {"\\log_{", "2", "} 3"}, {"a/b(", "c", ")"},
    };
    formula_set set = {0};
    for (size_t i = 0; i < sizeof around / sizeof *around; i++)
        for (int depth = 10; depth <= 200; depth += 10) {
            buffer text = {0};
            assert_int_equal(buffer_append_byte(&text, '$'), STATUS_OK);
            for (int k = 0; k < depth; k++) assert_int_equal(buffer_append_text(&text, around[i][0]), STATUS_OK);
            assert_int_equal(buffer_append_text(&text, around[i][1]), STATUS_OK);
            for (int k = 0; k < depth; k++) assert_int_equal(buffer_append_text(&text, around[i][2]), STATUS_OK);
            assert_int_equal(buffer_append_text(&text, "=3$"), STATUS_OK);
            assert_int_equal(formula_set_scan(text.data, text.length, FORMULA_L2, &set), STATUS_OK);
            if (!(set.text.length <= 10 * text.length + 10000)) fail_msg("%.40s: %zu bytes", text.data, set.text.length);
            buffer_free(&text);
        }
    formula_set_free(&set);
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
        cmocka_unit_test(formulas_equal_the_labelled_ones),
        cmocka_unit_test(level_1_joins_spellings_and_keeps_order),
        cmocka_unit_test(every_kind_of_place_is_scanned),
        cmocka_unit_test(every_rule_of_the_normal_forms_holds),
        cmocka_unit_test(occurrences_are_counted_and_sets_reused),
        cmocka_unit_test(the_number_of_formulas_is_bounded),
        cmocka_unit_test(nested_formulas_stay_small),
        cmocka_unit_test(hostile_texts_take_linear_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
