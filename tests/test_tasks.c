// tasks/: rows of problem files and every message about them, built-in generators against a second implementation
// (scripts/fixtures/tasks_builtin.py), disjoint splits, countdown answers, the order of an epoch.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/jsonl.h"
#include "tasks/countdown.h"
#include "tasks/tasks.h"

#define FOLDER TEST_BINARY_DIR "/test_tasks_data"

static const char *write_file(const char *name, const char *content) {
    static char path[2][512];
    static int turn;
    turn = !turn;
    snprintf(path[turn], sizeof path[turn], FOLDER "/%s", name);
    assert_int_equal(folder_create(FOLDER), STATUS_OK);
    assert_int_equal(file_replace(path[turn], content, strlen(content)), STATUS_OK);
    return path[turn];
}

static status open_with(problem_set *set, const char *spec, const char *prompt_key, const char *answer_key) {
    problem_options options = {.prompt_key = prompt_key, .answer_key = answer_key};
    return problem_set_open(set, &spec, 1, &options);
}

static void assert_problem(const problem *p, const char *id, const char *source, const char *text, const char *answer) {
    assert_string_equal(p->id, id);
    assert_string_equal(p->source, source);
    assert_string_equal(p->text, text);
    assert_string_equal(p->answer, answer);
}

static void rows_give_text_answer_id_and_source(void **state) {
    (void)state;
    const char *path = write_file(
        "mixed.train.jsonl",
        "{\"problem\": \"one?\", \"answer\": \"1\"}\n"
        "\n"
        "{\"id\": \"b\", \"source\": \"maths\", \"problem\": \" t\\u00e9xt\\n\", \"answer\": \" \\\\frac12 \", \"x\": [1]}\n"
        "{\"id\": 17, \"problem\": \"three?\", \"answer\": \"3\"}\r\n");
    problem_set set;
    assert_int_equal(open_with(&set, path, NULL, NULL), STATUS_OK);
    assert_int_equal(set.count, 3);
    assert_problem(&set.problems[0], "mixed.train.jsonl:1", "mixed.train", "one?", "1");
    assert_problem(&set.problems[1], "b", "maths", " t\xC3\xA9xt\n", " \\frac12 ");
    assert_problem(&set.problems[2], "17", "mixed.train", "three?", "3");
    problem_set_free(&set);
    assert_null(set.problems);
}

static void numbers_are_kept_as_written(void **state) {
    (void)state;
    const char *path = write_file("numbers.jsonl", "{\"s\": \"a \\\" } , {\", \"problem\": \"a\", \"answer\": 0.50}\n"
                                                   "{\"l\": [{\"answer\": 9}, 2], \"answer\": -1e3 , \"problem\": \"b\"}\n"
                                                   "{\"problem\": \"c\",\"answer\":123456789012345678901234567890}\n"
                                                   "{\"problem\": \"d\",\"answer\":7}\n");
    problem_set set;
    assert_int_equal(open_with(&set, path, NULL, NULL), STATUS_OK);
    assert_string_equal(set.problems[0].answer, "0.50");
    assert_string_equal(set.problems[1].answer, "-1e3");
    assert_string_equal(set.problems[2].answer, "123456789012345678901234567890");
    assert_string_equal(set.problems[3].answer, "7");
    problem_set_free(&set);
}

