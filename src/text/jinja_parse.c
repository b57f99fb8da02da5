// The parser of the template language: recursive descent with Jinja's precedence. See jinja.h.
#include "text/jinja.h"

#include <string.h>

enum { DEEPEST = 100, WIDEST = 10000 };

typedef struct parser {
    jinja_pool *pool;
    const jinja_token *at;
    int depth;
    int loops; // open `for` bodies, so that break and continue have one to leave
} parser;

static status parse_expression(parser *p, jinja_node **out);
static status parse_unary(parser *p, bool with_filter, jinja_node **out);
static status parse_statements(parser *p, const char *const *ends, jinja_node **out);

static status refuse(const parser *p, const char *what) {
    const char *near = p->at->kind == TOKEN_END ? "the end" : p->at->text.bytes ? p->at->text.bytes : "";
    size_t count = p->at->kind == TOKEN_END ? 7 : p->at->text.length < 30 ? p->at->text.length : 30;
    return status_set(STATUS_UNSUPPORTED, "line %d: %s%s%.*s%s", p->at->line, what, count ? " at \"" : "", (int)count, near,
                      count ? "\"" : "");
}

static bool is_operator(const parser *p, const char *word) {
    return p->at->kind == TOKEN_OPERATOR && jinja_is(p->at->text, word);
}
static bool is_name(const parser *p, const char *word) { return p->at->kind == TOKEN_NAME && jinja_is(p->at->text, word); }

static bool accept_operator(parser *p, const char *word) {
    if (!is_operator(p, word)) return false;
    p->at++;
    return true;
}

static bool accept_name(parser *p, const char *word) {
    if (!is_name(p, word)) return false;
    p->at++;
    return true;
}

static status expect_operator(parser *p, const char *word) {
    if (accept_operator(p, word)) return STATUS_OK;
    char message[32] = "expected ";
    strncat(message, word, 8);
    return refuse(p, message);
}

static status expect(parser *p, jinja_token_kind kind, const char *what) {
    if (p->at->kind != kind) return refuse(p, what);
    p->at++;
    return STATUS_OK;
}

static status new_node(parser *p, jinja_node_kind kind, jinja_node **out) {
    *out = jinja_take(p->pool, sizeof **out);
    if (!*out) return status_set(STATUS_NO_MEMORY, "no memory for a chat template");
    (*out)->kind = kind, (*out)->line = p->at->line;
    return STATUS_OK;
}

// Appends to the arrays of a node; they grow by doubling inside the pool.
static status add_child(parser *p, jinja_node *node, jinja_node *child) {
    if ((node->count & (node->count - 1)) == 0) {
        jinja_node **children = jinja_take(p->pool, (node->count ? node->count * 2 : 1) * sizeof *children);
        if (!children) return status_set(STATUS_NO_MEMORY, "no memory for a chat template");
        if (node->count) memcpy(children, node->children, node->count * sizeof *children);
        node->children = children;
    }
    if (node->count >= WIDEST) return refuse(p, "a list too long");
    node->children[node->count++] = child;
    return STATUS_OK;
}

static status add_name(parser *p, jinja_node *node, text_span name) {
    if ((node->name_count & (node->name_count - 1)) == 0) {
        text_span *names = jinja_take(p->pool, (node->name_count ? node->name_count * 2 : 1) * sizeof *names);
        if (!names) return status_set(STATUS_NO_MEMORY, "no memory for a chat template");
        if (node->name_count) memcpy(names, node->names, node->name_count * sizeof *names);
        node->names = names;
    }
    node->names[node->name_count++] = name;
    return STATUS_OK;
}

// Expressions ------------------------------------------------------------------------------------------------------------------

