// A trie walked from every position. See matcher.h.
#include "text/matcher.h"

#include <stdlib.h>
#include <string.h>

static status add_node(matcher *m, unsigned char byte, int32_t *index) {
    if (m->count == m->capacity) {
        size_t grown = m->capacity ? m->capacity * 2 : 64;
        struct matcher_node *nodes = grown < INT32_MAX ? realloc(m->nodes, grown * sizeof *nodes) : NULL;
        if (!nodes) return status_set(STATUS_NO_MEMORY, "no memory for the added tokens");
        m->nodes = nodes, m->capacity = grown;
    }
    *index = (int32_t)m->count;
    m->nodes[m->count++] = (struct matcher_node){.first_child = -1, .next_sibling = -1, .value = -1, .byte = byte};
    return STATUS_OK;
}

static int32_t find_child(const matcher *m, int32_t node, unsigned char byte) {
    if (node == 0) return m->roots[byte];
    int32_t child = m->nodes[node].first_child;
    while (child >= 0 && m->nodes[child].byte != byte) child = m->nodes[child].next_sibling;
    return child;
}

status matcher_add(matcher *m, const char *text, size_t length, int32_t value) {
    int32_t node = 0;
    if (!length) return STATUS_OK;
    if (!m->count) {
        TRY(add_node(m, 0, &node));
        for (int i = 0; i < 256; i++) m->roots[i] = -1;
    }
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];
        int32_t child = find_child(m, node, byte);
        if (child < 0) {
            TRY(add_node(m, byte, &child));
            m->nodes[child].next_sibling = m->nodes[node].first_child;
            m->nodes[node].first_child = child;
            if (node == 0) m->roots[byte] = child;
        }
        node = child;
    }
    if (m->nodes[node].value < 0) m->nodes[node].value = value;
    return STATUS_OK;
}

bool matcher_find(const matcher *m, const char *text, size_t length, size_t start, size_t *from, size_t *to, int32_t *value) {
    if (!m->count) return false;
    for (size_t at = start; at < length; at++) {
        int32_t node = m->roots[(unsigned char)text[at]], best = -1;
        for (size_t next = at + 1; node >= 0; next++) {
            if (m->nodes[node].value >= 0) best = m->nodes[node].value, *to = next;
            if (next >= length) break;
            node = find_child(m, node, (unsigned char)text[next]);
        }
        if (best < 0) continue;
        *from = at, *value = best;
        return true;
    }
    return false;
}

void matcher_free(matcher *m) {
    free(m->nodes);
    *m = (matcher){0};
}
