/* What capture tells transmit, in the state of their ring. Both are the same program, so the struct is the format. transmit
 * checks and clamps every field. */
#ifndef DD_SEND_SOURCE_STATUS_H
#define DD_SEND_SOURCE_STATUS_H

#include <stdint.h>

struct dd_source_status {
    uint32_t source;       /* enum dd_wire_source */
    uint32_t reason;       /* enum dd_wire_reason; 0 while source is ok */
    uint64_t confirmed_us; /* dd_clock_now_us() when the source last showed the newest picture in the ring; 0: at its capture */
    uint64_t skipped;      /* pictures that were due, but that the source did not deliver or capture left out */
};

#endif
