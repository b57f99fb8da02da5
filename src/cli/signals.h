// SIGINT, SIGTERM and SIGHUP: the first asks the work to finish its step and save, a second one leaves at once.
#ifndef DSDR_CLI_SIGNALS_H
#define DSDR_CLI_SIGNALS_H

#include <signal.h>
#include <stdbool.h>

// From here on the first signal only prints `message`, a constant line that says what happens next, and sets the flag below. A
// second one leaves at once with exit code 1.
void signals_catch(const char *message);

// Zero until a signal came; hand this address to library code that looks at it between steps.
extern volatile sig_atomic_t signals_stop;

#endif
