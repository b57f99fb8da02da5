// Settings as written: YAML through libyaml's events, and Hydra's assignments of the command line, both flattened to dotted keys.
//
// What verl's files use is read: mappings, lists, quotes, null. What would need more than this page of YAML is refused by name:
// anchors, aliases, merge keys, tags, several documents. An interpolation (${...}) is kept as text here; settings_interpolate.c
// resolves it.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <yaml.h>

#include "base/file.h"
#include "base/buffer.h"
#include "run/written.h"

enum { YAML_DEPTH = 32, YAML_KEYS = 20000, YAML_BYTES = 1 << 20 };

written *written_add(written_list *list, const char *key, size_t length) {
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 64;
        written *items = realloc(list->items, capacity * sizeof *items);
        if (!items) return NULL;
        list->items = items, list->capacity = capacity;
    }
    char *copy = text_copy(key, length);
    if (!copy) return NULL;
    written *w = &list->items[list->count++];
    *w = (written){.key = copy};
    return w;
}

void written_free(written_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i].key);
        free(list->items[i].text);
        text_list_free(&list->items[i].items);
    }
    free(list->items);
    *list = (written_list){0};
}

const char *written_place(const written *w, char *text, size_t size) {
    if (w->line)
        snprintf(text, size, "%s:%d: ", w->name, w->line);
    else
        snprintf(text, size, "%s: ", w->name);
    return text;
}

const char *written_value(const written *w, char *text, size_t size) {
    switch (w->shape) {
    case WRITTEN_NULL:
        snprintf(text, size, "null");
        break;
    case WRITTEN_MAP:
    case WRITTEN_TEXT: {
        const char *whole = w->text ? w->text : "{}";
        int room = (int)size - 8;
        snprintf(text, size, (int)strlen(whole) > room ? "%.*s..." : "%.*s", room, whole);
        break;
    }
    case WRITTEN_LIST: {
        size_t used = (size_t)snprintf(text, size, "[");
        for (size_t i = 0; i < w->items.count && used + 8 < size; i++) {
            used += (size_t)snprintf(text + used, size - used - 4, "%s%s", i ? ", " : "", w->items.items[i]);
            if (used + 4 >= size) used = strlen(text);
        }
        snprintf(text + used, size - used, "]");
        break;
    }
    }
    return text;
}

static status no_memory(void) { return status_set(STATUS_NO_MEMORY, "out of memory while reading settings"); }

// The YAML reader ------------------------------------------------------------------------------------------------------------

typedef struct place {
    char *path; // of a key that occurred, sections included
    int line;
} place;

typedef struct reader {
    yaml_parser_t parser;
    written_list *list;
    const char *name;
    place *seen;
    size_t seen_count, seen_capacity;
} reader;

static status next_event(reader *r, yaml_event_t *event) {
    if (yaml_parser_parse(&r->parser, event)) return STATUS_OK;
    const yaml_parser_t *p = &r->parser;
    if (p->error == YAML_MEMORY_ERROR) return no_memory();
    if (p->error == YAML_READER_ERROR)
        return status_set(STATUS_INVALID, "%s: not YAML text at byte %zu: %s", r->name, p->problem_offset,
                          p->problem ? p->problem : "");
    return status_set(STATUS_INVALID, "%s:%zu: this is not YAML: %s%s%s", r->name, p->problem_mark.line + 1,
                      p->problem ? p->problem : "cannot be parsed", p->context ? " " : "", p->context ? p->context : "");
}

// Anchors, aliases and tags would need a second pass over the text; no configuration of verl's kind uses them.
static status refuse_extras(const reader *r, const yaml_event_t *event) {
    size_t line = event->start_mark.line + 1;
    const yaml_char_t *anchor = NULL, *tag = NULL;
    switch (event->type) {
    case YAML_ALIAS_EVENT:
        anchor = event->data.alias.anchor;
        break;
    case YAML_SCALAR_EVENT:
        anchor = event->data.scalar.anchor, tag = event->data.scalar.tag;
        break;
    case YAML_SEQUENCE_START_EVENT:
        anchor = event->data.sequence_start.anchor, tag = event->data.sequence_start.tag;
        break;
    case YAML_MAPPING_START_EVENT:
        anchor = event->data.mapping_start.anchor, tag = event->data.mapping_start.tag;
        break;
    default:
        break;
    }
    if (anchor)
        return status_set(STATUS_UNSUPPORTED, "%s:%zu: YAML anchors and aliases (%s) are not supported; write the value out",
                          r->name, line, (const char *)anchor);
    if (tag)
        return status_set(STATUS_UNSUPPORTED, "%s:%zu: the YAML tag %s is not supported; write a plain value", r->name, line,
                          (const char *)tag);
    return STATUS_OK;
}

