// The table of units. Only conversions that textbooks make are here; every other word is a unit of its own. See units.h.
#include "math/units.h"

#include <stdio.h>
#include <string.h>

typedef struct measure {
    const char *words; // separated by spaces, singular
    const char *dimension;
    int power; // of the dimension: a litre is length^3
    long numerator, denominator;
} measure;

static const measure measures[] = {
    {"m meter metre", "length", 1, 1, 1},
    {"cm centimeter centimetre", "length", 1, 1, 100},
    {"mm millimeter millimetre", "length", 1, 1, 1000},
    {"km kilometer kilometre", "length", 1, 1000, 1},
    {"in inch inche", "length", 1, 254, 10000},
    {"ft foot feet", "length", 1, 3048, 10000},
    {"yd yard", "length", 1, 9144, 10000},
    {"mi mile", "length", 1, 1609344, 1000},
    {"l liter litre", "length", 3, 1, 1000},
    {"ml milliliter millilitre", "length", 3, 1, 1000000},
    {"cc", "length", 3, 1, 1000000},
    {"dl deciliter decilitre", "length", 3, 1, 10000},
    {"cl centiliter centilitre", "length", 3, 1, 100000},
    {"dm decimeter decimetre", "length", 1, 1, 10},
    {"micrometer micrometre micron", "length", 1, 1, 1000000},
    {"nm nanometer nanometre", "length", 1, 1, 1000000000},
    {"ha hectare", "length", 2, 10000, 1},
    {"g gram gramme", "mass", 1, 1, 1000},
    {"mg milligram", "mass", 1, 1, 1000000},
    {"kg kilogram kilo", "mass", 1, 1, 1},
    {"tonne", "mass", 1, 1000, 1},
    {"lb pound", "mass", 1, 45359237, 100000000},
    {"oz ounce", "mass", 1, 45359237, 1600000000},
    {"s sec second", "time", 1, 1, 1},
    {"ms millisecond", "time", 1, 1, 1000},
    {"microsecond", "time", 1, 1, 1000000},
    {"ns nanosecond", "time", 1, 1, 1000000000},
    {"min minute", "time", 1, 60, 1},
    {"h hr hour", "time", 1, 3600, 1},
    {"day", "time", 1, 86400, 1},
    {"week", "time", 1, 604800, 1},
    {"month", "month", 1, 1, 1},
    {"year yr", "month", 1, 12, 1},
    {"decade", "month", 1, 120, 1},
    {"century", "month", 1, 1200, 1},
    {"dollar usd buck", "dollar", 1, 1, 1},
    {"cent", "dollar", 1, 1, 100},
    {"dime", "dime", 1, 1, 1},
    {"euro eur", "euro", 1, 1, 1},
    {"k kelvin", "kelvin", 1, 1, 1},
    {"celsius", "celsius", 1, 1, 1},
    {"fahrenheit", "fahrenheit", 1, 1, 1},
    {"gallon gal", "gallon", 1, 1, 1},
    {"quart", "gallon", 1, 1, 4},
    {"pint", "gallon", 1, 1, 8},
    {"n newton", "newton", 1, 1, 1},
    {"j joule", "joule", 1, 1, 1},
    {"w watt", "watt", 1, 1, 1},
    {"hz hertz", "hertz", 1, 1, 1},
    {"khz kilohertz", "hertz", 1, 1000, 1},
    {"kn kilonewton", "newton", 1, 1000, 1},
    {"kj kilojoule", "joule", 1, 1000, 1},
    {"kw kilowatt", "watt", 1, 1000, 1},
    {"v volt", "volt", 1, 1, 1},
    {"ampere amp", "ampere", 1, 1, 1},
    {"ohm", "ohm", 1, 1, 1},
    {"pa pascal", "pascal", 1, 1, 1},
    {"kpa kilopascal", "pascal", 1, 1000, 1},
    {"mol mole", "mole", 1, 1, 1},
    {"rad radian", "", 0, 1, 1},
    {"unit", "unit", 1, 1, 1},
    {"hundred", "", 0, 100, 1},
    {"thousand", "", 0, 1000, 1},
    {"million", "", 0, 1000000, 1},
    {"billion", "", 0, 1000000000, 1},
    {"trillion", "", 0, 1000000000000, 1},
    {"dozen", "", 0, 12, 1},
    {"half halve", "", 0, 1, 2},
    {"third", "", 0, 1, 3},
    {"quarter fourth", "", 0, 1, 4},
    {"fifth", "", 0, 1, 5},
    {"sixth", "", 0, 1, 6},
    {"seventh", "", 0, 1, 7},
    {"eighth", "", 0, 1, 8},
    {"ninth", "", 0, 1, 9},
    {"tenth", "", 0, 1, 10},
    {"hundredth", "", 0, 1, 100},
    {"thousandth", "", 0, 1, 1000},
};

static bool has_word(const char *words, const char *word, size_t length) {
    for (const char *at = words; *at;) {
        const char *end = strchr(at, ' ');
        size_t n = end ? (size_t)(end - at) : strlen(at);
        if (n == length && memcmp(at, word, n) == 0) return true;
        at += n + (end != NULL);
    }
    return false;
}

static const measure *find_measure(const char *word, size_t length) {
    for (size_t i = 0; i < sizeof measures / sizeof *measures; i++)
        if (has_word(measures[i].words, word, length)) return &measures[i];
    return NULL;
}

static void append(char *key, size_t size, const char *text, size_t length) {
    size_t used = strlen(key);
    if (used + length + 1 > size) length = size - used - 1;
    memcpy(key + used, text, length);
    key[used + length] = 0;
}

