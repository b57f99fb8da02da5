// Words as answers. See phrase.h; called by equal.c before anything is parsed.
#include "math/phrase.h"

#include <string.h>
#include <strings.h>

#include "math/numerals.h"
#include "math/transcribe.h"
#include "math/words.h"

static bool among(char c, const char *set) { return c && strchr(set, c); }

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }

status phrase_plain(const char *text, size_t length, buffer *out, bool *only_fonts) {
    *only_fonts = true;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (c == '{' || c == '}' || c == '$') continue;
        if (c == '~' || c == '\n' || c == '\t' || c == '\r') c = ' ';
        if (c != '\\') {
            TRY(buffer_append_byte(out, c));
            continue;
        }
        size_t end = i + 1;
        while (end < length && lexer_is_letter(text[end])) end++;
        if (end == i + 1) { // \, \( \% ...
            if (end < length && strchr(",;:! ()[]", text[end]))
                TRY(buffer_append_byte(out, ' '));
            else
                *only_fonts = false;
            i = end;
            continue;
        }
        font_kind font = word_font(text + i + 1, end - i - 1);
        bool words = true;
        if (font == FONT_ALPHABET || (font == FONT_NONE && !word_in(words_spacing, text + i + 1, end - i - 1)))
            *only_fonts = words = false;
        TRY(buffer_append_byte(out, words ? ' ' : '\\'));
        i = end - 1;
    }
    return STATUS_OK;
}

// A run of letters that is a word wherever it stands, and no product of variables.
static bool is_word(const char *run, size_t length) {
    char small[32];
    if (word_is_language(run, length)) return true;
    bool name = length == 3 && run[0] <= 'Z', vowel = false; // Bob, Amy
    for (size_t i = 1; i < length; i++) name &= run[i] >= 'a' && run[i] <= 'z', vowel |= memchr("aeiouy", run[i], 6) != NULL;
    if (name && vowel) return true;
    if (length >= sizeof small) return length > 0;
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)run[i] >= 0x80) return true;
        small[i] = lower(run[i]);
    }
    return word_is_language(small, length);
}

// Whether one of the words is such a one.
static bool any_word(const char *text, size_t length, bool (*is)(const char *, size_t)) {
    for (size_t i = 0; i < length; i++) {
        size_t end = i;
        while (end < length && lexer_is_letter(text[end])) end++;
        if (is(text + i, end - i)) return true;
        i = end;
    }
    return false;
}

bool phrase_denies(const char *words) { return any_word(words, strlen(words), word_denies); }

// Phrases for one thing.
static const char *canonical_phrase(const char *words) {
    static const char *const absent[] = {"dne", "does not exist", "undefined", "not exist", "doesnt exist", NULL};
    static const char *const endless[] = {
        "infinitely many",    "infinitely many solutions",    "there are infinitely many solutions",
        "infinite solutions", "infinite number of solutions", NULL};
    size_t length = strlen(words);
    if (word_in(endless, words, length)) return endless[0];
    for (size_t i = 0; absent[i]; i++) {
        size_t n = strlen(absent[i]);
        bool ends = length >= n && strcmp(words + length - n, absent[i]) == 0 && !any_word(words, length - n, word_negates);
        if (ends && (length == n || words[length - n - 1] == ' ')) return "does not exist"; // "the limit does not exist"
    }
    return NULL;
}

