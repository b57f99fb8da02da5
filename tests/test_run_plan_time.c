// run/: the time of a step from the costs of its parts. Costs are small whole numbers here, so that each sum is known by hand.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "run/plan_time.h"

// Two prompts of three rollouts of at most four tokens.
#define STEP                                                                                                                     \
    "algorithm.method=grpo", "data.train_batch_size=2", "actor_rollout_ref.rollout.n=3", "data.max_response_length=4",           \
        "trainer.probe_freq=10"

static const step_costs costs = {.prefill = 10,
                                 .decode = {{1, 2}, {3, 4}, {6, 10}},
                                 .decode_count = 3,
                                 .embedding = 7,
                                 .prompt_forward = 100,
                                 .response_forward = 30,
                                 .prompt_update = 1000,
                                 .response_update = 300,
                                 .optimizer = 5};

static time_plan plan(size_t rows, size_t mean, const step_costs *c, const char *const *assignments, size_t count) {
    settings s;
    time_plan t = {0};
    status code = settings_load_text(&s, NULL, 0, "test.yaml", assignments, count);
    if (code == STATUS_OK) code = time_plan_make(&t, &s, rows, mean, c);
    if (code != STATUS_OK) fail_msg("%s", status_message());
    settings_free(&s);
    return t;
}

#define PLAN(rows, mean, ...)                                                                                                    \
    plan(rows, mean, &costs, (const char *const[]){STEP, __VA_ARGS__},                                                           \
         sizeof((const char *const[]){STEP, __VA_ARGS__}) / sizeof(char *))
#define assert_seconds(expected, got)                                                                                            \
    do {                                                                                                                         \
        double expected_ = (expected), got_ = (got), off_ = got_ - expected_;                                                    \
        if (!(off_ <= 1e-9 && off_ >= -1e-9)) fail_msg("%s is %.17g, not %.17g", #got, got_, expected_);                         \
    } while (0)

static void a_step_is_its_parts_times_how_often_they_are_done(void **state) {
    (void)state;
    time_plan t = PLAN(6, 4, "trainer.seed=1");
    assert_int_equal(t.response_length, 4);
    assert_seconds(2 * 10 + 3 * 10, t.sampling); // two prompts, three decoding steps of six rows: the first token is the prompt's
    assert_seconds(6 * 7, t.embedding);
    assert_seconds(2 * 1000 + 6 * 300, t.update);
    assert_seconds(5, t.optimizer);
    assert_seconds(0, t.reference);
    assert_seconds(0, t.probe);
    assert_seconds(t.sampling + t.embedding + t.update + t.optimizer, time_plan_step(&t));
}

static void rows_that_end_make_room_for_others(void **state) {
    (void)state;
    time_plan four = PLAN(4, 4, "trainer.seed=1"), one = PLAN(1, 4, "trainer.seed=1");
    assert_seconds(20 + 3 * (4 + 6.0 / 3) + 3 * (2 + 2.0 / 2), four.sampling); // four rows, then two, between what was measured
    assert_seconds(20 + 6 * 3 * 2, one.sampling);
}

static void settings_say_how_often(void **state) {
    (void)state;
    time_plan t = PLAN(6, 4, "actor_rollout_ref.actor.ppo_mini_batch_size=1", "actor_rollout_ref.actor.ppo_epochs=2");
    assert_seconds(2 * (2 * 1000 + 6 * 300), t.update);
    assert_seconds(4 * 5, t.optimizer);
    assert_seconds((100 + 3 * 30) / 10.0, t.probe); // the second mini-batch, every tenth step
    t = PLAN(6, 4, "actor_rollout_ref.actor.use_kl_loss=true");
    assert_seconds(2 * 100 + 6 * 30, t.reference);
    // Batches of three prompts are drawn until there are two: one; batches of one: two.
    t = PLAN(9, 4, "algorithm.filter_groups.enable=true", "data.gen_batch_size=3");
    assert_seconds(3 * 10 + 3 * 10, t.sampling);
    assert_seconds(9 * 7, t.embedding);
    t = PLAN(6, 4, "algorithm.filter_groups.enable=true", "data.gen_batch_size=1");
    assert_seconds(2 * (10 + 3 * 4), t.sampling);
    assert_seconds(2 * 1000 + 6 * 300, t.update);
}

static void responses_of_one_token_take_no_decoding(void **state) {
    (void)state;
    step_costs none = costs;
    none.decode_count = 0;
    time_plan t = plan(6, 1, &none, (const char *const[]){STEP, "data.max_response_length=1"}, 6);
    assert_seconds(20, t.sampling);
    t = PLAN(6, 1, "trainer.seed=1");
    assert_seconds(20, t.sampling);
}

static void lengths_have_the_mean_that_is_asked_for(void **state) {
    (void)state;
    enum { COUNT = 2000, LONGEST = 512 };
    static size_t lengths[COUNT];
    static const size_t means[] = {1, 2, 19, 200, 400, 511, 512};
    for (size_t m = 0; m < sizeof means / sizeof *means; m++) {
        double sum = 0;
        time_plan_lengths(lengths, COUNT, means[m], LONGEST);
        for (size_t i = 0; i < COUNT; i++) {
            assert_in_range(lengths[i], 1, LONGEST);
            sum += (double)lengths[i];
        }
        double off = sum / COUNT / (double)means[m] - 1;
        if (!(off <= 0.01 && off >= -0.01)) fail_msg("a mean of %g instead of %zu", sum / COUNT, means[m]);
        if (means[m] == LONGEST || means[m] == 1) assert_true(sum == (double)(COUNT * means[m]));
    }
}

static void the_context_is_that_of_an_average_decoding_step(void **state) {
    (void)state;
    assert_int_equal(time_plan_context((const size_t[]){9, 9, 9}, 3), 5);    // 1 to 8 tokens, 4.5
    assert_int_equal(time_plan_context((const size_t[]){1, 101, 1}, 3), 51); // 1 to 100
    assert_int_equal(time_plan_context((const size_t[]){1, 1}, 2), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_is_its_parts_times_how_often_they_are_done),
        cmocka_unit_test(rows_that_end_make_room_for_others),
        cmocka_unit_test(settings_say_how_often),
        cmocka_unit_test(responses_of_one_token_take_no_decoding),
        cmocka_unit_test(lengths_have_the_mean_that_is_asked_for),
        cmocka_unit_test(the_context_is_that_of_an_average_decoding_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
