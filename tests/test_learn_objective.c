// The objective against torch.autograd, against finite differences, and its rules by hand.
#include "learn_golden.h"

#include "base/random.h"
#include "learn/credit.h"
#include "learn/objective.h"

enum { MAX_TOKENS = 32 };

static objective_options read_options(const json_t *s) {
    objective_options o = {
        .clip_low = golden_number(s, "clip_ratio_low"),
        .clip_high = golden_number(s, "clip_ratio_high"),
        .clip_c = golden_number(s, "clip_ratio_c"),
        .loss_scale_factor = golden_number(s, "loss_scale_factor"),
        .kl_coef = golden_number(s, "kl_loss_coef"),
        .entropy_coeff = golden_number(s, "entropy_coeff"),
        .lambda_l = golden_number(s, "lambda_l"),
    };
    assert_int_equal(objective_parse_aggregation(golden_text(s, "loss_agg_mode"), &o.aggregation), STATUS_OK);
    assert_int_equal(objective_parse_local(golden_text(s, "local"), &o.local), STATUS_OK);
    if (!json_is_null(golden_get(s, "kl_loss_type")))
        assert_int_equal(objective_parse_kl(golden_text(s, "kl_loss_type"), &o.kl), STATUS_OK);
    assert_int_equal(objective_check_options(&o), STATUS_OK);
    return o;
}

static void check_case(const json_t *batch, size_t max_length, const json_t *expected, size_t index) {
    objective_options o = read_options(golden_get(expected, "settings"));
    json_t *lengths = golden_get(batch, "lengths");
    objective_scope scope = {
        .prompts = (size_t)golden_number(batch, "prompts"), .rollouts = json_array_size(lengths), .max_length = max_length};
    for (size_t i = 0; i < scope.rollouts; i++) scope.tokens += (size_t)golden_at(lengths, i);
    assert_true(scope.tokens <= MAX_TOKENS);

    objective_metrics total;
    objective_metrics_clear(&total);
    double d_logp[MAX_TOKENS], d_entropy[MAX_TOKENS], largest = 0;
    for (size_t i = 0, t = 0; i < scope.rollouts; i++) {
        objective_rollout earned = {(size_t)golden_at(lengths, i), golden_at(golden_get(batch, "advantages"), i),
                                    golden_at(golden_get(batch, "couplings"), i)};
        objective_metrics metrics;
        objective_metrics_clear(&metrics);
        for (size_t k = 0; k < earned.length; k++, t++) {
            objective_token token = {golden_at(golden_get(batch, "logp"), t), golden_at(golden_get(batch, "logp_old"), t),
                                     golden_at(golden_get(batch, "logp_ref"), t), golden_at(golden_get(batch, "entropy"), t)};
            objective_output out;
            objective_token_loss(&o, &scope, &earned, &token, &out);
            objective_metrics_add(&metrics, &token, &out);
            d_logp[t] = out.d_logp, d_entropy[t] = out.d_entropy;
            largest = fmax(largest, fabs(out.loss));
        }
        if (objective_needs_gradient(&o, earned.advantage, earned.coupling))
            objective_metrics_merge(&total, &metrics);
        else
            assert_true(metrics.loss == 0);
    }
    for (size_t t = 0; t < scope.tokens; t++) {
        ASSERT_CLOSE(d_logp[t], golden_at(golden_get(expected, "d_logp"), t), 1e-12, 1e-4, "case %zu: d_logp of token %zu", index,
                     t);
        ASSERT_CLOSE(d_entropy[t], golden_at(golden_get(expected, "d_entropy"), t), 1e-13, 1e-4,
                     "case %zu: d_entropy of token %zu", index, t);
    }
    objective_report report = objective_metrics_report(&total, &scope);
    double scale = fmax(1, largest);
    ASSERT_CLOSE(report.loss, golden_number(expected, "loss"), 1e-13, scale, "case %zu: loss", index);
    ASSERT_CLOSE(report.pg_loss, golden_number(expected, "pg_loss"), 1e-13, scale, "case %zu: pg_loss", index);
    ASSERT_CLOSE(report.kl_loss, golden_number(expected, "kl_loss"), 1e-13, scale, "case %zu: kl_loss", index);
    ASSERT_CLOSE(report.local_loss, golden_number(expected, "local_loss"), 1e-13, scale / fmax(o.lambda_l, 1e-3),
                 "case %zu: local_loss", index);
    ASSERT_CLOSE(report.pg_clipfrac, golden_number(expected, "pg_clipfrac"), 1e-14, 1, "case %zu: pg_clipfrac", index);
    ASSERT_CLOSE(report.pg_clipfrac_lower, golden_number(expected, "pg_clipfrac_lower"), 1e-14, 1, "case %zu: pg_clipfrac_lower",
                 index);
    ASSERT_CLOSE(report.clipfrac_high + report.clipfrac_low, report.pg_clipfrac, 1e-14, 1, "case %zu: sides of the clip", index);
    if (total.tokens == scope.tokens) { // nothing was skipped: means over seen tokens are means over all
        ASSERT_CLOSE(report.entropy_bonus, golden_number(expected, "entropy_bonus"), 1e-13, 1, "case %zu: entropy_bonus", index);
        ASSERT_CLOSE(report.ppo_kl, golden_number(expected, "ppo_kl"), 1e-13, 1, "case %zu: ppo_kl", index);
    }
    double sum =
        report.pg_loss + o.kl_coef * report.kl_loss - o.entropy_coeff * report.entropy_bonus + o.lambda_l * report.local_loss;
    ASSERT_CLOSE(report.loss, sum, 1e-13, scale, "case %zu: loss against the sum of its terms", index);
}

