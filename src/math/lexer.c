// The lexer: one pass over bytes, at most one token of look-behind. Unicode spellings are transcribed to LaTeX first
// (transcribe.c). Called by parser.c and by math_normalize_text below (normal form level 1).
#include "math/lexer.h"

#include <string.h>

#include "math/transcribe.h"
#include "math/words.h"

static bool is_digit(int c) { return c >= '0' && c <= '9'; }
static bool is_letter(int c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
static bool is_space(int c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v'; }

status lexer_open(lexer *lx, const char *text, size_t length) {
    *lx = (lexer){.text = text, .length = length};
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)text[i] < 0x80) continue;
        TRY(text_transcribe(text, length, &lx->owned));
        lx->text = buffer_text(&lx->owned), lx->length = lx->owned.length;
        break;
    }
    return buffer_reserve(&lx->spare, 2 * lx->length + 8);
}

void lexer_close(lexer *lx) {
    buffer_free(&lx->owned);
    buffer_free(&lx->spare);
}

static int peek(const lexer *lx, size_t at) { return at < lx->length ? (unsigned char)lx->text[at] : 0; }

static bool starts(const lexer *lx, size_t at, const char *prefix) {
    size_t n = strlen(prefix);
    return at <= lx->length && lx->length - at >= n && memcmp(lx->text + at, prefix, n) == 0;
}

// The end of the command whose backslash is at `at`.
static size_t command_end(const lexer *lx, size_t at) {
    size_t end = at + 1;
    while (is_letter(peek(lx, end))) end++;
    return end == at + 1 && end < lx->length ? end + 1 : end;
}

static size_t skip_space(const lexer *lx, size_t at) {
    while (is_space(peek(lx, at))) at++;
    return at;
}

// Skips white space and everything that only moves ink. Returns whether anything was there.
static bool skip_blank(lexer *lx) {
    size_t begin = lx->position;
    for (;;) {
        int c = peek(lx, lx->position);
        if (lx->position >= lx->length) break;
        if (is_space(c) || (c == '~' && peek(lx, lx->position + 1) != '=') || c == '$') {
            lx->position++;
            continue;
        }
        if (c != '\\') break;
        int d = peek(lx, lx->position + 1);
        if (d == ',' || d == ';' || d == ':' || d == '!' || d == ' ' || d == '\n' || d == '(' || d == ')' || d == '[' ||
            d == ']' || d == '>' || d == '/') {
            // \\[2pt] never comes here: the row break is read as one command.
            lx->position += 2;
            continue;
        }
        size_t end = command_end(lx, lx->position);
        if (!word_in(words_spacing, lx->text + lx->position + 1, end - lx->position - 1)) break;
        bool length_follows = starts(lx, lx->position, "\\hspace") || starts(lx, lx->position, "\\vspace") ||
                              starts(lx, lx->position, "\\phantom") || starts(lx, lx->position, "\\label");
        bool delimiter = starts(lx, lx->position, "\\left") || starts(lx, lx->position, "\\right");
        lx->position = end;
        if (length_follows && peek(lx, end) == '{') {
            while (lx->position < lx->length && peek(lx, lx->position) != '}') lx->position++;
            if (lx->position < lx->length) lx->position++;
        }
        if (delimiter && peek(lx, skip_space(lx, end)) == '.') lx->position = skip_space(lx, end) + 1; // \left. shows nothing
    }
    return lx->position > begin;
}

// A thousands separator at `at`: bytes that it takes, 0 if there is none. *plain is set for a bare comma.
static size_t separator_at(const lexer *lx, size_t at, bool *plain) {
    *plain = false;
    size_t brace = skip_space(lx, at);
    if (starts(lx, brace, "{,") && peek(lx, skip_space(lx, brace + 2)) == '}') { // {,} however it is spaced
        size_t end = skip_space(lx, brace + 2) + 1;
        return (starts(lx, end, "\\!") ? end + 2 : end) - at;
    }
    if (starts(lx, at, "\\,") || starts(lx, at, "\\ ") || starts(lx, at, "\\;") || starts(lx, at, "\\:")) return 2;
    if (starts(lx, at, ",\\!")) {
        size_t end = at + 3;
        while (peek(lx, end) == ' ') end++;
        return end - at;
    }
    if (starts(lx, at, "\\!,\\!")) return 5;
    if (peek(lx, at) == ',') {
        *plain = true;
        return 1;
    }
    if (peek(lx, at) == ' ' || peek(lx, at) == '~') return 1;
    return 0;
}

