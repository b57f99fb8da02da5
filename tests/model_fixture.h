// Reads the tiny models' fixtures (tests/golden/model) into the records that the engine works on; shared by the model tests.
#ifndef TESTS_MODEL_FIXTURE_H
#define TESTS_MODEL_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "assert_ok.h"
#include "model/model.h"
#include "records/records.h"

// Loads a model as the program does: on the fixed-order kernel where oneDNN's products depend on the batch or the threads.
static inline void fixture_model(model *m, matmul **products, const char *path, precision p, int threads, bool trainable) {
    bool invariant;
    assert_ok(matmul_create(products, p, threads, false));
    assert_ok(model_load(m, *products, path, trainable));
    assert_ok(model_self_test(m, &invariant));
    if (invariant) return;
    model_free(m);
    matmul_free(*products);
    assert_ok(matmul_create(products, p, threads, true));
    assert_ok(model_load(m, *products, path, trainable));
}

static inline json_t *fixture_json(const char *model, const char *file) {
    char path[512];
    snprintf(path, sizeof path, "%s/golden/model/%s/%s", TEST_SOURCE_DIR, model, file);
    json_error_t error;
    json_t *value = json_load_file(path, 0, &error);
    if (!value) fail_msg("%s: %s", path, error.text);
    return value;
}

static inline int32_t *fixture_tokens(const json_t *list, size_t *count) {
    *count = json_array_size(list);
    int32_t *tokens = calloc(*count + 1, sizeof *tokens);
    for (size_t i = 0; i < *count; i++) tokens[i] = (int32_t)json_integer_value(json_array_get(list, i));
    return tokens;
}

// groups from [{"prompt": [...], KEY: [[...] or {"tokens": [...]}]}]
static inline group *fixture_groups(const json_t *list, const char *key, size_t *count) {
    *count = json_array_size(list);
    group *groups = calloc(*count, sizeof *groups);
    for (size_t g = 0; g < *count; g++) {
        const json_t *row = json_array_get(list, g), *responses = json_object_get(row, key);
        groups[g].prompt_tokens = fixture_tokens(json_object_get(row, "prompt"), &groups[g].prompt_length);
        groups[g].size = json_array_size(responses);
        groups[g].rollouts = calloc(groups[g].size, sizeof *groups[g].rollouts);
        for (size_t r = 0; r < groups[g].size; r++) {
            const json_t *response = json_array_get(responses, r);
            if (json_is_object(response)) response = json_object_get(response, "tokens");
            groups[g].rollouts[r].tokens = fixture_tokens(response, &groups[g].rollouts[r].length);
        }
    }
    return groups;
}

static inline void fixture_groups_free(group *groups, size_t count) {
    for (size_t g = 0; g < count; g++) {
        for (size_t r = 0; r < groups[g].size; r++) free(groups[g].rollouts[r].tokens);
        free(groups[g].rollouts), free(groups[g].prompt_tokens);
    }
    free(groups);
}

#endif
