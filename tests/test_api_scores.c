// libdsdr through dsdr.h alone: judging, comparing, credit and objective give what the rooms' own golden files say, and wrong
// arguments give a status and a message.
#include "api_assert.h"
#include "learn_golden.h"

#include <pthread.h>

enum { MOST = 40 };

static void the_library_has_the_version_of_its_header(void **state) {
    (void)state;
    assert_string_equal(dsdr_version(), DSDR_VERSION);
    assert_string_equal(dsdr_version(), DSDR_PROJECT_VERSION);
    assert_string_equal(dsdr_status_words(DSDR_INVALID), "bad input");
    assert_string_equal(dsdr_status_words((dsdr_status)99), "unknown status");
    dsdr_free(NULL);
}

// ---- judging -------------------------------------------------------------------------------------------------------------

// The hand-written cases of tests/golden/math: gold and answer as texts.
static void answers_are_judged_as_the_golden_cases_say(void **state) {
    (void)state;
    FILE *file = fopen(TEST_SOURCE_DIR "/golden/math/cases.tsv", "r");
    assert_non_null(file);
    char line[65536];
    size_t equal = 0, different = 0;
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = 0;
        char *gold = strchr(line, '\t'), *answer = gold ? strchr(gold + 1, '\t') : NULL;
        bool is_equal = !strncmp(line, "equal\t", 6), is_different = !strncmp(line, "different\t", 10);
        if (!answer || line[0] == '#' || (!is_equal && !is_different) || equal + different >= 200) continue;
        *answer++ = 0, gold++;
        if (strstr(answer, "boxed") || strchr(answer, '\t')) continue;
        dsdr_verdict v;
        ASSERT_OK(dsdr_verify_answer(NULL, gold, DSDR_STRING, answer, DSDR_STRING, &v));
        if ((v.status == DSDR_CORRECT) != is_equal) fail_msg("%s against %s: %s", answer, gold, dsdr_verdict_name(v.status));
        equal += is_equal, different += is_different;
        dsdr_verdict_clear(&v);
        assert_null(v.answer);
    }
    fclose(file);
    assert_true(equal >= 50 && different >= 20);
}

static void responses_are_extracted_and_judged(void **state) {
    (void)state;
    const char *response = "6 + 8 = 14, so the answer is \\boxed{14}.";
    dsdr_verdict v;
    ASSERT_OK(dsdr_verify(NULL, "14", DSDR_STRING, response, DSDR_STRING, &v));
    assert_int_equal(v.status, DSDR_CORRECT);
    assert_string_equal(v.answer, "14");
    assert_true(v.tier[0] != 0 && v.microseconds >= 0);
    dsdr_verdict_clear(&v);
    ASSERT_OK(dsdr_verify(NULL, "15", 2, response, strlen(response), &v));
    assert_int_equal(v.status, DSDR_WRONG);
    dsdr_verdict_clear(&v);
    ASSERT_OK(dsdr_verify(NULL, "14", 2, "The answer is 14.", DSDR_STRING, &v));
    assert_int_equal(v.status, DSDR_NO_ANSWER);
    assert_null(v.answer);
    dsdr_verify_options lenient = dsdr_verify_defaults();
    lenient.profile = DSDR_PROFILE_LENIENT;
    ASSERT_OK(dsdr_verify(&lenient, "14", 2, "The answer is 14.", DSDR_STRING, &v));
    assert_int_equal(v.status, DSDR_CORRECT);
    dsdr_verdict_clear(&v);
    ASSERT_OK(dsdr_verify(NULL, "14", 2, NULL, 0, &v)); // the empty response
    assert_int_equal(v.status, DSDR_NO_ANSWER);

    dsdr_verify_options explained = dsdr_verify_defaults();
    explained.explain = explained.skip_text = true;
    ASSERT_OK(dsdr_verify(&explained, "14", 2, response, DSDR_STRING, &v));
    assert_string_equal(v.tier, "normal");
    assert_string_equal(v.gold_form, "14");
    assert_string_equal(v.answer_form, "14");
    assert_non_null(v.reason);
    dsdr_verdict_clear(&v);
    ASSERT_OK(dsdr_verify(&explained, "15", 2, response, DSDR_STRING, &v));
    assert_string_equal(v.reason, "the rational values differ");
    dsdr_verdict_clear(&v);
    assert_null(v.reason);

    char *answer, *key, *other;
    size_t length, key_length, other_length;
    ASSERT_OK(dsdr_extract(DSDR_PROFILE_GSM8K, false, "... #### 1,234", DSDR_STRING, &answer, &length));
    assert_string_equal(answer, "1,234");
    assert_int_equal(length, 5);
    dsdr_free(answer);
    ASSERT_OK(dsdr_extract(DSDR_PROFILE_STRICT, false, "no box", DSDR_STRING, &answer, NULL));
    assert_null(answer);
    ASSERT_OK(dsdr_answer_key(NULL, "\\boxed{0.5}", DSDR_STRING, &key, &key_length));
    ASSERT_OK(dsdr_answer_key(NULL, "it is \\boxed{\\frac{1}{2}}", DSDR_STRING, &other, &other_length));
    assert_int_equal(key_length, other_length);
    assert_memory_equal(key, other, key_length);
    dsdr_free(key), dsdr_free(other);
    ASSERT_OK(dsdr_check_gold("\\frac{3}{4}", DSDR_STRING));
    assert_true(dsdr_check_gold("", 0) == DSDR_INVALID && dsdr_message()[0]);
}

