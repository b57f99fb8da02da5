// Reading the steps around the model from a tokenizer.json: normalizer, pre-tokenizer, post-processor, decoder. Called by
// tokenizer_json.c and, with parts of their own, by the other ways to make a tokenizer. See tokenizer_parts.h.
#include "text/tokenizer_parts.h"

#include <stdlib.h>
#include <string.h>

// {"String": "..."} or {"Regex": "..."}.
static status read_pattern(const json_t *value, const char *where, pattern **out) {
    const char *text;
    size_t length;
    TRY(tokenizer_expect_keys(value, "String,Regex", where));
    TRY(tokenizer_get_text(value, "String", &text, &length, where));
    if (text) return pattern_create_literal(out, text, length, where);
    TRY(tokenizer_need_text(value, "Regex", &text, &length, where));
    return pattern_create_regex(out, text, length, where);
}

static status read_behavior(const json_t *object, const char *fallback, split_behavior *behavior, const char *where) {
    static const char *const names[] = {"Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"};
    const char *text;
    size_t length;
    TRY(tokenizer_get_text(object, "behavior", &text, &length, where));
    if (!text) text = fallback;
    for (size_t i = 0; text && i < sizeof names / sizeof *names; i++)
        if (strcmp(text, names[i]) == 0) {
            *behavior = (split_behavior)i;
            return STATUS_OK;
        }
    return status_set(STATUS_UNSUPPORTED, "%s: the behavior \"%.60s\" is not known", where, text ? text : "");
}

// Normalizer -------------------------------------------------------------------------------------------------------------------

static status add_normalizer(tokenizer *t, normalizer_kind kind, normalizer_step **out) {
    normalizer_step *steps = realloc(t->normalizer.steps, (t->normalizer.count + 1) * sizeof *steps);
    if (!steps) return status_set(STATUS_NO_MEMORY, "no memory for a normalizer");
    t->normalizer.steps = steps;
    *out = &steps[t->normalizer.count++];
    **out = (normalizer_step){.kind = kind};
    return STATUS_OK;
}

static status read_normalizer(tokenizer *t, const json_t *value, const char *where, int depth) {
    static const struct {
        const char *name, *keys;
        normalizer_kind kind;
    } kinds[] = {{"NFC", "type", NORMALIZER_NFC},
                 {"NFD", "type", NORMALIZER_NFD},
                 {"NFKC", "type", NORMALIZER_NFKC},
                 {"NFKD", "type", NORMALIZER_NFKD},
                 {"Lowercase", "type", NORMALIZER_LOWERCASE},
                 {"Strip", "type,strip_left,strip_right", NORMALIZER_STRIP},
                 {"Prepend", "type,prepend", NORMALIZER_PREPEND},
                 {"Replace", "type,pattern,content", NORMALIZER_REPLACE},
                 {"BertNormalizer", "type,clean_text,handle_chinese_chars,strip_accents,lowercase", NORMALIZER_BERT}};
    const char *type, *text;
    size_t length;
    if (!value || json_is_null(value)) return STATUS_OK;
    TRY(tokenizer_need_text(value, "type", &type, &length, where));
    if (strcmp(type, "Sequence") == 0) {
        TRY(tokenizer_expect_keys(value, "type,normalizers", where));
        const json_t *list = json_object_get(value, "normalizers");
        if (!json_is_array(list) || depth > 8)
            return status_set(STATUS_INVALID, "%s: a Sequence without a (flat enough) list", where);
        for (size_t i = 0; i < json_array_size(list); i++) TRY(read_normalizer(t, json_array_get(list, i), where, depth + 1));
        return STATUS_OK;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(type, kinds[i].name) != 0) continue;
        normalizer_step *step = NULL;
        TRY(tokenizer_expect_keys(value, kinds[i].keys, where));
        TRY(add_normalizer(t, kinds[i].kind, &step));
        switch (kinds[i].kind) {
        case NORMALIZER_STRIP:
            TRY(tokenizer_get_bool(value, "strip_left", true, &step->strip_left, where));
            return tokenizer_get_bool(value, "strip_right", true, &step->strip_right, where);
        case NORMALIZER_PREPEND:
            TRY(tokenizer_need_text(value, "prepend", &text, &length, where));
            step->text_length = length;
            return tokenizer_copy_text(&step->text, text, length);
        case NORMALIZER_REPLACE:
            TRY(tokenizer_need_text(value, "content", &text, &length, where));
            step->text_length = length;
            TRY(tokenizer_copy_text(&step->text, text, length));
            return read_pattern(json_object_get(value, "pattern"), where, &step->pattern);
        case NORMALIZER_BERT:
            TRY(tokenizer_get_bool(value, "clean_text", true, &step->clean_text, where));
            TRY(tokenizer_get_bool(value, "handle_chinese_chars", true, &step->handle_chinese_chars, where));
            TRY(tokenizer_get_bool(value, "lowercase", true, &step->lowercase, where));
            return tokenizer_get_bool(value, "strip_accents", step->lowercase, &step->strip_accents, where); // null: as lowercase
        default:
            return STATUS_OK;
        }
    }
    return status_set(STATUS_UNSUPPORTED, "%s: the type \"%.60s\" is not supported", where, type);
}

