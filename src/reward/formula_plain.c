// Equations in plain text: "3 + 4 = 7", "12 apples + 5 apples = 17", "2*3 = 6 = 5+1", "\frac{1}{2} + x = 3".
//
// A run of operands and operators is read greedily on one line. What counts is the longest prefix of it that ends with an operand
// outside of parentheses and holds a relation. A run without one is skipped as a whole, so every byte is read at most twice.
// "- 3" at the start of a line is a list item, "7!" at the end an exclamation, "a" before a word an article.
#include "reward/formula_scan.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

#define DEPTH_LIMIT 32
#define GROUP_LIMIT 256 // bytes between the braces of an argument

typedef struct run {
    const char *text;
    size_t length, at;
    size_t box;  // where the first \boxed operand stands; SIZE_MAX for none
    bool number; // the last operand was a number, so a unit may follow
    plain_equation *out;
} run;

static int peek(const run *r, size_t ahead) { return r->at + ahead < r->length ? (unsigned char)r->text[r->at + ahead] : -1; }

static bool stands(const run *r, const char *token) {
    size_t n = strlen(token);
    return r->length - r->at >= n && memcmp(r->text + r->at, token, n) == 0;
}

// A LaTeX command `\name` at the cursor, not the head of a longer name.
static bool stands_command(const run *r, const char *name) { return stands(r, name) && !is_letter(peek(r, strlen(name))); }

static const char *first_standing(const run *r, const char *const *tokens, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (tokens[i][0] == '\\' && is_letter(tokens[i][1]) ? stands_command(r, tokens[i]) : stands(r, tokens[i]))
            return tokens[i];
    return NULL;
}

static bool accept_any(run *r, const char *const *tokens, size_t count) {
    const char *token = first_standing(r, tokens, count);
    if (token) r->at += strlen(token);
    return token != NULL;
}

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void add_edit(run *r, size_t at, size_t length, char replacement) {
    if (r->out->edit_count < PLAIN_EDIT_LIMIT) r->out->edits[r->out->edit_count++] = (plain_edit){at, length, replacement};
}

static bool skip_spaces(run *r) {
    size_t start = r->at;
    static const char *const spaces[] = {" ", "\t", "\xC2\xA0", "\xE2\x80\xAF", "\\,", "\\;", "\\!"};
    while (accept_any(r, spaces, COUNT(spaces))) continue;
    return r->at > start;
}

// {...} with balanced braces on one line; false and the cursor unmoved otherwise.
static bool group(run *r) {
    if (peek(r, 0) != '{') return false;
    size_t depth = 0;
    for (size_t i = 0; i < GROUP_LIMIT; i++) {
        int c = peek(r, i);
        if (c < 0 || c == '\n') return false;
        if (c == '\\')
            i++;
        else if (c == '{')
            depth++;
        else if (c == '}' && --depth == 0) {
            r->at += i + 1;
            return true;
        }
    }
    return false;
}

static bool bracket_group(run *r) {
    for (size_t i = 1; i < 16 && peek(r, 0) == '['; i++) {
        int c = peek(r, i);
        if (c < 0 || c == '\n' || c == '[') return false;
        if (c == ']') {
            r->at += i + 1;
            return true;
        }
    }
    return false;
}

