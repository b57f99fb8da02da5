// Verdicts on responses, in this process and in workers. Run again with an argument, this program is itself a worker: a good one,
// or one that hangs or crashes when a response says so.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "math/equal.h"
#include "reward/verify.h"
#include "reward/worker.h"

static const char *self; // path of this program

static verdict judged(const verify_options *options, const char *gold, const char *response) {
    verdict v;
    assert_int_equal(verify_response(options, gold, strlen(gold), response, strlen(response), &v), STATUS_OK);
    return v;
}

static void check(const char *gold, const char *response, verdict_status expected) {
    verdict v = judged(NULL, gold, response);
    if (v.status != expected) print_error("gold %s, response %s: status %d, tier %s\n", gold, response, (int)v.status, v.tier);
    assert_int_equal(v.status, expected);
    assert_true(v.microseconds >= 0);
    verdict_clear(&v);
}

static void each_status_is_told_apart(void **state) {
    (void)state;
    check("11", "so \\boxed{x = 11}", VERDICT_CORRECT);
    check("11", "so \\boxed{12}", VERDICT_WRONG);
    check("11", "so 11", VERDICT_NO_ANSWER);
    check("11", "so \\boxed{11", VERDICT_NO_ANSWER);
    check("11", "so \\boxed{\\frac{1}}", VERDICT_UNPARSED);
    check("11", "so \\boxed{\\garbage{}} but $11$", VERDICT_UNPARSED);
    check("11", "so \\boxed{9^{9^{9^{9}}}}", VERDICT_OVER_LIMIT);
    check("\\kappa^{<\\kappa}", "so \\boxed{\\kappa^{<\\kappa}}", VERDICT_CORRECT);
    check("\\kappa^{<\\kappa}", "so \\boxed{5}", VERDICT_ERROR);
    check("\\int_0^1 x^2 dx", "so \\boxed{\\frac14}", VERDICT_UNDECIDED);
    check("1, 2", "$\\boxed{2}$ and $\\boxed{1}$", VERDICT_CORRECT);
}

static void the_answer_is_kept_as_valid_text(void **state) {
    (void)state;
    verdict v;
    assert_int_equal(verify_response(NULL, "5", 1, "\\boxed{5\xff\0}", 11, &v), STATUS_OK);
    assert_string_equal(v.extracted, "5\xef\xbf\xbd\xef\xbf\xbd");
    assert_int_not_equal(v.status, VERDICT_CORRECT);
    verdict_clear(&v);
    v = judged(NULL, "5", "none");
    assert_null(v.extracted);
}

static void an_answer_is_taken_whole_unless_it_holds_a_box(void **state) {
    (void)state;
    verdict v;
    assert_int_equal(verify_answer(NULL, "5", 1, "x = 5", 5, &v), STATUS_OK);
    assert_int_equal(v.status, VERDICT_CORRECT);
    verdict_clear(&v);
    assert_int_equal(verify_answer(NULL, "5", 1, "so \\boxed{5} it is", 18, &v), STATUS_OK);
    assert_int_equal(v.status, VERDICT_CORRECT);
    verdict_clear(&v);
    assert_int_equal(verify_answer(NULL, "5", 1, "  ", 2, &v), STATUS_OK);
    assert_int_equal(v.status, VERDICT_NO_ANSWER);
    verdict_clear(&v);
}

