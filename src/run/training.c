// A run of training: opening, the folder, going on after an interruption, the loop over steps. See training_parts.h.
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/file.h"
#include "base/machine.h"
#include "run/folder.h"
#include "run/lock.h"
#include "run/open_model.h"
#include "run/options.h"
#include "run/training_parts.h"

double training_clock(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

status training_say(const training *t, const char *format, ...) {
    if (!t->options->line) return STATUS_OK;
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    char *line = length < 0 ? NULL : malloc((size_t)length + 1);
    if (line) vsnprintf(line, (size_t)length + 1, format, again);
    va_end(arguments), va_end(again);
    if (!line) return status_set(STATUS_NO_MEMORY, "out of memory");
    t->options->line(t->options->line_context, line);
    free(line);
    return STATUS_OK;
}

status training_add(training *t, const char *name, double value) { return run_metrics_add(&t->metrics, name, value); }

static bool asked_to_stop(const training *t) { return t->options->stop && *t->options->stop; }

// ---- parts of a kind's opening and step ----------------------------------------------------------------------------------

status training_describe_model(training *t) {
    TRY(matmul_create(&t->products, options_precision(t->s), options_threads(t->s), false));
    return language_model_describe(&t->lm, t->products, t->s->model.path);
}

status training_read_model(training *t) {
    TRY(run_read_model(&t->products, &t->lm, t->s, true));
    t->lm.model.clock = &t->clock;
    if (matmul_is_fixed_order(t->products)) training_say(t, "note: products run on the %s", matmul_description(t->products));
    return STATUS_OK;
}

status training_open_optimizer(training *t) {
    const parameter_table *table = &t->lm.model.table;
    size_t bytes = table->total * sizeof(float);
    TRY(arena_create(&t->optimizer_memory, 3 * arena_size(bytes), "gradients and moments"));
    t->m = arena_take(&t->optimizer_memory, bytes);
    t->v = arena_take(&t->optimizer_memory, bytes);
    t->gradients = arena_take(&t->optimizer_memory, bytes);
    optimizer_segment *segments = calloc(table->count, sizeof *segments);
    if (!segments) return status_set(STATUS_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < table->count; i++)
        segments[i] = (optimizer_segment){
            .name = table->items[i].name, .offset = table->items[i].offset, .count = table->items[i].count, .decays = true};
    optimizer_options options = options_optimizer(t->s);
    status code = optimizer_create(&t->optimizer, &options, segments, table->count, t->m, t->v);
    free(segments);
    return code;
}

int64_t training_steps(const settings *s, size_t rows_of_an_epoch) {
    if (s->trainer.total_training_steps > 0) return s->trainer.total_training_steps;
    uint64_t steps = (uint64_t)rows_of_an_epoch * (uint64_t)s->trainer.total_epochs / (uint64_t)s->data.train_batch_size;
    return steps > 0 ? (int64_t)steps : 1;
}

double training_learning_rate(const training *t) {
    schedule_options schedule = options_schedule(t->s, t->total_steps);
    return schedule_learning_rate(&schedule, (uint64_t)t->state.step);
}

void training_clear_gradients(training *t) {
    kernel_mark(&t->clock);
    memset(t->gradients, 0, t->lm.model.table.total * sizeof *t->gradients);
    kernel_lap(&t->clock, KERNEL_OPTIMIZER);
}

status training_update(training *t, double learning_rate, optimizer_report *report) {
    kernel_lap(&t->clock, KERNEL_BOOKKEEPING);
    optimizer_update(&t->optimizer, learning_rate, t->lm.model.parameters, t->gradients, report);
    kernel_lap(&t->clock, KERNEL_OPTIMIZER);
    t->state.optimizer_step = t->optimizer.step;
    t->state.skipped += report->skipped;
    TRY(model_pack(&t->lm.model));
    kernel_lap(&t->clock, KERNEL_PACKING);
    return STATUS_OK;
}

status training_add_kernels(training *t, training_phase phase) {
    static const char *const names[][KERNEL_COUNT] = {
#define X(name, text) "timing_kernel_s/gen/" text,
        [TRAINING_GEN] = {KERNEL_TABLE(X)},
#undef X
#define X(name, text) "timing_kernel_s/ref/" text,
        [TRAINING_REF] = {KERNEL_TABLE(X)},
#undef X
#define X(name, text) "timing_kernel_s/probe/" text,
        [TRAINING_PROBE] = {KERNEL_TABLE(X)},
#undef X
#define X(name, text) "timing_kernel_s/update_actor/" text,
        [TRAINING_UPDATE] = {KERNEL_TABLE(X)},
#undef X
    };
    for (size_t k = 0; k < KERNEL_COUNT; k++) {
        if (t->clock.nanoseconds[k] == 0) continue;
        TRY(training_add(t, names[phase][k], 1e-9 * (double)t->clock.nanoseconds[k]));
        t->accounted += t->clock.nanoseconds[k];
    }
    t->clock = (kernel_clock){0};
    static const char *const shares[] = {[TRAINING_GEN] = "perf/padded_share/gen",
                                         [TRAINING_REF] = "perf/padded_share/ref",
                                         [TRAINING_PROBE] = "perf/padded_share/probe",
                                         [TRAINING_UPDATE] = "perf/padded_share/update_actor"};
    matmul_work now = matmul_totals(t->products);
    uint64_t done = now.done - t->work.done, needed = now.needed - t->work.needed;
    t->work = now;
    return done > 0 ? training_add(t, shares[phase], (double)(done - needed) / (double)done) : STATUS_OK;
}

// ---- the folder ----------------------------------------------------------------------------------------------------------

static status note_run(training *t) {
    char number[64], cpu[256];
    snprintf(number, sizeof number, "%d", options_threads(t->s));
    machine_cpu(cpu, sizeof cpu);
    TRY(record_set(t->record, "cpu", cpu));
    if (t->encoder_products) TRY(record_set(t->record, "encoder_products", matmul_description(t->encoder_products)));
    TRY(record_set(t->record, "kind", t->kind->command));
    TRY(record_set(t->record, "products", matmul_description(t->products)));
    TRY(record_set(t->record, "precision", precision_name(matmul_precision(t->products))));
    TRY(record_set(t->record, "threads", number));
    TRY(record_set(t->record, "model", t->s->model.path));
    TRY(record_set(t->record, "state", "begun"));
    return record_set(t->record, "method", t->kind->method ? t->kind->method : options_method(t->s));
}

static status fill_folder(training *t) {
    const char *folder = t->options->folder;
    char *config = run_folder_file(folder, "config.yaml"), *database = run_folder_file(folder, "run.db");
    buffer yaml = {0};
    status code = config && database ? settings_write_yaml(&yaml, t->s) : status_set(STATUS_NO_MEMORY, "out of memory");
    if (code == STATUS_OK) code = file_replace(config, yaml.data, yaml.length);
    if (code == STATUS_OK) code = record_create(&t->record, database);
    if (code == STATUS_OK) code = note_run(t);
    buffer_free(&yaml);
    free(config), free(database);
    return code;
}

// The folder of a new run, where there is room for its checkpoints.
static status make_folder(const training *t) {
    unsigned long long checkpoints =
        t->s->trainer.max_actor_ckpt_to_keep > 0 ? (unsigned long long)t->s->trainer.max_actor_ckpt_to_keep + 1 : 2;
    TRY(run_folder_check_space(t->options->folder, checkpoints * checkpoint_bytes(&t->lm.model)));
    return run_folder_create(t->options->folder);
}

// Settings and an empty record, in a folder that this process has locked. A failure takes away a folder that was made for them.
static status start_folder(training *t, bool made) {
    if (run_folder_holds_run(t->options->folder))
        return status_set(STATUS_INVALID, "%s: another process has just begun a run there", t->options->folder);
    status code = fill_folder(t);
    if (code == STATUS_OK || !made) return code;
    char message[2048];
    snprintf(message, sizeof message, "%s", status_message());
    record_close(t->record);
    t->record = NULL;
    folder_remove(t->options->folder);
    return status_set(code, "%s", message);
}

// Another instruction set, kernel or precision computes other bits: allowed, but not silently.
static status warn_of_other_products(training *t) {
    char *products = NULL, *precision = NULL;
    const char *now = matmul_description(t->products), *precise = precision_name(matmul_precision(t->products));
    status code = record_get(t->record, "products", &products);
    if (code == STATUS_OK) code = record_get(t->record, "precision", &precision);
    if (code == STATUS_OK && products && precision && (strcmp(products, now) != 0 || strcmp(precision, precise) != 0))
        code =
            training_say(t,
                         "warning: %s was computed so far by %s in %s, and goes on by %s in %s: its bits will not be those of an "
                         "undisturbed run",
                         t->options->folder, products, precision, now, precise);
    free(products), free(precision);
    return code;
}

// Goes back to the last complete checkpoint, or to the start where there is none.
static status continue_folder(training *t) {
    const char *folder = t->options->folder;
    int64_t step;
    TRY(run_folder_latest(folder, &step));
    char *database = run_folder_file(folder, "run.db");
    if (!database) return status_set(STATUS_NO_MEMORY, "out of memory");
    status code = file_exists(database) ? record_open(&t->record, database, true) : record_create(&t->record, database);
    free(database);
    TRY(code);
    if (step >= 0) TRY(checkpoint_load(folder, step, &t->lm, &t->state, t->m, t->v));
    t->optimizer.step = t->state.optimizer_step;
    time_t now = time(NULL);
    char when[64];
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", gmtime(&now));
    TRY(record_resume(t->record, step, when));
    TRY(record_metric_sum(t->record, "timing_s/step", &t->seconds));
    TRY(run_folder_clean(folder, step));
    TRY(warn_of_other_products(t));
    TRY(note_run(t));
    if (step < 0) return training_say(t, "%s has no checkpoint yet: starting over", folder);
    return training_say(t, "continuing %s after step %lld", folder, (long long)step);
}

static status check_saved_settings(training *t) {
    char *path = run_folder_file(t->options->folder, "config.yaml");
    if (!path) return status_set(STATUS_NO_MEMORY, "out of memory");
    settings saved;
    status code = settings_load(&saved, path, NULL, 0);
    free(path);
    TRY(code);
    code = settings_check_resume(&saved, t->s, t->options->allow_change);
    settings_free(&saved);
    return code;
}

// A run goes on as what it was begun. The record is opened for writing, because only such a connection takes its journal along
// when it closes.
static status check_command(const training *t) {
    char *path = run_folder_file(t->options->folder, "run.db"), *kind = NULL;
    if (!path) return status_set(STATUS_NO_MEMORY, "out of memory");
    record *r = NULL;
    status code = STATUS_OK;
    if (file_exists(path)) {
        code = record_open(&r, path, true);
        if (code == STATUS_OK) code = record_get(r, "kind", &kind);
        if (code == STATUS_OK && kind && strcmp(kind, t->kind->command) != 0)
            code = status_set(STATUS_INVALID, "%s was begun by dsdr %s; continue it with that command", t->options->folder, kind);
    }
    record_close(r);
    free(kind), free(path);
    return code;
}

// ---- a step --------------------------------------------------------------------------------------------------------------

static status record_step(training *t) {
    TRY(record_begin_step(t->record, t->state.step));
    status code = STATUS_OK;
    for (size_t i = 0; i < t->metrics.count && code == STATUS_OK; i++)
        code = record_metric(t->record, t->metrics.items[i].name, t->metrics.items[i].value);
    if (code == STATUS_OK) code = t->kind->record(t);
    if (code == STATUS_OK) return record_commit_step(t->record);
    record_abandon_step(t->record);
    return code;
}

static status add_performance(training *t, double seconds) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    TRY(training_add(t, "perf/time_per_step", seconds));
    TRY(training_add(t, "perf/time_accounted_share", 1e-9 * (double)t->accounted / seconds));
    TRY(training_add(t, "perf/throughput", run_metrics_get(&t->metrics, "perf/total_num_tokens") / seconds));
    TRY(training_add(t, "perf/cpu_memory_used_gb", (double)usage.ru_maxrss / 1048576.0));
    return training_add(t, "timing_s/step", seconds);
}

