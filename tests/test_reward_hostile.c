// Answers made to hang, crash or exhaust a verifier: each gets a verdict within 300 ms of processor time and within the memory of
// a worker, and a worker that is killed from outside costs its own answer alone. Run again with an argument, this program is a
// worker.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "math/equal.h"
#include "reward/worker.h"

#if defined(__SANITIZE_ADDRESS__)
#define SECONDS_MAX 3.0 // a sanitizer takes its time
#else
#define SECONDS_MAX 0.3
#endif

static const char *self; // path of this program

static verify_pool *pool_of(const char *kind, size_t workers) {
    const char *argv[] = {self, kind, NULL};
    verify_pool_options options = {
        .argv = argv, .workers = workers, .deadline_seconds = 60, .cpu_seconds = 300, .memory_bytes = (size_t)1 << 30};
    verify_pool *pool = NULL;
    status code = verify_pool_create(&options, &pool);
    if (code != STATUS_OK) print_error("%s\n", status_message());
    assert_int_equal(code, STATUS_OK);
    return pool;
}

// ---- the list ------------------------------------------------------------------------------------------------------------

typedef struct pair_list {
    struct {
        buffer gold, answer;
    } pairs[256];
    size_t count;
} pair_list;

static void add(pair_list *list, const char *gold, const char *answer) {
    assert_true(list->count < 256);
    assert_int_equal(buffer_append_text(&list->pairs[list->count].gold, gold), STATUS_OK);
    assert_int_equal(buffer_append_text(&list->pairs[list->count].answer, answer), STATUS_OK);
    list->count++;
}

// An answer of `before` n times, `middle` once and `after` n times.
static void add_repeated(pair_list *list, const char *gold, const char *before, size_t n, const char *middle, const char *after) {
    add(list, gold, "");
    buffer *b = &list->pairs[list->count - 1].answer;
    for (size_t i = 0; i < n; i++) assert_int_equal(buffer_append_text(b, before), STATUS_OK);
    assert_int_equal(buffer_append_text(b, middle), STATUS_OK);
    for (size_t i = 0; i < n; i++) assert_int_equal(buffer_append_text(b, after), STATUS_OK);
}

// The square of a sum of roots of `count` primes, and its root, against the sum itself.
static void add_sum_of_roots(pair_list *list, size_t count) {
    static const int primes[16] = {2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53};
    buffer sum = {0}, root = {0}, expanded = {0};
    int whole = 0;
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(buffer_printf(&sum, "%s\\sqrt{%d}", i ? "+" : "", primes[i]), STATUS_OK);
        whole += primes[i];
        for (size_t k = 0; k < i; k++)
            assert_int_equal(buffer_printf(&expanded, "+2\\sqrt{%d}", primes[i] * primes[k]), STATUS_OK);
    }
    assert_int_equal(buffer_printf(&expanded, "+%d", whole), STATUS_OK);
    assert_int_equal(buffer_printf(&root, "\\sqrt{(%s)^2}", sum.data), STATUS_OK);
    add(list, sum.data, root.data);
    buffer_clear(&root);
    assert_int_equal(buffer_printf(&root, "(%s)^2", sum.data), STATUS_OK);
    add(list, root.data, expanded.data);
    buffer_free(&sum), buffer_free(&root), buffer_free(&expanded);
}

// Sixty members against the same ones backwards: each is compared with each.
static void add_long_list(pair_list *list, const char *member) {
    buffer there = {0}, back = {0};
    for (int i = 0; i < 60; i++) {
        assert_int_equal(buffer_printf(&there, i ? "," : ""), STATUS_OK);
        assert_int_equal(buffer_printf(&there, member, i + 2), STATUS_OK);
        assert_int_equal(buffer_printf(&back, i ? "," : ""), STATUS_OK);
        assert_int_equal(buffer_printf(&back, member, 61 - i), STATUS_OK);
    }
    add(list, there.data, back.data);
    buffer_free(&there), buffer_free(&back);
}

// A product of `count` matrices, with `powers` of it behind: "^8)^8" squares three times and again three times.
static void add_matrices(pair_list *list, size_t count, const char *entry, const char *powers) {
    add(list, "\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}", "");
    buffer *b = &list->pairs[list->count - 1].answer;
    for (const char *c = powers; *c; c++)
        if (*c == ')') assert_int_equal(buffer_append_byte(b, '('), STATUS_OK);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(buffer_printf(b, "\\begin{pmatrix}%s&1\\\\1&0\\end{pmatrix}", entry), STATUS_OK);
    assert_int_equal(buffer_append_text(b, powers), STATUS_OK);
}

