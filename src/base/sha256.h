// SHA-256 (FIPS 180-4): the name of a text, the one that sha256sum prints.
#ifndef DSDR_BASE_SHA256_H
#define DSDR_BASE_SHA256_H

#include <stddef.h>

enum { SHA256_TEXT = 65 }; // 64 hexadecimal digits and a NUL

// Writes the hash of `count` bytes as lower-case hexadecimal digits.
void sha256_text(const void *bytes, size_t count, char text[SHA256_TEXT]);

#endif
