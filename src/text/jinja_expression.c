// The parser of the template language's expressions: recursive descent with Jinja's precedence. See jinja.h and jinja_parser.h.
#include "text/jinja_parser.h"

#include <string.h>

enum { WIDEST = 10000 };

static status parse_unary(jinja_parser *p, bool with_filter, jinja_node **out);

status jinja_refuse(const jinja_parser *p, const char *what) {
    const char *near = p->at->kind == TOKEN_END ? "the end" : p->at->text.bytes ? p->at->text.bytes : "";
    size_t count = p->at->kind == TOKEN_END ? 7 : p->at->text.length < 30 ? p->at->text.length : 30;
    return status_set(STATUS_UNSUPPORTED, "line %d: %s%s%.*s%s", p->at->line, what, count ? " at \"" : "", (int)count, near,
                      count ? "\"" : "");
}

bool jinja_at_operator(const jinja_parser *p, const char *word) {
    return p->at->kind == TOKEN_OPERATOR && jinja_is(p->at->text, word);
}
bool jinja_at_name(const jinja_parser *p, const char *word) { return p->at->kind == TOKEN_NAME && jinja_is(p->at->text, word); }

bool jinja_accept_operator(jinja_parser *p, const char *word) {
    if (!jinja_at_operator(p, word)) return false;
    p->at++;
    return true;
}

bool jinja_accept_name(jinja_parser *p, const char *word) {
    if (!jinja_at_name(p, word)) return false;
    p->at++;
    return true;
}

status jinja_expect_operator(jinja_parser *p, const char *word) {
    if (jinja_accept_operator(p, word)) return STATUS_OK;
    char message[32] = "expected ";
    strncat(message, word, 8);
    return jinja_refuse(p, message);
}

status jinja_expect(jinja_parser *p, jinja_token_kind kind, const char *what) {
    if (p->at->kind != kind) return jinja_refuse(p, what);
    p->at++;
    return STATUS_OK;
}

status jinja_new_node(jinja_parser *p, jinja_node_kind kind, jinja_node **out) {
    *out = jinja_take(p->pool, sizeof **out);
    if (!*out) return status_set(STATUS_NO_MEMORY, "no memory for a chat template");
    (*out)->kind = kind, (*out)->line = p->at->line;
    return STATUS_OK;
}

// Appends to the arrays of a node; they grow by doubling inside the pool.
status jinja_add_child(jinja_parser *p, jinja_node *node, jinja_node *child) {
    if ((node->count & (node->count - 1)) == 0) {
        jinja_node **children = jinja_take(p->pool, (node->count ? node->count * 2 : 1) * sizeof *children);
        if (!children) return status_set(STATUS_NO_MEMORY, "no memory for a chat template");
        if (node->count) memcpy(children, node->children, node->count * sizeof *children);
        node->children = children;
    }
    if (node->count >= WIDEST) return jinja_refuse(p, "a list too long");
    node->children[node->count++] = child;
    return STATUS_OK;
}

status jinja_add_name(jinja_parser *p, jinja_node *node, text_span name) {
    if ((node->name_count & (node->name_count - 1)) == 0) {
        text_span *names = jinja_take(p->pool, (node->name_count ? node->name_count * 2 : 1) * sizeof *names);
        if (!names) return status_set(STATUS_NO_MEMORY, "no memory for a chat template");
        if (node->name_count) memcpy(names, node->names, node->name_count * sizeof *names);
        node->names = names;
    }
    node->names[node->name_count++] = name;
    return STATUS_OK;
}

// What stands behind an opening parenthesis: a, b, name=c).
static status parse_arguments(jinja_parser *p, jinja_node *call) {
    while (!jinja_accept_operator(p, ")")) {
        text_span name = {0};
        if (jinja_at_operator(p, "*") || jinja_at_operator(p, "**"))
            return jinja_refuse(p, "unpacked arguments are not supported");
        if (p->at->kind == TOKEN_NAME && p->at[1].kind == TOKEN_OPERATOR && jinja_is(p->at[1].text, "="))
            name = p->at->text, p->at += 2;
        jinja_node *value;
        TRY(jinja_parse_expression(p, &value));
        TRY(jinja_add_child(p, call, value));
        TRY(jinja_add_name(p, call, name));
        if (!jinja_at_operator(p, ")")) TRY(jinja_expect_operator(p, ","));
    }
    return STATUS_OK;
}

