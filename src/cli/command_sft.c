// `dsdr sft [CONFIG.yaml] [key=value ...] [--resume]`: trains a model on given responses; see run/sft.h.
#include "cli/cli.h"
#include "cli/training.h"
#include "run/sft.h"

static const char detail[] =
    "A warm start: rows of prompt and response are learned by heart as far as the model can, before `dsdr train` rewards what "
    "it\n"
    "makes of them. Settings are those of `dsdr train`, in CONFIG.yaml and as key=value; names of verl's supervised trainer\n"
    "(optim.lr, model.partial_pretrain, ...) are understood too. This is enough:\n"
    "    dsdr sft data.train_files=my.jsonl actor_rollout_ref.model.path=DIR\n"
    "    dsdr sft data.train_files=builtin:countdown/train actor_rollout_ref.model.path=DIR\n"
    "Rows of my.jsonl hold \"problem\" (or \"prompt\") and \"response\"; data.prompt_key and data.response_key name others. A "
    "built-in\n"
    "task writes worked solutions, of countdown's many another one in each epoch. Of the settings matter here:\n"
    "  data.*                              rows of a step in train_batch_size; prompt_template, instruction as in training\n"
    "  data.max_response_length            a longer response is refused, or left out with data.filter_overlong_prompts\n"
    "  actor_rollout_ref.rollout.stop      ends responses in place of the end token\n"
    "  actor_rollout_ref.actor.optim.*     with other defaults: lr 1e-5, betas [0.9, 0.95], cosine, warm-up over a tenth\n"
    "  actor_rollout_ref.actor.grad_clip   1.0\n"
    "  trainer.*                           with 4 epochs by default; data.val_files give the held-out loss\n"
    "The run's folder and --resume are as `dsdr train --help` says; RUN/global_step_N is the model that `dsdr train` starts "
    "from.\n";

static const char *folder_name(const settings *s) {
    (void)s;
    return "sft";
}

int command_sft(int argc, char **argv) {
    static const cli_training how = {.command = "sft",
                                     .help = "Trains a language model on given responses (supervised fine-tuning).",
                                     .detail = detail,
                                     .name = folder_name,
                                     .run = sft_run};
    return cli_train(&how, argc, argv);
}
