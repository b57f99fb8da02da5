// Multiple choice, yes and no as answers. See phrase.h; called by equal.c before anything is parsed.
#include <string.h>
#include <strings.h>

#include "math/phrase.h"

static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

char phrase_choice_gold(const char *plain, size_t length) {
    char letter = 0;
    for (size_t i = 0; i < length; i++) {
        if (is_letter(plain[i])) {
            if (letter) return 0;
            letter = plain[i];
        } else if (!strchr(" ().", plain[i]) || !plain[i])
            return 0;
    }
    return letter >= 'A' && letter <= 'J' ? letter : 0;
}

char phrase_choice_text(const char *text, size_t length, size_t *begin, size_t *end) {
    static const char *const fonts[] = {"\\textbf{", "\\text{", "\\mathbf{", "\\mathrm{", "\\textrm{", "\\mbox{"};
    size_t at = 0;
    bool group = false;
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
    *end = length;
    for (;; at++) { // a space, or the end of the font, stands behind the letter
        if (at < length && group && text[at] == '}')
            group = false;
        else if (length - at >= 2 && text[at] == '\\' && memchr(" ,;:", text[at + 1], 4))
            at++;
        else if (at >= length || !memchr(" ~$", text[at], 3))
            break;
    }
    if (group && text[length - 1] == '}') --*end; // \text{(D) five}
    if (at == mark || at >= *end || memchr("+*/^=_(|!<>&.,;:)", text[at], 17)) return 0;
    if (text[at] == '-' && at + 1 < *end && text[at + 1] == ' ') return 0; // (A) - 1
    *begin = at;
    return letter;
}

// Whether the text behind a chosen letter names another one: "(A), (B)", "A. or B.", "C. 5 or D. 6".
static bool names_choice(const char *text, size_t length) {
    for (size_t i = 0; i < length; i++) {
        char before = i ? text[i - 1] : ' ', behind = i + 1 < length ? text[i + 1] : ' ';
        if (text[i] < 'A' || text[i] > 'J' || is_letter(before) || is_letter(behind)) continue;
        bool closed = behind == ')' || behind == '.' || behind == ':';
        bool last = true; // nothing but punctuation behind it
        for (size_t k = i + 1; k < length && last; k++) last = strchr(" .)*", text[k]) && text[k];
        bool joined = i == 0; // ", B", "or B", "and B", "/B"
        for (size_t k = i; k > 0 && !joined; k--) {
            if (text[k - 1] == ' ' || text[k - 1] == '(') continue;
            joined = strchr(",;/&", text[k - 1]) || (k >= 2 && strncasecmp(text + k - 2, "or", 2) == 0) ||
                     (k >= 3 && strncasecmp(text + k - 3, "and", 3) == 0);
            break;
        }
        if (closed || (joined && last)) return true;
    }
    return false;
}

char phrase_choice_answer(const char *plain, size_t length) {
    size_t at = 0;
    while (at < length && strchr(" *", plain[at]) && plain[at]) at++;
    static const char *const leads[] = {"option", "choice", "answer", NULL};
    for (size_t i = 0; leads[i]; i++) {
        size_t n = strlen(leads[i]);
        if (length - at > n && strncasecmp(plain + at, leads[i], n) == 0 && (plain[at + n] == ' ' || plain[at + n] == ':')) {
            at += n + 1;
            while (at < length && plain[at] == ' ') at++;
            break;
        }
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
    bool marked = open || (at < length && strchr(".:)", plain[at]) && plain[at]);
    if (marked && at < length) at++;
    if (marked && at < length && plain[at] && strchr("(^_/+-=!", plain[at])) return 0; // (a)(b + c) is a product
    size_t next = at;
    while (next < length && plain[next] == ' ') next++;
    if (next + 1 < length && plain[next] && strchr("^_/+-=!", plain[next]) && plain[next + 1] == ' ') return 0; // (a) - 1
    while (at < length && strchr(" *.", plain[at]) && plain[at]) at++;
    if (at < length && (!marked || names_choice(plain + at, length - at))) return 0;
    return letter >= 'a' ? (char)(letter - 32) : letter;
}

int phrase_yes_gold(const char *words) {
    if (strcmp(words, "yes") == 0 || strcmp(words, "true") == 0) return 1;
    return strcmp(words, "no") == 0 || strcmp(words, "false") == 0 ? -1 : 0;
}

// Whether a text is made of the words yes, no, true, false, or, and alone, of at least one of the first four.
static bool only_verdicts(const char *text, size_t length) {
    static const char *const words[] = {"yes", "no", "true", "false", "or", "and"};
    bool verdict = false;
    for (size_t at = 0; at < length;) {
        size_t end = at;
        while (end < length && is_letter(text[end])) end++;
        if (end == at) {
            at++;
            continue;
        }
        size_t which = 0;
        while (which < 6 && (strlen(words[which]) != end - at || strncasecmp(words[which], text + at, end - at) != 0)) which++;
        if (which == 6) return false;
        verdict = verdict || which < 4;
        at = end;
    }
    return verdict;
}

int phrase_yes_answer(const char *plain, size_t length) {
    size_t at = 0, end;
    while (at < length && strchr(" *\"'", plain[at]) && plain[at]) at++;
    for (end = at; end < length && is_letter(plain[end]); end++) continue;
    if (end < length && (!strchr(" .,;:!*\"'-", plain[end]) || !plain[end])) return 0;
    size_t n = end - at;
    if (only_verdicts(plain + end, length - end)) return 0; // "yes or no", "yes, no": no answer
    if ((n == 3 && strncasecmp(plain + at, "yes", n) == 0) || (n == 4 && strncasecmp(plain + at, "true", n) == 0)) return 1;
    return (n == 2 && strncasecmp(plain + at, "no", n) == 0) || (n == 5 && strncasecmp(plain + at, "false", n) == 0) ? -1 : 0;
}
