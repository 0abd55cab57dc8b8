#include "dd/base/log.h"

#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "dd/base/clock.h"

/* A line of a role gets the time and two names in front. */
enum { LINE_SIZE = DD_LOG_LINE_SIZE + 256 };
/* How long a daemon waits for its terminal, journal or pipe to take lines, and how many times as long until it does so again. */
enum { PATIENCE_MS = 1000, RECOVERY = 10 };

/* Set before other threads start. */
static char name[96] = "softdatadiode";
static enum { TO_TERMINAL, TO_JOURNAL, TO_SUPERVISOR } target = TO_TERMINAL;
static int output_fd = STDERR_FILENO;

static atomic_int threshold = DD_LOG_INFO;
static _Atomic uint64_t patient_again_us; /* dd_clock_now_us() from which a line may wait for PATIENCE_MS again */
static atomic_ulong lost_count;           /* lines that found no room since the last one that did */
static atomic_bool is_cut;                /* the last line has no end: a terminal took its beginning only */

/* ---- text ---- */

/* The length of the UTF-8 character at the beginning of text; 0: it is none. */
static size_t utf8_length(const uint8_t *text, size_t size)
{
    uint8_t first = text[0], second = size > 1 ? text[1] : 0;
    size_t length = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
    if (length > size)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    /* longer than need be, halves of UTF-16 pairs, and beyond the last character */
    if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) || (first == 0xf0 && second < 0x90) ||
        (first == 0xf4 && second > 0x8f))
        return 0;
    return length;
}

static bool is_printable(const uint8_t *text, size_t length)
{
    if (length == 1)
        return text[0] >= 0x20 && text[0] != 0x7f;
    if (length == 2)
        return text[0] != 0xc2 || text[1] >= 0xa0;
    if (length == 3 && text[0] == 0xe2 && text[1] == 0x80)
        return text[2] < 0xa8 || text[2] > 0xae; /* U+2028 to U+202E */
    if (length == 3 && text[0] == 0xe2 && text[1] == 0x81)
        return text[2] < 0xa6 || text[2] > 0xa9; /* U+2066 to U+2069 */
    return true;
}

void dd_log_clean(char *text, size_t size)
{
    for (size_t i = 0; i < size;) {
        const uint8_t *at = (const uint8_t *)text + i;
        size_t length = utf8_length(at, size - i);
        if (!length || !is_printable(at, length)) {
            length = length ? length : 1;
            memset(text + i, '?', length);
        }
        i += length;
    }
}

/* ---- lines ---- */

/* True if standard error is the stream that systemd connected to the journal: $JOURNAL_STREAM is its "device:inode". */
static bool is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat s;
    char here[64];
    if (!stream || fstat(STDERR_FILENO, &s) < 0)
        return false;
    snprintf(here, sizeof here, "%ju:%ju", (uintmax_t)s.st_dev, (uintmax_t)s.st_ino);
    return strcmp(stream, here) == 0;
}

/* A terminal that somebody stopped, or that nobody reads, takes the beginning of a line and waits with the rest, whatever poll(2)
 * said. So it is opened once more, not to wait: the flags of standard error are the shell's, too. */
static int open_output(void)
{
    int fd = isatty(STDERR_FILENO) ? open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC) : -1;
    return fd < 0 ? STDERR_FILENO : fd;
}

static const char *level_word(enum dd_log_level level)
{
    switch (level) {
    case DD_LOG_ERROR:
        return "error: ";
    case DD_LOG_WARNING:
        return "warning: ";
    case DD_LOG_NOTICE:
    case DD_LOG_INFO:
        return "";
    case DD_LOG_DEBUG:
        return "debug: ";
    }
    return "";
}

/* role: "" for a line of the supervisor's own. */
static size_t write_prefix(char *line, size_t size, enum dd_log_level level, const char *role)
{
    const char *colon = role[0] ? ": " : "";
    int n;
    if (target == TO_SUPERVISOR) {
        n = snprintf(line, size, "<%d>", (int)level);
    } else if (target == TO_JOURNAL) {
        n = snprintf(line, size, "<%d>%s%s%s: ", (int)level, name, colon, role);
    } else {
        char time[DD_CLOCK_ISO_SIZE];
        dd_clock_iso(dd_clock_wall_us(), time);
        n = snprintf(line, size, "%s %s%s%s: %s", time, name, colon, role, level_word(level));
    }
    return n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1;
}

/* True if a write to standard error does not wait. A role's pipe never waits by itself. Others (a terminal after Ctrl-S, a pipe
 * that nobody reads, a slow console) get PATIENCE_MS, which come back at a tenth of the speed of time. The wait itself is by the
 * kernel's monotonic clock; a sleep of the machine brings all of the patience back. */
static bool has_room(void)
{
    struct pollfd p = {.fd = output_fd, .events = POLLOUT};
    if (target == TO_SUPERVISOR || poll(&p, 1, 0) > 0)
        return true;
    uint64_t now_us = dd_clock_now_us(), patient_us = atomic_load(&patient_again_us);
    uint64_t used_ms = patient_us > now_us ? (patient_us - now_us) / (RECOVERY * DD_CLOCK_US_PER_MS) : 0;
    bool ready = poll(&p, 1, used_ms < PATIENCE_MS ? PATIENCE_MS - (int)used_ms : 0) > 0;
    uint64_t waited_us = dd_clock_now_us() - now_us;
    atomic_store(&patient_again_us, (patient_us > now_us ? patient_us : now_us) + RECOVERY * waited_us);
    return ready;
}

