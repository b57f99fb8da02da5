// What a study consists of, and what there is of it already. See jobs.h.
#include "study/jobs.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "run/evaluate.h"
#include "run/folder.h"
#include "study/collection.h"
#include "study/collection_parts.h"
#include "study/definition_parts.h"
#include "study/outcome.h"

static status no_memory(void) { return status_set(STATUS_NO_MEMORY, "out of memory while planning a study"); }

void study_jobs_free(study_jobs *jobs) {
    for (size_t i = 0; i < jobs->count; i++) free(jobs->items[i].name), free(jobs->items[i].run), free(jobs->items[i].folder);
    free(jobs->items);
    *jobs = (study_jobs){0};
}

// ---- what is there ----------------------------------------------------------------------------------------------------------

// Refuses a run whose settings are not those that the definition gives it. A run that is not finished may still be made longer.
static status check_settings(const char *folder, const settings *wanted, bool finished) {
    char *path = run_folder_file(folder, "config.yaml");
    if (!path) return no_memory();
    settings saved;
    bool there = file_exists(path);
    status code = there ? settings_load(&saved, path, NULL, 0) : STATUS_OK;
    free(path);
    if (!there || code != STATUS_OK) return code;
    buffer changes = {0};
    long long before = saved.trainer.total_training_steps, now = wanted->trainer.total_training_steps;
    code = settings_list_changes(&changes, &saved, wanted);
    if (code == STATUS_OK && finished && before != now)
        code = buffer_printf(&changes, "%strainer.total_training_steps was %lld and is %lld", changes.length ? "; " : "", before,
                             now);
    settings_free(&saved);
    if (code == STATUS_OK && changes.length)
        code = status_set(STATUS_INVALID,
                          "%s was made with other settings: %s. Name another folder for the study, or take the run away", folder,
                          buffer_text(&changes));
    buffer_free(&changes);
    return code;
}

static status look_at_record(study_job *job) {
    bool finished;
    TRY(study_is_finished(job->folder, &finished));
    job->state = finished ? JOB_DONE : run_folder_holds_run(job->folder) ? JOB_BEGUN : JOB_NEW;
    return STATUS_OK;
}

// The model is the one that start.init describes: its description is kept beside it.
static status look_at_model(study_job *job, const study_definition *d) {
    job->state = folder_exists(job->folder) ? JOB_DONE : JOB_NEW;
    if (job->state == JOB_NEW) return STATUS_OK;
    char *path = study_file(d, "start/model.yaml");
    file_map kept = {0}, given = {0};
    status code = path ? file_map_open(&kept, path) : no_memory();
    if (code == STATUS_OK) code = file_map_open(&given, d->init);
    if (code == STATUS_OK && (kept.size != given.size || (kept.size && memcmp(kept.bytes, given.bytes, kept.size))))
        code = status_set(STATUS_INVALID, "%s is not what %s was made from (%s); name another folder for the study", d->init,
                          job->folder, path);
    file_map_close(&kept), file_map_close(&given);
    free(path);
    return code;
}

static status look_at_run(study_job *job, const study_definition *d) {
    settings wanted;
    TRY(look_at_record(job));
    TRY(job->kind == JOB_SFT ? study_start_settings(&wanted, d) : study_run_settings(&wanted, d, job->arm, job->seed));
    status code = check_settings(job->folder, &wanted, job->state == JOB_DONE);
    settings_free(&wanted);
    return code;
}

// Of a run that failed, or whose evaluation did: neither is tried again without being asked for.
static status look_at_outcome(study_job *job) {
    study_outcome outcome;
    TRY(study_outcome_read(&outcome, job->run));
    bool mine = outcome.failed && (job->kind == JOB_EVAL || !strcmp(outcome.stage, "train"));
    if (mine && job->state != JOB_DONE) job->state = JOB_FAILED;
    study_outcome_free(&outcome);
    return STATUS_OK;
}

static status look_at(study_job *job, const study_definition *d) {
    switch (job->kind) {
    case JOB_INIT:
        return look_at_model(job, d);
    case JOB_SFT:
        return look_at_run(job, d);
    case JOB_TRAIN:
        TRY(look_at_run(job, d));
        return look_at_outcome(job);
    case JOB_EVAL:
        TRY(look_at_record(job));
        return look_at_outcome(job);
    default:
        return look_at_record(job);
    }
}

// ---- the list ---------------------------------------------------------------------------------------------------------------

