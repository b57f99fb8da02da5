// Finds the formulas of a response in one pass. See formula.h.
//
// Read as mathematics: $$..$$, \[..\], \(..\), $..$, \begin{align} and its relatives, <<..>> (calculator annotations), a bare
// \boxed{..}, and equations in plain text (formula_plain.c). Code fences are skipped. Environments are cut into rows at \\, & is
// dropped, \boxed unwrapped, the relation sign that continues a chain at the start of a row dropped. A lone number, letter or
// word is no formula.
//
// Nothing is searched twice: a closing delimiter that was not found once is not looked for again, so time is linear in the text.
#include "reward/formula.h"

#include <ctype.h>
#include <string.h>

#include "math/expression.h"
#include "reward/formula_scan.h"

typedef struct scanner {
    const char *text;
    size_t length, at;
    formula_level level;
    formula_set *out;
    buffer row, canonical;
    size_t next_dollar, dollar_known_from; // the first unescaped $ behind every place from dollar_known_from to next_dollar
    bool no_double_dollar, no_end[MATH_ROW_ENVIRONMENTS]; // there is no closing one behind `at`
} scanner;

static bool stands(const scanner *s, size_t at, const char *token) {
    size_t n = strlen(token);
    return at <= s->length && s->length - at >= n && memcmp(s->text + at, token, n) == 0;
}

static bool text_starts(const char *text, size_t length, const char *token) {
    size_t n = strlen(token);
    return length >= n && memcmp(text, token, n) == 0;
}

// ---- one formula -----------------------------------------------------------------------------------------------------------

// Signs that continue the row above: "= 2x", "\Rightarrow x = 3".
static size_t leading_relation(const char *text, size_t length) {
    static const char *const words[] = {"\\Rightarrow",     "\\Longrightarrow", "\\implies", "\\therefore", "\\iff",
                                        "\\Leftrightarrow", "\\approx",         "\\quad",    "\\qquad",     "\\equiv"};
    static const char *const signs[] = {"=", "\xE2\x89\x88", "\xE2\x87\x92", "\xE2\x88\xB4", "\\,", "\\;", "\\:", "\\!", "\\ "};
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        if (text_starts(text, length, signs[i])) return strlen(signs[i]);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t n = strlen(words[i]);
        if (text_starts(text, length, words[i]) && (length == n || !isalpha((unsigned char)text[n]))) return n;
    }
    return 0;
}

// Length without white space and LaTeX spacing at the end, and without punctuation if `stops`.
static size_t without_spaces(const char *text, size_t length, bool stops) {
    for (;;) {
        if (length >= 2 && text[length - 2] == '\\' && memchr(",;:! ", text[length - 1], 5))
            length -= 2;
        else if (length >= 1 && (isspace((unsigned char)text[length - 1]) || text[length - 1] == '~' ||
                                 (stops && memchr(".,;", text[length - 1], 3))))
            length--;
        else
            return length;
    }
}

// Length without punctuation and a unit behind a value: \text{ cm}^2, \mathrm{m/s}.
static size_t without_unit(const char *text, size_t length) {
    length = without_spaces(text, length, true);
    size_t close = length; // behind the brace
    if (close >= 2 && text[close - 2] == '^' && isdigit((unsigned char)text[close - 1]))
        close -= 2;
    else if (close >= 4 && memcmp(text + close - 4, "^{", 2) == 0 && isdigit((unsigned char)text[close - 2]))
        close -= 4;
    if (close == 0 || text[close - 1] != '}') return length;
    size_t open = close - 1;
    while (open > 0 && text[open] != '{' && (open == close - 1 || text[open] != '}')) open--;
    size_t head = open;
    while (head > 0 && isalpha((unsigned char)text[head - 1])) head--;
    if (head == 0 || math_font_head(text + head - 1, length - head + 1) == 0) return length;
    size_t end = without_spaces(text, head - 1, false);
    return end > 0 && (isalnum((unsigned char)text[end - 1]) || memchr(")}]", text[end - 1], 3)) ? end : length;
}

#define CANONICAL_BYTES_LIMIT ((size_t)16 * FORMULA_BYTES_LIMIT) // beyond it, as with 1e4000 in digits, level 1 is kept

static bool holds_alphanumeric(const char *text, size_t length) {
    for (size_t i = 0; i < length; i++)
        if (isalnum((unsigned char)text[i])) return true;
    return false;
}

