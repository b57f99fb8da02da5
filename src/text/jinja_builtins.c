// Filters, tests and methods of the template language. See jinja.h; each does what its namesake in Jinja or Python does.
#include "text/jinja.h"

#include <string.h>

#include "text/unicode.h"

static status no_memory(void) { return status_set(STATUS_LIMIT, "a chat template takes too much memory"); }

static bool is_space(int32_t c) { return unicode_is_space(c) || (c >= 0x1C && c <= 0x1F); }

// The argument at a position or of a name; NULL: not given.
static const jinja_value *argument(const jinja_arguments *given, size_t position, const char *name) {
    if (position < given->count && !given->names[position].bytes) return &given->values[position];
    for (size_t i = 0; name && i < given->count; i++)
        if (given->names[i].bytes && jinja_is(given->names[i], name)) return &given->values[i];
    return NULL;
}

static status at_most(const jinja_arguments *given, size_t most, text_span name) {
    if (given->count <= most) return STATUS_OK;
    return status_set(STATUS_UNSUPPORTED, "%.*s with %zu arguments is not supported", (int)name.length, name.bytes, given->count);
}

static status need_text(const jinja_value *v, text_span name, text_span *out) {
    if (!v || v->kind != JINJA_TEXT)
        return status_set(STATUS_INVALID, "%.*s needs a text, not %s", (int)name.length, name.bytes,
                          v ? jinja_kind_name(v) : "nothing");
    *out = v->text;
    return STATUS_OK;
}

static status keep(jinja_pool *pool, buffer *from, jinja_value *out) {
    char *text = jinja_take(pool, from->length + 1);
    if (text && from->length) memcpy(text, from->data, from->length);
    *out = jinja_text(text, from->length);
    buffer_free(from);
    return text ? STATUS_OK : no_memory();
}

static status as_text(jinja_pool *pool, const jinja_value *v, jinja_value *out) {
    buffer text = {0};
    if (v->kind == JINJA_TEXT) {
        *out = *v;
        return STATUS_OK;
    }
    status code = jinja_write(v, &text);
    if (code == STATUS_OK) return keep(pool, &text, out);
    buffer_free(&text);
    return code;
}

// str.strip and its two halves; without `set` white space goes, else every character of the set.
static text_span strip(text_span text, const text_span *set, bool left, bool right) {
    size_t from = 0, to = text.length;
    for (size_t next = 0; left && from < to; from = next) {
        int32_t c = unicode_next(text.bytes, &next);
        if (set ? !memmem(set->bytes, set->length, text.bytes + from, next - from) : !is_space(c)) break;
    }
    while (right && to > from) {
        size_t before = unicode_back(text.bytes, to), next = before;
        int32_t c = unicode_next(text.bytes, &next);
        if (set ? !memmem(set->bytes, set->length, text.bytes + before, to - before) : !is_space(c)) break;
        to = before;
    }
    return (text_span){text.bytes + from, to - from};
}

static status strip_with(const jinja_arguments *given, text_span name, text_span text, bool left, bool right, jinja_value *out) {
    text_span set;
    const jinja_value *characters = argument(given, 0, "chars");
    TRY(at_most(given, 1, name));
    if (characters && characters->kind == JINJA_NONE) characters = NULL;
    if (characters) TRY(need_text(characters, name, &set));
    text_span left_over = strip(text, characters ? &set : NULL, left, right);
    *out = jinja_text(left_over.bytes, left_over.length);
    return STATUS_OK;
}

static status change_case(jinja_pool *pool, text_span name, text_span text, jinja_value *out) {
    bool upper = jinja_is(name, "upper"), title = jinja_is(name, "title"), capital = jinja_is(name, "capitalize"), first = true;
    char *copy = jinja_take(pool, text.length + 1);
    if (!copy) return no_memory();
    for (size_t i = 0; i < text.length; i++) {
        char c = text.bytes[i];
        if ((unsigned char)c >= 0x80)
            return status_set(STATUS_UNSUPPORTED, "%.*s of a text that is not ASCII is not supported", (int)name.length,
                              name.bytes);
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'), raise = upper || ((title || capital) && first);
        if (letter) c = (char)(raise ? c & ~32 : c | 32);
        first = title ? !letter : false;
        copy[i] = c;
    }
    *out = jinja_text(copy, text.length);
    return STATUS_OK;
}

