// Multiple choice, yes and no as answers. See phrase.h; called by equal.c before anything is parsed.
#include <string.h>
#include <strings.h>

#include "math/phrase.h"
#include "math/words.h"

static bool among(char c, const char *set) { return c && strchr(set, c); }

char phrase_choice_gold(const char *plain, size_t length) {
    char letter = 0;
    for (size_t i = 0; i < length; i++) {
        if (lexer_is_letter(plain[i])) {
            if (letter) return 0;
            letter = plain[i];
        } else if (!strchr(" ().", plain[i]) || !plain[i])
            return 0;
    }
    return letter >= 'A' && letter <= 'J' ? letter : 0;
}

// Whether what stands behind "A." is mathematics, or a sentence: behind an initial (E. coli, J. Smith) stands a name.
static bool is_option(const char *text, size_t length) {
    size_t words = 0, first = 0;
    while (first < length && lexer_is_letter(text[first])) first++;
    for (size_t i = 0, run; i < length; i += run + 1) {
        for (run = 0; i + run < length && lexer_is_letter(text[i + run]);) run++;
        words += run >= 2;
    }
    return words >= 3 || first == 0 || (first == 1 && (length == 1 || text[1] != '.'));
}

// Where the text behind a letter and its mark begins: spaces and the ends of *open groups are skipped, and counted off. *end is
// in front of the ends of those that close behind the text: \text{(D) five}.
static size_t behind_letter(const char *text, size_t length, size_t at, size_t *open, size_t *end) {
    for (*end = length;; at++) {
        if (at < length && *open && text[at] == '}')
            --*open;
        else if (length - at >= 2 && text[at] == '\\' && memchr(" ,;:)", text[at + 1], 5))
            at++;
        else if (at >= length || !memchr(" ~$*", text[at], 4))
            break;
    }
    for (size_t left = *open; left && *end > at && text[*end - 1] == '}'; left--) --*end;
    return at;
}

char phrase_choice_text(const char *text, size_t length, size_t *begin, size_t *end) {
    static const char *const fonts[] = {"\\textbf{", "\\text{", "\\mathbf{", "\\mathrm{", "\\textrm{", "\\mbox{"};
    size_t at = 0;
    size_t group = 0; // 1 inside of a font
    while (at < length && (text[at] == ' ' || text[at] == '$')) at++;
    for (size_t i = 0; i < sizeof fonts / sizeof *fonts && !group; i++) {
        size_t n = strlen(fonts[i]);
        group = length - at > n && memcmp(text + at, fonts[i], n) == 0;
        if (group) at += n;
    }
    bool round = at < length && text[at] == '(';
    at += round;
    char letter = at < length ? text[at] : 0;
    if (letter < 'A' || letter > 'J' || ++at >= length) return 0;
    if (round ? text[at] != ')' : !(text[at] == '.' || text[at] == ')' || text[at] == ':')) return 0;
    size_t mark = ++at;
    at = behind_letter(text, length, at, &group, end);
    if (at == mark || at >= *end || memchr("+*/^=_(|!<>&.,;:)", text[at], 17)) return 0;
    if (text[at] == '-' && at + 1 < *end && text[at + 1] == ' ') return 0; // (A) - 1
    if (text[mark - 1] == '.' && !round && !is_option(text + at, *end - at)) return 0;
    *begin = at;
    return letter;
}

// The word that ends in front of `end`, spaces and opening brackets skipped; *length 0 where something else stands there.
static const char *word_before(const char *text, size_t end, size_t *length) {
    while (end > 0 && among(text[end - 1], " ([{")) end--;
    size_t begin = end;
    while (begin > 0 && lexer_is_letter(text[begin - 1])) begin--;
    *length = end - begin;
    return text + (*length || end == 0 ? begin : end - 1);
}

