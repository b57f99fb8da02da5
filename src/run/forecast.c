// The plan of a run: opening what it reads, counting its memory, timing parts of a step. See forecast.h.
#include "run/forecast.h"

#include "base/machine.h"
#include "run/options.h"
#include "run/prompts.h"
#include "run/rehearsal.h"
#include "run/scoring.h"
#include "run/task_defaults.h"
#include "run/training_parts.h"

// ---- other settings ------------------------------------------------------------------------------------------------------

static status add_change(forecast *f, const plan_subject *subject, const settings *changed, const char *name) {
    plan_subject other = *subject;
    memory_plan plan;
    other.settings = changed;
    TRY(memory_plan_make(&plan, &other));
    plan.process = f->memory.process;
    f->changes[f->change_count++] = (forecast_change){.setting = name, .peak = memory_plan_peak(&plan)};
    return STATUS_OK;
}

static status add_changes(forecast *f, const plan_subject *subject) {
    const settings *s = subject->settings;
    settings changed = *s;
    changed.model.enable_gradient_checkpointing = !s->model.enable_gradient_checkpointing;
    TRY(add_change(f, subject, &changed,
                   s->model.enable_gradient_checkpointing ? "actor_rollout_ref.model.enable_gradient_checkpointing=false"
                                                          : "actor_rollout_ref.model.enable_gradient_checkpointing=true"));
    changed = *s;
    changed.actor.use_kl_loss = !options_need_reference(s);
    if (changed.actor.use_kl_loss && changed.actor.kl_loss_coef == 0) changed.actor.kl_loss_coef = 0.001;
    return add_change(f, subject, &changed,
                      changed.actor.use_kl_loss ? "actor_rollout_ref.actor.use_kl_loss=true"
                                                : "actor_rollout_ref.actor.use_kl_loss=false");
}

// ---- opening -------------------------------------------------------------------------------------------------------------

typedef struct opened {
    training run; // model and optimizer
    problem_set train, held_out;
    prompt_set prompts, held_out_prompts;
} opened;

static void close_all(opened *o) {
    prompt_set_free(&o->prompts), prompt_set_free(&o->held_out_prompts);
    optimizer_free(&o->run.optimizer);
    arena_free(&o->run.optimizer_memory);
    language_model_close(&o->run.lm);
    matmul_free(o->run.products);
    problem_set_free(&o->train), problem_set_free(&o->held_out);
}

static status open_all(opened *o, settings *s) {
    TRY(settings_adopt_task(s, (const char *const *)s->data.train_files.items, s->data.train_files.count, "data.train_files"));
    TRY(settings_check_training(s));
    problem_options keys = options_problems(s);
    TRY(problem_set_open(&o->train, (const char *const *)s->data.train_files.items, s->data.train_files.count, &keys));
    if (s->data.val_files.count > 0)
        TRY(problem_set_open(&o->held_out, (const char *const *)s->data.val_files.items, s->data.val_files.count, &keys));
    if (options_need_diversity(s)) TRY(scorer_check_encoder(s));
    TRY(training_describe_model(&o->run));
    TRY(prompt_set_create(&o->prompts, &o->run.lm, s, &o->train));
    return o->held_out.count > 0 ? prompt_set_create(&o->held_out_prompts, &o->run.lm, s, &o->held_out) : STATUS_OK;
}

static status fill(forecast *f, const opened *o, const settings *s) {
    const plan_subject subject = {.settings = s,
                                  .lm = &o->run.lm,
                                  .longest_prompt = o->prompts.longest,
                                  .longest_held_out = o->held_out_prompts.longest,
                                  .held_out = o->held_out.count};
    size_t tokens = 0;
    f->problems = o->prompts.count - o->prompts.left_out;
    for (size_t i = 0; i < o->prompts.count; i++) tokens += o->prompts.tokens[i].count;
    f->mean_prompt = (double)tokens / (double)f->problems;
    f->parameters = parameter_table_numbers(&o->run.lm.model.table);
    f->steps = training_steps(s, f->problems);
    f->prompts = (size_t)s->data.train_batch_size, f->rollouts = f->prompts * (size_t)s->rollout.n;
    f->longest_prompt = o->prompts.longest, f->longest_response = (size_t)s->data.max_response_length;
    f->threads = options_threads(s), f->precision = matmul_precision(o->run.products);
    f->machine = machine_memory();
    TRY(memory_plan_make(&f->memory, &subject));
    TRY(memory_plan_check(&f->memory, &subject));
    return add_changes(f, &subject);
}

static status measure(forecast *f, opened *o, const forecast_options *options) {
    const settings *s = o->run.s;
    const rehearsal_subject subject = {.run = &o->run,
                                       .problems = &o->train,
                                       .prompts = &o->prompts,
                                       .memory = &f->memory,
                                       .response_length =
                                           options->response_length > 0 ? (size_t)options->response_length : f->longest_response};
    step_costs costs;
    TRY(rehearse_step(&costs, &subject));
    TRY(time_plan_make(&f->time, s, f->memory.sampling.rows, subject.response_length, &costs));
    f->timed = true;
    return STATUS_OK;
}

status forecast_make(forecast *f, settings *s, const forecast_options *options) {
    const training_options shown = {.progress = options->progress};
    opened o = {.run = {.s = s, .options = &shown}};
    *f = (forecast){0};
    status code = open_all(&o, s);
    if (code == STATUS_OK && options->response_length > s->data.max_response_length)
        code = status_set(STATUS_INVALID, "responses of %lld tokens on average, and data.max_response_length is %lld",
                          options->response_length, s->data.max_response_length);
    if (code == STATUS_OK) code = fill(f, &o, s);
    if (code == STATUS_OK && options->timing) code = measure(f, &o, options);
    close_all(&o);
    return code;
}
