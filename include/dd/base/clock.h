/* Time. Everything is timed by CLOCK_BOOTTIME. The wall clock is only for what people and the other end of the link see: there,
 * and nowhere else, a clock that is set makes a difference, and a comment says which. Everywhere else it makes none.
 *
 * CLOCK_BOOTTIME never steps, and counts while the machine sleeps. So after a sleep, and likewise after this process was stopped
 * or its control group frozen, every deadline that fell into the pause has passed at once, before anybody could meet it. That is
 * right for ages of pictures, for gaps between retries and for gaps between log lines: time has passed. It is wrong for promises
 * of others, such as heartbeats and answers: see struct dd_clock_loop. Time-outs of poll(2) and its kin are the kernel's own, on
 * a clock that stands still in a sleep; they are at most a second here, after which the clock is read again. Thread-safe. */
#ifndef DD_BASE_CLOCK_H
#define DD_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

enum { DD_CLOCK_US_PER_MS = 1000, DD_CLOCK_US_PER_S = 1000000, DD_CLOCK_ISO_SIZE = 32 };

/* Microseconds since boot. */
uint64_t dd_clock_now_us(void);

/* Microseconds since 1970, UTC; may step. */
uint64_t dd_clock_wall_us(void);

/* Microseconds as seconds, for messages and arithmetic. */
double dd_clock_seconds(uint64_t us);

/* Writes wall_us as "2026-01-01T12:00:00.123Z" (RFC 3339) into text. */
void dd_clock_iso(uint64_t wall_us, char text[static DD_CLOCK_ISO_SIZE]);

/* Tells a loop that it was away: asleep with the machine, stopped, frozen, or without a CPU. What others promised to do meanwhile
 * they could not do either, or it could not see them do it: who looks late forgives as much. One owner, one thread. */
struct dd_clock_loop {
    uint64_t turn_us; /* dd_clock_now_us() of the last turn; 0: none yet */
};

/* Notes a turn at now_us (dd_clock_now_us()) of a loop whose turns come within period_us. Returns by how much this one is late,
 * if that is over a second, else 0. */
uint64_t dd_clock_loop_late_us(struct dd_clock_loop *loop, uint64_t now_us, uint64_t period_us);

/* A timeout for poll(2): milliseconds from now_us until deadline_us, rounded up, at most limit_ms; 0 if the deadline has passed.
 */
int dd_clock_wait_ms(uint64_t now_us, uint64_t deadline_us, int limit_ms);

#endif
