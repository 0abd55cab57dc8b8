/* The boot tag of a STATUS: tells the receiver whether two STATUS are of the same boot of the sender's machine, so that their
 * clocks since boot can be compared. It reveals nothing of the machine. Pure, thread-safe. */
#ifndef DD_LINK_BOOT_TAG_H
#define DD_LINK_BOOT_TAG_H

#include <stdint.h>

/* The first 4 bytes of SHA-256 of the boot id's text (dd_boot_id_read()); a random tag if that is empty. 0 or DD_ERROR_CRYPTO,
 * logged. */
int dd_boot_tag_compute(const char *boot_id, uint32_t *tag);

#endif
