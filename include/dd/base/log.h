/* Messages to standard error. Each line is one write(2), so lines of several processes never mix. If standard error is the
 * journal, a line starts with its priority as in sd-daemon(3); otherwise with the time. Characters that are not printable are
 * replaced, so no input can forge a line. The dd_log_<level> functions are thread-safe. */
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

/* A rate limit for one kind of event: one message per period. Initialise period_ms, and the rest with zeroes. One owner, one
 * thread. */
struct dd_log_limit {
    uint64_t period_ms;
    uint64_t next_us;    /* dd_clock_now_us() from which the next message may go */
    uint64_t suppressed; /* events since the last message */
};

/* True if a message may be written now; *suppressed is then the number of events without a message since the last one. */
bool dd_log_allowed(struct dd_log_limit *limit, uint64_t *suppressed);

#endif
