/* Where an element of a page is, asked by a script, in whole pixels of the page; and how a picture of it is had. */
#ifndef DD_SEND_CAPTURE_ELEMENT_H
#define DD_SEND_CAPTURE_ELEMENT_H

#include <stdbool.h>
#include <stddef.h>

struct dd_area;
struct dd_pipe_answer;
struct dd_tab;
struct dd_tab_clip;

struct dd_element_place {
    double x, y;                    /* in the viewport */
    double page_x, page_y;          /* in the document */
    double width, height;           /* at least 1 */
    double view_width, view_height; /* of the viewport */
};

/* Asks where it is. One that has room in the viewport, but is not all in it, is scrolled there: a picture of the viewport costs
 * less than one beyond it, and a change of it can be waited for. 0, and answered is called as by dd_tab_evaluate(); or
 * DD_ERROR_SPACE for a selector too long to be one. */
int dd_element_measure(const struct dd_tab *tab, const char *selector,
                       void (*answered)(void *context, const struct dd_pipe_answer *answer), void *context);

/* Reads the answer. False: there is nothing to be seen of it. */
bool dd_element_read(const struct dd_pipe_answer *answer, struct dd_element_place *place);

/* The element alone, as dd_tab_shoot() takes it: at zoom pixels of the picture to one of the page's, not larger than pictures
 * may be. */
void dd_element_clip(const struct dd_element_place *place, double zoom, struct dd_tab_clip *clip);

/* Where it is in a picture of the viewport, which has it all. */
void dd_element_part(const struct dd_element_place *place, double zoom, struct dd_area *part);

#endif