static status parse_items(jinja_parser *p, const char *end, jinja_node *list) {
    while (!jinja_accept_operator(p, end)) {
        jinja_node *value;
        TRY(jinja_parse_expression(p, &value));
        TRY(jinja_add_child(p, list, value));
        if (!jinja_at_operator(p, end)) TRY(jinja_expect_operator(p, ","));
    }
    return STATUS_OK;
}

static status parse_dict(jinja_parser *p, jinja_node *dict) {
    while (!jinja_accept_operator(p, "}")) {
        jinja_node *key, *value;
        TRY(jinja_parse_expression(p, &key));
        TRY(jinja_expect_operator(p, ":"));
        TRY(jinja_parse_expression(p, &value));
        TRY(jinja_add_child(p, dict, key));
        TRY(jinja_add_child(p, dict, value));
        if (!jinja_at_operator(p, "}")) TRY(jinja_expect_operator(p, ","));
    }
    return STATUS_OK;
}

// Texts that stand side by side are one; true, none and so on are written in either case.
static status parse_primary(jinja_parser *p, jinja_node **out) {
    if (p->at->kind == TOKEN_VALUE) {
        TRY(jinja_new_node(p, NODE_LITERAL, out));
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
        TRY(jinja_new_node(p, yes || no || none ? NODE_LITERAL : NODE_NAME, out));
        if (yes || no) (*out)->literal = jinja_bool(yes);
        if (none) (*out)->literal = (jinja_value){.kind = JINJA_NONE};
        (*out)->text = name;
        p->at++;
        return STATUS_OK;
    }
    if (jinja_accept_operator(p, "[")) {
        TRY(jinja_new_node(p, NODE_LIST, out));
        return parse_items(p, "]", *out);
    }
    if (jinja_accept_operator(p, "{")) {
        TRY(jinja_new_node(p, NODE_DICT, out));
        return parse_dict(p, *out);
    }
    if (jinja_accept_operator(p, "(")) {
        jinja_node *first;
        if (jinja_accept_operator(p, ")")) return jinja_new_node(p, NODE_LIST, out);
        TRY(jinja_parse_expression(p, &first));
        if (jinja_accept_operator(p, ")")) {
            *out = first;
            return STATUS_OK;
        }
        TRY(jinja_new_node(p, NODE_LIST, out));
        TRY(jinja_add_child(p, *out, first));
        TRY(jinja_expect_operator(p, ","));
        return parse_items(p, ")", *out);
    }
    return jinja_refuse(p, "expected an expression");
}

// [a], [a:b], [a:b:c]
static status parse_subscript(jinja_parser *p, jinja_node *of, jinja_node **out) {
    jinja_node *part[3] = {0};
    int parts = 0;
    bool slice = false;
    for (;;) {
        if (!jinja_at_operator(p, ":") && !jinja_at_operator(p, "]")) TRY(jinja_parse_expression(p, &part[parts]));
        if (!jinja_accept_operator(p, ":")) break;
        slice = true;
        if (++parts > 2) return jinja_refuse(p, "a slice of more than three parts");
    }
    TRY(jinja_expect_operator(p, "]"));
    if (!slice && !part[0]) return jinja_refuse(p, "an empty subscript");
    TRY(jinja_new_node(p, slice ? NODE_SLICE : NODE_ITEM, out));
    (*out)->a = of, (*out)->b = part[0], (*out)->c = part[1], (*out)->d = part[2];
    return STATUS_OK;
}

static status parse_postfix(jinja_parser *p, jinja_node **node) {
    for (;;) {
        jinja_node *of = *node;
        if (jinja_accept_operator(p, ".")) {
            if (p->at->kind != TOKEN_NAME) return jinja_refuse(p, "an attribute that is no name");
            TRY(jinja_new_node(p, NODE_ATTRIBUTE, node));
            (*node)->a = of, (*node)->text = (p->at++)->text;
        } else if (jinja_accept_operator(p, "[")) {
            TRY(parse_subscript(p, of, node));
        } else if (jinja_accept_operator(p, "(")) {
            TRY(jinja_new_node(p, NODE_CALL, node));
            (*node)->a = of;
            TRY(parse_arguments(p, *node));
        } else {
            return STATUS_OK;
        }
    }
}

