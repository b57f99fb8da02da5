// Lists of problem files and built-in tasks, unique ids, the order of an epoch, prompt templates. See tasks.h.
#include "tasks/tasks.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/jsonl.h"
#include "base/random.h"

// A set being read: strings may still move, so problems are offsets.
typedef struct set_builder {
    buffer strings;
    problem_draft *drafts;
    size_t count, capacity;
    size_t repeated_ids;
    // Files read so far: their paths, and where their problems begin.
    struct loaded_file {
        char *path;
        size_t first;
    } * files;
    size_t file_count;
} set_builder;

static status builder_add(void *context, problem_draft draft) {
    set_builder *b = context;
    if (b->count == b->capacity) {
        size_t grown = b->capacity ? 2 * b->capacity : 256;
        problem_draft *drafts = realloc(b->drafts, grown * sizeof *drafts);
        if (!drafts) return status_set(STATUS_NO_MEMORY, "cannot keep %zu problems", grown);
        b->drafts = drafts, b->capacity = grown;
    }
    b->drafts[b->count++] = draft;
    return STATUS_OK;
}

static bool ends_with(const char *text, const char *ending) {
    size_t n = strlen(text), m = strlen(ending);
    return n >= m && strcmp(text + n - m, ending) == 0;
}

static status refuse_parquet(const char *path) {
    size_t stem = ends_with(path, ".parquet") ? strlen(path) - 8 : strlen(path);
    return status_set(STATUS_UNSUPPORTED,
                      "%s is Parquet; convert it to JSON Lines first: python -c \"import pandas; "
                      "pandas.read_parquet('%s').to_json('%.*s.jsonl', orient='records', lines=True)\"",
                      path, path, (int)stem, path);
}

// Adds "; row 1 has the keys ..." to this thread's message about a missing key.
static status list_keys(status code, const buffer *keys) {
    char message[2048];
    strncpy(message, status_message(), sizeof message - 1);
    message[sizeof message - 1] = 0;
    return status_set(code, "%s; row 1 has the keys %s", message, buffer_text(keys));
}

static status keys_of(const json_t *row, buffer *keys) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)row, key, value) {
        TRY(buffer_append_text(keys, keys->length ? ", " : ""));
        TRY(buffer_append_text(keys, key));
    }
    return STATUS_OK;
}

static status load_file(set_builder *b, const char *path, const problem_options *options) {
    if (ends_with(path, ".parquet") && file_exists(path)) return refuse_parquet(path);
    if (folder_exists(path)) return status_set(STATUS_INVALID, "%s is a folder; name the JSON Lines file in it", path);
    jsonl_reader reader;
    TRY(jsonl_open(&reader, path));
    buffer keys = {0};
    json_t *row = NULL;
    status code;
    size_t before = b->count;
    problem_options fixed = options ? *options : (problem_options){0};
    for (;;) {
        code = jsonl_next(&reader, &row);
        if (code == STATUS_INVALID && reader.line_number == 1) {
            if (reader.line_length >= 4 && memcmp(reader.line, "PAR1", 4) == 0)
                code = refuse_parquet(path);
            else if (reader.line[strspn(reader.line, " \t")] == '[')
                code = status_set(code, "%s is a JSON list, not JSON Lines (one object a line); convert it: jq -c '.[]' %s", path,
                                  path);
        }
        if (code != STATUS_OK || !row) break;
        if (b->count == before && keys.length == 0) TRY_OR(code, keys_of(row, &keys), cleanup);
        problem_draft draft;
        code =
            problem_from_row(row, reader.line, reader.line_length, reader.name, reader.line_number, &fixed, &b->strings, &draft);
        if (code == STATUS_INVALID && strstr(status_message(), ": the row has no key")) code = list_keys(code, &keys);
        if (code != STATUS_OK) break;
        TRY_OR(code, builder_add(b, draft), cleanup);
        fixed.prompt_key = draft.prompt_key;
        if (draft.answer_key) fixed.answer_key = draft.answer_key;
        json_decref(row);
        row = NULL;
    }
    if (code == STATUS_OK && b->count == before) code = status_set(STATUS_INVALID, "%s holds no rows", path);
cleanup:
    json_decref(row);
    buffer_free(&keys);
    jsonl_close(&reader);
    return code;
}

