// Files and folders over POSIX. See file.h.
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { WRITE_CHUNK = 1 << 20 };

status file_map_open(file_map *map, const char *path) {
    *map = (file_map){0};
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return status_set(errno == ENOENT || errno == ENOTDIR ? STATUS_INVALID : STATUS_IO, "cannot open %s: %s", path,
                          strerror(errno));
    struct stat information;
    status code = STATUS_OK;
    if (fstat(descriptor, &information) != 0)
        code = status_set(STATUS_IO, "cannot read %s: %s", path, strerror(errno));
    else if (!S_ISREG(information.st_mode))
        code = status_set(STATUS_INVALID, "%s is not a regular file", path);
    else if (information.st_size > 0) {
        void *bytes = mmap(NULL, (size_t)information.st_size, PROT_READ, MAP_PRIVATE, descriptor, 0);
        if (bytes == MAP_FAILED)
            code = status_set(STATUS_IO, "cannot map %s: %s", path, strerror(errno));
        else
            *map = (file_map){.bytes = bytes, .size = (size_t)information.st_size};
    }
    close(descriptor);
    return code;
}

void file_map_close(file_map *map) {
    if (map->bytes) munmap((void *)map->bytes, map->size);
    *map = (file_map){0};
}

static status write_all(int descriptor, const unsigned char *bytes, size_t count, const char *path) {
    while (count > 0) {
        ssize_t written = write(descriptor, bytes, count);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return status_set(STATUS_IO, "cannot write %s: %s", path, strerror(errno));
        bytes += written, count -= (size_t)written;
    }
    return STATUS_OK;
}

static status parent_sync(const char *path) {
    const char *slash = strrchr(path, '/');
    if (!slash) return folder_sync(".");
    char *folder = strndup(path, slash == path ? 1 : (size_t)(slash - path));
    if (!folder) return status_set(STATUS_NO_MEMORY, "out of memory");
    status code = folder_sync(folder);
    free(folder);
    return code;
}

