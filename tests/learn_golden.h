// Reading golden files of learn/ in its tests: small helpers over jansson. A missing key or a wrong type fails the test.
#ifndef DSDR_TESTS_LEARN_GOLDEN_H
#define DSDR_TESTS_LEARN_GOLDEN_H

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static inline json_t *golden_load(const char *name) {
    char path[4096];
    json_error_t error;
    snprintf(path, sizeof path, "%s/golden/learn/%s", TEST_SOURCE_DIR, name);
    json_t *value = json_load_file(path, 0, &error);
    if (!value) fail_msg("%s: %s (line %d)", path, error.text, error.line);
    return value;
}

static inline json_t *golden_get(const json_t *object, const char *key) {
    json_t *value = json_object_get(object, key);
    if (!value) fail_msg("the golden file has no key %s", key);
    return value;
}

static inline double golden_number(const json_t *object, const char *key) {
    json_t *value = golden_get(object, key);
    assert_true(json_is_number(value) || json_is_boolean(value));
    return json_is_boolean(value) ? json_is_true(value) : json_number_value(value);
}

static inline const char *golden_text(const json_t *object, const char *key) {
    return json_string_value(golden_get(object, key));
}

static inline double golden_at(const json_t *array, size_t index) {
    json_t *value = json_array_get(array, index);
    assert_true(json_is_number(value));
    return json_number_value(value);
}

// |actual - expected| <= tolerance * max(|expected|, floor); a NaN never passes.
static inline int is_close(double actual, double expected, double tolerance, double smallest) {
    double size = fabs(expected) > smallest ? fabs(expected) : smallest;
    return fabs(actual - expected) <= tolerance * size;
}

#define ASSERT_CLOSE(actual, expected, tolerance, smallest, ...)                                                                 \
    do {                                                                                                                         \
        double actual_ = (actual), expected_ = (expected);                                                                       \
        if (!is_close(actual_, expected_, (tolerance), (smallest))) {                                                            \
            print_error(__VA_ARGS__);                                                                                            \
            fail_msg(": %.17g, expected %.17g", actual_, expected_);                                                             \
        }                                                                                                                        \
    } while (0)

#endif
