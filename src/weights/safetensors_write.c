// Writes safetensors files, sharded where asked, with the names and the index of Hugging Face. See safetensors_write.h.
//
// Layout: header length u64 | JSON header padded with spaces to 8 bytes | the tensors' data without gaps. The JSON is written
// by hand because its order is the declared one and its bytes are part of what a checkpoint promises.
#include "weights/safetensors_write.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/buffer.h"
#include "base/file.h"
#include "weights/internal.h"

typedef struct declared {
    char *name; // as a JSON string, quotes included
    weights_dtype dtype;
    size_t rank, shape[WEIGHTS_MAX_RANK], count, bytes;
    size_t shard; // from 0
} declared;

struct safetensors_writer {
    char *folder, *stem;
    declared *entries;
    size_t entry_count, shard_count;
    size_t entry, element; // where the next value goes: entries[entry], its element-th element
    bool open;             // `file` is being written: the shard of entries[entry], or the last one
    size_t shards_begun;
    file_writer file;
};

enum { CONVERT_ELEMENTS = 4096 };

// Round to nearest, ties to even; NaN keeps its sign and upper payload and becomes quiet, so that it stays NaN.
static inline uint16_t bfloat16_from_float(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint32_t rounded = (bits + 0x7FFFu + (bits >> 16 & 1u)) >> 16, quiet = bits >> 16 | 0x40u;
    return (uint16_t)((bits & 0x7FFFFFFFu) > 0x7F800000u ? quiet : rounded);
}

static status out_of_memory(const char *folder) {
    return status_set(STATUS_NO_MEMORY, "%s: out of memory while writing weights", folder);
}

static void shard_name(const safetensors_writer *w, size_t shard, char *name, size_t size) {
    if (w->shard_count == 1)
        snprintf(name, size, "%s.safetensors", w->stem);
    else
        snprintf(name, size, "%s-%05zu-of-%05zu.safetensors", w->stem, shard + 1, w->shard_count);
}

static status declare(const char *folder, const safetensors_entry *entry, declared *d) {
    if (entry->dtype != WEIGHTS_F32 && entry->dtype != WEIGHTS_BF16)
        return status_set(STATUS_UNSUPPORTED, "%s: tensor '%s' cannot be written as %s, only as F32 or BF16", folder, entry->name,
                          weights_dtype_name(entry->dtype));
    if (entry->rank > WEIGHTS_MAX_RANK)
        return status_set(STATUS_UNSUPPORTED, "%s: tensor '%s' has rank %zu; at most %d are supported", folder, entry->name,
                          entry->rank, WEIGHTS_MAX_RANK);
    json_t *text = json_string(entry->name);
    if (!text || !*entry->name || !weights_is_printable(entry->name, strlen(entry->name)) ||
        strcmp(entry->name, "__metadata__") == 0) {
        json_decref(text);
        return status_set(STATUS_INVALID, "%s: '%s' cannot be the name of a tensor", folder, entry->name);
    }
    d->name = json_dumps(text, JSON_ENCODE_ANY);
    json_decref(text);
    if (!d->name) return out_of_memory(folder);
    weights_tensor t = {.name = entry->name, .path = folder, .dtype = entry->dtype, .rank = entry->rank};
    memcpy(t.shape, entry->shape, entry->rank * sizeof *t.shape);
    TRY(weights_set_count(&t));
    if (!weights_data_bytes(&t, &t.bytes))
        return status_set(STATUS_INVALID, "%s: tensor '%s' is too large to write", folder, t.name);
    d->dtype = t.dtype, d->rank = t.rank, d->count = t.count, d->bytes = t.bytes;
    memcpy(d->shape, t.shape, sizeof d->shape);
    return STATUS_OK;
}

static int compare_entry_name(const void *a, const void *b) {
    return strcmp((*(const declared *const *)a)->name, (*(const declared *const *)b)->name);
}

// The entries sorted by name, for the index and the search for duplicates. NULL when memory is out.
static const declared **sort_entries(const safetensors_writer *w) {
    const declared **sorted = malloc((w->entry_count + 1) * sizeof *sorted);
    for (size_t i = 0; sorted && i < w->entry_count; i++) sorted[i] = &w->entries[i];
    if (sorted) qsort(sorted, w->entry_count, sizeof *sorted, compare_entry_name);
    return sorted;
}

