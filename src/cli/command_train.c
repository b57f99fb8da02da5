// `dsdr train [CONFIG.yaml] [key=value ...] [--resume]`: trains a model by reinforcement learning; see run/trainer.h.
#include "cli/cli.h"
#include "cli/training.h"
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
    "The run's folder (trainer.default_local_dir, else runs/CONFIG-TIME) receives run.db, config.yaml and global_step_N/, each\n"
    "a complete Hugging Face folder. SIGINT, SIGTERM and SIGHUP finish the step, save and exit with 3; a second one leaves at\n"
    "once. To go on, with the run's own settings and what is said beside them:\n"
    "    dsdr train --resume trainer.default_local_dir=RUN\n";

int command_train(int argc, char **argv) {
    static const cli_training how = {.command = "train",
                                     .help = "Trains a language model by reinforcement learning with verifiable rewards.",
                                     .detail = detail,
                                     .name = options_method,
                                     .run = trainer_run};
    return cli_train(&how, argc, argv);
}