static status open_one(set_builder *b, const char *spec, const problem_options *options) {
    if (strncmp(spec, "builtin:", 8) == 0) return tasks_generate(spec + 8, &b->strings, builder_add, b);
    struct loaded_file *files = realloc(b->files, (b->file_count + 1) * sizeof *files);
    if (!files) return status_set(STATUS_NO_MEMORY, "cannot keep the name of %s", spec);
    b->files = files;
    files[b->file_count] = (struct loaded_file){text_copy(spec, strlen(spec)), b->count};
    if (!files[b->file_count++].path) return status_set(STATUS_NO_MEMORY, "cannot keep the name of %s", spec);
    return load_file(b, spec, options);
}

static status open_spec(set_builder *b, const char *spec, const problem_options *options) {
    if (!strchr(spec, ',') || file_exists(spec)) return open_one(b, spec, options);
    for (const char *p = spec;;) {
        size_t length = strcspn(p, ","), from = strspn(p, " \t");
        while (length > from && (p[length - 1] == ' ' || p[length - 1] == '\t')) length--;
        if (length > from) {
            char *one = text_copy(p + from, length - from);
            if (!one) return status_set(STATUS_NO_MEMORY, "cannot copy a path");
            status code = open_one(b, one, options);
            free(one);
            TRY(code);
        }
        p += strcspn(p, ",");
        if (!*p++) return STATUS_OK;
    }
}

// ---- files of the same name ------------------------------------------------------------------------------------------------

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

// gsm8k/test.jsonl beside math/test.jsonl: their problems' sources become "gsm8k/test" and "math/test". A file that is given
// twice stays one source.
static status tell_files_apart(set_builder *b) {
    for (size_t f = 0; f < b->file_count; f++) {
        const char *path = b->files[f].path, *base = base_name(path), *folder = base;
        bool shared = false;
        for (size_t other = 0; other < b->file_count; other++)
            shared |= !strcmp(base_name(b->files[other].path), base) && strcmp(b->files[other].path, path) != 0;
        if (!shared || base == path) continue;
        for (folder = base - 1; folder > path && folder[-1] != '/';) folder--;
        size_t end = f + 1 < b->file_count ? b->files[f + 1].first : b->count, name = b->strings.length;
        const char *ending = strrchr(base, '.');
        TRY(buffer_append(&b->strings, folder, (size_t)((ending && ending > base ? ending : base + strlen(base)) - folder)));
        TRY(buffer_append_byte(&b->strings, 0));
        for (size_t i = b->files[f].first; i < end; i++)
            if (b->drafts[i].named_by_file) b->drafts[i].source = name;
    }
    return STATUS_OK;
}

// ---- unique ids ------------------------------------------------------------------------------------------------------------

uint64_t tasks_hash_text(const char *text) {
    uint64_t hash = 14695981039346656037u; // FNV-1a
    for (; *text; text++) hash = (hash ^ (unsigned char)*text) * 1099511628211u;
    return hash;
}