static status note_seen(reader *r, const char *path, int line) {
    if (r->seen_count == YAML_KEYS)
        return status_set(STATUS_INVALID, "%s:%d: more than %d keys; this is no settings file", r->name, line, YAML_KEYS);
    if (r->seen_count == r->seen_capacity) {
        size_t capacity = r->seen_capacity ? 2 * r->seen_capacity : 128;
        place *seen = realloc(r->seen, capacity * sizeof *seen);
        if (!seen) return no_memory();
        r->seen = seen, r->seen_capacity = capacity;
    }
    char *copy = strdup(path);
    if (!copy) return no_memory();
    r->seen[r->seen_count++] = (place){copy, line};
    return STATUS_OK;
}

static int compare_places(const void *a, const void *b) {
    const place *x = a, *y = b;
    int order = strcmp(x->path, y->path);
    return order ? order : (x->line > y->line) - (x->line < y->line);
}

static status check_duplicates(reader *r) {
    if (r->seen_count) qsort(r->seen, r->seen_count, sizeof *r->seen, compare_places);
    for (size_t i = 1; i < r->seen_count; i++)
        if (!strcmp(r->seen[i - 1].path, r->seen[i].path))
            return status_set(STATUS_INVALID, "%s:%d: %s is given twice, first on line %d; keep one", r->name, r->seen[i].line,
                              r->seen[i].path, r->seen[i - 1].line);
    return STATUS_OK;
}

// Skips the rest of a list or mapping whose start has been read.
static status skip_rest(reader *r) {
    for (size_t depth = 1; depth > 0;) {
        yaml_event_t event;
        TRY(next_event(r, &event));
        if (event.type == YAML_SEQUENCE_START_EVENT || event.type == YAML_MAPPING_START_EVENT) depth++;
        if (event.type == YAML_SEQUENCE_END_EVENT || event.type == YAML_MAPPING_END_EVENT) depth--;
        status code = refuse_extras(r, &event);
        yaml_event_delete(&event);
        TRY(code);
    }
    return STATUS_OK;
}

static bool is_null(const char *text) {
    return !*text || !strcmp(text, "~") || !strcasecmp(text, "null") || !strcmp(text, "None");
}

static status scalar_text(const reader *r, const yaml_event_t *event, const char *what) {
    if (memchr(event->data.scalar.value, 0, event->data.scalar.length))
        return status_set(STATUS_INVALID, "%s:%zu: %s holds a NUL character", r->name, event->start_mark.line + 1, what);
    return STATUS_OK;
}

static status read_list(reader *r, written *w) {
    for (;;) {
        yaml_event_t event;
        TRY(next_event(r, &event));
        status code = refuse_extras(r, &event);
        yaml_event_type_t type = event.type;
        if (code == STATUS_OK && type == YAML_SCALAR_EVENT) {
            code = scalar_text(r, &event, w->key);
            if (code == STATUS_OK)
                code = text_list_add(&w->items, (const char *)event.data.scalar.value, event.data.scalar.length);
        }
        yaml_event_delete(&event);
        TRY(code);
        if (type == YAML_SEQUENCE_END_EVENT) return STATUS_OK;
        if (type == YAML_SEQUENCE_START_EVENT || type == YAML_MAPPING_START_EVENT) {
            w->nested = true;
            TRY(skip_rest(r));
        }
    }
}

