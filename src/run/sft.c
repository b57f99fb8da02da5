// Supervised training: its rows, its loss, its steps. The run around them is run/training.c. See sft.h.
#include "run/sft.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/packed.h"
#include "rollout/group_set.h"
#include "run/options.h"
#include "run/plan.h"
#include "run/prompts.h"
#include "run/task_defaults.h"
#include "run/training_parts.h"
#include "stats/stats.h"
#include "tasks/tasks.h"

// Rows of prompt and response.
typedef struct lessons {
    problem_set rows;
    prompt_set prompts;
    prompt_order order;
} lessons;

typedef struct sft {
    training run;
    lessons train, held_out;
    group_set batch; // groups of one response each
    packed_pass pass;
    int32_t end;       // token behind a response, where no text ends it
    token_list tokens; // of the response at hand
    buffer text;
    double *losses, *entropies; // [batch] of each response, summed over its tokens
    double *held_out_losses;    // [held-out rows] of an evaluation, likewise; and
    size_t *held_out_lengths;   // tokens of these responses
} sft;

// ---- responses -----------------------------------------------------------------------------------------------------------

// The response of a row: its own, or the solution that a built-in task writes, with a blank in front where the prompt ends in
// none.
static status write_response(sft *t, const problem *row, const token_list *prompt, uint64_t draw) {
    const settings *s = t->run.s;
    buffer_clear(&t->text);
    if (row->response) {
        TRY(buffer_append_text(&t->text, row->response));
    } else {
        size_t length;
        const char *last = tokenizer_token_bytes(t->run.lm.tokenizer, prompt->ids[prompt->count - 1], &length);
        if (last && length > 0 && !isspace((unsigned char)last[length - 1])) TRY(buffer_append_byte(&t->text, ' '));
        TRY(tasks_solution(row, (uint64_t)s->data.seed, (uint32_t)draw, &t->text));
    }
    return s->rollout.stop.count > 0 ? buffer_append_text(&t->text, s->rollout.stop.items[0]) : STATUS_OK;
}

// t->tokens = what is learned of a row: its response and how it ends.
static status encode_response(sft *t, const problem *row, const token_list *prompt, uint64_t draw) {
    TRY(write_response(t, row, prompt, draw));
    t->tokens.count = 0;
    TRY(tokenizer_encode(t->run.lm.tokenizer, buffer_text(&t->text), t->text.length, false, false, &t->tokens));
    return t->run.s->rollout.stop.count > 0 ? STATUS_OK : token_list_append(&t->tokens, t->end);
}

static status too_long(const sft *t, const problem *row) {
    return status_set(
        STATUS_INVALID,
        "row %s: its response has %zu tokens and data.max_response_length is %lld; raise it, or leave such rows out "
        "with data.filter_overlong_prompts",
        row->id, t->tokens.count, t->run.s->data.max_response_length);
}

static bool fits(const sft *t) { return t->tokens.count <= (size_t)t->run.s->data.max_response_length; }

// Puts a row into a place of the batch.
static status fill(sft *t, size_t place, const lessons *from, size_t index, uint64_t draw) {
    group *g = &t->batch.groups[place];
    const token_list *prompt = &from->prompts.tokens[index];
    g->problem = &from->rows.problems[index];
    TRY(encode_response(t, g->problem, prompt, draw));
    if (!fits(t)) return too_long(t, g->problem); // only a solution that another epoch draws: the first ones were looked at
    g->prompt_length = prompt->count;
    memcpy(g->prompt_tokens, prompt->ids, prompt->count * sizeof *prompt->ids);
    g->rollouts[0].length = t->tokens.count;
    memcpy(g->rollouts[0].tokens, t->tokens.ids, t->tokens.count * sizeof *t->tokens.ids);
    return STATUS_OK;
}

// ---- opening -------------------------------------------------------------------------------------------------------------

static status find_end(sft *t) {
    t->end = tokenizer_eos(t->run.lm.tokenizer);
    if (t->end < 0 && t->run.lm.stop_count > 0) t->end = t->run.lm.stop_tokens[0];
    if (t->end >= 0 || t->run.s->rollout.stop.count > 0) return STATUS_OK;
    return status_set(STATUS_INVALID,
                      "%s names no token that ends a response; give a text that does: actor_rollout_ref.rollout.stop",
                      t->run.s->model.path);
}

