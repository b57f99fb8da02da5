// Which part of a response is its answer, under each profile.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "reward/extract.h"

typedef struct extraction {
    const char *response, *answer; // NULL: no answer
} extraction;

static void check(answer_profile profile, bool think_open, const extraction *cases, size_t count) {
    size_t failed = 0;
    for (size_t i = 0; i < count; i++) {
        buffer out = {0};
        bool found = false;
        assert_int_equal(answer_extract(profile, cases[i].response, strlen(cases[i].response), think_open, &out, &found),
                         STATUS_OK);
        bool right = found == (cases[i].answer != NULL) && (!found || strcmp(buffer_text(&out), cases[i].answer) == 0);
        if (!right) {
            failed++;
            print_error("%s\n  expected %s, got %s\n", cases[i].response, cases[i].answer ? cases[i].answer : "(none)",
                        found ? buffer_text(&out) : "(none)");
        }
        buffer_free(&out);
    }
    assert_int_equal(failed, 0);
}

#define CHECK(profile, think_open, cases) check(profile, think_open, cases, sizeof cases / sizeof *cases)

static void the_last_box_is_the_strict_answer(void **state) {
    (void)state;
    const extraction cases[] = {
        {"so \\boxed{7}.", "7"},
        {"so $\\boxed{\\frac{1}{2}}$", "\\frac{1}{2}"},
        {"so \\fbox{7}", "7"},
        {"first \\boxed{3}, then it must be \\boxed{7}.", "7"},
        {"final answer is $9$. I hope it is correct. \\boxed{7}", "7"},
        {"\\boxed{7} final answer is $9$. I hope it is correct.", "7"},
        {"\\boxed {7}", "7"},
        {"\\boxed{ 7 }", "7"},
        {"\\boxed 7$", "7"},
        {"\\boxed{\\{1,2\\}}", "\\{1,2\\}"},
        {"\\boxed{\\boxed{5}}", "\\boxed{5}"},
        {"\\boxed{x = \\boxed{5}}", "x = \\boxed{5}"},
        {"{ \\boxed{5}", "5"},
        {"} } \\boxed{5} }", "5"},
        {"\\boxed{\\text{a } \\fbox{5} \\text{ b}}", "\\text{a } \\fbox{5} \\text{ b}"},
        {"\\boxed{\\left\\{ x \\right\\}}", "\\left\\{ x \\right\\}"},
        {"\\boxed\n{5}", "5"},
        {"$$\\boxed{\n5\n}$$", "5"},
        {"**\\boxed{5}**", "5"},
        {"\\(\\boxed{(A)}\\)", "(A)"},
        {"\\boxed{5} cm, as \\text{boxed} above", "5"},
        {"\\boxedtext{5}", NULL},
        {"the answer is 7", NULL},
        {"", NULL},
    };
    CHECK(PROFILE_STRICT, false, cases);
}

static void an_empty_or_cut_last_box_is_no_answer(void **state) {
    (void)state;
    const extraction cases[] = {
        {"\\boxed{3} and then \\boxed{}", NULL},
        {"\\boxed{3} and then \\boxed{ }", NULL},
        {"\\boxed{3} and then \\boxed{1", NULL},
        {"\\boxed{3} and then \\boxed{\\frac{1}{2", NULL},
        {"\\boxed{3} and then \\boxed", NULL},
        {"\\boxed{3} and then \\boxed{", NULL},
        {"put it in \\boxed{} like so: \\boxed{4}", "4"},
        {"\\boxed{garbage{ and then \\boxed{4}", "4"},
    };
    CHECK(PROFILE_STRICT, false, cases);
}

static void a_missing_closing_brace_is_repaired_where_the_mathematics_ends(void **state) {
    (void)state;
    const extraction cases[] = {
        {"so $\\boxed{\\frac{1}{2}$ is it.", "\\frac{1}{2}"},
        {"so \\[\\boxed{12\\] is it.", "12"},
        {"so \\(\\boxed{x^{2}\\).", "x^{2}"},
        {"so \\boxed{12\n\nThat is all.", "12"},
        {"so $\\boxed{\\frac{1}{2$", NULL},
    };
    CHECK(PROFILE_STRICT, false, cases);
}

