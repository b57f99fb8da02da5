// The command line: a table of subcommands, and what they share. Only this room prints and decides exit codes.
//
// A subcommand lives in command_NAME.c, which defines `int command_NAME(int argc, char **argv)`: argv[0] is the subcommand's
// name. It returns an exit code: 0 done, 1 failed while running, 2 wrong usage or bad input, 3 interrupted and saved.
#ifndef DSDR_CLI_CLI_H
#define DSDR_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/status.h"
#include "run/settings.h"
#include "tensor/matmul.h"

// C(function, name, arguments, one line of help); a name that starts with "-" or has no help line is not listed.
#define CLI_COMMANDS(C)                                                                                                          \
    C(command_train, "train", "[CONFIG.yaml] [key=value ...] [--resume]", "train a model by reinforcement learning")             \
    C(command_sft, "sft", "[CONFIG.yaml] [key=value ...] [--resume]", "train a model on given responses")                        \
    C(command_init, "init", "DIR [MODEL.yaml] [key=value ...]", "write a new, untrained model")                                  \
    C(command_eval, "eval", "MODEL DATA... [key=value ...]", "measure a model's accuracy on problems")                           \
    C(command_study, "study", "STUDY.yaml [key=value ...]", "run several methods with several seeds, and compare them")          \
    C(command_judge, "judge", "EVAL... [key=value ...]", "compare how diverse the responses of several methods are")             \
    C(command_compare, "compare", "RUN... [--csv] [--json]", "tables of runs, and what can be claimed from them")                \
    C(command_report, "report", "RUN... [--output FILE.html] [--rollouts N]", "write a page about runs that opens in a browser") \
    C(command_generate, "generate", "MODEL [--prompt TEXT]", "chat with a model")                                                \
    C(command_score, "score", "[FILE.jsonl] [key=value ...]", "score groups of responses")                                       \
    C(command_verify, "verify", "[FILE.jsonl] [--gold G --answer A]", "decide whether answers equal their golds")                \
    C(command_tokenize, "tokenize", "MODEL [FILE.jsonl] [--decode]", "turn texts into token ids, or back")                       \
    C(command_logprobs, "logprobs", "MODEL [FILE.jsonl]", "log-probability and entropy of each token of responses")              \
    C(command_inspect, "inspect", "MODEL [--json]", "describe a model and say whether it can be trained here")                   \
    C(command_verify_worker, "verify-worker", "", NULL)                                                                          \
    C(command_plan, "plan", "[CONFIG.yaml] [key=value ...]", "tell memory and time of a training run before it begins")          \
    C(command_config, "config", "[CONFIG.yaml] [key=value ...]", "show the resolved settings, with help")

#define C(function, name, arguments, help) int function(int argc, char **argv);
CLI_COMMANDS(C)
#undef C

// Options of a subcommand. Those that take a value accept "--name VALUE" and "--name=VALUE".
typedef struct cli_option {
    const char *name;  // "--gold"
    const char *value; // what the value is called in the help, "GOLD"; NULL for a switch
    const char *help;  // one line; NULL: not listed
    const char **text; // receives the value; or
    bool *present;     // receives whether a switch was given
} cli_option;

typedef struct cli_usage {
    const char *command, *arguments, *help; // as in the table
    const char *detail;                     // further lines of help, each ending in a newline; NULL for none
    const cli_option *options;
    size_t option_count;
} cli_usage;

// Sorts argv[1..] into options and the rest: positional arguments (into `rest`, with room for argc entries, in order). "--" ends
// the options, "-" is positional. --help prints the help and sets *help. An unknown option is STATUS_INVALID with "did you mean".
status cli_parse(const cli_usage *usage, int argc, char **argv, const char **rest, size_t *rest_count, bool *help);

// The arguments of a subcommand that takes settings too.
typedef struct cli_arguments {
    bool help;                // it was asked for and printed: there is nothing left to do
    const char **rest;        // positional
    const char **assignments; // "key=value", "+key=...", "~key"; with room for one more
    size_t rest_count, assignment_count;
} cli_arguments;

// cli_parse for such a subcommand. Free *a in any case.
status cli_parse_arguments(cli_arguments *a, const cli_usage *usage, int argc, char **argv);
void cli_arguments_free(cli_arguments *a);

// *config = the one positional argument of a subcommand that takes "[CONFIG.yaml] [key=value ...]", NULL where there is none;
// more than one is STATUS_INVALID.
status cli_one_configuration(const char **config, const cli_arguments *a);

// *value = the whole number that an option was given; left alone where text is NULL. STATUS_INVALID, naming the option, where it
// is none from `least` to `most`.
status cli_read_number(const char *option, const char *text, long long least, long long most, long long *value);

// Prints "dsdr COMMAND: MESSAGE" on stderr for a failure and returns its exit code; returns 0 for STATUS_OK.
int cli_finish(const char *command, status code);

// A path at which this program can be started again, even after its file was replaced; NULL where the system has none.
const char *cli_own_path(char *path, size_t size);

// Prints the notes of settings on stderr.
void cli_print_notes(const settings *s);

// Says on stderr when products do not run on oneDNN, and why. NULL is fine.
void cli_print_products(const matmul *products);

#endif
