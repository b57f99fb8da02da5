// Tokens of mathematical text: LaTeX, Unicode and plain spelling brought to one alphabet. For the files of math/ only.
#ifndef DSDR_MATH_LEXER_H
#define DSDR_MATH_LEXER_H

#include <string.h>

#include "base/buffer.h"
#include "math/expression.h"

typedef enum token_kind {
    TOKEN_END,
    TOKEN_BAD,      // NUL, a control character, an unknown command: never part of mathematics
    TOKEN_NUMBER,   // text: digits with at most one '.', thousands separators gone
    TOKEN_NAME,     // one symbol; text: "x", "alpha", "pi", "infinity", "mathbb R"
    TOKEN_WORD,     // several letters that are no product: words of \text{} and plain words, as written
    TOKEN_FUNCTION, // text: "sin", "log", "max", ...
    TOKEN_RELATION, // code: math_relation
    TOKEN_PLUS,
    TOKEN_MINUS,
    TOKEN_PLUS_MINUS,
    TOKEN_TIMES,
    TOKEN_DIVIDE,
    TOKEN_OVER, // {a \over b}, {n \choose k}: all of the group; code: / or C
    TOKEN_CARET,
    TOKEN_UNDERSCORE,
    TOKEN_BINARY, // an operator without meaning here, binding like a product; text: its name; code: 'a', 'o' of \land, \lor
    TOKEN_BANG,
    TOKEN_PERCENT,
    TOKEN_DEGREE,
    TOKEN_PRIME,
    TOKEN_OPEN,  // code: one of ( [ { S (set brace) < (angle) F (floor) C (ceiling)
    TOKEN_CLOSE, // code: the matching opening one
    TOKEN_BAR,
    TOKEN_DOUBLE_BAR,
    TOKEN_MID,
    TOKEN_COMMA,
    TOKEN_SEMICOLON,
    TOKEN_COLON,
    TOKEN_AND,
    TOKEN_OR,
    TOKEN_CUP,
    TOKEN_CAP,
    TOKEN_SETMINUS,
    TOKEN_FRACTION,
    TOKEN_ROOT,
    TOKEN_BINOMIAL,
    TOKEN_BIG,        // text: "sum", "prod", "int", "lim"
    TOKEN_DECORATION, // text: "vec", "overline", "hat", ...
    TOKEN_BEGIN,
    TOKEN_FINISH, // \begin{text}, \end{text}
    TOKEN_AMPERSAND,
    TOKEN_ROW,
    TOKEN_MODULUS, // \bmod, \pmod; code 'p' when the command brings its own parentheses
    TOKEN_DOTS,
    TOKEN_CURRENCY, // text: "dollar", "euro", "pound"
    TOKEN_STAR,     // a star that is no product: x^*
    TOKEN_SKIPPED,  // a change of font: lexer_next goes on behind it
} token_kind;

#define TOKEN_UPRIGHT 'U'  // code of a name that stood in \mathrm{}: a unit, where one may stand
#define TOKEN_OPERATOR 'O' // code of a letter that stood in \operatorname{}: before brackets it is called

typedef struct token {
    token_kind kind;
    int code;
    const char *text; // length bytes, not NUL-terminated; in the source, in `spare`, or static
    uint32_t length;
    uint32_t start, end; // bytes of the transcribed source
    bool space;          // white space stands in front of it
    bool plain;          // of a number: it was read with a plain thousands comma
} token;

typedef struct lexer {
    const char *text; // ASCII, and bytes >= 0x80 only where no transcription is known
    size_t length, position;
    int brackets; // round, square and set brackets that are open: there `1,234` is two members
    buffer owned; // the transcription, if one was needed
    buffer spare; // cleaned numbers; reserved once, so that it never moves
} lexer;

// Prepares reading `length` bytes. STATUS_NO_MEMORY is the only failure. Close in every case.
status lexer_open(lexer *lx, const char *text, size_t length);
void lexer_close(lexer *lx);

// crosses.c: whether the \times from `begin` to `end` keeps its sides apart and in order, as between vectors: \vectimes.
bool lexer_is_cross(const char *text, size_t length, size_t begin, size_t end);

// The next token; at the end TOKEN_END again and again.
token lexer_next(lexer *lx);

// spelling.c: appends a token other than TOKEN_BAD in its one spelling, with a space in front where it would be read as one with
// what `out` holds from `begin` on.
status token_spell(const token *t, size_t begin, buffer *out);

// The number token that begins here, cleaned. For lexer.c.
token lexer_number(lexer *lx, token t);

// Looking at the text, for the files of the lexer. Behind the end there are zeros.
static inline bool lexer_is_digit(int c) { return c >= '0' && c <= '9'; }
static inline bool lexer_is_letter(int c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
static inline bool lexer_is_space(int c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v'; }
static inline int lexer_peek(const lexer *lx, size_t at) { return at < lx->length ? (unsigned char)lx->text[at] : 0; }

static inline bool lexer_starts(const lexer *lx, size_t at, const char *prefix) {
    size_t n = strlen(prefix);
    return at <= lx->length && lx->length - at >= n && memcmp(lx->text + at, prefix, n) == 0;
}

// Whether nothing but closing signs stands behind the full stop at `at`.
bool lexer_stop_ends_text(const lexer *lx, size_t at);

static inline size_t lexer_skip_space(const lexer *lx, size_t at) {
    while (lexer_is_space(lexer_peek(lx, at))) at++;
    return at;
}

static inline bool token_is(const token *t, const char *text) {
    return t->length == strlen(text) && memcmp(t->text, text, t->length) == 0;
}

#endif