status phrase_words(const char *text, size_t length, buffer *out, bool *words, bool *letters) {
    *letters = false;
    buffer plain = {0};
    bool only_fonts;
    size_t begin = out->length;
    status code = phrase_plain(text, length, &plain, &only_fonts);
    *words = only_fonts;
    bool gap = false;
    size_t count = 0, unknown = 0,
           longer = 0; // words other than a first article; those that may be products; those of four letters
    for (size_t i = 0; i < plain.length && *words && code == STATUS_OK;) {
        const char *at = plain.data + i;
        size_t run = 0;
        while (i + run < plain.length && (lexer_is_letter(at[run]) || (unsigned char)at[run] >= 0x80)) run++;
        if (run) {
            bool article = count == 0 && lower(*at) == 'a' && (run == 1 || (run == 2 && lower(at[1]) == 'n'));
            bool word = article || is_word(at, run);
            unknown += !word, longer += word && run >= 4;
            count += !article;
            if (gap && out->length > begin) code = buffer_append_byte(out, ' ');
            gap = false;
            for (size_t k = 0; k < run && code == STATUS_OK; k++)
                code = buffer_append_byte(out, run > 1 || article ? lower(at[k]) : at[k]);
            i += run;
            continue;
        }
        // A hyphen joins two words; elsewhere it is a minus sign.
        bool hyphen = *at == '-' && i > 0 && lexer_is_letter(at[-1]) && i + 1 < plain.length && lexer_is_letter(at[1]);
        *words = hyphen || (*at && strchr(" .,':;\"!?()", *at));
        gap = gap || *at != '\'';
        i++;
    }
    buffer_free(&plain);
    if (code != STATUS_OK) return code;
    static const char *const articles[] = {"on ", "a ", "an ", "the ", NULL}; // on Tuesday, on the left
    for (size_t i = 0; *words && articles[i]; i++) {
        size_t n = strlen(articles[i]), rest = out->length - begin;
        if (rest <= n || memcmp(out->data + begin, articles[i], n) != 0) continue;
        memmove(out->data + begin, out->data + begin + n, rest - n);
        out->data[out->length -= n] = 0;
    }
    if (count == 0) *words = false;
    *letters = *words;
    const char *canonical = *words ? canonical_phrase(out->data + begin) : NULL;
    if (!canonical) {
        *words = *words && (unknown == 0 || (longer >= 2 && 2 * unknown <= longer)); // "cannot be determined"
        return STATUS_OK;
    }
    out->length = begin;
    return buffer_append_text(out, canonical);
}

bool phrase_holds_word(const char *plain, size_t length) {
    size_t brief = 0;
    for (size_t i = 0, run = 0; i < length; i += run + 1) {
        for (run = 0; i + run < length && lexer_is_letter(plain[i + run]);) run++;
        if (run >= 4 && is_word(plain + i, run)) return true;
        brief += run >= 2 && is_word(plain + i, run);
    }
    return brief >= 2;
}

static bool compares(const char *word, size_t length) {
    return word_among((const char *const[]){"more", "fewer", "less", "than", NULL}, word, length);
}

// "The walk takes 204 minutes": the length of the words in front of the first number where the last of them says that it follows.
// Any other word may say something else of the number: "everything but 5", "it exceeds 5", "step 5".
static size_t number_lead(const char *text, size_t length) {
    static const char *const verbs[] = {
        "was",    "were",  "has",    "have",   "had",      "takes",  "took",     "costs",    "cost",  "gives", "gave",
        "makes",  "made",  "gets",   "got",    "get",      "totals", "total",    "needs",    "need",  "earns", "earned",
        "spends", "spent", "sells",  "sold",   "eats",     "ate",    "pays",     "paid",     "saves", "saved", "uses",
        "used",   "buys",  "bought", "holds",  "contains", "weighs", "take",     "make",     "eat",   "sell",  "pay",
        "spend",  "earn",  "give",   "yields", "measures", "leaves", "receives", "received", NULL};
    static const char *const just[] = {"only", "just", "exactly", NULL};
    static const char *const dates[] = {"in", "the", "year", NULL};                          // in the year 1995
    static const char *const whom[] = {"me", "us", "you", "him", "her", "them", "it", NULL}; // it takes her 5 minutes
    size_t words = 0, i = 0;
    bool year = true;
    bool verb = false, only = false; // what the last word is; a verb also with one of the others behind it
    while (i < length) {
        char c = text[i], d = i + 1 < length ? text[i + 1] : 0;
        if (lexer_is_letter(c)) {
            size_t end = i;
            while (end < length && lexer_is_letter(text[end])) end++;
            year = year && word_among(dates, text + i, end - i);
            if (!year && word_among(words_other, text + i, end - i)) return 0;
            only = word_among(just, text + i, end - i);
            bool carries = only || word_among(whom, text + i, end - i);
            verb = (carries && verb) || word_among(verbs, text + i, end - i);
            words++, i = end;
            continue;
        }
        bool price = (c == '$' || (c == '\\' && d == '$')) && i + 2 < length;
        if ((c >= '0' && c <= '9') || price || (c == '\\' && length - i > 5 && memcmp(text + i, "\\frac", 5) == 0)) break;
        if (!c || !strchr(" \t\n\r',", c)) return 0;
        i++;
    }
    if (any_word(text + i, length - i, compares)) return 0; // "she has 5 fewer apples"
    year = year && words > 0 && length - i == 4;
    for (size_t k = i; k < length && year; k++) year = text[k] >= '0' && text[k] <= '9';
    return i < length && ((words >= 2 && verb) || (words == 1 && only) || year) ? i : 0;
}