static void options_reach_the_comparison(void **state) {
    (void)state;
    verify_options options = VERIFY_OPTIONS_DEFAULT;
    options.significant_digits = 3;
    verdict v = judged(&options, "\\frac13", "\\boxed{0.333}");
    assert_int_equal(v.status, VERDICT_CORRECT);
    verdict_clear(&v);
    options = VERIFY_OPTIONS_DEFAULT;
    options.decimals = 2;
    v = judged(&options, "\\frac13", "\\boxed{0.334}");
    assert_int_equal(v.status, VERDICT_CORRECT);
    verdict_clear(&v);
    v = judged(&options, "\\sqrt2", "\\boxed{1.41}");
    assert_int_equal(v.status, VERDICT_CORRECT);
    verdict_clear(&v);
    v = judged(&options, "\\sqrt2", "\\boxed{1.42}");
    assert_int_equal(v.status, VERDICT_WRONG);
    verdict_clear(&v);
    options = VERIFY_OPTIONS_DEFAULT;
    options.gold_rounded = true;
    v = judged(&options, "1.41", "\\boxed{\\sqrt2}");
    assert_int_equal(v.status, VERDICT_CORRECT);
    verdict_clear(&v);
    v = judged(NULL, "1.41", "\\boxed{\\sqrt2}");
    assert_int_equal(v.status, VERDICT_WRONG);
    verdict_clear(&v);
    options = VERIFY_OPTIONS_DEFAULT;
    options.profile = PROFILE_GSM8K;
    v = judged(&options, "18", "so\n#### $18");
    assert_int_equal(v.status, VERDICT_CORRECT);
    verdict_clear(&v);
    options = VERIFY_OPTIONS_DEFAULT;
    options.think_open = true;
    v = judged(&options, "18", "\\boxed{18}");
    assert_int_equal(v.status, VERDICT_NO_ANSWER);
    verdict_clear(&v);
}

static void what_stands_behind_four_hashes_is_a_whole_answer(void **state) {
    (void)state;
    const struct {
        const char *gold, *line;
        bool correct;
    } cases[] = {
        {"5", "5", true},
        {"5", "$5", true},
        {"5", "5.", true},
        {"5", "**5**", true},
        {"5", "5 apples", true},
        {"5", "5 dollars per day", true},
        {"5", "5\xE2\x82\xAC", true},
        {"5", "5%", true},
        {"-5", "-$5", true},
        {"1234", "1,234", true},
        {"1234567", "$1,234,567.00", true},
        {"1234", "1,234 eggs.", true},
        {"5", "5 or 6", false},
        {"5", "$5 or $6", false},
        {"5", "5 million", false},
        {"5000000", "$5 million", true},
        {"5", "5 times 3", false},
        {"5", "5\xC2\xB2", false},
        {"25", "5\xC2\xB2", true},
        {"5", "5\xC3\x97 3", false},
        {"5", "5 \xE2\x88\x92 3", false},
        {"5", "5 not", false},
        {"123", "1,2,3", false},
        {"15", "1,5", false},
        {"12345", "1,23,45", false},
    };
    verify_options options = VERIFY_OPTIONS_DEFAULT;
    options.profile = PROFILE_GSM8K;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char response[64];
        snprintf(response, sizeof response, "3 + 4 = 7\n#### %s", cases[i].line);
        verdict v = judged(&options, cases[i].gold, response);
        if (v.status != (cases[i].correct ? VERDICT_CORRECT : VERDICT_WRONG) &&
            (cases[i].correct || v.status != VERDICT_UNPARSED))
            fail_msg("gold %s, #### %s: status %d, tier %s", cases[i].gold, cases[i].line, (int)v.status, v.tier);
        verdict_clear(&v);
    }
}

static void an_answer_of_several_spans_is_all_of_them(void **state) {
    (void)state;
    verify_options options = VERIFY_OPTIONS_DEFAULT;
    options.profile = PROFILE_LENIENT;
    const char *const said[] = {"The answer is $5$ or $6$.", "The final answer is \\(6\\) and \\(5\\).", "Answer: \\[5\\], $6$"};
    for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
        verdict v = judged(&options, "5, 6", said[i]);
        assert_int_equal(v.status, VERDICT_CORRECT);
        verdict_clear(&v);
        v = judged(&options, "5", said[i]);
        assert_int_equal(v.status, VERDICT_WRONG);
        verdict_clear(&v);
    }
}

