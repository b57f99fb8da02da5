// Pre-tokenizers: find the matches, fold them by the behavior, cut. See splitter.h.
#include "text/splitter.h"

#include <stdlib.h>
#include <string.h>

#include "text/unicode.h"

const char splitter_gpt2_pattern[] = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

static status add_piece(struct piece_list *list, size_t from, size_t to) {
    if (from == to) return STATUS_OK;
    if (list->count == list->capacity) {
        size_t grown = list->capacity ? list->capacity * 2 : 64;
        piece *items = realloc(list->items, grown * sizeof *items);
        if (!items) return status_set(STATUS_NO_MEMORY, "no memory for %zu words", grown);
        list->items = items, list->capacity = grown;
    }
    list->items[list->count++] = (piece){from, to};
    return STATUS_OK;
}

static status add_interval(struct interval_list *list, size_t from, size_t to, bool match) {
    if (list->count == list->capacity) {
        size_t grown = list->capacity ? list->capacity * 2 : 64;
        struct interval *items = realloc(list->items, grown * sizeof *items);
        if (!items) return status_set(STATUS_NO_MEMORY, "no memory for %zu matches", grown);
        list->items = items, list->capacity = grown;
    }
    list->items[list->count++] = (struct interval){from, to, match};
    return STATUS_OK;
}

// The intervals of a piece that do and do not match a pattern, in order.
static status find_pattern(const pattern *p, const char *text, piece where, struct interval_list *out) {
    const char *start = text + where.from;
    size_t length = where.to - where.from, at = 0;
    out->count = 0;
    while (at < length) {
        bool found;
        size_t from, to;
        TRY(pattern_find(p, start, length, at, &found, &from, &to));
        if (!found) break;
        if (from > at) TRY(add_interval(out, where.from + at, where.from + from, false));
        TRY(add_interval(out, where.from + from, where.from + to, true));
        at = to;
    }
    return at < length ? add_interval(out, where.from + at, where.to, false) : STATUS_OK;
}

// The same for single characters of a class.
static status find_class(bool (*is_member)(int32_t), const char *text, piece where, struct interval_list *out) {
    size_t kept = where.from;
    out->count = 0;
    for (size_t at = where.from; at < where.to;) {
        size_t from = at;
        if (!is_member(unicode_next(text, &at))) continue;
        if (from > kept) TRY(add_interval(out, kept, from, false));
        TRY(add_interval(out, from, at, true));
        kept = at;
    }
    return kept < where.to ? add_interval(out, kept, where.to, false) : STATUS_OK;
}

// Pieces from intervals. Of a run of matches only the one next to what stands before (or behind) joins it; the others stand
// alone, as Hugging Face has it.
static status fold(const struct interval_list *in, split_behavior behavior, bool invert, struct piece_list *out) {
    size_t count = in->count;
    bool previous = false;
    if (behavior == SPLIT_MERGED_WITH_NEXT) {
        for (size_t i = 0; i < count; i++) {
            const struct interval *item = &in->items[i];
            bool match = item->match != invert, behind = i + 1 < count && in->items[i + 1].match != invert;
            if (match && !behind && i + 1 < count) { // the next interval is no match: take it along
                TRY(add_piece(out, item->from, in->items[i + 1].to));
                i++;
            } else {
                TRY(add_piece(out, item->from, item->to));
            }
        }
        return STATUS_OK;
    }
    for (size_t i = 0; i < count; i++) {
        const struct interval *item = &in->items[i];
        bool match = item->match != invert, joins = false;
        switch (behavior) {
        case SPLIT_REMOVED:
            if (match) continue;
            break;
        case SPLIT_MERGED_WITH_PREVIOUS:
            joins = match && !previous && i > 0;
            break;
        case SPLIT_CONTIGUOUS:
            joins = match == previous && i > 0;
            break;
        case SPLIT_ISOLATED:
        case SPLIT_MERGED_WITH_NEXT:
            break;
        }
        if (joins && out->count)
            out->items[out->count - 1].to = item->to;
        else
            TRY(add_piece(out, item->from, item->to));
        previous = match;
    }
    return STATUS_OK;
}

