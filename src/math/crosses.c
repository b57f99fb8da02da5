// The sign \times where it is no product of numbers: between two vectors, \vec a \times \vec b and \nabla \times F, and between
// the sides of a matrix, \mathbb{R}^{m \times n} and M_{2 \times 3}. There it is read as \vectimes. See lexer_is_cross in
// lexer.h; called by lexer.c.
#include <string.h>

#include "math/lexer.h"

#define GROUP_MAX 128 // bytes of a group that is looked at

// What a letter stands behind where it is a vector.
static const char *const marks[] = {"\\vec", "\\mathbf", "\\boldsymbol", "\\bm", "\\hat", "\\overrightarrow", NULL};

static bool ends_with(const char *text, size_t end, const char *word) {
    size_t length = strlen(word);
    return end >= length && memcmp(text + end - length, word, length) == 0;
}

static bool begins_with(const char *text, size_t length, size_t at, const char *word) {
    size_t n = strlen(word);
    return length - at >= n && memcmp(text + at, word, n) == 0;
}

static size_t space_behind(const char *text, size_t end) {
    while (end > 0 && lexer_is_space(text[end - 1])) end--;
    return end;
}

// Whether the text up to `end` ends in a letter, or a group, with such a mark.
static bool vector_behind(const char *text, size_t end) {
    if (ends_with(text, end, "\\nabla")) return true;
    size_t at = end;
    if (at > 0 && text[at - 1] == '}') {
        int depth = 0;
        do {
            at--;
            depth += (text[at] == '}') - (text[at] == '{');
        } while (at > 0 && depth > 0 && end - at < GROUP_MAX);
        if (!lexer_is_letter(text[at + 1]) && text[at + 1] != '\\') return false; // \mathbf{2}
    } else if (at > 0 && lexer_is_letter(text[at - 1]))
        at--;
    else
        return false;
    at = space_behind(text, at);
    for (const char *const *mark = marks; *mark; mark++)
        if (ends_with(text, at, *mark)) return true;
    return false;
}

static bool vector_ahead(const char *text, size_t length, size_t at) {
    while (at < length && lexer_is_space(text[at])) at++;
    for (const char *const *mark = marks; *mark; mark++)
        if (begins_with(text, length, at, *mark)) {
            at += strlen(*mark);
            while (at < length && (lexer_is_space(text[at]) || text[at] == '{')) at++;
            return at < length && (lexer_is_letter(text[at]) || text[at] == '\\');
        }
    return begins_with(text, length, at, "\\nabla");
}

// Whether the text up to `end` ends in ^{m of \mathbb{R}^{m, or in M_{m.
static bool side_behind(const char *text, size_t end) {
    size_t at = end;
    while (at > 0 && (lexer_is_letter(text[at - 1]) || (text[at - 1] >= '0' && text[at - 1] <= '9'))) at--;
    if (at == end || (at = space_behind(text, at)) < 3 || text[at - 1] != '{') return false;
    if (text[at - 2] == '_') return lexer_is_letter(text[at - 3]) || text[at - 3] == '}';
    if (text[at - 2] != '^') return false;
    size_t base = space_behind(text, at - 2);
    if (base > 0 && text[base - 1] == '}') base--;
    return base > 1 && (ends_with(text, base - 1, "\\mathbb{") || ends_with(text, base - 1, "\\mathbb "));
}

bool lexer_is_cross(const char *text, size_t length, size_t begin, size_t end) {
    size_t behind = space_behind(text, begin);
    if (side_behind(text, behind)) return true;
    return ends_with(text, behind, "\\nabla") || (vector_behind(text, behind) && vector_ahead(text, length, end));
}
