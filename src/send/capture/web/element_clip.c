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
    MOVES_MIN = 3,      /* pictures that differ, one soon after the other: it moves */
    SLIPS_MAX = 3,      /* attempts to have it where it was just before */
    FAR_AWAY = 1 << 24, /* pixels: no element is, whatever a browser says */
};

void dd_element_clip_restart(struct dd_element_clip *e)
{
    *e = (struct dd_element_clip){.selector = e->selector, .zoom = e->zoom, .quick = e->quick};
}

int dd_element_clip_measure(const struct dd_element_clip *e, const struct dd_cdp_target *tab, bool before,
                            void (*answered)(void *context, const struct dd_cdp_answer *answer), void *context)
{
    struct dd_json *arguments = e->selector ? dd_json_new_array() : NULL;

    if (!arguments)
        return DD_ERROR_INPUT;
    dd_json_add_string(arguments, NULL, e->selector);
    dd_json_add_boolean(arguments, NULL, before && e->slips < SLIPS_MAX);
    char *script = dd_page_script_call("measure_element.js", arguments, 2);
    if (!script)
        return DD_ERROR_MEMORY;
    dd_cdp_target_evaluate(tab, script, answered, context);
    dd_page_script_free(script);
    return 0;
}

/* False: there is nothing to be seen of it. */
static bool read_place(const struct dd_cdp_answer *answer, struct dd_element_clip_place *place)
{
    const struct dd_json *number = dd_json_first(dd_cdp_target_value(answer));
    double *const to[] = {&place->x,     &place->y,      &place->page_x,     &place->page_y,
                          &place->width, &place->height, &place->view_width, &place->view_height};
    bool sound = true;

    for (size_t i = 0; i < sizeof to / sizeof *to; i++, number = dd_json_next(number)) {
        *to[i] = dd_json_number(number);
        sound = sound && fabs(*to[i]) < FAR_AWAY;
    }
    return sound && place->width >= 1 && place->height >= 1;
}

static bool is_in_viewport(const struct dd_element_clip_place *p)
{
    return p->x >= 0 && p->y >= 0 && p->x + p->width <= p->view_width && p->y + p->height <= p->view_height;
}

bool dd_element_clip_plan(struct dd_element_clip *e, const struct dd_cdp_answer *answer, struct dd_cdp_target_clip *clip)
{
    const struct dd_element_clip_place *p = &e->place;
    bool there = answer && read_place(answer, &e->place);

    if (answer && !there && !e->missing)
        dd_log_warning("there is nothing to be seen of web_capture_element %s: the whole page is sent until there is",
                       e->selector);
    e->missing = !there;
    e->placed = there && e->slips < SLIPS_MAX;
    e->beyond = there && (!e->placed || !is_in_viewport(p));
    e->alone = there && (e->beyond || dd_element_clip_moves(e));
    e->part = (struct dd_rect){0};
    if (there && !e->alone)
        e->part = (struct dd_rect){.x = (int)floor(p->x * e->zoom),
                                   .y = (int)floor(p->y * e->zoom),
                                   .width = (int)ceil(p->width * e->zoom),
                                   .height = (int)ceil(p->height * e->zoom)};
    *clip = (struct dd_cdp_target_clip){.x = p->page_x,
                                        .y = p->page_y,
                                        .width = fmin(p->width, DD_PICTURE_WIDTH_MAX / e->zoom),
                                        .height = fmin(p->height, DD_PICTURE_HEIGHT_MAX / e->zoom),
                                        .beyond = e->beyond};
    return e->alone;
}

bool dd_element_clip_stays(struct dd_element_clip *e, const struct dd_cdp_answer *answer)
{
    const struct dd_element_clip_place *p = &e->place;
    struct dd_element_clip_place now;
    bool stays = read_place(answer, &now) && p->width == now.width && p->height == now.height &&
                 (e->alone ? p->page_x == now.page_x && p->page_y == now.page_y : p->x == now.x && p->y == now.y);

    e->slips = stays ? 0 : e->slips + 1;
    return stays;
}

void dd_element_clip_follow(struct dd_element_clip *e, bool alone_before, bool alone, bool same, bool soon)
{
    e->moves = alone || alone_before || same || !soon ? 0 : e->moves + 1;
    if (alone && alone_before)
        e->pace = same ? DD_ELEMENT_CLIP_RESTING : DD_ELEMENT_CLIP_MOVING;
    else if (!alone && !alone_before)
        e->pace = e->moves >= MOVES_MIN ? DD_ELEMENT_CLIP_MOVING : DD_ELEMENT_CLIP_UNKNOWN;
}

void dd_element_clip_doubt(struct dd_element_clip *e)
{
    if (e->pace == DD_ELEMENT_CLIP_RESTING)
        e->pace = DD_ELEMENT_CLIP_UNKNOWN;
}

bool dd_element_clip_moves(const struct dd_element_clip *e)
{
    /* what is magnified may have another size when it is cut out */
    return e->quick && e->zoom == 1 && e->pace == DD_ELEMENT_CLIP_MOVING;
}

bool dd_element_clip_rests(const struct dd_element_clip *e)
{
    return e->beyond && e->pace == DD_ELEMENT_CLIP_RESTING;
}
