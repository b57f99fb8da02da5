// Sentence embeddings: model/encoder.h as dsdr.h offers it.
#include "model/encoder.h"

#include <stdlib.h>

#include "api/api.h"
#include "api/threads.h"
#include "run/open_model.h"

enum { ENCODER_ROWS = 2048 }; // word pieces computed at once

struct dsdr_encoder {
    matmul *products;
    encoder *encoder;
};

dsdr_status dsdr_encoder_open(dsdr_encoder **out, const char *folder, int threads) {
    API_NEED(out);
    *out = NULL;
    API_NEED(folder);
    if (threads < 0) return api_status(status_set(STATUS_INVALID, "threads is %d; it must be at least 0", threads));
    dsdr_encoder *e = calloc(1, sizeof *e);
    if (!e) return api_no_memory();
    int before = omp_get_max_threads();
    status code = run_open_encoder(&e->products, &e->encoder, folder, threads ? threads : omp_get_num_procs(), ENCODER_ROWS);
    api_threads_give(before);
    if (code == STATUS_OK)
        *out = e;
    else
        dsdr_encoder_close(e);
    return api_status(code);
}

void dsdr_encoder_close(dsdr_encoder *encoder) {
    if (!encoder) return;
    encoder_close(encoder->encoder);
    matmul_free(encoder->products);
    free(encoder);
}

size_t dsdr_encoder_width(const dsdr_encoder *encoder) { return encoder ? encoder_width(encoder->encoder) : 0; }
size_t dsdr_encoder_limit(const dsdr_encoder *encoder) { return encoder ? encoder_limit(encoder->encoder) : 0; }

dsdr_status dsdr_encoder_set_windows(dsdr_encoder *encoder, bool windows) {
    API_NEED(encoder);
    encoder_set_long(encoder->encoder, windows ? ENCODER_LONG_MEAN : ENCODER_LONG_CUT);
    return DSDR_OK;
}

dsdr_status dsdr_encoder_embed(dsdr_encoder *encoder, const char *const *texts, const size_t *lengths, size_t count,
                               float *embeddings, bool *cut) {
    API_NEED(encoder);
    if (count == 0) return DSDR_OK;
    API_NEED(texts);
    API_NEED(embeddings);
    size_t *own;
    API_TRY(api_lengths(texts, lengths, count, &own));
    int before = api_threads_take(encoder->products);
    status code = encoder_embed(encoder->encoder, texts, own, count, embeddings, cut);
    api_threads_give(before);
    free(own);
    return api_status(code);
}
