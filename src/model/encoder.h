// The frozen sentence encoder: texts in, one vector each, as sentence-transformers computes them (all-MiniLM-L6-v2 and other
// BertModels with mean pooling; Devlin et al. 2019, Reimers and Gurevych 2019).
//
// Texts are not padded: their tokens are the rows of one call, and attention stays within a text. The vector of a text has the
// same bits alone, in any company, and with any number of threads.
//
// A folder has the layout of sentence-transformers: config.json and model.safetensors of a BertModel, the tokenizer,
// sentence_bert_config.json, modules.json and the pooling's config.json. Every field of these is used, harmless, or refused by
// name. Vectors have length 1 where modules.json ends with Normalize, as that of MiniLM does; otherwise they are the plain means.
#ifndef DSDR_MODEL_ENCODER_H
#define DSDR_MODEL_ENCODER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "tensor/matmul.h"

typedef struct encoder encoder;

// What becomes of a text with more word pieces than the encoder's limit, [CLS] and [SEP] included.
typedef enum encoder_long {
    ENCODER_LONG_CUT,  // the rest is left out, as sentence-transformers does
    ENCODER_LONG_MEAN, // consecutive windows of the limit, each with its own [CLS] and [SEP]; the mean over the tokens of all
} encoder_long;

// Loads an encoder whose calls work on at most about `rows` tokens at a time (raised to the encoder's limit where smaller);
// memory is planned and taken here. `products` is borrowed and must outlive the encoder. On failure *out is NULL.
status encoder_open(encoder **out, matmul *products, const char *folder, size_t rows);
void encoder_close(encoder *e); // NULL is fine

// Bytes that an encoder opened so would hold, with `engines` engines prepared for it; reads its configuration only.
status encoder_measure(size_t *bytes, matmul *products, const char *folder, size_t rows, size_t engines);

// From here on computes with `products` (borrowed), and this thread's kernels on as many threads as those have. They are of the
// precision and kernel of those that it was opened with, and of as many threads or fewer. Changes no bit.
void encoder_use(encoder *e, matmul *products);

// ENCODER_LONG_CUT from the start.
void encoder_set_long(encoder *e, encoder_long how);

size_t encoder_width(const encoder *e);  // numbers of a vector
size_t encoder_limit(const encoder *e);  // word pieces of a text, [CLS] and [SEP] included
size_t encoder_memory(const encoder *e); // bytes that it holds: weights and working memory

// embeddings[count][width] = the vectors of `count` texts of lengths[i] bytes of UTF-8; cut[i] (cut may be NULL) says whether the
// text was longer than the limit, whatever became of it. An empty text gives the vector of [CLS] [SEP]. On failure the outputs
// hold nothing of use. Not for two threads at once.
status encoder_embed(encoder *e, const char *const *texts, const size_t *lengths, size_t count, float *embeddings, bool *cut);

// Whether this encoder's products give a row the same bits in any batch, on this machine (matmul_self_test on its shapes).
status encoder_self_test(encoder *e, bool *invariant);
// Builds the products (matmul_prepare) of the engine in use, so that none is built while it embeds.
status encoder_prepare(encoder *e);

#endif
