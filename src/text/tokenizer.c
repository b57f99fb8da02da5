// Encoding, decoding and what a tokenizer knows about its tokens. See tokenizer.h for the contract and tokenizer_parts.h for the
// order of the work.
#include "text/tokenizer_parts.h"

#include <stdlib.h>
#include <string.h>

#include "text/unicode.h"

status token_list_reserve(token_list *list, size_t capacity) {
    if (capacity <= list->capacity) return STATUS_OK;
    size_t grown = list->capacity ? list->capacity : 64;
    while (grown < capacity) grown *= 2;
    int32_t *ids = realloc(list->ids, grown * sizeof *ids);
    if (!ids) return status_set(STATUS_NO_MEMORY, "no memory for %zu tokens", grown);
    list->ids = ids, list->capacity = grown;
    return STATUS_OK;
}

status token_list_append(token_list *list, int32_t id) {
    TRY(token_list_reserve(list, list->count + 1));
    list->ids[list->count++] = id;
    return STATUS_OK;
}

void token_list_free(token_list *list) {
    free(list->ids);
    *list = (token_list){0};
}

// Added tokens -----------------------------------------------------------------------------------------------------------------

status tokenizer_add_token(tokenizer *t, added_token token) {
    int32_t known = vocabulary_find(&t->vocabulary, token.text, token.length);
    added_token *place = NULL;
    for (size_t i = 0; i < t->added_count; i++)
        if (t->added[i].length == token.length && memcmp(t->added[i].text, token.text, token.length) == 0) place = &t->added[i];
    int shown = (int)(token.length < 60 ? token.length : 60);
    if (!token.length) return status_set(STATUS_INVALID, "an added token without text");
    if (!unicode_is_valid(token.text, token.length))
        return status_set(STATUS_INVALID, "added token %d is not valid UTF-8", token.id);
    if ((known >= 0 && known != token.id) || (place && place->id != token.id))
        return status_set(STATUS_INVALID, "added token \"%.*s\" has the id %d but is token %d already", shown, token.text,
                          token.id, known >= 0 ? known : place->id);
    if (token.id < 0 || (uint64_t)token.id > 8 * (uint64_t)(t->vocabulary.id_count + t->added_count) + 100000)
        return status_set(STATUS_INVALID, "added token \"%.*s\" has the id %d, which is no sensible one", shown, token.text,
                          token.id);
    if (!place) {
        if (known < 0 && vocabulary_text(&t->vocabulary, token.id).bytes)
            return status_set(STATUS_INVALID, "added token \"%.*s\" has the id %d of another token", shown, token.text, token.id);
        for (size_t i = 0; i < t->added_count; i++)
            if (t->added[i].id == token.id)
                return status_set(STATUS_INVALID, "added token \"%.*s\" has the id %d of another added token", shown, token.text,
                                  token.id);
        added_token *added = realloc(t->added, (t->added_count + 1) * sizeof *added);
        if (!added) return status_set(STATUS_NO_MEMORY, "no memory for the added tokens");
        t->added = added;
        place = &added[t->added_count];
        *place = (added_token){.text = text_copy(token.text, token.length), .length = token.length, .id = token.id};
        if (!place->text) return status_set(STATUS_NO_MEMORY, "no memory for the added tokens");
        t->added_count++;
    }
    place->special = token.special, place->single_word = token.single_word, place->left_strip = token.left_strip;
    place->right_strip = token.right_strip, place->normalized = token.normalized;
    return STATUS_OK;
}

static status find_normal_forms(tokenizer *t) {
    buffer text = {0}, scratch = {0};
    status code = STATUS_OK;
    for (size_t i = 0; i < t->added_count; i++) {
        added_token *token = &t->added[i];
        free(token->normal);
        token->normal = NULL;
        if (!token->normalized || !t->normalizer.count) continue;
        buffer_clear(&text);
        TRY_OR(code, buffer_append(&text, token->text, token->length), cleanup);
        TRY_OR(code, normalizer_run(&t->normalizer, &text, &scratch), cleanup);
        if (text.length == token->length && memcmp(text.data, token->text, token->length) == 0) continue;
        token->normal = text_copy(buffer_text(&text), text.length);
        token->normal_length = text.length;
        if (!token->normal) {
            code = status_set(STATUS_NO_MEMORY, "no memory for the added tokens");
            goto cleanup;
        }
    }
cleanup:
    buffer_free(&text);
    buffer_free(&scratch);
    return code;
}