static status train_step(training *t) {
    double start = training_clock();
    run_metrics_clear(&t->metrics);
    t->clock = (kernel_clock){0}, t->work = matmul_totals(t->products), t->accounted = 0;
    TRY(t->kind->step(t));
    t->state.step++;
    TRY(training_add(t, "training/global_step", (double)t->state.step));
    const double seconds = training_clock() - start;
    t->seconds += seconds;
    TRY(add_performance(t, seconds));
    TRY(record_step(t));
    return run_logger_step(t->logger, t->state.step, t->total_steps, &t->metrics);
}

// ---- evaluating and saving -----------------------------------------------------------------------------------------------

// STATUS_INTERRUPTED when it was asked to stop; then nothing of this evaluation is recorded.
static status validate(training *t, double *value) {
    *value = NAN;
    if (!t->evaluates) return STATUS_OK;
    TRY(record_begin_step(t->record, t->state.step));
    status code = t->kind->evaluate(t, value);
    if (code == STATUS_OK) code = record_commit_step(t->record);
    if (code != STATUS_OK) record_abandon_step(t->record);
    return code;
}

static status save(training *t) {
    progress_report(&t->options->progress, "save", (double)t->state.step, (double)t->total_steps, NULL, NULL);
    return checkpoint_save(t->options->folder, &t->lm, &t->state, t->m, t->v, (size_t)t->s->trainer.max_actor_ckpt_to_keep);
}

