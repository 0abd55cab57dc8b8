/* What --help and --debug show, from the table of options. */
#ifndef DD_BASE_OPTION_HELP_H
#define DD_BASE_OPTION_HELP_H

#include <stdio.h>

struct dd_options;
struct dd_options_schema;

/* --help; to out. */
void dd_option_help_help(const struct dd_options_schema *schema, FILE *out);

/* The masked table of --debug: parameter, default, file, command line, final; to out. */
void dd_option_help_table(struct dd_options *o, FILE *out);

/* Logs a warning for each option that is set and has no effect yet. */
void dd_option_help_report_no_effect(struct dd_options *o);

#endif