static void adjacent_boxes_form_one_list(void **state) {
    (void)state;
    const extraction cases[] = {
        {"\\boxed{1}, \\boxed{2}", "1, 2"},
        {"$\\boxed{1}$ and $\\boxed{2}$", "1, 2"},
        {"$\\boxed{1}$, $\\boxed{2}$, or $\\boxed{3}$", "1, 2, 3"},
        {"$\\boxed{1}$; $\\boxed{2}$", "1, 2"},
        {"$\\boxed{1} \\text{ and } \\boxed{2}$", "1, 2"},
        {"\\boxed{5}\n\n\\boxed{5}", "5"},
        {"$\\boxed{1} \\text{, or } \\boxed{2}$", "1, 2"},
        {"$\\boxed{1}$ AND $\\boxed{2}$", "1, 2"},
        {"\\[\\boxed{x=1} \\\\ \\boxed{y=2}\\]", "x=1, y=2"},
        {"$\\boxed{1}\\ \\text{or}\\ \\boxed{2}$", "1, 2"},
        {"\\boxed{1} \\fbox{2}", "1, 2"},
        {"\\boxed{1}, \\boxed{}, \\boxed{2}", "2"},
        {"\\boxed{1} \\text{ or not } \\boxed{2}", "2"},
        {"\\boxed{1} or, better, \\boxed{2}", "2"},
        {"\\boxed{1}. \\boxed{2}", "2"},
        {"\\boxed{1} hence \\boxed{2}", "2"},
        {"\\boxed{1} brand \\boxed{2}", "2"},
        {"\\boxed{0} is wrong. \\boxed{1}, \\boxed{2}", "1, 2"},
    };
    CHECK(PROFILE_STRICT, false, cases);
}

static void thought_is_not_judged(void **state) {
    (void)state;
    const extraction plain[] = {
        {"<think>maybe \\boxed{3}</think> so \\boxed{4}", "4"},
        {"<think>maybe \\boxed{3}</think> nothing", NULL},
        {"<think>maybe \\boxed{3}", NULL},
        {"maybe \\boxed{3}</think> so \\boxed{4}", "4"},
        {"<think>a</think><think>b \\boxed{3}</think>\\boxed{4}", "4"},
        {"<think>a</think>\\boxed{4}<think>b", NULL},
    };
    CHECK(PROFILE_STRICT, false, plain);
    const extraction open[] = {
        {"maybe \\boxed{3}", NULL},
        {"maybe \\boxed{3}</think>\\boxed{4}", "4"},
        {"maybe </think> then \\boxed{4}", "4"},
        {"maybe </think> then", NULL},
    };
    CHECK(PROFILE_STRICT, true, open);
}

static void the_gsm8k_profile_reads_the_last_four_hashes(void **state) {
    (void)state;
    const extraction cases[] = {
        {"so\n#### 18", "18"},
        {"#### $18", "18"},
        {"#### \\$18", "18"},
        {"#### 1,234", "1,234"},
        {"#### $1,234 eggs", "1,234 eggs"}, // commas and units are for math/
        {"#### -5", "-5"},
        {"#### -$5", "-5"},
        {"#### 24.", "24"},
        {"#### 0.5", "0.5"},
        {"#### 3/4", "3/4"},
        {"#### 1\n#### 2", "2"},
        {"#### 2\nmore text", "2"},
        {"#### $5$ or $6$", "5 or 6"},
        {"#### 5² ", "5²"},
        {"18", NULL},
        {"####", NULL},
        {"#### $", NULL},
        {"####   \n 5", NULL},
        {"\\boxed{18}", NULL},
        {"**#### 18**", "18"},
        {"#### **$18.**", "18"},
        {"#### yes", "yes"},
    };
    CHECK(PROFILE_GSM8K, false, cases);
}

