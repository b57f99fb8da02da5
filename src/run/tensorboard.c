// Writing and cutting of TensorBoard's event files. See tensorboard.h for the format.
#include "run/tensorboard.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"

static const char prefix[] = "events.out.tfevents.";

enum { LENGTH_BYTES = 8, CHECK_BYTES = 4 };

// ---- records -------------------------------------------------------------------------------------------------------------

// CRC-32C (Castagnoli), bit by bit: a step is a few kilobytes. Masked as TFRecord wants it, so that a check of data which holds
// checks is no weaker.
static uint32_t masked_check(const void *bytes, size_t count) {
    const unsigned char *at = bytes;
    uint32_t crc = 0xFFFFFFFFu;
    for (size_t i = 0; i < count; i++) {
        crc ^= at[i];
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0x82F63B78u : 0);
    }
    crc = ~crc;
    return (crc >> 15 | crc << 17) + 0xA282EAD8u;
}

static status put_little(buffer *out, uint64_t value, int bytes) {
    unsigned char little[8];
    for (int i = 0; i < bytes; i++) little[i] = (unsigned char)(value >> 8 * i);
    return buffer_append(out, little, (size_t)bytes);
}

static uint64_t get_little(const unsigned char *at, int bytes) {
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++) value |= (uint64_t)at[i] << 8 * i;
    return value;
}

static status put_record(buffer *out, const buffer *event) {
    unsigned char length[LENGTH_BYTES];
    for (int i = 0; i < LENGTH_BYTES; i++) length[i] = (unsigned char)((uint64_t)event->length >> 8 * i);
    TRY(buffer_append(out, length, sizeof length));
    TRY(put_little(out, masked_check(length, sizeof length), CHECK_BYTES));
    TRY(buffer_append(out, buffer_text(event), event->length));
    return put_little(out, masked_check(buffer_text(event), event->length), CHECK_BYTES);
}

// ---- protobuf's wire format ----------------------------------------------------------------------------------------------

enum wire { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

static status put_varint(buffer *out, uint64_t value) {
    for (; value >= 0x80; value >>= 7) TRY(buffer_append_byte(out, (char)(value | 0x80)));
    return buffer_append_byte(out, (char)value);
}

static status put_key(buffer *out, unsigned field, enum wire type) { return put_varint(out, field << 3 | (unsigned)type); }

static status put_double(buffer *out, unsigned field, double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    TRY(put_key(out, field, WIRE_64));
    return put_little(out, bits, 8);
}

static status put_float(buffer *out, unsigned field, float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    TRY(put_key(out, field, WIRE_32));
    return put_little(out, bits, 4);
}

static status put_bytes(buffer *out, unsigned field, const void *bytes, size_t count) {
    TRY(put_key(out, field, WIRE_BYTES));
    TRY(put_varint(out, count));
    return buffer_append(out, bytes, count);
}

// ---- events --------------------------------------------------------------------------------------------------------------

enum { EVENT_TIME = 1, EVENT_STEP = 2, EVENT_VERSION = 3, EVENT_SUMMARY = 5, EVENT_SESSION = 7 };

// An event whose content is field `field`; protobuf leaves out a step of 0.
static status put_event(buffer *out, double wall_time, int64_t step, unsigned field, const void *content, size_t count) {
    buffer event = {0};
    status code = put_double(&event, EVENT_TIME, wall_time);
    if (code == STATUS_OK && step != 0) code = put_key(&event, EVENT_STEP, WIRE_VARINT);
    if (code == STATUS_OK && step != 0) code = put_varint(&event, (uint64_t)step);
    if (code == STATUS_OK) code = put_bytes(&event, field, content, count);
    if (code == STATUS_OK) code = put_record(out, &event);
    buffer_free(&event);
    return code;
}

status tensorboard_put_version(buffer *out, double wall_time) {
    static const char version[] = "brain.Event:2";
    return put_event(out, wall_time, 0, EVENT_VERSION, version, strlen(version));
}

status tensorboard_put_start(buffer *out, double wall_time, int64_t step) {
    static const unsigned char start[] = {1 << 3 | WIRE_VARINT, 1}; // SessionLog.status = START
    return put_event(out, wall_time, step, EVENT_SESSION, start, sizeof start);
}

static status put_scalar(buffer *summary, const char *tag, double number, buffer *value) {
    buffer_clear(value);
    TRY(put_bytes(value, 1, tag, strlen(tag)));
    TRY(put_float(value, 2, (float)number));
    return put_bytes(summary, 1, buffer_text(value), value->length);
}

status tensorboard_put_step(buffer *out, double wall_time, int64_t step, const run_metrics *metrics) {
    buffer summary = {0}, value = {0};
    status code = STATUS_OK;
    for (size_t i = 0; i < metrics->count && code == STATUS_OK; i++)
        code = put_scalar(&summary, metrics->items[i].name, metrics->items[i].value, &value);
    if (code == STATUS_OK) code = put_event(out, wall_time, step, EVENT_SUMMARY, buffer_text(&summary), summary.length);
    buffer_free(&summary), buffer_free(&value);
    return code;
}

// ---- what an earlier part of the run has left ----------------------------------------------------------------------------

// Bytes of the record at the start of `at`, 0 where there is no whole and undamaged one.
static size_t record_size(const unsigned char *at, size_t room) {
    const size_t frame = LENGTH_BYTES + 2 * CHECK_BYTES;
    if (room < frame) return 0;
    uint64_t length = get_little(at, LENGTH_BYTES);
    if (get_little(at + LENGTH_BYTES, CHECK_BYTES) != masked_check(at, LENGTH_BYTES) || length > room - frame) return 0;
    const unsigned char *event = at + LENGTH_BYTES + CHECK_BYTES;
    if (get_little(event + length, CHECK_BYTES) != masked_check(event, length)) return 0;
    return (size_t)length + frame;
}

static bool get_varint(const unsigned char **at, const unsigned char *end, uint64_t *value) {
    *value = 0;
    for (int shift = 0; *at < end && shift < 64; shift += 7) {
        unsigned char byte = *(*at)++;
        *value |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80) return true;
    }
    return false;
}

