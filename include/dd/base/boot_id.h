/* The kernel's id of the machine's current boot. Clocks that count since boot can be compared only within one. Thread-safe. */
#ifndef DD_BASE_BOOT_ID_H
#define DD_BASE_BOOT_ID_H

enum { DD_BOOT_ID_SIZE = 37 }; /* a UUID as text, with its NUL */

/* Writes the id, from /proc/sys/kernel/random/boot_id. Empty, logged, if the system does not say: then each start of a daemon
 * has to count as another boot. */
void dd_boot_id_read(char boot_id[static DD_BOOT_ID_SIZE]);

#endif
