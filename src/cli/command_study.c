// `dsdr study STUDY.yaml [key=value ...]`: runs a study; see study/definition.h for the file and study/runner.h for what happens.
#include <stdlib.h>

#include "cli/cli.h"
#include "cli/signals.h"
#include "study/compare.h"
#include "study/runner.h"

static const char detail[] =
    "A study trains several arms (methods, ablations, values of a sweep) with several seeds, evaluates each run and compares "
    "them.\n"
    "What is done is skipped and what was begun goes on: an interrupted study is continued by the same command. SIGINT and "
    "SIGTERM\n"
    "let the run under way save, and exit with 3. STUDY.yaml:\n"
    "    config: examples/countdown/train.yaml\n"
    "    settings: {trainer.total_training_steps: 100}        # of all runs, beside config\n"
    "    start: {init: MODEL.yaml, sft: SFT.yaml}             # a warm start that all runs share; optional\n"
    "    arms:\n"
    "      grpo: {algorithm.method: grpo}\n"
    "      dsdr: {algorithm.method: dsdr}\n"
    "    sweep: {arm: dsdr, algorithm.dsdr.lambda_d: [0.0001, 0.01]}    # an arm for each value; optional\n"
    "    seeds: [1, 2, 3, 4, 5, 6]\n"
    "    evaluation: {data: [builtin:countdown/test]}\n"
    "    primary: avg@16\n"
    "    comparisons: [dsdr vs grpo]                          # those that are declared before running\n"
    "Keys beside settings, start.settings, arms, sweep.KEY and evaluation.settings, with their defaults:\n"
#define X(kind, field, key, default_, range, help) "  " key "=" default_ "\n      " help "\n"
    STUDY_KEYS(X)
#undef X
        "The same keys are taken behind the file as key=value, and keys of `dsdr train` for all runs.\n";

static void show_line(void *context, const char *line) {
    progress_view_clear(context);
    fprintf(stdout, "%s\n", line);
    fflush(stdout);
}

// Lines tell a pipe all that it needs; progress is for a terminal.
static void show_progress(void *context, const progress_event *event) {
    progress_view *view = context;
    if (view->terminal) progress_view_report(view, event);
}

static status print_comparison(const study_definition *d) {
    study_collection found;
    study_table table = {0};
    buffer text = {0};
    const char *folder = d->folder;
    TRY(study_collect(&found, &folder, 1));
    status code = study_compare(&table, &found, d);
    if (code == STATUS_OK) code = study_write_text(&text, &table);
    if (code == STATUS_OK) printf("\n%s\n", buffer_text(&text));
    buffer_free(&text);
    study_table_free(&table);
    study_collection_free(&found);
    return code == STATUS_INVALID ? STATUS_OK : code; // the runner has said that there is nothing to compare
}

static status finish(const study_definition *d, const study_result *result) {
    char text[24];
    TRY(print_comparison(d));
    printf("%s: %zu runs, %zu failed, %zu diverged, in %s\n", d->folder, result->runs, result->failed, result->diverged,
           progress_duration(text, result->seconds));
    if (result->failed == 0) return STATUS_OK;
    return status_set(STATUS_FAILED, "%zu of %zu runs failed; their outcome.json says why, and --retry tries them again",
                      result->failed, result->runs);
}

static status run(const study_definition *d, bool retry, bool allow_change, progress_view *view) {
    char program[4096];
    if (!cli_own_path(program, sizeof program))
        return status_set(STATUS_FAILED, "this system has no /proc/self/exe to start runs from");
    signals_catch("\ninterrupted: the run under way finishes its step and saves; once more leaves at once\n");
    const study_options options = {.program = program,
                                   .retry = retry,
                                   .allow_change = allow_change,
                                   .stop = &signals_stop,
                                   .progress = {show_progress, view},
                                   .line = show_line,
                                   .line_context = view};
    study_result result;
    TRY(study_run_all(d, &options, &result));
    progress_view_clear(view);
    return finish(d, &result);
}

int command_study(int argc, char **argv) {
    bool plan = false, retry = false, allow_change = false;
    const cli_option options[] = {
        {.name = "--plan", .help = "only list the commands, with what there is of each already", .present = &plan},
        {.name = "--retry", .help = "try runs that failed once more", .present = &retry},
        {.name = "--allow-change",
         .help = "accept another outcome, other comparisons or seeds although runs have finished; it is noted with the results",
         .present = &allow_change},
    };
    const cli_usage usage = {.command = "study",
                             .arguments = "STUDY.yaml [key=value ...]",
                             .help = "Runs a study: several arms with several seeds, trained, evaluated and compared.",
                             .detail = detail,
                             .options = options,
                             .option_count = sizeof options / sizeof *options};
    cli_arguments given;
    study_definition d = {0};
    progress_view view;
    progress_view_open(&view, stderr);
    status code = cli_parse_arguments(&given, &usage, argc, argv);
    if (code != STATUS_OK || given.help) goto cleanup;
    if (given.rest_count != 1)
        TRY_OR(code, status_set(STATUS_INVALID, "one study: dsdr study STUDY.yaml [key=value ...], see dsdr study --help"),
               cleanup);
    TRY_OR(code, study_definition_load(&d, given.rest[0], given.assignments, given.assignment_count), cleanup);
    code = plan ? study_tell_plan(&d, show_line, &view) : run(&d, retry, allow_change, &view);
cleanup:
    progress_view_clear(&view);
    study_definition_free(&d);
    cli_arguments_free(&given);
    return cli_finish("study", code);
}
