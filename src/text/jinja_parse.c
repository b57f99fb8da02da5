// The parser of the template language's statements. See jinja.h and jinja_parser.h.
#include "text/jinja_parser.h"

static status parse_statements(jinja_parser *p, const char *const *ends, jinja_node **out);

static status end_block(jinja_parser *p) { return jinja_expect(p, TOKEN_BLOCK_END, "expected the end of a block"); }

// Behind `if` or `elif`: condition, body, and what follows up to and with endif.
static status parse_if(jinja_parser *p, jinja_node **out) {
    static const char *const ends[] = {"elif", "else", "endif", NULL}, *const last[] = {"endif", NULL};
    if (++p->depth > JINJA_DEEPEST) return jinja_refuse(p, "statements nested too deeply");
    TRY(jinja_new_node(p, NODE_IF, out));
    jinja_node *node = *out;
    TRY(jinja_parse_tuple(p, &node->a));
    TRY(end_block(p));
    TRY(parse_statements(p, ends, &node->body));
    if (jinja_accept_name(p, "elif")) {
        TRY(parse_if(p, &node->otherwise));
    } else if (jinja_accept_name(p, "else")) {
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

static status parse_for(jinja_parser *p, jinja_node **out) {
    static const char *const ends[] = {"else", "endfor", NULL}, *const last[] = {"endfor", NULL};
    TRY(jinja_new_node(p, NODE_FOR, out));
    jinja_node *node = *out;
    bool parenthesis = jinja_accept_operator(p, "(");
    do {
        if (p->at->kind != TOKEN_NAME || jinja_at_name(p, "in")) return jinja_refuse(p, "a loop variable that is no name");
        TRY(jinja_add_name(p, node, (p->at++)->text));
    } while (jinja_accept_operator(p, ","));
    if (parenthesis) TRY(jinja_expect_operator(p, ")"));
    if (!jinja_accept_name(p, "in")) return jinja_refuse(p, "expected \"in\"");
    TRY(jinja_parse_or(p, &node->a)); // an `if` here filters; it is no conditional expression
    if (jinja_accept_name(p, "if")) TRY(jinja_parse_expression(p, &node->b));
    if (jinja_at_name(p, "recursive")) return jinja_refuse(p, "recursive loops are not supported");
    TRY(end_block(p));
    p->loops++;
    TRY(parse_statements(p, ends, &node->body));
    p->loops--;
    if (jinja_accept_name(p, "else")) {
        TRY(end_block(p));
        TRY(parse_statements(p, last, &node->otherwise));
    }
    p->at++;
    return end_block(p);
}

static status parse_set(jinja_parser *p, jinja_node **out) {
    static const char *const ends[] = {"endset", NULL};
    TRY(jinja_new_node(p, NODE_SET, out));
    jinja_node *node = *out;
    do {
        if (p->at->kind != TOKEN_NAME) return jinja_refuse(p, "a set of something that is no name");
        TRY(jinja_add_name(p, node, (p->at++)->text));
        if (node->name_count == 1 && jinja_accept_operator(p, ".")) {
            if (p->at->kind != TOKEN_NAME) return jinja_refuse(p, "an attribute that is no name");
            node->text = (p->at++)->text;
            break;
        }
    } while (jinja_accept_operator(p, ","));
    if (jinja_accept_operator(p, "=")) {
        TRY(jinja_parse_tuple(p, &node->a));
        return end_block(p);
    }
    if (node->name_count > 1 || node->text.bytes || jinja_at_operator(p, "|"))
        return jinja_refuse(p, "this form of set is not supported");
    TRY(end_block(p));
    TRY(parse_statements(p, ends, &node->body));
    p->at++;
    return end_block(p);
}

static status parse_macro(jinja_parser *p, jinja_node **out) {
    static const char *const ends[] = {"endmacro", NULL};
    TRY(jinja_new_node(p, NODE_MACRO, out));
    jinja_node *node = *out;
    if (p->at->kind != TOKEN_NAME) return jinja_refuse(p, "a macro without a name");
    node->text = (p->at++)->text;
    TRY(jinja_expect_operator(p, "("));
    while (!jinja_accept_operator(p, ")")) {
        jinja_node *fallback = NULL;
        if (p->at->kind != TOKEN_NAME) return jinja_refuse(p, "a parameter that is no name");
        TRY(jinja_add_name(p, node, (p->at++)->text));
        if (jinja_accept_operator(p, "=")) TRY(jinja_parse_expression(p, &fallback));
        TRY(jinja_add_child(p, node, fallback));
        if (!jinja_at_operator(p, ")")) TRY(jinja_expect_operator(p, ","));
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

static status parse_block(jinja_parser *p, jinja_node **out) {
    static const char *const generation[] = {"endgeneration", NULL};
    if (jinja_accept_name(p, "if")) return parse_if(p, out);
    if (jinja_accept_name(p, "for")) return parse_for(p, out);
    if (jinja_accept_name(p, "set")) return parse_set(p, out);
    if (jinja_accept_name(p, "macro")) return parse_macro(p, out);
    if (jinja_at_name(p, "break") || jinja_at_name(p, "continue")) {
        if (!p->loops) return jinja_refuse(p, "there is no loop to leave");
        TRY(jinja_new_node(p, jinja_at_name(p, "break") ? NODE_BREAK : NODE_CONTINUE, out));
        p->at++;
        return end_block(p);
    }
    if (jinja_accept_name(p, "generation")) { // marks the assistant's text; writes it as it is
        TRY(end_block(p));
        TRY(jinja_new_node(p, NODE_BLOCK, out));
        TRY(parse_statements(p, generation, &(*out)->body));
        p->at++;
        return end_block(p);
    }
    return jinja_refuse(p, "this statement is not supported");
}

// Statements up to a block that begins with one of `ends` (NULL: up to the end of the template), which is left standing with its
// opening already read.
static status parse_statements(jinja_parser *p, const char *const *ends, jinja_node **out) {
    jinja_node **tail = out;
    if (++p->depth > JINJA_DEEPEST) return jinja_refuse(p, "statements nested too deeply");
    *out = NULL;
    for (;;) {
        if (p->at->kind == TOKEN_DATA) {
            TRY(jinja_new_node(p, NODE_DATA, tail));
            (*tail)->text = (p->at++)->text;
        } else if (p->at->kind == TOKEN_OUTPUT_BEGIN) {
            p->at++;
            TRY(jinja_new_node(p, NODE_OUTPUT, tail));
            TRY(jinja_parse_tuple(p, &(*tail)->a));
            TRY(jinja_expect(p, TOKEN_OUTPUT_END, "expected the end of an output"));
        } else if (p->at->kind == TOKEN_BLOCK_BEGIN) {
            p->at++;
            for (size_t i = 0; ends && ends[i]; i++)
                if (jinja_at_name(p, ends[i])) {
                    p->depth--;
                    return STATUS_OK;
                }
            TRY(parse_block(p, tail));
        } else {
            if (ends) return jinja_refuse(p, "a block is not closed");
            if (p->at->kind != TOKEN_END) return jinja_refuse(p, "a tag out of place");
            p->depth--;
            return STATUS_OK;
        }
        tail = &(*tail)->next;
    }
}

status jinja_parse(jinja_pool *pool, const char *source, size_t length, jinja_node **root) {
    jinja_token *tokens;
    TRY(jinja_lex(pool, source, length, &tokens));
    jinja_parser p = {.pool = pool, .at = tokens};
    return parse_statements(&p, NULL, root);
}
