/* Files that are compiled into a program (cmake/embed.cmake), as tables that end with a row without a name. */
#ifndef DD_BASE_EMBEDDED_FILE_H
#define DD_BASE_EMBEDDED_FILE_H

#include <stddef.h>

struct dd_embedded_file {
    const char *name;  /* without its folder: "stream.js" */
    const char *bytes; /* size of them, then NUL; static */
    size_t size;
};

/* The file of that name; static. NULL: there is none. */
const struct dd_embedded_file *dd_embedded_file_find(const struct dd_embedded_file *files, const char *name);

#endif