static status replace(jinja_pool *pool, const jinja_arguments *given, text_span name, text_span text, jinja_value *out) {
    text_span old, fresh;
    TRY(at_most(given, 2, name));
    TRY(need_text(argument(given, 0, "old"), name, &old));
    TRY(need_text(argument(given, 1, "new"), name, &fresh));
    if (!old.length) return status_set(STATUS_UNSUPPORTED, "replacing an empty text is not supported");
    buffer result = {0};
    status code = STATUS_OK;
    size_t at = 0;
    for (const char *hit; text.length > at && (hit = memmem(text.bytes + at, text.length - at, old.bytes, old.length));) {
        size_t from = (size_t)(hit - text.bytes);
        TRY_OR(code, buffer_append(&result, text.bytes + at, from - at), failed);
        TRY_OR(code, buffer_append(&result, fresh.bytes, fresh.length), failed);
        at = from + old.length;
    }
    TRY_OR(code, buffer_append(&result, text.bytes + at, text.length - at), failed);
    return keep(pool, &result, out);
failed:
    buffer_free(&result);
    return code;
}

// str.split: at every `separator`, or at runs of white space without one.
static status split(jinja_pool *pool, const jinja_arguments *given, text_span text, jinja_value *out) {
    text_span separator = {0}, name = {"split", 5};
    const jinja_value *first = argument(given, 0, "sep"), *most = argument(given, 1, "maxsplit");
    TRY(at_most(given, 2, name));
    if (first && first->kind != JINJA_NONE) TRY(need_text(first, name, &separator));
    if (separator.bytes && !separator.length) return status_set(STATUS_INVALID, "split at an empty text");
    if (most && (most->kind != JINJA_INT || !separator.bytes))
        return status_set(STATUS_UNSUPPORTED, "this form of split is not supported");
    size_t capacity = text.length + 1, count = 0, limit = most && most->number >= 0 ? (size_t)most->number : SIZE_MAX;
    TRY(jinja_new_list(pool, capacity, out));
    jinja_value *items = out->list->items;
    if (separator.bytes) {
        size_t at = 0;
        for (const char *hit; count < limit && at <= text.length &&
                              (hit = memmem(text.bytes + at, text.length - at, separator.bytes, separator.length));) {
            size_t from = (size_t)(hit - text.bytes);
            items[count++] = jinja_text(text.bytes + at, from - at);
            at = from + separator.length;
        }
        items[count++] = jinja_text(text.bytes + at, text.length - at);
    } else {
        for (size_t at = 0, next; at < text.length;) {
            for (next = at; next < text.length && is_space(unicode_next(text.bytes, &next)); at = next) {}
            size_t from = at;
            for (next = at; next < text.length && !is_space(unicode_next(text.bytes, &next)); at = next) {}
            if (at > from) items[count++] = jinja_text(text.bytes + from, at - from);
        }
    }
    out->list->count = count;
    return STATUS_OK;
}

static status map_parts(jinja_pool *pool, text_span name, const jinja_map *map, jinja_value *out) {
    TRY(jinja_new_list(pool, map->count, out));
    for (size_t i = 0; i < map->count; i++) {
        jinja_value key = jinja_text(map->entries[i].key.bytes, map->entries[i].key.length), pair;
        if (jinja_is(name, "keys")) {
            out->list->items[i] = key;
        } else if (jinja_is(name, "values")) {
            out->list->items[i] = map->entries[i].value;
        } else {
            TRY(jinja_new_list(pool, 2, &pair));
            pair.list->items[0] = key, pair.list->items[1] = map->entries[i].value;
            out->list->items[i] = pair;
        }
    }
    return STATUS_OK;
}

static status join(jinja_pool *pool, const jinja_arguments *given, const jinja_value *operand, jinja_value *out) {
    jinja_list items;
    text_span between = {"", 0}, name = {"join", 4};
    TRY(at_most(given, 1, name));
    if (given->count) TRY(need_text(argument(given, 0, "d"), name, &between));
    TRY(jinja_items(pool, operand, &items));
    buffer result = {0};
    status code = STATUS_OK;
    for (size_t i = 0; i < items.count; i++) {
        if (i) TRY_OR(code, buffer_append(&result, between.bytes, between.length), failed);
        TRY_OR(code, jinja_write(&items.items[i], &result), failed);
    }
    return keep(pool, &result, out);
failed:
    buffer_free(&result);
    return code;
}

