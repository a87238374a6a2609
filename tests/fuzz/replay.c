/* Replays corpora without a fuzzer: calls the target with each file of the
 * folders given, and with each file cut off in up to CUTS places. The bytes
 * lie in a block of their exact size, so that the address sanitizer sees a
 * read past them. A folder without files is a failure: nothing was tested. */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CUTS 40

static void bytes_replay(const char *content, size_t size)
{
    uint8_t *exact = malloc(size ? size : 1);

    if (!exact)
        abort();
    memcpy(exact, content, size);
    (void)LLVMFuzzerTestOneInput(exact, size);
    free(exact);
}

static int file_replay(const char *path)
{
    static char content[1 << 20];
    FILE *f = fopen(path, "rb");
    size_t size, step;

    if (!f) {
        perror(path);
        return -1;
    }
    size = fread(content, 1, sizeof content, f);
    fclose(f);
    step = size / CUTS + 1;
    bytes_replay(content, size);
    for (size_t cut = 0; cut < size; cut += step)
        bytes_replay(content, cut);
    return 0;
}

static int folder_replay(const char *folder)
{
    struct dirent **names = NULL;
    int n = scandir(folder, &names, NULL, alphasort);
    int files = 0, failed = n < 0;

    for (int i = 0; i < n; i++) {
        char path[4096];

        snprintf(path, sizeof path, "%s/%s", folder, names[i]->d_name);
        if (names[i]->d_name[0] != '.') {
            failed |= file_replay(path) != 0;
            files++;
        }
        free(names[i]);
    }
    free(names);
    printf("%s: %d files\n", folder, files);
    return failed || files == 0 ? -1 : 0;
}

int main(int argc, char **argv)
{
    int failed = argc < 2;

    for (int i = 1; i < argc; i++)
        failed |= folder_replay(argv[i]) != 0;
    return failed;
}
