// Interpolations in values of verl's keys, as OmegaConf reads them: ${a.b}, relative ${.b} and ${..b}, ${oc.select:a.b,default},
// alone or inside a text. Called by settings.c once it is known which of the written values count.
//
// Only what this program reads is resolved: its own keys may hold "${" as text (a dollar before a brace, in mathematics), and
// keys that are accepted without a meaning keep what they say.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "run/settings_parts.h"

enum { DEPTH = 16 }; // of references to references; more is a circle

typedef struct resolver {
    const written_list *list;
    const bool *counts;
    const written *asked; // whose value is being resolved, for messages
} resolver;

static status refuse(const resolver *r, status code, const char *why, const char *what, size_t length) {
    char place[512], shown[160];
    return status_set(code, "%s%s is %s; %s%.*s", written_place(r->asked, place, sizeof place), r->asked->key,
                      written_value(r->asked, shown, sizeof shown), why, (int)length, what);
}

// The brace that closes the one before `at`, or NULL.
static const char *closing_brace(const char *at) {
    for (int depth = 1; *at; at++) {
        depth += *at == '{' ? 1 : *at == '}' ? -1 : 0;
        if (depth == 0) return at;
    }
    return NULL;
}

// Trims blanks from both ends.
static void trim(const char **text, size_t *length) {
    while (*length && **text == ' ') (*text)++, (*length)--;
    while (*length && (*text)[*length - 1] == ' ') (*length)--;
}

// *path = the dotted key that a reference in the value of `key` names: each dot after the first goes up one section more.
static status absolute_key(const char *key, const char *reference, size_t length, buffer *path) {
    size_t base = strlen(key);
    bool relative = length && *reference == '.';
    for (; length && *reference == '.'; reference++, length--)
        while (base && key[--base] != '.') {}
    if (relative && base) {
        TRY(buffer_append(path, key, base));
        TRY(buffer_append_byte(path, '.'));
    }
    return buffer_append(path, reference, length);
}

static const written *find(const resolver *r, const char *path) {
    for (size_t i = r->list->count; i-- > 0;)
        if (r->counts[i] && !strcmp(r->list->items[i].key, path)) return &r->list->items[i];
    return NULL;
}

static bool names_section(const resolver *r, const char *path) {
    size_t length = strlen(path);
    for (size_t i = 0; i < r->list->count; i++)
        if (!strncmp(r->list->items[i].key, path, length) && r->list->items[i].key[length] == '.') return true;
    return false;
}

static void set_shape(written *out, written_shape shape) {
    free(out->text);
    text_list_free(&out->items);
    out->text = NULL, out->shape = shape;
}

static status set_text(written *out, const char *text, size_t length) {
    set_shape(out, WRITTEN_TEXT);
    out->text = text_copy(text, length);
    return out->text ? STATUS_OK : status_set(STATUS_NO_MEMORY, "out of memory while reading settings");
}

static status resolve_text(const resolver *r, const char *key, const char *text, int depth, written *out);

static status resolve_value(const resolver *r, const written *from, int depth, written *out) {
    if (from->shape == WRITTEN_TEXT) return resolve_text(r, from->key, from->text, depth, out);
    set_shape(out, from->shape);
    out->nested = from->nested;
    for (size_t i = 0; i < from->items.count; i++) {
        written item = {0};
        status code = resolve_text(r, from->key, from->items.items[i], depth, &item);
        if (code == STATUS_OK && item.shape != WRITTEN_TEXT)
            code = refuse(r, STATUS_UNSUPPORTED, "an item of a list can only be a text, unlike ", from->items.items[i],
                          strlen(from->items.items[i]));
        if (code == STATUS_OK) code = text_list_add(&out->items, item.text, strlen(item.text));
        set_shape(&item, WRITTEN_NULL);
        TRY(code);
    }
    return STATUS_OK;
}

// The default of oc.select: a plain word, a quoted one, null, or an interpolation.
static status resolve_default(const resolver *r, const char *key, const char *text, size_t length, int depth, written *out) {
    trim(&text, &length);
    if (!length || (length == 4 && !strncmp(text, "null", 4))) {
        set_shape(out, WRITTEN_NULL);
        return STATUS_OK;
    }
    if (length == 2 && !strncmp(text, "[]", 2)) {
        set_shape(out, WRITTEN_LIST);
        return STATUS_OK;
    }
    if (length > 1 && (*text == '"' || *text == '\'') && text[length - 1] == *text) text++, length -= 2;
    char *copy = text_copy(text, length);
    if (!copy) return status_set(STATUS_NO_MEMORY, "out of memory while reading settings");
    status code = resolve_text(r, key, copy, depth, out);
    free(copy);
    return code;
}

