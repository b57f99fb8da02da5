// Answer extraction in one pass over the response. See extract.h; called by verify.c.
#include "reward/extract.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "math/expression.h"
#include "reward/formula_scan.h"

const char *profile_name(answer_profile profile) {
    static const char *const names[] = {
#define X(code, name) name,
        ANSWER_PROFILE_TABLE(X)
#undef X
    };
    return names[profile];
}

status profile_parse(const char *name, answer_profile *out) {
    for (int p = 0; p < PROFILE_COUNT; p++) {
        if (strcmp(name, profile_name((answer_profile)p)) != 0) continue;
        *out = (answer_profile)p;
        return STATUS_OK;
    }
    return status_set(STATUS_INVALID, "unknown answer profile \"%s\"; strict, gsm8k or lenient", name);
}

typedef struct span {
    const char *text;
    size_t length;
} span;

static span trimmed(span s) {
    while (s.length && is_space(s.text[0])) s.text++, s.length--;
    while (s.length && is_space(s.text[s.length - 1])) s.length--;
    return s;
}

// Without white space around it, and the punctuation and stars of bold text behind it.
static span without_stop(span s) {
    s = trimmed(s);
    while (s.length && (is_space(s.text[s.length - 1]) || strchr(".,;*", s.text[s.length - 1]))) s.length--;
    return s;
}

static bool at_text(span s, size_t at, const char *what) {
    size_t n = strlen(what);
    return at <= s.length && s.length - at >= n && memcmp(s.text + at, what, n) == 0;
}

// The position behind the last occurrence of `what` (in lower case if `fold`), or SIZE_MAX.
static size_t behind_last(span s, const char *what, bool fold) {
    size_t n = strlen(what);
    for (size_t at = s.length >= n ? s.length - n + 1 : 0; at-- > 0;)
        if (fold ? strncasecmp(s.text + at, what, n) == 0 : memcmp(s.text + at, what, n) == 0) return at + n;
    return SIZE_MAX;
}

// What follows the last thought; *closed is false when a thought is still open at the end.
static span behind_thought(span s, bool think_open, bool *closed) {
    size_t end = behind_last(s, "</think>", false), begin = behind_last(s, "<think>", false);
    *closed = end == SIZE_MAX ? !think_open && begin == SIZE_MAX : begin == SIZE_MAX || begin < end;
    return end == SIZE_MAX ? s : (span){s.text + end, s.length - end};
}

// ---- boxes ------------------------------------------------------------

typedef struct box {
    size_t begin, end; // of the whole: from the backslash to behind the closing brace
    span inside;
} box;

typedef struct box_list { // closed outermost boxes in order, and where the last one that does not close begins
    box *items;
    size_t count, capacity;
    size_t open_begin, open_inside; // SIZE_MAX: none
} box_list;

// Length of \boxed or \fbox at `at`; 0 for anything else.
static size_t box_command(span s, size_t at) {
    size_t n = at_text(s, at, "\\boxed") ? 6 : at_text(s, at, "\\fbox") ? 5 : 0;
    return n && at + n < s.length && is_letter(s.text[at + n]) ? 0 : n;
}

static status push_box(box_list *list, box b) {
    while (list->count && list->items[list->count - 1].begin > b.begin) list->count--; // nested: the outer box holds them
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 8;
        box *grown = realloc(list->items, capacity * sizeof *grown);
        if (!grown) return status_set(STATUS_NO_MEMORY, "no memory for %zu boxes", capacity);
        list->items = grown, list->capacity = capacity;
    }
    list->items[list->count++] = b;
    return STATUS_OK;
}

