// One command of this program as a child process, with its output in a log.
#ifndef DSDR_STUDY_PROCESS_H
#define DSDR_STUDY_PROCESS_H

#include <signal.h>

#include "base/status.h"

typedef struct study_process {
    const char *const *arguments;      // ends with NULL; the first is the program's path
    const char *log;                   // its standard output and error are appended here, behind a line with the command
    const volatile sig_atomic_t *stop; // nonzero: the child is sent SIGTERM once, and waited for; NULL: never
    void (*tick)(void *context);       // called about once a second meanwhile; NULL: nobody
    void *context;
} study_process;

// Runs it to its end. *result is its exit code, or 128 and the number of the signal that killed it. The child is a group of its
// own, so that Ctrl-C at the terminal reaches only this process. When this process dies the child is killed: none goes on unseen.
status study_process_run(const study_process *p, int *result);

// The last line of a log that is not blank, in a fresh string (free it): what a command that failed had to say.
status study_last_line(char **line, const char *log);

#endif
