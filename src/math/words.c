// Tables of LaTeX commands, functions, Greek letters and ordinary words. See words.h.
#include "math/words.h"

#include <string.h>
#include <strings.h>

const char *const words_greek[] = {"alpha", "beta",  "gamma", "delta", "theta",   "lambda", "mu",
                                   "rho",   "sigma", "tau",   "omega", "epsilon", NULL};

const char *const words_spacing[] = {
    "left",         "right",     "middle",      "big",        "Big",          "bigg",       "Bigg",       "bigl",      "bigr",
    "Bigl",         "Bigr",      "biggl",       "biggr",      "Biggl",        "Biggr",      "bigm",       "quad",      "qquad",
    "displaystyle", "textstyle", "scriptstyle", "limits",     "nolimits",     "hspace",     "vspace",     "phantom",   "hfill",
    "thinspace",    "medspace",  "enspace",     "thickspace", "negthinspace", "nonumber",   "notag",      "mathstrut", "strut",
    "label",        "color",     "textcolor",   "hline",      "null",         "space",      "normalsize", "large",     "Large",
    "small",        "bf",        "rm",          "it",         "centering",    "allowbreak", "nobreak",    "relax",     "cdotp",
    "therefore",    "because",   "checkmark",   NULL};

static const char *const denials[] = {"not", "never", "cannot", "wrong", "incorrect", "false",
                                      "isn", "aren",  "wasn",   "doesn", NULL};
static const char *const negations[] = {"non", "no", "minus", "without", "negative", NULL};

bool word_denies(const char *text, size_t length) { return word_among(denials, text, length); }

bool word_negates(const char *text, size_t length) { return word_denies(text, length) || word_among(negations, text, length); }

const char *const words_other[] = {
    "or",     "nor",       "and",       "plus",          "over",       "under",      "above",     "below",     "to",
    "from",   "out",       "than",      "then",          "but",        "choose",     "divided",   "mod",       "modulo",
    "power",  "root",      "doubled",   "tripled",       "halved",     "off",        "repeating", "recurring", "twice",
    "thrice", "about",     "except",    "either",        "neither",    "maybe",      "perhaps",   "least",     "most",
    "almost", "nearly",    "roughly",   "around",        "between",    "into",       "until",     "if",        "when",
    "unless", "remainder", "factorial", "approximately", "multiplied", "subtracted", "increased", "decreased", "raised",
    NULL};

bool word_in(const char *const *list, const char *text, size_t length) {
    for (; length && *list; list++)
        if (**list == *text && strlen(*list) == length && memcmp(*list, text, length) == 0) return true;
    return false;
}

bool word_among(const char *const *list, const char *text, size_t length) {
    char small[24];
    if (length >= sizeof small) return false;
    for (size_t i = 0; i < length; i++) small[i] = text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] + 32) : text[i];
    return word_in(list, small, length);
}

size_t word_singular(const char *text, size_t length) {
    return length > 2 && (text[length - 1] | 32) == 's' ? length - 1 : length;
}

typedef struct vocabulary {
    const char *word;
    token_kind kind;
    int code;
    const char *canonical; // NULL: the word itself
    bool plain;            // known without a backslash too
} vocabulary;

#define NAME(word, plain)                                                                                                        \
    { word, TOKEN_NAME, 0, NULL, plain }
#define FUNC(word, plain)                                                                                                        \
    { word, TOKEN_FUNCTION, 0, NULL, plain }
#define REL(word, code)                                                                                                          \
    { word, TOKEN_RELATION, code, NULL, false }
#define KIND(word, kind)                                                                                                         \
    { word, kind, 0, NULL, false }

