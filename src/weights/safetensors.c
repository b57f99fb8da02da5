// Parses safetensors: 8 bytes of header length (little endian), a JSON object, then the data of all tensors without gaps.
//
// The header maps each tensor's name to {"dtype", "shape", "data_offsets": [begin, end]}, offsets counted from the end of the
// header; "__metadata__" is free text for people and is ignored. Format: github.com/huggingface/safetensors.
#include "base/jsonl.h"
#include "weights/internal.h"

enum { HEADER_LIMIT = 100000000 }; // bytes; the reference implementation's own limit

static status parse_dtype(weights_file *file, const weights_part *part, weights_tensor *t, const char *name) {
    // Only these are element types of safetensors; the quantized names of the table belong to GGUF.
    static const weights_dtype known[] = {WEIGHTS_F32, WEIGHTS_F16, WEIGHTS_BF16, WEIGHTS_I64, WEIGHTS_I32, WEIGHTS_U8};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(name, weights_dtype_name(known[i])) == 0) {
            t->dtype = known[i], t->dtype_name = weights_dtype_name(known[i]);
            return STATUS_OK;
        }
    t->dtype = WEIGHTS_OTHER;
    return weights_keep_text(file, part, "dtype", name, strlen(name), &t->dtype_name);
}

// Reads a JSON integer that is not negative.
static bool parse_size(const json_t *value, size_t *size) {
    if (!json_is_integer(value) || json_integer_value(value) < 0) return false;
    *size = (size_t)json_integer_value(value);
    return true;
}

static status parse_tensor(weights_file *file, const weights_part *part, const char *name, const json_t *entry,
                           size_t data_start) {
    weights_tensor t = {.path = part->path};
    TRY(weights_keep_text(file, part, "tensor name", name, strlen(name), &t.name));
    const json_t *dtype = json_object_get(entry, "dtype"), *shape = json_object_get(entry, "shape");
    const json_t *offsets = json_object_get(entry, "data_offsets");
    if (!json_is_string(dtype)) return status_set(STATUS_INVALID, "%s: tensor '%s' has no dtype", t.path, t.name);
    TRY(parse_dtype(file, part, &t, json_string_value(dtype)));

    if (!json_is_array(shape)) return status_set(STATUS_INVALID, "%s: tensor '%s' has no shape", t.path, t.name);
    t.rank = json_array_size(shape);
    if (t.rank > WEIGHTS_MAX_RANK)
        return status_set(STATUS_UNSUPPORTED, "%s: tensor '%s' has rank %zu; at most %d are supported", t.path, t.name, t.rank,
                          WEIGHTS_MAX_RANK);
    for (size_t i = 0; i < WEIGHTS_MAX_RANK; i++) t.shape[i] = 1;
    for (size_t i = 0; i < t.rank; i++)
        if (!parse_size(json_array_get(shape, i), &t.shape[i]))
            return status_set(STATUS_INVALID, "%s: the shape of tensor '%s' must be non-negative integers", t.path, t.name);
    TRY(weights_set_count(&t));

    size_t begin, end, available = part->map.size - data_start, expected;
    if (json_array_size(offsets) != 2 || !parse_size(json_array_get(offsets, 0), &begin) ||
        !parse_size(json_array_get(offsets, 1), &end) || begin > end)
        return status_set(STATUS_INVALID, "%s: data_offsets of tensor '%s' must be [begin, end] with 0 <= begin <= end", t.path,
                          t.name);
    if (end > available)
        return status_set(STATUS_INVALID,
                          "%s: the data of tensor '%s' end at byte %zu but the file holds only %zu bytes of data (truncated?)",
                          t.path, t.name, end, available);
    t.bytes = end - begin;
    t.data = t.bytes ? part->map.bytes + data_start + begin : NULL;
    if (t.dtype != WEIGHTS_OTHER && (!weights_data_bytes(&t, &expected) || expected != t.bytes))
        return status_set(STATUS_INVALID, "%s: tensor '%s' of %zu %s elements cannot have %zu bytes of data", t.path, t.name,
                          t.count, t.dtype_name, t.bytes);
    return weights_add_tensor(file, &t);
}

status safetensors_parse(weights_file *file, const weights_part *part) {
    const char *path = part->path;
    const unsigned char *bytes = part->map.bytes;
    size_t size = part->map.size;
    uint64_t header = size >= 8 ? load_u64(bytes) : 0;
    if (size < 9 || header == 0 || (header <= size - 8 && bytes[8] != '{'))
        return status_set(STATUS_INVALID, "%s: neither a safetensors nor a GGUF file", path);
    if (header > size - 8)
        return status_set(
            STATUS_INVALID,
            "%s: the header should have %llu bytes but the file ends after %zu (truncated, or neither safetensors nor GGUF)",
            path, (unsigned long long)header, size - 8);
    if (header > HEADER_LIMIT)
        return status_set(STATUS_INVALID, "%s: a header of %llu bytes is beyond the format's limit of %d", path,
                          (unsigned long long)header, HEADER_LIMIT);
    json_t *root;
    TRY(json_parse((const char *)bytes + 8, header, path, &root));
    status code = STATUS_OK;
    if (!json_is_object(root)) code = status_set(STATUS_INVALID, "%s: the header is not a JSON object", path);
    size_t first = file->tensor_count;
    const char *name;
    json_t *entry;
    json_object_foreach(root, name, entry) {
        if (code != STATUS_OK) break;
        if (strcmp(name, "__metadata__") != 0) code = parse_tensor(file, part, name, entry, 8 + header);
    }
    json_decref(root);
    if (code != STATUS_OK) return code;
    return weights_check_layout(file, first, bytes + 8 + header, bytes + size, true);
}