static void make_list(pair_list *list) {
    static const char *const plain[][2] = {
        {"1", "9^{9^{9^9}}"},
        {"1", "9^{9^9}"},
        {"1", "10^{10^{10}}"},
        {"1", "2^{2^{2^{2^{2^2}}}}"},
        {"1", "9^{10^{12}}"},
        {"1", "(10^9)!"},
        {"1", "((10^9)!)!"},
        {"1", "\\binom{10^9}{5\\cdot 10^8}"},
        {"1", "(1+\\sqrt2)^{10^9}"},
        {"1", "2^{1/(10^9+7)}"},
        {"1", "\\Gamma(10^9)"},
        {"1", "\\zeta(10^9)"},
        {"(x+y+1)^{2700}", "(x+y+1)^{2701}"},
        {"(x+y+1)^{2700}", "(y+x+1)^{2700}"},
        {"(x+y+z+w)^{60}", "(x+y+w+z)^{60}+0"},
        {"(x+1)^{10^9}", "(1+x)^{10^9}"},
        {"x", "x^{10^{12}}"},
        {"x^{x^{x^x}}", "x^{x^{x^{x}}}+0"},
        {"1", "\\sum_{k=1}^{10^9} k"},
        {"1", "\\sum_{i=1}^{1000}\\sum_{j=1}^{1000}\\sum_{k=1}^{1000} 1"},
        {"1", "\\prod_{k=1}^{1000} k^k"},
        {"1", "\\prod_{k=1}^{1000} k!"},
        {"x", "\\sum_{k=1}^{1000} \\frac{k+3^{30000}}{7^{20000}+1}+x"},
        {"1", "\\sum_{k=1}^{1000} \\gcd(3^{30000}+k,7^{20000}+k^2)"},
        {"1", "\\sum_{k=1}^{1000} \\lfloor\\frac{3^{30000}+k}{7^{15000}+k}\\rfloor"},
        {"1", "e^{e^{e^{10}}}"},
        {"1", "\\sin(10^{1000})"},
        {"1", "\\sin(10^{10^{6}})"},
        {"1", "\\tan(\\pi/2)"},
        {"0", "\\frac{1}{\\tan(\\pi/2)}"},
        {"1", "\\frac{0}{0}"},
        {"1", "\\ln 0"},
        {"1", "1e99999999999999999999"},
        {"1", "1e-4999"},
        {"1", "\\lfloor 10^{4000}\\pi \\rfloor"},
        {"1", "\\lceil (1+\\sqrt2)^{200}+(1-\\sqrt2)^{200}\\rceil"},
        {"1", "\\gcd(10^{4000}+1,7^{4000})"},
        {"(n!)!", "(n!)!+\\sin 0"},
        {"\\binom{2n}{n}", "\\frac{(2n)!}{(n!)^2}"},
        {"\\Gamma(x+1)", "x\\Gamma(x)"},
        {"e^{\\pi\\sqrt{163}}", "262537412640768744"},
        {"\\sin(e^{e^5})+1", "1+\\sin(e^{e^5})"},
        {"n!^{14}\\bmod 997", "(n!^7)^2\\bmod 997"},
        {"\\lfloor\\frac{n!^{14}}{997(n+1)!^{13}}\\rfloor", "\\lfloor\\frac{(n!^7)^2}{997(n+1)!^{13}}\\rfloor"},
        {"\\lfloor\\frac{n}{997}\\rfloor\\sqrt{n!^{12}}", "\\lfloor\\frac{n}{997}\\rfloor n!^6"},
        {"|x-3|+\\Gamma(x+\\frac13)\\Gamma(x+\\frac23)e^{-900}", "|3-x|+e^{-900}\\Gamma(x+\\frac13)(x-\\frac13)!"},
        {"\\max(x,5)+\\ln\\Gamma(x+\\pi)+e^{-1000}", "\\max(5,x)+\\ln((x+\\pi-1)!)+e^{-1000}"},
        {"\\pm1\\pm2\\pm3\\pm4", "\\pm1\\pm2\\pm4\\pm3"},
        {"5", "__import__('os').system('sleep 9')"},
        {"5", "5\xff\xfe\x80"},
        {"5", "\xc0\xaf\xed\xa0\x80\xf5\x90"},
        {"5", "\xe2\x80\xae"
              "5"},
    };
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) add(list, plain[i][0], plain[i][1]);
    for (size_t count = 4; count <= 16; count += 2) add_sum_of_roots(list, count);
    for (size_t depth = 3; depth <= 60; depth += 19) add_repeated(list, "2", "\\sqrt{2+", depth, "2", "}");
    for (size_t depth = 3; depth <= 60; depth += 19) add_repeated(list, "2", "\\sqrt{2+", depth, "3", "}");
    add_repeated(list, "1", "{", 51200, "", "}");
    add_repeated(list, "1", "{", 900, "1", "}");
    add_repeated(list, "1", "(", 900, "1", ")");
    add_repeated(list, "1", "\\sqrt{", 300, "2", "}");
    add_repeated(list, "x", "f(", 60, "x", ")");
    add_repeated(list, "1", "\\frac", 400, "", "");
    add_repeated(list, "1", "\\sin ", 400, "1", "");
    add_repeated(list, "1", "|", 1000, "", "|");
    add_repeated(list, "1", "-", 2000, "1", "");
    add_repeated(list, "1", "", 2000, "5", "!");
    add_repeated(list, "x", "x", 2000, "", "");
    add_repeated(list, "x", "x^", 500, "x", "");
    add_repeated(list, "1", "1,", 900, "1", "");
    add_repeated(list, "1", "1+", 250, "1", "");
    add_repeated(list, "1", "9", 2000, "9", "");
    add_repeated(list, "\\frac13", "", 2000, "0.", "3");
    add_repeated(list, "1", "\xf0\x9f\x98\x80", 400, "", "");
    for (size_t depth = 17; depth <= 60; depth += 43) add_repeated(list, "5", "_{", depth, "5", "}P_1");
    add_repeated(list, "5", "{}_{n}P_{", 60, "k", "}");
    add_repeated(list, "1", "\\bm", 600, "1", "");
    add_repeated(list, "1", "\\mathrm", 250, "1", "");
    add_repeated(list, "1", "\\mathrm{", 200, "1", "}");
    add_repeated(list, "1", "\\sqrt", 400, "2", "");
    add_repeated(list, "1", "x_{", 60, "1e4999", "}");
    add_repeated(list, "\\sin x", "(", 60, "\\sin x+2", ")^{64}");
    add_repeated(list, "y=x", "", 1, "y=x+(((((2", "^{64})^{64})^{64})^{64})^{64}");
    add_repeated(list, "\\sin x", "", 1, "\\sin x+(((((2", "^{64})^{64})^{64})^{64})^{64}");
    add_repeated(list, "y=x", "(", 60, "x", "+1)^{64}=y");
    add_matrices(list, 18, "1", "");
    add_matrices(list, 26, "1", "");
    add_matrices(list, 26, "x", "");
    add_matrices(list, 1, "1", "^8)^8)^2");
    add_matrices(list, 1, "1", "^8)^8)^8)^8");
    add_matrices(list, 1, "x", "^8)^8)^8)^8");
    add_matrices(list, 1, "\\sqrt2", "^8)^8)^8)^8");
    add_long_list(list, "\\sqrt{%d}");
    add_long_list(list, "\\sin %d + \\pi");
    add_repeated(list, "1", "\\begin{vmatrix}9^{999}", 1, "&9^{998}\\\\9^{997}&9^{996}", "\\end{vmatrix}");
    add(list, "5", "5"); // NUL bytes, see below
    assert_int_equal(buffer_append(&list->pairs[list->count - 1].answer, "\0\0", 2), STATUS_OK);
}

