/* The site's pages, built once from the templates in src/recv/web/, and the files that they load.
 *
 * A template may have {{title}} (html_title), {{stream}}, {{name}} and {{description}}, whose values are escaped for HTML. A
 * block from {{#streams}} to {{/streams}} is repeated for each stream, by `order` and then as configured. */
#ifndef DD_RECV_SERVE_PAGES_H
#define DD_RECV_SERVE_PAGES_H

#include <stddef.h>

struct dd_serve_config;
struct dd_pages;

struct dd_pages_file {
    const void *bytes; /* borrowed, for the life of the pages */
    size_t size;
    const char *type; /* for Content-Type; static */
};

/* Builds the pages. config is borrowed until free. Returned-owned: dd_pages_free(). NULL, logged, if there is no memory. */
struct dd_pages *dd_pages_new(const struct dd_serve_config *config);
/* pages may be NULL. */
void dd_pages_free(struct dd_pages *pages);

/* The page of all streams, and that of one: stream is an index in the configuration. Thread-safe. */
struct dd_pages_file dd_pages_index(const struct dd_pages *pages);
struct dd_pages_file dd_pages_stream(const struct dd_pages *pages, size_t stream);
/* A file at the site's root by its name, like "stream.js" or "favicon.ico". type is NULL if there is none. Thread-safe. */
struct dd_pages_file dd_pages_find(const char *name);

#endif
