/* The site's pages, made once from the templates in src/recv/web/, and the files that belong to them.
 *
 * A template knows {{title}} (html_title), {{stream}}, {{name}} and {{description}}; what is between {{#streams}} and
 * {{/streams}} is repeated for each stream. All values are escaped for HTML. */
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

/* Returned-owned: dd_pages_free(). NULL, logged, if there is no memory. config is borrowed for the pages' life. */
struct dd_pages *dd_pages_new(const struct dd_serve_config *config);
void dd_pages_free(struct dd_pages *pages);

struct dd_pages_file dd_pages_index(const struct dd_pages *pages);
struct dd_pages_file dd_pages_stream(const struct dd_pages *pages, size_t stream);
/* A file at the site's root, "stream.js" or "favicon.ico"; type is NULL if there is none. */
struct dd_pages_file dd_pages_find(const char *name);

#endif