static status parse_test(jinja_parser *p, jinja_node **node) {
    jinja_node *of = *node;
    bool negated = jinja_accept_name(p, "not");
    if (p->at->kind != TOKEN_NAME) return jinja_refuse(p, "a test that is no name");
    TRY(jinja_new_node(p, NODE_TEST, node));
    jinja_node *test = *node;
    test->a = of, test->text = (p->at++)->text;
    bool value = p->at->kind == TOKEN_VALUE || jinja_at_operator(p, "[") || jinja_at_operator(p, "{") ||
                 (p->at->kind == TOKEN_NAME && !jinja_at_name(p, "else") && !jinja_at_name(p, "or") && !jinja_at_name(p, "and") &&
                  !jinja_at_name(p, "if") && !jinja_at_name(p, "is") && !jinja_at_name(p, "not") && !jinja_at_name(p, "in") &&
                  !jinja_at_name(p, "recursive"));
    if (jinja_accept_operator(p, "(")) {
        TRY(parse_arguments(p, test));
    } else if (value) {
        jinja_node *argument;
        TRY(parse_primary(p, &argument));
        TRY(parse_postfix(p, &argument));
        TRY(jinja_add_child(p, test, argument));
        TRY(jinja_add_name(p, test, (text_span){0}));
    }
    if (!negated) return STATUS_OK;
    TRY(jinja_new_node(p, NODE_NOT, node));
    (*node)->a = test;
    return STATUS_OK;
}

static status parse_filters(jinja_parser *p, jinja_node **node) {
    for (;;) {
        jinja_node *of = *node;
        if (jinja_accept_operator(p, "|")) {
            if (p->at->kind != TOKEN_NAME) return jinja_refuse(p, "a filter that is no name");
            TRY(jinja_new_node(p, NODE_FILTER, node));
            (*node)->a = of, (*node)->text = (p->at++)->text;
            if (jinja_accept_operator(p, "(")) TRY(parse_arguments(p, *node));
        } else if (jinja_accept_name(p, "is")) {
            TRY(parse_test(p, node));
        } else if (jinja_accept_operator(p, "(")) {
            TRY(jinja_new_node(p, NODE_CALL, node));
            (*node)->a = of;
            TRY(parse_arguments(p, *node));
        } else {
            return STATUS_OK;
        }
    }
}

static status parse_unary(jinja_parser *p, bool with_filter, jinja_node **out) {
    if (++p->depth > JINJA_DEEPEST) return jinja_refuse(p, "expressions nested too deeply");
    if (jinja_accept_operator(p, "-")) {
        jinja_node *of;
        TRY(parse_unary(p, false, &of));
        TRY(jinja_new_node(p, NODE_NEGATIVE, out));
        (*out)->a = of;
    } else if (jinja_accept_operator(p, "+")) {
        TRY(parse_unary(p, false, out));
    } else {
        TRY(parse_primary(p, out));
    }
    TRY(parse_postfix(p, out));
    if (with_filter) TRY(parse_filters(p, out));
    if (jinja_at_operator(p, "**")) return jinja_refuse(p, "powers are not supported");
    p->depth--;
    return STATUS_OK;
}

// The binary operators of one level of precedence, loosest first; the last level is unary.
static status parse_level(jinja_parser *p, int level, jinja_node **out) {
    static const char *const levels[][5] = {{"+", "-"}, {"~"}, {"*", "/", "//", "%"}};
    if (level == 3) return parse_unary(p, true, out);
    TRY(parse_level(p, level + 1, out));
    for (;;) {
        text_span found = {0};
        for (int i = 0; levels[level][i]; i++)
            if (jinja_at_operator(p, levels[level][i])) found = p->at->text;
        if (!found.bytes) return STATUS_OK;
        jinja_node *left = *out, *right;
        p->at++;
        TRY(parse_level(p, level + 1, &right));
        TRY(jinja_new_node(p, NODE_BINARY, out));
        (*out)->text = found, (*out)->a = left, (*out)->b = right;
    }
}

