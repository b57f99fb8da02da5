// The memory of expressions: chunks that live and die with the tree, and nodes counted against the limits. See expression.h,
// tree.h.
#include "math/expression.h"

#include <stdlib.h>
#include <string.h>

#include "math/tree.h"

#define NODE_BYTES 512 // of memory for each node that the limits allow; a node itself takes about 100

struct tree_chunk {
    struct tree_chunk *next;
    size_t used, capacity;
};

struct tree_cell {
    fmpq value;
    struct tree_cell *next;
};

math_expression *tree_create(const math_limits *limits) {
    math_expression *e = calloc(1, sizeof *e);
    if (!e) return NULL;
    e->limits = limits ? *limits : MATH_LIMITS_DEFAULT;
    return e;
}

void math_free(math_expression *expression) {
    if (!expression) return;
    for (tree_cell *cell = expression->cells; cell; cell = cell->next) fmpq_clear(&cell->value);
    for (tree_chunk *chunk = expression->chunks, *next; chunk; chunk = next) {
        next = chunk->next;
        free(chunk);
    }
    free(expression);
}

const math_node *math_root(const math_expression *expression) { return expression->root; }

void *tree_take(math_expression *e, size_t bytes) {
    const size_t header = (sizeof(tree_chunk) + 15) / 16 * 16;
    bytes = (bytes + 15) / 16 * 16;
    e->bytes += bytes;
    if (e->bytes / NODE_BYTES > e->limits.nodes) { // names and passing arrays count as well
        if (e->failure == STATUS_OK)
            e->failure = status_set(STATUS_LIMIT, "the expression takes more than %zu bytes", e->limits.nodes * NODE_BYTES);
        return NULL;
    }
    tree_chunk *chunk = e->chunks;
    if (!chunk || chunk->capacity - chunk->used < bytes) {
        size_t capacity = bytes > 4096 - header ? bytes + header : 4096;
        chunk = malloc(capacity);
        if (!chunk) {
            e->failure = status_set(STATUS_NO_MEMORY, "no memory for an expression of %zu nodes", e->nodes);
            return NULL;
        }
        *chunk = (tree_chunk){.next = e->chunks, .used = header, .capacity = capacity};
        e->chunks = chunk;
    }
    void *taken = (char *)chunk + chunk->used;
    chunk->used += bytes;
    memset(taken, 0, bytes);
    return taken;
}

const char *tree_text(math_expression *e, const char *text, size_t length) {
    char *copy = tree_take(e, length + 1);
    if (copy && length) memcpy(copy, text, length);
    return copy;
}

math_node *tree_node(math_expression *e, math_kind kind, size_t count) {
    if (++e->nodes > e->limits.nodes) {
        if (e->failure == STATUS_OK)
            e->failure = status_set(STATUS_LIMIT, "the expression has more than %zu parts", e->limits.nodes);
        return NULL;
    }
    math_node *node = tree_take(e, sizeof *node);
    if (!node) return NULL;
    node->kind = kind, node->count = (uint32_t)count;
    if (count && !(node->children = tree_take(e, count * sizeof *node->children))) return NULL;
    return node;
}

math_node *tree_unary(math_expression *e, math_kind kind, math_node *a) {
    math_node *node = a ? tree_node(e, kind, 1) : NULL;
    if (node) node->children[0] = a;
    return node;
}

math_node *tree_binary(math_expression *e, math_kind kind, math_node *a, math_node *b) {
    math_node *node = a && b ? tree_node(e, kind, 2) : NULL;
    if (node) node->children[0] = a, node->children[1] = b;
    return node;
}

math_node *tree_named(math_expression *e, math_kind kind, const char *name) {
    math_node *node = name ? tree_node(e, kind, 0) : NULL;
    if (node) node->name = name;
    return node;
}

math_node *tree_number(math_expression *e, const fmpq_t value) {
    math_node *node = tree_node(e, MATH_NUMBER, 0);
    tree_cell *cell = node ? tree_take(e, sizeof *cell) : NULL;
    if (!cell) return NULL;
    fmpq_init(&cell->value);
    fmpq_set(&cell->value, value);
    cell->next = e->cells, e->cells = cell;
    node->value = &cell->value;
    return node;
}

