// One row of a problem file: which keys hold the text, the answer, the id and the source, and what is refused. See tasks.h.
#include "tasks/tasks.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/jsonl.h"

// The value of `key`, or of a path with dots through objects; NULL when absent.
static const json_t *find_value(const json_t *row, const char *key) {
    const json_t *value = json_object_get(row, key);
    while (!value) {
        const char *dot = strchr(key, '.');
        if (!dot) return NULL;
        row = json_object_getn(row, key, (size_t)(dot - key));
        if (!json_is_object(row)) return NULL;
        key = dot + 1;
        value = json_object_get(row, key);
    }
    return value;
}

// ---- numbers as written ----------------------------------------------------------------------------------------------------
// JSON parsing turns 0.50 into 0.5. An answer keeps its digits, so the literal is found again in the line.

typedef struct json_cursor {
    const char *p, *end;
} json_cursor;

static void skip_blanks(json_cursor *c) {
    while (c->p < c->end && isspace((unsigned char)*c->p)) c->p++;
}

static void skip_string(json_cursor *c) {
    for (c->p++; c->p < c->end && *c->p != '"'; c->p++)
        if (*c->p == '\\') c->p++;
    if (c->p < c->end)
        c->p++;
    else
        c->p = c->end;
}

// The line is known to be JSON, so counting brackets outside of strings is enough to step over a value.
static void skip_value(json_cursor *c) {
    size_t depth = 0;
    while (c->p < c->end) {
        if (*c->p == '"') {
            skip_string(c);
            if (depth == 0) return;
            continue;
        }
        if (depth == 0 && (*c->p == ',' || *c->p == '}' || *c->p == ']')) return;
        if (*c->p == '{' || *c->p == '[') depth++;
        if (*c->p == '}' || *c->p == ']') depth--;
        c->p++;
        if (depth == 0 && (c->p[-1] == '}' || c->p[-1] == ']')) return;
    }
}

// Sets the cursor on the value of `key` in the object that it stands on. Escaped keys are not found.
static bool enter_key(json_cursor *c, const char *key, size_t length) {
    skip_blanks(c);
    if (c->p >= c->end || *c->p != '{') return false;
    c->p++;
    for (;;) {
        skip_blanks(c);
        if (c->p >= c->end || *c->p != '"') return false;
        const char *name = c->p + 1;
        skip_string(c);
        bool same = (size_t)(c->p - name) == length + 1 && memcmp(name, key, length) == 0;
        skip_blanks(c);
        if (c->p >= c->end || *c->p != ':') return false;
        c->p++;
        skip_blanks(c);
        if (same) return true;
        skip_value(c);
        skip_blanks(c);
        if (c->p >= c->end || *c->p != ',') return false;
        c->p++;
    }
}

static bool number_as_written(const char *line, size_t length, const char *key, const char **number, size_t *number_length) {
    json_cursor c = {line, line + length};
    if (!enter_key(&c, key, strlen(key))) {
        c = (json_cursor){line, line + length};
        for (const char *dot; (dot = strchr(key, '.')); key = dot + 1)
            if (!enter_key(&c, key, (size_t)(dot - key))) return false;
        if (!enter_key(&c, key, strlen(key))) return false;
    }
    *number = c.p;
    while (c.p < c.end && strchr("+-.0123456789eE", *c.p)) c.p++;
    *number_length = (size_t)(c.p - *number);
    return *number_length > 0;
}

// Appends `length` bytes and a NUL; *offset is where they begin.
static status add_string(buffer *strings, const char *text, size_t length, size_t *offset) {
    *offset = strings->length;
    TRY(buffer_append(strings, text, length));
    return buffer_append_byte(strings, 0);
}

// ---- keys ------------------------------------------------------------------------------------------------------------------

// Where a text and an answer are looked for when no key is named, in this order. A worked solution comes last: it is the answer
// only where nothing else is.
static const char *const text_keys[] = {"problem", "question", "prompt", "query", NULL};
static const char *const answer_keys[] = {
    "answer", "final_answer", "expected_answer", "ground_truth", "target", "reward_model.ground_truth", "solution", NULL};