static bool every(long long frequency, int64_t step) { return frequency > 0 && step % frequency == 0; }

// The evaluation that belongs to the present step and was not made: before the first step, or when a run was interrupted in
// it. So that an interrupted run has every evaluation that an undisturbed one has.
static status catch_up(training *t, training_result *result) {
    const settings *s = t->s;
    bool first = t->state.step == 0, done,
         wanted = first ? s->trainer.val_before_train : every(s->trainer.test_freq, t->state.step);
    if (!wanted && t->state.step < t->total_steps) return STATUS_OK;
    TRY(record_has_evaluation(t->record, t->state.step, &done));
    return done ? STATUS_OK : validate(t, first ? &result->before : &result->after);
}

static status interrupted(const training *t) {
    if (t->state.step == 0) return status_set(STATUS_INTERRUPTED, "interrupted before the first step; start with --resume");
    return status_set(STATUS_INTERRUPTED, "interrupted; saved step %lld, continue with --resume", (long long)t->state.step);
}

static bool is_finished(const training *t) {
    const double limit = t->s->trainer.max_seconds;
    return t->state.step >= t->total_steps || (limit > 0 && t->seconds >= limit);
}

static status train(training *t, training_result *result) {
    const settings *s = t->s;
    double start = training_clock();
    status code = catch_up(t, result);
    if (code == STATUS_INTERRUPTED) return interrupted(t);
    TRY(code);
    bool finished = is_finished(t);
    while (!finished) {
        TRY(train_step(t));
        bool stop = asked_to_stop(t);
        finished = is_finished(t);
        if (!stop && (every(s->trainer.test_freq, t->state.step) || finished)) {
            code = validate(t, &result->after);
            if (code == STATUS_INTERRUPTED) stop = true;
            if (!stop) TRY(code);
        }
        if (every(s->trainer.save_freq, t->state.step) || finished || stop) TRY(save(t));
        result->steps = t->state.step;
        if (stop && (!finished || t->evaluates)) return interrupted(t);
    }
    result->steps = t->state.step;
    result->seconds = training_clock() - start;
    return STATUS_OK;
}