math_node *tree_integer(math_expression *e, long value) {
    fmpq_t q;
    fmpq_init(q);
    fmpq_set_si(q, value, 1);
    math_node *node = tree_number(e, q);
    fmpq_clear(q);
    return node;
}

math_node *tree_copy(math_expression *e, const math_node *n) {
    math_node *copy = tree_node(e, n->kind, n->count);
    if (!copy) return NULL;
    math_node **children = copy->children;
    *copy = *n, copy->children = children;
    if (n->count) memcpy(children, n->children, n->count * sizeof *children);
    return copy;
}

const char *tree_join(math_expression *e, const char *a, const char *separator, const char *b) {
    size_t first = strlen(a), middle = strlen(separator), last = strlen(b);
    char *text = tree_take(e, first + middle + last + 1);
    if (!text) return NULL;
    memcpy(text, a, first), memcpy(text + first, separator, middle), memcpy(text + first + middle, b, last);
    return text;
}

math_node *tree_congruence(math_expression *e, math_node *relation) {
    uint32_t count = relation->count;
    math_node *last = relation->children[count - 1];
    if (relation->operators[count - 2] != MATH_CONGRUENT || !node_is_call(last, "mod")) return relation;
    math_node *n = tree_binary(e, MATH_FUNCTION, relation, last->children[1]);
    if (!n) return NULL;
    relation->children[count - 1] = last->children[0];
    n->name = NAME_RESIDUE;
    return n;
}

bool node_small_integer(const math_node *n, long *out) {
    if (n->kind == MATH_NEGATE) {
        if (!node_small_integer(n->children[0], out)) return false;
        *out = -*out;
        return true;
    }
    if (n->kind != MATH_NUMBER || !fmpz_is_one(fmpq_denref(n->value)) || !fmpz_fits_si(fmpq_numref(n->value))) return false;
    *out = fmpz_get_si(fmpq_numref(n->value));
    return *out > -0x3fffffffffffffffL && *out < 0x3fffffffffffffffL;
}

bool node_any(const math_node *n, bool (*holds)(const math_node *)) {
    bool any = holds(n);
    for (uint32_t i = 0; i < n->count && !any; i++) any = node_any(n->children[i], holds);
    return any;
}

bool node_mentions(const math_node *n, const char *symbol) {
    if (node_is_symbol(n, symbol)) return true;
    for (uint32_t i = 0; i < n->count; i++)
        if (node_mentions(n->children[i], symbol)) return true;
    return false;
}

void node_rename(math_node *n, const char *from, const char *to) {
    if (node_is_symbol(n, from)) n->name = to;
    for (uint32_t i = 0; i < n->count; i++) node_rename(n->children[i], from, to);
}

bool math_is_atom(const math_expression *expression) {
    const math_node *n = expression->root;
    while (n->kind == MATH_NEGATE || n->kind == MATH_WITH_UNIT || n->kind == MATH_PERCENT || n->kind == MATH_DEGREE ||
           n->kind == MATH_VECTOR)
        n = n->children[0];
    return n->kind == MATH_NUMBER || n->kind == MATH_SYMBOL || n->kind == MATH_TEXT || n->kind == MATH_BASED ||
           n->kind == MATH_NONE;
}

const char *math_kind_name(math_kind kind) {
    static const char *const names[] = {
#define X(kind, name) name,
        MATH_KIND_TABLE(X)
#undef X
    };
    return names[kind];
}

status math_print(const math_expression *expression, buffer *out) { return math_print_node(expression->root, out); }

status math_canonical(const char *text, size_t length, const math_limits *limits, buffer *out) {
    math_expression *e = NULL;
    TRY(math_parse(text, length, limits, &e));
    size_t mark = out->length;
    status code = math_normalize(e);
    if (code == STATUS_OK) code = math_print(e, out);
    if (code != STATUS_OK && out->data) out->data[out->length = mark] = 0;
    math_free(e);
    return code;
}
