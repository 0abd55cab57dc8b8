/* The element of a page that is shown (web_capture_element). It is either cropped from a screenshot of the viewport, or taken by
 * a screenshot with CDP's clip. A script measures its bounding box before a screenshot and again after it: if the box is not the
 * same, the screenshot is of no use. A state machine without waits; not thread-safe. */
#ifndef DD_SEND_CAPTURE_WEB_ELEMENT_CLIP_H
#define DD_SEND_CAPTURE_WEB_ELEMENT_CLIP_H

#include <stdbool.h>
#include <stddef.h>

#include "send/rect.h"

struct dd_cdp_answer;
struct dd_cdp_target;
struct dd_cdp_target_clip;

/* An element's bounding box, in whole CSS pixels. */
struct dd_element_clip_box {
    double x, y;                    /* in the viewport */
    double page_x, page_y;          /* in the document */
    double width, height;           /* at least 1 */
    double view_width, view_height; /* of the viewport */
};

/* Whether the last pictures of the element differed. */
enum dd_element_clip_activity { DD_ELEMENT_CLIP_UNKNOWN, DD_ELEMENT_CLIP_CHANGING, DD_ELEMENT_CLIP_STATIC };

/* Set the first three members, and zero the others. */
struct dd_element_clip {
    const char *selector; /* borrowed; NULL: no element, all of the viewport is shown */
    double zoom;          /* page_zoom: pixels of the picture for one CSS pixel */
    bool short_interval;  /* the stream's interval is so short that clips may follow each other while the element changes */

    /* The next picture, set by dd_element_clip_plan(): */
    struct dd_rect crop;            /* the part of it that is shown, in its pixels; width 0: all */
    bool clipped;                   /* it is a screenshot with a clip: it shows the element and nothing else */
    struct dd_element_clip_box box; /* measured before it */
    bool verify;                    /* measure again after it: the box must be the same */

    bool beyond_viewport; /* the viewport cannot show all of the element, or the page does not leave it there */
    bool missing;         /* there is no such element, which was logged */
    unsigned shifts;      /* pictures in a row after which the box was another */
    enum dd_element_clip_activity activity;
    unsigned changes; /* pictures in a row that differed, each soon after the one before */
};

/* Another document was loaded: forgets what is known of the element. */
void dd_element_clip_reset(struct dd_element_clip *element);

/* Measures the element's bounding box. With before (the picture is still to be taken) an element that fits the viewport is
 * scrolled into it: a screenshot of the viewport costs less than one beyond it, and its changes can be watched. 0: answered is
 * called as by dd_cdp_target_evaluate(). DD_ERROR_INPUT without a selector; DD_ERROR_MEMORY, logged. */
int dd_element_clip_measure(const struct dd_element_clip *element, const struct dd_cdp_target *target, bool before,
                            void (*answered)(void *context, const struct dd_cdp_answer *answer), void *context);

/* Plans the next picture by the answer to the measurement before it (NULL without a selector: all of the viewport). True: take
 * *clip with dd_cdp_target_screenshot(). False: take the viewport. Logs once that the element is missing. */
bool dd_element_clip_plan(struct dd_element_clip *element, const struct dd_cdp_answer *answer, struct dd_cdp_target_clip *clip);

/* Checks the answer to the measurement after the picture. True if the box is the same as before: in the document if the picture
 * is clipped, else in the viewport. After three failures in a row, pictures are clipped: the page does not leave the element
 * where it was scrolled to. */
bool dd_element_clip_verify(struct dd_element_clip *element, const struct dd_cdp_answer *answer);

/* Learns from a new picture whether the element is changing: whether the picture before it and this one are clipped, whether they
 * are the same, and whether this one came soon after the one before. */
void dd_element_clip_observe(struct dd_element_clip *element, bool clipped_before, bool clipped, bool same, bool soon);

/* The element may have changed: it is no longer known to be static. */
void dd_element_clip_invalidate(struct dd_element_clip *element);

/* True if the element changes all the time: take clips one after the other. A clip costs a fraction of a whole picture, but it
 * ends the screencast that tells of changes. */
bool dd_element_clip_is_changing(const struct dd_element_clip *element);

/* True if it is beyond the viewport, so that the screencast cannot tell of its changes, and has not changed lately. */
bool dd_element_clip_is_static(const struct dd_element_clip *element);

#endif
