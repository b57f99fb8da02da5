// reward/diversity: eqs 4 to 10 of docs/method.md against NumPy (scripts/fixtures/reward_diversity.py), and the cases
// that the equations leave open.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/jsonl.h"
#include "reward/diversity.h"

#define NEAR(value, expected, tolerance) assert_true(fabs((value) - (expected)) <= (tolerance))

static double number_at(const json_t *list, size_t i) { return json_number_value(json_array_get(list, i)); }

static void groups_equal_numpy(void **state) {
    (void)state;
    jsonl_reader reader;
    assert_int_equal(jsonl_open(&reader, TEST_SOURCE_DIR "/golden/reward/diversity.jsonl"), STATUS_OK);
    size_t rows = 0;
    for (json_t *row;; json_decref(row), rows++) {
        assert_int_equal(jsonl_next(&reader, &row), STATUS_OK);
        if (!row) break;
        const json_t *embeddings = json_object_get(row, "embeddings"), *formulas = json_object_get(row, "formulas");
        size_t G = json_array_size(embeddings), width = json_array_size(json_array_get(embeddings, 0));
        float z[32 * 24];
        formula_set sets[32] = {0};
        double d_emb[32], d_eq[32], distinct;
        for (size_t i = 0; i < G; i++) {
            for (size_t c = 0; c < width; c++) z[i * width + c] = (float)number_at(json_array_get(embeddings, i), c);
            const json_t *texts = json_array_get(formulas, i);
            for (size_t f = 0; f < json_array_size(texts); f++) {
                const char *text = json_string_value(json_array_get(texts, f));
                assert_int_equal(formula_set_add(&sets[i], text, strlen(text)), STATUS_OK);
            }
            for (int extra = (int)number_at(json_object_get(row, "extra"), i); extra > 0; extra--) {
                const char *text = json_string_value(json_array_get(texts, 0));
                assert_int_equal(formula_set_add(&sets[i], text, strlen(text)), STATUS_OK);
            }
            assert_int_equal(sets[i].count, json_array_size(texts));
        }
        assert_int_equal(diversity_semantic(z, G, width, d_emb), STATUS_OK);
        assert_int_equal(diversity_formula(sets, G, d_eq), STATUS_OK);
        double sigma_d = json_number_value(json_object_get(row, "sigma_d"));
        for (size_t i = 0; i < G; i++) {
            diversity out;
            diversity_combine(d_emb[i], d_eq[i], sigma_d, &out);
            NEAR(out.d_emb, number_at(json_object_get(row, "d_emb"), i), 1e-12);
            NEAR(out.d_eq, number_at(json_object_get(row, "d_eq"), i), 1e-15);
            NEAR(out.d, number_at(json_object_get(row, "d"), i), 1e-12);
            NEAR(out.dbar, number_at(json_object_get(row, "dbar"), i), 1e-12);
        }
        diversity_pairs pairs;
        assert_int_equal(diversity_similarity(z, G, width, &pairs), STATUS_OK);
        NEAR(pairs.mean, json_number_value(json_object_get(row, "similarity")), 1e-12);
        assert_int_equal(pairs.pairs, G * (G - 1) / 2);
        assert_int_equal(diversity_jaccard(sets, G, &pairs), STATUS_OK);
        NEAR(pairs.mean, json_number_value(json_object_get(row, "jaccard")), 1e-12);
        assert_int_equal(pairs.left_out, json_integer_value(json_object_get(row, "left_out")));
        assert_int_equal(pairs.pairs + pairs.left_out, G * (G - 1) / 2);
        assert_int_equal(diversity_distinct_share(sets, G, &distinct), STATUS_OK);
        NEAR(distinct, json_number_value(json_object_get(row, "distinct")), 1e-15);
        for (size_t i = 0; i < G; i++) formula_set_free(&sets[i]);
    }
    assert_int_equal(rows, 10);
    jsonl_close(&reader);
}