text_span tokenizer_text_of(const tokenizer *t, int32_t id) {
    if (id < 0 || (size_t)id >= t->id_count) return (text_span){0};
    if (t->added_by_id[id] < 0) return vocabulary_text(&t->vocabulary, id);
    const added_token *token = &t->added[t->added_by_id[id]];
    return token->normal ? (text_span){token->normal, token->normal_length} : (text_span){token->text, token->length};
}

static status find_bytes(tokenizer *t) {
    decoder_work work = {0};
    status code = STATUS_OK;
    for (size_t id = 0; id < t->id_count; id++) {
        t->bytes_from[id] = t->bytes.length;
        text_span text = tokenizer_text_of(t, (int32_t)id);
        if (!text.bytes) continue;
        buffer_clear(&work.items.text);
        work.items.count = 0;
        TRY_OR(code, decoder_add(&work, text.bytes, text.length), cleanup);
        TRY_OR(code, decoder_run(&t->decoder, &work, true, &t->bytes), cleanup);
    }
    t->bytes_from[t->id_count] = t->bytes.length;
    code = buffer_reserve(&t->bytes, 1); // so that an empty token has an address
cleanup:
    decoder_work_free(&work);
    return code;
}

status tokenizer_finish(tokenizer *t) {
    t->id_count = t->vocabulary.id_count;
    for (size_t i = 0; i < t->added_count; i++)
        if ((size_t)t->added[i].id >= t->id_count) t->id_count = (size_t)t->added[i].id + 1;
    free(t->added_by_id), free(t->bytes_from), free(t->is_special);
    t->added_by_id = malloc((t->id_count + 1) * sizeof *t->added_by_id);
    t->bytes_from = malloc((t->id_count + 1) * sizeof *t->bytes_from);
    t->is_special = calloc(t->id_count + 1, sizeof *t->is_special);
    if (!t->added_by_id || !t->bytes_from || !t->is_special)
        return status_set(STATUS_NO_MEMORY, "no memory for %zu tokens", t->id_count);
    for (size_t id = 0; id < t->id_count; id++) t->added_by_id[id] = -1;
    TRY(find_normal_forms(t));
    for (size_t i = 0; i < t->added_count; i++) {
        added_token *token = &t->added[i];
        t->added_by_id[token->id] = (int32_t)i;
        t->is_special[token->id] = token->special;
        if (!token->normalized)
            TRY(matcher_add(&t->raw_matcher, token->text, token->length, (int32_t)i));
        else if (token->normal)
            TRY(matcher_add(&t->normal_matcher, token->normal, token->normal_length, (int32_t)i));
        else
            TRY(matcher_add(&t->normal_matcher, token->text, token->length, (int32_t)i));
    }
    if (!t->bos_text) t->bos_text = text_copy("", 0);
    if (!t->eos_text) t->eos_text = text_copy("", 0);
    if (!t->bos_text || !t->eos_text) return status_set(STATUS_NO_MEMORY, "no memory for a tokenizer");
    t->bytes.length = 0;
    return find_bytes(t);
}

