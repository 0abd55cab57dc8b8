#include "recv/intake/delay_log.h"

#include "dd/base/clock.h"
#include "recv/stream_state.h"

static const char *cause(const struct dd_stream_state *state)
{
    if (state->delay_used_up)
        return "its clock and the one here have drifted apart by more than delay_drift allows; let NTP set both";
    if (state->delay_of_other_boot)
        return "its machine was started again, perhaps with its clock set back; if so, set it right and start ddsend again";
    return "something on the way holds them back, or the sender's machine stood still, as a virtual one that was paused";
}

static void log_delay(const struct dd_delay_log *log, const struct dd_stream_state *state)
{
    bool has_command = log->command && log->command[0];
    dd_log_warning(
        "%s: datagrams come %.1f s later than the path needs: %s. If nothing holds them back now, have the delay learnt anew: "
        "%s%s%s",
        log->name, dd_clock_seconds(state->delay_us), cause(state), has_command ? log->command : "start ddrecv afresh",
        has_command ? " --reset-delay " : "", has_command ? log->name : "");
}

void dd_delay_log_note(struct dd_delay_log *log, const struct dd_stream_state *state)
{
    uint64_t suppressed;
    if (state->delay_of_other_boot && !log->is_of_other_boot)
        dd_log_info(
            "%s: the sender's machine was started again: how long the path takes is known only as well as its clock is right",
            log->name);
    log->is_of_other_boot = state->delay_of_other_boot;
    if (!state->delay_used_up && state->delay_us <= log->live_us) {
        if (dd_log_end(&log->limit))
            dd_log_notice("%s: datagrams come in time again", log->name);
    } else if (dd_log_allowed(&log->limit, &suppressed)) {
        log_delay(log, state);
    }
}
