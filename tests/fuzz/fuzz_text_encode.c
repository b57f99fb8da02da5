// Any bytes as a text: the tokens of a byte-level tokenizer decode to the same text, its broken characters as U+FFFD.
#include <stdlib.h>
#include <string.h>

#include "text/tokenizer.h"
#include "text/unicode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// A tokenizer of all bytes with a few merges, split as SmolLM2 or as Llama 3.
static tokenizer *make(const char *pre_tokenizer) {
    static const char *const merged[] = {"t h", "th e",  "\xC4\xA0 t",        "\xC4\xA0t h",
                                         "a b", "ab ab", "\xC4\xA0 \xC4\xA0", "\xC4\x8A \xC4\x8A"};
    enum { MERGES = sizeof merged / sizeof *merged };
    buffer texts[256 + MERGES + 1] = {0};
    text_span tokens[256 + MERGES + 1], merges[MERGES];
    int32_t types[256 + MERGES + 1];
    tokenizer *t = NULL;
    for (int i = 0; i < 256; i++)
        if (unicode_append(&texts[i], unicode_of_byte((unsigned char)i)) != STATUS_OK) abort();
    for (int i = 0; i < MERGES; i++) {
        merges[i] = (text_span){merged[i], strlen(merged[i])};
        for (const char *c = merged[i]; *c; c++)
            if (*c != ' ' && buffer_append_byte(&texts[256 + i], *c) != STATUS_OK) abort();
    }
    if (buffer_append_text(&texts[256 + MERGES], "<end>") != STATUS_OK) abort();
    for (int i = 0; i <= 256 + MERGES; i++) {
        tokens[i] = (text_span){texts[i].data, texts[i].length};
        types[i] = i < 256 + MERGES ? TOKEN_NORMAL : TOKEN_CONTROL;
    }
    tokenizer_bpe_source source = {.name = "fuzz",
                                   .pre_tokenizer = pre_tokenizer,
                                   .tokens = tokens,
                                   .types = types,
                                   .token_count = 257 + MERGES,
                                   .merges = merges,
                                   .merge_count = MERGES,
                                   .bos = -1,
                                   .eos = 256 + MERGES,
                                   .pad = -1,
                                   .unk = -1};
    if (tokenizer_create_bpe(&t, &source) != STATUS_OK) abort();
    for (int i = 0; i <= 256 + MERGES; i++) buffer_free(&texts[i]);
    return t;
}

static void check(const tokenizer *t, const char *text, size_t length) {
    token_list ids = {0}, plain = {0};
    buffer out = {0}, want = {0};
    if (unicode_repair(&want, text, length) != STATUS_OK) abort();
    if (tokenizer_encode(t, text, length, true, false, &ids) != STATUS_OK) abort();
    if (tokenizer_decode(t, ids.ids, ids.count, false, &out) != STATUS_OK) abort();
    if (out.length != want.length || (out.length && memcmp(out.data, want.data, out.length) != 0)) abort();
    buffer_clear(&out);
    if (tokenizer_encode(t, text, length, false, true, &plain) != STATUS_OK) abort();
    for (size_t i = 0; i < plain.count; i++)
        if (tokenizer_is_special(t, plain.ids[i])) abort();
    if (tokenizer_decode(t, plain.ids, plain.count, true, &out) != STATUS_OK) abort();
    if (out.length != want.length || (out.length && memcmp(out.data, want.data, out.length) != 0)) abort();
    token_list_free(&ids);
    token_list_free(&plain);
    buffer_free(&out);
    buffer_free(&want);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static tokenizer *smollm, *llama;
    if (!smollm) smollm = make("smollm"), llama = make("llama3");
    if (size > 20000) return 0;
    check(smollm, (const char *)data, size);
    check(llama, (const char *)data, size);
    return 0;
}