// What stands between "${" and "}" in the value of `key`.
static status resolve_reference(const resolver *r, const char *key, const char *inside, size_t length, int depth, written *out) {
    static const char select[] = "oc.select:";
    const char *reference = inside, *comma = NULL;
    bool selects = length >= sizeof select - 1 && !strncmp(inside, select, sizeof select - 1);
    if (depth > DEPTH) return refuse(r, STATUS_INVALID, "this goes round in a circle at ", inside, length);
    if (selects) reference += sizeof select - 1;
    size_t reference_length = length - (size_t)(reference - inside);
    if (selects && (comma = memchr(reference, ',', reference_length))) reference_length = (size_t)(comma - reference);
    trim(&reference, &reference_length);
    if (memchr(reference, ':', reference_length) || memchr(reference, '$', reference_length) ||
        memchr(reference, '[', reference_length))
        return refuse(r, STATUS_UNSUPPORTED, "understood are ${KEY} and ${oc.select:KEY,DEFAULT}, not ", inside, length);
    buffer path = {0};
    status code = absolute_key(key, reference, reference_length, &path);
    const written *target = code == STATUS_OK ? find(r, buffer_text(&path)) : NULL;
    if (code == STATUS_OK && target)
        code = resolve_value(r, target, depth + 1, out);
    else if (code == STATUS_OK && names_section(r, buffer_text(&path)))
        code = refuse(r, STATUS_UNSUPPORTED, "only single keys can be pointed at, not the section ", path.data, path.length);
    else if (code == STATUS_OK && !selects)
        code = refuse(r, STATUS_INVALID, "there is no value for ", buffer_text(&path), path.length);
    else if (code == STATUS_OK && comma)
        code = resolve_default(r, key, comma + 1, length - (size_t)(comma + 1 - inside), depth + 1, out);
    else if (code == STATUS_OK)
        set_shape(out, WRITTEN_NULL);
    buffer_free(&path);
    return code;
}

// *out = the text with its interpolations resolved; one that is the whole text hands over the shape of its target too.
static status resolve_text(const resolver *r, const char *key, const char *text, int depth, written *out) {
    const char *open = strstr(text, "${");
    if (!open) return set_text(out, text, strlen(text));
    const char *close = closing_brace(open + 2);
    if (!close) return refuse(r, STATUS_INVALID, "a closing brace is missing in ", text, strlen(text));
    if (open == text && !close[1]) return resolve_reference(r, key, open + 2, (size_t)(close - open - 2), depth, out);
    buffer whole = {0};
    written part = {0};
    status code = STATUS_OK;
    for (; open; text = close + 1, open = strstr(text, "${")) {
        close = closing_brace(open + 2);
        if (!close) TRY_OR(code, refuse(r, STATUS_INVALID, "a closing brace is missing in ", open, strlen(open)), cleanup);
        TRY_OR(code, buffer_append(&whole, text, (size_t)(open - text)), cleanup);
        TRY_OR(code, resolve_reference(r, key, open + 2, (size_t)(close - open - 2), depth, &part), cleanup);
        if (part.shape == WRITTEN_LIST || part.shape == WRITTEN_MAP)
            TRY_OR(code, refuse(r, STATUS_INVALID, "no list fits into a text at ", open, (size_t)(close + 1 - open)), cleanup);
        TRY_OR(code, buffer_append_text(&whole, part.shape == WRITTEN_TEXT ? part.text : "null"), cleanup);
    }
    TRY_OR(code, buffer_append_text(&whole, text), cleanup);
    code = set_text(out, whole.data, whole.length);
cleanup:
    set_shape(&part, WRITTEN_NULL);
    buffer_free(&whole);
    return code;
}

static bool holds_interpolation(const written *w) {
    if (w->shape == WRITTEN_TEXT) return strstr(w->text, "${") != NULL;
    for (size_t i = 0; i < w->items.count; i++)
        if (strstr(w->items.items[i], "${")) return true;
    return false;
}

// Whether the value of the key is read, and may point at another one.
static bool is_resolved(const char *key) {
    const char *alias = verl_alias(key);
    size_t entry = settings_find(alias ? alias : key);
    if (entry < SETTING_COUNT) return !settings_table[entry].verl || *settings_table[entry].verl; // not this program's own
    const verl_key *known = verl_find(key);
    return known && known->class == VERL_NEUTRAL;
}

status written_interpolate(written_list *list, const bool *counts) {
    for (size_t i = 0; i < list->count; i++) {
        written *w = &list->items[i];
        if (!counts[i] || !holds_interpolation(w) || !is_resolved(w->key)) continue;
        resolver r = {list, counts, w};
        written value = {0};
        status code = resolve_value(&r, w, 0, &value);
        if (code == STATUS_OK) {
            set_shape(w, value.shape);
            w->text = value.text, w->items = value.items, w->nested = value.nested;
        } else {
            set_shape(&value, WRITTEN_NULL);
        }
        TRY(code);
    }
    return STATUS_OK;
}
