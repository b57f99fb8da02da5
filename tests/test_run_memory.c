// run/: memory of a training run once it is warm. malloc and its kin are this program's own, so every allocation of the process,
// libraries included, passes through here; the linker (--wrap, CMakeLists.txt) lets it see when sampling and learning begin and
// end, when oneDNN is asked to execute a primitive, and which thread is the one that judges beside sampling: it may allocate.
//
// oneDNN puts the arguments of each execution into a hash table of its own and takes that apart again before it returns. This is
// the one thing that allocates in these phases; it is counted apart, bounded, and leaves nothing behind.
#include "assert_ok.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <oneapi/dnnl/dnnl.h>

#include "base/file.h"
#include "base/machine.h"
#include "rollout/generator.h"
#include "run/trainer.h"
#include "run/trainer_parts.h"

enum { WARM = 60, STEPS = 260 };
enum { MOST_OF_AN_EXECUTION = 8 }; // allocations within one of oneDNN's executions

// ---- what is counted -----------------------------------------------------------------------------------------------------

static atomic_bool watched, executing; // a phase is under way, and an execution within it
static _Thread_local bool judging;     // this thread judges: it is not looked at
static atomic_size_t own, library;     // allocations of warm phases, outside executions and within
static atomic_llong left;              // allocations less frees within executions
static atomic_size_t executions, most; // of warm phases; allocations of the execution that has most
static void *first_caller;             // who allocated in a warm phase

#if defined __has_feature
#define SANITIZED __has_feature(address_sanitizer)
#elif defined __SANITIZE_ADDRESS__
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

#if !SANITIZED
static void note_allocation(void *caller) {
    if (!watched || judging) return;
    if (executing) {
        library++;
        left++;
    } else if (own++ == 0) {
        first_caller = caller;
    }
}

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

#define NOTE() note_allocation(__builtin_return_address(0))

void *malloc(size_t bytes) {
    NOTE();
    return __libc_malloc(bytes);
}
void *calloc(size_t count, size_t bytes) {
    NOTE();
    return __libc_calloc(count, bytes);
}
void *realloc(void *memory, size_t bytes) {
    NOTE();
    return __libc_realloc(memory, bytes);
}
void *memalign(size_t alignment, size_t bytes);
void *memalign(size_t alignment, size_t bytes) {
    NOTE();
    return __libc_memalign(alignment, bytes);
}
void *aligned_alloc(size_t alignment, size_t bytes) {
    NOTE();
    return __libc_memalign(alignment, bytes);
}
int posix_memalign(void **out, size_t alignment, size_t bytes) {
    NOTE();
    *out = __libc_memalign(alignment, bytes);
    return *out ? 0 : ENOMEM;
}
void free(void *memory) {
    if (memory && watched && executing && !judging) left--;
    __libc_free(memory);
}
static const bool counts = true;
#else // the sanitizer's own allocator stays, and it keeps what was freed
static const bool counts = false;
#endif

static void need_the_allocator(void) {
    if (counts) return;
    printf("skip: the sanitizer has an allocator of its own\n");
    skip();
}

// ---- phases ----------------------------------------------------------------------------------------------------------------

static size_t steps, phases, resident_warm, resident_end;

status __real_generator_run(generator *g, group *groups, size_t count, const sampling *how, const generator_observer *observer);
status __wrap_generator_run(generator *g, group *groups, size_t count, const sampling *how, const generator_observer *observer);
status __real_trainer_update(trainer *t);
status __wrap_trainer_update(trainer *t);
dnnl_status_t __real_dnnl_primitive_execute(const_dnnl_primitive_t p, dnnl_stream_t stream, int count,
                                            const dnnl_exec_arg_t *arguments);
dnnl_status_t __wrap_dnnl_primitive_execute(const_dnnl_primitive_t p, dnnl_stream_t stream, int count,
                                            const dnnl_exec_arg_t *arguments);

status __wrap_generator_run(generator *g, group *groups, size_t count, const sampling *how, const generator_observer *observer) {
    watched = steps >= WARM;
    phases += watched;
    status code = __real_generator_run(g, groups, count, how, observer);
    watched = false;
    return code;
}

status __wrap_trainer_update(trainer *t) {
    watched = steps >= WARM;
    phases += watched;
    status code = __real_trainer_update(t);
    watched = false;
    steps++;
    if (steps == WARM) resident_warm = machine_resident();
    if (steps == STEPS) resident_end = machine_resident();
    return code;
}

// The thread that this program makes itself; OpenMP's are made in its library.
typedef struct thread_start {
    void *(*routine)(void *);
    void *argument;
} thread_start;

