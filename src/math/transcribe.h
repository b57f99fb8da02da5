// Unicode spellings of mathematics brought to LaTeX. For lexer.c and the answer rules of math/.
#ifndef DSDR_MATH_TRANSCRIBE_H
#define DSDR_MATH_TRANSCRIBE_H

#include <stddef.h>

#include "base/buffer.h"

// Appends `length` bytes with every known non-ASCII character replaced by ASCII LaTeX. Bytes that are not known, or not UTF-8,
// are copied. The output has at most 24 bytes for each byte of input.
status text_transcribe(const char *text, size_t length, buffer *out);

#endif
