// Numbers as the lexer reads them: thousands separators, decimal commas, repeating parts, exponents of ten. See lexer.h.
#include <string.h>

#include "math/lexer.h"

// A thousands separator at `at`: bytes that it takes, 0 if there is none. *plain is set for a bare comma.
static size_t separator_at(const lexer *lx, size_t at, bool *plain) {
    *plain = false;
    size_t brace = lexer_skip_space(lx, at);
    if (lexer_starts(lx, brace, "{,") && lexer_peek(lx, lexer_skip_space(lx, brace + 2)) == '}') { // {,} however it is spaced
        size_t end = lexer_skip_space(lx, brace + 2) + 1;
        return (lexer_starts(lx, end, "\\!") ? end + 2 : end) - at;
    }
    if (lexer_starts(lx, at, "\\,") || lexer_starts(lx, at, "\\ ") || lexer_starts(lx, at, "\\;") || lexer_starts(lx, at, "\\:"))
        return 2;
    if (lexer_starts(lx, at, ",\\!")) {
        size_t end = at + 3;
        while (lexer_peek(lx, end) == ' ') end++;
        return end - at;
    }
    if (lexer_starts(lx, at, "\\!,\\!")) return 5;
    if (lexer_peek(lx, at) == ',') {
        *plain = true;
        return 1;
    }
    if (lexer_peek(lx, at) == ' ' || lexer_peek(lx, at) == '~') return 1;
    return 0;
}

static bool three_digits(const lexer *lx, size_t at) {
    return lexer_is_digit(lexer_peek(lx, at)) && lexer_is_digit(lexer_peek(lx, at + 1)) &&
           lexer_is_digit(lexer_peek(lx, at + 2)) && !lexer_is_digit(lexer_peek(lx, at + 3));
}

// Groups of three behind `end` digits, all with the same separator: the end of the number, or `end` itself.
static size_t grouped_end(const lexer *lx, size_t end, bool *plain) {
    size_t width = separator_at(lx, end, plain), at = end;
    if (!width || !three_digits(lx, end + width)) return end;
    char first = lx->text[end];
    while (true) {
        bool again;
        size_t w = separator_at(lx, at, &again);
        if (!w || lx->text[at] != first || !three_digits(lx, at + w)) break;
        at += w + 3;
    }
    if (*plain && lx->brackets > 0) { // (1,234) is a pair; (1,234 + 5) is not
        size_t next = lexer_skip_space(lx, at);
        int c = lexer_peek(lx, next);
        bool operator= c == '+' || c == '-' || c == '*' || c == '/' || lexer_starts(lx, next, "\\times") ||
            lexer_starts(lx, next, "\\cdot") || lexer_starts(lx, next, "\\div");
        if (!operator) return end;
    }
    return at;
}

// The repeating part at the end of `used` characters of a number with a point: how many digits of it to keep as (..), and how
// many copies stand in front. 0.333, 0.1666, 0.142857142857: a block three times, or twice from the point on.
static size_t repeating_block(const char *text, size_t used) {
    size_t point = 0;
    while (point < used && text[point] != '.') point++;
    size_t places = used > point ? used - point - 1 : 0;
    for (size_t block = 1; 2 * block <= places; block++) {
        size_t copies = 1;
        while ((copies + 1) * block <= places && memcmp(text + used - (copies + 1) * block, text + used - block, block) == 0)
            copies++;
        if (copies >= 3 || (copies == 2 && 2 * block == places)) return block;
    }
    return 0;
}

// Behind a decimal: "..." or \\ldots and no further digits. Its end, or `at`.
static size_t dots_end(const lexer *lx, size_t place) {
    size_t behind = lexer_skip_space(lx, place), at = lexer_peek(lx, behind) == '\\' ? behind : place;
    static const char *const dots[] = {"...", "\\ldots", "\\dots", "\\cdots", "\\dotsc"};
    for (size_t i = 0; i < sizeof dots / sizeof *dots; i++) {
        size_t end = at + strlen(dots[i]);
        if (lexer_starts(lx, at, dots[i]) && !lexer_is_letter(lexer_peek(lx, end)) && lexer_peek(lx, end) != '.') return end;
    }
    return place;
}

