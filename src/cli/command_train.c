// `dsdr train [CONFIG.yaml] [key=value ...] [--resume]`: trains a model; see run/trainer.h.
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/signals.h"
#include "run/folder.h"
#include "run/options.h"
#include "run/trainer.h"

static const char detail[] =
    "Settings are verl's keys and a few more, in CONFIG.yaml and as key=value; `dsdr config` shows them all, examples/ has a\n"
    "CONFIG.yaml for each method. Without one this is enough:\n"
    "    dsdr train data.train_files=my.jsonl actor_rollout_ref.model.path=DIR\n"
    "DIR is a Hugging Face folder or a GGUF file; rows of my.jsonl hold \"problem\" and \"answer\" (data.prompt_key and\n"
    "data.answer_key name others). The default method, dsdr, needs the sentence encoder of algorithm.dsdr.encoder, which\n"
    "scripts/fetch_models.sh brings to models/; algorithm.method=grpo and dapo need none.\n"
    "\n"
    "The run's folder (trainer.default_local_dir, else runs/CONFIG-TIME) receives run.db, config.yaml and global_step_N/, each "
    "a\n"
    "complete Hugging Face folder. SIGINT and SIGTERM finish the step, save and exit with 3; a second one leaves at once. To go\n"
    "on, with the run's own settings and what is said beside them:\n"
    "    dsdr train --resume trainer.default_local_dir=RUN\n";

typedef struct screen {
    progress_view view;
} screen;

static void show_line(void *context, const char *line) {
    screen *s = context;
    progress_view_clear(&s->view);
    fprintf(stdout, "%s\n", line);
    fflush(stdout);
}

int command_train(int argc, char **argv) {
    bool resume = false, allow_change = false, help = false;
    const cli_option options[] = {
        {.name = "--resume",
         .help = "continue the run in trainer.default_local_dir from its last checkpoint",
         .present = &resume},
        {.name = "--allow-change", .help = "with --resume: accept changed settings that alter results", .present = &allow_change},
    };
    const cli_usage usage = {"train",
                             "[CONFIG.yaml] [key=value ...]",
                             "Trains a language model by reinforcement learning with verifiable rewards.",
                             detail,
                             options,
                             2};
    const char **rest = calloc((size_t)argc + 1, sizeof *rest), **assignments = calloc((size_t)argc + 1, sizeof *assignments);
    if (!rest || !assignments) return cli_finish("train", status_set(STATUS_NO_MEMORY, "out of memory"));
    size_t rest_count = 0, assignment_count = 0;
    settings s = {0};
    char *folder = NULL, *saved = NULL, path[4096];
    screen view;
    progress_view_open(&view.view, stderr);
    training_result result = {0};
    status code = cli_parse(&usage, argc, argv, rest, &rest_count, &help);
    if (code != STATUS_OK || help) goto done;
    rest_count = cli_take_assignments(rest, rest_count, assignments, &assignment_count);
    if (rest_count > 1) {
        code = status_set(STATUS_INVALID, "more than one configuration: %s and %s; settings are given as key=value", rest[0],
                          rest[1]);
        goto done;
    }
    const char *config = rest_count ? rest[0] : NULL;
    TRY_OR(code, settings_load(&s, config, assignments, assignment_count), done);
    if (resume && !config && s.trainer.default_local_dir[0]) { // the run's own settings, and what is said beside them
        saved = run_folder_file(s.trainer.default_local_dir, "config.yaml");
        settings_free(&s);
        TRY_OR(code, settings_load(&s, saved, assignments, assignment_count), done);
    }
    cli_print_notes(&s);
    if (s.trainer.default_local_dir[0]) {
        folder = strdup(s.trainer.default_local_dir);
    } else if (resume) {
        code = status_set(STATUS_INVALID, "--resume needs trainer.default_local_dir=FOLDER, the run to continue");
        goto done;
    } else {
        folder = run_folder_default(config, options_method(&s), time(NULL));
    }
    if (!folder) {
        code = status_set(STATUS_NO_MEMORY, "out of memory");
        goto done;
    }
    signals_catch("\ninterrupted: finishing the step and saving; once more leaves at once\n");
    const training_options trainer = {.resume = resume,
                                     .allow_change = allow_change,
                                     .folder = folder,
                                     .helper = cli_own_path(path, sizeof path),
                                     .stop = &signals_stop,
                                     .progress = {progress_view_report, &view.view},
                                     .line = show_line,
                                     .line_context = &view};
    code = trainer_run(&s, &trainer, &result);
done:
    progress_view_clear(&view.view);
    settings_free(&s);
    free(folder), free(saved), free(rest), free(assignments);
    return cli_finish("train", code);
}