static void every_case_equals_autograd(void **state) {
    (void)state;
    json_t *golden = golden_load("objective.json"), *entry;
    size_t i;
    json_array_foreach(golden_get(golden, "cases"), i, entry) {
        check_case(golden_get(golden_get(golden, "batches"), golden_text(entry, "batch")),
                   (size_t)golden_number(golden, "max_length"), entry, i);
    }
    assert_true(i >= 200);
    json_decref(golden);
}

static void ties_take_the_derivative_that_autograd_takes(void **state) {
    (void)state;
    json_t *golden = golden_load("objective.json"), *entry;
    size_t i;
    json_array_foreach(golden_get(golden, "ties"), i, entry) {
        json_t *low = golden_get(entry, "low"), *high = golden_get(entry, "high"), *c = golden_get(entry, "c");
        objective_options o = {.clip_low = json_is_null(low) ? 0.2 : 1 - exp(json_number_value(low)),
                               .clip_high = json_is_null(high) ? 0.28 : exp(json_number_value(high)) - 1,
                               .clip_c = json_is_null(c) ? 0 : exp(json_number_value(c))};
        objective_scope scope = {1, 1, 1, 1};
        objective_rollout earned = {1, golden_number(entry, "advantage"), 0};
        objective_token token = {.logp = 0, .logp_old = -golden_number(entry, "log_ratio")};
        objective_output out;
        objective_token_loss(&o, &scope, &earned, &token, &out);
        ASSERT_CLOSE(out.loss, golden_number(entry, "loss"), 1e-14, 1, "%s: loss", golden_text(entry, "name"));
        ASSERT_CLOSE(out.d_logp, golden_number(entry, "d_logp"), 1e-14, 1, "%s: d_logp", golden_text(entry, "name"));
        assert_false(out.clipped || out.clipped_lower);
    }
    assert_int_equal(i, 7);
    json_decref(golden);
}