// Whether a minus sign at `at` stands in front of mathematics: no hyphen (x-coordinate), no dash and no bullet in front of a
// word.
static bool is_sign(const char *text, size_t length, size_t at) {
    bool joined = at > 0 && lexer_is_letter(text[at - 1]), spaced = at + 1 < length && text[at + 1] == ' ';
    size_t next = at + 1 + spaced, end = next;
    while (end < length && lexer_is_letter(text[end])) end++;
    return !(end > next + 1 && joined && !spaced) && !(spaced && end >= next + 2);
}

// Whether the word of a subject makes what is said behind "is" another thing than the answer: it denies, doubts or supposes
// ("none of them", "it might be", "if x"), or calculates ("half of x", "two times x"; not "the area of the square").
static bool spoils_subject(const char *text, size_t length, size_t begin, size_t end) {
    static const char *const doubts[] = {
        "none",    "nobody", "nothing",  "neither",  "if",      "unless", "whether",  "might",    "may",     "could",
        "perhaps", "maybe",  "possibly", "probably", "hardly",  "doubt",  "unlikely", "assuming", "suppose", "supposing",
        "than",    "plus",   "squared",  "cubed",    "wrongly", "except", "anything", "but",      NULL};
    static const char *const factors[] = {"half",      "third",     "quarter",  "twice", "thrice",     "double",   "triple",
                                          "square",    "cube",      "root",     "power", "reciprocal", "opposite", "multiple",
                                          "logarithm", "factorial", "negation", "times", NULL};
    static const char *const operands[] = {"of", "the", "times", "that", "this", "its", NULL};
    const char *word = text + begin;
    bool contracted = end == begin + 1 && *word == 't' && begin > 0 && word[-1] == '\''; // don't
    if (contracted || word_negates(word, end - begin) || word_among(doubts, word, end - begin)) return true;
    bool number = numeral_cardinal(word, end - begin) >= 0;
    if (!number && !word_among(factors, word, end - begin)) return false;
    while (end < length && (text[end] == ' ' || text[end] == '$')) end++;
    size_t next = end;
    while (next < length && lexer_is_letter(text[next])) next++;
    return next == end + 1 || word_among(operands, text + end, next - end) || numeral_cardinal(text + end, next - end) >= 0;
}

// "Therefore, x = 5", "\text{exactly }5": the length of the one word in front that leads over to an answer. 0: none does.
static size_t connective_lead(const char *text, size_t length) {
    static const char *const words[] = {"therefore", "hence", "thus", "so", "finally", "then", "exactly", NULL};
    size_t at = 0, font = length && text[0] == '\\' ? math_font_head(text, length) : 0, end = font;
    while (end < length && lexer_is_letter(text[end])) end++;
    if (!word_among(words, text + font, end - font)) return 0;
    bool closed = font == 0;
    for (at = end; at < length && among(text[at], closed ? " ,~:" : " ,~:}"); at++) closed = closed || text[at] == '}';
    return closed && at > end && at < length ? at : 0;
}

size_t phrase_lead(const char *text, size_t length, size_t *open) {
    static const char *const verbs[] = {"is", "are", "equals", "be", NULL};
    static const char *const headings[] = {"answer", "answers", "result", "solution", NULL};
    size_t words = 0, depth = 0, behind = 0;
    for (size_t i = 0; i < length;) {
        char c = text[i];
        if (lexer_is_letter(c)) {
            size_t end = i;
            while (end < length && lexer_is_letter(text[end])) end++;
            bool verb = words > 0 && word_in(verbs, text + i, end - i);
            size_t colon = end; // "Answer: 5"
            while (colon < length && text[colon] && strchr(" *}", text[colon])) colon++;
            verb = verb || (colon < length && text[colon] == ':' && word_among(headings, text + i, end - i));
            if (!behind && spoils_subject(text, length, i, end)) return 0;
            if (verb && behind) return 0; // two things are said
            if (verb) behind = end, *open = depth;
            words++;
            i = end;
            continue;
        }
        if (c == '\\' && !behind) { // fonts and spacing belong to words
            size_t end = i + 1;
            while (end < length && lexer_is_letter(text[end])) end++;
            bool words_only = end == i + 1 ? end < length && strchr(" ,;:!()", text[end]) && text[end]
                                           : word_font(text + i + 1, end - i - 1) != FONT_NONE;
            if (!words_only) break;
            i = end + (end == i + 1);
            continue;
        }
        if (!behind && (!c || !strchr(" \t\n\r~,'{}$-()*:", c) || (c == '-' && is_sign(text, length, i)))) break;
        depth += c == '{';
        if (c == '}' && depth) depth--;
        i++;
    }
    for (; behind && behind < length && text[behind] && strchr(" :*\t\n\r~}", text[behind]); behind++) {
        if (text[behind] != '}') continue;
        if (*open == 0) return 0;
        --*open;
    }
    static const char more[] = "equal to ";
    if (behind && length - behind >= sizeof more && memcmp(text + behind, more, sizeof more - 1) == 0) behind += sizeof more - 1;
    if (!behind) *open = 0;
    if (behind) return behind < length ? behind : 0;
    size_t lead = number_lead(text, length);
    return lead ? lead : connective_lead(text, length);
}

