// The lexer: one pass over bytes, at most one token of look-behind. Unicode spellings are transcribed to LaTeX first
// (transcribe.c). Called by parser.c and by math_normalize_text below (normal form level 1).
#include "math/lexer.h"

#include <string.h>

#include "math/transcribe.h"
#include "math/words.h"

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

// The end of the command whose backslash is at `at`.
static size_t command_end(const lexer *lx, size_t at) {
    size_t end = at + 1;
    while (lexer_is_letter(lexer_peek(lx, end))) end++;
    return end == at + 1 && end < lx->length ? end + 1 : end;
}

// Skips white space and everything that only moves ink. Returns whether anything was there.
static bool skip_blank(lexer *lx) {
    size_t begin = lx->position;
    for (;;) {
        int c = lexer_peek(lx, lx->position);
        if (lx->position >= lx->length) break;
        if (lexer_is_space(c) || (c == '~' && lexer_peek(lx, lx->position + 1) != '=') || c == '$') {
            lx->position++;
            continue;
        }
        if (c != '\\') break;
        int d = lexer_peek(lx, lx->position + 1);
        if (d == ',' || d == ';' || d == ':' || d == '!' || d == ' ' || d == '\n' || d == '(' || d == ')' || d == '[' ||
            d == ']' || d == '>' || d == '/') {
            // \\[2pt] never comes here: the row break is read as one command.
            lx->position += 2;
            continue;
        }
        size_t end = command_end(lx, lx->position);
        if (!word_in(words_spacing, lx->text + lx->position + 1, end - lx->position - 1)) break;
        bool length_follows = lexer_starts(lx, lx->position, "\\hspace") || lexer_starts(lx, lx->position, "\\vspace") ||
                              lexer_starts(lx, lx->position, "\\phantom") || lexer_starts(lx, lx->position, "\\label") ||
                              lexer_starts(lx, lx->position, "\\color") || lexer_starts(lx, lx->position, "\\textcolor");
        bool delimiter = lexer_starts(lx, lx->position, "\\left") || lexer_starts(lx, lx->position, "\\right");
        lx->position = end;
        if (length_follows && lexer_peek(lx, end) == '{') {
            while (lx->position < lx->length && lexer_peek(lx, lx->position) != '}') lx->position++;
            if (lx->position < lx->length) lx->position++;
        }
        if (delimiter && lexer_peek(lx, lexer_skip_space(lx, end)) == '.')
            lx->position = lexer_skip_space(lx, end) + 1; // \left. shows nothing
    }
    return lx->position > begin;
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
    while (length && lexer_is_space(text[0])) text++, length--;
    while (length && lexer_is_space(text[length - 1])) length--;
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

// e^{it}, u + at, \frac{by}{2}: two letters that could be a word, but signs and brackets say that they are a product.
static bool is_product_of_two(const lexer *lx, size_t begin) {
    static const char *const words[] = {"at", "as", "by", "it", "is", "so", "to", "on", "we", NULL};
    static const char *const units[] = {"mg", "kg", "km", "cm", "mm", "ml", NULL};
    bool unit = word_in(units, lx->text + begin, 2);
    if (!unit && !word_in(words, lx->text + begin, 2)) return false;
    size_t before = begin, after = lexer_skip_space(lx, begin + 2);
    while (before > 0 && lexer_is_space(lx->text[before - 1])) before--;
    int left = before > 0 ? (unsigned char)lx->text[before - 1] : '$', right = after < lx->length ? lexer_peek(lx, after) : '$';
    if (unit && begin == 0) return memchr("}+-*=/^", right, 7) != NULL;
    if (unit) return memchr("{+-*=", left, 5) && (memchr("}+-*=", right, 5) || right == '$'); // \frac{mg}{k}, no 5 mg/ml
    bool touches_left = before == begin, touches_right = after == begin + 2;
    bool sign_left = memchr("{([^_+-*/=<>|&", left, 14) || (touches_left && (lexer_is_digit(left) || memchr("})]", left, 3)));
    bool sign_right = memchr("})]^_+*/=<>|&", right, 13) || (touches_right && memchr("-\\(", right, 3));
    return (sign_left || left == '$') && (sign_right || right == '$') && (sign_left || sign_right);
}

static token letters_token(lexer *lx, token t) {
    size_t begin = lx->position, end = begin;
    while (lexer_is_letter(lexer_peek(lx, end))) end++;
    const char *text = lx->text + begin;
    size_t length = end - begin;
    if (length == 1 && strchr("apAP", text[0]) && (lexer_starts(lx, end, ".m.") || lexer_starts(lx, end, ".M."))) { // 3:15 p.m.
        lx->position = end + 3;
        return word_token(t, text[0] == 'a' || text[0] == 'A' ? "am" : "pm", 2);
    }
    if (length == 1) {
        lx->position = end;
        t.kind = TOKEN_NAME, t.text = text, t.length = 1;
        return t;
    }
    bool ordinal = begin > 0 && lexer_is_digit(lx->text[begin - 1]) && length == 2 &&
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
    static const char *const units[] = {"KM",  "Km",  "KG",  "Kg",  "CM",  "kHz", "MHz", "GHz", // behind a number
                                        "khz", "Mhz", "ghz", "kPa", "MPa", "kpa", "GPa", "usd", "eur", NULL};
    bool behind_number = begin > 1 && lexer_is_space(lx->text[begin - 1]) && lexer_is_digit(lx->text[begin - 2]);
    if (behind_number && word_in(units, text, length)) {
        lx->position = end;
        return word_token(t, text, length);
    }
    bool product = length == 2 && is_product_of_two(lx, begin);
    if (!product && word_is_language(text, length)) {
        bool dot = lexer_peek(lx, end) == '.' && lexer_peek(lx, lexer_skip_space(lx, end + 1)) != '.' &&
                   word_is_abbreviation(text, length);
        lx->position = end + dot; // sq. in.
        return word_token(t, text, length);
    }
    lx->position = begin + 1; // a product of letters: one at a time
    t.kind = TOKEN_NAME, t.text = text, t.length = 1;
    return t;
}

// "C and D", "(A), (B)", "I and III": single capital letters or Roman numbers, to be read as if they stood outside.
static bool is_letter_list(const char *text, size_t length) {
    size_t letters = 0;
    for (size_t i = 0; i < length;) {
        size_t end = i;
        while (end < length && lexer_is_letter(text[end])) end++;
        bool single = end == i + 1 && text[i] >= 'A' && text[i] <= 'Z', roman = end > i && end - i <= 4;
        for (size_t k = i; k < end && roman; k++) roman = memchr("IVX", text[k], 3) != NULL;
        single |= roman;
        bool joint = (end == i + 3 && memcmp(text + i, "and", 3) == 0) || (end == i + 2 && memcmp(text + i, "or", 2) == 0);
        if (end > i && !single && !joint) return false;
        if (end == i && !memchr(" ,()", text[i], 4)) return false;
        letters += single;
        i = end > i ? end : i + 1;
    }
    return letters >= 2;
}

// What \text{...} says; lx stands behind it. False where it is read as if it stood outside: \text{12 cm}, \text{A, B}.
static bool words_token(const lexer *lx, token *t, const char *text, size_t length) {
    static const char *const functions[] = {"sin", "cos", "tan", "log", "ln", "exp", "cis", NULL};
    const char *name;
    int code;
    bool stop = length == 1 && text[0] == '.' && lexer_skip_space(lx, lx->position) == lx->length;
    if (length == 2 && memcmp(text, "\\$", 2) == 0) {
        *t = named(*t, TOKEN_CURRENCY, "dollar");
    } else if (length == 1 && (stop || memchr(",;:", text[0], 3))) { // \text{, }; a full stop at the end says nothing
        t->kind = stop ? TOKEN_SKIPPED : text[0] == ',' ? TOKEN_COMMA : text[0] == ';' ? TOKEN_SEMICOLON : TOKEN_COLON;
    } else if (word_lookup(text, length, false, &name, &code) == TOKEN_NAME) { // \text{pi}
        *t = named(*t, TOKEN_NAME, name), t->code = code;
    } else if (word_in(functions, text, length)) { // \text{cis}
        t->kind = TOKEN_FUNCTION, t->text = text, t->length = (uint32_t)length;
    } else {
        bool letters = false;
        bool quantity = lexer_is_digit(text[0]) || (text[0] == '-' && length > 1 && lexer_is_digit(text[1]));
        for (size_t i = 0; i < length; i++) {
            bool letter = lexer_is_letter(text[i]);
            letters |= letter || (unsigned char)text[i] >= 0x80;
            quantity = quantity && (letter || lexer_is_digit(text[i]) || memchr(" .,-/~%", text[i], 7));
        }
        if (!letters || quantity || is_letter_list(text, length)) return false;
        *t = word_token(*t, text, length);
    }
    return true;
}

// What \mathrm{...} or \operatorname{...} says. False where it is a mere change of font: \mathrm{x + 1}.
static bool upright_token(token *t, const char *text, size_t length, bool is_operator) {
    size_t run = 0; // the letters that it begins with
    while (run < length && lexer_is_letter(text[run])) run++;
    bool letters = true;
    for (size_t i = run; i < length; i++) letters = letters && (lexer_is_letter(text[i]) || (unsigned char)text[i] >= 0x80);
    t->kind = TOKEN_NAME, t->text = text, t->length = (uint32_t)length;
    if (letters && length > 1) {
        const char *canonical = NULL;
        token_kind kind = word_lookup(text, length, true, &canonical, &t->code);
        bool name = kind == TOKEN_NAME || kind == TOKEN_FUNCTION || (kind == TOKEN_MODULUS && length == strlen("mod")) ||
                    (kind == TOKEN_DEGREE && length == strlen("degree")); // \to is a sign, \operatorname{to} is none
        if (name && kind == TOKEN_NAME && is_operator && t->code == 0) t->code = TOKEN_OPERATOR; // \operatorname{mu}
        if (name)
            *t = named(*t, kind, canonical);
        else if (word_is_language(text, length))
            *t = word_token(*t, text, length);
        return true;
    }
    if (run == 1 && length == 1 && !memchr("eid", text[0], is_operator ? 2 : 3)) { // \mathrm{C}
        t->code = is_operator ? TOKEN_OPERATOR : TOKEN_UPRIGHT;
        return true;
    }
    bool unit = run > 0 && (memchr(text, '/', length) || word_is_language(text, run));
    for (size_t i = run; i < length && unit; i++)
        unit = lexer_is_letter(text[i]) || memchr("/^0123456789 .~-{}", text[i], 19) != NULL;
    if (unit) *t = word_token(*t, text, length); // \mathrm{km/h}
    return unit;
}

// \text{...} (`words`), \mathrm{...}, \operatorname{...}: words, a symbol, or a mere change of font.
static token font_token(lexer *lx, token t, bool words, bool is_operator) {
    size_t open = lexer_skip_space(lx, lx->position);
    if (lexer_peek(lx, open) == '*') open = lexer_skip_space(lx, open + 1);
    if (lexer_peek(lx, open) != '{') return coded(t, TOKEN_SKIPPED, 0); // \rm x: the font changes, nothing else
    size_t close = group_end(lx, open);
    lx->position = close ? close : lx->length;
    if (!close) return coded(t, TOKEN_BAD, 0);
    const char *text = lx->text + open + 1;
    size_t length = close - open - 2;
    while (length && (lexer_is_space(text[0]) || text[0] == '~')) text++, length--;
    while (length && (lexer_is_space(text[length - 1]) || text[length - 1] == '~')) length--;
    if (length == 0) return coded(t, TOKEN_SKIPPED, 0);
    if (words ? words_token(lx, &t, text, length) : upright_token(&t, text, length, is_operator)) return t;
    lx->position = open; // the group itself
    return coded(t, TOKEN_SKIPPED, 0);
}

// What \left and \right say of a bar: 'l', 'r', or 0 where neither stands in front of it.
static int bar_side(const lexer *lx, size_t at) {
    while (at > 0 && lexer_is_space(lx->text[at - 1])) at--;
    if (at >= 5 && memcmp(lx->text + at - 5, "\\left", 5) == 0) return 'l';
    return at >= 6 && memcmp(lx->text + at - 6, "\\right", 6) == 0 ? 'r' : 0;
}

// A backslash, at `begin`, and one sign that is no letter.
static token escaped_token(lexer *lx, token t, char sign, size_t begin) {
    switch (sign) {
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
        return coded(t, TOKEN_DOUBLE_BAR, bar_side(lx, begin));
    case '\\':
        t.kind = TOKEN_ROW;
        if (lexer_peek(lx, lx->position) == '[' &&
            (lexer_is_digit(lexer_peek(lx, lx->position + 1)) || lexer_peek(lx, lx->position + 1) == '-')) // \\[2pt]
            while (lx->position < lx->length && lx->text[lx->position++] != ']') continue;
        return t;
    case '&':
        t.kind = TOKEN_AMPERSAND;
        return t;
    default:
        return coded(t, TOKEN_BAD, 0);
    }
}

// \mathbb{R}: a letter of its own.
static bool alphabet_token(lexer *lx, token *t, const char *name, size_t length) {
    size_t open = lexer_skip_space(lx, lx->position), letter = open, behind;
    if (lexer_peek(lx, open) == '{') letter = lexer_skip_space(lx, open + 1);
    behind = letter > open ? lexer_skip_space(lx, letter + 1) : letter;
    if (!lexer_is_letter(lexer_peek(lx, letter)) || (letter > open && lexer_peek(lx, behind) != '}')) return false;
    char *out = lx->spare.data + lx->spare.length;
    if (lx->spare.length + length + 2 > lx->spare.capacity) return false;
    memcpy(out, name, length), out[length] = ' ', out[length + 1] = lx->text[letter];
    lx->spare.length += length + 2;
    lx->position = behind + 1;
    t->kind = TOKEN_NAME, t->text = out, t->length = (uint32_t)length + 2;
    return true;
}

// The name in braces behind \begin or \end.
static token environment_token(lexer *lx, token t) {
    size_t open = lexer_skip_space(lx, lx->position), close = open + 1;
    while (lexer_is_letter(lexer_peek(lx, close)) || lexer_peek(lx, close) == '*') close++;
    if (lexer_peek(lx, open) != '{' || lexer_peek(lx, close) != '}') return coded(t, TOKEN_BAD, 0);
    t.text = lx->text + open + 1, t.length = (uint32_t)(close - open - 1);
    lx->position = close + 1;
    static const char *const described[] = {"array", "tabular", "alignat", "alignat*", "alignedat", NULL};
    if (t.kind == TOKEN_BEGIN && word_in(described, t.text, t.length) && lexer_peek(lx, close + 1) == '{') {
        size_t columns = group_end(lx, close + 1); // the column description
        if (columns) lx->position = columns;
    }
    return t;
}

static token command_token(lexer *lx, token t) {
    size_t begin = lx->position, end = command_end(lx, begin);
    const char *name = lx->text + begin + 1;
    size_t length = end - begin - 1;
    lx->position = end;
    if (length == 0) return coded(t, TOKEN_BAD, 0);
    if (!lexer_is_letter(name[0])) return escaped_token(lx, t, name[0], begin);
    switch (word_font(name, length)) {
    case FONT_WORDS:
        return font_token(lx, t, true, false);
    case FONT_LETTERS:
        return font_token(lx, t, false, length >= 12 && memcmp(name, "operatorname", 12) == 0);
    case FONT_ALPHABET:
        if (alphabet_token(lx, &t, name, length)) return t;
        break;
    case FONT_TRANSPARENT:
        return coded(t, TOKEN_SKIPPED, 0);
    case FONT_NONE:
        break;
    }
    if (length == 5 && memcmp(name, "begin", 5) == 0) return environment_token(lx, coded(t, TOKEN_BEGIN, 0));
    if (length == 3 && memcmp(name, "end", 3) == 0) return environment_token(lx, coded(t, TOKEN_FINISH, 0));
    const char *canonical = NULL;
    token_kind kind = word_lookup(name, length, true, &canonical, &t.code);
    if (kind == TOKEN_OPEN) lx->brackets += t.code == 'S' || t.code == '<';
    if (kind == TOKEN_CLOSE && (t.code == 'S' || t.code == '<')) lx->brackets -= lx->brackets > 0;
    bool times = kind == TOKEN_TIMES && length == 5 && memcmp(name, "times", 5) == 0;
    if (times && lexer_is_cross(lx->text, lx->length, begin, end)) return named(t, TOKEN_BINARY, "vectimes");
    if (kind == TOKEN_BAD) {
        t.kind = TOKEN_BAD, t.text = name, t.length = (uint32_t)length;
        return t;
    }
    return named(t, kind, canonical);
}

// Signs that mean one thing wherever they stand, longer ones in front of their beginnings.
static const struct {
    const char *text;
    token_kind kind;
    int code;
} signs[] = {
    {"+/-", TOKEN_PLUS_MINUS, 0},
    {"+-", TOKEN_PLUS_MINUS, 0},
    {"+", TOKEN_PLUS, 0},
    {"->", TOKEN_RELATION, MATH_TO},
    {"-", TOKEN_MINUS, 0},
    {"**", TOKEN_CARET, 0},
    {"*", TOKEN_TIMES, 0},
    {"/", TOKEN_DIVIDE, 0},
    {"^", TOKEN_CARET, 0},
    {"_", TOKEN_UNDERSCORE, 0},
    {"!", TOKEN_BANG, 0},
    {"%", TOKEN_PERCENT, 0},
    {"'", TOKEN_PRIME, 0},
    {"(", TOKEN_OPEN, '('},
    {"[", TOKEN_OPEN, '['},
    {"{:}", TOKEN_COLON, 0}, // braces that only take the space away
    {"{=}", TOKEN_RELATION, MATH_EQ},
    {"{", TOKEN_OPEN, '{'},
    {")", TOKEN_CLOSE, '('},
    {"]", TOKEN_CLOSE, '['},
    {"}", TOKEN_CLOSE, '{'},
    {"||", TOKEN_DOUBLE_BAR, 0},
    {"|", TOKEN_BAR, 0},
    {",", TOKEN_COMMA, 0},
    {";", TOKEN_SEMICOLON, 0},
    {":=", TOKEN_RELATION, MATH_EQ},
    {":", TOKEN_COLON, 0},
    {"&", TOKEN_AMPERSAND, 0},
    {"~=", TOKEN_RELATION, MATH_APPROX},
    {"=>", TOKEN_RELATION, MATH_IMPLIES},
    {"=<", TOKEN_RELATION, MATH_LE},
    {"==", TOKEN_RELATION, MATH_EQ},
    {"=", TOKEN_RELATION, MATH_EQ},
    {"<=", TOKEN_RELATION, MATH_LE},
    {"<>", TOKEN_RELATION, MATH_NE},
    {"<", TOKEN_RELATION, MATH_LT},
    {">=", TOKEN_RELATION, MATH_GE},
    {">", TOKEN_RELATION, MATH_GT},
};

bool lexer_stop_ends_text(const lexer *lx, size_t at) {
    for (at++; at < lx->length; at++) {
        if (lx->text[at] == '\\' && strchr(")] ", lexer_peek(lx, at + 1)) && lexer_peek(lx, at + 1))
            at++;
        else if (!lexer_is_space(lx->text[at]) && !strchr("})]$", lx->text[at]))
            return false;
    }
    return true;
}

static token sign_token(lexer *lx, token t) {
    size_t at = lx->position, dots = 0, i = 0;
    if (t.space && lexer_starts(lx, at, "!=") && lexer_peek(lx, at + 2) != '=') { // `5!=120` is a factorial, `x != 3` is not
        lx->position += 2;
        return coded(t, TOKEN_RELATION, MATH_NE);
    }
    while (lexer_peek(lx, at + dots) == '.') dots++;
    size_t behind = lexer_skip_space(lx, at + dots);
    bool row_ends = lexer_starts(lx, behind, "\\\\") || lexer_starts(lx, behind, "\\end");
    if (dots == 1 && (row_ends || lexer_stop_ends_text(lx, at))) { // a full stop that ends a row or the whole
        lx->position++;
        return coded(t, TOKEN_SKIPPED, 0);
    }
    char first = lx->text[at];
    while (i < sizeof signs / sizeof *signs && (signs[i].text[0] != first || !lexer_starts(lx, at, signs[i].text))) i++;
    if (i == sizeof signs / sizeof *signs) {
        lx->position += dots > 1 ? dots : 1;
        return coded(t, dots > 1 ? TOKEN_DOTS : TOKEN_BAD, 0);
    }
    t = coded(t, signs[i].kind, signs[i].code);
    if (t.kind == TOKEN_BAR || t.kind == TOKEN_DOUBLE_BAR) t.code = bar_side(lx, at);
    if (t.kind == TOKEN_OPEN && t.code != '{') lx->brackets++;
    if (t.kind == TOKEN_CLOSE && t.code != '{') lx->brackets -= lx->brackets > 0;
    lx->position += strlen(signs[i].text);
    return t;
}

static token scan(lexer *lx, token t) {
    int c = lexer_peek(lx, lx->position), d = lexer_peek(lx, lx->position + 1);
    if (lexer_is_digit(c) || (c == '.' && (lexer_is_digit(d) || lexer_starts(lx, lx->position + 1, "\\overline"))))
        return lexer_number(lx, t);
    if (lexer_is_letter(c)) return letters_token(lx, t);
    if (c == '\\') return command_token(lx, t);
    if (c < 0x80) return sign_token(lx, t);
    size_t end = lx->position;
    while (lexer_peek(lx, end) >= 0x80 || lexer_is_letter(lexer_peek(lx, end))) end++;
    bool broken = false; // U+FFFD: something was unreadable here
    for (size_t i = lx->position; i < end && !broken; i++) broken = lexer_starts(lx, i, "\xEF\xBF\xBD");
    t.kind = broken ? TOKEN_BAD : TOKEN_WORD, t.text = lx->text + lx->position, t.length = (uint32_t)(end - lx->position);
    lx->position = end;
    return t;
}

token lexer_next(lexer *lx) {
    token t;
    bool space = skip_blank(lx), blank = space;
    uint32_t start = (uint32_t)lx->position;
    for (;;) {
        t = (token){.kind = TOKEN_END, .text = "", .space = blank};
        if (lx->position < lx->length) t = scan(lx, t);
        if (t.kind != TOKEN_SKIPPED) break;
        blank = skip_blank(lx), space |= blank;
    }
    t.space |= space, t.start = start;
    t.end = (uint32_t)lx->position;
    return t;
}