// a < b <= c means a < b and b <= c; `in` and `not in` are comparisons too.
static status parse_comparison(jinja_parser *p, jinja_node **out) {
    static const char *const operators[] = {"==", "!=", "<", "<=", ">", ">="};
    jinja_node *left, *all = NULL;
    TRY(parse_level(p, 0, &left));
    for (;;) {
        text_span found = {0};
        bool negated = false;
        for (size_t i = 0; i < sizeof operators / sizeof *operators; i++)
            if (jinja_at_operator(p, operators[i])) found = p->at->text;
        if (jinja_at_name(p, "in")) found = p->at->text;
        if (jinja_at_name(p, "not") && p->at[1].kind == TOKEN_NAME && jinja_is(p->at[1].text, "in"))
            found = (++p->at)->text, negated = true;
        if (!found.bytes) break;
        jinja_node *right, *one, *both;
        p->at++;
        TRY(parse_level(p, 0, &right));
        TRY(jinja_new_node(p, NODE_BINARY, &one));
        one->text = found, one->a = left, one->b = right;
        if (negated) {
            TRY(jinja_new_node(p, NODE_NOT, &both));
            both->a = one, one = both;
        }
        if (all) {
            TRY(jinja_new_node(p, NODE_AND, &both));
            both->a = all, both->b = one, one = both;
        }
        all = one, left = right;
    }
    *out = all ? all : left;
    return STATUS_OK;
}

static status parse_not(jinja_parser *p, jinja_node **out) {
    if (!jinja_accept_name(p, "not")) return parse_comparison(p, out);
    if (++p->depth > JINJA_DEEPEST) return jinja_refuse(p, "expressions nested too deeply");
    jinja_node *of;
    TRY(parse_not(p, &of));
    p->depth--;
    TRY(jinja_new_node(p, NODE_NOT, out));
    (*out)->a = of;
    return STATUS_OK;
}

static status parse_and(jinja_parser *p, jinja_node **out) {
    TRY(parse_not(p, out));
    while (jinja_accept_name(p, "and")) {
        jinja_node *left = *out, *right;
        TRY(parse_not(p, &right));
        TRY(jinja_new_node(p, NODE_AND, out));
        (*out)->a = left, (*out)->b = right;
    }
    return STATUS_OK;
}

status jinja_parse_or(jinja_parser *p, jinja_node **out) {
    TRY(parse_and(p, out));
    while (jinja_accept_name(p, "or")) {
        jinja_node *left = *out, *right;
        TRY(parse_and(p, &right));
        TRY(jinja_new_node(p, NODE_OR, out));
        (*out)->a = left, (*out)->b = right;
    }
    return STATUS_OK;
}

// a if condition else b; without else the other value is undefined.
status jinja_parse_expression(jinja_parser *p, jinja_node **out) {
    if (++p->depth > JINJA_DEEPEST) return jinja_refuse(p, "expressions nested too deeply");
    TRY(jinja_parse_or(p, out));
    while (jinja_accept_name(p, "if")) {
        jinja_node *value = *out, *condition, *other = NULL;
        TRY(jinja_parse_or(p, &condition));
        if (jinja_accept_name(p, "else")) TRY(jinja_parse_expression(p, &other));
        TRY(jinja_new_node(p, NODE_CONDITION, out));
        (*out)->a = condition, (*out)->b = value, (*out)->c = other;
    }
    p->depth--;
    return STATUS_OK;
}

// An expression, or several with commas between, which are a tuple.
status jinja_parse_tuple(jinja_parser *p, jinja_node **out) {
    jinja_node *first;
    TRY(jinja_parse_expression(p, &first));
    *out = first;
    if (!jinja_at_operator(p, ",")) return STATUS_OK;
    TRY(jinja_new_node(p, NODE_LIST, out));
    TRY(jinja_add_child(p, *out, first));
    while (jinja_accept_operator(p, ",")) {
        if (p->at->kind == TOKEN_BLOCK_END || p->at->kind == TOKEN_OUTPUT_END) break;
        TRY(jinja_parse_expression(p, &first));
        TRY(jinja_add_child(p, *out, first));
    }
    return STATUS_OK;
}
