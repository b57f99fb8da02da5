// Credit assignment against 60-digit arithmetic, and each rule of docs/method.md, section 2, on its own.
#include "learn_golden.h"

#include "learn/credit.h"

enum { MAX_GROUP = 16 };

static verdict_status verdict_by_name(const char *name) {
    static const char *const names[] = {
#define X(code, text) [code] = text,
        VERDICT_TABLE(X)
#undef X
    };
    for (int i = 0; i < VERDICT_STATUS_COUNT; i++)
        if (!strcmp(names[i], name)) return (verdict_status)i;
    fail_msg("no verdict status is called %s", name);
    return VERDICT_ERROR;
}

static void credit_equals_decimal_arithmetic(void **state) {
    (void)state;
    json_t *groups = golden_load("credit.json"), *entry;
    size_t n, solved_by_all = 0;
    json_array_foreach(groups, n, entry) {
        json_t *o = golden_get(entry, "options"), *names = golden_get(entry, "verdicts"), *given = golden_get(entry, "penalties");
        credit_options options = {
            .lambda_d = golden_number(o, "lambda_d"),
            .tau = golden_number(o, "tau"),
            .adv_eps = golden_number(o, "adv_eps"),
            .adv_std = strcmp(golden_text(o, "adv_std"), "sample") ? CREDIT_STD_POPULATION : CREDIT_STD_SAMPLE,
            .norm_adv_by_std = golden_number(o, "norm_adv_by_std") != 0,
        };
        size_t size = json_array_size(names);
        verdict_status verdicts[MAX_GROUP];
        diversity diversities[MAX_GROUP] = {{0}};
        double penalties[MAX_GROUP];
        credit credits[MAX_GROUP];
        credit_summary summary;
        assert_true(size <= MAX_GROUP);
        for (size_t i = 0; i < size; i++) {
            verdicts[i] = verdict_by_name(json_string_value(json_array_get(names, i)));
            diversities[i].dbar = golden_at(golden_get(entry, "dbar"), i);
            if (!json_is_null(given)) penalties[i] = golden_at(given, i);
        }
        assert_int_equal(
            credit_assign(&options, size, verdicts, diversities, json_is_null(given) ? NULL : penalties, credits, &summary),
            STATUS_OK);
        solved_by_all += summary.kind == CREDIT_GROUP_SOLVE_ALL && summary.signal;
        for (size_t i = 0; i < size; i++) {
            json_t *reward = json_array_get(golden_get(entry, "rewards"), i);
            if (json_is_null(reward))
                assert_true(isnan(credits[i].reward));
            else
                ASSERT_CLOSE(credits[i].reward, json_number_value(reward), 1e-15, 1, "reward of group %zu rollout %zu", n, i);
            // dbar differences of 1e-7 keep 9 digits of a double: the deviations are as exact as the inputs allow.
            ASSERT_CLOSE(credits[i].advantage, golden_at(golden_get(entry, "advantages"), i), 2e-9, 1e-3,
                         "advantage of group %zu rollout %zu", n, i);
            ASSERT_CLOSE(credits[i].coupling, golden_at(golden_get(entry, "couplings"), i), 1e-12, 1e-30,
                         "coupling of group %zu rollout %zu", n, i);
        }
    }
    assert_true(n > 50 && solved_by_all >= 5);
    json_decref(groups);
}

#define C VERDICT_CORRECT
#define W VERDICT_WRONG

static void set_dbar(diversity *d, size_t count, const double *dbar) {
    for (size_t i = 0; i < count; i++) d[i] = (diversity){.dbar = dbar[i]};
}