// selectattr(name[, test, argument]) and rejectattr: the items whose attribute passes a test (truth without one).
static status select_by_attribute(jinja_pool *pool, const jinja_arguments *given, const jinja_value *operand, bool reject,
                                  jinja_value *out) {
    jinja_list items;
    text_span attribute, test, name = {"selectattr", 10};
    TRY(need_text(argument(given, 0, NULL), name, &attribute));
    if (given->count > 1) TRY(need_text(argument(given, 1, NULL), name, &test));
    TRY(jinja_items(pool, operand, &items));
    TRY(jinja_new_list(pool, items.count, out));
    size_t count = 0;
    for (size_t i = 0; i < items.count; i++) {
        jinja_value missing = {.kind = JINJA_UNDEFINED, .text = attribute};
        const jinja_value *value = items.items[i].kind == JINJA_MAP ? jinja_find(items.items[i].map, attribute) : NULL;
        if (!value) value = &missing;
        bool passes = jinja_is_true(value), known = true;
        if (given->count > 1) {
            jinja_arguments rest = {given->values + 2, given->names + 2, given->count - 2};
            TRY(jinja_test(test, value, &rest, &known, &passes));
        }
        if (!known) return status_set(STATUS_UNSUPPORTED, "the test \"%.*s\" is not supported", (int)test.length, test.bytes);
        if (passes != reject) out->list->items[count++] = items.items[i];
    }
    out->list->count = count;
    return STATUS_OK;
}

static status map_attribute(jinja_pool *pool, const jinja_arguments *given, const jinja_value *operand, jinja_value *out) {
    jinja_list items;
    text_span attribute, name = {"map", 3};
    if (given->count != 1 || !given->names[0].bytes)
        return status_set(STATUS_UNSUPPORTED, "map without attribute= is not supported");
    TRY(need_text(argument(given, SIZE_MAX, "attribute"), name, &attribute));
    TRY(jinja_items(pool, operand, &items));
    TRY(jinja_new_list(pool, items.count, out));
    for (size_t i = 0; i < items.count; i++) {
        const jinja_value *value = items.items[i].kind == JINJA_MAP ? jinja_find(items.items[i].map, attribute) : NULL;
        out->list->items[i] = value ? *value : (jinja_value){.kind = JINJA_UNDEFINED, .text = attribute};
    }
    return STATUS_OK;
}

static status to_int(const jinja_value *operand, jinja_value *out) {
    if (operand->kind == JINJA_INT || operand->kind == JINJA_BOOL) {
        *out = jinja_int(operand->kind == JINJA_INT ? operand->number : operand->truth);
        return STATUS_OK;
    }
    int64_t number = 0;
    bool digits = operand->kind == JINJA_TEXT && operand->text.length > 0 && operand->text.length < 18;
    for (size_t i = 0; digits && i < operand->text.length; i++) {
        digits = operand->text.bytes[i] >= '0' && operand->text.bytes[i] <= '9';
        number = number * 10 + (operand->text.bytes[i] - '0');
    }
    *out = jinja_int(number);
    return digits ? STATUS_OK
                  : status_set(STATUS_UNSUPPORTED, "int of %s of this form is not supported", jinja_kind_name(operand));
}

static status pick_end(jinja_pool *pool, bool last, const jinja_value *operand, jinja_value *out) {
    jinja_list items;
    TRY(jinja_items(pool, operand, &items));
    *out = items.count ? items.items[last ? items.count - 1 : 0] : (jinja_value){.kind = JINJA_UNDEFINED, .text = {"an item", 7}};
    return STATUS_OK;
}

