// Verification in worker processes: limits alone cannot promise that every judgement ends, a process that can be killed does.
//
// A pool holds N helpers: an executable given by the caller (the dsdr binary run as `dsdr verify-worker`), started with
// posix_spawn over a socket pair, all other descriptors closed, RLIMIT_CPU and RLIMIT_AS set. The library never forks its host. A
// helper that passes the deadline is killed (status timeout), one that dies by itself costs its one item (status error); both are
// replaced.
//
// Protocol, both ways little-endian, one message each way at a time: uint32 length of what follows, then
//   request  uint8 kind (0 response, 1 answer), uint8 profile, uint8 think_open, uint8 gold_rounded, int32 significant_digits,
//            int32 decimals, uint64 seed, uint32 gold_length, uint32 text_length, uint8 skip_text, uint8 explain, uint16 seconds
//            after which the helper ends by itself (0: never), gold, text
//   reply    uint8 status, uint8 tier, double microseconds, and four texts, each uint32 length + 1 (0: none) and its bytes:
//            extracted, gold_form, answer_form, reason
#ifndef DSDR_REWARD_WORKER_H
#define DSDR_REWARD_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "records/records.h"
#include "reward/verify.h"

#define WORKER_DESCRIPTOR 3 // the helper talks over this descriptor

typedef struct verify_pool verify_pool;

typedef struct verify_pool_options {
    const char *const
        *argv;      // NULL-terminated; argv[0] is the path of the executable; it must call worker_main(WORKER_DESCRIPTOR)
    size_t workers; // at least 1
    double deadline_seconds; // of one judgement; 5 is plenty
    size_t memory_bytes;     // RLIMIT_AS of a helper; 0: unlimited
    double cpu_seconds;      // RLIMIT_CPU of a helper over its life; 0: unlimited
} verify_pool_options;

typedef struct verify_pool_counters {
    uint64_t judged, wall_timeouts, crashes, restarts;
} verify_pool_counters;

typedef struct verify_item {
    const char *gold;
    size_t gold_length;
    const char *text;
    size_t text_length;
    bool is_answer; // judged as verify_answer, else as verify_response
    verdict out;    // filled; `extracted` owned by the caller
} verify_item;

// Starts the helpers and exchanges a first message with each. On failure *out is NULL.
status verify_pool_create(const verify_pool_options *options, verify_pool **out);
void verify_pool_free(verify_pool *pool); // kills what runs and waits for it
verify_pool_counters verify_pool_count(const verify_pool *pool);

// Judges all items in place, in parallel; the verdict of an item depends on the item alone. pool NULL: in this process, one after
// the other, where only the deterministic budgets bound the work. One call at a time per pool. A failure is STATUS_NO_MEMORY or
// STATUS_IO (no helper could be restarted); items not judged then have status error.
status verify_batch(verify_pool *pool, const verify_options *options, verify_item *items, size_t count);

// The helper's loop: answers requests on `descriptor` until it closes; the exit code of the process.
int worker_main(int descriptor);

#endif
