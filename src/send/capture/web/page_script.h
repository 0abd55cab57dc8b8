/* Scripts that run in pages: each file *.js beside this one is the expression of one function. */
#ifndef DD_SEND_CAPTURE_WEB_PAGE_SCRIPT_H
#define DD_SEND_CAPTURE_WEB_PAGE_SCRIPT_H

#include <stddef.h>

struct dd_json;

/* The expression that calls the function of file ("login_form.js") with arguments, an array of count values (taken): JSON is part
 * of JavaScript, so whatever texts it holds stay texts. Returned-owned: dd_page_script_free(). NULL, logged, if memory is
 * exhausted, also if arguments lacks values for that reason. */
char *dd_page_script_build(const char *file, struct dd_json *arguments, size_t count);

/* Wipes and frees: arguments may be secret. script may be NULL. */
void dd_page_script_free(char *script);

#endif