// How long an answer is judged. The clock on the wall would tell of other programs too.
static double processor_seconds(const verify_item *item) {
    verdict v;
    clock_t begin = clock();
    assert_int_equal(verify_answer(NULL, item->gold, item->gold_length, item->text, item->text_length, &v), STATUS_OK);
    double seconds = (double)(clock() - begin) / CLOCKS_PER_SEC;
    verdict_clear(&v);
    return seconds;
}

static void hostile_answers_get_a_verdict_in_time(void **state) {
    (void)state;
    static pair_list list;
    make_list(&list);
    verify_item *items = calloc(list.count, sizeof *items);
    for (size_t i = 0; i < list.count; i++)
        items[i] = (verify_item){.gold = buffer_text(&list.pairs[i].gold),
                                 .gold_length = list.pairs[i].gold.length,
                                 .text = buffer_text(&list.pairs[i].answer),
                                 .text_length = list.pairs[i].answer.length,
                                 .is_answer = true};
    verify_pool *pool = pool_of("worker", 1);
    assert_int_equal(verify_batch(pool, NULL, items, list.count), STATUS_OK);
    size_t failed = 0;
    for (size_t i = 0; i < list.count; i++) {
        const verdict *v = &items[i].out;
        double seconds = processor_seconds(&items[i]);
        bool bad = v->status == VERDICT_TIMEOUT || v->status == VERDICT_ERROR || !(seconds <= SECONDS_MAX);
        if (bad)
            print_error("gold %.60s, answer %.60s: %s, %.3f s\n", items[i].gold, items[i].text, verdict_name(v->status), seconds);
        failed += bad;
        verdict_clear(&items[i].out);
        buffer_free(&list.pairs[i].gold), buffer_free(&list.pairs[i].answer);
    }
    verify_pool_counters counters = verify_pool_count(pool);
    assert_int_equal(counters.wall_timeouts + counters.crashes + counters.restarts, 0);
    assert_int_equal(failed, 0);
    verify_pool_free(pool);
    free(items);
}