static bool write_whole(const char *line, size_t size)
{
    ssize_t n = write(output_fd, line, size);
    if (n > 0 && (size_t)n < size)
        atomic_store(&is_cut, true);
    return n == (ssize_t)size;
}

/* Says how many lines were lost, if any, in front of the next one. False if there is no room. */
static bool report_lost(void)
{
    char line[LINE_SIZE] = "\n";
    unsigned long count = atomic_exchange(&lost_count, 0);
    if (!count)
        return true;
    size_t size = atomic_exchange(&is_cut, false) ? 1 : 0;
    size += write_prefix(line + size, sizeof line - size, DD_LOG_WARNING, "");
    int n = snprintf(line + size, sizeof line - size, "%lu lines before this one are lost: nobody read them in time\n", count);
    if (n > 0 && write_whole(line, size + (size_t)n))
        return true;
    atomic_fetch_add(&lost_count, count);
    return false;
}

/* Cleans the text of line from start on, ends it, and writes it. line has room for one byte more. */
static void write_line(char *line, size_t start, size_t end)
{
    dd_log_clean(line + start, end - start);
    line[end++] = '\n';
    if (!has_room() || !report_lost() || !write_whole(line, end))
        atomic_fetch_add(&lost_count, 1);
}

__attribute__((format(printf, 2, 0))) static void write_message(enum dd_log_level level, const char *format, va_list arguments)
{
    char line[DD_LOG_LINE_SIZE];
    if ((int)level > atomic_load(&threshold))
        return;
    size_t start = write_prefix(line, sizeof line - 1, level, "");
    int n = vsnprintf(line + start, sizeof line - 1 - start, format, arguments);
    size_t end = n < 0 ? start : start + (size_t)n;
    write_line(line, start, end < sizeof line - 2 ? end : sizeof line - 2);
}

void dd_log_pass_on(const char *role, enum dd_log_level level, const char *text, size_t size)
{
    char line[LINE_SIZE];
    size_t start = write_prefix(line, sizeof line - 1, level, role), room = sizeof line - 1 - start;
    size = size < room ? size : room;
    memcpy(line + start, text, size);
    write_line(line, start, start + size);
}

void dd_log_open(const char *new_name, enum dd_log_level new_threshold)
{
    snprintf(name, sizeof name, "%s", new_name);
    target = is_journal() ? TO_JOURNAL : TO_TERMINAL;
    output_fd = open_output();
    dd_log_set_threshold(new_threshold);
}

void dd_log_open_role(enum dd_log_level new_threshold)
{
    target = TO_SUPERVISOR;
    output_fd = STDERR_FILENO;
    dd_log_set_threshold(new_threshold);
}

void dd_log_set_threshold(enum dd_log_level new_threshold)
{
    atomic_store(&threshold, (int)new_threshold);
}

enum dd_log_level dd_log_threshold(void)
{
    return (enum dd_log_level)atomic_load(&threshold);
}

#define LOG_FUNCTION(function, level)                                                                                            \
    void function(const char *format, ...)                                                                                       \
    {                                                                                                                            \
        va_list arguments;                                                                                                       \
        va_start(arguments, format);                                                                                             \
        write_message(level, format, arguments);                                                                                 \
        va_end(arguments);                                                                                                       \
    }

LOG_FUNCTION(dd_log_error, DD_LOG_ERROR)
LOG_FUNCTION(dd_log_warning, DD_LOG_WARNING)
LOG_FUNCTION(dd_log_notice, DD_LOG_NOTICE)
LOG_FUNCTION(dd_log_info, DD_LOG_INFO)
LOG_FUNCTION(dd_log_debug, DD_LOG_DEBUG)

/* ---- limits ---- */

/* From the last message to the next one. */
static uint64_t gap_us(const struct dd_log_limit *limit)
{
    static const unsigned minutes[] = {1, 5, 30, 60};
    enum { STEPS = sizeof minutes / sizeof *minutes };
    unsigned burst = limit->burst ? limit->burst : 1, step = limit->count > burst ? limit->count - burst : 0;
    if (limit->period_ms)
        return limit->period_ms * DD_CLOCK_US_PER_MS;
    return (uint64_t)minutes[step < STEPS ? step : STEPS - 1] * 60 * DD_CLOCK_US_PER_S;
}

bool dd_log_allowed(struct dd_log_limit *limit, uint64_t *suppressed)
{
    uint64_t now_us = dd_clock_now_us(), gap = gap_us(limit);
    *suppressed = limit->suppressed;
    if (now_us - limit->event_us >= 2 * gap)
        limit->count = 0;
    limit->event_us = now_us;
    if (limit->count && limit->count >= limit->burst && now_us - limit->message_us < gap) {
        limit->suppressed++;
        return false;
    }
    limit->suppressed = 0;
    limit->count++;
    limit->message_us = now_us;
    return true;
}

bool dd_log_end(struct dd_log_limit *limit)
{
    bool had_message = limit->count != 0;
    limit->count = 0;
    limit->suppressed = 0;
    return had_message;
}