// Looks at every response, so that one that cannot be used shows before anything is written; rows that are left out for their
// length are no part of an epoch.
static status open_lessons(sft *t, lessons *l) {
    const settings *s = t->run.s;
    TRY(prompt_set_create(&l->prompts, &t->run.lm, s, &l->rows));
    for (size_t i = 0; i < l->rows.count; i++) {
        token_list *prompt = &l->prompts.tokens[i];
        if (prompt->count == 0) continue;
        TRY(encode_response(t, &l->rows.problems[i], prompt, 0));
        if (fits(t)) continue;
        if (!s->data.filter_overlong_prompts) return too_long(t, &l->rows.problems[i]);
        token_list_free(prompt);
        l->prompts.left_out++;
    }
    if (l->prompts.left_out == l->rows.count)
        return status_set(STATUS_INVALID, "every row is longer than data.max_prompt_length or data.max_response_length allow");
    if (l->prompts.left_out)
        training_say(&t->run, "note: %zu rows left out: longer than data.max_prompt_length or data.max_response_length",
                     l->prompts.left_out);
    if (l->prompts.cut) training_say(&t->run, "note: %zu prompts cut to data.max_prompt_length", l->prompts.cut);
    return prompt_order_create(&l->order, &l->prompts);
}

static status plan_memory(sft *t, memory_plan *plan) {
    size_t longest = t->train.prompts.longest, held_out = t->held_out.prompts.longest;
    const plan_subject subject = {
        .settings = t->run.s, .lm = &t->run.lm, .longest_prompt = longest > held_out ? longest : held_out, .supervised = true};
    TRY(memory_plan_make(plan, &subject));
    return memory_plan_check(plan, &subject);
}

static status open_memory(sft *t, const memory_plan *plan) {
    size_t rows = (size_t)t->run.s->data.train_batch_size;
    TRY(packed_create(&t->pass, &t->run.lm.model, &plan->learning, NULL));
    TRY(training_open_optimizer(&t->run));
    TRY(group_set_create(&t->batch, rows, 1, plan->learning.longest_prompt, plan->learning.longest_response));
    t->losses = calloc(rows, sizeof *t->losses);
    t->entropies = calloc(rows, sizeof *t->entropies);
    size_t held_out = t->held_out.order.count;
    t->held_out_losses = calloc(held_out + 1, sizeof *t->held_out_losses);
    t->held_out_lengths = calloc(held_out + 1, sizeof *t->held_out_lengths);
    return t->losses && t->entropies && t->held_out_losses && t->held_out_lengths
               ? STATUS_OK
               : status_set(STATUS_NO_MEMORY, "out of memory for %zu rows", rows + held_out);
}

static status open_all(training *run) {
    sft *t = (sft *)run;
    const settings *s = run->s;
    problem_options keys = options_problems(s);
    keys.lessons = true;
    TRY(problem_set_open(&t->train.rows, (const char *const *)s->data.train_files.items, s->data.train_files.count, &keys));
    run->evaluates = s->data.val_files.count > 0;
    if (run->evaluates)
        TRY(problem_set_open(&t->held_out.rows, (const char *const *)s->data.val_files.items, s->data.val_files.count, &keys));
    TRY(training_describe_model(run));
    TRY(find_end(t));
    TRY(open_lessons(t, &t->train));
    if (run->evaluates) TRY(open_lessons(t, &t->held_out));
    run->total_steps = training_steps(s, t->train.order.count);
    memory_plan plan;
    TRY(plan_memory(t, &plan));
    TRY(training_read_model(run));
    return open_memory(t, &plan);
}

static void introduce(training *run) {
    sft *t = (sft *)run;
    const problem *first = &t->train.rows.problems[t->train.order.kept[0]];
    const token_list *prompt = &t->train.prompts.tokens[t->train.order.kept[0]];
    buffer shown = {0};
    training_say(run, "responses: %zu to learn from, %zu held out; %lld steps of %lld", t->train.order.count,
                 t->held_out.order.count, (long long)run->total_steps, run->s->data.train_batch_size);
    if (tokenizer_decode(run->lm.tokenizer, prompt->ids, prompt->count, false, &shown) == STATUS_OK &&
        encode_response(t, first, prompt, 0) == STATUS_OK) {
        training_say(run, "the first prompt, %zu tokens, as the model sees it:", prompt->count);
        training_say(run, "---\n%s\n---", buffer_text(&shown));
        training_say(run, "its response, %zu tokens:", t->tokens.count);
        training_say(run, "---\n%s\n---", buffer_text(&t->text));
    }
    buffer_free(&shown);
}

