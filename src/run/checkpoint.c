// Checkpoints of a training run. See checkpoint.h.
#include "run/checkpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/jsonl.h"
#include "run/folder.h"
#include "weights/safetensors_write.h"
#include "weights/weights.h"

static const size_t shard_bytes = (size_t)4 << 30;

unsigned long long checkpoint_bytes(const model *m) {
    return 3ull * parameter_table_numbers(&m->table) * sizeof(float) + (16ull << 20);
}

static status save_state(const char *folder, const checkpoint_state *state) {
    char *path = path_join(folder, "state.json");
    buffer text = {0};
    status code =
        path ? buffer_printf(&text, "{\"step\": %lld, \"optimizer_step\": %llu, \"position\": %llu, \"skipped\": %llu}\n",
                             (long long)state->step, (unsigned long long)state->optimizer_step,
                             (unsigned long long)state->position, (unsigned long long)state->skipped)
             : status_set(STATUS_NO_MEMORY, "out of memory");
    if (code == STATUS_OK) code = file_replace(path, text.data, text.length);
    buffer_free(&text);
    free(path);
    return code;
}

static status load_state(const char *folder, checkpoint_state *state) {
    char *path = path_join(folder, "state.json");
    if (!path) return status_set(STATUS_NO_MEMORY, "out of memory");
    file_map map = {0};
    json_t *object = NULL;
    status code = file_map_open(&map, path);
    if (code == STATUS_OK) code = json_parse((const char *)map.bytes, map.size, path, &object);
    file_map_close(&map);
    if (code == STATUS_OK) {
        json_int_t step, optimizer_step, position, skipped;
        if (json_unpack(object, "{s:I, s:I, s:I, s:I}", "step", &step, "optimizer_step", &optimizer_step, "position", &position,
                        "skipped", &skipped) != 0 ||
            step < 0 || optimizer_step < 0 || position < 0 || skipped < 0)
            code = status_set(STATUS_INVALID, "%s: not a trainer state (step, optimizer_step, position, skipped)", path);
        else
            *state = (checkpoint_state){.step = step,
                                        .optimizer_step = (uint64_t)optimizer_step,
                                        .position = (uint64_t)position,
                                        .skipped = (uint64_t)skipped};
    }
    json_decref(object);
    free(path);
    return code;
}

// "m/NAME" and "v/NAME" for each parameter.
static char *moment_name(char moment, const parameter *p) {
    char *name;
    return asprintf(&name, "%c/%s", moment, p->name) < 0 ? NULL : name;
}

static status save_moments(const char *folder, const parameter_table *table, const float *m, const float *v) {
    size_t count = 2 * table->count;
    safetensors_entry *entries = calloc(count, sizeof *entries);
    safetensors_writer *writer = NULL;
    status code = entries ? STATUS_OK : status_set(STATUS_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < count && code == STATUS_OK; i++) {
        const parameter *p = &table->items[i % table->count];
        entries[i] = (safetensors_entry){.name = moment_name(i < table->count ? 'm' : 'v', p),
                                         .dtype = WEIGHTS_F32,
                                         .rank = p->rank,
                                         .shape = {p->shape[0], p->shape[1]}};
        if (!entries[i].name) code = status_set(STATUS_NO_MEMORY, "out of memory");
    }
    if (code == STATUS_OK) code = safetensors_create(&writer, folder, "optimizer", entries, count, shard_bytes);
    for (size_t i = 0; i < count && code == STATUS_OK; i++) {
        const parameter *p = &table->items[i % table->count];
        code = safetensors_write(writer, (i < table->count ? m : v) + p->offset, p->count);
    }
    for (size_t i = 0; entries && i < count; i++) free((char *)entries[i].name);
    free(entries);
    if (code == STATUS_OK) return safetensors_finish(writer);
    safetensors_discard(writer);
    return code;
}

static status load_moments(const char *folder, const parameter_table *table, float *m, float *v) {
    char *path = path_join(folder, "optimizer.safetensors"), *index = path_join(folder, "optimizer.safetensors.index.json");
    weights_file *file = NULL;
    status code =
        path && index ? weights_open(&file, file_exists(index) ? index : path) : status_set(STATUS_NO_MEMORY, "out of memory");
    if (code == STATUS_OK && weights_count(file) != 2 * table->count)
        code = status_set(STATUS_INVALID, "%s: %zu tensors, not the %zu of this model's optimizer", path, weights_count(file),
                          2 * table->count);
    for (size_t i = 0; code == STATUS_OK && i < 2 * table->count; i++) {
        const parameter *p = &table->items[i % table->count];
        char *name = moment_name(i < table->count ? 'm' : 'v', p);
        const weights_tensor *t = name ? weights_find(file, name) : NULL;
        if (!t || t->count != p->count)
            code = status_set(STATUS_INVALID, "%s: tensor \"%s\" is missing or has another size", path, name ? name : "");
        if (code == STATUS_OK) code = weights_check_finite(t);
        if (code == STATUS_OK) code = weights_read_f32(t, 0, p->count, (i < table->count ? m : v) + p->offset);
        free(name);
    }
    weights_close(file);
    free(path), free(index);
    return code;
}

status checkpoint_save(const char *folder, const language_model *lm, const checkpoint_state *state, const float *m,
                       const float *v, size_t keep) {
    char *path = NULL;
    TRY(run_folder_begin_checkpoint(folder, state->step, &path));
    char *inner = path_join(path, "trainer_state");
    status code = inner ? folder_create(inner) : status_set(STATUS_NO_MEMORY, "out of memory");
    if (code == STATUS_OK) code = language_model_save(lm, path);
    if (code == STATUS_OK) code = save_moments(inner, &lm->model.table, m, v);
    if (code == STATUS_OK) code = save_state(inner, state);
    if (code == STATUS_OK) code = folder_sync(inner);
    if (code == STATUS_OK) code = folder_sync(path);
    if (code == STATUS_OK) code = run_folder_commit_checkpoint(folder, state->step, keep);
    if (code != STATUS_OK && folder_exists(path)) {
        code = status_context(code, "saving step %lld", (long long)state->step);
        char message[2048];
        snprintf(message, sizeof message, "%s", status_message());
        folder_remove(path); // a full disk is freed of the unfinished part; the message of the cause stays
        status_set(code, "%s", message);
    }
    free(inner), free(path);
    return code;
}

status checkpoint_load(const char *folder, int64_t step, language_model *lm, checkpoint_state *state, float *m, float *v) {
    char *path = run_folder_checkpoint(folder, step);
    char *inner = path ? path_join(path, "trainer_state") : NULL;
    status code = inner ? load_state(inner, state) : status_set(STATUS_NO_MEMORY, "out of memory");
    if (code == STATUS_OK && state->step != step)
        code = status_set(STATUS_INVALID, "%s: the state is that of step %lld", path, (long long)state->step);
    if (code == STATUS_OK) code = language_model_read_parameters(lm, path);
    if (code == STATUS_OK) code = load_moments(inner, &lm->model.table, m, v);
    free(inner), free(path);
    return code;
}
