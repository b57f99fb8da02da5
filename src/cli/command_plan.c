// `dsdr plan [CONFIG.yaml] [key=value ...]`: what a run of training would need, before it begins; see run/forecast.h.
#include <stdio.h>
#include <string.h>

#include "base/jsonl.h"
#include "base/progress.h"
#include "cli/cli.h"
#include "run/forecast.h"
#include "run/options.h"

static const char detail[] =
    "Memory is counted from the sizes that training takes. What cannot fit this machine is refused with exit code 2, as\n"
    "`dsdr train` refuses it. Where it fits, time is measured: the model is read, parts of a step are done, which takes some\n"
    "seconds, and their times are multiplied by how often a step does them. How long responses will be is not known before a\n"
    "run: time is told for responses of data.max_response_length, or for a mean that you know.\n";

// A row of the plan; rows of one group follow one another.
typedef struct memory_row {
    const char *group, *key, *text;
    size_t bytes;
} memory_row;

enum { MEMORY_ROWS = 9 };

static void memory_rows(const memory_plan *p, memory_row rows[MEMORY_ROWS]) {
    const memory_row all[MEMORY_ROWS] = {
        {"parameters", "weights", "weights, float32", p->weights},
        {"parameters", "packed", "copies for matrix products, forward and backward", p->packed},
        {"parameters", "optimizer", "gradients and two moments, float32", p->optimizer},
        {"parameters", "reference", "frozen model of the KL term", p->reference},
        {"rollouts", "rollouts", "tokens, log-probs and texts", p->rollouts},
        {"activations", "activations", "sampling or learning, whichever is larger", memory_plan_activations(p)},
        {"beside these", "encoder", "sentence encoder", p->encoder},
        {"beside these", "products", "code and tables of matrix products", p->products},
        {"beside these", "process", "program, libraries, tokenizer, problems", p->process},
    };
    memcpy(rows, all, sizeof all);
}

static double gb(size_t bytes) { return (double)bytes * 1e-9; }

// ---- for a person --------------------------------------------------------------------------------------------------------

static void print_memory(const forecast *f) {
    const memory_plan *p = &f->memory;
    memory_row rows[MEMORY_ROWS];
    const char *group = "";
    memory_rows(p, rows);
    printf("memory                                                               GB\n");
    for (size_t i = 0; i < MEMORY_ROWS; i++) {
        if (rows[i].bytes == 0) continue;
        if (strcmp(rows[i].group, group) != 0) printf("  %s\n", rows[i].group);
        printf("    %-58s %8.3f\n", rows[i].text, gb(rows[i].bytes));
        group = rows[i].group;
    }
    printf("  %-60s %8.3f\n", "peak", gb(memory_plan_peak(p)));
    printf("  %-60s %8.3f\n", "of main memory", gb(f->machine));
    printf("  sampling: %zu rows at once, %.3f GB; learning: leaves of %zu rows, %.3f GB\n", p->sampling.rows,
           gb(p->sampling_bytes), p->learning.leaf_rows, gb(p->learning_bytes));
}

static void print_changes(const forecast *f) {
    printf("\nwhat other settings would change                                     GB\n");
    for (size_t i = 0; i < f->change_count; i++)
        printf("  %-60s %+8.3f\n", f->changes[i].setting, gb(f->changes[i].peak) - gb(memory_plan_peak(&f->memory)));
}

static void print_seconds(const char *text, double seconds) {
    if (seconds > 0) printf("  %-60s %8.3f\n", text, seconds);
}

static void print_time(const forecast *f, const settings *s) {
    const time_plan *t = &f->time;
    const bool most = t->response_length == f->longest_response;
    char text[80], run[24];
    printf("\ntime of a step, measured in parts                                     s\n");
    print_seconds("sampling", t->sampling);
    print_seconds("sentence embeddings", t->embedding);
    print_seconds("log-probs of the frozen model", t->reference);
    print_seconds("log-probs compared with those of sampling", t->probe);
    print_seconds("forward and backward", t->update);
    print_seconds("optimizer", t->optimizer);
    snprintf(text, sizeof text, "a step of responses of %s%zu tokens", most ? "" : "about ", t->response_length);
    print_seconds(text, time_plan_step(t));
    printf("  %lld steps: %s; evaluations, checkpoints and verification come on top\n", (long long)f->steps,
           progress_duration(run, time_plan_step(t) * (double)f->steps));
    if (most) printf("  responses that end before the limit take less time: --mean-response-length tells it\n");
    printf("  all responses are counted as having a gradient; an update leaves out those that have none\n");
    if (s->filter.enable)
        printf("  dynamic sampling is counted as dropping no group; every further batch of prompts costs sampling again\n");
}

