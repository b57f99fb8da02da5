// Decoders. See decoder.h.
#include "text/decoder.h"

#include <stdlib.h>
#include <string.h>

#include "text/unicode.h"

static status add_item(struct decoder_items *items, const char *text, size_t length) {
    if (items->count == items->capacity) {
        size_t grown = items->capacity ? items->capacity * 2 : 64;
        size_t *ends = realloc(items->ends, grown * sizeof *ends);
        if (!ends) return status_set(STATUS_NO_MEMORY, "no memory for %zu tokens", grown);
        items->ends = ends, items->capacity = grown;
    }
    TRY(buffer_append(&items->text, text, length));
    items->ends[items->count++] = items->text.length;
    return STATUS_OK;
}

status decoder_add(decoder_work *work, const char *text, size_t length) { return add_item(&work->items, text, length); }

// The bytes of one token if all its characters belong to the byte alphabet; else the token itself.
static status append_bytes(buffer *out, const char *text, size_t length) {
    size_t before = out->length;
    TRY(buffer_reserve(out, before + length));
    for (size_t at = 0; at < length;) {
        int byte = unicode_to_byte(unicode_next(text, &at));
        if (byte < 0) {
            out->length = before;
            return buffer_append(out, text, length);
        }
        TRY(buffer_append_byte(out, (char)byte));
    }
    return STATUS_OK;
}

static status replace_all(buffer *text, buffer *scratch, const char *old, const char *fresh) {
    size_t old_length = strlen(old), at = 0;
    const char *hit = text->length ? memmem(text->data, text->length, old, old_length) : NULL;
    if (!hit) return STATUS_OK;
    buffer_clear(scratch);
    for (; hit; hit = memmem(text->data + at, text->length - at, old, old_length)) {
        size_t from = (size_t)(hit - text->data);
        TRY(buffer_append(scratch, text->data + at, from - at));
        TRY(buffer_append_text(scratch, fresh));
        at = from + old_length;
    }
    TRY(buffer_append(scratch, text->data + at, text->length - at));
    buffer kept = *text;
    *text = *scratch, *scratch = kept;
    return STATUS_OK;
}

