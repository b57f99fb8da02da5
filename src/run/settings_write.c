// Settings as text: YAML that loads back, the listing of `dsdr config`, and the reference page.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run/settings.h"
#include "run/settings_parts.h"

// The shortest decimal that reads back as the same double, with a point before any exponent: YAML 1.1 takes 1e-06 for a text.
static status write_real(buffer *out, double x) {
    char text[40];
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, x);
        if (strtod(text, NULL) == x) break;
    }
    char *exponent = strchr(text, 'e');
    if (!exponent || strchr(text, '.')) return buffer_append_text(out, text);
    return buffer_printf(out, "%.*s.0%s", (int)(exponent - text), text, exponent);
}

// A double-quoted YAML scalar.
static status write_text(buffer *out, const char *text) {
    TRY(buffer_append_byte(out, '"'));
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c == '"' || *c == '\\')
            TRY(buffer_printf(out, "\\%c", *c));
        else if (*c == '\n')
            TRY(buffer_append_text(out, "\\n"));
        else if (*c == '\t')
            TRY(buffer_append_text(out, "\\t"));
        else if (*c < 0x20 || *c == 0x7f)
            TRY(buffer_printf(out, "\\x%02x", *c));
        else
            TRY(buffer_append_byte(out, (char)*c));
    }
    return buffer_append_byte(out, '"');
}

status settings_write_value(buffer *out, const settings *s, size_t entry) {
    const setting_entry *e = &settings_table[entry];
    const void *value = (const char *)s + e->offset;
    bool unset = !strcmp(e->standard, "null") && s->source[entry].origin == SETTING_FROM_DEFAULT;
    if (unset) return buffer_append_text(out, "null");
    switch (e->kind) {
    case SETTING_BOOL:
        return buffer_append_text(out, *(const setting_BOOL *)value ? "true" : "false");
    case SETTING_INT:
        return buffer_printf(out, "%lld", *(const setting_INT *)value);
    case SETTING_REAL:
        return write_real(out, *(const setting_REAL *)value);
    case SETTING_PAIR: {
        const setting_PAIR *pair = value;
        TRY(buffer_append_text(out, "["));
        TRY(write_real(out, pair->value[0]));
        TRY(buffer_append_text(out, ", "));
        TRY(write_real(out, pair->value[1]));
        return buffer_append_text(out, "]");
    }
    case SETTING_TEXT:
        return write_text(out, *(const setting_TEXT *)value);
    case SETTING_WORD:
        return buffer_append_text(out, e->words[*(const setting_WORD *)value].name);
    case SETTING_LIST: {
        const text_list *list = value;
        TRY(buffer_append_text(out, "["));
        for (size_t i = 0; i < list->count; i++) {
            if (i) TRY(buffer_append_text(out, ", "));
            TRY(write_text(out, list->items[i]));
        }
        return buffer_append_text(out, "]");
    }
    }
    return STATUS_OK;
}

// Bytes of the section part that two dotted keys share, ending behind a dot.
static size_t shared_sections(const char *a, const char *b) {
    size_t shared = 0;
    for (size_t i = 0; a[i] && a[i] == b[i]; i++)
        if (a[i] == '.') shared = i + 1;
    return shared;
}

status settings_write_yaml(buffer *out, const settings *s) {
    const char *before = "";
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const char *key = settings_table[i].key, *at = key + shared_sections(before, key);
        int depth = 0;
        for (const char *c = key; c < at; c++) depth += *c == '.';
        for (const char *dot; (dot = strchr(at, '.')); at = dot + 1)
            TRY(buffer_printf(out, "%*s%.*s:\n", 2 * depth++, "", (int)(dot - at), at));
        // A plain n is false to some readers of YAML.
        TRY(buffer_printf(out, strcmp(at, "n") ? "%*s%s: " : "%*s\"%s\": ", 2 * depth, "", at));
        TRY(settings_write_value(out, s, i));
        TRY(buffer_append_text(out, "\n"));
        before = key;
    }
    return STATUS_OK;
}

static status write_origin(buffer *out, const settings *s, size_t entry) {
    switch (s->source[entry].origin) {
    case SETTING_FROM_DEFAULT:
        return buffer_append_text(out, "default");
    case SETTING_FROM_METHOD:
        return buffer_printf(out, "method %s", settings_table[settings_find("algorithm.method")].words[s->algorithm.method].name);
    case SETTING_FROM_OTHER_KEY:
        return buffer_printf(out, "from %s", s->source[entry].because);
    case SETTING_FROM_FILE:
        return buffer_printf(out, "file, line %d", s->source[entry].line);
    case SETTING_FROM_COMMAND_LINE:
        return buffer_append_text(out, "command line");
    }
    return STATUS_OK;
}

// What verl takes where nothing is given, if that is something else than the value at hand; NULL otherwise.
static const char *verl_differs(const settings *s, size_t entry) {
    const setting_entry *e = &settings_table[entry];
    const char *verl = e->verl ? e->verl : e->standard;
    bool follows = !strcmp(verl, "null") && s->source[entry].origin <= SETTING_FROM_OTHER_KEY;
    if (follows || (e->verl && !*e->verl)) return NULL;
    buffer value = {0};
    bool same = settings_write_value(&value, s, entry) != STATUS_OK;
    // Texts and lists are written with quotes, the table has none.
    size_t kept = 0;
    bool quoted = e->kind == SETTING_TEXT || e->kind == SETTING_LIST;
    for (size_t i = 0; quoted && i < value.length; i++)
        if (value.data[i] != '"') value.data[kept++] = value.data[i];
    if (quoted && value.data) value.data[kept] = 0;
    written w = {.shape = WRITTEN_TEXT, .text = value.data};
    if (!same)
        same = !strcmp(value.data, verl) || verl_value_accepted(&w, verl) || (!strcmp(verl, "null") && !strcmp(value.data, "0"));
    buffer_free(&value);
    return same ? NULL : verl;
}

