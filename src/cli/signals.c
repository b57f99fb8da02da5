// SIGINT, SIGTERM and SIGHUP. See signals.h.
#include "cli/signals.h"

#include <string.h>
#include <unistd.h>

volatile sig_atomic_t signals_stop = 0;
static const char *volatile first_message = "";

// Only what is allowed in a signal handler: a flag, write(2) and _exit(2).
static void on_signal(int number) {
    (void)number;
    static const char again[] = "\ninterrupted again: leaving at once\n";
    bool second = signals_stop;
    signals_stop = 1;
    const char *message = second ? again : first_message;
    if (write(STDERR_FILENO, message, strlen(message)) < 0) { /* nothing can be done about it */
    }
    if (second) _exit(1); // 3 would say that the last step is saved
}

void signals_catch(const char *message) {
    first_message = message;
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    sigemptyset(&action.sa_mask);
    action.sa_flags = SA_RESTART; // library calls go on; the flag is looked at between steps
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    // A terminal that closes; a program under nohup goes on.
    struct sigaction before;
    if (sigaction(SIGHUP, NULL, &before) == 0 && before.sa_handler != SIG_IGN) sigaction(SIGHUP, &action, NULL);
}