// 12, 1,234.5, .5, 2.5e-3 and what sticks to them (2x, 5km, 1st). False, and the cursor behind them, for 1.2.3 and other
// things that are no number.
static bool number(run *r) {
    size_t start = r->at;
    while (is_digit(peek(r, 0))) r->at++;
    if (r->at - start <= 3)
        while (peek(r, 0) == ',' && is_digit(peek(r, 1)) && is_digit(peek(r, 2)) && is_digit(peek(r, 3)) && !is_digit(peek(r, 4)))
            r->at += 4;
    if (peek(r, 0) == '.' && is_digit(peek(r, 1)))
        for (r->at++; is_digit(peek(r, 0));) r->at++;
    bool dotted = false; // versions, addresses
    while ((peek(r, 0) == '.' || peek(r, 0) == ':') && is_digit(peek(r, 1)))
        for (r->at++, dotted = true; is_digit(peek(r, 0));) r->at++;
    if (dotted) return false;
    int sign = peek(r, 1) == '-' || peek(r, 1) == '+';
    if ((peek(r, 0) == 'e' || peek(r, 0) == 'E') && is_digit(peek(r, 1 + (size_t)sign)))
        for (r->at += 1 + (size_t)sign; is_digit(peek(r, 0));) r->at++;
    // A mixed number: 3 1/2.
    size_t over = 1, under;
    while (is_digit(peek(r, over))) over++;
    if (peek(r, 0) == ' ' && over > 1 && over <= 4 && peek(r, over) == '/') {
        for (under = over + 1; is_digit(peek(r, under));) under++;
        size_t above = over - 1, below = under - over - 1;
        bool proper = above < below || (above == below && memcmp(r->text + r->at + 1, r->text + r->at + over + 1, above) < 0);
        if (below > 0 && below <= 4 && proper && !is_letter(peek(r, under))) r->at += under;
    }
    r->number = true;
    if (is_letter(peek(r, 0))) {
        while (is_letter(peek(r, 0))) r->at++;
        r->number = false;
    }
    return true;
}

static bool currency_number(run *r) {
    static const char *const signs[] = {"\\$", "$", "\xE2\x82\xAC", "\xC2\xA3", "\xC2\xA5"};
    size_t start = r->at;
    bool dollar = peek(r, 0) == '$';
    if (accept_any(r, signs, COUNT(signs)) && peek(r, 0) == ' ') r->at++;
    size_t sign = r->at - start;
    if (!is_digit(peek(r, 0)) && !(peek(r, 0) == '.' && is_digit(peek(r, 1)))) {
        r->at = start;
        return false;
    }
    if (sign) add_edit(r, start, sign, 0);
    if (!number(r)) return false;
    if (dollar && peek(r, 0) == '$' && !is_digit(peek(r, 1))) { // $7$ among plain text
        add_edit(r, r->at, 1, 0);
        r->at++;
    }
    return true;
}

static bool listed(const char *word, size_t length, const char *list) {
    for (const char *p = list; *p;) {
        size_t n = strcspn(p, " ");
        if (n == length && memcmp(p, word, n) == 0) return true;
        p += n + (p[n] == ' ');
    }
    return false;
}

// A variable (x, x1, x_2, y'), a product of two (mx), or a function and its argument's opening parenthesis (not consumed).
static bool variable(run *r, bool first) {
    size_t n = 0;
    while (is_letter(peek(r, n))) n++;
    const char *word = r->text + r->at;
    if (n == 0) return false;
    if (n >= 2) {
        bool function =
            peek(r, n) == '(' && listed(word, n, "sqrt sin cos tan cot sec log ln exp abs max min gcd lcm floor ceil");
        bool product = n == 2 && !first && word[0] >= 'a' && word[1] >= 'a' && !is_digit(peek(r, 2)) &&
                       !listed(word, n, "is so of in to if at as or we an am by do go he it me my no on up us be vs ok");
        if (!function && !product && !listed(word, n, "pi")) return false;
        r->at += n;
        return true;
    }
    if ((word[0] == 'a' || word[0] == 'A' || word[0] == 'I') && peek(r, 1) == ' ' && is_letter(peek(r, 2)))
        return false; // a word
    r->at += 1;
    if (peek(r, 0) == '\'' && is_letter(peek(r, 1))) return false; // I'm
    while (is_digit(peek(r, 0))) r->at++;
    if (is_letter(peek(r, 0)) || peek(r, 0) == '@') return false;
    while (peek(r, 0) == '\'') r->at++;
    if (peek(r, 0) == '_') {
        size_t kept = r->at++;
        if (isalnum(peek(r, 0))) {
            r->at++;
            if (isalnum(peek(r, 0))) r->at = kept; // snake_case
        } else if (!group(r)) {
            r->at = kept;
        }
        if (r->at == kept) return false;
    }
    return true;
}