void tokenizer_free(tokenizer *t) {
    if (!t) return;
    vocabulary_free(&t->vocabulary);
    bpe_free(&t->bpe);
    wordpiece_free(&t->wordpiece);
    normalizer_free(&t->normalizer);
    splitter_free(&t->splitter);
    decoder_free(&t->decoder);
    for (size_t i = 0; i < t->added_count; i++) {
        free(t->added[i].text);
        free(t->added[i].normal);
    }
    free(t->added);
    matcher_free(&t->raw_matcher);
    matcher_free(&t->normal_matcher);
    token_list_free(&t->prefix);
    token_list_free(&t->suffix);
    token_list_free(&t->stop);
    free(t->added_by_id);
    free(t->bytes_from);
    free(t->is_special);
    buffer_free(&t->bytes);
    free(t->bos_text);
    free(t->eos_text);
    free(t->chat_template);
    for (size_t i = 0; i < t->file_count; i++) {
        free(t->files[i].name);
        free(t->files[i].bytes);
    }
    free(t->files);
    free(t->pre_tokenizer_name);
    free(t);
}

// Encoding ---------------------------------------------------------------------------------------------------------------------

typedef struct encoding {
    const tokenizer *t;
    bool special;
    splitter_work split;
    bpe_scratch bpe;
    buffer normal, scratch;
    token_list *out;
} encoding;

static status encode_words(encoding *e, const char *text, size_t length, bool at_start) {
    buffer_clear(&e->split.text);
    TRY(buffer_append(&e->split.text, text, length));
    TRY(splitter_run(&e->t->splitter, &e->split, at_start));
    for (size_t i = 0; i < e->split.pieces.count; i++) {
        const char *word = e->split.text.data + e->split.pieces.items[i].from;
        size_t word_length = e->split.pieces.items[i].to - e->split.pieces.items[i].from;
        if (e->t->is_wordpiece)
            TRY(wordpiece_encode(&e->t->wordpiece, word, word_length, &e->scratch, e->out));
        else
            TRY(bpe_encode(&e->t->bpe, word, word_length, &e->bpe, e->out));
    }
    return STATUS_OK;
}

static bool ends_with_word(const char *text, size_t length) {
    size_t at = unicode_back(text, length);
    return unicode_is_word(unicode_next(text, &at));
}

static status encode_segment(encoding *e, bool raw, const char *text, size_t length, bool at_start);

// Cuts out the added tokens of one matcher. `raw`: the text is as given, so what stands between is normalized and searched for
// those of the other matcher. A token with single_word counts only between characters that are no \w; one with lstrip or rstrip
// takes the spaces beside it along.
static status encode_matching(encoding *e, const matcher *m, bool raw, const char *text, size_t length, bool at_start) {
    size_t kept = 0, at = 0, from, to;
    int32_t index;
    while (matcher_find(m, text, length, at, &from, &to, &index)) {
        const added_token *token = &e->t->added[index];
        at = to;
        if (token->special && !e->special) continue;
        if (token->single_word) {
            size_t next = to;
            if ((from > 0 && ends_with_word(text, from)) || (to < length && unicode_is_word(unicode_next(text, &next)))) continue;
        }
        for (size_t before; token->left_strip && from > kept; from = before) {
            size_t next = before = unicode_back(text, from);
            if (!unicode_is_space(unicode_next(text, &next))) break;
        }
        for (size_t next = to; token->right_strip && next < length && unicode_is_space(unicode_next(text, &next));) to = next;
        if (kept < from) TRY(encode_segment(e, raw, text + kept, from - kept, at_start && kept == 0));
        TRY(token_list_append(e->out, token->id));
        kept = to;
    }
    if (kept < length) TRY(encode_segment(e, raw, text + kept, length - kept, at_start && kept == 0));
    return STATUS_OK;
}

static status encode_segment(encoding *e, bool raw, const char *text, size_t length, bool at_start) {
    if (!raw) return encode_words(e, text, length, at_start);
    if (e->t->normalizer.count) {
        buffer_clear(&e->normal);
        TRY(buffer_append(&e->normal, text, length));
        TRY(normalizer_run(&e->t->normalizer, &e->normal, &e->scratch));
        text = e->normal.data, length = e->normal.length;
    }
    return encode_matching(e, &e->t->normal_matcher, false, text, length, at_start);
}

