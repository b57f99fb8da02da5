// The tiers in order: normalized text, words, then the two trees. See equal.h.
#include "math/equal.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/random.h"
#include "math/judge.h"
#include "math/number.h"
#include "math/phrase.h"
#include "math/transcribe.h"

const char *math_outcome_name(math_outcome outcome) {
    static const char *const names[] = {"equal", "different", "undecided", "over_limit", "unparsed"};
    return names[outcome];
}

static math_outcome say(math_verdict *out, math_outcome outcome, const char *tier, const char *reason) {
    out->outcome = outcome, out->tier = tier;
    snprintf(out->reason, sizeof out->reason, "%s", reason);
    return outcome;
}

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v'; }

// White space, the stars of bold Markdown, and quotes around the whole.
static void trim(const char **text, size_t *length) {
    while (*length && is_blank((*text)[0])) ++*text, --*length;
    while (*length && is_blank((*text)[*length - 1])) --*length;
    static const char *const marks[] = {"**", "__", "\"", "'", "`", "*"};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        size_t n = strlen(marks[i]);
        if (*length <= 2 * n || memcmp(*text, marks[i], n) != 0 || memcmp(*text + *length - n, marks[i], n) != 0) continue;
        if (memchr(*text + n, marks[i][0], *length - 2 * n)) continue; // 'a' or 'b'
        *text += n, *length -= 2 * n;
        trim(text, length);
        return;
    }
}

// An answer in its several readings.
typedef struct reading {
    const char *text; // as given, trimmed
    size_t length;
    buffer ascii, plain, words, normal, spelled; // spelled: mathematics that the words stand for
    bool only_words, only_letters, only_fonts;   // only_letters: words, or a product that looks like some
} reading;

// What the sentence "The answer is 5" says.
static void skip_lead(reading *r) {
    size_t open = 0, lead = phrase_lead(r->text, r->length, &open);
    if (lead == 0) return;
    r->text += lead, r->length -= lead;
    for (; open > 0 && r->length && r->text[r->length - 1] == '}'; open--) r->length--; // \text{The answer is 5}
    trim(&r->text, &r->length);
}

static status read_answer(reading *r, const char *text, size_t length, bool sentence) {
    *r = (reading){.text = text, .length = length};
    trim(&r->text, &r->length);
    if (sentence) skip_lead(r);
    TRY(text_transcribe(r->text, r->length, &r->ascii));
    TRY(buffer_reserve(&r->words, 1));
    TRY(phrase_plain(buffer_text(&r->ascii), r->ascii.length, &r->plain, &r->only_fonts));
    TRY(phrase_words(buffer_text(&r->ascii), r->ascii.length, &r->words, &r->only_words, &r->only_letters));
    TRY(math_normalize_text(r->text, r->length, &r->normal));
    return r->only_letters ? phrase_mathematics(r->words.data, &r->spelled) : STATUS_OK;
}

