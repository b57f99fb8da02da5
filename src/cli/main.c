// dsdr: finds the subcommand and runs it. See cli.h for the table.
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "cli/cli.h"

#ifndef DSDR_VERSION
#define DSDR_VERSION "0.1.0"
#endif

static const struct command {
    int (*run)(int argc, char **argv);
    const char *name, *arguments, *help;
} commands[] = {
#define C(function, name, arguments, help) {function, name, arguments, help},
    CLI_COMMANDS(C)
#undef C
};
enum { COMMAND_COUNT = sizeof commands / sizeof *commands };

static void print_help(FILE *stream) {
    fprintf(stream, "usage: dsdr COMMAND [arguments]\n\n"
                    "Post-training of reasoning language models by reinforcement learning with verifiable rewards.\n\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (commands[i].help) fprintf(stream, "  %-10s %s\n", commands[i].name, commands[i].help);
    fprintf(stream, "\n  dsdr COMMAND --help shows the arguments of a command; dsdr --version shows the version.\n"
                    "  Exit codes: 0 done, 1 failed while running or a row with an error, 2 wrong usage or bad input, 3 "
                    "interrupted and saved.\n");
}

static int unknown_command(const char *name) {
    const char *best = NULL;
    size_t distance = 3;
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (commands[i].help) text_consider(name, commands[i].name, &best, &distance);
    if (best)
        fprintf(stderr, "dsdr: unknown command %s; did you mean %s?\n", name, best);
    else
        fprintf(stderr, "dsdr: unknown command %s; dsdr --help lists the commands\n", name);
    return 2;
}

// What a full disk or a closed pipe kept from standard output is a failure, not silence.
static int flush_output(int exit_code) {
    if (fflush(stdout) == 0 && !ferror(stdout)) return exit_code;
    if (!exit_code) fprintf(stderr, "dsdr: cannot write to standard output\n"); // else it has been said
    return exit_code ? exit_code : 1;
}

// Takes the standard descriptors that were closed when the program started; else a file of a run would get such a number, and
// what is printed would be written into it. They are opened the wrong way round, so that using them fails as it should.
static void hold_standard_descriptors(void) {
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) < 0) return;
}

// Threads that wait should look for a few microseconds, as kernels follow one another so fast, and then sleep: spinning for long
// makes the program several times slower when another one runs on the same cores, and sleeping at once costs a fifth of the
// decoding rate. OpenMP reads its policy before main begins, so the program starts itself once more with the policy set; a user
// who has set one keeps it.
static void start_with_patient_threads(char **argv) {
    if (getenv("OMP_WAIT_POLICY") || getenv("GOMP_SPINCOUNT")) return;
    if (setenv("OMP_WAIT_POLICY", "passive", 1) != 0 || setenv("GOMP_SPINCOUNT", "1000", 1) != 0) return;
    char path[4096];
    if (cli_own_path(path, sizeof path)) execv(path, argv); // where that fails, this process goes on as it is
}

int main(int argc, char **argv) {
    hold_standard_descriptors();
    signal(SIGXFSZ, SIG_IGN); // a file that may not grow is a failed write with a message, not a killed process
    if (argc < 2) {
        print_help(stderr);
        return 2;
    }
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
        print_help(stdout);
        return flush_output(0);
    }
    if (!strcmp(argv[1], "--version")) {
        printf("dsdr %s\n", DSDR_VERSION);
        return flush_output(0);
    }
    start_with_patient_threads(argv);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (!strcmp(argv[1], commands[i].name)) return flush_output(commands[i].run(argc - 1, argv + 1));
    return unknown_command(argv[1]);
}
