// Training: a run from its settings to its last checkpoint. Reads as docs/tour.md walks through it: collect groups, learn from
// them, record, now and then evaluate and save. See trainer.h.
#include "run/trainer.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/file.h"
#include "run/folder.h"
#include "run/lock.h"
#include "run/open_model.h"
#include "run/options.h"
#include "run/task_defaults.h"
#include "run/trainer_parts.h"

double trainer_clock(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

status trainer_say(const trainer *t, const char *format, ...) {
    if (!t->options->line) return STATUS_OK;
    char line[4096];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    t->options->line(t->options->line_context, line);
    return STATUS_OK;
}

static bool asked_to_stop(const trainer *t) { return t->options->stop && *t->options->stop; }

static status add(trainer *t, const char *name, double value) { return run_metrics_add(&t->metrics, name, value); }

status trainer_add_kernels(trainer *t, trainer_phase phase) {
    static const char *const names[][KERNEL_COUNT] = {
#define X(name, text) "timing_kernel_s/gen/" text,
        [PHASE_GEN] = {KERNEL_TABLE(X)},
#undef X
#define X(name, text) "timing_kernel_s/ref/" text,
        [PHASE_REF] = {KERNEL_TABLE(X)},
#undef X
#define X(name, text) "timing_kernel_s/probe/" text,
        [PHASE_PROBE] = {KERNEL_TABLE(X)},
#undef X
#define X(name, text) "timing_kernel_s/update_actor/" text,
        [PHASE_UPDATE] = {KERNEL_TABLE(X)},
#undef X
    };
    for (size_t k = 0; k < KERNEL_COUNT; k++) {
        if (t->clock.nanoseconds[k] == 0) continue;
        TRY(add(t, names[phase][k], 1e-9 * (double)t->clock.nanoseconds[k]));
        t->accounted += t->clock.nanoseconds[k];
    }
    t->clock = (kernel_clock){0};
    return STATUS_OK;
}

// ---- opening -------------------------------------------------------------------------------------------------------------

static status open_model(trainer *t) {
    const settings *s = t->s;
    TRY(run_open_model(&t->products, &t->lm, s, s->model.path, true));
    t->lm.model.clock = &t->clock;
    if (matmul_is_fixed_order(t->products))
        trainer_say(t, "note: oneDNN's products depend on the batch here; using the fixed-order kernel, which is slower");
    if (s->actor.use_kl_loss && s->actor.kl_loss_coef != 0) {
        TRY(language_model_open(&t->reference, t->products, s->model.path, false));
        t->reference.model.clock = &t->clock;
        t->has_reference = true;
    }
    return STATUS_OK;
}

// Tokenizes all prompts, so that one that cannot be used shows before anything is written; what is left out for its length is
// no part of an epoch.
static status open_prompts(trainer *t) {
    TRY(prompt_set_create(&t->prompts, &t->lm, t->s, &t->train));
    if (t->validation.count > 0) TRY(prompt_set_create(&t->validation_prompts, &t->lm, t->s, &t->validation));
    t->kept = calloc(t->train.count, sizeof *t->kept);
    t->order = calloc(t->train.count, sizeof *t->order);
    if (!t->kept || !t->order) return status_set(STATUS_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < t->train.count; i++)
        if (t->prompts.tokens[i].count > 0) t->kept[t->kept_count++] = (uint32_t)i;
    t->think_open = t->prompts.think_open[t->kept[0]];
    if (t->prompts.left_out)
        trainer_say(t, "note: %zu problems left out: their prompts are longer than data.max_prompt_length", t->prompts.left_out);
    if (t->prompts.cut) trainer_say(t, "note: %zu prompts cut to data.max_prompt_length", t->prompts.cut);
    return STATUS_OK;
}

static status check_golds(const trainer *t) {
    size_t bad = 0;
    for (size_t i = 0; i < t->train.count; i++) {
        const problem *p = &t->train.problems[i];
        if (verify_gold(p->answer, strlen(p->answer)) == STATUS_OK) continue;
        if (bad++ < 5)
            trainer_say(t, "note: the answer of problem %s cannot be compared by value, only as text: %.80s (%s)", p->id,
                        p->answer, status_message());
    }
    if (bad > 5) trainer_say(t, "note: and %zu more such answers", bad - 5);
    return STATUS_OK;
}

static status open_problems(trainer *t) {
    const settings *s = t->s;
    problem_options keys = options_problems(s);
    TRY(problem_set_open(&t->train, (const char *const *)s->data.train_files.items, s->data.train_files.count, &keys));
    if (s->data.val_files.count == 0) return STATUS_OK;
    return problem_set_open(&t->validation, (const char *const *)s->data.val_files.items, s->data.val_files.count, &keys);
}

static status open_data(trainer *t) {
    const settings *s = t->s;
    TRY(open_prompts(t));
    uint64_t steps = (uint64_t)t->kept_count * (uint64_t)s->trainer.total_epochs / (uint64_t)s->data.train_batch_size;
    t->total_steps = s->trainer.total_training_steps > 0 ? s->trainer.total_training_steps : steps > 0 ? (int64_t)steps : 1;
    return check_golds(t);
}

static status open_optimizer(trainer *t) {
    const parameter_table *table = &t->lm.model.table;
    size_t bytes = table->total * sizeof(float);
    TRY(arena_create(&t->moments_memory, 2 * arena_size(bytes), "the optimizer's moments"));
    TRY(arena_create(&t->gradient_memory, arena_size(bytes), "the gradients"));
    t->m = arena_take(&t->moments_memory, bytes);
    t->v = arena_take(&t->moments_memory, bytes);
    t->gradients = arena_take(&t->gradient_memory, bytes);
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

enum { DECODE_ROWS = 128 };

static status open_memory(trainer *t) {
    const settings *s = t->s;
    size_t rollouts = (size_t)(s->data.train_batch_size * s->rollout.n), longest_prompt = t->prompts.longest;
    size_t held_out = t->validation_prompts.longest;
    generator_options generation = {.rows = rollouts < DECODE_ROWS ? rollouts : DECODE_ROWS,
                                    .longest_prompt = held_out > longest_prompt ? held_out : longest_prompt,
                                    .longest_response = (size_t)s->data.max_response_length};
    TRY(generator_create(&t->generator, &t->lm.model, t->lm.tokenizer, &generation));
    packed_options packed = {.leaf_rows = (size_t)s->trainer.leaf_rows,
                             .leaves_in_memory = 1,
                             .longest_prompt = longest_prompt,
                             .longest_response = (size_t)s->data.max_response_length,
                             .largest_group = (size_t)s->rollout.n,
                             .backward = true};
    if (s->actor.ppo_micro_batch_size > 0) // responses in memory at once, in whole leaves
        packed.leaves_in_memory =
            1 + (size_t)(s->actor.ppo_micro_batch_size - 1) * (size_t)s->data.max_response_length / packed.leaf_rows;
    TRY(packed_create(&t->pass, &t->lm.model, &packed));
    TRY(open_optimizer(t));
    t->with_diversity = options_need_diversity(s);
    TRY(scorer_open(&t->scorer, s, options_threads(s), t->with_diversity, t->options->helper));
    return step_batch_create(&t->batch, t);
}

static status note_run(trainer *t) {
    char number[64];
    snprintf(number, sizeof number, "%d", options_threads(t->s));
    TRY(record_set(t->record, "products", matmul_description(t->products)));
    TRY(record_set(t->record, "precision", precision_name(matmul_precision(t->products))));
    TRY(record_set(t->record, "threads", number));
    TRY(record_set(t->record, "model", t->s->model.path));
    return record_set(t->record, "method", options_method(t->s));
}

static status fill_folder(trainer *t) {
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
static status make_folder(const trainer *t) {
    unsigned long long checkpoints =
        t->s->trainer.max_actor_ckpt_to_keep > 0 ? (unsigned long long)t->s->trainer.max_actor_ckpt_to_keep + 1 : 2;
    TRY(run_folder_check_space(t->options->folder, checkpoints * checkpoint_bytes(&t->lm.model)));
    return run_folder_create(t->options->folder);
}

// Settings and an empty record, in a folder that this process has locked. A failure takes away a folder that was made for them.
static status start_folder(trainer *t, bool made) {
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

// Goes back to the last complete checkpoint, or to the start where there is none.
static status continue_folder(trainer *t) {
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
    TRY(run_folder_clean(folder, step));
    TRY(note_run(t));
    if (step < 0) return trainer_say(t, "%s has no checkpoint yet: starting over", folder);
    return trainer_say(t, "continuing %s after step %lld", folder, (long long)step);
}

static status check_saved_settings(trainer *t) {
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

// ---- a step --------------------------------------------------------------------------------------------------------------

// If nearly no response of the first step has an answer, the settings are wrong more often than the model is.
static void warn_about_missing_answers(const trainer *t) {
    const step_batch *b = &t->batch;
    size_t missing = 0;
    for (size_t i = 0; i < batch_rollouts(b); i++) missing += b->verdicts[i].status == VERDICT_NO_ANSWER;
    if ((double)missing <= 0.9 * (double)batch_rollouts(b)) return;
    trainer_say(
        t, "warning: %zu of %zu responses of the first step hold no answer (reward_model.profile = %s). One of them ended by %s:",
        missing, batch_rollouts(b),
        t->s->reward.profile == SETTING_PROFILE_STRICT  ? "strict"
        : t->s->reward.profile == SETTING_PROFILE_GSM8K ? "gsm8k"
                                                        : "lenient",
        b->set.groups[0].rollouts[0].finish == FINISH_LENGTH ? "the length limit" : "an end token or stop text");
    trainer_say(t, "    %.600s", b->set.groups[0].rollouts[0].text);
    trainer_say(t, "    look at data.prompt_template, data.instruction, data.max_response_length, "
                   "actor_rollout_ref.rollout.stop, reward_model.profile");
}

static status record_rollouts(trainer *t) {
    const step_batch *b = &t->batch;
    for (size_t g = 0; g < b->count; g++)
        for (size_t r = 0; r < b->size; r++) {
            size_t i = g * b->size + r;
            record_rollout_row row = {.problem_id = b->set.groups[g].problem->id,
                                      .serial = b->set.groups[g].serial,
                                      .sample = r,
                                      .rollout = &b->set.groups[g].rollouts[r],
                                      .verdict = &b->verdicts[i],
                                      .diversity = t->with_diversity ? &b->scores[i] : NULL,
                                      .credit = &b->credits[i]};
            TRY(record_rollout(t->record, &row));
            const formula_set *set = &b->formulas[i];
            if (!t->with_diversity || set->count == 0) continue;
            const char **formulas = malloc(set->count * sizeof *formulas);
            if (!formulas) return status_set(STATUS_NO_MEMORY, "out of memory");
            for (size_t k = 0; k < set->count; k++) formulas[k] = formula_text(set, k);
            status code = record_formulas(t->record, formulas, set->count);
            free(formulas);
            TRY(code);
        }
    return STATUS_OK;
}

static status record_step(trainer *t) {
    TRY(record_begin_step(t->record, t->state.step));
    status code = STATUS_OK;
    for (size_t i = 0; i < t->metrics.count && code == STATUS_OK; i++)
        code = record_metric(t->record, t->metrics.items[i].name, t->metrics.items[i].value);
    if (code == STATUS_OK) code = record_rollouts(t);
    if (code == STATUS_OK) return record_commit_step(t->record);
    record_abandon_step(t->record);
    return code;
}

static status add_performance(trainer *t, double seconds) {
    const step_batch *b = &t->batch;
    size_t tokens = 0;
    for (size_t g = 0; g < b->count; g++) {
        tokens += b->set.groups[g].prompt_length;
        for (size_t r = 0; r < b->size; r++) tokens += b->set.groups[g].rollouts[r].length;
    }
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    TRY(add(t, "perf/total_num_tokens", (double)tokens));
    TRY(add(t, "perf/time_per_step", seconds));
    TRY(add(t, "perf/time_accounted_share", 1e-9 * (double)t->accounted / seconds));
    TRY(add(t, "perf/throughput", (double)tokens / seconds));
    TRY(add(t, "perf/cpu_memory_used_gb", (double)usage.ru_maxrss / 1048576.0));
    return add(t, "timing_s/step", seconds);
}

static status train_step(trainer *t) {
    double start = trainer_clock();
    run_metrics_clear(&t->metrics);
    t->clock = (kernel_clock){0};
    t->accounted = 0;
    TRY(trainer_collect(t));
    if (t->state.step == 0) warn_about_missing_answers(t);
    TRY(trainer_update(t));
    t->state.step++;
    TRY(add(t, "training/global_step", (double)t->state.step));
    TRY(add(t, "training/epoch", (double)(t->state.position / t->kept_count)));
    TRY(add_performance(t, trainer_clock() - start));
    TRY(record_step(t));
    return run_logger_step(t->logger, t->state.step, t->total_steps, &t->metrics);
}

// ---- evaluating and saving -----------------------------------------------------------------------------------------------

// STATUS_INTERRUPTED when it was asked to stop; then nothing of this evaluation is recorded.
static status validate(trainer *t, double *accuracy) {
    *accuracy = NAN;
    if (t->validation.count == 0) return STATUS_OK;
    TRY(record_begin_step(t->record, t->state.step));
    status code = trainer_evaluate(t, accuracy);
    if (code == STATUS_OK) code = record_commit_step(t->record);
    if (code != STATUS_OK) record_abandon_step(t->record);
    return code;
}

static status save(trainer *t) {
    progress_report(&t->options->progress, "save", (double)t->state.step, (double)t->total_steps, NULL, NULL);
    return checkpoint_save(t->options->folder, &t->lm, &t->state, t->m, t->v, (size_t)t->s->trainer.max_actor_ckpt_to_keep);
}

static bool every(long long frequency, int64_t step) { return frequency > 0 && step % frequency == 0; }

// The evaluation that belongs to the present step and was not made: before the first step, or when a run was interrupted in
// it. So that an interrupted run has every evaluation that an undisturbed one has.
static status catch_up(trainer *t, trainer_result *result) {
    const settings *s = t->s;
    bool first = t->state.step == 0, done,
         wanted = first ? s->trainer.val_before_train : every(s->trainer.test_freq, t->state.step);
    if (!wanted && t->state.step < t->total_steps) return STATUS_OK;
    TRY(record_has_evaluation(t->record, t->state.step, &done));
    return done ? STATUS_OK : validate(t, first ? &result->accuracy_before : &result->accuracy_after);
}

static status interrupted(const trainer *t) {
    if (t->state.step == 0) return status_set(STATUS_INTERRUPTED, "interrupted before the first step; start with --resume");
    return status_set(STATUS_INTERRUPTED, "interrupted; saved step %lld, continue with --resume", (long long)t->state.step);
}

static status train(trainer *t, trainer_result *result) {
    const settings *s = t->s;
    double start = trainer_clock();
    status code = catch_up(t, result);
    if (code == STATUS_INTERRUPTED) return interrupted(t);
    TRY(code);
    double training_start = trainer_clock();
    bool finished = t->state.step >= t->total_steps;
    while (!finished) {
        TRY(train_step(t));
        bool out_of_time = s->trainer.max_seconds > 0 && trainer_clock() - training_start >= s->trainer.max_seconds;
        bool stop = asked_to_stop(t);
        finished = out_of_time || t->state.step >= t->total_steps;
        if (!stop && (every(s->trainer.test_freq, t->state.step) || finished)) {
            code = validate(t, &result->accuracy_after);
            if (code == STATUS_INTERRUPTED) stop = true;
            if (!stop) TRY(code);
        }
        if (every(s->trainer.save_freq, t->state.step) || finished || stop) TRY(save(t));
        result->steps = t->state.step;
        if (stop && (!finished || t->validation.count > 0)) return interrupted(t);
    }
    result->steps = t->state.step;
    result->seconds = trainer_clock() - start;
    return STATUS_OK;
}

// ---- a run ---------------------------------------------------------------------------------------------------------------

static void introduce(trainer *t) {
    const settings *s = t->s;
    buffer rendered = {0};
    token_list tokens = {0};
    prompt_options options = {.prompt_template = s->data.prompt_template, .instruction = s->data.instruction};
    trainer_say(t, "run folder: %s", t->options->folder);
    trainer_say(t, "model: %s, %.1fM parameters, %s, %s, %d thread%s", s->model.path,
                (double)parameter_table_numbers(&t->lm.model.table) / 1e6, precision_name(matmul_precision(t->products)),
                matmul_description(t->products), options_threads(s), options_threads(s) == 1 ? "" : "s");
    trainer_say(t, "problems: %zu to train on, %zu held out; %lld steps of %lld prompts x %lld rollouts", t->kept_count,
                t->validation.count, (long long)t->total_steps, s->data.train_batch_size, s->rollout.n);
    if (language_model_prompt(&t->lm, &options, t->train.problems[t->kept[0]].text, &tokens, &rendered, NULL) == STATUS_OK) {
        trainer_say(t, "the first prompt, %zu tokens, as the model sees it:", tokens.count);
        trainer_say(t, "---\n%s\n---", buffer_text(&rendered));
        trainer_say(t, "its answer: %s", t->train.problems[t->kept[0]].answer);
    }
    buffer_free(&rendered);
    token_list_free(&tokens);
}

static void close_trainer(trainer *t) {
    run_logger_close(t->logger);
    run_metrics_free(&t->metrics);
    record_close(t->record);
    step_batch_free(&t->batch);
    scorer_close(&t->scorer);
    optimizer_free(&t->optimizer);
    arena_free(&t->moments_memory), arena_free(&t->gradient_memory);
    packed_free(&t->pass);
    generator_free(t->generator);
    prompt_set_free(&t->prompts), prompt_set_free(&t->validation_prompts);
    free(t->kept), free(t->order);
    problem_set_free(&t->train), problem_set_free(&t->validation);
    language_model_close(&t->reference), language_model_close(&t->lm);
    matmul_free(t->products);
}

static status run(trainer *t, bool resume, trainer_result *result) {
    TRY(open_problems(t));
    if (options_need_diversity(t->s)) TRY(scorer_check_encoder(t->s));
    TRY(open_model(t));
    TRY(open_data(t));
    TRY(open_memory(t));
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
    run_lock_release(&lock);
    if (code == STATUS_OK) trainer_say(t, "run folder: %s", t->options->folder);
    return code;
}

status trainer_run(settings *s, const trainer_options *options, trainer_result *result) {
    *result = (trainer_result){.accuracy_before = NAN, .accuracy_after = NAN};
    bool held = run_folder_holds_run(options->folder),
         resume = held && (options->resume || s->trainer.resume_mode == SETTING_RESUME_AUTO);
    if (held && !resume)
        return status_set(STATUS_INVALID,
                          "%s already holds a run; give --resume to continue it, or another trainer.default_local_dir",
                          options->folder);
    if (options->resume && !held) return status_set(STATUS_INVALID, "%s holds no run to continue", options->folder);
    TRY(settings_adopt_task(s, (const char *const *)s->data.train_files.items, s->data.train_files.count, "data.train_files"));
    TRY(settings_check_training(s));
    trainer t = {.s = s, .options = options};
    status code = STATUS_OK;
    if (resume) {
        run_lock lock; // a live run is reported before anything is loaded
        code = run_lock_take(&lock, options->folder);
        run_lock_release(&lock);
        if (code == STATUS_OK) code = check_saved_settings(&t);
    }
    if (code == STATUS_OK) code = run(&t, resume, result);
    close_trainer(&t);
    return code;
}
