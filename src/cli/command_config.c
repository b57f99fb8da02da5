// dsdr config: the resolved settings with their origin, as a listing or as YAML, and the reference page of all settings.
#include <stdio.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "cli/cli.h"

int command_config(int argc, char **argv) {
    bool yaml = false, reference = false, help;
    const cli_option options[] = {
        {"--yaml", NULL, "print YAML that loads back to the same settings", NULL, &yaml},
        {"--reference", NULL, "print the reference page of all settings (Markdown)", NULL, &reference},
    };
    const cli_usage usage = {
        .command = "config",
        .arguments = "[CONFIG.yaml] [key=value ...]",
        .help = "Shows the settings that result from defaults, method, file and command line: value, origin, verl's default "
                "where it differs.",
        .options = options,
        .option_count = sizeof options / sizeof *options,
    };
    const char **rest = calloc((size_t)argc * 2, sizeof *rest);
    if (!rest) return cli_finish("config", status_set(STATUS_NO_MEMORY, "out of memory"));
    const char **assignments = rest + argc;
    size_t rest_count, assignment_count;
    buffer text = {0};
    settings s = {0};
    status code = STATUS_OK;
    TRY_OR(code, cli_parse(&usage, argc, argv, rest, &rest_count, &help), cleanup);
    if (help) goto cleanup;
    rest_count = cli_take_assignments(rest, rest_count, assignments, &assignment_count);
    if (rest_count > 1)
        TRY_OR(code, status_set(STATUS_INVALID, "one settings file at most; %s is a second one", rest[1]), cleanup);
    if (reference) {
        TRY_OR(code, settings_write_reference(&text), cleanup);
    } else {
        TRY_OR(code, settings_load(&s, rest_count ? rest[0] : NULL, assignments, assignment_count), cleanup);
        TRY_OR(code, yaml ? settings_write_yaml(&text, &s) : settings_write_listing(&text, &s), cleanup);
        cli_print_notes(&s);
    }
    fwrite(text.data, 1, text.length, stdout);
cleanup:
    settings_free(&s);
    buffer_free(&text);
    free(rest);
    return cli_finish("config", code);
}
