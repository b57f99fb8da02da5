// Judging responses: reward/verify.h, extract.h and worker.h as dsdr.h offers them.
#include <stdlib.h>

#include "api/api.h"
#include "reward/worker.h"

API_SAME(DSDR_CORRECT, VERDICT_CORRECT);
API_SAME(DSDR_WRONG, VERDICT_WRONG);
API_SAME(DSDR_NO_ANSWER, VERDICT_NO_ANSWER);
API_SAME(DSDR_UNPARSED, VERDICT_UNPARSED);
API_SAME(DSDR_OVER_LIMIT, VERDICT_OVER_LIMIT);
API_SAME(DSDR_UNDECIDED, VERDICT_UNDECIDED);
API_SAME(DSDR_TIMEOUT, VERDICT_TIMEOUT);
API_SAME(DSDR_ERROR, VERDICT_ERROR);
API_SAME(DSDR_ERROR + 1, VERDICT_STATUS_COUNT);
API_SAME(DSDR_PROFILE_STRICT, PROFILE_STRICT);
API_SAME(DSDR_PROFILE_GSM8K, PROFILE_GSM8K);
API_SAME(DSDR_PROFILE_LENIENT, PROFILE_LENIENT);
API_SAME(DSDR_PROFILE_LENIENT + 1, PROFILE_COUNT);

struct dsdr_verify_pool {
    verify_pool *pool;
};

const char *dsdr_verdict_name(dsdr_verdict_status which) {
    return (unsigned)which < VERDICT_STATUS_COUNT ? verdict_name((verdict_status)which) : "";
}

dsdr_verify_options dsdr_verify_defaults(void) {
    const verify_options v = VERIFY_OPTIONS_DEFAULT;
    return (dsdr_verify_options){.profile = (dsdr_profile)v.profile,
                                 .think_open = v.think_open,
                                 .significant_digits = v.significant_digits,
                                 .decimals = v.decimals,
                                 .gold_rounded = v.gold_rounded,
                                 .seed = v.seed,
                                 .skip_text = v.skip_text,
                                 .explain = v.explain};
}

static status check_profile(dsdr_profile profile) {
    if ((unsigned)profile < PROFILE_COUNT) return STATUS_OK;
    return status_set(STATUS_INVALID, "profile %d does not exist", (int)profile);
}

status api_verify_options(const dsdr_verify_options *given, verify_options *out) {
    *out = VERIFY_OPTIONS_DEFAULT;
    if (!given) return STATUS_OK;
    TRY(check_profile(given->profile));
    *out = (verify_options){.profile = (answer_profile)given->profile,
                            .think_open = given->think_open,
                            .significant_digits = given->significant_digits,
                            .decimals = given->decimals,
                            .gold_rounded = given->gold_rounded,
                            .seed = given->seed,
                            .skip_text = given->skip_text,
                            .explain = given->explain};
    return STATUS_OK;
}

dsdr_verdict api_verdict(const verdict *v) {
    return (dsdr_verdict){.status = (dsdr_verdict_status)v->status,
                          .tier = v->tier ? v->tier : "",
                          .answer = v->extracted,
                          .microseconds = v->microseconds,
                          .gold_form = v->gold_form,
                          .answer_form = v->answer_form,
                          .reason = v->reason};
}

void dsdr_verdict_clear(dsdr_verdict *verdict) {
    if (!verdict) return;
    free(verdict->answer), free(verdict->gold_form), free(verdict->answer_form), free(verdict->reason);
    *verdict = (dsdr_verdict){.status = DSDR_ERROR, .tier = ""};
}

dsdr_status dsdr_verify(const dsdr_verify_options *options, const char *gold, size_t gold_length, const char *response,
                        size_t response_length, dsdr_verdict *out) {
    API_NEED(out);
    *out = (dsdr_verdict){.status = DSDR_ERROR, .tier = ""};
    API_TEXT(gold, gold_length);
    API_TEXT(response, response_length);
    verify_options how;
    verdict v = {0};
    API_TRY(api_verify_options(options, &how));
    status code = verify_response(&how, gold, gold_length, response, response_length, &v);
    *out = api_verdict(&v);
    return api_status(code);
}

dsdr_status dsdr_verify_answer(const dsdr_verify_options *options, const char *gold, size_t gold_length, const char *answer,
                               size_t answer_length, dsdr_verdict *out) {
    API_NEED(out);
    *out = (dsdr_verdict){.status = DSDR_ERROR, .tier = ""};
    API_TEXT(gold, gold_length);
    API_TEXT(answer, answer_length);
    verify_options how;
    verdict v = {0};
    API_TRY(api_verify_options(options, &how));
    status code = verify_answer(&how, gold, gold_length, answer, answer_length, &v);
    *out = api_verdict(&v);
    return api_status(code);
}