// What stands behind an opening parenthesis: a, b, name=c).
static status parse_arguments(parser *p, jinja_node *call) {
    while (!accept_operator(p, ")")) {
        text_span name = {0};
        if (is_operator(p, "*") || is_operator(p, "**")) return refuse(p, "unpacked arguments are not supported");
        if (p->at->kind == TOKEN_NAME && p->at[1].kind == TOKEN_OPERATOR && jinja_is(p->at[1].text, "="))
            name = p->at->text, p->at += 2;
        jinja_node *value;
        TRY(parse_expression(p, &value));
        TRY(add_child(p, call, value));
        TRY(add_name(p, call, name));
        if (!is_operator(p, ")")) TRY(expect_operator(p, ","));
    }
    return STATUS_OK;
}

static status parse_items(parser *p, const char *end, jinja_node *list) {
    while (!accept_operator(p, end)) {
        jinja_node *value;
        TRY(parse_expression(p, &value));
        TRY(add_child(p, list, value));
        if (!is_operator(p, end)) TRY(expect_operator(p, ","));
    }
    return STATUS_OK;
}

static status parse_dict(parser *p, jinja_node *dict) {
    while (!accept_operator(p, "}")) {
        jinja_node *key, *value;
        TRY(parse_expression(p, &key));
        TRY(expect_operator(p, ":"));
        TRY(parse_expression(p, &value));
        TRY(add_child(p, dict, key));
        TRY(add_child(p, dict, value));
        if (!is_operator(p, "}")) TRY(expect_operator(p, ","));
    }
    return STATUS_OK;
}

// Texts that stand side by side are one; true, none and so on are written in either case.
static status parse_primary(parser *p, jinja_node **out) {
    if (p->at->kind == TOKEN_VALUE) {
        TRY(new_node(p, NODE_LITERAL, out));
        (*out)->literal = (p->at++)->value;
        while (p->at->kind == TOKEN_VALUE && p->at->value.kind == JINJA_TEXT && (*out)->literal.kind == JINJA_TEXT) {
            text_span a = (*out)->literal.text, b = (p->at++)->value.text;
            char *text = jinja_take(p->pool, a.length + b.length + 1);
            if (!text) return status_set(STATUS_NO_MEMORY, "no memory for a chat template");
            memcpy(text, a.bytes, a.length);
            memcpy(text + a.length, b.bytes, b.length);
            (*out)->literal = jinja_text(text, a.length + b.length);
        }
        return STATUS_OK;
    }
    if (p->at->kind == TOKEN_NAME) {
        text_span name = p->at->text;
        bool yes = jinja_is(name, "true") || jinja_is(name, "True"), no = jinja_is(name, "false") || jinja_is(name, "False");
        bool none = jinja_is(name, "none") || jinja_is(name, "None");
        TRY(new_node(p, yes || no || none ? NODE_LITERAL : NODE_NAME, out));
        if (yes || no) (*out)->literal = jinja_bool(yes);
        if (none) (*out)->literal = (jinja_value){.kind = JINJA_NONE};
        (*out)->text = name;
        p->at++;
        return STATUS_OK;
    }
    if (accept_operator(p, "[")) {
        TRY(new_node(p, NODE_LIST, out));
        return parse_items(p, "]", *out);
    }
    if (accept_operator(p, "{")) {
        TRY(new_node(p, NODE_DICT, out));
        return parse_dict(p, *out);
    }
    if (accept_operator(p, "(")) {
        jinja_node *first;
        if (accept_operator(p, ")")) return new_node(p, NODE_LIST, out);
        TRY(parse_expression(p, &first));
        if (accept_operator(p, ")")) {
            *out = first;
            return STATUS_OK;
        }
        TRY(new_node(p, NODE_LIST, out));
        TRY(add_child(p, *out, first));
        TRY(expect_operator(p, ","));
        return parse_items(p, ")", *out);
    }
    return refuse(p, "expected an expression");
}

