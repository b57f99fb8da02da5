// tasks/: worked solutions. Countdown's are drawn from all that a second implementation finds, as often as it says
// (scripts/fixtures/tasks_solutions.py); every solution of every task is right, step by step.
#include "assert_ok.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsonl.h"
#include "tasks/countdown.h"
#include "tasks/tasks.h"

static void countdown_draws_every_solution_as_often_as_it_should(void **state) {
    (void)state;
    enum { DRAWS = 20000 };
    jsonl_reader reader;
    json_t *row;
    buffer text = {0};
    size_t rows = 0;
    assert_ok(jsonl_open(&reader, TEST_SOURCE_DIR "/golden/tasks/solutions.jsonl"));
    for (; jsonl_next(&reader, &row) == STATUS_OK && row; json_decref(row), rows++) {
        const problem asked = {
            .id = "x", .source = "countdown", .text = json_string_value(json_object_get(row, "text")), .answer = ""};
        json_t *solutions = json_object_get(row, "solutions"), *counts = json_object(), *chance;
        for (uint32_t draw = 0; draw < DRAWS; draw++) {
            buffer_clear(&text);
            assert_ok(tasks_solution(&asked, 7, draw, &text));
            if (!json_object_get(solutions, buffer_text(&text)))
                fail_msg("%s is no solution of %s", buffer_text(&text), asked.text);
            json_int_t seen = json_integer_value(json_object_get(counts, buffer_text(&text)));
            json_object_set_new(counts, buffer_text(&text), json_integer(seen + 1));
        }
        const char *solution;
        json_object_foreach(solutions, solution, chance) {
            double p = json_real_value(chance), seen = (double)json_integer_value(json_object_get(counts, solution));
            double off = (seen - DRAWS * p) / sqrt(DRAWS * p * (1 - p));
            if (!(fabs(off) <= 4.5)) fail_msg("%s: drawn %g times, expected %g", solution, seen, DRAWS * p);
        }
        json_decref(counts);
    }
    assert_true(rows >= 6);
    jsonl_close(&reader);
    buffer_free(&text);
}

// Checks one "2 + 3 + 4 = 9", the result perhaps in a box, and gives what follows it.
static const char *check_step(const char *step) {
    const char *p = step;
    long value = 0, next = 0;
    char operation = 0, following = 0;
    int used = 0;
    if (sscanf(p, "%ld %c%n", &value, &operation, &used) != 2) fail_msg("no step: %s", step);
    for (p += used; operation != '='; p += used, operation = following) {
        if (sscanf(p, "%ld %c%n", &next, &following, &used) != 2) fail_msg("no step: %s", step);
        if (operation == '/') assert_int_equal(value % next, 0);
        value = operation == '+'   ? value + next
                : operation == '-' ? value - next
                : operation == '*' ? value * next
                                   : value / next;
    }
    p += strspn(p, " \\boxed{");
    if (sscanf(p, "%ld%n", &next, &used) != 1 || next != value) fail_msg("wrong: %s", step);
    return p + used;
}

// Checks all steps of a solution, and gives what its box holds.
static const char *check_steps(const char *solution, size_t *length) {
    for (const char *p = solution; *p && *p != '\\'; p += strspn(p, ",. }")) p = check_step(p);
    const char *box = strstr(solution, "\\boxed{");
    if (!box) fail_msg("%s has no box", solution);
    *length = strcspn(box + 7, "}");
    return box + 7;
}

static void solutions_of_built_in_tasks_are_right(void **state) {
    (void)state;
    static const char *const specs[] = {"builtin:word_arithmetic/train", "builtin:word_arithmetic/test?seed=3",
                                        "builtin:chained_sums/train", "builtin:countdown/train?count=2000",
                                        "builtin:countdown/test"};
    buffer text = {0}, again = {0};
    size_t several = 0;
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        problem_set set;
        assert_ok(problem_set_open(&set, &specs[i], 1, NULL));
        for (size_t k = 0; k < set.count; k++) {
            const problem *p = &set.problems[k];
            size_t length;
            buffer_clear(&text), buffer_clear(&again);
            assert_null(p->response);
            assert_ok(tasks_solution(p, 1, 0, &text));
            assert_ok(tasks_solution(p, 1, 1, &again));
            const char *box = check_steps(buffer_text(&text), &length);
            if (countdown_applies(p)) {
                countdown_puzzle puzzle;
                assert_true(countdown_read(p->text, &puzzle));
                if (countdown_check(&puzzle, box, length) != COUNTDOWN_RIGHT) fail_msg("%s: %s", p->text, buffer_text(&text));
                several += strcmp(buffer_text(&text), buffer_text(&again)) != 0;
            } else {
                assert_int_equal(length, strlen(p->answer));
                assert_memory_equal(box, p->answer, length);
                assert_string_equal(buffer_text(&text), buffer_text(&again));
            }
        }
        problem_set_free(&set);
    }
    assert_true(several > 2000); // nearly every puzzle has several
    buffer_free(&text), buffer_free(&again);
}

