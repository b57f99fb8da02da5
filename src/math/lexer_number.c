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

// A number while it is being read.
typedef struct numeral {
    const lexer *lx;
    size_t at;   // how far the text has been read
    char *out;   // what it is without its separators; `spare` has room for it
    size_t used; // bytes of it
    bool point;  // one has been read
} numeral;

static bool digit_at(const lexer *lx, size_t at) { return lexer_is_digit(lexer_peek(lx, at)); }

static void put(numeral *n, char c) { n->out[n->used++] = c; }

// The digits of the text up to `end`, without what stands between them.
static void take_digits_up_to(numeral *n, size_t end) {
    for (; n->at < end; n->at++)
        if (digit_at(n->lx, n->at)) put(n, n->lx->text[n->at]);
}

static void take_digits(numeral *n) {
    while (digit_at(n->lx, n->at)) put(n, n->lx->text[n->at++]);
}

// 3{,}14, 1.234,56 and 1.234.567,8: takes the digits up to the comma, and the comma. False: no decimal comma is there.
static bool take_decimal_comma(numeral *n) {
    const lexer *lx = n->lx;
    if (n->used && lexer_starts(lx, n->at, "{,}") && digit_at(lx, n->at + 3) && !three_digits(lx, n->at + 3)) {
        n->at += 3;
        return true;
    }
    size_t comma = n->at;
    while (lexer_peek(lx, comma) == '.' && three_digits(lx, comma + 1)) comma += 4;
    bool groups = n->used && n->used <= 3 && comma > n->at && lx->brackets == 0;
    if (!groups || lexer_peek(lx, comma) != ',' || !digit_at(lx, comma + 1)) return false;
    take_digits_up_to(n, comma);
    n->at++;
    return true;
}

static bool at_point(const numeral *n) {
    if (lexer_peek(n->lx, n->at) != '.' || lexer_peek(n->lx, n->at + 1) == '.') return false;
    if (lexer_stop_ends_text(n->lx, n->at)) return false;
    return n->used || digit_at(n->lx, n->at + 1) || lexer_starts(n->lx, n->at + 1, "\\overline");
}

// Digits behind the point: 3.141\,592.
static void take_places(numeral *n) {
    const lexer *lx = n->lx;
    for (;;) {
        take_digits(n);
        bool space = lexer_starts(lx, n->at, "\\,") || lexer_starts(lx, n->at, "\\!");
        if (!space || !digit_at(lx, n->at - 1) || !digit_at(lx, n->at + 2)) return;
        n->at += 2;
    }
}

// A repeating part: \overline{3}, \overline3, \bar{3}, \dot{3}, (3), as (3).
static void take_repeating(numeral *n) {
    const lexer *lx = n->lx;
    bool dot = lexer_starts(lx, n->at, "\\dot"), bar = dot || lexer_starts(lx, n->at, "\\bar");
    size_t width = lexer_starts(lx, n->at, "\\overline") ? strlen("\\overline") : bar ? strlen("\\bar") : 0;
    if (bar && lexer_is_letter(lexer_peek(lx, n->at + width))) return; // \dots
    size_t begin = width ? lexer_skip_space(lx, n->at + width) : n->at;
    int opening = lexer_peek(lx, begin);
    bool group = opening == '(' || (opening == '{' && width);
    if (!group && !width) return;
    size_t first = begin + group, end = first;
    while (digit_at(lx, end) && (group || end == first)) end++;
    bool closed = !group || lexer_peek(lx, end) == (opening == '{' ? '}' : ')');
    if (end == first || !closed || (dot && end - first != 1)) return;
    n->at = first;
    put(n, '('), take_digits_up_to(n, end), put(n, ')');
    n->at += group;
}

// 0.333... goes on as it began; of 3.14159... the digits are a truncation.
static void take_dots(numeral *n) {
    size_t end = n->point && digit_at(n->lx, n->at - 1) ? dots_end(n->lx, n->at) : n->at;
    size_t block = end > n->at ? repeating_block(n->out, n->used) : 0;
    if (block) {
        char *first = n->out + n->used - block;
        memmove(first + 1, first, block);
        first[0] = '(', n->used++;
        put(n, ')');
    }
    n->at = end;
}

// 1.5e10, 1E-7, 1e-5: an exponent only where it cannot be the number e.
static void take_exponent(numeral *n) {
    const lexer *lx = n->lx;
    int e = lexer_peek(lx, n->at);
    if ((e != 'e' && e != 'E') || !n->used) return;
    size_t sign = n->at + 1, first = sign + (lexer_peek(lx, sign) == '-' || lexer_peek(lx, sign) == '+'), end = first;
    bool one = n->used == 1 && n->out[0] == '1';
    if (!n->point && e != 'E' && !one && first != sign) return; // 2e-5
    while (digit_at(lx, end)) end++;
    int behind = lexer_peek(lx, end);
    bool point = behind == '.' && !lexer_stop_ends_text(lx, end);
    if (end == first || lexer_is_letter(behind) || point || behind == '^') return;
    put(n, 'e');
    if (first > sign) put(n, lx->text[sign]);
    n->at = first;
    take_digits(n);
}

token lexer_number(lexer *lx, token t) {
    numeral n = {.lx = lx, .at = lx->position, .out = lx->spare.data + lx->spare.length};
    take_digits(&n);
    if (n.used >= 1 && n.used <= 3 && n.out[0] != '0') {
        size_t end = grouped_end(lx, n.at, &t.plain);
        if (end == n.at) t.plain = false;
        take_digits_up_to(&n, end);
    }
    bool comma = take_decimal_comma(&n);
    n.point = comma || at_point(&n);
    if (n.point) put(&n, '.');
    if (comma) {
        take_digits(&n);
    } else if (n.point) {
        n.at++;
        take_places(&n);
        take_repeating(&n);
    }
    take_dots(&n);
    take_exponent(&n);
    lx->spare.length += n.used;
    lx->position = n.at;
    t.kind = TOKEN_NUMBER, t.text = n.out, t.length = (uint32_t)n.used;
    return t;
}
