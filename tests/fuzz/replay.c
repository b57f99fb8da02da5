// The main() of a fuzzer where libFuzzer is not at hand: feeds every file named on the command line, and every file of the
// folders named there, to LLVMFuzzerTestOneInput. So the kept corpus runs as an ordinary test, under any compiler.
//
// Exit code 0 when all inputs came through, 1 when there was none or one could not be read; a finding is a crash.
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// Feeds one file; its bytes lie in memory of exactly their size, so that a sanitizer sees a read beyond them.
static int feed_file(const char *path) {
    FILE *file = fopen(path, "rb");
    struct stat info;
    if (!file || fstat(fileno(file), &info) != 0) {
        fprintf(stderr, "cannot read %s\n", path);
        if (file) fclose(file);
        return 1;
    }
    size_t size = (size_t)info.st_size;
    uint8_t *data = malloc(size ? size : 1);
    int failed = !data || fread(data, 1, size, file) != size;
    fclose(file);
    if (failed)
        fprintf(stderr, "cannot read %s\n", path);
    else
        LLVMFuzzerTestOneInput(data, size);
    free(data);
    return failed;
}

static int visible(const struct dirent *entry) { return entry->d_name[0] != '.'; }

int main(int argc, char **argv) {
    size_t fed = 0;
    int failures = 0;
    for (int i = 1; i < argc; i++) {
        struct stat info;
        if (stat(argv[i], &info) != 0 || !S_ISDIR(info.st_mode)) {
            failures += feed_file(argv[i]);
            fed++;
            continue;
        }
        struct dirent **entries = NULL;
        int count = scandir(argv[i], &entries, visible, alphasort);
        for (int j = 0; j < count; j++) {
            char path[4096];
            snprintf(path, sizeof path, "%s/%s", argv[i], entries[j]->d_name);
            failures += feed_file(path);
            fed++;
            free(entries[j]);
        }
        free(entries);
    }
    printf("%zu inputs, %d not readable\n", fed, failures);
    if (fed == 0) fprintf(stderr, "no input: name files or folders\n");
    return fed == 0 || failures;
}
