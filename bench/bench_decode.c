// Decoding at a given batch, beside its ceiling. A request is the number of rollouts B; the answer holds tokens a second of the
// decoding steps alone (all B rollouts have a prompt of 100 tokens, 8 rollouts share one, and none ends before 128 tokens), and
// of the products alone at B rows.
//
//   echo 64 | bench_decode actor_rollout_ref.model.path=models/SmolLM2-135M-Instruct.Q4_1.gguf trainer.precision=bfloat16
#include <stdio.h>

#include "bench.h"
#include "products.h"
#include "rollout/generator.h"
#include "rollout/group_set.h"

enum { PROMPT = 100, RESPONSE = 128, GROUP = 8 };

static const double ceiling_seconds = 1; // measured before and after, so long each

typedef struct decoding {
    bench *b;
    generator *generator;
    group_set set;
    products *ceiling;
    size_t batch;
} decoding;

static void close_decoding(decoding *d) {
    generator_free(d->generator);
    group_set_free(&d->set);
    products_free(d->ceiling);
    *d = (decoding){.b = d->b};
}

static status generate(decoding *d, size_t tokens) {
    sampling how = {.seed = 1,
                    .purpose = RANDOM_SAMPLE_TRAIN,
                    .temperature = 1,
                    .top_p = 1,
                    .longest_response = tokens}; // nothing ends it early
    group_set_clear(&d->set);
    return generator_run(d->generator, d->set.groups, d->set.capacity, &how, NULL);
}

// Opens what a batch needs, and warms it up: products are built, memory is touched.
static status open_decoding(decoding *d, size_t batch) {
    const model *m = &d->b->lm.model;
    size_t size = batch < GROUP ? batch : GROUP;
    if (batch == 0 || batch % size != 0)
        return status_set(STATUS_INVALID, "a batch is a multiple of %d, or less than that", GROUP);
    close_decoding(d);
    d->batch = batch;
    generator_options options = {.rows = batch, .longest_prompt = PROMPT, .longest_response = RESPONSE};
    TRY(generator_create(&d->generator, m, d->b->lm.tokenizer, &options, NULL));
    TRY(group_set_create(&d->set, batch / size, size, PROMPT, RESPONSE));
    for (size_t g = 0; g < d->set.capacity; g++) {
        d->set.groups[g].serial = g, d->set.groups[g].prompt_length = PROMPT;
        for (size_t t = 0; t < PROMPT; t++) d->set.groups[g].prompt_tokens[t] = bench_token(d->b, g, t);
    }
    TRY(products_create(&d->ceiling, matmul_precision(d->b->products)));
    TRY(products_add_model(d->ceiling, &m->config, batch, batch, batch, false));
    double seconds;
    TRY(products_run(d->ceiling, &seconds));
    return generate(d, 16);
}

// Adds runs of the ceiling for about ceiling_seconds.
static status run_ceiling(decoding *d, double *seconds, size_t *steps) {
    double start = bench_now(), one;
    while (bench_now() - start < ceiling_seconds) {
        TRY(products_run(d->ceiling, &one));
        *seconds += one, *steps += 1;
    }
    return STATUS_OK;
}

static status measure(decoding *d) {
    double ceiling = 0, batch = (double)d->batch;
    size_t ceiling_steps = 0;
    TRY(run_ceiling(d, &ceiling, &ceiling_steps));
    generator_statistics before = *generator_totals(d->generator);
    bench_clock_start(d->b);
    TRY(generate(d, RESPONSE));
    const generator_statistics *after = generator_totals(d->generator);
    TRY(run_ceiling(d, &ceiling, &ceiling_steps));
    double seconds = after->decode_seconds - before.decode_seconds, rate = batch * (RESPONSE - 1) / seconds;
    double most = batch * (double)ceiling_steps / ceiling;
    printf("{\"batch\": %zu, \"tokens_per_second\": %.6g, \"ceiling\": %.6g, \"ceiling_share\": %.4f, \"decode_seconds\": %.6g, "
           "\"prompt_seconds\": %.6g, \"prompt_tokens\": %zu, ",
           d->batch, rate, most, rate / most, seconds, after->prefill_seconds - before.prefill_seconds,
           after->prompt_tokens - before.prompt_tokens);
    bench_print_kernels(d->b);
    printf("}\n");
    return STATUS_OK;
}

int main(int argc, char **argv) {
    bench b;
    decoding d = {.b = &b};
    size_t batch;
    status code = bench_open_model(&b, argc, argv, false);
    if (code == STATUS_OK) bench_ready(&b);
    while (code == STATUS_OK && bench_next(&batch)) {
        if (batch != d.batch) code = open_decoding(&d, batch);
        if (code == STATUS_OK) code = measure(&d);
    }
    close_decoding(&d);
    bench_close(&b);
    return bench_finish("bench_decode", code);
}
