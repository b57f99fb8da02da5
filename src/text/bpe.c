// The merge loop: a heap of candidate pairs over a linked list of symbols. See bpe.h.
#include "text/bpe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text/unicode.h"

static size_t pair_slot(const bpe *b, int32_t left, int32_t right) {
    uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    key *= 0x9E3779B97F4A7C15u;
    size_t at = (key ^ key >> 32) & (b->slot_count - 1);
    while (b->merges[at].left >= 0 && (b->merges[at].left != left || b->merges[at].right != right))
        at = (at + 1) & (b->slot_count - 1);
    return at;
}

static const bpe_merge *find_merge(const bpe *b, int32_t left, int32_t right) {
    if (!b->slot_count) return NULL;
    const bpe_merge *merge = &b->merges[pair_slot(b, left, right)];
    return merge->left >= 0 ? merge : NULL;
}

static status grow_merges(bpe *b) {
    bpe old = *b;
    size_t slot_count = old.slot_count ? old.slot_count * 2 : 1024;
    bpe_merge *merges = malloc(slot_count * sizeof *merges);
    if (!merges) return status_set(STATUS_NO_MEMORY, "no memory for %zu merges", slot_count / 2);
    for (size_t i = 0; i < slot_count; i++) merges[i].left = -1;
    b->merges = merges, b->slot_count = slot_count;
    for (size_t i = 0; i < old.slot_count; i++)
        if (old.merges[i].left >= 0) merges[pair_slot(b, old.merges[i].left, old.merges[i].right)] = old.merges[i];
    free(old.merges);
    return STATUS_OK;
}

static int shown(size_t length) { return (int)(length < 60 ? length : 60); }

status bpe_add_merge(bpe *b, text_span left, text_span right) {
    int32_t left_id = vocabulary_find(b->vocabulary, left.bytes, left.length);
    int32_t right_id = vocabulary_find(b->vocabulary, right.bytes, right.length);
    if (left_id < 0 || right_id < 0)
        return status_set(STATUS_INVALID, "merge %zu: \"%.*s\" is not in the vocabulary", b->merge_count,
                          shown(left_id < 0 ? left.length : right.length), left_id < 0 ? left.bytes : right.bytes);
    if (right.length < b->prefix_length)
        return status_set(STATUS_INVALID, "merge %zu: the right part is shorter than the prefix", b->merge_count);
    buffer merged = {0};
    status code;
    TRY_OR(code, buffer_append(&merged, left.bytes, left.length), cleanup);
    TRY_OR(code, buffer_append(&merged, right.bytes + b->prefix_length, right.length - b->prefix_length), cleanup);
    int32_t merged_id = vocabulary_find(b->vocabulary, merged.data, merged.length);
    if (merged_id < 0) {
        code = status_set(STATUS_INVALID, "merge %zu: its result \"%.*s\" is not in the vocabulary", b->merge_count,
                          shown(merged.length), merged.data);
        goto cleanup;
    }
    if (2 * (b->merge_count + 1) > b->slot_count) TRY_OR(code, grow_merges(b), cleanup);
    b->merges[pair_slot(b, left_id, right_id)] =
        (bpe_merge){.left = left_id, .right = right_id, .rank = (uint32_t)b->merge_count, .merged = merged_id};
    b->merge_count++;
cleanup:
    buffer_free(&merged);
    return code;
}

void bpe_free(bpe *b) {
    free(b->merges);
    free(b->prefix);
    free(b->suffix);
    free(b->unknown_missing);
    *b = (bpe){0};
}

void bpe_scratch_free(bpe_scratch *scratch) {
    free(scratch->symbols);
    free(scratch->heap);
    buffer_free(&scratch->text);
    *scratch = (bpe_scratch){0};
}

static status add_symbol(bpe_scratch *s, int32_t id) {
    if (s->symbol_count == s->symbol_capacity) {
        size_t grown = s->symbol_capacity ? s->symbol_capacity * 2 : 64;
        if (grown > INT32_MAX) return status_set(STATUS_LIMIT, "a word of more than %d characters", INT32_MAX / 2);
        struct bpe_symbol *symbols = realloc(s->symbols, grown * sizeof *symbols);
        if (!symbols) return status_set(STATUS_NO_MEMORY, "no memory for a word of %zu characters", grown);
        s->symbols = symbols, s->symbol_capacity = grown;
    }
    s->symbols[s->symbol_count++] = (struct bpe_symbol){.id = id};
    return STATUS_OK;
}

// Tokens for the bytes of a character; *done says whether the vocabulary has them all. If not, nothing is added.
static status add_byte_symbols(const bpe *b, const char *bytes, size_t length, bpe_scratch *s, bool *done) {
    size_t before = s->symbol_count;
    *done = true;
    for (size_t i = 0; i < length; i++) {
        char name[8];
        snprintf(name, sizeof name, "<0x%02X>", (unsigned char)bytes[i]);
        int32_t id = vocabulary_find(b->vocabulary, name, 6);
        if (id < 0) {
            s->symbol_count = before;
            *done = false;
            return STATUS_OK;
        }
        TRY(add_symbol(s, id));
    }
    return STATUS_OK;
}