// ---- a run ---------------------------------------------------------------------------------------------------------------

static void introduce(training *t) {
    const int threads = options_threads(t->s);
    training_say(t, "run folder: %s", t->options->folder);
    training_say(t, "model: %s, %.1fM parameters, %s, %s, %d thread%s", t->s->model.path,
                 (double)parameter_table_numbers(&t->lm.model.table) / 1e6, precision_name(matmul_precision(t->products)),
                 matmul_description(t->products), threads, threads == 1 ? "" : "s");
    t->kind->introduce(t);
}

static status run(training *t, bool resume, training_result *result) {
    TRY(t->kind->open(t));
    bool made = !folder_exists(t->options->folder);
    if (!resume) TRY(make_folder(t));
    run_lock lock;
    TRY(run_lock_take(&lock, t->options->folder));
    status code = resume ? continue_folder(t) : start_folder(t, made);
    if (code == STATUS_OK) introduce(t);
    if (code == STATUS_OK)
        code = run_logger_open(&t->logger, &t->s->trainer.logger, t->options->folder, t->state.step, t->options->line,
                               t->options->line_context);
    result->total_steps = t->total_steps, result->steps = t->state.step;
    if (code == STATUS_OK) code = train(t, result);
    if (code == STATUS_OK) code = record_set(t->record, "state", "finished");
    run_lock_release(&lock);
    if (code == STATUS_OK) training_say(t, "run folder: %s", t->options->folder);
    return code;
}

static void close_training(training *t) {
    run_logger_close(t->logger);
    run_metrics_free(&t->metrics);
    record_close(t->record);
    optimizer_free(&t->optimizer);
    arena_free(&t->optimizer_memory);
    t->kind->close(t);
    language_model_close(&t->lm);
    matmul_free(t->products);
}

status training_run(training *t, training_result *result) {
    const training_options *options = t->options;
    *result = (training_result){.before = NAN, .after = NAN};
    bool held = run_folder_holds_run(options->folder),
         resume = held && (options->resume || t->s->trainer.resume_mode == SETTING_RESUME_AUTO);
    if (held && !resume)
        return status_set(STATUS_INVALID,
                          "%s already holds a run; give --resume to continue it, or another trainer.default_local_dir",
                          options->folder);
    if (options->resume && !held) return status_set(STATUS_INVALID, "%s holds no run to continue", options->folder);
    TRY(t->kind->check(t->s));
    status code = STATUS_OK;
    if (resume) {
        run_lock lock; // a live run is reported before anything is loaded
        code = run_lock_take(&lock, options->folder);
        run_lock_release(&lock);
        if (code == STATUS_OK) code = check_command(t);
        if (code == STATUS_OK) code = check_saved_settings(t);
    }
    if (code == STATUS_OK) code = run(t, resume, result);
    close_training(t);
    return code;
}
