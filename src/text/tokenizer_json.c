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

status tokenizer_need_text(const json_t *object, const char *key, const char **text, size_t *length, const char *where) {
    TRY(tokenizer_get_text(object, key, text, length, where));
    return *text ? STATUS_OK : status_set(STATUS_INVALID, "%s: \"%s\" is missing", where, key);
}

status tokenizer_get_count(const json_t *object, const char *key, size_t fallback, size_t *value, const char *where) {
    const json_t *member = json_object_get(object, key);
    *value = fallback;
    if (!member || json_is_null(member)) return STATUS_OK;
    if (!json_is_integer(member) || json_integer_value(member) < 0)
        return status_set(STATUS_INVALID, "%s: \"%s\" is not a count", where, key);
    *value = (size_t)json_integer_value(member);
    return STATUS_OK;
}

status tokenizer_copy_text(char **out, const char *text, size_t length) {
    *out = text_copy(text, length);
    return *out ? STATUS_OK : status_set(STATUS_NO_MEMORY, "no memory for a tokenizer");
}

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
    if (text) TRY(tokenizer_copy_text(&b->prefix, text, b->prefix_length = length));
    TRY(tokenizer_get_text(model, "end_of_word_suffix", &text, &length, where));
    if (text) TRY(tokenizer_copy_text(&b->suffix, text, b->suffix_length = length));
    TRY(tokenizer_get_text(model, "unk_token", &text, &length, where));
    b->unknown = text ? vocabulary_find(&t->vocabulary, text, length) : -1;
    if (text && b->unknown < 0) TRY(tokenizer_copy_text(&b->unknown_missing, text, length));
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
    TRY(tokenizer_get_count(model, "max_input_chars_per_word", 100, &w->longest_word, where));
    TRY(tokenizer_get_text(model, "continuing_subword_prefix", &text, &length, where));
    if (!text) text = "##", length = 2;
    TRY(tokenizer_copy_text(&w->prefix, text, w->prefix_length = length));
    TRY(tokenizer_need_text(model, "unk_token", &text, &length, where));
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
    TRY(tokenizer_need_text(value, "content", &text, &length, where));
    TRY(tokenizer_get_count(value, "id", SIZE_MAX, &id, where));
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
