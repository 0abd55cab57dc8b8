/* Reading areas, and their arithmetic. */
#include "send/rect.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dd/base/error.h"

/* A sum of fractions such as 0.7 + 0.3 may be a hair above 1. */
static const double hair = 1e-9;

int dd_rect_parse(const char *text, struct dd_rect *area)
{
    struct dd_rect a = {0};
    int end = 0;

    *area = a;
    /* five digits at most: no overflow */
    if (strspn(text, "0123456789x+") != strlen(text) ||
        sscanf(text, "%5dx%5d+%5d+%5d%n", &a.width, &a.height, &a.x, &a.y, &end) != 4 || text[end] != '\0')
        return DD_ERROR_INPUT;
    if (a.width < 1 || a.height < 1 || a.x + a.width > DD_RECT_SIDE_MAX || a.y + a.height > DD_RECT_SIDE_MAX)
        return DD_ERROR_INPUT;
    *area = a;
    return 0;
}

/* A plain decimal number from 0 to 1, and the character behind it, which is skipped. */
static bool read_fraction(const char **text, char behind, double *value)
{
    size_t length = strspn(*text, "0123456789.");
    char *end = NULL;

    *value = strtod(*text, &end);
    if (length == 0 || end != *text + length || *end != behind || *value > 1)
        return false;
    *text = behind ? end + 1 : end;
    return true;
}

static bool parse_fraction(const char *text, struct dd_rect_fraction *f)
{
    return read_fraction(&text, 'x', &f->width) && read_fraction(&text, '+', &f->height) && read_fraction(&text, '+', &f->x) &&
           read_fraction(&text, '\0', &f->y) && f->width > 0 && f->height > 0 && f->x + f->width <= 1 + hair &&
           f->y + f->height <= 1 + hair;
}

int dd_rect_parse_mask(const char *text, struct dd_rect_fraction mask[static DD_RECT_MASK_MAX], size_t *count, char *why,
                       size_t why_size)
{
    char copy[2048], *save = NULL;

    *count = 0;
    if ((size_t)snprintf(copy, sizeof copy, "%s", text) >= sizeof copy) {
        snprintf(why, why_size, "at most %zu characters", sizeof copy - 1);
        return DD_ERROR_INPUT;
    }
    for (char *item = strtok_r(copy, ", ", &save); item; item = strtok_r(NULL, ", ", &save)) {
        if (*count == DD_RECT_MASK_MAX) {
            snprintf(why, why_size, "at most %d rectangles", DD_RECT_MASK_MAX);
            return DD_ERROR_INPUT;
        }
        if (!parse_fraction(item, &mask[*count])) {
            snprintf(why, why_size,
                     "WIDTHxHEIGHT+X+Y in fractions of the picture, such as 0.25x0.1+0.5+0, within it, several with commas; "
                     "'%.60s' is none",
                     item);
            return DD_ERROR_INPUT;
        }
        ++*count;
    }
    if (*count == 0 && *text) {
        snprintf(why, why_size, "at least one rectangle, such as 0.25x0.1+0.5+0; leave it out to hide nothing");
        return DD_ERROR_INPUT;
    }
    return 0;
}

/* From the pixel that from lies in to the one that to lies in. */
static void cover(double from, double to, int size, int *start, int *length)
{
    int first = (int)floor(from * size), end = (int)ceil(to * size);

    first = first < 0 ? 0 : first >= size ? size - 1 : first;
    end = end > size ? size : end <= first ? first + 1 : end;
    *start = first;
    *length = end - first;
}

struct dd_rect dd_rect_of_fraction(const struct dd_rect_fraction *fraction, int width, int height)
{
    struct dd_rect area;

    cover(fraction->x, fraction->x + fraction->width, width, &area.x, &area.width);
    cover(fraction->y, fraction->y + fraction->height, height, &area.y, &area.height);
    return area;
}

struct dd_rect dd_rect_intersect(const struct dd_rect *a, const struct dd_rect *b)
{
    int left = a->x > b->x ? a->x : b->x, top = a->y > b->y ? a->y : b->y;
    int right = a->x + a->width < b->x + b->width ? a->x + a->width : b->x + b->width;
    int bottom = a->y + a->height < b->y + b->height ? a->y + a->height : b->y + b->height;

    if (right <= left || bottom <= top)
        return (struct dd_rect){0};
    return (struct dd_rect){left, top, right - left, bottom - top};
}
