// Normal form level 1: the tokens of a text in one spelling. See math_normalize_text in expression.h; works on any bytes.
#include <string.h>

#include "math/lexer.h"
#include "math/words.h"

// Tokens that are always spelled the same.
static const char *const signs[] = {
    [TOKEN_PLUS] = "+",
    [TOKEN_MINUS] = "-",
    [TOKEN_TIMES] = "*",
    [TOKEN_DIVIDE] = "/",
    [TOKEN_CARET] = "^",
    [TOKEN_UNDERSCORE] = "_",
    [TOKEN_BANG] = "!",
    [TOKEN_PERCENT] = "%",
    [TOKEN_PRIME] = "'",
    [TOKEN_DEGREE] = "\\degree",
    [TOKEN_BAR] = "|",
    [TOKEN_DOUBLE_BAR] = "\\|",
    [TOKEN_MID] = "|",
    [TOKEN_COMMA] = ",",
    [TOKEN_SEMICOLON] = ";",
    [TOKEN_COLON] = ":",
    [TOKEN_AND] = "and",
    [TOKEN_OR] = "or",
    [TOKEN_CUP] = "\\cup",
    [TOKEN_CAP] = "\\cap",
    [TOKEN_SETMINUS] = "\\setminus",
    [TOKEN_FRACTION] = "\\frac",
    [TOKEN_BINOMIAL] = "\\binom",
    [TOKEN_AMPERSAND] = "&",
    [TOKEN_ROW] = "\\\\",
    [TOKEN_DOTS] = "\\dots",
    [TOKEN_STAR] = "\\star",
};

// The spelling of an opening bracket of this code, or of the closing one.
static const char *bracket(int code, bool open) {
    static const struct {
        int code;
        const char *open, *close;
    } pairs[] = {{'(', "(", ")"},
                 {'[', "[", "]"},
                 {'{', "{", "}"},
                 {'S', "\\{", "\\}"},
                 {'<', "\\langle", "\\rangle"},
                 {'F', "\\lfloor", "\\rfloor"},
                 {'C', "\\lceil", "\\rceil"}};
    size_t i = 0;
    while (pairs[i].code != code) i++;
    return open ? pairs[i].open : pairs[i].close;
}

// NULL: by the token's own text.
static const char *spelling(const token *t) {
    switch (t->kind) {
    case TOKEN_PLUS_MINUS:
        return t->code ? "\\mp" : "\\pm";
    case TOKEN_OVER:
        return t->code == '/' ? "\\over" : "\\choose";
    case TOKEN_OPEN:
    case TOKEN_CLOSE:
        return bracket(t->code, t->kind == TOKEN_OPEN);
    case TOKEN_ROOT:
        return t->code == 3 ? "\\cbrt" : "\\sqrt";
    case TOKEN_MODULUS:
        return t->code == 'p' ? "\\pmod" : "\\mod";
    case TOKEN_RELATION:
        return t->code == MATH_EQ ? "=" : t->code == MATH_LT ? "<" : t->code == MATH_GT ? ">" : NULL;
    default:
        return t->kind < sizeof signs / sizeof *signs ? signs[t->kind] : NULL;
    }
}

static bool wordlike(char c) { return lexer_is_letter(c) || lexer_is_digit(c) || (unsigned char)c >= 0x80; }

static status emit(buffer *out, size_t begin, const char *text, size_t length) {
    // A space where two tokens would otherwise be read as one.
    if (out->length > begin && length && wordlike(out->data[out->length - 1]) && (wordlike(text[0]) || text[0] == '.'))
        TRY(buffer_append_byte(out, ' '));
    return buffer_append(out, text, length);
}

