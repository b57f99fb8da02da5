// `dsdr judge EVAL... [key=value ...]`: how different the responses of several methods are; see study/judge.h.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/jsonl.h"
#include "base/progress.h"
#include "cli/cli.h"
#include "cli/signals.h"
#include "study/judge.h"

static const char detail[] =
    "EVAL is the folder of an evaluation by dsdr eval with several samples a problem, one for each method; compared\n"
    "are the problems that all of them have. Semantic similarity, formula similarity and the share of distinct\n"
    "equations are computed here. With judge.base_url and judge.model a language model at any OpenAI-compatible\n"
    "endpoint scores the diversity of logic, formulas and meaning from 0 to 10; its key is taken from the environment\n"
    "variable that judge.api_key_env names, OPENAI_API_KEY. What it will take is told first. Every answer is kept in\n"
    "FOLDER/judge.db and never asked for again.\n"
    "\n"
    "  dsdr judge runs/grpo-eval runs/dsdr-eval judge.base_url=https://api.openai.com/v1 judge.model=gpt-4o-mini\n";

// ---- what is printed -----------------------------------------------------------------------------------------------------

enum { CELL_WIDTH = 28 };

static void print_cell(const judge_estimate *x, bool is_difference, int digits) {
    char cell[64] = "-";
    if (!isnan(x->value))
        snprintf(cell, sizeof cell, is_difference ? "%+.*f [%+.*f, %+.*f]" : "%.*f [%.*f, %.*f]", digits, x->value, digits,
                 x->interval.low, digits, x->interval.high);
    printf("%-*s", CELL_WIDTH, cell);
}

static void print_p(double p) {
    char cell[32] = "-";
    if (!isnan(p)) snprintf(cell, sizeof cell, "%.4f", p);
    printf("%-*s", CELL_WIDTH, cell);
}

// Measures [first, end) of all methods, and of each the difference to the first.
static void print_rows(const judge_report *r, int first, int end, int digits) {
    int width = 0;
    for (size_t i = 0; i < r->count; i++) {
        int length = (int)strlen(r->methods[i].label);
        if (length > width) width = length;
    }
    width += (int)strlen("minus ") + 2;
    printf("\n%-*s", width, "");
    for (int m = first; m < end; m++) printf("%-*s", CELL_WIDTH, judge_measure_names[m]);
    for (size_t i = 0; i < r->count; i++) {
        printf("\n%-*s", width, r->methods[i].label);
        for (int m = first; m < end; m++) print_cell(&r->methods[i].measures[m], false, digits);
        if (i == 0) continue;
        printf("\nminus %-*s", width - (int)strlen("minus "), r->methods[0].label);
        for (int m = first; m < end; m++) print_cell(&r->methods[i].difference[m], true, digits);
        printf("\n%-*s", width, "    p");
        for (int m = first; m < end; m++) print_p(r->methods[i].difference[m].p);
    }
    printf("\n");
}

static void print_statuses(const char *label, const size_t *statuses) {
    size_t total = 0;
    const char *comma = "";
    printf("  %s:", label);
    for (int k = 0; k < JUDGE_STATUS_COUNT; k++) {
        total += statuses[k];
        if (statuses[k]) printf("%s %s %zu", comma, judge_status_name((judge_status)k), statuses[k]), comma = ",";
    }
    printf(" of %zu\n", total);
}

static void print_judge(const judge_report *r, const settings *s) {
    printf("\njudge %s", s->judge.model);
    for (size_t i = 0; i < r->model_count; i++) printf("%s %s", i ? "," : ", which answered as", r->models[i]);
    printf("; prompt %.16s; scores from 0 to 10; 95%% intervals over problems\n", r->prompt_hash);
    print_rows(r, 0, JUDGE_SCORES, 2);
    printf("\njudgements that are not scored are missing from the means\n");
    for (size_t i = 0; i < r->count; i++) print_statuses(r->methods[i].label, r->methods[i].statuses);
    if (r->twice == 0) return;
    printf("made twice, with the responses in another order: %zu; mean absolute difference", r->twice);
    for (int k = 0; k < JUDGE_SCORES; k++) printf("%s %s %.2f", k ? "," : "", judge_score_names[k], r->mean_difference[k]);
    printf("; equal");
    for (int k = 0; k < JUDGE_SCORES; k++) printf("%s %s %.0f%%", k ? "," : "", judge_score_names[k], 100 * r->equal_share[k]);
    printf("\n");
}