// Braces are matched once, with a stack; an escaped brace is none.
static status find_boxes(span s, box_list *out) {
    typedef struct brace {
        size_t at, box_begin; // SIZE_MAX: no box
    } brace;
    *out = (box_list){.open_begin = SIZE_MAX};
    brace *stack = NULL;
    size_t depth = 0, capacity = 0;
    status code = STATUS_OK;
    size_t begins = SIZE_MAX; // the box command that the next brace belongs to
    for (size_t at = 0; at < s.length && code == STATUS_OK; at++) {
        char c = s.text[at];
        if (c == '\\') {
            size_t n = box_command(s, at);
            if (n == 0) {
                at++; // the escaped character
                continue;
            }
            size_t next = at + n;
            while (next < s.length && is_space(s.text[next])) next++;
            if (next < s.length && s.text[next] == '{') {
                begins = at, at = next - 1;
                continue;
            }
            size_t end = next; // \boxed 5: up to the end of the mathematics or the line
            while (end < s.length && s.text[end] != '$' && s.text[end] != '\n' && !at_text(s, end, "\\)") &&
                   !at_text(s, end, "\\]"))
                end++;
            if (end == next)
                out->open_begin = at, out->open_inside = next;
            else
                code = push_box(out, (box){at, end, {s.text + next, end - next}});
            at = end - 1;
            continue;
        }
        if (c == '{') {
            if (depth == capacity) {
                capacity = capacity ? 2 * capacity : 64;
                brace *grown = realloc(stack, capacity * sizeof *grown);
                if (!grown) {
                    code = status_set(STATUS_NO_MEMORY, "no memory for %zu braces", capacity);
                    break;
                }
                stack = grown;
            }
            stack[depth++] = (brace){at, begins};
            begins = SIZE_MAX;
        } else if (c == '}' && depth > 0) {
            brace b = stack[--depth];
            if (b.box_begin != SIZE_MAX) code = push_box(out, (box){b.box_begin, at + 1, {s.text + b.at + 1, at - b.at - 1}});
        }
    }
    for (size_t i = depth; i-- > 0;) {
        if (stack[i].box_begin == SIZE_MAX) continue;
        if (out->open_begin == SIZE_MAX || stack[i].box_begin > out->open_begin)
            out->open_begin = stack[i].box_begin, out->open_inside = stack[i].at + 1;
        break;
    }
    free(stack);
    return code;
}

// A box that lacks exactly its closing brace but is closed by the end of the mathematics around it, or by an empty line.
static bool repair_box(span s, const box_list *list, box *out) {
    size_t depth = 1;
    for (size_t at = list->open_inside; at < s.length; at++) {
        char c = s.text[at];
        bool ends = c == '$' || at_text(s, at, "\\)") || at_text(s, at, "\\]") || at_text(s, at, "\n\n");
        if (ends) {
            *out = (box){list->open_begin, at, {s.text + list->open_inside, at - list->open_inside}};
            return depth == 1;
        }
        if (c == '\\')
            at++;
        else if (c == '{')
            depth++;
        else if (c == '}' && --depth == 0)
            return false;
    }
    return false;
}

// The length of "and" or "or", in any case, at the beginning of `s`; 0 for anything else.
static size_t joining_word(span s) {
    static const char *const words[] = {"and", "or"};
    for (size_t i = 0; i < 2; i++) {
        size_t n = strlen(words[i]);
        if (s.length >= n && strncasecmp(s.text, words[i], n) == 0 && (s.length == n || !is_letter(s.text[n]))) return n;
    }
    return 0;
}

// The length of \text{ and }, \text{, or } and the like; 0 for anything else.
static size_t joining_text(span s) {
    size_t at = math_font_head(s.text, s.length);
    if (at == 0) return 0;
    while (at < s.length && (is_space(s.text[at]) || s.text[at] == ',')) at++;
    at += joining_word((span){s.text + at, s.length - at});
    while (at < s.length && is_space(s.text[at])) at++;
    return at < s.length && s.text[at] == '}' ? at + 1 : 0;
}

// Whether nothing but white space, dollar signs, commas, semicolons and "and" or "or" stands between two boxes.
static bool adjacent(span s, size_t begin, size_t end) {
    if (end - begin > 256) return false;
    for (size_t at = begin; at < end;) {
        if (is_space(s.text[at]) || strchr("$,;", s.text[at]) != NULL) {
            at++;
            continue;
        }
        static const char *const passing[] = {"\\quad", "\\qquad", "\\(", "\\)", "\\[",  "\\]", "\\,",
                                              "\\;",    "\\:",     "\\!", "\\ ", "\\\\", NULL};
        size_t width = joining_text((span){s.text + at, end - at});
        for (size_t i = 0; passing[i] && !width; i++)
            if (at_text(s, at, passing[i])) width = strlen(passing[i]);
        bool free_word = (at == begin || !is_letter(s.text[at - 1]));
        if (!width && free_word) width = joining_word((span){s.text + at, s.length - at});
        if (!width) return false;
        at += width;
    }
    return true;
}