static void print_plan(const forecast *f, const settings *s) {
    printf("%s, %.1fM parameters, %s, %d thread%s\n", s->model.path, (double)f->parameters / 1e6, precision_name(f->precision),
           f->threads, f->threads == 1 ? "" : "s");
    printf("%lld steps of %zu prompts x %lld rollouts; prompts of %.0f tokens, at most %zu; responses of at most %zu\n\n",
           (long long)f->steps, f->prompts, s->rollout.n, f->mean_prompt, f->longest_prompt, f->longest_response);
    print_memory(f);
    if (f->change_count > 0) print_changes(f);
    if (f->timed) print_time(f, s);
}

// ---- for a program -------------------------------------------------------------------------------------------------------

// Of one step.
static json_t *seconds_json(const forecast *f) {
    const time_plan *t = &f->time;
    return json_pack("{s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "sampling", t->sampling, "embedding", t->embedding, "reference",
                     t->reference, "probe", t->probe, "update", t->update, "optimizer", t->optimizer, "total", time_plan_step(t));
}

static status print_json(const forecast *f) {
    const memory_plan *p = &f->memory;
    json_t *root = json_object(), *bytes = json_object();
    memory_row rows[MEMORY_ROWS];
    buffer line = {0};
    memory_rows(p, rows);
    for (size_t i = 0; i < MEMORY_ROWS; i++) json_object_set_new(bytes, rows[i].key, json_integer((json_int_t)rows[i].bytes));
    json_object_set_new(bytes, "sampling", json_integer((json_int_t)p->sampling_bytes));
    json_object_set_new(bytes, "learning", json_integer((json_int_t)p->learning_bytes));
    json_object_set_new(bytes, "peak", json_integer((json_int_t)memory_plan_peak(p)));
    json_object_set_new(bytes, "machine", json_integer((json_int_t)f->machine));
    json_object_set_new(root, "bytes", bytes);
    json_t *changes = json_object();
    for (size_t i = 0; i < f->change_count; i++)
        json_object_set_new(changes, f->changes[i].setting, json_integer((json_int_t)f->changes[i].peak));
    json_object_set_new(root, "changes", changes);
    if (f->timed) {
        json_object_set_new(root, "response_length", json_integer((json_int_t)f->time.response_length));
        json_object_set_new(root, "seconds", seconds_json(f));
    }
    status code = json_write(&line, root, 9);
    if (code == STATUS_OK) printf("%s\n", line.data);
    buffer_free(&line);
    json_decref(root);
    return code;
}

int command_plan(int argc, char **argv) {
    bool json = false, no_timing = false;
    const char *mean = NULL;
    const cli_option options[] = {
        {"--json", NULL, "one JSON object: bytes, and seconds of a step", NULL, &json},
        {"--no-timing", NULL, "tell memory alone, at once", NULL, &no_timing},
        {"--mean-response-length", "N", "tell the time for responses of so many tokens on average", &mean, NULL}};
    const cli_usage usage = {.command = "plan",
                             .arguments = "[CONFIG.yaml] [key=value ...]",
                             .help = "Tells how much memory and time a training run needs, before it begins.",
                             .detail = detail,
                             .options = options,
                             .option_count = sizeof options / sizeof *options};
    cli_arguments given;
    const char *file;
    settings s = {0};
    forecast f = {0};
    progress_view view;
    progress_view_open(&view, stderr);
    status code = STATUS_OK;
    TRY_OR(code, cli_parse_arguments(&given, &usage, argc, argv), cleanup);
    if (given.help) goto cleanup;
    TRY_OR(code, cli_one_configuration(&file, &given), cleanup);
    TRY_OR(code, settings_load(&s, file, given.assignments, given.assignment_count), cleanup);
    cli_print_notes(&s);
    if (mean && no_timing)
        TRY_OR(code, status_set(STATUS_INVALID, "--mean-response-length is about time, which --no-timing leaves out"), cleanup);
    forecast_options how = {.timing = !no_timing, .progress = {progress_view_report, &view}};
    TRY_OR(code, cli_read_number("--mean-response-length", mean, 1, 1000000, &how.response_length), cleanup);
    code = forecast_make(&f, &s, &how);
    progress_view_clear(&view);
    if (memory_plan_peak(&f.memory) > 0) { // what was found out before a refusal is told as well, and keeps its message
        if (json)
            code = code == STATUS_OK ? print_json(&f) : code;
        else
            print_plan(&f, &s);
    }
cleanup:
    settings_free(&s);
    cli_arguments_free(&given);
    return cli_finish("plan", code);
}
