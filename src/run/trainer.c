// Training by reinforcement learning: what is opened, and a step as docs/tour.md walks through it: collect groups, learn from
// them, record. The run around it (folder, record, checkpoints, going on, the loop) is run/training.c. See trainer.h.
#include "run/trainer.h"

#include <stdlib.h>
#include <string.h>

#include "run/options.h"
#include "run/task_defaults.h"
#include "run/trainer_parts.h"

// ---- opening -------------------------------------------------------------------------------------------------------------

static status plan_memory(trainer *t) {
    const plan_subject subject = {.settings = t->run.s,
                                  .lm = &t->run.lm,
                                  .longest_prompt = t->prompts.longest,
                                  .longest_held_out = t->validation_prompts.longest,
                                  .held_out = t->validation.count};
    TRY(memory_plan_make(&t->plan, &subject));
    return memory_plan_check(&t->plan, &subject);
}

static status read_models(trainer *t) {
    const settings *s = t->run.s;
    TRY(training_read_model(&t->run));
    if (!options_need_reference(s)) return STATUS_OK;
    TRY(model_load(&t->reference, t->run.products, s->model.path, false));
    t->reference.clock = &t->run.clock;
    t->has_reference = true;
    return STATUS_OK;
}

// Tokenizes all prompts, so that one that cannot be used shows before anything is written; what is left out for its length is
// no part of an epoch.
static status open_prompts(trainer *t) {
    TRY(prompt_set_create(&t->prompts, &t->run.lm, t->run.s, &t->train));
    if (t->validation.count > 0) TRY(prompt_set_create(&t->validation_prompts, &t->run.lm, t->run.s, &t->validation));
    TRY(prompt_order_create(&t->order, &t->prompts));
    t->think_open = t->prompts.think_open[t->order.kept[0]];
    if (t->prompts.left_out)
        training_say(&t->run, "note: %zu problems left out: their prompts are longer than data.max_prompt_length",
                     t->prompts.left_out);
    if (t->prompts.cut) training_say(&t->run, "note: %zu prompts cut to data.max_prompt_length", t->prompts.cut);
    return STATUS_OK;
}

static status check_golds(const trainer *t) {
    size_t bad = 0;
    for (size_t i = 0; i < t->train.count; i++) {
        const problem *p = &t->train.problems[i];
        if (verify_gold(p->answer, strlen(p->answer)) == STATUS_OK) continue;
        if (bad++ < 5)
            training_say(&t->run, "note: the answer of problem %s cannot be compared by value, only as text: %.80s (%s)", p->id,
                         p->answer, status_message());
    }
    if (bad > 5) training_say(&t->run, "note: and %zu more such answers", bad - 5);
    return STATUS_OK;
}

static status open_problems(trainer *t) {
    const settings *s = t->run.s;
    problem_options keys = options_problems(s);
    TRY(problem_set_open(&t->train, (const char *const *)s->data.train_files.items, s->data.train_files.count, &keys));
    t->run.evaluates = s->data.val_files.count > 0;
    if (!t->run.evaluates) return STATUS_OK;
    return problem_set_open(&t->validation, (const char *const *)s->data.val_files.items, s->data.val_files.count, &keys);
}

static status open_data(trainer *t) {
    TRY(open_prompts(t));
    t->run.total_steps = training_steps(t->run.s, t->order.count);
    return check_golds(t);
}

static status open_memory(trainer *t) {
    const settings *s = t->run.s;
    const model *m = &t->run.lm.model;
    TRY(arena_create(&t->activations, memory_plan_activations(&t->plan), "caches and activations"));
    arena_touch(&t->activations); // a step takes no longer than the others, nor fails, for its lengths
    TRY(generator_create(&t->generator, m, t->run.lm.tokenizer, &t->plan.sampling, &t->activations));
    TRY(packed_create(&t->pass, m, &t->plan.learning, &t->activations));
    TRY(training_open_optimizer(&t->run));
    t->with_diversity = options_need_diversity(s);
    TRY(scorer_open(&t->scorer, s, options_threads(s), t->with_diversity, t->run.options->helper));
    if (options_overlap(s) == SETTING_OVERLAP_ALL) TRY(scorer_open_beside(&t->scorer));
    t->run.encoder_products = t->scorer.products;
    if (t->scorer.products && matmul_is_fixed_order(t->scorer.products))
        training_say(&t->run, "note: the encoder's products run on the %s", matmul_description(t->scorer.products));
    return step_batch_create(&t->batch, t);
}

// ---- a step --------------------------------------------------------------------------------------------------------------

// If nearly no response of the first step has an answer, the settings are wrong more often than the model is.
static void warn_about_missing_answers(const trainer *t) {
    enum { SHOWN = 600 }; // bytes of a response
    const step_batch *b = &t->batch;
    size_t missing = 0, shown = 0;
    for (size_t i = 0; i < batch_rollouts(b); i++)
        if (b->verdicts[i].status == VERDICT_NO_ANSWER && missing++ == 0) shown = i;
    if ((double)missing <= 0.9 * (double)batch_rollouts(b)) return;
    const rollout *one = &b->set.groups[shown / b->size].rollouts[shown % b->size];
    size_t length = one->text_length;
    if (length > SHOWN)
        for (length = SHOWN; length && (one->text[length] & 0xC0) == 0x80;) length--; // whole characters
    training_say(
        &t->run,
        "warning: %zu of %zu responses of the first step hold no answer (reward_model.profile = %s). One of them ended by %s:",
        missing, batch_rollouts(b),
        t->run.s->reward.profile == SETTING_PROFILE_STRICT  ? "strict"
        : t->run.s->reward.profile == SETTING_PROFILE_GSM8K ? "gsm8k"
                                                            : "lenient",
        one->finish == FINISH_LENGTH ? "the length limit" : "an end token or stop text");
    training_say(&t->run, "    %.*s", (int)length, one->text);
    training_say(&t->run, "    look at data.prompt_template, data.instruction, data.max_response_length, "
                          "actor_rollout_ref.rollout.stop, reward_model.profile");
}

