// A set of formulas: canonical texts one behind the other, found again by their hash. See formula.h.
#include "reward/formula.h"

#include <stdlib.h>
#include <string.h>

// FNV-1a with 128 bits (Fowler, Noll, Vo): prime 2^88 + 0x13B.
static void hash_text(const char *text, size_t length, uint64_t hash[2]) {
    unsigned __int128 h = (unsigned __int128)0x6c62272e07bb0142u << 64 | 0x62b821756295c58du;
    const unsigned __int128 prime = (unsigned __int128)1 << 88 | 0x13B;
    for (size_t i = 0; i < length; i++) h = (h ^ (unsigned char)text[i]) * prime;
    hash[0] = (uint64_t)(h >> 64), hash[1] = (uint64_t)h;
}

static size_t place_of(const uint64_t hash[2], size_t slot_count) { return (size_t)(hash[0] ^ hash[1]) & (slot_count - 1); }

static status grow(formula_set *set) {
    size_t capacity = set->capacity ? 2 * set->capacity : 32, slot_count = 2 * capacity;
    formula *formulas = realloc(set->formulas, capacity * sizeof *formulas);
    if (formulas) set->formulas = formulas;
    uint32_t *slots = calloc(slot_count, sizeof *slots);
    if (!formulas || !slots) {
        free(slots);
        return status_set(STATUS_NO_MEMORY, "cannot keep %zu formulas", capacity);
    }
    for (size_t i = 0; i < set->count; i++) {
        size_t place = place_of(set->formulas[i].hash, slot_count);
        while (slots[place]) place = (place + 1) & (slot_count - 1);
        slots[place] = (uint32_t)(i + 1);
    }
    free(set->slots);
    set->slots = slots, set->slot_count = slot_count, set->capacity = capacity;
    return STATUS_OK;
}

status formula_set_add(formula_set *set, const char *canonical, size_t length) {
    if (set->count == set->capacity) TRY(grow(set));
    formula fresh = {.offset = set->text.length, .length = length};
    hash_text(canonical, length, fresh.hash);
    size_t place = place_of(fresh.hash, set->slot_count);
    for (; set->slots[place]; place = (place + 1) & (set->slot_count - 1)) {
        const formula *known = &set->formulas[set->slots[place] - 1];
        if (known->hash[0] == fresh.hash[0] && known->hash[1] == fresh.hash[1]) {
            set->occurrences++;
            return STATUS_OK;
        }
    }
    TRY(buffer_reserve(&set->text, set->text.length + length + 1));
    TRY(buffer_append(&set->text, canonical, length));
    TRY(buffer_append_byte(&set->text, 0));
    set->occurrences++;
    set->formulas[set->count++] = fresh;
    set->slots[place] = (uint32_t)set->count;
    return STATUS_OK;
}

void formula_set_clear(formula_set *set) {
    if (set->count) memset(set->slots, 0, set->slot_count * sizeof *set->slots);
    set->count = set->occurrences = 0, set->cut = false;
    buffer_clear(&set->text);
}

void formula_set_free(formula_set *set) {
    free(set->formulas), free(set->slots);
    buffer_free(&set->text);
    *set = (formula_set){0};
}

bool formula_level_parse(const char *name, formula_level *level) {
    static const char *const level_names[] = {"raw", "l1", "l2"};
    for (int i = 0; i < 3; i++)
        if (strcmp(name, level_names[i]) == 0) {
            *level = (formula_level)i;
            return true;
        }
    return false;
}
