// Arenas over anonymous memory maps. See arena.h.
#include "base/arena.h"

#include <sys/mman.h>

size_t arena_size(size_t bytes) { return (bytes + ARENA_ALIGNMENT - 1) / ARENA_ALIGNMENT * ARENA_ALIGNMENT; }

status arena_create(arena *a, size_t capacity, const char *purpose) {
    *a = (arena){0};
    size_t rounded = (capacity + 4095) / 4096 * 4096;
    if (rounded == 0) rounded = 4096;
    void *memory = mmap(NULL, rounded, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return status_set(STATUS_NO_MEMORY, "cannot reserve %.1f MiB for %s", (double)rounded / 1048576.0, purpose);
    madvise(memory, rounded, MADV_HUGEPAGE); // advice only: a kernel without huge pages is slower, not wrong
    *a = (arena){.memory = memory, .capacity = rounded};
    return STATUS_OK;
}

void arena_free(arena *a) {
    if (a->memory) munmap(a->memory, a->capacity);
    *a = (arena){0};
}

void *arena_take(arena *a, size_t bytes) {
    size_t size = arena_size(bytes);
    if (!a->memory) {
        a->used += size;
        return NULL;
    }
    if (size < bytes || size > a->capacity - a->used) return NULL;
    void *taken = a->memory + a->used;
    a->used += size;
    return taken;
}

void arena_touch(const arena *a) {
    if (madvise(a->memory, a->capacity, MADV_POPULATE_WRITE) == 0) return;
    for (size_t i = 0; i < a->capacity; i += 4096) { // a kernel before 5.14
        volatile unsigned char *page = a->memory + i;
        *page = *page;
    }
}