static void solutions_have_the_form_of_the_prompt_template(void **state) {
    (void)state;
    static const struct {
        const char *source, *text, *answer, *solution;
    } rows[] = {
        {"addition", "12 + 5", "17", "17"},
        {"chained_sums", "What is 9 + 20 - 5?", "24", "9 + 20 = 29, 29 - 5 = \\boxed{24}"},
        {"chained_sums", "What is 3 - 8 - 5?", "-10", "3 - 8 = -5, -5 - 5 = \\boxed{-10}"},
        {"word_arithmetic", "Tom has 7 boxes with 4 pencils in each box. How many pencils does Tom have in total?", "28",
         "7 * 4 = 28. \\boxed{28}"},
        {"word_arithmetic", "Tom has 2 boxes with 2 pencils in each box. How many pencils does Tom have in total?", "4",
         "2 * 2 = 4. \\boxed{4}"},
        {"word_arithmetic", "Tom has 9 books and sells 2. How many books does Tom have left?", "7", "9 - 2 = 7. \\boxed{7}"},
        {"word_arithmetic", "Tom has 2 books, finds 3 more and then gets 4 more. How many books does Tom have now?", "9",
         "2 + 3 + 4 = 9. \\boxed{9}"},
        {"countdown",
         "Using the numbers 9 and 2, each at most once, and the operations +, -, *, /, write an expression equal to 7.", "9 - 2",
         "9 - 2 = 7, \\boxed{9 - 2}"},
        // Nothing but a factor of 1 leads there; the number itself is the target.
        {"countdown",
         "Using the numbers 3, 2 and 7, each at most once, and the operations +, -, *, /, write an expression equal to 7.",
         "(3 - 2) * 7", "\\boxed{(3 - 2) * 7}"},
        {"countdown",
         "Using the numbers 9 and 4, each at most once, and the operations +, -, *, /, write an expression equal to 9.", "9",
         "\\boxed{9}"},
    };
    buffer text = {0};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const problem asked = {.id = "x", .source = rows[i].source, .text = rows[i].text, .answer = rows[i].answer};
        buffer_clear(&text);
        assert_ok(tasks_solution(&asked, 1, 0, &text));
        assert_string_equal(buffer_text(&text), rows[i].solution);
    }
    buffer_free(&text);
}

static void what_is_no_built_in_problem_has_no_solution(void **state) {
    (void)state;
    static const problem asked[] = {{.id = "p1", .source = "gsm8k", .text = "What is 9 + 2?", .answer = "11"},
                                    {.id = "p2", .source = "countdown", .text = "Make 7 from 9 and 2.", .answer = "9 - 2"},
                                    {.id = "p3", .source = "word_arithmetic", .text = "Tom has 9 and 2.", .answer = "12"},
                                    {.id = "p4", .source = "chained_sums", .text = "How much?", .answer = "1"}};
    buffer text = {0};
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        assert_int_equal(tasks_solution(&asked[i], 1, 0, &text), STATUS_INVALID);
        assert_non_null(strstr(status_message(), asked[i].id));
    }
    buffer_free(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(countdown_draws_every_solution_as_often_as_it_should),
        cmocka_unit_test(solutions_of_built_in_tasks_are_right),
        cmocka_unit_test(solutions_have_the_form_of_the_prompt_template),
        cmocka_unit_test(what_is_no_built_in_problem_has_no_solution),
    };
    return cmocka_run_group_tests_name("tasks_solutions", tests, NULL, NULL);
}
