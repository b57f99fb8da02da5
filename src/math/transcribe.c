// Unicode look-alikes: minus signs, superscripts, Greek letters, vulgar fractions, full-width forms, mathematical alphabets.
// Called by lexer.c before reading.
#include "math/transcribe.h"

#include <stdint.h>
#include <utf8proc.h>

typedef struct spelling {
    uint32_t codepoint;
    const char *latex;
} spelling;

static const spelling spellings[] = {
    // sorted by code point
    {0x00A0, " "},
    {0x00A2, " cents "},
    {0x00A3, "\\pounds "},
    {0x00A5, "\\yen "},
    {0x00AD, ""},
    {0x00AF, ""},
    {0x00B0, "\\degree "},
    {0x00B1, "\\pm "},
    {0x00B4, "'"},
    {0x00B5, "\\mu "},
    {0x00B7, "\\cdot "},
    {0x00BA, "\\degree "},
    {0x00BC, "\\frac{1}{4}"},
    {0x00BD, "\\frac{1}{2}"},
    {0x00BE, "\\frac{3}{4}"},
    {0x00D7, "\\times "},
    {0x00F7, "\\div "},
    {0x02C6, "^"},
    {0x0391, "A"},
    {0x0392, "B"},
    {0x0393, "\\Gamma "},
    {0x0394, "\\Delta "},
    {0x0398, "\\Theta "},
    {0x039B, "\\Lambda "},
    {0x039E, "\\Xi "},
    {0x03A0, "\\Pi "},
    {0x03A3, "\\Sigma "},
    {0x03A6, "\\Phi "},
    {0x03A8, "\\Psi "},
    {0x03A9, "\\Omega "},
    {0x03B1, "\\alpha "},
    {0x03B2, "\\beta "},
    {0x03B3, "\\gamma "},
    {0x03B4, "\\delta "},
    {0x03B5, "\\epsilon "},
    {0x03B6, "\\zeta "},
    {0x03B7, "\\eta "},
    {0x03B8, "\\theta "},
    {0x03B9, "\\iota "},
    {0x03BA, "\\kappa "},
    {0x03BB, "\\lambda "},
    {0x03BC, "\\mu "},
    {0x03BD, "\\nu "},
    {0x03BE, "\\xi "},
    {0x03BF, "o"},
    {0x03C0, "\\pi "},
    {0x03C1, "\\rho "},
    {0x03C2, "\\sigma "},
    {0x03C3, "\\sigma "},
    {0x03C4, "\\tau "},
    {0x03C5, "\\upsilon "},
    {0x03C6, "\\phi "},
    {0x03C7, "\\chi "},
    {0x03C8, "\\psi "},
    {0x03C9, "\\omega "},
    {0x03D1, "\\theta "},
    {0x03D5, "\\phi "},
    {0x03F5, "\\epsilon "},
    {0x2002, " "},
    {0x2003, " "},
    {0x2009, " "},
    {0x200A, " "},
    {0x200B, ""},
    {0x200C, ""},
    {0x200D, ""},
    {0x2010, "-"},
    {0x2011, "-"},
    {0x2012, "-"},
    {0x2013, "-"},
    {0x2014, "-"},
    {0x2015, "-"},
    {0x2016, "\\|"},
    {0x2018, "'"},
    {0x2019, "'"},
    {0x201C, ""},
    {0x201D, ""},
    {0x2022, "\\cdot "},
    {0x2026, "\\dots "},
    {0x202F, " "},
    {0x2032, "'"},
    {0x2033, "''"},
    {0x2044, "/"},
    {0x205F, " "},
    {0x2060, ""},
    {0x2061, ""},
    {0x2062, "*"},
    {0x20AC, "\\euro "},
    {0x20B9, "\\rupee "},
    {0x2102, "\\mathbb{C}"},
    {0x210E, "h"},
    {0x210F, "\\hbar "},
    {0x2113, "\\ell "},
    {0x2115, "\\mathbb{N}"},
    {0x2119, "\\mathbb{P}"},
    {0x211A, "\\mathbb{Q}"},
    {0x211D, "\\mathbb{R}"},
    {0x2124, "\\mathbb{Z}"},
    {0x2126, "\\Omega "},
    {0x2135, "\\aleph "},
    {0x2150, "\\frac{1}{7}"},
    {0x2151, "\\frac{1}{9}"},
    {0x2152, "\\frac{1}{10}"},
    {0x2153, "\\frac{1}{3}"},
    {0x2154, "\\frac{2}{3}"},
    {0x2155, "\\frac{1}{5}"},
    {0x2156, "\\frac{2}{5}"},
    {0x2157, "\\frac{3}{5}"},
    {0x2158, "\\frac{4}{5}"},
    {0x2159, "\\frac{1}{6}"},
    {0x215A, "\\frac{5}{6}"},
    {0x215B, "\\frac{1}{8}"},
    {0x215C, "\\frac{3}{8}"},
    {0x215D, "\\frac{5}{8}"},
    {0x215E, "\\frac{7}{8}"},
    {0x2192, "\\to "},
    {0x21D2, "\\implies "},
    {0x21D4, "\\iff "},
    {0x2200, "\\forall "},
    {0x2202, "\\partial "},
    {0x2203, "\\exists "},
    {0x2205, "\\emptyset "},
    {0x2208, "\\in "},
    {0x2209, "\\notin "},
    {0x220F, "\\prod "},
    {0x2211, "\\sum "},
    {0x2212, "-"},
    {0x2213, "\\mp "},
    {0x2215, "/"},
    {0x2216, "\\setminus "},
    {0x2217, "*"},
    {0x2218, "\\circ "},
    {0x2219, "\\cdot "},
    {0x221A, "\\sqrt "},
    {0x221B, "\\sqrt[3]"},
    {0x221C, "\\sqrt[4]"},
    {0x221E, "\\infty "},
    {0x2223, "\\mid "},
    {0x2227, "\\land "},
    {0x2228, "\\lor "},
    {0x2229, "\\cap "},
    {0x222A, "\\cup "},
    {0x222B, "\\int "},
    {0x2236, ":"},
    {0x223C, "\\sim "},
    {0x2245, "\\cong "},
    {0x2248, "\\approx "},
    {0x2260, "\\neq "},
    {0x2261, "\\equiv "},
    {0x2264, "\\le "},
    {0x2265, "\\ge "},
    {0x2282, "\\subset "},
    {0x2286, "\\subseteq "},
    {0x2295, "\\oplus "},
    {0x2297, "\\otimes "},
    {0x22C5, "\\cdot "},
    {0x22EF, "\\dots "},
    {0x2308, "\\lceil "},
    {0x2309, "\\rceil "},
    {0x230A, "\\lfloor "},
    {0x230B, "\\rfloor "},
    {0x2329, "\\langle "},
    {0x232A, "\\rangle "},
    {0x27E8, "\\langle "},
    {0x27E9, "\\rangle "},
    {0x2A7D, "\\le "},
    {0x2A7E, "\\ge "},
    {0x2A2F, "\\vectimes "},
    {0x3000, " "},
    {0x3001, ","},
    {0x3002, "."},
    {0xFE63, "-"},
    {0xFEFF, ""},
    {0xFFE0, " cents "},
    {0xFFE1, "\\pounds "},
};

