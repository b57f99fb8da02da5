// The tiers in order: normalized text, words, then the two trees. See equal.h; reading.c reads the answers.
#include "math/equal.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "math/judge.h"
#include "math/lexer.h"
#include "math/phrase.h"
#include "math/reading.h"

const char *math_outcome_name(math_outcome outcome) {
    static const char *const names[] = {"equal", "different", "undecided", "over_limit", "unparsed"};
    return names[outcome];
}

static math_outcome say(math_verdict *out, math_outcome outcome, const char *tier, const char *reason) {
    out->outcome = outcome, out->tier = tier;
    snprintf(out->reason, sizeof out->reason, "%s", reason);
    return outcome;
}

static bool same_buffer(const buffer *a, const buffer *b) {
    return a->length == b->length && a->length && memcmp(a->data, b->data, a->length) == 0;
}

static uint64_t hash_text(uint64_t h, const char *text, size_t length) { // FNV-1a
    for (size_t i = 0; i < length; i++) h = (h ^ (unsigned char)text[i]) * 0x100000001B3u;
    return h;
}

// The next character that tells texts apart, 0 behind the last: of white space one space where it separates words or numbers,
// small letters but for letters that stand alone (the points A and a) and, from the first digit on, for units (mJ is no MJ).
static int next_sign(const buffer *text, size_t *at) {
    const char *s = text->data;
    size_t i = *at;
    while (i < text->length && lexer_is_space(s[i])) i++;
    bool gap = i > *at && *at > 0 && i < text->length;
    if (gap && isalnum((unsigned char)s[i]) && isalnum((unsigned char)s[*at - 1])) return *at = i, ' ';
    if (i == text->length) return 0;
    *at = i + 1;
    bool alone = (i == 0 || !isalpha((unsigned char)s[i - 1])) && !isalpha((unsigned char)s[i + 1]);
    bool kept = alone || strcspn(s, "0123456789") < i;
    return kept ? (unsigned char)s[i] : tolower((unsigned char)s[i]);
}

