// The table of units, and how the words behind a number are read with it. Only conversions that textbooks make are here; every
// other word is a unit of its own. See units.h.
#include "math/units.h"

#include <string.h>
#include <strings.h>

#include "math/numerals.h"
#include "math/words.h"

typedef struct measure {
    const char *symbols;   // separated by spaces; case matters where two units differ in nothing else
    const char *names;     // in the singular, lower case
    const char *dimension; // "" for a mere number
    int power;             // of the dimension: a litre is length^3
    long numerator, denominator;
    bool metric; // takes prefixes: kilo, milli, ...
} measure;

static const measure measures[] = {
    {"m", "meter metre", "length", 1, 1, 1, true},
    {"g gm", "gram gramme", "mass", 1, 1, 1000, true},
    {"s", "second", "time", 1, 1, 1, true},
    {"L l", "liter litre", "length", 3, 1, 1000, true},
    {"A", "ampere amp", "ampere", 1, 1, 1, true},
    {"K", "kelvin", "kelvin", 1, 1, 1, true},
    {"J", "joule", "joule", 1, 1, 1, true},
    {"N", "newton", "newton", 1, 1, 1, true},
    {"W", "watt", "watt", 1, 1, 1, true},
    {"Wh", "watthour", "joule", 1, 3600, 1, true},
    {"V", "volt", "volt", 1, 1, 1, true},
    {"Hz", "hertz", "time", -1, 1, 1, true},
    {"Pa", "pascal", "pascal", 1, 1, 1, true},
    {"C", "coulomb", "coulomb", 1, 1, 1, true},
    {"F", "farad", "farad", 1, 1, 1, true},
    {"Omega", "ohm", "ohm", 1, 1, 1, true},
    {"T", "tesla", "tesla", 1, 1, 1, true},
    {"Wb", "weber", "weber", 1, 1, 1, true},
    {"H", "henry", "henry", 1, 1, 1, true},
    {"mol", "mole", "mole", 1, 1, 1, true},
    {"B", "byte", "byte", 1, 1, 1, true},
    {"b", "bit", "byte", 1, 1, 8, true},
    {"eV", "electronvolt", "electronvolt", 1, 1, 1, true},
    {"cal", "calorie", "calorie", 1, 1, 1, true},
    {"bar", "bar", "pascal", 1, 100000, 1, true},
    {"cc", "", "length", 3, 1, 1000000, false},
    {"", "micron", "length", 1, 1, 1000000, false},
    {"", "kilo", "mass", 1, 1, 1, false},
    {"in", "inch inche", "length", 1, 254, 10000, false},
    {"ft", "foot feet", "length", 1, 3048, 10000, false},
    {"yd", "yard", "length", 1, 9144, 10000, false},
    {"mi", "mile", "length", 1, 1609344, 1000, false},
    {"ha", "hectare", "length", 2, 10000, 1, false},
    {"t", "tonne", "mass", 1, 1000, 1, false},
    {"lb", "pound", "mass", 1, 45359237, 100000000, false},
    {"oz", "ounce", "mass", 1, 45359237, 1600000000, false},
    {"sec", "", "time", 1, 1, 1, false},
    {"min", "minute", "time", 1, 60, 1, false},
    {"h hr", "hour", "time", 1, 3600, 1, false},
    {"", "day", "time", 1, 86400, 1, false},
    {"", "week", "time", 1, 604800, 1, false},
    {"", "fortnight", "time", 1, 1209600, 1, false},
    {"", "month", "month", 1, 1, 1, false},
    {"yr", "year", "month", 1, 12, 1, false},
    {"", "decade", "month", 1, 120, 1, false},
    {"", "century centurie", "month", 1, 1200, 1, false},
    {"", "dollar usd buck", "dollar", 1, 1, 1, false},
    {"", "cent", "dollar", 1, 1, 100, false},
    {"", "dime", "dime", 1, 1, 1, false},
    {"", "euro eur", "euro", 1, 1, 1, false},
    {"", "sterling gbp", "sterling", 1, 1, 1, false}, // the sign; the word "pound" weighs
    {"", "penny pence", "sterling", 1, 1, 100, false},
    {"", "yen jpy", "yen", 1, 1, 1, false},
    {"", "rupee inr", "rupee", 1, 1, 1, false},
    {"", "celsius", "celsius", 1, 1, 1, false},
    {"", "fahrenheit", "fahrenheit", 1, 1, 1, false},
    {"gal", "gallon", "gallon", 1, 1, 1, false},
    {"", "quart", "gallon", 1, 1, 4, false},
    {"", "pint", "gallon", 1, 1, 8, false},
    {"rad", "radian", "", 0, 1, 1, false},
    {"", "unit", "unit", 1, 1, 1, false},
    {"am AM a.m A.M", "", "am", 1, 1, 1, false}, // halves of the day
    {"pm PM p.m P.M", "", "pm", 1, 1, 1, false},
};

