// dsdr report: a page about runs that opens in a browser; see study/report.h.
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "cli/cli.h"
#include "study/report.h"

static const char detail[] =
    "RUN is the folder of a run, of a study, or one that holds such. The page is one file that needs no other and no network:\n"
    "settings and results, curves, methods compared, and a browser of responses, of which it keeps a sample that is even over "
    "the\n"
    "steps. Without --output it is RUN/report.html for one RUN, report.html for several.\n";

static status write_report(const char *const *paths, size_t count, const char *output, size_t rollouts) {
    if (count == 0) return status_set(STATUS_INVALID, "no run: dsdr report RUN...");
    char *beside = !output && count == 1 ? path_join(paths[0], "report.html") : NULL;
    if (!output && count == 1 && !beside) return status_set(STATUS_NO_MEMORY, "out of memory");
    const char *file = output ? output : beside ? beside : "report.html";
    report_summary done;
    status code = report_write(file, paths, count, rollouts, &done);
    if (code == STATUS_OK)
        printf("%s: %zu run%s, %zu of %zu responses, %.1f MB\n", file, done.runs, done.runs == 1 ? "" : "s", done.kept,
               done.recorded, 1e-6 * (double)done.bytes);
    free(beside);
    return code;
}

int command_report(int argc, char **argv) {
    const char *output = NULL, *rollouts = NULL;
    bool help;
    const cli_option options[] = {
        {"--output", "FILE.html", "where the page goes", &output, NULL},
        {"--rollouts", "N", "responses of training that it keeps, of all runs together (1000)", &rollouts, NULL}};
    const cli_usage usage = {.command = "report",
                             .arguments = "RUN... [--output FILE.html] [--rollouts N]",
                             .help = "Writes a page about runs that opens in a browser.",
                             .detail = detail,
                             .options = options,
                             .option_count = sizeof options / sizeof *options};
    const char **rest = calloc((size_t)argc, sizeof *rest);
    size_t rest_count;
    long long kept = REPORT_ROLLOUTS;
    status code = rest ? cli_parse(&usage, argc, argv, rest, &rest_count, &help) : status_set(STATUS_NO_MEMORY, "out of memory");
    if (code == STATUS_OK && !help) {
        code = cli_read_number("--rollouts", rollouts, 0, 1000000, &kept);
        if (code == STATUS_OK) code = write_report(rest, rest_count, output, (size_t)kept);
    }
    free(rest);
    return cli_finish("report", code);
}