static void a_batch_equals_its_pairs(void **state) {
    (void)state;
    dsdr_verify_item items[] = {
        {.gold = "14", .gold_length = DSDR_STRING, .text = "\\boxed{14}", .text_length = DSDR_STRING},
        {.gold = "14", .gold_length = DSDR_STRING, .text = "\\boxed{41}", .text_length = DSDR_STRING},
        {.gold = "1/2", .gold_length = 3, .text = "0.5", .text_length = 3, .is_answer = true},
    };
    ASSERT_OK(dsdr_verify_batch(NULL, NULL, items, 3));
    assert_int_equal(items[0].verdict.status, DSDR_CORRECT);
    assert_int_equal(items[1].verdict.status, DSDR_WRONG);
    assert_int_equal(items[2].verdict.status, DSDR_CORRECT);
    for (int i = 0; i < 3; i++) dsdr_verdict_clear(&items[i].verdict);
    ASSERT_OK(dsdr_verify_batch(NULL, NULL, NULL, 0));
    items[1].text = NULL;
    ASSERT_REFUSED(dsdr_verify_batch(NULL, NULL, items, 3), DSDR_INVALID, "item 1 has no text");
    dsdr_verify_pool *pool = (dsdr_verify_pool *)items;
    assert_int_not_equal(dsdr_verify_pool_open(&pool, "/nonexistent/dsdr", 1, 1.0, 0), DSDR_OK);
    assert_null(pool);
    assert_true(dsdr_message()[0]);
    dsdr_verify_pool_close(NULL);
}