// [a], [a:b], [a:b:c]
static status parse_subscript(parser *p, jinja_node *of, jinja_node **out) {
    jinja_node *part[3] = {0};
    int parts = 0;
    bool slice = false;
    for (;;) {
        if (!is_operator(p, ":") && !is_operator(p, "]")) TRY(parse_expression(p, &part[parts]));
        if (!accept_operator(p, ":")) break;
        slice = true;
        if (++parts > 2) return refuse(p, "a slice of more than three parts");
    }
    TRY(expect_operator(p, "]"));
    if (!slice && !part[0]) return refuse(p, "an empty subscript");
    TRY(new_node(p, slice ? NODE_SLICE : NODE_ITEM, out));
    (*out)->a = of, (*out)->b = part[0], (*out)->c = part[1], (*out)->d = part[2];
    return STATUS_OK;
}

static status parse_postfix(parser *p, jinja_node **node) {
    for (;;) {
        jinja_node *of = *node;
        if (accept_operator(p, ".")) {
            if (p->at->kind != TOKEN_NAME) return refuse(p, "an attribute that is no name");
            TRY(new_node(p, NODE_ATTRIBUTE, node));
            (*node)->a = of, (*node)->text = (p->at++)->text;
        } else if (accept_operator(p, "[")) {
            TRY(parse_subscript(p, of, node));
        } else if (accept_operator(p, "(")) {
            TRY(new_node(p, NODE_CALL, node));
            (*node)->a = of;
            TRY(parse_arguments(p, *node));
        } else {
            return STATUS_OK;
        }
    }
}

static status parse_test(parser *p, jinja_node **node) {
    jinja_node *of = *node;
    bool negated = accept_name(p, "not");
    if (p->at->kind != TOKEN_NAME) return refuse(p, "a test that is no name");
    TRY(new_node(p, NODE_TEST, node));
    jinja_node *test = *node;
    test->a = of, test->text = (p->at++)->text;
    bool value = p->at->kind == TOKEN_VALUE || is_operator(p, "[") || is_operator(p, "{") ||
                 (p->at->kind == TOKEN_NAME && !is_name(p, "else") && !is_name(p, "or") && !is_name(p, "and") &&
                  !is_name(p, "if") && !is_name(p, "is") && !is_name(p, "not") && !is_name(p, "in") && !is_name(p, "recursive"));
    if (accept_operator(p, "(")) {
        TRY(parse_arguments(p, test));
    } else if (value) {
        jinja_node *argument;
        TRY(parse_primary(p, &argument));
        TRY(parse_postfix(p, &argument));
        TRY(add_child(p, test, argument));
        TRY(add_name(p, test, (text_span){0}));
    }
    if (!negated) return STATUS_OK;
    TRY(new_node(p, NODE_NOT, node));
    (*node)->a = test;
    return STATUS_OK;
}

static status parse_filters(parser *p, jinja_node **node) {
    for (;;) {
        jinja_node *of = *node;
        if (accept_operator(p, "|")) {
            if (p->at->kind != TOKEN_NAME) return refuse(p, "a filter that is no name");
            TRY(new_node(p, NODE_FILTER, node));
            (*node)->a = of, (*node)->text = (p->at++)->text;
            if (accept_operator(p, "(")) TRY(parse_arguments(p, *node));
        } else if (accept_name(p, "is")) {
            TRY(parse_test(p, node));
        } else if (accept_operator(p, "(")) {
            TRY(new_node(p, NODE_CALL, node));
            (*node)->a = of;
            TRY(parse_arguments(p, *node));
        } else {
            return STATUS_OK;
        }
    }
}

static status parse_unary(parser *p, bool with_filter, jinja_node **out) {
    if (++p->depth > DEEPEST) return refuse(p, "expressions nested too deeply");
    if (accept_operator(p, "-")) {
        jinja_node *of;
        TRY(parse_unary(p, false, &of));
        TRY(new_node(p, NODE_NEGATIVE, out));
        (*out)->a = of;
    } else if (accept_operator(p, "+")) {
        TRY(parse_unary(p, false, out));
    } else {
        TRY(parse_primary(p, out));
    }
    TRY(parse_postfix(p, out));
    if (with_filter) TRY(parse_filters(p, out));
    if (is_operator(p, "**")) return refuse(p, "powers are not supported");
    p->depth--;
    return STATUS_OK;
}

