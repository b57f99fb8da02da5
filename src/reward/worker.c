// A pool of helper processes and the helper's loop. See worker.h for the protocol; called by the trainer, the evaluation and the
// row commands, and, for the helper, by `dsdr verify-worker`.
#include "reward/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "math/equal.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED true
#elif defined(__has_feature)
#define SANITIZED __has_feature(address_sanitizer)
#else
#define SANITIZED false
#endif

extern char **environ;

#define MESSAGE_MAX ((size_t)64 << 20) // bytes; gold and text have at most a quarter of it each
#define REQUEST_HEAD 32                // bytes behind the length
#define REPLY_HEAD 10
#define REPLY_TEXTS 4
#define NO_ITEM SIZE_MAX
#define START_SECONDS 5 // more for the first answer of a helper

typedef struct helper {
    pid_t pid;      // 0: not running
    int descriptor; // non-blocking
    size_t item;    // NO_ITEM: idle
    bool retried;   // the item was sent before, to a helper that had already ended
    bool fresh;     // has not answered yet: its start is not the item's time
    double deadline, judged_seconds;
    buffer out;
    size_t sent;
    buffer in;
} helper;

struct verify_pool {
    verify_pool_options options;
    char **argv; // own copies
    helper *helpers;
    verify_pool_counters counters;
};

static double now_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void put_u32(unsigned char *p, uint32_t v) {
    for (int i = 0; i < 4; i++) p[i] = (unsigned char)(v >> (8 * i));
}

