#include "recv/intake/refused_sessions.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dd/base/clock.h"
#include "dd/base/log.h"
#include "dd/base/options.h"
#include "recv/intake/stream_receiver.h"

/* The streams of one sender are refused one after the other within a status period. */
static const uint64_t gather_us = 2 * (uint64_t)DD_CLOCK_US_PER_S;
/* Between two lines, by dd_clock_now_us(): the first, while what is refused changes; then ever longer. */
static const uint64_t pauses_s[] = {60, 300, 1800, 3600};
enum { PAUSES = sizeof pauses_s / sizeof *pauses_s };
/* The log cuts lines of 2048 bytes. All but the command and its list of sessions takes less than REST_SIZE. */
enum { LINE_SIZE = 2000, REST_SIZE = 850, LIST_MIN = 128 };

enum { SESSION_SIZE = 40 };

struct entry {
    char stream[DD_OPTIONS_NAME_SIZE];
    char port[DD_STREAM_RECEIVER_PEER_SIZE], from[DD_STREAM_RECEIVER_PEER_SIZE], newest_from[DD_STREAM_RECEIVER_PEER_SIZE];
    uint64_t start_us, salt, newest_start_us;
    bool is_ahead;
    bool is_pending; /* refused since the last line with it */
    bool was_logged; /* there was a line with it: the first one waits for no pause */
};

struct dd_refused_sessions {
    char *command;
    uint64_t due_us;    /* dd_clock_now_us() of the next line; 0: nothing is pending */
    uint64_t logged_us; /* of the last one; 0: there was none */
    size_t pause;       /* index of the pause after it */
    size_t count;
    struct entry entries[];
};

struct dd_refused_sessions *dd_refused_sessions_new(size_t count, const char *command)
{
    struct dd_refused_sessions *s = calloc(1, sizeof *s + count * sizeof s->entries[0]);
    if (s)
        s->command = strdup(command);
    if (!s || !s->command) {
        dd_log_error("out of memory");
        free(s);
        return NULL;
    }
    s->count = count;
    return s;
}

void dd_refused_sessions_free(struct dd_refused_sessions *s)
{
    if (!s)
        return;
    free(s->command);
    free(s);
}

void dd_refused_sessions_add(struct dd_refused_sessions *s, size_t stream, const struct dd_refused_session *session,
                             uint64_t now_us)
{
    struct entry *e = &s->entries[stream];
    bool is_known = e->start_us == session->start_us && e->salt == session->salt;
    snprintf(e->stream, sizeof e->stream, "%s", session->stream);
    snprintf(e->port, sizeof e->port, "%s", session->port);
    snprintf(e->from, sizeof e->from, "%s", session->from);
    snprintf(e->newest_from, sizeof e->newest_from, "%s", session->newest_from);
    e->start_us = session->start_us;
    e->salt = session->salt;
    e->newest_start_us = session->newest_start_us;
    e->is_ahead = session->is_ahead;
    e->is_pending = true;
    if (!is_known)
        s->pause = 0;
    uint64_t due_us = now_us + gather_us, paused_us = s->logged_us + pauses_s[s->pause] * DD_CLOCK_US_PER_S;
    if (e->was_logged && paused_us > due_us)
        due_us = paused_us;
    if (!s->due_us || due_us < s->due_us)
        s->due_us = due_us;
}

/* "1767268800000000:0123456789abcdef" */
static void write_session(const struct entry *e, char text[static SESSION_SIZE])
{
    snprintf(text, SESSION_SIZE, "%" PRIu64 ":%016" PRIx64, e->start_us, e->salt);
}

/* Why e is refused, and what that can mean. */
static void write_cause(const struct entry *e, char *text, size_t size)
{
    char now[DD_CLOCK_ISO_SIZE], newest[DD_CLOCK_ISO_SIZE];
    dd_clock_iso(dd_clock_wall_us(), now);
    dd_clock_iso(e->newest_start_us, newest);
    if (e->is_ahead)
        snprintf(text, size, "it begins over a day ahead of this machine's clock (%s): set the clocks right", now);
    else
        snprintf(text, size,
                 "the newest one began %s%s%s. If two ddsend have this key, end one of them, or give it a key of its own", newest,
                 e->newest_from[0] ? ", from " : "", e->newest_from);
}

/* Writes the pending sessions, as many as fit, as "gate=1767268800000000:0123456789abcdef,lobby=…", and takes them as logged.
 * Returns how many; *first is the first of them. */
static size_t take_pending(struct dd_refused_sessions *s, char *list, size_t size, const struct entry **first)
{
    char session[SESSION_SIZE];
    size_t taken = 0, used = 0;
    for (size_t i = 0; i < s->count; i++) {
        struct entry *e = &s->entries[i];
        if (!e->is_pending)
            continue;
        write_session(e, session);
        int n = snprintf(list + used, size - used, "%s%s=%s", taken ? "," : "", e->stream, session);
        if (n < 0 || (size_t)n >= size - used) {
            list[used] = '\0';
            break;
        }
        used += (size_t)n;
        *first = taken ? *first : e;
        e->is_pending = false;
        e->was_logged = true;
        taken++;
    }
    return taken;
}

/* Logs pending sessions, as many as fit into a line. False if there are none. */
static bool log_line(struct dd_refused_sessions *s)
{
    char session[SESSION_SIZE], began[DD_CLOCK_ISO_SIZE], cause[256], others[64] = "", list[LINE_SIZE];
    size_t taken_by_command = REST_SIZE + strlen(s->command);
    size_t room = taken_by_command + LIST_MIN < LINE_SIZE ? LINE_SIZE - taken_by_command : LIST_MIN;
    const struct entry *first = NULL;
    size_t count = take_pending(s, list, room, &first);
    if (!count)
        return false;
    write_session(first, session);
    write_cause(first, cause, sizeof cause);
    dd_clock_iso(first->start_us, began);
    if (count > 1)
        snprintf(others, sizeof others, " %zu other stream%s refused likewise.", count - 1, count == 2 ? " is" : "s are");
    dd_log_warning(
        "%s: refused session %s from %s at UDP %s, which has the key and began %s: %s. It may be a recording.%s If ddsend "
        "says at its start that %s, %s%s%s%s",
        first->stream, session, first->from, first->port, began, cause, others,
        count > 1 ? "these are its sessions" : "this is its session",
        !s->command[0] ? "start ddrecv afresh: it has no state_dir"
        : count > 1    ? "admit them with: "
                       : "admit it with: ",
        s->command, s->command[0] ? " --forget-session " : "", s->command[0] ? list : "");
    return true;
}

void dd_refused_sessions_log(struct dd_refused_sessions *s, uint64_t now_us)
{
    if (!s->due_us || now_us < s->due_us)
        return;
    while (log_line(s))
        ;
    if (s->logged_us && s->pause + 1 < PAUSES)
        s->pause++;
    s->logged_us = now_us;
    s->due_us = 0;
}
