// Normal form level 1: the tokens of a text in one spelling. See math_normalize_text in expression.h; works on any bytes.
#include <string.h>

#include "math/lexer.h"

static const char *spelling(const token *t, char scratch[2]) {
    switch (t->kind) {
    case TOKEN_PLUS:
        return "+";
    case TOKEN_MINUS:
        return "-";
    case TOKEN_PLUS_MINUS:
        return t->code ? "\\mp" : "\\pm";
    case TOKEN_TIMES:
        return "*";
    case TOKEN_DIVIDE:
        return "/";
    case TOKEN_OVER:
        return t->code == '/' ? "\\over" : "\\choose";
    case TOKEN_CARET:
        return "^";
    case TOKEN_UNDERSCORE:
        return "_";
    case TOKEN_BANG:
        return "!";
    case TOKEN_PERCENT:
        return "%";
    case TOKEN_DEGREE:
        return "\\degree";
    case TOKEN_PRIME:
        return "'";
    case TOKEN_OPEN:
        return t->code == 'S'   ? "\\{"
               : t->code == '<' ? "\\langle"
               : t->code == 'F' ? "\\lfloor"
               : t->code == 'C' ? "\\lceil"
                                : (scratch[0] = (char)t->code, scratch);
    case TOKEN_CLOSE:
        return t->code == 'S'   ? "\\}"
               : t->code == '<' ? "\\rangle"
               : t->code == 'F' ? "\\rfloor"
               : t->code == 'C' ? "\\rceil"
               : t->code == '(' ? ")"
               : t->code == '[' ? "]"
                                : "}";
    case TOKEN_BAR:
        return "|";
    case TOKEN_DOUBLE_BAR:
        return "\\|";
    case TOKEN_MID:
        return "|";
    case TOKEN_COMMA:
        return ",";
    case TOKEN_SEMICOLON:
        return ";";
    case TOKEN_COLON:
        return ":";
    case TOKEN_AND:
        return "and";
    case TOKEN_OR:
        return "or";
    case TOKEN_CUP:
        return "\\cup";
    case TOKEN_CAP:
        return "\\cap";
    case TOKEN_SETMINUS:
        return "\\setminus";
    case TOKEN_FRACTION:
        return "\\frac";
    case TOKEN_ROOT:
        return t->code == 3 ? "\\cbrt" : "\\sqrt";
    case TOKEN_BINOMIAL:
        return "\\binom";
    case TOKEN_AMPERSAND:
        return "&";
    case TOKEN_ROW:
        return "\\\\";
    case TOKEN_MODULUS:
        return t->code == 'p' ? "\\pmod" : "\\mod";
    case TOKEN_DOTS:
        return "\\dots";
    case TOKEN_STAR:
        return "\\star";
    case TOKEN_RELATION:
        switch (t->code) {
        case MATH_NE:
            return "\\ne";
        case MATH_LE:
            return "\\le";
        case MATH_GE:
            return "\\ge";
        case MATH_APPROX:
            return "\\approx";
        case MATH_IN:
            return "\\in";
        case MATH_NOT_IN:
            return "\\notin";
        case MATH_SUBSET:
            return "\\subset";
        case MATH_CONGRUENT:
            return "\\equiv";
        case MATH_TO:
            return "\\to";
        case MATH_IMPLIES:
            return "\\implies";
        case MATH_EQ:
        case MATH_LT:
        case MATH_GT:
            scratch[0] = (char)t->code;
            return scratch;
        default:
            return NULL; // a relation of another kind: its own name
        }
    default:
        return NULL;
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
    char scratch[2] = {0, 0};
    const char *fixed = spelling(t, scratch);
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
            if (c >= 'A' && c <= 'Z') c = (char)(c + 32);
            TRY(i == 0 ? emit(out, begin, &c, 1) : buffer_append_byte(out, c));
        }
        return STATUS_OK;
    case TOKEN_BEGIN:
    case TOKEN_FINISH:
        TRY(emit(out, begin, t->kind == TOKEN_BEGIN ? "\\begin{" : "\\end{", t->kind == TOKEN_BEGIN ? 7 : 5));
        TRY(buffer_append(out, t->text, t->length));
        return buffer_append_byte(out, '}');
    case TOKEN_NAME:
    case TOKEN_FUNCTION:
    case TOKEN_BIG:
    case TOKEN_DECORATION:
    case TOKEN_BINARY:
    case TOKEN_CURRENCY:
    case TOKEN_RELATION:
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