// Whether the text behind a chosen letter names another one: "(A), (B)", "a) or b)", "A. or B.", "C. 5 or D. 6".
static bool names_choice(const char *text, size_t length) {
    static const char *const joints[] = {"or", "and", NULL};
    for (size_t i = 0; i < length; i++) {
        char before = i ? text[i - 1] : ' ', behind = i + 1 < length ? text[i + 1] : ' ';
        bool capital = text[i] >= 'A' && text[i] <= 'J', small = text[i] >= 'a' && text[i] <= 'j';
        if ((!capital && !small) || lexer_is_letter(before) || lexer_is_letter(behind)) continue;
        bool called = i > 1 && among(before, "([{") && !among(text[i - 2], " ,;/&([{"); // f(a)
        bool closed = among(behind, ")]}") || (capital && among(behind, ".:"));
        bool last = true; // nothing but punctuation behind it
        for (size_t k = i + 1; k < length && last; k++) last = among(text[k], " .)]*");
        size_t n;
        const char *joint = word_before(text, i, &n); // ", B", "or B", "and B", "/B"
        bool joined = i == 0 || (n ? word_among(joints, joint, n) : joint == text || among(*joint, ",;/&"));
        if ((closed && !called) || (joined && last)) return true;
    }
    return false;
}

// (A) is wrong; "not enough is known" may be what an option says.
static bool denies(const char *text) {
    size_t first = 0;
    while (lexer_is_letter(text[first])) first++;
    return word_among((const char *const[]){"is", "isn", "was", "cannot", "wrong", "incorrect", NULL}, text, first) &&
           phrase_denies(text);
}

// The letter that leads an answer: C, (C), c, "C. text", "option C". *behind is the length of the letter and its mark; *product
// where they may be factors or terms of what follows: (a)(b + c), (a) - 1.
static char leading_letter(const char *plain, size_t length, size_t *behind, bool *product) {
    size_t at = 0;
    while (at < length && among(plain[at], " *")) at++;
    size_t lead = at;
    while (lead < length && lexer_is_letter(plain[lead])) lead++;
    if (word_among((const char *const[]){"option", "choice", "answer", NULL}, plain + at, lead - at) && lead < length &&
        among(plain[lead], " :")) {
        at = lead + 1;
        while (at < length && plain[at] == ' ') at++;
    }
    bool open = at < length && (plain[at] == '(' || plain[at] == '[');
    char closing = open && plain[at] == '[' ? ']' : ')';
    if (open) at++;
    while (at < length && plain[at] == ' ') at++;
    if (at >= length) return 0;
    char letter = plain[at];
    if (!((letter >= 'A' && letter <= 'J') || (letter >= 'a' && letter <= 'j'))) return 0;
    at++;
    while (at < length && plain[at] == ' ' && open) at++;
    if (open && (at >= length || plain[at] != closing)) return 0;
    bool marked = open || (at < length && among(plain[at], ".:)"));
    if (marked && at < length) at++;
    size_t next = at;
    while (next < length && plain[next] == ' ') next++;
    *product = (at < length && among(plain[at], "(^_/+-=!")) ||
               (next + 1 < length && among(plain[next], "^_/+-=!") && plain[next + 1] == ' ');
    *behind = at;
    while (at < length && among(plain[at], " *.")) at++;
    return at < length && !marked ? 0 : letter >= 'a' ? (char)(letter - 32) : letter;
}

char phrase_choice_answer(const char *plain, size_t length) {
    size_t at;
    bool product;
    char letter = leading_letter(plain, length, &at, &product);
    if (!letter || product) return 0;
    return names_choice(plain + at, length - at) || denies(plain + at + strspn(plain + at, " *.")) ? 0 : letter;
}

