// Opening models. See open_model.h.
#include "run/open_model.h"

#include "run/options.h"

static status read_and_test(language_model *lm, bool trainable, bool *invariant) {
    TRY(model_read(&lm->model, lm->path, trainable));
    return model_self_test(&lm->model, invariant);
}

status run_read_model(matmul **products, language_model *lm, const settings *s, bool trainable) {
    bool invariant;
    TRY(read_and_test(lm, trainable, &invariant));
    if (invariant) return trainable ? model_prepare(&lm->model) : STATUS_OK;
    model_forget(&lm->model);
    matmul_free(*products);
    lm->model.products = NULL;
    TRY(matmul_create(products, options_precision(s), options_threads(s), true));
    lm->model.products = *products;
    return read_and_test(lm, trainable, &invariant);
}

status run_open_model(matmul **products, language_model *lm, const settings *s, const char *path, bool trainable) {
    *lm = (language_model){0};
    TRY(matmul_create(products, options_precision(s), options_threads(s), false));
    status code = language_model_describe(lm, *products, path);
    if (code == STATUS_OK) code = run_read_model(products, lm, s, trainable);
    if (code == STATUS_OK) return STATUS_OK;
    language_model_close(lm);
    matmul_free(*products);
    *products = NULL;
    return code;
}

static status open_encoder(matmul **products, encoder **out, const char *folder, int threads, size_t rows, bool fixed_order,
                           bool *invariant) {
    TRY(matmul_create(products, PRECISION_FLOAT32, threads, fixed_order));
    status code = encoder_open(out, *products, folder, rows);
    if (code == STATUS_OK) code = encoder_self_test(*out, invariant);
    if (code == STATUS_OK && *invariant) code = encoder_prepare(*out);
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
