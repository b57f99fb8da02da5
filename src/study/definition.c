// STUDY.yaml: reading it and what follows from it. What it must not be is in definition_check.c. See definition.h.
#include "study/definition.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "run/written.h"
#include "run/sft.h"
#include "run/trainer.h"
#include "study/definition_parts.h"

static status no_memory(void) { return status_set(STATUS_NO_MEMORY, "out of memory while reading a study"); }

#define W(constant, word, alias) {word, alias},
static const setting_word words_checkpoint[] = {STUDY_WORDS_CHECKPOINT(W){NULL, NULL}};
#undef W

// The range of a WORD is its table.
#define RANGE_BOOL(r) NULL, NULL
#define RANGE_INT(r) r, NULL
#define RANGE_TEXT(r) NULL, NULL
#define RANGE_LIST(r) NULL, NULL
#define RANGE_WORD(r) NULL, r
static const setting_entry keys[] = {
#define X(kind, field, key, default_, range, help)                                                                               \
    {SETTING_##kind, key, default_, RANGE_##kind(range), "", true, help, offsetof(study_definition, field)},
    STUDY_KEYS(X)
#undef X
};
enum { KEY_COUNT = sizeof keys / sizeof *keys };

static void *value_at(study_definition *d, const setting_entry *e) { return (char *)d + e->offset; }

void study_definition_free(study_definition *d) {
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (keys[i].kind == SETTING_TEXT) free(*(setting_TEXT *)value_at(d, &keys[i]));
        if (keys[i].kind == SETTING_LIST) text_list_free(value_at(d, &keys[i]));
    }
    text_list_free(&d->settings), text_list_free(&d->start_settings), text_list_free(&d->evaluation_settings);
    for (size_t i = 0; i < d->arm_count; i++) free(d->arms[i].name), text_list_free(&d->arms[i].settings);
    for (size_t i = 0; i < d->sweep_count; i++) free(d->sweeps[i].key);
    free(d->arms), free(d->sweeps), free(d->seed), free(d->pairs), free(d->path), free(d->start_model);
    *d = (study_definition){0};
}

// ---- assignments ------------------------------------------------------------------------------------------------------------

// A text in the quotes of the command line.
static status append_quoted(buffer *out, const char *text) {
    TRY(buffer_append_byte(out, '"'));
    for (const char *c = text; *c; c++) {
        if (*c == '\n' || *c == '\t')
            TRY(buffer_append_text(out, *c == '\n' ? "\\n" : "\\t"));
        else
            TRY(buffer_printf(out, *c == '"' || *c == '\\' ? "\\%c" : "%c", *c));
    }
    return buffer_append_byte(out, '"');
}

// A word that needs no quotes, neither on the command line nor in YAML.
static bool is_plain(const char *text) {
    size_t length = strlen(text);
    return length && !strchr("?:=&+", text[0]) && text[length - 1] != ':' && strcmp(text, "null") && strcmp(text, "None") &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:?=&+-") == length;
}

static status append_text(buffer *out, const char *text) {
    return is_plain(text) ? buffer_append_text(out, text) : append_quoted(out, text);
}

// "KEY=VALUE" of what was written, with another key.
static status append_assignment(buffer *out, const char *key, const written *w) {
    TRY(buffer_printf(out, "%s=", key));
    switch (w->shape) {
    case WRITTEN_NULL:
        return buffer_append_text(out, "null");
    case WRITTEN_MAP: // on the command line a text in braces, such as {problem}
        return append_quoted(out, w->text ? w->text : "{}");
    case WRITTEN_TEXT:
        return append_text(out, w->text);
    case WRITTEN_LIST:
        TRY(buffer_append_byte(out, '['));
        for (size_t i = 0; i < w->items.count; i++) {
            TRY(buffer_append_text(out, i ? ", " : ""));
            TRY(append_text(out, w->items.items[i]));
        }
        return buffer_append_byte(out, ']');
    }
    return STATUS_OK;
}

// Puts "KEY=VALUE" in the place of one with the same key (of `length` bytes with its sign), else behind all.
static status replace_setting(text_list *list, const char *text, size_t length) {
    for (size_t i = 0; i < list->count; i++) {
        if (strncmp(list->items[i], text, length)) continue;
        char *copy = strdup(text);
        if (!copy) return no_memory();
        free(list->items[i]);
        list->items[i] = copy;
        return STATUS_OK;
    }
    return text_list_add(list, text, strlen(text));
}

