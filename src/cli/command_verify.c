// dsdr verify: decides whether answers equal their golds, for rows of JSON or for one pair.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/jsonl.h"
#include "cli/cli.h"
#include "cli/rows.h"
#include "reward/worker.h"
#include "run/options.h"

enum { BATCH = 256, TIERS_MAX = 24 };

typedef struct verifier {
    verify_options options;
    verify_pool *pool;
    verify_item *items;
    buffer *texts; // two for each item: gold, and the text that is judged
    size_t capacity;
    size_t statuses[VERDICT_STATUS_COUNT];
    const char *tiers[TIERS_MAX]; // those that decided, and how often
    size_t tier_counts[TIERS_MAX], tier_count;
} verifier;

static void count_verdict(verifier *v, const verdict *judged) {
    v->statuses[judged->status]++;
    size_t i = 0;
    while (i < v->tier_count && strcmp(v->tiers[i], judged->tier) != 0) i++;
    if (i == TIERS_MAX || !judged->tier[0]) return;
    v->tiers[i] = judged->tier, v->tier_count += i == v->tier_count, v->tier_counts[i]++;
}

// On standard error: 412 correct, 88 wrong; decided by text 300, rational 200
static void print_summary(const verifier *v) {
    const char *separator = "";
    for (size_t i = 0; i < VERDICT_STATUS_COUNT; i++) {
        if (v->statuses[i] == 0) continue;
        fprintf(stderr, "%s%zu %s", separator, v->statuses[i], verdict_name((verdict_status)i));
        separator = ", ";
    }
    for (size_t i = 0; i < v->tier_count; i++)
        fprintf(stderr, "%s%s %zu", i ? ", " : "; decided by ", v->tiers[i], v->tier_counts[i]);
    verify_pool_counters counters = verify_pool_count(v->pool);
    if (counters.wall_timeouts || counters.crashes)
        fprintf(stderr, "; %zu timed out, %zu workers died", (size_t)counters.wall_timeouts, (size_t)counters.crashes);
    if (*separator) fprintf(stderr, "\n");
}

// Fills one item from a row; what is missing is told by *wrong.
static status read_row(const json_t *row, verify_item *item, buffer *gold, buffer *text, const char **wrong) {
    *wrong = NULL;
    const json_t *answer = json_object_get(row, "answer"), *response = json_object_get(row, "response");
    bool found;
    TRY(rows_take_text(json_object_get(row, "gold"), gold, &found));
    if (!found) *wrong = "the row has no \"gold\" (a text or a number)";
    if (!*wrong && answer && response) *wrong = "the row has both \"answer\" and \"response\"; give one";
    if (*wrong) return STATUS_OK;
    TRY(rows_take_text(answer ? answer : response, text, &found));
    if (!found) *wrong = "the row has no \"answer\" and no \"response\" (a text or a number)";
    *item = (verify_item){.gold = buffer_text(gold),
                          .gold_length = gold->length,
                          .text = buffer_text(text),
                          .text_length = text->length,
                          .is_answer = answer != NULL};
    return STATUS_OK;
}

static json_t *text_or_null(const char *text) { return text ? json_string(text) : json_null(); }

static void write_verdict(json_t *row, verdict *v, bool explain) {
    json_object_set_new(row, "correct", verdict_known(v->status) ? json_boolean(v->status == VERDICT_CORRECT) : json_null());
    json_object_set_new(row, "status", json_string(verdict_name(v->status)));
    json_object_set_new(row, "extracted", text_or_null(v->extracted));
    json_object_set_new(row, "tier", json_string(v->tier ? v->tier : ""));
    json_object_set_new(row, "microseconds", json_number(v->microseconds));
    if (explain) {
        json_object_set_new(row, "gold_form", text_or_null(v->gold_form));
        json_object_set_new(row, "answer_form", text_or_null(v->answer_form));
        json_object_set_new(row, "reason", text_or_null(v->reason));
    }
    verdict_clear(v);
}

static status verify_rows(void *context, json_t **rows, size_t count) {
    verifier *v = context;
    size_t used = 0;
    status code = STATUS_OK;
    json_t **judged = calloc(count, sizeof *judged);
    if (!judged) return status_set(STATUS_NO_MEMORY, "out of memory while verifying");
    for (size_t i = 0; i < count; i++) {
        const char *wrong;
        TRY_OR(code, read_row(rows[i], &v->items[used], &v->texts[2 * used], &v->texts[2 * used + 1], &wrong), cleanup);
        if (wrong)
            rows_fail(rows[i], wrong);
        else
            judged[used++] = rows[i];
    }
    code = verify_batch(v->pool, &v->options, v->items, used);
    for (size_t i = 0; i < used; i++) {
        count_verdict(v, &v->items[i].out);
        write_verdict(judged[i], &v->items[i].out, v->options.explain);
    }
cleanup:
    free(judged);
    return code;
}

// One pair from the command line: a row on standard output, or with --quiet only the exit code.
static int verify_pair(verifier *v, const char *gold, const char *answer, const char *response, bool quiet) {
    json_t *row = json_pack("{s:s, s:s}", "gold", gold, answer ? "answer" : "response", answer ? answer : response);
    buffer line = {0};
    if (!row) return cli_finish("verify", status_set(STATUS_INVALID, "gold and answer have to be valid UTF-8"));
    status code = verify_rows(v, &row, 1);
    if (code == STATUS_OK) code = json_write(&line, row, 17);
    if (code == STATUS_OK && !quiet) printf("%s\n", buffer_text(&line));
    buffer_free(&line);
    json_decref(row);
    int exit_code = cli_finish("verify", code);
    return code == STATUS_OK && quiet ? !v->statuses[VERDICT_CORRECT] : exit_code;
}