static void golds_are_checked(void **state) {
    (void)state;
    assert_int_equal(verify_gold("\\frac12", 7), STATUS_OK);
    assert_int_equal(verify_gold("\\text{Evelyn}", 13), STATUS_OK);
    assert_int_equal(verify_gold("", 0), STATUS_INVALID);
    assert_int_equal(verify_gold("\\frac{1", 7), STATUS_UNSUPPORTED);
    assert_true(strlen(status_message()) > 0);
}

static void equal_answers_share_a_key(void **state) {
    (void)state;
    const char *const same[] = {"\\boxed{0.5}", "\\boxed{\\frac12}", "\\boxed{x=1/2}", "\\boxed{\\frac{2}{4}}"};
    buffer first = {0};
    bool found;
    assert_int_equal(verify_answer_key(NULL, same[0], strlen(same[0]), &first, &found), STATUS_OK);
    assert_true(found);
    for (size_t i = 1; i < 4; i++) {
        buffer key = {0};
        assert_int_equal(verify_answer_key(NULL, same[i], strlen(same[i]), &key, &found), STATUS_OK);
        assert_string_equal(buffer_text(&key), buffer_text(&first));
        buffer_free(&key);
    }
    buffer other = {0};
    assert_int_equal(verify_answer_key(NULL, "\\boxed{2}", 9, &other, &found), STATUS_OK);
    assert_string_not_equal(buffer_text(&other), buffer_text(&first));
    assert_int_equal(verify_answer_key(NULL, "none", 4, &other, &found), STATUS_OK);
    assert_false(found);
    buffer_free(&first), buffer_free(&other);
}

// ---- workers ------------------------------------------------------------

static verify_item item_of(const char *gold, const char *text) {
    return (verify_item){.gold = gold, .gold_length = strlen(gold), .text = text, .text_length = strlen(text)};
}

static verify_pool *pool_of(const char *kind, size_t workers, double deadline) {
    const char *argv[] = {self, kind, NULL};
    verify_pool_options options = {.argv = argv, .workers = workers, .deadline_seconds = deadline, .cpu_seconds = 60};
    verify_pool *pool = NULL;
    status code = verify_pool_create(&options, &pool);
    if (code != STATUS_OK) print_error("%s\n", status_message());
    assert_int_equal(code, STATUS_OK);
    return pool;
}

static void assert_same_text(const char *a, const char *b) {
    if (a && b)
        assert_string_equal(a, b);
    else
        assert_true(!a && !b);
}

static void workers_judge_as_this_process_does(void **state) {
    (void)state;
    enum { COUNT = 300 };
    verify_item *here = calloc(COUNT, sizeof *here), *there = calloc(COUNT, sizeof *there);
    char(*texts)[64] = calloc(COUNT, sizeof *texts);
    for (int i = 0; i < COUNT; i++) {
        snprintf(texts[i], sizeof texts[i], i % 7 == 0 ? "none %d" : "so \\boxed{%d}", i % 5);
        here[i] = there[i] = item_of("3", texts[i]);
        here[i].is_answer = there[i].is_answer = i % 3 == 0;
    }
    verify_pool *pool = pool_of("worker", 2, 20);
    verify_options plain = VERIFY_OPTIONS_DEFAULT, explained = plain;
    explained.skip_text = explained.explain = true;
    size_t rational = 0, explanations = 0;
    for (int round = 0; round < 2; round++) {
        const verify_options *options = round ? &explained : &plain;
        assert_int_equal(verify_batch(NULL, options, here, COUNT), STATUS_OK);
        assert_int_equal(verify_batch(pool, options, there, COUNT), STATUS_OK);
        for (int i = 0; i < COUNT; i++) {
            const verdict *a = &here[i].out, *b = &there[i].out;
            assert_int_equal(a->status, b->status);
            assert_string_equal(a->tier, b->tier);
            assert_same_text(a->extracted, b->extracted);
            assert_same_text(a->gold_form, b->gold_form);
            assert_same_text(a->answer_form, b->answer_form);
            assert_same_text(a->reason, b->reason);
            rational += strcmp(b->tier, "normal") == 0, explanations += b->gold_form && b->answer_form && b->reason;
            verdict_clear(&here[i].out), verdict_clear(&there[i].out);
        }
        assert_true(round ? rational > 0 && explanations > COUNT / 2 : rational + explanations == 0);
    }
    verify_pool_counters counters = verify_pool_count(pool);
    assert_int_equal(counters.judged, 2 * COUNT);
    assert_int_equal(counters.wall_timeouts + counters.crashes + counters.restarts, 0);
    verify_pool_free(pool);
    free(here), free(there), free(texts);
}