static size_t judging_threads;

static void *judge(void *argument) {
    judging = true;
    thread_start start = *(thread_start *)argument;
    free(argument);
    return start.routine(start.argument);
}

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*routine)(void *), void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*routine)(void *), void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*routine)(void *), void *argument) {
    thread_start *start = malloc(sizeof *start);
    assert_non_null(start);
    *start = (thread_start){routine, argument};
    judging_threads++;
    return __real_pthread_create(thread, attributes, judge, start);
}

dnnl_status_t __wrap_dnnl_primitive_execute(const_dnnl_primitive_t p, dnnl_stream_t stream, int count,
                                            const dnnl_exec_arg_t *arguments) {
    if (judging) return __real_dnnl_primitive_execute(p, stream, count, arguments);
    size_t before = library;
    executing = true;
    dnnl_status_t code = __real_dnnl_primitive_execute(p, stream, count, arguments);
    executing = false;
    if (watched) executions++;
    if (library - before > most) most = library - before;
    return code;
}

// ---- tests -----------------------------------------------------------------------------------------------------------------

static void print_line(void *context, const char *line) {
    (void)context;
    if (strncmp(line, "warning", 7) == 0) printf("%s\n", line);
}

// Responses end early and late, so that batches of all sizes occur.
static int train(void **state) {
    (void)state;
    char folder[] = "/tmp/dsdr-memory-XXXXXX", model[512], files[512], encoder[512];
    assert_non_null(mkdtemp(folder));
    char *run = path_join(folder, "run");
    snprintf(model, sizeof model, "actor_rollout_ref.model.path=%s/golden/model/tiny_lm", TEST_SOURCE_DIR);
    snprintf(files, sizeof files, "data.train_files=%s/golden/model/tiny_lm/train.jsonl", TEST_SOURCE_DIR);
    snprintf(encoder, sizeof encoder, "algorithm.dsdr.encoder=%s/golden/model/tiny_bert", TEST_SOURCE_DIR);
    const char *assignments[] = {model,
                                 files,
                                 encoder,
                                 "data.prompt_key=prompt",
                                 "data.prompt_template={problem}\n",
                                 "algorithm.method=dsdr",
                                 "data.train_batch_size=4",
                                 "data.max_prompt_length=64",
                                 "data.max_response_length=16",
                                 "actor_rollout_ref.rollout.n=4",
                                 "actor_rollout_ref.actor.ppo_mini_batch_size=2",
                                 "actor_rollout_ref.actor.use_kl_loss=true",
                                 "actor_rollout_ref.actor.optim.lr=1e-3",
                                 "trainer.total_training_steps=260",
                                 "trainer.save_freq=-1",
                                 "trainer.probe_freq=5",
                                 "reward_model.overlap=all",
                                 "trainer.threads=2"};
    settings s;
    assert_ok(settings_load(&s, NULL, assignments, sizeof assignments / sizeof *assignments));
    training_options options = {.folder = run, .line = print_line};
    training_result result;
    assert_ok(trainer_run(&s, &options, &result));
    assert_int_equal(result.steps, STEPS);
    settings_free(&s);
    assert_ok(folder_remove(folder));
    free(run);
    return 0;
}

static void nothing_is_allocated_in_warm_sampling_and_learning(void **state) {
    (void)state;
    need_the_allocator();
    printf("%zu executions of warm phases: %zu allocations within them, at most %zu in one; %zu outside\n", executions, library,
           most, own);
    if (own > 0) fail_msg("%zu allocations in warm phases, the first by %p", own, first_caller);
    assert_int_equal(left, 0);
    assert_true(most <= MOST_OF_AN_EXECUTION);
    assert_int_equal(phases, 2 * (STEPS - WARM));
    assert_int_equal(judging_threads, STEPS);
    watched = true;
    free(strdup("this one is seen"));
    watched = false;
    assert_int_equal(own, 1);
}

// The record's pages in memory grow to SQLite's limit of 2 MB; products that are built as their shapes turn up take more.
static void memory_is_flat_once_warm(void **state) {
    (void)state;
    need_the_allocator();
    printf("resident after %d steps %zu KB, after %d steps %zu KB\n", WARM, resident_warm >> 10, STEPS, resident_end >> 10);
    assert_true(resident_warm > 0 && resident_end > 0);
    if (!(resident_end <= resident_warm + (3 << 20))) fail_msg("%zu KB more", (resident_end - resident_warm) >> 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_allocated_in_warm_sampling_and_learning),
        cmocka_unit_test(memory_is_flat_once_warm),
    };
    return cmocka_run_group_tests(tests, train, NULL);
}
