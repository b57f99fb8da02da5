// Finding runs, and what is true of each as a whole. See collection.h.
#include "study/collection.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/file.h"
#include "run/folder.h"
#include "study/collection_parts.h"
#include "study/outcome.h"

enum { SEARCH_DEPTH = 8 }; // of folders below a path that is given

static status no_memory(const char *folder) { return status_set(STATUS_NO_MEMORY, "out of memory while reading %s", folder); }

const char *study_state_name(study_state state) {
    static const char *const words[] = {
#define X(constant, word) [constant] = word,
        STUDY_STATE_TABLE(X)
#undef X
    };
    return words[state];
}

static void run_free(study_run *run) {
    free(run->folder), free(run->kind), free(run->label), free(run->method), free(run->reason);
    if (run->settings) settings_free(run->settings);
    free(run->settings);
    for (size_t i = 0; i < run->evaluation_count; i++) free(run->evaluations[i]);
    free(run->evaluations);
    *run = (study_run){0};
}

void study_collection_free(study_collection *c) {
    for (size_t i = 0; i < c->count; i++) run_free(&c->runs[i]);
    free(c->runs);
    *c = (study_collection){0};
}

// ---- folders ----------------------------------------------------------------------------------------------------------------

static bool holds(const char *folder, const char *name) {
    char *path = path_join(folder, name);
    bool there = path && file_exists(path);
    free(path);
    return there;
}

// Checkpoints and what is being removed hold no runs; nor does what a shell hides.
static int may_hold_runs(const struct dirent *entry) {
    const char *name = entry->d_name;
    size_t length = strlen(name);
    return name[0] != '.' && strncmp(name, "global_step_", 12) != 0 && !(length > 4 && !strcmp(name + length - 4, ".tmp"));
}

// Calls `visit` for each folder in `folder`, numbers in names in their own order (seed-2 before seed-10).
static status each_folder(const char *folder, status (*visit)(void *context, const char *path), void *context) {
    struct dirent **entries;
    int count = scandir(folder, &entries, may_hold_runs, versionsort);
    if (count < 0)
        return status_set(errno == ENOENT || errno == ENOTDIR ? STATUS_INVALID : STATUS_IO, "cannot read the folder %s: %s",
                          folder, strerror(errno));
    status code = STATUS_OK;
    for (int i = 0; i < count; i++) {
        char *path = code == STATUS_OK ? path_join(folder, entries[i]->d_name) : NULL;
        if (code == STATUS_OK) code = !path ? no_memory(folder) : folder_exists(path) ? visit(context, path) : STATUS_OK;
        free(path), free(entries[i]);
    }
    free(entries);
    return code;
}

// ---- one run ----------------------------------------------------------------------------------------------------------------

// What made a record: "train", "sft" or "eval". Version 1 said it under another key.
static status read_kind(char **kind, const char *folder) {
    TRY(study_record_get(kind, folder, "kind"));
    if (!*kind) TRY(study_record_get(kind, folder, "command"));
    if (!*kind && !(*kind = strdup("train"))) return no_memory(folder);
    return STATUS_OK;
}

static status add_evaluation(study_run *run, const char *folder) {
    char **grown = realloc(run->evaluations, (run->evaluation_count + 1) * sizeof *grown);
    if (!grown) return no_memory(folder);
    run->evaluations = grown;
    return (grown[run->evaluation_count++] = strdup(folder)) ? STATUS_OK : no_memory(folder);
}

static status visit_evaluation(void *context, const char *folder) {
    char *kind = NULL;
    if (!holds(folder, "run.db")) return STATUS_OK;
    status code = read_kind(&kind, folder);
    if (code == STATUS_OK && !strcmp(kind, "eval")) code = add_evaluation(context, folder);
    free(kind);
    return code;
}

static double last_value(const study_curve *c) { return c->count ? c->values[c->count - 1] : NAN; }

// Every update of the last step was left out, because its gradient was not finite.
static status look_for_divergence(study_run *run) {
    study_curve skipped, updates;
    TRY(study_read_metric(&skipped, run->folder, "actor/updates_skipped"));
    status code = study_read_metric(&updates, run->folder, "actor/updates");
    if (code == STATUS_OK && skipped.count == 0) {
        study_curve_free(&skipped);
        code = study_read_metric(&skipped, run->folder, "train/updates_skipped"); // supervised: one update a step
    }
    double wanted = updates.count ? last_value(&updates) : 1;
    if (code == STATUS_OK && skipped.count && last_value(&skipped) >= wanted) {
        run->state = STUDY_DIVERGED;
        free(run->reason);
        if (asprintf(&run->reason, "the gradients of step %lld were not finite", (long long)run->steps) < 0) {
            run->reason = NULL;
            code = no_memory(run->folder);
        }
    }
    study_curve_free(&skipped), study_curve_free(&updates);
    return code;
}

