/* How long the path delayed a datagram, though the clocks of sender and receiver need not agree: the difference between arrival
 * and sending, less a baseline. The baseline is the smallest such difference ever seen. It rises by 100 ppm with time, since the
 * clocks need not run equally fast either, but never to more than limit_us above the smallest difference (docs/protocol.md,
 * "Freshness"). Pure; the caller locks.
 *
 * The receiver's clock is dd_clock_now_us(). The sender's is its clock since boot: STATUS states sent_us, and as epoch_us what to
 * take from it. So nobody's wall clock matters within one boot of the sender, and a wall clock that was set changes no delay.
 *
 * What an attacker on the path gains by the epoch: nothing. It is authentic, so it is what the sender said; and sent less epoch
 * is the clock since boot whenever it was said. So the baseline is the smallest arrival less that clock over all STATUS of a
 * boot, whichever epochs they state and in whichever order they come. To hold a STATUS back makes its difference larger, which
 * never lowers the baseline; the tracker refuses STATUS that are older than the newest. A tag that is equal by chance (1 in 2^32)
 * makes a later boot look like the one before. Its clock began later, so its datagrams look late: that errs on the safe side. */
#ifndef DD_RECV_INTAKE_DELAY_H
#define DD_RECV_INTAKE_DELAY_H

#include <stdbool.h>
#include <stdint.h>

struct dd_wire_status;

/* What is known by the clock of one boot of the sender's machine. */
struct dd_delay_baseline {
    uint64_t lowest_us; /* the smallest difference ever seen, to the sender's clock since boot; modulo 2^64 */
    uint64_t risen_us;  /* the baseline's rise above it at seen_us, at most limit_us */
    uint64_t seen_us;   /* dd_clock_now_us() when a difference was at the baseline last; 0: nothing is known */
    uint64_t epoch_us;  /* of the newest STATUS of this boot */
    uint32_t boot_tag;
    uint32_t reserved; /* 0 */
};

/* Zeroes: nothing is known yet. If the process dies while a new baseline is written, what is left is at worst as good as knowing
 * nothing. */
struct dd_delay {
    uint64_t limit_us; /* delay_drift; set by the owner before use */
    struct dd_delay_baseline current;
    struct dd_delay_baseline before; /* of the machine or the boot before: a second ddsend may have come in between for a while */
    uint32_t may_change_machine;     /* not 0: the next STATUS may be of another machine; see dd_delay_allow_other_machine() */
    uint32_t reserved;               /* 0 */
};

/* The delay in µs of what was sent at sent_us and arrives at now_us (dd_clock_now_us()); 0 if nothing is known. clock is a STATUS
 * of the same run of ddsend; NULL, if there was none yet: the clock is taken for the one by which the baseline was measured. */
uint64_t dd_delay_us(const struct dd_delay *delay, const struct dd_wire_status *clock, uint64_t sent_us, uint64_t now_us);

/* A STATUS arrives at now_us: its difference may be the new baseline. STATUS that are older than one before are not for this
 * function. */
void dd_delay_note(struct dd_delay *delay, const struct dd_wire_status *status, uint64_t now_us);

/* The rise of the baseline at now_us, at most limit_us. */
uint64_t dd_delay_rise_us(const struct dd_delay *delay, uint64_t now_us);

/* True if status, which was noted at now_us, is late only because the rise is limited: at the rate that is allowed the clocks may
 * have drifted apart by as much since the baseline was seen last. */
bool dd_delay_is_drift(const struct dd_delay *delay, const struct dd_wire_status *status, uint64_t now_us);

/* True if status, which was noted, is of another boot of the sender's machine than the baseline. Then the delay goes by the
 * machine's wall clock: it is wrong by as much as that was set in between. */
bool dd_delay_is_of_other_boot(const struct dd_delay *delay, const struct dd_wire_status *status);

/* Forgets all that is known, but not the limit. */
void dd_delay_forget(struct dd_delay *delay);
/* The operator has let another sender in, by its key or by its session: if the next STATUS is of a boot of which nothing is
 * known, it may be another machine, and its delay is learnt anew. */
void dd_delay_allow_other_machine(struct dd_delay *delay);

#endif