// Reads the pairs of a mapping whose start has been read; `path` is the dotted key of the mapping, "" for the whole file.
static status read_mapping(reader *r, const char *path, int depth) {
    for (;;) {
        yaml_event_t event;
        TRY(next_event(r, &event));
        if (event.type == YAML_MAPPING_END_EVENT) {
            yaml_event_delete(&event);
            return STATUS_OK;
        }
        int line = (int)event.start_mark.line + 1;
        buffer key = {0};
        status code = refuse_extras(r, &event);
        if (code == STATUS_OK && event.type != YAML_SCALAR_EVENT)
            code = status_set(STATUS_INVALID, "%s:%d: a key has to be a plain word", r->name, line);
        if (code == STATUS_OK) code = scalar_text(r, &event, "a key");
        if (code == STATUS_OK && !strcmp((const char *)event.data.scalar.value, "<<"))
            code = status_set(STATUS_UNSUPPORTED, "%s:%d: YAML merge keys (<<) are not supported; write the values out", r->name,
                              line);
        if (code == STATUS_OK)
            code = buffer_printf(&key, "%s%s%s", path, *path ? "." : "", (const char *)event.data.scalar.value);
        yaml_event_delete(&event);
        if (code == STATUS_OK) code = note_seen(r, buffer_text(&key), line);
        TRY_OR(code, code, next);

        TRY_OR(code, next_event(r, &event), next);
        code = refuse_extras(r, &event);
        yaml_event_type_t type = event.type;
        if (code == STATUS_OK && type == YAML_MAPPING_START_EVENT) {
            yaml_event_delete(&event);
            if (depth == YAML_DEPTH)
                code = status_set(STATUS_INVALID, "%s:%d: nested deeper than %d levels", r->name, line, YAML_DEPTH);
            size_t before = r->seen_count;
            if (code == STATUS_OK) code = read_mapping(r, buffer_text(&key), depth + 1);
            if (code == STATUS_OK && r->seen_count == before) {
                written *w = written_add(r->list, key.data, key.length);
                if (!w)
                    code = no_memory();
                else
                    w->shape = WRITTEN_MAP, w->origin = SETTING_FROM_FILE, w->name = r->name, w->line = line;
            }
            goto next;
        }
        written *w = code == STATUS_OK ? written_add(r->list, key.data, key.length) : NULL;
        if (code == STATUS_OK && !w) code = no_memory();
        if (code == STATUS_OK) {
            w->origin = SETTING_FROM_FILE, w->name = r->name, w->line = line;
            if (type == YAML_SEQUENCE_START_EVENT) {
                w->shape = WRITTEN_LIST;
            } else if (event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE && is_null((const char *)event.data.scalar.value)) {
                w->shape = WRITTEN_NULL;
            } else {
                code = scalar_text(r, &event, buffer_text(&key));
                w->shape = WRITTEN_TEXT;
                w->text = text_copy((const char *)event.data.scalar.value, event.data.scalar.length);
                if (!w->text) code = no_memory();
            }
        }
        yaml_event_delete(&event);
        if (code == STATUS_OK && type == YAML_SEQUENCE_START_EVENT) code = read_list(r, w);
    next:
        buffer_free(&key);
        TRY(code);
    }
}

static status read_stream(reader *r) {
    for (int documents = 0;;) {
        yaml_event_t event;
        TRY(next_event(r, &event));
        yaml_event_type_t type = event.type;
        size_t line = event.start_mark.line + 1;
        bool empty = type == YAML_SCALAR_EVENT && event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE && !event.data.scalar.length;
        status code = refuse_extras(r, &event);
        yaml_event_delete(&event);
        TRY(code);
        if (type == YAML_STREAM_END_EVENT) return STATUS_OK;
        if (type == YAML_DOCUMENT_START_EVENT && documents++)
            return status_set(STATUS_UNSUPPORTED, "%s:%zu: a second YAML document; put all settings into one", r->name, line);
        if (type == YAML_MAPPING_START_EVENT) TRY(read_mapping(r, "", 1));
        if (type == YAML_SEQUENCE_START_EVENT || (type == YAML_SCALAR_EVENT && !empty))
            return status_set(STATUS_INVALID, "%s:%zu: settings are \"key: value\" lines", r->name, line);
    }
}

status written_read_yaml(written_list *list, const char *yaml, size_t length, const char *name) {
    if (length > YAML_BYTES)
        return status_set(STATUS_INVALID, "%s has %zu bytes; settings files have at most %d", name, length, YAML_BYTES);
    reader r = {.list = list, .name = name};
    if (!yaml_parser_initialize(&r.parser)) return no_memory();
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)yaml, length);
    status code = read_stream(&r);
    if (code == STATUS_OK) code = check_duplicates(&r);
    yaml_parser_delete(&r.parser);
    for (size_t i = 0; i < r.seen_count; i++) free(r.seen[i].path);
    free(r.seen);
    return code;
}

status written_read_file(written_list *list, const char *path) {
    file_map map;
    TRY(file_map_open(&map, path));
    status code = written_read_yaml(list, map.bytes ? (const char *)map.bytes : "", map.size, path);
    file_map_close(&map);
    return code;
}

// The command line -----------------------------------------------------------------------------------------------------------

