// What a study must not be: refused with place and key before anything runs. See definition.h.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "run/options.h"
#include "study/definition_parts.h"
#include "tasks/tasks.h"

static status no_memory(void) { return status_set(STATUS_NO_MEMORY, "out of memory while reading a study"); }

// ---- names ------------------------------------------------------------------------------------------------------------------

static status check_name(const study_definition *d, const char *name) {
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_=.+-";
    if (!*name || name[0] == '.' || strspn(name, allowed) != strlen(name))
        return status_set(STATUS_INVALID, "%s: the arm %s is the name of a folder, so it has letters, digits and _ = . + - only",
                          d->path, name);
    if (!strcmp(name, "start") || !strncmp(name, "eval-", 5) || !strncmp(name, "global_step_", 12))
        return status_set(STATUS_INVALID, "%s: no arm can be called %s; the study keeps that name for itself", d->path, name);
    return STATUS_OK;
}

static status check_seeds(study_definition *d) {
    if (d->seeds.count == 0) return status_set(STATUS_INVALID, "%s: seeds is empty; give at least one, as in [1, 2, 3]", d->path);
    if (!(d->seed = calloc(d->seeds.count, sizeof *d->seed))) return no_memory();
    for (size_t i = 0; i < d->seeds.count; i++) {
        const char *text = d->seeds.items[i];
        size_t digits = strspn(text, "0123456789");
        if (!digits || text[digits] || digits > 15)
            return status_set(STATUS_INVALID, "%s: seeds holds %s; a seed is a whole number from 0", d->path, text);
        d->seed[i] = strtoll(text, NULL, 10);
        for (size_t j = 0; j < i; j++)
            if (d->seed[j] == d->seed[i]) return status_set(STATUS_INVALID, "%s: seeds holds %s twice", d->path, text);
    }
    d->seed_count = d->seeds.count;
    return STATUS_OK;
}

status study_read_outcome_name(study_outcome_name *name, const char *text) {
    static const char *const kinds[] = {"pass@", "avg@"};
    for (size_t i = 0; i < 2; i++) {
        if (strncmp(text, kinds[i], strlen(kinds[i]))) continue;
        const char *number = text + strlen(kinds[i]);
        size_t digits = strspn(number, "0123456789");
        if (!digits || number[digits] || digits > 5 || number[0] == '0') break;
        *name = (study_outcome_name){i == 1, (uint32_t)strtoul(number, NULL, 10)};
        return STATUS_OK;
    }
    return status_set(STATUS_INVALID, "primary is %s; it has to be pass@1, avg@N or pass@K, such as avg@16", text);
}

static status find_compared(const study_definition *d, const char *name, size_t length, size_t *arm) {
    *arm = study_find_arm(d, name, length);
    if (*arm < d->arm_count) return STATUS_OK;
    char given[160];
    const char *best = NULL;
    size_t distance = length / 2 + 1;
    snprintf(given, sizeof given, "%.*s", (int)length, name);
    for (size_t i = 0; i < d->arm_count; i++) text_consider(given, d->arms[i].name, &best, &distance);
    return status_set(STATUS_INVALID, "%s: comparisons names the arm %s, which there is not%s%s%s", d->path, given,
                      best ? "; did you mean " : "", best ? best : "", best ? "?" : "");
}

static status check_comparisons(study_definition *d) {
    if (!(d->pairs = calloc(d->comparisons.count + 1, sizeof *d->pairs))) return no_memory();
    for (size_t i = 0; i < d->comparisons.count; i++) {
        const char *text = d->comparisons.items[i], *middle = strstr(text, " vs ");
        study_comparison pair;
        if (!middle)
            return status_set(STATUS_INVALID, "%s: comparisons holds \"%s\"; a comparison is \"ARM vs ARM\"", d->path, text);
        TRY(find_compared(d, text, (size_t)(middle - text), &pair.a));
        TRY(find_compared(d, middle + 4, strlen(middle + 4), &pair.b));
        if (pair.a == pair.b) return status_set(STATUS_INVALID, "%s: comparisons holds \"%s\", one arm twice", d->path, text);
        for (size_t j = 0; j < i; j++)
            if ((d->pairs[j].a == pair.a && d->pairs[j].b == pair.b) || (d->pairs[j].a == pair.b && d->pairs[j].b == pair.a))
                return status_set(STATUS_INVALID, "%s: comparisons holds \"%s\" twice", d->path, text);
        d->pairs[d->pair_count++] = pair;
    }
    return STATUS_OK;
}

// ---- settings ---------------------------------------------------------------------------------------------------------------

static bool sets_model(const text_list *list) {
    static const char key[] = "actor_rollout_ref.model.path=";
    for (size_t i = 0; i < list->count; i++)
        if (!strncmp(list->items[i], key, sizeof key - 1)) return true;
    return false;
}