static void workers_judge_as_this_process_does(void **state) {
    (void)state;
    enum { COUNT = 40 };
    static char texts[COUNT][64];
    dsdr_verify_item items[COUNT], again[COUNT];
    for (int i = 0; i < COUNT; i++) {
        snprintf(texts[i], sizeof texts[i], i % 5 ? "the answer is \\boxed{%d/6}" : "%d", i);
        items[i] = (dsdr_verify_item){
            .gold = "1/3", .gold_length = DSDR_STRING, .text = texts[i], .text_length = DSDR_STRING, .is_answer = i % 2};
        again[i] = items[i];
    }
    dsdr_verify_pool *pool;
    ASSERT_OK(dsdr_verify_pool_open(&pool, TEST_BINARY_DIR "/dsdr", 2, 20.0, 0));
    ASSERT_OK(dsdr_verify_batch(pool, NULL, items, COUNT));
    ASSERT_OK(dsdr_verify_batch(NULL, NULL, again, COUNT));
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(items[i].verdict.status, again[i].verdict.status);
        assert_string_equal(items[i].verdict.tier, again[i].verdict.tier);
        dsdr_verdict_clear(&items[i].verdict), dsdr_verdict_clear(&again[i].verdict);
    }
    dsdr_verify_pool_close(pool);
    ASSERT_REFUSED(dsdr_verify_pool_open(&pool, "dsdr", 0, 1, 0), DSDR_INVALID, "at least one worker");
    ASSERT_REFUSED(dsdr_verify_pool_open(&pool, "dsdr", 1, NAN, 0), DSDR_INVALID, "deadline_seconds");
}

// ---- comparing -----------------------------------------------------------------------------------------------------------

static void diversity_equals_numpy(void **state) {
    (void)state;
    FILE *file = fopen(TEST_SOURCE_DIR "/golden/reward/diversity.jsonl", "r");
    assert_non_null(file);
    static char line[1 << 20];
    size_t rows = 0;
    for (; fgets(line, sizeof line, file); rows++) {
        json_t *row = json_loads(line, 0, NULL), *embeddings = golden_get(row, "embeddings");
        size_t G = json_array_size(embeddings), width = json_array_size(json_array_get(embeddings, 0));
        float *z = calloc(G * width, sizeof *z);
        dsdr_formulas *sets[MOST];
        dsdr_diversity out[MOST];
        assert_true(G <= MOST);
        for (size_t i = 0; i < G; i++) {
            for (size_t c = 0; c < width; c++) z[i * width + c] = (float)golden_at(json_array_get(embeddings, i), c);
            json_t *texts = json_array_get(golden_get(row, "formulas"), i);
            ASSERT_OK(dsdr_formulas_create(&sets[i]));
            for (size_t f = 0; f < json_array_size(texts); f++)
                ASSERT_OK(dsdr_formulas_add(sets[i], json_string_value(json_array_get(texts, f)), DSDR_STRING));
            for (int extra = (int)golden_at(golden_get(row, "extra"), i); extra > 0; extra--)
                ASSERT_OK(dsdr_formulas_add(sets[i], json_string_value(json_array_get(texts, 0)), DSDR_STRING));
            assert_int_equal(dsdr_formulas_count(sets[i]), json_array_size(texts));
        }
        const dsdr_formulas *const *formulas = (const dsdr_formulas *const *)sets;
        ASSERT_OK(dsdr_diversity_scores(G, z, width, formulas, golden_number(row, "sigma_d"), out));
        for (size_t i = 0; i < G; i++) {
            ASSERT_CLOSE(out[i].d_emb, golden_at(golden_get(row, "d_emb"), i), 1e-12, 1, "d_emb");
            ASSERT_CLOSE(out[i].d_eq, golden_at(golden_get(row, "d_eq"), i), 1e-15, 1, "d_eq");
            ASSERT_CLOSE(out[i].d, golden_at(golden_get(row, "d"), i), 1e-12, 1, "d");
            ASSERT_CLOSE(out[i].dbar, golden_at(golden_get(row, "dbar"), i), 1e-12, 1, "dbar");
        }
        dsdr_similarity similarity;
        ASSERT_OK(dsdr_diversity_similarity(G, z, width, formulas, &similarity));
        ASSERT_CLOSE(similarity.semantic, golden_number(row, "similarity"), 1e-12, 1, "similarity");
        ASSERT_CLOSE(similarity.formula, golden_number(row, "jaccard"), 1e-12, 1, "jaccard");
        ASSERT_CLOSE(similarity.distinct_share, golden_number(row, "distinct"), 1e-15, 1, "distinct");
        assert_int_equal(similarity.pairs - similarity.formula_pairs, (size_t)golden_number(row, "left_out"));
        // One part alone.
        ASSERT_OK(dsdr_diversity_scores(G, NULL, 0, formulas, 1, out));
        ASSERT_CLOSE(out[0].d, golden_at(golden_get(row, "d_eq"), 0) / 2, 1e-15, 1, "formulas alone");
        assert_true(out[0].d_emb == 0);
        for (size_t i = 0; i < G; i++) dsdr_formulas_free(sets[i]);
        free(z);
        json_decref(row);
    }
    fclose(file);
    assert_int_equal(rows, 10);
}

