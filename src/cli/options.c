// Options of subcommands, their help, and how failures are told. See cli.h.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "cli/cli.h"

static void print_help(const cli_usage *usage) {
    printf("usage: dsdr %s %s\n\n%s\n", usage->command, usage->arguments, usage->help);
    if (usage->detail) printf("\n%s", usage->detail);
    printf("\n");
    for (size_t i = 0; i < usage->option_count; i++) {
        const cli_option *o = &usage->options[i];
        if (!o->help) continue;
        char name[64];
        snprintf(name, sizeof name, "%s%s%s", o->name, o->value ? " " : "", o->value ? o->value : "");
        printf("  %-24s %s\n", name, o->help);
    }
    printf("  %-24s %s\n", "--help", "show this");
}

static status unknown_option(const cli_usage *usage, const char *argument) {
    const char *best = "--help";
    size_t distance = text_distance(argument, best);
    for (size_t i = 0; i < usage->option_count; i++) text_consider(argument, usage->options[i].name, &best, &distance);
    if (distance <= strlen(argument) / 2)
        return status_set(STATUS_INVALID, "unknown option %s; did you mean %s?", argument, best);
    return status_set(STATUS_INVALID, "unknown option %s; see dsdr %s --help", argument, usage->command);
}

// The option that an argument names, and where its "=VALUE" starts (NULL for none).
static const cli_option *find_option(const cli_usage *usage, const char *argument, const char **value) {
    size_t length = strcspn(argument, "=");
    *value = argument[length] ? argument + length + 1 : NULL;
    for (size_t i = 0; i < usage->option_count; i++)
        if (strlen(usage->options[i].name) == length && !strncmp(usage->options[i].name, argument, length))
            return &usage->options[i];
    return NULL;
}

status cli_parse(const cli_usage *usage, int argc, char **argv, const char **rest, size_t *rest_count, bool *help) {
    *rest_count = 0;
    *help = false;
    bool options_end = false;
    for (int i = 1; i < argc; i++) {
        const char *argument = argv[i], *value;
        if (options_end || argument[0] != '-' || !argument[1]) {
            rest[(*rest_count)++] = argument;
            continue;
        }
        if (!strcmp(argument, "--")) {
            options_end = true;
            continue;
        }
        if (!strcmp(argument, "--help") || !strcmp(argument, "-h")) {
            print_help(usage);
            *help = true;
            return STATUS_OK;
        }
        const cli_option *o = find_option(usage, argument, &value);
        if (!o) return unknown_option(usage, argument);
        if (o->present) {
            if (value) return status_set(STATUS_INVALID, "%s takes no value", o->name);
            *o->present = true;
            continue;
        }
        if (!value && i + 1 < argc) value = argv[++i];
        if (!value) return status_set(STATUS_INVALID, "%s needs a value: %s %s", o->name, o->name, o->value);
        *o->text = value;
    }
    return STATUS_OK;
}

// "a.b=...", "+a.b=...", "~a.b": a name of letters, digits, '_' and '.' before the '='. A file name with '=' can be given as
// ./name.
static bool is_assignment(const char *text) {
    if (*text == '~') return text[1] && text[1] != '/';
    while (*text == '+') text++;
    size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");
    return length && text[length] == '=' && *text != '.';
}

status cli_parse_arguments(cli_arguments *a, const cli_usage *usage, int argc, char **argv) {
    *a = (cli_arguments){.rest = calloc((size_t)argc * 2, sizeof *a->rest)};
    if (!a->rest) return status_set(STATUS_NO_MEMORY, "out of memory");
    a->assignments = a->rest + argc;
    size_t count, left = 0;
    TRY(cli_parse(usage, argc, argv, a->rest, &count, &a->help));
    for (size_t i = 0; i < count; i++) {
        if (is_assignment(a->rest[i]))
            a->assignments[a->assignment_count++] = a->rest[i];
        else
            a->rest[left++] = a->rest[i];
    }
    a->rest_count = left;
    return STATUS_OK;
}

void cli_arguments_free(cli_arguments *a) {
    free(a->rest);
    *a = (cli_arguments){0};
}

status cli_one_configuration(const char **config, const cli_arguments *a) {
    *config = a->rest_count ? a->rest[0] : NULL;
    if (a->rest_count <= 1) return STATUS_OK;
    return status_set(STATUS_INVALID, "more than one configuration: %s and %s; settings are given as key=value", a->rest[0],
                      a->rest[1]);
}

status cli_read_number(const char *option, const char *text, long long least, long long most, long long *value) {
    if (!text) return STATUS_OK;
    char *end;
    errno = 0;
    long long read = strtoll(text, &end, 10);
    if (end == text || *end || errno || read < least || read > most)
        return status_set(STATUS_INVALID, "%s is %s; it has to be a number from %lld to %lld", option, text, least, most);
    *value = read;
    return STATUS_OK;
}

int cli_finish(const char *command, status code) {
    if (code != STATUS_OK) fprintf(stderr, "dsdr %s: %s\n", command, status_message());
    return status_exit_code(code);
}

void cli_print_notes(const settings *s) {
    for (size_t i = 0; i < s->notes.count; i++) fprintf(stderr, "note: %s\n", s->notes.items[i]);
}

void cli_print_products(const matmul *products) {
    if (products && matmul_is_fixed_order(products))
        fprintf(stderr, "note: products run on the %s\n", matmul_description(products));
}

const char *cli_own_path(char *path, size_t size) {
    ssize_t length = readlink("/proc/self/exe", path, size - 1);
    if (length <= 0) return NULL;
    path[length] = 0;
    return access(path, X_OK) == 0 ? path : "/proc/self/exe"; // the file was replaced while this program ran
}
