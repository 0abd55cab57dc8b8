#include "recv/intake/delay.h"

#include "dd/link/wire.h"

enum { DRIFT_PPM = 100 };

static bool is_of_boot(const struct dd_delay_baseline *baseline, const struct dd_wire_status *clock)
{
    return clock && baseline->seen_us && clock->boot_tag == baseline->boot_tag;
}

/* What is known by the clock; by another one, if nothing is known by this. */
static const struct dd_delay_baseline *baseline_of(const struct dd_delay *delay, const struct dd_wire_status *clock)
{
    return !is_of_boot(&delay->current, clock) && is_of_boot(&delay->before, clock) ? &delay->before : &delay->current;
}

/* The smallest difference, to the wall clock that the sender has now. Within a boot its epoch tells how that was set. */
static uint64_t lowest_wall_us(const struct dd_delay_baseline *baseline, const struct dd_wire_status *clock)
{
    return baseline->lowest_us - (is_of_boot(baseline, clock) ? clock->epoch_us : baseline->epoch_us);
}

/* The rise if it had no limit. */
static uint64_t unlimited_rise_us(const struct dd_delay_baseline *baseline, uint64_t now_us)
{
    uint64_t drift_us = now_us > baseline->seen_us ? (now_us - baseline->seen_us) / (1000000 / DRIFT_PPM) : 0;
    return baseline->seen_us ? baseline->risen_us + drift_us : 0;
}

static uint64_t rise_us(const struct dd_delay *delay, const struct dd_delay_baseline *baseline, uint64_t now_us)
{
    uint64_t us = unlimited_rise_us(baseline, now_us);
    return us < delay->limit_us ? us : delay->limit_us;
}

/* By how much what was sent at sent_us and arrives at now_us is above the smallest difference. */
static uint64_t above_us(const struct dd_delay_baseline *baseline, const struct dd_wire_status *clock, uint64_t sent_us,
                         uint64_t now_us)
{
    int64_t us = (int64_t)(now_us - sent_us - lowest_wall_us(baseline, clock));
    return baseline->seen_us && us > 0 ? (uint64_t)us : 0;
}

uint64_t dd_delay_rise_us(const struct dd_delay *delay, uint64_t now_us)
{
    return rise_us(delay, &delay->current, now_us);
}

uint64_t dd_delay_us(const struct dd_delay *delay, const struct dd_wire_status *clock, uint64_t sent_us, uint64_t now_us)
{
    const struct dd_delay_baseline *baseline = baseline_of(delay, clock);
    uint64_t us = above_us(baseline, clock, sent_us, now_us), rise = rise_us(delay, baseline, now_us);
    return us > rise ? us - rise : 0;
}

bool dd_delay_is_drift(const struct dd_delay *delay, const struct dd_wire_status *status, uint64_t now_us)
{
    uint64_t us = above_us(&delay->current, status, status->sent_us, now_us);
    return us > dd_delay_rise_us(delay, now_us) && us <= unlimited_rise_us(&delay->current, now_us);
}

/* Begins with another machine, or with another boot of the same one. */
static void set_current(struct dd_delay *delay, const struct dd_delay_baseline *baseline)
{
    struct dd_delay_baseline next = *baseline; /* which may be before */
    delay->before = delay->current;
    delay->current = next;
}

void dd_delay_note(struct dd_delay *delay, const struct dd_wire_status *status, uint64_t now_us)
{
    static const struct dd_delay_baseline nothing;
    bool is_other = delay->current.seen_us && !is_of_boot(&delay->current, status);
    if (is_other && is_of_boot(&delay->before, status))
        set_current(delay, &delay->before);
    else if (is_other && delay->may_change_machine)
        set_current(delay, &nothing);
    delay->may_change_machine = 0;
    struct dd_delay_baseline next = delay->current;
    if (is_of_boot(&next, status))
        delay->current.epoch_us = status->epoch_us;
    if (dd_delay_us(delay, status, status->sent_us, now_us))
        return;
    uint64_t difference_us = now_us - status->sent_us;
    uint64_t lowest_us = next.seen_us ? lowest_wall_us(&next, status) : difference_us;
    int64_t risen_us = (int64_t)(difference_us - lowest_us);
    if (risen_us < 0)
        lowest_us = difference_us;
    next.risen_us = risen_us > 0 ? (uint64_t)risen_us : 0;
    next.lowest_us = lowest_us + status->epoch_us;
    next.epoch_us = status->epoch_us;
    next.boot_tag = status->boot_tag;
    next.seen_us = now_us;
    if (delay->current.seen_us && !is_of_boot(&delay->current, status))
        set_current(delay, &next);
    else
        delay->current = next;
}

bool dd_delay_is_of_other_boot(const struct dd_delay *delay, const struct dd_wire_status *status)
{
    return delay->current.seen_us && !is_of_boot(&delay->current, status);
}

void dd_delay_forget(struct dd_delay *delay)
{
    *delay = (struct dd_delay){.limit_us = delay->limit_us};
}

void dd_delay_allow_other_machine(struct dd_delay *delay)
{
    delay->may_change_machine = 1;
}