// Adds a setting by its own key to a list of assignments, where it overrides one of the same key.
static status add_setting(text_list *list, const written *w, const char *key) {
    char place[512];
    written named = *w;
    named.key = (char *)key;
    written_place(w, place, sizeof place);
    TRY(written_check_key(&named));
    static const char *const decided[] = {"trainer.seed", "data.seed", "trainer.default_local_dir", "trainer.resume_mode"};
    for (size_t i = 0; i < sizeof decided / sizeof *decided; i++)
        if (!strcmp(decided[i], key))
            return status_set(STATUS_INVALID, "%s%s is decided by the study itself (seeds, folder); take it out", place, key);
    if (w->nested) return status_set(STATUS_INVALID, "%s%s is a list in a list; no setting is", place, key);
    buffer text = {0};
    status code = append_assignment(&text, key, w);
    if (code == STATUS_OK) code = replace_setting(list, buffer_text(&text), strlen(key) + 1);
    buffer_free(&text);
    return code;
}

status study_add_setting(text_list *list, const char *key, const char *value) {
    written w = {.shape = WRITTEN_TEXT, .text = (char *)value};
    buffer text = {0};
    status code = append_assignment(&text, key, &w);
    if (code == STATUS_OK) code = text_list_add(list, buffer_text(&text), text.length);
    buffer_free(&text);
    return code;
}

// ---- arms -------------------------------------------------------------------------------------------------------------------

size_t study_find_arm(const study_definition *d, const char *name, size_t length) {
    size_t i = 0;
    while (i < d->arm_count && (strlen(d->arms[i].name) != length || memcmp(d->arms[i].name, name, length))) i++;
    return i;
}

// The arm of that name, which is made where it is new; NULL when memory is out.
static study_arm *arm_named(study_definition *d, const char *name, size_t length) {
    size_t i = study_find_arm(d, name, length);
    if (i < d->arm_count) return &d->arms[i];
    study_arm *arms = realloc(d->arms, (d->arm_count + 1) * sizeof *arms);
    if (!arms) return NULL;
    d->arms = arms;
    arms[i] = (study_arm){.name = text_copy(name, length)};
    return arms[i].name ? &arms[d->arm_count++] : NULL;
}

// "arms.NAME" (without settings) or "arms.NAME.KEY".
static status read_arm(study_definition *d, const written *w) {
    char place[512];
    written_place(w, place, sizeof place);
    const char *name = w->key + strlen("arms.");
    size_t length = strcspn(name, ".");
    bool bare = !name[length];
    if (bare && w->shape != WRITTEN_NULL && w->shape != WRITTEN_MAP)
        return status_set(STATUS_INVALID, "%s%s: an arm is a mapping of settings, as in {algorithm.method: grpo}", place, w->key);
    study_arm *arm = arm_named(d, name, length);
    if (!arm) return no_memory();
    return bare ? STATUS_OK : add_setting(&arm->settings, w, name + length + 1);
}

// One arm a value, behind those that are written out.
static status read_sweep(study_definition *d, const written *w) {
    const char *key = w->key + strlen("sweep."), *last = strrchr(key, '.');
    char place[512];
    written_place(w, place, sizeof place);
    if (w->shape != WRITTEN_LIST || w->items.count == 0)
        return status_set(STATUS_INVALID, "%s%s: a sweep names a list of values, as in [0.0001, 0.01]", place, w->key);
    if (d->swept_arm == d->arm_count && d->sweep_count == 0)
        return status_set(STATUS_INVALID, "%ssweep.arm has to name the arm that is varied", place);
    study_sweep *sweeps = realloc(d->sweeps, (d->sweep_count + 1) * sizeof *sweeps);
    if (!sweeps) return no_memory();
    d->sweeps = sweeps;
    sweeps[d->sweep_count] = (study_sweep){strdup(key), d->arm_count, w->items.count};
    if (!sweeps[d->sweep_count++].key) return no_memory();
    for (size_t i = 0; i < w->items.count; i++) {
        char name[160];
        int length = snprintf(name, sizeof name, "%s=%s", last ? last + 1 : key, w->items.items[i]);
        if (study_find_arm(d, name, (size_t)length) < d->arm_count)
            return status_set(STATUS_INVALID, "%s%s holds %s twice", place, w->key, w->items.items[i]);
        study_arm *arm = arm_named(d, name, length < (int)sizeof name ? (size_t)length : sizeof name - 1);
        if (!arm) return no_memory();
        const text_list *base = &d->arms[d->swept_arm].settings;
        for (size_t k = 0; k < base->count; k++) TRY(text_list_add(&arm->settings, base->items[k], strlen(base->items[k])));
        written value = {.key = w->key, .shape = WRITTEN_TEXT, .text = w->items.items[i], .name = w->name, .line = w->line};
        TRY(add_setting(&arm->settings, &value, key));
    }
    return STATUS_OK;
}

