/* A configuration file: JSON taken apart into settings, by the table of options. What the values mean is not looked at
 * here. */
#ifndef DD_BASE_CONFIG_FILE_H
#define DD_BASE_CONFIG_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "dd/base/options.h"

struct dd_config_file_setting {
    size_t instance; /* 0: the daemon; 1 + i: stream i */
    size_t row;      /* of the table */
    char *text;      /* the value as it would stand on the command line; owned */
};

struct dd_config_file {
    bool named_streams; /* false: a file of one stream, without "streams" */
    size_t stream_count;
    char (*names)[DD_OPTIONS_NAME_SIZE];
    struct dd_config_file_setting *settings;
    size_t setting_count, setting_room;
};

/* Reads path. 0; or a negative enum dd_error after it was logged, with config empty. */
int dd_config_file_read(struct dd_config_file *config, const struct dd_options_schema *schema, const char *path);

/* Wipes and frees what config holds. */
void dd_config_file_free(struct dd_config_file *config);

#endif
