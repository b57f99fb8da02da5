// The lexer of the template language: text between tags with Jinja's rules for white space, and the tokens inside tags. See
// jinja.h.
#include "text/jinja.h"

#include <stdlib.h>
#include <string.h>

#include "text/unicode.h"

typedef struct lexer {
    jinja_pool *pool;
    const char *source;
    size_t length, at;
    int line;
    jinja_token *tokens;
    size_t count, capacity;
    bool line_starting; // the text in front of `at` ends a line
} lexer;

static bool is_space(int32_t c) { return unicode_is_space(c) || (c >= 0x1C && c <= 0x1F); }
static bool is_name_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static status refuse(const lexer *l, const char *what) { return status_set(STATUS_UNSUPPORTED, "line %d: %s", l->line, what); }

static status add(lexer *l, jinja_token token) {
    if (l->count == l->capacity) {
        size_t grown = l->capacity ? l->capacity * 2 : 128;
        jinja_token *tokens = jinja_take(l->pool, grown * sizeof *tokens);
        if (!tokens) return status_set(STATUS_NO_MEMORY, "no memory for a chat template");
        if (l->count) memcpy(tokens, l->tokens, l->count * sizeof *tokens);
        l->tokens = tokens, l->capacity = grown;
    }
    token.line = l->line;
    l->tokens[l->count++] = token;
    return STATUS_OK;
}

static bool looking_at(const lexer *l, const char *word) {
    size_t count = strlen(word);
    return l->length - l->at >= count && memcmp(l->source + l->at, word, count) == 0;
}

static void skip_spaces(lexer *l) {
    while (l->at < l->length) {
        size_t next = l->at;
        int32_t c = unicode_next(l->source, &next);
        if (!is_space(c)) return;
        if (c == '\n') l->line++;
        l->at = next;
    }
}

// The text up to a tag, without what the tag's sign or lstrip_blocks takes away: "-" all white space in front, nothing the spaces
// between the line's beginning and a block or comment.
static status add_data(lexer *l, size_t from, size_t to, char sign, bool is_output) {
    size_t end = to;
    if (sign == '-') {
        while (end > from) {
            size_t before = unicode_back(l->source, end), next = before;
            if (!is_space(unicode_next(l->source, &next))) break;
            end = before;
        }
    } else if (sign != '+' && !is_output) {
        size_t start = end;
        while (start > from && l->source[start - 1] != '\n') start--;
        bool blank = start > from || l->line_starting;
        for (size_t at = start; blank && at < end;) blank = is_space(unicode_next(l->source, &at));
        if (blank) end = start;
    }
    status code = end > from ? add(l, (jinja_token){.kind = TOKEN_DATA, .text = {l->source + from, end - from}}) : STATUS_OK;
    for (size_t i = from; i < to; i++) l->line += l->source[i] == '\n';
    return code;
}

// What follows a closing tag: "-" takes all white space, trim_blocks one newline (not behind an output).
static void close_tag(lexer *l, char sign, bool is_output) {
    size_t before = l->at;
    if (sign == '-')
        skip_spaces(l);
    else if (sign != '+' && !is_output && l->at < l->length && l->source[l->at] == '\n')
        l->at++, l->line++;
    l->line_starting = l->at > before && l->source[l->at - 1] == '\n';
}

static status skip_comment(lexer *l) {
    for (; l->at < l->length; l->at++) {
        if (l->source[l->at] == '\n') l->line++;
        if (!looking_at(l, "#}")) continue;
        char sign = l->source[l->at - 1];
        l->at += 2;
        close_tag(l, sign == '-' || sign == '+' ? sign : 0, false);
        return STATUS_OK;
    }
    return refuse(l, "a comment is not closed");
}

