// The lock of a run's folder: at most one process writes there. The kernel drops it with the process, however that ends.
#ifndef DSDR_RUN_LOCK_H
#define DSDR_RUN_LOCK_H

#include "base/status.h"

typedef struct run_lock {
    int descriptor; // -1: not held
} run_lock;

// Locks FOLDER/lock and writes this process's id into it. Held by another process: STATUS_INVALID naming the folder and that id.
// On failure nothing is held and run_lock_release is harmless. The descriptor is closed on exec, so started programs do not hold
// it.
status run_lock_take(run_lock *lock, const char *folder);
void run_lock_release(run_lock *lock);

#endif
