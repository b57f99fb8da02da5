// The memory of an expression and the making of its nodes. For the files of math/ only.
#ifndef DSDR_MATH_TREE_H
#define DSDR_MATH_TREE_H

#include "math/expression.h"

// Functions that no text can name: no name that is read begins with a backslash.
#define NAME_RESIDUE "\\pmod"        // a number or relation, its modulus
#define NAME_DERIVATIVE "\\d"        // what stands above and below the line of \frac{dy}{dx}
#define NAME_SUBSCRIPT "\\subscript" // of something in parentheses: what it is, the name below it

typedef struct tree_chunk tree_chunk;
typedef struct tree_cell tree_cell; // an fmpq to be cleared with the expression

struct math_expression {
    math_node *root;
    tree_chunk *chunks;
    tree_cell *cells;
    size_t nodes, bytes;
    math_limits limits;
    status failure; // the first reason why a tree_ function returned NULL: STATUS_LIMIT or STATUS_NO_MEMORY
};

math_expression *tree_create(const math_limits *limits); // NULL: out of memory

// Each returns NULL after setting e->failure and this thread's message.
void *tree_take(math_expression *e, size_t bytes);                                      // zero-filled, 16-byte aligned
const char *tree_text(math_expression *e, const char *text, size_t length);             // a copy with a NUL behind it
math_node *tree_node(math_expression *e, math_kind kind, size_t count);                 // children all NULL
math_node *tree_unary(math_expression *e, math_kind kind, math_node *a);                // NULL when a is NULL
math_node *tree_binary(math_expression *e, math_kind kind, math_node *a, math_node *b); // NULL when a or b is NULL
math_node *tree_named(math_expression *e, math_kind kind, const char *name);            // `name` is kept, not copied
math_node *tree_number(math_expression *e, const fmpq_t value);
math_node *tree_integer(math_expression *e, long value);
math_node *tree_copy(math_expression *e, const math_node *n); // with a child array of its own, of the same children

// a, the separator and b, one behind the other.
const char *tree_join(math_expression *e, const char *a, const char *separator, const char *b);

// Appends the canonical text of one node.
status math_print_node(const math_node *node, buffer *out);

// Normalizes a subtree in place and returns it. NULL with e->failure set; the subtree is then still whole and says the same.
math_node *normal_form(math_expression *e, math_node *node);

// How many nodes an expression may have with those that normal_form makes, when it was read with at most `nodes`.
size_t normal_limit(size_t nodes);

// a \equiv b \mod m without parentheses: the relation with its modulus. `relation` itself where it is nothing of the kind.
math_node *tree_congruence(math_expression *e, math_node *relation);

// A total order of trees: 0 exactly for the same tree. Decimal spelling and grouping do not count.
int tree_compare(const math_node *a, const math_node *b);

static inline bool node_is_symbol(const math_node *n, const char *name) {
    return n->kind == MATH_SYMBOL && __builtin_strcmp(n->name, name) == 0;
}

// A call of that function.
static inline bool node_is_call(const math_node *n, const char *name) {
    return n->kind == MATH_FUNCTION && __builtin_strcmp(n->name, name) == 0;
}

// The same for a node that is known to have a name.
static inline bool is_name(const math_node *n, const char *name) { return __builtin_strcmp(n->name, name) == 0; }

// The name that runs in a sum, product or integral; NULL where it is not written as k = first.
static inline const char *node_index(const math_node *big) {
    const math_node *from = big->children[0];
    bool equation = from->kind == MATH_RELATION && from->count == 2 && from->operators[0] == MATH_EQ;
    return equation && from->children[0]->kind == MATH_SYMBOL ? from->children[0]->name : NULL;
}

bool node_any(const math_node *n, bool (*holds)(const math_node *)); // whether it holds for a node anywhere in the tree
bool node_mentions(const math_node *n, const char *symbol);
void node_rename(math_node *n, const char *from, const char *to); // every symbol of that name; `to` is kept, not copied

// A whole number within a long: its value in *out.
bool node_small_integer(const math_node *n, long *out);

#endif