static bool three_digits(const lexer *lx, size_t at) {
    return is_digit(peek(lx, at)) && is_digit(peek(lx, at + 1)) && is_digit(peek(lx, at + 2)) && !is_digit(peek(lx, at + 3));
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
        size_t next = skip_space(lx, at);
        int c = peek(lx, next);
        bool operator= c == '+' || c == '-' || c == '*' || c == '/' || starts(lx, next, "\\times") ||
            starts(lx, next, "\\cdot") || starts(lx, next, "\\div");
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
    size_t behind = skip_space(lx, place), at = peek(lx, behind) == '\\' ? behind : place;
    static const char *const dots[] = {"...", "\\ldots", "\\dots", "\\cdots", "\\dotsc"};
    for (size_t i = 0; i < sizeof dots / sizeof *dots; i++) {
        size_t end = at + strlen(dots[i]);
        if (starts(lx, at, dots[i]) && !is_letter(peek(lx, end)) && peek(lx, end) != '.') return end;
    }
    return place;
}

static token number_token(lexer *lx, token t) {
    size_t at = lx->position, mark = lx->spare.length, digits = at;
    char *out = lx->spare.data + mark;
    size_t used = 0;
    while (is_digit(peek(lx, at))) out[used++] = lx->text[at++];
    if (at - digits >= 1 && at - digits <= 3 && lx->text[digits] != '0') {
        size_t end = grouped_end(lx, at, &t.plain);
        if (end == at) t.plain = false;
        for (; at < end; at++)
            if (is_digit(lx->text[at])) out[used++] = lx->text[at];
    }
    bool european = false;
    if (used && starts(lx, at, "{,}") && is_digit(peek(lx, at + 3)) && !three_digits(lx, at + 3)) { // 3{,}14
        european = true, at += 3;
    } else if (used && used <= 3 && peek(lx, at) == '.' && three_digits(lx, at + 1)) { // 1.234,56 and 1.234.567,8
        size_t probe = at;
        while (peek(lx, probe) == '.' && three_digits(lx, probe + 1)) probe += 4;
        if (peek(lx, probe) == ',' && is_digit(peek(lx, probe + 1)) && lx->brackets == 0) {
            for (; at < probe; at++)
                if (lx->text[at] != '.') out[used++] = lx->text[at];
            european = true, at++;
        }
    }
    bool point = european;
    if (european) {
        out[used++] = '.';
        while (is_digit(peek(lx, at))) out[used++] = lx->text[at++];
    } else if (peek(lx, at) == '.' && (used || is_digit(peek(lx, at + 1)) || starts(lx, at + 1, "\\overline")) &&
               peek(lx, at + 1) != '.') {
        point = true;
        out[used++] = '.', at++;
        while (is_digit(peek(lx, at)) ||
               (is_digit(peek(lx, at - 1)) && (starts(lx, at, "\\,") || starts(lx, at, "\\!")) && is_digit(peek(lx, at + 2)))) {
            if (is_digit(peek(lx, at)))
                out[used++] = lx->text[at];
            else
                at++;
            at++;
        }
        // A repeating part: \overline{3}, \overline3, \bar{3}, \dot{3}, (3).
        size_t width = starts(lx, at, "\\overline")                         ? 9
                       : starts(lx, at, "\\bar") || starts(lx, at, "\\dot") ? 4
                       : peek(lx, at) == '('                                ? 0
                                                                            : 99;
        if (width != 99 && !(width == 4 && is_letter(peek(lx, at + 4)))) {
            size_t inner = width ? skip_space(lx, at + width) : at;
            int opening = peek(lx, inner);
            if (opening == '{' || opening == '(') {
                size_t end = inner + 1;
                while (is_digit(peek(lx, end))) end++;
                bool dot_only = width == 4 && starts(lx, at, "\\dot") && end - inner != 2;
                if (end > inner + 1 && peek(lx, end) == (opening == '{' ? '}' : ')') && !dot_only &&
                    (width || is_digit(peek(lx, at - 1)) || peek(lx, at - 1) == '.')) {
                    out[used++] = '(';
                    for (size_t i = inner + 1; i < end; i++) out[used++] = lx->text[i];
                    out[used++] = ')';
                    at = end + 1;
                }
            } else if (width && is_digit(opening)) {
                out[used++] = '(', out[used++] = (char)opening, out[used++] = ')';
                at = inner + 1;
            }
        }
    }
    size_t dots = point && is_digit(peek(lx, at - 1)) ? dots_end(lx, at) : at;
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
    int e = peek(lx, at);
    if ((e == 'e' || e == 'E') && used) {
        size_t sign = at + 1, first = sign + (peek(lx, sign) == '-' || peek(lx, sign) == '+');
        bool one = used == 1 && out[0] == '1';
        if (is_digit(peek(lx, first)) && (point || e == 'E' || one || first == sign)) {
            size_t end = first;
            while (is_digit(peek(lx, end))) end++;
            if (!is_letter(peek(lx, end)) && peek(lx, end) != '.' && peek(lx, end) != '^') {
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

static token named(token t, token_kind kind, const char *text) {
    t.kind = kind, t.text = text, t.length = (uint32_t)strlen(text);
    return t;
}

static token coded(token t, token_kind kind, int code) {
    t.kind = kind, t.code = code;
    return t;
}

// What a run of words means: percent, degrees, and, or, or just words.
static token word_token(token t, const char *text, size_t length) {
    while (length && is_space(text[0])) text++, length--;
    while (length && is_space(text[length - 1])) length--;
    t.kind = TOKEN_WORD, t.text = text, t.length = (uint32_t)length;
    switch (word_role(text, length)) {
    case WORD_AND:
        t.kind = TOKEN_AND;
        break;
    case WORD_OR:
        t.kind = TOKEN_OR;
        break;
    case WORD_PERCENT:
        t.kind = TOKEN_PERCENT;
        break;
    case WORD_DEGREES:
        t.kind = TOKEN_DEGREE;
        break;
    case WORD_IN:
        t = coded(t, TOKEN_RELATION, MATH_IN);
        break;
    case WORD_MOD:
        t.kind = TOKEN_MODULUS;
        break;
    case WORD_PLAIN:
        break;
    }
    return t;
}

// The end of the brace group that opens at `at` (behind its closing brace), or 0 when it never closes.
static size_t group_end(const lexer *lx, size_t at) {
    size_t depth = 0;
    for (; at < lx->length; at++) {
        if (lx->text[at] == '\\')
            at++;
        else if (lx->text[at] == '{')
            depth++;
        else if (lx->text[at] == '}' && --depth == 0)
            return at + 1;
    }
    return 0;
}

static token letters_token(lexer *lx, token t) {
    size_t begin = lx->position, end = begin;
    while (is_letter(peek(lx, end))) end++;
    const char *text = lx->text + begin;
    size_t length = end - begin;
    if (length == 1 && strchr("apAP", text[0]) && (starts(lx, end, ".m.") || starts(lx, end, ".M."))) { // 3:15 p.m.
        lx->position = end + 3;
        return word_token(t, text[0] == 'a' || text[0] == 'A' ? "am" : "pm", 2);
    }
    if (length == 1) {
        lx->position = end;
        t.kind = TOKEN_NAME, t.text = text, t.length = 1;
        return t;
    }
    bool ordinal = begin > 0 && is_digit(lx->text[begin - 1]) && length == 2 &&
                   word_in((const char *const[]){"th", "st", "nd", "rd", NULL}, text, length);
    if (ordinal) { // 7th
        lx->position = end;
        return word_token(t, text, length);
    }
    const char *canonical = NULL;
    token_kind kind = word_lookup(text, length, false, &canonical, &t.code);
    if (kind != TOKEN_BAD) {
        lx->position = end;
        return named(t, kind, canonical);
    }
    if (word_is_language(text, length)) {
        bool dot = peek(lx, end) == '.' && peek(lx, skip_space(lx, end + 1)) != '.' && word_is_abbreviation(text, length);
        lx->position = end + dot; // sq. in.
        return word_token(t, text, length);
    }
    lx->position = begin + 1; // a product of letters: one at a time
    t.kind = TOKEN_NAME, t.text = text, t.length = 1;
    return t;
}

// "C and D", "(A), (B)": single capital letters, to be read as if they stood outside.
static bool is_letter_list(const char *text, size_t length) {
    size_t letters = 0;
    for (size_t i = 0; i < length;) {
        size_t end = i;
        while (end < length && is_letter(text[end])) end++;
        bool single = end == i + 1 && text[i] >= 'A' && text[i] <= 'Z';
        bool joint = (end == i + 3 && memcmp(text + i, "and", 3) == 0) || (end == i + 2 && memcmp(text + i, "or", 2) == 0);
        if (end > i && !single && !joint) return false;
        if (end == i && !memchr(" ,()", text[i], 4)) return false;
        letters += single;
        i = end > i ? end : i + 1;
    }
    return letters >= 2;
}

// \text{...}, \mathrm{...}, \operatorname{...}: words, a symbol, or a mere change of font.
static token font_token(lexer *lx, token t, size_t end, bool words) {
    size_t open = skip_space(lx, end);
    if (peek(lx, open) == '*') open = skip_space(lx, open + 1);
    if (peek(lx, open) != '{') { // \rm x: the font changes, nothing else
        lx->position = end;
        return lexer_next(lx);
    }
    size_t close = group_end(lx, open);
    if (!close) {
        lx->position = lx->length;
        t.kind = TOKEN_BAD;
        return t;
    }
    const char *text = lx->text + open + 1;
    size_t length = close - open - 2, letters = 0, others = 0;
    while (length && (is_space(text[0]) || text[0] == '~')) text++, length--;
    while (length && (is_space(text[length - 1]) || text[length - 1] == '~')) length--;
    size_t run = 0; // the letters that it begins with
    while (run < length && is_letter(text[run])) run++;
    for (size_t i = 0; i < length; i++) {
        if (is_letter(text[i]) || (unsigned char)text[i] >= 0x80)
            letters++;
        else
            others++;
    }
    if (length == 0) {
        lx->position = close;
        return lexer_next(lx);
    }
    if (words && length == 2 && memcmp(text, "\\$", 2) == 0) {
        lx->position = close;
        return named(t, TOKEN_CURRENCY, "dollar");
    }
    bool quantity = words && length && (is_digit(text[0]) || (text[0] == '-' && length > 1 && is_digit(text[1])));
    for (size_t i = 0; i < length && quantity; i++)
        quantity = is_letter(text[i]) || is_digit(text[i]) || memchr(" .,-/~%", text[i], 7) != NULL;
    if (words && letters && !quantity && !is_letter_list(text, length)) { // \text{12 cm} is read as if it stood outside
        lx->position = close;
        return word_token(t, text, length);
    }
    if (!words && letters > 1 && others == 0) {
        const char *canonical = NULL;
        token_kind kind = word_lookup(text, length, true, &canonical, &t.code);
        lx->position = close;
        if (kind != TOKEN_BAD) return named(t, kind, canonical);
        if (word_is_language(text, length)) return word_token(t, text, length);
        t.kind = TOKEN_NAME, t.text = text, t.length = (uint32_t)length;
        return t;
    }
    if (!words && letters == 1 && others == 0 && is_letter(text[0]) && !memchr("eid", text[0], 3)) { // \mathrm{C}
        lx->position = close;
        t.kind = TOKEN_NAME, t.text = text, t.length = 1, t.code = TOKEN_UPRIGHT;
        return t;
    }
    bool unit = !words && run > 0 && (memchr(text, '/', length) || word_is_language(text, run));
    for (size_t i = 0; i < length && unit; i++) unit = is_letter(text[i]) || memchr("/^0123456789 .~-{}", text[i], 19) != NULL;
    if (unit) { // \mathrm{km/h}
        lx->position = close;
        return word_token(t, text, length);
    }
    lx->position = open; // \mathbf{x + 1}, \text{12}: the group itself
    return lexer_next(lx);
}

static token command_token(lexer *lx, token t) {
    size_t begin = lx->position, end = command_end(lx, begin);
    const char *name = lx->text + begin + 1;
    size_t length = end - begin - 1;
    if (length == 0) {
        lx->position = end;
        t.kind = TOKEN_BAD;
        return t;
    }
    if (!is_letter(name[0])) {
        lx->position = end;
        switch (name[0]) {
        case '{':
            lx->brackets++;
            return coded(t, TOKEN_OPEN, 'S');
        case '}':
            lx->brackets -= lx->brackets > 0;
            return coded(t, TOKEN_CLOSE, 'S');
        case '%':
            t.kind = TOKEN_PERCENT;
            return t;
        case '$':
            return named(t, TOKEN_CURRENCY, "dollar");
        case '|':
            t.kind = TOKEN_DOUBLE_BAR;
            return t;
        case '\\':
            t.kind = TOKEN_ROW;
            if (peek(lx, end) == '[' && (is_digit(peek(lx, end + 1)) || peek(lx, end + 1) == '-')) // \\[2pt]
                while (lx->position < lx->length && lx->text[lx->position++] != ']') continue;
            return t;
        case '&':
            t.kind = TOKEN_AMPERSAND;
            return t;
        case '_':
        case '#':
            t.kind = TOKEN_BAD;
            return t;
        default:
            t.kind = TOKEN_BAD;
            return t;
        }
    }
    switch (word_font(name, length)) {
    case FONT_WORDS:
        return font_token(lx, t, end, true);
    case FONT_LETTERS:
        return font_token(lx, t, end, false);
    case FONT_ALPHABET: { // \mathbb{R}: a letter of its own
        size_t open = skip_space(lx, end), letter = open, behind;
        if (peek(lx, open) == '{') letter = skip_space(lx, open + 1);
        behind = letter > open ? skip_space(lx, letter + 1) : letter;
        if (!is_letter(peek(lx, letter)) || (letter > open && peek(lx, behind) != '}')) break;
        char *out = lx->spare.data + lx->spare.length;
        if (lx->spare.length + length + 2 > lx->spare.capacity) break;
        memcpy(out, name, length), out[length] = ' ', out[length + 1] = lx->text[letter];
        lx->spare.length += length + 2;
        lx->position = behind + 1;
        t.kind = TOKEN_NAME, t.text = out, t.length = (uint32_t)length + 2;
        return t;
    }
    case FONT_TRANSPARENT:
        lx->position = end;
        return lexer_next(lx);
    case FONT_NONE:
        break;
    }
    lx->position = end;
    if (length == 5 && memcmp(name, "begin", 5) == 0) t.kind = TOKEN_BEGIN;
    if (length == 3 && memcmp(name, "end", 3) == 0) t.kind = TOKEN_FINISH;
    if (t.kind == TOKEN_BEGIN || t.kind == TOKEN_FINISH) {
        size_t open = skip_space(lx, end), close = open + 1;
        while (is_letter(peek(lx, close)) || peek(lx, close) == '*') close++;
        if (peek(lx, open) != '{' || peek(lx, close) != '}') {
            t.kind = TOKEN_BAD;
            return t;
        }
        t.text = lx->text + open + 1, t.length = (uint32_t)(close - open - 1);
        lx->position = close + 1;
        if (t.kind == TOKEN_BEGIN && (token_is(&t, "array") || token_is(&t, "tabular")) && peek(lx, close + 1) == '{') {
            size_t columns = group_end(lx, close + 1); // the column description
            if (columns) lx->position = columns;
        }
        return t;
    }
    const char *canonical = NULL;
    token_kind kind = word_lookup(name, length, true, &canonical, &t.code);
    if (kind == TOKEN_OPEN) lx->brackets += t.code == 'S' || t.code == '<';
    if (kind == TOKEN_CLOSE && (t.code == 'S' || t.code == '<')) lx->brackets -= lx->brackets > 0;
    if (kind == TOKEN_BAD) {
        t.kind = TOKEN_BAD, t.text = name, t.length = (uint32_t)length;
        return t;
    }
    return named(t, kind, canonical);
}

static token scan(lexer *lx, token t) {
    int c = peek(lx, lx->position), d = peek(lx, lx->position + 1), e = peek(lx, lx->position + 2);
    if (is_digit(c) || (c == '.' && (is_digit(d) || starts(lx, lx->position + 1, "\\overline")))) return number_token(lx, t);
    if (is_letter(c)) return letters_token(lx, t);
    if (c == '\\') return command_token(lx, t);
    if (c >= 0x80) {
        size_t end = lx->position;
        while (peek(lx, end) >= 0x80 || is_letter(peek(lx, end))) end++;
        bool broken = false; // U+FFFD: something was unreadable here
        for (size_t i = lx->position; i < end && !broken; i++) broken = starts(lx, i, "\xEF\xBF\xBD");
        t.kind = broken ? TOKEN_BAD : TOKEN_WORD, t.text = lx->text + lx->position, t.length = (uint32_t)(end - lx->position);
        lx->position = end;
        return t;
    }
    size_t width = 1;
    switch (c) {
    case '+':
        t.kind = TOKEN_PLUS;
        if (d == '-' || (d == '/' && e == '-')) t.kind = TOKEN_PLUS_MINUS, width = d == '-' ? 2 : 3;
        break;
    case '-':
        t.kind = TOKEN_MINUS;
        if (d == '>') t = coded(t, TOKEN_RELATION, MATH_TO), width = 2;
        break;
    case '*':
        t.kind = TOKEN_TIMES;
        if (d == '*') t.kind = TOKEN_CARET, width = 2;
        break;
    case '/':
        t.kind = TOKEN_DIVIDE;
        break;
    case '^':
        t.kind = TOKEN_CARET;
        break;
    case '_':
        t.kind = TOKEN_UNDERSCORE;
        break;
    case '!':
        t.kind = TOKEN_BANG; // `5!=120` is a factorial, `x != 3` is not
        if (d == '=' && e != '=' && t.space) t = coded(t, TOKEN_RELATION, MATH_NE), width = 2;
        break;
    case '%':
        t.kind = TOKEN_PERCENT;
        break;
    case '\'':
        t.kind = TOKEN_PRIME;
        break;
    case '(':
    case '[':
        lx->brackets++;
        t = coded(t, TOKEN_OPEN, c);
        break;
    case '{':
        t = coded(t, TOKEN_OPEN, c);
        break;
    case ')':
        lx->brackets -= lx->brackets > 0;
        t = coded(t, TOKEN_CLOSE, '(');
        break;
    case ']':
        lx->brackets -= lx->brackets > 0;
        t = coded(t, TOKEN_CLOSE, '[');
        break;
    case '}':
        t = coded(t, TOKEN_CLOSE, '{');
        break;
    case '|':
        t.kind = TOKEN_BAR;
        if (d == '|') t.kind = TOKEN_DOUBLE_BAR, width = 2;
        break;
    case ',':
        t.kind = TOKEN_COMMA;
        break;
    case ';':
        t.kind = TOKEN_SEMICOLON;
        break;
    case ':':
        t.kind = TOKEN_COLON;
        if (d == '=') t = coded(t, TOKEN_RELATION, MATH_EQ), width = 2;
        break;
    case '&':
        t.kind = TOKEN_AMPERSAND;
        break;
    case '.':
        t.kind = TOKEN_DOTS;
        while (peek(lx, lx->position + width) == '.') width++;
        if (width == 1) t.kind = TOKEN_BAD;
        break;
    case '~': // only in front of =
        t = coded(t, TOKEN_RELATION, MATH_APPROX), width = 2;
        break;
    case '=':
        t = coded(t, TOKEN_RELATION, d == '>' ? MATH_IMPLIES : d == '<' ? MATH_LE : MATH_EQ);
        width = d == '>' || d == '=' || d == '<' ? 2 : 1;
        break;
    case '<':
        t = coded(t, TOKEN_RELATION, d == '=' ? MATH_LE : d == '>' ? MATH_NE : MATH_LT);
        width = d == '=' || d == '>' ? 2 : 1;
        break;
    case '>':
        t = coded(t, TOKEN_RELATION, d == '=' ? MATH_GE : MATH_GT);
        width = d == '=' ? 2 : 1;
        break;
    default:
        t.kind = TOKEN_BAD;
        break;
    }
    lx->position += width;
    return t;
}

token lexer_next(lexer *lx) {
    token t = {.kind = TOKEN_END, .text = ""};
    t.space = skip_blank(lx);
    t.start = (uint32_t)lx->position;
    if (lx->position < lx->length) {
        bool space = t.space;
        uint32_t start = t.start;
        t = scan(lx, t);
        t.space |= space, t.start = start;
    }
    t.end = (uint32_t)lx->position;
    return t;
}
