/* Gives a target inputs without libFuzzer: its seeds, and those in files and folders.
 *
 *   fuzz_x_replay PATH...          runs every seed and every file
 *   fuzz_x_replay --seeds FOLDER   writes the seeds there */
#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz.h"

enum { PATH_SIZE = 4096 };

static size_t count;

/* In memory of just its size, so that AddressSanitizer sees what reads beyond the end. */
static void run(const uint8_t *bytes, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    MUST(copy);
    if (size)
        memcpy(copy, bytes, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
    count++;
}

static void run_seeds(void)
{
    static uint8_t seed[FUZZ_SEED_SIZE];
    size_t size;
    for (size_t i = 0; (size = fuzz_seed(i, seed)) > 0; i++)
        run(seed, size);
}

static void write_seeds(const char *folder)
{
    static uint8_t seed[FUZZ_SEED_SIZE];
    char path[PATH_SIZE];
    size_t size;
    for (size_t i = 0; (size = fuzz_seed(i, seed)) > 0; i++) {
        snprintf(path, sizeof path, "%s/seed-%02zu", folder, i);
        FILE *file = fopen(path, "wb");
        MUST(file && fwrite(seed, 1, size, file) == size && fclose(file) == 0);
    }
}

static void run_file(const char *path)
{
    static uint8_t bytes[1 << 20];
    FILE *file = fopen(path, "rb");
    MUST(file);
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    printf("%s\n", path); /* before what may crash */
    fflush(stdout);
    run(bytes, size);
}

static void run_path(const char *path)
{
    struct stat status;
    struct dirent *entry;
    char inside[PATH_SIZE];
    MUST(stat(path, &status) == 0);
    if (!S_ISDIR(status.st_mode)) {
        run_file(path);
        return;
    }
    DIR *folder = opendir(path);
    MUST(folder);
    while ((entry = readdir(folder))) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(inside, sizeof inside, "%s/%s", path, entry->d_name);
        run_path(inside);
    }
    closedir(folder);
}

int main(int argc, char **argv)
{
    LLVMFuzzerInitialize(&argc, &argv);
    if (argc == 3 && !strcmp(argv[1], "--seeds")) {
        write_seeds(argv[2]);
        return EXIT_SUCCESS;
    }
    run_seeds();
    for (int i = 1; i < argc; i++)
        run_path(argv[i]);
    printf("%zu inputs\n", count);
    return EXIT_SUCCESS;
}