// ---- the file ---------------------------------------------------------------------------------------------------------------

static bool starts_with(const char *text, const char *prefix) { return !strncmp(text, prefix, strlen(prefix)); }

static const char *const sections[] = {"settings",           "arms", "sweep", "start", "start.settings", "evaluation",
                                       "evaluation.settings"};

static status unknown_key(const written *w) {
    char place[512], head[64];
    const char *best = NULL;
    size_t distance = strlen(w->key) / 3 + 2;
    snprintf(head, sizeof head, "%.*s", (int)strcspn(w->key, "."), w->key);
    for (size_t i = 0; i < KEY_COUNT; i++) text_consider(w->key, keys[i].key, &best, &distance);
    // The first word may be what is mistyped: "arm.grpo.KEY".
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++)
        if (strcmp(head, sections[i])) text_consider(head, sections[i], &best, &distance);
    if (!best && w->origin == SETTING_FROM_COMMAND_LINE) TRY(written_check_key(w));
    written_place(w, place, sizeof place);
    if (!best) return status_set(STATUS_INVALID, "%s%s is no key of a study; dsdr study --help lists them", place, w->key);
    return status_set(STATUS_INVALID, "%s%s is no key of a study; did you mean %s?", place, w->key, best);
}

static bool is_empty_section(const written *w) {
    if (w->shape != WRITTEN_NULL && w->shape != WRITTEN_MAP) return false;
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++)
        if (!strcmp(w->key, sections[i])) return true;
    return false;
}

static status read_one(study_definition *d, const written *w) {
    char place[512];
    if (w->removal)
        return status_set(STATUS_INVALID, "%s~%s: a study's keys are changed, not removed", written_place(w, place, sizeof place),
                          w->key);
    for (size_t i = 0; i < KEY_COUNT; i++)
        if (!strcmp(keys[i].key, w->key))
            return w->shape == WRITTEN_NULL ? STATUS_OK : setting_read(&keys[i], value_at(d, &keys[i]), w);
    if (starts_with(w->key, "settings.")) return add_setting(&d->settings, w, w->key + strlen("settings."));
    if (starts_with(w->key, "start.settings.")) return add_setting(&d->start_settings, w, w->key + strlen("start.settings."));
    if (starts_with(w->key, "evaluation.settings."))
        return add_setting(&d->evaluation_settings, w, w->key + strlen("evaluation.settings."));
    if (starts_with(w->key, "arms.")) return read_arm(d, w);
    if (starts_with(w->key, "sweep.")) return STATUS_OK; // when the arms are known
    if (is_empty_section(w)) return STATUS_OK;
    // Behind the file, a setting of training is one of all runs.
    if (w->origin == SETTING_FROM_COMMAND_LINE && written_check_key(w) == STATUS_OK) return add_setting(&d->settings, w, w->key);
    return unknown_key(w);
}

static status read_all(study_definition *d, const written_list *list) {
    for (size_t i = 0; i < list->count; i++) TRY(read_one(d, &list->items[i]));
    d->swept_arm = *d->swept ? study_find_arm(d, d->swept, strlen(d->swept)) : d->arm_count;
    if (*d->swept && d->swept_arm == d->arm_count)
        return status_set(STATUS_INVALID, "%s: sweep.arm is %s, but there is no such arm", d->path, d->swept);
    for (size_t i = 0; i < list->count; i++) {
        const written *w = &list->items[i];
        if (starts_with(w->key, "sweep.") && strcmp(w->key, "sweep.arm")) TRY(read_sweep(d, w));
    }
    return STATUS_OK;
}