status file_create(file_writer *writer, const char *path) {
    *writer = (file_writer){.descriptor = -1};
    writer->path = strdup(path);
    writer->pending = malloc(WRITE_CHUNK);
    if (!writer->path || !writer->pending || asprintf(&writer->temporary, "%s.tmp", path) < 0) {
        writer->temporary = NULL;
        file_discard(writer);
        return status_set(STATUS_NO_MEMORY, "out of memory while creating %s", path);
    }
    writer->descriptor = open(writer->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (writer->descriptor < 0) {
        status code = status_set(STATUS_IO, "cannot create %s: %s", writer->temporary, strerror(errno));
        free(writer->temporary);
        writer->temporary = NULL;
        file_discard(writer);
        return code;
    }
    return STATUS_OK;
}

status file_write(file_writer *writer, const void *bytes, size_t count) {
    const unsigned char *from = bytes;
    if (writer->pending_count + count >= WRITE_CHUNK) {
        TRY(write_all(writer->descriptor, writer->pending, writer->pending_count, writer->temporary));
        writer->pending_count = 0;
    }
    if (count >= WRITE_CHUNK) return write_all(writer->descriptor, from, count, writer->temporary);
    memcpy(writer->pending + writer->pending_count, from, count);
    writer->pending_count += count;
    return STATUS_OK;
}

status file_commit(file_writer *writer) {
    status code = write_all(writer->descriptor, writer->pending, writer->pending_count, writer->temporary);
    if (code == STATUS_OK && fsync(writer->descriptor) != 0)
        code = status_set(STATUS_IO, "cannot sync %s: %s", writer->temporary, strerror(errno));
    int closed = close(writer->descriptor);
    writer->descriptor = -1;
    if (code == STATUS_OK && closed != 0) code = status_set(STATUS_IO, "cannot close %s: %s", writer->temporary, strerror(errno));
    if (code == STATUS_OK && rename(writer->temporary, writer->path) != 0)
        code = status_set(STATUS_IO, "cannot rename %s to %s: %s", writer->temporary, writer->path, strerror(errno));
    if (code == STATUS_OK) {
        free(writer->temporary);
        writer->temporary = NULL;
        code = parent_sync(writer->path);
    }
    file_discard(writer);
    return code;
}

void file_discard(file_writer *writer) {
    if (writer->descriptor >= 0) close(writer->descriptor);
    if (writer->temporary) unlink(writer->temporary);
    free(writer->path), free(writer->temporary), free(writer->pending);
    *writer = (file_writer){.descriptor = -1};
}

status file_replace(const char *path, const void *bytes, size_t count) {
    file_writer writer;
    TRY(file_create(&writer, path));
    status code = file_write(&writer, bytes, count);
    if (code == STATUS_OK) return file_commit(&writer);
    file_discard(&writer);
    return code;
}

bool file_exists(const char *path) {
    struct stat information;
    return stat(path, &information) == 0 && S_ISREG(information.st_mode);
}

bool folder_exists(const char *path) {
    struct stat information;
    return stat(path, &information) == 0 && S_ISDIR(information.st_mode);
}

status folder_create(const char *path) {
    char *partial = strdup(path);
    if (!partial) return status_set(STATUS_NO_MEMORY, "out of memory");
    status code = STATUS_OK;
    for (char *at = partial + 1; code == STATUS_OK; at++) {
        if (*at != '/' && *at != 0) continue;
        char saved = *at;
        *at = 0;
        if (mkdir(partial, 0777) != 0 && errno != EEXIST)
            code = status_set(errno == ENOTDIR ? STATUS_INVALID : STATUS_IO, "cannot create folder %s: %s", partial,
                              strerror(errno));
        *at = saved;
        if (saved == 0) break;
    }
    free(partial);
    if (code == STATUS_OK && !folder_exists(path)) code = status_set(STATUS_INVALID, "%s exists and is not a folder", path);
    return code;
}

status folder_remove(const char *path) {
    DIR *folder = opendir(path);
    if (!folder) return errno == ENOENT ? STATUS_OK : status_set(STATUS_IO, "cannot open folder %s: %s", path, strerror(errno));
    status code = STATUS_OK;
    struct dirent *entry;
    while (code == STATUS_OK && (entry = readdir(folder))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        char *inside = path_join(path, entry->d_name);
        struct stat information;
        if (!inside)
            code = status_set(STATUS_NO_MEMORY, "out of memory");
        else if (lstat(inside, &information) == 0 && S_ISDIR(information.st_mode))
            code = folder_remove(inside);
        else if (unlink(inside) != 0 && errno != ENOENT)
            code = status_set(STATUS_IO, "cannot remove %s: %s", inside, strerror(errno));
        free(inside);
    }
    closedir(folder);
    if (code == STATUS_OK && rmdir(path) != 0 && errno != ENOENT)
        code = status_set(STATUS_IO, "cannot remove folder %s: %s", path, strerror(errno));
    return code;
}

status folder_sync(const char *path) {
    int descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return status_set(STATUS_IO, "cannot open folder %s: %s", path, strerror(errno));
    int failed = fsync(descriptor) != 0 && errno != EINVAL; // some file systems cannot sync a folder
    status code = failed ? status_set(STATUS_IO, "cannot sync folder %s: %s", path, strerror(errno)) : STATUS_OK;
    close(descriptor);
    return code;
}

status folder_free_bytes(const char *path, unsigned long long *bytes) {
    struct statvfs information;
    if (statvfs(path, &information) != 0)
        return status_set(STATUS_IO, "cannot ask for free space of %s: %s", path, strerror(errno));
    *bytes = (unsigned long long)information.f_bavail * information.f_frsize;
    return STATUS_OK;
}

char *path_join(const char *folder, const char *name) {
    char *path;
    size_t length = strlen(folder);
    const char *slash = length > 0 && folder[length - 1] == '/' ? "" : "/";
    return asprintf(&path, "%s%s%s", folder, slash, name) < 0 ? NULL : path;
}
