/* Messages to standard error, one write(2) a line, so that lines of several processes never mix. With the journal behind
 * standard error each line starts with its priority as sd-daemon(3) defines it, elsewhere with the time of day. What is
 * not printable in a message is replaced, so that no input can forge a line. */
#ifndef DD_BASE_LOG_H
#define DD_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

/* the priorities of syslog(3) */
enum dd_log_level {
    DD_LOG_ERROR = 3,
    DD_LOG_WARNING = 4,
    DD_LOG_NOTICE = 5,
    DD_LOG_INFO = 6,
    DD_LOG_DEBUG = 7,
};

/* Sets the name that starts every line ("ddsend", "ddsend: capture lobby"; copied, cut at 95 bytes) and the least
 * important level that is written. Call before other threads start. */
void dd_log_open(const char *name, enum dd_log_level threshold);
enum dd_log_level dd_log_threshold(void);

void dd_log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void dd_log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void dd_log_notice(const char *format, ...) __attribute__((format(printf, 1, 2)));
void dd_log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void dd_log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A limit of one message per period for one kind of event; start with zeroes but for period_ms. Not thread-safe: one
 * owner. */
struct dd_log_limit {
    uint64_t period_ms;
    uint64_t next_us;    /* dd_clock_now_us() from which the next message may go */
    uint64_t suppressed; /* events since the last message */
};

/* True if a message may be written now. *suppressed is then how many events before this one went without one. */
bool dd_log_allowed(struct dd_log_limit *limit, uint64_t *suppressed);

#endif
