// Running a study. See runner.h.
#include "study/runner.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "run/folder.h"
#include "run/lock.h"
#include "study/collection.h"
#include "study/compare.h"
#include "study/definition_parts.h"
#include "study/jobs.h"
#include "study/outcome.h"
#include "study/process.h"
#include "study/report.h"

static status no_memory(void) { return status_set(STATUS_NO_MEMORY, "out of memory while running a study"); }

static double now_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

typedef struct runner {
    const study_definition *d;
    const study_options *o;
    study_jobs jobs;
    double *seconds; // [jobs] of those that ran in this call; 0 of others
    size_t current;
    char detail[64]; // beside the progress of a command: the time left for all
} runner;

static void say(const runner *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(const runner *r, const char *format, ...) {
    char line[2048];
    if (!r->o->line) return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    r->o->line(r->o->line_context, line);
}

static const char *verb_of(study_job_kind kind) {
    static const char *const verbs[] = {
        [JOB_INIT] = "init", [JOB_SFT] = "sft", [JOB_EVAL_START] = "eval", [JOB_TRAIN] = "train", [JOB_EVAL] = "eval"};
    return verbs[kind];
}

// ---- progress ---------------------------------------------------------------------------------------------------------------

// What a command of this kind and arm took so far, else what one of its kind did; NAN where none has run.
static double usual_seconds(const runner *r, const study_job *job) {
    double sum[2] = {0, 0};
    size_t count[2] = {0, 0};
    for (size_t i = 0; i < r->jobs.count; i++) {
        const study_job *one = &r->jobs.items[i];
        if (one->kind != job->kind || !(r->seconds[i] > 0)) continue;
        sum[0] += r->seconds[i], count[0]++;
        if (one->arm == job->arm) sum[1] += r->seconds[i], count[1]++;
    }
    return count[1] ? sum[1] / (double)count[1] : count[0] ? sum[0] / (double)count[0] : NAN;
}

static void tell_time_left(runner *r) {
    double left = 0;
    char text[24];
    for (size_t i = r->current; i < r->jobs.count; i++)
        if (r->jobs.items[i].state == JOB_NEW || r->jobs.items[i].state == JOB_BEGUN) left += usual_seconds(r, &r->jobs.items[i]);
    r->detail[0] = 0;
    if (!isnan(left)) snprintf(r->detail, sizeof r->detail, "study: about %s left", progress_duration(text, left));
}

static void tick(void *context) {
    runner *r = context;
    const study_job *job = &r->jobs.items[r->current];
    char phase[128];
    double total = 0;
    study_curve steps = {0};
    snprintf(phase, sizeof phase, "[%zu/%zu] %s, %s", r->current + 1, r->jobs.count, job->name, verb_of(job->kind));
    if (job->kind == JOB_TRAIN || job->kind == JOB_SFT) {
        settings s;
        char *path = run_folder_file(job->folder, "config.yaml");
        if (path && file_exists(path) && settings_load(&s, path, NULL, 0) == STATUS_OK) {
            total = (double)s.trainer.total_training_steps;
            settings_free(&s);
            study_read_metric(&steps, job->folder, "training/global_step"); // a record that is being made is no failure
        }
        free(path);
    }
    double done = steps.count ? (double)steps.steps[steps.count - 1] : 0;
    progress_report(&r->o->progress, phase, done, total, NULL, r->detail);
    study_curve_free(&steps);
}

// ---- what was declared ------------------------------------------------------------------------------------------------------

static status write_list(buffer *out, const text_list *list) {
    for (size_t i = 0; i < list->count; i++) TRY(buffer_printf(out, "%s%s", i ? ", " : "", list->items[i]));
    return STATUS_OK;
}

// The keys that decide what the study claims, each as one text.
enum { DECLARED = 8 };
static const char *const declared_keys[DECLARED] = {"primary",
                                                    "comparisons",
                                                    "seeds",
                                                    "evaluation.data",
                                                    "evaluation.checkpoint",
                                                    "evaluation.validation",
                                                    "evaluation.settings",
                                                    "evaluation.samples"};

static status describe_declared(buffer texts[DECLARED], const study_definition *d) {
    TRY(buffer_append_text(&texts[0], d->primary));
    TRY(write_list(&texts[1], &d->comparisons));
    TRY(write_list(&texts[2], &d->seeds));
    TRY(write_list(&texts[3], &d->data));
    TRY(buffer_append_text(&texts[4], d->checkpoint == STUDY_CHECKPOINT_BEST ? "best" : "last"));
    TRY(write_list(&texts[5], &d->validation));
    TRY(write_list(&texts[6], &d->evaluation_settings));
    return buffer_printf(&texts[7], "%lld", d->samples);
}

static bool has_results(const study_jobs *jobs) {
    for (size_t i = 0; i < jobs->count; i++)
        if (jobs->items[i].kind == JOB_TRAIN && jobs->items[i].state == JOB_DONE) return true;
    return false;
}

// Appends "KEY was A and is B" for each that differs.
static status compare_declared(buffer *changes, const study_definition *before, const study_definition *now) {
    buffer old[DECLARED] = {{0}}, new[DECLARED] = {{0}};
    status code = describe_declared(old, before);
    if (code == STATUS_OK) code = describe_declared(new, now);
    for (size_t i = 0; i < DECLARED && code == STATUS_OK; i++)
        if (strcmp(buffer_text(&old[i]), buffer_text(&new[i])))
            code = buffer_printf(changes, "%s%s was [%s] and is [%s]", changes->length ? "; " : "", declared_keys[i],
                                 buffer_text(&old[i]), buffer_text(&new[i]));
    for (size_t i = 0; i < DECLARED; i++) buffer_free(&old[i]), buffer_free(&new[i]);
    return code;
}

// The comments of a study.yaml that tell of earlier changes are kept.
static status keep_comments(buffer *out, const char *path) {
    file_map map;
    TRY(file_map_open(&map, path));
    const char *text = (const char *)map.bytes;
    status code = STATUS_OK;
    for (size_t at = 0; at < map.size && code == STATUS_OK;) {
        const char *end = memchr(text + at, '\n', map.size - at);
        size_t length = end ? (size_t)(end - text) + 1 - at : map.size - at;
        if (text[at] == '#') code = buffer_append(out, text + at, length);
        at += length;
    }
    file_map_close(&map);
    return code;
}

// Keeps the definition in the study's folder; refuses one that declares something else than before once runs have finished.
static status declare(const runner *r) {
    char *path = study_file(r->d, "study.yaml");
    study_definition before = {0};
    buffer text = {0}, changes = {0};
    status code = path ? STATUS_OK : no_memory();
    if (code == STATUS_OK && file_exists(path)) {
        code = study_definition_read(&before, path, NULL, 0);
        if (code == STATUS_OK) code = compare_declared(&changes, &before, r->d);
        if (code == STATUS_OK) code = keep_comments(&text, path);
    }
    if (code == STATUS_OK && changes.length && has_results(&r->jobs)) {
        if (!r->o->allow_change)
            code = status_set(
                STATUS_INVALID,
                "%s: what was declared before running cannot change now that runs have finished: %s. Name another folder, "
                "or pass --allow-change, which is noted with the results",
                path, buffer_text(&changes));
        else
            code = buffer_printf(&text, "# changed when runs had finished: %s\n", buffer_text(&changes));
    }
    if (code == STATUS_OK) code = study_definition_write(&text, r->d);
    if (code == STATUS_OK) code = file_replace(path, text.data, text.length);
    study_definition_free(&before);
    buffer_free(&text), buffer_free(&changes);
    free(path);
    return code;
}

// ---- one command ------------------------------------------------------------------------------------------------------------

// A child that was killed with the study's process holds its lock until the kernel has taken it away.
static status wait_for_lock(const runner *r, const study_job *job) {
    if (!folder_exists(job->folder)) return STATUS_OK;
    for (int i = 0;; i++) {
        run_lock lock;
        status code = run_lock_take(&lock, job->folder);
        run_lock_release(&lock);
        if (code != STATUS_INVALID || i == 600 || (r->o->stop && *r->o->stop)) return code;
        if (i == 10) say(r, "waiting for %s", status_message());
        usleep(100000);
    }
}

static status keep_model(const runner *r, const study_job *job) {
    char *temporary = NULL, *kept = study_file(r->d, "start/model.yaml");
    file_map map = {0};
    status code = kept && asprintf(&temporary, "%s.tmp", job->folder) >= 0 ? file_map_open(&map, r->d->init) : no_memory();
    if (code == STATUS_OK) code = file_replace(kept, map.bytes, map.size);
    if (code == STATUS_OK && rename(temporary, job->folder) != 0)
        code = status_set(STATUS_IO, "cannot rename %s to %s", temporary, job->folder);
    file_map_close(&map);
    free(temporary), free(kept);
    return code;
}

static status prepare(const runner *r, study_job *job) {
    TRY(folder_create(job->run));
    if (job->kind != JOB_INIT) {
        TRY(wait_for_lock(r, job));
        if (run_folder_holds_run(job->folder)) job->state = JOB_BEGUN;
        return STATUS_OK;
    }
    char *temporary;
    if (asprintf(&temporary, "%s.tmp", job->folder) < 0) return no_memory();
    status code = folder_remove(temporary); // of an earlier attempt
    free(temporary);
    return code;
}

// Says why a command failed: its last words, or its signal.
static status explain(char **reason, const char *log, int result) {
    if (result > 128) {
        if (asprintf(reason, "ended by signal %d (%s)", result - 128, strsignal(result - 128)) < 0) *reason = NULL;
        return *reason ? STATUS_OK : no_memory();
    }
    TRY(study_last_line(reason, log));
    if (**reason && (*reason)[0] != '$') return STATUS_OK;
    free(*reason);
    if (asprintf(reason, "exit code %d", result) < 0) *reason = NULL;
    return *reason ? STATUS_OK : no_memory();
}

static status note_failure(runner *r, study_job *job, const char *log, int result) {
    char *reason;
    TRY(explain(&reason, log, result));
    status code = STATUS_OK;
    if (job->kind == JOB_TRAIN || job->kind == JOB_EVAL) {
        code = study_outcome_write(job->run, verb_of(job->kind), reason);
        job->state = JOB_FAILED;
        if (job->kind == JOB_TRAIN) job[1].state = JOB_FAILED; // its evaluation stands behind it
        say(r, "[%zu/%zu] %s, %s: failed: %s", r->current + 1, r->jobs.count, job->name, verb_of(job->kind), reason);
    } else {
        code = status_set(STATUS_FAILED, "the %s failed: %s (%s)", job->name, reason, log);
    }
    free(reason);
    return code;
}

static status finish(runner *r, study_job *job, double seconds) {
    char text[24];
    if (job->kind == JOB_INIT) TRY(keep_model(r, job));
    job->state = JOB_DONE;
    r->seconds[r->current] = seconds;
    tell_time_left(r);
    say(r, "[%zu/%zu] %s, %s: done in %s%s%s", r->current + 1, r->jobs.count, job->name, verb_of(job->kind),
        progress_duration(text, seconds), *r->detail ? "; " : "", r->detail);
    return STATUS_OK;
}

static status run_job(runner *r, study_job *job) {
    study_command command;
    char *log = NULL, name[32];
    snprintf(name, sizeof name, "%s.log", verb_of(job->kind));
    TRY(prepare(r, job));
    TRY(study_job_command(&command, r->d, job, r->o->program));
    status code = (log = path_join(job->run, name)) ? STATUS_OK : no_memory();
    tell_time_left(r);
    tick(r);
    double start = now_seconds();
    int result = 0;
    const study_process process = {.arguments = command.arguments, .log = log, .stop = r->o->stop, .tick = tick, .context = r};
    if (code == STATUS_OK) code = study_process_run(&process, &result);
    bool stopped = (r->o->stop && *r->o->stop) || result == 3;
    if (code == STATUS_OK && result == 0)
        code = finish(r, job, now_seconds() - start);
    else if (code == STATUS_OK && stopped)
        code = status_set(STATUS_INTERRUPTED, "interrupted; the same command goes on where it was");
    else if (code == STATUS_OK)
        code = note_failure(r, job, log, result);
    study_command_free(&command);
    free(log);
    return code;
}

// ---- all of them ------------------------------------------------------------------------------------------------------------

// A run that failed begins anew or goes on, whichever it can.
static status retry_failed(runner *r) {
    for (size_t i = 0; i < r->jobs.count; i++) {
        study_job *job = &r->jobs.items[i];
        if (job->state != JOB_FAILED) continue;
        TRY(study_outcome_clear(job->run));
        job->state = run_folder_holds_run(job->folder) ? JOB_BEGUN : JOB_NEW;
    }
    return STATUS_OK;
}

static status run_jobs(runner *r) {
    for (r->current = 0; r->current < r->jobs.count; r->current++) {
        study_job *job = &r->jobs.items[r->current];
        if (job->state == JOB_DONE || job->state == JOB_FAILED) continue;
        if (r->o->stop && *r->o->stop)
            return status_set(STATUS_INTERRUPTED, "interrupted; the same command goes on where it was");
        TRY(run_job(r, job));
    }
    return STATUS_OK;
}

static status write_file(const runner *r, const char *name, const buffer *text) {
    char *path = study_file(r->d, name);
    status code = path ? file_replace(path, text->data, text->length) : no_memory();
    free(path);
    return code;
}

static status write_results(const runner *r, const study_collection *found) {
    study_table table;
    buffer json = {0}, csv = {0};
    status code = study_compare(&table, found, r->d);
    if (code == STATUS_INVALID) { // nothing to compare is no reason to fail: what happened to each run has been said
        say(r, "no comparison: %s", status_message());
        return STATUS_OK;
    }
    TRY(code);
    code = study_write_json(&json, &table);
    if (code == STATUS_OK) code = study_write_csv(&csv, &table);
    if (code == STATUS_OK) code = write_file(r, "compare.json", &json);
    if (code == STATUS_OK) code = write_file(r, "compare.csv", &csv);
    buffer_free(&json), buffer_free(&csv);
    study_table_free(&table);
    return code;
}

static status write_report(const runner *r) {
    char *path = study_file(r->d, "report.html");
    const char *folder = r->d->folder;
    report_summary summary;
    status code = path ? report_write(path, &folder, 1, REPORT_ROLLOUTS, &summary) : no_memory();
    if (code == STATUS_OK) say(r, "report: %s", path);
    free(path);
    return code;
}

static status conclude(const runner *r, study_result *result) {
    study_collection found;
    const char *folder = r->d->folder;
    TRY(study_collect(&found, &folder, 1));
    for (size_t i = 0; i < found.count; i++) {
        if (strcmp(found.runs[i].kind, "train")) continue;
        result->runs++;
        result->failed += found.runs[i].state == STUDY_FAILED;
        result->diverged += found.runs[i].state == STUDY_DIVERGED;
    }
    status code = write_results(r, &found);
    study_collection_free(&found);
    return code == STATUS_OK ? write_report(r) : code;
}

static status run_locked(runner *r, study_result *result) {
    TRY(study_jobs_list(&r->jobs, r->d)); // once more: now nobody else changes it
    TRY(declare(r));
    if (!(r->seconds = calloc(r->jobs.count + 1, sizeof *r->seconds))) return no_memory();
    if (r->o->retry) TRY(retry_failed(r));
    size_t done = 0;
    for (size_t i = 0; i < r->jobs.count; i++) done += r->jobs.items[i].state == JOB_DONE;
    say(r, "study folder: %s", r->d->folder);
    say(r, "%zu arms, %zu seeds: %zu commands, %zu of them done", r->d->arm_count, r->d->seed_count, r->jobs.count, done);
    TRY(run_jobs(r));
    return conclude(r, result);
}

status study_run_all(const study_definition *d, const study_options *o, study_result *result) {
    runner r = {.d = d, .o = o};
    double start = now_seconds();
    *result = (study_result){0};
    TRY(study_jobs_list(&r.jobs, d)); // what is wrong shows before there is a folder
    study_jobs_free(&r.jobs);
    TRY(folder_create(d->folder));
    run_lock lock;
    TRY(run_lock_take(&lock, d->folder));
    status code = run_locked(&r, result);
    run_lock_release(&lock);
    result->seconds = now_seconds() - start;
    study_jobs_free(&r.jobs);
    free(r.seconds);
    return code;
}

status study_tell_plan(const study_definition *d, run_line line, void *context) {
    static const char *const words[] = {[JOB_NEW] = "to do", [JOB_BEGUN] = "begun", [JOB_DONE] = "done", [JOB_FAILED] = "failed"};
    study_jobs jobs;
    TRY(study_jobs_list(&jobs, d));
    for (size_t i = 0; i < jobs.count; i++) {
        char text[512];
        snprintf(text, sizeof text, "%-6s %-5s %s (%s)", words[jobs.items[i].state], verb_of(jobs.items[i].kind),
                 jobs.items[i].name, jobs.items[i].folder);
        line(context, text);
    }
    study_jobs_free(&jobs);
    return STATUS_OK;
}
