// Reading, normal forms and limits of expressions; keys of answers.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "math/equal.h"
#include "math/expression.h"

typedef struct pair {
    const char *text, *expected;
} pair;

static void level_two_is_printed_in_one_spelling(void **state) {
    (void)state;
    const pair cases[] = {
        {"3+4=7", "3+4=7"},
        {"7 = 3 + 4", "3+4=7"},
        {"4+3=7", "3+4=7"},
        {"2+2", "2+2"},
        {"48/2=24", "48/2=24"},
        {"\\frac{48}{2} = 24", "48/2=24"},
        {"48 \\div 2 = 24", "48/2=24"},
        {"12\\times 5", "5*12"},
        {"5\\cdot12", "5*12"},
        {"0.50", "1/2"},
        {"3\\frac12", "7/2"},
        {"1,234 + 1", "1+1234"},
        {"x - y", "x-y"},
        {"-y + x", "x-y"},
        {"-2x", "-2*x"},
        {"(-2)x", "-2*x"},
        {"\\frac{1}{2}x", "x/2"},
        {"x/2", "x/2"},
        {"BA = AB", "A*B=B*A"},
        {"BxA", "B*A*x"},
        {"xP^{-1}2AP", "2*P^(-1)*A*P*x"},
        {"a/b*c", "a*c/b"},
        {"\\frac{a}{b/c}", "a*c/b"},
        {"1*5=5", "1*5=5"},
        {"x > 3", "3<x"},
        {"2 > x \\ge 1", "1<=x<2"},
        {"x=2+3=5", "x=2+3=5"},
        {"x^{2}y", "y*x^2"},
        {"\\sin^2 x", "sin(x)^2"},
        {"\\sin x\\cos x", "cos(x)*sin(x)"},
        {"\\ln 8/\\ln 2", "ln(8)/ln(2)"},
        {"\\sqrt[3]{2}", "\\sqrt[3]{2}"},
        {"\\sqrt2", "sqrt(2)"},
        {"a:b", "a:b"},
        {"10:30", "10:30"},
        {"5 \\text{ cm}", "5"},
        {"\\{3,1,2,1\\}", "{1,2,3}"},
        {"(3,1,2)", "(3,1,2)"},
        {"[0,1)", "[0,1)"},
        {"|x|", "|x|"},
        {"\\binom{n}{2}", "\\binom{n}{2}"},
        {"\\sum_{k=1}^n k^2", "\\sum_{k=1}^{n} k^2"},
        {"\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}", "\\begin{matrix}1&2\\\\3&4\\end{matrix}"},
        {"x_{1}+x_2", "x_1+x_2"},
        {"α + β", "alpha+beta"},
        {"2⋅3²", "2*3^2"},
        {"1112112_3", "1112112_{3}"},
        {"$x+1$", "x+1"},
        {"\\(x+1\\).", "x+1"},
        {"\\zeta_{12} + x_{max}", "x_{\\text{max}}+\\zeta_{12}"},
        {"\\mathbb{F}_{2^6}", "\\mathbb{F}_{64}"},
        {"G_{G_{64}}", "G_G_{64}"},
        {"f^{-1}(x)'", "f^{-1}(x)'"},
        {"A^{*}\\hat{x}", "\\hat{x}*A^{*}"},
        {"x\\equiv3\\pmod5", "x\\equiv 3\\pmod{5}"},
        {"k \\ne 1", "k\\ne 1"},
        {"x\\approx1", "x~=1"},
        {"||x|-1|", "abs(|x|-1)"},
        {"\\{x : x > 0\\}", "\\{x\\mid 0<x\\}"},
        {"(0,1)\\cup(2,3]", "(0,1)\\cup (2,3]"},
        {"1,2", "1,2"},
        {"(1, 234)", "(1, 234)"},
        {"100, 200", "100, 200"},
        {"x=1 or x=2", "x=1 or x=2"},
        {"30^\\circ", "30^\\circ"},
        {"a \\pm b", "a+-b"},
        {"a \\mp b", "a\\mp b"},
        {"\\text{Some Words}", "\\text{some words}"},
        {"\\operatorname{Gal}(K)", "\\operatorname{Gal}(K)"},
        {"g\\circ f", "g\\circ f"},
        {"1-a b \\bmod c", "-((a*b)\\bmod c)+1"},
        {"pmod(x)", "\\operatorname{pmod}(x)"},
        {"\\text{pmod}(x,3)", "\\operatorname{pmod}(x,3)"},
        {"subscript(1,2)", "\\operatorname{subscript}(1,2)"},
        {"\\text{P}(A)", "P(A)"},
        {"\\text{rho}(thf)", "f*h*rho*t"},
        {"f(\\varnothing)", "f(\\{\\})"},
        {"a:b\\choose c", "\\binom{(a:b)}{c}"},
        {"...!=2", "(\\dots )!=2"},
        {"\\arctan^\\top Q", "arctan(Q)^T"},
        {"st{1F}'", "F'*s*t"},
        {"{1a}_n+{1\\hat{b}}_2", "a_n+\\hat{b_2}"},
        {"star(x)", "\\operatorname{star}(x)"},
        {"overline(x)", "\\operatorname{overline}(x)"},
        {"-(5 \\bmod 3)", "-(5\\bmod 3)"},
        {"\\emptyset", "\\{\\}"},
        {"\\operatorname{J}(x+1)", "\\operatorname{J}(x+1)"}, // without it, a product
        {"J(x+1)", "J*(x+1)"},
        {"\\operatorname{mu}_1(2x)", "\\operatorname{mu}_1(2*x)"},
    };
    size_t failed = 0;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        buffer out = {0};
        status code = math_canonical(cases[i].text, strlen(cases[i].text), NULL, &out);
        if (code != STATUS_OK || strcmp(buffer_text(&out), cases[i].expected) != 0) {
            failed++;
            print_error("%s: expected %s, got %s\n", cases[i].text, cases[i].expected,
                        code == STATUS_OK ? buffer_text(&out) : status_message());
        }
        buffer again = {0}; // the canonical text is read back as itself
        code = math_canonical(cases[i].expected, strlen(cases[i].expected), NULL, &again);
        if (code != STATUS_OK || strcmp(buffer_text(&again), cases[i].expected) != 0) {
            failed++;
            print_error("%s: read back as %s\n", cases[i].expected, code == STATUS_OK ? buffer_text(&again) : status_message());
        }
        buffer_free(&out), buffer_free(&again);
    }
    assert_int_equal(failed, 0);
}

