// run/: an evaluation's estimates are those of direct counting over its own responses, and its responses do not depend on how the
// work is arranged. The model is tiny_lm, which adds digits rightly about half of the time.
#include "model_fixture.h"

#include <math.h>
#include <sqlite3.h>
#include <unistd.h>

#include "base/file.h"
#include "model/packed.h"
#include "run/evaluate.h"
#include "run/open_model.h"
#include "run/options.h"
#include "run/task_defaults.h"

#define MODEL TEST_SOURCE_DIR "/golden/model/tiny_lm"

enum { MOST = 512 };

// What an evaluation handed out, in order.
typedef struct heard {
    struct one {
        size_t index, sample, length;
        verdict_status status;
        finish_reason finish;
        char text[256];
        char answer[64];
    } all[MOST];
    size_t count;
} heard;

static status hear(void *context, const evaluation_response *r) {
    heard *h = context;
    assert_true(h->count < MOST);
    struct one *one = &h->all[h->count++];
    *one = (struct one){.index = r->index,
                        .sample = r->sample,
                        .length = r->rollout->length,
                        .status = r->verdict->status,
                        .finish = r->rollout->finish};
    snprintf(one->text, sizeof one->text, "%s", r->rollout->text);
    snprintf(one->answer, sizeof one->answer, "%s", r->verdict->extracted ? r->verdict->extracted : "");
    return STATUS_OK;
}

typedef struct bench {
    settings s;
    matmul *products;
    language_model lm;
    scorer scorer;
    problem_set problems;
    heard heard;
    evaluation result;
} bench;

static void bench_open(bench *b, const char *const *specs, size_t spec_count, int threads, const char *const *more,
                       size_t count) {
    char on[64];
    snprintf(on, sizeof on, "trainer.threads=%d", threads);
    const char *assignments[16] = {on,
                                   "trainer.precision=float32",
                                   "data.prompt_template=\"{problem}\\n\"",
                                   "data.prompt_key=prompt",
                                   "data.max_response_length=12",
                                   "actor_rollout_ref.rollout.val_kwargs.do_sample=true",
                                   "actor_rollout_ref.rollout.val_kwargs.temperature=1"};
    for (size_t i = 0; i < count; i++) assignments[7 + i] = more[i];
    memset(b, 0, sizeof *b);
    assert_ok(settings_load(&b->s, NULL, assignments, 7 + count));
    problem_options keys = options_problems(&b->s);
    assert_ok(problem_set_open(&b->problems, specs, spec_count, &keys));
    assert_ok(run_open_model(&b->products, &b->lm, &b->s, MODEL, false));
    assert_ok(scorer_open(&b->scorer, &b->s, threads, false, NULL));
}

static void bench_close(bench *b) {
    evaluation_free(&b->result);
    scorer_close(&b->scorer);
    language_model_close(&b->lm);
    matmul_free(b->products);
    problem_set_free(&b->problems);
    settings_free(&b->s);
}

static status bench_run(bench *b, evaluation_options options) {
    evaluation_free(&b->result);
    b->heard.count = 0;
    options.settings = &b->s, options.lm = &b->lm, options.scorer = &b->scorer, options.problems = &b->problems;
    options.response = hear, options.response_context = &b->heard;
    return evaluation_run(&b->result, &options);
}

static const char *const test_rows[] = {MODEL "/test.jsonl"};

static void assert_same_heard(const heard *a, const heard *b, size_t count) {
    assert_true(a->count >= count && b->count >= count);
    assert_memory_equal(a->all, b->all, count * sizeof *a->all);
}

// ---- estimates -----------------------------------------------------------------------------------------------------------

