#include "send/session_store.h"

#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dd/base/file.h"
#include "dd/base/log.h"

enum { TEXT = 32 };

static void path_of(const char *state_dir, uint32_t key_id, char path[static PATH_MAX])
{
    snprintf(path, PATH_MAX, "%s/session-%08" PRIx32, state_dir, key_id);
}

uint64_t dd_send_session_store_load(const char *state_dir, uint32_t key_id)
{
    char path[PATH_MAX], text[TEXT + 1] = "";
    path_of(state_dir, key_id, path);
    if (access(path, F_OK) < 0)
        return 0;
    long size = dd_file_read(path, text, TEXT, false);
    if (size < 0)
        return 0;
    size_t digits = strspn(text, "0123456789");
    if (!digits || digits > 18 || strcmp(text + digits, "\n")) {
        dd_log_warning("%s is damaged: going by the clock alone", path);
        return 0;
    }
    return strtoull(text, NULL, 10);
}

uint64_t dd_send_session_store_load_changed(const char *state_dir, uint32_t key_id, uint64_t *version)
{
    char path[PATH_MAX];
    struct stat s;
    path_of(state_dir, key_id, path);
    if (stat(path, &s) < 0)
        return 0;
    /* a file that replaces another is another one, or at least written later */
    uint64_t seen = (uint64_t)s.st_ino * 31 + (uint64_t)s.st_mtim.tv_sec * UINT64_C(1000000000) + (uint64_t)s.st_mtim.tv_nsec;
    bool is_changed = seen != *version;
    *version = seen;
    return is_changed ? dd_send_session_store_load(state_dir, key_id) : 0;
}

int dd_send_session_store_save(const char *state_dir, uint32_t key_id, uint64_t start_us)
{
    char path[PATH_MAX], text[TEXT];
    path_of(state_dir, key_id, path);
    int size = snprintf(text, sizeof text, "%" PRIu64 "\n", start_us);
    return dd_file_replace(path, text, (size_t)size);
}