static void level_one_removes_differences_of_spelling(void **state) {
    (void)state;
    const pair same[] = {
        {"\\dfrac{1}{2}", "\\frac12"},
        {"\\left( x \\right)", "(x)"},
        {"2\\times3", "2 \\cdot 3"},
        {"a\\leq b", "a \\le b"},
        {"1,234", "1{,}234"},
        {"x^{2}", "x^2"},
        {"x − y", "x - y"},
        {"6 \\div 3", "6 / 3"},
        {"\\displaystyle x", "x"},
        {"\\text{ cm}", "\\mbox{cm}"},
        {"x+1.", "x + 1"},
        {"\\frac{12}{3}", "\\frac {12} 3"},
    };
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        buffer a = {0}, b = {0};
        assert_int_equal(math_normalize_text(same[i].text, strlen(same[i].text), &a), STATUS_OK);
        assert_int_equal(math_normalize_text(same[i].expected, strlen(same[i].expected), &b), STATUS_OK);
        assert_string_equal(buffer_text(&a), buffer_text(&b));
        buffer_free(&a), buffer_free(&b);
    }
    const pair apart[] = {
        {"\\frac{12}{3}", "\\frac{1}{23}"}, {"x y", "xz"}, {"1 2", "12,"}, {"\\alpha b", "\\beta a"}, {"x^{23}", "x^2 3"}};
    for (size_t i = 0; i < sizeof apart / sizeof *apart; i++) {
        buffer a = {0}, b = {0};
        assert_int_equal(math_normalize_text(apart[i].text, strlen(apart[i].text), &a), STATUS_OK);
        assert_int_equal(math_normalize_text(apart[i].expected, strlen(apart[i].expected), &b), STATUS_OK);
        assert_string_not_equal(buffer_text(&a), buffer_text(&b));
        buffer_free(&a), buffer_free(&b);
    }
}