// The next name of a list, and where it ends; 0: none is left, or something else stands there.
static size_t next_name(const char **at) {
    static const char *const joints[] = {"and", NULL};
    for (;;) {
        while (**at == ' ' || **at == ',') ++*at;
        size_t word = 0;
        while (lexer_is_letter((*at)[word])) word++;
        if (!word_among(joints, *at, word)) break;
        *at += word;
    }
    size_t length = strcspn(*at, ",");
    for (size_t i = 1; i + 5 < length; i++) // Alice and Bob
        if (strncmp(*at + i, " and ", 5) == 0) length = i;
    while (length && strchr(" .", (*at)[length - 1])) length--;
    return length && lexer_is_letter(**at) && lexer_is_letter((*at)[1]) ? length : 0;
}

// How often a name stands in a list; every one of them where none is asked for. 0 where something stands there that is no name.
static size_t count_name(const char *list, const char *name, size_t length) {
    size_t count = 0, other;
    const char *at = list;
    for (; (other = next_name(&at)); at += other) count += !name || (other == length && strncasecmp(at, name, length) == 0);
    return at[strspn(at, " .")] ? 0 : count;
}

bool phrase_same_names(const char *gold, const char *answer) {
    size_t names = count_name(gold, NULL, 0), length;
    if (names < 2 || names > 64 || count_name(answer, NULL, 0) != names) return false;
    for (const char *at = gold; (length = next_name(&at)); at += length)
        if (count_name(gold, at, length) != count_name(answer, at, length)) return false;
    return true;
}

bool phrase_numeric_date(const char *plain, size_t length, int date[3]) {
    int parts[3] = {0};
    size_t digits[3] = {0}, count = 0, at = 0;
    while (length && among(plain[length - 1], " .")) length--;
    while (at < length && plain[at] == ' ') at++;
    char sign = 0;
    for (; count < 3; at++) {
        for (; at < length && plain[at] >= '0' && plain[at] <= '9' && digits[count] < 5; at++, digits[count]++)
            parts[count] = 10 * parts[count] + plain[at] - '0';
        if (++count == 3 || at >= length || !among(plain[at], "/-") || (sign && sign != plain[at])) break;
        sign = plain[at];
    }
    bool year_first = digits[0] == 4 && digits[1] == 2 && digits[2] == 2;
    bool year_last = sign == '/' && digits[0] >= 1 && digits[0] <= 2 && digits[1] >= 1 && digits[1] <= 2 && digits[2] == 4;
    if (count < 3 || at != length || (!year_first && !year_last)) return false;
    bool day_first = year_last && parts[0] > 12;
    date[0] = parts[year_first ? 2 : !day_first], date[1] = parts[year_first || day_first], date[2] = parts[year_first ? 0 : 2];
    return date[0] >= 1 && date[0] <= 31 && date[1] >= 1 && date[1] <= 12;
}

bool phrase_date(const char *plain, size_t length, int date[3]) {
    if (phrase_numeric_date(plain, length, date)) return true;
    static const char *const months[] = {"january", "february", "march",     "april",   "may",      "june",
                                         "july",    "august",   "september", "october", "november", "december"};
    date[0] = date[1] = date[2] = 0;
    for (size_t i = 0; i < length;) {
        size_t end = i;
        if (lexer_is_letter(plain[i])) {
            while (end < length && lexer_is_letter(plain[end])) end++;
            bool filler = word_in((const char *const[]){"of", "the", "The", "on", "On", NULL}, plain + i, end - i);
            int month = 0;
            for (int m = 0; m < 12 && !filler && !month; m++) {
                size_t n = strlen(months[m]);
                bool whole = end - i == n || (end - i == 3 && n > 3) || (end - i == 4 && m == 8); // Sept
                if (whole && strncasecmp(plain + i, months[m], end - i) == 0) month = m + 1;
            }
            if (!filler && (!month || date[1])) return false;
            if (month) date[1] = month;
        } else if (plain[i] >= '0' && plain[i] <= '9') {
            long number = 0;
            for (; end < length && plain[end] >= '0' && plain[end] <= '9' && number < 10000; end++)
                number = 10 * number + plain[end] - '0';
            bool ordinal = end + 1 < length && word_in((const char *const[]){"st", "nd", "rd", "th", NULL}, plain + end, 2) &&
                           (end + 2 == length || !lexer_is_letter(plain[end + 2]));
            int part = number >= 1 && number <= 31 ? 0 : number >= 1000 && number < 10000 && !ordinal ? 2 : -1;
            if (part < 0 || date[part]) return false;
            date[part] = (int)number;
            end += ordinal ? 2 : 0;
        } else if (plain[i] && strchr(" ,.", plain[i])) {
            end++;
        } else {
            return false;
        }
        i = end;
    }
    return date[1] && (date[0] || !date[2]); // a month alone too
}

