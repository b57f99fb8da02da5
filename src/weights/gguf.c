// Parses GGUF: a counted list of typed metadata values, a counted list of tensor descriptions, padding, then the data.
//
//   "GGUF" | version u32 | tensor count u64 | pair count u64
//   pairs:   key string | type u32 | value;     string: length u64, bytes;     array: element type u32, count u64, elements
//   tensors: name string | rank u32 | ne u64[rank], fastest first | type u32 | offset u64 from the start of the data
//   padding to general.alignment (32 unless given) | data, each tensor aligned likewise
//
// Versions 2 and 3 share this layout. Specification: ggml's docs/gguf.md. Values are read by gguf_metadata.c.
#include <stdio.h>
#include <stdlib.h>

#include "weights/internal.h"

// The numbers of ggml's tensor types. X(number, name) for those that weights.h knows, Y(number, name) for the others.
#define GGML_TYPE_TABLE(X, Y)                                                                                                    \
    X(0, F32)                                                                                                                    \
    X(1, F16)                                                                                                                    \
    X(2, Q4_0)                                                                                                                   \
    X(3, Q4_1)                                                                                                                   \
    X(6, Q5_0)                                                                                                                   \
    X(7, Q5_1)                                                                                                                   \
    X(8, Q8_0)                                                                                                                   \
    Y(9, Q8_1)                                                                                                                   \
    Y(10, Q2_K)                                                                                                                  \
    Y(11, Q3_K)                                                                                                                  \
    X(12, Q4_K)                                                                                                                  \
    X(13, Q5_K)                                                                                                                  \
    X(14, Q6_K)                                                                                                                  \
    Y(15, Q8_K)                                                                                                                  \
    Y(16, IQ2_XXS)                                                                                                               \
    Y(17, IQ2_XS)                                                                                                                \
    Y(18, IQ3_XXS)                                                                                                               \
    Y(19, IQ1_S)                                                                                                                 \
    Y(20, IQ4_NL)                                                                                                                \
    Y(21, IQ3_S)                                                                                                                 \
    Y(22, IQ2_S)                                                                                                                 \
    Y(23, IQ4_XS)                                                                                                                \
    Y(24, I8)                                                                                                                    \
    Y(25, I16)                                                                                                                   \
    X(26, I32)                                                                                                                   \
    X(27, I64)                                                                                                                   \
    Y(28, F64)                                                                                                                   \
    Y(29, IQ1_M)                                                                                                                 \
    X(30, BF16)                                                                                                                  \
    Y(34, TQ1_0)                                                                                                                 \
    Y(35, TQ2_0)                                                                                                                 \
    Y(39, MXFP4)                                                                                                                 \
    Y(40, NVFP4)                                                                                                                 \
    Y(41, Q1_0)

static const struct {
    const char *name; // NULL: unknown
    weights_dtype dtype;
} ggml_types[] = {
#define X(number, name) [number] = {#name, WEIGHTS_##name},
#define Y(number, name) [number] = {#name, WEIGHTS_OTHER},
    GGML_TYPE_TABLE(X, Y)
#undef X
#undef Y
};
enum { GGML_TYPE_COUNT = sizeof ggml_types / sizeof *ggml_types };

enum {
    DEFAULT_ALIGNMENT = 32,
    SMALLEST_PAIR = 8 + 1 + 4 + 1,      // a key of one byte, its type, a value of one byte
    SMALLEST_TENSOR = 8 + 1 + 4 + 4 + 8 // a name of one byte, rank 0, type, offset
};

// Where parsing stands. Every read goes through `take`, which never passes the end of the file.
typedef struct cursor {
    const weights_part *part;
    size_t at;
} cursor;

static size_t remaining(const cursor *c) { return c->part->map.size - c->at; }

