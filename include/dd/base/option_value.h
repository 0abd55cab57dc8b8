/* The value of one option: converts text to the field that its row names, and back. Thread-safe. */
#ifndef DD_BASE_OPTION_VALUE_H
#define DD_BASE_OPTION_VALUE_H

#include <stddef.h>

#include "dd/base/options.h"

enum { DD_OPTION_VALUE_TEXT = 2200 };

/* The row of schema with that name; schema->row_count if there is none. */
size_t dd_option_value_find_row(const struct dd_options_schema *schema, const char *name);

/* Sets row's field in base, the struct of its scope, from text. 0; or DD_ERROR_INPUT, with the field unchanged and what would be
 * right in why ("a number from 0 to 100"). */
int dd_option_value_set(const struct dd_options_row *row, void *base, const char *text, char *why, size_t why_size);

/* Copies text to path and replaces a leading ~ or ~user by that home folder. 0; or DD_ERROR_INPUT: no such folder, or too long.
 */
int dd_option_value_expand_path(const char *text, char *path, size_t size);

/* Writes row's field in base as text, masked as by dd_option_value_mask(). */
void dd_option_value_print(const struct dd_options_row *row, const void *base, char *text, size_t size);

/* Describes the values that row accepts, for messages and --help: "bytes from 1Ki to 64Mi"; "" if it accepts everything. */
void dd_option_value_allowed(const struct dd_options_row *row, char *text, size_t size);

/* True if text contains a secret: the option is one, or its URL has user info or parameters. */
bool dd_option_value_holds_secret(const struct dd_options_row *row, const char *text);

/* Copies text to masked and replaces what is secret by "(hidden)". */
void dd_option_value_mask(const struct dd_options_row *row, const char *text, char *masked, size_t size);

/* Parses a number of that type: SIZE and RATE may end in K, M, G, Ki, Mi or Gi; INTEGER, SIZE and RATE are whole. 0 or
 * DD_ERROR_INPUT. */
int dd_option_value_parse_quantity(const char *text, enum dd_options_type type, double *value);

#endif