// The value of `named`, or of the first of `usual` that the row has and that is not null; *key is that key. NULL for none.
static const json_t *find_field(const json_t *row, const char *named, const char *const *usual, const char **key) {
    if (named) return find_value(row, *key = named);
    for (const char *const *k = usual; *k; k++) {
        const json_t *value = find_value(row, *k);
        if (!value || json_is_null(value)) continue;
        *key = *k;
        return value;
    }
    return NULL;
}

static status missing_key(const char *what, const char *named, const char *const *usual, const char *setting, const char *file,
                          size_t line_number) {
    char keys[256];
    size_t length = 0;
    const char *const one[] = {named, NULL};
    for (const char *const *k = named ? one : usual; *k && length < sizeof keys; k++)
        length += (size_t)snprintf(keys + length, sizeof keys - length, "%s\"%s\"", length == 0 ? "" : k[1] ? ", " : " or ", *k);
    return status_set(STATUS_INVALID, "%s line %zu: no %s: the row has no key %s (%s names another)", file, line_number, what,
                      keys, setting);
}

// ---- fields ----------------------------------------------------------------------------------------------------------------

static bool blank(const char *text) { return text[strspn(text, " \t\r\n\v\f")] == 0; }

// A string, or messages: [{"role": ROLE, "content": "..."}].
static status add_text(buffer *strings, const json_t *value, const char *key, const char *role, const char *file,
                       size_t line_number, size_t *offset) {
    if (json_is_array(value)) {
        const json_t *message = json_array_get(value, 0), *speaker = json_object_get(message, "role");
        if (json_array_size(value) != 1 || !json_is_string(speaker) || strcmp(json_string_value(speaker), role) != 0)
            return status_set(STATUS_UNSUPPORTED,
                              "%s line %zu: \"%s\" is a list of %zu messages; understood is one message with the role \"%s\"",
                              file, line_number, key, json_array_size(value), role);
        value = json_object_get(message, "content");
        if (!json_is_string(value))
            return status_set(STATUS_INVALID, "%s line %zu: the message in \"%s\" has no \"content\" that is a string", file,
                              line_number, key);
    }
    if (!json_is_string(value))
        return status_set(STATUS_INVALID, "%s line %zu: \"%s\" is not a string (nor a list of messages)", file, line_number, key);
    if (blank(json_string_value(value)))
        return status_set(STATUS_INVALID, "%s line %zu: \"%s\" is empty", file, line_number, key);
    return add_string(strings, json_string_value(value), json_string_length(value), offset);
}

// What a worked solution ends in: the text behind its last "####" (as in GSM8K), or with `boxes` inside its last \boxed{}; else
// all of it.
static const char *conclusion(const char *text, size_t *length, bool boxes) {
    static const char mark[] = "####", box[] = "\\boxed{";
    const char *found = NULL, *end = text + *length;
    for (const char *p = strstr(text, mark); p; p = strstr(p + 4, mark)) found = p + 4;
    for (const char *p = boxes && !found ? strstr(text, box) : NULL; p; p = strstr(p + 1, box)) {
        const char *inside = p + sizeof box - 1, *q = inside;
        for (size_t depth = 1; *q && depth > 0; q++) depth += *q == '{' ? 1 : *q == '}' ? (size_t)-1 : 0;
        if (q > inside && q[-1] == '}') found = inside, end = q - 1;
    }
    if (!found) return text;
    while (found < end && isspace((unsigned char)*found)) found++;
    while (end > found && isspace((unsigned char)end[-1])) end--;
    *length = (size_t)(end - found);
    return found;
}

// A place in a row, for messages and for numbers as they are written.
typedef struct row_place {
    const char *line, *key, *file;
    size_t line_length, line_number;
} row_place;

static status bad_answer(const row_place *at, const char *how) {
    return status_set(STATUS_INVALID, "%s line %zu: the answer in \"%s\" is %s", at->file, at->line_number, at->key, how);
}