status tokenizer_read_normalizer(tokenizer *t, const json_t *value, const char *where) {
    return read_normalizer(t, value, where, 0);
}

// Pre-tokenizer ----------------------------------------------------------------------------------------------------------------

static status read_metaspace(const json_t *value, splitter_step *step, const char *where) {
    const char *text, *scheme;
    size_t length;
    bool add_prefix_space;
    TRY(tokenizer_need_text(value, "replacement", &text, &length, where));
    if (!length || length > 4 || strlen(text) != length)
        return status_set(STATUS_INVALID, "%s: the replacement is not one character", where);
    memcpy(step->mark, text, length);
    TRY(tokenizer_get_bool(value, "split", true, &step->split, where));
    TRY(tokenizer_get_bool(value, "add_prefix_space", true, &add_prefix_space, where));
    TRY(tokenizer_get_text(value, "prepend_scheme", &scheme, &length, where));
    if (!scheme) scheme = add_prefix_space ? "always" : "never";
    step->prepend = strcmp(scheme, "always") == 0 ? PREPEND_ALWAYS : strcmp(scheme, "first") == 0 ? PREPEND_FIRST : PREPEND_NEVER;
    if (step->prepend == PREPEND_NEVER && strcmp(scheme, "never") != 0)
        return status_set(STATUS_UNSUPPORTED, "%s: the prepend_scheme \"%.60s\" is not known", where, scheme);
    return STATUS_OK;
}

