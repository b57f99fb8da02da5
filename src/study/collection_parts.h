// A record opened for reading: between queries.c and collection.c.
#ifndef DSDR_STUDY_COLLECTION_PARTS_H
#define DSDR_STUDY_COLLECTION_PARTS_H

#include <sqlite3.h>

#include "base/status.h"

typedef struct study_record {
    sqlite3 *database;
    int version;
} study_record;

// STATUS_INVALID for a folder without a record, and for a file that is no record of version 1 or 2. study_record_close is
// harmless after a failure.
status study_record_open(study_record *r, const char *folder);
void study_record_close(study_record *r);

// A fact of the run in a fresh string (free it), NULL where the key is not there.
status study_record_get(char **value, const char *folder, const char *key);

#endif
