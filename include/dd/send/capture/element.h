/* Where an element of a page is: asked by a script, in whole pixels of the page. */
#ifndef DD_SEND_CAPTURE_ELEMENT_H
#define DD_SEND_CAPTURE_ELEMENT_H

#include <stdbool.h>
#include <stddef.h>

struct dd_pipe_answer;

struct dd_element_place {
    double x, y;                    /* in the viewport */
    double page_x, page_y;          /* in the document */
    double width, height;           /* at least 1 */
    double view_width, view_height; /* of the viewport */
};

/* The expression for dd_tab_evaluate(). 0 or DD_ERROR_SPACE. */
int dd_element_script(const char *selector, char *script, size_t size);

/* Reads the answer. False: there is nothing to be seen of it. */
bool dd_element_read(const struct dd_pipe_answer *answer, struct dd_element_place *place);

#endif