// Over all k-subsets of the n samples of one problem, by bit masks: how often one is right, and what the most frequent answer
// earns. Answers of tiny_lm are plain numbers, so equal texts are equal answers.
static void brute_force(const struct one *samples, size_t n, size_t k, double *pass, double *majority) {
    double subsets = 0, passed = 0, earned = 0;
    for (unsigned mask = 0; mask < 1u << n; mask++) {
        if ((size_t)__builtin_popcount(mask) != k) continue;
        size_t best = 0, tied = 0, tied_right = 0;
        bool any = false;
        for (size_t i = 0; i < n; i++) {
            if (!(mask >> i & 1)) continue;
            any |= samples[i].status == VERDICT_CORRECT;
            if (!*samples[i].answer) continue;
            size_t votes = 0;
            bool first = true;
            for (size_t j = 0; j < n; j++)
                if (mask >> j & 1 && !strcmp(samples[j].answer, samples[i].answer)) votes++, first &= j >= i;
            if (!first) continue;
            if (votes > best) best = votes, tied = tied_right = 0;
            if (votes == best) tied++, tied_right += samples[i].status == VERDICT_CORRECT;
        }
        subsets++, passed += any, earned += tied ? (double)tied_right / (double)tied : 0;
    }
    *pass = passed / subsets, *majority = earned / subsets;
}

static void estimates_are_those_of_direct_counting(void **state) {
    (void)state;
    static bench b;
    const char *more[] = {"actor_rollout_ref.rollout.val_kwargs.n=6"};
    bench_open(&b, test_rows, 1, 1, more, 1);
    assert_ok(bench_run(&b, (evaluation_options){0}));
    const evaluation *e = &b.result;
    assert_int_equal(e->n, 6);
    assert_int_equal(e->problems, 30);
    assert_int_equal(e->source_count, 1);
    assert_string_equal(e->sources[0].source, "test");
    assert_int_equal(b.heard.count, 180);
    assert_int_equal(e->k_count, 4);
    const size_t ks[] = {1, 2, 4, 6};
    bool mixed = false;
    for (size_t i = 0; i < 4; i++) {
        double pass = 0, majority = 0;
        for (size_t p = 0; p < 30; p++) {
            double one_pass, one_majority;
            brute_force(&b.heard.all[6 * p], 6, ks[i], &one_pass, &one_majority);
            pass += one_pass / 30, majority += one_majority / 30;
            mixed |= one_pass > 0 && one_pass < 1;
        }
        const evaluation_summary *s = &e->sources[0];
        assert_int_equal(s->pass[i].k, ks[i]);
        assert_true(fabs(s->pass[i].value - pass) < 1e-12);
        assert_true(fabs(s->majority[i].value - majority) < 1e-12);
        assert_true(s->pass[i].interval.low <= pass && pass <= s->pass[i].interval.high);
        assert_true(s->majority[i].interval.low <= majority && majority <= s->majority[i].interval.high);
    }
    assert_true(mixed);
    size_t right = 0, cut = 0, statuses[VERDICT_STATUS_COUNT] = {0};
    double length = 0;
    for (size_t i = 0; i < 180; i++) {
        right += b.heard.all[i].status == VERDICT_CORRECT, cut += b.heard.all[i].finish == FINISH_LENGTH;
        statuses[b.heard.all[i].status]++;
        length += (double)b.heard.all[i].length;
        assert_int_equal(b.heard.all[i].index, i / 6);
        assert_int_equal(b.heard.all[i].sample, i % 6);
    }
    assert_true(right > 20 && right < 170);
    assert_true(fabs(e->overall.accuracy.value - (double)right / 180) < 1e-12);
    assert_true(fabs(e->overall.mean_length - length / 180) < 1e-12);
    assert_true(fabs(e->overall.cut_share - (double)cut / 180) < 1e-12);
    assert_memory_equal(e->overall.verdicts, statuses, sizeof statuses);
    bench_close(&b);
}

static void one_sample_has_the_interval_of_a_proportion(void **state) {
    (void)state;
    static bench b;
    bench_open(&b, test_rows, 1, 1, NULL, 0);
    assert_ok(bench_run(&b, (evaluation_options){0}));
    uint64_t right = 0;
    for (size_t i = 0; i < 30; i++) right += b.heard.all[i].status == VERDICT_CORRECT;
    stats_interval wilson;
    assert_true(right > 0 && right < 30);
    assert_ok(stats_wilson(right, 30, 0.95, &wilson));
    assert_true(b.result.sources[0].accuracy.interval.low == wilson.low);
    assert_true(b.result.sources[0].accuracy.interval.high == wilson.high);
    assert_int_equal(b.result.k_count, 1);
    bench_close(&b);
}