static bool blank_inside(span s) {
    for (size_t i = 0; i < s.length; i++)
        if (!is_space(s.text[i]) && s.text[i] != '{' && s.text[i] != '}' && s.text[i] != '$' && s.text[i] != '~') return false;
    return true;
}

// The list that the last boxes form. *cut: the last box is empty or does not close.
static status boxed_answer(span s, buffer *out, bool *found, bool *cut) {
    box_list boxes;
    *found = *cut = false;
    status code = find_boxes(s, &boxes);
    if (code != STATUS_OK) goto cleanup;
    bool open_last = boxes.open_begin != SIZE_MAX && (boxes.count == 0 || boxes.open_begin > boxes.items[boxes.count - 1].begin);
    if (open_last) {
        box repaired;
        if (!repair_box(s, &boxes, &repaired)) {
            *cut = true;
            goto cleanup;
        }
        code = push_box(&boxes, repaired);
        if (code != STATUS_OK) goto cleanup;
    }
    if (boxes.count == 0) goto cleanup;
    if (blank_inside(boxes.items[boxes.count - 1].inside)) {
        *cut = true;
        goto cleanup;
    }
    size_t first = boxes.count - 1;
    while (first > 0 && !blank_inside(boxes.items[first - 1].inside) &&
           adjacent(s, boxes.items[first - 1].end, boxes.items[first].begin))
        first--;
    size_t begin = out->length;
    for (size_t i = first; i < boxes.count && code == STATUS_OK; i++) {
        span inside = trimmed(boxes.items[i].inside);
        bool repeated = false; // the same box said twice is one answer
        for (size_t k = i > first + 64 ? i - 64 : first; k < i && !repeated; k++) {
            span earlier = trimmed(boxes.items[k].inside);
            repeated = earlier.length == inside.length && memcmp(earlier.text, inside.text, inside.length) == 0;
        }
        if (repeated) continue;
        if (out->length > begin) code = buffer_append_text(out, ", ");
        if (code == STATUS_OK) code = buffer_append(out, inside.text, inside.length);
    }
    *found = code == STATUS_OK;
cleanup:
    free(boxes.items);
    return code;
}

bool answer_has_box(const char *text, size_t length) {
    span s = {text, length};
    for (size_t at = 0; at < length; at++)
        if (text[at] == '\\' && box_command(s, at)) return true;
    return false;
}

// ---- other places ------------------------------------------------------------

// A number at `at`, thousands commas included; its end, or `at` itself.
static size_t number_end(span s, size_t at) {
    size_t end = at, digits = 0;
    if (end < s.length && (s.text[end] == '-' || s.text[end] == '+')) end++;
    while (end < s.length && (is_digit(s.text[end]) || s.text[end] == '.' || s.text[end] == ','))
        digits += is_digit(s.text[end]), end++;
    while (end > at && (s.text[end - 1] == '.' || s.text[end - 1] == ',')) end--;
    return digits ? end : at;
}

// The line behind the last "####", without dollar signs and the marks around it. Commas and units are read as in any answer.
static status hash_answer(span s, buffer *out, bool *found) {
    size_t at = behind_last(s, "####", false), begin = out->length;
    *found = false;
    if (at == SIZE_MAX) return STATUS_OK;
    span line = {s.text + at, s.length - at};
    const char *newline = memchr(line.text, '\n', line.length);
    if (newline) line.length = (size_t)(newline - line.text);
    while (line.length && (is_space(line.text[0]) || line.text[0] == '*')) line.text++, line.length--;
    line = without_stop(line);
    for (size_t i = 0; i < line.length; i++) {
        if (line.text[i] == '$' || (line.text[i] == '\\' && i + 1 < line.length && line.text[i + 1] == '$')) continue;
        TRY(buffer_append_byte(out, line.text[i]));
    }
    *found = out->length > begin;
    return STATUS_OK;
}

// What stands between two dollar signs, up to `end` of s, is prose between prices: "$5 and then he pays $6", "$5 + $6".
static bool is_price(span s, span inside, size_t end) {
    if (inside.length == 0) return false;
    if (inside.text[0] == ',') return true; // 20$, and then $
    bool number = is_digit(inside.text[0]) || (inside.text[0] == '.' && inside.length > 1 && is_digit(inside.text[1]));
    if (!number) return false;
    bool next_price = end + 1 < s.length && is_digit(s.text[end + 1]);
    if (next_price || is_space(inside.text[inside.length - 1])) return true;
    for (size_t i = 0; i + 1 < inside.length; i++)
        if (inside.text[i] == '\n' || (inside.text[i] == '.' && inside.text[i + 1] == ' ')) return true;
    return text_reads_as_prose(inside.text, inside.length);
}

