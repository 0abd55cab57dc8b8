/* Time. Everything is timed by CLOCK_BOOTTIME, which never steps and also counts while the machine sleeps. The wall clock is only
 * for what people and the other end of the link see. Thread-safe. */
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

/* A timeout for poll(2): milliseconds from now_us until deadline_us, rounded up, at most limit_ms; 0 if the deadline has passed.
 */
int dd_clock_wait_ms(uint64_t now_us, uint64_t deadline_us, int limit_ms);

#endif
