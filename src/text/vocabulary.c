// A hash table with open addressing over one run of bytes. See vocabulary.h.
#include "text/vocabulary.h"

#include <stdlib.h>
#include <string.h>

// FNV-1a over the bytes with a final mix, so that the low bits depend on all of them.
static uint32_t hash_text(const char *text, size_t length) {
    uint64_t h = 0xCBF29CE484222325u;
    for (size_t i = 0; i < length; i++) h = (h ^ (unsigned char)text[i]) * 0x100000001B3u;
    h ^= h >> 32;
    return (uint32_t)(h * 0x9E3779B97F4A7C15u >> 32);
}

static uint32_t *find_slot(const vocabulary *v, const char *text, size_t length, uint32_t hash) {
    for (size_t at = hash & (v->slot_count - 1);; at = (at + 1) & (v->slot_count - 1)) {
        if (!v->slots[at]) return &v->slots[at];
        const struct vocabulary_entry *entry = &v->entries[v->slots[at] - 1];
        if (entry->hash == hash && entry->length == length && memcmp(v->bytes.data + entry->offset, text, length) == 0)
            return &v->slots[at];
    }
}

static status grow_slots(vocabulary *v) {
    size_t slot_count = v->slot_count ? v->slot_count * 2 : 1024;
    uint32_t *slots = calloc(slot_count, sizeof *slots);
    if (!slots) return status_set(STATUS_NO_MEMORY, "no memory for a vocabulary of %zu tokens", v->count);
    free(v->slots);
    v->slots = slots, v->slot_count = slot_count;
    for (size_t i = 0; i < v->count; i++) {
        size_t at = v->entries[i].hash & (slot_count - 1);
        while (slots[at]) at = (at + 1) & (slot_count - 1);
        slots[at] = (uint32_t)i + 1;
    }
    return STATUS_OK;
}

static status grow_ids(vocabulary *v, size_t needed) {
    size_t grown = v->id_capacity ? v->id_capacity : 1024;
    while (grown < needed) grown *= 2;
    uint32_t *by_id = realloc(v->by_id, grown * sizeof *by_id);
    if (!by_id) return status_set(STATUS_NO_MEMORY, "no memory for %zu token ids", grown);
    memset(by_id + v->id_capacity, 0, (grown - v->id_capacity) * sizeof *by_id);
    v->by_id = by_id, v->id_capacity = grown;
    return STATUS_OK;
}

status vocabulary_add(vocabulary *v, const char *text, size_t length, int64_t id, size_t expected) {
    if (id < 0 || (uint64_t)id > 8 * (uint64_t)(expected + v->count) + 100000 || v->count >= INT32_MAX / 2)
        return status_set(STATUS_INVALID, "token \"%.*s\" has the id %lld, which is no sensible one",
                          (int)(length < 60 ? length : 60), text, (long long)id);
    if (length > INT32_MAX) return status_set(STATUS_INVALID, "a token of %zu bytes", length);
    if (2 * (v->count + 1) > v->slot_count) TRY(grow_slots(v));
    uint32_t hash = hash_text(text, length), *slot = find_slot(v, text, length, hash);
    if (*slot) return status_set(STATUS_INVALID, "token \"%.*s\" appears twice", (int)(length < 60 ? length : 60), text);
    if ((size_t)id < v->id_count && v->by_id[id])
        return status_set(STATUS_INVALID, "two tokens have the id %lld; one is \"%.*s\"", (long long)id,
                          (int)(length < 60 ? length : 60), text);
    if (v->count == v->entry_capacity) {
        size_t grown = v->entry_capacity ? v->entry_capacity * 2 : 512;
        struct vocabulary_entry *entries = realloc(v->entries, grown * sizeof *entries);
        if (!entries) return status_set(STATUS_NO_MEMORY, "no memory for a vocabulary of %zu tokens", grown);
        v->entries = entries, v->entry_capacity = grown;
    }
    if ((size_t)id >= v->id_capacity) TRY(grow_ids(v, (size_t)id + 1));
    size_t offset = v->bytes.length;
    TRY(buffer_append(&v->bytes, text, length));
    v->entries[v->count] =
        (struct vocabulary_entry){.offset = offset, .length = (uint32_t)length, .hash = hash, .id = (int32_t)id};
    *slot = (uint32_t)++v->count;
    if ((size_t)id >= v->id_count) v->id_count = (size_t)id + 1;
    v->by_id[id] = (uint32_t)v->count;
    if (length > v->longest) v->longest = length;
    return STATUS_OK;
}

int32_t vocabulary_find(const vocabulary *v, const char *text, size_t length) {
    if (!v->slot_count) return -1;
    uint32_t entry = *find_slot(v, text, length, hash_text(text, length));
    return entry ? v->entries[entry - 1].id : -1;
}

text_span vocabulary_text(const vocabulary *v, int32_t id) {
    if (id < 0 || (size_t)id >= v->id_count || !v->by_id[id]) return (text_span){0};
    const struct vocabulary_entry *entry = &v->entries[v->by_id[id] - 1];
    return (text_span){v->bytes.data + entry->offset, entry->length};
}

void vocabulary_free(vocabulary *v) {
    buffer_free(&v->bytes);
    free(v->entries);
    free(v->slots);
    free(v->by_id);
    *v = (vocabulary){0};
}
