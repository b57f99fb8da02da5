// Single pre-tokenizers and normalizers against golden results of Hugging Face tokenizers (scripts/fixtures/text_steps.py). Whole
// tokenizers hide a wrong cut where no merge spans it; here every piece is compared.
#include "assert_ok.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsonl.h"
#include "text/tokenizer_parts.h"

static void describe(const json_t *row, const char *key, const json_t *text) {
    char *part = json_dumps(json_object_get(row, key), JSON_COMPACT), *quoted = json_dumps(text, JSON_ENCODE_ANY);
    print_error("%s of %s\n", part, quoted);
    free(part), free(quoted);
}

// `want` holds the index of the text and its pieces.
static bool check_pieces(const splitter *s, const json_t *text, const json_t *want) {
    splitter_work work = {0};
    assert_ok(buffer_append(&work.text, json_string_value(text), json_string_length(text)));
    assert_ok(splitter_run(s, &work, true));
    bool same = work.pieces.count == json_array_size(want) - 1;
    for (size_t i = 0; same && i < work.pieces.count; i++) {
        piece p = work.pieces.items[i];
        const json_t *other = json_array_get(want, i + 1);
        same = p.to - p.from == json_string_length(other) &&
               memcmp(work.text.data + p.from, json_string_value(other), p.to - p.from) == 0;
    }
    for (size_t i = 0; !same && i < work.pieces.count; i++)
        print_error("  piece %zu: \"%.*s\"\n", i, (int)(work.pieces.items[i].to - work.pieces.items[i].from),
                    work.text.data + work.pieces.items[i].from);
    splitter_work_free(&work);
    return same;
}

static bool check_normal_form(const normalizer *n, const json_t *text, const json_t *want) {
    buffer work = {0}, scratch = {0};
    assert_ok(buffer_append(&work, json_string_value(text), json_string_length(text)));
    assert_ok(normalizer_run(n, &work, &scratch));
    const json_t *other = json_array_get(want, 1);
    bool same =
        work.length == json_string_length(other) && memcmp(buffer_text(&work), json_string_value(other), work.length) == 0;
    if (!same) print_error("  result: \"%s\"\n", buffer_text(&work));
    buffer_free(&work);
    buffer_free(&scratch);
    return same;
}

static void every_step_does_what_its_namesake_does(void **state) {
    (void)state;
    jsonl_reader reader;
    json_t *texts = NULL;
    size_t wrong = 0, cuts = 0, forms = 0;
    assert_ok(jsonl_open(&reader, TEST_SOURCE_DIR "/golden/text/steps.jsonl"));
    for (json_t *row;; json_decref(row)) {
        tokenizer t = {0};
        assert_ok(jsonl_next(&reader, &row));
        if (!row) break;
        if (!texts) texts = json_incref(json_object_get(row, "texts"));
        const json_t *pieces = json_object_get(row, "pieces"), *results = json_object_get(row, "results");
        assert_ok(tokenizer_read_pre_tokenizer(&t, json_object_get(row, "pre_tokenizer"), "pre_tokenizer"));
        assert_ok(tokenizer_read_normalizer(&t, json_object_get(row, "normalizer"), "normalizer"));
        for (size_t i = 0; i < json_array_size(pieces) + json_array_size(results); i++) {
            const json_t *want = json_array_get(pieces ? pieces : results, i);
            const json_t *text = json_array_get(texts, (size_t)json_integer_value(json_array_get(want, 0)));
            bool same = pieces ? check_pieces(&t.splitter, text, want) : check_normal_form(&t.normalizer, text, want);
            if (!same) describe(row, pieces ? "pre_tokenizer" : "normalizer", text);
            wrong += !same;
            cuts += pieces != NULL;
            forms += results != NULL;
        }
        splitter_free(&t.splitter);
        normalizer_free(&t.normalizer);
    }
    jsonl_close(&reader);
    json_decref(texts);
    assert_int_equal(wrong, 0);
    assert_true(cuts > 2000 && forms > 500);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_step_does_what_its_namesake_does)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