// The mini-batches of real models: from verdicts and dbar to the derivatives, as autograd sees them through the whole loss.
static void credit_and_objective_together_equal_autograd(void **state) {
    (void)state;
    json_t *golden = golden_load("../model/tiny_qwen3/objective.json"), *groups = golden_get(golden, "batch"), *expected;
    size_t n;
    json_array_foreach(golden_get(golden, "cases"), n, expected) {
        json_t *s = golden_get(expected, "settings"), *c = golden_get(s, "clip_ratio_c"),
               *factor = golden_get(s, "loss_scale_factor"), *kl = golden_get(s, "kl_loss_type");
        const char *name = golden_text(expected, "name");
        objective_options o = {
            .clip_low = golden_number(s, "clip_ratio_low"),
            .clip_high = golden_number(s, "clip_ratio_high"),
            .clip_c = json_number_value(c), // 0 for null
            .loss_scale_factor = json_number_value(factor),
            .kl_coef = golden_number(s, "kl_loss_coef"),
            .entropy_coeff = golden_number(s, "entropy_coeff"),
            .lambda_l = golden_number(s, "lambda_l"),
        };
        credit_options options = credit_default_options();
        options.lambda_d = golden_number(s, "lambda_d"), options.tau = golden_number(s, "tau"),
        options.adv_eps = golden_number(s, "adv_eps");
        assert_int_equal(objective_parse_aggregation(golden_text(s, "loss_agg_mode"), &o.aggregation), STATUS_OK);
        assert_int_equal(objective_parse_local(golden_text(s, "local"), &o.local), STATUS_OK);
        if (json_is_string(kl)) assert_int_equal(objective_parse_kl(json_string_value(kl), &o.kl), STATUS_OK);

        char temperature[32];
        snprintf(temperature, sizeof temperature, "%.1f", golden_number(s, "temperature"));
        json_t *inputs = golden_get(golden_get(golden, "inputs"), temperature);
        objective_scope scope = {.prompts = json_array_size(groups), .tokens = json_array_size(golden_get(inputs, "logp"))};
        for (size_t g = 0; g < scope.prompts; g++)
            scope.rollouts += json_array_size(golden_get(json_array_get(groups, g), "responses"));
        objective_metrics total;
        objective_metrics_clear(&total);
        size_t t = 0, r = 0;
        for (size_t g = 0; g < scope.prompts; g++) {
            json_t *responses = golden_get(json_array_get(groups, g), "responses"),
                   *dbar = golden_get(json_array_get(groups, g), "dbar");
            json_t *rewards = json_array_get(golden_get(expected, "rewards"), g);
            verdict_status verdicts[8];
            diversity diversities[8] = {{0}};
            credit credits[8];
            size_t size = json_array_size(responses);
            assert_true(size <= 8);
            for (size_t i = 0; i < size; i++) {
                json_t *reward = json_array_get(rewards, i);
                verdicts[i] = json_is_null(reward)             ? VERDICT_TIMEOUT
                              : json_number_value(reward) == 1 ? VERDICT_CORRECT
                                                               : VERDICT_WRONG;
                diversities[i].dbar = golden_at(dbar, i);
            }
            assert_int_equal(credit_assign(&options, size, verdicts, diversities, NULL, credits, NULL), STATUS_OK);
            for (size_t i = 0; i < size; i++, r++) {
                // The golden file forms deviations from rounded rewards: 1e-16 of 1 against a std of 1e-4.
                ASSERT_CLOSE(credits[i].advantage, golden_at(golden_get(expected, "advantages"), r), 1e-10, 1, "%s: A of %zu",
                             name, r);
                ASSERT_CLOSE(credits[i].coupling, golden_at(golden_get(expected, "couplings"), r), 1e-14, 1, "%s: w of %zu", name,
                             r);
                objective_rollout earned = {json_array_size(json_array_get(responses, i)), credits[i].advantage,
                                            credits[i].coupling};
                for (size_t k = 0; k < earned.length; k++, t++) {
                    objective_token token = {
                        golden_at(golden_get(inputs, "logp"), t), golden_at(golden_get(inputs, "logp_old"), t),
                        golden_at(golden_get(inputs, "logp_ref"), t), golden_at(golden_get(inputs, "entropy"), t)};
                    objective_output out;
                    objective_token_loss(&o, &scope, &earned, &token, &out);
                    objective_metrics_add(&total, &token, &out);
                    ASSERT_CLOSE(out.d_logp, golden_at(golden_get(expected, "d_logp"), t), 1e-9, 1e-3, "%s: d_logp of %zu", name,
                                 t);
                    ASSERT_CLOSE(out.d_entropy, golden_at(golden_get(expected, "d_entropy"), t), 1e-12, 1e-3,
                                 "%s: d_entropy of %zu", name, t);
                }
            }
        }
        objective_report report = objective_metrics_report(&total, &scope);
        ASSERT_CLOSE(report.loss, golden_number(expected, "loss"), 1e-9, 1, "%s: loss", name);
        ASSERT_CLOSE(report.pg_loss, golden_number(expected, "pg_loss"), 1e-9, 1, "%s: pg_loss", name);
        ASSERT_CLOSE(report.kl_loss, golden_number(expected, "kl_loss"), 1e-12, 1, "%s: kl_loss", name);
        ASSERT_CLOSE(report.local_loss, -golden_number(expected, "j_local"), 1e-12, 1, "%s: local_loss", name);
        ASSERT_CLOSE(report.pg_clipfrac, golden_number(expected, "pg_clipfrac"), 1e-14, 1, "%s: pg_clipfrac", name);
    }
    assert_true(n >= 10);
    json_decref(golden);
}