// The spaces that WordPiece leaves before English punctuation and contractions, token by token.
static status clean_up(buffer *text, buffer *scratch) {
    static const char *const rules[][2] = {{" .", "."},   {" ?", "?"},     {" !", "!"},    {" ,", ","},
                                           {" ' ", "'"},  {" n't", "n't"}, {" 'm", "'m"},  {" do not", " don't"},
                                           {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) TRY(replace_all(text, scratch, rules[i][0], rules[i][1]));
    return STATUS_OK;
}

static status run_wordpiece(const decoder_step *step, const char *text, size_t length, bool first, decoder_work *w) {
    buffer item = {0};
    status code = STATUS_OK;
    if (!first) {
        if (length >= step->text_length && memcmp(text, step->text, step->text_length) == 0)
            text += step->text_length, length -= step->text_length;
        else
            TRY_OR(code, buffer_append_byte(&item, ' '), cleanup);
    }
    TRY_OR(code, buffer_append(&item, text, length), cleanup);
    if (step->cleanup) TRY_OR(code, clean_up(&item, &w->scratch), cleanup);
    code = add_item(&w->next, buffer_text(&item), item.length);
cleanup:
    buffer_free(&item);
    return code;
}

static status run_replace(const decoder_step *step, const char *text, size_t length, decoder_work *w) {
    size_t at = 0;
    buffer_clear(&w->scratch);
    for (bool found = length > 0; found && at < length;) {
        size_t from, to;
        TRY(pattern_find(step->pattern, text, length, at, &found, &from, &to));
        if (!found) break;
        TRY(buffer_append(&w->scratch, text + at, from - at));
        TRY(buffer_append(&w->scratch, step->text, step->text_length));
        at = to;
    }
    TRY(buffer_append(&w->scratch, text + at, length - at));
    return add_item(&w->next, w->scratch.data, w->scratch.length);
}

static int hex_digit(char c) {
    return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

static status run_byte_fallback(const char *text, size_t length, decoder_work *w) {
    if (length == 6 && memcmp(text, "<0x", 3) == 0 && text[5] == '>' && hex_digit(text[3]) >= 0 && hex_digit(text[4]) >= 0) {
        char byte = (char)(hex_digit(text[3]) * 16 + hex_digit(text[4]));
        return add_item(&w->next, &byte, 1);
    }
    return add_item(&w->next, text, length);
}

static status run_strip(const decoder_step *step, const char *text, size_t length, decoder_work *w) {
    size_t from = 0, to = length, unit = step->text_length;
    for (size_t i = 0; i < step->start && to - from >= unit && memcmp(text + from, step->text, unit) == 0; i++) from += unit;
    for (size_t i = 0; i < step->stop && to - from >= unit && memcmp(text + to - unit, step->text, unit) == 0; i++) to -= unit;
    return add_item(&w->next, text + from, to - from);
}

static status run_metaspace(const decoder_step *step, const char *text, size_t length, bool first, decoder_work *w) {
    buffer_clear(&w->scratch);
    for (size_t at = 0; at < length;) {
        if (length - at >= step->text_length && memcmp(text + at, step->text, step->text_length) == 0) {
            if (!first || !step->drop_first) TRY(buffer_append_byte(&w->scratch, ' '));
            at += step->text_length;
        } else {
            TRY(buffer_append_byte(&w->scratch, text[at++]));
        }
    }
    return add_item(&w->next, buffer_text(&w->scratch), w->scratch.length);
}

static status run_item(const decoder_step *step, const char *text, size_t length, bool first, bool alone, decoder_work *w) {
    switch (step->kind) {
    case DECODER_BYTE_LEVEL: // fused by the caller
        TRY(append_bytes(&w->next.text, text, length));
        return STATUS_OK;
    case DECODER_FUSE:
        return buffer_append(&w->next.text, text, length);
    case DECODER_WORDPIECE:
        return alone ? add_item(&w->next, text, length) : run_wordpiece(step, text, length, first, w);
    case DECODER_REPLACE:
        return run_replace(step, text, length, w);
    case DECODER_BYTE_FALLBACK:
        return run_byte_fallback(text, length, w);
    case DECODER_STRIP:
        return alone ? add_item(&w->next, text, length) : run_strip(step, text, length, w);
    case DECODER_METASPACE:
        return run_metaspace(step, text, length, first && !alone, w);
    }
    return STATUS_OK;
}

status decoder_run(const decoder *d, decoder_work *w, bool alone, buffer *out) {
    for (size_t i = 0; i < d->count; i++) {
        const decoder_step *step = &d->steps[i];
        buffer_clear(&w->next.text);
        w->next.count = 0;
        for (size_t k = 0, from = 0; k < w->items.count; from = w->items.ends[k++])
            TRY(run_item(step, buffer_text(&w->items.text) + from, w->items.ends[k] - from, k == 0, alone, w));
        if (step->kind == DECODER_BYTE_LEVEL || step->kind == DECODER_FUSE) TRY(add_item(&w->next, "", 0));
        struct decoder_items kept = w->items;
        w->items = w->next, w->next = kept;
    }
    for (size_t k = 0, from = 0; k < w->items.count; from = w->items.ends[k++]) {
        if (!d->count && k) TRY(buffer_append_byte(out, ' '));
        TRY(buffer_append(out, buffer_text(&w->items.text) + from, w->items.ends[k] - from));
    }
    return STATUS_OK;
}

void decoder_free(decoder *d) {
    for (size_t i = 0; i < d->count; i++) {
        free(d->steps[i].text);
        pattern_free(d->steps[i].pattern);
    }
    free(d->steps);
    *d = (decoder){0};
}

void decoder_work_free(decoder_work *work) {
    buffer_free(&work->items.text);
    free(work->items.ends);
    buffer_free(&work->next.text);
    free(work->next.ends);
    buffer_free(&work->scratch);
    *work = (decoder_work){0};
}
