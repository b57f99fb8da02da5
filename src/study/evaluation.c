// Running the passes of an evaluation in its folder. See evaluation.h.
#include "study/evaluation.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/machine.h"
#include "reward/verify.h"
#include "run/folder.h"
#include "run/lock.h"
#include "run/open_model.h"
#include "run/options.h"
#include "study/collection_parts.h"
#include "tasks/countdown.h"

// An evaluation under way.
typedef struct work {
    const settings *s;
    const study_evaluation_options *o;
    study_evaluation *e;
    problem_set problems;
    matmul *products;
    language_model lm;
    scorer scorer;
    prompt_set prompts;
    record *record;
    const study_pass *pass;
} work;

static status say(const study_evaluation_options *o, const char *format, ...) __attribute__((format(printf, 2, 3)));
static status say(const study_evaluation_options *o, const char *format, ...) {
    if (!o->line) return STATUS_OK;
    char line[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    o->line(o->line_context, line);
    return STATUS_OK;
}

// ---- what the folder holds -----------------------------------------------------------------------------------------------

static status check_kind(const char *folder) {
    char *kind = NULL;
    TRY(study_record_get(&kind, folder, "kind"));
    bool mine = kind && !strcmp(kind, "eval");
    free(kind);
    return mine ? STATUS_OK : status_set(STATUS_INVALID, "%s holds no evaluation, but a run of training", folder);
}

static bool has_file(const char *folder, const char *name) {
    char *path = run_folder_file(folder, name);
    bool there = path && file_exists(path);
    free(path);
    return there;
}

static status saved_settings(settings *s, const char *folder, const char *const *assignments, size_t count) {
    char *path = run_folder_file(folder, "config.yaml");
    if (!path) return status_set(STATUS_NO_MEMORY, "out of memory");
    status code = settings_load(s, path, assignments, count);
    free(path);
    return code;
}

static status saved_protocol(study_protocol *p, const char *folder, const settings *s) {
    char *name = NULL;
    TRY(study_record_get(&name, folder, "protocol"));
    status code = name ? study_protocol_of_name(p, name, s)
                       : status_set(STATUS_INVALID, "%s: its record does not say how it sampled", folder);
    free(name);
    return code;
}

status study_evaluation_reload(settings *s, study_protocol *p, const char *folder, const char *config,
                               const char *const *assignments, size_t count) {
    *s = (settings){0}, *p = (study_protocol){0};
    if (!run_folder_holds_run(folder)) return status_set(STATUS_INVALID, "%s holds no evaluation to continue", folder);
    if (!has_file(folder, "config.yaml")) return settings_load(s, config, assignments, count);
    TRY(check_kind(folder));
    TRY(config ? settings_load(s, config, assignments, count) : saved_settings(s, folder, assignments, count));
    status code = saved_protocol(p, folder, s);
    if (code != STATUS_OK) settings_free(s);
    return code;
}

// What settings_list_changes leaves alone, because it does not change what is trained.
static status list_changes(buffer *changes, const settings *saved, const settings *now) {
    static const char sampling[] = "actor_rollout_ref.rollout.val_kwargs.";
    buffer before = {0}, after = {0};
    status code = settings_list_changes(changes, saved, now);
    for (size_t i = 0; i < SETTING_COUNT && code == STATUS_OK; i++) {
        const char *key = settings_table[i].key;
        if (strncmp(key, sampling, sizeof sampling - 1) && strcmp(key, "data.val_files")) continue;
        buffer_clear(&before), buffer_clear(&after);
        code = settings_write_value(&before, saved, i);
        if (code == STATUS_OK) code = settings_write_value(&after, now, i);
        if (code == STATUS_OK && strcmp(buffer_text(&before), buffer_text(&after)) != 0)
            code = buffer_printf(changes, "%s%s was %s and is %s", changes->length ? "; " : "", key, buffer_text(&before),
                                 buffer_text(&after));
    }
    buffer_free(&before), buffer_free(&after);
    return code;
}

static status check_saved(const work *w) {
    settings saved;
    study_protocol protocol;
    buffer changes = {0}, before = {0}, now = {0};
    TRY(check_kind(w->o->folder));
    TRY(saved_settings(&saved, w->o->folder, NULL, 0));
    status code = saved_protocol(&protocol, w->o->folder, &saved);
    if (code == STATUS_OK) code = list_changes(&changes, &saved, w->s);
    if (code == STATUS_OK) code = study_protocol_name(&before, &protocol);
    if (code == STATUS_OK) code = study_protocol_name(&now, &w->e->protocol);
    if (code == STATUS_OK && strcmp(buffer_text(&before), buffer_text(&now)) != 0)
        code = buffer_printf(&changes, "%sits protocol was %s and is %s", changes.length ? "; " : "", buffer_text(&before),
                             buffer_text(&now));
    if (code == STATUS_OK && changes.length)
        code = status_set(STATUS_INVALID, "%s was begun otherwise: %s. Name another --folder for a new evaluation", w->o->folder,
                          buffer_text(&changes));
    buffer_free(&changes), buffer_free(&before), buffer_free(&now);
    settings_free(&saved);
    return code;
}

// Texts and answers of all problems, as one number.
static void hash_problems(char out[24], const problem_set *problems) {
    uint64_t hash = 0;
    for (size_t i = 0; i < problems->count; i++) {
        const problem *p = &problems->problems[i];
        const char *const parts[] = {p->source, p->id, p->text, p->answer};
        for (size_t j = 0; j < 4; j++) hash = (hash ^ tasks_hash_text(parts[j])) * 1099511628211u;
    }
    snprintf(out, 24, "%016llx", (unsigned long long)hash);
}

static status check_problems(const work *w) {
    char now[24], *before = NULL;
    hash_problems(now, &w->problems);
    TRY(record_get(w->record, "problems", &before));
    status code =
        before && strcmp(before, now) != 0
            ? status_set(STATUS_INVALID, "the problems are not those that %s was begun with; name another --folder", w->o->folder)
            : STATUS_OK;
    free(before);
    return code;
}

// Another instruction set or precision computes other bits: allowed, but not silently.
static status warn_of_other_products(const work *w) {
    char *products = NULL;
    status code = record_get(w->record, "products", &products);
    if (code == STATUS_OK && products && strcmp(products, matmul_description(w->products)) != 0)
        say(w->o, "warning: %s was computed so far by %s, and goes on by %s: its bits will not be those of an undisturbed one",
            w->o->folder, products, matmul_description(w->products));
    free(products);
    return code;
}

// ---- the folder ----------------------------------------------------------------------------------------------------------

static status note_facts(const work *w) {
    char number[64], cpu[256], hash[24];
    buffer protocol = {0};
    snprintf(number, sizeof number, "%d", options_threads(w->s));
    machine_cpu(cpu, sizeof cpu);
    hash_problems(hash, &w->problems);
    status code = study_protocol_name(&protocol, &w->e->protocol);
    const char *const facts[][2] = {
        {"kind", "eval"},
        {"cpu", cpu},
        {"products", matmul_description(w->products)},
        {"precision", precision_name(matmul_precision(w->products))},
        {"threads", number},
        {"model", w->s->model.path},
        {"problems", hash},
        {"protocol", buffer_text(&protocol)},
        {"interval", w->o->interval == EVALUATION_OVER_RESPONSES ? "responses" : "problems"},
        {"diversity", w->scorer.encoder ? "true" : "false"},
        {"state", "begun"},
    };
    if (code == STATUS_OK) code = record_begin_step(w->record, 0);
    for (size_t i = 0; i < sizeof facts / sizeof *facts && code == STATUS_OK; i++)
        code = record_set(w->record, facts[i][0], facts[i][1]);
    if (code == STATUS_OK) code = record_commit_step(w->record);
    if (code != STATUS_OK) record_abandon_step(w->record);
    buffer_free(&protocol);
    return code;
}

// Facts first and settings behind them, so that a folder with config.yaml is a complete beginning.
static status begin(const work *w) {
    char *config = run_folder_file(w->o->folder, "config.yaml");
    buffer yaml = {0};
    status code = config ? settings_write_yaml(&yaml, w->s) : status_set(STATUS_NO_MEMORY, "out of memory");
    if (code == STATUS_OK) code = note_facts(w);
    if (code == STATUS_OK) code = file_replace(config, yaml.data, yaml.length);
    buffer_free(&yaml);
    free(config);
    return code;
}

static status fill_folder(work *w) {
    char *database = run_folder_file(w->o->folder, "run.db");
    if (!database) return status_set(STATUS_NO_MEMORY, "out of memory");
    status code = record_create(&w->record, database);
    free(database);
    return code == STATUS_OK ? begin(w) : code;
}

// A failure takes away a folder that was made for it.
static status start_folder(work *w, bool made) {
    if (run_folder_holds_run(w->o->folder))
        return status_set(STATUS_INVALID, "%s: another process has just begun a run there", w->o->folder);
    status code = fill_folder(w);
    if (code == STATUS_OK || !made) return code;
    char message[2048];
    snprintf(message, sizeof message, "%s", status_message());
    record_close(w->record);
    w->record = NULL;
    folder_remove(w->o->folder);
    return status_set(code, "%s", message);
}

static status open_record(work *w) {
    char *database = run_folder_file(w->o->folder, "run.db");
    if (!database) return status_set(STATUS_NO_MEMORY, "out of memory");
    status code = record_open(&w->record, database, true);
    free(database);
    return code;
}

static status refuse_row(void *context, const record_evaluation_row *row) {
    const work *w = context;
    return status_set(STATUS_INVALID, "%s: its config.yaml is missing, so it is not known how its responses (%s, ...) were made",
                      w->o->folder, row->problem_id);
}

// A folder that was left in the moment in which it was made: a record that is empty.
static status begin_again(work *w) {
    TRY(open_record(w));
    for (size_t i = 0; i < w->e->protocol.count; i++)
        TRY(record_each_evaluation(w->record, 0, w->e->protocol.passes[i].name, refuse_row, w));
    return begin(w);
}

static status continue_folder(work *w) {
    char key[64], when[48];
    TRY(open_record(w));
    TRY(check_problems(w));
    TRY(warn_of_other_products(w));
    time_t now = time(NULL);
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", gmtime(&now));
    snprintf(key, sizeof key, "time/resumed/%s", when);
    TRY(record_set(w->record, key, "evaluation"));
    TRY(note_facts(w));
    return say(w->o, "continuing %s", w->o->folder);
}

// ---- opening -------------------------------------------------------------------------------------------------------------

static void tell_golds(const work *w) {
    size_t bad = 0;
    for (size_t i = 0; i < w->problems.count; i++) {
        const problem *p = &w->problems.problems[i];
        if (countdown_applies(p) || verify_gold(p->answer, strlen(p->answer)) == STATUS_OK) continue;
        if (bad++ < 3)
            say(w->o, "note: the answer of problem %s can only be compared as text: %.80s (%s)", p->id, p->answer,
                status_message());
    }
    if (bad > 3) say(w->o, "note: and %zu more such answers", bad - 3);
}

// Whether diversity is wanted: asked for now or, of an evaluation that goes on, when it was begun.
static status wants_diversity(const work *w, bool *wanted) {
    char *before = NULL;
    *wanted = w->o->diversity;
    if (!w->o->resume || *wanted) return STATUS_OK;
    TRY(study_record_get(&before, w->o->folder, "diversity"));
    *wanted = before && !strcmp(before, "true");
    free(before);
    return STATUS_OK;
}

// Everything that bad input shows in.
static status open_all(work *w) {
    const settings *s = w->s;
    problem_options keys = options_problems(s);
    bool diversity;
    TRY(wants_diversity(w, &diversity));
    TRY(problem_set_open(&w->problems, (const char *const *)s->data.val_files.items, s->data.val_files.count, &keys));
    TRY(run_open_model(&w->products, &w->lm, s, s->model.path, false));
    if (matmul_is_fixed_order(w->products)) say(w->o, "note: products run on the %s", matmul_description(w->products));
    tell_golds(w);
    TRY(scorer_open(&w->scorer, s, matmul_threads(w->products), diversity, w->o->helper));
    return prompt_set_create(&w->prompts, &w->lm, s, &w->problems);
}

static void close_all(work *w) {
    record_close(w->record);
    prompt_set_free(&w->prompts);
    scorer_close(&w->scorer);
    if (w->products) language_model_close(&w->lm);
    matmul_free(w->products);
    problem_set_free(&w->problems);
}

// What it will cost, before anything is sampled.
static void tell_cost(const work *w) {
    size_t problems = w->problems.count - w->prompts.left_out, responses = 0, limit = (size_t)w->s->data.max_response_length;
    say(w->o, "%s, %s, %s, %d thread%s", w->s->model.path, precision_name(matmul_precision(w->products)),
        matmul_description(w->products), matmul_threads(w->products), matmul_threads(w->products) == 1 ? "" : "s");
    for (size_t i = 0; i < w->e->protocol.count; i++) {
        const study_pass *pass = &w->e->protocol.passes[i];
        buffer how = {0};
        if (study_pass_describe(&how, pass) == STATUS_OK)
            say(w->o, "%s: %zu problems x %zu sample%s, %s", pass->name, problems, pass->samples, pass->samples == 1 ? "" : "s",
                buffer_text(&how));
        buffer_free(&how);
        responses += problems * pass->samples;
    }
    say(w->o, "%zu responses of at most %zu tokens, at most %zu tokens in all; folder: %s", responses, limit, responses * limit,
        w->o->folder);
}

// ---- passes --------------------------------------------------------------------------------------------------------------

static status hand_on(void *context, const evaluation_response *response) {
    const work *w = context;
    return w->o->response(w->o->response_context, w->pass->name, response);
}

// Chunks of about 2^18 tokens at most: what a kill loses is some minutes of work, and the caches stay full.
static size_t chunk_rollouts(const settings *s) {
    size_t rollouts = ((size_t)1 << 18) / (size_t)s->data.max_response_length;
    return rollouts < 128 ? 128 : rollouts > 2048 ? 2048 : rollouts;
}

static status run_pass(work *w, size_t i) {
    w->pass = &w->e->protocol.passes[i];
    settings s = study_pass_settings(w->s, w->pass);
    evaluation_options options = {.settings = &s,
                                  .lm = &w->lm,
                                  .scorer = &w->scorer,
                                  .problems = &w->problems,
                                  .prompts = &w->prompts,
                                  .pass = w->pass->name,
                                  .record = w->record,
                                  .parts = true,
                                  .average = w->pass->average,
                                  .diversity_samples = w->pass->diversity,
                                  .interval = w->o->interval,
                                  .stop = w->o->stop,
                                  .progress = w->o->progress,
                                  .response = w->o->response ? hand_on : NULL,
                                  .response_context = w,
                                  .chunk_rollouts = chunk_rollouts(&s)};
    return evaluation_run(&w->e->passes[i], &options);
}

static status run_passes(work *w) {
    status code = STATUS_OK;
    for (size_t i = 0; i < w->e->protocol.count && code == STATUS_OK; i++) code = run_pass(w, i);
    if (code == STATUS_INTERRUPTED)
        return status_set(STATUS_INTERRUPTED, "interrupted; %s keeps what is done, continue with dsdr eval --resume --folder %s",
                          w->o->folder, w->o->folder);
    TRY(code);
    snprintf(w->e->arithmetic, sizeof w->e->arithmetic, "%s, %s", precision_name(matmul_precision(w->products)),
             matmul_description(w->products));
    return record_set(w->record, "state", "finished");
}

static status run(work *w) {
    const study_evaluation_options *o = w->o;
    bool held = run_folder_holds_run(o->folder), begun = held && has_file(o->folder, "config.yaml"),
         made = !folder_exists(o->folder);
    if (held && !o->resume)
        return status_set(STATUS_INVALID, "%s already holds a run; give --resume to continue it, or another --folder", o->folder);
    if (!held && o->resume) return status_set(STATUS_INVALID, "%s holds no evaluation to continue", o->folder);
    run_lock lock;
    if (begun) { // a live one is reported before anything is loaded
        status code = run_lock_take(&lock, o->folder);
        run_lock_release(&lock);
        TRY(code);
        TRY(check_saved(w));
    }
    TRY(open_all(w));
    if (!held) TRY(run_folder_create(o->folder));
    TRY(run_lock_take(&lock, o->folder));
    status code = begun ? continue_folder(w) : held ? begin_again(w) : start_folder(w, made);
    if (code == STATUS_OK) tell_cost(w);
    if (code == STATUS_OK) code = run_passes(w);
    run_lock_release(&lock);
    return code;
}

status study_evaluate(study_evaluation *e, const settings *s, const study_protocol *protocol, const study_evaluation_options *o) {
    *e = (study_evaluation){.protocol = *protocol,
                            .interval = o->interval,
                            .model = s->model.path,
                            .response_limit = (size_t)s->data.max_response_length};
    work w = {.s = s, .o = o, .e = e};
    status code = run(&w);
    close_all(&w);
    if (code != STATUS_OK) study_evaluation_free(e);
    return code;
}

void study_evaluation_free(study_evaluation *e) {
    for (size_t i = 0; i < STUDY_MOST_PASSES; i++) evaluation_free(&e->passes[i]);
    *e = (study_evaluation){0};
}
