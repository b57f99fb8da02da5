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
    const char **rest = calloc((size_t)argc * 2, sizeof *rest);
    if (!rest) return cli_finish("init", status_set(STATUS_NO_MEMORY, "out of memory"));
    const char **assignments = rest + argc;
    size_t rest_count, assignment_count;
    bool help;
    new_model m = {0};
    buffer summary = {0};
    status code = cli_parse(&usage, argc, argv, rest, &rest_count, &help);
    if (code != STATUS_OK || help) goto cleanup;
    rest_count = cli_take_assignments(rest, rest_count, assignments, &assignment_count);
    if (rest_count < 1 || rest_count > 2) {
        code = rest_count ? status_set(STATUS_INVALID,
                                       "one folder and at most one MODEL.yaml, as in dsdr init DIR; %s is too many", rest[2])
                          : status_set(STATUS_INVALID, "no folder: dsdr init DIR [MODEL.yaml] [key=value ...]");
        goto cleanup;
    }
    TRY_OR(code, new_model_load(&m, rest_count > 1 ? rest[1] : NULL, assignments, assignment_count), cleanup);
    TRY_OR(code, new_model_write(&m, rest[0], &summary), cleanup);
    printf("%s\n", buffer_text(&summary));
cleanup:
    new_model_free(&m);
    buffer_free(&summary);
    free(rest);
    return cli_finish("init", code);
}
