// Values of the template language: what they hold, how they compare, print and are cut. See jinja.h.
#include "text/jinja.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text/unicode.h"

enum { MOST_MEMORY = 256 << 20 };

struct jinja_chunk {
    struct jinja_chunk *next;
    size_t used, size;
};

void *jinja_take(jinja_pool *pool, size_t bytes) {
    bytes = (bytes + 15) & ~(size_t)15;
    if (bytes > MOST_MEMORY || pool->taken + bytes > MOST_MEMORY) return NULL;
    struct jinja_chunk *chunk = pool->chunks;
    size_t header = (sizeof *chunk + 15) & ~(size_t)15;
    if (!chunk || chunk->size - chunk->used < bytes) {
        size_t size = bytes > 65536 - header ? bytes + header : 65536;
        chunk = calloc(1, size);
        if (!chunk) return NULL;
        *chunk = (struct jinja_chunk){.next = pool->chunks, .used = header, .size = size};
        pool->chunks = chunk;
    }
    void *memory = (char *)chunk + chunk->used;
    chunk->used += bytes;
    pool->taken += bytes;
    return memory;
}

void jinja_pool_free(jinja_pool *pool) {
    for (struct jinja_chunk *chunk = pool->chunks, *next; chunk; chunk = next) {
        next = chunk->next;
        free(chunk);
    }
    *pool = (jinja_pool){0};
}

static status no_memory(void) { return status_set(STATUS_LIMIT, "a chat template takes too much memory"); }

jinja_value jinja_text(const char *bytes, size_t length) { return (jinja_value){.kind = JINJA_TEXT, .text = {bytes, length}}; }
jinja_value jinja_bool(bool truth) { return (jinja_value){.kind = JINJA_BOOL, .truth = truth}; }
jinja_value jinja_int(int64_t number) { return (jinja_value){.kind = JINJA_INT, .number = number}; }
jinja_map *jinja_new_map(jinja_pool *pool) { return jinja_take(pool, sizeof(jinja_map)); }
bool jinja_is(text_span text, const char *word) {
    return strlen(word) == text.length && memcmp(text.bytes, word, text.length) == 0;
}

static bool same_text(text_span a, text_span b) {
    return a.length == b.length && (!a.length || memcmp(a.bytes, b.bytes, a.length) == 0);
}

status jinja_new_list(jinja_pool *pool, size_t count, jinja_value *out) {
    *out = (jinja_value){.kind = JINJA_LIST, .list = jinja_take(pool, sizeof *out->list)};
    if (!out->list || count > MOST_MEMORY / sizeof(jinja_value)) return no_memory();
    out->list->items = jinja_take(pool, (count + 1) * sizeof *out->list->items);
    out->list->count = count;
    return out->list->items ? STATUS_OK : no_memory();
}

const jinja_value *jinja_find(const jinja_map *map, text_span key) {
    for (size_t i = 0; i < map->count; i++)
        if (same_text(map->entries[i].key, key)) return &map->entries[i].value;
    return NULL;
}

status jinja_put(jinja_pool *pool, jinja_map *map, text_span key, jinja_value value) {
    jinja_value *place = (jinja_value *)jinja_find(map, key);
    if (place) {
        *place = value;
        return STATUS_OK;
    }
    if (map->count == map->capacity) {
        size_t grown = map->capacity ? map->capacity * 2 : 8;
        struct jinja_entry *entries = jinja_take(pool, grown * sizeof *entries);
        if (!entries) return no_memory();
        if (map->count) memcpy(entries, map->entries, map->count * sizeof *entries);
        map->entries = entries, map->capacity = grown;
    }
    map->entries[map->count++] = (struct jinja_entry){key, value};
    return STATUS_OK;
}

const char *jinja_kind_name(const jinja_value *v) {
    static const char *const names[] = {"undefined", "none",  "a truth value", "a number",   "a number", "a text",
                                        "a list",    "a map", "a namespace",   "a function", "a method", "a macro"};
    return names[v->kind];
}