// Workers that run this program again as `dsdr verify-worker`.
static status start_pool(const settings *s, verify_pool **pool) {
    char path[4096];
    const char *const argv[] = {cli_own_path(path, sizeof path), "verify-worker", NULL};
    if (!argv[0]) return status_set(STATUS_IO, "cannot find this program's own file for the verification workers");
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    const verify_pool_options options = {.argv = argv,
                                         .workers = s->verify.workers ? (size_t)s->verify.workers
                                                    : cores > 0       ? (size_t)cores
                                                                      : 1,
                                         .deadline_seconds = (double)s->verify.deadline_ms * 1e-3,
                                         .memory_bytes = (size_t)1 << 30};
    return verify_pool_create(&options, pool);
}

int command_verify(int argc, char **argv) {
    const char *gold = NULL, *answer = NULL, *response = NULL, *profile = NULL;
    bool quiet = false, explain = false, no_text_tier = false;
    const cli_option options[] = {
        {"--gold", "G", "the right answer of one pair", &gold, NULL},
        {"--answer", "A", "the answer to judge; if it holds a box, the box is judged", &answer, NULL},
        {"--response", "R", "a whole response to judge, instead of --answer", &response, NULL},
        {"--profile", "P", "where the answer of a response is: strict (default), gsm8k, lenient", &profile, NULL},
        {"--explain", NULL, "add \"gold_form\", \"answer_form\" (as they were read) and \"reason\"", NULL, &explain},
        {"--no-text-tier", NULL, "do not compare texts, only what they mean: to measure that", NULL, &no_text_tier},
        {"--quiet", NULL, "one pair: print nothing, exit 0 if equal and 1 if not", NULL, &quiet},
    };
    const cli_usage usage = {
        .command = "verify",
        .arguments = "[FILE.jsonl] [--gold G --answer A] [verify.KEY=VALUE ...]",
        .help = "Decides whether answers equal their golds.",
        .detail =
            "Rows of FILE (none or -: standard input) hold \"gold\" and \"answer\" or \"response\"; each comes back with "
            "\"correct\", \"status\",\n\"extracted\", \"tier\" and \"microseconds\". A status is correct, wrong, no_answer, "
            "unparsed, over_limit or undecided;\nor timeout or error, which are not the answer's doing and leave \"correct\" "
            "null. "
            "Tiers: docs/verifier.md, section 5.\nSettings: verify.significant_digits, verify.decimals, verify.gold_rounded, "
            "verify.workers, verify.deadline_ms.\n",
        .options = options,
        .option_count = sizeof options / sizeof *options,
    };
    cli_arguments given;
    settings s = {0};
    verifier v = {.capacity = BATCH};
    char profile_assignment[96];
    status code = STATUS_OK;
    int exit_code = 0;
    TRY_OR(code, cli_parse_arguments(&given, &usage, argc, argv), cleanup);
    if (given.help) goto cleanup;
    bool pair = gold || answer || response;
    if (given.rest_count > 1)
        TRY_OR(code, status_set(STATUS_INVALID, "one file at most; %s is a second one", given.rest[1]), cleanup);
    if (pair && (!gold || !answer == !response || given.rest_count))
        TRY_OR(code, status_set(STATUS_INVALID, "one pair is given as --gold G --answer A (or --response R), without a file"),
               cleanup);
    if (quiet && !pair) TRY_OR(code, status_set(STATUS_INVALID, "--quiet belongs to one pair (--gold G --answer A)"), cleanup);
    if (profile) {
        snprintf(profile_assignment, sizeof profile_assignment, "reward_model.profile=%s", profile);
        given.assignments[given.assignment_count++] = profile_assignment;
    }
    TRY_OR(code, settings_load(&s, NULL, given.assignments, given.assignment_count), cleanup);
    if (pair) s.verify.workers = 1;
    v.options = options_verify(&s);
    v.options.explain = explain, v.options.skip_text = no_text_tier;
    v.items = calloc(v.capacity, sizeof *v.items);
    v.texts = calloc(2 * v.capacity, sizeof *v.texts);
    if (!v.items || !v.texts) TRY_OR(code, status_set(STATUS_NO_MEMORY, "out of memory"), cleanup);
    TRY_OR(code, start_pool(&s, &v.pool), cleanup);
    if (pair) {
        exit_code = verify_pair(&v, gold, answer, response, quiet);
        goto cleanup;
    }
    const rows_command rows = {
        .name = "verify", .unit = "pairs", .digits = 17, .batch = BATCH, .work = verify_rows, .context = &v};
    exit_code = rows_run(&rows, given.rest_count ? given.rest[0] : NULL);
    print_summary(&v);
cleanup:
    for (size_t i = 0; v.texts && i < 2 * v.capacity; i++) buffer_free(&v.texts[i]);
    free(v.texts);
    free(v.items);
    verify_pool_free(v.pool);
    settings_free(&s);
    cli_arguments_free(&given);
    return code == STATUS_OK ? exit_code : cli_finish("verify", code);
}
