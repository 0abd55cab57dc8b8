#include "dd/base/embedded_file.h"

#include <string.h>

const struct dd_embedded_file *dd_embedded_file_find(const struct dd_embedded_file *files, const char *name)
{
    for (; files->name; files++)
        if (strcmp(files->name, name) == 0)
            return files;
    return NULL;
}