bool jinja_is_true(const jinja_value *v) {
    switch (v->kind) {
    case JINJA_UNDEFINED:
    case JINJA_NONE:
        return false;
    case JINJA_BOOL:
        return v->truth;
    case JINJA_INT:
        return v->number != 0;
    case JINJA_FLOAT:
        return v->real != 0;
    case JINJA_TEXT:
        return v->text.length > 0;
    case JINJA_LIST:
        return v->list->count > 0;
    case JINJA_MAP:
        return v->map->count > 0;
    default:
        return true;
    }
}

bool jinja_is_number(const jinja_value *v) { return v->kind == JINJA_BOOL || v->kind == JINJA_INT || v->kind == JINJA_FLOAT; }
static double as_real(const jinja_value *v) {
    return v->kind == JINJA_FLOAT ? v->real : v->kind == JINJA_BOOL ? v->truth : (double)v->number;
}
static int64_t as_int(const jinja_value *v) { return v->kind == JINJA_BOOL ? v->truth : v->number; }

bool jinja_equal(const jinja_value *a, const jinja_value *b) {
    if (jinja_is_number(a) && jinja_is_number(b))
        return a->kind == JINJA_FLOAT || b->kind == JINJA_FLOAT ? as_real(a) == as_real(b) : as_int(a) == as_int(b);
    if (a->kind != b->kind) return false;
    switch (a->kind) {
    case JINJA_UNDEFINED:
    case JINJA_NONE:
        return true;
    case JINJA_TEXT:
        return same_text(a->text, b->text);
    case JINJA_LIST:
        if (a->list->count != b->list->count) return false;
        for (size_t i = 0; i < a->list->count; i++)
            if (!jinja_equal(&a->list->items[i], &b->list->items[i])) return false;
        return true;
    case JINJA_MAP:
        if (a->map->count != b->map->count) return false;
        for (size_t i = 0; i < a->map->count; i++) {
            const jinja_value *other = jinja_find(b->map, a->map->entries[i].key);
            if (!other || !jinja_equal(&a->map->entries[i].value, other)) return false;
        }
        return true;
    case JINJA_NAMESPACE:
        return a->map == b->map;
    default:
        return false;
    }
}

// Python's arithmetic: / gives a real number, // and % round towards minus infinity.
status jinja_calculate(text_span op, const jinja_value *a, const jinja_value *b, jinja_value *out) {
    if (a->kind == JINJA_FLOAT || b->kind == JINJA_FLOAT || jinja_is(op, "/")) {
        double x = as_real(a), y = as_real(b), result;
        bool divides = op.bytes[0] == '/' || op.bytes[0] == '%';
        if (divides && y == 0) return status_set(STATUS_INVALID, "a division by zero");
        if (jinja_is(op, "%") || jinja_is(op, "//"))
            return status_set(STATUS_UNSUPPORTED, "%.*s of real numbers", (int)op.length, op.bytes);
        result = jinja_is(op, "+") ? x + y : jinja_is(op, "-") ? x - y : jinja_is(op, "*") ? x * y : x / y;
        *out = (jinja_value){.kind = JINJA_FLOAT, .real = result};
        return STATUS_OK;
    }
    int64_t x = as_int(a), y = as_int(b), result = 0;
    bool over = false;
    if (jinja_is(op, "+")) {
        over = __builtin_add_overflow(x, y, &result);
    } else if (jinja_is(op, "-")) {
        over = __builtin_sub_overflow(x, y, &result);
    } else if (jinja_is(op, "*")) {
        over = __builtin_mul_overflow(x, y, &result);
    } else {
        if (y == 0) return status_set(STATUS_INVALID, "a division by zero");
        over = x == INT64_MIN && y == -1;
        if (!over) {
            int64_t quotient = x / y, rest = x % y;
            if (rest && (rest < 0) != (y < 0)) quotient--, rest += y;
            result = jinja_is(op, "%") ? rest : quotient;
        }
    }
    *out = jinja_int(result);
    return over ? status_set(STATUS_UNSUPPORTED, "a number too large") : STATUS_OK;
}