status jinja_filter(jinja_pool *pool, text_span name, const jinja_value *operand, const jinja_arguments *given, bool *known,
                    jinja_value *out) {
    jinja_value text;
    size_t count;
    *known = true;
    if (jinja_is(name, "trim")) {
        TRY(as_text(pool, operand, &text));
        return strip_with(given, name, text.text, true, true, out);
    }
    if (jinja_is(name, "length") || jinja_is(name, "count")) {
        TRY(jinja_count(operand, &count));
        *out = jinja_int((int64_t)count);
        return STATUS_OK;
    }
    if (jinja_is(name, "default") || jinja_is(name, "d")) {
        const jinja_value *fallback = argument(given, 0, "default_value"), *falsy = argument(given, 1, "boolean");
        bool use = operand->kind == JINJA_UNDEFINED || (falsy && jinja_is_true(falsy) && !jinja_is_true(operand));
        *out = !use ? *operand : fallback ? *fallback : jinja_text("", 0);
        return STATUS_OK;
    }
    if (jinja_is(name, "upper") || jinja_is(name, "lower") || jinja_is(name, "title") || jinja_is(name, "capitalize")) {
        TRY(as_text(pool, operand, &text));
        return change_case(pool, name, text.text, out);
    }
    if (jinja_is(name, "replace")) {
        TRY(as_text(pool, operand, &text));
        return replace(pool, given, name, text.text, out);
    }
    if (jinja_is(name, "tojson")) {
        buffer json = {0};
        TRY(at_most(given, 0, name));
        status code = jinja_write_json(operand, &json);
        if (code == STATUS_OK) return keep(pool, &json, out);
        buffer_free(&json);
        return code;
    }
    if (jinja_is(name, "items")) {
        if (operand->kind == JINJA_UNDEFINED) return jinja_new_list(pool, 0, out);
        if (operand->kind != JINJA_MAP) return status_set(STATUS_INVALID, "items of %s", jinja_kind_name(operand));
        return map_parts(pool, name, operand->map, out);
    }
    if (jinja_is(name, "list")) {
        jinja_list items;
        TRY(jinja_items(pool, operand, &items));
        TRY(jinja_new_list(pool, items.count, out));
        *out->list = items;
        return STATUS_OK;
    }
    if (jinja_is(name, "reverse")) return jinja_slice(pool, operand, NULL, NULL, -1, out);
    if (jinja_is(name, "first") || jinja_is(name, "last")) return pick_end(pool, jinja_is(name, "last"), operand, out);
    if (jinja_is(name, "string")) return as_text(pool, operand, out);
    if (jinja_is(name, "int")) return at_most(given, 0, name) == STATUS_OK ? to_int(operand, out) : at_most(given, 0, name);
    if (jinja_is(name, "join")) return join(pool, given, operand, out);
    if (jinja_is(name, "selectattr") || jinja_is(name, "rejectattr"))
        return select_by_attribute(pool, given, operand, jinja_is(name, "rejectattr"), out);
    if (jinja_is(name, "map")) return map_attribute(pool, given, operand, out);
    if (jinja_is(name, "safe")) {
        *out = *operand;
        return STATUS_OK;
    }
    *known = false;
    return STATUS_OK;
}

status jinja_test(text_span name, const jinja_value *v, const jinja_arguments *given, bool *known, bool *out) {
    const jinja_value *other = argument(given, 0, NULL);
    *known = true;
    if (jinja_is(name, "defined")) return *out = v->kind != JINJA_UNDEFINED, STATUS_OK;
    if (jinja_is(name, "undefined")) return *out = v->kind == JINJA_UNDEFINED, STATUS_OK;
    if (jinja_is(name, "none")) return *out = v->kind == JINJA_NONE, STATUS_OK;
    if (jinja_is(name, "true")) return *out = v->kind == JINJA_BOOL && v->truth, STATUS_OK;
    if (jinja_is(name, "false")) return *out = v->kind == JINJA_BOOL && !v->truth, STATUS_OK;
    if (jinja_is(name, "boolean")) return *out = v->kind == JINJA_BOOL, STATUS_OK;
    if (jinja_is(name, "integer")) return *out = v->kind == JINJA_INT, STATUS_OK;
    if (jinja_is(name, "float")) return *out = v->kind == JINJA_FLOAT, STATUS_OK;
    if (jinja_is(name, "number"))
        return *out = v->kind == JINJA_INT || v->kind == JINJA_FLOAT || v->kind == JINJA_BOOL, STATUS_OK;
    if (jinja_is(name, "string")) return *out = v->kind == JINJA_TEXT, STATUS_OK;
    if (jinja_is(name, "mapping")) return *out = v->kind == JINJA_MAP, STATUS_OK;
    if (jinja_is(name, "iterable") || jinja_is(name, "sequence"))
        return *out = v->kind == JINJA_TEXT || v->kind == JINJA_LIST || v->kind == JINJA_MAP || v->kind == JINJA_UNDEFINED,
               STATUS_OK;
    bool odd = jinja_is(name, "odd"), even = jinja_is(name, "even"), divisible = jinja_is(name, "divisibleby");
    if (odd || even || divisible) {
        if (v->kind != JINJA_INT || (divisible && (!other || other->kind != JINJA_INT || !other->number)))
            return status_set(STATUS_INVALID, "the test \"%.*s\" needs whole numbers", (int)name.length, name.bytes);
        bool zero = v->number % (divisible && other->number != -1 ? other->number : divisible ? 1 : 2) == 0;
        return *out = odd ? !zero : zero, STATUS_OK;
    }
    static const char *const equal[] = {"eq", "equalto", "sameas", "ne", "in"};
    for (size_t i = 0; i < sizeof equal / sizeof *equal; i++) {
        if (!jinja_is(name, equal[i])) continue;
        if (!other) return status_set(STATUS_INVALID, "the test \"%s\" needs an argument", equal[i]);
        if (i == 4) return jinja_contains(other, v, out);
        if (i == 2 && other->kind != JINJA_BOOL && other->kind != JINJA_NONE)
            return status_set(STATUS_UNSUPPORTED, "sameas with %s is not supported", jinja_kind_name(other));
        *out = i == 2 ? v->kind == other->kind && jinja_equal(v, other) : jinja_equal(v, other) != (i == 3);
        return STATUS_OK;
    }
    *known = false;
    return STATUS_OK;
}

