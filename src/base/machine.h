// The machine a run is made on: for its record, and for what fits it.
#ifndef DSDR_BASE_MACHINE_H
#define DSDR_BASE_MACHINE_H

#include <stddef.h>

// name = the processor's own name ("AMD EPYC 9654 96-Core Processor"), cut to size - 1 bytes; "unknown" where the system does not
// tell it.
void machine_cpu(char *name, size_t size);

// CPUs that this process may run on, at least 1.
size_t machine_processors(void);

// Bytes of main memory, or of what this process may have of it where a control group sets a limit; SIZE_MAX where the system does
// not tell.
size_t machine_memory(void);

// Bytes of main memory that this process holds; 0 where the system does not tell.
size_t machine_resident(void);

#endif