status jinja_compare(const jinja_value *a, const jinja_value *b, int *order) {
    if (jinja_is_number(a) && jinja_is_number(b)) {
        if (a->kind == JINJA_FLOAT || b->kind == JINJA_FLOAT)
            *order = as_real(a) < as_real(b) ? -1 : as_real(a) > as_real(b);
        else
            *order = as_int(a) < as_int(b) ? -1 : as_int(a) > as_int(b);
        return STATUS_OK;
    }
    if (a->kind != JINJA_TEXT || b->kind != JINJA_TEXT)
        return status_set(STATUS_INVALID, "%s and %s have no order", jinja_kind_name(a), jinja_kind_name(b));
    size_t shorter = a->text.length < b->text.length ? a->text.length : b->text.length;
    int found = shorter ? memcmp(a->text.bytes, b->text.bytes, shorter) : 0; // the order of UTF-8 bytes is that of code points
    *order = found ? found : a->text.length < b->text.length ? -1 : a->text.length > b->text.length;
    return STATUS_OK;
}

status jinja_contains(const jinja_value *container, const jinja_value *item, bool *found) {
    *found = false;
    switch (container->kind) {
    case JINJA_UNDEFINED:
        return STATUS_OK;
    case JINJA_TEXT:
        if (item->kind != JINJA_TEXT) return status_set(STATUS_INVALID, "%s cannot be in a text", jinja_kind_name(item));
        *found = !item->text.length || (container->text.length && memmem(container->text.bytes, container->text.length,
                                                                         item->text.bytes, item->text.length));
        return STATUS_OK;
    case JINJA_LIST:
        for (size_t i = 0; i < container->list->count && !*found; i++) *found = jinja_equal(&container->list->items[i], item);
        return STATUS_OK;
    case JINJA_MAP:
        *found = item->kind == JINJA_TEXT && jinja_find(container->map, item->text);
        return STATUS_OK;
    default:
        return status_set(STATUS_INVALID, "nothing can be in %s", jinja_kind_name(container));
    }
}

// As Python's repr: the shortest form that reads back, with a point or an exponent; only plain magnitudes, where no exponent is
// written.
static status write_real(double x, buffer *out) {
    char text[40];
    if (!(x == 0 || (fabs(x) >= 1e-4 && fabs(x) < 1e16)))
        return status_set(STATUS_UNSUPPORTED, "printing the number %g is not supported", x);
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, x);
        if (strtod(text, NULL) == x) break;
    }
    if (strchr(text, 'e')) snprintf(text, sizeof text, "%.0f", x);
    TRY(buffer_append_text(out, text));
    return strchr(text, '.') ? STATUS_OK : buffer_append_text(out, ".0");
}

status jinja_write(const jinja_value *v, buffer *out) {
    switch (v->kind) {
    case JINJA_UNDEFINED:
        return STATUS_OK;
    case JINJA_NONE:
        return buffer_append_text(out, "None");
    case JINJA_BOOL:
        return buffer_append_text(out, v->truth ? "True" : "False");
    case JINJA_INT:
        return buffer_printf(out, "%lld", (long long)v->number);
    case JINJA_FLOAT:
        return write_real(v->real, out);
    case JINJA_TEXT:
        return buffer_append(out, v->text.bytes, v->text.length);
    default:
        return status_set(STATUS_UNSUPPORTED, "printing %s is not supported", jinja_kind_name(v));
    }
}

static status write_json_text(text_span text, buffer *out) {
    TRY(buffer_append_byte(out, '"'));
    for (size_t i = 0; i < text.length; i++) {
        char c = text.bytes[i];
        static const char escapes[] = "\"\"\\\\\nn\rr\tt\bb\ff";
        const char *found = NULL;
        for (const char *p = escapes; *p; p += 2)
            if (*p == c) found = p;
        if (found)
            TRY(buffer_printf(out, "\\%c", found[1]));
        else if ((unsigned char)c < 0x20)
            TRY(buffer_printf(out, "\\u%04x", (unsigned char)c));
        else
            TRY(buffer_append_byte(out, c));
    }
    return buffer_append_byte(out, '"');
}