static status read_pre_tokenizer(tokenizer *t, const json_t *value, const char *where, int depth) {
    static const struct {
        const char *name, *keys;
        splitter_kind kind;
    } kinds[] = {{"Split", "type,pattern,behavior,invert", SPLITTER_PATTERN},
                 {"Digits", "type,individual_digits", SPLITTER_DIGITS},
                 {"Punctuation", "type,behavior", SPLITTER_PUNCTUATION},
                 {"Whitespace", "type", SPLITTER_WHITESPACE},
                 {"WhitespaceSplit", "type", SPLITTER_SPACES},
                 {"BertPreTokenizer", "type", SPLITTER_BERT},
                 {"ByteLevel", "type,add_prefix_space,trim_offsets,use_regex", SPLITTER_BYTE_LEVEL},
                 {"Metaspace", "type,replacement,prepend_scheme,split,add_prefix_space,str_rep", SPLITTER_METASPACE}};
    const char *type;
    size_t length;
    bool flag;
    if (!value || json_is_null(value)) return STATUS_OK;
    TRY(tokenizer_need_text(value, "type", &type, &length, where));
    if (strcmp(type, "Sequence") == 0) {
        TRY(tokenizer_expect_keys(value, "type,pretokenizers", where));
        const json_t *list = json_object_get(value, "pretokenizers");
        if (!json_is_array(list) || depth > 8)
            return status_set(STATUS_INVALID, "%s: a Sequence without a (flat enough) list", where);
        for (size_t i = 0; i < json_array_size(list); i++) TRY(read_pre_tokenizer(t, json_array_get(list, i), where, depth + 1));
        return STATUS_OK;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(type, kinds[i].name) != 0) continue;
        TRY(tokenizer_expect_keys(value, kinds[i].keys, where));
        splitter_step *steps = realloc(t->splitter.steps, (t->splitter.count + 1) * sizeof *steps);
        if (!steps) return status_set(STATUS_NO_MEMORY, "no memory for a pre-tokenizer");
        t->splitter.steps = steps;
        splitter_step *step = &steps[t->splitter.count++];
        *step = (splitter_step){.kind = kinds[i].kind};
        switch (step->kind) {
        case SPLITTER_PATTERN:
            TRY(tokenizer_get_bool(value, "invert", false, &step->invert, where));
            TRY(read_behavior(value, NULL, &step->behavior, where));
            return read_pattern(json_object_get(value, "pattern"), where, &step->pattern);
        case SPLITTER_DIGITS:
            TRY(tokenizer_get_bool(value, "individual_digits", false, &flag, where));
            step->behavior = flag ? SPLIT_ISOLATED : SPLIT_CONTIGUOUS;
            return STATUS_OK;
        case SPLITTER_PUNCTUATION:
            return read_behavior(value, "Isolated", &step->behavior, where);
        case SPLITTER_SPACES:
            step->behavior = SPLIT_REMOVED;
            return STATUS_OK;
        case SPLITTER_BYTE_LEVEL:
            TRY(tokenizer_get_bool(value, "add_prefix_space", true, &step->add_prefix_space, where));
            TRY(tokenizer_get_bool(value, "use_regex", true, &flag, where));
            return flag ? pattern_create_regex(&step->pattern, splitter_gpt2_pattern, strlen(splitter_gpt2_pattern), where)
                        : STATUS_OK;
        case SPLITTER_METASPACE:
            return read_metaspace(value, step, where);
        case SPLITTER_WHITESPACE:
        case SPLITTER_BERT:
            return STATUS_OK;
        }
    }
    return status_set(STATUS_UNSUPPORTED, "%s: the type \"%.60s\" is not supported", where, type);
}

status tokenizer_read_pre_tokenizer(tokenizer *t, const json_t *value, const char *where) {
    return read_pre_tokenizer(t, value, where, 0);
}

// Post-processor ---------------------------------------------------------------------------------------------------------------

// Puts `id` around what is already there: behind the suffix, or in front of the prefix at position `at`.
static status insert_prefix(tokenizer *t, size_t at, int32_t id) {
    TRY(token_list_append(&t->prefix, id));
    for (size_t i = t->prefix.count - 1; i > at; i--) t->prefix.ids[i] = t->prefix.ids[i - 1];
    t->prefix.ids[at] = id;
    return STATUS_OK;
}

