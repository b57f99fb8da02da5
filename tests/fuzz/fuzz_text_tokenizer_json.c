// Any bytes as a tokenizer.json: loaded or refused, and what loads encodes and decodes without harm.
#include <stdlib.h>

#include "text/tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char text[] =
        "Hello <|im_end|>, it's 12 o'clock\r\n\n  caf\xC3\xA9 \xE6\x97\xA5\xE6\x9C\xAC\xF0\x9F\x98\x80 ab\xFF";
    tokenizer *t;
    if (size > 100000 || tokenizer_create_json(&t, (const char *)data, size, "fuzz") != STATUS_OK) return 0;
    token_list ids = {0};
    buffer out = {0};
    if (tokenizer_encode(t, text, sizeof text - 1, true, true, &ids) == STATUS_OK) {
        for (size_t i = 0; i < ids.count; i++) { // a post-processor may name ids that are no tokens; the text's own are
            size_t length;
            (void)tokenizer_token_bytes(t, ids.ids[i], &length);
        }
        (void)tokenizer_decode(t, ids.ids, ids.count, true, &out);
    }
    bool cut;
    ids.count = 0;
    (void)tokenizer_encode_limited(t, text, sizeof text - 1, false, true, 4, &ids, &cut);
    if (ids.count > 4) abort();
    token_list_free(&ids);
    buffer_free(&out);
    tokenizer_free(t);
    return 0;
}
