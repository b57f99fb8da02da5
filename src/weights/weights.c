// The door of the room: opens a file, a folder or an index, and finds tensors by name. See weights.h.
//
// The formats themselves are parsed in safetensors.c and gguf.c; values are converted in dequantize.c.
#include "weights/weights.h"

#include <stdlib.h>

#include "base/buffer.h"
#include "base/jsonl.h"
#include "weights/internal.h"

static const struct {
    const char *name;
    size_t elements, bytes;
} dtypes[] = {
#define X(name, elements, bytes) [WEIGHTS_##name] = {#name, elements, bytes},
    WEIGHTS_DTYPE_TABLE(X)
#undef X
        [WEIGHTS_OTHER] = {"other", 0, 0},
};

const char *weights_dtype_name(weights_dtype dtype) { return dtypes[dtype].name; }
size_t weights_block_elements(weights_dtype dtype) { return dtypes[dtype].elements; }
size_t weights_block_bytes(weights_dtype dtype) { return dtypes[dtype].bytes; }

status weights_grow(void **array, size_t *capacity, size_t needed, size_t size) {
    if (needed <= *capacity) return STATUS_OK;
    size_t larger = *capacity < 8 ? 16 : *capacity * 2;
    if (larger < needed) larger = needed;
    void *moved = reallocarray(*array, larger, size);
    if (!moved) return status_set(STATUS_NO_MEMORY, "out of memory for the header of a weights file (%zu entries)", larger);
    *array = moved, *capacity = larger;
    return STATUS_OK;
}

bool weights_is_printable(const char *bytes, size_t length) {
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)bytes[i] < 0x20 || bytes[i] == 0x7F) return false;
    return true;
}

status weights_keep_text(weights_file *file, const weights_part *part, const char *what, const char *bytes, size_t length,
                         const char **text) {
    if (!weights_is_printable(bytes, length))
        return status_set(STATUS_INVALID, "%s: a %s holds a control character", part->path, what);
    if (length == 0) return status_set(STATUS_INVALID, "%s: a %s is empty", part->path, what);
    TRY(weights_grow((void **)&file->texts, &file->text_capacity, file->text_count + 1, sizeof *file->texts));
    char *copy = text_copy(bytes, length);
    if (!copy) return status_set(STATUS_NO_MEMORY, "%s: out of memory for a %s of %zu bytes", part->path, what, length);
    *text = file->texts[file->text_count++] = copy;
    return STATUS_OK;
}

status weights_set_count(weights_tensor *tensor) {
    size_t product = 1; // of the sizes, 0 taken as 1: so that no partial product of the shape overflows either
    tensor->count = 1;
    for (size_t i = 0; i < tensor->rank; i++) {
        if (__builtin_mul_overflow(product, tensor->shape[i] ? tensor->shape[i] : 1, &product))
            return status_set(STATUS_INVALID, "%s: the shape of tensor '%s' has more elements than can be counted", tensor->path,
                              tensor->name);
        if (tensor->shape[i] == 0) tensor->count = 0;
    }
    if (tensor->count) tensor->count = product;
    return STATUS_OK;
}

bool weights_data_bytes(const weights_tensor *tensor, size_t *bytes) {
    size_t block = dtypes[tensor->dtype].elements, row = tensor->rank ? tensor->shape[tensor->rank - 1] : 1;
    return row % block == 0 && !__builtin_mul_overflow(tensor->count / block, dtypes[tensor->dtype].bytes, bytes);
}

status weights_add_tensor(weights_file *file, const weights_tensor *tensor) {
    TRY(weights_grow((void **)&file->tensors, &file->tensor_capacity, file->tensor_count + 1, sizeof *file->tensors));
    file->tensors[file->tensor_count++] = *tensor;
    return STATUS_OK;
}

static int compare_data(const void *a, const void *b) {
    const weights_tensor *x = *(const weights_tensor *const *)a, *y = *(const weights_tensor *const *)b;
    return (x->data > y->data) - (x->data < y->data);
}