static status append_answer(buffer *out, const json_t *value, const row_place *at, bool in_list) {
    if (json_is_number(value)) {
        const char *number;
        size_t length;
        if (!in_list && number_as_written(at->line, at->line_length, at->key, &number, &length))
            return buffer_append(out, number, length);
        return json_write(out, value, 17);
    }
    if (!json_is_string(value)) return bad_answer(at, "neither a string nor a number (nor a list of them)");
    if (blank(json_string_value(value))) return bad_answer(at, "empty");
    size_t length = json_string_length(value);
    const char *text = conclusion(json_string_value(value), &length, !strcmp(at->key, "solution"));
    return length > 0 ? buffer_append(out, text, length) : bad_answer(at, "empty behind ####");
}

// A string, a number, or a list of them, whose items are one answer together: "2, 3".
static status add_answer(buffer *strings, const json_t *value, const row_place *at, size_t *offset) {
    bool list = json_is_array(value);
    size_t count = list ? json_array_size(value) : 1;
    if (count == 0) return bad_answer(at, "an empty list");
    *offset = strings->length;
    for (size_t i = 0; i < count; i++) {
        if (i > 0) TRY(buffer_append_text(strings, ", "));
        TRY(append_answer(strings, list ? json_array_get(value, i) : value, at, list));
    }
    return buffer_append_byte(strings, 0);
}

status problem_from_row(const json_t *row, const char *line, size_t line_length, const char *file, size_t line_number,
                        const problem_options *options, buffer *strings, problem_draft *draft) {
    *draft = (problem_draft){0};
    bool lessons = options && options->lessons;
    const char *prompt_named = options ? options->prompt_key : NULL, *answer_named = options ? options->answer_key : NULL;
    const json_t *text = find_field(row, prompt_named, text_keys, &draft->prompt_key);
    const json_t *answer = find_field(row, answer_named, answer_keys, &draft->answer_key);
    if (!text) return missing_key("problem text", prompt_named, text_keys, "data.prompt_key", file, line_number);
    if (!answer && !lessons) return missing_key("answer", answer_named, answer_keys, "data.answer_key", file, line_number);
    TRY(add_text(strings, text, draft->prompt_key, "user", file, line_number, &draft->text));
    if (lessons) {
        const char *response_key = options->response_key ? options->response_key : "response";
        const json_t *response = find_value(row, response_key);
        if (!response) return missing_key("response", response_key, NULL, "data.response_key", file, line_number);
        TRY(add_text(strings, response, response_key, "assistant", file, line_number, &draft->response));
        draft->has_response = true;
    }
    if (answer)
        TRY(add_answer(strings, answer, &(row_place){line, draft->answer_key, file, line_length, line_number}, &draft->answer));
    else
        TRY(add_string(strings, "", 0, &draft->answer));

    const char *base = strrchr(file, '/');
    base = base ? base + 1 : file;
    const char *ending = strrchr(base, '.');
    size_t stem = ending && ending > base ? (size_t)(ending - base) : strlen(base);
    const json_t *source = json_object_get(row, "source");
    if (!json_is_string(source)) source = json_object_get(row, "data_source");
    if (json_is_string(source) && !blank(json_string_value(source)))
        TRY(add_string(strings, json_string_value(source), json_string_length(source), &draft->source));
    else {
        TRY(add_string(strings, base, stem, &draft->source));
        draft->named_by_file = true;
    }

    const json_t *id = json_object_get(row, "id"), *index = find_value(row, "extra_info.index");
    const json_t *data_source = json_object_get(row, "data_source");
    char made[300];
    if (json_is_string(id) && !blank(json_string_value(id))) {
        return add_string(strings, json_string_value(id), json_string_length(id), &draft->id);
    } else if (json_is_integer(id)) {
        snprintf(made, sizeof made, "%lld", (long long)json_integer_value(id));
    } else if (json_is_integer(index)) {
        snprintf(made, sizeof made, "%.200s:%lld", json_is_string(data_source) ? json_string_value(data_source) : base,
                 (long long)json_integer_value(index));
    } else if (json_is_string(index) && !blank(json_string_value(index))) { // already unique texts in some data sets
        return add_string(strings, json_string_value(index), json_string_length(index), &draft->id);
    } else {
        snprintf(made, sizeof made, "%.200s:%zu", base, line_number);
    }
    return add_string(strings, made, strlen(made), &draft->id);
}