// The step of an event, and whether it says more than the version of the file. False for what is no event.
static bool read_event(const unsigned char *at, size_t size, int64_t *step, bool *counts) {
    const unsigned char *end = at + size;
    *step = 0, *counts = false;
    while (at < end) {
        uint64_t key, value;
        if (!get_varint(&at, end, &key)) return false;
        enum wire type = (enum wire)(key & 7);
        size_t skip = type == WIRE_64 ? 8 : type == WIRE_32 ? 4 : 0;
        if (type == WIRE_VARINT || type == WIRE_BYTES) {
            if (!get_varint(&at, end, &value)) return false;
            if (type == WIRE_BYTES) skip = (size_t)value;
            if (type == WIRE_VARINT && key >> 3 == EVENT_STEP) *step = (int64_t)value;
        } else if (type != WIRE_64 && type != WIRE_32) {
            return false;
        }
        if (skip > (size_t)(end - at)) return false;
        *counts = *counts || key >> 3 == EVENT_SUMMARY;
        at += skip;
    }
    return true;
}

// Replaces a file by its events of steps up to `step`, or removes it where none is left. What is behind a damaged record cannot
// be told apart and goes with it.
static status cut_file(const char *path, int64_t step) {
    file_map map;
    buffer kept = {0};
    TRY(file_map_open(&map, path));
    status code = STATUS_OK;
    bool any = false, counts;
    for (size_t at = 0, size; code == STATUS_OK && (size = record_size(map.bytes + at, map.size - at)); at += size) {
        const unsigned char *event = map.bytes + at + LENGTH_BYTES + CHECK_BYTES;
        int64_t of;
        if (!read_event(event, size - LENGTH_BYTES - 2 * CHECK_BYTES, &of, &counts) || of > step) continue;
        code = buffer_append(&kept, map.bytes + at, size);
        any = any || counts;
    }
    bool changed = kept.length != map.size;
    file_map_close(&map);
    if (code == STATUS_OK && any && changed) code = file_replace(path, buffer_text(&kept), kept.length);
    if (code == STATUS_OK && !any && unlink(path) != 0)
        code = status_set(STATUS_IO, "cannot remove %s: %s", path, strerror(errno));
    buffer_free(&kept);
    return code;
}

static bool is_event_file(const char *name) {
    size_t length = strlen(name);
    return !strncmp(name, prefix, strlen(prefix)) && !(length > 4 && !strcmp(name + length - 4, ".tmp"));
}

// *latest is at least the time in every name.
static status cut_files(const char *folder, int64_t step, long long *latest) {
    DIR *listing = opendir(folder);
    if (!listing) return status_set(STATUS_IO, "cannot open folder %s: %s", folder, strerror(errno));
    status code = STATUS_OK;
    for (struct dirent *entry; code == STATUS_OK && (entry = readdir(listing));) {
        if (!is_event_file(entry->d_name)) continue;
        long long when = strtoll(entry->d_name + strlen(prefix), NULL, 10);
        if (when > *latest) *latest = when;
        char *path = path_join(folder, entry->d_name);
        code = path ? cut_file(path, step) : status_set(STATUS_NO_MEMORY, "out of memory");
        free(path);
    }
    closedir(listing);
    return code;
}

// ---- a file being written ------------------------------------------------------------------------------------------------

struct tensorboard {
    FILE *file;
    char *path;
    buffer text;
};

static double wall_clock(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static status write_out(tensorboard *t) {
    if (fwrite(t->text.data, 1, t->text.length, t->file) != t->text.length || fflush(t->file) != 0)
        return status_set(STATUS_IO, "cannot write %s: %s", t->path, strerror(errno));
    buffer_clear(&t->text);
    return STATUS_OK;
}

static status start_file(tensorboard *t, const char *folder, long long when, int64_t step) {
    char host[256] = "localhost";
    gethostname(host, sizeof host - 1);
    if (asprintf(&t->path, "%s/%s%010lld.%s.%ld", folder, prefix, when, host, (long)getpid()) < 0) {
        t->path = NULL;
        return status_set(STATUS_NO_MEMORY, "out of memory");
    }
    if (!(t->file = fopen(t->path, "wxe"))) return status_set(STATUS_IO, "cannot create %s: %s", t->path, strerror(errno));
    TRY(tensorboard_put_version(&t->text, wall_clock()));
    TRY(tensorboard_put_start(&t->text, wall_clock(), step + 1));
    return write_out(t);
}

status tensorboard_open(tensorboard **result, const char *folder, int64_t step) {
    *result = NULL;
    long long latest = 0, now = (long long)time(NULL);
    TRY(cut_files(folder, step, &latest));
    tensorboard *t = calloc(1, sizeof *t);
    if (!t) return status_set(STATUS_NO_MEMORY, "out of memory");
    status code = start_file(t, folder, now > latest ? now : latest + 1, step);
    if (code == STATUS_OK)
        *result = t;
    else
        tensorboard_close(t);
    return code;
}

status tensorboard_step(tensorboard *t, int64_t step, const run_metrics *metrics) {
    TRY(tensorboard_put_step(&t->text, wall_clock(), step, metrics));
    return write_out(t);
}

void tensorboard_close(tensorboard *t) {
    if (!t) return;
    if (t->file) fclose(t->file);
    buffer_free(&t->text);
    free(t->path);
    free(t);
}
