// Translation of Oniguruma patterns to PCRE2, and matching. See pattern.h.
#include "text/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "text/unicode_tables.h"

// Unicode White_Space and its complement as contents of a character class.
#define SPACES "\\x{9}-\\x{d}\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}"
#define NOT_SPACES                                                                                                               \
    "\\x{0}-\\x{8}\\x{e}-\\x{1f}\\x{21}-\\x{84}\\x{86}-\\x{9f}\\x{a1}-\\x{167f}\\x{1681}-\\x{1fff}\\x{200b}-\\x{2027}"           \
    "\\x{202a}-\\x{202e}\\x{2030}-\\x{205e}\\x{2060}-\\x{2fff}\\x{3001}-\\x{10ffff}"
struct pattern {
    char *literal; // NULL: a regular expression
    size_t literal_length;
    pcre2_code *code;
    pcre2_match_context *context;
};

typedef struct translation {
    const char *regex, *where;
    size_t length, at;
    bool in_class;
    buffer out;
} translation;

static status refuse(const translation *t, const char *what) {
    return status_set(STATUS_UNSUPPORTED, "%s: %s (character %zu of the pattern %.*s) is not supported", t->where, what, t->at,
                      (int)(t->length < 200 ? t->length : 200), t->regex);
}

static const char *const categories[] = {"L",  "Lu", "Ll", "Lt", "Lm", "Lo", "M",  "Mn", "Mc", "Me", "N",
                                         "Nd", "Nl", "No", "P",  "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po",
                                         "S",  "Sm", "Sc", "Sk", "So", "Z",  "Zs", "Zl", "Zp", "Cc"};
static const char *const scripts[] = {"Han",    "Hiragana", "Katakana", "Hangul", "Latin",      "Greek", "Cyrillic",
                                      "Arabic", "Hebrew",   "Thai",     "Lao",    "Devanagari", "Khmer", "Myanmar"};

static const char *newer_ranges(const char *name, size_t length) {
    for (size_t i = 0; i < unicode_newer_count; i++)
        if (strlen(unicode_newer[i].name) == length && memcmp(unicode_newer[i].name, name, length) == 0)
            return unicode_newer[i].ranges;
    return "";
}

// A property with the characters that Oniguruma's newer Unicode adds to it; outside a class it becomes one.
static status add_property(translation *t, const char *kind, const char *name, size_t length, bool negated) {
    const char *newer = newer_ranges(name, length);
    if (negated && t->in_class && *newer) return refuse(t, "a negated property inside a class");
    if (t->in_class || !*newer)
        return buffer_printf(&t->out, "\\%c{%s%.*s}%s", negated ? 'P' : 'p', kind, (int)length, name, newer);
    return buffer_printf(&t->out, "[%s\\p{%s%.*s}%s]", negated ? "^" : "", kind, (int)length, name, newer);
}

// \w of Oniguruma: letters, marks, numbers of categories Nd and Nl, connectors, the circled and squared letters, and,
// outside a class only, the superscript digits and fractions of Latin-1.
static status add_words(translation *t, bool negated) {
    static const char *const parts[] = {"L", "M", "Nd", "Nl", "Pc"};
    bool in_class = t->in_class;
    if (!in_class) TRY(buffer_append_text(&t->out, negated ? "[^" : "["));
    t->in_class = true;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) TRY(add_property(t, "", parts[i], strlen(parts[i]), false));
    t->in_class = in_class;
    TRY(buffer_append_text(&t->out, "\\x{24b6}-\\x{24e9}\\x{1f130}-\\x{1f149}\\x{1f150}-\\x{1f169}\\x{1f170}-\\x{1f189}"));
    if (!in_class) TRY(buffer_append_text(&t->out, "\\x{b2}\\x{b3}\\x{b9}\\x{bc}-\\x{be}"));
    return in_class ? STATUS_OK : buffer_append_byte(&t->out, ']');
}

// \p{Name}, \P{Name} and \p{^Name}; t->at is behind the letter p.
static status translate_property(translation *t, bool negated) {
    size_t at = t->at;
    if (at >= t->length || t->regex[at] != '{') return refuse(t, "a property without braces");
    at++;
    if (at < t->length && t->regex[at] == '^') negated = !negated, at++;
    size_t from = at;
    while (at < t->length && t->regex[at] != '}') at++;
    if (at >= t->length) return refuse(t, "a property without its closing brace");
    size_t count = at - from;
    const char *name = t->regex + from, *kind = NULL;
    for (size_t i = 0; i < sizeof categories / sizeof *categories; i++)
        if (strlen(categories[i]) == count && memcmp(categories[i], name, count) == 0) kind = "";
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++)
        if (strlen(scripts[i]) == count && memcmp(scripts[i], name, count) == 0) kind = "sc:";
    if (!kind) return refuse(t, "this Unicode property");
    t->at = at + 1;
    return add_property(t, kind, name, count, negated);
}