static uint32_t get_u32(const unsigned char *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void put_u64(unsigned char *p, uint64_t v) {
    for (int i = 0; i < 8; i++) p[i] = (unsigned char)(v >> (8 * i));
}

static uint64_t get_u64(const unsigned char *p) { return (uint64_t)get_u32(p) | (uint64_t)get_u32(p + 4) << 32; }

// ---- the helper ------------------------------------------------------------

static bool read_all(int descriptor, void *bytes, size_t count) {
    for (size_t done = 0; done < count;) {
        ssize_t n = read(descriptor, (char *)bytes + done, count - done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        done += (size_t)n;
    }
    return true;
}

static bool write_all(int descriptor, const void *bytes, size_t count) {
    for (size_t done = 0; done < count;) {
        ssize_t n = send(descriptor, (const char *)bytes + done, count - done, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        done += (size_t)n;
    }
    return true;
}

// The tiers of a verdict, by the number that is sent: those of math/, no answer found, nothing said.
static const char *const tiers[] = {
#define X(name) name,
    MATH_TIER_TABLE(X)
#undef X
        "extract",
    ""};
#define TIERS (sizeof tiers / sizeof *tiers)

static unsigned char tier_number(const char *tier) { // TIERS, which no host accepts, for one that is missing above
    size_t i = 0;
    while (i < TIERS && strcmp(tiers[i], tier) != 0) i++;
    return (unsigned char)i;
}

static bool reply(int descriptor, const verdict *v) {
    const char *texts[REPLY_TEXTS] = {v->extracted, v->gold_form, v->answer_form, v->reason};
    unsigned char head[4 + REPLY_HEAD], size[4];
    uint64_t bits;
    memcpy(&bits, &v->microseconds, sizeof bits);
    head[4] = (unsigned char)v->status;
    head[5] = tier_number(v->tier);
    put_u64(head + 6, bits);
    buffer message = {0};
    status code = buffer_append(&message, head, sizeof head);
    for (int i = 0; i < REPLY_TEXTS && code == STATUS_OK; i++) {
        size_t length = texts[i] ? strlen(texts[i]) : 0;
        put_u32(size, texts[i] ? (uint32_t)length + 1 : 0);
        code = buffer_append(&message, size, sizeof size);
        if (code == STATUS_OK) code = buffer_append(&message, texts[i], length);
    }
    if (code == STATUS_OK) put_u32((unsigned char *)message.data, (uint32_t)message.length - 4);
    bool sent = code == STATUS_OK && write_all(descriptor, message.data, message.length);
    buffer_free(&message);
    return sent;
}

// Fills a verdict from a reply of `length` bytes; false for one that no helper writes, and when memory is out.
static bool read_reply(const unsigned char *in, size_t length, verdict *out) {
    if (in[0] >= VERDICT_STATUS_COUNT || in[1] >= TIERS) return false;
    uint64_t bits = get_u64(in + 2);
    *out = (verdict){.status = (verdict_status)in[0], .tier = tiers[in[1]]};
    memcpy(&out->microseconds, &bits, sizeof bits);
    char **texts[REPLY_TEXTS] = {&out->extracted, &out->gold_form, &out->answer_form, &out->reason};
    size_t at = REPLY_HEAD;
    for (int i = 0; i < REPLY_TEXTS; i++) {
        if (length - at < 4) return false;
        size_t size = get_u32(in + at);
        at += 4;
        if (size == 0) continue;
        if (length - at < size - 1) return false;
        const char *text = (const char *)in + at;
        at += size - 1;
        if (!(*texts[i] = text_copy(text, size - 1))) return false;
    }
    return at == length;
}

int worker_main(int descriptor) {
    unsigned char *message = NULL;
    size_t capacity = 0;
    int code = 0;
    for (;;) {
        unsigned char head[4];
        if (!read_all(descriptor, head, sizeof head)) break; // the host is done, or gone
        size_t length = get_u32(head);
        code = 1;
        if (length < REQUEST_HEAD || length > MESSAGE_MAX) break;
        if (length > capacity) {
            unsigned char *grown = realloc(message, length);
            if (!grown) break;
            message = grown, capacity = length;
        }
        if (!read_all(descriptor, message, length)) break;
        verify_options options = {.profile = (answer_profile)(message[1] < PROFILE_COUNT ? message[1] : 0),
                                  .think_open = message[2] != 0,
                                  .gold_rounded = message[3] != 0,
                                  .significant_digits = (int)get_u32(message + 4),
                                  .decimals = (int)get_u32(message + 8),
                                  .seed = get_u64(message + 12),
                                  .skip_text = message[28] != 0,
                                  .explain = message[29] != 0};
        size_t gold = get_u32(message + 20), text = get_u32(message + 24);
        if (gold > length || text > length || REQUEST_HEAD + gold + text != length) break;
        const char *bytes = (const char *)message + REQUEST_HEAD;
        verdict v;
        alarm(message[30] + 256u * message[31]); // its signal ends the process
        if (message[0])
            verify_answer(&options, bytes, gold, bytes + gold, text, &v);
        else
            verify_response(&options, bytes, gold, bytes + gold, text, &v);
        alarm(0);
        bool sent = reply(descriptor, &v);
        verdict_clear(&v);
        if (!sent) break;
        code = 0;
    }
    free(message);
    return code;
}

// ---- the pool ------------------------------------------------------------

static void stop_helper(helper *h) {
    if (h->pid > 0) {
        kill(h->pid, SIGKILL);
        while (waitpid(h->pid, NULL, 0) < 0 && errno == EINTR) continue;
        close(h->descriptor);
    }
    h->pid = 0, h->descriptor = -1;
    h->sent = 0;
    buffer_clear(&h->out), buffer_clear(&h->in);
}

static void limit(pid_t pid, int resource, double value) {
    if (!(value > 0)) return;
    struct rlimit r = {.rlim_cur = (rlim_t)value, .rlim_max = (rlim_t)value};
    prlimit(pid, (__rlimit_resource_t)resource, &r, NULL); // a helper without this limit still has the deadline
}

static status start_helper(verify_pool *pool, helper *h) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return status_set(STATUS_IO, "cannot make a socket pair for a verification worker: %s", strerror(errno));
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    sigset_t none, all;
    sigemptyset(&none), sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    // A group of its own: Ctrl-C at the terminal is for the host, which then ends its helpers.
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    posix_spawn_file_actions_adddup2(&actions, pair[1], WORKER_DESCRIPTOR);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addclosefrom_np(&actions, WORKER_DESCRIPTOR + 1);
    pid_t pid = 0;
    int error = posix_spawn(&pid, pool->argv[0], &actions, &attributes, pool->argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    close(pair[1]);
    if (error != 0) {
        close(pair[0]);
        return status_set(STATUS_IO, "cannot start the verification worker %s: %s", pool->argv[0], strerror(error));
    }
    fcntl(pair[0], F_SETFL, fcntl(pair[0], F_GETFL) | O_NONBLOCK);
    limit(pid, RLIMIT_CPU, pool->options.cpu_seconds);
    // An address sanitizer reserves terabytes of addresses that it never uses.
    if (!SANITIZED) limit(pid, RLIMIT_AS, (double)pool->options.memory_bytes);
    h->pid = pid, h->descriptor = pair[0];
    h->item = NO_ITEM, h->sent = 0, h->judged_seconds = 0, h->fresh = true;
    buffer_clear(&h->out), buffer_clear(&h->in);
    return STATUS_OK;
}

static status restart_helper(verify_pool *pool, helper *h) {
    stop_helper(h);
    pool->counters.restarts++;
    return start_helper(pool, h);
}

static double allowed_seconds(const verify_pool *pool, const helper *h) {
    return pool->options.deadline_seconds + (h->fresh ? START_SECONDS : 0);
}

static status write_request(const verify_pool *pool, helper *h, const verify_options *options, const verify_item *item) {
    unsigned char head[4 + REQUEST_HEAD] = {0};
    put_u32(head, (uint32_t)(REQUEST_HEAD + item->gold_length + item->text_length));
    head[4] = item->is_answer, head[5] = (unsigned char)options->profile, head[6] = options->think_open,
    head[7] = options->gold_rounded;
    put_u32(head + 8, (uint32_t)options->significant_digits);
    put_u32(head + 12, (uint32_t)options->decimals);
    put_u64(head + 16, options->seed);
    put_u32(head + 24, (uint32_t)item->gold_length);
    put_u32(head + 28, (uint32_t)item->text_length);
    head[32] = options->skip_text, head[33] = options->explain;
    // The host ends a helper that is late. Where the host has died in the meantime the helper ends by itself, soon after.
    double alarm_seconds = allowed_seconds(pool, h) + 2;
    uint32_t whole = alarm_seconds < 0xffff ? (uint32_t)alarm_seconds : 0; // 0: never
    head[34] = (unsigned char)whole, head[35] = (unsigned char)(whole >> 8);
    buffer_clear(&h->out), buffer_clear(&h->in);
    h->sent = 0;
    TRY(buffer_append(&h->out, head, sizeof head));
    TRY(buffer_append(&h->out, item->gold, item->gold_length));
    return buffer_append(&h->out, item->text, item->text_length);
}

typedef enum progress { PROGRESS_WAITS, PROGRESS_DONE, PROGRESS_DEAD, PROGRESS_DEAD_BEFORE } progress;

// Moves bytes both ways; a whole reply goes to *out.
static progress advance(helper *h, verdict *out) {
    while (h->sent < h->out.length) {
        ssize_t n = send(h->descriptor, h->out.data + h->sent, h->out.length - h->sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return PROGRESS_WAITS;
        if (n <= 0) return PROGRESS_DEAD_BEFORE; // it had ended before it could read this request
        h->sent += (size_t)n;
    }
    for (;;) {
        char bytes[8192];
        ssize_t n = recv(h->descriptor, bytes, sizeof bytes, 0);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return PROGRESS_WAITS;
        if (n <= 0 || buffer_append(&h->in, bytes, (size_t)n) != STATUS_OK) return PROGRESS_DEAD;
        const unsigned char *in = (const unsigned char *)h->in.data;
        if (h->in.length < 4) continue;
        size_t length = get_u32(in);
        if (length < REPLY_HEAD || length > MESSAGE_MAX) return PROGRESS_DEAD;
        if (h->in.length < 4 + length) continue;
        if (read_reply(in + 4, length, out)) return PROGRESS_DONE;
        verdict_clear(out);
        return PROGRESS_DEAD;
    }
}

static void fail_item(verify_item *item, verdict_status code, double microseconds, bool explain, const char *reason) {
    item->out = (verdict){.status = code, .tier = "worker", .microseconds = microseconds};
    if (explain) item->out.reason = text_copy(reason, strlen(reason)); // NULL where there is no memory for it
}

static status in_process(const verify_options *options, verify_item *items, size_t count) {
    status first = STATUS_OK;
    for (size_t i = 0; i < count; i++) {
        verify_item *item = &items[i];
        status code = item->is_answer
                          ? verify_answer(options, item->gold, item->gold_length, item->text, item->text_length, &item->out)
                          : verify_response(options, item->gold, item->gold_length, item->text, item->text_length, &item->out);
        if (first == STATUS_OK) first = code;
    }
    return first;
}

// Gives `h` the next item that fits into a message. *next is count when none is left.
static status assign(verify_pool *pool, helper *h, const verify_options *options, verify_item *items, size_t count,
                     size_t *next) {
    while (*next < count) {
        verify_item *item = &items[*next];
        if (item->gold_length > MESSAGE_MAX / 4 || item->text_length > MESSAGE_MAX / 4) {
            bool text = item->text_length > MESSAGE_MAX / 4;
            fail_item(item, text ? VERDICT_OVER_LIMIT : VERDICT_ERROR, 0, options->explain,
                      text ? "a text of more than 16 MiB is not judged" : "a gold of more than 16 MiB is not read");
            ++*next;
            continue;
        }
        bool worn = pool->options.cpu_seconds > 0 && h->judged_seconds > 0.5 * pool->options.cpu_seconds;
        if (h->pid == 0 || worn) TRY(restart_helper(pool, h));
        TRY(write_request(pool, h, options, item));
        h->item = (*next)++, h->retried = false;
        h->deadline = now_seconds() + allowed_seconds(pool, h);
        return STATUS_OK;
    }
    return STATUS_OK;
}

// What becomes of the item of a helper that has moved or passed its deadline.
static status settle(verify_pool *pool, helper *h, const verify_options *options, verify_item *items, progress p, double now) {
    verify_item *item = &items[h->item];
    double spent = (now - h->deadline + allowed_seconds(pool, h)) * 1e6;
    if (p == PROGRESS_DONE) {
        h->judged_seconds += item->out.microseconds * 1e-6, h->fresh = false;
        pool->counters.judged++;
        h->item = NO_ITEM;
        return STATUS_OK;
    }
    if (p == PROGRESS_DEAD_BEFORE && !h->retried) { // ended while idle: the item is not to blame
        size_t same = h->item;
        TRY(restart_helper(pool, h));
        TRY(write_request(pool, h, options, item));
        h->item = same, h->retried = true;
        h->deadline = now + allowed_seconds(pool, h);
        return STATUS_OK;
    }
    bool late = p == PROGRESS_WAITS || now >= h->deadline;
    fail_item(item, late ? VERDICT_TIMEOUT : VERDICT_ERROR, spent, options->explain,
              late ? "the worker gave no verdict before the deadline and was ended" : "the worker ended while it judged");
    pool->counters.judged++;
    if (late)
        pool->counters.wall_timeouts++;
    else
        pool->counters.crashes++;
    h->item = NO_ITEM;
    return restart_helper(pool, h);
}

status verify_batch(verify_pool *pool, const verify_options *options, verify_item *items, size_t count) {
    const verify_options defaults = VERIFY_OPTIONS_DEFAULT;
    if (!options) options = &defaults;
    if (!pool) return in_process(options, items, count);
    for (size_t i = 0; i < count; i++) items[i].out = (verdict){.status = VERDICT_ERROR, .tier = ""};
    size_t workers = pool->options.workers, next = 0, busy = 0;
    struct pollfd *polled = calloc(workers, sizeof *polled);
    status code = polled ? STATUS_OK : status_set(STATUS_NO_MEMORY, "no memory to wait for %zu workers", workers);
    while (code == STATUS_OK) {
        busy = 0;
        for (size_t w = 0; w < workers && code == STATUS_OK; w++) {
            helper *h = &pool->helpers[w];
            if (h->item == NO_ITEM) code = assign(pool, h, options, items, count, &next);
            busy += h->item != NO_ITEM;
        }
        if (code != STATUS_OK || busy == 0) break;
        double now = now_seconds(), wait = 3600;
        for (size_t w = 0; w < workers; w++) {
            helper *h = &pool->helpers[w];
            polled[w] = (struct pollfd){.fd = h->item == NO_ITEM ? -1 : h->descriptor,
                                        .events = (short)(POLLIN | (h->sent < h->out.length ? POLLOUT : 0))};
            if (h->item != NO_ITEM && h->deadline - now < wait) wait = h->deadline - now;
        }
        if (poll(polled, (nfds_t)workers, wait > 0 ? (int)(wait * 1000) + 1 : 0) < 0 && errno != EINTR) {
            code = status_set(STATUS_IO, "cannot wait for verification workers: %s", strerror(errno));
            break;
        }
        now = now_seconds();
        for (size_t w = 0; w < workers && code == STATUS_OK; w++) {
            helper *h = &pool->helpers[w];
            if (h->item == NO_ITEM) continue;
            // Asked at the deadline too: a reply may have come in since poll returned.
            progress p = polled[w].revents || now >= h->deadline ? advance(h, &items[h->item].out) : PROGRESS_WAITS;
            if (p != PROGRESS_WAITS || now >= h->deadline) code = settle(pool, h, options, items, p, now);
        }
    }
    for (size_t w = 0; w < workers && code != STATUS_OK; w++) { // no half-judged item may stay behind
        if (pool->helpers[w].item == NO_ITEM) continue;
        stop_helper(&pool->helpers[w]);
        pool->helpers[w].item = NO_ITEM;
    }
    free(polled);
    return code;
}

status verify_pool_create(const verify_pool_options *options, verify_pool **out) {
    *out = NULL;
    if (!options->argv || !options->argv[0] || options->workers == 0 || !(options->deadline_seconds > 0))
        return status_set(STATUS_INVALID,
                          "a pool of verification workers needs an executable, at least one worker and a deadline");
    verify_pool *pool = calloc(1, sizeof *pool);
    status code = pool ? STATUS_OK : status_set(STATUS_NO_MEMORY, "no memory for a pool of verification workers");
    if (code != STATUS_OK) return code;
    pool->options = *options;
    size_t words = 0;
    while (options->argv[words]) words++;
    pool->argv = calloc(words + 1, sizeof *pool->argv);
    pool->helpers = calloc(options->workers, sizeof *pool->helpers);
    bool copied = pool->argv && pool->helpers;
    for (size_t i = 0; i < words && copied; i++)
        copied = (pool->argv[i] = text_copy(options->argv[i], strlen(options->argv[i]))) != NULL;
    if (!copied) code = status_set(STATUS_NO_MEMORY, "no memory for a pool of verification workers");
    for (size_t w = 0; w < options->workers && pool->helpers; w++)
        pool->helpers[w].item = NO_ITEM, pool->helpers[w].descriptor = -1;
    for (size_t w = 0; w < options->workers && code == STATUS_OK; w++) code = start_helper(pool, &pool->helpers[w]);
    if (code == STATUS_OK) { // an executable that is no helper shows here, not in the middle of a run
        verify_item *hello = calloc(options->workers, sizeof *hello);
        if (!hello) code = status_set(STATUS_NO_MEMORY, "no memory for a pool of verification workers");
        for (size_t w = 0; w < options->workers && hello; w++)
            hello[w] = (verify_item){.gold = "1", .gold_length = 1, .text = "1", .text_length = 1, .is_answer = true};
        if (code == STATUS_OK) code = verify_batch(pool, NULL, hello, options->workers);
        for (size_t w = 0; w < options->workers && hello; w++) {
            if (code == STATUS_OK && hello[w].out.status != VERDICT_CORRECT)
                code = status_set(STATUS_IO, "%s does not answer as a verification worker", options->argv[0]);
            verdict_clear(&hello[w].out);
        }
        free(hello);
        pool->counters = (verify_pool_counters){0};
    }
    if (code != STATUS_OK) {
        verify_pool_free(pool);
        return code;
    }
    *out = pool;
    return STATUS_OK;
}

void verify_pool_free(verify_pool *pool) {
    if (!pool) return;
    for (size_t w = 0; pool->helpers && w < pool->options.workers; w++) {
        stop_helper(&pool->helpers[w]);
        buffer_free(&pool->helpers[w].out), buffer_free(&pool->helpers[w].in);
    }
    for (size_t i = 0; pool->argv && pool->argv[i]; i++) free(pool->argv[i]);
    free(pool->argv);
    free(pool->helpers);
    free(pool);
}

verify_pool_counters verify_pool_count(const verify_pool *pool) { return pool->counters; }
