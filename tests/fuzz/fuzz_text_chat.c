// Any bytes as a chat template: refused, or rendered without harm, and twice the same.
#include <stdlib.h>
#include <string.h>

#include "text/chat.h"
#include "text/unicode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const chat_message messages[] = {
        {"system", " Be brief. "}, {"user", "Hi\n"}, {"assistant", "<think>a</think>b"}, {"user", "caf\xC3\xA9"}};
    if (size > 5000 || !unicode_is_valid((const char *)data, size)) return 0;
    char *jinja = text_copy((const char *)data, size);
    chat_template *t = NULL;
    buffer first = {0}, second = {0};
    if (jinja && chat_template_create(&t, jinja, "<s>", "</s>") == STATUS_OK) {
        status code = chat_render(t, messages, 4, true, &first);
        if (chat_render(t, messages, 4, true, &second) != code) abort();
        if (code != STATUS_OK && first.length) abort();
        if (first.length != second.length || (first.length && memcmp(first.data, second.data, first.length) != 0)) abort();
    }
    chat_template_free(t);
    buffer_free(&first);
    buffer_free(&second);
    free(jinja);
    return 0;
}