status weights_check_layout(const weights_file *file, size_t first, const unsigned char *begin, const unsigned char *end,
                            bool gapless) {
    size_t count = 0;
    const weights_tensor **sorted = malloc((file->tensor_count - first + 1) * sizeof *sorted);
    if (!sorted) return status_set(STATUS_NO_MEMORY, "out of memory for the header of a weights file");
    for (size_t i = first; i < file->tensor_count; i++)
        if (file->tensors[i].bytes) sorted[count++] = &file->tensors[i];
    qsort(sorted, count, sizeof *sorted, compare_data);
    status code = STATUS_OK;
    const unsigned char *at = begin;
    for (size_t i = 0; i < count && code == STATUS_OK; i++) {
        const weights_tensor *t = sorted[i];
        if (t->data < at)
            code = status_set(STATUS_INVALID, "%s: the data of tensor '%s' overlap those of tensor '%s'", t->path, t->name,
                              i ? sorted[i - 1]->name : "?");
        else if (gapless && t->data > at)
            code = status_set(STATUS_INVALID, "%s: %zu bytes before the data of tensor '%s' belong to no tensor", t->path,
                              (size_t)(t->data - at), t->name);
        at = t->data + t->bytes;
    }
    free(sorted);
    if (code == STATUS_OK && gapless && at != end)
        code = status_set(STATUS_INVALID, "%s: %zu bytes at the end of the file belong to no tensor",
                          file->parts[file->part_count - 1].path, (size_t)(end - at));
    return code;
}

// Adds a part and takes ownership of `path` (NULL: out of memory).
static status add_part(weights_file *file, char *path, weights_part **part) {
    *part = NULL;
    weights_part *parts = path ? reallocarray(file->parts, file->part_count + 1, sizeof *parts) : NULL;
    if (!parts) {
        free(path);
        return status_set(STATUS_NO_MEMORY, "%s: out of memory while opening it", file->path);
    }
    file->parts = parts;
    *part = &parts[file->part_count++];
    **part = (weights_part){.path = path};
    return STATUS_OK;
}

static status parse_part(weights_file *file, const weights_part *part) {
    bool is_gguf = part->map.size >= 4 && memcmp(part->map.bytes, "GGUF", 4) == 0;
    file->format = is_gguf ? WEIGHTS_GGUF : WEIGHTS_SAFETENSORS;
    return is_gguf ? gguf_parse(file, part) : safetensors_parse(file, part);
}

// Maps one more file, takes ownership of `path`, and parses it.
static status open_part(weights_file *file, char *path) {
    weights_part *part;
    TRY(add_part(file, path, &part));
    TRY(file_map_open(&part->map, path));
    return parse_part(file, part);
}

static int compare_text(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

static int compare_name(const void *a, const void *b) {
    return strcmp((*(const weights_tensor *const *)a)->name, (*(const weights_tensor *const *)b)->name);
}

static status index_names(weights_file *file) {
    file->by_name = malloc((file->tensor_count + 1) * sizeof *file->by_name);
    if (!file->by_name) return status_set(STATUS_NO_MEMORY, "%s: out of memory for the names of its tensors", file->path);
    for (size_t i = 0; i < file->tensor_count; i++) file->by_name[i] = &file->tensors[i];
    qsort(file->by_name, file->tensor_count, sizeof *file->by_name, compare_name);
    for (size_t i = 1; i < file->tensor_count; i++)
        if (strcmp(file->by_name[i - 1]->name, file->by_name[i]->name) == 0)
            return status_set(STATUS_INVALID, "%s: there are two tensors named '%s'", file->by_name[i]->path,
                              file->by_name[i]->name);
    return STATUS_OK;
}

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

// Opens the shards that an index names and checks that index and shards agree on every tensor.
static status open_shards(weights_file *file, const char *index_path, const json_t *map) {
    size_t count = 0;
    const char *name, **shards = malloc((json_object_size(map) + 1) * sizeof *shards);
    char *folder = text_copy(index_path, (size_t)(base_name(index_path) - index_path));
    status code = STATUS_OK;
    if (!shards || !folder) {
        code = status_set(STATUS_NO_MEMORY, "%s: out of memory while reading it", index_path);
        goto cleanup;
    }
    json_t *shard;
    json_object_foreach((json_t *)map, name, shard) {
        const char *text = json_string_value(shard);
        if (!text || !*text || strchr(text, '/') || strcmp(text, ".") == 0 || strcmp(text, "..") == 0) {
            code = status_set(STATUS_INVALID, "%s: weight_map must give a file in the same folder for tensor '%s'", index_path,
                              name);
            goto cleanup;
        }
        shards[count++] = text;
    }
    qsort(shards, count, sizeof *shards, compare_text);
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && strcmp(shards[i], shards[i - 1]) == 0) continue;
        TRY_OR(code, open_part(file, path_join(*folder ? folder : ".", shards[i])), cleanup);
        if (file->format == WEIGHTS_GGUF) {
            code = status_set(STATUS_INVALID, "%s: shard %s must be a safetensors file and is GGUF", index_path, shards[i]);
            goto cleanup;
        }
    }
    TRY_OR(code, index_names(file), cleanup);
    json_object_foreach((json_t *)map, name, shard) {
        const weights_tensor *t = weights_find(file, name);
        if (!t || strcmp(base_name(t->path), json_string_value(shard)) != 0) {
            code = status_set(STATUS_INVALID, "%s: tensor '%s' should be in %s and is not", index_path, name,
                              json_string_value(shard));
            goto cleanup;
        }
    }
    for (size_t i = 0; i < file->tensor_count; i++)
        if (!json_object_get(map, file->tensors[i].name)) {
            code = status_set(STATUS_INVALID, "%s: tensor '%s' of %s is missing from the index", index_path,
                              file->tensors[i].name, file->tensors[i].path);
            goto cleanup;
        }