static bool command(run *r) {
    static const char *const two[] = {"\\frac", "\\dfrac", "\\tfrac"}, *const one[] = {"\\boxed", "\\fbox"};
    static const char *const none[] = {"\\pi", "\\theta", "\\alpha", "\\beta", "\\gamma", "\\lambda", "\xCF\x80", "\xCE\xB8"};
    if (accept_any(r, two, COUNT(two))) return group(r) ? group(r) : false;
    size_t start = r->at;
    if (accept_any(r, one, COUNT(one))) {
        if (r->box == SIZE_MAX) r->box = start;
        return group(r);
    }
    if (stands_command(r, "\\sqrt")) {
        r->at += 5;
        bracket_group(r);
        return group(r);
    }
    if (stands(r, "\xE2\x88\x9A")) { // the root sign: its number, variable or parenthesis follows
        r->at += 3;
        if (is_digit(peek(r, 0))) return number(r);
        return peek(r, 0) == '(' ? true : variable(r, true);
    }
    return accept_any(r, none, COUNT(none));
}

// Powers as signs, percent, degree; a factorial only where the equation goes on behind it.
static void postfix(run *r) {
    static const char *const signs[] = {"\xC2\xB9",     "\xC2\xB2", "\xC2\xB3", "\xE2\x81\xB4",
                                        "\xE2\x81\xB5", "%",        "\\%",      "\xC2\xB0"};
    for (;;) {
        if (accept_any(r, signs, COUNT(signs))) continue;
        if (peek(r, 0) != '!' || peek(r, 1) == '=') return;
        size_t next = 1;
        while (peek(r, next) == ' ') next++;
        int c = peek(r, next);
        if (c < 0 || !strchr("+-*/=)^", c)) return;
        r->at++;
    }
}

static bool operand(run *r, bool first) {
    r->number = false;
    if (peek(r, 0) == '\\' || peek(r, 0) >= 0x80) {
        if (!stands(r, "\\$") && !stands(r, "\xE2\x82\xAC") && !stands(r, "\xC2\xA3") && !stands(r, "\xC2\xA5"))
            return command(r);
    }
    if (is_letter(peek(r, 0))) return variable(r, first);
    return currency_number(r);
}

// "x" or "X" as a multiplication sign: spaces around it, a number or parenthesis behind it.
static bool letter_times(const run *r) {
    if ((peek(r, 0) != 'x' && peek(r, 0) != 'X') || peek(r, 1) != ' ' || r->at == 0 || r->text[r->at - 1] != ' ') return false;
    int c = peek(r, 2);
    return is_digit(c) || c == '(' || c == '$' || c == '\\';
}

static bool operation(run *r) {
    static const char *const signs[] = {"\xC3\x97",
                                        "\xC2\xB7",
                                        "\xE2\x8B\x85",
                                        "\xE2\x88\x99",
                                        "\xE2\x88\x97",
                                        "\xC3\xB7",
                                        "\xE2\x88\x92",
                                        "\xE2\x80\x93",
                                        "\xC2\xB1",
                                        "\\times",
                                        "\\cdot",
                                        "\\div",
                                        "\\pm",
                                        "\\*",
                                        "^",
                                        "+",
                                        "*",
                                        "/"};
    if (stands(r, "**")) {
        add_edit(r, r->at, 2, '^');
        r->at += 2;
        return true;
    }
    if (stands(r, "//") || stands(r, "++") || stands(r, "->") || stands(r, "--") || stands(r, "+=") || stands(r, "-="))
        return false;
    if (letter_times(r)) {
        add_edit(r, r->at, 1, '*');
        r->at += 1;
        return true;
    }
    if (peek(r, 0) == '-') {
        r->at++;
        return true;
    }
    return accept_any(r, signs, COUNT(signs));
}

static bool relation(run *r) {
    static const char *const signs[] = {"\xE2\x89\x88", "\\approx", "="};
    if (stands(r, "==") || stands(r, "=>") || (stands(r, "=<") && !stands(r, "=<<"))) return false;
    return accept_any(r, signs, COUNT(signs));
}

