// The folder of a run. See folder.h.
#include "run/folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/file.h"

static const char latest_name[] = "latest_checkpointed_iteration.txt";

static status no_memory(const char *folder) { return status_set(STATUS_NO_MEMORY, "out of memory while working in %s", folder); }

char *run_folder_default(const char *config, const char *method, time_t now) {
    const char *name = config ? config : method, *slash = strrchr(name, '/');
    if (slash) name = slash + 1;
    const char *dot = config ? strrchr(name, '.') : NULL;
    int length = dot && dot > name ? (int)(dot - name) : (int)strlen(name);
    struct tm local;
    char stamp[32], *path;
    if (!localtime_r(&now, &local) || !strftime(stamp, sizeof stamp, "%Y%m%d-%H%M%S", &local)) return NULL;
    return asprintf(&path, "runs/%.*s-%s", length, name, stamp) < 0 ? NULL : path;
}

char *run_folder_file(const char *folder, const char *name) { return path_join(folder, name); }

char *run_folder_checkpoint(const char *folder, int64_t step) {
    char name[48];
    snprintf(name, sizeof name, "global_step_%lld", (long long)step);
    return path_join(folder, name);
}

bool run_folder_holds_run(const char *folder) {
    char *record = path_join(folder, "run.db"), *config = path_join(folder, "config.yaml");
    bool holds = record && config && (file_exists(record) || file_exists(config));
    free(record);
    free(config);
    return holds;
}

status run_folder_create(const char *folder) {
    if (run_folder_holds_run(folder))
        return status_set(STATUS_INVALID,
                          "%s already holds a run; pass --resume to continue it, or name another trainer.default_local_dir",
                          folder);
    return folder_create(folder);
}

// Calls `visit` for each name in the folder; stops at the first failure.
static status each_name(const char *folder, status (*visit)(void *context, const char *name), void *context) {
    DIR *directory = opendir(folder);
    if (!directory)
        return status_set(errno == ENOENT || errno == ENOTDIR ? STATUS_INVALID : STATUS_IO, "cannot read the folder %s: %s",
                          folder, strerror(errno));
    status code = STATUS_OK;
    errno = 0;
    for (struct dirent *entry; code == STATUS_OK && (entry = readdir(directory)); errno = 0)
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..")) code = visit(context, entry->d_name);
    if (code == STATUS_OK && errno) code = status_set(STATUS_IO, "cannot read the folder %s: %s", folder, strerror(errno));
    closedir(directory);
    return code;
}

// N of "global_step_N", -1 for any other name.
static int64_t step_of(const char *name) {
    static const char prefix[] = "global_step_";
    if (strncmp(name, prefix, sizeof prefix - 1)) return -1;
    const char *digits = name + sizeof prefix - 1;
    size_t length = strspn(digits, "0123456789");
    if (!length || digits[length] || length > 18 || (*digits == '0' && length > 1)) return -1;
    return strtoll(digits, NULL, 10);
}

typedef struct step_list {
    int64_t *steps;
    size_t count;
    const char *folder;
} step_list;

static status collect_step(void *context, const char *name) {
    step_list *list = context;
    int64_t step = step_of(name);
    if (step < 0) return STATUS_OK;
    int64_t *steps = realloc(list->steps, (list->count + 1) * sizeof *steps);
    if (!steps) return no_memory(list->folder);
    list->steps = steps;
    steps[list->count++] = step;
    return STATUS_OK;
}