static int hex_digit(char c) {
    return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

// \xHH, \x{H...} and \uHHHH; t->at is behind the letter.
static status translate_hex(translation *t, char letter) {
    unsigned value = 0;
    size_t at = t->at, digits = 0, most = letter == 'u' ? 4 : 2;
    bool braces = letter == 'x' && at < t->length && t->regex[at] == '{';
    if (braces) at++, most = 6;
    for (; at < t->length && digits < most && hex_digit(t->regex[at]) >= 0; at++, digits++)
        value = value * 16 + (unsigned)hex_digit(t->regex[at]);
    if (!digits || (!braces && digits != most) || (braces && (at >= t->length || t->regex[at] != '}')) || value > 0x10FFFF ||
        (value >= 0xD800 && value <= 0xDFFF) || (letter == 'x' && !braces && value > 0x7F))
        return refuse(t, "this number of a character");
    t->at = at + braces;
    return buffer_printf(&t->out, "\\x{%x}", value);
}

// An escape; t->at is at the backslash.
static status translate_escape(translation *t) {
    if (t->at + 1 >= t->length) return refuse(t, "a backslash at the end");
    char c = t->regex[t->at + 1];
    const char *open = t->in_class ? "" : "[", *close = t->in_class ? "" : "]";
    size_t start = t->at;
    t->at += 2;
    switch (c) {
    case 's':
        return buffer_printf(&t->out, "%s" SPACES "%s", open, close);
    case 'S':
        return t->in_class ? buffer_append_text(&t->out, NOT_SPACES) : buffer_append_text(&t->out, "[^" SPACES "]");
    case 'w':
        return add_words(t, false);
    case 'W':
        if (t->in_class) break;
        return add_words(t, true);
    case 'd':
    case 'D':
        return add_property(t, "", "Nd", 2, c == 'D');
    case 'p':
    case 'P':
        return translate_property(t, c == 'P');
    case 'x':
    case 'u':
        return translate_hex(t, c);
    case 'n':
        return buffer_append_text(&t->out, "\\x{a}");
    case 'r':
        return buffer_append_text(&t->out, "\\x{d}");
    case 't':
        return buffer_append_text(&t->out, "\\x{9}");
    case 'f':
        return buffer_append_text(&t->out, "\\x{c}");
    case 'v':
        return buffer_append_text(&t->out, "\\x{b}");
    default:
        if ((c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') || (c >= '{' && c <= '~') || c == ' ')
            return buffer_printf(&t->out, "\\x{%x}", (unsigned char)c);
    }
    t->at = start;
    return refuse(t, "this escape");
}

static status translate_class(translation *t) {
    t->in_class = true;
    TRY(buffer_append_byte(&t->out, '['));
    t->at++;
    if (t->at < t->length && t->regex[t->at] == '^') {
        TRY(buffer_append_byte(&t->out, '^'));
        t->at++;
    }
    for (bool empty = true;; empty = false) {
        if (t->at >= t->length) return refuse(t, "a character class without its closing bracket");
        char c = t->regex[t->at];
        if (c == ']') {
            if (empty) return refuse(t, "a class that begins with a closing bracket");
            break;
        }
        if (c == '[') return refuse(t, "a class inside a class");
        if (c == '&' && t->at + 1 < t->length && t->regex[t->at + 1] == '&') return refuse(t, "an intersection of classes");
        if (c == '\\') {
            TRY(translate_escape(t));
            continue;
        }
        TRY(buffer_append_byte(&t->out, c));
        t->at++;
    }
    t->in_class = false;
    t->at++;
    return buffer_append_byte(&t->out, ']');
}

static status translate_group(translation *t) {
    static const char *const openings[] = {"(?:", "(?i:", "(?=", "(?!", "(?<=", "(?<!", "(?>"};
    for (size_t i = 0; i < sizeof openings / sizeof *openings; i++) {
        size_t count = strlen(openings[i]);
        if (t->length - t->at < count || memcmp(t->regex + t->at, openings[i], count) != 0) continue;
        t->at += count;
        return buffer_append_text(&t->out, openings[i]);
    }
    if (t->at + 1 < t->length && t->regex[t->at + 1] == '?') return refuse(t, "this kind of group");
    t->at++;
    return buffer_append_text(&t->out, "(?:");
}

// {n}, {n,}, {,m}, {n,m}; a brace that begins none of these is a letter.
static status translate_count(translation *t) {
    size_t at = t->at + 1;
    unsigned low = 0, high = 0, low_digits = 0, high_digits = 0;
    for (; at < t->length && t->regex[at] >= '0' && t->regex[at] <= '9' && low_digits < 5; at++, low_digits++)
        low = low * 10 + (unsigned)(t->regex[at] - '0');
    bool comma = at < t->length && t->regex[at] == ',';
    if (comma) at++;
    for (; comma && at < t->length && t->regex[at] >= '0' && t->regex[at] <= '9' && high_digits < 5; at++, high_digits++)
        high = high * 10 + (unsigned)(t->regex[at] - '0');
    if (at >= t->length || t->regex[at] != '}' || (!low_digits && !high_digits)) {
        t->at++;
        return buffer_append_text(&t->out, "\\x{7b}");
    }
    at++;
    if (at < t->length && (t->regex[at] == '+' || t->regex[at] == '?' || t->regex[at] == '*'))
        return refuse(t, "a quantifier behind a count");
    if (high_digits && high < low) return refuse(t, "a count with its ends reversed");
    t->at = at;
    if (!comma) return buffer_printf(&t->out, "{%u}", low);
    if (!high_digits) return buffer_printf(&t->out, "{%u,}", low);
    return buffer_printf(&t->out, "{%u,%u}", low, high);
}

static status translate(translation *t) {
    while (t->at < t->length) {
        char c = t->regex[t->at];
        switch (c) {
        case '\\':
            TRY(translate_escape(t));
            break;
        case '[':
            TRY(translate_class(t));
            break;
        case '(':
            TRY(translate_group(t));
            break;
        case '{':
            TRY(translate_count(t));
            break;
        case '^':
        case '$':
            return refuse(t, "an anchor");
        default:
            TRY(buffer_append_byte(&t->out, c));
            t->at++;
        }
    }
    return STATUS_OK;
}

status pattern_create_regex(pattern **out, const char *regex, size_t length, const char *where) {
    *out = NULL;
    translation t = {.regex = regex, .length = length, .where = where};
    pcre2_compile_context *settings = NULL;
    pattern *p = calloc(1, sizeof *p);
    status code = p ? STATUS_OK : status_set(STATUS_NO_MEMORY, "no memory for a pattern");
    if (code != STATUS_OK) goto cleanup;
    TRY_OR(code, translate(&t), cleanup);
    settings = pcre2_compile_context_create(NULL);
    p->context = pcre2_match_context_create(NULL);
    if (!settings || !p->context) {
        code = status_set(STATUS_NO_MEMORY, "no memory for a pattern");
        goto cleanup;
    }
    pcre2_set_newline(settings, PCRE2_NEWLINE_LF);
    pcre2_set_parens_nest_limit(settings, 50);
    pcre2_set_match_limit(p->context, 50000000);
    pcre2_set_heap_limit(p->context, 1 << 20); // KiB
    int error;
    size_t offset;
    p->code = pcre2_compile((PCRE2_SPTR)buffer_text(&t.out), t.out.length, PCRE2_UTF | PCRE2_UCP, &error, &offset, settings);
    if (!p->code) {
        PCRE2_UCHAR message[200] = "";
        pcre2_get_error_message(error, message, sizeof message);
        code = status_set(STATUS_UNSUPPORTED, "%s: pattern %.*s: %s", where, (int)(length < 200 ? length : 200), regex,
                          (char *)message);
        goto cleanup;
    }
    uint32_t matches_empty = 0;
    pcre2_pattern_info(p->code, PCRE2_INFO_MATCHEMPTY, &matches_empty);
    if (matches_empty) {
        code = status_set(STATUS_UNSUPPORTED, "%s: pattern %.*s can match the empty text, which is not supported", where,
                          (int)(length < 200 ? length : 200), regex);
        goto cleanup;
    }
    pcre2_jit_compile(p->code, PCRE2_JIT_COMPLETE); // without it pcre2_match interprets
    *out = p, p = NULL;
cleanup:
    pcre2_compile_context_free(settings);
    pattern_free(p);
    buffer_free(&t.out);
    return code;
}

status pattern_create_literal(pattern **out, const char *text, size_t length, const char *where) {
    *out = NULL;
    if (!length) return status_set(STATUS_UNSUPPORTED, "%s: an empty pattern is not supported", where);
    pattern *p = calloc(1, sizeof *p);
    if (!p || !(p->literal = text_copy(text, length))) {
        free(p);
        return status_set(STATUS_NO_MEMORY, "no memory for a pattern");
    }
    p->literal_length = length;
    *out = p;
    return STATUS_OK;
}

void pattern_free(pattern *p) {
    if (!p) return;
    pcre2_code_free(p->code);
    pcre2_match_context_free(p->context);
    free(p->literal);
    free(p);
}

status pattern_find(const pattern *p, const char *text, size_t length, size_t start, bool *found, size_t *from, size_t *to) {
    *found = false;
    if (p->literal) {
        const char *hit = memmem(text + start, length - start, p->literal, p->literal_length);
        if (!hit) return STATUS_OK;
        *found = true, *from = (size_t)(hit - text), *to = *from + p->literal_length;
        return STATUS_OK;
    }
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);
    if (!data) return status_set(STATUS_NO_MEMORY, "no memory for a match");
    int result = pcre2_match(p->code, (PCRE2_SPTR)text, length, start, PCRE2_NO_UTF_CHECK, data, p->context);
    if (result == PCRE2_ERROR_JIT_STACKLIMIT)
        result = pcre2_match(p->code, (PCRE2_SPTR)text, length, start, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, data, p->context);
    if (result >= 0) {
        PCRE2_SIZE *ends = pcre2_get_ovector_pointer(data);
        *found = true, *from = ends[0], *to = ends[1];
    }
    pcre2_match_data_free(data);
    if (result < 0 && result != PCRE2_ERROR_NOMATCH)
        return status_set(STATUS_LIMIT, "a pattern of the tokenizer gave up on a text (PCRE2 error %d)", result);
    return STATUS_OK;
}