static const vocabulary table[] = {
    {"frac", TOKEN_FRACTION, 0, NULL, false},
    {"dfrac", TOKEN_FRACTION, 0, "frac", false},
    {"tfrac", TOKEN_FRACTION, 0, "frac", false},
    {"cfrac", TOKEN_FRACTION, 0, "frac", false},
    {"sfrac", TOKEN_FRACTION, 0, "frac", false},
    {"nicefrac", TOKEN_FRACTION, 0, "frac", false},
    {"sqrt", TOKEN_ROOT, 0, NULL, true},
    {"surd", TOKEN_ROOT, 0, "sqrt", false},
    {"cbrt", TOKEN_ROOT, 3, "cbrt", true},
    {"binom", TOKEN_BINOMIAL, 0, NULL, false},
    {"dbinom", TOKEN_BINOMIAL, 0, "binom", false},
    {"tbinom", TOKEN_BINOMIAL, 0, "binom", false},
    {"angle", TOKEN_NAME, 'V', NULL, false}, // with the vertices behind it one name: \angle ABC
    {"measuredangle", TOKEN_NAME, 'V', "angle", false},
    {"triangle", TOKEN_NAME, 'V', NULL, false},
    NAME("pi", true),
    NAME("alpha", true),
    NAME("beta", true),
    NAME("gamma", true),
    NAME("delta", true),
    NAME("epsilon", true),
    NAME("zeta", false),
    NAME("eta", false),
    NAME("theta", true),
    NAME("iota", false),
    NAME("kappa", true),
    NAME("lambda", true),
    NAME("mu", true),
    NAME("nu", false),
    NAME("xi", false),
    NAME("rho", true),
    NAME("sigma", true),
    NAME("tau", true),
    NAME("upsilon", false),
    NAME("phi", true),
    NAME("chi", false),
    NAME("psi", true),
    NAME("omega", true),
    NAME("Gamma", true),
    NAME("Delta", true),
    NAME("Theta", true),
    NAME("Lambda", true),
    NAME("Xi", false),
    NAME("Pi", false),
    NAME("Sigma", true),
    NAME("Phi", true),
    NAME("Psi", true),
    NAME("Omega", true),
    NAME("Upsilon", false),
    {"varepsilon", TOKEN_NAME, 0, "epsilon", false},
    {"varphi", TOKEN_NAME, 0, "phi", false},
    {"vartheta", TOKEN_NAME, 0, "theta", false},
    {"varrho", TOKEN_NAME, 0, "rho", false},
    {"varsigma", TOKEN_NAME, 0, "sigma", false},
    {"varpi", TOKEN_NAME, 0, "varpi", false},
    {"ell", TOKEN_NAME, 0, "ell", false},
    {"hbar", TOKEN_NAME, 0, "hbar", false},
    {"infty", TOKEN_NAME, 0, "infinity", false},
    {"infinity", TOKEN_NAME, 0, "infinity", true},
    {"inf", TOKEN_NAME, 0, "infinity", true},
    {"oo", TOKEN_NAME, 0, "infinity", true},
    {"aleph", TOKEN_NAME, 0, "aleph", false},
    {"beth", TOKEN_NAME, 0, "beth", false},
    {"emptyset", TOKEN_NAME, 0, "emptyset", false},
    {"varnothing", TOKEN_NAME, 0, "emptyset", false},
    {"imath", TOKEN_NAME, 0, "i", false},
    {"jmath", TOKEN_NAME, 0, "j", false},
    {"mathi", TOKEN_NAME, 0, "i", false},
    {"nabla", TOKEN_NAME, 0, "nabla", false},
    {"partial", TOKEN_NAME, 0, "partial", false},
    {"top", TOKEN_NAME, 0, "top", false},
    {"bot", TOKEN_NAME, 0, "bot", false},
    {"dagger", TOKEN_NAME, 0, "dagger", false},
    {"degree", TOKEN_DEGREE, 0, NULL, false},
    {"circ", TOKEN_BINARY, 0, "circ", false},
    {"textdegree", TOKEN_DEGREE, 0, "degree", false},
    {"prime", TOKEN_PRIME, 0, NULL, false},
    {"N", TOKEN_NAME, 0, "mathbb N", false},
    {"Z", TOKEN_NAME, 0, "mathbb Z", false},
    {"Q", TOKEN_NAME, 0, "mathbb Q", false},
    {"R", TOKEN_NAME, 0, "mathbb R", false},
    {"C", TOKEN_NAME, 0, "mathbb C", false},
    {"Re", TOKEN_FUNCTION, 0, "re", false},
    {"re", TOKEN_FUNCTION, 0, NULL, false},
    {"im", TOKEN_FUNCTION, 0, NULL, false},
    {"Im", TOKEN_FUNCTION, 0, "im", false},
    FUNC("sin", true),
    FUNC("cos", true),
    FUNC("tan", true),
    FUNC("cot", true),
    FUNC("sec", true),
    FUNC("csc", true),
    FUNC("arcsin", true),
    FUNC("arccos", true),
    FUNC("arctan", true),
    FUNC("arccot", true),
    FUNC("arcsec", true),
    FUNC("arccsc", true),
    FUNC("sinh", true),
    FUNC("cosh", true),
    FUNC("tanh", true),
    FUNC("coth", true),
    FUNC("sech", true),
    FUNC("csch", true),
    FUNC("arcsinh", true),
    FUNC("arccosh", true),
    FUNC("arctanh", true),
    FUNC("ln", true),
    FUNC("log", true),
    FUNC("lg", false),
    FUNC("exp", true),
    FUNC("max", true),
    FUNC("min", true),
    FUNC("gcd", true),
    FUNC("lcm", true),
    FUNC("det", true),
    FUNC("dim", true),
    FUNC("ker", true),
    FUNC("deg", false),
    FUNC("arg", true),
    FUNC("Pr", false),
    FUNC("hom", false),
    {"cis", TOKEN_FUNCTION, 0, NULL, true},
    FUNC("sup", true),
    FUNC("tr", false),
    FUNC("rank", true),
    FUNC("sgn", true),
    FUNC("sign", true),
    {"asin", TOKEN_FUNCTION, 0, "arcsin", true},
    {"acos", TOKEN_FUNCTION, 0, "arccos", true},
    {"atan", TOKEN_FUNCTION, 0, "arctan", true},
    {"arsinh", TOKEN_FUNCTION, 0, "arcsinh", true},
    {"arcosh", TOKEN_FUNCTION, 0, "arccosh", true},
    {"artanh", TOKEN_FUNCTION, 0, "arctanh", true},
    {"tg", TOKEN_FUNCTION, 0, "tan", false},
    {"ctg", TOKEN_FUNCTION, 0, "cot", false},
    {"arctg", TOKEN_FUNCTION, 0, "arctan", true},
    {"cosec", TOKEN_FUNCTION, 0, "csc", true},
    {"abs", TOKEN_FUNCTION, 0, NULL, true},
    {"floor", TOKEN_FUNCTION, 0, NULL, true},
    {"ceil", TOKEN_FUNCTION, 0, NULL, true},
    {"factorial", TOKEN_FUNCTION, 0, NULL, true},
    REL("le", MATH_LE),
    REL("leq", MATH_LE),
    REL("leqslant", MATH_LE),
    REL("ge", MATH_GE),
    REL("geq", MATH_GE),
    REL("geqslant", MATH_GE),
    REL("lt", MATH_LT),
    REL("gt", MATH_GT),
    REL("ne", MATH_NE),
    REL("neq", MATH_NE),
    REL("approx", MATH_APPROX),
    REL("simeq", MATH_APPROX),
    REL("doteq", MATH_APPROX),
    REL("in", MATH_IN),
    REL("notin", MATH_NOT_IN),
    REL("subset", MATH_SUBSET),
    REL("subseteq", 'u'),
    REL("equiv", MATH_CONGRUENT),
    REL("to", MATH_TO),
    REL("rightarrow", MATH_TO),
    REL("mapsto", MATH_TO),
    REL("longrightarrow", MATH_TO),
    REL("implies", MATH_IMPLIES),
    REL("Rightarrow", MATH_IMPLIES),
    REL("Longrightarrow", MATH_IMPLIES),
    REL("iff", 'f'),
    REL("Leftrightarrow", 'f'),
    REL("sim", 'S'),
    REL("cong", 'C'),
    REL("propto", 'P'),
    REL("ll", 'L'),
    REL("gg", 'G'),
    REL("perp", 'T'),
    REL("parallel", 'H'),
    REL("coloneqq", MATH_EQ),
    REL("supset", 'D'),
    REL("supseteq", 'E'),
    REL("prec", 'B'),
    REL("succ", 'A'),
    REL("asymp", 'Y'),
    REL("ni", 'N'),
    KIND("times", TOKEN_TIMES),
    KIND("cdot", TOKEN_TIMES),
    KIND("ast", TOKEN_TIMES),
    KIND("bullet", TOKEN_TIMES),
    KIND("div", TOKEN_DIVIDE),
    {"over", TOKEN_OVER, '/', NULL, false},
    {"choose", TOKEN_OVER, 'C', NULL, false},
    KIND("slash", TOKEN_DIVIDE),
    KIND("pm", TOKEN_PLUS_MINUS),
    {"mp", TOKEN_PLUS_MINUS, 1, NULL, false},
    KIND("cup", TOKEN_CUP),
    KIND("bigcup", TOKEN_CUP),
    KIND("cap", TOKEN_CAP),
    KIND("bigcap", TOKEN_CAP),
    KIND("setminus", TOKEN_SETMINUS),
    KIND("smallsetminus", TOKEN_SETMINUS),
    KIND("backslash", TOKEN_SETMINUS),
    KIND("mid", TOKEN_MID),
    KIND("vert", TOKEN_BAR),
    {"lvert", TOKEN_BAR, 'l', NULL, false},
    {"rvert", TOKEN_BAR, 'r', NULL, false},
    KIND("Vert", TOKEN_DOUBLE_BAR),
    {"lVert", TOKEN_DOUBLE_BAR, 'l', NULL, false},
    {"rVert", TOKEN_DOUBLE_BAR, 'r', NULL, false},
    {"land", TOKEN_BINARY, 'a', "wedge", false},
    {"wedge", TOKEN_BINARY, 'a', NULL, false},
    {"lor", TOKEN_BINARY, 'o', "vee", false},
    {"vee", TOKEN_BINARY, 'o', NULL, false},
    KIND("colon", TOKEN_COLON),
    KIND("cr", TOKEN_ROW),
    KIND("bmod", TOKEN_MODULUS),
    {"mod", TOKEN_MODULUS, 0, NULL, true},
    {"pmod", TOKEN_MODULUS, 'p', NULL, false},
    {"oplus", TOKEN_BINARY, 0, NULL, false},
    {"vectimes", TOKEN_BINARY, 0, NULL, false}, // also \times between vectors
    {"otimes", TOKEN_BINARY, 0, NULL, false},
    {"rtimes", TOKEN_BINARY, 0, NULL, false},
    {"star", TOKEN_STAR, 0, NULL, false},
    {"lbrace", TOKEN_OPEN, 'S', NULL, false},
    {"rbrace", TOKEN_CLOSE, 'S', NULL, false},
    {"lbrack", TOKEN_OPEN, '[', NULL, false},
    {"rbrack", TOKEN_CLOSE, '[', NULL, false},
    {"langle", TOKEN_OPEN, '<', NULL, false},
    {"rangle", TOKEN_CLOSE, '<', NULL, false},
    {"lfloor", TOKEN_OPEN, 'F', NULL, false},
    {"rfloor", TOKEN_CLOSE, 'F', NULL, false},
    {"lceil", TOKEN_OPEN, 'C', NULL, false},
    {"rceil", TOKEN_CLOSE, 'C', NULL, false},
    {"sum", TOKEN_BIG, 0, NULL, false},
    {"prod", TOKEN_BIG, 0, NULL, false},
    {"int", TOKEN_BIG, 0, NULL, false},
    {"oint", TOKEN_BIG, 0, NULL, false},
    {"iint", TOKEN_BIG, 0, NULL, false},
    {"lim", TOKEN_BIG, 0, NULL, false},
    {"limsup", TOKEN_BIG, 0, NULL, false},
    {"liminf", TOKEN_BIG, 0, NULL, false},
    {"vec", TOKEN_DECORATION, 0, NULL, false},
    {"overrightarrow", TOKEN_DECORATION, 0, "vec", false},
    {"overline", TOKEN_DECORATION, 0, NULL, false},
    {"bar", TOKEN_DECORATION, 0, "overline", false},
    {"hat", TOKEN_DECORATION, 0, NULL, false},
    {"widehat", TOKEN_DECORATION, 0, "hat", false},
    {"tilde", TOKEN_DECORATION, 0, NULL, false},
    {"widetilde", TOKEN_DECORATION, 0, "tilde", false},
    {"dot", TOKEN_DECORATION, 0, NULL, false},
    {"ddot", TOKEN_DECORATION, 0, NULL, false},
    KIND("ldots", TOKEN_DOTS),
    KIND("cdots", TOKEN_DOTS),
    KIND("dots", TOKEN_DOTS),
    KIND("dotsc", TOKEN_DOTS),
    KIND("dotsb", TOKEN_DOTS),
    KIND("vdots", TOKEN_DOTS),
    KIND("ddots", TOKEN_DOTS),
    {"textdollar", TOKEN_CURRENCY, 0, "dollar", false},
    {"pounds", TOKEN_CURRENCY, 0, "sterling", false},
    {"euro", TOKEN_CURRENCY, 0, NULL, false},
    {"yen", TOKEN_CURRENCY, 0, NULL, false},
    {"rupee", TOKEN_CURRENCY, 0, NULL, false},
};

