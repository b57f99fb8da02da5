// The machine a run is made on, for its record.
#ifndef DSDR_BASE_MACHINE_H
#define DSDR_BASE_MACHINE_H

#include <stddef.h>

// name = the processor's own name ("AMD EPYC 9654 96-Core Processor"), cut to size - 1 bytes; "unknown" where the system does not
// tell it.
void machine_cpu(char *name, size_t size);

#endif
