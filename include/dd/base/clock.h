/* Time. Everything is timed by CLOCK_BOOTTIME, which never steps and counts while the machine sleeps; the wall clock is
 * for what people and the other side of the link see. */
#ifndef DD_BASE_CLOCK_H
#define DD_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

enum { DD_CLOCK_US_PER_MS = 1000, DD_CLOCK_US_PER_S = 1000000, DD_CLOCK_ISO_SIZE = 32 };

/* Microseconds since boot. */
uint64_t dd_clock_now_us(void);

/* Microseconds since 1970, UTC; may step. */
uint64_t dd_clock_wall_us(void);

/* Writes wall_us as "2026-01-01T12:00:00.123Z" (RFC 3339) into text. */
void dd_clock_iso(uint64_t wall_us, char text[static DD_CLOCK_ISO_SIZE]);

/* Milliseconds from now_us until deadline_us, rounded up and at most limit_ms: a poll(2) time-out. */
int dd_clock_wait_ms(uint64_t now_us, uint64_t deadline_us, int limit_ms);

#endif