// Reads a quoted text that starts at *at into `out`: in double quotes \n, \t, \" and \\ as usual, in single quotes only \' and
// \\.
static status read_quoted(const char **at, buffer *out, const char *whole) {
    char quote = *(*at)++;
    for (;; (*at)++) {
        char c = **at;
        if (!c) return status_set(STATUS_INVALID, "command line: %s: the closing %c is missing", whole, quote);
        if (c == quote) break;
        if (c == '\\' && (*at)[1]) {
            char next = (*at)[1];
            bool known = next == quote || next == '\\' || (quote == '"' && (next == 'n' || next == 't'));
            if (known) {
                (*at)++;
                c = quote == '"' && next == 'n' ? '\n' : quote == '"' && next == 't' ? '\t' : next;
            }
        }
        TRY(buffer_append_byte(out, c));
    }
    (*at)++;
    return STATUS_OK;
}

static const char *skip_blanks(const char *at) {
    while (*at == ' ') at++;
    return at;
}

// "[a, 'b', c]": nested brackets are kept as one item and marked.
static status read_assigned_list(written *w, const char *at, const char *whole) {
    buffer item = {0};
    status code = STATUS_OK;
    at = skip_blanks(at + 1);
    for (bool first = true; *at != ']'; first = false) {
        buffer_clear(&item);
        if (!first) {
            if (*at != ',') TRY_OR(code, status_set(STATUS_INVALID, "command line: %s: a list is [a, b]", whole), cleanup);
            at = skip_blanks(at + 1);
        }
        if (*at == '\'' || *at == '"') {
            TRY_OR(code, read_quoted(&at, &item, whole), cleanup);
        } else {
            for (int depth = 0; *at && (depth || (*at != ',' && *at != ']')); at++) {
                if (*at == '[' || *at == '{') depth++, w->nested = true;
                if (*at == ']' || *at == '}') depth--;
                TRY_OR(code, buffer_append_byte(&item, *at), cleanup);
            }
            while (item.length && item.data[item.length - 1] == ' ') item.data[--item.length] = 0;
        }
        if (!*at) TRY_OR(code, status_set(STATUS_INVALID, "command line: %s: the closing ] is missing", whole), cleanup);
        at = skip_blanks(at);
        TRY_OR(code, text_list_add(&w->items, buffer_text(&item), item.length), cleanup);
    }
    if (*skip_blanks(at + 1)) code = status_set(STATUS_INVALID, "command line: %s: text after the closing ]", whole);
cleanup:
    buffer_free(&item);
    return code;
}

status written_read_assignment(written_list *list, const char *text) {
    const char *at = text;
    bool removal = *at == '~';
    if (removal) at++;
    if (!removal && *at == '+') at += at[1] == '+' ? 2 : 1;
    const char *equals = strchr(at, '=');
    size_t length = equals ? (size_t)(equals - at) : strlen(at);
    if (!length || (!equals && !removal))
        return status_set(STATUS_INVALID, "command line: %s: a setting is given as key=value", text);
    buffer valid = {0};
    status code = text_make_valid(&valid, text, strlen(text));
    if (code == STATUS_OK && strcmp(buffer_text(&valid), text))
        code = status_set(STATUS_INVALID, "command line: %s: this is not valid UTF-8", buffer_text(&valid));
    buffer_free(&valid);
    TRY(code);
    written *w = written_add(list, at, length);
    if (!w) return no_memory();
    w->origin = SETTING_FROM_COMMAND_LINE, w->name = "command line", w->removal = removal;
    if (removal) return STATUS_OK;
    const char *value = equals + 1;
    if (*value == '[') {
        w->shape = WRITTEN_LIST;
        return read_assigned_list(w, value, text);
    }
    if (*value == '{') { // a mapping for keys that have one, else a text such as {problem}
        w->shape = WRITTEN_MAP;
        return (w->text = strdup(value)) ? STATUS_OK : no_memory();
    }
    if (*value == '\'' || *value == '"') {
        buffer quoted = {0};
        code = read_quoted(&value, &quoted, text);
        if (code == STATUS_OK && *value)
            code = status_set(STATUS_INVALID, "command line: %s: text after the closing quote", text);
        w->shape = WRITTEN_TEXT;
        if (code == STATUS_OK) w->text = text_copy(buffer_text(&quoted), quoted.length);
        if (code == STATUS_OK && !w->text) code = no_memory();
        buffer_free(&quoted);
        return code;
    }
    w->shape = *value && is_null(value) ? WRITTEN_NULL : WRITTEN_TEXT;
    if (w->shape == WRITTEN_TEXT && !(w->text = strdup(value))) return no_memory();
    return STATUS_OK;
}
