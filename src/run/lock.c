// The lock of a run's folder, by flock(2). See lock.h.
#include "run/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/file.h"

status run_lock_take(run_lock *lock, const char *folder) {
    lock->descriptor = -1;
    char *path = path_join(folder, "lock");
    if (!path) return status_set(STATUS_NO_MEMORY, "out of memory while locking %s", folder);
    status code = STATUS_OK;
    int descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (descriptor < 0) {
        code = status_set(STATUS_IO, "cannot open %s: %s", path, strerror(errno));
    } else if (flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
        char holder[32] = "";
        ssize_t length = errno == EWOULDBLOCK ? pread(descriptor, holder, sizeof holder - 1, 0) : -1;
        if (length < 0)
            code = status_set(STATUS_IO, "cannot lock %s: %s", path, strerror(errno));
        else
            code = status_set(STATUS_INVALID, "%s is in use by process %ld; wait for it, or stop it first", folder,
                              strtol(holder, NULL, 10));
        close(descriptor);
    } else {
        char text[32];
        int length = snprintf(text, sizeof text, "%ld\n", (long)getpid());
        if (ftruncate(descriptor, 0) != 0 || pwrite(descriptor, text, (size_t)length, 0) != length) {
            code = status_set(STATUS_IO, "cannot write %s: %s", path, strerror(errno));
            close(descriptor);
        } else {
            lock->descriptor = descriptor;
        }
    }
    free(path);
    return code;
}

// The file stays: removing it would let two processes lock two files of one name.
void run_lock_release(run_lock *lock) {
    if (lock->descriptor >= 0) close(lock->descriptor);
    lock->descriptor = -1;
}
