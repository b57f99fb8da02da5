// The part of the Jinja template language that chat templates use, under transformers' settings: trim_blocks and lstrip_blocks
// on, one trailing newline of the template dropped, loop controls, the {% generation %} block. Used inside text/ only.
//
// A template is read into a tree once; a tree is run any number of times, by several threads at once. What is not implemented is
// refused: statements and syntax when the template is read; filters, tests, methods and functions when a run reaches them.
#ifndef DSDR_TEXT_JINJA_H
#define DSDR_TEXT_JINJA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "text/tokenizer.h"

// Memory that is given back all at once. Start from {0}.
typedef struct jinja_pool {
    struct jinja_chunk *chunks;
    size_t taken; // bytes, over all chunks
} jinja_pool;

void *jinja_take(jinja_pool *pool, size_t bytes); // zeroed; NULL when memory is out or a run takes too much
void jinja_pool_free(jinja_pool *pool);

// Values -----------------------------------------------------------------------------------------------------------------------

typedef enum jinja_kind {
    JINJA_UNDEFINED, // `text` is the name that was looked for
    JINJA_NONE,
    JINJA_BOOL,
    JINJA_INT,
    JINJA_FLOAT,
    JINJA_TEXT,
    JINJA_LIST, // tuples too
    JINJA_MAP,
    JINJA_NAMESPACE, // a map that `set ns.x = ...` may change
    JINJA_FUNCTION,  // a function of the environment; `text` is its name
    JINJA_METHOD,    // `text` is its name, `self` what it belongs to
    JINJA_MACRO,
} jinja_kind;

typedef struct jinja_value {
    jinja_kind kind;
    bool truth;
    int64_t number;
    double real;
    text_span text;
    struct jinja_list *list;
    struct jinja_map *map;
    const struct jinja_value *self;
    const struct jinja_node *macro;
} jinja_value;

typedef struct jinja_list {
    jinja_value *items;
    size_t count;
} jinja_list;

typedef struct jinja_map {
    struct jinja_entry {
        text_span key;
        jinja_value value;
    } * entries;
    size_t count, capacity;
} jinja_map;

jinja_value jinja_text(const char *bytes, size_t length);
jinja_value jinja_bool(bool truth);
jinja_value jinja_int(int64_t number);
jinja_map *jinja_new_map(jinja_pool *pool);
status jinja_new_list(jinja_pool *pool, size_t count, jinja_value *out);
status jinja_put(jinja_pool *pool, jinja_map *map, text_span key, jinja_value value); // adds or replaces
const jinja_value *jinja_find(const jinja_map *map, text_span key);                   // NULL: not there
bool jinja_is(text_span text, const char *word);

bool jinja_is_true(const jinja_value *v);
bool jinja_equal(const jinja_value *a, const jinja_value *b);
bool jinja_is_number(const jinja_value *v);
status jinja_calculate(text_span op, const jinja_value *a, const jinja_value *b, jinja_value *out); // + - * / // % of numbers
status jinja_compare(const jinja_value *a, const jinja_value *b, int *order); // numbers with numbers, texts with texts
status jinja_contains(const jinja_value *container, const jinja_value *item, bool *found);
status jinja_write(const jinja_value *v, buffer *out);      // as {{ v }} prints it
status jinja_write_json(const jinja_value *v, buffer *out); // as json.dumps(v, ensure_ascii=False)
const char *jinja_kind_name(const jinja_value *v);

// The i-th of what a `for` runs over, and how many there are: items of a list, characters of a text, keys of a map.
status jinja_count(const jinja_value *v, size_t *count);
status jinja_items(jinja_pool *pool, const jinja_value *v, jinja_list *items);
status jinja_slice(jinja_pool *pool, const jinja_value *v, const int64_t *start, const int64_t *stop, int64_t step,
                   jinja_value *out);

// Calls of filters, tests and methods: `operand` is what stands in front. *known is false for a name that is not implemented.
typedef struct jinja_arguments {
    const jinja_value *values; // [count]
    const text_span *names;    // bytes == NULL: positional
    size_t count;
} jinja_arguments;

status jinja_filter(jinja_pool *pool, text_span name, const jinja_value *operand, const jinja_arguments *arguments, bool *known,
                    jinja_value *out);
status jinja_test(text_span name, const jinja_value *operand, const jinja_arguments *arguments, bool *known, bool *out);
status jinja_method(jinja_pool *pool, text_span name, const jinja_value *self, const jinja_arguments *arguments, bool *known,
                    jinja_value *out);
bool jinja_has_method(const jinja_value *self, text_span name);

// Trees ------------------------------------------------------------------------------------------------------------------------

typedef enum jinja_node_kind {
    // expressions
    NODE_LITERAL,
    NODE_NAME,      // text
    NODE_ATTRIBUTE, // a.text
    NODE_ITEM,      // a[b]
    NODE_SLICE,     // a[b:c:d]
    NODE_CALL,      // a(children, names)
    NODE_FILTER,    // a|text(children, names)
    NODE_TEST,      // a is text(children)
    NODE_NOT,
    NODE_NEGATIVE,
    NODE_BINARY, // a text b
    NODE_AND,
    NODE_OR,
    NODE_CONDITION, // b if a else c
    NODE_LIST,      // children
    NODE_DICT,      // children: key, value, key, value
    // statements
    NODE_DATA,   // text
    NODE_OUTPUT, // a
    NODE_IF,     // a: condition, body, otherwise
    NODE_FOR,    // names: targets, a: over what, b: condition or NULL, body, otherwise
    NODE_SET,    // names[0], or names[0].text; a: value or NULL for body
    NODE_MACRO,  // text: name, names: parameters, children: their defaults or NULL
    NODE_BLOCK,  // body
    NODE_BREAK,
    NODE_CONTINUE,
} jinja_node_kind;

typedef struct jinja_node {
    jinja_node_kind kind;
    int line;
    text_span text;
    jinja_value literal;
    struct jinja_node *a, *b, *c, *d;
    struct jinja_node **children;
    size_t count;
    text_span *names;
    size_t name_count;
    struct jinja_node *body, *otherwise, *next;
} jinja_node;

typedef enum jinja_token_kind {
    TOKEN_DATA,
    TOKEN_OUTPUT_BEGIN,
    TOKEN_OUTPUT_END,
    TOKEN_BLOCK_BEGIN,
    TOKEN_BLOCK_END,
    TOKEN_NAME,
    TOKEN_VALUE,
    TOKEN_OPERATOR,
    TOKEN_END
} jinja_token_kind;

typedef struct jinja_token {
    jinja_token_kind kind;
    int line;
    text_span text;
    jinja_value value;
} jinja_token;

// Cuts a template into tokens, the last of them TOKEN_END. Texts lie in `source` or in the pool.
status jinja_lex(jinja_pool *pool, const char *source, size_t length, jinja_token **tokens);

// Reads a template into a tree of statements (*root may be NULL for an empty one). The tree refers to `source`.
status jinja_parse(jinja_pool *pool, const char *source, size_t length, jinja_node **root);

// Runs a tree: appends what it writes. `pool` is working memory, `variables` the names it sees.
status jinja_run(const jinja_node *root, jinja_pool *pool, const jinja_map *variables, buffer *out);

#endif