// A uniform draw for the finite differences.
static double draw(uint32_t trial, uint32_t what, double low, double high) {
    return low + (high - low) * random_uniform(1, RANDOM_TEST, trial, what, 0);
}

// The value whose derivative the "+" estimators give is that of k2.
static double differentiable_loss(objective_options o, const objective_scope *scope, const objective_rollout *earned,
                                  objective_token token) {
    objective_output out;
    if (o.kl == KL_K1_PLUS || o.kl == KL_ABS_PLUS || o.kl == KL_K3_PLUS) o.kl = KL_K2;
    objective_token_loss(&o, scope, earned, &token, &out);
    return out.loss;
}

static void derivatives_equal_finite_differences(void **state) {
    (void)state;
    size_t checked = 0;
    for (uint32_t trial = 0; trial < 4000; trial++) {
        objective_options o = {
            .clip_low = 0.2,
            .clip_high = 0.28,
            .clip_c = trial % 3 ? 0 : 3,
            .aggregation = (loss_agg_mode)(trial % LOSS_AGG_MODE_COUNT),
            .loss_scale_factor = 5,
            .kl = (kl_type)(trial / 4 % KL_TYPE_COUNT),
            .kl_coef = trial % 5 ? 0.3 : 0,
            .entropy_coeff = trial % 7 ? 0 : 0.2,
            .lambda_l = 0.5,
            .local = trial % 2 ? LOCAL_SAMPLED : LOCAL_EXACT,
        };
        objective_scope scope = {3, 7, 40, 9};
        objective_rollout earned = {4, draw(trial, 0, -2, 2), trial % 4 ? draw(trial, 1, 0, 1) : 0};
        objective_token token = {.logp = draw(trial, 2, -4, 0), .entropy = draw(trial, 3, 0, 3)};
        token.logp_old = token.logp - draw(trial, 4, -1.5, 1.5);
        token.logp_ref = token.logp - draw(trial, 5, -4, 4);
        const double h = 1e-5, ratio = exp(token.logp - token.logp_old), edges[] = {0.8, 1.28, 3};
        double m = token.logp_ref - token.logp;
        int kink = fabs(m) < 1e-3 || fabs(exp(m) - m - 1 - 10) < 0.1; // of abs, and of the clamp of k3
        for (int e = 0; e < 3; e++) kink |= fabs(ratio - edges[e]) < 1e-3;
        if (kink) continue;
        objective_output out;
        objective_token_loss(&o, &scope, &earned, &token, &out);
        objective_token up = token, down = token;
        up.logp += h, down.logp -= h;
        double slope =
            (differentiable_loss(o, &scope, &earned, up) - differentiable_loss(o, &scope, &earned, down)) / (up.logp - down.logp);
        ASSERT_CLOSE(out.d_logp, slope, 1e-7, 0.1, "trial %u: d_logp", trial);
        up = down = token;
        up.entropy += h, down.entropy -= h;
        slope = (differentiable_loss(o, &scope, &earned, up) - differentiable_loss(o, &scope, &earned, down)) /
                (up.entropy - down.entropy);
        ASSERT_CLOSE(out.d_entropy, slope, 1e-7, 0.1, "trial %u: d_entropy", trial);
        checked++;
    }
    assert_true(checked > 3500);
}

