// Reads /proc and the control groups. See machine.h.
#include "base/machine.h"

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void machine_cpu(char *name, size_t size) {
    snprintf(name, size, "unknown");
    FILE *f = fopen("/proc/cpuinfo", "r");
    if (!f) return;
    char line[512];
    while (fgets(line, sizeof line, f)) {
        const char *value = strchr(line, ':');
        if (!value || strncmp(line, "model name", 10) != 0) continue;
        value += 1 + strspn(value + 1, " \t");
        snprintf(name, size, "%.*s", (int)strcspn(value, "\n"), value);
        break;
    }
    fclose(f);
}

size_t machine_processors(void) {
    cpu_set_t allowed;
    int count = sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? CPU_COUNT(&allowed) : 0;
    return count > 0 ? (size_t)count : 1;
}

// The number in a file, SIZE_MAX where there is none (as "max").
static size_t limit_in(const char *path) {
    unsigned long long value = 0;
    FILE *f = fopen(path, "r");
    if (!f) return SIZE_MAX;
    int found = fscanf(f, "%llu", &value);
    fclose(f);
    return found == 1 ? (size_t)value : SIZE_MAX;
}

// A line of /proc/self/cgroup is "0::PATH" for version 2 and "N:memory:PATH" for version 1.
static size_t group_limit(void) {
    char line[2048], path[4096];
    size_t least = SIZE_MAX;
    FILE *f = fopen("/proc/self/cgroup", "r");
    while (f && fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = 0;
        char *names = strchr(line, ':'), *where = names ? strchr(names + 1, ':') : NULL;
        if (!where) continue;
        *where++ = 0;
        bool second = names[1] == 0;
        if (!second && strcmp(names + 1, "memory") != 0) continue;
        snprintf(path, sizeof path, second ? "/sys/fs/cgroup%s/memory.max" : "/sys/fs/cgroup/memory%s/memory.limit_in_bytes",
                 where);
        size_t limit = limit_in(path);
        if (limit < least) least = limit;
    }
    if (f) fclose(f);
    return least;
}

size_t machine_memory(void) {
    long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    size_t whole = pages > 0 && size > 0 ? (size_t)pages * (size_t)size : SIZE_MAX, limit = group_limit();
    return limit < whole ? limit : whole;
}

size_t machine_resident(void) {
    unsigned long long all = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f) return 0;
    int found = fscanf(f, "%llu %llu", &all, &resident);
    fclose(f);
    return found == 2 ? (size_t)resident * (size_t)sysconf(_SC_PAGESIZE) : 0;
}
