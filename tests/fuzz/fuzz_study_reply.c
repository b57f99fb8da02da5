// A judge's reply: any bytes give a status, scores in [0, 10] or none, and bounded work.
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "study/judge_reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    judge_reply reply;
    if (judge_read_reply((const char *)data, size, &reply) != STATUS_OK) return 0;
    if (reply.status == JUDGE_SCORED && !judge_is_completion((const char *)data, size)) abort();
    for (int i = 0; i < JUDGE_SCORES; i++)
        if (reply.status == JUDGE_SCORED ? !(reply.scores[i] >= 0 && reply.scores[i] <= 10) : !isnan(reply.scores[i])) abort();
    return 0;
}