// Two files of different size: the mean of the sources is not the mean of all problems.
static void overall_is_the_mean_of_the_sources(void **state) {
    (void)state;
    static bench b;
    const char *const both[] = {MODEL "/test.jsonl", MODEL "/train.jsonl"};
    const char *more[] = {"actor_rollout_ref.rollout.val_kwargs.n=4"};
    bench_open(&b, both, 2, 1, more, 1);
    assert_ok(bench_run(&b, (evaluation_options){0}));
    const evaluation *e = &b.result;
    assert_int_equal(e->source_count, 2);
    assert_int_equal(e->sources[1].problems, 70);
    double a = e->sources[0].accuracy.value, c = e->sources[1].accuracy.value;
    assert_true(fabs(e->overall.accuracy.value - (a + c) / 2) < 1e-12);
    assert_true(fabs(e->pooled.accuracy.value - (30 * a + 70 * c) / 100) < 1e-12);
    assert_true(fabs(e->overall.accuracy.value - e->pooled.accuracy.value) > 1e-9);
    const char *names[] = {"val-core/test/acc/mean@4", "val-core/train/acc/maj@4", "val-aux/test/acc/pass@2",
                           "val/overall/acc/mean@4",   "val/pooled/acc/pass@4",    "val-aux/train/response_length/mean"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t found = 0;
        for (size_t m = 0; m < e->metric_count; m++) found += !strcmp(e->metrics[m].name, names[i]);
        if (found != 1) fail_msg("%s occurs %zu times", names[i], found);
    }
    bench_close(&b);
}

// ---- determinism ---------------------------------------------------------------------------------------------------------

static void responses_do_not_depend_on_chunks_rows_or_threads(void **state) {
    (void)state;
    static bench reference, b;
    const char *more[] = {"actor_rollout_ref.rollout.val_kwargs.n=3"};
    bench_open(&reference, test_rows, 1, 1, more, 1);
    assert_ok(bench_run(&reference, (evaluation_options){.step = 7}));
    static const struct {
        size_t chunk, rows;
        int threads;
    } arrangements[] = {{1, 0, 1}, {7, 5, 3}, {30, 1, 2}, {64, 90, 2}};
    for (size_t i = 0; i < sizeof arrangements / sizeof *arrangements; i++) {
        bench_open(&b, test_rows, 1, arrangements[i].threads, more, 1);
        generator *g = NULL;
        generator_options room = {.rows = arrangements[i].rows, .longest_prompt = 64, .longest_response = 12};
        if (room.rows) assert_ok(generator_create(&g, &b.lm.model, b.lm.tokenizer, &room, NULL));
        assert_ok(bench_run(&b, (evaluation_options){.step = 7, .chunk_rollouts = arrangements[i].chunk, .generator = g}));
        assert_int_equal(b.heard.count, 90);
        assert_same_heard(&reference.heard, &b.heard, 90);
        assert_int_equal(reference.result.metric_count, b.result.metric_count);
        for (size_t m = 0; m < b.result.metric_count; m++) {
            assert_string_equal(reference.result.metrics[m].name, b.result.metrics[m].name);
            assert_memory_equal(&reference.result.metrics[m].value, &b.result.metrics[m].value, sizeof(double));
        }
        generator_free(g);
        bench_close(&b);
    }
    bench_close(&reference);
}

static void draws_are_keyed_by_step_and_problem(void **state) {
    (void)state;
    static bench a, b;
    const char *more[] = {"actor_rollout_ref.rollout.val_kwargs.n=3"};
    bench_open(&a, test_rows, 1, 1, more, 1);
    assert_ok(bench_run(&a, (evaluation_options){.step = 1}));
    bench_open(&b, test_rows, 1, 1, more, 1);
    b.problems.count = 10;
    assert_ok(bench_run(&b, (evaluation_options){.step = 1}));
    assert_int_equal(b.heard.count, 30);
    assert_same_heard(&a.heard, &b.heard, 30);
    assert_ok(bench_run(&b, (evaluation_options){.step = 2}));
    assert_memory_not_equal(a.heard.all, b.heard.all, 30 * sizeof *a.heard.all);
    bench_close(&a);
    bench_close(&b);
}

// Each response by itself through training's forward.
typedef struct training_pass {
    bench *b;
    packed_pass pass;
    const rollout *rollout;
    size_t responses, tokens, differing;
} training_pass;

