// The vocabulary: which commands and words the lexer knows and what they stand for. For the files of math/ only.
#ifndef DSDR_MATH_WORDS_H
#define DSDR_MATH_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "math/lexer.h"

// Lists end with NULL.
extern const char *const words_spacing[]; // commands that only move ink: left, right, quad, displaystyle, ...
extern const char *const words_greek[];   // letters that, before brackets, are functions or factors
extern const char *const words_other[];   // or, plus, root, than, ...: beside a number they make it another one, or several
bool word_in(const char *const *list, const char *text, size_t length);
bool word_denies(const char *text, size_t length);  // not, wrong, ...: what is said is not so
bool word_negates(const char *text, size_t length); // these, and no, minus, non, ...: they turn round what a phrase says
bool word_among(const char *const *list, const char *text, size_t length); // any case; the list is in lower case

// The length of a word without the s of the plural.
size_t word_singular(const char *text, size_t length);

// The token that a command (or, with command = false, a plain run of letters) stands for: kind, its canonical text and code.
// TOKEN_BAD when it is not known.
token_kind word_lookup(const char *text, size_t length, bool command, const char **canonical, int *code);

// A command for a relation of this code, without its backslash.
const char *word_of_relation(int code);

// Whether a plain run of at least two letters is a word of language (or a unit) and no product of letters.
bool word_is_language(const char *text, size_t length);

// Units that are written with a full stop: ft., sq., in.
bool word_is_abbreviation(const char *text, size_t length);

typedef enum word_meaning { WORD_PLAIN, WORD_AND, WORD_OR, WORD_PERCENT, WORD_DEGREES, WORD_IN, WORD_MOD } word_meaning;
word_meaning word_role(const char *text, size_t length); // any case

typedef enum font_kind {
    FONT_NONE,
    FONT_WORDS,       // \text, \mbox, ...: words
    FONT_LETTERS,     // \mathrm, \operatorname, ...: a word, a function or a symbol of several letters
    FONT_ALPHABET,    // \mathbb, \mathfrak, ...: a letter of another alphabet
    FONT_TRANSPARENT, // \mathbf, \boxed, \ensuremath, ...: what is inside
} font_kind;
font_kind word_font(const char *text, size_t length);

#endif
