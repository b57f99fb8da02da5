// dsdr config: the resolved settings with their origin, as a listing or as YAML, and the reference page of all settings.
#include <stdio.h>

#include "base/buffer.h"
#include "cli/cli.h"

int command_config(int argc, char **argv) {
    bool yaml = false, reference = false;
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
    cli_arguments given;
    const char *file;
    buffer text = {0};
    settings s = {0};
    status code = STATUS_OK;
    TRY_OR(code, cli_parse_arguments(&given, &usage, argc, argv), cleanup);
    if (given.help) goto cleanup;
    TRY_OR(code, cli_one_configuration(&file, &given), cleanup);
    if (reference) {
        TRY_OR(code, settings_write_reference(&text), cleanup);
    } else {
        TRY_OR(code, settings_load(&s, file, given.assignments, given.assignment_count), cleanup);
        TRY_OR(code, yaml ? settings_write_yaml(&text, &s) : settings_write_listing(&text, &s), cleanup);
        cli_print_notes(&s);
    }
    fwrite(text.data, 1, text.length, stdout);
cleanup:
    settings_free(&s);
    buffer_free(&text);
    cli_arguments_free(&given);
    return cli_finish("config", code);
}
