#include "send/capture/web/page_script.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dd/base/embedded_file.h"
#include "dd/base/json.h"
#include "dd/base/log.h"

extern const struct dd_embedded_file dd_page_scripts[];

static size_t count_values(const struct dd_json *array)
{
    size_t count = 0;

    for (const struct dd_json *value = dd_json_first(array); value; value = dd_json_next(value))
        count++;
    return count;
}

char *dd_page_script_build(const char *file, struct dd_json *arguments, size_t count)
{
    const struct dd_embedded_file *function = dd_embedded_file_find(dd_page_scripts, file);
    char *list = arguments && count_values(arguments) == count ? dd_json_print(arguments) : NULL, *script = NULL;

    assert(function);
    dd_json_free(arguments);
    if (list) {
        size_t size = function->size + strlen(list) + sizeof "()(...)";
        script = malloc(size);
        if (script)
            snprintf(script, size, "(%s)(...%s)", function->bytes, list);
    }
    dd_page_script_free(list);
    if (!script)
        dd_log_error("no memory for a script");
    return script;
}

void dd_page_script_free(char *script)
{
    if (script)
        explicit_bzero(script, strlen(script));
    free(script);
}
