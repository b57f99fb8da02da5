// Opening models. See open_model.h.
#include "run/open_model.h"

#include "run/options.h"

// Nothing is open where *invariant comes out false.
static status open(matmul **products, language_model *lm, const settings *s, const char *path, bool trainable, bool fixed_order,
                   bool *invariant) {
    TRY(matmul_create(products, options_precision(s), options_threads(s), fixed_order));
    status code = language_model_open(lm, *products, path, trainable);
    if (code == STATUS_OK) code = model_self_test(&lm->model, invariant);
    if (code == STATUS_OK && *invariant) return STATUS_OK;
    language_model_close(lm);
    matmul_free(*products);
    *products = NULL, *lm = (language_model){0};
    return code;
}

status run_open_model(matmul **products, language_model *lm, const settings *s, const char *path, bool trainable) {
    *products = NULL, *lm = (language_model){0};
    bool invariant;
    TRY(open(products, lm, s, path, trainable, false, &invariant));
    return invariant ? STATUS_OK : open(products, lm, s, path, trainable, true, &invariant);
}

static status open_encoder(matmul **products, encoder **out, const char *folder, int threads, size_t rows, bool fixed_order,
                           bool *invariant) {
    TRY(matmul_create(products, PRECISION_FLOAT32, threads, fixed_order));
    status code = encoder_open(out, *products, folder, rows);
    if (code == STATUS_OK) code = encoder_self_test(*out, invariant);
    if (code == STATUS_OK && *invariant) return STATUS_OK;
    encoder_close(*out);
    matmul_free(*products);
    *products = NULL, *out = NULL;
    return code;
}

status run_open_encoder(matmul **products, encoder **out, const char *folder, int threads, size_t rows) {
    *products = NULL, *out = NULL;
    bool invariant;
    TRY(open_encoder(products, out, folder, threads, rows, false, &invariant));
    return invariant ? STATUS_OK : open_encoder(products, out, folder, threads, rows, true, &invariant);
}
