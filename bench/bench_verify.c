// Verification of pairs on one core: parse and decide, nothing remembered between pairs. bench_verify FILE [skip_text]
//
// FILE holds rows {"gold", "answer" or "response", "equal"}. The first line of output tells how many; then each request judges
// them all once, one after the other in this process, and is answered by the seconds, the distribution of the microseconds of one
// pair, the number of verdicts "correct", and how many of them were right and wrong where a row has "equal".
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsonl.h"
#include "bench.h"
#include "reward/verify.h"

typedef struct pair {
    char *gold, *text;
    size_t gold_length, text_length;
    bool is_answer;
    int equal; // -1: not said
} pair;

typedef struct pairs {
    pair *items;
    size_t count, capacity;
} pairs;

static status keep(const json_t *text, char **out, size_t *length) {
    if (!json_is_string(text)) return status_set(STATUS_INVALID, "a row needs \"gold\" and \"answer\" or \"response\", as texts");
    *length = json_string_length(text);
    *out = text_copy(json_string_value(text), *length);
    return *out ? STATUS_OK : status_set(STATUS_NO_MEMORY, "out of memory");
}

static status add_pair(pairs *all, const json_t *row) {
    if (all->count == all->capacity) {
        all->capacity = all->capacity ? 2 * all->capacity : 1024;
        pair *grown = realloc(all->items, all->capacity * sizeof *grown);
        if (!grown) return status_set(STATUS_NO_MEMORY, "out of memory");
        all->items = grown;
    }
    const json_t *answer = json_object_get(row, "answer"), *equal = json_object_get(row, "equal");
    pair *p = &all->items[all->count++];
    *p = (pair){.is_answer = answer != NULL, .equal = json_is_boolean(equal) ? json_is_true(equal) : -1};
    TRY(keep(json_object_get(row, "gold"), &p->gold, &p->gold_length));
    return keep(answer ? answer : json_object_get(row, "response"), &p->text, &p->text_length);
}

static status read_pairs(const char *file, pairs *all) {
    jsonl_reader reader;
    TRY(jsonl_open(&reader, file));
    status code = STATUS_OK;
    for (;;) {
        json_t *row = NULL;
        code = jsonl_next(&reader, &row);
        if (code != STATUS_OK || !row) break;
        code = add_pair(all, row);
        json_decref(row);
        if (code != STATUS_OK) break;
    }
    jsonl_close(&reader);
    return code;
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static status judge_all(const pairs *all, const verify_options *options, double *microseconds) {
    size_t correct = 0, right = 0, wrong = 0;
    double start = bench_now();
    for (size_t i = 0; i < all->count; i++) {
        const pair *p = &all->items[i];
        verdict v;
        double begin = bench_now();
        if (p->is_answer)
            TRY(verify_answer(options, p->gold, p->gold_length, p->text, p->text_length, &v));
        else
            TRY(verify_response(options, p->gold, p->gold_length, p->text, p->text_length, &v));
        microseconds[i] = (bench_now() - begin) * 1e6;
        bool said = v.status == VERDICT_CORRECT;
        correct += said;
        if (p->equal >= 0) right += said == (p->equal == 1), wrong += said && !p->equal;
        verdict_clear(&v);
    }
    double seconds = bench_now() - start;
    qsort(microseconds, all->count, sizeof *microseconds, by_size);
    const double *m = microseconds;
    size_t n = all->count;
    printf("{\"seconds\": %.6f, \"median_us\": %.3f, \"p90_us\": %.3f, \"p99_us\": %.3f, \"max_us\": %.3f, \"correct\": %zu, "
           "\"as_labelled\": %zu, \"false_equal\": %zu}\n",
           seconds, m[n / 2], m[n * 9 / 10], m[n * 99 / 100], m[n - 1], correct, right, wrong);
    return STATUS_OK;
}

int main(int argc, char **argv) {
    pairs all = {0};
    double *microseconds = NULL;
    status code = STATUS_OK;
    if (argc < 2) TRY_OR(code, status_set(STATUS_INVALID, "usage: bench_verify FILE.jsonl [skip_text]"), cleanup);
    TRY_OR(code, read_pairs(argv[1], &all), cleanup);
    if (all.count == 0) TRY_OR(code, status_set(STATUS_INVALID, "%s holds no pair", argv[1]), cleanup);
    microseconds = calloc(all.count, sizeof *microseconds);
    if (!microseconds) TRY_OR(code, status_set(STATUS_NO_MEMORY, "out of memory"), cleanup);
    verify_options options = VERIFY_OPTIONS_DEFAULT;
    options.profile = PROFILE_LENIENT; // of responses
    options.skip_text = argc > 2 && strcmp(argv[2], "skip_text") == 0;
    printf("{\"pairs\": %zu}\n", all.count);
    for (size_t request; code == STATUS_OK && bench_next(&request);) code = judge_all(&all, &options, microseconds);
cleanup:
    for (size_t i = 0; i < all.count; i++) free(all.items[i].gold), free(all.items[i].text);
    free(all.items), free(microseconds);
    return bench_finish("bench_verify", code);
}