// Takes over `run` and `folder`.
static status add(study_jobs *jobs, const study_definition *d, study_job job, char *run, char *folder) {
    study_job *items = realloc(jobs->items, (jobs->count + 1) * sizeof *items);
    if (items) jobs->items = items;
    bool arm = job.kind == JOB_TRAIN || job.kind == JOB_EVAL;
    static const char *const names[] = {"start model", "warm start", "evaluation of the start"};
    if (arm ? asprintf(&job.name, "%s seed %lld", d->arms[job.arm].name, (long long)job.seed) < 0
            : !(job.name = strdup(names[job.kind])))
        job.name = NULL;
    if (!items || !job.name || !run || !folder) {
        free(job.name), free(run), free(folder);
        return no_memory();
    }
    job.run = run, job.folder = folder;
    items[jobs->count++] = job;
    return look_at(&items[jobs->count - 1], d);
}

static status add_run(study_jobs *jobs, const study_definition *d, size_t arm, int64_t seed) {
    char *run = study_run_folder(d, arm, seed), *same = study_run_folder(d, arm, seed),
         *eval = run ? path_join(run, "eval") : NULL;
    status code = add(jobs, d, (study_job){.kind = JOB_TRAIN, .arm = arm, .seed = seed}, run, same);
    if (code != STATUS_OK) {
        free(eval);
        return code;
    }
    return add(jobs, d, (study_job){.kind = JOB_EVAL, .arm = arm, .seed = seed}, study_run_folder(d, arm, seed), eval);
}

static status list_all(study_jobs *jobs, const study_definition *d) {
    if (*d->init) TRY(add(jobs, d, (study_job){.kind = JOB_INIT}, study_file(d, "start"), study_file(d, "start/model")));
    if (*d->sft) TRY(add(jobs, d, (study_job){.kind = JOB_SFT}, study_file(d, "start"), study_file(d, "start/sft")));
    if (d->start)
        TRY(add(jobs, d, (study_job){.kind = JOB_EVAL_START}, study_file(d, "eval-start"), study_file(d, "eval-start")));
    for (size_t s = 0; s < d->seed_count; s++)
        for (size_t a = 0; a < d->arm_count; a++) TRY(add_run(jobs, d, a, d->seed[s]));
    return STATUS_OK;
}

status study_jobs_list(study_jobs *jobs, const study_definition *d) {
    *jobs = (study_jobs){0};
    status code = list_all(jobs, d);
    if (code != STATUS_OK) study_jobs_free(jobs);
    return code;
}

// ---- commands ---------------------------------------------------------------------------------------------------------------

void study_command_free(study_command *command) {
    text_list_free(&command->texts);
    free(command->arguments);
    *command = (study_command){0};
}

static status word(study_command *c, const char *text) { return text_list_add(&c->texts, text, strlen(text)); }

static status words(study_command *c, const text_list *list) {
    for (size_t i = 0; i < list->count; i++) TRY(word(c, list->items[i]));
    return STATUS_OK;
}

static status training(study_command *c, const study_definition *d, const study_job *job) {
    text_list list;
    const char *config = job->kind == JOB_SFT ? d->sft : d->config;
    TRY(word(c, job->kind == JOB_SFT ? "sft" : "train"));
    if (*config) TRY(word(c, config));
    TRY(job->kind == JOB_SFT ? study_start_assignments(&list, d) : study_run_assignments(&list, d, job->arm, job->seed));
    status code = words(c, &list);
    text_list_free(&list);
    TRY(code);
    return job->state == JOB_BEGUN ? word(c, "--resume") : STATUS_OK;
}

// The step of the checkpoint with the highest accuracy on the validation problems; of equal ones the first.
static status best_step(int64_t *best, const char *run, const settings *s) {
    char metric[32];
    study_curve curve;
    double highest = -INFINITY;
    snprintf(metric, sizeof metric, "acc/mean@%zu", evaluation_samples(s));
    TRY(study_read_summary(&curve, run, "validation", "overall", metric));
    for (size_t i = 0; i < curve.count; i++) {
        char *path = run_folder_checkpoint(run, curve.steps[i]);
        bool there = path && folder_exists(path);
        free(path);
        if (there && curve.values[i] > highest) highest = curve.values[i], *best = curve.steps[i];
    }
    study_curve_free(&curve);
    if (isinf(highest)) return status_set(STATUS_FAILED, "%s: no checkpoint has a validation, so there is no best one", run);
    return STATUS_OK;
}