static const char *const text_methods[] = {"strip",   "lstrip", "rstrip", "startswith", "endswith",   "split",
                                           "replace", "upper",  "lower",  "title",      "capitalize", NULL};
static const char *const map_methods[] = {"get", "items", "keys", "values", NULL};
// Methods of Python's texts and maps that are not implemented: reaching for one must not look like a missing member.
static const char *const other_methods[] = {
    "format",  "find",    "index",   "count",  "join",   "splitlines", "rsplit",     "partition",    "rpartition",
    "isdigit", "isalpha", "zfill",   "center", "encode", "swapcase",   "casefold",   "removeprefix", "removesuffix",
    "append",  "pop",     "update",  "copy",   "insert", "extend",     "setdefault", "ljust",        "rjust",
    "isspace", "isupper", "islower", "rfind",  "sort",   "reverse",    NULL};

static bool listed(const char *const *names, text_span name) {
    for (; *names; names++)
        if (jinja_is(name, *names)) return true;
    return false;
}

bool jinja_has_method(const jinja_value *self, text_span name) {
    if (self->kind == JINJA_TEXT) return listed(text_methods, name) || listed(other_methods, name);
    if (self->kind == JINJA_MAP)
        return listed(map_methods, name) || (listed(other_methods, name) && !jinja_find(self->map, name));
    return self->kind == JINJA_LIST && listed(other_methods, name);
}

status jinja_method(jinja_pool *pool, text_span name, const jinja_value *self, const jinja_arguments *given, bool *known,
                    jinja_value *out) {
    *known = true;
    if (self->kind == JINJA_MAP && jinja_is(name, "get")) {
        text_span key;
        const jinja_value *fallback = argument(given, 1, "default");
        TRY(at_most(given, 2, name));
        TRY(need_text(argument(given, 0, "key"), name, &key));
        const jinja_value *found = jinja_find(self->map, key);
        *out = found ? *found : fallback ? *fallback : (jinja_value){.kind = JINJA_NONE};
        return STATUS_OK;
    }
    if (self->kind == JINJA_MAP && listed(map_methods, name)) return map_parts(pool, name, self->map, out);
    *known = self->kind == JINJA_TEXT && listed(text_methods, name);
    if (!*known) return STATUS_OK;
    text_span text = self->text, part;
    if (jinja_is(name, "strip")) return strip_with(given, name, text, true, true, out);
    if (jinja_is(name, "lstrip")) return strip_with(given, name, text, true, false, out);
    if (jinja_is(name, "rstrip")) return strip_with(given, name, text, false, true, out);
    if (jinja_is(name, "split")) return split(pool, given, text, out);
    if (jinja_is(name, "replace")) return replace(pool, given, name, text, out);
    if (!jinja_is(name, "startswith") && !jinja_is(name, "endswith")) return change_case(pool, name, text, out);
    TRY(at_most(given, 1, name));
    TRY(need_text(argument(given, 0, NULL), name, &part));
    bool fits = part.length <= text.length, start = jinja_is(name, "startswith");
    *out = jinja_bool(
        fits && (!part.length || memcmp(text.bytes + (start ? 0 : text.length - part.length), part.bytes, part.length) == 0));
    return STATUS_OK;
}