long phrase_ordinal(const char *plain, size_t length) {
    while (length && strchr(" .", plain[length - 1]) && plain[length - 1]) length--;
    while (length && *plain == ' ') plain++, length--;
    if (length > 4 && strncasecmp(plain, "the ", 4) == 0) plain += 4, length -= 4;
    long number = numeral_ordinal(plain, length);
    if (number) return number;
    size_t tens = 0; // twenty-first
    while (tens < length && lexer_is_letter(plain[tens])) tens++;
    long before = numeral_cardinal(plain, tens),
         last_word = tens + 1 < length ? numeral_ordinal(plain + tens + 1, length - tens - 1) : 0;
    if (before >= 20 && before < 100 && last_word > 0 && last_word < 10) return before + last_word;
    size_t at = 0;
    for (; at < length && at < 6 && plain[at] >= '0' && plain[at] <= '9'; at++) number = 10 * number + plain[at] - '0';
    if (at == 0 || length - at < 2) return 0;
    for (size_t i = at; i < length - 2; i++)
        if (plain[i] != ' ' && plain[i] != '^') return 0;
    long last = number / 10 % 10 == 1 ? 0 : number % 10; // 11th, 12th, 13th
    const char *suffix = last == 1 ? "st" : last == 2 ? "nd" : last == 3 ? "rd" : "th";
    return memcmp(plain + length - 2, suffix, 2) == 0 ? number : 0;
}

bool phrase_says(const char *words, const char *sentence) {
    static const char *const subjects[] = {"it",       "this", "series",  "sequence", "integral", "limit",
                                           "function", "sum",  "product", "graph",    NULL};
    size_t first = strcspn(sentence, " ");
    return sentence[first] && word_in(subjects, sentence, first) && strcmp(sentence + first + 1, words) == 0;
}

status phrase_mathematics(const char *words, buffer *out) {
    static const char *const table[][2] = {
        {"all real numbers", "\\mathbb{R}"},
        {"all reals", "\\mathbb{R}"},
        {"real numbers", "\\mathbb{R}"},
        {"set of all real numbers", "\\mathbb{R}"},
        {"set of real numbers", "\\mathbb{R}"},
        {"all real values", "\\mathbb{R}"},
        {"all integers", "\\mathbb{Z}"},
        {"set of integers", "\\mathbb{Z}"},
        {"set of all integers", "\\mathbb{Z}"},
        {"all positive real numbers", "(0,\\infty)"},
        {"positive real numbers", "(0,\\infty)"},
        {"all negative real numbers", "(-\\infty,0)"},
        {"negative real numbers", "(-\\infty,0)"},
        {"all nonnegative real numbers", "[0,\\infty)"},
        {"all non negative real numbers", "[0,\\infty)"},
        {"nonnegative real numbers", "[0,\\infty)"},
        {"non negative real numbers", "[0,\\infty)"},
        {"empty set", "\\emptyset"},
        {"no real solution", "\\emptyset"},
        {"no real solutions", "\\emptyset"},
        {"no solution", "\\emptyset"},
        {"no solutions", "\\emptyset"},
        {"there is no solution", "\\emptyset"},
        {"there are no solutions", "\\emptyset"},
        {"there are no real solutions", "\\emptyset"},
        {"infinity", "\\infty"},
        {"negative infinity", "-\\infty"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i][0], words) == 0) return buffer_append_text(out, table[i][1]);
    size_t said, before = out->length, sign = strncmp(words, "minus ", 6) == 0 ? 6 : strncmp(words, "negative ", 9) == 0 ? 9 : 0;
    words += sign;
    if (sign) TRY(buffer_append_byte(out, '-'));
    TRY(numeral_read(words, out, &said));
    if (!said && sign) out->data[out->length = before] = 0;
    return said && words[said] ? buffer_printf(out, " \\text{%s}", words + said + 1) : STATUS_OK;
}