static const char *const delimiters[][2] = {{"$$", "$$"}, {"$", "$"}, {"\\(", "\\)"}, {"\\[", "\\]"}};
#define DELIMITERS (sizeof delimiters / sizeof *delimiters)

// Which delimiter opens mathematics at `at`; DELIMITERS for none.
static size_t delimiter_at(span s, size_t at) {
    size_t kind = 0;
    while (kind < DELIMITERS && !at_text(s, at, delimiters[kind][0])) kind++;
    return kind;
}

// Where the closing delimiter of this kind stands, from `at` on; the end of the text where there is none.
static size_t close_of(span s, size_t at, size_t kind) {
    const char *close = delimiters[kind][1];
    while (at < s.length && !at_text(s, at, close)) at += s.text[at] == '\\' && close[0] == '$' ? 2 : 1;
    return at < s.length ? at : s.length;
}

// Where the mathematics ends that is closed at `end` and goes on behind commas, "and" or "or": 5$ or $6.
static size_t joined_end(span s, size_t end, size_t kind) {
    for (;;) {
        size_t behind = end + strlen(delimiters[kind][1]), next = behind;
        while (next < s.length && next - behind < 32 && delimiter_at(s, next) == DELIMITERS) next++;
        size_t begun = delimiter_at(s, next);
        if (begun == DELIMITERS || !adjacent(s, behind, next)) return end;
        size_t close = close_of(s, next + strlen(delimiters[begun][0]), begun);
        if (close == s.length) return end;
        end = close, kind = begun;
    }
}

// The mathematics that begins at `at` behind its delimiter, or else the rest of the sentence.
static span phrase_at(span s, size_t at) {
    while (at < s.length && (is_space(s.text[at]) || strchr(":*", s.text[at]))) at++;
    size_t kind = delimiter_at(s, at);
    if (kind < DELIMITERS) {
        size_t begin = at + strlen(delimiters[kind][0]), end = close_of(s, begin, kind);
        span inside = {s.text + begin, end - begin};
        if (end < s.length && !(kind == 1 && is_price(s, inside, end)))
            return (span){s.text + begin, joined_end(s, end, kind) - begin};
    }
    size_t end = at;
    while (end < s.length && s.text[end] != '\n') {
        bool stop = s.text[end] == '.' && (end + 1 == s.length || is_space(s.text[end + 1]));
        if (stop) break;
        end++;
    }
    return without_stop((span){s.text + at, end - at});
}

static span last_mathematics(span s) {
    span found = {NULL, 0};
    bool unclosed[DELIMITERS] = {false}; // one that was never closed: no later one of its kind is either
    for (size_t at = 0; at < s.length;) {
        size_t kind = delimiter_at(s, at), width = kind < DELIMITERS ? strlen(delimiters[kind][0]) : s.text[at] == '\\' ? 2 : 1;
        at += width;
        if (kind == DELIMITERS || unclosed[kind]) continue;
        size_t end = close_of(s, at, kind);
        unclosed[kind] = end == s.length;
        span inside = {s.text + at, end - at};
        if (unclosed[kind] || (kind == 1 && is_price(s, inside, end))) continue;
        if (trimmed(inside).length) found = trimmed(inside);
        at = end + width;
    }
    return found;
}

// The end of a number as prose writes it: 1,234.50, 1 000, 6/18, 4 4/9, 28%.
static size_t written_number_end(span s, size_t at) {
    size_t end = number_end(s, at), digits = end - at;
    while (digits <= 3 && end + 3 < s.length && s.text[end] == ' ' && is_digit(s.text[end + 1]) && is_digit(s.text[end + 2]) &&
           is_digit(s.text[end + 3]) && (end + 4 == s.length || !is_digit(s.text[end + 4])))
        end += 4;
    size_t over = end; // 4 4/9
    if (over + 1 < s.length && s.text[over] == ' ' && is_digit(s.text[over + 1])) over = number_end(s, over + 1);
    if (over == end || over >= s.length || s.text[over] != '/') over = end;
    if (over < s.length && s.text[over] == '/') {
        size_t behind = number_end(s, over + 1);
        if (behind > over + 1 && is_digit(s.text[over + 1])) end = behind;
    }
    if (end < s.length && s.text[end] == '%') end++;
    return end;
}

