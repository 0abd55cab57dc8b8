#include "dd/send/capture/element.h"

#include <math.h>
#include <stdio.h>

#include "dd/base/error.h"
#include "dd/base/json.h"
#include "dd/send/capture/tab.h"

enum { QUOTED_SIZE = 2048, FAR_AWAY = 100000 /* pixels: no element is, whatever a browser says */ };

int dd_element_script(const char *selector, char *script, size_t size)
{
    char quoted[QUOTED_SIZE];

    if (dd_tab_quote(selector, quoted, sizeof quoted))
        return DD_ERROR_SPACE;
    int length = snprintf(
        script, size,
        "(() => { const e = document.querySelector(%s), r = e && e.getBoundingClientRect(); if (!r) return null;"
        "const x = Math.floor(r.left), y = Math.floor(r.top);"
        "return [x, y, x + scrollX, y + scrollY, Math.ceil(r.right) - x, Math.ceil(r.bottom) - y, innerWidth, innerHeight];"
        "})()",
        quoted);
    return length > 0 && (size_t)length < size ? 0 : DD_ERROR_SPACE;
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