static void every_tier_keeps_its_name_on_the_way(void **state) {
    (void)state;
    const char *const pairs[][2] = {{"5", "\\boxed{5}"},
                                    {"1/2", "\\boxed{0.5}"},
                                    {"(x+1)^2", "\\boxed{x^2+2x+1}"},
                                    {"\\sqrt8", "\\boxed{2\\sqrt2}"},
                                    {"\\sqrt2", "\\boxed{\\sqrt3}"},
                                    {"x+1", "\\boxed{x+2}"},
                                    {"\\sin x", "\\boxed{\\cos x}"},
                                    {"e^{i\\pi}", "\\boxed{-1}"},
                                    {"1,2", "\\boxed{2,1}"},
                                    {"(C)", "\\boxed{C}"},
                                    {"5", "\\boxed{x=5}"},
                                    {"5", "\\boxed{(}"},
                                    {"July 4, 1776", "\\boxed{4 July 1776}"},
                                    {"n(n+1)/2", "\\boxed{\\sum_{k=1}^n k}"},
                                    {"\\sin 2x", "\\boxed{2\\sin x\\cos x}"},
                                    {"\\sqrt8", "\\boxed{\\sqrt2+\\sqrt2}"},
                                    {"5", "none"},
                                    {"\\frac1", "\\boxed{5}"}};
    enum { COUNT = sizeof pairs / sizeof *pairs };
    verify_item here[COUNT], there[COUNT];
    for (int i = 0; i < COUNT; i++) here[i] = there[i] = item_of(pairs[i][0], pairs[i][1]);
    verify_pool *pool = pool_of("worker", 1, 20);
    assert_int_equal(verify_batch(NULL, NULL, here, COUNT), STATUS_OK);
    assert_int_equal(verify_batch(pool, NULL, there, COUNT), STATUS_OK);
    static const char *const tiers[] = {
#define X(name) name,
        MATH_TIER_TABLE(X)
#undef X
            "extract"};
    for (size_t t = 0; t < sizeof tiers / sizeof *tiers; t++) {
        bool met = strcmp(tiers[t], "memory") == 0; // none of it can be taken away here
        for (int i = 0; i < COUNT && !met; i++) met = strcmp(there[i].out.tier, tiers[t]) == 0;
        if (!met) fail_msg("no pair has the tier %s", tiers[t]);
    }
    for (int i = 0; i < COUNT; i++) {
        assert_string_equal(here[i].out.tier, there[i].out.tier);
        verdict_clear(&here[i].out), verdict_clear(&there[i].out);
    }
    verify_pool_free(pool);
}

static void a_worker_that_hangs_costs_one_timeout(void **state) {
    (void)state;
    verify_pool *pool = pool_of("hanging-worker", 2, 0.3);
    verify_item items[] = {item_of("3", "\\boxed{3}"), item_of("3", "hang"), item_of("3", "\\boxed{3}"),
                           item_of("3", "\\boxed{4}")};
    assert_int_equal(verify_batch(pool, NULL, items, 4), STATUS_OK);
    const verdict_status expected[] = {VERDICT_CORRECT, VERDICT_TIMEOUT, VERDICT_CORRECT, VERDICT_WRONG};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(items[i].out.status, expected[i]);
        verdict_clear(&items[i].out);
    }
    assert_int_equal(verify_pool_count(pool).wall_timeouts, 1);
    assert_int_equal(verify_pool_count(pool).restarts, 1);
    verify_pool_free(pool);
}

