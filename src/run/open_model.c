// Opening a model. See open_model.h.
#include "run/open_model.h"

#include "run/options.h"

static status open(matmul **products, language_model *lm, const settings *s, const char *path, bool trainable, bool fixed_order) {
    TRY(matmul_create(products, options_precision(s), options_threads(s), fixed_order));
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
    status code = model_self_test(&lm->model, &invariant);
    if (code == STATUS_OK && invariant) return STATUS_OK;
    language_model_close(lm);
    matmul_free(*products);
    *products = NULL, *lm = (language_model){0};
    return code == STATUS_OK ? open(products, lm, s, path, trainable, true) : code;
}