static status check_unique(const safetensors_writer *w) {
    const declared **sorted = sort_entries(w);
    if (!sorted) return out_of_memory(w->folder);
    status code = STATUS_OK;
    for (size_t i = 1; i < w->entry_count && code == STATUS_OK; i++)
        if (strcmp(sorted[i - 1]->name, sorted[i]->name) == 0)
            code = status_set(STATUS_INVALID, "%s: two tensors to write are named %s", w->folder, sorted[i]->name);
    free(sorted);
    return code;
}

static void deal_shards(safetensors_writer *w, size_t max_bytes) {
    size_t used = 0, shard = 0;
    for (size_t i = 0; i < w->entry_count; i++) {
        size_t bytes = w->entries[i].bytes;
        if (max_bytes && used && (bytes > max_bytes || used > max_bytes - bytes)) shard++, used = 0;
        w->entries[i].shard = shard;
        used += bytes;
    }
    w->shard_count = shard + 1;
}

// The header of one shard, with its length in front and padded to 8 bytes.
static status append_header(const safetensors_writer *w, size_t shard, buffer *out) {
    size_t offset = 0;
    TRY(buffer_append(out, "\0\0\0\0\0\0\0\0", 8));
    TRY(buffer_append_text(out, "{\"__metadata__\":{\"format\":\"pt\"}"));
    for (size_t i = 0; i < w->entry_count; i++) {
        const declared *d = &w->entries[i];
        if (d->shard != shard) continue;
        TRY(buffer_append_byte(out, ','));
        TRY(buffer_append_text(out, d->name));
        TRY(buffer_printf(out, ":{\"dtype\":\"%s\",\"shape\":[", weights_dtype_name(d->dtype)));
        for (size_t k = 0; k < d->rank; k++) TRY(buffer_printf(out, "%s%zu", k ? "," : "", d->shape[k]));
        TRY(buffer_printf(out, "],\"data_offsets\":[%zu,%zu]}", offset, offset + d->bytes));
        offset += d->bytes;
    }
    TRY(buffer_append_byte(out, '}'));
    while (out->length % 8 != 0) TRY(buffer_append_byte(out, ' '));
    uint64_t length = out->length - 8;
    memcpy(out->data, &length, sizeof length);
    return STATUS_OK;
}

// Creates the file of shard w->shards_begun and writes its header.
static status begin_shard(safetensors_writer *w) {
    char name[512];
    buffer header = {0};
    shard_name(w, w->shards_begun, name, sizeof name);
    char *path = path_join(w->folder, name);
    if (!path) return out_of_memory(w->folder);
    status code = file_create(&w->file, path);
    free(path);
    if (code != STATUS_OK) return code;
    w->open = true;
    code = append_header(w, w->shards_begun++, &header);
    if (code == STATUS_OK) code = file_write(&w->file, header.data, header.length);
    buffer_free(&header);
    return code;
}

static status end_shard(safetensors_writer *w) {
    w->open = false;
    return file_commit(&w->file);
}

// Goes past tensors that are complete (empty ones at once), on to the file of the next that is not.
static status advance(safetensors_writer *w) {
    while (w->entry < w->entry_count && w->element == w->entries[w->entry].count) {
        w->entry++, w->element = 0;
        if (w->entry == w->entry_count || w->entries[w->entry].shard < w->shards_begun) continue;
        TRY(end_shard(w));
        TRY(begin_shard(w));
    }
    return STATUS_OK;
}

