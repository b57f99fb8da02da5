// One answer by itself: trimmed, as words and as a tree, one missing brace repaired; its form and its key. See reading.h, and
// equal.h for the functions that the rooms above call.
#include "math/reading.h"

#include <ctype.h>
#include <string.h>

#include "math/equal.h"
#include "math/judge.h"
#include "math/lexer.h"
#include "math/number.h"
#include "math/numerals.h"
#include "math/phrase.h"
#include "math/transcribe.h"

void reading_trim(const char **text, size_t *length) {
    while (*length && lexer_is_space((*text)[0])) ++*text, --*length;
    while (*length && lexer_is_space((*text)[*length - 1])) --*length;
    static const char *const marks[] = {"**", "__", "\"", "'", "`", "*"};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        size_t n = strlen(marks[i]);
        if (*length <= 2 * n || memcmp(*text, marks[i], n) != 0 || memcmp(*text + *length - n, marks[i], n) != 0) continue;
        if (memchr(*text + n, marks[i][0], *length - 2 * n)) continue; // 'a' or 'b'
        *text += n, *length -= 2 * n;
        reading_trim(text, length);
        return;
    }
}

status reading_check_length(const char *what, size_t length, size_t most) {
    return length <= most ? STATUS_OK
                          : status_set(STATUS_LIMIT, "the %s has %zu bytes; at most %zu are read", what, length, most);
}

// 25 (twenty-five): the words in brackets only repeat the number in front.
static status drop_repetition(reading *r) {
    const char *open = memchr(r->text, '(', r->length);
    if (!open || open == r->text || r->text[r->length - 1] != ')') return STATUS_OK;
    buffer words = {0}, number = {0};
    size_t said = 0, before = (size_t)(open - r->text);
    status code = STATUS_OK;
    for (const char *c = open + 1; c < r->text + r->length - 1 && code == STATUS_OK; c++)
        code = buffer_append_byte(&words, *c == '-' ? ' ' : (char)tolower((unsigned char)*c));
    if (code == STATUS_OK && words.length) code = numeral_read(words.data, &number, &said);
    while (before && lexer_is_space(r->text[before - 1])) before--;
    bool same =
        code == STATUS_OK && said == words.length && said && number.length == before && memcmp(number.data, r->text, before) == 0;
    if (same) r->length = before;
    buffer_free(&words), buffer_free(&number);
    return code;
}

// What the sentence "The answer is 5" says.
static void skip_lead(reading *r) {
    size_t open = 0, lead = phrase_lead(r->text, r->length, &open);
    if (lead == 0) return;
    r->text += lead, r->length -= lead;
    for (; open > 0 && r->length && r->text[r->length - 1] == '}'; open--) r->length--; // \text{The answer is 5}
    reading_trim(&r->text, &r->length);
}

status reading_open(reading *r, const char *text, size_t length, bool sentence) {
    *r = (reading){.text = text, .length = length};
    reading_trim(&r->text, &r->length);
    if (sentence) skip_lead(r);
    TRY(drop_repetition(r));
    TRY(text_transcribe(r->text, r->length, &r->ascii));
    TRY(buffer_reserve(&r->words, 1));
    TRY(phrase_plain(buffer_text(&r->ascii), r->ascii.length, &r->plain, &r->only_fonts));
    TRY(phrase_words(buffer_text(&r->ascii), r->ascii.length, &r->words, &r->only_words, &r->only_letters));
    TRY(math_normalize_text(r->text, r->length, &r->normal));
    return r->only_letters ? phrase_mathematics(r->words.data, &r->spelled) : STATUS_OK;
}

void reading_close(reading *r) {
    buffer_free(&r->ascii), buffer_free(&r->plain), buffer_free(&r->words), buffer_free(&r->normal), buffer_free(&r->spelled);
}

// Where one brace has to be put in so that all are closed, and which: } behind the whole, { behind the sign or argument in front
// of what it holds: \frac{1}2}, x^10}. False when more is missing, or none.
static bool missing_brace(const char *text, size_t length, size_t *where, char *brace) {
    long depth = 0;
    size_t begin = 0; // of what the next closing brace could close
    *where = length, *brace = '}';
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (c == '\\') {
            size_t name = i + 1;
            while (i + 1 < length && isalpha((unsigned char)text[i + 1])) i++;
            if (i < name)
                i++;
            else
                begin = i + 1;
            continue;
        }
        if (c == '}' && depth-- == 0) {
            if (*brace == '{') return false;
            *where = begin, *brace = '{', depth = 0;
        }
        depth += c == '{';
        if (strchr("{}^_", c) && c) begin = i + 1;
    }
    return depth == (*brace == '}');
}

// \frac{1{2}}: where a group begins right behind a digit that is no argument of a command, one may have ended.
static size_t missing_end(const char *text, size_t length) {
    for (size_t i = 1; i < length; i++)
        if (text[i] == '{' && isdigit((unsigned char)text[i - 1])) return i;
    return length;
}

static status parse_repaired(const char *text, size_t length, size_t where, char brace, const math_limits *limits,
                             math_expression **out) {
    buffer repaired = {0};
    status code = buffer_append(&repaired, text, where);
    if (code == STATUS_OK) code = buffer_append_byte(&repaired, brace);
    if (code == STATUS_OK) code = buffer_append(&repaired, text + where, length - where);
    if (code == STATUS_OK) code = math_parse(repaired.data, repaired.length, limits, out);
    buffer_free(&repaired);
    return code;
}