static void zero_rows_and_lone_responses_are_not_different(void **state) {
    (void)state;
    float z[] = {0, 0, 1, 0, -1, 0};
    double d[3];
    assert_int_equal(diversity_semantic(z, 3, 2, d), STATUS_OK);
    assert_true(d[0] == 0 && d[1] == 0.5 && d[2] == 0.5); // the opposite one is at distance 1, the empty one at 0
    assert_int_equal(diversity_semantic(z + 2, 1, 2, d), STATUS_OK);
    assert_true(d[0] == 0);
    formula_set one = {0};
    assert_int_equal(formula_set_add(&one, "1+1=2", 5), STATUS_OK);
    assert_int_equal(diversity_formula(&one, 1, d), STATUS_OK);
    assert_true(d[0] == 0);
    formula_set_free(&one);
    z[3] = NAN;
    assert_int_equal(diversity_semantic(z, 3, 2, d), STATUS_FAILED);
    assert_string_equal(status_message(), "the embedding of response 1 is not finite");
    float large[] = {3e38f, 3e38f, 1e-38f, 1e-38f}; // squares beyond float
    assert_int_equal(diversity_semantic(large, 2, 2, d), STATUS_OK);
    NEAR(d[0], 0, 1e-15);
}

static void distances_stay_in_their_range(void **state) {
    (void)state;
    float z[200 * 7];
    double d[200];
    for (int i = 0; i < 200 * 7; i++) z[i] = (float)sin(i % 7 + 1.0) * (float)(1 + i / 7 % 3); // parallel up to rounding
    assert_int_equal(diversity_semantic(z, 200, 7, d), STATUS_OK);
    for (int i = 0; i < 200; i++) assert_true(d[i] >= 0 && d[i] <= 1e-12);
    diversity out;
    diversity_combine(1, 1, 0.25, &out);
    assert_true(out.d == 1 && out.dbar == 0.25);
    diversity_combine(1, 0.5, 0, &out);
    assert_true(out.d == 0.75 && out.dbar == 0);
}

static void sets_grow_and_find_their_formulas(void **state) {
    (void)state;
    formula_set set = {0};
    for (int turn = 0; turn < 2; turn++) {
        char text[32];
        for (int pass = 0; pass < 2; pass++)
            for (int i = 0; i < 3000; i++) {
                int length = snprintf(text, sizeof text, "x_%d=1", i);
                assert_int_equal(formula_set_add(&set, text, (size_t)length), STATUS_OK);
            }
        assert_int_equal(set.count, 3000);
        assert_int_equal(set.occurrences, 6000);
        assert_string_equal(formula_text(&set, 2999), "x_2999=1");
        formula_set_clear(&set);
        assert_int_equal(set.count, 0);
    }
    formula_set_free(&set);
    // The empty text's hash is the published offset basis of FNV-1a.
    assert_int_equal(formula_set_add(&set, "", 0), STATUS_OK);
    assert_true(set.formulas[0].hash[0] == 0x6c62272e07bb0142u && set.formulas[0].hash[1] == 0x62b821756295c58du);
    formula_set_free(&set);
    // "a": d228cb696f1a8caf78912b704e4a8964
    assert_int_equal(formula_set_add(&set, "a", 1), STATUS_OK);
    assert_true(set.formulas[0].hash[0] == 0xd228cb696f1a8cafu && set.formulas[0].hash[1] == 0x78912b704e4a8964u);
    formula_set_free(&set);
    formula_level level;
    assert_true(formula_level_parse("l2", &level) && level == FORMULA_L2);
    assert_true(formula_level_parse("raw", &level) && level == FORMULA_RAW);
    assert_false(formula_level_parse("l3", &level));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_equal_numpy),
        cmocka_unit_test(zero_rows_and_lone_responses_are_not_different),
        cmocka_unit_test(distances_stay_in_their_range),
        cmocka_unit_test(sets_grow_and_find_their_formulas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