static void multiply_power(fmpq_t factor, const measure *m, int power) {
    fmpq_t f;
    fmpq_init(f);
    fmpq_set_si(f, m->numerator, 1);
    fmpz_set_si(fmpq_denref(f), m->denominator);
    fmpq_canonicalise(f);
    fmpq_pow_si(f, f, power);
    fmpq_mul(factor, factor, f);
    fmpq_clear(f);
}

void unit_read(const char *text, unit *out) {
    out->key[0] = 0, out->known = true;
    fmpq_init(out->factor), fmpq_init(out->count);
    fmpq_one(out->factor), fmpq_one(out->count);
    if (strncmp(text, "a.m", 3) == 0 || strncmp(text, "p.m", 3) == 0) text = text[0] == 'a' ? "am" : "pm";
    bool under = false; // behind "per" or a slash
    int prefix = 0;     // square, cubic
    struct {
        const char *name;
        int power;
    } dimensions[8];
    size_t count = 0;
    const measure *last = NULL;
    for (const char *at = text; *at;) {
        if (*at == ' ' || *at == '.' || *at == ',' || *at == '-') {
            at++;
            continue;
        }
        if (*at == '/') {
            under = true, at++;
            continue;
        }
        size_t length = strcspn(at, " /^.,-");
        int power = 1;
        const char *next = at + length;
        if (*next == '^' && next[1] == '-' && next[2] >= '1' && next[2] <= '9')
            power = '0' - next[2], next += 3;
        else if (*next == '^' && next[1] >= '1' && next[1] <= '9')
            power = next[1] - '0', next += 2;
        else if (*next == '^')
            next++;
        if (has_word("per", at, length) || (has_word("a an", at, length) && count))
            under = true;
        else if (has_word("sq square", at, length))
            prefix = 2;
        else if (has_word("cu cubic", at, length))
            prefix = 3;
        else if (has_word("the of a an", at, length)) {
        } else if (count && last && has_word("squared cubed", at, length)) { // meters per second squared
            int more = has_word("squared", at, length) ? 1 : 2;
            multiply_power(out->factor, last, under ? -more : more);
            dimensions[count - 1].power += last->power * (under ? -more : more);
        } else {
            const measure *m = find_measure(at, length);
            size_t stem = length;
            if (!m && length > 2 && at[length - 1] == 's') m = find_measure(at, --stem);
            if (!m && has_word("mph", at, length)) { // the two speeds with names of their own
                fmpq_t f;
                fmpq_init(f);
                fmpq_set_si(f, 1609344, 3600000);
                fmpq_canonicalise(f);
                fmpq_mul(out->factor, out->factor, f);
                fmpq_clear(f);
                append(out->key, sizeof out->key, "length/time", 11);
            } else if (!m || count == 8) {
                out->known = false;
                if (out->key[0]) append(out->key, sizeof out->key, " ", 1);
                append(out->key, sizeof out->key, at, stem);
            } else {
                if (prefix && power == 1) power = prefix;
                multiply_power(out->factor, m, under ? -power : power);
                if (m->power == 0) multiply_power(out->count, m, under ? -power : power);
                last = m;
                if (m->power)
                    dimensions[count].name = m->dimension, dimensions[count++].power = m->power * (under ? -power : power);
            }
            prefix = 0;
        }
        at = next;
    }
    // length/time: equal dimensions joined, in order of appearance.
    for (size_t i = 0; i < count; i++) {
        int total = 0;
        bool seen = false;
        for (size_t j = 0; j < count; j++) {
            if (strcmp(dimensions[i].name, dimensions[j].name) != 0) continue;
            seen |= j < i;
            total += dimensions[j].power;
        }
        if (seen || total == 0) continue;
        char part[40];
        int n = total == 1    ? snprintf(part, sizeof part, "%s%s", out->key[0] ? "*" : "", dimensions[i].name)
                : total == -1 ? snprintf(part, sizeof part, "/%s", dimensions[i].name)
                              : snprintf(part, sizeof part, "%s%s^%d", out->key[0] ? "*" : "", dimensions[i].name, total);
        append(out->key, sizeof out->key, part, (size_t)n);
    }
}

void unit_clear(unit *u) { fmpq_clear(u->factor), fmpq_clear(u->count); }

bool unit_is_radian(const char *text) { return has_word("rad rads radian radians", text, strlen(text)); }

bool unit_is_number_word(const char *text, size_t length) {
    if (length > 2 && text[length - 1] == 's') length--;
    const measure *m = find_measure(text, length);
    return m && m->power == 0 && m->numerator > 1;
}

bool unit_is_hedge(const char *text) {
    bool verb = false, answer = false;
    for (const char *at = text; *at;) {
        size_t length = strcspn(at, " ,;()/-");
        if (has_word("or nor not no non minus negative about except either maybe than least most below under remainder factorial "
                     "wrong incorrect false",
                     at, length))
            return true;
        verb = verb || has_word("is are was were", at, length); // 5 is an upper bound
        answer = answer || has_word("answer answers correct right result solution value", at, length);
        if (at == text && has_word("squared cubed", at, length)) return true; // 5 squared
        bool exponent = at > text && (at[-1] == '^' || (at[-1] == '-' && at > text + 1 && at[-2] == '^'));
        if (length && at[0] >= '0' && at[0] <= '9' && !exponent) return true; // a second number
        at += length + (at[length] != 0);
    }
    return verb && !answer;
}