// July 4, 1776 and \text{july 4, 1776}: the same text, fonts, case and spaces aside, with a word in it.
static bool same_text_with_words(const reading *gold, const reading *answer) {
    const buffer *a = &gold->plain, *b = &answer->plain;
    if (!gold->only_fonts || !answer->only_fonts || !phrase_holds_word(buffer_text(a), a->length)) return false;
    for (size_t i = 0, k = 0;;) {
        int wanted = next_sign(a, &i), given = next_sign(b, &k);
        if (wanted != given) return false;
        if (wanted == 0) return true;
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
    const buffer *asked = &gold->plain, *given = &answer->plain;
    int wanted[3], said[3];
    bool date = phrase_date(buffer_text(asked), asked->length, wanted),
         dated = phrase_date(buffer_text(given), given->length, said);
    if (date && dated) {
        bool same = wanted[0] == said[0] && wanted[1] == said[1] && (!wanted[2] || wanted[2] == said[2]);
        say(out, same ? MATH_EQUAL : MATH_DIFFERENT, "words", same ? "" : "another date");
        return true;
    }
    if ((date && phrase_numeric_date(buffer_text(asked), asked->length, wanted)) ||
        (dated && phrase_numeric_date(buffer_text(given), given->length, said))) {
        say(out, MATH_DIFFERENT, "words", "one of the two is a date");
        return true;
    }
    long place = phrase_ordinal(buffer_text(&gold->plain), gold->plain.length);
    long other = place ? phrase_ordinal(buffer_text(&answer->plain), answer->plain.length) : 0;
    if (other) {
        say(out, place == other ? MATH_EQUAL : MATH_DIFFERENT, "words", place == other ? "" : "another ordinal");
        return true;
    }
    bool words = (gold->only_words && answer->only_letters) || (answer->only_words && gold->only_letters); // Bob and bob
    if ((words && same_buffer(&gold->words, &answer->words)) ||
        (gold->only_words && answer->only_words && phrase_says(gold->words.data, answer->words.data)) ||
        (gold->only_words && phrase_same_names(buffer_text(&gold->plain), buffer_text(&answer->plain)))) {
        say(out, MATH_EQUAL, "words", "");
        return true;
    }
    return false;
}

static math_outcome judge_trees(const math_options *options, uint64_t pair, math_expression *gold, math_expression *answer,
                                math_verdict *out) {
    judge j = {.options = options, .memory = answer, .last = {.tier = "structure"}, .steps = JUDGE_STEPS, .pair = pair};
    // The limit on what was written is behind us; this one bounds the nodes made while comparing.
    answer->limits.nodes = 200000;
    if (!prepare_tree(answer, &gold->root) || !prepare_tree(answer, &answer->root))
        return say(out, MATH_OVER_LIMIT, "structure", "too many parts");
    math_outcome outcome = accept_answer(&j, gold->root, answer->root);
    if (outcome == MATH_UNPARSED) outcome = MATH_UNDECIDED;
    say(out, outcome, outcome == MATH_EQUAL && j.probabilistic ? "probabilistic" : j.last.tier, j.last.reason);
    return outcome;
}

static math_outcome judge_readings(const math_options *options, const reading *gold, const reading *answer, math_verdict *out) {
    math_expression *g = NULL, *a = NULL, *other = NULL;
    uint64_t pair =
        hash_text(hash_text(0xCBF29CE484222325u, gold->text, gold->length) ^ 0x9E3779B97F4A7C15u, answer->text, answer->length);
    status code = reading_parse(gold, &options->limits, &g);
    if (code != STATUS_OK) {
        if (gold->only_words && answer->only_words) return say(out, MATH_DIFFERENT, "words", "the words differ");
        char why[sizeof out->reason];
        snprintf(why, sizeof why, "the gold is not understood: %.140s", status_message());
        return say(out, MATH_UNDECIDED, "gold", why);
    }
    code = reading_parse(answer, &options->limits, &a);
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
        if (reading_parse_comma(ambiguous, &options->limits, true, &other) == STATUS_OK) {
            math_expression *fresh = NULL; // comparing changes trees in place
            if (reading_parse(gold_list ? gold : answer, &options->limits, &fresh) == STATUS_OK)
                if (judge_trees(options, pair, gold_list ? fresh : other, gold_list ? other : fresh, &second) == MATH_EQUAL)
                    *out = second;
            math_free(fresh);
        }
        math_free(other), other = NULL;
        // A gold with a comma is a list; only of an answer it may be a decimal comma.
        if (out->outcome != MATH_EQUAL && answer_list &&
            reading_parse_comma(answer, &options->limits, false, &other) == STATUS_OK) {
            math_expression *fresh = NULL;
            if (reading_parse(gold, &options->limits, &fresh) == STATUS_OK)
                if (judge_trees(options, pair, fresh, other, &second) == MATH_EQUAL) *out = second;
            math_free(fresh);
        }
        math_free(other);
    }
    math_free(g), math_free(a);
    return out->outcome;
}

// The letter of which a sentence speaks: "x is 5". 0: of something else.
static char subject_letter(const char *text, size_t length) {
    size_t at = 0, end;
    while (at < length && (lexer_is_space(text[at]) || text[at] == '$')) at++;
    for (end = at + 1; end < length && (lexer_is_space(text[end]) || text[end] == '$');) end++;
    bool verb =
        (length > end + 3 && memcmp(text + end, "is ", 3) == 0) || (length > end + 7 && memcmp(text + end, "equals ", 7) == 0);
    return verb && end > at + 1 && isalpha((unsigned char)text[at]) ? text[at] : 0;
}

// The answer as it stands; where that is a sentence ("The area is 12"), what it says. A gold that is a sentence is taken whole.
static status judge_said(const math_options *options, const reading *gold, const reading *answer, math_verdict *out) {
    size_t open;
    if (phrase_lead(gold->text, gold->length, &open) || !phrase_lead(answer->text, answer->length, &open)) {
        judge_readings(options, gold, answer, out);
        return STATUS_OK;
    }
    reading said = {0}, named = {0};
    buffer equation = {0};
    char letter = subject_letter(answer->text, answer->length);
    status code = reading_open(&said, answer->text, answer->length, true);
    if (code == STATUS_OK && letter) code = buffer_printf(&equation, "%c = %.*s", letter, (int)said.length, said.text);
    if (code == STATUS_OK && letter) code = reading_open(&named, equation.data, equation.length, false);
    if (code == STATUS_OK) {
        if (!options->skip_text && same_buffer(&gold->normal, &said.normal))
            say(out, MATH_EQUAL, "text", "");
        else if (!judge_words(gold, &said, out))
            judge_readings(options, gold, letter ? &named : &said, out);
    }
    reading_close(&said), reading_close(&named), buffer_free(&equation);
    return code;
}

