#include "recv/intake/delay.h"

/* The clocks need not run equally fast: the smallest difference rises by this. */
enum { DRIFT_PPM = 100 };

uint64_t dd_delay_us(const struct dd_delay *delay, uint64_t sender_us, uint64_t now_us)
{
    if (!delay->seen_us)
        return 0;
    uint64_t drift = (now_us - delay->seen_us) / (1000000 / DRIFT_PPM);
    int64_t us = (int64_t)(now_us - sender_us - delay->offset_us - drift);
    return us > 0 ? (uint64_t)us : 0;
}

void dd_delay_note(struct dd_delay *delay, uint64_t sent_us, uint64_t now_us)
{
    if (delay->seen_us && dd_delay_us(delay, sent_us, now_us))
        return;
    delay->offset_us = now_us - sent_us;
    delay->seen_us = now_us;
}

void dd_delay_forget(struct dd_delay *delay)
{
    *delay = (struct dd_delay){0};
}