static const struct prefix {
    char symbol;
    const char *name;
    int exponent; // of ten
} prefixes[] = {{'k', "kilo", 3},   {'M', "mega", 6},   {'G', "giga", 9},   {'T', "tera", 12}, {'d', "deci", -1},
                {'c', "centi", -2}, {'m', "milli", -3}, {'u', "micro", -6}, {'n', "nano", -9}, {'p', "pico", -12}};

// A word as a unit: a row of the table and a power of ten in front of it.
typedef struct measured {
    const measure *unit; // NULL: not known
    int exponent;
} measured;

static bool listed(const char *words, const char *word, size_t length, bool any_case) {
    for (const char *at = words; *at && length;) {
        size_t n = strcspn(at, " ");
        if (n == length && (any_case ? strncasecmp(at, word, n) : strncmp(at, word, n)) == 0) return true;
        at += n + (at[n] != 0);
    }
    return false;
}

static const measure *find_symbol(const char *word, size_t length, bool any_case, bool prefixed) {
    for (size_t i = 0; i < sizeof measures / sizeof *measures; i++)
        if ((!prefixed || measures[i].metric) && listed(measures[i].symbols, word, length, any_case)) return &measures[i];
    return NULL;
}

static const measure *find_name(const char *word, size_t length, bool prefixed) {
    size_t stem = listed("celsius", word, length, true) ? length : word_singular(word, length);
    for (size_t i = 0; i < sizeof measures / sizeof *measures; i++)
        if ((!prefixed || measures[i].metric) && listed(measures[i].names, word, stem, true)) return &measures[i];
    return NULL;
}

// Names: meters, Kilograms.
static measured measured_name(const char *word, size_t length) {
    measured m = {find_name(word, length, false), 0};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes && !m.unit; i++) {
        size_t n = strlen(prefixes[i].name);
        if (length > n && strncasecmp(prefixes[i].name, word, n) == 0)
            m = (measured){find_name(word + n, length - n, true), prefixes[i].exponent};
    }
    return m;
}

// Symbols as they are written: m, mJ, MJ.
static measured measured_symbol(const char *word, size_t length) {
    measured m = {find_symbol(word, length, false, false), 0};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes && !m.unit && length > 1; i++)
        if (prefixes[i].symbol == word[0]) m = (measured){find_symbol(word + 1, length - 1, false, true), prefixes[i].exponent};
    return m;
}

// Symbols in another case: KM, khz, Ft. An m in front, milli or mega, is not guessed, nor k alone, which may be a thousand; G and
// T only in front of two letters.
static measured measured_loosely(const char *word, size_t length) {
    bool m_first = (word[0] | 32) == 'm', alone = length == 1 && (m_first || word[0] == 'k');
    measured m = {alone ? NULL : find_symbol(word, length, true, false), 0};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes && !m.unit && length > 1; i++) {
        bool exact = prefixes[i].symbol == word[0] && !(m_first && (length == 2 || word[0] == 'm'));
        bool guessed = (prefixes[i].symbol | 32) == (word[0] | 32) && strchr(length > 2 ? "kcdGT" : "kcd", prefixes[i].symbol);
        if (exact || guessed) m = (measured){find_symbol(word + 1, length - 1, true, true), prefixes[i].exponent};
    }
    return m;
}

static measured find_measure(const char *word, size_t length) {
    measured m = measured_symbol(word, length);
    if (!m.unit) m = measured_name(word, length);
    if (!m.unit) m = measured_loosely(word, length);
    size_t stem = word_singular(word, length); // lbs, kgs
    if (!m.unit) m = measured_symbol(word, stem);
    if (!m.unit) m = measured_loosely(word, stem);
    return m;
}

bool unit_is_symbol(const char *text, size_t length) {
    measured m = measured_symbol(text, length);
    return m.unit && m.unit->metric;
}