static void verl_rows_are_understood(void **state) {
    (void)state;
    const char *row = "{\"data_source\": \"openai/gsm8k\", \"prompt\": [{\"role\": \"user\", \"content\": \"How many?\"}], "
                      "\"ability\": \"math\", "
                      "\"reward_model\": {\"style\": \"rule\", \"ground_truth\": \"72\"}, \"extra_info\": {\"split\": \"train\", "
                      "\"index\": 4}}\n"
                      "{\"data_source\": \"dapo\", \"prompt\": [{\"content\": \"Why?\", \"role\": \"user\"}], "
                      "\"reward_model\": {\"ground_truth\": 1.0}, \"extra_info\": {\"index\": \"9a-b\"}}\n";
    const char *path = write_file("verl.jsonl", row);
    problem_set set;
    for (int explicit = 0; explicit < 2; explicit ++) {
        assert_int_equal(open_with(&set, path, explicit ? "prompt" : NULL, explicit ? "reward_model.ground_truth" : NULL),
                         STATUS_OK);
        assert_problem(&set.problems[0], "openai/gsm8k:4", "openai/gsm8k", "How many?", "72");
        assert_problem(&set.problems[1], "9a-b", "dapo", "Why?", "1.0");
        problem_set_free(&set);
    }
    path = write_file(
        "system.jsonl",
        "{\"prompt\": [{\"role\": \"system\", \"content\": \"Be good.\"}, {\"role\": \"user\", \"content\": \"Why?\"}], "
        "\"answer\": \"1\"}\n");
    assert_int_equal(open_with(&set, path, NULL, NULL), STATUS_UNSUPPORTED);
    assert_non_null(
        strstr(status_message(), "line 1: \"prompt\" is a list of 2 messages; understood is one message with the role \"user\""));
}

static void a_plain_prompt_is_a_problem_too(void **state) {
    (void)state;
    problem_set set;
    assert_int_equal(open_with(&set, write_file("prompt.jsonl", "{\"prompt\": \"why?\", \"answer\": \"x\"}\n"), NULL, NULL),
                     STATUS_OK);
    assert_problem(&set.problems[0], "prompt.jsonl:1", "prompt", "why?", "x");
    problem_set_free(&set);
}

// Rows as published benchmarks have them; the keys of a file's first row hold for all of it.
static void usual_keys_are_found(void **state) {
    (void)state;
    const struct {
        const char *name, *content, *text, *answer, *second;
    } files[] = {
        {"olympiad.v2.jsonl",
         "{\"context\": null, \"question\": \"Which?\", \"solution\": [\"Long.\"], \"final_answer\": [\"2\"], \"unit\": null}\n\n"
         "{\"question\": \"All?\", \"answer\": \"no\", \"final_answer\": [\"2\", 0.5]}\n",
         "Which?", "2", "2, 0.5"},
        {"minerva.jsonl",
         "{\"question\": \"How far?\", \"answer\": \"1.6\", \"solution\": \"So 2.\"}\n{\"question\": \"x\", \"answer\": "
         "\"2.3e4\"}\n",
         "How far?", "1.6", "2.3e4"},
        {"boxed.jsonl",
         "{\"problem\": \"Aya?\", \"solution\": \"\\\\boxed{1} then $x=\\\\boxed{\\\\frac{1}{2}}$.\"}\n"
         "{\"problem\": \"Cut?\", \"solution\": \"12 \\\\boxed{3\"}\n",
         "Aya?", "\\frac{1}{2}", "12 \\boxed{3"},
        {"gsm.jsonl",
         "{\"question\": \"Janet?\", \"answer\": \"3+4 = 7 ducks.\\n#### 7\\n\"}\n{\"question\": \"x\", \"answer\": "
         "\"####1,000\"}\n",
         "Janet?", "7", "1,000"},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        problem_set set;
        char source[32], id[40];
        snprintf(source, sizeof source, "%.*s", (int)(strlen(files[i].name) - 6), files[i].name);
        snprintf(id, sizeof id, "%s:1", files[i].name);
        assert_int_equal(open_with(&set, write_file(files[i].name, files[i].content), NULL, NULL), STATUS_OK);
        assert_int_equal(set.count, 2);
        assert_problem(&set.problems[0], id, source, files[i].text, files[i].answer);
        assert_string_equal(set.problems[1].answer, files[i].second);
        problem_set_free(&set);
    }
}

