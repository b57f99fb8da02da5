// Chat templates against golden renderings of transformers' apply_chat_template (scripts/fixtures/text_chat.py).
#include "assert_ok.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsonl.h"
#include "text/chat.h"

static const char *text_of(const json_t *object, const char *key) { return json_string_value(json_object_get(object, key)); }

static size_t read_messages(const json_t *list, chat_message *messages) {
    for (size_t i = 0; i < json_array_size(list); i++)
        messages[i] = (chat_message){text_of(json_array_get(list, i), "role"), text_of(json_array_get(list, i), "content")};
    return json_array_size(list);
}

static status render_row(const chat_template *t, const json_t *row, buffer *out) {
    chat_message messages[10];
    chat_variable variables[10];
    size_t count = read_messages(json_object_get(row, "messages"), messages), variable_count = 0;
    const char *key;
    json_t *value;
    json_object_foreach(json_object_get(row, "variables"), key, value) variables[variable_count++] =
        (chat_variable){key, json_string_value(value), json_is_true(value)};
    return chat_render_with(t, messages, count, json_is_true(json_object_get(row, "generate")), variables, variable_count, out);
}

static void every_template_renders_as_transformers_renders_it(void **state) {
    (void)state;
    jsonl_reader reader;
    chat_template *t = NULL;
    char name[200] = "";
    status created = STATUS_OK;
    size_t rendered = 0, refused = 0, unsupported = 0;
    assert_ok(jsonl_open(&reader, TEST_SOURCE_DIR "/golden/text/chat.jsonl"));
    for (json_t *row;; json_decref(row)) {
        assert_ok(jsonl_next(&reader, &row));
        if (!row) break;
        if (text_of(row, "template")) {
            chat_template_free(t);
            created = chat_template_create(&t, text_of(row, "template"), "<bos>", "<eos>");
            strncpy(name, text_of(row, "name"), sizeof name - 1);
        } else if (json_object_get(row, "unsupported")) {
            if (created != STATUS_UNSUPPORTED) fail_msg("%s: was not refused", name);
            assert_null(t);
            unsupported++;
        } else {
            buffer out = {0};
            const char *want = text_of(row, "text");
            assert_ok(buffer_append_text(&out, "kept"));
            if (want && created != STATUS_OK) fail_msg("%s: %s", name, status_message());
            status code = created == STATUS_OK ? render_row(t, row, &out) : created;
            if (!want) {
                if (code == STATUS_OK)
                    fail_msg("%s: line %zu: rendered \"%s\", which should fail", name, reader.line_number, out.data);
                assert_string_equal(out.data, "kept");
                refused++;
            } else {
                if (code != STATUS_OK) fail_msg("%s: line %zu: %s", name, reader.line_number, status_message());
                if (strcmp(out.data + 4, want) != 0 || strncmp(out.data, "kept", 4) != 0)
                    fail_msg("%s: line %zu:\n%s\nshould be\n%s", name, reader.line_number, out.data, want);
                rendered++;
            }
            buffer_free(&out);
        }
    }
    chat_template_free(t);
    jsonl_close(&reader);
    assert_true(rendered > 180 && refused > 20 && unsupported > 15);
}

static void a_template_that_is_not_understood_is_quoted(void **state) {
    (void)state;
    chat_template *t;
    const char *jinja =
        "{% for message in messages %}{{ message.role | shout }}: and a long text behind it that goes on and on{% endfor %}";
    assert_int_equal(chat_template_create(&t, jinja, "", ""), STATUS_UNSUPPORTED);
    assert_null(t);
    char quoted[90];
    snprintf(quoted, sizeof quoted, "\"%.80s\"", jinja);
    assert_non_null(strstr(status_message(), quoted));
    assert_non_null(strstr(status_message(), "filter \"shout\""));
}

static void a_template_that_refuses_the_messages_is_quoted(void **state) {
    (void)state;
    chat_template *t;
    buffer out = {0};
    const chat_message user = {"user", "x"}, assistant = {"assistant", "x"};
    assert_ok(chat_template_create(
        &t, "{% if messages[0].role != 'user' %}{{ raise_exception('start with the user') }}{% endif %}{{ bos_token }}ok", "",
        ""));
    assert_int_equal(chat_render(t, &assistant, 1, false, &out), STATUS_INVALID);
    assert_non_null(strstr(status_message(), "start with the user"));
    assert_ok(chat_render(t, &user, 1, false, &out));
    assert_string_equal(out.data, "ok");
    buffer_free(&out);
    chat_template_free(t);
}

static void broken_characters_in_messages_are_replaced(void **state) {
    (void)state;
    chat_template *t;
    buffer out = {0};
    const chat_message message = {"user", " a\xF0"};
    assert_ok(chat_template_create(&t, "{{ messages[0].content | trim }}{{ messages[0].content[::-1] }}\xC3", "", ""));
    assert_ok(chat_render(t, &message, 1, false, &out));
    assert_string_equal(out.data, "a\xEF\xBF\xBD\xEF\xBF\xBD"
                                  "a \xEF\xBF\xBD");
    buffer_free(&out);
    chat_template_free(t);
}

static void runaway_templates_are_stopped(void **state) {
    (void)state;
    static const char *const templates[] = {
        "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        ("{% set ns = namespace(x='aaaaaaaaaaaaaaaa') %}{% for i in range(60) %}{% set ns.x = ns.x + ns.x %}{% endfor %}{{ ns.x "
         "}}"),
        "{% set ns = namespace(x=[1, 2]) %}{% for i in range(60) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
        "{{ 9223372036854775807 + 1 }}",
    };
    for (size_t i = 0; i < sizeof templates / sizeof *templates; i++) {
        chat_template *t;
        assert_int_not_equal(chat_template_create(&t, templates[i], "", ""), STATUS_OK);
        assert_null(t);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_template_renders_as_transformers_renders_it),
        cmocka_unit_test(a_template_that_is_not_understood_is_quoted),
        cmocka_unit_test(a_template_that_refuses_the_messages_is_quoted),
        cmocka_unit_test(broken_characters_in_messages_are_replaced),
        cmocka_unit_test(runaway_templates_are_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