// One or two words behind a number, when an operator, a relation or a closing parenthesis follows: "12 red apples + 5". A single
// letter that is no common unit stays, as it may be a variable; units are dropped from the canonical text. "5 and m = 2" and
// "1/2 b h = 6" go on with something else.
static bool unit(run *r) {
    run ahead = *r;
    plain_equation scratch = {.edit_count = PLAIN_EDIT_LIMIT}; // nothing is recorded while looking ahead
    ahead.out = &scratch;
    for (int words = 0; words < 2; words++) {
        size_t start = ahead.at, n = 0;
        while (is_letter(peek(&ahead, n))) n++;
        if (n == 0 || n > 20 || (n == 1 && words == 1)) return false;
        if (listed(r->text + ahead.at, n, "and or so for if then thus hence is are of to the with where when while as but gives"))
            return false;
        bool variable_like = n == 1 && !strchr("hmsgL", r->text[ahead.at]); // 2 x, but not 2 h
        ahead.at += n;
        if (peek(&ahead, 0) == '/' && is_letter(peek(&ahead, 1))) { // km/h
            for (ahead.at++, variable_like = false; is_letter(peek(&ahead, 0));) ahead.at++;
        }
        bool square = ahead.at > start + 1 || r->text[start] == 'm'; // cm^2, m^3, m/s^2
        static const char *const powers[] = {"^2", "^3", "^{2}", "^{3}", "\xC2\xB2", "\xC2\xB3"};
        if (square && accept_any(&ahead, powers, COUNT(powers))) variable_like = false;
        size_t end = ahead.at;
        skip_spaces(&ahead);
        run after = ahead;
        bool minus = peek(&after, 0) == '-' && peek(&after, 1) != ' ';
        if (peek(&after, 0) == ')' || relation(&after) || (!minus && operation(&after))) {
            if (!variable_like) add_edit(r, words ? r->at : start, end - (words ? r->at : start), 0);
            r->at = end;
            return true;
        }
    }
    return false;
}

bool text_reads_as_prose(const char *text, size_t length) {
    size_t letters = 0, words = 0, depth = 0;
    for (size_t i = 0; i <= length; i++) {
        int c = i < length ? (unsigned char)text[i] : ' ';
        if (c == '{') depth++;
        if (c == '}' && depth > 0) depth--;
        if (isalpha(c) && depth == 0) {
            letters++;
            continue;
        }
        bool command = letters > 0 && i > letters && text[i - letters - 1] == '\\';
        if (letters >= 3 && !command) {
            if (++words == 2) return true;
        } else if (letters > 0 || !isspace(c)) {
            words = 0;
        }
        if (!isspace(c)) words = 0;
        letters = 0;
    }
    return false;
}

bool plain_can_start(const char *text, size_t length, size_t at) {
    int c = (unsigned char)text[at], next = at + 1 < length ? (unsigned char)text[at + 1] : -1;
    int before = at > 0 ? (unsigned char)text[at - 1] : ' ';
    if (strchr("./?&@#_^", before) || isalnum(before)) return false;
    if (is_digit(c) || is_letter(c) || c == '(') return true;
    if (c == '-') return is_digit(next) || is_letter(next) || next == '(' || next == '$' || next == '.';
    if (c == '.' || c == '$') return is_digit(next) || (c == '$' && next == '.');
    if (c == '\\')
        return next == '$' || next == 'f' || next == 'd' || next == 't' || next == 's' || next == 'b' || next == 'p' ||
               next == 'l';
    return c == 0xE2 || c == 0xC2 || c == 0xCF || c == 0xCE; // root, minus, currency, pi, theta
}

// The state between the parts of an equation.
typedef struct equation {
    run r;
    size_t open_at[DEPTH_LIMIT], operations_at[DEPTH_LIMIT], depth; // parentheses: where they open, what was counted before
    size_t operations, relations;
    size_t complete, edits; // the end of the longest prefix that is an equation, and how many edits belong to it
    bool expecting;         // an operand
} equation;

typedef enum part { PART_NONE, PART_GOES_ON, PART_MAY_END } part; // what was read: nothing; more has to follow; an operand's end

static part open_parenthesis(equation *q) {
    if (q->depth == DEPTH_LIMIT) return PART_NONE;
    q->open_at[q->depth] = q->r.at++, q->operations_at[q->depth++] = q->operations;
    q->expecting = true;
    return PART_GOES_ON;
}