static void files_of_the_same_name_are_told_apart(void **state) {
    (void)state;
    assert_int_equal(folder_create(FOLDER "/gsm8k"), STATUS_OK);
    assert_int_equal(folder_create(FOLDER "/math"), STATUS_OK);
    write_file("gsm8k/test.jsonl", "{\"problem\": \"a\", \"answer\": 1}\n");
    write_file("math/test.jsonl",
               "{\"problem\": \"b\", \"answer\": 2}\n{\"source\": \"s\", \"problem\": \"c\", \"answer\": 3}\n");
    problem_set set;
    assert_int_equal(
        open_with(&set, FOLDER "/gsm8k/test.jsonl," FOLDER "/math/test.jsonl," FOLDER "/gsm8k/test.jsonl", NULL, NULL),
        STATUS_OK);
    assert_string_equal(set.problems[0].source, "gsm8k/test");
    assert_string_equal(set.problems[1].source, "math/test");
    assert_string_equal(set.problems[2].source, "s");
    assert_string_equal(set.problems[3].source, "gsm8k/test");
    problem_set_free(&set);
}

static void keys_can_be_named(void **state) {
    (void)state;
    const char *path =
        write_file("keys.jsonl", "{\"q\": {\"text\": \"why?\"}, \"a.b\": \"x\", \"problem\": \"no\", \"answer\": \"no\"}\n");
    problem_set set;
    assert_int_equal(open_with(&set, path, "q.text", "a.b"), STATUS_OK);
    assert_problem(&set.problems[0], "keys.jsonl:1", "keys", "why?", "x");
    problem_set_free(&set);
}

