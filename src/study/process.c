// A child process. See process.h.
#include "study/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/file.h"

static status no_memory(void) { return status_set(STATUS_NO_MEMORY, "out of memory while starting a process"); }

// Between fork and exec: only what is allowed there. The signal at the parent's death cannot be asked of posix_spawn; the kernel
// keeps the wish over exec.
static void become(const study_process *p, int log, pid_t parent) {
    int nothing = open("/dev/null", O_RDONLY);
    setpgid(0, 0);
    if (nothing < 0 || dup2(nothing, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0) _exit(127);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent) _exit(127);
    execv(p->arguments[0], (char *const *)p->arguments);
    _exit(127);
}

// Waits for the child, passing a wish to stop on to it. A signal to this process ends poll() early.
static status wait_for(const study_process *p, pid_t child, int descriptor, int *result) {
    struct pollfd one = {.fd = descriptor, .events = POLLIN};
    bool asked = false;
    for (;;) {
        if (p->stop && *p->stop && !asked) asked = kill(child, SIGTERM) == 0;
        int ready = poll(&one, 1, 1000);
        if (ready > 0) break;
        if (ready < 0 && errno != EINTR) return status_set(STATUS_IO, "cannot wait for a process: %s", strerror(errno));
        if (ready == 0 && p->tick) p->tick(p->context);
    }
    int how;
    while (waitpid(child, &how, 0) < 0)
        if (errno != EINTR) return status_set(STATUS_IO, "cannot wait for a process: %s", strerror(errno));
    *result = WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how);
    return STATUS_OK;
}

static status write_command(int log, const study_process *p) {
    buffer line = {0};
    status code = buffer_append_byte(&line, '$');
    for (size_t i = 0; p->arguments[i] && code == STATUS_OK; i++)
        code = buffer_printf(&line, " %s", i ? p->arguments[i] : "dsdr");
    if (code == STATUS_OK) code = buffer_append_byte(&line, '\n');
    if (code == STATUS_OK && write(log, line.data, line.length) != (ssize_t)line.length)
        code = status_set(STATUS_IO, "cannot write %s: %s", p->log, strerror(errno));
    buffer_free(&line);
    return code;
}

status study_process_run(const study_process *p, int *result) {
    int log = open(p->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (log < 0) return status_set(STATUS_IO, "cannot open %s: %s", p->log, strerror(errno));
    status code = write_command(log, p);
    pid_t parent = getpid(), child = code == STATUS_OK ? fork() : -1;
    if (child == 0) become(p, log, parent);
    if (code == STATUS_OK && child < 0) code = status_set(STATUS_IO, "cannot start %s: %s", p->arguments[0], strerror(errno));
    close(log);
    TRY(code);
    setpgid(child, child); // whoever comes first; after its exec this fails, and is not needed
    int descriptor = pidfd_open(child, 0);
    if (descriptor < 0) {
        code = status_set(STATUS_IO, "cannot watch a process: %s", strerror(errno));
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        return code;
    }
    code = wait_for(p, child, descriptor, result);
    close(descriptor);
    return code;
}

status study_last_line(char **line, const char *log) {
    *line = NULL;
    file_map map;
    TRY(file_map_open(&map, log));
    const char *text = map.bytes ? (const char *)map.bytes : "";
    size_t end = map.size;
    while (end > 0 && (text[end - 1] == '\n' || text[end - 1] == '\r' || text[end - 1] == ' ')) end--;
    size_t start = end;
    while (start > 0 && text[start - 1] != '\n' && end - start < 1000) start--;
    *line = text_copy(text + start, end - start);
    file_map_close(&map);
    return *line ? STATUS_OK : no_memory();
}
