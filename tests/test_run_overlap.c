// run/: the reward of finished groups beside sampling. It happens while others decode; what it finds does not depend on when, by
// which thread or in which order groups are looked at; failures and interruptions end both threads.
//
// Where a test needs something to happen first it waits for it, never for a time: sampling waits in its watch, a stage in itself.
// Called with "verify-worker" this program is a verification worker.
#include <errno.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "model_fixture.h"
#include "rollout/group_set.h"
#include "run/open_model.h"
#include "run/options.h"
#include "run/overlap.h"
#include "run/prompts.h"
#include "run/scoring.h"
#include "tasks/tasks.h"

enum { GROUPS = 12, SIZE = 4, TOTAL = GROUPS * SIZE, LONGEST_PROMPT = 64, LONGEST = 16 };
#define FIXTURES TEST_SOURCE_DIR "/golden/model"

static char own_path[4096];

// ---- a model that answers, and its judges --------------------------------------------------------------------------------

typedef struct bench {
    settings s;
    problem_set problems;
    prompt_set prompts;
    matmul *products;
    language_model lm;
    scorer scorer;
    group_set set;
    sampling how;
} bench;

static void bench_open(bench *b, int threads) {
    char count[64];
    snprintf(count, sizeof count, "trainer.threads=%d", threads);
    const char *assignments[] = {count,
                                 "actor_rollout_ref.model.path=" FIXTURES "/tiny_lm",
                                 "algorithm.dsdr.encoder=" FIXTURES "/tiny_bert",
                                 "data.prompt_template=\"{problem}\\n\"",
                                 "data.prompt_key=prompt",
                                 "data.max_prompt_length=64",
                                 "data.max_response_length=16",
                                 "reward_model.profile=lenient"};
    static const char *const files[] = {FIXTURES "/tiny_lm/train.jsonl"};
    *b = (bench){0};
    assert_ok(settings_load(&b->s, NULL, assignments, sizeof assignments / sizeof *assignments));
    problem_options keys = options_problems(&b->s);
    assert_ok(problem_set_open(&b->problems, files, 1, &keys));
    assert_true(b->problems.count >= GROUPS);
    assert_ok(run_open_model(&b->products, &b->lm, &b->s, FIXTURES "/tiny_lm", false));
    assert_ok(prompt_set_create(&b->prompts, &b->lm, &b->s, &b->problems));
    assert_ok(scorer_open(&b->scorer, &b->s, threads, true, own_path));
    assert_ok(scorer_open_beside(&b->scorer));
    assert_ok(group_set_create(&b->set, GROUPS, SIZE, LONGEST_PROMPT, LONGEST));
    for (size_t g = 0; g < GROUPS; g++) {
        group *one = &b->set.groups[g];
        const token_list *prompt = &b->prompts.tokens[g];
        one->problem = &b->problems.problems[g], one->serial = g, one->prompt_length = prompt->count;
        memcpy(one->prompt_tokens, prompt->ids, prompt->count * sizeof *prompt->ids);
    }
    b->how = (sampling){.seed = 5,
                        .purpose = RANDOM_SAMPLE_TRAIN,
                        .temperature = 1.3f, // lengths differ
                        .top_p = 1,
                        .longest_response = LONGEST,
                        .end_tokens = b->lm.stop_tokens,
                        .end_count = b->lm.stop_count};
}

static void bench_close(bench *b) {
    group_set_free(&b->set);
    scorer_close(&b->scorer);
    prompt_set_free(&b->prompts);
    language_model_close(&b->lm);
    matmul_free(b->products);
    problem_set_free(&b->problems);
    settings_free(&b->s);
}

static generator *new_generator(const bench *b, size_t rows) {
    generator *g;
    const generator_options options = {.rows = rows, .longest_prompt = LONGEST_PROMPT, .longest_response = LONGEST};
    assert_ok(generator_create(&g, &b->lm.model, b->lm.tokenizer, &options, NULL));
    return g;
}

// ---- results -------------------------------------------------------------------------------------------------------------

typedef struct findings {
    verdict verdicts[TOTAL];
    formula_set sets[TOTAL];
    diversity scores[TOTAL];
    diversity_report report;
    float *embeddings;
    size_t order[GROUPS], judged; // groups as the first stage came to them
    size_t early[OVERLAP_STAGES];
} findings;

static void findings_free(findings *f) {
    for (size_t i = 0; i < TOTAL; i++) verdict_clear(&f->verdicts[i]), formula_set_free(&f->sets[i]);
    free(f->embeddings);
    *f = (findings){0};
}

static void keep_embeddings(const bench *b, findings *f) {
    size_t count = TOTAL * encoder_width(b->scorer.encoder);
    f->embeddings = malloc(count * sizeof *f->embeddings);
    assert_non_null(f->embeddings);
    memcpy(f->embeddings, b->scorer.embeddings, count * sizeof *f->embeddings);
}

