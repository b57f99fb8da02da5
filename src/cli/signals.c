// SIGINT and SIGTERM. See signals.h.
#include "cli/signals.h"

#include <string.h>
#include <unistd.h>

volatile sig_atomic_t signals_stop = 0;

// Only what is allowed in a signal handler: a flag, write(2) and _exit(2).
static void on_signal(int number) {
    (void)number;
    static const char again[] = "\ninterrupted again: leaving at once\n";
    static const char first[] = "\ninterrupted: finishing the step and saving; once more leaves at once\n";
    if (signals_stop) {
        if (write(STDERR_FILENO, again, sizeof again - 1) < 0) { /* nothing can be done about it */
        }
        _exit(3);
    }
    signals_stop = 1;
    if (write(STDERR_FILENO, first, sizeof first - 1) < 0) { /* as above */
    }
}

void signals_catch(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    sigemptyset(&action.sa_mask);
    action.sa_flags = SA_RESTART; // library calls go on; the flag is looked at between steps
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}
