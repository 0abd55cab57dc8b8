#include "recv/serve/marked_picture.h"

#include <stdlib.h>

#include "dd/base/clock.h"
#include "dd/base/log.h"
#include "recv/serve/shared_picture.h"
#include "recv/serve/stale_mark.h"

/* A mark costs a decoding and an encoding. In a stream that moves, but is delayed, not every picture gets one. */
static const uint64_t period_us = DD_CLOCK_US_PER_S / 4;
enum { REST = 3 }; /* between marks of one stream, in times of what the last one took */
/* How long a marked picture is sent while a newer one is being made. What it says is that much behind at most. */
static const uint64_t late_us = DD_CLOCK_US_PER_S;

struct dd_marked_picture {
    struct dd_shared_picture *picture; /* NULL: none */
    struct dd_stale_mark_words words;
    uint64_t right_us; /* when it was finished, or last was of the newest picture and its words right */
    uint64_t next_us;  /* not wanted again before */
};

struct dd_marked_picture *dd_marked_picture_new(void)
{
    struct dd_marked_picture *marked = calloc(1, sizeof *marked);
    if (!marked)
        dd_log_error("no memory for a marked picture");
    return marked;
}

void dd_marked_picture_free(struct dd_marked_picture *marked)
{
    if (!marked)
        return;
    dd_shared_picture_unref(&marked->picture);
    free(marked);
}

bool dd_marked_picture_want(struct dd_marked_picture *marked, const struct dd_shared_picture *newest,
                            const struct dd_stale_mark_words *words, uint64_t now_us)
{
    if (marked->picture && dd_shared_picture_is_same_frame(marked->picture, newest) &&
        dd_stale_mark_words_equal(&marked->words, words)) {
        marked->right_us = now_us;
        return false;
    }
    if (now_us < marked->next_us)
        return false;
    marked->next_us = now_us + period_us;
    return true;
}

void dd_marked_picture_set(struct dd_marked_picture *marked, struct dd_shared_picture *picture,
                           const struct dd_stale_mark_words *words, uint64_t begun_us, uint64_t now_us)
{
    uint64_t rested_us = now_us + REST * (now_us - begun_us);
    dd_shared_picture_unref(&marked->picture);
    marked->picture = dd_shared_picture_ref(picture);
    marked->words = *words;
    marked->right_us = now_us;
    if (marked->next_us < rested_us)
        marked->next_us = rested_us;
}

void dd_marked_picture_drop(struct dd_marked_picture *marked)
{
    dd_shared_picture_unref(&marked->picture);
}

struct dd_shared_picture *dd_marked_picture_get(const struct dd_marked_picture *marked, uint64_t now_us,
                                                const struct dd_stale_mark_words **words)
{
    *words = &marked->words;
    return marked->picture && now_us <= marked->right_us + late_us ? marked->picture : NULL;
}
