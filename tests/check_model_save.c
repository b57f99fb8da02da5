// Saves a model (GGUF or folder) as a Hugging Face folder, for comparisons with other programs. Not a test by itself.
//
//   check_model_save MODEL FOLDER
#include <stdio.h>

#include "base/file.h"
#include "model/language.h"

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    matmul *products = NULL;
    language_model lm = {0};
    status code = matmul_create(&products, PRECISION_FLOAT32, 1, false);
    if (code == STATUS_OK) code = language_model_open(&lm, products, argv[1], false);
    if (code == STATUS_OK) code = folder_create(argv[2]);
    if (code == STATUS_OK) code = language_model_save(&lm, argv[2]);
    if (code != STATUS_OK) fprintf(stderr, "%s\n", status_message());
    language_model_close(&lm);
    matmul_free(products);
    return status_exit_code(code);
}