static int compare_steps(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

status run_folder_checkpoints(const char *folder, int64_t **steps, size_t *count) {
    step_list list = {.folder = folder};
    status code = each_name(folder, collect_step, &list);
    if (code != STATUS_OK) {
        free(list.steps);
        list = (step_list){0};
    }
    if (list.count) qsort(list.steps, list.count, sizeof *list.steps, compare_steps);
    *steps = list.steps, *count = list.count;
    return code;
}

// Renames a checkpoint away first: a folder named global_step_N is complete at every instant.
static status remove_checkpoint(const char *folder, int64_t step) {
    char *path = run_folder_checkpoint(folder, step), *away = NULL;
    status code = STATUS_OK;
    if (!path || asprintf(&away, "%s.old.tmp", path) < 0) {
        away = NULL;
        code = no_memory(folder);
    }
    if (code == STATUS_OK) code = folder_remove(away);
    if (code == STATUS_OK && rename(path, away) != 0) code = status_set(STATUS_IO, "cannot rename %s: %s", path, strerror(errno));
    if (code == STATUS_OK) code = folder_remove(away);
    free(path);
    free(away);
    return code;
}

static status remove_unfinished(void *context, const char *name) {
    const char *folder = context;
    size_t length = strlen(name);
    if (length < 4 || strcmp(name + length - 4, ".tmp")) return STATUS_OK;
    char *path = path_join(folder, name);
    if (!path) return no_memory(folder);
    status code = STATUS_OK;
    if (folder_exists(path))
        code = folder_remove(path);
    else if (remove(path) != 0)
        code = status_set(STATUS_IO, "cannot remove %s: %s", path, strerror(errno));
    free(path);
    return code;
}

status run_folder_clean(const char *folder, int64_t step) {
    TRY(each_name(folder, remove_unfinished, (void *)folder));
    int64_t *steps;
    size_t count;
    TRY(run_folder_checkpoints(folder, &steps, &count));
    status code = STATUS_OK;
    for (size_t i = 0; i < count && code == STATUS_OK; i++)
        if (steps[i] > step) code = remove_checkpoint(folder, steps[i]);
    free(steps);
    return code;
}

status run_folder_latest(const char *folder, int64_t *step) {
    *step = -1;
    char *path = path_join(folder, latest_name), *checkpoint = NULL;
    file_map map = {0};
    status code = STATUS_OK;
    if (!path) return no_memory(folder);
    if (!file_exists(path)) goto cleanup;
    TRY_OR(code, file_map_open(&map, path), cleanup);
    char text[32] = "";
    size_t length = map.size < sizeof text - 1 ? map.size : sizeof text - 1;
    if (length) memcpy(text, map.bytes, length);
    size_t digits = strspn(text, "0123456789");
    if (!digits || digits > 18 || (text[digits] && strcmp(text + digits, "\n")) || length != map.size) {
        code = status_set(STATUS_INVALID, "%s does not hold the number of a step", path);
        goto cleanup;
    }
    *step = strtoll(text, NULL, 10);
    checkpoint = run_folder_checkpoint(folder, *step);
    if (!checkpoint) {
        code = no_memory(folder);
    } else if (!folder_exists(checkpoint)) {
        code = status_set(STATUS_INVALID, "%s names step %lld, but there is no folder %s", path, (long long)*step, checkpoint);
        *step = -1;
    }
cleanup:
    file_map_close(&map);
    free(path);
    free(checkpoint);
    return code;
}

status run_folder_begin_checkpoint(const char *folder, int64_t step, char **path) {
    *path = NULL;
    char *target = run_folder_checkpoint(folder, step), *temporary = NULL;
    status code = STATUS_OK;
    if (!target || asprintf(&temporary, "%s.tmp", target) < 0) {
        temporary = NULL;
        code = no_memory(folder);
    }
    free(target);
    if (code == STATUS_OK) code = folder_remove(temporary);
    if (code == STATUS_OK) code = folder_create(temporary);
    if (code == STATUS_OK)
        *path = temporary;
    else
        free(temporary);
    return code;
}

status run_folder_commit_checkpoint(const char *folder, int64_t step, size_t keep) {
    char *target = run_folder_checkpoint(folder, step), *temporary = NULL, *latest = path_join(folder, latest_name), digits[32];
    int64_t *steps = NULL;
    size_t count = 0;
    status code = STATUS_OK;
    if (!target || !latest || asprintf(&temporary, "%s.tmp", target) < 0) {
        temporary = NULL;
        TRY_OR(code, no_memory(folder), cleanup);
    }
    TRY_OR(code, folder_sync(temporary), cleanup);
    if (folder_exists(target)) TRY_OR(code, remove_checkpoint(folder, step), cleanup);
    if (rename(temporary, target) != 0)
        TRY_OR(code, status_set(STATUS_IO, "cannot rename %s to %s: %s", temporary, target, strerror(errno)), cleanup);
    TRY_OR(code, folder_sync(folder), cleanup);
    int length = snprintf(digits, sizeof digits, "%lld\n", (long long)step);
    TRY_OR(code, file_replace(latest, digits, (size_t)length), cleanup);
    if (!keep) goto cleanup;
    TRY_OR(code, run_folder_checkpoints(folder, &steps, &count), cleanup);
    for (size_t i = 0; i + keep < count && code == STATUS_OK; i++)
        if (steps[i] != step) code = remove_checkpoint(folder, steps[i]);
cleanup:
    free(target);
    free(temporary);
    free(latest);
    free(steps);
    return code;
}

status run_folder_check_space(const char *folder, unsigned long long bytes) {
    char *path = strdup(folder);
    if (!path) return no_memory(folder);
    while (!folder_exists(path)) {
        char *slash = strrchr(path, '/');
        if (!slash) {
            strcpy(path, *path ? "." : "");
            break;
        }
        slash[slash == path] = 0;
    }
    unsigned long long room = 0;
    status code = folder_free_bytes(path, &room);
    free(path);
    if (code == STATUS_OK && room < bytes)
        code = status_set(STATUS_IO, "%s needs %.2f GB for its checkpoints, but only %.2f GB are free there", folder,
                          (double)bytes * 1e-9, (double)room * 1e-9);
    return code;
}
