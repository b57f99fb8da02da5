// `dsdr compare RUN...`: the tables of runs or of a study; see study/compare.h.
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "cli/cli.h"
#include "study/compare.h"

static const char detail[] =
    "RUN is a run's folder, a study's, or one that holds such. Runs of a study are called by their arm, others by their method "
    "and the\n"
    "settings that differ; runs with other seeds are repetitions. Numbers are those of `dsdr eval` (--folder RUN/eval), else the "
    "last\n"
    "validation of each run. A study's own primary outcome and comparisons decide; without a study all is exploratory.\n"
    "Two folders of `dsdr eval` alone are two checkpoints: then problems are compared, not methods.\n";

// The definition of the study whose folder is the only path; *has is false for anything else.
static status read_definition(study_definition *d, const char *const *paths, size_t count, bool *has) {
    *has = false;
    if (count != 1) return STATUS_OK;
    char *path = path_join(paths[0], "study.yaml");
    if (!path) return status_set(STATUS_NO_MEMORY, "out of memory");
    status code = STATUS_OK;
    if (file_exists(path)) {
        code = study_definition_read(d, path, NULL, 0);
        *has = code == STATUS_OK;
    }
    free(path);
    return code;
}

static status compare(const char *const *paths, size_t count, bool csv, bool json) {
    study_collection found = {0};
    study_definition d = {0};
    study_table table = {0};
    buffer text = {0};
    bool declared;
    status code = study_collect(&found, paths, count);
    if (code == STATUS_OK) code = read_definition(&d, paths, count, &declared);
    if (code == STATUS_OK) code = study_compare(&table, &found, declared ? &d : NULL);
    if (code == STATUS_OK)
        code = csv ? study_write_csv(&text, &table) : json ? study_write_json(&text, &table) : study_write_text(&text, &table);
    if (code == STATUS_OK) fputs(buffer_text(&text), stdout);
    buffer_free(&text);
    study_table_free(&table);
    study_definition_free(&d);
    study_collection_free(&found);
    return code;
}

int command_compare(int argc, char **argv) {
    bool csv = false, json = false, help;
    const cli_option options[] = {
        {.name = "--csv", .help = "a row for each number: arm, seed, state, source, outcome, value, folder", .present = &csv},
        {.name = "--json", .help = "everything as one JSON object", .present = &json},
    };
    const cli_usage usage = {.command = "compare",
                             .arguments = "RUN...",
                             .help = "Compares runs: accuracy, Pass@k, diversity, and what can be claimed from them.",
                             .detail = detail,
                             .options = options,
                             .option_count = sizeof options / sizeof *options};
    const char **rest = calloc((size_t)argc, sizeof *rest);
    if (!rest) return cli_finish("compare", status_set(STATUS_NO_MEMORY, "out of memory"));
    size_t count;
    status code = cli_parse(&usage, argc, argv, rest, &count, &help);
    if (code == STATUS_OK && !help && count == 0)
        code = status_set(STATUS_INVALID, "no run: dsdr compare RUN..., see dsdr compare --help");
    if (code == STATUS_OK && csv && json) code = status_set(STATUS_INVALID, "--csv or --json, not both");
    if (code == STATUS_OK && !help) code = compare(rest, count, csv, json);
    free(rest);
    return cli_finish("compare", code);
}
