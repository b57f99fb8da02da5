// From a response to a verdict. See verify.h; called by the trainer, the evaluation and worker.c.
#include "reward/verify.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buffer.h"
#include "math/equal.h"

#define EXTRACTED_BYTES_MAX 4096 // of the answer kept in a verdict

static double now_microseconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

void verdict_clear(verdict *v) {
    free(v->extracted), free(v->gold_form), free(v->answer_form), free(v->reason);
    v->extracted = v->gold_form = v->answer_form = v->reason = NULL;
}

static verdict_status status_of(const math_verdict *m) {
    switch (m->outcome) {
    case MATH_EQUAL:
        return VERDICT_CORRECT;
    case MATH_DIFFERENT:
        return VERDICT_WRONG;
    case MATH_OVER_LIMIT:
        return VERDICT_OVER_LIMIT;
    case MATH_UNPARSED:
        return VERDICT_UNPARSED;
    default:
        // A gold that cannot be read and memory that ran out are not the response's doing.
        return strcmp(m->tier, "gold") == 0 || strcmp(m->tier, "memory") == 0 ? VERDICT_ERROR : VERDICT_UNDECIDED;
    }
}

// A copy of at most `length` bytes as valid UTF-8.
static status keep_text(const char *text, size_t length, char **out) {
    buffer kept = {0};
    status code = text_make_valid(&kept, text, length < EXTRACTED_BYTES_MAX ? length : EXTRACTED_BYTES_MAX);
    if (code == STATUS_OK && !(*out = text_copy(buffer_text(&kept), kept.length)))
        code = status_set(STATUS_NO_MEMORY, "no memory for an extracted answer");
    buffer_free(&kept);
    return code;
}

static status keep_form(const char *text, size_t length, char **out) {
    buffer form = {0};
    status code = math_answer_form(text, length, NULL, &form);
    if (code == STATUS_OK) code = keep_text(buffer_text(&form), form.length, out);
    buffer_free(&form);
    return code == STATUS_UNSUPPORTED || code == STATUS_LIMIT ? STATUS_OK : code; // then there is none
}

static status judge(const verify_options *options, const char *gold, size_t gold_length, const char *answer, size_t length,
                    verdict *out) {
    math_options math = MATH_OPTIONS_DEFAULT;
    math.significant_digits = options->significant_digits, math.decimals = options->decimals;
    math.gold_rounded = options->gold_rounded, math.seed = options->seed, math.skip_text = options->skip_text;
    math_verdict m;
    status code = math_accepts(gold, gold_length, answer, length, &math, &m);
    out->tier = m.tier;
    out->status = code == STATUS_OK ? status_of(&m) : VERDICT_ERROR;
    if (code == STATUS_OK) code = keep_text(answer, length, &out->extracted);
    if (code != STATUS_OK || !options->explain) return code;
    return keep_text(m.reason, strlen(m.reason), &out->reason);
}

// Judges `answer` and takes the time from `begin`; then explains where that is asked for.
static status judge_and_explain(const verify_options *options, const char *gold, size_t gold_length, const char *answer,
                                size_t length, double begin, verdict *out) {
    status code = judge(options, gold, gold_length, answer, length, out);
    out->microseconds = now_microseconds() - begin;
    if (code != STATUS_OK || !options->explain) return code;
    TRY(keep_form(gold, gold_length, &out->gold_form));
    return keep_form(answer, length, &out->answer_form);
}

status verify_response(const verify_options *options, const char *gold, size_t gold_length, const char *response, size_t length,
                       verdict *out) {
    const verify_options defaults = VERIFY_OPTIONS_DEFAULT;
    if (!options) options = &defaults;
    *out = (verdict){.status = VERDICT_ERROR, .tier = ""};
    double begin = now_microseconds();
    buffer answer = {0};
    bool found = false;
    status code = answer_extract(options->profile, response, length, options->think_open, &answer, &found);
    if (code == STATUS_OK && found)
        code = judge_and_explain(options, gold, gold_length, buffer_text(&answer), answer.length, begin, out);
    else {
        if (code == STATUS_OK) out->status = VERDICT_NO_ANSWER, out->tier = "extract";
        out->microseconds = now_microseconds() - begin;
    }
    buffer_free(&answer);
    return code;
}

status verify_answer(const verify_options *options, const char *gold, size_t gold_length, const char *answer, size_t length,
                     verdict *out) {
    const verify_options defaults = VERIFY_OPTIONS_DEFAULT;
    if (!options) options = &defaults;
    if (answer_has_box(answer, length)) return verify_response(options, gold, gold_length, answer, length, out);
    *out = (verdict){.status = VERDICT_ERROR, .tier = ""};
    double begin = now_microseconds();
    bool blank = true;
    for (size_t i = 0; i < length && blank; i++) blank = strchr(" \t\r\n\f\v", answer[i]) != NULL && answer[i] != 0;
    if (!blank) return judge_and_explain(options, gold, gold_length, answer, length, begin, out);
    out->status = VERDICT_NO_ANSWER, out->tier = "extract";
    out->microseconds = now_microseconds() - begin;
    return STATUS_OK;
}

status verify_gold(const char *gold, size_t length) { return math_check_answer(gold, length, NULL); }

status verify_answer_key(const verify_options *options, const char *response, size_t length, buffer *out, bool *found) {
    const verify_options defaults = VERIFY_OPTIONS_DEFAULT;
    if (!options) options = &defaults;
    buffer answer = {0};
    status code = answer_extract(options->profile, response, length, options->think_open, &answer, found);
    if (code == STATUS_OK && *found) code = math_answer_key(buffer_text(&answer), answer.length, NULL, out);
    buffer_free(&answer);
    return code;
}
