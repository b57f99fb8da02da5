// Reading a tokenizer.json: the format in which Hugging Face `tokenizers` serializes a whole tokenizer. Every member is used or
// known to be without effect on ids and text; any other member or value stops the load by name.
#include "text/tokenizer_parts.h"

#include <stdlib.h>
#include <string.h>

#include "text/unicode.h"

status tokenizer_expect_keys(const json_t *object, const char *known, const char *where) {
    if (!json_is_object(object)) return status_set(STATUS_INVALID, "%s: not a JSON object", where);
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value) {
        (void)value;
        size_t length = strlen(key);
        bool found = false;
        for (const char *at = known; !found && at; at = strchr(at, ','), at = at ? at + 1 : NULL)
            found = strncmp(at, key, length) == 0 && (at[length] == ',' || !at[length]);
        if (!found)
            return status_set(STATUS_UNSUPPORTED, "%s: the field \"%.60s\" is not known here (known: %s)", where, key, known);
    }
    return STATUS_OK;
}

status tokenizer_get_bool(const json_t *object, const char *key, bool fallback, bool *value, const char *where) {
    const json_t *member = json_object_get(object, key);
    *value = fallback;
    if (!member || json_is_null(member)) return STATUS_OK;
    if (!json_is_boolean(member)) return status_set(STATUS_INVALID, "%s: \"%s\" is neither true nor false", where, key);
    *value = json_is_true(member);
    return STATUS_OK;
}

status tokenizer_get_text(const json_t *object, const char *key, const char **text, size_t *length, const char *where) {
    const json_t *member = json_object_get(object, key);
    *text = NULL, *length = 0;
    if (!member || json_is_null(member)) return STATUS_OK;
    if (!json_is_string(member)) return status_set(STATUS_INVALID, "%s: \"%s\" is not a text", where, key);
    *text = json_string_value(member), *length = json_string_length(member);
    return STATUS_OK;
}

static status need_text(const json_t *object, const char *key, const char **text, size_t *length, const char *where) {
    TRY(tokenizer_get_text(object, key, text, length, where));
    return *text ? STATUS_OK : status_set(STATUS_INVALID, "%s: \"%s\" is missing", where, key);
}

static status get_count(const json_t *object, const char *key, size_t fallback, size_t *value, const char *where) {
    const json_t *member = json_object_get(object, key);
    *value = fallback;
    if (!member || json_is_null(member)) return STATUS_OK;
    if (!json_is_integer(member) || json_integer_value(member) < 0)
        return status_set(STATUS_INVALID, "%s: \"%s\" is not a count", where, key);
    *value = (size_t)json_integer_value(member);
    return STATUS_OK;
}

static status copy_text(char **out, const char *text, size_t length) {
    *out = text_copy(text, length);
    return *out ? STATUS_OK : status_set(STATUS_NO_MEMORY, "no memory for a tokenizer");
}

// {"String": "..."} or {"Regex": "..."}.
static status read_pattern(const json_t *value, const char *where, pattern **out) {
    const char *text;
    size_t length;
    TRY(tokenizer_expect_keys(value, "String,Regex", where));
    TRY(tokenizer_get_text(value, "String", &text, &length, where));
    if (text) return pattern_create_literal(out, text, length, where);
    TRY(need_text(value, "Regex", &text, &length, where));
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
    TRY(need_text(value, "type", &type, &length, where));
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
            TRY(need_text(value, "prepend", &text, &length, where));
            step->text_length = length;
            return copy_text(&step->text, text, length);
        case NORMALIZER_REPLACE:
            TRY(need_text(value, "content", &text, &length, where));
            step->text_length = length;
            TRY(copy_text(&step->text, text, length));
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
    TRY(need_text(value, "replacement", &text, &length, where));
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
    TRY(need_text(value, "type", &type, &length, where));
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
            TRY(need_text(sequence, "id", &id, &length, where));
            if (strcmp(id, "A") != 0 || ++texts > 1)
                return status_set(STATUS_UNSUPPORTED, "%s: \"single\" must hold the text A once", where);
            continue;
        }
        const json_t *special = json_object_get(part, "SpecialToken");
        TRY(need_text(special, "id", &id, &length, where));
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
    TRY(need_text(value, "type", &type, &length, where));
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
        TRY(need_text(value, "prefix", &text, &length, where));
        TRY(tokenizer_get_bool(value, "cleanup", true, &step->cleanup, where));
        break;
    case DECODER_REPLACE:
        TRY(need_text(value, "content", &text, &length, where));
        TRY(read_pattern(json_object_get(value, "pattern"), where, &step->pattern));
        break;
    case DECODER_STRIP:
        TRY(need_text(value, "content", &text, &length, where));
        TRY(get_count(value, "start", 0, &step->start, where));
        TRY(get_count(value, "stop", 0, &step->stop, where));
        break;
    case DECODER_METASPACE: {
        splitter_step read = {0};
        TRY(read_metaspace(value, &read, where));
        step->drop_first = read.prepend != PREPEND_NEVER;
        TRY(need_text(value, "replacement", &text, &length, where));
        break;
    }
    case DECODER_BYTE_LEVEL:
    case DECODER_BYTE_FALLBACK:
    case DECODER_FUSE:
        return STATUS_OK;
    }
    if (step->kind == DECODER_STRIP && !length) return status_set(STATUS_INVALID, "%s: \"content\" is empty", where);
    step->text_length = length;
    return copy_text(&step->text, text, length);
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
    TRY(need_text(value, "type", &type, &length, where));
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