static bool is_neither_word_nor_space(int32_t c) { return !unicode_is_word(c) && !unicode_is_space(c); }

// \w+|[^\w\s]+ with everything else dropped.
static status cut_words(const char *text, piece where, struct piece_list *out) {
    for (size_t at = where.from; at < where.to;) {
        size_t from = at;
        int32_t c = unicode_next(text, &at);
        if (unicode_is_space(c)) continue;
        bool (*same)(int32_t) = unicode_is_word(c) ? unicode_is_word : is_neither_word_nor_space;
        for (size_t next = at; next < where.to && same(unicode_next(text, &next)); at = next) {}
        TRY(add_piece(out, from, at));
    }
    return STATUS_OK;
}

static status cut_bert(splitter_work *w, piece where, struct piece_list *out) {
    for (size_t at = where.from; at < where.to;) {
        size_t from = at;
        if (unicode_is_space(unicode_next(w->text.data, &at))) continue;
        for (size_t next = at; next < where.to && !unicode_is_space(unicode_next(w->text.data, &next)); at = next) {}
        TRY(find_class(unicode_is_punctuation, w->text.data, (piece){from, at}, &w->intervals));
        TRY(fold(&w->intervals, SPLIT_ISOLATED, false, out));
    }
    return STATUS_OK;
}

// Appends the piece to next_text with its bytes as printable characters.
static status map_bytes(splitter_work *w, const char *bytes, size_t length) {
    size_t from = w->next_text.length;
    TRY(buffer_reserve(&w->next_text, from + 2 * length + 1));
    unsigned char *out = (unsigned char *)w->next_text.data + from;
    for (size_t i = 0; i < length; i++) {
        int32_t c = unicode_of_byte((unsigned char)bytes[i]);
        if (c >= 0x80) {
            *out++ = (unsigned char)(0xC0 | c >> 6);
            *out++ = (unsigned char)(0x80 | (c & 0x3F));
        } else {
            *out++ = (unsigned char)c;
        }
    }
    *out = 0;
    w->next_text.length = (size_t)((char *)out - w->next_text.data);
    return add_piece(&w->next_pieces, from, w->next_text.length);
}

// The pieces end in next_text, so the prefix space is put into `text` at its end, where no other piece is.
static status run_byte_level(const splitter_step *step, splitter_work *w) {
    buffer_clear(&w->next_text);
    for (size_t i = 0; i < w->pieces.count; i++) {
        piece where = w->pieces.items[i];
        if (step->add_prefix_space && w->text.data[where.from] != ' ') {
            size_t from = w->text.length, length = where.to - where.from;
            TRY(buffer_reserve(&w->text, from + length + 1));
            TRY(buffer_append_byte(&w->text, ' '));
            TRY(buffer_append(&w->text, w->text.data + where.from, length));
            where = (piece){from, w->text.length};
        }
        if (!step->pattern) {
            TRY(map_bytes(w, w->text.data + where.from, where.to - where.from));
            continue;
        }
        TRY(find_pattern(step->pattern, w->text.data, where, &w->intervals));
        for (size_t k = 0; k < w->intervals.count; k++)
            TRY(map_bytes(w, w->text.data + w->intervals.items[k].from, w->intervals.items[k].to - w->intervals.items[k].from));
    }
    return STATUS_OK;
}