token_kind word_lookup(const char *text, size_t length, bool command, const char **canonical, int *code) {
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const vocabulary *v = &table[i];
        if (v->word[0] != text[0] || (!command && !v->plain) || strlen(v->word) != length || memcmp(v->word, text, length) != 0)
            continue;
        *canonical = v->canonical ? v->canonical : v->word, *code = v->code;
        return v->kind;
    }
    return TOKEN_BAD;
}

const char *word_of_relation(int code) {
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].kind == TOKEN_RELATION && table[i].code == code) return table[i].word;
    return "sim";
}

static const char *const short_words[] = { // of two or three letters: units first, then ordinary words
    "cm",  "mm",  "km",  "nm",  "kg",  "mg",  "ml",  "mL",  "dl",  "cl",   "ft",  "lb",  "oz",  "yd",  "mi",  "hr",
    "pm",  "am",  "PM",  "AM",  "Hz",  "kW",  "kJ",  "Pa",  "lbs", "hrs",  "min", "sec", "mph", "kph", "kmh", "kmph",
    "day", "yrs", "deg", "pct", "sq",  "cu",  "gal", "rad", "mol", "mins", "USD", "EUR", "yes", "no",  "the", "and",
    "for", "all", "are", "any", "is",  "it",  "if",  "of",  "or",  "to",   "as",  "at",  "by",  "on",  "we",  "one",
    "two", "six", "ten", "red", "odd", "not", "per", "men", "box", "boy",  "cat", "dog", "pen", "cup", "egg", "year",
    "in",  "so",  "No",  "Yes", "The", "If",  "It",  "YES", "NO",  "AND",  "OR",  "DNE", "Mon", "Tue", "Wed", "Thu",
    "Fri", "Sat", "Sun", "May", "Jan", "Feb", "Mar", "Apr", "Jun", "Jul",  "Aug", "Sep", "Oct", "Nov", "Dec", "non",
    "has", "can", "inf", "new", "old", "big", "top", "low", "Red", "km²",  NULL};