static status take(cursor *c, size_t count, const unsigned char **bytes, const char *what) {
    *bytes = NULL;
    if (count > remaining(c))
        return status_set(STATUS_INVALID, "%s: %s at byte %zu needs %zu bytes but the file has only %zu more (truncated?)",
                          c->part->path, what, c->at, count, remaining(c));
    *bytes = c->part->map.bytes + c->at;
    c->at += count;
    return STATUS_OK;
}

static status take_u32(cursor *c, uint32_t *value, const char *what) {
    const unsigned char *bytes;
    TRY(take(c, 4, &bytes, what));
    *value = load_u32(bytes);
    return STATUS_OK;
}

static status take_u64(cursor *c, uint64_t *value, const char *what) {
    const unsigned char *bytes;
    TRY(take(c, 8, &bytes, what));
    *value = load_u64(bytes);
    return STATUS_OK;
}

static status take_string(cursor *c, gguf_text *text, const char *what) {
    uint64_t length;
    const unsigned char *bytes;
    TRY(take_u64(c, &length, what));
    TRY(take(c, length, &bytes, what));
    *text = (gguf_text){(const char *)bytes, length};
    return STATUS_OK;
}

// Bytes of one value of a type of fixed size; 0 for strings, arrays and unknown types.
static size_t value_bytes(uint32_t type) {
    static const unsigned char bytes[] = {
        [GGUF_U8] = 1,  [GGUF_I8] = 1,   [GGUF_U16] = 2, [GGUF_I16] = 2, [GGUF_U32] = 4, [GGUF_I32] = 4,
        [GGUF_F32] = 4, [GGUF_BOOL] = 1, [GGUF_U64] = 8, [GGUF_I64] = 8, [GGUF_F64] = 8};
    return type < sizeof bytes ? bytes[type] : 0;
}

// Reads the elements of an array, or the one value of a pair that is none.
static status parse_elements(cursor *c, gguf_pair *pair, uint32_t type) {
    size_t size = value_bytes(type);
    pair->element_type = (gguf_type)type;
    if (type == GGUF_STRING && pair->type == GGUF_STRING) {
        gguf_text text;
        TRY(take_string(c, &text, pair->key));
        pair->bytes = (const unsigned char *)text.bytes, pair->size = text.length;
    } else if (type == GGUF_STRING) {
        if (pair->elements > remaining(c) / 8)
            return status_set(STATUS_INVALID, "%s: an array of %zu strings under '%s' does not fit into the file", c->part->path,
                              pair->elements, pair->key);
        size_t start = c->at;
        gguf_text text;
        for (size_t i = 0; i < pair->elements; i++) TRY(take_string(c, &text, pair->key));
        pair->bytes = c->part->map.bytes + start, pair->size = c->at - start;
    } else if (type == GGUF_ARRAY)
        return status_set(STATUS_UNSUPPORTED, "%s: the value of '%s' is an array of arrays, which is not supported",
                          c->part->path, pair->key);
    else if (size == 0)
        return status_set(STATUS_INVALID, "%s: the value of '%s' has the unknown type %u", c->part->path, pair->key, type);
    else {
        if (pair->elements > remaining(c) / size)
            return status_set(STATUS_INVALID, "%s: %zu values of %zu bytes under '%s' do not fit into the file", c->part->path,
                              pair->elements, size, pair->key);
        pair->size = pair->elements * size;
        TRY(take(c, pair->size, &pair->bytes, pair->key));
    }
    return STATUS_OK;
}

static status parse_pair(weights_file *file, cursor *c, gguf_pair *pair) {
    gguf_text key;
    uint32_t type;
    TRY(take_string(c, &key, "a metadata key"));
    TRY(weights_keep_text(file, c->part, "metadata key", key.bytes, key.length, &pair->key));
    TRY(take_u32(c, &type, pair->key));
    pair->type = (gguf_type)type;
    pair->elements = 1;
    if (type == GGUF_ARRAY) {
        uint64_t elements;
        TRY(take_u32(c, &type, pair->key));
        TRY(take_u64(c, &elements, pair->key));
        pair->elements = elements;
    }
    return parse_elements(c, pair, type);
}