status reading_parse(const reading *r, const math_limits *limits, math_expression **out) {
    const char *text = r->spelled.length ? r->spelled.data : r->text;
    size_t length = r->spelled.length ? r->spelled.length : r->length, where;
    char brace;
    status code = math_parse(text, length, limits, out);
    if (code != STATUS_UNSUPPORTED || !missing_brace(text, length, &where, &brace)) return code;
    code = parse_repaired(text, length, where, brace, limits, out);
    if (code != STATUS_UNSUPPORTED || brace == '{') return code;
    return parse_repaired(text, length, missing_end(text, length), brace, limits, out);
}

// 3,14 or 100,200: digits, one kind of comma, digits, nothing else. *tail is the number of digits behind the last comma.
static bool only_commas(const reading *r, size_t *commas, size_t *tail) {
    *commas = *tail = 0;
    for (size_t i = 0; i < r->length; i++) {
        char c = r->text[i];
        if (c == ',')
            ++*commas, *tail = 0;
        else if (c >= '0' && c <= '9')
            ++*tail;
        else if (!(c == '-' && i == 0))
            return false;
    }
    return *commas > 0 && *tail > 0;
}

status reading_parse_comma(const reading *r, const math_limits *limits, bool as_list, math_expression **out) {
    size_t commas, tail;
    if (!only_commas(r, &commas, &tail) || (!as_list && commas != 1)) return STATUS_UNSUPPORTED;
    buffer changed = {0};
    status code = STATUS_OK;
    for (size_t i = 0; i < r->length && code == STATUS_OK; i++) {
        if (r->text[i] == ',')
            code = buffer_append_text(&changed, as_list ? ", " : ".");
        else
            code = buffer_append_byte(&changed, r->text[i]);
    }
    if (code == STATUS_OK) code = math_parse(changed.data, changed.length, limits, out);
    buffer_free(&changed);
    return code;
}

status math_check_answer(const char *text, size_t length, const math_limits *limits) {
    reading r;
    TRY(reading_check_length("gold", length, READING_GOLD_BYTES(limits ? limits : &MATH_LIMITS_DEFAULT)));
    status code = reading_open(&r, text, length, false);
    if (code == STATUS_OK && r.length == 0) code = status_set(STATUS_INVALID, "the answer is empty");
    if (code == STATUS_OK && !r.only_words) {
        math_expression *e = NULL;
        code = reading_parse(&r, limits, &e);
        math_free(e);
    }
    reading_close(&r);
    return code;
}

status math_answer_form(const char *text, size_t length, const math_limits *limits, buffer *out) {
    reading r;
    TRY(reading_check_length("answer", length, (limits ? limits : &MATH_LIMITS_DEFAULT)->bytes));
    status code = reading_open(&r, text, length, true);
    if (code == STATUS_OK && r.only_words && !r.spelled.length)
        code = buffer_append(out, r.words.data, r.words.length);
    else if (code == STATUS_OK) {
        math_expression *e = NULL;
        code = reading_parse(&r, limits, &e);
        if (code == STATUS_OK) code = math_normalize(e);
        if (code == STATUS_OK) code = math_print(e, out);
        math_free(e);
    }
    reading_close(&r);
    return code;
}

// x = 11 and 11 cm are 11.
static math_node *said_value(math_node *n) {
    for (;;) {
        if (n->kind == MATH_WITH_UNIT)
            n = n->children[0];
        else if (n->kind == MATH_RELATION && n->count >= 2 && strspn(n->operators, "=") == n->count - 1)
            n = n->children[n->count - 1];
        else
            return n;
    }
}

status math_answer_key(const char *text, size_t length, const math_limits *limits, buffer *out) {
    reading r;
    math_expression *e = NULL;
    size_t begin = out->length;
    reading_trim(&text, &length);
    if (length > (limits ? limits : &MATH_LIMITS_DEFAULT)->bytes) return buffer_append(out, text, length); // too long to be read
    status code = reading_open(&r, text, length, false);
    if (code == STATUS_OK && reading_parse(&r, limits, &e) == STATUS_OK) {
        e->limits.nodes = normal_limit(e->limits.nodes);
        math_node *n = said_value(e->root);
        fmpq_t value;
        size_t steps = JUDGE_STEPS;
        fmpq_init(value);
        if (n->kind == MATH_TEXT && r.only_words)
            code = buffer_append(out, r.words.data, r.words.length);
        else if (number_evaluate(n, NULL, &steps, value) == VALUE_KNOWN) {
            char *printed = fmpq_get_str(NULL, 10, value);
            code = buffer_append_text(out, printed);
            flint_free(printed);
        } else if ((n = normal_form(e, n)))
            code = math_print_node(n, out);
        else
            code = buffer_append(out, r.normal.data, r.normal.length);
        fmpq_clear(value);
    } else if (code == STATUS_OK) {
        const buffer *kept = r.only_words ? &r.words : &r.normal;
        code = kept->length ? buffer_append(out, kept->data, kept->length) : STATUS_OK;
    }
    if (code != STATUS_OK && out->data) out->data[out->length = begin] = 0;
    math_free(e);
    reading_close(&r);
    return code;
}
