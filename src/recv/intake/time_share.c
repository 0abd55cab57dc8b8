#include "recv/intake/time_share.h"

void dd_time_share_begin(struct dd_time_share_turn *turn, uint64_t now_us, uint64_t streams)
{
    turn->end_us = now_us + DD_TIME_SHARE_TURN_US;
    turn->streams = turn->left = streams;
}

uint64_t dd_time_share_next(struct dd_time_share_turn *turn, uint64_t now_us, uint64_t streams)
{
    uint64_t left_us = now_us < turn->end_us ? turn->end_us - now_us : 0;
    uint64_t of_left_us = turn->left > streams ? left_us * streams / turn->left : left_us;
    uint64_t of_all_us = turn->streams > streams ? DD_TIME_SHARE_TURN_US * streams / turn->streams : DD_TIME_SHARE_TURN_US;
    turn->left = turn->left > streams ? turn->left - streams : 0;
    return now_us + (of_left_us > of_all_us ? of_left_us : of_all_us);
}

size_t dd_time_share_messages(const struct dd_time_share_cost *cost, uint64_t now_us, uint64_t until_us, size_t most)
{
    uint64_t left_us = now_us < until_us ? until_us - now_us : 0;
    uint64_t fit = cost->message_us ? left_us / cost->message_us : 1;
    return fit < 1 ? 1 : fit < most ? (size_t)fit : most;
}

void dd_time_share_measure(struct dd_time_share_cost *cost, size_t messages, uint64_t took_us)
{
    if (!messages)
        return;
    /* It rises at once and falls slowly: costly messages among cheap ones must not be taken for cheap. */
    uint64_t now_us = took_us / messages + 1, before_us = cost->message_us - cost->message_us / 8;
    cost->message_us = now_us > before_us ? now_us : before_us;
}

void dd_time_share_begin_port(struct dd_time_share_port *port, uint64_t slice_us)
{
    port->turn++;
    port->slice_us = slice_us;
}

void dd_time_share_note_queue(struct dd_time_share_port *port, bool is_empty, uint64_t now_us)
{
    if (is_empty)
        port->backlog_us = 0;
    else if (!port->backlog_us)
        port->backlog_us = now_us;
    else if (now_us - port->backlog_us >= DD_TIME_SHARE_BACKLOG_US)
        port->overloaded_until_us = now_us + DD_TIME_SHARE_OVERLOAD_US;
}

void dd_time_share_charge(struct dd_time_share_port *port, struct dd_time_share_stream *stream, uint64_t now_us, uint64_t took_us,
                          uint64_t cpu_us)
{
    uint64_t heard_window = now_us / DD_TIME_SHARE_HEARD_US;
    if (port->heard_window != heard_window) {
        port->heard_before = port->heard_window + 1 == heard_window ? port->heard : 0;
        port->heard = 0;
        port->heard_window = heard_window;
    }
    if (stream->heard_window != heard_window)
        port->heard++;
    stream->heard_window = heard_window;
    if (stream->turn != port->turn)
        stream->used_us = stream->cpu_us = 0;
    stream->turn = port->turn;
    stream->used_us += took_us;
    stream->cpu_us += cpu_us;
}

bool dd_time_share_exceeds(const struct dd_time_share_port *port, const struct dd_time_share_stream *stream, uint64_t now_us)
{
    uint32_t streams = port->heard > port->heard_before ? port->heard : port->heard_before;
    return streams > 1 && now_us < port->overloaded_until_us && stream->turn == port->turn &&
           2 * stream->used_us * streams > port->slice_us && 8 * stream->cpu_us * streams > port->slice_us;
}
