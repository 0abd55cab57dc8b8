/* The output of --help and --debug, from the table of options. */
#ifndef DD_BASE_OPTION_HELP_H
#define DD_BASE_OPTION_HELP_H

#include <stdio.h>

struct dd_options;
struct dd_options_schema;

/* Writes the text of --help to out. */
void dd_option_help_print(const struct dd_options_schema *schema, FILE *out);

/* Writes the table of --debug to out, with secrets masked: parameter, default, file, command line, final value. */
void dd_option_help_table(struct dd_options *o, FILE *out);

/* Logs a warning for each option that is set but has no effect yet. */
void dd_option_help_report_no_effect(struct dd_options *o);

#endif