static void what_is_not_understood_is_refused_with_a_reason(void **state) {
    (void)state;
    const char *const texts[] = {"",   "1 2",    "(1",   "1)",  "\\frac{1}",          "\\unknown", "x +",  "* 3",
                                 "{{", "\\sqrt", "1..2", "x ^", "\\begin{pmatrix} 1", "[1,2}",     "a ? b"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        math_expression *e = NULL;
        status code = math_parse(texts[i], strlen(texts[i]), NULL, &e);
        if (code == STATUS_OK) print_error("%s was understood\n", texts[i]);
        assert_int_equal(code, STATUS_UNSUPPORTED);
        assert_null(e);
        assert_true(strlen(status_message()) > 5);
    }
    buffer out = {0};
    buffer_append_text(&out, "kept");
    assert_int_equal(math_canonical("(1", 2, NULL, &out), STATUS_UNSUPPORTED);
    assert_string_equal(out.data, "kept");
    buffer_free(&out);
}

static void limits_are_kept(void **state) {
    (void)state;
    math_expression *e = NULL;
    char *text = malloc(200001);
    memset(text, '{', 200000);
    assert_int_equal(math_parse(text, 200000, NULL, &e), STATUS_LIMIT);
    assert_int_equal(math_parse(text, 2000, NULL, &e), STATUS_LIMIT);
    for (size_t i = 0; i < 2000; i++) text[i] = i % 2 ? '+' : '1';
    assert_int_equal(math_parse(text, 1999, NULL, &e), STATUS_LIMIT);
    assert_non_null(strstr(status_message(), "512"));
    math_limits wide = {.bytes = 1000000, .nodes = 1000000, .depth = 64};
    assert_int_equal(math_parse(text, 1999, &wide, &e), STATUS_OK);
    math_free(e);
    assert_int_equal(math_parse("1e99999", 7, NULL, &e), STATUS_LIMIT);
    assert_int_equal(math_parse("1\0002", 3, NULL, &e), STATUS_UNSUPPORTED);
    assert_int_equal(math_parse("\xff\xfe", 2, NULL, &e), STATUS_OK); // words in an unknown script
    math_free(e);
    free(text);
    math_verdict v;
    char *ones = malloc(5000);
    memset(ones, '1', 5000);
    assert_int_equal(math_accepts("1", 1, ones, 5000, NULL, &v), STATUS_OK);
    assert_int_equal(v.outcome, MATH_OVER_LIMIT);
    free(ones);
}

static buffer repeated(const char *piece, size_t count, const char *last) {
    buffer b = {0};
    for (size_t i = 0; i < count; i++) assert_int_equal(buffer_append_text(&b, piece), STATUS_OK);
    assert_int_equal(buffer_append_text(&b, last), STATUS_OK);
    return b;
}

// Whatever way leads into the depth is counted.
static void nesting_is_limited_however_it_is_written(void **state) {
    (void)state;
    const char *const pieces[] = {"\\sqrt", "\\frac1", "\\hat", "2^",  "-",  "\\sin ", "(",   "\\binom1",
                                  "\\log_", "1/(",     "x_{",   "|1-", "_{", "\\sum_", "1+(", "\\sqrt["};
    math_expression *e = NULL;
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        buffer deep = repeated(pieces[i], 65, "2");
        status code = math_parse(deep.data, deep.length, NULL, &e);
        if (code != STATUS_LIMIT) print_error("%s: %s\n", deep.data, status_message());
        assert_int_equal(code, STATUS_LIMIT);
        buffer_free(&deep);
    }
    buffer within = repeated("\\sqrt", 60, "2");
    assert_int_equal(math_parse(within.data, within.length, NULL, &e), STATUS_OK);
    math_free(e);
    buffer_free(&within);
}

// A gold may be longer than an answer, as words are, but not of any length.
static void golds_have_a_limit_of_their_own(void **state) {
    (void)state;
    math_verdict v;
    for (size_t count = 5000; count <= 500000; count *= 10) {
        buffer gold = repeated("A. ", count, "5");
        assert_int_equal(math_accepts(gold.data, gold.length, "5", 1, NULL, &v), STATUS_OK);
        assert_int_equal(v.outcome, MATH_UNDECIDED);
        assert_string_equal(v.tier, "gold");
        assert_int_equal(math_check_answer(gold.data, gold.length, NULL), STATUS_LIMIT);
        buffer_free(&gold);
    }
}