// "runs/study-NAME" of "some/NAME.yaml": the same folder every time, so that a study goes on where it was.
static status choose_folder(study_definition *d) {
    if (*d->folder) return STATUS_OK;
    const char *slash = strrchr(d->path, '/'), *name = slash ? slash + 1 : d->path, *dot = strrchr(name, '.');
    free(d->folder);
    if (asprintf(&d->folder, "runs/study-%.*s", dot && dot > name ? (int)(dot - name) : (int)strlen(name), name) >= 0)
        return STATUS_OK;
    d->folder = NULL;
    return no_memory();
}

status study_definition_read(study_definition *d, const char *path, const char *const *assignments, size_t count) {
    *d = (study_definition){0};
    written_list list = {0};
    status code = (d->path = strdup(path)) ? STATUS_OK : no_memory();
    for (size_t i = 0; i < KEY_COUNT && code == STATUS_OK; i++) {
        char standard[64];
        snprintf(standard, sizeof standard, "%s=%s", keys[i].key, keys[i].standard);
        code = written_read_assignment(&list, standard);
    }
    if (code == STATUS_OK) code = written_read_file(&list, path);
    for (size_t i = 0; i < count && code == STATUS_OK; i++) code = written_read_assignment(&list, assignments[i]);
    if (code == STATUS_OK) code = read_all(d, &list);
    if (code == STATUS_OK) code = choose_folder(d);
    if (code == STATUS_OK) code = study_definition_check_names(d);
    written_free(&list);
    if (code != STATUS_OK) study_definition_free(d);
    return code;
}

status study_definition_load(study_definition *d, const char *path, const char *const *assignments, size_t count) {
    TRY(study_definition_read(d, path, assignments, count));
    status code = study_definition_check_files(d);
    if (code != STATUS_OK) study_definition_free(d);
    return code;
}

// ---- what follows -----------------------------------------------------------------------------------------------------------

char *study_file(const study_definition *d, const char *name) { return path_join(d->folder, name); }

char *study_run_folder(const study_definition *d, size_t arm, int64_t seed) {
    char *path;
    return asprintf(&path, "%s/%s/seed-%lld", d->folder, d->arms[arm].name, (long long)seed) < 0 ? NULL : path;
}

static status add_all(text_list *out, const text_list *list) {
    for (size_t i = 0; i < list->count; i++) TRY(text_list_add(out, list->items[i], strlen(list->items[i])));
    return STATUS_OK;
}

// A checkpoint is kept for every evaluation, so that the best is among them.
static status add_choice(text_list *out, const study_definition *d) {
    settings s;
    char number[32];
    buffer files = {0};
    TRY(settings_load(&s, *d->config ? d->config : NULL, (const char *const *)out->items, out->count));
    snprintf(number, sizeof number, "%lld", s.trainer.test_freq);
    settings_free(&s);
    TRY(study_add_setting(out, "trainer.save_freq", number));
    TRY(study_add_setting(out, "trainer.max_actor_ckpt_to_keep", "0"));
    written list = {.shape = WRITTEN_LIST, .items = d->validation};
    status code = append_assignment(&files, "data.val_files", &list);
    if (code == STATUS_OK) code = text_list_add(out, buffer_text(&files), files.length);
    buffer_free(&files);
    return code;
}

status study_run_assignments(text_list *out, const study_definition *d, size_t arm, int64_t seed) {
    *out = (text_list){0};
    char number[32], *folder = study_run_folder(d, arm, seed);
    snprintf(number, sizeof number, "%lld", (long long)seed);
    status code = folder ? add_all(out, &d->settings) : no_memory();
    if (code == STATUS_OK) code = add_all(out, &d->arms[arm].settings);
    if (code == STATUS_OK) code = study_add_setting(out, "trainer.seed", number);
    if (code == STATUS_OK) code = study_add_setting(out, "data.seed", number);
    if (code == STATUS_OK) code = study_add_setting(out, "trainer.default_local_dir", folder);
    if (code == STATUS_OK && d->start_model) code = study_add_setting(out, "actor_rollout_ref.model.path", d->start_model);
    if (code == STATUS_OK && d->checkpoint == STUDY_CHECKPOINT_BEST) code = add_choice(out, d);
    free(folder);
    if (code != STATUS_OK) text_list_free(out);
    return code;
}

status study_run_settings(settings *s, const study_definition *d, size_t arm, int64_t seed) {
    text_list list;
    *s = (settings){0};
    TRY(study_run_assignments(&list, d, arm, seed));
    status code = settings_load(s, *d->config ? d->config : NULL, (const char *const *)list.items, list.count);
    text_list_free(&list);
    TRY(code);
    code = trainer_settle(s);
    if (code != STATUS_OK) settings_free(s);
    return code;
}

