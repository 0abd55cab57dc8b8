#include "dd/send/capture/element.h"

#include <math.h>
#include <stdio.h>

#include "dd/base/error.h"
#include "dd/base/json.h"
#include "dd/send/area.h"
#include "dd/send/capture/tab.h"
#include "dd/send/options.h"
#include "dd/send/picture.h"

enum { QUOTED_SIZE = 6 * DD_SEND_SHORT * 2, FAR_AWAY = 100000 /* pixels: no element is, whatever a browser says */ };

static const char measure_script[] =
    "(() => { const e = document.querySelector(%s); if (!e) return null;"
    "let r = e.getBoundingClientRect();"
    "const fits = r.width <= innerWidth && r.height <= innerHeight;"
    "if (fits && (r.left < 0 || r.top < 0 || r.right > innerWidth || r.bottom > innerHeight)) {"
    "e.scrollIntoView({behavior: 'instant', block: 'center', inline: 'center'}); r = e.getBoundingClientRect(); }"
    "const x = Math.floor(r.left), y = Math.floor(r.top);"
    "return [x, y, x + scrollX, y + scrollY, Math.ceil(r.right) - x, Math.ceil(r.bottom) - y, innerWidth, innerHeight];"
    "})()";

int dd_element_measure(const struct dd_tab *tab, const char *selector,
                       void (*answered)(void *context, const struct dd_pipe_answer *answer), void *context)
{
    char quoted[QUOTED_SIZE], script[sizeof quoted + sizeof measure_script];

    if (dd_tab_quote(selector, quoted, sizeof quoted))
        return DD_ERROR_SPACE;
    snprintf(script, sizeof script, measure_script, quoted);
    dd_tab_evaluate(tab, script, answered, context);
    return 0;
}

bool dd_element_read(const struct dd_pipe_answer *answer, struct dd_element_place *place)
{
    const struct dd_json *number = dd_json_first(dd_tab_value(answer));
    double *const to[] = {&place->x,     &place->y,      &place->page_x,     &place->page_y,
                          &place->width, &place->height, &place->view_width, &place->view_height};
    bool sound = true;

    for (size_t i = 0; i < sizeof to / sizeof *to; i++, number = dd_json_next(number)) {
        *to[i] = dd_json_number(number);
        sound = sound && fabs(*to[i]) < FAR_AWAY;
    }
    return sound && place->width >= 1 && place->height >= 1;
}

void dd_element_clip(const struct dd_element_place *place, double zoom, struct dd_tab_clip *clip)
{
    *clip = (struct dd_tab_clip){
        .x = place->page_x,
        .y = place->page_y,
        .width = fmin(place->width, DD_PICTURE_WIDTH_MAX / zoom),
        .height = fmin(place->height, DD_PICTURE_HEIGHT_MAX / zoom),
        .beyond = place->x < 0 || place->y < 0 || place->x + place->width > place->view_width ||
                  place->y + place->height > place->view_height,
    };
}

void dd_element_part(const struct dd_element_place *place, double zoom, struct dd_area *part)
{
    *part = (struct dd_area){
        .x = (int)floor(place->x * zoom),
        .y = (int)floor(place->y * zoom),
        .width = (int)ceil(place->width * zoom),
        .height = (int)ceil(place->height * zoom),
    };
}