// One after the other: all groups are sampled, then judged, then compared.
static void one_after_the_other(bench *b, findings *f) {
    generator *g = new_generator(b, 5);
    *f = (findings){0};
    assert_ok(generator_run(g, b->set.groups, GROUPS, &b->how, NULL));
    assert_ok(generator_write_texts(g, b->set.groups, GROUPS));
    assert_ok(scorer_judge(&b->scorer, b->set.groups, NULL, GROUPS, false, f->verdicts));
    assert_ok(scorer_diversity(&b->scorer, b->set.groups, GROUPS, f->scores, f->sets, &f->report));
    keep_embeddings(b, f);
    generator_free(g);
}

static void assert_same_text(const char *a, const char *b) {
    assert_true((a == NULL) == (b == NULL));
    if (a) assert_string_equal(a, b);
}

static void assert_same_findings(const bench *b, const findings *x, const findings *y) {
    for (size_t i = 0; i < TOTAL; i++) {
        assert_int_equal(x->verdicts[i].status, y->verdicts[i].status);
        assert_string_equal(x->verdicts[i].tier, y->verdicts[i].tier);
        assert_same_text(x->verdicts[i].extracted, y->verdicts[i].extracted);
        assert_int_equal(x->sets[i].count, y->sets[i].count);
        for (size_t k = 0; k < x->sets[i].count; k++)
            assert_string_equal(formula_text(&x->sets[i], k), formula_text(&y->sets[i], k));
    }
    assert_memory_equal(x->embeddings, y->embeddings, TOTAL * encoder_width(b->scorer.encoder) * sizeof(float));
    assert_memory_equal(x->scores, y->scores, sizeof x->scores);
    assert_memory_equal(&x->report, &y->report, sizeof x->report);
}

// ---- results do not depend on order or timing ----------------------------------------------------------------------------

typedef struct run {
    bench *b;
    findings *f;
    long delay; // 0: none; else a seed of delays of a few milliseconds before groups are judged
} run;

static status judge(void *context, const size_t *which, size_t count, bool beside) {
    const run *r = context;
    (void)beside;
    for (size_t i = 0; i < count; i++) r->f->order[r->f->judged++] = which[i];
    if (r->delay) nanosleep(&(struct timespec){.tv_nsec = (long)(which[0] * 7 + (size_t)r->delay) % 5 * 1000000}, NULL);
    TRY(scorer_judge(&r->b->scorer, r->b->set.groups, which, count, false, r->f->verdicts));
    return scorer_scan(&r->b->scorer, r->b->set.groups, which, count, r->f->sets);
}

static status embed(void *context, const size_t *which, size_t count, bool beside) {
    const run *r = context;
    return scorer_embed(&r->b->scorer, r->b->set.groups, which, count, beside);
}

static void beside_each_other(bench *b, findings *f, size_t rows, size_t judged_at_once, size_t embedded_at_once, long delay) {
    run r = {.b = b, .f = f, .delay = delay};
    overlap_report report;
    overlap_work work = {.generator = new_generator(b, rows),
                         .groups = b->set.groups,
                         .count = GROUPS,
                         .how = &b->how,
                         .stages = {{judge, judged_at_once}, {embed, embedded_at_once}},
                         .stage_count = 2,
                         .context = &r};
    *f = (findings){0};
    assert_ok(scorer_reserve(&b->scorer, TOTAL));
    assert_ok(overlap_run(&work, &report));
    assert_ok(scorer_compare(&b->scorer, b->set.groups, GROUPS, f->sets, f->scores, &f->report));
    assert_true(report.generation_seconds > 0 && report.rest_seconds >= 0);
    assert_true(report.beside_seconds >= 0 && report.beside_seconds <= report.generation_seconds + 1e-6);
    assert_int_equal(f->judged, GROUPS);
    assert_true(report.early[1] <= report.early[0] && report.early[0] <= GROUPS);
    if (judged_at_once == 0) assert_int_equal(report.early[0], 0);
    if (embedded_at_once == 0) assert_int_equal(report.early[1], 0);
    memcpy(f->early, report.early, sizeof f->early);
    keep_embeddings(b, f);
    generator_free(work.generator);
}

static void findings_do_not_depend_on_order_timing_or_thread(void **state) {
    (void)state;
    static const size_t rows[] = {1, 5, 48}, judged[] = {0, 1, GROUPS, GROUPS}, embedded[] = {0, 1, 0, 1};
    findings plain, again;
    size_t statuses = 0, out_of_order = 0, early = 0;
    for (int threads = 1; threads <= 3; threads++) {
        bench b;
        bench_open(&b, threads);
        one_after_the_other(&b, &plain);
        for (size_t i = 0; i < TOTAL; i++) statuses |= (size_t)1 << plain.verdicts[i].status;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
            for (size_t k = 0; k < sizeof judged / sizeof *judged; k++)
                for (long delay = 0; delay < 2; delay++) {
                    beside_each_other(&b, &again, rows[i], judged[k], embedded[k], delay * (1 + (long)(i + k)));
                    assert_same_findings(&b, &plain, &again);
                    for (size_t g = 0; g < GROUPS; g++) out_of_order += again.order[g] != g;
                    early += again.early[0] + again.early[1];
                    findings_free(&again);
                }
        findings_free(&plain);
        bench_close(&b);
    }
    printf("verdicts of kinds 0x%zx, %zu groups out of order, %zu looked at early\n", statuses, out_of_order, early);
    assert_true((statuses & (statuses - 1)) != 0); // several kinds
    assert_true(out_of_order > 0);
}