// The binary operators of one level of precedence, loosest first; the last level is unary.
static status parse_level(parser *p, int level, jinja_node **out) {
    static const char *const levels[][5] = {{"+", "-"}, {"~"}, {"*", "/", "//", "%"}};
    if (level == 3) return parse_unary(p, true, out);
    TRY(parse_level(p, level + 1, out));
    for (;;) {
        text_span found = {0};
        for (int i = 0; levels[level][i]; i++)
            if (is_operator(p, levels[level][i])) found = p->at->text;
        if (!found.bytes) return STATUS_OK;
        jinja_node *left = *out, *right;
        p->at++;
        TRY(parse_level(p, level + 1, &right));
        TRY(new_node(p, NODE_BINARY, out));
        (*out)->text = found, (*out)->a = left, (*out)->b = right;
    }
}

// a < b <= c means a < b and b <= c; `in` and `not in` are comparisons too.
static status parse_comparison(parser *p, jinja_node **out) {
    static const char *const operators[] = {"==", "!=", "<", "<=", ">", ">="};
    jinja_node *left, *all = NULL;
    TRY(parse_level(p, 0, &left));
    for (;;) {
        text_span found = {0};
        bool negated = false;
        for (size_t i = 0; i < sizeof operators / sizeof *operators; i++)
            if (is_operator(p, operators[i])) found = p->at->text;
        if (is_name(p, "in")) found = p->at->text;
        if (is_name(p, "not") && p->at[1].kind == TOKEN_NAME && jinja_is(p->at[1].text, "in"))
            found = (++p->at)->text, negated = true;
        if (!found.bytes) break;
        jinja_node *right, *one, *both;
        p->at++;
        TRY(parse_level(p, 0, &right));
        TRY(new_node(p, NODE_BINARY, &one));
        one->text = found, one->a = left, one->b = right;
        if (negated) {
            TRY(new_node(p, NODE_NOT, &both));
            both->a = one, one = both;
        }
        if (all) {
            TRY(new_node(p, NODE_AND, &both));
            both->a = all, both->b = one, one = both;
        }
        all = one, left = right;
    }
    *out = all ? all : left;
    return STATUS_OK;
}

static status parse_not(parser *p, jinja_node **out) {
    if (!accept_name(p, "not")) return parse_comparison(p, out);
    if (++p->depth > DEEPEST) return refuse(p, "expressions nested too deeply");
    jinja_node *of;
    TRY(parse_not(p, &of));
    p->depth--;
    TRY(new_node(p, NODE_NOT, out));
    (*out)->a = of;
    return STATUS_OK;
}

static status parse_and(parser *p, jinja_node **out) {
    TRY(parse_not(p, out));
    while (accept_name(p, "and")) {
        jinja_node *left = *out, *right;
        TRY(parse_not(p, &right));
        TRY(new_node(p, NODE_AND, out));
        (*out)->a = left, (*out)->b = right;
    }
    return STATUS_OK;
}

static status parse_or(parser *p, jinja_node **out) {
    TRY(parse_and(p, out));
    while (accept_name(p, "or")) {
        jinja_node *left = *out, *right;
        TRY(parse_and(p, &right));
        TRY(new_node(p, NODE_OR, out));
        (*out)->a = left, (*out)->b = right;
    }
    return STATUS_OK;
}

// a if condition else b; without else the other value is undefined.
static status parse_expression(parser *p, jinja_node **out) {
    if (++p->depth > DEEPEST) return refuse(p, "expressions nested too deeply");
    TRY(parse_or(p, out));
    while (accept_name(p, "if")) {
        jinja_node *value = *out, *condition, *other = NULL;
        TRY(parse_or(p, &condition));
        if (accept_name(p, "else")) TRY(parse_expression(p, &other));
        TRY(new_node(p, NODE_CONDITION, out));
        (*out)->a = condition, (*out)->b = value, (*out)->c = other;
    }
    p->depth--;
    return STATUS_OK;
}