static void a_worker_that_crashes_costs_one_error(void **state) {
    (void)state;
    verify_pool *pool = pool_of("crashing-worker", 2, 20);
    verify_item items[] = {item_of("3", "\\boxed{3}"), item_of("3", "crash"), item_of("3", "\\boxed{3}"), item_of("3", "crash"),
                           item_of("3", "\\boxed{3}")};
    verify_options options = VERIFY_OPTIONS_DEFAULT;
    options.explain = true;
    assert_int_equal(verify_batch(pool, &options, items, 5), STATUS_OK);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(items[i].out.status, i % 2 ? VERDICT_ERROR : VERDICT_CORRECT);
        assert_int_equal(strcmp(items[i].out.tier, "worker") == 0, i % 2);
        if (i % 2) assert_non_null(strstr(items[i].out.reason, "ended"));
        verdict_clear(&items[i].out);
    }
    assert_int_equal(verify_pool_count(pool).crashes, 2);
    verify_pool_free(pool);
}

static void a_deadline_shorter_than_a_start_still_judges(void **state) {
    (void)state;
    verify_pool *pool = pool_of("crashing-worker", 1, 0.001);
    verify_item items[] = {item_of("3", "crash"), item_of("3", "\\boxed{3}")};
    assert_int_equal(verify_batch(pool, NULL, items, 2), STATUS_OK);
    assert_int_equal(items[1].out.status, VERDICT_CORRECT);
    verdict_clear(&items[0].out), verdict_clear(&items[1].out);
    verify_pool_free(pool);
}

static void what_no_message_holds_is_over_the_limit(void **state) {
    (void)state;
    verify_pool *pool = pool_of("worker", 1, 20);
    size_t length = ((size_t)16 << 20) + 1;
    char *text = malloc(length);
    assert_non_null(text);
    memset(text, 'x', length);
    verify_item item = {.gold = "3", .gold_length = 1, .text = text, .text_length = length};
    assert_int_equal(verify_batch(pool, NULL, &item, 1), STATUS_OK);
    assert_int_equal(item.out.status, VERDICT_OVER_LIMIT);
    verdict_clear(&item.out);
    free(text);
    verify_pool_free(pool);
}

static void an_idle_worker_killed_from_outside_costs_nothing(void **state) {
    (void)state;
    verify_pool *pool = pool_of("quitting-worker", 1, 20); // ends by itself after each reply
    for (int i = 0; i < 3; i++) {
        usleep(200000); // until it is gone
        verify_item item = item_of("3", "\\boxed{3}");
        assert_int_equal(verify_batch(pool, NULL, &item, 1), STATUS_OK);
        assert_int_equal(item.out.status, VERDICT_CORRECT);
        verdict_clear(&item.out);
    }
    verify_pool_free(pool);
}

static void an_executable_that_is_no_worker_is_refused(void **state) {
    (void)state;
    const char *argv[] = {"/bin/true", NULL};
    verify_pool_options options = {.argv = argv, .workers = 1, .deadline_seconds = 5};
    verify_pool *pool = NULL;
    assert_int_equal(verify_pool_create(&options, &pool), STATUS_IO);
    assert_null(pool);
    argv[0] = "/nowhere/at/all";
    assert_int_equal(verify_pool_create(&options, &pool), STATUS_IO);
    options.workers = 0;
    assert_int_equal(verify_pool_create(&options, &pool), STATUS_INVALID);
}