static void multiply_power(fmpq_t factor, long numerator, long denominator, int power) {
    fmpq_t f;
    fmpq_init(f);
    fmpq_set_si(f, numerator, 1);
    fmpz_set_si(fmpq_denref(f), denominator);
    fmpq_canonicalise(f);
    fmpq_pow_si(f, f, power);
    fmpq_mul(factor, factor, f);
    fmpq_clear(f);
}

static void add_part(unit *u, const char *name, size_t length, bool known, int power) {
    size_t at = 0;
    int order = -1;
    for (; at < u->count; at++) { // sorted by name, what is known first
        const unit_part *p = &u->parts[at];
        size_t shorter = p->length < length ? p->length : length;
        order = known != p->known ? (known ? -1 : 1) : strncasecmp(name, p->name, shorter);
        if (order == 0) order = (length > p->length) - (length < p->length);
        if (order <= 0) break;
    }
    bool joined = at < u->count && order == 0;
    if (joined && (u->parts[at].power += power) != 0) return;
    if (joined) {
        memmove(&u->parts[at], &u->parts[at + 1], (--u->count - at) * sizeof *u->parts);
        return;
    }
    u->too_long |= u->count == UNIT_PARTS_MAX;
    if (u->too_long) return;
    memmove(&u->parts[at + 1], &u->parts[at], (u->count++ - at) * sizeof *u->parts);
    u->parts[at] = (unit_part){name, length, power, known};
}

static void add_measure(unit *u, measured m, int power) {
    multiply_power(u->factor, m.unit->numerator, m.unit->denominator, power);
    multiply_power(u->factor, 10, 1, m.exponent * power);
    if (m.unit->power) add_part(u, m.unit->dimension, strlen(m.unit->dimension), true, m.unit->power * power);
}

// One word that counts to `power`: a speed with a name of its own, a unit, a number word, or anything else.
static void add_word(unit *u, const char *word, size_t length, int power) {
    static const char *const speeds[][3] = {{"mph", "mi", "h"}, {"kph", "km", "h"}, {"kmh", "km", "h"}, {"kmph", "km", "h"}};
    for (size_t i = 0; i < sizeof speeds / sizeof *speeds; i++) {
        if (strlen(speeds[i][0]) != length || strncasecmp(speeds[i][0], word, length) != 0) continue;
        add_measure(u, find_measure(speeds[i][1], strlen(speeds[i][1])), power);
        add_measure(u, find_measure(speeds[i][2], strlen(speeds[i][2])), -power);
        return;
    }
    long scale = numeral_scale(word, length), part = numeral_denominator(word, length);
    measured m = find_measure(word, length);
    if (scale || part) {
        multiply_power(u->factor, scale ? scale : 1, part ? part : 1, power);
        multiply_power(u->numbers, scale ? scale : 1, part ? part : 1, power);
    } else if (m.unit) {
        add_measure(u, m, power);
    } else {
        u->known = false;
        add_part(u, word, word_singular(word, length), false, power);
    }
}

// The power that is written behind a word, ^2 or ^-1; 1 where there is none.
static int written_power(const char **at) {
    if (**at != '^') return 1;
    bool negative = *++*at == '-';
    *at += negative;
    int power = **at >= '1' && **at <= '9' ? *(*at)++ - '0' : 1;
    return negative ? -power : power;
}

void unit_read(const char *text, unit *out) {
    *out = (unit){.known = true};
    fmpq_init(out->factor), fmpq_init(out->numbers);
    fmpq_one(out->factor), fmpq_one(out->numbers);
    int sign = 1, prefix = 0; // -1 behind "per" or a slash; 2 and 3 behind "square" and "cubic"
    const char *last = NULL;  // the word in front
    size_t last_length = 0;
    bool of = false; // "slices of a cake" are no slices a cake
    for (const char *at = text; *at;) {
        if (strchr(" .,-", *at)) {
            at++;
            continue;
        }
        if (*at == '/') {
            sign = -1, at++;
            continue;
        }
        const char *word = at;
        size_t length = strcspn(at, " /^.,-");
        if (strncasecmp(at, "a.m", 3) == 0 || strncasecmp(at, "p.m", 3) == 0) length = 3;
        at += length;
        int power = written_power(&at);
        bool article = word_in((const char *const[]){"a", "an", NULL}, word, length); // A is an ampere
        bool squared = listed("squared", word, length, true);
        if (listed("per", word, length, true) || (article && last && !of))
            sign = -1;
        else if (listed("sq square", word, length, true))
            prefix = 2;
        else if (listed("cu cubic", word, length, true))
            prefix = 3;
        else if (last && (squared || listed("cubed", word, length, true))) // meters per second squared
            add_word(out, last, last_length, sign * (squared ? 1 : 2));
        else if (*at && listed("degree degrees deg", word, length, true)) // degrees Celsius
            continue;
        else if (!article && !listed("the of", word, length, true)) {
            add_word(out, word, length, sign * (prefix && power == 1 ? prefix : power));
            prefix = 0, last = word, last_length = length;
        }
        of = listed("of", word, length, true);
    }
}

