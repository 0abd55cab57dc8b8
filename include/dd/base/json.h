/* Reads and writes JSON (RFC 8259): a thin wrapper of cJSON. All memory is wiped when it is freed, since configurations hold
 * secrets. A struct dd_json is a node, borrowed from its document. The document is returned-owned by the parse and new functions:
 * dd_json_free(). One owner, one thread per document. */
#ifndef DD_BASE_JSON_H
#define DD_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dd_json;

enum dd_json_type { DD_JSON_NULL, DD_JSON_BOOLEAN, DD_JSON_NUMBER, DD_JSON_STRING, DD_JSON_ARRAY, DD_JSON_OBJECT };

/* Reads a document of size bytes, in which // starts a comment up to the end of the line where it stands outside a
 * string. text need not end with NUL. NULL if it is not valid, with the line (from 1) in *line. */
struct dd_json *dd_json_parse(const char *text, size_t size, unsigned *line);
/* Reads a document that another program sent: no comments are allowed, and text is not copied first. values_max bounds the
 * memory: a document with more commas and brackets than that, inside strings or outside, is refused. NULL if it is refused or not
 * valid. */
struct dd_json *dd_json_parse_wire(const char *text, size_t size, size_t values_max);
struct dd_json *dd_json_new_object(void);
struct dd_json *dd_json_new_array(void);
/* Wipes and frees a whole document. */
void dd_json_free(struct dd_json *document);

enum dd_json_type dd_json_type(const struct dd_json *node);
/* Children of an array or object in order; NULL at the end. */
struct dd_json *dd_json_first(const struct dd_json *node);
struct dd_json *dd_json_next(const struct dd_json *node);
/* The member of an object with exactly this name; NULL if there is none. */
struct dd_json *dd_json_member(const struct dd_json *object, const char *name);
/* The name of a node in its object, "" elsewhere. */
const char *dd_json_name(const struct dd_json *node);
/* The value of a node; "", 0 or false if it is of another type. */
const char *dd_json_string(const struct dd_json *node);
double dd_json_number(const struct dd_json *node);
/* A whole number within ±2^53, the range in which a double is exact; 0 for all other numbers. */
int64_t dd_json_integer(const struct dd_json *node);
bool dd_json_boolean(const struct dd_json *node);

/* Building: add a value to an object under name, or to an array with name NULL. If memory runs out, the value is missing in the
 * document. add_object and add_array return the new node, borrowed; or NULL, which all builders accept and ignore. Integers are
 * written exactly. */
struct dd_json *dd_json_add_object(struct dd_json *to, const char *name);
struct dd_json *dd_json_add_array(struct dd_json *to, const char *name);
void dd_json_add_string(struct dd_json *to, const char *name, const char *value); /* NULL: null */
void dd_json_add_integer(struct dd_json *to, const char *name, uint64_t value);
/* Rounded to decimals places; NAN: null. */
void dd_json_add_number(struct dd_json *to, const char *name, double value, unsigned decimals);
void dd_json_add_boolean(struct dd_json *to, const char *name, bool value);
void dd_json_add_null(struct dd_json *to, const char *name);

/* The document as text on one line, returned-owned: free(). NULL if memory is exhausted. */
char *dd_json_print(const struct dd_json *document);

#endif