// ---- a step --------------------------------------------------------------------------------------------------------------

typedef struct visit_context {
    sft *t;
    double weight; // of a token in the loss
} visit_context;

static void visit_token(void *context, size_t g, size_t r, size_t position, float logp, float entropy, double *d_logp,
                        double *d_entropy) {
    (void)r, (void)position, (void)d_entropy;
    visit_context *c = context;
    c->t->losses[g] -= (double)logp;
    c->t->entropies[g] += (double)entropy;
    *d_logp = -c->weight;
}

// Sums over the first `count` rows of the batch.
typedef struct batch_sums {
    size_t tokens, prompt_tokens;
    double loss, entropy;
} batch_sums;

// Visits the first `count` rows of the batch; gradients of the mean loss over their tokens are added, or NULL: only measured.
static status visit_batch(sft *t, size_t count, float *gradients, batch_sums *sums) {
    *sums = (batch_sums){0};
    for (size_t g = 0; g < count; g++) {
        t->losses[g] = t->entropies[g] = 0;
        sums->tokens += t->batch.groups[g].rollouts[0].length;
        sums->prompt_tokens += t->batch.groups[g].prompt_length;
    }
    visit_context context = {.t = t, .weight = 1.0 / (double)sums->tokens};
    TRY(packed_visit(&t->pass, t->batch.groups, count, NULL, 1, visit_token, &context, gradients));
    for (size_t g = 0; g < count; g++) sums->loss += t->losses[g], sums->entropy += t->entropies[g];
    return STATUS_OK;
}

static status train_step(training *run) {
    sft *t = (sft *)run;
    size_t count = (size_t)run->s->data.train_batch_size;
    double learning_rate = training_learning_rate(run), start = training_clock();
    kernel_mark(&run->clock);
    for (size_t g = 0; g < count; g++) {
        uint64_t position = run->state.position++;
        TRY(fill(t, g, &t->train, prompt_order_at(&t->train.order, run->s, position), position / t->train.order.count));
    }
    kernel_lap(&run->clock, KERNEL_BOOKKEEPING);
    batch_sums sums;
    optimizer_report done;
    training_clear_gradients(run);
    TRY(visit_batch(t, count, run->gradients, &sums));
    TRY(training_update(run, learning_rate, &done));
    TRY(training_add(run, "train/loss", sums.loss / (double)sums.tokens));
    TRY(training_add(run, "train/entropy", sums.entropy / (double)sums.tokens));
    TRY(training_add(run, "train/grad_norm", done.grad_norm));
    TRY(training_add(run, "train/grad_clip_scale", done.clip_scale));
    TRY(training_add(run, "train/lr", learning_rate));
    TRY(training_add(run, "train/tokens", (double)sums.tokens));
    TRY(training_add(run, "train/updates_skipped", (double)done.skipped));
    TRY(training_add(run, "training/epoch", (double)(run->state.position / t->train.order.count)));
    TRY(training_add(run, "perf/total_num_tokens", (double)(sums.tokens + sums.prompt_tokens)));
    TRY(training_add(run, "timing_s/update_actor", training_clock() - start));
    return training_add_kernels(run, TRAINING_UPDATE);
}

static status record_nothing(training *run) {
    (void)run;
    return STATUS_OK;
}

// ---- held-out loss -------------------------------------------------------------------------------------------------------

// The mean over all tokens is a ratio of two means over rows. Its interval is a bootstrap's over rows, of the ratio's linear
// part: each row's loss less what its length alone lets expect, on the scale of a token.
static status loss_interval(double *row_losses, const size_t *lengths, size_t count, double loss, double tokens, uint64_t seed,
                            stats_interval *interval) {
    for (size_t i = 0; i < count; i++)
        row_losses[i] = loss + (row_losses[i] - loss * (double)lengths[i]) * (double)count / tokens;
    stats_options options = STATS_OPTIONS_DEFAULT;
    options.seed = seed, options.low = options.high = row_losses[0];
    for (size_t i = 0; i < count; i++) {
        options.low = fmin(options.low, row_losses[i]);
        options.high = fmax(options.high, row_losses[i]);
    }
    return stats_bootstrap(row_losses, NULL, count, &options, NULL, interval);
}

