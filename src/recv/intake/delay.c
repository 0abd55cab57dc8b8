#include "recv/intake/delay.h"

#include "dd/link/wire.h"

enum { DRIFT_PPM = 100 };

/* The smallest difference, to the wall clock that the sender has now. Within a boot its epoch tells how that was set. */
static uint64_t lowest_wall_us(const struct dd_delay *delay, const struct dd_wire_status *clock)
{
    bool is_same_boot = clock && clock->boot_tag == delay->boot_tag;
    return delay->lowest_us - (is_same_boot ? clock->epoch_us : delay->epoch_us);
}

/* The rise if it had no limit. */
static uint64_t unlimited_rise_us(const struct dd_delay *delay, uint64_t now_us)
{
    uint64_t drift_us = now_us > delay->seen_us ? (now_us - delay->seen_us) / (1000000 / DRIFT_PPM) : 0;
    return delay->seen_us ? delay->risen_us + drift_us : 0;
}

/* By how much what was sent at sent_us and arrives at now_us is above the smallest difference. */
static uint64_t above_us(const struct dd_delay *delay, const struct dd_wire_status *clock, uint64_t sent_us, uint64_t now_us)
{
    int64_t us = (int64_t)(now_us - sent_us - lowest_wall_us(delay, clock));
    return delay->seen_us && us > 0 ? (uint64_t)us : 0;
}

uint64_t dd_delay_rise_us(const struct dd_delay *delay, uint64_t now_us)
{
    uint64_t rise_us = unlimited_rise_us(delay, now_us);
    return rise_us < delay->limit_us ? rise_us : delay->limit_us;
}

uint64_t dd_delay_us(const struct dd_delay *delay, const struct dd_wire_status *clock, uint64_t sent_us, uint64_t now_us)
{
    uint64_t us = above_us(delay, clock, sent_us, now_us), rise_us = dd_delay_rise_us(delay, now_us);
    return us > rise_us ? us - rise_us : 0;
}

bool dd_delay_is_drift(const struct dd_delay *delay, const struct dd_wire_status *status, uint64_t now_us)
{
    uint64_t us = above_us(delay, status, status->sent_us, now_us);
    return us > dd_delay_rise_us(delay, now_us) && us <= unlimited_rise_us(delay, now_us);
}

void dd_delay_note(struct dd_delay *delay, const struct dd_wire_status *status, uint64_t now_us)
{
    if (delay->may_change_machine && delay->boot_tag != status->boot_tag)
        dd_delay_forget(delay);
    delay->may_change_machine = 0;
    if (dd_delay_us(delay, status, status->sent_us, now_us))
        return;
    uint64_t difference_us = now_us - status->sent_us;
    uint64_t lowest_us = delay->seen_us ? lowest_wall_us(delay, status) : difference_us;
    int64_t risen_us = (int64_t)(difference_us - lowest_us);
    if (risen_us < 0)
        lowest_us = difference_us;
    delay->risen_us = risen_us > 0 ? (uint64_t)risen_us : 0;
    delay->lowest_us = lowest_us + status->epoch_us;
    delay->epoch_us = status->epoch_us;
    delay->boot_tag = status->boot_tag;
    delay->seen_us = now_us;
}

bool dd_delay_is_of_other_boot(const struct dd_delay *delay, const struct dd_wire_status *status)
{
    return delay->seen_us && delay->boot_tag != status->boot_tag;
}

void dd_delay_forget(struct dd_delay *delay)
{
    *delay = (struct dd_delay){.limit_us = delay->limit_us};
}

void dd_delay_allow_other_machine(struct dd_delay *delay)
{
    delay->may_change_machine = 1;
}