// Model and added tokens -------------------------------------------------------------------------------------------------------

static status read_vocabulary(tokenizer *t, const json_t *model, const char *where) {
    const json_t *tokens = json_object_get(model, "vocab");
    if (!json_is_object(tokens)) return status_set(STATUS_INVALID, "%s: \"vocab\" is missing", where);
    size_t expected = json_object_size(tokens);
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)tokens, key, value) {
        if (!json_is_integer(value))
            return status_set(STATUS_INVALID, "%s: token \"%.60s\" has no whole number as its id", where, key);
        TRY(status_context(vocabulary_add(&t->vocabulary, key, strlen(key), json_integer_value(value), expected), "%s", where));
    }
    return STATUS_OK;
}

// A merge as "left right" or ["left", "right"]; the first form has exactly one space, as the tokens themselves have none.
static status read_merge(tokenizer *t, const json_t *value, size_t index, const char *where) {
    text_span left, right;
    if (json_is_array(value) && json_array_size(value) == 2 && json_is_string(json_array_get(value, 0)) &&
        json_is_string(json_array_get(value, 1))) {
        left = (text_span){json_string_value(json_array_get(value, 0)), json_string_length(json_array_get(value, 0))};
        right = (text_span){json_string_value(json_array_get(value, 1)), json_string_length(json_array_get(value, 1))};
    } else if (json_is_string(value)) {
        const char *text = json_string_value(value), *space = strchr(text, ' ');
        if (!space || strchr(space + 1, ' '))
            return status_set(STATUS_INVALID, "%s: merge %zu \"%.60s\" is not two tokens", where, index, text);
        left = (text_span){text, (size_t)(space - text)}, right = (text_span){space + 1, strlen(space + 1)};
    } else {
        return status_set(STATUS_INVALID, "%s: merge %zu is neither a text nor a pair", where, index);
    }
    return status_context(bpe_add_merge(&t->bpe, left, right), "%s", where);
}

static status read_bpe(tokenizer *t, const json_t *model, const char *where) {
    const char *text;
    size_t length;
    TRY(tokenizer_expect_keys(
        model,
        "type,dropout,unk_token,continuing_subword_prefix,end_of_word_suffix,fuse_unk,byte_fallback,ignore_merges,"
        "vocab,merges",
        where));
    const json_t *dropout = json_object_get(model, "dropout");
    if (dropout && !json_is_null(dropout) && !(json_is_number(dropout) && json_number_value(dropout) == 0))
        return status_set(STATUS_UNSUPPORTED, "%s: \"dropout\" other than null is not supported", where);
    bpe *b = &t->bpe;
    b->vocabulary = &t->vocabulary;
    TRY(tokenizer_get_bool(model, "fuse_unk", false, &b->fuse_unknown, where));
    TRY(tokenizer_get_bool(model, "byte_fallback", false, &b->byte_fallback, where));
    TRY(tokenizer_get_bool(model, "ignore_merges", false, &b->ignore_merges, where));
    TRY(tokenizer_get_text(model, "continuing_subword_prefix", &text, &length, where));
    if (text) TRY(copy_text(&b->prefix, text, b->prefix_length = length));
    TRY(tokenizer_get_text(model, "end_of_word_suffix", &text, &length, where));
    if (text) TRY(copy_text(&b->suffix, text, b->suffix_length = length));
    TRY(tokenizer_get_text(model, "unk_token", &text, &length, where));
    b->unknown = text ? vocabulary_find(&t->vocabulary, text, length) : -1;
    if (text && b->unknown < 0) TRY(copy_text(&b->unknown_missing, text, length));
    const json_t *merges = json_object_get(model, "merges");
    if (!json_is_array(merges)) return status_set(STATUS_INVALID, "%s: \"merges\" is missing", where);
    for (size_t i = 0; i < json_array_size(merges); i++) TRY(read_merge(t, json_array_get(merges, i), i, where));
    return STATUS_OK;
}

