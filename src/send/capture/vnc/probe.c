#include "send/capture/vnc/probe.h"

#include <stdlib.h>
#include <string.h>

enum {
    PIXEL_BYTES = 4,
    COLOR_MASK = 0xffffff, /* B, G, R; the fourth byte is unused */
    CELL_WIDTH = 64,
    CELL_HEIGHT = 16,
    CELLS_MIN = 4, /* across and down, on a small desktop: so that neighbouring probes have different cells */
    CELLS_KEPT = 4,
};

/* The pixel requested is at the top left. width 0: none. */
struct cell {
    struct dd_rect rect;
    uint32_t pixels[CELL_HEIGHT][CELL_WIDTH]; /* as they were when last looked at */
};

struct dd_vnc_probe {
    struct cell cells[CELLS_KEPT]; /* a ring */
    unsigned requests;             /* ever; the last one's cell is before this in the ring */
    bool answered;
    bool doubtful; /* the pixel came in an update that may have been on its way before */
    /* of the message under way */
    bool has_cell; /* it has the pixel in an update within its cell */
    bool has_more; /* it has the pixel in a larger update */
};

static uint32_t read_pixel(const struct dd_vnc_probe_desktop *desktop, int x, int y)
{
    uint32_t pixel;

    memcpy(&pixel, desktop->pixels + ((size_t)y * (size_t)desktop->width + (size_t)x) * PIXEL_BYTES, sizeof pixel);
    return pixel & COLOR_MASK;
}

/* Remembers the pixels of the cell. True if they differ from those remembered before. */
static bool read_cell(struct cell *cell, const struct dd_vnc_probe_desktop *desktop)
{
    bool changed = false;

    for (int y = 0; y < cell->rect.height; y++)
        for (int x = 0; x < cell->rect.width; x++) {
            uint32_t pixel = read_pixel(desktop, cell->rect.x + x, cell->rect.y + y);
            changed = changed || pixel != cell->pixels[y][x];
            cell->pixels[y][x] = pixel;
        }
    return changed;
}

static bool is_within(const struct dd_rect *rect, const struct dd_rect *outer)
{
    return rect->x >= outer->x && rect->y >= outer->y && rect->x + rect->width <= outer->x + outer->width &&
           rect->y + rect->height <= outer->y + outer->height;
}

static bool overlaps(const struct dd_rect *a, const struct dd_rect *b)
{
    return a->x < b->x + b->width && a->y < b->y + b->height && a->x + a->width > b->x && a->y + a->height > b->y;
}

static bool has_pixel(const struct dd_rect *rect, const struct cell *cell)
{
    const struct dd_rect pixel = {.x = cell->rect.x, .y = cell->rect.y, .width = 1, .height = 1};

    return cell->rect.width && is_within(&pixel, rect);
}

static int cell_side(int longest, int desktop_side)
{
    int side = desktop_side / CELLS_MIN;

    return side < 1 ? 1 : side < longest ? side : longest;
}

struct dd_vnc_probe *dd_vnc_probe_new(void)
{
    return calloc(1, sizeof(struct dd_vnc_probe));
}

void dd_vnc_probe_free(struct dd_vnc_probe *probe)
{
    free(probe);
}

void dd_vnc_probe_start(struct dd_vnc_probe *probe)
{
    probe->answered = probe->doubtful = false;
}

void dd_vnc_probe_next_pixel(struct dd_vnc_probe *probe, const struct dd_vnc_probe_desktop *desktop, int *x, int *y)
{
    int width = cell_side(CELL_WIDTH, desktop->width), height = cell_side(CELL_HEIGHT, desktop->height);
    unsigned columns = (unsigned)(desktop->width / width), rows = (unsigned)(desktop->height / height);
    struct cell *cell = &probe->cells[probe->requests % CELLS_KEPT];

    *x = (int)(probe->requests % columns) * width;
    *y = (int)(probe->requests / columns % rows) * height;
    cell->rect = (struct dd_rect){.x = *x, .y = *y, .width = width, .height = height};
    read_cell(cell, desktop);
    probe->requests++;
}

void dd_vnc_probe_reset(struct dd_vnc_probe *probe)
{
    memset(probe->cells, 0, sizeof probe->cells);
}

void dd_vnc_probe_begin_message(struct dd_vnc_probe *probe)
{
    probe->has_cell = probe->has_more = false;
}

bool dd_vnc_probe_update(struct dd_vnc_probe *probe, const struct dd_vnc_probe_desktop *desktop, const struct dd_rect *rect)
{
    const struct cell *last = &probe->cells[(probe->requests + CELLS_KEPT - 1) % CELLS_KEPT];
    bool is_in_cell = false, changed = false;

    if (has_pixel(rect, last) && is_within(rect, &last->rect))
        probe->has_cell = true;
    else if (has_pixel(rect, last))
        probe->has_more = true;
    for (size_t i = 0; i < CELLS_KEPT; i++) {
        struct cell *cell = &probe->cells[i];
        if (!overlaps(rect, &cell->rect))
            continue;
        changed = read_cell(cell, desktop) || changed;
        is_in_cell = is_in_cell || is_within(rect, &cell->rect);
    }
    return changed || !is_in_cell;
}

bool dd_vnc_probe_end_message(struct dd_vnc_probe *probe)
{
    if (probe->answered)
        return false;
    /* One update at most was on its way before the probe. So the next one that has the pixel is the answer. */
    probe->answered = probe->has_cell || (probe->has_more && probe->doubtful);
    if (probe->answered || !probe->has_more)
        return false;
    probe->doubtful = true;
    return true;
}

bool dd_vnc_probe_is_answered(const struct dd_vnc_probe *probe)
{
    return probe->answered;
}