// Signs that make one expression of what touches them: 10^5, 3×5, √5, 5π, 5²; between digits also 10:30 and 3*5.
static size_t gluing_sign(span s, size_t at) {
    static const char *const signs[] = {"^",        "\xC3\x97", "\xC2\xB7", "\xC3\xB7",     "\xCF\x80",
                                        "\xC2\xB2", "\xC2\xB3", "\xC2\xBD", "\xE2\x88\x9A", "\xE2\x8B\x85"};
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        if (at_text(s, at, signs[i])) return strlen(signs[i]);
    bool between = at > 0 && at + 1 < s.length && is_digit(s.text[at - 1]) && is_digit(s.text[at + 1]);
    return between && memchr(":*.,", s.text[at], 4) != NULL;
}

// The number from `begin` to `end` with its minus sign and the signs and letters that touch it.
static span whole_expression(span s, size_t begin, size_t end) {
    for (size_t width = 1; end < s.length && width; end += width)
        width = is_letter(s.text[end]) || is_digit(s.text[end]) ? 1 : gluing_sign(s, end);
    for (size_t width = 1; width;) {
        width = 0;
        for (size_t n = 1; n <= 3 && n <= begin && !width; n++) width = gluing_sign(s, begin - n) == n ? n : 0;
        begin -= width;
        for (; width && begin > 0 && (is_letter(s.text[begin - 1]) || is_digit(s.text[begin - 1])); begin--) continue;
    }
    size_t sign = begin > 0 && s.text[begin - 1] == '-' ? 1 : begin > 2 && at_text(s, begin - 3, "\xE2\x88\x92") ? 3 : 0;
    char earlier = begin > sign ? s.text[begin - sign - 1] : ' ';
    if (!is_digit(earlier) && !is_letter(earlier)) begin -= sign;
    return (span){s.text + begin, end - begin};
}

static span last_number(span s) {
    span found = {NULL, 0};
    for (size_t at = 0; at < s.length; at++) {
        if (!is_digit(s.text[at]) && !(s.text[at] == '.' && at + 1 < s.length && is_digit(s.text[at + 1]))) continue;
        size_t end = written_number_end(s, at);
        if (end == at) continue;
        char before = at ? s.text[at - 1] : ' ';
        if (!is_letter(before) && before != '_') { // no x12, A4
            found = whole_expression(s, at, end);
            end = (size_t)(found.text - s.text) + found.length;
        }
        at = end - 1;
    }
    return found;
}

static status lenient_answer(span s, buffer *out, bool *found) {
    bool cut;
    TRY(boxed_answer(s, out, found, &cut));
    if (*found) return STATUS_OK;
    static const char *const leads[] = {"final answer is", "answer is", "answer:"};
    size_t best = behind_last(s, leads[0], true);
    if (best == SIZE_MAX) {
        size_t is = behind_last(s, leads[1], true), colon = behind_last(s, leads[2], true);
        best = is == SIZE_MAX ? colon : colon == SIZE_MAX ? is : is > colon ? is : colon;
    }
    if (best != SIZE_MAX) {
        span phrase = trimmed(phrase_at(s, best));
        if (phrase.length) {
            *found = true;
            return buffer_append(out, phrase.text, phrase.length);
        }
    }
    TRY(hash_answer(s, out, found));
    if (*found) return STATUS_OK;
    span last = last_mathematics(s);
    if (last.length == 0) last = last_number(s);
    *found = last.length > 0;
    return buffer_append(out, last.text, last.length);
}

status answer_extract(answer_profile profile, const char *response, size_t length, bool think_open, buffer *out, bool *found) {
    bool closed, cut;
    span all = {response, length}, behind = behind_thought(all, think_open, &closed);
    *found = false;
    switch (profile) {
    case PROFILE_STRICT:
        return closed ? boxed_answer(behind, out, found, &cut) : STATUS_OK;
    case PROFILE_GSM8K:
        return closed ? hash_answer(behind, out, found) : STATUS_OK;
    default:
        return lenient_answer(closed ? behind : all, out, found);
    }
}