static status check_start(study_definition *d) {
    if (!*d->init && !*d->sft) {
        if (d->start_settings.count == 0) return STATUS_OK;
        return status_set(STATUS_INVALID, "%s: start.settings are those of start.sft, which is missing", d->path);
    }
    bool named = sets_model(&d->settings);
    for (size_t i = 0; i < d->arm_count; i++) named |= sets_model(&d->arms[i].settings);
    if (named)
        return status_set(STATUS_INVALID,
                          "%s: actor_rollout_ref.model.path is what the warm start leaves; give it, or start, but not both",
                          d->path);
    if (*d->init && !file_exists(d->init))
        return status_set(STATUS_INVALID, "%s: start.init: there is no file %s", d->path, d->init);
    if (!*d->sft) return (d->start_model = study_file(d, "start/model")) ? STATUS_OK : no_memory();
    settings s;
    status code = study_start_settings(&s, d);
    TRY(status_context(code, "start.sft"));
    if (s.trainer.total_training_steps <= 0)
        code = status_set(STATUS_INVALID, "trainer.total_training_steps has to be given, so that runs know what they start from");
    if (code == STATUS_OK &&
        asprintf(&d->start_model, "%s/start/sft/global_step_%lld", d->folder, s.trainer.total_training_steps) < 0) {
        d->start_model = NULL;
        code = no_memory();
    }
    settings_free(&s);
    return status_context(code, "start.sft");
}

// Settings that alter results, the folder aside, as one text.
static status describe(buffer *out, const settings *s) {
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        if (!settings_table[i].alters_results) continue;
        TRY(settings_write_value(out, s, i));
        TRY(buffer_append_byte(out, '\n'));
    }
    return STATUS_OK;
}

static status check_arm(const study_definition *d, size_t arm, buffer *texts) {
    settings s;
    status code = study_run_settings(&s, d, arm, d->seed[0]);
    if (code == STATUS_OK && d->checkpoint == STUDY_CHECKPOINT_BEST && s.trainer.test_freq <= 0)
        code = status_set(STATUS_INVALID, "evaluation.checkpoint is best, so trainer.test_freq has to be above 0");
    if (code == STATUS_OK) code = describe(&texts[arm], &s);
    settings_free(&s);
    TRY(status_context(code, "%s: arm %s", d->path, d->arms[arm].name));
    for (size_t i = 0; i < arm; i++)
        if (!strcmp(buffer_text(&texts[i]), buffer_text(&texts[arm])))
            return status_set(STATUS_INVALID, "%s: the arms %s and %s have the same settings", d->path, d->arms[i].name,
                              d->arms[arm].name);
    return STATUS_OK;
}

static status check_arms(const study_definition *d) {
    if (d->arm_count == 0)
        return status_set(STATUS_INVALID, "%s: no arms; give at least one, as in arms: {grpo: {algorithm.method: grpo}}",
                          d->path);
    for (size_t i = 0; i < d->arm_count; i++) TRY(check_name(d, d->arms[i].name));
    buffer *texts = calloc(d->arm_count, sizeof *texts);
    if (!texts) return no_memory();
    status code = STATUS_OK;
    for (size_t i = 0; i < d->arm_count && code == STATUS_OK; i++) code = check_arm(d, i, texts);
    for (size_t i = 0; i < d->arm_count; i++) buffer_free(&texts[i]);
    free(texts);
    return code;
}

// ---- problems ---------------------------------------------------------------------------------------------------------------

static status find_shared(const study_definition *d, const problem_set *table, const problem_set *validation) {
    for (size_t i = 0; i < validation->count; i++)
        for (size_t j = 0; j < table->count; j++)
            if (!strcmp(validation->problems[i].text, table->problems[j].text))
                return status_set(
                    STATUS_INVALID,
                    "%s: problem %s of evaluation.validation is in evaluation.data, too; a checkpoint is not chosen on "
                    "what it is judged by",
                    d->path, validation->problems[i].id);
    return STATUS_OK;
}

static status check_problems(const study_definition *d) {
    if (d->data.count == 0)
        return status_set(STATUS_INVALID, "%s: evaluation.data is empty; name the problems of the table", d->path);
    if (d->checkpoint == STUDY_CHECKPOINT_LAST) {
        if (d->validation.count == 0) return STATUS_OK;
        return status_set(STATUS_INVALID, "%s: evaluation.validation is for evaluation.checkpoint: best", d->path);
    }
    if (d->validation.count == 0)
        return status_set(STATUS_INVALID, "%s: evaluation.checkpoint is best, which needs evaluation.validation", d->path);
    settings s;
    problem_set table = {0}, validation = {0};
    TRY(study_run_settings(&s, d, 0, d->seed[0]));
    problem_options options = options_problems(&s);
    status code = problem_set_open(&table, (const char *const *)d->data.items, d->data.count, &options);
    if (code == STATUS_OK)
        code = problem_set_open(&validation, (const char *const *)d->validation.items, d->validation.count, &options);
    if (code == STATUS_OK) code = find_shared(d, &table, &validation);
    problem_set_free(&table), problem_set_free(&validation);
    settings_free(&s);
    return code;
}

status study_definition_check_names(study_definition *d) {
    study_outcome_name name;
    TRY(check_seeds(d));
    TRY(status_context(study_read_outcome_name(&name, d->primary), "%s", d->path));
    if (d->arm_count == 0)
        return status_set(STATUS_INVALID, "%s: no arms; give at least one, as in arms: {grpo: {algorithm.method: grpo}}",
                          d->path);
    for (size_t i = 0; i < d->arm_count; i++) TRY(check_name(d, d->arms[i].name));
    return check_comparisons(d);
}

status study_definition_check_files(study_definition *d) {
    TRY(check_start(d));
    TRY(check_arms(d));
    return check_problems(d);
}
