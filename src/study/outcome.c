// RUN/outcome.json. See outcome.h.
#include "study/outcome.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/jsonl.h"

static const char file_name[] = "outcome.json";

static status no_memory(const char *folder) { return status_set(STATUS_NO_MEMORY, "out of memory while working in %s", folder); }

status study_outcome_write(const char *folder, const char *stage, const char *reason) {
    buffer clean = {0}, text = {0};
    char *path = path_join(folder, file_name);
    json_t *row = NULL;
    status code = path ? text_make_valid(&clean, reason, strlen(reason)) : no_memory(folder);
    if (code == STATUS_OK && !(row = json_pack("{s:s, s:s}", "failed", stage, "reason", buffer_text(&clean))))
        code = no_memory(folder);
    if (code == STATUS_OK) code = json_write(&text, row, 17);
    if (code == STATUS_OK) code = buffer_append_byte(&text, '\n');
    if (code == STATUS_OK) code = folder_create(folder);
    if (code == STATUS_OK) code = file_replace(path, text.data, text.length);
    json_decref(row);
    buffer_free(&clean), buffer_free(&text);
    free(path);
    return code;
}

status study_outcome_clear(const char *folder) {
    char *path = path_join(folder, file_name);
    if (!path) return no_memory(folder);
    status code = STATUS_OK;
    if (remove(path) != 0 && errno != ENOENT && errno != ENOTDIR)
        code = status_set(STATUS_IO, "cannot remove %s: %s", path, strerror(errno));
    free(path);
    return code;
}

status study_outcome_read(study_outcome *outcome, const char *folder) {
    *outcome = (study_outcome){0};
    char *path = path_join(folder, file_name);
    if (!path) return no_memory(folder);
    file_map map = {0};
    json_t *row = NULL;
    const char *stage, *reason;
    status code = STATUS_OK;
    if (!file_exists(path)) goto cleanup;
    TRY_OR(code, file_map_open(&map, path), cleanup);
    TRY_OR(code, json_parse(map.bytes ? (const char *)map.bytes : "", map.size, path, &row), cleanup);
    if (json_unpack(row, "{s:s, s:s}", "failed", &stage, "reason", &reason) != 0) {
        code = status_set(STATUS_INVALID, "%s does not say how a run failed", path);
        goto cleanup;
    }
    outcome->failed = true;
    outcome->stage = strdup(stage), outcome->reason = strdup(reason);
    if (!outcome->stage || !outcome->reason) code = no_memory(folder);
cleanup:
    json_decref(row);
    file_map_close(&map);
    free(path);
    return code;
}

void study_outcome_free(study_outcome *outcome) {
    free(outcome->stage), free(outcome->reason);
    *outcome = (study_outcome){0};
}