token lexer_number(lexer *lx, token t) {
    size_t at = lx->position, mark = lx->spare.length, digits = at;
    char *out = lx->spare.data + mark;
    size_t used = 0;
    while (lexer_is_digit(lexer_peek(lx, at))) out[used++] = lx->text[at++];
    if (at - digits >= 1 && at - digits <= 3 && lx->text[digits] != '0') {
        size_t end = grouped_end(lx, at, &t.plain);
        if (end == at) t.plain = false;
        for (; at < end; at++)
            if (lexer_is_digit(lx->text[at])) out[used++] = lx->text[at];
    }
    bool european = false;
    if (used && lexer_starts(lx, at, "{,}") && lexer_is_digit(lexer_peek(lx, at + 3)) && !three_digits(lx, at + 3)) { // 3{,}14
        european = true, at += 3;
    } else if (used && used <= 3 && lexer_peek(lx, at) == '.' && three_digits(lx, at + 1)) { // 1.234,56 and 1.234.567,8
        size_t probe = at;
        while (lexer_peek(lx, probe) == '.' && three_digits(lx, probe + 1)) probe += 4;
        if (lexer_peek(lx, probe) == ',' && lexer_is_digit(lexer_peek(lx, probe + 1)) && lx->brackets == 0) {
            for (; at < probe; at++)
                if (lx->text[at] != '.') out[used++] = lx->text[at];
            european = true, at++;
        }
    }
    bool point = european;
    if (european) {
        out[used++] = '.';
        while (lexer_is_digit(lexer_peek(lx, at))) out[used++] = lx->text[at++];
    } else if (lexer_peek(lx, at) == '.' &&
               (used || lexer_is_digit(lexer_peek(lx, at + 1)) || lexer_starts(lx, at + 1, "\\overline")) &&
               lexer_peek(lx, at + 1) != '.') {
        point = true;
        out[used++] = '.', at++;
        while (lexer_is_digit(lexer_peek(lx, at)) ||
               (lexer_is_digit(lexer_peek(lx, at - 1)) && (lexer_starts(lx, at, "\\,") || lexer_starts(lx, at, "\\!")) &&
                lexer_is_digit(lexer_peek(lx, at + 2)))) {
            if (lexer_is_digit(lexer_peek(lx, at)))
                out[used++] = lx->text[at];
            else
                at++;
            at++;
        }
        // A repeating part: \overline{3}, \overline3, \bar{3}, \dot{3}, (3).
        size_t width = lexer_starts(lx, at, "\\overline")                               ? 9
                       : lexer_starts(lx, at, "\\bar") || lexer_starts(lx, at, "\\dot") ? 4
                       : lexer_peek(lx, at) == '('                                      ? 0
                                                                                        : 99;
        if (width != 99 && !(width == 4 && lexer_is_letter(lexer_peek(lx, at + 4)))) {
            size_t inner = width ? lexer_skip_space(lx, at + width) : at;
            int opening = lexer_peek(lx, inner);
            if (opening == '{' || opening == '(') {
                size_t end = inner + 1;
                while (lexer_is_digit(lexer_peek(lx, end))) end++;
                bool dot_only = width == 4 && lexer_starts(lx, at, "\\dot") && end - inner != 2;
                if (end > inner + 1 && lexer_peek(lx, end) == (opening == '{' ? '}' : ')') && !dot_only &&
                    (width || lexer_is_digit(lexer_peek(lx, at - 1)) || lexer_peek(lx, at - 1) == '.')) {
                    out[used++] = '(';
                    for (size_t i = inner + 1; i < end; i++) out[used++] = lx->text[i];
                    out[used++] = ')';
                    at = end + 1;
                }
            } else if (width && lexer_is_digit(opening)) {
                out[used++] = '(', out[used++] = (char)opening, out[used++] = ')';
                at = inner + 1;
            }
        }
    }
    size_t dots = point && lexer_is_digit(lexer_peek(lx, at - 1)) ? dots_end(lx, at) : at;
    if (dots > at) { // 0.333... goes on as it began; of 3.14159... the digits are a truncation
        size_t block = repeating_block(out, used);
        if (block) {
            memmove(out + used - block + 1, out + used - block, block);
            out[used - block] = '(', out[used + 1] = ')';
            used += 2;
        }
        at = dots;
    }
    // 1.5e10, 1E-7, 1e-5: an exponent only where it cannot be the number e.
    int e = lexer_peek(lx, at);
    if ((e == 'e' || e == 'E') && used) {
        size_t sign = at + 1, first = sign + (lexer_peek(lx, sign) == '-' || lexer_peek(lx, sign) == '+');
        bool one = used == 1 && out[0] == '1';
        if (lexer_is_digit(lexer_peek(lx, first)) && (point || e == 'E' || one || first == sign)) {
            size_t end = first;
            while (lexer_is_digit(lexer_peek(lx, end))) end++;
            if (!lexer_is_letter(lexer_peek(lx, end)) && lexer_peek(lx, end) != '.' && lexer_peek(lx, end) != '^') {
                out[used++] = 'e';
                for (size_t i = sign; i < end; i++) out[used++] = lx->text[i];
                at = end;
            }
        }
    }
    lx->spare.length = mark + used;
    t.kind = TOKEN_NUMBER, t.text = out, t.length = (uint32_t)used;
    lx->position = at;
    return t;
}
