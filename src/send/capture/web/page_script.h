/* The scripts that run in pages. Each file *.js in this folder is the expression of one JavaScript function, and is embedded in
 * the program. */
#ifndef DD_SEND_CAPTURE_WEB_PAGE_SCRIPT_H
#define DD_SEND_CAPTURE_WEB_PAGE_SCRIPT_H

#include <stddef.h>

struct dd_json;

/* Builds the expression that calls the function of file ("login_form.js") with arguments: an array of count values, taken. JSON
 * is a subset of JavaScript, so no text in it can become code. Returned-owned: dd_page_script_free(). NULL, logged, if memory is
 * exhausted; also if arguments has not count values, since adding one failed. */
char *dd_page_script_build(const char *file, struct dd_json *arguments, size_t count);

/* Wipes and frees a script: its arguments may be secret. script may be NULL. */
void dd_page_script_free(char *script);

#endif