cleanup:
    free(shards);
    free(folder);
    return code;
}

static status open_index(weights_file *file, const char *path) {
    file_map map;
    json_t *index = NULL;
    TRY(file_map_open(&map, path));
    status code = json_parse((const char *)map.bytes, map.size, path, &index);
    file_map_close(&map);
    if (code != STATUS_OK) return code;
    const json_t *weight_map = json_object_get(index, "weight_map");
    if (!json_is_object(weight_map) || json_object_size(weight_map) == 0)
        code = status_set(STATUS_INVALID, "%s: there is no 'weight_map' of tensor names to shard files", path);
    else
        code = open_shards(file, path, weight_map);
    json_decref(index);
    return code;
}

static status open_folder(weights_file *file, const char *folder) {
    char *single = path_join(folder, "model.safetensors"), *index = path_join(folder, "model.safetensors.index.json");
    status code;
    if (!single || !index)
        code = status_set(STATUS_NO_MEMORY, "%s: out of memory while opening it", folder);
    else if (file_exists(single)) {
        code = open_part(file, single);
        single = NULL;
        if (code == STATUS_OK) code = index_names(file);
    } else if (file_exists(index))
        code = open_index(file, index);
    else
        code =
            status_set(STATUS_INVALID, "%s: the folder holds neither model.safetensors nor model.safetensors.index.json", folder);
    free(single);
    free(index);
    return code;
}

static bool ends_with(const char *text, const char *end) {
    size_t length = strlen(text), tail = strlen(end);
    return length >= tail && strcmp(text + length - tail, end) == 0;
}

static status create_file(weights_file **file, const char *path) {
    *file = calloc(1, sizeof **file);
    if (*file) (*file)->path = strdup(path);
    return *file && (*file)->path ? STATUS_OK : status_set(STATUS_NO_MEMORY, "%s: out of memory while opening it", path);
}

// Hands out a file that opened well, frees one that did not.
static status finish_open(weights_file **out, weights_file *file, status code) {
    if (code != STATUS_OK) weights_close(file);
    *out = code == STATUS_OK ? file : NULL;
    return code;
}

status weights_open(weights_file **out, const char *path) {
    weights_file *file;
    status code = create_file(&file, path);
    if (code != STATUS_OK) return finish_open(out, file, code);
    if (folder_exists(path))
        code = open_folder(file, path);
    else if (ends_with(path, ".index.json"))
        code = open_index(file, path);
    else {
        code = open_part(file, strdup(path));
        if (code == STATUS_OK) code = index_names(file);
    }
    return finish_open(out, file, code);
}

status weights_open_bytes(weights_file **out, const unsigned char *bytes, size_t size, const char *name) {
    weights_file *file;
    weights_part *part;
    status code = create_file(&file, name);
    if (code == STATUS_OK) code = add_part(file, strdup(name), &part);
    if (code == STATUS_OK) {
        part->map = (file_map){.bytes = bytes, .size = size};
        part->borrowed = true;
        code = parse_part(file, part);
    }
    if (code == STATUS_OK) code = index_names(file);
    return finish_open(out, file, code);
}

void weights_close(weights_file *file) {
    if (!file) return;
    for (size_t i = 0; i < file->part_count; i++) {
        if (!file->parts[i].borrowed) file_map_close(&file->parts[i].map);
        free(file->parts[i].path);
    }
    for (size_t i = 0; i < file->text_count; i++) free(file->texts[i]);
    gguf_free(file);
    free(file->texts);
    free(file->parts);
    free(file->tensors);
    free(file->by_name);
    free(file->path);
    free(file);
}

weights_format weights_file_format(const weights_file *file) { return file->format; }
const char *weights_file_path(const weights_file *file) { return file->path; }
size_t weights_count(const weights_file *file) { return file->tensor_count; }
const weights_tensor *weights_at(const weights_file *file, size_t i) { return &file->tensors[i]; }

const weights_tensor *weights_find(const weights_file *file, const char *name) {
    weights_tensor key = {.name = name};
    const weights_tensor *wanted = &key;
    const weights_tensor **found = bsearch(&wanted, file->by_name, file->tensor_count, sizeof *file->by_name, compare_name);
    return found ? *found : NULL;
}
