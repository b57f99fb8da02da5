// Any bytes as a response, under every profile; the first byte says whether the prompt opened a thought.
#include <stdint.h>
#include <stdlib.h>

#include "reward/extract.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    bool think_open = size > 0 && data[0] & 1;
    const char *text = (const char *)data + (size > 0);
    size_t length = size > 0 ? size - 1 : 0;
    for (int p = 0; p < PROFILE_COUNT; p++) {
        buffer out = {0};
        bool found = false;
        if (answer_extract((answer_profile)p, text, length, think_open, &out, &found) != STATUS_OK) abort();
        if (!found && out.length > 0) abort();
        buffer_free(&out);
    }
    return 0;
}