status safetensors_create(safetensors_writer **out, const char *folder, const char *stem, const safetensors_entry *entries,
                          size_t count, size_t max_shard_bytes) {
    *out = NULL;
    if (strlen(stem) > 200 || !*stem || strchr(stem, '/'))
        return status_set(STATUS_INVALID, "%s: '%s' cannot begin a file's name", folder, stem);
    safetensors_writer *w = calloc(1, sizeof *w);
    if (!w) return out_of_memory(folder);
    status code = STATUS_OK;
    w->folder = strdup(folder), w->stem = strdup(stem), w->entries = calloc(count + 1, sizeof *w->entries);
    if (!w->folder || !w->stem || !w->entries) TRY_OR(code, out_of_memory(folder), cleanup);
    w->entry_count = count;
    size_t total = 0;
    for (size_t i = 0; i < count; i++) {
        TRY_OR(code, declare(folder, &entries[i], &w->entries[i]), cleanup);
        if (__builtin_add_overflow(total, w->entries[i].bytes, &total))
            TRY_OR(code, status_set(STATUS_INVALID, "%s: the tensors together are too large to write", folder), cleanup);
    }
    TRY_OR(code, check_unique(w), cleanup);
    deal_shards(w, max_shard_bytes);
    TRY_OR(code, begin_shard(w), cleanup);
    TRY_OR(code, advance(w), cleanup);
    *out = w;
    return STATUS_OK;
cleanup:
    safetensors_discard(w);
    return code;
}

static status write_bfloat16(file_writer *file, const float *values, size_t count) {
    uint16_t converted[CONVERT_ELEMENTS];
    while (count > 0) {
        size_t here = count < CONVERT_ELEMENTS ? count : CONVERT_ELEMENTS;
        for (size_t i = 0; i < here; i++) converted[i] = bfloat16_from_float(values[i]);
        TRY(file_write(file, converted, here * sizeof *converted));
        values += here, count -= here;
    }
    return STATUS_OK;
}

status safetensors_write(safetensors_writer *w, const float *values, size_t count) {
    while (count > 0) {
        if (w->entry == w->entry_count)
            return status_set(STATUS_INVALID, "%s: %zu more elements were given than the declared tensors have", w->folder,
                              count);
        const declared *d = &w->entries[w->entry];
        size_t left = d->count - w->element, here = left < count ? left : count;
        TRY(d->dtype == WEIGHTS_BF16 ? write_bfloat16(&w->file, values, here)
                                     : file_write(&w->file, values, here * sizeof *values));
        w->element += here, values += here, count -= here;
        TRY(advance(w));
    }
    return STATUS_OK;
}

// The index in the form that transformers writes: indented by two, sorted by tensor name, a newline at the end.
static status write_index(const safetensors_writer *w) {
    buffer text = {0};
    char name[512], *path = NULL;
    size_t total = 0;
    status code = STATUS_OK;
    const declared **sorted = sort_entries(w);
    if (!sorted) TRY_OR(code, out_of_memory(w->folder), cleanup);
    for (size_t i = 0; i < w->entry_count; i++) total += w->entries[i].bytes;
    TRY_OR(code, buffer_printf(&text, "{\n  \"metadata\": {\n    \"total_size\": %zu\n  },\n  \"weight_map\": {", total),
           cleanup);
    for (size_t i = 0; i < w->entry_count; i++) {
        shard_name(w, sorted[i]->shard, name, sizeof name);
        TRY_OR(code, buffer_append_text(&text, i ? ",\n    " : "\n    "), cleanup);
        TRY_OR(code, buffer_append_text(&text, sorted[i]->name), cleanup);
        TRY_OR(code, buffer_printf(&text, ": \"%s\"", name), cleanup);
    }
    TRY_OR(code, buffer_append_text(&text, "\n  }\n}\n"), cleanup);
    snprintf(name, sizeof name, "%s.safetensors.index.json", w->stem);
    path = path_join(w->folder, name);
    code = path ? file_replace(path, text.data, text.length) : out_of_memory(w->folder);
cleanup:
    free(sorted);
    free(path);
    buffer_free(&text);
    return code;
}

status safetensors_finish(safetensors_writer *w) {
    status code = STATUS_OK;
    if (w->entry < w->entry_count)
        code = status_set(STATUS_INVALID, "%s: tensor %s was given %zu of its %zu elements", w->folder, w->entries[w->entry].name,
                          w->element, w->entries[w->entry].count);
    if (code == STATUS_OK) code = end_shard(w);
    if (code == STATUS_OK && w->shard_count > 1) code = write_index(w);
    safetensors_discard(w);
    return code;
}

void safetensors_discard(safetensors_writer *w) {
    if (!w) return;
    if (w->open) file_discard(&w->file);
    for (size_t i = 0; w->entries && i < w->entry_count; i++) free(w->entries[i].name);
    free(w->entries);
    free(w->folder);
    free(w->stem);
    free(w);
}