static status read_progress(study_run *run) {
    study_curve steps;
    bool finished;
    TRY(study_read_metric(&steps, run->folder, "training/global_step"));
    run->steps = steps.count ? steps.steps[steps.count - 1] : 0;
    study_curve_free(&steps);
    TRY(study_is_finished(run->folder, &finished));
    run->state = finished ? STUDY_FINISHED : STUDY_UNFINISHED;
    return strcmp(run->kind, "eval") ? look_for_divergence(run) : STATUS_OK;
}

// A configuration of another version of this program may hold what it no longer understands; the rest of the run is still of use.
static status read_settings(study_run *run) {
    char *path = run_folder_file(run->folder, "config.yaml");
    settings *s = malloc(sizeof *s);
    status code = path && s ? STATUS_OK : no_memory(run->folder);
    bool usable = code == STATUS_OK && file_exists(path) && settings_load(s, path, NULL, 0) == STATUS_OK;
    free(path);
    if (!usable) {
        free(s);
        return code;
    }
    run->settings = s;
    run->seed = s->trainer.seed;
    run->total = s->trainer.total_training_steps > 0 ? s->trainer.total_training_steps : 0;
    return STATUS_OK;
}

// ARM of ".../ARM/seed-N", in a fresh string; NULL, with *seed untouched, for any other path.
static char *arm_of(const char *folder, int64_t *seed) {
    char *whole = realpath(folder, NULL), *name = whole ? strrchr(whole, '/') : NULL, *arm = NULL;
    if (name && !strncmp(name, "/seed-", 6)) {
        size_t digits = strspn(name + 6, "0123456789");
        if (digits > 0 && digits < 17 && !name[6 + digits]) {
            *seed = strtoll(name + 6, NULL, 10);
            *name = 0;
            char *slash = strrchr(whole, '/');
            if (slash && slash[1]) arm = strdup(slash + 1);
        }
    }
    free(whole);
    return arm;
}

static status read_record(study_run *run) {
    TRY(read_kind(&run->kind, run->folder));
    if (!strcmp(run->kind, "eval")) {
        TRY(add_evaluation(run, run->folder));
    } else {
        free(run->method);
        TRY(study_record_get(&run->method, run->folder, "method"));
        if (!run->method && !(run->method = strdup(""))) return no_memory(run->folder);
        TRY(each_folder(run->folder, visit_evaluation, run));
    }
    return read_progress(run);
}

static status read_run(study_run *run, const char *folder) {
    study_outcome outcome = {0};
    *run = (study_run){.folder = strdup(folder), .steps = -1, .reason = strdup(""), .method = strdup("")};
    if (!run->folder || !run->reason || !run->method) return no_memory(folder);
    run->label = arm_of(folder, &run->seed);
    TRY(read_settings(run));
    if (holds(folder, "run.db")) TRY(read_record(run));
    if (!run->kind && !(run->kind = strdup("train"))) return no_memory(folder);
    status code = study_outcome_read(&outcome, folder);
    if (code == STATUS_OK && outcome.failed) {
        run->state = STUDY_FAILED;
        free(run->reason);
        run->reason = outcome.reason, outcome.reason = NULL;
    }
    study_outcome_free(&outcome);
    return code;
}

status study_is_finished(const char *folder, bool *finished) {
    *finished = false;
    if (!holds(folder, "run.db")) return STATUS_OK;
    char *state = NULL;
    TRY(study_record_get(&state, folder, "state"));
    bool known = state;
    *finished = known && !strcmp(state, "finished");
    free(state);
    if (known) return STATUS_OK;
    // A record that has no state: the last checkpoint tells, where the number of steps is a setting.
    char *path = run_folder_file(folder, "config.yaml");
    if (!path) return no_memory(folder);
    settings s;
    int64_t step = -1;
    bool usable = file_exists(path) && settings_load(&s, path, NULL, 0) == STATUS_OK;
    free(path);
    if (!usable) return STATUS_OK;
    status code = run_folder_latest(folder, &step);
    *finished = code == STATUS_OK && s.trainer.total_training_steps > 0 && step >= s.trainer.total_training_steps;
    settings_free(&s);
    return code;
}

// ---- labels -----------------------------------------------------------------------------------------------------------------