// ---- without a worker ----------------------------------------------------------------------------------------------------

// Keys and forms are made in the calling process, where nothing could end them: what they hold is of the size of what was
// written, however it is nested.
static void keys_and_forms_of_hostile_answers_stay_small(void **state) {
    (void)state;
    static pair_list list;
    make_list(&list);
    for (size_t depth = 20; depth <= 30000; depth *= 38) { // whole chains of what is only a change of font, too
        add_repeated(&list, "1", "\\bm", depth, "", "");
        add_repeated(&list, "1", "\\mathbf", depth, "", "");
        add_repeated(&list, "1", "\\mathrm{", depth, "1", "}");
    }
    const size_t most = 100000; // a number may have as many digits as 65,536 bits take, several times over
    for (size_t i = 0; i < list.count; i++) {
        buffer *answer = &list.pairs[i].answer, key = {0}, form = {0};
        assert_int_equal(math_answer_key(buffer_text(answer), answer->length, NULL, &key), STATUS_OK);
        status code = math_answer_form(buffer_text(answer), answer->length, NULL, &form);
        assert_true(code == STATUS_OK || code == STATUS_UNSUPPORTED || code == STATUS_LIMIT);
        if (answer->length <= 2048 && !(key.length <= most && form.length <= most))
            fail_msg("%.60s: a key of %zu bytes, a form of %zu", buffer_text(answer), key.length, form.length);
        assert_true(answer->length <= 2048 || (key.length == answer->length && code == STATUS_LIMIT));
        buffer_free(&key), buffer_free(&form);
        buffer_free(&list.pairs[i].gold), buffer_free(answer);
    }
}

// ---- killed from outside ------------------------------------------------------------------------------------------------------

// Kills every child that the main thread has started, once, a little later.
static void *kill_children(void *unused) {
    usleep(300000);
    char path[64], line[256] = "";
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)getpid(), (int)getpid());
    FILE *file = fopen(path, "r");
    if (file && fgets(line, sizeof line, file))
        for (char *at = line, *end; strtol(at, &end, 10) > 0; at = end) kill((pid_t)strtol(at, NULL, 10), SIGKILL);
    if (file) fclose(file);
    return unused;
}

static void a_worker_killed_from_outside_costs_its_own_answer(void **state) {
    (void)state;
    verify_pool *pool = pool_of("waiting-worker", 1);
    verify_item items[5];
    for (size_t i = 0; i < 5; i++) {
        const char *text = i == 2 ? "wait" : i == 4 ? "\\boxed{4}" : "\\boxed{3}";
        items[i] = (verify_item){.gold = "3", .gold_length = 1, .text = text, .text_length = strlen(text)};
    }
    pthread_t killer;
    assert_int_equal(pthread_create(&killer, NULL, kill_children, NULL), 0);
    assert_int_equal(verify_batch(pool, NULL, items, 5), STATUS_OK);
    pthread_join(killer, NULL);
    const verdict_status expected[5] = {VERDICT_CORRECT, VERDICT_CORRECT, VERDICT_ERROR, VERDICT_CORRECT, VERDICT_WRONG};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(items[i].out.status, expected[i]);
        verdict_clear(&items[i].out);
    }
    assert_int_equal(verify_pool_count(pool).crashes, 1);
    assert_int_equal(verify_pool_count(pool).restarts, 1);
    verify_pool_free(pool);
}

// ---- left behind -----------------------------------------------------------------------------------------------------------