static void long_responses_pass_through(void **state) {
    (void)state;
    size_t length = 3000000;
    char *text = malloc(length);
    memset(text, 'a', length);
    memcpy(text + length - 9, "\\boxed{3}", 9);
    verify_pool *pool = pool_of("worker", 2, 30);
    verify_item items[3];
    for (int i = 0; i < 3; i++) items[i] = (verify_item){.gold = "3", .gold_length = 1, .text = text, .text_length = length};
    assert_int_equal(verify_batch(pool, NULL, items, 3), STATUS_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(items[i].out.status, VERDICT_CORRECT);
        verdict_clear(&items[i].out);
    }
    verify_pool_free(pool);
    free(text);
}

// A worker that does harm when a request's text ends with a word: the last bytes of the message.
static int harmful_worker(const char *word, bool hang) {
    for (;;) {
        unsigned char head[4];
        if (recv(WORKER_DESCRIPTOR, head, 4, MSG_PEEK | MSG_WAITALL) != 4) return 0;
        size_t length = 4 + (head[0] | (size_t)head[1] << 8);
        unsigned char *message = malloc(length);
        if (recv(WORKER_DESCRIPTOR, message, length, MSG_PEEK | MSG_WAITALL) != (ssize_t)length) return 0;
        bool harm = word[0] && length > strlen(word) && memcmp(message + length - strlen(word), word, strlen(word)) == 0;
        free(message);
        if (harm && hang) pause();
        if (harm) kill(getpid(), SIGKILL);
        // One honest judgement: the loop ends when its socket does, so it runs on a pair of its own.
        int pair[2];
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) return 1;
        char *request = malloc(length), reply[4096];
        if (recv(WORKER_DESCRIPTOR, request, length, MSG_WAITALL) != (ssize_t)length) return 1;
        if (write(pair[0], request, length) != (ssize_t)length) return 1;
        free(request);
        shutdown(pair[0], SHUT_WR);
        worker_main(pair[1]);
        close(pair[1]);
        ssize_t n = read(pair[0], reply, sizeof reply);
        close(pair[0]);
        if (n <= 0 || write(WORKER_DESCRIPTOR, reply, (size_t)n) != n) return 1;
        if (word[0] == 0) return 0;
    }
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "worker") == 0) return worker_main(WORKER_DESCRIPTOR);
    if (argc > 1 && strcmp(argv[1], "hanging-worker") == 0) return harmful_worker("hang", true);
    if (argc > 1 && strcmp(argv[1], "crashing-worker") == 0) return harmful_worker("crash", false);
    if (argc > 1 && strcmp(argv[1], "quitting-worker") == 0) return argc + harmful_worker("", false) - 2;
    self = "/proc/self/exe";
    char path[4096];
    ssize_t n = readlink(self, path, sizeof path - 1);
    if (n > 0) path[n] = 0, self = path;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_status_is_told_apart),
        cmocka_unit_test(the_answer_is_kept_as_valid_text),
        cmocka_unit_test(an_answer_is_taken_whole_unless_it_holds_a_box),
        cmocka_unit_test(options_reach_the_comparison),
        cmocka_unit_test(what_stands_behind_four_hashes_is_a_whole_answer),
        cmocka_unit_test(an_answer_of_several_spans_is_all_of_them),
        cmocka_unit_test(golds_are_checked),
        cmocka_unit_test(equal_answers_share_a_key),
        cmocka_unit_test(workers_judge_as_this_process_does),
        cmocka_unit_test(every_tier_keeps_its_name_on_the_way),
        cmocka_unit_test(a_worker_that_hangs_costs_one_timeout),
        cmocka_unit_test(a_worker_that_crashes_costs_one_error),
        cmocka_unit_test(a_deadline_shorter_than_a_start_still_judges),
        cmocka_unit_test(what_no_message_holds_is_over_the_limit),
        cmocka_unit_test(an_idle_worker_killed_from_outside_costs_nothing),
        cmocka_unit_test(an_executable_that_is_no_worker_is_refused),
        cmocka_unit_test(long_responses_pass_through),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