static void a_mixed_group_by_hand(void **state) {
    (void)state;
    credit_options options = credit_default_options();
    options.lambda_d = 0.1, options.tau = 1, options.adv_eps = 0.5;
    diversity d[4];
    credit c[4];
    credit_summary s;
    set_dbar(d, 4, (double[]){0.2, 0.9, 0.4, 0.9});
    assert_int_equal(credit_assign(&options, 4, (verdict_status[]){C, W, C, VERDICT_UNDECIDED}, d, NULL, c, &s), STATUS_OK);
    // rewards 1.02, 0, 1.04, 0; mean 0.515; deviations 0.505, -0.515, 0.525, -0.515
    double std = sqrt((0.505 * 0.505 + 0.515 * 0.515 + 0.525 * 0.525 + 0.515 * 0.515) / 4), e = exp(0.2);
    const double reward[] = {1.02, 0, 1.04, 0}, deviation[] = {0.505, -0.515, 0.525, -0.515},
                 w[] = {1 / (1 + e), 0, e / (1 + e), 0};
    for (int i = 0; i < 4; i++) {
        ASSERT_CLOSE(c[i].reward, reward[i], 1e-15, 1, "reward");
        ASSERT_CLOSE(c[i].advantage, deviation[i] / (std + 0.5), 1e-14, 1, "advantage");
        ASSERT_CLOSE(c[i].coupling, w[i], 1e-15, 1, "coupling");
    }
    assert_int_equal(s.kind, CREDIT_GROUP_MIXED);
    assert_true(s.known == 4 && s.correct == 2 && s.signal);
    ASSERT_CLOSE(s.reward_mean, 0.515, 1e-15, 1, "mean");
    ASSERT_CLOSE(s.reward_std, std, 1e-14, 1, "std");
    ASSERT_CLOSE(s.diversity_spread, 0.2, 1e-15, 1, "spread");
    ASSERT_CLOSE(s.advantage_abs, (0.505 + 0.515 + 0.525 + 0.515) / 4 / (std + 0.5), 1e-14, 1, "mean |A|");
    ASSERT_CLOSE(s.coupling_entropy, -w[0] * log(w[0]) - w[2] * log(w[2]), 1e-14, 1, "coupling entropy");
}

static void wrong_answers_never_gain_from_being_different(void **state) {
    (void)state;
    credit_options options = credit_default_options();
    options.lambda_d = 0.5;
    diversity near[3], far[3];
    credit a[3], b[3];
    set_dbar(near, 3, (double[]){0.3, 0.1, 0.1});
    set_dbar(far, 3, (double[]){0.3, 0.9, 1.0});
    assert_int_equal(credit_assign(&options, 3, (verdict_status[]){C, W, VERDICT_NO_ANSWER}, near, NULL, a, NULL), STATUS_OK);
    assert_int_equal(credit_assign(&options, 3, (verdict_status[]){C, W, VERDICT_NO_ANSWER}, far, NULL, b, NULL), STATUS_OK);
    assert_memory_equal(a, b, sizeof a);
    assert_true(a[1].reward == 0 && a[1].coupling == 0 && a[1].advantage < 0);
}

static void unknown_verdicts_are_left_out(void **state) {
    (void)state;
    credit_options options = credit_default_options();
    diversity all[5], part[3];
    credit a[5], b[3];
    credit_summary s, t;
    set_dbar(all, 5, (double[]){0.1, 0.8, 0.3, 0.9, 0.2});
    set_dbar(part, 3, (double[]){0.1, 0.3, 0.2});
    const verdict_status verdicts[] = {C, VERDICT_TIMEOUT, W, VERDICT_ERROR, C};
    assert_int_equal(credit_assign(&options, 5, verdicts, all, NULL, a, &s), STATUS_OK);
    assert_int_equal(credit_assign(&options, 3, (verdict_status[]){C, W, C}, part, NULL, b, &t), STATUS_OK);
    const int known[] = {0, 2, 4};
    for (int i = 0; i < 3; i++) assert_memory_equal(&a[known[i]], &b[i], sizeof b[i]);
    for (int i = 1; i < 4; i += 2) assert_true(a[i].advantage == 0 && a[i].coupling == 0 && isnan(a[i].reward));
    assert_true(s.kind == t.kind && s.known == t.known && s.correct == t.correct && s.signal == t.signal);
    assert_true(s.reward_mean == t.reward_mean && s.reward_std == t.reward_std && s.advantage_abs == t.advantage_abs);
    assert_true(s.coupling_entropy == t.coupling_entropy && s.diversity_spread == t.diversity_spread);
}