static void bad_files_are_refused_with_file_and_line(void **state) {
    (void)state;
    const struct {
        const char *name, *content, *prompt_key;
        status code;
        const char *message;
    } rows[] = {
        {"k.jsonl", "{\"task\": \"a\", \"gold\": \"1\"}\n", NULL, STATUS_INVALID,
         "k.jsonl line 1: no problem text: the row has no key \"problem\", \"question\", \"prompt\" or \"query\" "
         "(data.prompt_key names "
         "another); row 1 has the keys task, gold"},
        {"k1.jsonl", "{\"query\": \"a\", \"answer\": null}\n", NULL, STATUS_INVALID,
         "k1.jsonl line 1: no answer: the row has no key \"answer\", \"final_answer\", "},
        {"l.jsonl", "{\"query\": \"a\", \"final_answer\": []}\n", NULL, STATUS_INVALID,
         "l.jsonl line 1: the answer in \"final_answer\" is an empty list"},
        {"l2.jsonl", "{\"query\": \"a\", \"final_answer\": [\"1\", {}]}\n", NULL, STATUS_INVALID,
         "l2.jsonl line 1: the answer in \"final_answer\" is neither a string nor a number (nor a list of them)"},
        {"h.jsonl", "{\"query\": \"a\", \"answer\": \"so it is ####\"}\n", NULL, STATUS_INVALID, "is empty behind ####"},
        {"k2.jsonl", "{\"problem\": \"a\", \"answer\": \"1\"}\n{\"problem\": \"a\"}\n", NULL, STATUS_INVALID,
         "k2.jsonl line 2: no answer: the row has no key \"answer\" (data.answer_key names another); row 1 has the keys problem, "
         "answer"},
        {"k3.jsonl", "{\"problem\": \"a\", \"answer\": \"1\"}\n", "prompt", STATUS_INVALID, "no key \"prompt\""},
        {"e.jsonl", "{\"problem\": \"a\", \"answer\": \"1\"}\n{\"problem\": \"a\", \"answer\": \" \"}\n", NULL, STATUS_INVALID,
         "e.jsonl line 2: the answer in \"answer\" is empty"},
        {"t.jsonl", "{\"problem\": \"\\n \", \"answer\": \"1\"}\n", NULL, STATUS_INVALID, "t.jsonl line 1: \"problem\" is empty"},
        {"n.jsonl", "{\"problem\": 3, \"answer\": \"1\"}\n", NULL, STATUS_INVALID, "n.jsonl line 1: \"problem\" is not a string"},
        {"b.jsonl", "{\"problem\": \"a\", \"answer\": true}\n", NULL, STATUS_INVALID,
         "b.jsonl line 1: the answer in \"answer\" is neither a string nor a number"},
        {"c.jsonl", "{\"prompt\": [{\"role\": \"user\"}], \"answer\": \"1\"}\n", NULL, STATUS_INVALID,
         "c.jsonl line 1: the message in \"prompt\" has no \"content\" that is a string"},
        {"empty.jsonl", "", NULL, STATUS_INVALID, "empty.jsonl holds no rows"},
        {"blank.jsonl", "\n \n", NULL, STATUS_INVALID, "blank.jsonl holds no rows"},
        {"j.jsonl", "{\"problem\": \"a\", \"answer\": \"1\"}\nnot json\n", NULL, STATUS_INVALID, "j.jsonl line 2: not JSON"},
        {"l.json", "[{\"problem\": \"a\"},\n{\"problem\": \"a\"}]\n", NULL, STATUS_INVALID,
         "l.json is a JSON list, not JSON Lines"},
        {"d.parquet", "PAR1", NULL, STATUS_UNSUPPORTED, ".to_json('" FOLDER "/d.jsonl', orient='records', lines=True)\""},
        {"hidden", "PAR1\x15", NULL, STATUS_UNSUPPORTED, "hidden is Parquet; convert it to JSON Lines first: python -c"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *path = write_file(rows[i].name, rows[i].content);
        problem_set set;
        assert_int_equal(open_with(&set, path, rows[i].prompt_key, NULL), rows[i].code);
        if (!strstr(status_message(), rows[i].message)) fail_msg("expected \"%s\" in \"%s\"", rows[i].message, status_message());
        assert_null(set.problems);
    }
    problem_set set;
    assert_int_equal(open_with(&set, FOLDER "/missing.jsonl", NULL, NULL), STATUS_INVALID);
    assert_non_null(strstr(status_message(), "missing.jsonl: No such file"));
    assert_int_equal(open_with(&set, FOLDER, NULL, NULL), STATUS_INVALID);
    assert_non_null(strstr(status_message(), "is a folder"));
    assert_int_equal(problem_set_open(&set, NULL, 0, NULL), STATUS_INVALID);
    assert_string_equal(status_message(), "no problem file is named");
    assert_int_equal(open_with(&set, " , ", NULL, NULL), STATUS_INVALID);
}

static void files_are_read_in_order_and_ids_made_unique(void **state) {
    (void)state;
    char both[1200];
    snprintf(
        both, sizeof both, "%s, %s",
        write_file(
            "a.jsonl",
            "{\"id\": \"x\", \"problem\": \"1\", \"answer\": \"1\"}\n{\"id\": \"x#2\", \"problem\": \"2\", \"answer\": \"2\"}\n"),
        write_file(
            "b.jsonl",
            "{\"id\": \"x\", \"problem\": \"3\", \"answer\": \"3\"}\n{\"id\": \"x\", \"problem\": \"4\", \"answer\": \"4\"}\n"));
    const char *specs[] = {both, "builtin:addition/test?count=2", FOLDER "/a.jsonl"};
    problem_set set;
    assert_int_equal(problem_set_open(&set, specs, 3, NULL), STATUS_OK);
    const char *ids[] = {"x", "x#2", "x#3", "x#4", "addition/test/0", "addition/test/1", "x#5", "x#2#2"};
    assert_int_equal(set.count, 8);
    for (size_t i = 0; i < 8; i++) assert_string_equal(set.problems[i].id, ids[i]);
    assert_int_equal(set.repeated_ids, 4);
    problem_set_free(&set);
    // A path that holds a comma is tried as it is first.
    const char *path = write_file("c,d.jsonl", "{\"problem\": \"1\", \"answer\": \"1\"}\n");
    assert_int_equal(problem_set_open(&set, &path, 1, NULL), STATUS_OK);
    assert_string_equal(set.problems[0].id, "c,d.jsonl:1");
    problem_set_free(&set);
}

static void many_equal_ids_stay_quick(void **state) {
    (void)state;
    buffer rows = {0};
    for (int i = 0; i < 20000; i++)
        assert_int_equal(buffer_append_text(&rows, "{\"id\": \"same\", \"problem\": \"1\", \"answer\": \"1\"}\n"), STATUS_OK);
    const char *path = write_file("same.jsonl", rows.data);
    problem_set set;
    assert_int_equal(problem_set_open(&set, &path, 1, NULL), STATUS_OK);
    assert_string_equal(set.problems[19999].id, "same#20000");
    problem_set_free(&set);
    buffer_free(&rows);
}

// ---- built-in tasks --------------------------------------------------------------------------------------------------------

static void builtin_tasks_equal_a_second_implementation(void **state) {
    (void)state;
    jsonl_reader reader;
    assert_int_equal(jsonl_open(&reader, TEST_SOURCE_DIR "/golden/tasks/builtin.jsonl"), STATUS_OK);
    problem_set set = {0};
    char current[200] = "";
    size_t at = 0, rows = 0;
    for (json_t *row;; json_decref(row)) {
        assert_int_equal(jsonl_next(&reader, &row), STATUS_OK);
        if (!row) break;
        const char *spec = json_string_value(json_object_get(row, "spec"));
        if (strcmp(spec, current) != 0) {
            problem_set_free(&set);
            assert_int_equal(problem_set_open(&set, &spec, 1, NULL), STATUS_OK);
            snprintf(current, sizeof current, "%s", spec);
            at = 0;
        }
        assert_string_equal(set.problems[at].id, json_string_value(json_object_get(row, "id")));
        assert_string_equal(set.problems[at].text, json_string_value(json_object_get(row, "problem")));
        assert_string_equal(set.problems[at].answer, json_string_value(json_object_get(row, "answer")));
        at++, rows++;
    }
    assert_int_equal(rows, 192);
    problem_set_free(&set);
    jsonl_close(&reader);
}

// The whole numbers in a text, sorted.
static size_t numbers_in(const char *text, int *numbers) {
    size_t count = 0;
    for (const char *p = text; *p;) {
        if (*p < '0' || *p > '9') {
            p++;
            continue;
        }
        char *end;
        int value = (int)strtol(p, &end, 10);
        size_t i = count++;
        for (; i > 0 && numbers[i - 1] > value; i--) numbers[i] = numbers[i - 1];
        numbers[i] = value, p = end;
    }
    return count;
}

static void train_and_test_share_no_numbers(void **state) {
    (void)state;
    // word_arithmetic and addition: no unordered pair of numbers in both, whatever the seeds.
    for (int task = 0; task < 2; task++) {
        static unsigned char pair_seen[2][64][64];
        memset(pair_seen, 0, sizeof pair_seen);
        for (int split = 0; split < 2; split++)
            for (int seed = 0; seed < 3; seed++) {
                char text[100];
                snprintf(text, sizeof text, "builtin:%s/%s?seed=%d", task ? "addition" : "word_arithmetic",
                         split ? "test" : "train", seed);
                const char *spec = text;
                problem_set set;
                assert_int_equal(problem_set_open(&set, &spec, 1, NULL), STATUS_OK);
                for (size_t i = 0; i < set.count; i++) {
                    int numbers[16];
                    size_t count = numbers_in(set.problems[i].text, numbers);
                    assert_in_range(count, 2, 3);
                    for (size_t a = 0; a < count; a++)
                        for (size_t b = a + 1; b < count; b++) pair_seen[split][numbers[a]][numbers[b]] = 1;
                }
                problem_set_free(&set);
            }
        int used[2] = {0};
        for (int a = 0; a < 64; a++)
            for (int b = 0; b < 64; b++) {
                assert_false(pair_seen[0][a][b] && pair_seen[1][a][b]);
                used[0] += pair_seen[0][a][b], used[1] += pair_seen[1][a][b];
            }
        assert_true(used[0] > 60 && used[1] > 60);
    }
    // chained_sums and countdown: no multiset of numbers in both.
    for (int task = 0; task < 2; task++) {
        const char *train = task ? "builtin:countdown/train" : "builtin:chained_sums/train";
        const char *test = task ? "builtin:countdown/test?seed=3" : "builtin:chained_sums/test?seed=3";
        problem_set a, b;
        assert_int_equal(problem_set_open(&a, &train, 1, NULL), STATUS_OK);
        assert_int_equal(problem_set_open(&b, &test, 1, NULL), STATUS_OK);
        for (size_t i = 0; i < a.count; i++)
            for (size_t j = 0; j < b.count; j++) {
                int x[16], y[16];
                char left[300], right[300]; // countdown: the target at the end is not one of the numbers
                snprintf(left, sizeof left, "%s", a.problems[i].text), snprintf(right, sizeof right, "%s", b.problems[j].text);
                if (task) *strstr(left, ", each") = *strstr(right, ", each") = 0;
                size_t m = numbers_in(left, x), n = numbers_in(right, y);
                assert_false(m == n && memcmp(x, y, m * sizeof *x) == 0);
            }
        problem_set_free(&a), problem_set_free(&b);
    }
}

static void builtin_answers_are_right(void **state) {
    (void)state;
    const char *specs[] = {
        "builtin:word_arithmetic/train,builtin:word_arithmetic/test,builtin:addition/train,builtin:chained_sums/test"};
    problem_set set;
    assert_int_equal(problem_set_open(&set, specs, 1, NULL), STATUS_OK);
    for (size_t i = 0; i < set.count; i++) {
        const char *text = set.problems[i].text;
        long sum = 0, sign = 1, product = 1, first = 0, answer = strtol(set.problems[i].answer, NULL, 10);
        int count = 0;
        for (const char *p = text; *p;) {
            if (*p == '-') sign = -1;
            if (*p < '0' || *p > '9') {
                p++;
                continue;
            }
            char *end;
            long value = strtol(p, &end, 10);
            first = count++ ? first : value;
            sum += sign * value, product *= value, sign = 1, p = end;
        }
        if (strstr(text, "each"))
            assert_int_equal(answer, product);
        else if (strstr(text, "left"))
            assert_int_equal(answer, first - (sum - first));
        else
            assert_int_equal(answer, sum);
    }
    problem_set_free(&set);
}

static void builtin_tasks_have_prefixes_templates_and_messages(void **state) {
    (void)state;
    size_t count;
    const task_builtin *table = tasks_builtins(&count);
    assert_int_equal(count, 4);
    for (size_t i = 0; i < count; i++) {
        char text[2][100];
        const char *spec[2] = {text[0], text[1]};
        problem_set few, all;
        snprintf(text[0], sizeof text[0], "builtin:%s/test?count=30&seed=5", table[i].name);
        snprintf(text[1], sizeof text[1], "builtin:%s/test?seed=5", table[i].name);
        assert_int_equal(problem_set_open(&few, &spec[0], 1, NULL), STATUS_OK);
        assert_int_equal(problem_set_open(&all, &spec[1], 1, NULL), STATUS_OK);
        assert_int_equal(all.count, table[i].test_count);
        assert_ptr_equal(tasks_find_builtin(spec[0]), &table[i]);
        for (size_t j = 0; j < 30; j++) assert_string_equal(few.problems[j].text, all.problems[j].text);
        buffer prompt = {0};
        assert_int_equal(tasks_fill_template(table[i].prompt_template, few.problems[0].text, &prompt), STATUS_OK);
        assert_non_null(strstr(prompt.data, few.problems[0].text));
        assert_null(strstr(prompt.data, "{problem}"));
        buffer_free(&prompt);
        problem_set_free(&few), problem_set_free(&all);
    }
    assert_null(tasks_find_builtin("builtin:word"));
    const struct {
        const char *spec, *message;
    } rows[] = {
        {"builtin:additoin/train", "builtin:additoin/train: there is no built-in task additoin; did you mean addition?"},
        {"builtin:addition", "builtin:addition: name a split: builtin:addition/train or builtin:addition/test"},
        {"builtin:addition/dev", "name a split"},
        {"builtin:addition/test?sed=3", "\"sed=3\" is not understood; options are ?seed=S, ?count=N, ?seed=S&count=N"},
        {"builtin:addition/test?seed=", "not understood"},
        {"builtin:addition/test?seed=x1", "\"x1\" is not a whole number"},
        {"builtin:addition/test?seed=99999999999999999999", "is too large"},
        {"builtin:addition/test?count=0", "the count must lie between 1 and 1000000"},
        {"builtin:addition/test?count=400", "there are only about 181 different problems"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        problem_set set;
        assert_int_equal(problem_set_open(&set, &rows[i].spec, 1, NULL), STATUS_INVALID);
        if (!strstr(status_message(), rows[i].message)) fail_msg("expected \"%s\" in \"%s\"", rows[i].message, status_message());
    }
    buffer out = {0};
    assert_int_equal(tasks_fill_template("no mark", "x", &out), STATUS_INVALID);
    assert_int_equal(tasks_fill_template("{problem}-{problem}", "{problem}", &out), STATUS_OK);
    assert_string_equal(out.data, "{problem}-{problem}");
    buffer_free(&out);
}

static void countdown_answers_are_evaluated(void **state) {
    (void)state;
    countdown_puzzle puzzle;
    assert_true(countdown_read(
        "Using the numbers 3, 7, 25 and 4, each at most once, and the operations +, -, *, /, write an expression equal to 46.",
        &puzzle));
    assert_int_equal(puzzle.count, 4);
    assert_int_equal(puzzle.number[3], 4);
    assert_int_equal(puzzle.target, 46);
    assert_false(countdown_read("Using the numbers 3 and x, each, equal to 4.", &puzzle));
    assert_false(countdown_read("Using the numbers 3 and 4, each at most once", &puzzle));
    assert_false(countdown_read("Make 3 from 4.", &puzzle));
    puzzle = (countdown_puzzle){.number = {3, 7, 25, 4, 4}, .count = 5, .target = 46};
    const struct {
        const char *answer;
        countdown_result result;
    } rows[] = {
        {"25 + 7*3", COUNTDOWN_RIGHT},
        {"25+7 \\times 3 = 46", COUNTDOWN_RIGHT},
        {"(25) + {7} \\cdot 3", COUNTDOWN_RIGHT},
        {"\\left( 25 + 7 \xC3\x97 3 \\right)", COUNTDOWN_RIGHT},
        {"25 + 7 * 3 * 4 / 4", COUNTDOWN_RIGHT},
        {"25 + 7 * 3 * \\frac{4}{4}", COUNTDOWN_RIGHT},
        {"-7 * -3 + 25", COUNTDOWN_RIGHT},
        {"25 + 4/(4/3)*7", COUNTDOWN_RIGHT}, // through a fraction
        {"25 \xE2\x88\x92 (\xE2\x88\x92 7) \xC2\xB7 3", COUNTDOWN_RIGHT},
        {"25 + 7 * 3 = 45", COUNTDOWN_WRONG},
        {"25 + 7 * 4", COUNTDOWN_WRONG},
        {"25 + 21", COUNTDOWN_WRONG},        // 21 is not given
        {"25 + 7 + 7 + 7", COUNTDOWN_WRONG}, // 7 is given once
        {"46", COUNTDOWN_WRONG},
        {"25 / (4 - 4)", COUNTDOWN_WRONG},
        {"25 + 7 * 3 = 46 = 46", COUNTDOWN_UNPARSED},
        {"25 + ", COUNTDOWN_UNPARSED},
        {"", COUNTDOWN_UNPARSED},
        {"(25 + 7 * 3", COUNTDOWN_UNPARSED},
        {"25 + 7 * 3)", COUNTDOWN_UNPARSED},
        {"25 + 7 * 3 apples", COUNTDOWN_UNPARSED},
        {"25 \\timesx 3", COUNTDOWN_UNPARSED},
        {"7^2 - 3", COUNTDOWN_UNPARSED},
        {"99999999999999999999", COUNTDOWN_UNPARSED},
        {"((((((((((((((((((((((((((((((((((((((((25))))))))))))))))))))))))))))))))))))))))", COUNTDOWN_UNPARSED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (countdown_check(&puzzle, rows[i].answer, strlen(rows[i].answer)) != rows[i].result) fail_msg("%s", rows[i].answer);
    puzzle = (countdown_puzzle){.number = {3, 7}, .count = 2, .target = -4};
    assert_int_equal(countdown_check(&puzzle, "3 - 7 = -4", 10), COUNTDOWN_RIGHT);
    assert_int_equal(countdown_check(&puzzle, "3 - 7 = 4", 9), COUNTDOWN_WRONG);

    const char *spec = "builtin:countdown/train,builtin:countdown/test";
    problem_set set;
    assert_int_equal(problem_set_open(&set, &spec, 1, NULL), STATUS_OK);
    for (size_t i = 0; i < set.count; i++) { // every gold passes its own check
        assert_true(countdown_applies(&set.problems[i]));
        assert_true(countdown_read(set.problems[i].text, &puzzle));
        if (countdown_check(&puzzle, set.problems[i].answer, strlen(set.problems[i].answer)) != COUNTDOWN_RIGHT)
            fail_msg("%s %s", set.problems[i].text, set.problems[i].answer);
    }
    problem_set_free(&set);
    problem other = {.source = "svamp", .text = "Using the numbers 3 and 4, each at most once, equal to 7."};
    assert_false(countdown_applies(&other));
}

// ---- order -----------------------------------------------------------------------------------------------------------------

static void orders_are_permutations_that_repeat(void **state) {
    (void)state;
    uint32_t a[1000], b[1000];
    unsigned char seen[1000] = {0};
    tasks_order(3, 1, 1000, a);
    tasks_order(3, 1, 1000, b);
    assert_memory_equal(a, b, sizeof a);
    for (int i = 0; i < 1000; i++) {
        assert_true(a[i] < 1000 && !seen[a[i]]);
        seen[a[i]] = 1;
    }
    tasks_order(3, 2, 1000, b);
    assert_memory_not_equal(a, b, sizeof a);
    tasks_order(4, 1, 1000, b);
    assert_memory_not_equal(a, b, sizeof a);
    tasks_order(3, 1, 1, b);
    assert_int_equal(b[0], 0);
    tasks_order(3, 1, 0, b);
}

static void orders_are_uniform(void **state) {
    (void)state;
    int counts[24] = {0};
    for (uint32_t epoch = 0; epoch < 24000; epoch++) {
        uint32_t o[4];
        tasks_order(11, epoch, 4, o);
        uint32_t rank = 0; // Lehmer code
        for (uint32_t i = 0; i < 4; i++) {
            uint32_t smaller = 0;
            for (uint32_t j = i + 1; j < 4; j++) smaller += o[j] < o[i];
            rank = rank * (4 - i) + smaller;
        }
        counts[rank]++;
    }
    double chi = 0;
    for (int i = 0; i < 24; i++) chi += (counts[i] - 1000.0) * (counts[i] - 1000.0) / 1000;
    assert_true(chi < 49.7); // 23 degrees of freedom, 0.1% tail
}

static int remove_folder(void **state) {
    (void)state;
    return folder_remove(FOLDER) == STATUS_OK ? 0 : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_give_text_answer_id_and_source),
        cmocka_unit_test(numbers_are_kept_as_written),
        cmocka_unit_test(verl_rows_are_understood),
        cmocka_unit_test(a_plain_prompt_is_a_problem_too),
        cmocka_unit_test(usual_keys_are_found),
        cmocka_unit_test(files_of_the_same_name_are_told_apart),
        cmocka_unit_test(keys_can_be_named),
        cmocka_unit_test(bad_files_are_refused_with_file_and_line),
        cmocka_unit_test(files_are_read_in_order_and_ids_made_unique),
        cmocka_unit_test(many_equal_ids_stay_quick),
        cmocka_unit_test(builtin_tasks_equal_a_second_implementation),
        cmocka_unit_test(train_and_test_share_no_numbers),
        cmocka_unit_test(builtin_answers_are_right),
        cmocka_unit_test(builtin_tasks_have_prefixes_templates_and_messages),
        cmocka_unit_test(countdown_answers_are_evaluated),
        cmocka_unit_test(orders_are_permutations_that_repeat),
        cmocka_unit_test(orders_are_uniform),
    };
    return cmocka_run_group_tests(tests, NULL, remove_folder);
}
