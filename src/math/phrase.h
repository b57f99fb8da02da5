// Answers that are words: names, multiple choice, yes and no. For the files of math/ only.
#ifndef DSDR_MATH_PHRASE_H
#define DSDR_MATH_PHRASE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

// Appends the text without dollar signs, braces and font commands (\text{(C)} is (C)). Of any other command a backslash remains,
// and *only_fonts is false.
status phrase_plain(const char *text, size_t length, buffer *out, bool *only_fonts);

// Appends the lower-case words, single spaces between, punctuation dropped. *words is false (and the output unspecified) when the
// text holds anything else: digits, operators, commands, letters that may be variables; for the last alone *letters is true and
// the output as for words. Phrases for one thing become one: "does not exist" for "DNE".
status phrase_words(const char *text, size_t length, buffer *out, bool *words, bool *letters);

// Whether a run of at least four letters, or two runs of two, are words of language.
bool phrase_holds_word(const char *plain, size_t length);

// The length of the words in front of what a sentence says: "The answer is 5", "\text{The area is } 5" and "It takes 5 minutes"
// say 5. 0 where there are none, or more than one thing is said. *open is the number of braces that the words open and do not
// close.
size_t phrase_lead(const char *text, size_t length, size_t *open);

// Day, month and year (0: not said) of a date such as "March 5th, 2020", "5 March", 2020-03-05. False for anything else.
bool phrase_date(const char *plain, size_t length, int date[3]);

// The same of one in numbers alone, which looks like arithmetic: 2020-01-05; 7/4/1776 and 07/04/1776 (the month first, but where
// it can only be the day).
bool phrase_numeric_date(const char *plain, size_t length, int date[3]);

// The number of an ordinal: 3 of "3rd", "3^rd", "third". 0 for anything else.
long phrase_ordinal(const char *plain, size_t length);

// Whether a sentence of a subject and the words says them: "(the) series converges" says "converges". Both without articles.
bool phrase_says(const char *words, const char *sentence);

// The letter of a multiple-choice gold: a single capital A-J, in parentheses or not. 0: it is none.
char phrase_choice_gold(const char *plain, size_t length);

// The letter of a choice that is written with its text, "(D) \frac12", "C. 42", and where the text stands. 0: it is none.
char phrase_choice_text(const char *text, size_t length, size_t *begin, size_t *end);

// The letter that an answer chooses: C, (C), c, "C. text", "(C) text", "option C". 0: it chooses none.
char phrase_choice_answer(const char *plain, size_t length);

// The letter that an answer begins with, whatever stands behind it, and where that text begins in the answer as it was written;
// *begin is *end where there is none. `plain`: the answer without fonts. 0: it begins with no choice.
char phrase_choice_said(const char *text, size_t length, const char *plain, size_t plain_length, size_t *begin, size_t *end);

// Whether both are lists of the same names, in any order: "Alice, Bob" and "Bob and Alice". A name begins with a capital letter.
bool phrase_same_names(const char *gold, const char *answer);

// Whether the words deny what stands beside them: wrong, not the answer.
bool phrase_denies(const char *words);

// 1 for yes and true, -1 for no and false, 0 otherwise: the whole text of a gold, the leading word of an answer.
int phrase_yes_gold(const char *words);
int phrase_yes_answer(const char *plain, size_t length);

// Appends mathematics for a phrase: \mathbb{R} for "all real numbers", 3 \text{days} for "three days". Nothing when there is
// none.
status phrase_mathematics(const char *words, buffer *out);

#endif