static void the_lenient_profile_looks_on(void **state) {
    (void)state;
    const extraction cases[] = {
        {"\\boxed{7} and the final answer is 8", "7"},
        {"The final answer is $9$. I hope it is correct.", "9"},
        {"The answer is 12. The final answer is 13.", "13"},
        {"The answer is 12.", "12"},
        {"**Answer:** \\(\\frac12\\)", "\\frac12"},
        {"Answer: 3.5 meters", "3.5 meters"},
        {"#### 5", "5"},
        {"we get $x=1$ and then $x=2$ here", "x=2"},
        {"we get \\(x=1\\) and \\[x=3\\] here", "x=3"},
        {"we get 1, then 24.", "24"},
        {"it costs 1,234.", "1,234"},
        {"it costs 1 000 in all", "1 000"},
        {"the price is 2,74 in euros", "2,74"},
        {"the chance is 6/18.", "6/18"},
        {"he waits 4 4/9 hours", "4 4/9"},
        {"it grew by 28%", "28%"},
        {"page 7 of AZYUK2A", "7"},
        {"between 3 and -4", "-4"},
        {"it is -5 degrees", "-5"},
        {"pages 3-5", "5"},
        {"it is \xE2\x88\x92"
         "5",
         "\xE2\x88\x92"
         "5"},
        {"it is 10^5.", "10^5"},
        {"so x^5", "x^5"},
        {"so 3\xC3\x97"
         "5 in all",
         "3\xC3\x97"
         "5"},
        {"so \xE2\x88\x9A"
         "5!",
         "\xE2\x88\x9A"
         "5"},
        {"so 5\xC2\xB2, then", "5\xC2\xB2"},
        {"so -2\xCF\x80", "-2\xCF\x80"},
        {"so 5x", "5x"},
        {"at 10:30", "10:30"},
        {"step 2: 5", "5"},
        {"it is **5**", "5"},
        {"* 5", "5"},
        {"it is *5* apples", "5"},
        {"so 2*5", "2*5"},
        {"The answer is $36. He has $5 left.", "$36"},
        {"He pays $5 and then he pays $7 more, 12 in all", "12"},
        {"He pays $5 and gets $x=2$", "x=2"},
        {"a total of $400 + $60 = $460 for this week", "460"},
        {"he saves 20% of $50, which is $10.", "10"},
        {"He has $5 or $6 left.", "6"},
        {"Each sells at 20$, then she earned 20*65 = $1300 in the year", "1300"},
        {"He spent $.05 in change. He spent $4 on candy", "4"},
        {"He pays $5. The ratio is \\(\\frac{1}{2}\\).", "\\frac{1}{2}"}, // what one sign leaves open another does not
        {"From \\(1 on, it is $2$ or \\[3\\]", "3"},
        {"He has $$5, then \\(x=2\\) and $3$", "3"},
        {"The answer is $5$ or $6$.", "5$ or $6"},
        {"The answer is \\(5\\), \\(6\\) and $7$ by symmetry.", "5\\), \\(6\\) and $7"},
        {"The answer is $5$. $6$ is wrong.", "5"},
        {"The answer is $5$ and not $6$.", "5"},
        {"Final Answer: The largest $n$ is 34.", "The largest $n$ is 34"},
        {"The answer is:\n\\[\n\\frac{1}{2}\n\\]", "\\frac{1}{2}"},
        {"<think>the answer is 5</think> The answer is 6", "6"},
        {"<think>the answer is 5", "5"},
        {"answer: yes", "yes"},
        {"#### 5 and the answer is 6", "6"},
        {"nothing", NULL},
        {"", NULL},
    };
    CHECK(PROFILE_LENIENT, false, cases);
}

static void hostile_responses_take_linear_time(void **state) {
    (void)state;
    const char *const pieces[] = {"{",   "}",         "\\boxed{", "\\boxed",     "$",  "#### ",    "<think>", "</think>", "\\",
                                  "\\(", "answer is", "1,",       "\\boxed{1},", "5^", "\xC3\x97", "x*",      "5-"};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        buffer text = {0};
        while (text.length < 200000) assert_int_equal(buffer_append_text(&text, pieces[i]), STATUS_OK);
        for (int p = 0; p < PROFILE_COUNT; p++) {
            buffer out = {0};
            bool found;
            clock_t start = clock();
            assert_int_equal(answer_extract((answer_profile)p, text.data, text.length, false, &out, &found), STATUS_OK);
            double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
            if (!(seconds < 1)) fail_msg("%s: %.2f s for %zu bytes", pieces[i], seconds, text.length);
            buffer_free(&out);
        }
        buffer_free(&text);
    }
    const char nul[] = "a\0\\boxed{5\0}";
    buffer out = {0};
    bool found;
    assert_int_equal(answer_extract(PROFILE_STRICT, nul, sizeof nul - 1, false, &out, &found), STATUS_OK);
    assert_true(found);
    assert_int_equal(out.length, 2);
    buffer_free(&out);
}

static void profiles_have_names(void **state) {
    (void)state;
    answer_profile p;
    assert_int_equal(profile_parse("lenient", &p), STATUS_OK);
    assert_int_equal(p, PROFILE_LENIENT);
    assert_int_equal(profile_parse("loose", &p), STATUS_INVALID);
    assert_non_null(strstr(status_message(), "gsm8k"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_box_is_the_strict_answer),
        cmocka_unit_test(an_empty_or_cut_last_box_is_no_answer),
        cmocka_unit_test(a_missing_closing_brace_is_repaired_where_the_mathematics_ends),
        cmocka_unit_test(adjacent_boxes_form_one_list),
        cmocka_unit_test(thought_is_not_judged),
        cmocka_unit_test(the_gsm8k_profile_reads_the_last_four_hashes),
        cmocka_unit_test(the_lenient_profile_looks_on),
        cmocka_unit_test(hostile_responses_take_linear_time),
        cmocka_unit_test(profiles_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