bool word_is_language(const char *text, size_t length) {
    if (length < 2) return false;
    if (word_in(short_words, text, length)) return true;
    if (length < 4) return false;
    size_t vowels = 0;
    for (size_t i = 0; i < length; i++) vowels += memchr("aeiouyAEIOUY", text[i], 12) != NULL;
    return vowels > 0;
}

bool word_is_abbreviation(const char *text, size_t length) {
    static const char *const units[] = {"in", "ft",  "yd", "mi", "oz",  "lb",  "lbs", "sq",  "cu",  "hr",   "hrs",
                                        "cm", "min", "mm", "km", "sec", "gal", "kg",  "deg", "yrs", "mins", NULL};
    return word_in(units, text, length);
}

static bool same(const char *text, size_t length, const char *word) {
    return strlen(word) == length && strncasecmp(text, word, length) == 0;
}

word_meaning word_role(const char *text, size_t length) {
    if (same(text, length, "and")) return WORD_AND;
    if (same(text, length, "or")) return WORD_OR;
    if (same(text, length, "in")) return WORD_IN;
    if (same(text, length, "mod")) return WORD_MOD;
    if (same(text, length, "percent") || same(text, length, "pct") || same(text, length, "per cent")) return WORD_PERCENT;
    if (same(text, length, "degrees") || same(text, length, "degree") || same(text, length, "deg")) return WORD_DEGREES;
    return WORD_PLAIN;
}