// Adds the formula written in `length` bytes, unless it is empty, too long, a single atom or (unparsed) has no letter or digit.
static status add_formula(scanner *s, const char *text, size_t length) {
    for (size_t before = length + 1; before != length;) {
        before = length;
        while (length > 0 && isspace((unsigned char)text[0])) text++, length--;
        size_t skipped = leading_relation(text, length);
        text += skipped, length -= skipped;
    }
    while (length > 0 && isspace((unsigned char)text[length - 1])) length--;
    if (length == 0 || length > FORMULA_BYTES_LIMIT || !holds_alphanumeric(text, length)) return STATUS_OK;
    if (s->out->occurrences >= FORMULA_LIMIT) {
        s->out->cut = true;
        return STATUS_OK;
    }
    math_expression *parsed = NULL;
    status code = math_parse(text, length, NULL, &parsed);
    if (code == STATUS_NO_MEMORY) return code;
    bool atom = code == STATUS_OK && math_is_atom(parsed);
    buffer_clear(&s->canonical);
    bool normal = false;
    if (code == STATUS_OK && !atom && s->level == FORMULA_L2) {
        code = math_normalize(parsed);
        if (code == STATUS_OK) code = math_print(parsed, &s->canonical);
        normal = code == STATUS_OK && s->canonical.length <= CANONICAL_BYTES_LIMIT;
        if (!normal) buffer_clear(&s->canonical);
    }
    math_free(parsed);
    if (atom) return STATUS_OK;
    if (code == STATUS_NO_MEMORY) return code;
    if (s->level == FORMULA_RAW) return formula_set_add(s->out, text, length);
    if (!normal) TRY(math_normalize_text(text, without_unit(text, length), &s->canonical));
    return s->canonical.length ? formula_set_add(s->out, s->canonical.data, s->canonical.length) : STATUS_OK;
}

// ---- a delimited span ------------------------------------------------------------------------------------------------------

// Index behind the brace group that opens at `at`; `length` when it is not closed.
static size_t behind_group(const char *text, size_t length, size_t at) {
    size_t depth = 0;
    for (size_t i = at; i < length; i++) {
        if (text[i] == '\\')
            i++;
        else if (text[i] == '{')
            depth++;
        else if (text[i] == '}' && --depth == 0)
            return i + 1;
    }
    return length;
}

// Which row environment `\begin{NAME}` or `\end{NAME}` at `at` names; -1 for none. *behind is the index behind the brace.
static int environment_at(const char *text, size_t length, size_t at, const char *head, size_t *behind) {
    size_t n = strlen(head);
    if (!text_starts(text + at, length - at, head)) return -1;
    const char *name = text + at + n, *close = memchr(name, '}', length - at - n < 16 ? length - at - n : 16);
    if (!close) return -1;
    *behind = (size_t)(close - text) + 1;
    if ((text_starts(name, (size_t)(close - name), "alignat") || text_starts(name, (size_t)(close - name), "alignedat")) &&
        length - *behind >= 3 && text[*behind] == '{' && isdigit((unsigned char)text[*behind + 1]) &&
        text[*behind + 2] == '}') // \begin{alignat}{2}
        *behind += 3;
    for (size_t i = 0; i < MATH_ROW_ENVIRONMENTS; i++)
        if (strlen(math_row_environments[i]) == (size_t)(close - name) &&
            memcmp(name, math_row_environments[i], (size_t)(close - name)) == 0)
            return (int)i;
    return -1;
}

// These are cut into rows only where nothing stands before them in their own: f(x) = \begin{cases} stays whole.
static bool is_cases(int environment) { return strstr(math_row_environments[environment], "cases") != NULL; }

static bool row_is_blank(const buffer *row) {
    for (size_t i = 0; i < row->length; i++)
        if (!isspace((unsigned char)row->data[i])) return false;
    return true;
}

static status end_row(scanner *s) {
    status code = s->row.length ? add_formula(s, s->row.data, s->row.length) : STATUS_OK;
    buffer_clear(&s->row);
    return code;
}

// Where the reading of a delimited span stands.
typedef struct span {
    const char *text;
    size_t length, at;
    size_t braces;               // open ones
    size_t kept;                 // environments around this place that stay whole: matrices, cases behind an expression
    size_t boxes[16], box_count; // brace depths at which an unwrapped \boxed closes
} span;

// A row ends: \\, \\*, \\[4pt].
static void skip_row_end(span *p) {
    p->at += 2;
    if (p->at < p->length && p->text[p->at] == '*') p->at++;
    size_t rest = p->length - p->at;
    const char *close = rest && p->text[p->at] == '[' ? memchr(p->text + p->at, ']', rest < 12 ? rest : 12) : NULL;
    if (close) p->at = (size_t)(close - p->text) + 1;
}