static status read_wordpiece(tokenizer *t, const json_t *model, const char *where) {
    const char *text;
    size_t length;
    wordpiece *w = &t->wordpiece;
    TRY(tokenizer_expect_keys(model, "type,unk_token,continuing_subword_prefix,max_input_chars_per_word,vocab", where));
    w->vocabulary = &t->vocabulary;
    TRY(get_count(model, "max_input_chars_per_word", 100, &w->longest_word, where));
    TRY(tokenizer_get_text(model, "continuing_subword_prefix", &text, &length, where));
    if (!text) text = "##", length = 2;
    TRY(copy_text(&w->prefix, text, w->prefix_length = length));
    TRY(need_text(model, "unk_token", &text, &length, where));
    w->unknown = vocabulary_find(&t->vocabulary, text, length);
    if (w->unknown < 0)
        return status_set(STATUS_INVALID, "%s: the unknown token \"%.60s\" is not in the vocabulary", where, text);
    t->is_wordpiece = true;
    return STATUS_OK;
}

static status read_model(tokenizer *t, const json_t *model, const char *where) {
    const char *type;
    size_t length;
    if (!json_is_object(model)) return status_set(STATUS_INVALID, "%s: missing", where);
    TRY(tokenizer_get_text(model, "type", &type, &length, where));
    if (!type && json_is_array(json_object_get(model, "merges"))) type = "BPE"; // files of the first versions
    bool is_bpe = type && strcmp(type, "BPE") == 0, is_wordpiece = type && strcmp(type, "WordPiece") == 0;
    if (!is_bpe && !is_wordpiece)
        return status_set(STATUS_UNSUPPORTED, "%s: the type \"%.60s\" is not supported (BPE and WordPiece are)", where,
                          type ? type : "(none)");
    TRY(read_vocabulary(t, model, where));
    return is_bpe ? read_bpe(t, model, where) : read_wordpiece(t, model, where);
}

static status read_added_token(tokenizer *t, const json_t *value, const char *where) {
    const char *text;
    size_t length, id;
    added_token token = {0};
    TRY(tokenizer_expect_keys(value, "id,content,single_word,lstrip,rstrip,normalized,special", where));
    TRY(need_text(value, "content", &text, &length, where));
    TRY(get_count(value, "id", SIZE_MAX, &id, where));
    if (id > INT32_MAX) return status_set(STATUS_INVALID, "%s: token \"%.60s\" has no sensible id", where, text);
    token.text = (char *)text, token.length = length, token.id = (int32_t)id;
    TRY(tokenizer_get_bool(value, "special", false, &token.special, where));
    TRY(tokenizer_get_bool(value, "single_word", false, &token.single_word, where));
    TRY(tokenizer_get_bool(value, "lstrip", false, &token.left_strip, where));
    TRY(tokenizer_get_bool(value, "rstrip", false, &token.right_strip, where));
    TRY(tokenizer_get_bool(value, "normalized", !token.special, &token.normalized, where));
    return status_context(tokenizer_add_token(t, token), "%s", where);
}

static status read_parts(tokenizer *t, const json_t *root) {
    const char *version;
    size_t length;
    TRY(tokenizer_expect_keys(
        root, "version,truncation,padding,added_tokens,normalizer,pre_tokenizer,post_processor,decoder,model", "tokenizer"));
    TRY(tokenizer_get_text(root, "version", &version, &length, "tokenizer"));
    if (version && strcmp(version, "1.0") != 0)
        return status_set(STATUS_UNSUPPORTED, "version \"%.20s\" is not supported (1.0 is)", version);
    TRY(read_model(t, json_object_get(root, "model"), "model"));
    TRY(tokenizer_read_normalizer(t, json_object_get(root, "normalizer"), "normalizer"));
    TRY(tokenizer_read_pre_tokenizer(t, json_object_get(root, "pre_tokenizer"), "pre_tokenizer"));
    TRY(tokenizer_read_post_processor(t, json_object_get(root, "post_processor"), "post_processor"));
    TRY(tokenizer_read_decoder(t, json_object_get(root, "decoder"), "decoder"));
    const json_t *added = json_object_get(root, "added_tokens");
    if (added && !json_is_null(added) && !json_is_array(added)) return status_set(STATUS_INVALID, "added_tokens: not a list");
    for (size_t i = 0; i < json_array_size(added); i++) TRY(read_added_token(t, json_array_get(added, i), "added_tokens"));
    return STATUS_OK;
}

status tokenizer_read_json(tokenizer *t, const json_t *root, const char *name) {
    return status_context(read_parts(t, root), "%s", name);
}