static void formulas_are_found_as_labelled(void **state) {
    (void)state;
    FILE *file = fopen(TEST_SOURCE_DIR "/golden/reward/formulas.jsonl", "r");
    assert_non_null(file);
    static char line[1 << 20];
    size_t rows = 0;
    for (; fgets(line, sizeof line, file); rows++) {
        json_t *row = json_loads(line, 0, NULL), *text = golden_get(row, "text"), *expected = golden_get(row, "raw");
        dsdr_formulas *set;
        ASSERT_OK(dsdr_formulas_scan(&set, json_string_value(text), json_string_length(text), DSDR_FORMULA_RAW));
        assert_int_equal(dsdr_formulas_count(set), json_array_size(expected));
        for (size_t i = 0; i < json_array_size(expected); i++)
            assert_string_equal(dsdr_formulas_text(set, i), json_string_value(json_array_get(expected, i)));
        assert_null(dsdr_formulas_text(set, json_array_size(expected)));
        dsdr_formulas_free(set);
        json_decref(row);
    }
    fclose(file);
    assert_true(rows >= 100);
}

// ---- credit --------------------------------------------------------------------------------------------------------------

static dsdr_verdict_status verdict_of(const char *name) {
    for (int i = DSDR_CORRECT; i <= DSDR_ERROR; i++)
        if (!strcmp(dsdr_verdict_name((dsdr_verdict_status)i), name)) return (dsdr_verdict_status)i;
    fail_msg("no verdict is called %s", name);
    return DSDR_ERROR;
}

static void credit_equals_decimal_arithmetic(void **state) {
    (void)state;
    json_t *groups = golden_load("credit.json"), *entry;
    size_t n;
    json_array_foreach(groups, n, entry) {
        json_t *o = golden_get(entry, "options"), *names = golden_get(entry, "verdicts"), *given = golden_get(entry, "penalties");
        dsdr_credit_options options = dsdr_credit_defaults();
        options.lambda_d = golden_number(o, "lambda_d"), options.tau = golden_number(o, "tau");
        options.adv_eps = golden_number(o, "adv_eps"), options.norm_adv_by_std = golden_number(o, "norm_adv_by_std") != 0;
        options.adv_std = strcmp(golden_text(o, "adv_std"), "sample") ? DSDR_STD_POPULATION : DSDR_STD_SAMPLE;
        dsdr_verdict_status verdicts[MOST];
        dsdr_diversity scores[MOST] = {{0}};
        double penalties[MOST];
        dsdr_credit credits[MOST];
        dsdr_credit_summary summary;
        size_t G = json_array_size(names), correct = 0;
        assert_true(G <= MOST);
        for (size_t i = 0; i < G; i++) {
            verdicts[i] = verdict_of(json_string_value(json_array_get(names, i)));
            correct += verdicts[i] == DSDR_CORRECT;
            scores[i].dbar = golden_at(golden_get(entry, "dbar"), i);
            if (!json_is_null(given)) penalties[i] = golden_at(given, i);
        }
        ASSERT_OK(dsdr_credit_assign(&options, G, verdicts, scores, json_is_null(given) ? NULL : penalties, credits, &summary));
        assert_int_equal(summary.correct, correct);
        for (size_t i = 0; i < G; i++) {
            json_t *reward = json_array_get(golden_get(entry, "rewards"), i);
            if (json_is_null(reward))
                assert_true(isnan(credits[i].reward));
            else
                ASSERT_CLOSE(credits[i].reward, json_number_value(reward), 1e-15, 1, "reward of group %zu", n);
            ASSERT_CLOSE(credits[i].advantage, golden_at(golden_get(entry, "advantages"), i), 2e-9, 1e-3,
                         "advantage of group %zu", n);
            ASSERT_CLOSE(credits[i].coupling, golden_at(golden_get(entry, "couplings"), i), 1e-12, 1e-30, "coupling of group %zu",
                         n);
        }
    }
    assert_true(n > 50);
    json_decref(groups);
    assert_true(dsdr_overlong_penalty(95, 100, 10, 1.0) == -0.5);
}

