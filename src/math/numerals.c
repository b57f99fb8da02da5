// The table of number words, and how they are put together. See numerals.h.
#include "math/numerals.h"

#include <string.h>
#include <strings.h>

#include "math/words.h"

typedef struct numeral {
    const char *cardinal, *ordinal;
    long value;
} numeral;

static const numeral numerals[] = {
    {"zero", "zeroth", 0},
    {"one", "first", 1},
    {"two", "second", 2},
    {"three", "third", 3},
    {"four", "fourth", 4},
    {"five", "fifth", 5},
    {"six", "sixth", 6},
    {"seven", "seventh", 7},
    {"eight", "eighth", 8},
    {"nine", "ninth", 9},
    {"ten", "tenth", 10},
    {"eleven", "eleventh", 11},
    {"twelve", "twelfth", 12},
    {"thirteen", "thirteenth", 13},
    {"fourteen", "fourteenth", 14},
    {"fifteen", "fifteenth", 15},
    {"sixteen", "sixteenth", 16},
    {"seventeen", "seventeenth", 17},
    {"eighteen", "eighteenth", 18},
    {"nineteen", "nineteenth", 19},
    {"twenty", "twentieth", 20},
    {"thirty", "thirtieth", 30},
    {"forty", "fortieth", 40},
    {"fifty", "fiftieth", 50},
    {"sixty", "sixtieth", 60},
    {"seventy", "seventieth", 70},
    {"eighty", "eightieth", 80},
    {"ninety", "ninetieth", 90},
    {"hundred", "hundredth", 100},
    {"thousand", "thousandth", 1000},
    {"million", "millionth", 1000000},
    {"billion", "billionth", 1000000000},
    {"trillion", "trillionth", 1000000000000},
};

static bool same(const char *text, size_t length, const char *word) {
    return strlen(word) == length && strncasecmp(text, word, length) == 0;
}

static const numeral *find(const char *word, size_t length, bool ordinal) {
    for (size_t i = 0; i < sizeof numerals / sizeof *numerals; i++)
        if (same(word, length, ordinal ? numerals[i].ordinal : numerals[i].cardinal)) return &numerals[i];
    return NULL;
}

long numeral_cardinal(const char *word, size_t length) {
    const numeral *n = find(word, length, false);
    return n ? n->value : -1;
}

long numeral_ordinal(const char *word, size_t length) {
    const numeral *n = find(word, length, true);
    return n ? n->value : 0;
}

long numeral_denominator(const char *word, size_t length) {
    if (same(word, length, "half") || same(word, length, "halve") || same(word, length, "halves")) return 2;
    length = word_singular(word, length);
    if (same(word, length, "quarter")) return 4;
    long value = numeral_ordinal(word, length);
    return value > 2 ? value : 0; // a second is a time
}

long numeral_scale(const char *word, size_t length) {
    bool plural = word_singular(word, length) != length;
    length = word_singular(word, length);
    if (same(word, length, "dozen")) return 12;
    if (same(word, length, "score")) return 20;
    if (same(word, length, "gros") || same(word, length, "gross")) return 144;
    long value = numeral_cardinal(word, length);
    return value >= 100 || (plural && value == 10) ? value : 0;
}

// The whole number that the words begin with, and the length of the words that say it; 0 where they say none.
static size_t read_whole(const char *words, long *value) {
    long total = 0, part = 0, last = 1000000000000000; // `last`: what was said before; smaller things may follow
    size_t used = 0;
    for (size_t at = 0; words[at];) {
        size_t length = strcspn(words + at, " ");
        bool joint = used && last >= 100 && length == 3 && memcmp(words + at, "and", 3) == 0 && words[at + 3];
        if (joint) at += 4, length = strcspn(words + at, " ");
        long said = numeral_cardinal(words + at, length);
        bool scale = said >= 100,
             fits = said >= 0 && (scale ? (part > 0 || !used) && part < said : last >= 100 || (last >= 20 && said < 10));
        if (scale && said > 100 && total && total % (1000 * said) != 0) fits = false; // two thousand three thousand
        if (!fits || (used && said == 0) || (used && last == 0)) break;
        if (scale && part == 0) part = 1; // (a) hundred
        if (said == 100)
            part *= 100;
        else if (scale)
            total += part * said, part = 0;
        else
            part += said;
        last = said, used = at + length, at = used + (words[used] == ' ');
    }
    *value = total + part;
    return used;
}

// The fraction that the words begin with ("three eighths", "a third", "half"), and their length. 0: none. *ambiguous where a
// hyphen is missing to tell what was said: "ten thousandths", "twenty fifths".
static size_t read_fraction(const char *words, long *top, long *bottom, bool *ambiguous) {
    *top = 1;
    size_t used = strncmp(words, "a ", 2) == 0 ? 1 : read_whole(words, top);
    size_t at = used ? used + (words[used] == ' ') : 0, length = strcspn(words + at, " ");
    *bottom = numeral_denominator(words + at, length);
    if (used == 0) *top = 1;
    bool part = *bottom == 2 || words[at] == 'q';       // halves and quarters end no other number
    if (*bottom == 0 || (used == 0 && !part)) return 0; // a third alone is a place
    *ambiguous = !part && ((*top % 10 == 0 && *top > 10 && *bottom < 10) || (*top >= 10 && *bottom >= 100));
    return at + length;
}

// "point five six": the digits behind the point, and the length of the words. 0: none.
static size_t read_places(const char *words, char *digits, size_t size) {
    if (strncmp(words, "point ", 6) != 0) return 0;
    size_t used = 0, count = 0;
    for (size_t at = 6; words[at] && count + 1 < size;) {
        size_t length = strcspn(words + at, " ");
        long said = numeral_cardinal(words + at, length);
        if (said < 0 || said > 9) break;
        digits[count++] = (char)('0' + said), digits[count] = 0;
        used = at + length, at = used + (words[used] == ' ');
    }
    return used;
}

status numeral_read(const char *words, buffer *out, size_t *length) {
    long whole = 0, top, bottom;
    bool ambiguous = false;
    char digits[20];
    size_t fraction = read_fraction(words, &top, &bottom, &ambiguous); // two thirds
    *length = ambiguous ? 0 : fraction;
    if (fraction) return ambiguous ? STATUS_OK : buffer_printf(out, "\\frac{%ld}{%ld}", top, bottom);
    *length = read_whole(words, &whole);
    size_t first = strcspn(words, " ");
    if (*length == 0 && first && words[first - 1] != 's') { // (a) dozen
        whole = numeral_scale(words, first);
        *length = whole ? first : 0;
    }
    if (*length == 0) return STATUS_OK;
    const char *more = words + *length + (words[*length] == ' ');
    long place = numeral_ordinal(more, strcspn(more, " "));
    if (whole > 10 && whole % 10 == 0 && place > 0 && place < 10) *length = 0; // twenty first
    if (*length == 0) return STATUS_OK;
    size_t places = read_places(more, digits, sizeof digits);
    if (places) {
        *length = (size_t)(more - words) + places;
        return buffer_printf(out, "%ld.%s", whole, digits);
    }
    if (strncmp(more, "and ", 4) == 0) fraction = read_fraction(more + 4, &top, &bottom, &ambiguous);
    if (fraction == 0 || top >= bottom || whole > 1000000) return buffer_printf(out, "%ld", whole);
    *length = ambiguous ? 0 : (size_t)(more - words) + 4 + fraction; // three and a half
    return ambiguous ? STATUS_OK : buffer_printf(out, "\\frac{%ld}{%ld}", whole * bottom + top, bottom);
}