static void the_first_update_has_ratio_one_and_plain_policy_gradient(void **state) {
    (void)state;
    objective_options o = objective_default_options();
    objective_scope scope = {2, 4, 20, 8};
    for (int i = -1; i <= 1; i += 2) {
        objective_rollout earned = {5, 1.5 * i, 0.25};
        objective_token token = {.logp = (double)-0.7f, .logp_old = (double)-0.7f, .logp_ref = NAN, .entropy = 1};
        objective_output out;
        objective_token_loss(&o, &scope, &earned, &token, &out);
        assert_true(out.ratio == 1 && out.ppo_kl == 0 && !out.clipped && !out.clipped_lower);
        double local = 0.001 * 0.25 / (5 * 2), logp = (double)-0.7f;
        ASSERT_CLOSE(out.d_logp, -1.5 * i / (4 * 5) + local * (logp + 1), 1e-15, 1e-3, "d_logp");
        ASSERT_CLOSE(out.loss, -1.5 * i / (4 * 5) + local * logp, 1e-15, 1e-3, "loss");
        assert_true(out.d_entropy == 0 && out.kl_loss == 0); // logp_ref is not read
    }
}

static void the_local_term_is_a_mean_over_prompts_whatever_the_aggregation(void **state) {
    (void)state;
    objective_scope scope = {3, 12, 100, 16};
    objective_rollout earned = {4, 0, 0.5};
    objective_token token = {.logp = -1.2, .logp_old = -1.5, .entropy = 0.8};
    for (int mode = 0; mode < LOSS_AGG_MODE_COUNT; mode++) {
        objective_options o = {.clip_low = 0.2, .clip_high = 0.2, .aggregation = (loss_agg_mode)mode, .lambda_l = 0.1};
        objective_output out;
        objective_token_loss(&o, &scope, &earned, &token, &out);
        double rho = exp(-1.2 - -1.5);
        ASSERT_CLOSE(out.local_loss, 0.5 / (4 * 3) * rho * -1.2, 1e-14, 1e-3, "local_loss");
        ASSERT_CLOSE(out.d_logp, 0.1 * 0.5 / (4 * 3) * rho * (-1.2 + 1), 1e-14, 1e-3, "d_logp");
        o.local = LOCAL_EXACT;
        objective_token_loss(&o, &scope, &earned, &token, &out);
        ASSERT_CLOSE(out.d_entropy, -0.1 * 0.5 / (4 * 3), 1e-14, 1e-3, "d_entropy");
        assert_true(out.d_logp == 0);
    }
}

static void a_rollout_is_skipped_exactly_when_nothing_can_move(void **state) {
    (void)state;
    objective_options o = objective_default_options();
    assert_false(objective_needs_gradient(&o, 0, 0));
    assert_true(objective_needs_gradient(&o, -1e-12, 0) && objective_needs_gradient(&o, 0, 1e-9));
    o.lambda_l = 0;
    assert_false(objective_needs_gradient(&o, 0, 1));
    o.kl_coef = 0.1;
    assert_true(objective_needs_gradient(&o, 0, 0));
    o.kl_coef = 0, o.entropy_coeff = -0.1;
    assert_true(objective_needs_gradient(&o, 0, 0));

    o = objective_default_options();
    objective_scope scope = {1, 2, 6, 3};
    objective_rollout earned = {3, 0, 0};
    for (double x = -40; x <= 40; x += 0.5) { // even where the ratio is extreme, a rollout without credit adds exactly nothing
        objective_token token = {.logp = -0.5, .logp_old = -0.5 - x, .entropy = 2};
        objective_output out;
        objective_token_loss(&o, &scope, &earned, &token, &out);
        assert_true(out.loss == 0 && out.d_logp == 0 && out.d_entropy == 0 && !out.clipped && !out.clipped_lower);
    }
}