static int hex_digit(char c) {
    return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

// A text between quotes, with the escapes of Python; an unknown escape stands for itself, backslash included.
static status lex_text(lexer *l) {
    char quote = l->source[l->at++];
    size_t from = l->at;
    while (l->at < l->length && l->source[l->at] != quote) l->at += l->source[l->at] == '\\' && l->at + 1 < l->length ? 2 : 1;
    if (l->at >= l->length) return refuse(l, "a text is not closed");
    size_t to = l->at++;
    char *text = jinja_take(l->pool, 4 * (to - from) + 1);
    if (!text) return status_set(STATUS_NO_MEMORY, "no memory for a chat template");
    size_t count = 0;
    for (size_t i = from; i < to;) {
        char c = l->source[i++];
        if (c == '\n') l->line++;
        if (c != '\\') {
            text[count++] = c;
            continue;
        }
        c = l->source[i++];
        static const char plain[] = "n\nt\tr\r\\\\'\'\"\"a\ab\bf\fv\v";
        const char *found = NULL;
        for (const char *p = plain; *p; p += 2)
            if (*p == c) found = p;
        size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
        if (found) {
            text[count++] = found[1];
        } else if (c == '\n') {
            l->line++;
        } else if (digits) {
            uint32_t value = 0;
            for (size_t k = 0; k < digits; k++, i++) {
                if (i >= to || hex_digit(l->source[i]) < 0) return refuse(l, "an escape with too few digits");
                value = value * 16 + (uint32_t)hex_digit(l->source[i]);
            }
            if (value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) return refuse(l, "an escape that is no character");
            buffer character = {0};
            TRY(unicode_append(&character, (int32_t)value));
            memcpy(text + count, character.data, character.length);
            count += character.length;
            buffer_free(&character);
        } else if (is_digit(c) || c == 'N') {
            return refuse(l, "an octal or named escape in a text");
        } else {
            text[count++] = '\\';
            text[count++] = c;
        }
    }
    return add(l, (jinja_token){.kind = TOKEN_VALUE, .value = jinja_text(text, count)});
}

static status lex_number(lexer *l) {
    size_t from = l->at;
    int64_t number = 0;
    for (; l->at < l->length && is_digit(l->source[l->at]); l->at++)
        if (__builtin_mul_overflow(number, 10, &number) || __builtin_add_overflow(number, l->source[l->at] - '0', &number))
            return refuse(l, "a number too large");
    bool real = l->at + 1 < l->length && l->source[l->at] == '.' && is_digit(l->source[l->at + 1]);
    if (real)
        for (l->at++; l->at < l->length && is_digit(l->source[l->at]);) l->at++;
    if (l->at < l->length && (is_name_start(l->source[l->at]))) return refuse(l, "a number of this form");
    if (!real) return add(l, (jinja_token){.kind = TOKEN_VALUE, .value = jinja_int(number)});
    char copy[64];
    if (l->at - from >= sizeof copy) return refuse(l, "a number too long");
    memcpy(copy, l->source + from, l->at - from);
    copy[l->at - from] = 0;
    return add(l, (jinja_token){.kind = TOKEN_VALUE, .value = {.kind = JINJA_FLOAT, .real = strtod(copy, NULL)}});
}

static status lex_operator(lexer *l, int *depth) {
    static const char *const operators[] = {"//", "**", "==", "!=", ">=", "<=", "+", "-", "*", "/", "%", "~", "[",
                                            "]",  "(",  ")",  "{",  "}",  ">",  "<", "=", ".", ":", "|", ",", ";"};
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
        if (!looking_at(l, operators[i])) continue;
        char c = operators[i][0];
        if (c == '[' || c == '(' || c == '{') ++*depth;
        if ((c == ']' || c == ')' || c == '}') && --*depth < 0) return refuse(l, "a closing bracket that nothing opened");
        text_span text = {l->source + l->at, strlen(operators[i])};
        l->at += text.length;
        return add(l, (jinja_token){.kind = TOKEN_OPERATOR, .text = text});
    }
    return refuse(l, "a character that belongs to no expression");
}

// The tokens of one tag, up to and with its end. An end inside open brackets is none.
static status lex_tag(lexer *l, bool is_output) {
    const char *end = is_output ? "}}" : "%}";
    for (int depth = 0;;) {
        skip_spaces(l);
        if (l->at >= l->length) return refuse(l, "a tag is not closed");
        char c = l->source[l->at], sign = c == '-' || (c == '+' && !is_output) ? c : 0;
        l->at += sign != 0;
        if (!depth && looking_at(l, end)) {
            l->at += 2;
            TRY(add(l, (jinja_token){.kind = is_output ? TOKEN_OUTPUT_END : TOKEN_BLOCK_END}));
            close_tag(l, sign, is_output);
            return STATUS_OK;
        }
        l->at -= sign != 0;
        if (c == '"' || c == '\'') {
            TRY(lex_text(l));
        } else if (is_digit(c)) {
            TRY(lex_number(l));
        } else if (is_name_start(c)) {
            size_t from = l->at;
            while (l->at < l->length && (is_name_start(l->source[l->at]) || is_digit(l->source[l->at]))) l->at++;
            TRY(add(l, (jinja_token){.kind = TOKEN_NAME, .text = {l->source + from, l->at - from}}));
        } else {
            TRY(lex_operator(l, &depth));
        }
    }
}

status jinja_lex(jinja_pool *pool, const char *source, size_t length, jinja_token **tokens) {
    lexer l = {.pool = pool, .source = source, .length = length, .line = 1, .line_starting = true};
    if (length && source[length - 1] == '\n') l.length--; // keep_trailing_newline is off
    while (l.at < l.length) {
        size_t from = l.at, open = from;
        while (open + 1 < l.length &&
               !(source[open] == '{' && (source[open + 1] == '%' || source[open + 1] == '{' || source[open + 1] == '#')))
            open++;
        if (open + 1 >= l.length) {
            l.at = l.length;
            TRY(add(&l, (jinja_token){.kind = TOKEN_DATA, .text = {source + from, l.length - from}}));
            break;
        }
        char tag = source[open + 1], sign = open + 2 < l.length ? source[open + 2] : 0;
        if (sign != '-' && sign != '+') sign = 0;
        TRY(add_data(&l, from, open, sign, tag == '{'));
        l.at = open + 2 + (sign != 0);
        if (tag == '#') {
            TRY(skip_comment(&l));
            continue;
        }
        TRY(add(&l, (jinja_token){.kind = tag == '{' ? TOKEN_OUTPUT_BEGIN : TOKEN_BLOCK_BEGIN}));
        TRY(lex_tag(&l, tag == '{'));
    }
    TRY(add(&l, (jinja_token){.kind = TOKEN_END}));
    *tokens = l.tokens;
    return STATUS_OK;
}
