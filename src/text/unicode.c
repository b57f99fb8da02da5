// UTF-8 and character classes over utf8proc. See unicode.h.
#include "text/unicode.h"

#include <utf8proc.h>

#include "text/unicode_tables.h"

int32_t unicode_next(const char *text, size_t *at) {
    const unsigned char *p = (const unsigned char *)text + *at;
    if (p[0] < 0x80) {
        *at += 1;
        return p[0];
    }
    if (p[0] < 0xE0) {
        *at += 2;
        return (p[0] & 0x1F) << 6 | (p[1] & 0x3F);
    }
    if (p[0] < 0xF0) {
        *at += 3;
        return (p[0] & 0x0F) << 12 | (p[1] & 0x3F) << 6 | (p[2] & 0x3F);
    }
    *at += 4;
    return (p[0] & 0x07) << 18 | (p[1] & 0x3F) << 12 | (p[2] & 0x3F) << 6 | (p[3] & 0x3F);
}

status unicode_append(buffer *out, int32_t character) {
    utf8proc_uint8_t bytes[4];
    utf8proc_ssize_t count = utf8proc_encode_char(character, bytes);
    return buffer_append(out, bytes, (size_t)count);
}

// The length of the character at p, or minus the length of its broken beginning (Unicode 15, table 3-7).
static int sequence_length(const unsigned char *p, size_t left) {
    unsigned char lead = p[0], low = 0x80, high = 0xBF;
    if (lead < 0x80) return 1;
    int needed = lead >= 0xC2 && lead <= 0xDF ? 2 : (lead & 0xF0) == 0xE0 ? 3 : lead >= 0xF0 && lead <= 0xF4 ? 4 : 0;
    if (!needed) return -1;
    if (lead == 0xE0) low = 0xA0;
    if (lead == 0xED) high = 0x9F;
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;
    for (int i = 1; i < needed; i++) {
        if ((size_t)i >= left || p[i] < low || p[i] > high) return -i;
        low = 0x80, high = 0xBF;
    }
    return needed;
}

bool unicode_is_valid(const char *text, size_t length) {
    const unsigned char *p = (const unsigned char *)text;
    for (size_t i = 0; i < length;) {
        if (p[i] < 0x80) {
            i++;
            continue;
        }
        int step = sequence_length(p + i, length - i);
        if (step < 0) return false;
        i += (size_t)step;
    }
    return true;
}

status unicode_repair(buffer *out, const char *text, size_t length) {
    const unsigned char *p = (const unsigned char *)text;
    size_t kept = 0;
    for (size_t i = 0; i < length;) {
        int step = sequence_length(p + i, length - i);
        if (step > 0) {
            i += (size_t)step;
            continue;
        }
        TRY(buffer_append(out, text + kept, i - kept));
        TRY(buffer_append_text(out, "\xEF\xBF\xBD"));
        i += (size_t)-step;
        kept = i;
    }
    return buffer_append(out, text + kept, length - kept);
}

bool unicode_is_space(int32_t c) {
    if (c < 0x80) return c == ' ' || (c >= 9 && c <= 13);
    return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
           c == 0x205F || c == 0x3000;
}

static bool in_ranges(const int32_t (*ranges)[2], size_t count, int32_t c) {
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (c > ranges[middle][1])
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && c >= ranges[low][0];
}

bool unicode_is_numeric(int32_t c) {
    return c < 0x80 ? c >= '0' && c <= '9' : in_ranges(unicode_numeric, unicode_numeric_count, c);
}
bool unicode_is_word(int32_t c) { return in_ranges(unicode_word, unicode_word_count, c); }
bool unicode_is_punctuation(int32_t c) { return in_ranges(unicode_punctuation, unicode_punctuation_count, c); }
bool unicode_is_control(int32_t c) { return in_ranges(unicode_control, unicode_control_count, c); }
bool unicode_is_nonspacing(int32_t c) { return c >= 0x300 && in_ranges(unicode_nonspacing, unicode_nonspacing_count, c); }
bool unicode_is_normal_gap(int32_t c) { return c >= 0x300 && in_ranges(unicode_normal_gaps, unicode_normal_gaps_count, c); }

int32_t unicode_to_lower(int32_t c) {
    if (c < 0x80) return c >= 'A' && c <= 'Z' ? c + 32 : c;
    for (size_t i = 0; i < unicode_lower_count; i++)
        if (c >= unicode_lower[i][0] && c <= unicode_lower[i][1]) return c + unicode_lower[i][2];
    return utf8proc_tolower(c);
}

bool unicode_is_ideograph(int32_t c) {
    return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x20000 && c <= 0x2A6DF) ||
           (c >= 0x2A700 && c <= 0x2B73F) || (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
           (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

int32_t unicode_of_byte(unsigned char byte) {
    if (byte <= 32) return 256 + byte;
    if (byte >= 127 && byte <= 160) return 289 + (byte - 127);
    if (byte == 173) return 323;
    return byte;
}

int unicode_to_byte(int32_t c) {
    if (c >= 256 && c <= 288) return c - 256;
    if (c >= 289 && c <= 322) return 127 + (c - 289);
    if (c == 323) return 173;
    if ((c >= 33 && c <= 126) || (c >= 161 && c <= 255 && c != 173)) return c;
    return -1;
}
