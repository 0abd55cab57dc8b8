#include "send/capture/web/element_clip.h"

#include <math.h>

#include "dd/base/error.h"
#include "dd/base/json.h"
#include "dd/base/log.h"
#include "send/capture/web/cdp_target.h"
#include "send/capture/web/page_script.h"
#include "send/options.h"
#include "send/picture.h"

enum {
    CHANGES_MIN = 3,          /* pictures in a row that differ: the element is changing all the time */
    SHIFTS_MAX = 3,           /* pictures in a row whose box was another afterwards: the page moves the element */
    COORDINATE_MAX = 1 << 24, /* pixels; a box beyond this is no answer of an honest browser */
};

void dd_element_clip_reset(struct dd_element_clip *e)
{
    *e = (struct dd_element_clip){.selector = e->selector, .zoom = e->zoom, .short_interval = e->short_interval};
}

int dd_element_clip_measure(const struct dd_element_clip *e, const struct dd_cdp_target *target, bool before,
                            void (*answered)(void *context, const struct dd_cdp_answer *answer), void *context)
{
    struct dd_json *arguments = e->selector ? dd_json_new_array() : NULL;

    if (!arguments)
        return DD_ERROR_INPUT;
    dd_json_add_string(arguments, NULL, e->selector);
    dd_json_add_boolean(arguments, NULL, before && e->shifts < SHIFTS_MAX);
    char *script = dd_page_script_build("measure_element.js", arguments, 2);
    if (!script)
        return DD_ERROR_MEMORY;
    dd_cdp_target_evaluate(target, script, answered, context);
    dd_page_script_free(script);
    return 0;
}

/* False: there is no such element, or it is not rendered. */
static bool read_box(const struct dd_cdp_answer *answer, struct dd_element_clip_box *box)
{
    const struct dd_json *number = dd_json_first(dd_cdp_target_value(answer));
    double *const to[] = {&box->x,     &box->y,      &box->page_x,     &box->page_y,
                          &box->width, &box->height, &box->view_width, &box->view_height};
    bool sound = true;

    for (size_t i = 0; i < sizeof to / sizeof *to; i++, number = dd_json_next(number)) {
        *to[i] = dd_json_number(number);
        sound = sound && fabs(*to[i]) < (double)COORDINATE_MAX;
    }
    return sound && box->width >= 1 && box->height >= 1;
}

static bool is_in_viewport(const struct dd_element_clip_box *box)
{
    return box->x >= 0 && box->y >= 0 && box->x + box->width <= box->view_width && box->y + box->height <= box->view_height;
}

bool dd_element_clip_plan(struct dd_element_clip *e, const struct dd_cdp_answer *answer, struct dd_cdp_target_clip *clip)
{
    const struct dd_element_clip_box *box = &e->box;
    bool found = answer && read_box(answer, &e->box);

    if (answer && !found && !e->missing)
        dd_log_warning("nothing visible matches web_capture_element %s: the whole page is sent until something does",
                       e->selector);
    e->missing = !found;
    e->verify = found && e->shifts < SHIFTS_MAX;
    e->beyond_viewport = found && (!e->verify || !is_in_viewport(box));
    e->clipped = found && (e->beyond_viewport || dd_element_clip_is_changing(e));
    e->crop = (struct dd_rect){0};
    if (found && !e->clipped)
        e->crop = (struct dd_rect){.x = (int)floor(box->x * e->zoom),
                                   .y = (int)floor(box->y * e->zoom),
                                   .width = (int)ceil(box->width * e->zoom),
                                   .height = (int)ceil(box->height * e->zoom)};
    *clip = (struct dd_cdp_target_clip){.x = box->page_x,
                                        .y = box->page_y,
                                        .width = fmin(box->width, (double)DD_PICTURE_WIDTH_MAX / e->zoom),
                                        .height = fmin(box->height, (double)DD_PICTURE_HEIGHT_MAX / e->zoom),
                                        .beyond_viewport = e->beyond_viewport};
    return e->clipped;
}

bool dd_element_clip_verify(struct dd_element_clip *e, const struct dd_cdp_answer *answer)
{
    const struct dd_element_clip_box *box = &e->box;
    struct dd_element_clip_box after;
    bool stays =
        read_box(answer, &after) && box->width == after.width && box->height == after.height &&
        (e->clipped ? box->page_x == after.page_x && box->page_y == after.page_y : box->x == after.x && box->y == after.y);

    e->shifts = stays ? 0 : e->shifts + 1;
    return stays;
}

void dd_element_clip_observe(struct dd_element_clip *e, bool clipped_before, bool clipped, bool same, bool soon)
{
    e->changes = clipped || clipped_before || same || !soon ? 0 : e->changes + 1;
    if (clipped && clipped_before)
        e->activity = same ? DD_ELEMENT_CLIP_STATIC : DD_ELEMENT_CLIP_CHANGING;
    else if (!clipped && !clipped_before)
        e->activity = e->changes >= CHANGES_MIN ? DD_ELEMENT_CLIP_CHANGING : DD_ELEMENT_CLIP_UNKNOWN;
}

void dd_element_clip_invalidate(struct dd_element_clip *e)
{
    if (e->activity == DD_ELEMENT_CLIP_STATIC)
        e->activity = DD_ELEMENT_CLIP_UNKNOWN;
}

bool dd_element_clip_is_changing(const struct dd_element_clip *e)
{
    /* with a zoom, a clip may have another size in pixels than the crop of the viewport */
    return e->short_interval && e->zoom == 1 && e->activity == DD_ELEMENT_CLIP_CHANGING;
}

bool dd_element_clip_is_static(const struct dd_element_clip *e)
{
    return e->beyond_viewport && e->activity == DD_ELEMENT_CLIP_STATIC;
}
