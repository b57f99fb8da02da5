// One training step on 16 sequences of 256 tokens, beside its ceiling: forward, backward, AdamW and repacking of the weights. A
// request is any line; the answer holds the seconds of the parts and of the products alone, at the same row counts.
//
// Each sequence is a prompt of one token and a response of 255, so that every position but the last predicts its successor, as in
// plain training on [16, 256] tokens.
//
//   echo | bench_train actor_rollout_ref.model.path=models/SmolLM2-135M-Instruct.Q4_1.gguf trainer.precision=bfloat16
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "learn/objective.h"
#include "learn/optimizer.h"
#include "model/packed.h"
#include "products.h"
#include "rollout/group_set.h"
#include "run/options.h"

enum { SEQUENCES = 16, LENGTH = 256, RESPONSE = LENGTH - 1, ROWS = RESPONSE - 1 };

typedef struct training {
    bench *b;
    group_set set;
    packed_pass pass;
    optimizer optimizer;
    float *gradients, *m, *v;
    products *ceiling;
    objective_options objective;
    objective_scope scope;
} training;

// The objective of the program, at a ratio of 1 and with advantages of both signs.
static void visit(void *context, size_t group, size_t rollout, size_t position, float logp, float entropy, double *d_logp,
                  double *d_entropy) {
    (void)rollout, (void)position;
    const training *t = context;
    objective_rollout of = {.length = RESPONSE, .advantage = group % 2 ? 1 : -1, .coupling = 1.0 / SEQUENCES};
    objective_token token = {.logp = (double)logp, .logp_old = (double)logp, .entropy = (double)entropy};
    objective_output output;
    objective_token_loss(&t->objective, &t->scope, &of, &token, &output);
    *d_logp = output.d_logp, *d_entropy = output.d_entropy;
}

static status open_optimizer(training *t) {
    const parameter_table *table = &t->b->lm.model.table;
    optimizer_segment *segments = calloc(table->count, sizeof *segments);
    t->gradients = calloc(table->total, sizeof *t->gradients);
    t->m = calloc(table->total, sizeof *t->m), t->v = calloc(table->total, sizeof *t->v);
    status code = segments && t->gradients && t->m && t->v ? STATUS_OK : status_set(STATUS_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < table->count && code == STATUS_OK; i++)
        segments[i] = (optimizer_segment){
            .name = table->items[i].name, .offset = table->items[i].offset, .count = table->items[i].count, .decays = true};
    optimizer_options options = options_optimizer(&t->b->settings);
    if (code == STATUS_OK) code = optimizer_create(&t->optimizer, &options, segments, table->count, t->m, t->v);
    free(segments);
    return code;
}

// The row counts of a pass: leaves of as many responses as fit, each rounded up to a block of keys, and the prompts.
static status open_ceiling(training *t) {
    const model_config *c = &t->b->lm.model.config;
    size_t leaf = t->pass.options.leaf_rows / attention_round(ROWS);
    TRY(products_create(&t->ceiling, matmul_precision(t->b->products)));
    for (size_t done = 0; done < SEQUENCES; done += leaf) {
        size_t rows = (SEQUENCES - done < leaf ? SEQUENCES - done : leaf) * ROWS;
        TRY(products_add_model(t->ceiling, c, rows, rows, HEAD_BLOCK_ROWS, true));
    }
    return products_add_model(t->ceiling, c, SEQUENCES, SEQUENCES, HEAD_BLOCK_ROWS, true);
}

static status open_training(training *t) {
    const model *m = &t->b->lm.model;
    packed_options options = {.leaf_rows = (size_t)t->b->settings.trainer.leaf_rows,
                              .leaves_in_memory = 1,
                              .longest_prompt = 1,
                              .longest_response = RESPONSE,
                              .largest_group = 1,
                              .backward = true,
                              .recompute = t->b->settings.model.enable_gradient_checkpointing};
    t->objective = options_objective(&t->b->settings);
    t->scope =
        (objective_scope){.prompts = SEQUENCES, .rollouts = SEQUENCES, .tokens = SEQUENCES * RESPONSE, .max_length = RESPONSE};
    TRY(packed_create(&t->pass, m, &options, NULL));
    TRY(group_set_create(&t->set, SEQUENCES, 1, 1, RESPONSE));
    for (size_t g = 0; g < SEQUENCES; g++) {
        t->set.groups[g].prompt_length = 1;
        t->set.groups[g].prompt_tokens[0] = bench_token(t->b, g, 0);
        t->set.groups[g].rollouts[0].length = RESPONSE;
        for (size_t i = 0; i < RESPONSE; i++) t->set.groups[g].rollouts[0].tokens[i] = bench_token(t->b, g, i + 1);
    }
    TRY(open_optimizer(t));
    return open_ceiling(t);
}

static void close_training(training *t) {
    products_free(t->ceiling);
    optimizer_free(&t->optimizer);
    free(t->gradients), free(t->m), free(t->v);
    group_set_free(&t->set);
    packed_free(&t->pass);
}

static status train_step(training *t, double *gradient_seconds, double *optimizer_seconds, double *pack_seconds) {
    model *m = &t->b->lm.model;
    optimizer_report report;
    double start = bench_now();
    memset(t->gradients, 0, m->table.total * sizeof *t->gradients);
    TRY(packed_visit(&t->pass, t->set.groups, SEQUENCES, NULL, 1, visit, t, t->gradients));
    double passed = bench_now();
    optimizer_update(&t->optimizer, 1e-6, m->parameters, t->gradients, &report);
    double updated = bench_now();
    if (report.skipped) return status_set(STATUS_FAILED, "the gradient is not finite");
    TRY(model_pack(m));
    *gradient_seconds = passed - start, *optimizer_seconds = updated - passed, *pack_seconds = bench_now() - updated;
    return STATUS_OK;
}

static status measure(training *t) {
    double before, after, gradient, update, pack;
    TRY(products_run(t->ceiling, &before));
    bench_clock_start(t->b);
    TRY(train_step(t, &gradient, &update, &pack));
    TRY(products_run(t->ceiling, &after));
    double tokens = SEQUENCES * LENGTH, seconds = gradient + update + pack, least = (before + after) / 2;
    printf("{\"tokens_per_second\": %.6g, \"ceiling\": %.6g, \"ceiling_share\": %.4f, \"seconds\": %.6g, ", tokens / seconds,
           tokens / least, least / seconds, seconds);
    printf("\"gradient_seconds\": %.6g, \"optimizer_seconds\": %.6g, \"pack_seconds\": %.6g, ", gradient, update, pack);
    bench_print_kernels(t->b);
    printf("}\n");
    return STATUS_OK;
}

int main(int argc, char **argv) {
    bench b;
    training t = {.b = &b};
    double one, two, three;
    size_t ignored;
    status code = bench_open_model(&b, argc, argv, true);
    if (code == STATUS_OK) code = open_training(&t);
    if (code == STATUS_OK) code = products_run(t.ceiling, &one);
    if (code == STATUS_OK) code = train_step(&t, &one, &two, &three); // products are built, memory is touched
    if (code == STATUS_OK) bench_ready(&b);
    while (code == STATUS_OK && bench_next(&ignored)) code = measure(&t);
    close_training(&t);
    bench_close(&b);
    return bench_finish("bench_train", code);
}