static void too_few_known_verdicts_give_no_advantage(void **state) {
    (void)state;
    credit_options options = credit_default_options();
    diversity d[3];
    credit c[3];
    credit_summary s;
    set_dbar(d, 3, (double[]){0.1, 0.8, 0.3});
    for (int normalized = 0; normalized < 2; normalized++) {
        options.norm_adv_by_std = normalized;
        options.adv_std = normalized ? CREDIT_STD_SAMPLE : CREDIT_STD_POPULATION;
        assert_int_equal(
            credit_assign(&options, 3, (verdict_status[]){C, VERDICT_TIMEOUT, VERDICT_ERROR}, d, (double[]){-1, 0, 0}, c, &s),
            STATUS_OK);
        assert_true(c[0].advantage == 0 && c[1].advantage == 0 && c[2].advantage == 0 && c[0].coupling == 1 && !s.signal);
        assert_int_equal(credit_assign(&options, 1, (verdict_status[]){C}, d, NULL, c, &s), STATUS_OK);
        assert_true(c[0].advantage == 0 && s.kind == CREDIT_GROUP_SOLVE_ALL && !s.signal);
        assert_int_equal(credit_assign(&options, 2, (verdict_status[]){VERDICT_ERROR, VERDICT_ERROR}, d, NULL, c, &s), STATUS_OK);
        assert_true(c[0].advantage == 0 && c[0].coupling == 0 && s.kind == CREDIT_GROUP_UNKNOWN && isnan(s.reward_mean) &&
                    s.advantage_abs == 0);
    }
}

static void nearly_equal_diversity_counts_as_equal(void **state) {
    (void)state;
    credit_options options = credit_default_options();
    diversity d[3];
    credit c[3];
    credit_summary s;
    set_dbar(d, 3, (double[]){0.3, 0.3 + 0.9e-6, 0.3});
    assert_int_equal(credit_assign(&options, 3, (verdict_status[]){C, C, C}, d, NULL, c, &s), STATUS_OK);
    for (int i = 0; i < 3; i++) assert_true(c[i].advantage == 0);
    assert_false(s.signal);
    set_dbar(d, 3, (double[]){0.3, 0.3 + 1.1e-6, 0.3});
    assert_int_equal(credit_assign(&options, 3, (verdict_status[]){C, C, C}, d, NULL, c, &s), STATUS_OK);
    assert_true(c[1].advantage > 0 && c[0].advantage < 0 && s.signal);
    options.lambda_d = 0;
    assert_int_equal(credit_assign(&options, 3, (verdict_status[]){C, C, C}, d, NULL, c, &s), STATUS_OK);
    assert_true(c[1].advantage == 0 && !s.signal);
}

static void solve_all_groups_keep_order_one_advantages(void **state) {
    (void)state;
    credit_options options = credit_default_options();
    diversity d[8];
    credit c[8];
    credit_summary s;
    for (int i = 0; i < 8; i++) d[i] = (diversity){.dbar = 0.25 + 0.01 * i}; // spread times lambda_d is 7e-5
    const verdict_status all[8] = {C, C, C, C, C, C, C, C};
    assert_int_equal(credit_assign(&options, 8, all, d, NULL, c, &s), STATUS_OK);
    double std = 1e-5 * sqrt(5.25); // of 0..7 in steps of 1e-5
    for (int i = 0; i < 8; i++) ASSERT_CLOSE(c[i].advantage, 1e-5 * (i - 3.5) / (std + 1e-6), 1e-12, 1e-3, "advantage %d", i);
    assert_true(s.kind == CREDIT_GROUP_SOLVE_ALL && s.advantage_abs > 0.5);
}

static void overlong_penalty_comes_last_and_leaves_p_alone(void **state) {
    (void)state;
    credit_options options = credit_default_options();
    diversity d[2];
    credit c[2];
    credit_summary s;
    set_dbar(d, 2, (double[]){0.5, 0.5});
    assert_int_equal(credit_assign(&options, 2, (verdict_status[]){C, C}, d, (double[]){-1, 0}, c, &s), STATUS_OK);
    ASSERT_CLOSE(c[0].reward, 0.0005, 1e-12, 1e-3, "reward");
    assert_true(c[0].coupling == 0.5 && c[0].advantage < 0 && !s.signal);
    assert_int_equal(credit_assign(&options, 2, (verdict_status[]){W, W}, d, (double[]){-1, 0}, c, &s), STATUS_OK);
    assert_true(c[0].advantage < 0 && s.kind == CREDIT_GROUP_SOLVE_NONE && !s.signal);

    assert_true(credit_overlong_penalty(80, 100, 20, 1) == 0);
    assert_true(credit_overlong_penalty(90, 100, 20, 1) == -0.5);
    assert_true(credit_overlong_penalty(100, 100, 20, 0.5) == -0.5);
    assert_true(credit_overlong_penalty(100, 100, 0, 1) == 0 && credit_overlong_penalty(3, 10, 20, 1) < 0);
}