// ---- who waits for whom --------------------------------------------------------------------------------------------------

typedef struct meeting {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t wanted;        // pieces of one group that sampling waits for
    size_t pieces;        // that the stage has begun
    bool stopping;        // the watch has asked sampling to stop
    bool await_stop;      // the stage waits until it has
    bool stage_fails;     // instead of working
    size_t finished_then; // rollouts when sampling had waited
    size_t not_beside;    // pieces taken after sampling
    bool late;            // somebody waited a minute in vain
} meeting;

static void wait_for_change(meeting *m) {
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += 60;
    m->late |= pthread_cond_timedwait(&m->changed, &m->lock, &end) == ETIMEDOUT;
}

static status meeting_stage(void *context, const size_t *which, size_t count, bool beside) {
    meeting *m = context;
    (void)which, (void)count;
    pthread_mutex_lock(&m->lock);
    m->pieces++;
    m->not_beside += !beside;
    pthread_cond_broadcast(&m->changed);
    while (m->await_stop && !m->stopping && !m->late) wait_for_change(m);
    pthread_mutex_unlock(&m->lock);
    return m->stage_fails ? status_set(STATUS_IO, "the judge has left") : STATUS_OK;
}

// With one row groups finish one after the other: behind the rollouts of `wanted` groups these have, and others have not.
static bool meeting_watch(void *context, size_t finished, size_t tokens) {
    meeting *m = context;
    (void)tokens;
    pthread_mutex_lock(&m->lock);
    bool due = finished > m->wanted * SIZE;
    if (due && m->finished_then == 0) m->finished_then = finished;
    while (due && m->pieces < m->wanted && !m->late) wait_for_change(m);
    m->stopping = due && m->await_stop;
    bool stop = m->stopping;
    pthread_cond_broadcast(&m->changed);
    pthread_mutex_unlock(&m->lock);
    return stop;
}

static status meet_while_sampling(bench *b, meeting *m, overlap_report *report) {
    overlap_work work = {.generator = new_generator(b, 1),
                         .groups = b->set.groups,
                         .count = GROUPS,
                         .how = &b->how,
                         .watch = meeting_watch,
                         .stages = {{meeting_stage, 1}},
                         .stage_count = 1,
                         .context = m};
    m->lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    m->changed = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
    status code = overlap_run(&work, report);
    generator_free(work.generator);
    assert_false(m->late);
    return code;
}

// Sampling waits for a piece begun, and so for the piece before it to have ended.
static void a_group_is_judged_before_the_last_one_is_sampled(void **state) {
    meeting m = {.wanted = 2};
    overlap_report report;
    assert_ok(meet_while_sampling(*state, &m, &report));
    assert_in_range(m.finished_then, 2 * SIZE + 1, TOTAL - 1);
    assert_in_range(report.early[0], 1, GROUPS);
    assert_in_range(m.not_beside, 0, 1);
}

static void an_interruption_waits_for_the_piece_under_way(void **state) {
    meeting m = {.wanted = 1, .await_stop = true};
    overlap_report report;
    assert_int_equal(meet_while_sampling(*state, &m, &report), STATUS_INTERRUPTED);
    assert_int_equal(m.pieces, 1); // what else had finished is dropped
}

static void a_failure_beside_sampling_is_the_caller_s(void **state) {
    bench *b = *state;
    meeting m = {.wanted = 1, .stage_fails = true};
    overlap_report report;
    assert_int_equal(meet_while_sampling(b, &m, &report), STATUS_IO);
    assert_string_equal(status_message(), "the judge has left");
    assert_int_equal(m.pieces, 1);
    findings plain; // everything is as good as new
    one_after_the_other(b, &plain);
    findings_free(&plain);
}

static int open_bench(void **state) {
    bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    bench_open(b, 2);
    *state = b;
    return 0;
}

static int close_bench(void **state) {
    bench_close(*state);
    free(*state);
    return 0;
}

int main(int count, char **arguments) {
    if (count == 2 && !strcmp(arguments[1], "verify-worker")) return worker_main(WORKER_DESCRIPTOR);
    ssize_t length = readlink("/proc/self/exe", own_path, sizeof own_path - 1);
    if (length <= 0) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(findings_do_not_depend_on_order_timing_or_thread),
        cmocka_unit_test_setup_teardown(a_group_is_judged_before_the_last_one_is_sampled, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(an_interruption_waits_for_the_piece_under_way, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(a_failure_beside_sampling_is_the_caller_s, open_bench, close_bench),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