// Of a template only the part for one text is used: special tokens, the text once, special tokens.
static status read_template(tokenizer *t, const json_t *value, const char *where) {
    TRY(tokenizer_expect_keys(value, "type,single,pair,special_tokens", where));
    const json_t *single = json_object_get(value, "single"), *specials = json_object_get(value, "special_tokens");
    if (!json_is_array(single)) return status_set(STATUS_UNSUPPORTED, "%s: \"single\" is not a list", where);
    size_t texts = 0, front = 0;
    for (size_t i = 0; i < json_array_size(single); i++) {
        const json_t *part = json_array_get(single, i);
        TRY(tokenizer_expect_keys(part, "SpecialToken,Sequence", where));
        const char *id;
        size_t length;
        const json_t *sequence = json_object_get(part, "Sequence");
        if (sequence) {
            TRY(tokenizer_need_text(sequence, "id", &id, &length, where));
            if (strcmp(id, "A") != 0 || ++texts > 1)
                return status_set(STATUS_UNSUPPORTED, "%s: \"single\" must hold the text A once", where);
            continue;
        }
        const json_t *special = json_object_get(part, "SpecialToken");
        TRY(tokenizer_need_text(special, "id", &id, &length, where));
        const json_t *ids = json_object_get(json_object_get(specials, id), "ids");
        if (!json_is_array(ids)) return status_set(STATUS_INVALID, "%s: the special token \"%.60s\" has no ids", where, id);
        for (size_t k = 0; k < json_array_size(ids); k++) {
            const json_t *number = json_array_get(ids, k);
            if (!json_is_integer(number) || json_integer_value(number) < 0 || json_integer_value(number) > INT32_MAX)
                return status_set(STATUS_INVALID, "%s: the special token \"%.60s\" has an id that is no token id", where, id);
            if (texts)
                TRY(token_list_append(&t->suffix, (int32_t)json_integer_value(number)));
            else
                TRY(insert_prefix(t, front++, (int32_t)json_integer_value(number)));
        }
    }
    return texts ? STATUS_OK : status_set(STATUS_UNSUPPORTED, "%s: \"single\" does not hold the text", where);
}

// ["[SEP]", 102]
static status read_pair(const json_t *object, const char *key, int32_t *id, const char *where) {
    const json_t *pair = json_object_get(object, key), *number = json_array_get(pair, 1);
    if (!json_is_integer(number) || json_integer_value(number) < 0 || json_integer_value(number) > INT32_MAX)
        return status_set(STATUS_INVALID, "%s: \"%s\" is not a token and its id", where, key);
    *id = (int32_t)json_integer_value(number);
    return STATUS_OK;
}

static status read_post_processor(tokenizer *t, const json_t *value, const char *where, int depth) {
    const char *type;
    size_t length;
    if (!value || json_is_null(value)) return STATUS_OK;
    TRY(tokenizer_need_text(value, "type", &type, &length, where));
    if (strcmp(type, "Sequence") == 0) {
        TRY(tokenizer_expect_keys(value, "type,processors", where));
        const json_t *list = json_object_get(value, "processors");
        if (!json_is_array(list) || depth > 8)
            return status_set(STATUS_INVALID, "%s: a Sequence without a (flat enough) list", where);
        for (size_t i = 0; i < json_array_size(list); i++) TRY(read_post_processor(t, json_array_get(list, i), where, depth + 1));
        return STATUS_OK;
    }
    if (strcmp(type, "ByteLevel") == 0)
        return tokenizer_expect_keys(value, "type,add_prefix_space,trim_offsets,use_regex", where); // offsets only
    if (strcmp(type, "TemplateProcessing") == 0) return read_template(t, value, where);
    if (strcmp(type, "BertProcessing") == 0 || strcmp(type, "RobertaProcessing") == 0) {
        int32_t first = 0, last = 0;
        TRY(tokenizer_expect_keys(value, "type,sep,cls,trim_offsets,add_prefix_space", where));
        TRY(read_pair(value, "cls", &first, where));
        TRY(read_pair(value, "sep", &last, where));
        TRY(insert_prefix(t, 0, first));
        return token_list_append(&t->suffix, last);
    }
    return status_set(STATUS_UNSUPPORTED, "%s: the type \"%.60s\" is not supported", where, type);
}

status tokenizer_read_post_processor(tokenizer *t, const json_t *value, const char *where) {
    return read_post_processor(t, value, where, 0);
}

// Decoder ----------------------------------------------------------------------------------------------------------------------

