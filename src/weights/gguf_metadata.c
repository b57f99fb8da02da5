// Typed access to the metadata of a GGUF file by key. See gguf.h; gguf.c has checked that every value lies within the file.
#include <stdlib.h>

#include "weights/internal.h"

static const gguf_pair *find_pair(const weights_file *file, const char *key) {
    size_t low = 0, high = file->pair_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(key, file->pairs_by_key[middle]->key);
        if (order == 0) return file->pairs_by_key[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

bool gguf_has(const weights_file *file, const char *key) { return find_pair(file, key) != NULL; }

size_t gguf_count(const weights_file *file) { return file->pair_count; }

gguf_entry gguf_at(const weights_file *file, size_t i) {
    const gguf_pair *pair = &file->pairs[i];
    return (gguf_entry){pair->key, pair->type, pair->element_type, pair->elements};
}

static const char *type_name(gguf_type type) {
    static const char *const names[] = {"uint8", "int8",   "uint16", "int16",  "uint32", "int32",  "float32",
                                        "bool",  "string", "array",  "uint64", "int64",  "float64"};
    return type < sizeof names / sizeof *names ? names[type] : "unknown";
}

static status get_pair(const weights_file *file, const char *key, const gguf_pair **pair) {
    if (file->format != WEIGHTS_GGUF)
        return status_set(STATUS_INVALID, "%s: not a GGUF file, so it has no metadata '%s'", file->path, key);
    *pair = find_pair(file, key);
    return *pair ? STATUS_OK : status_set(STATUS_INVALID, "%s: the metadata have no '%s'", file->path, key);
}

static status wrong_type(const weights_file *file, const gguf_pair *pair, const char *wanted) {
    bool array = pair->type == GGUF_ARRAY;
    return status_set(STATUS_INVALID, "%s: '%s' must be %s, not %s%s", file->path, pair->key, wanted, array ? "an array of " : "",
                      type_name(pair->element_type));
}

// The integer at `bytes` as sign and magnitude; false when the type is no integer type.
static bool load_integer(gguf_type type, const unsigned char *bytes, bool *negative, uint64_t *magnitude) {
    int64_t value;
    uint16_t half;
    switch (type) {
    case GGUF_U8:
        value = bytes[0];
        break;
    case GGUF_I8:
        value = (int8_t)bytes[0];
        break;
    case GGUF_U16:
        memcpy(&half, bytes, 2), value = half;
        break;
    case GGUF_I16:
        memcpy(&half, bytes, 2), value = (int16_t)half;
        break;
    case GGUF_U32:
        value = load_u32(bytes);
        break;
    case GGUF_I32:
        value = (int32_t)load_u32(bytes);
        break;
    case GGUF_I64:
        value = (int64_t)load_u64(bytes);
        break;
    case GGUF_U64:
        *negative = false, *magnitude = load_u64(bytes);
        return true;
    default:
        return false;
    }
    *negative = value < 0;
    *magnitude = value < 0 ? -(uint64_t)value : (uint64_t)value;
    return true;
}

static bool load_number(gguf_type type, const unsigned char *bytes, double *value) {
    bool negative;
    uint64_t magnitude;
    if (type == GGUF_F32) {
        float single;
        memcpy(&single, bytes, sizeof single);
        *value = (double)single;
    } else if (type == GGUF_F64)
        memcpy(value, bytes, sizeof *value);
    else if (load_integer(type, bytes, &negative, &magnitude))
        *value = negative ? -(double)magnitude : (double)magnitude;
    else
        return false;
    return true;
}

status gguf_get_string(const weights_file *file, const char *key, gguf_text *value) {
    const gguf_pair *pair;
    TRY(get_pair(file, key, &pair));
    if (pair->type != GGUF_STRING) return wrong_type(file, pair, "a string");
    *value = (gguf_text){(const char *)pair->bytes, pair->size};
    return STATUS_OK;
}

status gguf_get_u64(const weights_file *file, const char *key, uint64_t *value) {
    const gguf_pair *pair;
    bool negative;
    uint64_t magnitude;
    TRY(get_pair(file, key, &pair));
    if (pair->type == GGUF_ARRAY || !load_integer(pair->type, pair->bytes, &negative, &magnitude))
        return wrong_type(file, pair, "an integer");
    if (negative)
        return status_set(STATUS_INVALID, "%s: '%s' must not be negative, and is -%llu", file->path, key,
                          (unsigned long long)magnitude);
    *value = magnitude;
    return STATUS_OK;
}

status gguf_get_f64(const weights_file *file, const char *key, double *value) {
    const gguf_pair *pair;
    TRY(get_pair(file, key, &pair));
    if (pair->type == GGUF_ARRAY || !load_number(pair->type, pair->bytes, value)) return wrong_type(file, pair, "a number");
    return STATUS_OK;
}

status gguf_get_bool(const weights_file *file, const char *key, bool *value) {
    const gguf_pair *pair;
    TRY(get_pair(file, key, &pair));
    if (pair->type != GGUF_BOOL) return wrong_type(file, pair, "a bool");
    if (pair->bytes[0] > 1)
        return status_set(STATUS_INVALID, "%s: the bool '%s' is %d, neither 0 nor 1", file->path, key, pair->bytes[0]);
    *value = pair->bytes[0] == 1;
    return STATUS_OK;
}

// Finds an array and reserves `size` bytes for each of its elements (nothing for an empty one).
static status get_array(const weights_file *file, const char *key, size_t size, const gguf_pair **pair, void **values) {
    TRY(get_pair(file, key, pair));
    if ((*pair)->type != GGUF_ARRAY) return wrong_type(file, *pair, "an array");
    *values = (*pair)->elements ? calloc((*pair)->elements, size) : NULL;
    if ((*pair)->elements && !*values)
        return status_set(STATUS_NO_MEMORY, "%s: out of memory for the %zu elements of '%s'", file->path, (*pair)->elements, key);
    return STATUS_OK;
}

status gguf_get_strings(const weights_file *file, const char *key, gguf_text **values, size_t *count) {
    const gguf_pair *pair;
    void *memory;
    TRY(get_array(file, key, sizeof **values, &pair, &memory));
    if (pair->element_type != GGUF_STRING) {
        free(memory);
        return wrong_type(file, pair, "an array of strings");
    }
    gguf_text *texts = memory;
    const unsigned char *at = pair->bytes;
    for (size_t i = 0; i < pair->elements; i++) {
        texts[i] = (gguf_text){(const char *)at + 8, load_u64(at)};
        at += 8 + texts[i].length;
    }
    *values = texts, *count = pair->elements;
    return STATUS_OK;
}

status gguf_get_i64s(const weights_file *file, const char *key, int64_t **values, size_t *count) {
    const gguf_pair *pair;
    void *memory;
    TRY(get_array(file, key, sizeof **values, &pair, &memory));
    int64_t *integers = memory;
    status code = STATUS_OK;
    bool negative = false;
    uint64_t magnitude = 0;
    size_t step = pair->elements ? pair->size / pair->elements : 0;
    if (pair->element_type == GGUF_STRING ||
        !load_integer(pair->element_type, (const unsigned char[8]){0}, &negative, &magnitude))
        code = wrong_type(file, pair, "an array of integers");
    for (size_t i = 0; i < pair->elements && code == STATUS_OK; i++) {
        load_integer(pair->element_type, pair->bytes + i * step, &negative, &magnitude);
        if (!negative && magnitude > INT64_MAX)
            code = status_set(STATUS_INVALID, "%s: element %zu of '%s' is %llu, which needs more than 63 bits", file->path, i,
                              key, (unsigned long long)magnitude);
        integers[i] = (int64_t)(negative ? -magnitude : magnitude);
    }
    if (code != STATUS_OK) {
        free(memory);
        return code;
    }
    *values = integers, *count = pair->elements;
    return STATUS_OK;
}

status gguf_get_f64s(const weights_file *file, const char *key, double **values, size_t *count) {
    const gguf_pair *pair;
    void *memory;
    TRY(get_array(file, key, sizeof **values, &pair, &memory));
    double *numbers = memory, zero;
    size_t step = pair->elements ? pair->size / pair->elements : 0;
    if (!load_number(pair->element_type, (const unsigned char[8]){0}, &zero)) {
        free(memory);
        return wrong_type(file, pair, "an array of numbers");
    }
    for (size_t i = 0; i < pair->elements; i++) load_number(pair->element_type, pair->bytes + i * step, &numbers[i]);
    *values = numbers, *count = pair->elements;
    return STATUS_OK;
}
