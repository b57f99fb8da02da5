// Opening a model. See open_model.h.
#include "run/open_model.h"

#include <unistd.h>

enum { SELF_TEST_ROWS = 256 };

static int thread_count(const settings *s) {
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return s->trainer.threads > 0 ? (int)s->trainer.threads : cores > 0 ? (int)cores : 1;
}

static precision chosen_precision(const settings *s) {
    if (s->trainer.precision == SETTING_PRECISION_AUTO) return matmul_has_bfloat16() ? PRECISION_BFLOAT16 : PRECISION_FLOAT32;
    return s->trainer.precision == SETTING_PRECISION_BFLOAT16 ? PRECISION_BFLOAT16 : PRECISION_FLOAT32;
}

static status rows_are_invariant(matmul *products, const model_config *c, bool *invariant) {
    size_t q = c->heads * c->head_width, kv = c->kv_heads * c->head_width;
    const size_t shapes[][2] = {
        {q + 2 * kv, c->hidden}, {c->hidden, q}, {2 * c->feed_forward, c->hidden}, {c->hidden, c->feed_forward}};
    *invariant = true;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes && *invariant; i++)
        TRY(matmul_self_test(products, shapes[i][0], shapes[i][1], SELF_TEST_ROWS, invariant));
    return STATUS_OK;
}

static status open(matmul **products, language_model *lm, const settings *s, const char *path, bool trainable, bool fixed_order) {
    TRY(matmul_create(products, chosen_precision(s), thread_count(s), fixed_order));
    status code = language_model_open(lm, *products, path, trainable);
    if (code == STATUS_OK) return STATUS_OK;
    matmul_free(*products);
    *products = NULL;
    return code;
}

status run_open_model(matmul **products, language_model *lm, const settings *s, const char *path, bool trainable) {
    *products = NULL, *lm = (language_model){0};
    TRY(open(products, lm, s, path, trainable, false));
    bool invariant;
    status code = rows_are_invariant(*products, &lm->model.config, &invariant);
    if (code == STATUS_OK && invariant) return STATUS_OK;
    language_model_close(lm);
    matmul_free(*products);
    *products = NULL, *lm = (language_model){0};
    return code == STATUS_OK ? open(products, lm, s, path, trainable, true) : code;
}