static void equal_rewards_give_exactly_no_advantage(void **state) {
    (void)state;
    credit_options options = credit_default_options();
    for (size_t size = 2; size <= MAX_GROUP; size++)
        for (int solved = 0; solved < 2; solved++) { // 0.1 and 0.3 are no doubles: their plain mean is off by a rounding
            verdict_status verdicts[MAX_GROUP];
            diversity d[MAX_GROUP];
            double penalties[MAX_GROUP];
            credit c[MAX_GROUP];
            for (size_t i = 0; i < size; i++) verdicts[i] = solved ? C : W, d[i] = (diversity){.dbar = 0.3}, penalties[i] = -0.1;
            assert_int_equal(credit_assign(&options, size, verdicts, d, penalties, c, NULL), STATUS_OK);
            for (size_t i = 0; i < size; i++) assert_true(c[i].advantage == 0);
        }
}

static void couplings_survive_large_tau_and_tau_zero(void **state) {
    (void)state;
    credit_options options = credit_default_options();
    diversity d[4];
    credit c[4];
    set_dbar(d, 4, (double[]){0.9, 0.2, 1.0, 0.5});
    const verdict_status verdicts[] = {C, C, C, W};
    options.tau = 1e6;
    assert_int_equal(credit_assign(&options, 4, verdicts, d, NULL, c, NULL), STATUS_OK);
    assert_true(c[2].coupling == 1 && c[0].coupling == 0 && c[1].coupling == 0);
    options.tau = 0;
    assert_int_equal(credit_assign(&options, 4, verdicts, d, NULL, c, NULL), STATUS_OK);
    for (int i = 0; i < 3; i++) assert_true(c[i].coupling == 1.0 / 3);
    assert_true(c[3].coupling == 0);
    assert_int_equal(credit_assign(&options, 4, (verdict_status[]){W, W, W, W}, d, NULL, c, NULL), STATUS_OK);
    for (int i = 0; i < 4; i++) assert_true(c[i].coupling == 0 && c[i].advantage == 0);
    options.tau = 5;
    assert_int_equal(credit_assign(&options, 4, verdicts, NULL, NULL, c, NULL), STATUS_OK); // no diversity at all
    assert_true(c[0].coupling == 1.0 / 3 && c[0].reward == 1);
}

static void bad_input_is_refused_and_leaves_the_output_alone(void **state) {
    (void)state;
    credit_options options = credit_default_options(), bad;
    diversity d[2];
    credit c[2] = {{7, 7, 7}, {7, 7, 7}}, before[2];
    memcpy(before, c, sizeof c);
    set_dbar(d, 2, (double[]){0.5, NAN});
    assert_int_equal(credit_assign(&options, 2, (verdict_status[]){C, C}, d, NULL, c, NULL), STATUS_INVALID);
    assert_non_null(strstr(status_message(), "rollout 1"));
    assert_int_equal(credit_assign(&options, 2, (verdict_status[]){C, W}, d, (double[]){0, INFINITY}, c, NULL), STATUS_INVALID);
    assert_int_equal(credit_assign(&options, 2, (verdict_status[]){C, (verdict_status)99}, d, NULL, c, NULL), STATUS_INVALID);
    for (int i = 0; i < 4; i++) {
        bad = options;
        *(double *[]){&bad.lambda_d, &bad.tau, &bad.adv_eps, &bad.adv_eps}[i] = i == 3 ? 0 : NAN;
        assert_int_equal(credit_assign(&bad, 2, (verdict_status[]){C, W}, d, NULL, c, NULL), STATUS_INVALID);
    }
    assert_memory_equal(c, before, sizeof c);
    assert_int_equal(credit_assign(&options, 2, (verdict_status[]){C, W}, d, NULL, c, NULL), STATUS_OK); // W's dbar is not read
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(credit_equals_decimal_arithmetic),
        cmocka_unit_test(a_mixed_group_by_hand),
        cmocka_unit_test(wrong_answers_never_gain_from_being_different),
        cmocka_unit_test(unknown_verdicts_are_left_out),
        cmocka_unit_test(too_few_known_verdicts_give_no_advantage),
        cmocka_unit_test(nearly_equal_diversity_counts_as_equal),
        cmocka_unit_test(solve_all_groups_keep_order_one_advantages),
        cmocka_unit_test(overlong_penalty_comes_last_and_leaves_p_alone),
        cmocka_unit_test(equal_rewards_give_exactly_no_advantage),
        cmocka_unit_test(couplings_survive_large_tau_and_tau_zero),
        cmocka_unit_test(bad_input_is_refused_and_leaves_the_output_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