// ---- objective -----------------------------------------------------------------------------------------------------------

static int index_of(const char *const *names, const char *name) {
    for (int i = 0; names[i]; i++)
        if (!strcmp(names[i], name)) return i;
    fail_msg("%s is unknown", name);
    return -1;
}

static dsdr_objective_options options_of(const json_t *s) {
    static const char *const aggregations[] = {"token-mean", "seq-mean-token-sum", "seq-mean-token-mean",
                                               "seq-mean-token-sum-norm", NULL};
    static const char *const kls[] = {"kl", "abs", "mse", "low_var_kl", "k1+", "abs+", "k3+", NULL};
    dsdr_objective_options o = dsdr_objective_defaults();
    o.clip_low = golden_number(s, "clip_ratio_low"), o.clip_high = golden_number(s, "clip_ratio_high");
    o.clip_c = golden_number(s, "clip_ratio_c"), o.loss_scale_factor = golden_number(s, "loss_scale_factor");
    o.kl_coef = golden_number(s, "kl_loss_coef"), o.entropy_coeff = golden_number(s, "entropy_coeff");
    o.lambda_l = golden_number(s, "lambda_l");
    o.aggregation = (dsdr_loss_agg)index_of(aggregations, golden_text(s, "loss_agg_mode"));
    o.local = strcmp(golden_text(s, "local"), "exact") ? DSDR_LOCAL_SAMPLED : DSDR_LOCAL_EXACT;
    if (!json_is_null(golden_get(s, "kl_loss_type"))) o.kl = (dsdr_kl)index_of(kls, golden_text(s, "kl_loss_type"));
    return o;
}

static void objective_and_its_gradients_equal_autograd(void **state) {
    (void)state;
    json_t *golden = golden_load("objective.json"), *expected;
    size_t n;
    json_array_foreach(golden_get(golden, "cases"), n, expected) {
        const json_t *batch = golden_get(golden_get(golden, "batches"), golden_text(expected, "batch"));
        json_t *lengths = golden_get(batch, "lengths");
        dsdr_objective_options o = options_of(golden_get(expected, "settings"));
        ASSERT_OK(dsdr_objective_check(&o));
        dsdr_objective_scope scope = {.prompts = (size_t)golden_number(batch, "prompts"),
                                      .rollouts = json_array_size(lengths),
                                      .max_length = (size_t)golden_number(golden, "max_length")};
        for (size_t i = 0; i < scope.rollouts; i++) scope.tokens += (size_t)golden_at(lengths, i);
        double loss = 0, largest = 1;
        for (size_t i = 0, t = 0; i < scope.rollouts; i++) {
            size_t length = (size_t)golden_at(lengths, i);
            for (size_t k = 0; k < length; k++, t++) {
                dsdr_objective_token token = {
                    golden_at(golden_get(batch, "logp"), t), golden_at(golden_get(batch, "logp_old"), t),
                    golden_at(golden_get(batch, "logp_ref"), t), golden_at(golden_get(batch, "entropy"), t)};
                dsdr_objective_output out;
                ASSERT_OK(dsdr_objective_token_loss(&o, &scope, length, golden_at(golden_get(batch, "advantages"), i),
                                                    golden_at(golden_get(batch, "couplings"), i), &token, &out));
                ASSERT_CLOSE(out.d_logp, golden_at(golden_get(expected, "d_logp"), t), 1e-12, 1e-4, "case %zu: d_logp", n);
                ASSERT_CLOSE(out.d_entropy, golden_at(golden_get(expected, "d_entropy"), t), 1e-13, 1e-4, "case %zu: d_entropy",
                             n);
                loss += out.loss, largest = fmax(largest, fabs(out.loss));
            }
        }
        ASSERT_CLOSE(loss, golden_number(expected, "loss"), 1e-12, largest, "case %zu: loss", n);
    }
    assert_true(n >= 200);
    json_decref(golden);
}