static void what_is_not_read_cannot_spoil_the_loss(void **state) {
    (void)state;
    const objective_scope scope = {1, 1, 3, 3};
    objective_output out;
    objective_options o = objective_default_options();
    objective_token token = {.logp = -1, .logp_old = -1.1, .logp_ref = NAN, .entropy = NAN};
    objective_token_loss(&o, &scope, &(objective_rollout){3, 1, 0.5}, &token, &out);
    assert_true(isfinite(out.loss) && isfinite(out.d_logp) && isfinite(out.d_entropy));
    o.local = LOCAL_EXACT; // outside the correct set the entropy is not read either
    objective_token_loss(&o, &scope, &(objective_rollout){3, 1, 0}, &token, &out);
    assert_true(isfinite(out.loss) && isfinite(out.d_logp) && out.d_entropy == 0);
    objective_token_loss(&o, &scope, &(objective_rollout){3, 1, 0.5}, &token, &out);
    assert_true(isnan(out.loss));
}

static void a_nan_never_turns_into_a_number(void **state) {
    (void)state;
    objective_options o = objective_default_options();
    o.kl_coef = 0.1, o.clip_c = 3;
    objective_scope scope = {1, 1, 3, 3};
    for (int kl = 0; kl < KL_TYPE_COUNT; kl++)
        for (int which = 0; which < 4; which++)
            for (int sign = -1; sign <= 1; sign++) {
                o.kl = (kl_type)kl;
                objective_rollout earned = {3, sign, 0.5};
                objective_token token = {-1, -1.1, -1.2, 1};
                *(double *[]){&token.logp, &token.logp_old, &token.logp_ref, &earned.advantage}[which] = NAN;
                objective_output out;
                objective_token_loss(&o, &scope, &earned, &token, &out);
                assert_true(isnan(out.loss));
                // The derivative of k1 and abs is +-1 whatever logp_ref is; of abs at NaN it is NaN.
                if (!(which == 2 && kl == KL_K1)) assert_true(isnan(out.d_logp));
            }
}

static void metrics_merge_like_one_long_sum_and_name_themselves(void **state) {
    (void)state;
    objective_options o = objective_default_options();
    objective_scope scope = {1, 2, 8, 4};
    objective_metrics part[2], total, empty;
    objective_metrics_clear(&total), objective_metrics_clear(&empty);
    const double advantage[] = {1, -1}, shift[] = {0, 0.5, -0.5, 0.1};
    for (int i = 0; i < 2; i++) {
        objective_metrics_clear(&part[i]);
        objective_rollout earned = {4, advantage[i], 0};
        for (int t = 0; t < 4; t++) {
            objective_token token = {.logp = -1, .logp_old = -1 - shift[t], .entropy = 0.5 + i};
            objective_output out;
            objective_token_loss(&o, &scope, &earned, &token, &out);
            objective_metrics_add(&part[i], &token, &out);
        }
        objective_metrics_merge(&total, &part[i]);
        objective_metrics_merge(&total, &empty);
    }
    objective_report r = objective_metrics_report(&total, &scope);
    assert_true(r.clipfrac_high == 1.0 / 8 && r.clipfrac_low == 1.0 / 8 && r.pg_clipfrac == 2.0 / 8 && r.pg_clipfrac_lower == 0);
    ASSERT_CLOSE(r.ratio_min, exp(-0.5), 1e-14, 1, "ratio_min");
    ASSERT_CLOSE(r.ratio_max, exp(0.5), 1e-14, 1, "ratio_max");
    ASSERT_CLOSE(r.ratio_mean, (1 + exp(0.5) + exp(-0.5) + exp(0.1)) / 4, 1e-14, 1, "ratio_mean");
    ASSERT_CLOSE(r.entropy, 1, 1e-14, 1, "entropy");
    ASSERT_CLOSE(r.ppo_kl, -0.025, 1e-14, 1, "ppo_kl");
    r = objective_metrics_report(&empty, &scope);
    assert_true(isnan(r.ppo_kl) && isnan(r.ratio_min) && r.pg_loss == 0 && r.pg_clipfrac == 0);

    objective_output lost = {.ratio = NAN, .loss = NAN};
    objective_metrics_add(&part[0], &(objective_token){0}, &lost);
    objective_metrics_merge(&part[0], &part[1]);
    objective_metrics_merge(&total, &part[0]);
    r = objective_metrics_report(&total, &scope);
    assert_true(isnan(r.ratio_min) && isnan(r.ratio_max) && isnan(r.loss));

    static const char *const names[] = {
#define X(field, name) name,
        OBJECTIVE_REPORT_TABLE(X)
#undef X
    };
    assert_true(sizeof names / sizeof *names == sizeof(objective_report) / sizeof(double));
}