static const char *find_spelling(uint32_t codepoint) {
    // Nearly sorted; short enough for a plain walk, and only reached for text that is not ASCII.
    for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++)
        if (spellings[i].codepoint == codepoint) return spellings[i].latex;
    return NULL;
}

static int superscript(uint32_t c) {
    switch (c) {
    case 0x00B2:
        return '2';
    case 0x00B3:
        return '3';
    case 0x00B9:
        return '1';
    case 0x2070:
        return '0';
    case 0x2071:
        return 'i';
    case 0x207A:
        return '+';
    case 0x207B:
        return '-';
    case 0x207C:
        return '=';
    case 0x207D:
        return '(';
    case 0x207E:
        return ')';
    case 0x207F:
        return 'n';
    default:
        return c >= 0x2074 && c <= 0x2079 ? (int)('4' + c - 0x2074) : 0;
    }
}

static int subscript(uint32_t c) {
    if (c >= 0x2080 && c <= 0x2089) return (int)('0' + c - 0x2080);
    if (c >= 0x208A && c <= 0x208E) return "+-=()"[c - 0x208A];
    if (c >= 0x2090 && c <= 0x2094) return "aeox?"[c - 0x2090];
    if (c >= 0x2095 && c <= 0x209C) return "hklmnpst"[c - 0x2095];
    if (c == 0x1D62) return 'i';
    return 0;
}

status text_transcribe(const char *text, size_t length, buffer *out) {
    size_t at = 0;
    int script = 0; // '^' or '_' while a run of raised or lowered characters is open
    while (at < length) {
        utf8proc_int32_t decoded = -1;
        utf8proc_ssize_t used = utf8proc_iterate((const utf8proc_uint8_t *)text + at, (utf8proc_ssize_t)(length - at), &decoded);
        if (used <= 0 || decoded < 0) decoded = (unsigned char)text[at], used = -1;
        uint32_t c = (uint32_t)decoded;
        int raised = used > 1 ? superscript(c) : 0, lowered = used > 1 ? subscript(c) : 0;
        int wanted = raised ? '^' : lowered ? '_' : 0;
        if (script && script != wanted) {
            TRY(buffer_append_byte(out, '}'));
            script = 0;
        }
        if (wanted && !script) {
            TRY(buffer_append_byte(out, (char)wanted));
            TRY(buffer_append_byte(out, '{'));
            script = wanted;
        }
        const char *latex = NULL;
        if (wanted)
            TRY(buffer_append_byte(out, (char)(raised ? raised : lowered)));
        else if (used <= 1)
            TRY(buffer_append_byte(out, text[at]));
        else if (c >= 0xFF01 && c <= 0xFF5E)
            TRY(buffer_append_byte(out, (char)(c - 0xFF01 + '!')));
        else if (c >= 0x1D400 && c <= 0x1D6A3) {
            uint32_t letter = (c - 0x1D400) % 52;
            TRY(buffer_append_byte(out, (char)(letter < 26 ? 'A' + letter : 'a' + letter - 26)));
        } else if (c >= 0x1D7CE && c <= 0x1D7FF)
            TRY(buffer_append_byte(out, (char)('0' + (c - 0x1D7CE) % 10)));
        else if ((latex = find_spelling(c)))
            TRY(buffer_append_text(out, latex));
        else
            TRY(buffer_append(out, text + at, (size_t)used));
        at += used < 1 ? 1 : (size_t)used;
    }
    return script ? buffer_append_byte(out, '}') : STATUS_OK;
}