static status run_metaspace(const splitter_step *step, splitter_work *w, bool at_start) {
    size_t mark_length = strlen(step->mark);
    buffer_clear(&w->next_text);
    for (size_t i = 0; i < w->pieces.count; i++) {
        piece where = w->pieces.items[i];
        const char *text = w->text.data + where.from;
        size_t length = where.to - where.from, from = w->next_text.length;
        bool marked = text[0] == ' ' || (length >= mark_length && memcmp(text, step->mark, mark_length) == 0);
        if (!marked && (step->prepend == PREPEND_ALWAYS || (step->prepend == PREPEND_FIRST && at_start && i == 0)))
            TRY(buffer_append(&w->next_text, step->mark, mark_length));
        for (size_t at = 0; at < length; at++) {
            if (text[at] == ' ')
                TRY(buffer_append(&w->next_text, step->mark, mark_length));
            else
                TRY(buffer_append_byte(&w->next_text, text[at]));
        }
        if (!step->split) {
            TRY(add_piece(&w->next_pieces, from, w->next_text.length));
            continue;
        }
        w->intervals.count = 0;
        size_t kept = from;
        for (size_t at = from; at < w->next_text.length;) {
            bool mark = w->next_text.length - at >= mark_length && memcmp(w->next_text.data + at, step->mark, mark_length) == 0;
            if (!mark) {
                at++;
                continue;
            }
            if (at > kept) TRY(add_interval(&w->intervals, kept, at, false));
            TRY(add_interval(&w->intervals, at, at + mark_length, true));
            kept = at += mark_length;
        }
        if (kept < w->next_text.length) TRY(add_interval(&w->intervals, kept, w->next_text.length, false));
        TRY(fold(&w->intervals, SPLIT_MERGED_WITH_NEXT, false, &w->next_pieces));
    }
    return STATUS_OK;
}

static status cut(const splitter_step *step, splitter_work *w, piece where) {
    struct piece_list *out = &w->next_pieces;
    switch (step->kind) {
    case SPLITTER_PATTERN:
        TRY(find_pattern(step->pattern, w->text.data, where, &w->intervals));
        break;
    case SPLITTER_DIGITS:
        TRY(find_class(unicode_is_numeric, w->text.data, where, &w->intervals));
        break;
    case SPLITTER_PUNCTUATION:
        TRY(find_class(unicode_is_punctuation, w->text.data, where, &w->intervals));
        break;
    case SPLITTER_SPACES:
        TRY(find_class(unicode_is_space, w->text.data, where, &w->intervals));
        break;
    case SPLITTER_WHITESPACE:
        return cut_words(w->text.data, where, out);
    case SPLITTER_BERT:
        return cut_bert(w, where, out);
    case SPLITTER_BYTE_LEVEL:
    case SPLITTER_METASPACE:
        return STATUS_OK;
    }
    return fold(&w->intervals, step->behavior, step->invert, out);
}

status splitter_run(const splitter *s, splitter_work *w, bool at_start) {
    w->pieces.count = 0;
    TRY(add_piece(&w->pieces, 0, w->text.length));
    for (size_t i = 0; i < s->count; i++) {
        const splitter_step *step = &s->steps[i];
        w->next_pieces.count = 0;
        bool rewrites = step->kind == SPLITTER_BYTE_LEVEL || step->kind == SPLITTER_METASPACE;
        if (step->kind == SPLITTER_BYTE_LEVEL) {
            TRY(run_byte_level(step, w));
        } else if (step->kind == SPLITTER_METASPACE) {
            TRY(run_metaspace(step, w, at_start));
        } else {
            for (size_t k = 0; k < w->pieces.count; k++) TRY(cut(step, w, w->pieces.items[k]));
        }
        if (rewrites) {
            buffer kept = w->text;
            w->text = w->next_text, w->next_text = kept;
        }
        struct piece_list kept = w->pieces;
        w->pieces = w->next_pieces, w->next_pieces = kept;
    }
    return STATUS_OK;
}

void splitter_free(splitter *s) {
    for (size_t i = 0; i < s->count; i++) pattern_free(s->steps[i].pattern);
    free(s->steps);
    *s = (splitter){0};
}

void splitter_work_free(splitter_work *work) {
    buffer_free(&work->text);
    buffer_free(&work->next_text);
    free(work->pieces.items);
    free(work->next_pieces.items);
    free(work->intervals.items);
    *work = (splitter_work){0};
}
