// What `dsdr train` and `dsdr sft` do alike: arguments, the run's folder, signals, lines and progress on the screen.
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/signals.h"
#include "cli/training.h"
#include "run/folder.h"

static void show_line(void *context, const char *line) {
    progress_view_clear(context);
    fprintf(stdout, "%s\n", line);
    fflush(stdout);
}

// Loads the settings; of a run that is resumed without a configuration, the run's own and what is said beside them.
static status load_settings(settings *s, const char *config, const char *const *assignments, size_t count, bool resume) {
    TRY(settings_load(s, config, assignments, count));
    if (!resume || config || !s->trainer.default_local_dir[0]) return STATUS_OK;
    char *saved = run_folder_file(s->trainer.default_local_dir, "config.yaml");
    if (!saved) return status_set(STATUS_NO_MEMORY, "out of memory");
    settings_free(s);
    status code = settings_load(s, saved, assignments, count);
    free(saved);
    return code;
}

static status choose_folder(char **folder, const settings *s, const char *config, const char *name, bool resume) {
    if (!s->trainer.default_local_dir[0] && resume)
        return status_set(STATUS_INVALID, "--resume needs trainer.default_local_dir=FOLDER, the run to continue");
    *folder =
        s->trainer.default_local_dir[0] ? strdup(s->trainer.default_local_dir) : run_folder_default(config, name, time(NULL));
    return *folder ? STATUS_OK : status_set(STATUS_NO_MEMORY, "out of memory");
}

int cli_train(const cli_training *how, int argc, char **argv) {
    bool resume = false, allow_change = false;
    const cli_option options[] = {
        {.name = "--resume",
         .help = "continue the run in trainer.default_local_dir from its last checkpoint",
         .present = &resume},
        {.name = "--allow-change", .help = "with --resume: accept changed settings that alter results", .present = &allow_change},
    };
    const cli_usage usage = {how->command, "[CONFIG.yaml] [key=value ...]", how->help, how->detail, options, 2};
    cli_arguments given;
    const char *config;
    settings s = {0};
    char *folder = NULL, path[4096];
    progress_view view;
    progress_view_open(&view, stderr);
    training_result result = {0};
    status code = cli_parse_arguments(&given, &usage, argc, argv);
    if (code != STATUS_OK || given.help) goto done;
    TRY_OR(code, cli_one_configuration(&config, &given), done);
    TRY_OR(code, load_settings(&s, config, given.assignments, given.assignment_count, resume), done);
    cli_print_notes(&s);
    TRY_OR(code, choose_folder(&folder, &s, config, how->name(&s), resume), done);
    signals_catch("\ninterrupted: finishing the step and saving; once more leaves at once\n");
    const training_options training = {.resume = resume,
                                       .allow_change = allow_change,
                                       .folder = folder,
                                       .helper = cli_own_path(path, sizeof path),
                                       .stop = &signals_stop,
                                       .progress = {progress_view_report, &view},
                                       .line = show_line,
                                       .line_context = &view};
    code = how->run(&s, &training, &result);
done:
    progress_view_clear(&view);
    settings_free(&s);
    free(folder);
    cli_arguments_free(&given);
    return cli_finish(how->command, code);
}