static part read_operand(equation *q) {
    run *r = &q->r;
    if (stands(r, "\\left")) r->at += strlen("\\left");
    if (peek(r, 0) == '-' && peek(r, 1) != ' ')
        r->at++;
    else if (stands(r, "\xE2\x88\x92") && peek(r, 3) != ' ')
        r->at += 3;
    if (peek(r, 0) == '(') return open_parenthesis(q);
    if (!operand(r, r->at == r->out->begin)) return PART_NONE;
    bool called = r->text[r->at - 1] != ')' && peek(r, 0) == '(' && !r->number; // sqrt(, f(
    if (!called) postfix(r);
    q->expecting = false;
    return PART_MAY_END;
}

// Behind a relation sign. One inside of parentheses starts anew there: those are prose.
static part begin_side(equation *q) {
    if (q->depth > 0) {
        if (q->relations > 0 && q->complete > 0) return PART_NONE;
        size_t begin = q->open_at[q->depth - 1] + 1;
        while (begin < q->r.length && q->r.text[begin] == ' ') begin++;
        q->r.out->begin = begin;
        q->operations -= q->operations_at[q->depth - 1];
        q->depth = q->relations = 0;
    }
    q->relations++, q->expecting = true;
    return PART_GOES_ON;
}

static part read_behind_operand(equation *q, bool spaced) {
    run *r = &q->r;
    if (stands(r, "\\right")) r->at += strlen("\\right");
    if (peek(r, 0) == ')') {
        if (q->depth == 0) return PART_NONE;
        q->depth--, r->at++, r->number = false;
        postfix(r);
        return PART_MAY_END;
    }
    if (!spaced && peek(r, 0) == '(') { // f(2), 3(4 + 1)
        q->operations++;
        return open_parenthesis(q);
    }
    if (!spaced && r->text[r->at - 1] == ')' && is_letter(peek(r, 0)) && !is_letter(peek(r, 1))) { // (x+1)y
        r->at++;
        return PART_MAY_END;
    }
    if (relation(r)) return begin_side(q);
    if (operation(r)) {
        q->operations++, q->expecting = true;
        if (!stands(r, "{")) return PART_GOES_ON;
        if (!group(r)) return PART_NONE; // the {2} of x^{2}
        q->expecting = false;
        return PART_MAY_END;
    }
    if (!spaced || !r->number || !unit(r)) return PART_NONE;
    r->number = false;
    return PART_GOES_ON;
}

void plain_scan(const char *text, size_t length, size_t start, plain_equation *out) {
    out->found = false, out->begin = start, out->edit_count = 0;
    equation q; // one for every place where an equation may start: what is above `depth` is not worth being cleared
    q.r = (run){.text = text, .length = length, .at = start, .box = SIZE_MAX, .out = out};
    q.depth = q.operations = q.relations = q.complete = q.edits = 0, q.expecting = true;
    run *r = &q.r;
    for (;;) {
        bool spaced = skip_spaces(r);
        if (!q.expecting && stands(r, "<<")) { // a calculator annotation repeats this equation: drop the plain copy
            out->resume = r->at;
            return;
        }
        part read = q.expecting ? read_operand(&q) : read_behind_operand(&q, spaced);
        if (read == PART_NONE) break;
        bool whole = read == PART_MAY_END && q.depth == 0 && q.relations > 0 && q.operations > 0;
        if (whole) q.complete = r->at, q.edits = out->edit_count;
    }
    // After a relation the scan may have run into an annotation: "48/2 = <<48/2=24>>24".
    if (q.expecting && q.relations > 0) {
        if (peek(r, 0) == '$') r->at++;
        if (stands(r, "<<")) {
            out->resume = r->at;
            return;
        }
    }
    out->found = q.complete > out->begin;
    out->end = q.complete, out->edit_count = q.edits;
    out->resume = out->found ? q.complete : r->box != SIZE_MAX ? r->box : r->at;
    if (out->resume <= start) out->resume = start + 1;
}
