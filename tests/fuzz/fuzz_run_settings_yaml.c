// Settings from arbitrary YAML: whatever loads has to print as YAML that loads again to the same print.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "run/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    settings first, second;
    buffer one = {0}, two = {0};
    if (settings_load_text(&first, (const char *)data, size, "input", NULL, 0) == STATUS_OK) {
        if (settings_write_yaml(&one, &first) != STATUS_OK) abort();
        if (settings_load_text(&second, one.data, one.length, "printed", NULL, 0) != STATUS_OK) abort();
        if (settings_write_yaml(&two, &second) != STATUS_OK || strcmp(one.data, two.data)) abort();
        settings_free(&second);
    }
    settings_free(&first);
    // The first line alone as a command-line assignment.
    char *line = strndup((const char *)data, size);
    const char *assignment = line;
    if (line && settings_load_text(&first, NULL, 0, NULL, &assignment, 1) == STATUS_OK) settings_free(&first);
    free(line);
    buffer_free(&one);
    buffer_free(&two);
    return 0;
}