static status checkpoint_of(char **path, const study_definition *d, const study_job *job, const settings *s) {
    if (job->kind == JOB_EVAL_START) {
        *path = strdup(d->start_model ? d->start_model : s->model.path);
        return *path ? STATUS_OK : no_memory();
    }
    int64_t step = -1;
    TRY(d->checkpoint == STUDY_CHECKPOINT_BEST ? best_step(&step, job->run, s) : run_folder_latest(job->run, &step));
    if (step < 0) return status_set(STATUS_FAILED, "%s: there is no checkpoint to evaluate", job->run);
    *path = run_folder_checkpoint(job->run, step);
    return *path ? STATUS_OK : no_memory();
}

// What an evaluation takes over from its run: how prompts look, where answers are, how they are judged, and the arithmetic.
// Samples and temperatures are the protocol's or those of evaluation.settings.
static const char *const kept_keys[] = {"data.prompt_key",
                                        "data.answer_key",
                                        "data.prompt_template",
                                        "data.instruction",
                                        "data.max_prompt_length",
                                        "data.max_response_length",
                                        "data.filter_overlong_prompts",
                                        "data.truncation",
                                        "actor_rollout_ref.rollout.stop",
                                        "algorithm.dsdr.encoder",
                                        "algorithm.dsdr.encoder_long",
                                        "algorithm.dsdr.formula_level",
                                        "reward_model.profile",
                                        "verify.significant_digits",
                                        "verify.decimals",
                                        "verify.gold_rounded",
                                        "verify.workers",
                                        "verify.deadline_ms",
                                        "trainer.seed",
                                        "trainer.threads",
                                        "trainer.precision"};

// Only what is not a default: what the study says, and what the run's built-in task brought along.
static status keep_settings(study_command *c, const settings *s) {
    buffer text = {0};
    status code = STATUS_OK;
    for (size_t i = 0; i < sizeof kept_keys / sizeof *kept_keys && code == STATUS_OK; i++) {
        size_t entry = settings_find(kept_keys[i]);
        if (s->source[entry].origin < SETTING_FROM_OTHER_KEY) continue;
        buffer_clear(&text);
        code = buffer_printf(&text, "%s=", kept_keys[i]);
        if (code == STATUS_OK) code = settings_write_value(&text, s, entry);
        if (code == STATUS_OK) code = word(c, buffer_text(&text));
    }
    buffer_free(&text);
    return code;
}

static status evaluating(study_command *c, const study_definition *d, const study_job *job) {
    bool start = job->kind == JOB_EVAL_START;
    settings s;
    char *model = NULL;
    TRY(study_run_settings(&s, d, start ? 0 : job->arm, start ? d->seed[0] : job->seed));
    status code = checkpoint_of(&model, d, job, &s);
    if (code == STATUS_OK) code = word(c, "eval");
    if (code == STATUS_OK) code = word(c, model);
    if (code == STATUS_OK) code = words(c, &d->data);
    if (code == STATUS_OK) code = word(c, "--folder");
    if (code == STATUS_OK) code = word(c, job->folder);
    if (code == STATUS_OK && d->diversity) code = word(c, "--diversity");
    if (code == STATUS_OK && d->samples > 0) {
        char number[32];
        snprintf(number, sizeof number, "%lld", d->samples);
        code = word(c, "--samples");
        if (code == STATUS_OK) code = word(c, number);
    }
    if (code == STATUS_OK) code = keep_settings(c, &s);
    if (code == STATUS_OK) code = words(c, &d->evaluation_settings);
    if (code == STATUS_OK && job->state == JOB_BEGUN) code = word(c, "--resume");
    free(model);
    settings_free(&s);
    return code;
}

static status initializing(study_command *c, const study_definition *d, const study_job *job) {
    buffer folder = {0};
    status code = buffer_printf(&folder, "%s.tmp", job->folder); // renamed when it is complete
    if (code == STATUS_OK) code = word(c, "init");
    if (code == STATUS_OK) code = word(c, buffer_text(&folder));
    if (code == STATUS_OK) code = word(c, d->init);
    buffer_free(&folder);
    return code;
}

status study_job_command(study_command *c, const study_definition *d, const study_job *job, const char *program) {
    *c = (study_command){0};
    status code = word(c, program);
    if (code == STATUS_OK)
        code = job->kind == JOB_INIT                            ? initializing(c, d, job)
               : job->kind == JOB_SFT || job->kind == JOB_TRAIN ? training(c, d, job)
                                                                : evaluating(c, d, job);
    if (code == STATUS_OK && !(c->arguments = calloc(c->texts.count + 1, sizeof *c->arguments))) code = no_memory();
    if (code != STATUS_OK) {
        study_command_free(c);
        return code;
    }
    for (size_t i = 0; i < c->texts.count; i++) c->arguments[i] = c->texts.items[i];
    return STATUS_OK;
}