status settings_write_listing(buffer *out, const settings *s) {
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const setting_entry *e = &settings_table[i];
        size_t start = out->length;
        TRY(buffer_printf(out, "%s: ", e->key));
        TRY(settings_write_value(out, s, i));
        size_t width = out->length - start;
        TRY(buffer_printf(out, "%*s  # ", width < 60 ? (int)(60 - width) : 0, ""));
        TRY(write_origin(out, s, i));
        const char *verl = verl_differs(s, i);
        if (verl) TRY(buffer_printf(out, "; verl's default: %s", *verl ? verl : "empty"));
        TRY(buffer_printf(out, "\n    %s\n", e->help));
    }
    return STATUS_OK;
}

// Markdown: a bar inside a table cell is escaped.
static status write_cell(buffer *out, const char *text) {
    for (; *text; text++) {
        if (*text == '|') TRY(buffer_append_byte(out, '\\'));
        TRY(buffer_append_byte(out, *text));
    }
    return STATUS_OK;
}

static status write_kind(buffer *out, const setting_entry *e) {
    static const char *const names[] = {"true, false", "integer", "number", "two numbers", "text", "list of texts", ""};
    if (e->kind != SETTING_WORD)
        return buffer_printf(out, "%s%s%s", names[e->kind], e->range ? " in " : "", e->range ? e->range : "");
    for (const setting_word *word = e->words; word->name; word++) {
        TRY(buffer_printf(out, "%s`%s`", word == e->words ? "" : ", ", word->name));
        if (word->alias) TRY(buffer_printf(out, " (`%s`)", word->alias));
    }
    return STATUS_OK;
}

static status write_reference_table(buffer *out) {
    const char *before = "";
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const setting_entry *e = &settings_table[i];
        size_t section = (size_t)(strrchr(e->key, '.') - e->key);
        if (strncmp(before, e->key, section + 1) || strchr(before + section + 1, '.'))
            TRY(buffer_printf(
                out, "\n## %.*s\n\n| key | value | default | verl's default | on resume | meaning |\n|---|---|---|---|---|---|\n",
                (int)section, e->key));
        TRY(buffer_printf(out, "| `%s` | ", e->key + section + 1));
        TRY(write_kind(out, e));
        TRY(buffer_printf(out, " | %s%s%s | ", *e->standard ? "`" : "", *e->standard ? e->standard : "empty",
                          *e->standard ? "`" : ""));
        if (e->verl) TRY(buffer_append_text(out, *e->verl ? "" : "(not a key of verl)"));
        if (e->verl && *e->verl) TRY(buffer_printf(out, "`%s`", e->verl));
        if (!e->verl) TRY(buffer_append_text(out, "same"));
        TRY(buffer_printf(out, " | %s | ", e->alters_results ? "fixed" : "free"));
        TRY(write_cell(out, e->help));
        TRY(buffer_append_text(out, " |\n"));
        before = e->key;
    }
    return STATUS_OK;
}

status settings_write_reference(buffer *out) {
    TRY(buffer_append_text(
        out, "# Settings\n\n"
             "Written by `dsdr config --reference`; every key is declared in `src/run/settings_table.h`.\n\n"
             "A setting is given in a YAML file or as `key=value` on the command line (`+key=value`, `++key=value` and `~key` "
             "are understood "
             "as Hydra means them). Order: default, preset of `algorithm.method`, file, command line; the last one counts. "
             "`null` means \"as if "
             "not given\". Keys and meanings are verl's where verl has the key. *On resume*: a `fixed` key keeps the value with "
             "which the run was "
             "started, unless `--allow-change` is given; a `free` one may change, because it alters no result of training.\n\n"
             "## Presets of algorithm.method\n\n| key | grpo | dapo | dsdr |\n|---|---|---|---|\n"));
#define P(key, grpo, dapo, dsdr) TRY(buffer_append_text(out, "| `" key "` | " grpo " | " dapo " | " dsdr " |\n"));
    SETTINGS_PRESETS(P)
#undef P
    TRY(write_reference_table(out));
    TRY(buffer_append_text(out, "\n## Other spellings\n\n| key | stands for |\n|---|---|\n"));
    for (const verl_alias_entry *a = verl_aliases; a->alias; a++) TRY(buffer_printf(out, "| `%s` | `%s` |\n", a->alias, a->key));
    TRY(buffer_append_text(out, "\n## Keys of verl accepted with one value only\n\n"
                                "Another value would change results in a way that is not implemented; it is an error.\n\n"
                                "| key | accepted | otherwise |\n|---|---|---|\n"));
    for (size_t i = 0; i < verl_key_count; i++) {
        const verl_key *k = &verl_keys[i];
        if (k->class == VERL_IGNORED) continue;
        TRY(buffer_printf(out, "| `%s` | ", k->key));
        if (k->class == VERL_NEUTRAL) TRY(write_cell(out, k->values));
        if (k->class == VERL_SAME) TRY(buffer_printf(out, "the value of `%s`", k->values));
        TRY(buffer_printf(out, " | %s |\n", k->class == VERL_NEUTRAL ? k->reason : ""));
    }
    TRY(buffer_append_text(
        out, "\n## Keys of verl without meaning here\n\nAccepted, whatever their value, and counted in one note.\n\n"));
    for (size_t i = 0; i < verl_key_count; i++)
        if (verl_keys[i].class == VERL_IGNORED) TRY(buffer_printf(out, "- `%s`\n", verl_keys[i].key));
    return buffer_append_text(out, "- `_target_` in any section\n");
}