static void print_table(const judge_report *r, const judge_plan *p, const settings *s) {
    printf("%zu evaluation%s, %zu problem%s", p->methods, p->methods == 1 ? "" : "s", p->problems, p->problems == 1 ? "" : "s");
    if (p->sources > 1) printf(" of %zu sources, which weigh alike", p->sources);
    printf(", %zu responses each", p->n);
    if (p->left_out)
        printf("; %zu problem%s left out, with too few responses somewhere", p->left_out, p->left_out == 1 ? "" : "s");
    printf("\n");
    print_rows(r, JUDGE_SIMILARITY, JUDGE_MEASURES, 4);
    if (r->judged) print_judge(r, s);
}

static json_t *json_text(const char *text) {
    buffer valid = {0};
    json_t *value = NULL;
    if (text_make_valid(&valid, text, strlen(text)) == STATUS_OK) value = json_stringn(buffer_text(&valid), valid.length);
    buffer_free(&valid);
    return value ? value : json_null();
}

static json_t *json_estimate(const judge_estimate *x) {
    json_t *object = json_pack("{s:o, s:o, s:o, s:I}", "value", json_number(x->value), "low", json_number(x->interval.low),
                               "high", json_number(x->interval.high), "problems", (json_int_t)x->problems);
    if (!isnan(x->p)) json_object_set_new(object, "p", json_number(x->p));
    return object;
}

static json_t *json_estimates(const judge_report *r, const judge_estimate *all) {
    json_t *object = json_object();
    for (int m = r->judged ? 0 : JUDGE_SIMILARITY; m < JUDGE_MEASURES; m++)
        json_object_set_new(object, judge_measure_names[m], json_estimate(&all[m]));
    return object;
}

static json_t *json_statuses(const size_t *statuses) {
    json_t *object = json_object();
    for (int k = 0; k < JUDGE_STATUS_COUNT; k++)
        json_object_set_new(object, judge_status_name((judge_status)k), json_integer((json_int_t)statuses[k]));
    return object;
}

static json_t *json_judge(const judge_report *r, const judge_plan *p, const settings *s) {
    json_t *models = json_array(), *difference = json_object(), *equal = json_object();
    for (size_t i = 0; i < r->model_count; i++) json_array_append_new(models, json_text(r->models[i]));
    for (int k = 0; k < JUDGE_SCORES; k++) {
        json_object_set_new(difference, judge_score_names[k], json_number(r->mean_difference[k]));
        json_object_set_new(equal, judge_score_names[k], json_number(r->equal_share[k]));
    }
    return json_pack("{s:o, s:o, s:o, s:s, s:i, s:o, s:I, s:I, s:I, s:I, s:{s:I, s:I, s:o, s:o}}", "base_url",
                     json_text(s->judge.base_url), "model", json_text(s->judge.model), "model_returned", models, "prompt_sha256",
                     r->prompt_hash, "temperature", 0, "statuses", json_statuses(r->statuses), "responses_shown",
                     (json_int_t)p->shown, "responses_cut", (json_int_t)p->cut, "input_tokens", (json_int_t)r->input_tokens,
                     "output_tokens", (json_int_t)r->output_tokens, "repeats", "asked", (json_int_t)p->repeats, "scored_twice",
                     (json_int_t)r->twice, "mean_absolute_difference", difference, "equal_share", equal);
}