static status record_rollouts(training *run) {
    trainer *t = (trainer *)run;
    const step_batch *b = &t->batch;
    for (size_t g = 0; g < b->count; g++) {
        TRY(record_group(t->run.record, b->set.groups[g].serial, b->set.groups[g].problem));
        for (size_t r = 0; r < b->size; r++) {
            size_t i = g * b->size + r;
            record_rollout_row row = {.problem_id = b->set.groups[g].problem->id,
                                      .serial = b->set.groups[g].serial,
                                      .sample = r,
                                      .rollout = &b->set.groups[g].rollouts[r],
                                      .verdict = &b->verdicts[i],
                                      .diversity = t->with_diversity ? &b->scores[i] : NULL,
                                      .credit = &b->credits[i]};
            TRY(record_rollout(t->run.record, &row));
            TRY(trace_record(t, i));
            const formula_set *set = &b->formulas[i];
            if (!t->with_diversity || set->count == 0) continue;
            const char **formulas = malloc(set->count * sizeof *formulas);
            if (!formulas) return status_set(STATUS_NO_MEMORY, "out of memory");
            for (size_t k = 0; k < set->count; k++) formulas[k] = formula_text(set, k);
            status code = record_formulas(t->run.record, formulas, set->count);
            free(formulas);
            TRY(code);
        }
    }
    return STATUS_OK;
}

static status train_step(training *run) {
    trainer *t = (trainer *)run;
    const step_batch *b = &t->batch;
    TRY(trainer_collect(t));
    if (run->state.step == 0) warn_about_missing_answers(t);
    TRY(trainer_update(t));
    size_t tokens = 0;
    for (size_t g = 0; g < b->count; g++) {
        tokens += b->set.groups[g].prompt_length;
        for (size_t r = 0; r < b->size; r++) tokens += b->set.groups[g].rollouts[r].length;
    }
    TRY(training_add(run, "perf/total_num_tokens", (double)tokens));
    return training_add(run, "training/epoch", (double)(run->state.position / t->order.count));
}

// ---- a run ---------------------------------------------------------------------------------------------------------------

static void introduce(training *run) {
    trainer *t = (trainer *)run;
    const settings *s = run->s;
    const problem *first = &t->train.problems[t->order.kept[0]];
    buffer rendered = {0};
    token_list tokens = {0};
    prompt_options options = {.prompt_template = s->data.prompt_template, .instruction = s->data.instruction};
    training_say(run, "problems: %zu to train on, %zu held out; %lld steps of %lld prompts x %lld rollouts", t->order.count,
                 t->validation.count, (long long)run->total_steps, s->data.train_batch_size, s->rollout.n);
    if (s->reward.random > 0)
        training_say(run,
                     "warning: verdicts of training are drawn (reward_model.random): %g are correct whatever the answer; only "
                     "evaluations judge",
                     s->reward.random);
    if (language_model_prompt(&run->lm, &options, first->text, &tokens, &rendered, NULL) == STATUS_OK) {
        training_say(run, "the first prompt, %zu tokens, as the model sees it:", tokens.count);
        training_say(run, "---\n%s\n---", buffer_text(&rendered));
        training_say(run, "its answer: %s", first->answer);
    }
    buffer_free(&rendered);
    token_list_free(&tokens);
}

status trainer_settle(settings *s) {
    TRY(settings_adopt_task(s, (const char *const *)s->data.train_files.items, s->data.train_files.count, "data.train_files"));
    return settings_check_training(s);
}

static status open_all(training *run) {
    trainer *t = (trainer *)run;
    TRY(open_problems(t));
    if (options_need_diversity(run->s)) TRY(scorer_check_encoder(run->s));
    TRY(training_describe_model(run));
    TRY(open_data(t));
    TRY(plan_memory(t));
    TRY(read_models(t));
    return open_memory(t);
}

static void close_all(training *run) {
    trainer *t = (trainer *)run;
    step_batch_free(&t->batch);
    scorer_close(&t->scorer);
    packed_free(&t->pass);
    generator_free(t->generator);
    arena_free(&t->activations);
    prompt_set_free(&t->prompts), prompt_set_free(&t->validation_prompts);
    prompt_order_free(&t->order);
    problem_set_free(&t->train), problem_set_free(&t->validation);
    model_free(&t->reference);
}

status trainer_run(settings *s, const training_options *options, training_result *result) {
    static const training_kind kind = {.command = "train",
                                       .check = trainer_settle,
                                       .open = open_all,
                                       .introduce = introduce,
                                       .step = train_step,
                                       .record = record_rollouts,
                                       .evaluate = trainer_evaluate,
                                       .close = close_all};
    trainer t = {.run = {.s = s, .options = options, .kind = &kind}};
    return training_run(&t.run, result);
}