static void gradients_are_slopes(void **state) {
    (void)state;
    static const dsdr_objective_token tokens[] = {{-0.7, -0.9, -1.1, 0.8}, {-2.1, -2.0, -1.5, 1.9}, {-0.05, -0.9, -0.2, 0.3}};
    const dsdr_objective_scope scope = {.prompts = 2, .rollouts = 8, .tokens = 90, .max_length = 20};
    for (int aggregation = 0; aggregation <= DSDR_SEQ_MEAN_TOKEN_SUM_NORM; aggregation++)
        for (int variant = 0; variant < 8; variant++) {
            dsdr_objective_options o = dsdr_objective_defaults();
            o.aggregation = (dsdr_loss_agg)aggregation;
            o.local = variant & 1 ? DSDR_LOCAL_EXACT : DSDR_LOCAL_SAMPLED;
            o.lambda_l = 0.3, o.kl_coef = variant & 2 ? 0.2 : 0, o.entropy_coeff = variant & 4 ? 0.05 : 0;
            for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++) {
                const double h = 1e-5;
                dsdr_objective_output at, up, down;
                dsdr_objective_token t = tokens[i];
                ASSERT_OK(dsdr_objective_token_loss(&o, &scope, 7, 0.9, 0.4, &t, &at));
                t.logp = tokens[i].logp + h;
                ASSERT_OK(dsdr_objective_token_loss(&o, &scope, 7, 0.9, 0.4, &t, &up));
                t.logp = tokens[i].logp - h;
                ASSERT_OK(dsdr_objective_token_loss(&o, &scope, 7, 0.9, 0.4, &t, &down));
                ASSERT_CLOSE(at.d_logp, (up.loss - down.loss) / (2 * h), 1e-7, 1e-3, "d_logp");
                t = tokens[i], t.entropy += h;
                ASSERT_OK(dsdr_objective_token_loss(&o, &scope, 7, 0.9, 0.4, &t, &up));
                t.entropy -= 2 * h;
                ASSERT_OK(dsdr_objective_token_loss(&o, &scope, 7, 0.9, 0.4, &t, &down));
                ASSERT_CLOSE(at.d_entropy, (up.loss - down.loss) / (2 * h), 1e-7, 1e-3, "d_entropy");
            }
        }
}

