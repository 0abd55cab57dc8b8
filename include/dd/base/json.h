/* JSON (RFC 8259), read and written; a thin wrapper of cJSON. What cJSON frees is wiped, since configurations hold
 * secrets. A dd_json is a node of a document, borrowed from it; the document is returned-owned by parse and new. */
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
/* Reads what another program sent: without comments, and in place, without a copy of all of it. values_max bounds the memory
 * that it takes: a document with more commas and brackets than that, in strings or outside, is refused. NULL if it is not valid.
 */
struct dd_json *dd_json_parse_wire(const char *text, size_t size, size_t values_max);
struct dd_json *dd_json_new_object(void);
struct dd_json *dd_json_new_array(void);
/* Wipes and frees a whole document. */
void dd_json_free(struct dd_json *document);

enum dd_json_type dd_json_type(const struct dd_json *node);
/* Children of an array or object in order; NULL at the end. */
struct dd_json *dd_json_first(const struct dd_json *node);
struct dd_json *dd_json_next(const struct dd_json *node);
/* The member of an object with just this name, NULL if there is none. */
struct dd_json *dd_json_member(const struct dd_json *object, const char *name);
/* The name of a node in its object, "" elsewhere. */
const char *dd_json_name(const struct dd_json *node);
/* Values; of a node of another type "", 0 and false. */
const char *dd_json_string(const struct dd_json *node);
double dd_json_number(const struct dd_json *node);
/* A number that is whole and not beyond ±2^53, where a double would no longer tell it from the next; else 0. */
int64_t dd_json_integer(const struct dd_json *node);
bool dd_json_boolean(const struct dd_json *node);

/* Building: add to object under name, or to array with name NULL. What memory runs out for is missing in the document;
 * add_object and add_array return the new node, borrowed, or NULL, which all builders accept and ignore. Integers are
 * written exactly. */
struct dd_json *dd_json_add_object(struct dd_json *to, const char *name);
struct dd_json *dd_json_add_array(struct dd_json *to, const char *name);
void dd_json_add_string(struct dd_json *to, const char *name, const char *value); /* NULL: null */
void dd_json_add_integer(struct dd_json *to, const char *name, uint64_t value);
/* Rounded to decimals places; NAN: null. */
void dd_json_add_number(struct dd_json *to, const char *name, double value, unsigned decimals);
void dd_json_add_boolean(struct dd_json *to, const char *name, bool value);
void dd_json_add_null(struct dd_json *to, const char *name);

/* The document as text on one line, returned-owned (free); NULL if memory ran out. */
char *dd_json_print(const struct dd_json *document);

#endif
