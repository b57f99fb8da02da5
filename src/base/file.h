// Files: read by mapping, written so that a reader never sees half of one.
#ifndef DSDR_BASE_FILE_H
#define DSDR_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

typedef struct file_map {
    const unsigned char *bytes; // NULL for an empty file
    size_t size;
} file_map;

// Maps a regular file for reading. Failure: STATUS_INVALID when it does not exist or is no regular file, STATUS_IO otherwise.
status file_map_open(file_map *map, const char *path);
void file_map_close(file_map *map);

// A file being written under a temporary name beside `path`. file_commit syncs it, renames it to `path` and syncs the folder;
// until then `path` is untouched. file_discard removes the temporary file; harmless after a commit or a failed create.
typedef struct file_writer {
    int descriptor;
    char *path, *temporary;
    unsigned char *pending; // bytes not yet handed to the system
    size_t pending_count;
} file_writer;

status file_create(file_writer *writer, const char *path);
status file_write(file_writer *writer, const void *bytes, size_t count);
status file_commit(file_writer *writer);
void file_discard(file_writer *writer);

// Replaces the content of `path` in one step, as above.
status file_replace(const char *path, const void *bytes, size_t count);

bool file_exists(const char *path);
bool folder_exists(const char *path);
status folder_create(const char *path); // with parents; an existing folder is fine
status folder_remove(const char *path); // with everything in it; a missing folder is fine
status folder_sync(const char *path);   // makes renames inside it durable
status folder_free_bytes(const char *path, unsigned long long *bytes);

// "folder/name" in a fresh string (free it), NULL when memory is out.
char *path_join(const char *folder, const char *name);

#endif