static status print_json(const judge_report *r, const judge_plan *p, const settings *s) {
    json_t *root = json_object(), *methods = json_array();
    json_object_set_new(root, "problems", json_integer((json_int_t)p->problems));
    json_object_set_new(root, "left_out", json_integer((json_int_t)p->left_out));
    json_object_set_new(root, "responses", json_integer((json_int_t)p->n));
    for (size_t i = 0; i < r->count; i++) {
        json_t *one = json_object();
        json_object_set_new(one, "method", json_text(r->methods[i].label));
        json_object_set_new(one, "folder", json_text(r->methods[i].folder));
        json_object_set_new(one, "measures", json_estimates(r, r->methods[i].measures));
        if (i > 0) json_object_set_new(one, "difference_to_first", json_estimates(r, r->methods[i].difference));
        if (r->judged) json_object_set_new(one, "statuses", json_statuses(r->methods[i].statuses));
        json_array_append_new(methods, one);
    }
    json_object_set_new(root, "methods", methods);
    if (r->judged) json_object_set_new(root, "judge", json_judge(r, p, s));
    buffer text = {0};
    status code = json_write(&text, root, 17);
    if (code == STATUS_OK) printf("%s\n", text.data);
    buffer_free(&text);
    json_decref(root);
    return code;
}

static void print_number(double x) {
    if (isnan(x))
        printf(","); // missing
    else
        printf(",%.17g", x);
}

static void print_csv_rows(const judge_report *r, const judge_method *one, const judge_estimate *all, const char *kind) {
    for (int m = r->judged ? 0 : JUDGE_SIMILARITY; m < JUDGE_MEASURES; m++) {
        printf("\"");
        for (const char *c = one->label; *c; c++) printf(*c == '"' ? "\"\"" : "%c", *c);
        printf("\",%s,%s", kind, judge_measure_names[m]);
        print_number(all[m].value), print_number(all[m].interval.low), print_number(all[m].interval.high);
        print_number(all[m].p);
        printf(",%zu\n", all[m].problems);
    }
}

static void print_csv(const judge_report *r) {
    printf("method,kind,measure,value,low,high,p,problems\n");
    for (size_t i = 0; i < r->count; i++) {
        print_csv_rows(r, &r->methods[i], r->methods[i].measures, "mean");
        if (i > 0) print_csv_rows(r, &r->methods[i], r->methods[i].difference, "difference_to_first");
    }
}

// ---- the estimate, and whether to go on ----------------------------------------------------------------------------------

static void tell_plan(const judge_plan *p, const settings *s) {
    if (p->texts < p->problems)
        fprintf(
            stderr,
            "note: the text of %zu of %zu problems is not at hand, and the judge is not shown it; data.val_files names files\n",
            p->problems - p->texts, p->problems);
    if (p->cut)
        fprintf(stderr, "note: %zu of %zu responses are longer than judge.response_limit, %lld bytes, and shown cut\n", p->cut,
                p->shown, s->judge.response_limit);
    fprintf(stderr, "%zu judgements, %zu of them second ones; %zu answered before, ", p->judgements, p->repeats, p->cached);
    if (p->equal) fprintf(stderr, "%zu of the same responses as others, ", p->equal);
    fprintf(stderr, "%zu requests to make", p->requests);
    if (p->requests == 0) {
        fprintf(stderr, "\n");
        return;
    }
    fprintf(stderr, ":\n  about %.0f tokens in (4 bytes each) and at most %.0f out, in at least ", p->input_tokens,
            p->output_tokens);
    char time[24];
    fprintf(stderr, "%s; ", progress_duration(time, 60 * (double)(p->requests - 1) / s->judge.requests_per_minute));
    if (isnan(p->cost))
        fprintf(stderr, "the cost is unknown (judge.input_price, judge.output_price)\n");
    else
        fprintf(stderr, "about %.4g, by judge.input_price and judge.output_price\n", p->cost);
}

static status ask_to_go_on(const judge_plan *p, const settings *s, bool yes) {
    if (yes || p->requests == 0) return STATUS_OK;
    if (s->judge.max_cost > 0 && p->cost <= s->judge.max_cost) return STATUS_OK; // false for an unknown cost
    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
        return status_set(STATUS_INVALID,
                          "nothing was asked: give --yes to go on, or prices and a judge.max_cost that the estimate meets");
    fprintf(stderr, "go on? [y/N] ");
    char answer[16];
    if (fgets(answer, sizeof answer, stdin) && (*answer == 'y' || *answer == 'Y')) return STATUS_OK;
    return status_set(STATUS_INVALID, "nothing was asked");
}

// ---- the command ---------------------------------------------------------------------------------------------------------

