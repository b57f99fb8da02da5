// The queue of finished groups and the thread that serves it. See overlap.h; called by run/collect.c and run/evaluate.c.
#include "run/overlap.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "math/equal.h"

static const size_t stack_bytes = (size_t)8 << 20; // as a main thread usually has

typedef struct queue {
    const overlap_work *work;
    pthread_mutex_t lock; // of all that follows
    pthread_cond_t changed;
    size_t *order;                      // [count] groups, as they finished
    size_t reached[OVERLAP_STAGES + 1]; // of these: how many have finished, and how many each stage is done with
    bool closing;                       // sampling has ended
    double busy, since;                 // seconds that the second thread was at work; when its present piece began, 0: none
    status code;                        // the first failure of the second thread, with its message
    char message[2048];
} queue;

static double seconds_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

// Finished groups, in order[first ...], that stage `stage` comes to next.
typedef struct piece {
    size_t stage, first, count;
} piece;

static status run_piece(const queue *q, const piece *p, bool beside) {
    const overlap_work *w = q->work;
    const size_t *groups = q->order + p->first;
    for (size_t i = 0; i < p->count && p->stage == 0; i++) TRY(generator_write_texts(w->generator, &w->groups[groups[i]], 1));
    return w->stages[p->stage].run(w->context, groups, p->count, beside);
}

// ---- the second thread ---------------------------------------------------------------------------------------------------

static bool find_piece(const queue *q, piece *p) {
    for (size_t k = 0; k < q->work->stage_count; k++) {
        size_t most = q->work->stages[k].at_once, waiting = q->reached[k] - q->reached[k + 1];
        *p = (piece){.stage = k, .first = q->reached[k + 1], .count = waiting < most ? waiting : most};
        if (p->count > 0) return true;
    }
    return false;
}

static void *serve(void *argument) {
    queue *q = argument;
    piece p;
    pthread_mutex_lock(&q->lock);
    while (!q->closing && q->code == STATUS_OK) {
        if (!find_piece(q, &p)) {
            pthread_cond_wait(&q->changed, &q->lock);
            continue;
        }
        q->since = seconds_now();
        pthread_mutex_unlock(&q->lock);
        status code = run_piece(q, &p, true);
        pthread_mutex_lock(&q->lock);
        q->busy += seconds_now() - q->since, q->since = 0;
        q->reached[p.stage + 1] += p.count;
        q->code = code;
        if (code != STATUS_OK) snprintf(q->message, sizeof q->message, "%s", status_message());
    }
    pthread_mutex_unlock(&q->lock);
    math_end_thread();
    return NULL;
}

// Signals are for the thread that samples.
static bool start_thread(queue *q, pthread_t *thread) {
    pthread_attr_t attributes;
    sigset_t all, before;
    if (q->work->stages[0].at_once == 0 || pthread_attr_init(&attributes) != 0) return false;
    pthread_attr_setstacksize(&attributes, stack_bytes);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool started = pthread_create(thread, &attributes, serve, q) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return started;
}

// ---- the calling thread --------------------------------------------------------------------------------------------------

static void add_finished(void *context, size_t group) {
    queue *q = context;
    pthread_mutex_lock(&q->lock);
    q->order[q->reached[0]++] = group;
    pthread_cond_signal(&q->changed);
    pthread_mutex_unlock(&q->lock);
}

// Sampling also stops where the second thread has failed.
static bool watch(void *context, size_t finished, size_t tokens) {
    queue *q = context;
    pthread_mutex_lock(&q->lock);
    bool failed = q->code != STATUS_OK;
    pthread_mutex_unlock(&q->lock);
    return failed || (q->work->watch && q->work->watch(q->work->context, finished, tokens));
}

// What the second thread has done by now, and that it has to end.
static void close_queue(queue *q, overlap_report *report) {
    pthread_mutex_lock(&q->lock);
    q->closing = true;
    report->beside_seconds = q->busy + (q->since > 0 ? seconds_now() - q->since : 0);
    for (size_t k = 0; k < q->work->stage_count; k++) report->early[k] = q->reached[k + 1];
    pthread_cond_signal(&q->changed);
    pthread_mutex_unlock(&q->lock);
}

// The rest, by this thread alone.
static status finish(queue *q) {
    for (size_t k = 0; k < q->work->stage_count; k++) {
        piece p = {.stage = k, .first = q->reached[k + 1], .count = q->reached[k] - q->reached[k + 1]};
        if (p.count > 0) TRY(run_piece(q, &p, false));
        q->reached[k + 1] = q->reached[k];
    }
    return STATUS_OK;
}

static status sample_and_serve(queue *q, overlap_report *report) {
    const overlap_work *w = q->work;
    const generator_observer observer = {.watch = watch, .finished = add_finished, .context = q};
    pthread_t thread;
    double start = seconds_now();
    bool started = start_thread(q, &thread);
    status code = generator_run(w->generator, w->groups, w->count, w->how, &observer);
    double sampled = seconds_now();
    close_queue(q, report);
    if (started) pthread_join(thread, NULL);
    if (q->code != STATUS_OK) code = status_set(q->code, "%s", q->message);
    if (code == STATUS_OK) code = finish(q);
    report->generation_seconds = sampled - start;
    report->rest_seconds = seconds_now() - sampled;
    return code;
}

status overlap_run(const overlap_work *work, overlap_report *report) {
    queue q = {.work = work, .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    *report = (overlap_report){0};
    q.order = calloc(work->count + 1, sizeof *q.order);
    if (!q.order) return status_set(STATUS_NO_MEMORY, "out of memory");
    status code = sample_and_serve(&q, report);
    free(q.order);
    return code;
}
