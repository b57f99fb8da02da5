// dsdr init: writes a new, untrained model; see run/new_model.h.
#include <stdio.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "cli/cli.h"
#include "run/new_model.h"

static const char detail[] =
    "A model of the Llama family, as a Hugging Face folder: config.json, generation_config.json, model.safetensors (float32) "
    "and\n"
    "the tokenizer. Weights are normal with standard deviation 0.02, those that project into the residual stream divided by\n"
    "sqrt(2 layers); gains are 1. The same keys give the same bytes. Keys, in MODEL.yaml and as key=value, with their defaults:\n"
#define X(kind, field, default_, range, help) "  " #field "=" default_ "\n      " help "\n"
    NEW_MODEL_KEYS(X)
#undef X
        "A model that knows nothing is warmed up by `dsdr sft` before `dsdr train` can reward it.\n";

int command_init(int argc, char **argv) {
    const cli_usage usage = {.command = "init",
                             .arguments = "DIR [MODEL.yaml] [key=value ...]",
                             .help = "Writes a new, untrained model.",
                             .detail = detail};
    cli_arguments given;
    new_model m = {0};
    buffer summary = {0};
    status code = cli_parse_arguments(&given, &usage, argc, argv);
    if (code != STATUS_OK || given.help) goto cleanup;
    if (given.rest_count < 1 || given.rest_count > 2) {
        code = given.rest_count
                   ? status_set(STATUS_INVALID, "one folder and at most one MODEL.yaml, as in dsdr init DIR; %s is too many",
                                given.rest[2])
                   : status_set(STATUS_INVALID, "no folder: dsdr init DIR [MODEL.yaml] [key=value ...]");
        goto cleanup;
    }
    TRY_OR(code, new_model_load(&m, given.rest_count > 1 ? given.rest[1] : NULL, given.assignments, given.assignment_count),
           cleanup);
    TRY_OR(code, new_model_write(&m, given.rest[0], &summary), cleanup);
    printf("%s\n", buffer_text(&summary));
cleanup:
    new_model_free(&m);
    buffer_free(&summary);
    cli_arguments_free(&given);
    return cli_finish("init", code);
}
