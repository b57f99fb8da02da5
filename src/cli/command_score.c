// `dsdr score [FILE.jsonl] [key=value ...]`: verdicts, diversity and credit of groups of responses (docs/method.md,
// sections 1 to 3), exactly as training computes them.
#include <stdlib.h>
#include <string.h>

#include "base/jsonl.h"
#include "cli/cli.h"
#include "cli/rows.h"
#include "learn/credit.h"
#include "run/options.h"
#include "run/scoring.h"

static const char detail[] =
    "Rows of FILE (none or -: standard input) are groups {\"gold\", \"responses\": [TEXT, ...]}; each comes back with "
    "\"responses\":\n"
    "[{\"correct\", \"status\", \"answer\", \"formulas\", \"d_emb\", \"d_eq\", \"d\", \"dbar\", \"reward\", \"advantage\", "
    "\"coupling\"}].\n"
    "`formulas` is the set that d_eq compares. Settings are those of training: algorithm.dsdr.lambda_d, .sigma_d, .tau, "
    ".encoder,\n"
    ".formula_level, algorithm.adv_eps, algorithm.adv_std, reward_model.profile, verify.*; method dsdr unless algorithm.method\n"
    "says otherwise.\n";

typedef struct score_context {
    settings *s;
    scorer scorer;
    buffer gold;
} score_context;

// *asked holds the text in `gold`.
static status read_group(const json_t *row, buffer *gold, problem *asked, group *out) {
    const json_t *responses = json_object_get(row, "responses");
    bool found;
    TRY(rows_take_text(json_object_get(row, "gold"), gold, &found));
    if (!found) return status_set(STATUS_INVALID, "the row has no \"gold\" (a text or a number)");
    if (!json_is_array(responses) || json_array_size(responses) == 0)
        return status_set(STATUS_INVALID, "\"responses\" must be a list of at least one text");
    const char *source = json_string_value(json_object_get(row, "source")),
               *text = json_string_value(json_object_get(row, "problem"));
    *asked = (problem){.id = "", .source = source ? source : "", .text = text ? text : "", .answer = buffer_text(gold)};
    *out = (group){.problem = asked, .size = json_array_size(responses)};
    out->rollouts = calloc(out->size, sizeof *out->rollouts);
    if (!out->rollouts) return status_set(STATUS_NO_MEMORY, "out of memory");
    for (size_t r = 0; r < out->size; r++) {
        const json_t *one = json_array_get(responses, r);
        if (!json_is_string(one)) {
            free(out->rollouts);
            *out = (group){0};
            return status_set(STATUS_INVALID, "\"responses\" must hold texts only; entry %zu is none", r);
        }
        out->rollouts[r].text = (char *)json_string_value(one);
        out->rollouts[r].text_length = json_string_length(one);
    }
    return STATUS_OK;
}

static const char *status_word(verdict_status s) {
    static const char *const names[] = {
#define X(code, name) [code] = name,
        VERDICT_TABLE(X)
#undef X
    };
    return names[s];
}

static json_t *describe(const verdict *v, const formula_set *set, const diversity *d, const credit *c) {
    json_t *o = json_object(), *formulas = json_array();
    json_object_set_new(o, "correct", verdict_known(v->status) ? json_boolean(v->status == VERDICT_CORRECT) : json_null());
    json_object_set_new(o, "status", json_string(status_word(v->status)));
    json_object_set_new(o, "answer", v->extracted ? json_string(v->extracted) : json_null());
    for (size_t i = 0; i < set->count; i++) json_array_append_new(formulas, json_string(formula_text(set, i)));
    json_object_set_new(o, "formulas", formulas);
    json_object_set_new(o, "d_emb", json_number(d->d_emb));
    json_object_set_new(o, "d_eq", json_number(d->d_eq));
    json_object_set_new(o, "d", json_number(d->d));
    json_object_set_new(o, "dbar", json_number(d->dbar));
    json_object_set_new(o, "reward", json_number(c->reward));
    json_object_set_new(o, "advantage", json_number(c->advantage));
    json_object_set_new(o, "coupling", json_number(c->coupling));
    return o;
}

static status score_group(score_context *c, json_t *row, const group *g) {
    size_t size = g->size;
    verdict *verdicts = calloc(size, sizeof *verdicts);
    verdict_status *statuses = calloc(size, sizeof *statuses);
    diversity *scores = calloc(size, sizeof *scores);
    formula_set *sets = calloc(size, sizeof *sets);
    credit *credits = calloc(size, sizeof *credits);
    diversity_report report;
    credit_options options = options_credit(c->s);
    status code = verdicts && statuses && scores && sets && credits ? STATUS_OK : status_set(STATUS_NO_MEMORY, "out of memory");
    if (code == STATUS_OK) code = scorer_judge(&c->scorer, g, NULL, 1, false, verdicts);
    if (code == STATUS_OK) code = scorer_diversity(&c->scorer, g, 1, scores, sets, &report);
    for (size_t i = 0; i < size && code == STATUS_OK; i++) statuses[i] = verdicts[i].status;
    if (code == STATUS_OK) code = credit_assign(&options, size, statuses, scores, NULL, credits, NULL);
    if (code == STATUS_OK) {
        json_t *out = json_array();
        for (size_t i = 0; i < size; i++) json_array_append_new(out, describe(&verdicts[i], &sets[i], &scores[i], &credits[i]));
        json_object_set_new(row, "responses", out);
    }
    for (size_t i = 0; i < size; i++) {
        if (verdicts) verdict_clear(&verdicts[i]);
        if (sets) formula_set_free(&sets[i]);
    }
    free(verdicts), free(statuses), free(scores), free(sets), free(credits);
    return code;
}

static status score_rows(void *context, json_t **rows, size_t count) {
    score_context *c = context;
    for (size_t i = 0; i < count; i++) {
        problem asked;
        group g = {0};
        status code = read_group(rows[i], &c->gold, &asked, &g);
        if (code == STATUS_OK) code = score_group(c, rows[i], &g);
        free(g.rollouts);
        if (code != STATUS_OK) rows_fail(rows[i], NULL);
    }
    return STATUS_OK;
}

int command_score(int argc, char **argv) {
    const cli_usage usage = {
        "score", "[FILE.jsonl] [key=value ...]", "Scores groups of responses as training does.", detail, NULL, 0};
    cli_arguments given;
    settings s = {0};
    score_context context = {.s = &s};
    int exit_code = 0;
    status code = cli_parse_arguments(&given, &usage, argc, argv);
    if (code != STATUS_OK || given.help) goto done;
    if (given.rest_count > 1) {
        code = status_set(STATUS_INVALID, "more than one file: %s and %s", given.rest[0], given.rest[1]);
        goto done;
    }
    TRY_OR(code, settings_load(&s, NULL, given.assignments, given.assignment_count), done);
    cli_print_notes(&s);
    char path[4096];
    TRY_OR(code, scorer_open(&context.scorer, &s, options_threads(&s), true, cli_own_path(path, sizeof path)), done);
    cli_print_products(context.scorer.products);
    const rows_command command = {
        .name = "score", .unit = "groups", .digits = 17, .batch = 1, .work = score_rows, .context = &context};
    exit_code = rows_run(&command, given.rest_count ? given.rest[0] : NULL);
done:
    scorer_close(&context.scorer);
    buffer_free(&context.gold);
    settings_free(&s);
    cli_arguments_free(&given);
    return code == STATUS_OK ? exit_code : cli_finish("score", code);
}