static status measure(sft *t, double *loss, double *tokens) {
    const training *run = &t->run;
    size_t count = t->held_out.order.count;
    double total = 0;
    *tokens = 0;
    for (size_t first = 0; first < count; first += t->batch.capacity) {
        if (run->options->stop && *run->options->stop) return status_set(STATUS_INTERRUPTED, "interrupted in an evaluation");
        size_t here = count - first < t->batch.capacity ? count - first : t->batch.capacity;
        batch_sums sums;
        progress_report(&run->options->progress, "held-out loss", (double)first, (double)count, "rows", NULL);
        for (size_t g = 0; g < here; g++) TRY(fill(t, g, &t->held_out, t->held_out.order.kept[first + g], 0));
        TRY(visit_batch(t, here, NULL, &sums));
        for (size_t g = 0; g < here; g++) {
            t->held_out_losses[first + g] = t->losses[g];
            t->held_out_lengths[first + g] = t->batch.groups[g].rollouts[0].length;
        }
        total += sums.loss, *tokens += (double)sums.tokens;
    }
    *loss = total / *tokens;
    return STATUS_OK;
}

static status evaluate(training *run, double *value) {
    sft *t = (sft *)run;
    size_t count = t->held_out.order.count;
    double start = training_clock(), tokens;
    stats_interval interval;
    TRY(measure(t, value, &tokens));
    TRY(loss_interval(t->held_out_losses, t->held_out_lengths, count, *value, tokens, (uint64_t)run->s->trainer.seed, &interval));
    TRY(record_metric(run->record, "val/loss", *value));
    TRY(record_metric(run->record, "timing_s/testing", training_clock() - start));
    TRY(record_evaluation_summary(run->record, "validation", "overall", "loss", *value, interval.low, interval.high, count));
    return training_say(run, "step %lld: loss %.4f [%.4f, %.4f] on %zu held-out responses (%.0f s)", (long long)run->state.step,
                        *value, interval.low, interval.high, count, training_clock() - start);
}

// ---- a run ---------------------------------------------------------------------------------------------------------------

status sft_settle(settings *s) {
    static const char *const defaults[][2] = {{"actor_rollout_ref.actor.optim.lr", "1e-5"},
                                              {"actor_rollout_ref.actor.optim.betas", "[0.9, 0.95]"},
                                              {"actor_rollout_ref.actor.optim.lr_scheduler_type", "cosine"},
                                              {"actor_rollout_ref.actor.optim.lr_warmup_steps_ratio", "0.1"},
                                              {"trainer.total_epochs", "4"}};
    for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++)
        TRY(settings_take(s, defaults[i][0], defaults[i][1], "dsdr sft"));
    TRY(settings_adopt_task(s, (const char *const *)s->data.train_files.items, s->data.train_files.count, "data.train_files"));
    return settings_check_sft(s);
}

static void close_lessons(lessons *l) {
    prompt_order_free(&l->order);
    prompt_set_free(&l->prompts);
    problem_set_free(&l->rows);
}

static void close_all(training *run) {
    sft *t = (sft *)run;
    free(t->losses), free(t->entropies), free(t->held_out_losses), free(t->held_out_lengths);
    buffer_free(&t->text);
    token_list_free(&t->tokens);
    packed_free(&t->pass);
    group_set_free(&t->batch);
    close_lessons(&t->train), close_lessons(&t->held_out);
}

status sft_run(settings *s, const training_options *options, training_result *result) {
    static const training_kind kind = {.command = "sft",
                                       .method = "sft",
                                       .check = sft_settle,
                                       .open = open_all,
                                       .introduce = introduce,
                                       .step = train_step,
                                       .record = record_nothing,
                                       .evaluate = evaluate,
                                       .close = close_all};
    sft t = {.run = {.s = s, .options = options, .kind = &kind}};
    return training_run(&t.run, result);
}
