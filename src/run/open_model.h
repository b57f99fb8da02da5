// Models opened as the settings say: threads and precision chosen, the promise about their products' bits checked.
#ifndef DSDR_RUN_OPEN_MODEL_H
#define DSDR_RUN_OPEN_MODEL_H

#include "model/encoder.h"
#include "model/language.h"
#include "run/settings.h"

// Opens `path` with the threads and precision of trainer.threads and trainer.precision, and tests on this model's shapes that
// products give a row the same bits in any batch and on any number of threads; where oneDNN's do not, the model is opened again
// on the fixed-order kernel (matmul_description tells). On failure *products is NULL, *lm is empty. Close the model before
// matmul_free(*products).
status run_open_model(matmul **products, language_model *lm, const settings *s, const char *path, bool trainable);

// The second half of it, for a model that language_model_describe has described with products made for trainer.threads and
// trainer.precision. *products is another one where the fixed-order kernel has to step in. A failure leaves *products NULL or one
// that the caller frees.
status run_read_model(matmul **products, language_model *lm, const settings *s, bool trainable);

// As run_open_model, for a sentence encoder, in float32. `rows`: see encoder_open. On failure both are NULL.
status run_open_encoder(matmul **products, encoder **out, const char *folder, int threads, size_t rows);

#endif