static void a_rollout_is_the_sum_of_its_tokens(void **state) {
    (void)state;
    const float logp[] = {-0.5f, -1.25f, -3.0f}, old[] = {-0.75f, -1.25f, -2.0f}, entropy[] = {0.5f, 1.0f, 0.25f};
    const dsdr_objective_scope scope = {.prompts = 1, .rollouts = 2, .tokens = 6, .max_length = 3};
    double d_logp[3], d_entropy[3], loss = 0;
    dsdr_objective_sums sums = {0};
    ASSERT_OK(dsdr_objective_rollout(NULL, &scope, 3, 1.0, 0.5, logp, old, NULL, entropy, d_logp, d_entropy, &sums));
    for (int t = 0; t < 3; t++) {
        dsdr_objective_token token = {.logp = logp[t], .logp_old = old[t], .entropy = entropy[t]};
        dsdr_objective_output out;
        ASSERT_OK(dsdr_objective_token_loss(NULL, &scope, 3, 1.0, 0.5, &token, &out));
        assert_true(out.d_logp == d_logp[t] && out.d_entropy == d_entropy[t]);
        loss += out.loss;
    }
    ASSERT_CLOSE(sums.loss, loss, 1e-15, 1, "loss");
    assert_int_equal(sums.tokens, 3);
    // The second rollout is on the other side of the mean.
    ASSERT_OK(dsdr_objective_rollout(NULL, &scope, 3, -1.0, 0, logp, old, NULL, entropy, d_logp, NULL, &sums));
    assert_int_equal(sums.tokens, 6);
    dsdr_objective_figures figures;
    ASSERT_OK(dsdr_objective_report(&sums, &scope, &figures));
    ASSERT_CLOSE(figures.entropy, (0.5 + 1.0 + 0.25) / 3, 1e-15, 1, "entropy");
    ASSERT_CLOSE(figures.ratio_max, exp(0.25), 1e-15, 1, "largest ratio");
    ASSERT_CLOSE(figures.loss, sums.loss, 1e-15, 1, "loss");
    // exp(0.25) is above 1.28 for the good one, exp(-1) below 0.8 for the bad one.
    ASSERT_CLOSE(figures.pg_clipfrac, 2.0 / 6, 1e-15, 1, "share of clipped tokens");
    assert_true(dsdr_objective_needs_gradient(NULL, 1, 0) && !dsdr_objective_needs_gradient(NULL, 0, 0));
}

// ---- wrong arguments -----------------------------------------------------------------------------------------------------

static void wrong_arguments_are_told(void **state) {
    (void)state;
    dsdr_verdict v;
    dsdr_diversity d[2];
    dsdr_credit c[2];
    dsdr_formulas *set = NULL;
    char *text;
    ASSERT_REFUSED(dsdr_verify(NULL, NULL, 2, "x", 1, &v), DSDR_INVALID, "dsdr_verify: `gold` is NULL");
    ASSERT_REFUSED(dsdr_verify(NULL, "1", 1, "x", 1, NULL), DSDR_INVALID, "`out` is NULL");
    dsdr_verify_options profile = dsdr_verify_defaults();
    profile.profile = (dsdr_profile)7;
    ASSERT_REFUSED(dsdr_verify(&profile, "1", 1, "x", 1, &v), DSDR_INVALID, "profile 7 does not exist");
    ASSERT_REFUSED(dsdr_extract((dsdr_profile)-1, false, "x", 1, &text, NULL), DSDR_INVALID, "profile -1");
    ASSERT_REFUSED(dsdr_formulas_scan(&set, "x", 1, (dsdr_formula_level)3), DSDR_INVALID, "level 3");
    assert_null(set);
    const float z[] = {1, 0, NAN, 1};
    ASSERT_REFUSED(dsdr_diversity_scores(2, z, 2, NULL, 1, d), DSDR_FAILED, "not finite");
    ASSERT_REFUSED(dsdr_diversity_scores(2, z, 0, NULL, 1, d), DSDR_INVALID, "width");
    ASSERT_REFUSED(dsdr_diversity_scores(0, z, 2, NULL, 1, d), DSDR_INVALID, "at least one");
    ASSERT_REFUSED(dsdr_diversity_scores(1, z, 2, NULL, NAN, d), DSDR_INVALID, "sigma_d");
    const dsdr_formulas *none[2] = {NULL, NULL};
    ASSERT_REFUSED(dsdr_diversity_scores(2, NULL, 0, none, 1, d), DSDR_INVALID, "response 0");
    const dsdr_verdict_status verdicts[] = {DSDR_CORRECT, DSDR_WRONG}, strange[] = {DSDR_CORRECT, (dsdr_verdict_status)8};
    dsdr_credit_options options = dsdr_credit_defaults();
    options.tau = -1;
    ASSERT_REFUSED(dsdr_credit_assign(&options, 2, verdicts, NULL, NULL, c, NULL), DSDR_INVALID, "tau");
    assert_int_equal(dsdr_credit_assign(NULL, 2, strange, NULL, NULL, c, NULL), DSDR_INVALID);
    ASSERT_REFUSED(dsdr_credit_assign(NULL, 2, NULL, NULL, NULL, c, NULL), DSDR_INVALID, "`verdicts` is NULL");
    d[0].dbar = d[1].dbar = NAN;
    assert_int_equal(dsdr_credit_assign(NULL, 2, verdicts, d, NULL, c, NULL), DSDR_INVALID);
    dsdr_objective_options o = dsdr_objective_defaults();
    dsdr_objective_scope scope = {1, 1, 1, 1}, empty = {0};
    dsdr_objective_token token = {0};
    dsdr_objective_output out;
    const float logp[] = {-1};
    ASSERT_REFUSED(dsdr_objective_token_loss(&o, &empty, 1, 1, 0, &token, &out), DSDR_INVALID, "scope");
    ASSERT_REFUSED(dsdr_objective_token_loss(&o, &scope, 0, 1, 0, &token, &out), DSDR_INVALID, "at least one token");
    o.kl_coef = 0.1;
    ASSERT_REFUSED(dsdr_objective_rollout(&o, &scope, 1, 1, 0, logp, logp, NULL, NULL, NULL, NULL, NULL), DSDR_INVALID,
                   "`logp_ref`");
    o.aggregation = (dsdr_loss_agg)4;
    ASSERT_REFUSED(dsdr_objective_check(&o), DSDR_INVALID, "loss_agg_mode 4");
    ASSERT_REFUSED(dsdr_objective_check(NULL), DSDR_INVALID, "`options` is NULL");
    token.logp = NAN;
    ASSERT_OK(dsdr_objective_token_loss(NULL, &scope, 1, 1, 0, &token, &out));
    assert_true(isnan(out.loss) && isnan(out.d_logp));
}