// Appends "#2", "#3", ... to ids that occurred before. `slots` is an open-addressing table of draft numbers + 1; `uses` counts
// how often the id of a draft was asked for, so that many equal ids stay linear.
static status make_ids_unique(set_builder *b) {
    size_t size = 16;
    while (size < 2 * b->count) size *= 2;
    uint32_t *slots = calloc(size, sizeof *slots), *uses = calloc(b->count + 1, sizeof *uses);
    status code = slots && uses ? STATUS_OK : status_set(STATUS_NO_MEMORY, "cannot check the ids of %zu problems", b->count);
    buffer fresh = {0};
    for (size_t i = 0; code == STATUS_OK && i < b->count; i++) {
        size_t origin = SIZE_MAX;
        for (;;) {
            const char *id = b->strings.data + b->drafts[i].id;
            size_t place = tasks_hash_text(id) & (size - 1);
            while (slots[place] && strcmp(b->strings.data + b->drafts[slots[place] - 1].id, id) != 0)
                place = (place + 1) & (size - 1);
            if (!slots[place]) {
                slots[place] = (uint32_t)(i + 1), uses[i] = 1;
                break;
            }
            if (origin == SIZE_MAX) origin = slots[place] - 1, b->repeated_ids++;
            buffer_clear(&fresh);
            TRY_OR(code, buffer_printf(&fresh, "%s#%u", b->strings.data + b->drafts[origin].id, ++uses[origin]), done);
            b->drafts[i].id = b->strings.length;
            TRY_OR(code, buffer_append(&b->strings, fresh.data, fresh.length + 1), done);
        }
    }
done:
    buffer_free(&fresh);
    free(slots), free(uses);
    return code;
}

status problem_set_open(problem_set *set, const char *const *specs, size_t count, const problem_options *options) {
    *set = (problem_set){0};
    set_builder b = {0};
    status code = STATUS_OK;
    for (size_t i = 0; code == STATUS_OK && i < count; i++) code = open_spec(&b, specs[i], options);
    if (code == STATUS_OK && b.count == 0) code = status_set(STATUS_INVALID, "no problem file is named");
    if (code == STATUS_OK && b.count >= UINT32_MAX)
        code = status_set(STATUS_INVALID, "%zu problems; fewer than 2^32 are understood", b.count);
    if (code == STATUS_OK) code = tell_files_apart(&b);
    if (code == STATUS_OK) code = make_ids_unique(&b);
    if (code == STATUS_OK) {
        set->problems = malloc(b.count * sizeof *set->problems);
        if (!set->problems) code = status_set(STATUS_NO_MEMORY, "cannot keep %zu problems", b.count);
    }
    if (code == STATUS_OK) {
        const char *strings = b.strings.data;
        for (size_t i = 0; i < b.count; i++)
            set->problems[i] = (problem){.id = strings + b.drafts[i].id,
                                         .source = strings + b.drafts[i].source,
                                         .text = strings + b.drafts[i].text,
                                         .answer = strings + b.drafts[i].answer,
                                         .response = b.drafts[i].has_response ? strings + b.drafts[i].response : NULL};
        set->count = b.count, set->repeated_ids = b.repeated_ids;
        set->strings = b.strings.data;
        b.strings = (buffer){0};
    }
    buffer_free(&b.strings);
    for (size_t f = 0; f < b.file_count; f++) free(b.files[f].path);
    free(b.files), free(b.drafts);
    return code;
}

void problem_set_free(problem_set *set) {
    free(set->problems), free(set->strings);
    *set = (problem_set){0};
}

void tasks_order(uint64_t seed, uint64_t epoch, uint32_t count, uint32_t *order) {
    for (uint32_t i = 0; i < count; i++) order[i] = i;
    for (uint32_t i = count; i > 1; i--) {
        uint32_t j = (uint32_t)random_below(seed, RANDOM_SHUFFLE, epoch, i - 1, 0, i), kept = order[i - 1];
        order[i - 1] = order[j], order[j] = kept;
    }
}

status tasks_fill_template(const char *template, const char *text, buffer *out) {
    static const char mark[] = "{problem}";
    const char *found = strstr(template, mark);
    if (!found) return status_set(STATUS_INVALID, "the prompt template does not contain {problem}");
    for (; found; found = strstr(template, mark)) {
        TRY(buffer_append(out, template, (size_t)(found - template)));
        TRY(buffer_append_text(out, text));
        template = found + sizeof mark - 1;
    }
    return buffer_append_text(out, template);
}