// The backslash at p->at and what belongs to it.
static status read_command(scanner *s, span *p) {
    const char *here = p->text + p->at;
    size_t rest = p->length - p->at, behind = 0;
    bool begins = text_starts(here, rest, "\\begin{"), ends = text_starts(here, rest, "\\end{");
    int environment = p->kept > 0 ? -1 : environment_at(p->text, p->length, p->at, begins ? "\\begin{" : "\\end{", &behind);
    if (environment >= 0 && (ends || !is_cases(environment) || row_is_blank(&s->row))) {
        p->at = behind;
        return end_row(s);
    }
    p->kept += begins, p->kept -= ends && p->kept > 0;
    if (here[1] == '\\' && p->kept == 0 && p->braces == p->box_count) {
        skip_row_end(p);
        return end_row(s);
    }
    bool boxed = text_starts(here, rest, "\\boxed{"), framed = text_starts(here, rest, "\\fbox{");
    bool tag = text_starts(here, rest, "\\tag{"), label = text_starts(here, rest, "\\label{");
    if ((boxed || framed) && p->box_count < sizeof p->boxes / sizeof *p->boxes) {
        p->at += boxed ? strlen("\\boxed{") : strlen("\\fbox{");
        p->boxes[p->box_count++] = p->braces++;
    } else if (tag || label) {
        p->at = behind_group(p->text, p->length, p->at + (tag ? strlen("\\tag") : strlen("\\label")));
    } else if (text_starts(here, rest, "\\nonumber")) {
        p->at += strlen("\\nonumber");
    } else {
        p->at += 2;
        return buffer_append(&s->row, here, 2);
    }
    return STATUS_OK;
}

// Any other byte.
static status read_byte(scanner *s, span *p) {
    char c = p->text[p->at++];
    if (c == '&' && p->kept == 0) return STATUS_OK;
    if (c == '{') p->braces++;
    if (c == '}' && p->braces > 0) {
        p->braces--;
        if (p->box_count > 0 && p->boxes[p->box_count - 1] == p->braces) { // the brace of an unwrapped box
            p->box_count--;
            return STATUS_OK;
        }
    }
    return buffer_append_byte(&s->row, c);
}

// Cuts the content of a delimited span into rows and adds each.
static status add_span(scanner *s, const char *text, size_t length) {
    span p = {.text = text, .length = length};
    buffer_clear(&s->row);
    while (p.at < length) TRY(text[p.at] == '\\' && length - p.at >= 2 ? read_command(s, &p) : read_byte(s, &p));
    return end_row(s);
}

// ---- finding spans ---------------------------------------------------------------------------------------------------------

// The end of a code fence that opens at the line start `at`: behind its closing line. 0 when there is no fence.
static size_t behind_fence(const scanner *s, size_t at) {
    size_t i = at, ticks = 0;
    while (i < s->length && s->text[i] == ' ' && i - at < 4) i++;
    char mark = i < s->length ? s->text[i] : 0;
    if (mark != '`' && mark != '~') return 0;
    while (i + ticks < s->length && s->text[i + ticks] == mark) ticks++;
    if (ticks < 3) return 0;
    const char *line_end = memchr(s->text + i, '\n', s->length - i);
    size_t info = i + ticks, end = line_end ? (size_t)(line_end - s->text) : s->length;
    if (mark == '`' && memchr(s->text + info, '`', end - info)) return 0; // ```inline```
    while (end < s->length) {
        size_t start = end + 1, spaces = 0, closing = 0;
        while (start + spaces < s->length && s->text[start + spaces] == ' ') spaces++;
        while (start + spaces + closing < s->length && s->text[start + spaces + closing] == mark) closing++;
        const char *next = start < s->length ? memchr(s->text + start, '\n', s->length - start) : NULL;
        end = next ? (size_t)(next - s->text) : s->length;
        if (closing >= ticks) return end;
    }
    return s->length;
}

// The closing `token` behind `from`, over escaped characters; length when there is none. `opener` (may be NULL) coming first is
// returned instead, with *opened set: then the former opener was never closed.
static size_t find_close(const scanner *s, size_t from, const char *token, const char *opener, bool *opened) {
    *opened = false;
    for (size_t i = from; i < s->length; i++) {
        if (s->text[i] != '\\' && token[0] == '\\') continue;
        if (stands(s, i, token)) return i;
        if (opener && stands(s, i, opener)) {
            *opened = true;
            return i;
        }
        if (s->text[i] == '\\') i++;
    }
    return s->length;
}