status study_start_settings(settings *s, const study_definition *d) {
    text_list list;
    *s = (settings){0};
    TRY(study_start_assignments(&list, d));
    status code = settings_load(s, d->sft, (const char *const *)list.items, list.count);
    text_list_free(&list);
    TRY(code);
    code = sft_settle(s);
    if (code != STATUS_OK) settings_free(s);
    return code;
}

status study_start_assignments(text_list *out, const study_definition *d) {
    *out = (text_list){0};
    char *model = study_file(d, "start/model"), *folder = study_file(d, "start/sft");
    status code = model && folder ? add_all(out, &d->start_settings) : no_memory();
    if (code == STATUS_OK && *d->init) code = study_add_setting(out, "actor_rollout_ref.model.path", model);
    if (code == STATUS_OK) code = study_add_setting(out, "trainer.default_local_dir", folder);
    free(model), free(folder);
    if (code != STATUS_OK) text_list_free(out);
    return code;
}

// ---- as YAML ----------------------------------------------------------------------------------------------------------------

static status write_assignments(buffer *out, const char *prefix, const text_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        const char *equals = strchr(list->items[i], '=');
        // What is behind the sign is a quoted text, a bracketed list or a plain word: YAML too.
        TRY(buffer_printf(out, "%s.%.*s: %s\n", prefix, (int)(equals - list->items[i]), list->items[i], equals + 1));
    }
    return STATUS_OK;
}

static status write_key(buffer *out, const study_definition *d, const setting_entry *e) {
    const void *value = (const char *)d + e->offset;
    TRY(buffer_printf(out, "%s: ", e->key));
    if (e->kind == SETTING_BOOL) return buffer_printf(out, "%s\n", *(const setting_BOOL *)value ? "true" : "false");
    if (e->kind == SETTING_INT && *(const setting_INT *)value == 0) return buffer_append_text(out, "null\n");
    if (e->kind == SETTING_INT) return buffer_printf(out, "%lld\n", *(const setting_INT *)value);
    if (e->kind == SETTING_WORD) return buffer_printf(out, "%s\n", e->words[*(const setting_WORD *)value].name);
    if (e->kind == SETTING_TEXT) {
        TRY(append_quoted(out, *(const setting_TEXT *)value));
        return buffer_append_byte(out, '\n');
    }
    const text_list *list = value;
    for (size_t i = 0; i < list->count; i++) {
        TRY(buffer_append_text(out, i ? ", " : "["));
        TRY(append_quoted(out, list->items[i]));
    }
    return buffer_append_text(out, list->count ? "]\n" : "[]\n");
}

// The arms of a sweep are written as a sweep, so that they stay one.
static status write_sweep(buffer *out, const study_definition *d, const study_sweep *sweep) {
    TRY(buffer_printf(out, "sweep.%s: [", sweep->key));
    for (size_t i = 0; i < sweep->count; i++) {
        TRY(buffer_append_text(out, i ? ", " : ""));
        TRY(append_text(out, strchr(d->arms[sweep->first + i].name, '=') + 1));
    }
    return buffer_append_text(out, "]\n");
}

status study_definition_write(buffer *out, const study_definition *d) {
    for (size_t i = 0; i < KEY_COUNT; i++)
        if (*d->swept || strcmp(keys[i].key, "sweep.arm")) TRY(write_key(out, d, &keys[i]));
    TRY(write_assignments(out, "settings", &d->settings));
    TRY(write_assignments(out, "start.settings", &d->start_settings));
    TRY(write_assignments(out, "evaluation.settings", &d->evaluation_settings));
    size_t written_out = d->sweep_count ? d->sweeps[0].first : d->arm_count;
    for (size_t i = 0; i < written_out; i++) {
        char prefix[256];
        snprintf(prefix, sizeof prefix, "arms.%s", d->arms[i].name);
        if (d->arms[i].settings.count == 0) TRY(buffer_printf(out, "%s: {}\n", prefix));
        TRY(write_assignments(out, prefix, &d->arms[i].settings));
    }
    for (size_t i = 0; i < d->sweep_count; i++) TRY(write_sweep(out, d, &d->sweeps[i]));
    return STATUS_OK;
}
