#include "dd/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "dd/base/clock.h"

enum { LINE_SIZE = 2048 };

static char name[96] = "softdatadiode";
static enum dd_log_level threshold = DD_LOG_INFO;
static bool to_journal;

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

static size_t write_prefix(char *line, size_t size, enum dd_log_level level)
{
    int n;
    if (to_journal) {
        n = snprintf(line, size, "<%d>%s: ", (int)level, name);
    } else {
        char time[DD_CLOCK_ISO_SIZE];
        dd_clock_iso(dd_clock_wall_us(), time);
        n = snprintf(line, size, "%s %s: %s", time, name, level_word(level));
    }
    return n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1;
}

__attribute__((format(printf, 2, 0))) static void write_line(enum dd_log_level level, const char *format, va_list arguments)
{
    char line[LINE_SIZE];
    if (level > threshold)
        return;
    size_t start = write_prefix(line, sizeof line - 1, level);
    int n = vsnprintf(line + start, sizeof line - 1 - start, format, arguments);
    size_t end = n < 0 ? start : start + (size_t)n;
    if (end > sizeof line - 2)
        end = sizeof line - 2;
    for (size_t i = start; i < end; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = '?';
    line[end++] = '\n';
    /* If a message cannot be written, that cannot be reported either. */
    if (write(STDERR_FILENO, line, end) < 0)
        return;
}

void dd_log_open(const char *new_name, enum dd_log_level new_threshold)
{
    snprintf(name, sizeof name, "%s", new_name);
    threshold = new_threshold;
    to_journal = is_journal();
}

enum dd_log_level dd_log_threshold(void)
{
    return threshold;
}

#define LOG_FUNCTION(function, level)                                                                                            \
    void function(const char *format, ...)                                                                                       \
    {                                                                                                                            \
        va_list arguments;                                                                                                       \
        va_start(arguments, format);                                                                                             \
        write_line(level, format, arguments);                                                                                    \
        va_end(arguments);                                                                                                       \
    }

LOG_FUNCTION(dd_log_error, DD_LOG_ERROR)
LOG_FUNCTION(dd_log_warning, DD_LOG_WARNING)
LOG_FUNCTION(dd_log_notice, DD_LOG_NOTICE)
LOG_FUNCTION(dd_log_info, DD_LOG_INFO)
LOG_FUNCTION(dd_log_debug, DD_LOG_DEBUG)

bool dd_log_allowed(struct dd_log_limit *limit, uint64_t *suppressed)
{
    uint64_t now = dd_clock_now_us();
    *suppressed = limit->suppressed;
    if (now < limit->next_us) {
        limit->suppressed++;
        return false;
    }
    limit->suppressed = 0;
    limit->next_us = now + limit->period_ms * DD_CLOCK_US_PER_MS;
    return true;
}