static void atoms_are_told_from_expressions(void **state) {
    (void)state;
    const char *const atoms[] = {"x", "12", "-3.5", "\\alpha", "x_1", "50\\%", "5 \\text{ cm}", "\\text{yes}"};
    const char *const others[] = {"x+1", "2x", "x=1", "f(x)", "1/2+1", "\\sqrt2", "(1,2)"};
    for (size_t i = 0; i < sizeof atoms / sizeof *atoms; i++) {
        math_expression *e = NULL;
        assert_int_equal(math_parse(atoms[i], strlen(atoms[i]), NULL, &e), STATUS_OK);
        assert_true(math_is_atom(e));
        math_free(e);
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        math_expression *e = NULL;
        assert_int_equal(math_parse(others[i], strlen(others[i]), NULL, &e), STATUS_OK);
        assert_false(math_is_atom(e));
        math_free(e);
    }
}

static void verdicts_do_not_depend_on_what_was_judged_before(void **state) {
    (void)state;
    const pair pairs[] = {{"(x+1)^2", "x^2+2x+1"}, {"\\sin 2x", "2\\sin x\\cos x"}, {"\\sqrt{2}", "1.5"}, {"1/3", "0.333333"}};
    math_verdict first[4], again;
    for (size_t i = 0; i < 4; i++)
        math_accepts(pairs[i].text, strlen(pairs[i].text), pairs[i].expected, strlen(pairs[i].expected), NULL, &first[i]);
    for (size_t i = 4; i-- > 0;) {
        math_accepts(pairs[i].text, strlen(pairs[i].text), pairs[i].expected, strlen(pairs[i].expected), NULL, &again);
        assert_int_equal(again.outcome, first[i].outcome);
        assert_string_equal(again.tier, first[i].tier);
        assert_string_equal(again.reason, first[i].reason);
    }
}