static void names_are_verls(void **state) {
    (void)state;
    static const struct {
        const char *name;
        kl_type type;
    } known[] = {{"kl", KL_K1},       {"k1", KL_K1},
                 {"abs", KL_ABS},     {"mse", KL_K2},
                 {"k2", KL_K2},       {"low_var_kl", KL_K3},
                 {"k3", KL_K3},       {"k1+", KL_K1_PLUS},
                 {"kl+", KL_K1_PLUS}, {"abs+", KL_ABS_PLUS},
                 {"k3+", KL_K3_PLUS}, {"k2+", KL_K2},
                 {"mse+", KL_K2},     {"low_var_kl+", KL_K3_PLUS}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        kl_type type = KL_TYPE_COUNT;
        assert_int_equal(objective_parse_kl(known[i].name, &type), STATUS_OK);
        assert_int_equal(type, known[i].type);
    }
    kl_type type = KL_K2;
    assert_int_equal(objective_parse_kl("full", &type), STATUS_UNSUPPORTED);
    assert_int_equal(objective_parse_kl("k4", &type), STATUS_INVALID);
    assert_int_equal(type, KL_K2);
    for (int i = 0; i < LOSS_AGG_MODE_COUNT; i++) {
        loss_agg_mode mode;
        assert_int_equal(objective_parse_aggregation(objective_aggregation_name((loss_agg_mode)i), &mode), STATUS_OK);
        assert_int_equal(mode, i);
    }
    loss_agg_mode mode;
    assert_int_equal(objective_parse_aggregation("sample-mean", &mode), STATUS_INVALID);
    local_entropy local;
    assert_int_equal(objective_parse_local(objective_local_name(LOCAL_EXACT), &local), STATUS_OK);
    assert_int_equal(local, LOCAL_EXACT);
    assert_int_equal(objective_parse_local("both", &local), STATUS_INVALID);
}

static void options_out_of_range_are_refused_by_key(void **state) {
    (void)state;
    static const struct {
        size_t offset;
        double value;
        const char *key;
    } bad[] = {
        {offsetof(objective_options, clip_low), 1.01, "clip_ratio_low"},
        {offsetof(objective_options, clip_low), NAN, "clip_ratio_low"},
        {offsetof(objective_options, clip_high), -0.1, "clip_ratio_high"},
        {offsetof(objective_options, clip_c), 1, "clip_ratio_c"},
        {offsetof(objective_options, clip_c), NAN, "clip_ratio_c"},
        {offsetof(objective_options, loss_scale_factor), -1, "loss_scale_factor"},
        {offsetof(objective_options, kl_coef), -1, "kl_loss_coef"},
        {offsetof(objective_options, entropy_coeff), INFINITY, "entropy_coeff"},
        {offsetof(objective_options, lambda_l), NAN, "lambda_l"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        objective_options o = objective_default_options();
        assert_int_equal(objective_check_options(&o), STATUS_OK);
        *(double *)((char *)&o + bad[i].offset) = bad[i].value;
        assert_int_equal(objective_check_options(&o), STATUS_INVALID);
        assert_non_null(strstr(status_message(), bad[i].key));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_case_equals_autograd),
        cmocka_unit_test(credit_and_objective_together_equal_autograd),
        cmocka_unit_test(ties_take_the_derivative_that_autograd_takes),
        cmocka_unit_test(derivatives_equal_finite_differences),
        cmocka_unit_test(the_first_update_has_ratio_one_and_plain_policy_gradient),
        cmocka_unit_test(the_local_term_is_a_mean_over_prompts_whatever_the_aggregation),
        cmocka_unit_test(a_rollout_is_skipped_exactly_when_nothing_can_move),
        cmocka_unit_test(what_is_not_read_cannot_spoil_the_loss),
        cmocka_unit_test(a_nan_never_turns_into_a_number),
        cmocka_unit_test(metrics_merge_like_one_long_sum_and_name_themselves),
        cmocka_unit_test(names_are_verls),
        cmocka_unit_test(options_out_of_range_are_refused_by_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