static status read_decoder_fields(const json_t *value, decoder_step *step, const char *where) {
    const char *text = NULL;
    size_t length = 0;
    switch (step->kind) {
    case DECODER_WORDPIECE:
        TRY(tokenizer_need_text(value, "prefix", &text, &length, where));
        TRY(tokenizer_get_bool(value, "cleanup", true, &step->cleanup, where));
        break;
    case DECODER_REPLACE:
        TRY(tokenizer_need_text(value, "content", &text, &length, where));
        TRY(read_pattern(json_object_get(value, "pattern"), where, &step->pattern));
        break;
    case DECODER_STRIP:
        TRY(tokenizer_need_text(value, "content", &text, &length, where));
        TRY(tokenizer_get_count(value, "start", 0, &step->start, where));
        TRY(tokenizer_get_count(value, "stop", 0, &step->stop, where));
        break;
    case DECODER_METASPACE: {
        splitter_step read = {0};
        TRY(read_metaspace(value, &read, where));
        step->drop_first = read.prepend != PREPEND_NEVER;
        TRY(tokenizer_need_text(value, "replacement", &text, &length, where));
        break;
    }
    case DECODER_BYTE_LEVEL:
    case DECODER_BYTE_FALLBACK:
    case DECODER_FUSE:
        return STATUS_OK;
    }
    if (step->kind == DECODER_STRIP && !length) return status_set(STATUS_INVALID, "%s: \"content\" is empty", where);
    step->text_length = length;
    return tokenizer_copy_text(&step->text, text, length);
}

static status read_decoder(tokenizer *t, const json_t *value, const char *where, int depth) {
    static const struct {
        const char *name, *keys;
        decoder_kind kind;
    } kinds[] = {{"ByteLevel", "type,add_prefix_space,trim_offsets,use_regex", DECODER_BYTE_LEVEL},
                 {"WordPiece", "type,prefix,cleanup", DECODER_WORDPIECE},
                 {"Replace", "type,pattern,content", DECODER_REPLACE},
                 {"ByteFallback", "type", DECODER_BYTE_FALLBACK},
                 {"Fuse", "type", DECODER_FUSE},
                 {"Strip", "type,content,start,stop", DECODER_STRIP},
                 {"Metaspace", "type,replacement,prepend_scheme,split,add_prefix_space,str_rep", DECODER_METASPACE}};
    const char *type;
    size_t length;
    if (!value || json_is_null(value)) return STATUS_OK;
    TRY(tokenizer_need_text(value, "type", &type, &length, where));
    if (strcmp(type, "Sequence") == 0) {
        TRY(tokenizer_expect_keys(value, "type,decoders", where));
        const json_t *list = json_object_get(value, "decoders");
        if (!json_is_array(list) || depth > 8)
            return status_set(STATUS_INVALID, "%s: a Sequence without a (flat enough) list", where);
        for (size_t i = 0; i < json_array_size(list); i++) TRY(read_decoder(t, json_array_get(list, i), where, depth + 1));
        return STATUS_OK;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(type, kinds[i].name) != 0) continue;
        TRY(tokenizer_expect_keys(value, kinds[i].keys, where));
        // Behind a step that makes bytes the texts need not be UTF-8 any more, so only steps that look at single bytes may
        // follow.
        for (size_t k = 0; k < t->decoder.count; k++) {
            bool bytes = t->decoder.steps[k].kind == DECODER_BYTE_LEVEL || t->decoder.steps[k].kind == DECODER_BYTE_FALLBACK;
            if (bytes && kinds[i].kind != DECODER_FUSE && kinds[i].kind != DECODER_STRIP)
                return status_set(STATUS_UNSUPPORTED, "%s: %s behind a decoder that makes bytes is not supported", where, type);
        }
        decoder_step *steps = realloc(t->decoder.steps, (t->decoder.count + 1) * sizeof *steps);
        if (!steps) return status_set(STATUS_NO_MEMORY, "no memory for a decoder");
        t->decoder.steps = steps;
        decoder_step *step = &steps[t->decoder.count++];
        *step = (decoder_step){.kind = kinds[i].kind};
        return read_decoder_fields(value, step, where);
    }
    return status_set(STATUS_UNSUPPORTED, "%s: the type \"%.60s\" is not supported", where, type);
}

status tokenizer_read_decoder(tokenizer *t, const json_t *value, const char *where) { return read_decoder(t, value, where, 0); }