status jinja_write_json(const jinja_value *v, buffer *out) {
    switch (v->kind) {
    case JINJA_NONE:
        return buffer_append_text(out, "null");
    case JINJA_BOOL:
        return buffer_append_text(out, v->truth ? "true" : "false");
    case JINJA_INT:
    case JINJA_FLOAT:
        return jinja_write(v, out);
    case JINJA_TEXT:
        return write_json_text(v->text, out);
    case JINJA_LIST:
        TRY(buffer_append_byte(out, '['));
        for (size_t i = 0; i < v->list->count; i++) {
            if (i) TRY(buffer_append_text(out, ", "));
            TRY(jinja_write_json(&v->list->items[i], out));
        }
        return buffer_append_byte(out, ']');
    case JINJA_MAP:
        TRY(buffer_append_byte(out, '{'));
        for (size_t i = 0; i < v->map->count; i++) {
            if (i) TRY(buffer_append_text(out, ", "));
            TRY(write_json_text(v->map->entries[i].key, out));
            TRY(buffer_append_text(out, ": "));
            TRY(jinja_write_json(&v->map->entries[i].value, out));
        }
        return buffer_append_byte(out, '}');
    default:
        return status_set(STATUS_INVALID, "%s cannot be written as JSON", jinja_kind_name(v));
    }
}

status jinja_count(const jinja_value *v, size_t *count) {
    *count = 0;
    switch (v->kind) {
    case JINJA_UNDEFINED:
        return STATUS_OK;
    case JINJA_TEXT:
        for (size_t at = 0; at < v->text.length; ++*count) unicode_next(v->text.bytes, &at);
        return STATUS_OK;
    case JINJA_LIST:
        *count = v->list->count;
        return STATUS_OK;
    case JINJA_MAP:
        *count = v->map->count;
        return STATUS_OK;
    default:
        return status_set(STATUS_INVALID, "%s has no length and cannot be run over", jinja_kind_name(v));
    }
}

status jinja_items(jinja_pool *pool, const jinja_value *v, jinja_list *items) {
    size_t count;
    jinja_value list;
    TRY(jinja_count(v, &count));
    if (v->kind == JINJA_LIST) {
        *items = *v->list;
        return STATUS_OK;
    }
    TRY(jinja_new_list(pool, count, &list));
    *items = *list.list;
    for (size_t i = 0, at = 0; i < count; i++) {
        size_t from = at;
        if (v->kind == JINJA_TEXT) {
            unicode_next(v->text.bytes, &at);
            items->items[i] = jinja_text(v->text.bytes + from, at - from);
        } else {
            items->items[i] = jinja_text(v->map->entries[i].key.bytes, v->map->entries[i].key.length);
        }
    }
    return STATUS_OK;
}

// An end of a slice inside [low, high], as Python's slice.indices has it.
static int64_t bound(const int64_t *given, int64_t fallback, int64_t count, int64_t low, int64_t high) {
    if (!given) return fallback;
    int64_t value = *given < 0 ? *given + count : *given;
    return value < low ? low : value > high ? high : value;
}

status jinja_slice(jinja_pool *pool, const jinja_value *v, const int64_t *start, const int64_t *stop, int64_t step,
                   jinja_value *out) {
    jinja_list items;
    if (!step) return status_set(STATUS_INVALID, "a slice with a step of 0");
    if (v->kind != JINJA_LIST && v->kind != JINJA_TEXT)
        return status_set(STATUS_INVALID, "%s cannot be sliced", jinja_kind_name(v));
    TRY(jinja_items(pool, v, &items));
    int64_t count = (int64_t)items.count, low = step < 0 ? -1 : 0, high = step < 0 ? count - 1 : count;
    int64_t from = bound(start, step < 0 ? high : low, count, low, high),
            to = bound(stop, step < 0 ? low : high, count, low, high);
    if (step > count + 1) step = count + 1; // steps beyond the ends are all alike
    if (step < -count - 1) step = -count - 1;
    size_t taken = 0;
    for (int64_t i = from; step < 0 ? i > to : i < to; i += step) taken++;
    jinja_value list;
    TRY(jinja_new_list(pool, taken, &list));
    taken = 0;
    for (int64_t i = from; step < 0 ? i > to : i < to; i += step) list.list->items[taken++] = items.items[i];
    *out = list;
    if (v->kind == JINJA_LIST) return STATUS_OK;
    char *text = jinja_take(pool, v->text.length + 1);
    if (!text) return no_memory();
    size_t length = 0;
    for (size_t i = 0; i < taken; i++) {
        memcpy(text + length, list.list->items[i].text.bytes, list.list->items[i].text.length);
        length += list.list->items[i].text.length;
    }
    *out = jinja_text(text, length);
    return STATUS_OK;
}