static status judge_texts(const math_options *options, const char *gold, size_t gold_length, const char *answer, size_t length,
                          bool choices, math_verdict *out);

static bool holds_digit(const char *text, size_t length) {
    size_t at = 0;
    while (at < length && !isdigit((unsigned char)text[at])) at++;
    return at < length;
}

// A gold that is a choice and its text, (D) \frac12: the answer is the letter, the text, or both. What stands behind the letter
// is always compared; only where it cannot be, a sentence without numbers, the letter decides.
static status judge_choice(const math_options *options, char letter, const char *gold, size_t gold_length, const char *answer,
                           size_t length, math_verdict *out) {
    buffer plain = {0};
    bool fonts;
    size_t open = 0, begin = 0, end = 0, lead = phrase_lead(answer, length, &open);
    if (open == 0) answer += lead, length -= lead;
    while (length && lexer_is_space(*answer)) answer++, length--;
    if (length > 4 && memcmp(answer + length - 4, (const char[]){' ', '(', letter, ')'}, 4) == 0) { // 42 (A)
        TRY(judge_texts(options, gold, gold_length, answer, length - 4, false, out));
        if (out->outcome == MATH_EQUAL) return STATUS_OK;
    }
    status code = phrase_plain(answer, length, &plain, &fonts);
    char chosen = code == STATUS_OK ? phrase_choice_answer(buffer_text(&plain), plain.length) : 0;
    char said = code == STATUS_OK ? phrase_choice_said(answer, length, buffer_text(&plain), plain.length, &begin, &end) : 0;
    buffer_free(&plain);
    TRY(code);
    bool both = said == letter && begin < end;
    if (both) TRY(judge_texts(options, gold, gold_length, answer + begin, end - begin, false, out));
    bool same = both && out->outcome == MATH_EQUAL; // also where the text names others: (D) both (A) and (B)
    if (!chosen && !same) return judge_texts(options, gold, gold_length, answer, length, false, out);
    if (!same && chosen != letter)
        say(out, MATH_DIFFERENT, "choice", "another choice");
    else if (!both || (out->outcome != MATH_DIFFERENT && !holds_digit(answer + begin, end - begin)))
        say(out, MATH_EQUAL, "choice", "");
    return STATUS_OK;
}

// `choices`: the gold may be a choice and its text; what stands behind the letter is none again.
static status judge_texts(const math_options *options, const char *g, size_t gn, const char *a, size_t an, bool choices,
                          math_verdict *out) {
    reading_trim(&g, &gn), reading_trim(&a, &an);
    if (!options->skip_text && gn && gn == an && memcmp(g, a, gn) == 0) {
        say(out, MATH_EQUAL, "text", "");
        return STATUS_OK;
    }
    if (an == 0) {
        say(out, MATH_UNPARSED, "parse", "the answer is empty");
        return STATUS_OK;
    }
    if (reading_check_length("answer", an, options->limits.bytes) != STATUS_OK) {
        say(out, MATH_OVER_LIMIT, "parse", status_message());
        return STATUS_OK;
    }
    if (reading_check_length("gold", gn, READING_GOLD_BYTES(&options->limits)) != STATUS_OK) {
        say(out, MATH_UNDECIDED, "gold", status_message());
        return STATUS_OK;
    }
    size_t begin, end;
    char letter = choices ? phrase_choice_text(g, gn, &begin, &end) : 0;
    if (letter) return judge_choice(options, letter, g + begin, end - begin, a, an, out);
    reading x = {0}, y = {0};
    status code = reading_open(&x, g, gn, false);
    if (code == STATUS_OK) code = reading_open(&y, a, an, false);
    if (code == STATUS_OK) {
        if (!options->skip_text && same_buffer(&x.normal, &y.normal))
            say(out, MATH_EQUAL, "text", "");
        else if (!judge_words(&x, &y, out))
            code = judge_said(options, &x, &y, out);
    }
    reading_close(&x), reading_close(&y);
    return code;
}

status math_accepts(const char *gold, size_t gold_length, const char *answer, size_t answer_length, const math_options *options,
                    math_verdict *out) {
    const math_options defaults = MATH_OPTIONS_DEFAULT;
    say(out, MATH_UNDECIDED, "memory", "out of memory");
    return judge_texts(options ? options : &defaults, gold, gold_length, answer, answer_length, true, out);
}

void math_end_thread(void) { flint_cleanup(); }