static void stand_still(int unused) {
    (void)unused;
    for (;;) pause();
}

// A worker that stands still in the middle of the first judgement that takes 5 ms of processor time: not that of the greeting, as
// everything has been used once before.
static int stuck_worker(void) {
    verdict v;
    if (verify_answer(NULL, "1", 1, "1.0", 3, &v) != STATUS_OK) return 1;
    verdict_clear(&v);
    signal(SIGPROF, stand_still);
    const struct itimerval soon = {.it_value = {.tv_usec = 5000}};
    return setitimer(ITIMER_PROF, &soon, NULL) == 0 ? worker_main(WORKER_DESCRIPTOR) : 1;
}

// Starts a stuck worker, says so on `ready`, and waits for it.
static int lonely_host(int ready) {
    static pair_list list;
    add_long_list(&list, "|\\zeta(x+%d)|"); // takes 30 ms
    const buffer *gold = &list.pairs[0].gold, *answer = &list.pairs[0].answer;
    verify_item item = {
        .gold = gold->data, .gold_length = gold->length, .text = answer->data, .text_length = answer->length, .is_answer = true};
    const char *argv[] = {self, "stuck-worker", NULL};
    verify_pool_options options = {.argv = argv, .workers = 1, .deadline_seconds = 3};
    verify_pool *pool = NULL;
    if (verify_pool_create(&options, &pool) != STATUS_OK || write(ready, "", 1) != 1) return 1;
    return verify_batch(pool, NULL, &item, 1) != STATUS_OK;
}

static void a_busy_worker_whose_host_has_died_ends(void **state) {
    (void)state;
    int pair[2], how = 0;
    char byte, path[64];
    long worker = 0;
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0); // an orphan becomes a child of this process
    assert_int_equal(pipe(pair), 0);
    pid_t host = fork();
    if (host == 0) _exit(lonely_host(pair[1]));
    assert_int_equal(read(pair[0], &byte, 1), 1);
    usleep(500000); // the request is sent
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)host, (int)host);
    FILE *file = fopen(path, "r");
    assert_true(file && fscanf(file, "%ld", &worker) == 1);
    fclose(file);
    kill(host, SIGKILL);
    assert_int_equal(waitpid(host, NULL, 0), host);
    pid_t ended = 0;
    for (int tenths = 0; tenths < 200 && ended == 0; tenths++) {
        usleep(100000);
        ended = waitpid((pid_t)worker, &how, WNOHANG);
    }
    if (ended == 0) kill((pid_t)worker, SIGKILL);
    assert_int_equal(ended, worker);
    assert_true(WIFSIGNALED(how) && WTERMSIG(how) == SIGALRM);
    close(pair[0]), close(pair[1]);
}

// A worker that sleeps when the last bytes of a request are "wait", and answers honestly else.
static int waiting_worker(void) {
    for (;;) {
        unsigned char head[4];
        if (recv(WORKER_DESCRIPTOR, head, 4, MSG_PEEK | MSG_WAITALL) != 4) return 0;
        size_t length = 4 + (head[0] | (size_t)head[1] << 8);
        char *request = malloc(length), reply[4096];
        if (recv(WORKER_DESCRIPTOR, request, length, MSG_WAITALL) != (ssize_t)length) return 1;
        if (memcmp(request + length - 4, "wait", 4) == 0) pause();
        // The loop ends when its socket does, so each judgement runs on a pair of its own.
        int pair[2];
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) return 1;
        if (write(pair[0], request, length) != (ssize_t)length) return 1;
        free(request);
        shutdown(pair[0], SHUT_WR);
        worker_main(pair[1]);
        ssize_t n = read(pair[0], reply, sizeof reply);
        close(pair[0]), close(pair[1]);
        if (n <= 0 || write(WORKER_DESCRIPTOR, reply, (size_t)n) != n) return 1;
    }
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "worker") == 0) return worker_main(WORKER_DESCRIPTOR);
    if (argc > 1 && strcmp(argv[1], "stuck-worker") == 0) return stuck_worker();
    if (argc > 1 && strcmp(argv[1], "waiting-worker") == 0) return waiting_worker();
    char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    if (n <= 0) return 1;
    path[n] = 0, self = path;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hostile_answers_get_a_verdict_in_time),
        cmocka_unit_test(keys_and_forms_of_hostile_answers_stay_small),
        cmocka_unit_test(a_busy_worker_whose_host_has_died_ends),
        cmocka_unit_test(a_worker_killed_from_outside_costs_its_own_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