char phrase_choice_said(const char *text, size_t length, const char *plain, size_t plain_length, size_t *begin, size_t *end) {
    size_t behind, at = 0, open = 0;
    bool product;
    char letter = leading_letter(plain, plain_length, &behind, &product);
    for (size_t i = 0; i < behind && letter; i++) { // the same signs, with the fonts and groups between them
        if (plain[i] == ' ') continue;
        for (; at < length && text[at] != plain[i]; at++) {
            open += text[at] == '{';
            open -= text[at] == '}' && open;
            if (text[at] == '\\')
                for (at++; at + 1 < length && lexer_is_letter(text[at]) && lexer_is_letter(text[at + 1]);) at++;
        }
        at += at < length;
    }
    if (!letter) return 0;
    for (bool mark = true; mark;) { // (A), 42
        at = behind_letter(text, length, at, &open, end);
        mark = at < *end &&
               (among(text[at], ",:;") || (text[at] == '.' && !(at + 1 < *end && text[at + 1] >= '0' && text[at + 1] <= '9')));
        at += mark;
    }
    *begin = at;
    return letter;
}

static int verdict_of(const char *word, size_t length) {
    if (word_among((const char *const[]){"yes", "true", NULL}, word, length)) return 1;
    return word_among((const char *const[]){"no", "false", NULL}, word, length) ? -1 : 0;
}

int phrase_yes_gold(const char *words) { return verdict_of(words, strlen(words)); }

// Whether what follows speaks of the verdict as of a word: "no is wrong", "no, which is wrong". "No, it is wrong" affirms it.
static bool speaks_of_it(const char *text) {
    size_t begin = strspn(text, " \"'*"), end = begin;
    while (lexer_is_letter(text[end])) end++;
    return word_among((const char *const[]){"is", "isn", "was", "wasn", NULL}, text + begin, end - begin) ||
           strncmp(text + begin, ", which ", 8) == 0;
}

// Whether a verdict is taken back, held under a condition, or made of several: "yes or no", "Yes is wrong", "yes if n is even". A
// reason may deny and suppose: "Yes, because 7 is not even". `said`: the verdict in front of the text.
static bool takes_back(const char *text, size_t length, int said) {
    static const char *const reasons[] = {"because", "since", NULL};
    static const char *const conditions[] = {"if",       "unless",   "otherwise", "only",      "when",   "whenever",
                                             "provided", "assuming", "except",    "sometimes", "maybe",  "perhaps",
                                             "wait",     "partly",   "partially", "usually",   "mostly", "often",
                                             "some",     "sort",     "long",      NULL};
    bool reason = false, negated = false; // by the word in front: "not true"
    for (size_t at = 0; at < length;) {
        size_t end = at;
        while (end < length && lexer_is_letter(text[end])) end++;
        if (end == at) {
            at++;
            continue;
        }
        int verdict = verdict_of(text + at, end - at);
        bool noun = end - at == 2 && end + 1 < length && text[end] == ' ' && lexer_is_letter(text[end + 1]); // no solution
        bool contracted = end == at + 1 && text[at] == 't' && at > 0 && text[at - 1] == '\'';                // isn't true
        bool denial = contracted || word_denies(text + at, end - at);
        if (negated) verdict = -verdict;
        if (verdict == -said && !noun) return true;
        if (!reason && ((denial && !verdict && (said > 0 || speaks_of_it(text))) || word_among(conditions, text + at, end - at)))
            return true;
        reason = reason || word_among(reasons, text + at, end - at);
        negated = denial || (negated && word_among((const char *const[]){"always", "necessarily", NULL}, text + at, end - at));
        at = end;
    }
    return false;
}

int phrase_yes_answer(const char *plain, size_t length) {
    size_t at = 0, end;
    while (at < length && strchr(" *\"'", plain[at]) && plain[at]) at++;
    for (end = at; end < length && lexer_is_letter(plain[end]); end++) continue;
    if (end < length && (!strchr(" .,;:!*\"'-", plain[end]) || !plain[end])) return 0;
    size_t n = end - at;
    int said = verdict_of(plain + at, n);
    return said && takes_back(plain + end, length - end, said) ? 0 : said;
}