status tokenizer_encode_limited(const tokenizer *t, const char *text, size_t length, bool special, bool add, size_t limit,
                                token_list *out, bool *cut) {
    size_t before = out->count, around = add ? t->prefix.count + t->suffix.count : 0;
    if (around > limit)
        return status_set(STATUS_INVALID, "a limit of %zu tokens leaves no room for the %zu that are added", limit, around);
    encoding e = {.t = t, .special = special, .out = out};
    buffer repaired = {0};
    status code = STATUS_OK;
    if (!unicode_is_valid(text, length)) {
        TRY_OR(code, unicode_repair(&repaired, text, length), cleanup);
        text = repaired.data, length = repaired.length;
    }
    for (size_t i = 0; add && i < t->prefix.count; i++) TRY_OR(code, token_list_append(out, t->prefix.ids[i]), cleanup);
    size_t start = out->count;
    TRY_OR(code, encode_matching(&e, &t->raw_matcher, true, text, length, true), cleanup);
    bool lost = out->count - start > limit - around;
    if (lost) out->count = start + (limit - around);
    if (cut) *cut = lost;
    for (size_t i = 0; add && i < t->suffix.count; i++) TRY_OR(code, token_list_append(out, t->suffix.ids[i]), cleanup);
cleanup:
    if (code != STATUS_OK) out->count = before;
    splitter_work_free(&e.split);
    bpe_scratch_free(&e.bpe);
    buffer_free(&e.normal);
    buffer_free(&e.scratch);
    buffer_free(&repaired);
    return code;
}

status tokenizer_encode(const tokenizer *t, const char *text, size_t length, bool special, bool add, token_list *out) {
    return tokenizer_encode_limited(t, text, length, special, add, SIZE_MAX, out, NULL);
}

// Decoding ---------------------------------------------------------------------------------------------------------------------

status tokenizer_decode(const tokenizer *t, const int32_t *ids, size_t count, bool skip_special, buffer *out) {
    size_t before = out->length;
    decoder_work work = {0};
    status code = STATUS_OK;
    for (size_t i = 0; i < count; i++) {
        text_span text = tokenizer_text_of(t, ids[i]);
        if (!text.bytes) {
            code =
                status_set(STATUS_INVALID, "token id %d at position %zu is not in the vocabulary of %zu", ids[i], i, t->id_count);
            goto cleanup;
        }
        if (skip_special && t->is_special[ids[i]]) continue;
        TRY_OR(code, decoder_add(&work, text.bytes, text.length), cleanup);
    }
    code = decoder_run(&t->decoder, &work, false, out);
cleanup:
    if (code != STATUS_OK && out->data) out->length = before, out->data[before] = 0;
    decoder_work_free(&work);
    return code;
}

const char *tokenizer_token_bytes(const tokenizer *t, int32_t id, size_t *length) {
    if (!tokenizer_text_of(t, id).bytes) return NULL;
    *length = t->bytes_from[id + 1] - t->bytes_from[id];
    return t->bytes.data + t->bytes_from[id];
}

int32_t tokenizer_token_id(const tokenizer *t, const char *token, size_t length) {
    for (size_t i = 0; i < t->added_count; i++)
        if (t->added[i].length == length && memcmp(t->added[i].text, token, length) == 0) return t->added[i].id;
    return vocabulary_find(&t->vocabulary, token, length);
}

size_t tokenizer_vocabulary_size(const tokenizer *t) { return t->id_count; }
bool tokenizer_is_special(const tokenizer *t, int32_t id) { return id >= 0 && (size_t)id < t->id_count && t->is_special[id]; }
int32_t tokenizer_bos(const tokenizer *t) { return t->bos; }
int32_t tokenizer_eos(const tokenizer *t) { return t->eos; }
int32_t tokenizer_pad(const tokenizer *t) { return t->pad; }
const char *tokenizer_chat_template(const tokenizer *t) { return t->chat_template; }
const char *tokenizer_bos_text(const tokenizer *t) { return t->bos_text; }
const char *tokenizer_eos_text(const tokenizer *t) { return t->eos_text; }

const int32_t *tokenizer_stop_tokens(const tokenizer *t, size_t *count) {
    *count = t->stop.count;
    return t->stop.ids;
}
