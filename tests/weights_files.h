// Helpers of the tests of weights/: bytes into files, files into bytes.
#ifndef DSDR_TESTS_WEIGHTS_FILES_H
#define DSDR_TESTS_WEIGHTS_FILES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/file.h"
#include "weights/gguf.h"
#include "weights/weights.h"

#define GOLDEN TEST_SOURCE_DIR "/golden/weights/"

static inline buffer read_bytes(const char *path) {
    file_map map;
    buffer bytes = {0};
    if (file_map_open(&map, path) != STATUS_OK) fail_msg("%s", status_message());
    assert_int_equal(buffer_append(&bytes, map.bytes, map.size), STATUS_OK);
    file_map_close(&map);
    return bytes;
}

// Appends a safetensors file of a JSON header and `size` zero bytes of data.
static inline void append_safetensors(buffer *out, const char *json, size_t size) {
    uint64_t length = strlen(json);
    assert_int_equal(buffer_append(out, &length, 8), STATUS_OK);
    assert_int_equal(buffer_append_text(out, json), STATUS_OK);
    for (size_t i = 0; i < size; i++) assert_int_equal(buffer_append_byte(out, 0), STATUS_OK);
}

#define assert_message_has(text)                                                                                                 \
    do {                                                                                                                         \
        if (!strstr(status_message(), text)) fail_msg("'%s' does not mention '%s'", status_message(), text);                     \
    } while (0)

#define assert_done(expression)                                                                                                  \
    do {                                                                                                                         \
        if ((expression) != STATUS_OK) fail_msg("%s: %s", #expression, status_message());                                        \
    } while (0)

#endif
