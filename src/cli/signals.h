// SIGINT and SIGTERM: the first asks the work to finish its step and save, a second one leaves at once.
#ifndef DSDR_CLI_SIGNALS_H
#define DSDR_CLI_SIGNALS_H

#include <signal.h>
#include <stdbool.h>

// From here on the first signal only sets the flag below.
void signals_catch(void);

// Zero until a signal came; hand this address to library code that looks at it between steps.
extern volatile sig_atomic_t signals_stop;

#endif