static int compare_key(const void *a, const void *b) {
    return strcmp((*(const gguf_pair *const *)a)->key, (*(const gguf_pair *const *)b)->key);
}

static status parse_pairs(weights_file *file, cursor *c, uint64_t count) {
    if (count > remaining(c) / SMALLEST_PAIR)
        return status_set(STATUS_INVALID, "%s: %llu metadata values do not fit into the file", c->part->path,
                          (unsigned long long)count);
    file->pairs = calloc(count + 1, sizeof *file->pairs);
    file->pairs_by_key = malloc((count + 1) * sizeof *file->pairs_by_key);
    if (!file->pairs || !file->pairs_by_key)
        return status_set(STATUS_NO_MEMORY, "%s: out of memory for %llu metadata values", c->part->path,
                          (unsigned long long)count);
    for (size_t i = 0; i < count; i++) {
        TRY(parse_pair(file, c, &file->pairs[i]));
        file->pairs_by_key[i] = &file->pairs[i];
    }
    qsort(file->pairs_by_key, count, sizeof *file->pairs_by_key, compare_key);
    for (size_t i = 1; i < count; i++)
        if (strcmp(file->pairs_by_key[i - 1]->key, file->pairs_by_key[i]->key) == 0)
            return status_set(STATUS_INVALID, "%s: there are two metadata values under '%s'", c->part->path,
                              file->pairs_by_key[i]->key);
    file->pair_count = count;
    return STATUS_OK;
}

// Reads one tensor description; t->data holds no address yet, *offset says where in the data section it will be.
static status parse_tensor(weights_file *file, cursor *c, weights_tensor *t, uint64_t *offset) {
    gguf_text name;
    uint32_t rank, type;
    *t = (weights_tensor){.path = c->part->path};
    TRY(take_string(c, &name, "a tensor name"));
    TRY(weights_keep_text(file, c->part, "tensor name", name.bytes, name.length, &t->name));
    TRY(take_u32(c, &rank, t->name));
    if (rank > WEIGHTS_MAX_RANK)
        return status_set(STATUS_UNSUPPORTED, "%s: tensor '%s' has rank %u; at most %d are supported", t->path, t->name, rank,
                          WEIGHTS_MAX_RANK);
    t->rank = rank;
    for (size_t i = 0; i < WEIGHTS_MAX_RANK; i++) t->shape[i] = 1;
    for (size_t i = 0; i < rank; i++) {
        uint64_t ne;
        TRY(take_u64(c, &ne, t->name));
        t->shape[rank - 1 - i] = ne;
    }
    TRY(weights_set_count(t));
    TRY(take_u32(c, &type, t->name));
    TRY(take_u64(c, offset, t->name));
    t->dtype = WEIGHTS_OTHER;
    if (type < GGML_TYPE_COUNT && ggml_types[type].name) {
        t->dtype = ggml_types[type].dtype;
        t->dtype_name = ggml_types[type].name;
    } else {
        char number[32];
        int length = snprintf(number, sizeof number, "ggml type %u", type);
        TRY(weights_keep_text(file, c->part, "type", number, (size_t)length, &t->dtype_name));
    }
    if (t->dtype != WEIGHTS_OTHER && !weights_data_bytes(t, &t->bytes))
        return status_set(STATUS_INVALID,
                          "%s: the rows of tensor '%s' (%zu elements) are no whole number of %s blocks of %zu elements", t->path,
                          t->name, rank ? t->shape[rank - 1] : 1, t->dtype_name, weights_block_elements(t->dtype));
    return STATUS_OK;
}