typedef struct request {
    const char *config, *output;
    const char *const *folders;
    size_t count;
    bool json, csv, yes;
} request;

static const char *find_key(const settings *s) {
    const char *key = *s->judge.api_key_env ? getenv(s->judge.api_key_env) : NULL;
    if (!key && *s->judge.base_url)
        fprintf(stderr, "note: %s is not set, so the endpoint is given no key\n",
                *s->judge.api_key_env ? s->judge.api_key_env : "judge.api_key_env");
    return key && *key ? key : NULL;
}

static status analyse(const request *r, const settings *s, progress_view *view) {
    judge *j = NULL;
    judge_plan plan;
    judge_report report = {0};
    judge_options options = {.settings = s,
                             .folders = r->folders,
                             .count = r->count,
                             .output = r->output,
                             .api_key = find_key(s),
                             .stop = &signals_stop,
                             .progress = {progress_view_report, view}};
    status code = judge_open(&j, &options, &plan);
    if (code == STATUS_OK && plan.unfinished)
        fprintf(stderr, "note: %zu of %zu evaluations are unfinished\n", plan.unfinished, plan.methods);
    if (code == STATUS_OK && *s->judge.base_url) tell_plan(&plan, s);
    if (code == STATUS_OK) code = ask_to_go_on(&plan, s, r->yes);
    if (code != STATUS_OK) goto cleanup;
    signals_catch("\ninterrupted: waiting for what was asked; once more leaves at once\n");
    TRY_OR(code, judge_run(j, &report), cleanup);
    progress_view_clear(view);
    if (r->json)
        code = print_json(&report, &plan, s);
    else if (r->csv)
        print_csv(&report);
    else
        print_table(&report, &plan, s);
    size_t missing = report.statuses[JUDGE_REFUSED] + report.statuses[JUDGE_UNANSWERED];
    fprintf(stderr, "written to %s/judge.db\n", r->output);
    if (code == STATUS_OK && missing > 0)
        code =
            status_set(STATUS_FAILED, "%zu requests were not answered, the last one because %s; the same command asks them again",
                       missing, report.trouble);
cleanup:
    judge_report_free(&report);
    judge_close(j);
    return code;
}

int command_judge(int argc, char **argv) {
    request r = {.output = "runs/judge"};
    bool show_prompt = false;
    const cli_option options[] = {
        {"--folder", "FOLDER", "where judge.db is, made if need be; runs/judge without it", &r.output, NULL},
        {"--yes", NULL, "ask the judge without asking you", NULL, &r.yes},
        {"--json", NULL, "print one JSON object", NULL, &r.json},
        {"--csv", NULL, "print comma-separated values", NULL, &r.csv},
        {"--config", "CONFIG.yaml", "take settings from a file", &r.config, NULL},
        {"--show-prompt", NULL, "print the prompt that is used without judge.prompt", NULL, &show_prompt},
    };
    const cli_usage usage = {.command = "judge",
                             .arguments = "EVAL... [key=value ...]",
                             .help = "Compares how diverse the responses of several methods are.",
                             .detail = detail,
                             .options = options,
                             .option_count = sizeof options / sizeof *options};
    cli_arguments given;
    settings s = {0};
    progress_view view;
    progress_view_open(&view, stderr);
    status code = cli_parse_arguments(&given, &usage, argc, argv);
    if (code != STATUS_OK || given.help) goto cleanup;
    if (show_prompt) {
        fputs(judge_default_prompt(), stdout);
        goto cleanup;
    }
    if (given.rest_count == 0)
        TRY_OR(code, status_set(STATUS_INVALID, "no evaluation: dsdr judge EVAL..., see dsdr judge --help"), cleanup);
    if (r.json && r.csv) TRY_OR(code, status_set(STATUS_INVALID, "--json and --csv exclude each other"), cleanup);
    TRY_OR(code, settings_load(&s, r.config, given.assignments, given.assignment_count), cleanup);
    cli_print_notes(&s);
    r.folders = given.rest, r.count = given.rest_count;
    code = analyse(&r, &s, &view);
cleanup:
    progress_view_clear(&view);
    settings_free(&s);
    cli_arguments_free(&given);
    return cli_finish("judge", code);
}
