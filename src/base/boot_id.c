#include "dd/base/boot_id.h"

#include <stdbool.h>
#include <string.h>

#include "dd/base/file.h"

void dd_boot_id_read(char boot_id[static DD_BOOT_ID_SIZE])
{
    char text[2 * DD_BOOT_ID_SIZE];
    long size = dd_file_read("/proc/sys/kernel/random/boot_id", text, sizeof text, false);
    memset(boot_id, 0, DD_BOOT_ID_SIZE);
    if (size >= DD_BOOT_ID_SIZE - 1)
        memcpy(boot_id, text, DD_BOOT_ID_SIZE - 1);
}