static void only_unproven_equalities_are_called_probabilistic(void **state) {
    (void)state;
    const struct {
        const char *gold, *answer, *tier;
        math_outcome outcome;
    } cases[] = {
        {"1/2", "0.5", "rational", MATH_EQUAL},
        {"\\frac12", "\\frac{1}{2}", "text", MATH_EQUAL},
        {"(x+1)^2", "x^2+2x+1", "polynomial", MATH_EQUAL},
        {"\\frac{\\pi}{2}", "0.5\\pi", "polynomial", MATH_EQUAL},
        {"\\sqrt{8}", "2\\sqrt{2}", "algebraic", MATH_EQUAL},
        {"\\sqrt{3+2\\sqrt{2}}", "1+\\sqrt{2}", "algebraic", MATH_EQUAL},
        {"\\frac{1+\\sqrt5}{4}", "\\cos(\\pi/5)", "algebraic", MATH_EQUAL},
        {"e^{i\\pi}", "-1", "field", MATH_EQUAL},
        {"\\ln 8/\\ln 2", "3", "rational", MATH_EQUAL},
        {"\\log_4 8+\\ln 1", "3/2", "field", MATH_EQUAL},
        {"\\ln 6", "\\ln 2 + \\ln 3", "field", MATH_EQUAL},
        {"\\frac{\\sqrt6-\\sqrt2}{4}", "\\sin(\\pi/12)", "field", MATH_EQUAL},
        {"\\frac{\\pi}{4}", "4\\arctan\\frac15-\\arctan\\frac1{239}", "field", MATH_EQUAL},
        {"2^{\\sqrt2}", "4^{\\sqrt2/2}", "field", MATH_EQUAL},
        {"\\ln(1+\\sqrt2)", "\\operatorname{arcsinh}(1)", "field", MATH_EQUAL},
        {"i^i", "e^{-\\pi/2}", "field", MATH_EQUAL},
        {"\\ln 2", "\\ln 2 + 10^{-60}", "ball", MATH_DIFFERENT},
        {"\\frac{\\pi^2}{6}", "\\zeta(2)", "field", MATH_EQUAL},
        {"-\\frac{1}{12}", "\\zeta(-1)", "probabilistic", MATH_EQUAL},
        {"\\sqrt{2}", "\\sqrt{3}", "ball", MATH_DIFFERENT},
        {"x+1", "x+2", "modular", MATH_DIFFERENT},
        {"\\sin 2x", "2\\sin x\\cos x", "probabilistic", MATH_EQUAL},
        {"(x+y+1)^{2700}", "((1+x+y)^2)^{1350}", "probabilistic", MATH_EQUAL},
        {"\\sum_{k=1}^n k", "n(n+1)/2", "induction", MATH_EQUAL},
        {"\\sum_{k=0}^n 2^k", "2^{n+1}-1", "probabilistic", MATH_EQUAL},
        {"\\sum_{k=1}^n k", "n(n-1)/2", "induction", MATH_DIFFERENT},
        {"\\{1,2\\}", "\\{2,1\\}", "structure", MATH_EQUAL},
        {"(C)", "C. 42", "choice", MATH_EQUAL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        math_verdict v;
        math_accepts(cases[i].gold, strlen(cases[i].gold), cases[i].answer, strlen(cases[i].answer), NULL, &v);
        if (strcmp(v.tier, cases[i].tier) != 0)
            print_error("%s, %s: %s (%s)\n", cases[i].gold, cases[i].answer, v.tier, v.reason);
        assert_string_equal(v.tier, cases[i].tier);
        if (v.outcome != cases[i].outcome)
            print_error("%s, %s: %s\n", cases[i].gold, cases[i].answer, math_outcome_name(v.outcome));
        assert_int_equal(v.outcome, cases[i].outcome);
    }
}

static void answer_keys_join_equal_numbers(void **state) {
    (void)state;
    const pair cases[] = {{"0.5", "1/2"},
                          {"x = \\frac{2}{4}", "1/2"},
                          {"2+2", "4"},
                          {"11 \\text{ cm}", "11"},
                          {"1,234 eggs", "1234"},
                          {"18 dollars per day", "18"},
                          {"\\$18", "18"},
                          {"24.", "24"},
                          {"5 hours a day", "5"},
                          {"-5.00", "-5"},
                          {"\\text{Evelyn}", "evelyn"},
                          {"y+x", "x+y"},
                          {"(1", "(1"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        buffer key = {0};
        assert_int_equal(math_answer_key(cases[i].text, strlen(cases[i].text), NULL, &key), STATUS_OK);
        assert_string_equal(buffer_text(&key), cases[i].expected);
        buffer_free(&key);
    }
}

static void golds_that_are_not_understood_are_found(void **state) {
    (void)state;
    assert_int_equal(math_check_answer("\\frac12", 7, NULL), STATUS_OK);
    assert_int_equal(math_check_answer("Evelyn Smith", 12, NULL), STATUS_OK);
    assert_int_equal(math_check_answer("\\frac1", 6, NULL), STATUS_UNSUPPORTED);
    assert_int_equal(math_check_answer(" ", 1, NULL), STATUS_INVALID);
    math_verdict v;
    assert_int_equal(math_accepts("\\frac1", 6, "5", 1, NULL, &v), STATUS_OK);
    assert_int_equal(v.outcome, MATH_UNDECIDED);
    assert_string_equal(v.tier, "gold");
    assert_int_equal(math_accepts("\\frac1", 6, "\\frac 1", 7, NULL, &v), STATUS_OK);
    assert_int_equal(v.outcome, MATH_EQUAL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(level_two_is_printed_in_one_spelling),
        cmocka_unit_test(level_one_removes_differences_of_spelling),
        cmocka_unit_test(what_is_not_understood_is_refused_with_a_reason),
        cmocka_unit_test(limits_are_kept),
        cmocka_unit_test(nesting_is_limited_however_it_is_written),
        cmocka_unit_test(golds_have_a_limit_of_their_own),
        cmocka_unit_test(atoms_are_told_from_expressions),
        cmocka_unit_test(verdicts_do_not_depend_on_what_was_judged_before),
        cmocka_unit_test(only_unproven_equalities_are_called_probabilistic),
        cmocka_unit_test(answer_keys_join_equal_numbers),
        cmocka_unit_test(golds_that_are_not_understood_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