status token_spell(const token *t, size_t begin, buffer *out) {
    const char *fixed = spelling(t);
    if (fixed) return emit(out, begin, fixed, strlen(fixed));
    switch (t->kind) {
    case TOKEN_WORD:
        if (t->length == 1) { // 5 \text{ x} is no 5x
            TRY(emit(out, begin, "\\text{", 6));
            TRY(buffer_append_byte(out, t->text[0]));
            return buffer_append_byte(out, '}');
        }
        for (size_t i = 0; i < t->length; i++) {
            char c = t->text[i];
            bool alone = i > 0 && !lexer_is_letter(t->text[i - 1]) && (i + 1 == t->length || !lexer_is_letter(t->text[i + 1]));
            if (c >= 'A' && c <= 'Z' && !alone) c = (char)(c + 32); // class A is not class a
            TRY(i == 0 ? emit(out, begin, &c, 1) : buffer_append_byte(out, c));
        }
        return STATUS_OK;
    case TOKEN_BEGIN:
    case TOKEN_FINISH:
        TRY(emit(out, begin, t->kind == TOKEN_BEGIN ? "\\begin{" : "\\end{", t->kind == TOKEN_BEGIN ? 7 : 5));
        TRY(buffer_append(out, t->text, t->length));
        return buffer_append_byte(out, '}');
    case TOKEN_RELATION:
        fixed = word_of_relation(t->code);
        TRY(emit(out, begin, "\\", 1));
        return buffer_append_text(out, fixed);
    case TOKEN_NAME:
    case TOKEN_FUNCTION:
    case TOKEN_BIG:
    case TOKEN_DECORATION:
    case TOKEN_BINARY:
    case TOKEN_CURRENCY:
        if (t->length > 1) TRY(emit(out, begin, "\\", 1));
        return t->length > 1 ? buffer_append(out, t->text, t->length) : emit(out, begin, t->text, t->length);
    default:
        return emit(out, begin, t->text, t->length);
    }
}

static status emit_token(buffer *out, size_t begin, const lexer *lx, const token *t, int *digits_alone) {
    if (t->kind == TOKEN_BAD) return emit(out, begin, lx->text + t->start, t->end > t->start ? t->end - t->start : 0);
    if (t->kind == TOKEN_FRACTION || t->kind == TOKEN_BINOMIAL) *digits_alone = 2;
    return token_spell(t, begin, out);
}

status math_normalize_text(const char *text, size_t length, buffer *out) {
    lexer lx;
    size_t begin = out->length;
    status code = lexer_open(&lx, text, length);
    int digits_alone = 0; // arguments of \frac still to come: of a bare number each takes one digit
    bool number = false;  // one stands in front
    token t = {0}, next = {0}, third = {0};
    if (code == STATUS_OK) t = lexer_next(&lx), next = lexer_next(&lx), third = lexer_next(&lx);
    while (code == STATUS_OK && t.kind != TOKEN_END) {
        number |= t.kind == TOKEN_NUMBER;
        bool single = t.kind == TOKEN_OPEN && t.code == '{' && (next.kind == TOKEN_NUMBER || next.kind == TOKEN_NAME) &&
                      third.kind == TOKEN_CLOSE && third.code == '{';
        if (single) { // a brace pair around one token
            if (digits_alone > 0) digits_alone--;
            number |= next.kind == TOKEN_NUMBER;
            code = emit_token(out, begin, &lx, &next, &digits_alone);
            t = lexer_next(&lx), next = lexer_next(&lx), third = lexer_next(&lx);
            continue;
        }
        if (t.kind == TOKEN_NUMBER && digits_alone > 0 && t.length > 1) {
            while (digits_alone > 0 && t.length > 1 && code == STATUS_OK) {
                code = emit(out, begin, t.text, 1);
                t.text++, t.length--, digits_alone--;
            }
            if (digits_alone > 0) digits_alone--;
        } else if (digits_alone > 0)
            digits_alone = t.kind == TOKEN_OPEN ? 0 : digits_alone - 1;
        bool unit = number && t.kind == TOKEN_WORD && t.length > 1; // MJ is not mJ
        if (unit && code == STATUS_OK)
            code = emit(out, begin, t.text, t.length);
        else if (code == STATUS_OK)
            code = emit_token(out, begin, &lx, &t, &digits_alone);
        t = next, next = third, third = lexer_next(&lx);
    }
    lexer_close(&lx);
    // A full stop or comma behind the whole is not part of it.
    while (code == STATUS_OK && out->length > begin && strchr(".,; ", out->data[out->length - 1])) out->data[--out->length] = 0;
    return code;
}