static void forget_answer(reading *r) {
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

static status parse_reading(const reading *r, const math_limits *limits, math_expression **out) {
    const char *text = r->spelled.length ? r->spelled.data : r->text;
    size_t length = r->spelled.length ? r->spelled.length : r->length, where;
    char brace;
    status code = math_parse(text, length, limits, out);
    if (code != STATUS_UNSUPPORTED || !missing_brace(text, length, &where, &brace)) return code;
    code = parse_repaired(text, length, where, brace, limits, out);
    if (code != STATUS_UNSUPPORTED || brace == '{') return code;
    return parse_repaired(text, length, missing_end(text, length), brace, limits, out);
}

static bool same_buffer(const buffer *a, const buffer *b) {
    return a->length == b->length && a->length && memcmp(a->data, b->data, a->length) == 0;
}

static uint64_t hash_text(uint64_t h, const char *text, size_t length) { // FNV-1a
    for (size_t i = 0; i < length; i++) h = (h ^ (unsigned char)text[i]) * 0x100000001B3u;
    return h;
}

// July 4, 1776 and \text{july 4, 1776}: the same text, fonts, case and spaces aside, with a word in it.
static bool same_text_with_words(const reading *gold, const reading *answer) {
    const buffer *a = &gold->plain, *b = &answer->plain;
    if (!gold->only_fonts || !answer->only_fonts || !phrase_holds_word(buffer_text(a), a->length)) return false;
    size_t i = 0, k = 0;
    for (;;) {
        while (i < a->length && is_blank(a->data[i])) i++;
        while (k < b->length && is_blank(b->data[k])) k++;
        if (i == a->length || k == b->length) return i == a->length && k == b->length;
        if (strncasecmp(a->data + i++, b->data + k++, 1) != 0) return false;
    }
}

// Words, choices, yes and no: true when they decide.
static bool judge_words(const reading *gold, const reading *answer, math_verdict *out) {
    char choice = gold->only_fonts ? phrase_choice_gold(buffer_text(&gold->plain), gold->plain.length) : 0;
    if (choice) {
        char chosen = phrase_choice_answer(buffer_text(&answer->plain), answer->plain.length);
        if (chosen) {
            say(out, chosen == choice ? MATH_EQUAL : MATH_DIFFERENT, "choice", chosen == choice ? "" : "another choice");
            return true;
        }
    }
    int yes = gold->only_words ? phrase_yes_gold(gold->words.data) : 0;
    if (yes) {
        int said = phrase_yes_answer(buffer_text(&answer->plain), answer->plain.length);
        if (said) {
            say(out, said == yes ? MATH_EQUAL : MATH_DIFFERENT, "choice", said == yes ? "" : "the opposite");
            return true;
        }
    }
    if (same_text_with_words(gold, answer)) {
        say(out, MATH_EQUAL, "words", "");
        return true;
    }
    int wanted[3], said[3];
    if (phrase_date(buffer_text(&gold->plain), gold->plain.length, wanted) &&
        phrase_date(buffer_text(&answer->plain), answer->plain.length, said)) {
        bool same = wanted[0] == said[0] && wanted[1] == said[1] && (!wanted[2] || wanted[2] == said[2]);
        say(out, same ? MATH_EQUAL : MATH_DIFFERENT, "words", same ? "" : "another date");
        return true;
    }
    long place = phrase_ordinal(buffer_text(&gold->plain), gold->plain.length);
    long other = place ? phrase_ordinal(buffer_text(&answer->plain), answer->plain.length) : 0;
    if (other) {
        say(out, place == other ? MATH_EQUAL : MATH_DIFFERENT, "words", place == other ? "" : "another ordinal");
        return true;
    }
    if (gold->only_words && answer->only_words && phrase_says(gold->words.data, answer->words.data)) {
        say(out, MATH_EQUAL, "words", "");
        return true;
    }
    bool words = (gold->only_words && answer->only_letters) || (answer->only_words && gold->only_letters); // Bob and bob
    if (words && same_buffer(&gold->words, &answer->words)) {
        say(out, MATH_EQUAL, "words", "");
        return true;
    }
    return false;
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

// The other reading of a bare comma: a list for a number, a decimal comma for a list of two. STATUS_UNSUPPORTED when there is
// none.
static status parse_comma(const reading *r, const math_limits *limits, bool as_list, math_expression **out) {
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

static math_outcome judge_trees(const math_options *options, uint64_t pair, math_expression *gold, math_expression *answer,
                                math_verdict *out) {
    judge j = {.options = options, .memory = answer, .tier = "structure", .steps = JUDGE_STEPS, .pair = pair};
    // The limit on what was written is behind us; this one bounds the nodes made while comparing.
    answer->limits.nodes = 200000;
    mark_derivatives(gold->root), mark_derivatives(answer->root);
    math_outcome outcome = accept_answer(&j, gold->root, answer->root);
    if (outcome == MATH_UNPARSED) outcome = MATH_UNDECIDED;
    say(out, outcome, outcome == MATH_EQUAL && j.probabilistic ? "probabilistic" : j.tier, j.reason);
    return outcome;
}

static math_outcome judge_readings(const math_options *options, const reading *gold, const reading *answer, math_verdict *out) {
    math_expression *g = NULL, *a = NULL, *other = NULL;
    uint64_t pair =
        hash_text(hash_text(0xCBF29CE484222325u, gold->text, gold->length) ^ 0x9E3779B97F4A7C15u, answer->text, answer->length);
    status code = parse_reading(gold, &options->limits, &g);
    if (code != STATUS_OK) {
        if (gold->only_words && answer->only_words) return say(out, MATH_DIFFERENT, "words", "the words differ");
        char why[sizeof out->reason];
        snprintf(why, sizeof why, "the gold is not understood: %.140s", status_message());
        return say(out, MATH_UNDECIDED, "gold", why);
    }
    code = parse_reading(answer, &options->limits, &a);
    if (code != STATUS_OK) {
        if (g->root->kind == MATH_TEXT && answer->only_words)
            say(out, MATH_DIFFERENT, "words", "the words differ");
        else if (code == STATUS_NO_MEMORY)
            say(out, MATH_UNDECIDED, "memory", status_message());
        else
            say(out, code == STATUS_LIMIT ? MATH_OVER_LIMIT : MATH_UNPARSED, "parse", status_message());
        math_free(g);
        return out->outcome;
    }
    bool gold_list = g->root->kind == MATH_LIST, answer_list = a->root->kind == MATH_LIST;
    judge_trees(options, pair, g, a, out);
    if (out->outcome == MATH_DIFFERENT && gold_list != answer_list) { // a bare comma may have been meant the other way
        math_verdict second = {0};
        const reading *ambiguous = gold_list ? answer : gold;
        if (parse_comma(ambiguous, &options->limits, true, &other) == STATUS_OK) {
            math_expression *fresh = NULL; // comparing changes trees in place
            if (parse_reading(gold_list ? gold : answer, &options->limits, &fresh) == STATUS_OK)
                if (judge_trees(options, pair, gold_list ? fresh : other, gold_list ? other : fresh, &second) == MATH_EQUAL)
                    *out = second;
            math_free(fresh);
        }
        math_free(other), other = NULL;
        // A gold with a comma is a list; only of an answer it may be a decimal comma.
        if (out->outcome != MATH_EQUAL && answer_list && parse_comma(answer, &options->limits, false, &other) == STATUS_OK) {
            math_expression *fresh = NULL;
            if (parse_reading(gold, &options->limits, &fresh) == STATUS_OK)
                if (judge_trees(options, pair, fresh, other, &second) == MATH_EQUAL) *out = second;
            math_free(fresh);
        }
        math_free(other);
    }
    math_free(g), math_free(a);
    return out->outcome;
}

// The answer as it stands; where that is a sentence ("The area is 12"), what it says. A gold that is a sentence is taken whole.
static status judge_said(const math_options *options, const reading *gold, const reading *answer, math_verdict *out) {
    size_t open;
    if (phrase_lead(gold->text, gold->length, &open) || !phrase_lead(answer->text, answer->length, &open)) {
        judge_readings(options, gold, answer, out);
        return STATUS_OK;
    }
    reading said = {0};
    status code = read_answer(&said, answer->text, answer->length, true);
    if (code == STATUS_OK) {
        if (!options->skip_text && same_buffer(&gold->normal, &said.normal))
            say(out, MATH_EQUAL, "text", "");
        else if (!judge_words(gold, &said, out))
            judge_readings(options, gold, &said, out);
    }
    forget_answer(&said);
    return code;
}

// A gold that is a choice and its text, (D) \frac12: the answer is the letter, the text, or both.
static status judge_choice(const math_options *options, char letter, const char *gold, size_t gold_length, const char *answer,
                           size_t length, math_verdict *out) {
    buffer plain = {0};
    bool fonts;
    size_t open = 0, begin, end, lead = phrase_lead(answer, length, &open);
    if (open == 0) answer += lead, length -= lead;
    while (length && is_blank(*answer)) answer++, length--;
    status code = phrase_plain(answer, length, &plain, &fonts);
    char chosen = code == STATUS_OK ? phrase_choice_answer(buffer_text(&plain), plain.length) : 0;
    buffer_free(&plain);
    TRY(code);
    if (!chosen) return math_accepts(gold, gold_length, answer, length, options, out);
    if (chosen != letter) {
        say(out, MATH_DIFFERENT, "choice", "another choice");
    } else {
        bool both = phrase_choice_text(answer, length, &begin, &end) == letter;
        if (both) TRY(math_accepts(gold, gold_length, answer + begin, end - begin, options, out));
        if (!both || out->outcome != MATH_DIFFERENT) say(out, MATH_EQUAL, "choice", "");
    }
    return STATUS_OK;
}

status math_accepts(const char *gold, size_t gold_length, const char *answer, size_t answer_length, const math_options *options,
                    math_verdict *out) {
    math_options defaults = MATH_OPTIONS_DEFAULT;
    if (!options) options = &defaults;
    say(out, MATH_UNDECIDED, "memory", "out of memory");
    const char *g = gold, *a = answer;
    size_t gn = gold_length, an = answer_length;
    trim(&g, &gn), trim(&a, &an);
    if (!options->skip_text && gn && gn == an && memcmp(g, a, gn) == 0) {
        say(out, MATH_EQUAL, "text", "");
        return STATUS_OK;
    }
    if (an == 0) {
        say(out, MATH_UNPARSED, "parse", "the answer is empty");
        return STATUS_OK;
    }
    if (an > options->limits.bytes) {
        char why[96];
        snprintf(why, sizeof why, "the answer has %zu bytes; at most %zu are read", an, options->limits.bytes);
        say(out, MATH_OVER_LIMIT, "parse", why);
        return STATUS_OK;
    }
    size_t begin, end;
    char letter = phrase_choice_text(g, gn, &begin, &end);
    if (letter) return judge_choice(options, letter, g + begin, end - begin, a, an, out);
    reading x = {0}, y = {0};
    status code =
        gn > 16 * options->limits.bytes ? status_set(STATUS_LIMIT, "the gold has %zu bytes", gn) : read_answer(&x, g, gn, false);
    if (code == STATUS_LIMIT) {
        say(out, MATH_UNDECIDED, "gold", status_message());
        return STATUS_OK;
    }
    if (code == STATUS_OK) code = read_answer(&y, a, an, false);
    if (code == STATUS_OK) {
        if (!options->skip_text && same_buffer(&x.normal, &y.normal))
            say(out, MATH_EQUAL, "text", "");
        else if (!judge_words(&x, &y, out))
            code = judge_said(options, &x, &y, out);
    }
    forget_answer(&x), forget_answer(&y);
    return code;
}

status math_check_answer(const char *text, size_t length, const math_limits *limits) {
    reading r;
    status code = read_answer(&r, text, length, false);
    if (code == STATUS_OK && r.length == 0) code = status_set(STATUS_INVALID, "the answer is empty");
    if (code == STATUS_OK && !r.only_words) {
        math_expression *e = NULL;
        code = parse_reading(&r, limits, &e);
        math_free(e);
    }
    forget_answer(&r);
    return code;
}

// Whatever is read of an answer takes time that grows with its length, some of it with the square.
static status check_length(size_t length, const math_limits *limits) {
    size_t most = limits ? limits->bytes : MATH_LIMITS_DEFAULT.bytes;
    return length <= most ? STATUS_OK : status_set(STATUS_LIMIT, "the answer has %zu bytes; at most %zu are read", length, most);
}

status math_answer_form(const char *text, size_t length, const math_limits *limits, buffer *out) {
    reading r;
    TRY(check_length(length, limits));
    status code = read_answer(&r, text, length, true);
    if (code == STATUS_OK && r.only_words && !r.spelled.length)
        code = buffer_append(out, r.words.data, r.words.length);
    else if (code == STATUS_OK) {
        math_expression *e = NULL;
        code = parse_reading(&r, limits, &e);
        if (code == STATUS_OK) code = math_normalize(e);
        if (code == STATUS_OK) code = math_print(e, out);
        math_free(e);
    }
    forget_answer(&r);
    return code;
}

status math_answer_key(const char *text, size_t length, const math_limits *limits, buffer *out) {
    reading r;
    math_expression *e = NULL;
    size_t begin = out->length;
    trim(&text, &length);
    if (check_length(length, limits) != STATUS_OK) return buffer_append(out, text, length); // too long to be read
    status code = read_answer(&r, text, length, false);
    if (code == STATUS_OK && parse_reading(&r, limits, &e) == STATUS_OK) {
        e->limits.nodes = normal_limit(e->limits.nodes);
        math_node *n = e->root;
        for (;;) { // x = 11 and 11 cm are 11
            if (n->kind == MATH_WITH_UNIT)
                n = n->children[0];
            else if (n->kind == MATH_RELATION && n->count >= 2 && strspn(n->operators, "=") == n->count - 1)
                n = n->children[n->count - 1];
            else
                break;
        }
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
    forget_answer(&r);
    return code;
}

void math_end_thread(void) { flint_cleanup(); }