// The characters of the word as tokens. An unknown character waits in `unknown` until the next known one, which is when a run of
// them can be fused; byte tokens do not end such a run (both as Hugging Face does it).
static status read_symbols(const bpe *b, const char *word, size_t length, bpe_scratch *s) {
    bool unknown = false;
    s->symbol_count = 0;
    for (size_t at = 0; at < length;) {
        size_t from = at;
        unicode_next(word, &at);
        const char *text = word + from;
        size_t text_length = at - from;
        bool first = from == 0, last = at == length;
        if ((b->prefix && !first) || (b->suffix && last)) {
            buffer_clear(&s->text);
            if (b->prefix && !first) TRY(buffer_append(&s->text, b->prefix, b->prefix_length));
            TRY(buffer_append(&s->text, text, text_length));
            if (b->suffix && last) TRY(buffer_append(&s->text, b->suffix, b->suffix_length));
            text = s->text.data, text_length = s->text.length;
        }
        int32_t id = vocabulary_find(b->vocabulary, text, text_length);
        if (id >= 0) {
            if (unknown) TRY(add_symbol(s, b->unknown));
            unknown = false;
            TRY(add_symbol(s, id));
            continue;
        }
        if (b->byte_fallback) {
            bool done;
            TRY(add_byte_symbols(b, text, text_length, s, &done));
            if (done) continue;
        }
        if (b->unknown_missing)
            return status_set(STATUS_INVALID, "the unknown token \"%.60s\" is not in the vocabulary, and a text needs it",
                              b->unknown_missing);
        if (b->unknown >= 0) {
            if (unknown && !b->fuse_unknown) TRY(add_symbol(s, b->unknown));
            unknown = true;
        }
    }
    if (unknown) TRY(add_symbol(s, b->unknown));
    return STATUS_OK;
}

static bool comes_before(struct bpe_candidate a, struct bpe_candidate b) {
    return a.rank < b.rank || (a.rank == b.rank && a.position < b.position);
}

static status heap_push(bpe_scratch *s, struct bpe_candidate candidate) {
    if (s->heap_count == s->heap_capacity) {
        size_t grown = s->heap_capacity ? s->heap_capacity * 2 : 64;
        struct bpe_candidate *heap = realloc(s->heap, grown * sizeof *heap);
        if (!heap) return status_set(STATUS_NO_MEMORY, "no memory for %zu pairs of a word", grown);
        s->heap = heap, s->heap_capacity = grown;
    }
    size_t at = s->heap_count++;
    for (; at > 0 && comes_before(candidate, s->heap[(at - 1) / 2]); at = (at - 1) / 2) s->heap[at] = s->heap[(at - 1) / 2];
    s->heap[at] = candidate;
    return STATUS_OK;
}

static struct bpe_candidate heap_pop(bpe_scratch *s) {
    struct bpe_candidate top = s->heap[0], moved = s->heap[--s->heap_count];
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < s->heap_count; at = child) {
        if (child + 1 < s->heap_count && comes_before(s->heap[child + 1], s->heap[child])) child++;
        if (!comes_before(s->heap[child], moved)) break;
        s->heap[at] = s->heap[child];
    }
    s->heap[at] = moved;
    return top;
}

// Puts the pair that starts at `position` into the heap if it can be merged.
static status consider(const bpe *b, bpe_scratch *s, int32_t position) {
    if (position < 0 || s->symbols[position].next < 0) return STATUS_OK;
    const bpe_merge *merge = find_merge(b, s->symbols[position].id, s->symbols[s->symbols[position].next].id);
    if (!merge) return STATUS_OK;
    return heap_push(s, (struct bpe_candidate){.rank = merge->rank, .position = position, .merged = merge->merged});
}

status bpe_encode(const bpe *b, const char *word, size_t length, bpe_scratch *s, token_list *out) {
    if (!length) return STATUS_OK;
    if (b->ignore_merges) {
        int32_t id = vocabulary_find(b->vocabulary, word, length);
        if (id >= 0) return token_list_append(out, id);
    }
    TRY(read_symbols(b, word, length, s));
    int32_t count = (int32_t)s->symbol_count;
    for (int32_t i = 0; i < count; i++) s->symbols[i].previous = i - 1, s->symbols[i].next = i + 1 < count ? i + 1 : -1;
    s->heap_count = 0;
    for (int32_t i = 0; i + 1 < count; i++) TRY(consider(b, s, i));
    while (s->heap_count) {
        struct bpe_candidate top = heap_pop(s);
        struct bpe_symbol *left = &s->symbols[top.position];
        if (left->dead || left->next < 0) continue;
        struct bpe_symbol *right = &s->symbols[left->next];
        const bpe_merge *merge = find_merge(b, left->id, right->id);
        if (!merge || merge->merged != top.merged) continue; // one of the two was merged with another meanwhile
        left->id = top.merged;
        right->dead = true;
        left->next = right->next;
        if (left->next >= 0) s->symbols[left->next].previous = top.position;
        TRY(consider(b, s, left->previous));
        TRY(consider(b, s, top.position));
    }
    TRY(token_list_reserve(out, out->count + (size_t)count));
    for (int32_t i = 0; i < count; i++)
        if (!s->symbols[i].dead) out->ids[out->count++] = s->symbols[i].id;
    return STATUS_OK;
}
