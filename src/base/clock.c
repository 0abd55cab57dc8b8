#include "dd/base/clock.h"

#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#include "dd/base/round_up.h"

static uint64_t read_us(clockid_t clock)
{
    struct timespec t = {0};
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * DD_CLOCK_US_PER_S + (uint64_t)t.tv_nsec / 1000;
}

uint64_t dd_clock_now_us(void)
{
    return read_us(CLOCK_BOOTTIME);
}

uint64_t dd_clock_wall_us(void)
{
    return read_us(CLOCK_REALTIME);
}

double dd_clock_seconds(uint64_t us)
{
    return (double)us / 1e6;
}

void dd_clock_iso(uint64_t wall_us, char text[static DD_CLOCK_ISO_SIZE])
{
    time_t seconds = (time_t)(wall_us / DD_CLOCK_US_PER_S);
    unsigned ms = (unsigned)(wall_us % DD_CLOCK_US_PER_S / DD_CLOCK_US_PER_MS);
    struct tm t = {0};
    gmtime_r(&seconds, &t);
    size_t n = strftime(text, DD_CLOCK_ISO_SIZE, "%Y-%m-%dT%H:%M:%S", &t);
    snprintf(text + n, DD_CLOCK_ISO_SIZE - n, ".%03uZ", ms);
}

uint64_t dd_clock_loop_late_us(struct dd_clock_loop *loop, uint64_t now_us, uint64_t period_us)
{
    uint64_t due_us = loop->turn_us + period_us;
    bool is_late = loop->turn_us && now_us > due_us + DD_CLOCK_US_PER_S;
    loop->turn_us = now_us;
    return is_late ? now_us - due_us : 0;
}

int dd_clock_wait_ms(uint64_t now_us, uint64_t deadline_us, int limit_ms)
{
    if (deadline_us <= now_us)
        return 0;
    uint64_t ms = dd_round_up_quotient(deadline_us - now_us, DD_CLOCK_US_PER_MS);
    return ms < (uint64_t)limit_ms ? (int)ms : limit_ms;
}