// Settings that are not part of a label: seeds belong to the pairing, the rest changes no result.
static bool tells_arms_apart(size_t entry) {
    const char *key = settings_table[entry].key;
    return settings_table[entry].alters_results && strcmp(key, "trainer.seed") && strcmp(key, "data.seed");
}

static status value_differs(bool *differs, const study_collection *c, const study_run *run, size_t entry, buffer *mine) {
    buffer other = {0};
    buffer_clear(mine);
    status code = settings_write_value(mine, run->settings, entry);
    *differs = false;
    for (size_t i = 0; i < c->count && code == STATUS_OK && !*differs; i++) {
        const study_run *one = &c->runs[i];
        if (one->label || !one->settings || strcmp(one->method, run->method)) continue;
        buffer_clear(&other);
        code = settings_write_value(&other, one->settings, entry);
        *differs = code == STATUS_OK && strcmp(buffer_text(mine), buffer_text(&other)) != 0;
    }
    buffer_free(&other);
    return code;
}

// "dsdr lambda_d=0.01" for a run beside others of its method; an evaluation is called by its folder.
static status make_label(char **label, const study_collection *c, const study_run *run) {
    buffer text = {0}, value = {0};
    bool evaluation = !strcmp(run->kind, "eval"), differs;
    status code = buffer_append_text(&text, evaluation || !*run->method ? run->folder : run->method);
    for (size_t i = 0; i < SETTING_COUNT && run->settings && !evaluation && code == STATUS_OK; i++) {
        if (!tells_arms_apart(i)) continue;
        code = value_differs(&differs, c, run, i, &value);
        if (code == STATUS_OK && differs)
            code = buffer_printf(&text, " %s=%s", strrchr(settings_table[i].key, '.') + 1, buffer_text(&value));
    }
    if (code == STATUS_OK && !(*label = strdup(buffer_text(&text)))) code = no_memory(run->folder);
    buffer_free(&text), buffer_free(&value);
    return code;
}

// Labels are made for all before any is set, since those without one are compared.
static status label_runs(study_collection *c) {
    char **labels = calloc(c->count + 1, sizeof *labels);
    status code = labels ? STATUS_OK : status_set(STATUS_NO_MEMORY, "out of memory while naming runs");
    for (size_t i = 0; i < c->count && code == STATUS_OK; i++)
        if (!c->runs[i].label) code = make_label(&labels[i], c, &c->runs[i]);
    for (size_t i = 0; labels && i < c->count; i++) {
        if (code == STATUS_OK && labels[i])
            c->runs[i].label = labels[i];
        else
            free(labels[i]);
    }
    free(labels);
    return code;
}

// ---- all runs ---------------------------------------------------------------------------------------------------------------

typedef struct search {
    study_collection *found;
    int depth;
} search;

static status check_new(const study_collection *c, const char *folder) {
    char *whole = realpath(folder, NULL);
    status code = whole ? STATUS_OK : status_set(STATUS_IO, "cannot read %s: %s", folder, strerror(errno));
    for (size_t i = 0; i < c->count && code == STATUS_OK; i++) {
        char *other = realpath(c->runs[i].folder, NULL);
        if (other && !strcmp(whole, other)) code = status_set(STATUS_INVALID, "the run %s is named twice", folder);
        free(other);
    }
    free(whole);
    return code;
}

static status add_run(study_collection *c, const char *folder) {
    TRY(check_new(c, folder));
    study_run *grown = realloc(c->runs, (c->count + 1) * sizeof *grown);
    if (!grown) return no_memory(folder);
    c->runs = grown;
    return read_run(&grown[c->count++], folder);
}

static status find(void *context, const char *folder) {
    search *s = context;
    if (holds(folder, "run.db") || holds(folder, "outcome.json")) return add_run(s->found, folder);
    if (s->depth == SEARCH_DEPTH) return STATUS_OK;
    s->depth++;
    status code = each_folder(folder, find, s);
    s->depth--;
    return code;
}

status study_collect(study_collection *c, const char *const *paths, size_t count) {
    *c = (study_collection){0};
    status code = STATUS_OK;
    for (size_t i = 0; i < count && code == STATUS_OK; i++) {
        search s = {.found = c};
        size_t before = c->count;
        code = find(&s, paths[i]);
        if (code == STATUS_OK && c->count == before)
            code = status_set(STATUS_INVALID, "%s holds no run: a run is a folder with a run.db", paths[i]);
    }
    if (code == STATUS_OK) code = label_runs(c);
    if (code != STATUS_OK) study_collection_free(c);
    return code;
}