dsdr_status dsdr_check_gold(const char *gold, size_t gold_length) {
    API_TEXT(gold, gold_length);
    return api_status(verify_gold(gold, gold_length));
}

// A buffer becomes the caller's text, or none.
static dsdr_status hand_over(status code, buffer *text, bool found, char **out, size_t *length) {
    if (code == STATUS_OK && found) code = buffer_reserve(text, 1);
    if (code != STATUS_OK || !found) {
        buffer_free(text);
        return api_status(code);
    }
    *out = text->data;
    if (length) *length = text->length;
    return DSDR_OK;
}

dsdr_status dsdr_extract(dsdr_profile profile, bool think_open, const char *response, size_t response_length, char **answer,
                         size_t *answer_length) {
    API_NEED(answer);
    *answer = NULL;
    if (answer_length) *answer_length = 0;
    API_TEXT(response, response_length);
    API_TRY(check_profile(profile));
    buffer text = {0};
    bool found = false;
    status code = answer_extract((answer_profile)profile, response, response_length, think_open, &text, &found);
    return hand_over(code, &text, found, answer, answer_length);
}

dsdr_status dsdr_answer_key(const dsdr_verify_options *options, const char *response, size_t response_length, char **key,
                            size_t *key_length) {
    API_NEED(key);
    *key = NULL;
    API_NEED(key_length);
    *key_length = 0;
    API_TEXT(response, response_length);
    verify_options how;
    API_TRY(api_verify_options(options, &how));
    buffer text = {0};
    bool found = false;
    status code = verify_answer_key(&how, response, response_length, &text, &found);
    return hand_over(code, &text, found, key, key_length);
}

// ---- many at once --------------------------------------------------------------------------------------------------------

dsdr_status dsdr_verify_pool_open(dsdr_verify_pool **out, const char *program, size_t workers, double deadline_seconds,
                                  size_t memory_bytes) {
    API_NEED(out);
    *out = NULL;
    API_NEED(program);
    if (workers == 0) return api_status(status_set(STATUS_INVALID, "a verify pool needs at least one worker"));
    if (!(deadline_seconds > 0 && deadline_seconds <= 86400))
        return api_status(
            status_set(STATUS_INVALID, "deadline_seconds is %g; it must be above 0 and at most a day", deadline_seconds));
    const char *argv[] = {program, "verify-worker", NULL};
    const verify_pool_options how = {
        .argv = argv, .workers = workers, .deadline_seconds = deadline_seconds, .memory_bytes = memory_bytes};
    dsdr_verify_pool *pool = calloc(1, sizeof *pool);
    if (!pool) return api_no_memory();
    status code = verify_pool_create(&how, &pool->pool);
    if (code != STATUS_OK)
        free(pool);
    else
        *out = pool;
    return api_status(code);
}

void dsdr_verify_pool_close(dsdr_verify_pool *pool) {
    if (!pool) return;
    verify_pool_free(pool->pool);
    free(pool);
}

dsdr_status dsdr_verify_batch(dsdr_verify_pool *pool, const dsdr_verify_options *options, dsdr_verify_item *items, size_t count) {
    if (count == 0) return DSDR_OK;
    API_NEED(items);
    for (size_t i = 0; i < count; i++) {
        items[i].verdict = (dsdr_verdict){.status = DSDR_ERROR, .tier = ""};
        if (!items[i].gold || !items[i].text)
            return api_status(status_set(STATUS_INVALID, "item %zu has no %s", i, items[i].gold ? "text" : "gold"));
    }
    verify_options how;
    API_TRY(api_verify_options(options, &how));
    verify_item *list = calloc(count, sizeof *list);
    if (!list) return api_no_memory();
    for (size_t i = 0; i < count; i++)
        list[i] = (verify_item){.gold = items[i].gold,
                                .gold_length = api_length(items[i].gold, items[i].gold_length),
                                .text = items[i].text,
                                .text_length = api_length(items[i].text, items[i].text_length),
                                .is_answer = items[i].is_answer,
                                .out = {.status = VERDICT_ERROR, .tier = ""}};
    status code = verify_batch(pool ? pool->pool : NULL, &how, list, count);
    for (size_t i = 0; i < count; i++) items[i].verdict = api_verdict(&list[i].out);
    free(list);
    return api_status(code);
}