static void compare_token(void *context, size_t g, size_t r, size_t position, float logp, float entropy, double *d_logp,
                          double *d_entropy) {
    training_pass *t = context;
    (void)g, (void)r, (void)d_logp, (void)d_entropy;
    t->tokens++;
    t->differing +=
        memcmp(&logp, &t->rollout->logp[position], 4) != 0 || memcmp(&entropy, &t->rollout->entropy[position], 4) != 0;
}

static status compare_response(void *context, const evaluation_response *response) {
    training_pass *t = context;
    prompt_options how = {.prompt_template = t->b->s.data.prompt_template};
    token_list prompt = {0};
    assert_ok(language_model_prompt(&t->b->lm, &how, response->problem->text, &prompt, NULL, NULL));
    rollout one = *response->rollout;
    group alone = {.prompt_length = prompt.count, .prompt_tokens = prompt.ids, .size = 1, .rollouts = &one};
    t->rollout = response->rollout, t->responses++;
    assert_ok(packed_visit(&t->pass, &alone, 1, NULL, 1.0f, compare_token, t, NULL));
    token_list_free(&prompt);
    return STATUS_OK;
}

static void what_an_evaluation_samples_has_the_log_probs_of_training(void **state) {
    (void)state;
    for (int bfloat16 = 0; bfloat16 < 2; bfloat16++) {
        static bench b;
        const char *more[] = {"actor_rollout_ref.rollout.val_kwargs.n=3",
                              bfloat16 ? "trainer.precision=bfloat16" : "trainer.precision=float32"};
        bench_open(&b, test_rows, 1, 2, more, 2);
        training_pass t = {.b = &b};
        packed_options options = {
            .leaf_rows = 64, .leaves_in_memory = 1, .longest_prompt = 64, .longest_response = 16, .largest_group = 1};
        assert_ok(packed_create(&t.pass, &b.lm.model, &options, NULL));
        assert_ok(evaluation_run(&b.result, &(evaluation_options){.settings = &b.s,
                                                                  .lm = &b.lm,
                                                                  .scorer = &b.scorer,
                                                                  .problems = &b.problems,
                                                                  .step = 3,
                                                                  .response = compare_response,
                                                                  .response_context = &t}));
        assert_int_equal(t.responses, 90);
        assert_int_equal(t.tokens, b.result.response_tokens);
        assert_int_equal(t.differing, 0);
        packed_free(&t.pass);
        bench_close(&b);
    }
}

static void a_greedy_evaluation_takes_one_sample(void **state) {
    (void)state;
    static bench a, b;
    const char *cold[] = {"actor_rollout_ref.rollout.val_kwargs.n=4", "actor_rollout_ref.rollout.val_kwargs.temperature=0"};
    const char *off[] = {"actor_rollout_ref.rollout.val_kwargs.n=4", "actor_rollout_ref.rollout.val_kwargs.do_sample=false"};
    bench_open(&a, test_rows, 1, 1, cold, 2);
    bench_open(&b, test_rows, 1, 1, off, 2);
    assert_ok(bench_run(&a, (evaluation_options){0}));
    assert_ok(bench_run(&b, (evaluation_options){.step = 5}));
    assert_int_equal(a.result.n, 1);
    assert_int_equal(a.heard.count, 30);
    assert_same_heard(&a.heard, &b.heard, 30); // greedy: no draws
    bench_close(&a);
    bench_close(&b);
}

// ---- what goes along -----------------------------------------------------------------------------------------------------