static size_t next_dollar(scanner *s, size_t from) {
    if (from >= s->dollar_known_from && from <= s->next_dollar) return s->next_dollar;
    size_t i = from;
    for (; i < s->length && s->text[i] != '$'; i++)
        if (s->text[i] == '\\' && i + 1 < s->length) i++;
    s->dollar_known_from = from, s->next_dollar = i < s->length ? i : s->length;
    return s->next_dollar;
}

// A $ at s->at: true when it opens mathematics that ends before the $ at *close.
static bool dollar_opens(scanner *s, size_t *close) {
    size_t open = s->at, end = next_dollar(s, open + 1);
    *close = end;
    if (end >= s->length || end == open + 1) return false;
    const char *content = s->text + open + 1;
    size_t length = end - open - 1;
    int first = (unsigned char)content[0], last = (unsigned char)content[length - 1];
    int before = open > 0 ? (unsigned char)s->text[open - 1] : ' ',
        after = end + 1 < s->length ? (unsigned char)s->text[end + 1] : ' ';
    if (isalnum(before) && isspace(first)) return false;                  // 5$ and 7$
    if (!isspace(first) && isspace(last) && isdigit(after)) return false; // $x and $5
    if (isdigit(first) || (first == '.' && length > 1 && isdigit((unsigned char)content[1]))) {
        // A price unless the next $ on this line closes it as TeX writes it.
        if (memchr(content, '\n', length) || isspace(last) || strchr("=+-*/<", last) || isalnum(after) || after == '<')
            return false;
    }
    for (size_t i = 0; i + 1 < length; i++) // mathematics does not go over a blank line
        if (content[i] == '\n') {
            size_t j = i + 1;
            while (j < length && (content[j] == ' ' || content[j] == '\t' || content[j] == '\r')) j++;
            if (j < length && content[j] == '\n') return false;
        }
    size_t blanks = 0;
    while (blanks < length && content[blanks] == ' ') blanks++;
    if (blanks > 0 && !isspace(last) && isdigit((unsigned char)content[blanks])) return false; // costs $ 5 less, so ($18
    bool formal = false;
    for (size_t i = 0; i < length; i++) formal = formal || strchr("=\\^_<>", content[i] ? content[i] : ' ');
    return (formal && !isdigit(first)) || !text_reads_as_prose(content, length);
}

static status scan_dollar(scanner *s, bool *taken) {
    bool opened;
    *taken = true;
    if (stands(s, s->at, "$$")) {
        size_t close = s->no_double_dollar ? s->length : find_close(s, s->at + 2, "$$", NULL, &opened);
        if (close < s->length) {
            TRY(add_span(s, s->text + s->at + 2, close - s->at - 2));
            s->at = close + 2;
        } else {
            s->no_double_dollar = true;
            s->at += 2;
        }
        return STATUS_OK;
    }
    size_t close;
    if (dollar_opens(s, &close)) {
        TRY(add_span(s, s->text + s->at + 1, close - s->at - 1));
        s->at = close + 1;
        return STATUS_OK;
    }
    *taken = false;
    return STATUS_OK;
}

// A backslash at s->at.
static status scan_backslash(scanner *s, bool *taken) {
    *taken = true;
    bool display = stands(s, s->at, "\\[");
    if (display || stands(s, s->at, "\\(")) {
        bool opened;
        size_t close = find_close(s, s->at + 2, display ? "\\]" : "\\)", display ? "\\[" : "\\(", &opened);
        if (!opened && close < s->length) {
            TRY(add_span(s, s->text + s->at + 2, close - s->at - 2));
            s->at = close + 2;
        } else {
            s->at += 2; // never closed: what follows is read as prose
        }
        return STATUS_OK;
    }
    size_t behind;
    int environment = environment_at(s->text, s->length, s->at, "\\begin{", &behind);
    if (environment >= 0) {
        char token[32] = "\\end{";
        strcat(token, math_row_environments[environment]);
        strcat(token, "}");
        bool opened;
        size_t close = s->no_end[environment] ? s->length : find_close(s, behind, token, NULL, &opened);
        if (close < s->length) {
            TRY(add_span(s, s->text + s->at, close - s->at));
            s->at = close + strlen(token);
        } else {
            s->no_end[environment] = true;
            s->at = behind;
        }
        return STATUS_OK;
    }
    *taken = false;
    return STATUS_OK;
}

// Notes where the formulas from number `known` on, which are new, were found.
static void note_place(scanner *s, size_t known, size_t begin, size_t end) {
    for (size_t i = known; i < s->out->count; i++)
        if (s->out->formulas[i].end == 0) s->out->formulas[i].begin = begin, s->out->formulas[i].end = end;
}

