/* Messages to standard error. Each is one line and one write(2), so lines of several threads never mix. Characters that are not
 * printable text are replaced, so no input can forge a line.
 *
 * The supervisor puts the daemon's name in front, and the time, or in the journal the priority as in sd-daemon(3). A role has a
 * pipe to the supervisor for its standard error, and writes "<PRIORITY>TEXT" to it; the supervisor adds the rest
 * (src/base/log_relay.h). Nobody waits long for a reader: what finds no room is dropped, and the next line that does is preceded
 * by their number.
 *
 * All functions are thread-safe, except dd_log_open() and dd_log_open_role(). */
#ifndef DD_BASE_LOG_H
#define DD_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DD_LOG_LINE_SIZE = 2048 }; /* of a role's line, with its newline; longer ones are cut */

/* the priorities of syslog(3) */
enum dd_log_level {
    DD_LOG_ERROR = 3,
    DD_LOG_WARNING = 4,
    DD_LOG_NOTICE = 5,
    DD_LOG_INFO = 6,
    DD_LOG_DEBUG = 7,
};

/* Sets the name that starts every line ("ddsend"; copied, cut at 95 bytes) and the least important level that is written. Call it
 * once, before other threads start. */
void dd_log_open(const char *name, enum dd_log_level threshold);
/* The same in a role, whose standard error is a pipe to the supervisor. */
void dd_log_open_role(enum dd_log_level threshold);

void dd_log_set_threshold(enum dd_log_level threshold);
enum dd_log_level dd_log_threshold(void);

void dd_log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void dd_log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void dd_log_notice(const char *format, ...) __attribute__((format(printf, 1, 2)));
void dd_log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void dd_log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Writes a line of a role, whatever the threshold: size bytes of text, cleaned. */
void dd_log_pass_on(const char *role, enum dd_log_level level, const char *text, size_t size);

/* Replaces what is not printable text by '?', a byte each: control characters (C0, DEL and C1), characters that break or reorder
 * a line in a viewer (U+2028, U+2029, bidirectional overrides), and what is not UTF-8. */
void dd_log_clean(char *text, size_t size);

/* Limits the messages about one cause, for everything that a stranger can cause, and for faults that last. Zeroes are a good
 * start: the first message goes at once, others after gaps of 1, 5 and 30 minutes, then one an hour. A cause that was quiet for
 * two gaps begins anew. Measured by dd_clock_now_us(): a sleep of the machine counts as time that has passed, so after a long one
 * the next event is logged at once; a step of the wall clock changes nothing. One owner, one thread. */
struct dd_log_limit {
    uint64_t period_ms;            /* the gap, if it shall not grow; 0: it grows */
    unsigned burst;                /* so many messages go before the first gap; 0: one */
    unsigned count;                /* messages since the cause began */
    uint64_t message_us, event_us; /* times of the last message, and of the last event */
    uint64_t suppressed;           /* events since the last message */
};

/* True if a message may be written now; *suppressed is then the number of events without a message since the last one. */
bool dd_log_allowed(struct dd_log_limit *limit, uint64_t *suppressed);

/* The cause is over: the next one begins anew. True if it had a message, so its end deserves one, too. */
bool dd_log_end(struct dd_log_limit *limit);

#endif