static void *fail_elsewhere(void *argument) {
    dsdr_verdict v;
    (void)argument;
    assert_string_equal(dsdr_message(), ""); // nothing has failed in this thread
    dsdr_check_gold(NULL, 3);
    for (int i = 0; i < 200; i++) {
        if (dsdr_verify(NULL, "\\frac{1}{3}", DSDR_STRING, "\\boxed{\\frac{2}{6}}", DSDR_STRING, &v) != DSDR_OK ||
            v.status != DSDR_CORRECT)
            return "a verdict differs";
        dsdr_verdict_clear(&v);
    }
    return strstr(dsdr_message(), "`gold` is NULL") ? NULL : "the message is another";
}

static void threads_have_their_own_messages_and_judge_at_once(void **state) {
    (void)state;
    pthread_t threads[4];
    assert_int_equal(dsdr_objective_check(NULL), DSDR_INVALID);
    for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&threads[i], NULL, fail_elsewhere, NULL), 0);
    for (int i = 0; i < 4; i++) {
        void *wrong;
        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        if (wrong) fail_msg("%s", (const char *)wrong);
    }
    assert_string_equal(dsdr_message(), "dsdr_objective_check: `options` is NULL");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_library_has_the_version_of_its_header),
        cmocka_unit_test(answers_are_judged_as_the_golden_cases_say),
        cmocka_unit_test(responses_are_extracted_and_judged),
        cmocka_unit_test(a_batch_equals_its_pairs),
        cmocka_unit_test(workers_judge_as_this_process_does),
        cmocka_unit_test(diversity_equals_numpy),
        cmocka_unit_test(formulas_are_found_as_labelled),
        cmocka_unit_test(credit_equals_decimal_arithmetic),
        cmocka_unit_test(objective_and_its_gradients_equal_autograd),
        cmocka_unit_test(gradients_are_slopes),
        cmocka_unit_test(a_rollout_is_the_sum_of_its_tokens),
        cmocka_unit_test(wrong_arguments_are_told),
        cmocka_unit_test(threads_have_their_own_messages_and_judge_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