static status scan_plain(scanner *s) {
    plain_equation equation;
    size_t known = s->out->count;
    plain_scan(s->text, s->length, s->at, &equation);
    if (equation.found) {
        if (s->level == FORMULA_RAW) {
            TRY(add_span(s, s->text + equation.begin, equation.end - equation.begin));
        } else {
            buffer edited = {0};
            size_t from = equation.begin;
            status code = STATUS_OK;
            for (size_t i = 0; code == STATUS_OK && i < equation.edit_count; i++) {
                plain_edit edit = equation.edits[i];
                if (edit.at < from) continue;
                code = buffer_append(&edited, s->text + from, edit.at - from);
                if (code == STATUS_OK && edit.replacement) code = buffer_append_byte(&edited, edit.replacement);
                from = edit.at + edit.length;
            }
            if (code == STATUS_OK && equation.end > from) code = buffer_append(&edited, s->text + from, equation.end - from);
            if (code == STATUS_OK) code = add_span(s, buffer_text(&edited), edited.length);
            buffer_free(&edited);
            TRY(code);
        }
        note_place(s, known, equation.begin, equation.end);
    }
    s->at = equation.resume;
    return STATUS_OK;
}

// \boxed{...} that is no operand of an equation.
static status scan_box(scanner *s, size_t head) {
    size_t limit = s->length - s->at < FORMULA_BYTES_LIMIT ? s->length : s->at + FORMULA_BYTES_LIMIT;
    size_t behind = behind_group(s->text, limit, s->at + head - 1);
    if (s->text[behind - 1] != '}') {
        s->at += head;
        return STATUS_OK;
    }
    TRY(add_span(s, s->text + s->at + head, behind - 1 - s->at - head));
    s->at = behind;
    return STATUS_OK;
}

static bool scan_annotation(scanner *s, status *code) {
    size_t start = s->at, limit = s->length - start < 256 ? s->length : start + 256, close = start + 2;
    while (close + 1 < limit && s->text[close] != '\n' && !(s->text[close] == '>' && s->text[close + 1] == '>')) close++;
    if (close + 1 >= limit || s->text[close] == '\n') return false;
    *code = add_span(s, s->text + start + 2, close - start - 2);
    s->at = close + 2;
    return true;
}

// One step on: over a formula, a word, or a character.
static status scan_next(scanner *s) {
    size_t start = s->at, fence = start == 0 || s->text[start - 1] == '\n' ? behind_fence(s, start) : 0;
    if (fence > start) {
        s->at = fence;
        return STATUS_OK;
    }
    if (stands(s, start, "http://") || stands(s, start, "https://") || stands(s, start, "www.")) { // x=1+2 in an address
        while (s->at < s->length && !isspace((unsigned char)s->text[s->at])) s->at++;
        return STATUS_OK;
    }
    unsigned char c = (unsigned char)s->text[start];
    bool taken = false;
    status code = STATUS_OK;
    if (c == '$') code = scan_dollar(s, &taken);
    if (c == '\\') code = scan_backslash(s, &taken);
    if (c == '<' && stands(s, start, "<<")) taken = scan_annotation(s, &code);
    TRY(code);
    if (taken) return STATUS_OK;
    if (plain_can_start(s->text, s->length, start))
        TRY(scan_plain(s));
    else
        s->at++;
    if (s->at > start + 1) return STATUS_OK;
    // Nothing begins here.
    size_t box = stands(s, start, "\\boxed{") ? 7 : stands(s, start, "\\fbox{") ? 6 : 0;
    if (box) {
        s->at = start;
        TRY(scan_box(s, box));
    } else if (c == '\\' && s->at < s->length && !isalnum((unsigned char)s->text[s->at])) {
        s->at++;             // an escaped character
    } else if (isalnum(c)) { // the rest of a word
        while (s->at < s->length && (isalnum((unsigned char)s->text[s->at]) || s->text[s->at] == '_')) s->at++;
    }
    return STATUS_OK;
}

static status scan(scanner *s) {
    while (s->at < s->length && !s->out->cut) {
        size_t start = s->at, known = s->out->count;
        TRY(scan_next(s));
        note_place(s, known, start, s->at);
    }
    return STATUS_OK;
}

status formula_set_scan(const char *text, size_t length, formula_level level, formula_set *out) {
    formula_set_clear(out);
    scanner s = {.text = text, .length = length, .level = level, .out = out};
    s.dollar_known_from = SIZE_MAX;
    status code = scan(&s);
    buffer_free(&s.row);
    buffer_free(&s.canonical);
    if (code != STATUS_OK) formula_set_clear(out);
    return code;
}
