/* A configuration file: reads JSON into a list of settings, by the table of options. The values are not interpreted here. */
#ifndef DD_BASE_CONFIG_FILE_H
#define DD_BASE_CONFIG_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "dd/base/options.h"

struct dd_config_file_setting {
    size_t instance; /* 0: the daemon; 1 + i: stream i */
    size_t row;      /* in the schema */
    char *text;      /* the value as on the command line; owned */
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

/* Wipes and frees the content of config. */
void dd_config_file_free(struct dd_config_file *config);

#endif