static void rows_go_into_the_record(void **state) {
    (void)state;
    static bench b;
    char path[] = "/tmp/dsdr-evaluate-XXXXXX", file[64];
    assert_non_null(mkdtemp(path));
    snprintf(file, sizeof file, "%s/run.db", path);
    record *r;
    const char *more[] = {"actor_rollout_ref.rollout.val_kwargs.n=2"};
    bench_open(&b, test_rows, 1, 1, more, 1);
    assert_ok(record_create(&r, file));
    assert_int_equal(bench_run(&b, (evaluation_options){.pass = "validation", .record = r}), STATUS_FAILED); // outside a step
    assert_ok(record_begin_step(r, 3));
    assert_ok(bench_run(&b, (evaluation_options){.step = 3, .pass = "validation", .record = r}));
    assert_ok(record_commit_step(r));
    record_close(r);
    sqlite3 *db;
    sqlite3_stmt *query;
    static const char sql[] =
        "SELECT (SELECT count(*) FROM evaluations), (SELECT sum(correct) FROM evaluations), (SELECT count(DISTINCT "
        "problem_id) FROM evaluations WHERE step = 3 AND pass = 'validation'), value, n FROM evaluation_summary "
        "WHERE step = 3 AND source = 'overall' AND metric = 'acc/mean@2'";
    assert_int_equal(sqlite3_open_v2(file, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &query, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(query), SQLITE_ROW);
    size_t right = b.result.overall.verdicts[VERDICT_CORRECT];
    assert_int_equal(sqlite3_column_int64(query, 0), 60);
    assert_int_equal(sqlite3_column_int64(query, 1), right);
    assert_int_equal(sqlite3_column_int64(query, 2), 30);
    assert_true(fabs(sqlite3_column_double(query, 3) - (double)right / 60) < 1e-12);
    assert_int_equal(sqlite3_column_int64(query, 4), 30);
    assert_int_equal(sqlite3_step(query), SQLITE_DONE);
    sqlite3_finalize(query);
    sqlite3_close(db);
    assert_ok(folder_remove(path));
    bench_close(&b);
}

// A record of its own, in parts: what an interruption leaves is whole chunks, and a second call counts them as the first did.
static status stop_after(void *context, const evaluation_response *r) {
    (void)r;
    volatile sig_atomic_t *left = context;
    *left = *left + 1;
    return STATUS_OK;
}

static void an_evaluation_in_parts_goes_on_where_it_was(void **state) {
    (void)state;
    static bench whole, b;
    char path[] = "/tmp/dsdr-evaluate-XXXXXX", file[64];
    assert_non_null(mkdtemp(path));
    snprintf(file, sizeof file, "%s/run.db", path);
    const char *more[] = {"actor_rollout_ref.rollout.val_kwargs.n=4"};
    bench_open(&whole, test_rows, 1, 1, more, 1);
    assert_ok(bench_run(&whole, (evaluation_options){.average = 2}));
    bench_open(&b, test_rows, 1, 1, more, 1);
    record *r;
    assert_ok(record_create(&r, file));
    // The flag that stops it is set by the first response of the first chunk, so this chunk is the last.
    volatile sig_atomic_t stop = 0;
    evaluation_options options = {.settings = &b.s,
                                  .lm = &b.lm,
                                  .scorer = &b.scorer,
                                  .problems = &b.problems,
                                  .pass = "pass@k",
                                  .record = r,
                                  .parts = true,
                                  .average = 2,
                                  .chunk_rollouts = 28,
                                  .stop = &stop,
                                  .response = stop_after,
                                  .response_context = (void *)&stop};
    assert_int_equal(evaluation_run(&b.result, &options), STATUS_INTERRUPTED);
    assert_ok(
        bench_run(&b, (evaluation_options){.pass = "pass@k", .record = r, .parts = true, .average = 2, .chunk_rollouts = 12}));
    assert_int_equal(b.result.restored, 7);
    for (int again = 0; again < 2; again++) {
        assert_int_equal(b.heard.count, 120);
        for (size_t i = 0; i < 120; i++) { // lengths, verdicts, texts, answers
            assert_string_equal(b.heard.all[i].text, whole.heard.all[i].text);
            assert_string_equal(b.heard.all[i].answer, whole.heard.all[i].answer);
            assert_int_equal(b.heard.all[i].status, whole.heard.all[i].status);
            assert_int_equal(b.heard.all[i].length, whole.heard.all[i].length);
            assert_int_equal(b.heard.all[i].finish, whole.heard.all[i].finish);
        }
        assert_int_equal(b.result.metric_count, whole.result.metric_count);
        for (size_t m = 0; m < whole.result.metric_count; m++)
            assert_memory_equal(&b.result.metrics[m].value, &whole.result.metrics[m].value, sizeof(double));
        assert_ok(bench_run(&b, (evaluation_options){.pass = "pass@k", .record = r, .parts = true, .average = 2}));
        assert_int_equal(b.result.restored, 30);
        assert_int_equal(b.result.sampled_tokens, 0);
    }
    // Another pass knows nothing of it; other problems or samples do not fit.
    b.s.val.n = 3;
    assert_int_equal(bench_run(&b, (evaluation_options){.pass = "pass@k", .record = r, .parts = true}), STATUS_INVALID);
    assert_non_null(strstr(status_message(), "sample 3 of problem test-0"));
    b.s.val.n = 4, b.problems.count = 29;
    assert_int_equal(bench_run(&b, (evaluation_options){.pass = "pass@k", .record = r, .parts = true}), STATUS_INVALID);
    assert_ok(bench_run(&b, (evaluation_options){.pass = "pass@1", .record = r, .parts = true}));
    assert_int_equal(b.result.restored, 0);
    record_close(r);
    assert_ok(folder_remove(path));
    bench_close(&b), bench_close(&whole);
}

static void the_average_counts_the_first_samples(void **state) {
    (void)state;
    static bench b;
    const char *more[] = {"actor_rollout_ref.rollout.val_kwargs.n=6"};
    bench_open(&b, test_rows, 1, 1, more, 1);
    assert_ok(bench_run(&b, (evaluation_options){.average = 4}));
    double first = 0, all = 0;
    for (size_t i = 0; i < 180; i++) {
        bool right = b.heard.all[i].status == VERDICT_CORRECT;
        all += right / 180.0, first += i % 6 < 4 ? right / 120.0 : 0;
    }
    const evaluation_summary *s = &b.result.sources[0];
    assert_int_equal(s->accuracy.k, 4);
    assert_true(fabs(s->accuracy.value - first) < 1e-12);
    assert_true(fabs(s->pass[0].value - all) < 1e-12);
    assert_true(fabs(first - all) > 1e-9);
    assert_string_equal(b.result.metrics[0].name, "val-core/test/acc/mean@4");
    // Over responses: narrower, for k up to half of the samples, and never for the majority.
    stats_interval over_problems = s->pass[0].interval;
    assert_ok(bench_run(&b, (evaluation_options){.average = 4, .interval = EVALUATION_OVER_RESPONSES}));
    s = &b.result.sources[0];
    assert_true(s->pass[0].interval.low > over_problems.low && s->pass[0].interval.high < over_problems.high);
    assert_true(!isnan(s->accuracy.interval.low) && !isnan(s->pass[1].interval.high));
    assert_true(isnan(s->pass[2].interval.low) && isnan(s->majority[1].interval.low) && !isnan(s->majority[1].value));
    bench_close(&b);
}

static void an_evaluation_can_be_interrupted(void **state) {
    (void)state;
    static bench b;
    static const volatile sig_atomic_t stop = 1;
    bench_open(&b, test_rows, 1, 1, NULL, 0);
    assert_int_equal(bench_run(&b, (evaluation_options){.stop = &stop}), STATUS_INTERRUPTED);
    assert_null(b.result.sources);
    assert_ok(bench_run(&b, (evaluation_options){0}));
    bench_close(&b);
}

static void prompts_that_are_too_long_are_named_left_out_or_cut(void **state) {
    (void)state;
    static bench b;
    prompt_set whole, p;
    bench_open(&b, test_rows, 1, 1, NULL, 0);
    assert_ok(prompt_set_create(&whole, &b.lm, &b.s, &b.problems));
    assert_true(whole.longest > 6 && whole.left_out == 0 && whole.cut == 0);
    b.s.data.max_prompt_length = 6;
    assert_int_equal(prompt_set_create(&p, &b.lm, &b.s, &b.problems), STATUS_INVALID);
    assert_non_null(strstr(status_message(), "test-"));
    assert_non_null(strstr(status_message(), "data.max_prompt_length"));
    static const struct {
        int how;
        size_t front;
    } cuts[] = {{SETTING_TRUNCATION_LEFT, 0}, {SETTING_TRUNCATION_RIGHT, 6}, {SETTING_TRUNCATION_MIDDLE, 3}};
    for (size_t i = 0; i < 3; i++) {
        b.s.data.truncation = cuts[i].how;
        assert_ok(prompt_set_create(&p, &b.lm, &b.s, &b.problems));
        const token_list *before = &whole.tokens[0], *after = &p.tokens[0];
        assert_int_equal(after->count, 6);
        assert_int_equal(p.longest, 6);
        assert_memory_equal(after->ids, before->ids, cuts[i].front * 4);
        assert_memory_equal(after->ids + cuts[i].front, before->ids + before->count - (6 - cuts[i].front),
                            (6 - cuts[i].front) * 4);
        prompt_set_free(&p);
    }
    b.s.data.filter_overlong_prompts = true;
    assert_int_equal(prompt_set_create(&p, &b.lm, &b.s, &b.problems), STATUS_INVALID); // none is left
    b.s.data.max_prompt_length = 512, b.s.data.max_response_length = 127;
    assert_int_equal(prompt_set_create(&p, &b.lm, &b.s, &b.problems), STATUS_INVALID); // the model has 128 positions
    assert_non_null(strstr(status_message(), "128"));
    prompt_set_free(&whole);
    bench_close(&b);
}

static void a_built_in_task_decides_what_is_not_set(void **state) {
    (void)state;
    settings s;
    const char *const task[] = {"builtin:addition/test", "builtin:addition/train?count=5"};
    const char *const mixed[] = {"builtin:addition/test", "builtin:countdown/test"};
    const char *given[] = {"data.max_response_length=20", "data.prompt_template=\"{problem} is\""};
    assert_ok(settings_load(&s, NULL, NULL, 0));
    assert_ok(settings_adopt_task(&s, task, 2, "data.val_files"));
    assert_non_null(strstr(s.data.prompt_template, "{problem} ="));
    assert_int_equal(s.data.max_response_length, 8);
    assert_int_equal(s.overlong.len, 2);
    assert_int_equal(s.rollout.stop.count, 1);
    assert_string_equal(s.rollout.stop.items[0], "\n");
    assert_int_equal(s.reward.profile, SETTING_PROFILE_LENIENT);
    settings_free(&s);
    assert_ok(settings_load(&s, NULL, given, 1));
    assert_ok(settings_adopt_task(&s, task, 2, "data.val_files"));
    assert_int_equal(s.data.max_response_length, 20);
    settings_free(&s);
    assert_ok(settings_load(&s, NULL, given + 1, 1));
    assert_ok(settings_adopt_task(&s, task, 2, "data.val_files"));
    assert_string_equal(s.data.prompt_template, "{problem} is");
    assert_int_equal(s.rollout.stop.count, 0);
    assert_int_equal(s.data.max_response_length, 512);
    assert_ok(settings_adopt_task(&s, mixed, 2, "data.val_files"));
    assert_int_equal(s.notes.count, 1);
    settings_free(&s);
    assert_ok(settings_load(&s, NULL, NULL, 0));
    assert_ok(settings_adopt_task(&s, test_rows, 1, "data.val_files"));
    assert_string_equal(s.data.prompt_template, "chat");
    settings_free(&s);
}

static void countdown_answers_are_evaluated(void **state) {
    (void)state;
    static bench b;
    const char *const task[] = {"builtin:countdown/test?count=4"};
    bench_open(&b, task, 1, 1, NULL, 0);
    assert_ok(bench_run(&b, (evaluation_options){0}));
    assert_int_equal(b.heard.count, 4);
    assert_int_equal(b.result.overall.verdicts[VERDICT_ERROR], 0);
    bench_close(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(estimates_are_those_of_direct_counting),
        cmocka_unit_test(one_sample_has_the_interval_of_a_proportion),
        cmocka_unit_test(overall_is_the_mean_of_the_sources),
        cmocka_unit_test(responses_do_not_depend_on_chunks_rows_or_threads),
        cmocka_unit_test(draws_are_keyed_by_step_and_problem),
        cmocka_unit_test(what_an_evaluation_samples_has_the_log_probs_of_training),
        cmocka_unit_test(a_greedy_evaluation_takes_one_sample),
        cmocka_unit_test(rows_go_into_the_record),
        cmocka_unit_test(an_evaluation_in_parts_goes_on_where_it_was),
        cmocka_unit_test(the_average_counts_the_first_samples),
        cmocka_unit_test(an_evaluation_can_be_interrupted),
        cmocka_unit_test(prompts_that_are_too_long_are_named_left_out_or_cut),
        cmocka_unit_test(a_built_in_task_decides_what_is_not_set),
        cmocka_unit_test(countdown_answers_are_evaluated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
