/* The part of a page that is shown, and how pictures of it are had: where it is, is asked by a script, in whole pixels of the
 * page, before a picture and again after it. */
#ifndef DD_SEND_CAPTURE_WEB_ELEMENT_CLIP_H
#define DD_SEND_CAPTURE_WEB_ELEMENT_CLIP_H

#include <stdbool.h>
#include <stddef.h>

#include "send/rect.h"

struct dd_cdp_answer;
struct dd_cdp_target;
struct dd_cdp_target_clip;

struct dd_element_clip_box {
    double x, y;                    /* in the viewport */
    double page_x, page_y;          /* in the document */
    double width, height;           /* at least 1 */
    double view_width, view_height; /* of the viewport */
};

/* Whether its last pictures differed. */
enum dd_element_clip_activity { DD_ELEMENT_CLIP_UNKNOWN, DD_ELEMENT_CLIP_CHANGING, DD_ELEMENT_CLIP_STATIC };

/* Zeroed but for the first three. */
struct dd_element_clip {
    const char *selector; /* borrowed; NULL: there is none, all of the viewport is shown */
    double zoom;          /* pixels of the picture to one of the page's */
    bool short_interval;  /* pictures of it alone may follow each other */

    /* of the next picture: */
    struct dd_rect crop;            /* of it is shown; width 0: all that fits the viewport, */
    bool clipped;                   /* or all, since it is of the element and nothing else */
    struct dd_element_clip_box box; /* before it, */
    bool verify;                    /* and to be the same after it */

    bool beyond_viewport; /* the viewport never has all of it */
    bool missing;         /* said */
    unsigned shifts;      /* times in a row that it was elsewhere after the picture */
    enum dd_element_clip_activity activity;
    unsigned changes; /* pictures in a row that differed soon after each other */
};

/* Another document has come. */
void dd_element_clip_reset(struct dd_element_clip *element);

/* Asks where it is. Before a picture the page is scrolled to where it has room, also within the page: a picture of the viewport
 * costs less than one beyond it, and a change of it can be waited for. 0, and answered is called as by dd_cdp_target_evaluate();
 * or DD_ERROR_INPUT without a selector; DD_ERROR_MEMORY, logged. */
int dd_element_clip_measure(const struct dd_element_clip *element, const struct dd_cdp_target *target, bool before,
                            void (*answered)(void *context, const struct dd_cdp_answer *answer), void *context);

/* What the next picture is to be, by the answer to the question before it; without one (NULL) all of the viewport. True: of *clip
 * alone, as dd_cdp_target_screenshot() takes it. One that is missing is said once. */
bool dd_element_clip_plan(struct dd_element_clip *element, const struct dd_cdp_answer *answer, struct dd_cdp_target_clip *clip);

/* Whether it is where it was, by the answer to the question after the picture: in the document for a picture of it alone, else in
 * the viewport. A page that does not leave it where it was scrolled to has it taken alone from then on. */
bool dd_element_clip_verify(struct dd_element_clip *element, const struct dd_cdp_answer *answer);

/* A picture of it is there that is, or is not, the same as the one before; both of it alone, both cut out, or one and one; and
 * whether that was soon after it. */
void dd_element_clip_observe(struct dd_element_clip *element, bool clipped_before, bool clipped, bool same, bool soon);

/* It may have changed. */
void dd_element_clip_invalidate(struct dd_element_clip *element);

/* Pictures of it alone are to follow each other: that costs a fraction of a whole one, but ends the watch for changes. */
bool dd_element_clip_is_changing(const struct dd_element_clip *element);

/* There is no watching it, and it has not changed lately. */
bool dd_element_clip_is_static(const struct dd_element_clip *element);

#endif
