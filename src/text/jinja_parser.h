// The state of the template parser and the steps that its two files share: jinja_expression.c reads expressions, jinja_parse.c
// statements. Used by these two only.
#ifndef DSDR_TEXT_JINJA_PARSER_H
#define DSDR_TEXT_JINJA_PARSER_H

#include "text/jinja.h"

enum { JINJA_DEEPEST = 100 }; // levels of nesting

typedef struct jinja_parser {
    jinja_pool *pool;
    const jinja_token *at;
    int depth;
    int loops; // open `for` bodies, so that break and continue have one to leave
} jinja_parser;

status jinja_refuse(const jinja_parser *p, const char *what); // STATUS_UNSUPPORTED with the line and the token that stands there

// Is the next token this operator or this name? The accepting ones step over it.
bool jinja_at_operator(const jinja_parser *p, const char *word);
bool jinja_at_name(const jinja_parser *p, const char *word);
bool jinja_accept_operator(jinja_parser *p, const char *word);
bool jinja_accept_name(jinja_parser *p, const char *word);
status jinja_expect_operator(jinja_parser *p, const char *word);
status jinja_expect(jinja_parser *p, jinja_token_kind kind, const char *what);

status jinja_new_node(jinja_parser *p, jinja_node_kind kind, jinja_node **out);
status jinja_add_child(jinja_parser *p, jinja_node *node, jinja_node *child);
status jinja_add_name(jinja_parser *p, jinja_node *node, text_span name);

status jinja_parse_expression(jinja_parser *p, jinja_node **out);
status jinja_parse_or(jinja_parser *p, jinja_node **out);    // an expression without a trailing `if`
status jinja_parse_tuple(jinja_parser *p, jinja_node **out); // an expression, or several with commas between

#endif