// An expression, or several with commas between, which are a tuple.
static status parse_tuple(parser *p, jinja_node **out) {
    jinja_node *first;
    TRY(parse_expression(p, &first));
    *out = first;
    if (!is_operator(p, ",")) return STATUS_OK;
    TRY(new_node(p, NODE_LIST, out));
    TRY(add_child(p, *out, first));
    while (accept_operator(p, ",")) {
        if (p->at->kind == TOKEN_BLOCK_END || p->at->kind == TOKEN_OUTPUT_END) break;
        TRY(parse_expression(p, &first));
        TRY(add_child(p, *out, first));
    }
    return STATUS_OK;
}

// Statements -------------------------------------------------------------------------------------------------------------------

static status end_block(parser *p) { return expect(p, TOKEN_BLOCK_END, "expected the end of a block"); }

// Behind `if` or `elif`: condition, body, and what follows up to and with endif.
static status parse_if(parser *p, jinja_node **out) {
    static const char *const ends[] = {"elif", "else", "endif", NULL}, *const last[] = {"endif", NULL};
    if (++p->depth > DEEPEST) return refuse(p, "statements nested too deeply");
    TRY(new_node(p, NODE_IF, out));
    jinja_node *node = *out;
    TRY(parse_tuple(p, &node->a));
    TRY(end_block(p));
    TRY(parse_statements(p, ends, &node->body));
    if (accept_name(p, "elif")) {
        TRY(parse_if(p, &node->otherwise));
    } else if (accept_name(p, "else")) {
        TRY(end_block(p));
        TRY(parse_statements(p, last, &node->otherwise));
        p->at++;
        TRY(end_block(p));
    } else {
        p->at++;
        TRY(end_block(p));
    }
    p->depth--;
    return STATUS_OK;
}

static status parse_for(parser *p, jinja_node **out) {
    static const char *const ends[] = {"else", "endfor", NULL}, *const last[] = {"endfor", NULL};
    TRY(new_node(p, NODE_FOR, out));
    jinja_node *node = *out;
    bool parenthesis = accept_operator(p, "(");
    do {
        if (p->at->kind != TOKEN_NAME || is_name(p, "in")) return refuse(p, "a loop variable that is no name");
        TRY(add_name(p, node, (p->at++)->text));
    } while (accept_operator(p, ","));
    if (parenthesis) TRY(expect_operator(p, ")"));
    if (!accept_name(p, "in")) return refuse(p, "expected \"in\"");
    TRY(parse_or(p, &node->a)); // an `if` here filters; it is no conditional expression
    if (accept_name(p, "if")) TRY(parse_expression(p, &node->b));
    if (is_name(p, "recursive")) return refuse(p, "recursive loops are not supported");
    TRY(end_block(p));
    p->loops++;
    TRY(parse_statements(p, ends, &node->body));
    p->loops--;
    if (accept_name(p, "else")) {
        TRY(end_block(p));
        TRY(parse_statements(p, last, &node->otherwise));
    }
    p->at++;
    return end_block(p);
}

static status parse_set(parser *p, jinja_node **out) {
    static const char *const ends[] = {"endset", NULL};
    TRY(new_node(p, NODE_SET, out));
    jinja_node *node = *out;
    do {
        if (p->at->kind != TOKEN_NAME) return refuse(p, "a set of something that is no name");
        TRY(add_name(p, node, (p->at++)->text));
        if (node->name_count == 1 && accept_operator(p, ".")) {
            if (p->at->kind != TOKEN_NAME) return refuse(p, "an attribute that is no name");
            node->text = (p->at++)->text;
            break;
        }
    } while (accept_operator(p, ","));
    if (accept_operator(p, "=")) {
        TRY(parse_tuple(p, &node->a));
        return end_block(p);
    }
    if (node->name_count > 1 || node->text.bytes || is_operator(p, "|")) return refuse(p, "this form of set is not supported");
    TRY(end_block(p));
    TRY(parse_statements(p, ends, &node->body));
    p->at++;
    return end_block(p);
}