void unit_clear(unit *u) { fmpq_clear(u->factor), fmpq_clear(u->numbers); }

bool unit_same(const unit *a, const unit *b) {
    if (a->count != b->count || a->too_long || b->too_long) return false;
    for (size_t i = 0; i < a->count; i++) {
        const unit_part *p = &a->parts[i], *q = &b->parts[i];
        if (p->power != q->power || p->known != q->known || p->length != q->length) return false;
        if (strncasecmp(p->name, q->name, p->length) != 0) return false;
    }
    return true;
}

bool unit_is(const unit *u, const char *dimension) {
    return u->count == 1 && u->parts[0].power == 1 && u->parts[0].known && strcmp(u->parts[0].name, dimension) == 0;
}

bool unit_holds_letter(const char *text) {
    for (const char *at = text; *at;) {
        size_t length = strcspn(at, " ,;()/^-");
        bool letter = length == 1 && ((*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z'));
        if (letter && *at != 'a' && !find_measure(at, 1).unit) return true;
        at += length + (at[length] != 0);
    }
    return false;
}

bool unit_is_radian(const char *text) { return listed("rad rads radian radians", text, strlen(text), true); }

// "times" and "point" behind a number are what it counts; with more behind them they calculate: "5 times as many".
static bool calculates(const char *word, size_t length) {
    const char *more = word + length + (word[length] == ' ');
    bool rate = word_among((const char *const[]){"per", "a", "an", "each", "every", "in", NULL}, more, strcspn(more, " "));
    return word_among((const char *const[]){"times", "point", "by", NULL}, word, length) && *more && !rate;
}

// pi, theta, sqrt: a constant, a variable or a function, and no unit such as min.
static bool is_mathematics(const char *word, size_t length) {
    char small[16]; // Pi too
    const char *canonical;
    int code;
    if (length == 0 || length >= sizeof small || find_measure(word, length).unit) return false;
    memcpy(small, word, length), small[0] |= 32;
    return word_lookup(word, length, false, &canonical, &code) != TOKEN_BAD ||
           word_lookup(small, length, false, &canonical, &code) != TOKEN_BAD;
}

// tenfold, nines: the number is multiplied, or counts others. A dozen is a scale.
static bool makes_number(const char *word, size_t length) {
    if (numeral_scale(word, length)) return false;
    size_t stem = length > 4 && strncasecmp(word + length - 4, "fold", 4) == 0 ? length - 4 : word_singular(word, length);
    return numeral_cardinal(word, length) >= 0 || numeral_cardinal(word, stem) >= 0;
}

bool unit_is_hedge(const char *text) {
    static const char *const verbs[] = {"is", "are", "was", "were", NULL}; // 5 is an upper bound
    static const char *const nouns[] = {"answer", "answers", "correct", "right", "result", "solution", "value", NULL};
    static const char *const powers[] = {"squared", "cubed", "square", "cube", NULL}; // 5 squared; 5 m per second squared
    bool verb = false, answer = false, of = false;
    for (const char *at = text; *at;) {
        size_t length = strcspn(at, " ,;()/-");
        if (of && length == 1 && *at != 'a') return true; // half of x
        bool exponent = at > text && (at[-1] == '^' || (at[-1] == '-' && at > text + 1 && at[-2] == '^'));
        if (length && *at >= '0' && *at <= '9' && !exponent) return true; // a second number
        if (word_negates(at, length) || word_among(words_other, at, length) || calculates(at, length)) return true;
        if (makes_number(at, length) || is_mathematics(at, length)) return true;
        if (at == text && word_among(powers, at, length) && (at[length] == 0 || at[length - 1] == 'd')) return true;
        verb = verb || word_among(verbs, at, length);
        answer = answer || word_among(nouns, at, length);
        of = listed("of", at, length, true);
        at += length + (at[length] != 0);
    }
    return verb && !answer;
}