static status parse_tensors(weights_file *file, cursor *c, uint64_t count, size_t alignment) {
    const weights_part *part = c->part;
    if (count > remaining(c) / SMALLEST_TENSOR)
        return status_set(STATUS_INVALID, "%s: %llu tensors do not fit into the file", part->path, (unsigned long long)count);
    uint64_t *offsets = malloc((count + 1) * sizeof *offsets);
    if (!offsets)
        return status_set(STATUS_NO_MEMORY, "%s: out of memory for %llu tensors", part->path, (unsigned long long)count);
    status code = STATUS_OK;
    for (size_t i = 0; i < count; i++) {
        weights_tensor t;
        TRY_OR(code, parse_tensor(file, c, &t, &offsets[i]), cleanup);
        TRY_OR(code, weights_add_tensor(file, &t), cleanup);
    }
    size_t start = c->at + (alignment - c->at % alignment) % alignment; // c->at <= the file's size and alignment < 2^32
    for (size_t i = 0; i < count; i++) {
        weights_tensor *t = &file->tensors[i];
        if (t->bytes == 0) continue;
        size_t available = start <= part->map.size ? part->map.size - start : 0;
        if (offsets[i] % alignment != 0)
            code = status_set(STATUS_INVALID,
                              "%s: the data of tensor '%s' start at byte %llu, which is not a multiple of the alignment %zu",
                              t->path, t->name, (unsigned long long)offsets[i], alignment);
        else if (offsets[i] > available || t->bytes > available - offsets[i])
            code = status_set(
                STATUS_INVALID,
                "%s: the data of tensor '%s' (%zu bytes from byte %llu) go beyond the %zu bytes of data in the file (truncated?)",
                t->path, t->name, t->bytes, (unsigned long long)offsets[i], available);
        if (code != STATUS_OK) goto cleanup;
        t->data = part->map.bytes + start + offsets[i];
    }
    code = weights_check_layout(file, 0, part->map.bytes, part->map.bytes + part->map.size, false);
cleanup:
    free(offsets);
    return code;
}

static status check_version(const weights_part *part, uint32_t version) {
    if (version == 2 || version == 3) return STATUS_OK;
    if (version != 0 && (version & 0xFFFF) == 0)
        return status_set(STATUS_UNSUPPORTED, "%s: a big-endian GGUF file; only little-endian ones are supported", part->path);
    return status_set(STATUS_UNSUPPORTED, "%s: GGUF version %u; versions 2 and 3 are supported", part->path, version);
}

static status read_alignment(const weights_file *file, const weights_part *part, size_t *alignment) {
    uint64_t given = DEFAULT_ALIGNMENT;
    if (gguf_has(file, "general.alignment")) TRY(gguf_get_u64(file, "general.alignment", &given));
    if (given == 0 || given > UINT32_MAX || (given & (given - 1)) != 0)
        return status_set(STATUS_INVALID, "%s: general.alignment is %llu; it must be a power of two of at most 32 bits",
                          part->path, (unsigned long long)given);
    *alignment = given;
    return STATUS_OK;
}

// One part of a model that was split into several GGUF files lacks most of its tensors.
static status check_split(const weights_file *file, const weights_part *part) {
    uint64_t parts = 0;
    if (gguf_has(file, "split.count")) TRY(gguf_get_u64(file, "split.count", &parts));
    if (parts > 1)
        return status_set(STATUS_UNSUPPORTED, "%s: one of %llu parts of a split GGUF model; merge them into one file first",
                          part->path, (unsigned long long)parts);
    return STATUS_OK;
}

status gguf_parse(weights_file *file, const weights_part *part) {
    cursor c = {.part = part, .at = 4};
    uint32_t version;
    uint64_t tensor_count, pair_count;
    size_t alignment = DEFAULT_ALIGNMENT;
    TRY(take_u32(&c, &version, "the version"));
    TRY(check_version(part, version));
    TRY(take_u64(&c, &tensor_count, "the number of tensors"));
    TRY(take_u64(&c, &pair_count, "the number of metadata values"));
    TRY(parse_pairs(file, &c, pair_count));
    TRY(read_alignment(file, part, &alignment));
    TRY(check_split(file, part));
    return parse_tensors(file, &c, tensor_count, alignment);
}

void gguf_free(weights_file *file) {
    free(file->pairs);
    free(file->pairs_by_key);
}
