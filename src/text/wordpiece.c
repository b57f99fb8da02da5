// Greedy longest-match-first. See wordpiece.h.
#include "text/wordpiece.h"

#include <stdlib.h>
#include <string.h>

#include "text/unicode.h"

status wordpiece_encode(const wordpiece *w, const char *word, size_t length, buffer *scratch, token_list *out) {
    size_t characters = 0, before = out->count;
    for (size_t at = 0; at < length; characters++) unicode_next(word, &at);
    if (characters > w->longest_word) return token_list_append(out, w->unknown);
    for (size_t start = 0; start < length;) {
        const char *text = word + start;
        size_t text_length = length - start, prefix = start ? w->prefix_length : 0;
        if (prefix) {
            buffer_clear(scratch);
            TRY(buffer_append(scratch, w->prefix, prefix));
            TRY(buffer_append(scratch, text, text_length));
            text = scratch->data, text_length = scratch->length;
        }
        int32_t id = -1;
        size_t end = text_length;
        for (; end > prefix; end = unicode_back(text, end)) {
            if (end > w->vocabulary->longest) continue; // no token is that long
            id = vocabulary_find(w->vocabulary, text, end);
            if (id >= 0) break;
        }
        if (id < 0) {
            out->count = before;
            return token_list_append(out, w->unknown);
        }
        TRY(token_list_append(out, id));
        start += end - prefix;
    }
    return STATUS_OK;
}

void wordpiece_free(wordpiece *w) {
    free(w->prefix);
    *w = (wordpiece){0};
}