font_kind word_font(const char *text, size_t length) {
    static const char *const words[] = {"text",   "mbox",   "hbox",       "textbf", "textrm", "textit",
                                        "texttt", "textsf", "textnormal", "textup", NULL};
    static const char *const letters[] = {"mathrm", "operatorname",  "mathit", "mathsf", "mathtt",
                                          "mathop", "operatorname*", "textsc", NULL};
    static const char *const alphabets[] = {"mathbb", "mathfrak", "mathscr", NULL};
    static const char *const transparent[] = {"mathbf",     "boldsymbol",   "bm",      "mathcal",   "boxed",     "fbox",
                                              "ensuremath", "mathbin",      "mathrel", "mathopen",  "mathclose", "pmb",
                                              "mathnormal", "displaylines", "smash",   "underline", NULL};
    if (word_in(words, text, length)) return FONT_WORDS;
    if (word_in(letters, text, length)) return FONT_LETTERS;
    if (word_in(alphabets, text, length)) return FONT_ALPHABET;
    if (word_in(transparent, text, length)) return FONT_TRANSPARENT;
    return FONT_NONE;
}

size_t math_font_head(const char *text, size_t length) {
    size_t end = 1;
    while (end < length && lexer_is_letter(text[end])) end++;
    if (end >= length || text[0] != '\\' || text[end] != '{') return 0;
    font_kind font = word_font(text + 1, end - 1);
    return font == FONT_WORDS || font == FONT_LETTERS ? end + 1 : 0;
}
