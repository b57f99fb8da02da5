// Normalizers over utf8proc. See normalizer.h.
#include "text/normalizer.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "text/unicode.h"

static bool is_ascii(const buffer *text) {
    for (size_t i = 0; i < text->length; i++)
        if ((unsigned char)text->data[i] >= 0x80) return false;
    return true;
}

static status compose_run(const char *text, size_t length, utf8proc_option_t options, buffer *out) {
    utf8proc_uint8_t *mapped = NULL;
    if (!length) return STATUS_OK;
    utf8proc_ssize_t count =
        utf8proc_map((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)length, &mapped, UTF8PROC_STABLE | options);
    if (count < 0) return status_set(STATUS_NO_MEMORY, "cannot normalize a text: %s", utf8proc_errmsg(count));
    status code = buffer_append(out, mapped, (size_t)count);
    free(mapped);
    return code;
}

// Normalizes what stands between the characters that Hugging Face's normalization does not know.
static status compose(const buffer *in, utf8proc_option_t options, buffer *out) {
    size_t kept = 0;
    for (size_t at = 0; at < in->length;) {
        size_t from = at;
        if (!unicode_is_normal_gap(unicode_next(in->data, &at))) continue;
        TRY(compose_run(in->data + kept, from - kept, options, out));
        TRY(buffer_append(out, in->data + from, at - from));
        kept = at;
    }
    return compose_run(buffer_text(in) + kept, in->length - kept, options, out);
}

// U+0130 is the one character whose lower case is two characters whatever stands around it.
static status append_lower(buffer *out, int32_t c) {
    if (c < 0x80) return buffer_append_byte(out, (char)unicode_to_lower(c));
    if (c == 0x130) return buffer_append_text(out, "i\xCC\x87");
    return unicode_append(out, unicode_to_lower(c));
}

static status lower(const buffer *in, buffer *out) {
    for (size_t at = 0; at < in->length;) TRY(append_lower(out, unicode_next(in->data, &at)));
    return STATUS_OK;
}

static status replace(const normalizer_step *step, const buffer *in, buffer *out) {
    size_t at = 0;
    for (bool found = in->length > 0; found;) {
        size_t from, to;
        TRY(pattern_find(step->pattern, in->data, in->length, at, &found, &from, &to));
        if (!found) break;
        TRY(buffer_append(out, in->data + at, from - at));
        TRY(buffer_append(out, step->text, step->text_length));
        at = to;
    }
    return buffer_append(out, buffer_text(in) + at, in->length - at);
}

static status strip(const normalizer_step *step, const buffer *in, buffer *out) {
    size_t from = 0, to = in->length;
    for (size_t at = 0; step->strip_left && at < in->length && unicode_is_space(unicode_next(in->data, &at)); from = at) {}
    while (step->strip_right && to > from) {
        size_t before = unicode_back(in->data, to), at = before;
        if (!unicode_is_space(unicode_next(in->data, &at))) break;
        to = before;
    }
    return buffer_append(out, buffer_text(in) + from, to - from);
}

// BERT's cleaning and the spaces around ideographs, then accents away (decompose, drop nonspacing marks), then lower case.
static status clean(const normalizer_step *step, const buffer *in, buffer *out) {
    for (size_t at = 0; at < in->length;) {
        int32_t c = unicode_next(in->data, &at);
        if (step->clean_text) {
            if (unicode_is_control(c)) continue;
            if (unicode_is_space(c)) c = ' ';
        }
        bool apart = step->handle_chinese_chars && unicode_is_ideograph(c);
        if (apart) TRY(buffer_append_byte(out, ' '));
        TRY(unicode_append(out, c));
        if (apart) TRY(buffer_append_byte(out, ' '));
    }
    return STATUS_OK;
}

static status drop_marks(const buffer *in, buffer *out) {
    for (size_t at = 0; at < in->length;) {
        int32_t c = unicode_next(in->data, &at);
        if (!unicode_is_nonspacing(c)) TRY(unicode_append(out, c));
    }
    return STATUS_OK;
}

static void exchange(buffer *a, buffer *b) {
    buffer kept = *a;
    *a = *b, *b = kept;
    buffer_clear(b);
}

static status run_bert(const normalizer_step *step, buffer *text, buffer *scratch) {
    TRY(clean(step, text, scratch));
    exchange(text, scratch);
    if (step->strip_accents && !is_ascii(text)) {
        TRY(compose(text, UTF8PROC_DECOMPOSE, scratch));
        exchange(text, scratch);
        TRY(drop_marks(text, scratch));
        exchange(text, scratch);
    }
    if (!step->lowercase) return STATUS_OK;
    TRY(lower(text, scratch));
    exchange(text, scratch);
    return STATUS_OK;
}

static status run_step(const normalizer_step *step, buffer *text, buffer *scratch) {
    buffer_clear(scratch);
    switch (step->kind) {
    case NORMALIZER_BERT:
        return run_bert(step, text, scratch);
    case NORMALIZER_NFC:
    case NORMALIZER_NFD:
    case NORMALIZER_NFKC:
    case NORMALIZER_NFKD: {
        if (is_ascii(text)) return STATUS_OK;
        bool composed = step->kind == NORMALIZER_NFC || step->kind == NORMALIZER_NFKC;
        bool compatible = step->kind == NORMALIZER_NFKC || step->kind == NORMALIZER_NFKD;
        TRY(compose(text, (composed ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE) | (compatible ? UTF8PROC_COMPAT : 0), scratch));
        break;
    }
    case NORMALIZER_LOWERCASE:
        TRY(lower(text, scratch));
        break;
    case NORMALIZER_STRIP:
        TRY(strip(step, text, scratch));
        break;
    case NORMALIZER_PREPEND:
        if (!text->length) return STATUS_OK;
        TRY(buffer_append(scratch, step->text, step->text_length));
        TRY(buffer_append(scratch, text->data, text->length));
        break;
    case NORMALIZER_REPLACE:
        TRY(replace(step, text, scratch));
        break;
    }
    exchange(text, scratch);
    return STATUS_OK;
}

status normalizer_run(const normalizer *n, buffer *text, buffer *scratch) {
    for (size_t i = 0; i < n->count; i++) TRY(run_step(&n->steps[i], text, scratch));
    return STATUS_OK;
}

void normalizer_free(normalizer *n) {
    for (size_t i = 0; i < n->count; i++) {
        free(n->steps[i].text);
        pattern_free(n->steps[i].pattern);
    }
    free(n->steps);
    *n = (normalizer){0};
}