static status parse_macro(parser *p, jinja_node **out) {
    static const char *const ends[] = {"endmacro", NULL};
    TRY(new_node(p, NODE_MACRO, out));
    jinja_node *node = *out;
    if (p->at->kind != TOKEN_NAME) return refuse(p, "a macro without a name");
    node->text = (p->at++)->text;
    TRY(expect_operator(p, "("));
    while (!accept_operator(p, ")")) {
        jinja_node *fallback = NULL;
        if (p->at->kind != TOKEN_NAME) return refuse(p, "a parameter that is no name");
        TRY(add_name(p, node, (p->at++)->text));
        if (accept_operator(p, "=")) TRY(parse_expression(p, &fallback));
        TRY(add_child(p, node, fallback));
        if (!is_operator(p, ")")) TRY(expect_operator(p, ","));
    }
    TRY(end_block(p));
    int loops = p->loops;
    p->loops = 0;
    TRY(parse_statements(p, ends, &node->body));
    p->loops = loops;
    p->at++;
    if (p->at->kind == TOKEN_NAME) p->at++; // {% endmacro name %}
    return end_block(p);
}

static status parse_block(parser *p, jinja_node **out) {
    static const char *const generation[] = {"endgeneration", NULL};
    if (accept_name(p, "if")) return parse_if(p, out);
    if (accept_name(p, "for")) return parse_for(p, out);
    if (accept_name(p, "set")) return parse_set(p, out);
    if (accept_name(p, "macro")) return parse_macro(p, out);
    if (is_name(p, "break") || is_name(p, "continue")) {
        if (!p->loops) return refuse(p, "there is no loop to leave");
        TRY(new_node(p, is_name(p, "break") ? NODE_BREAK : NODE_CONTINUE, out));
        p->at++;
        return end_block(p);
    }
    if (accept_name(p, "generation")) { // marks the assistant's text; writes it as it is
        TRY(end_block(p));
        TRY(new_node(p, NODE_BLOCK, out));
        TRY(parse_statements(p, generation, &(*out)->body));
        p->at++;
        return end_block(p);
    }
    return refuse(p, "this statement is not supported");
}

// Statements up to a block that begins with one of `ends` (NULL: up to the end of the template), which is left standing with its
// opening already read.
static status parse_statements(parser *p, const char *const *ends, jinja_node **out) {
    jinja_node **tail = out;
    if (++p->depth > DEEPEST) return refuse(p, "statements nested too deeply");
    *out = NULL;
    for (;;) {
        if (p->at->kind == TOKEN_DATA) {
            TRY(new_node(p, NODE_DATA, tail));
            (*tail)->text = (p->at++)->text;
        } else if (p->at->kind == TOKEN_OUTPUT_BEGIN) {
            p->at++;
            TRY(new_node(p, NODE_OUTPUT, tail));
            TRY(parse_tuple(p, &(*tail)->a));
            TRY(expect(p, TOKEN_OUTPUT_END, "expected the end of an output"));
        } else if (p->at->kind == TOKEN_BLOCK_BEGIN) {
            p->at++;
            for (size_t i = 0; ends && ends[i]; i++)
                if (is_name(p, ends[i])) {
                    p->depth--;
                    return STATUS_OK;
                }
            TRY(parse_block(p, tail));
        } else {
            if (ends) return refuse(p, "a block is not closed");
            if (p->at->kind != TOKEN_END) return refuse(p, "a tag out of place");
            p->depth--;
            return STATUS_OK;
        }
        tail = &(*tail)->next;
    }
}

status jinja_parse(jinja_pool *pool, const char *source, size_t length, jinja_node **root) {
    jinja_token *tokens;
    TRY(jinja_lex(pool, source, length, &tokens));
    parser p = {.pool = pool, .at = tokens};
    return parse_statements(&p, NULL, root);
}
